"""Laws of the demand forecast, for whatever was sold."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from topline.science import stack
from topline.science.panel import Panel, sum_by

SOLD = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 6), st.integers(8, 60)), elements=st.sampled_from([0, 0, 0, 1, 2, 5, 40])
)


def panel(units, factor=1.0):
    day = np.datetime64("2026-01-05") + (7 * np.arange(units.shape[1] + 5)).astype("timedelta64[D]")
    return Panel(units * factor, day, np.arange(len(units)) % 2 * (len(units) > 1), cycle=1, year=52)


@given(SOLD)
@settings(max_examples=25, deadline=None)
def test_quantiles_are_ordered_and_not_negative(units):
    made = stack.forecast(panel(units), tests=2)
    assert (made.mean >= 0).all()
    quantiles = np.array([made.quantile(p) for p in (0.05, 0.25, 0.5, 0.75, 0.95)])
    assert (quantiles >= 0).all()
    assert (np.diff(quantiles, axis=0) >= -1e-9).all()
    totals = np.array([made.total_quantile(p, 0, 5) for p in (0.1, 0.5, 0.9)])
    assert (np.diff(totals, axis=0) >= -1e-9).all()


@given(SOLD, st.sampled_from([2.0, 0.5, 1024.0]))
@settings(max_examples=15, deadline=None)
def test_scaling_units_scales_forecasts(units, factor):
    one, other = stack.forecast(panel(units), tests=1), stack.forecast(panel(units, factor), tests=1)
    assert np.allclose(other.mean, factor * one.mean, rtol=1e-6, atol=1e-9)


@given(SOLD)
@settings(max_examples=10, deadline=None)
def test_children_sum_to_their_parents(units):
    made = stack.forecast(panel(units), tests=0)
    group = np.arange(len(units)) % 3
    assert np.allclose(sum_by(group, made.mean, 3).sum(axis=0), made.mean.sum(axis=0))
