"""What closing a gap is worth: by hand, and how often the interval holds where the truth is known."""

import numpy as np
import pytest

from topline.science import bottleneck
from topline.science.bottleneck import Estimate


def test_a_share_that_rises() -> None:
    # from 40 % to 50 % is a quarter more of 8,000; errors of 1 and 2 points: 1.25 x hypot(.02 / .5, .01 / .4)
    found = bottleneck.worth_of_rate(Estimate(0.4, 0.01), Estimate(0.5, 0.02), Estimate(8000, 0))
    assert found.amount == pytest.approx(2000)
    assert found.high - found.amount == pytest.approx(1.64485 * 8000 * 1.25 * np.hypot(0.04, 0.025), rel=1e-4)
    assert found.amount - found.low == pytest.approx(found.high - found.amount)


def test_days_that_are_saved() -> None:
    # 10 of 40 days saved: a third more deals of 9,000
    found = bottleneck.worth_of_days(Estimate(15, 0), Estimate(5, 0), 40, Estimate(9000, 300))
    assert found.amount == pytest.approx(3000)
    assert found.high == pytest.approx(3000 + 1.64485 * 100, rel=1e-4)


def test_by_chance_alone_the_best_is_drawn_to_the_mean() -> None:
    # five numbers as chance spreads them: (k - 3) / (k - 1) = half the way; variance .02^2 (1 - 4/5 x .5) at the mean
    found, error = bottleneck.shrunk(np.array([0.10, 0.12, 0.08, 0.11, 0.09]), np.full(5, 0.02))
    assert found == pytest.approx([0.1, 0.11, 0.09, 0.105, 0.095])
    assert error[0] == pytest.approx(0.02 * np.sqrt(0.6))
    few = np.array([0.1, 0.2])
    assert (bottleneck.shrunk(few, np.full(2, 0.1))[0] == few).all()


def test_clear_differences_stay() -> None:
    found, error = bottleneck.shrunk(np.array([0.10, 0.20, 0.30, 0.40]), np.full(4, 0.001))
    assert found == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=1e-4)
    assert error == pytest.approx(np.full(4, 0.001), rel=1e-3)


@pytest.mark.parametrize(("spread", "visits"), [(0.0, 2000), (0.01, 2000), (0.04, 20_000)])
def test_the_interval_holds_though_the_best_of_eight_is_chosen(spread: float, visits: int) -> None:
    """The true gain between this quarter and the one chosen as best lies inside 85 to 97 times of 100."""
    rng = np.random.default_rng(8)
    inside, tries = 0, 600
    for _ in range(tries):
        truth = np.clip(rng.normal(0.15, spread, 9), 0.02, 0.6)
        taken = rng.binomial(visits, truth).astype(float)
        of = np.full(9, float(visits))
        value, error = bottleneck.shrunk(taken / of, bottleneck.rate_error(taken, of))
        best = int(np.argmax(value[:-1]))
        found = bottleneck.worth_of_rate(
            Estimate(value[-1], error[-1]), Estimate(value[best], error[best]), Estimate(1000, 0)
        )
        inside += found.low <= 1000 * (truth[best] / truth[-1] - 1) <= found.high
    assert inside / tries >= 0.85
