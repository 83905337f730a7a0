"""Hold-outs by hand and on the published e-mail test."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from topline.science import holdout


def test_sample_by_hand() -> None:
    # 10 % to 12 %, 80 % power, 5 % level: 3,841 a group (Fleiss without continuity correction)
    assert holdout.sample_needed(0.10, 0.20) == pytest.approx(2 * 3841, abs=2)
    assert holdout.sample_needed(0.10, 0.20, held_out=0.1) > holdout.sample_needed(0.10, 0.20)
    with pytest.raises(holdout.HoldOutError):
        holdout.sample_needed(0.9, 0.2)


def test_lift_by_hand() -> None:
    # 120 of 1,000 against 100 of 1,000: error sqrt(.12 .88 / 1000 + .1 .9 / 1000) = .013986
    found = holdout.lift_of_rates((120, 1000), (100, 1000))
    assert (found.effect, found.error, found.relative) == pytest.approx((0.02, 0.013986, 0.2), abs=1e-6)
    assert (found.low, found.high) == pytest.approx((-0.00741, 0.04741), abs=1e-5)
    assert found.p == pytest.approx(0.1527, abs=1e-3)
    with pytest.raises(holdout.HoldOutError):
        holdout.lift_of_rates((1, 1), (0, 10))


def test_the_email_test_of_hillstrom(shared_data: Path) -> None:
    rows = pd.read_csv(shared_data / "hillstrom_email" / "hillstrom.csv.gz")
    groups = dict(iter(rows.groupby("segment")))
    mens, none = groups["Mens E-Mail"], groups["No E-Mail"]
    visits = holdout.lift_of_rates((int(mens.visit.sum()), len(mens)), (int(none.visit.sum()), len(none)))
    assert visits.effect == pytest.approx(0.1828 - 0.1062, abs=1e-4)
    assert visits.low > 0.069
    spend = [(float(one.spend.mean()), float(one.spend.std()), len(one)) for one in (mens, none)]
    found = holdout.lift_of_means(*spend)
    assert found.effect == pytest.approx(1.4226 - 0.6528, abs=1e-4)
    assert 0 < found.low < found.effect < found.high
    rng = np.random.default_rng(0)  # the interval agrees with a bootstrap
    drawn = [rng.choice(mens.spend, len(mens)).mean() - rng.choice(none.spend, len(none)).mean() for _ in range(400)]
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.06)
