"""Laws that forecasts, intervals and chances obey for any input."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topline.science import conformal, demand, goal, season, total

amounts = st.floats(0, 1e6, allow_nan=False)
errors_ = st.lists(st.lists(st.floats(-2, 2), min_size=3, max_size=3), max_size=30).map(
    lambda rows: np.array(rows, dtype=float).reshape(-1, 3)
)


@given(residuals=errors_, prior=st.floats(0.01, 1), level=st.floats(0.01, 0.99))
def test_quantiles_rise_and_are_symmetric(residuals: np.ndarray, prior: float, level: float) -> None:
    learnt = conformal.learn(residuals, prior)
    grid = np.linspace(0.001, 0.999, 41)
    for h in range(3):
        values = conformal.quantile(learnt, h, grid)
        assert (np.diff(values) >= -1e-12).all()
        assert values == pytest.approx(-values[::-1], abs=1e-9)
    assert (np.diff(learnt.scale) >= 0).all()


@settings(deadline=None)
@given(residuals=errors_, point=st.lists(amounts, min_size=3, max_size=3), level=st.floats(0.1, 0.98))
def test_paths_are_not_negative_and_intervals_ordered(residuals: np.ndarray, point: list[float], level: float) -> None:
    samples = conformal.paths(np.array(point), conformal.learn(residuals, 0.1), 64, np.random.default_rng(0))
    low, high = conformal.interval(samples, level)
    assert (samples >= 0).all()
    assert (low <= high).all()
    wider = conformal.interval(samples, min(level + 0.01, 0.99))
    assert (wider[0] <= low + 1e-9).all()
    assert (wider[1] >= high - 1e-9).all()


@given(samples=st.lists(amounts, min_size=1, max_size=50), a=amounts, b=amounts, actual=amounts)
def test_chance_is_a_chance_and_never_rises_with_the_target(
    samples: list[float], a: float, b: float, actual: float
) -> None:
    paths = np.array(samples)
    low, high = sorted((a, b))
    assert 1 >= goal.chance(paths, low, actual) >= goal.chance(paths, high, actual) >= 0
    assert goal.chance(paths, low, actual + 1) >= goal.chance(paths, low, actual)


@given(total_minor=st.integers(-(10**12), 10**12), weights=st.lists(st.floats(0, 1e6), min_size=1, max_size=60))
def test_a_spread_sums_to_its_total(total_minor: int, weights: list[float]) -> None:
    parts = season.spread(total_minor, np.array(weights))
    assert sum(parts) == total_minor
    assert all(part * total_minor >= 0 for part in parts)


@given(weights=st.lists(amounts, min_size=1, max_size=40), gone=st.integers(0, 40))
def test_pace_is_a_share_that_never_falls(weights: list[float], gone: int) -> None:
    gone = min(gone, len(weights))
    share = season.pace(np.array(weights), gone)
    assert 0 <= share <= 1 + 1e-12
    assert season.pace(np.array(weights), len(weights)) == pytest.approx(1)
    assert share >= season.pace(np.array(weights), max(gone - 1, 0)) - 1e-12


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), factor=st.floats(0.01, 1000))
def test_scaling_units_scales_forecasts(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    units = rng.poisson(rng.gamma(0.5, 2, (5, 1)), (5, 70)).astype(float)
    group = np.array([0, 0, 1, 1, 1])
    forecast = demand.trio(units, group, 14)
    assert (forecast >= 0).all()
    assert demand.trio(units * factor, group, 14) == pytest.approx(forecast * factor, rel=1e-9, abs=1e-9)

    sales = rng.gamma(3, 100, 450) * (rng.random(450) > 0.1)
    day = np.datetime64("2023-01-01") + np.arange(510, dtype="timedelta64[D]")
    month = (day.astype("datetime64[M]").astype(np.int64) - 23 * 12).astype(np.int64)
    ahead = total.Horizon(day, np.zeros(510, bool), np.zeros(510, np.int64), month)
    point = total.point(sales, ahead)
    assert (point >= 0).all()
    assert total.point(sales * factor, ahead) == pytest.approx(point * factor, rel=1e-9)
