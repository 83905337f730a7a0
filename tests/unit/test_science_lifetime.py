"""BG/NBD and Gamma-Gamma against the published fits of CDNOW, and by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from topline.science import lifetime


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> pd.DataFrame:
    path = shared_data / "cdnow" / "CDNOW_sample.txt.gz"
    names = ["master", "customer", "on", "discs", "amount"]
    return pd.read_csv(path, sep=r"\s+", header=None, names=names, parse_dates=["on"], date_format="%Y%m%d")


def _summary(rows: pd.DataFrame, end: str) -> pd.DataFrame:
    days = rows[rows.on <= end].groupby(["customer", "on"], as_index=False).amount.sum()
    first = days.groupby("customer").on.transform("min")
    span = days.groupby("customer").on.agg(["min", "max", "count"])
    repeat_mean = days[days.on > first].groupby("customer").amount.mean()
    return pd.DataFrame(
        {
            "repeats": span["count"] - 1.0,
            "recency": (span["max"] - span["min"]).dt.days / 7,
            "age": (pd.Timestamp(end) - span["min"]).dt.days / 7,
            "mean": repeat_mean.reindex(span.index).fillna(0.0),
        }
    )


def test_published_fit_of_cdnow(cdnow: pd.DataFrame) -> None:
    known = _summary(cdnow, "1997-09-30")
    x, tx, t = (known[c].to_numpy() for c in ("repeats", "recency", "age"))
    fit = lifetime.fit_buying(x, tx, t)
    assert (fit.r, fit.alpha, fit.a, fit.b) == pytest.approx((0.2426, 4.4136, 0.7929, 2.4259), abs=1e-3)
    assert fit.log_likelihood == pytest.approx(-9582.43, abs=0.05)
    spending = lifetime.fit_spending(x, known["mean"].to_numpy())
    assert (spending.p, spending.q, spending.gamma) == pytest.approx((6.249, 3.745, 15.448), abs=6e-3)

    later = cdnow[cdnow.on > "1997-09-30"].groupby("customer").on.nunique().reindex(known.index).fillna(0)
    expected = lifetime.expected_orders(fit, x, tx, t, 39.0)
    assert expected.sum() / later.sum() == pytest.approx(0.879, abs=0.002)  # 12.1 % below, as published
    assert np.abs(expected - later).mean() == pytest.approx(0.785, abs=0.002)


def test_published_pareto_fit_of_cdnow(cdnow: pd.DataFrame) -> None:
    known = _summary(cdnow, "1997-09-30")
    x, tx, t = (known[c].to_numpy() for c in ("repeats", "recency", "age"))
    fit = lifetime.fit_pareto(x, tx, t)
    assert (fit.r, fit.alpha, fit.s, fit.beta) == pytest.approx((0.5533, 10.5776, 0.6062, 11.6685), abs=1e-3)
    assert fit.log_likelihood == pytest.approx(-9594.97, abs=0.05)
    later = cdnow[cdnow.on > "1997-09-30"].groupby("customer").on.nunique().reindex(known.index).fillna(0)
    expected = lifetime.expected_orders(fit, x, tx, t, 39.0)
    assert expected.sum() / later.sum() == pytest.approx(0.885, abs=0.002)  # 11.5 % below, as published
    assert np.abs(expected - later).mean() == pytest.approx(0.755, abs=0.002)
    typical = lifetime.typical_orders(fit, x, tx, t, 39.0)
    assert np.abs(typical - later).mean() < 0.68  # the median is nearer to single customers than the mean is
    low, high = lifetime.total_interval(fit, x, tx, t, 39.0, 0.9)
    assert low < later.sum() < high


def test_customer_of_the_pareto_tutorial() -> None:
    # customer 1516 of the BTYD package's tutorial: 25.46 orders in a year to come, active with .9979
    fit = lifetime.ParetoFit(0.5532, 10.5766, 0.6063, 11.6719, 0.0)
    one = (np.array([26.0]), np.array([30.86]), np.array([31.0]))
    assert lifetime.expected_orders(fit, *one, 52.0)[0] == pytest.approx(25.46, abs=0.01)
    assert lifetime.alive_rate(fit, *one)[0] == pytest.approx(0.9979, abs=1e-4)


def test_next_order_by_hand() -> None:
    # one order a (1 + .243) gamma around 1 / 43.274: half have ordered after 43.274 (2^(1/2.243) - 1) = 15.67
    fit = lifetime.BuyingFit(0.243, 4.414, 0.793, 2.426, 0.0)
    one = (np.array([2.0]), np.array([30.43]), np.array([38.86]))
    wait = lifetime.next_order(fit, one[0], one[2])
    assert wait[0] == pytest.approx(15.67, abs=0.01)
    assert lifetime.order_rate(fit, *one, wait[0])[0] == pytest.approx(0.5 * 0.7265, abs=1e-3)


def test_customer_of_the_paper() -> None:
    # Fader, Hardie & Lee: x = 2, t_x = 30.43, T = 38.86, 39 weeks ahead gives 1.226
    fit = lifetime.BuyingFit(0.243, 4.414, 0.793, 2.426, 0.0)
    one = (np.array([2.0]), np.array([30.43]), np.array([38.86]))
    assert lifetime.expected_orders(fit, *one, 39.0)[0] == pytest.approx(1.226, abs=5e-4)
    assert lifetime.alive_rate(fit, *one)[0] == pytest.approx(0.7265, abs=5e-4)


def test_the_unit_of_time_and_of_money_only_scales() -> None:
    rng = np.random.default_rng(7)
    age = rng.uniform(20, 60, 400)
    repeats = rng.poisson(rng.gamma(0.5, 0.1, 400) * age).astype(float)
    recency = np.where(repeats > 0, age * rng.uniform(0.2, 1, 400), 0)
    weeks, days = lifetime.fit_buying(repeats, recency, age), lifetime.fit_buying(repeats, recency * 7, age * 7)
    assert days.alpha / weeks.alpha == pytest.approx(7, rel=1e-3)
    assert (days.r, days.log_likelihood + repeats.sum() * np.log(7)) == pytest.approx(
        (weeks.r, weeks.log_likelihood), rel=1e-3
    )
    value = rng.gamma(5, 4, 400)
    euro, cent = lifetime.fit_spending(repeats, value), lifetime.fit_spending(repeats, value * 100)
    assert cent.gamma / euro.gamma == pytest.approx(100, rel=1e-2)
    scaled = lifetime.expected_value(cent, repeats, value * 100)
    assert scaled == pytest.approx(lifetime.expected_value(euro, repeats, value) * 100, rel=1e-2)


def test_expected_value_by_hand() -> None:
    # p (gamma + m x) / (p x + q - 1): 6 (15 + 30 * 2) / (12 + 3) = 30, and nobody's own: 6 * 15 / 3 = 30
    fit = lifetime.SpendingFit(6.0, 4.0, 15.0, 0.0)
    assert lifetime.expected_value(fit, np.array([2.0, 0.0]), np.array([30.0, 0.0])).tolist() == [30.0, 30.0]


def test_inactivity_follows_the_customer_as_far_as_gaps_tell() -> None:
    # mean gap 200 / 10 = 20; (50 + 5 * 20) / 10 / 20 = .75, (150 + 100) / 10 / 20 = 1.25, and nothing known is 1
    found = lifetime.inactive_after(np.array([5.0, 5, 0]), np.array([50.0, 150, 0]), 30.0)
    assert found == pytest.approx([22.5, 37.5, 30.0])


def test_nobody_bought_twice() -> None:
    with pytest.raises(lifetime.LifetimeFitError):
        lifetime.inactive_after(np.zeros(3), np.zeros(3), 30.0)
    with pytest.raises(lifetime.LifetimeFitError):
        lifetime.fit_spending(np.zeros(3), np.zeros(3))


def test_customers_who_are_all_alike_have_a_future_too() -> None:
    """With one rate for all, 1 / 13.655 a day, the limit of many is met from both sides of where it takes over."""
    history = np.array([0.0, 3.0, 30.0]), np.array([0.0, 30.0, 39.0]), np.full(3, 40.0)
    near, beyond, far = (
        lifetime.expected_orders(lifetime.BuyingFit(r, 13.655 * r, 0.53, 6.18, 0.0), *history, 39.0)
        for r in (4_999.0, 5_001.0, 34_388.0)
    )
    assert beyond == pytest.approx(near, rel=2e-4)
    assert far == pytest.approx(near, rel=0.01)
