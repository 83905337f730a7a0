"""Laws of a spread budget: to the cent, within limits, never worth less for being larger."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topline.science import budget, response

shapes = st.tuples(st.floats(1, 1e6), st.floats(10, 1e6), st.floats(0.5, 3))


@st.composite
def asked(draw: st.DrawFn) -> tuple[budget.Curves, np.ndarray, np.ndarray, np.ndarray, int]:
    """Curves of one to five channels, limits in cents, weeks that weigh, and a budget within the limits."""
    channels = draw(st.lists(shapes, min_size=1, max_size=5))
    top, half, slope = (np.array(column)[:, None] for column in zip(*channels, strict=True))
    weight = np.array(draw(st.lists(st.floats(0.2, 5), min_size=1, max_size=6)))
    low = np.array(draw(st.lists(st.integers(0, 10**6), min_size=len(top), max_size=len(top))))
    high = low + np.array(draw(st.lists(st.integers(0, 10**7), min_size=len(top), max_size=len(top))))
    grid = np.linspace(0, 1, 41) * np.maximum(high, 1)[:, None]
    power = (grid / half) ** slope
    part = draw(st.floats(0, 1))
    return budget.Curves(grid, top * power / (1 + power)), low, high, weight, int(low.sum() + part * (high - low).sum())


@settings(deadline=None, max_examples=60)
@given(asked())
def test_a_budget_is_spent_to_the_cent_within_its_limits(question: tuple) -> None:
    curves, low, high, weight, total = question
    found = budget.spread(curves, total, low, high, weight)
    assert found.sum() == total
    assert (found >= 0).all()
    assert (found.sum(axis=1) >= low).all()
    assert (found.sum(axis=1) <= high).all()


@settings(deadline=None, max_examples=60)
@given(asked(), st.floats(0, 1))
def test_more_budget_never_lowers_the_best_response(question: tuple, part: float) -> None:
    curves, low, high, weight, total = question
    less = budget.spread(curves, int(low.sum() + part * (total - low.sum())), low, high, weight)
    more = budget.spread(curves, total, low, high, weight)
    assert (more >= less - len(weight)).all()  # the steps are nested; cents are rounded by remainder
    worth = [(weight * curves.at(each.astype(float))).sum() for each in (less, more)]
    slack = weight.sum() * np.diff(curves.worth, axis=1).max() / np.diff(curves.spend, axis=1).min() * 2
    assert worth[1] >= worth[0] - slack


@settings(deadline=None, max_examples=20)
@given(asked(), st.floats(0.01, 100))
def test_the_unit_of_worth_changes_nothing(question: tuple, scale: float) -> None:
    curves, low, high, weight, total = question
    found = budget.spread(curves, total, low, high, weight)
    again = budget.spread(budget.Curves(curves.spend, curves.worth * scale), total, low, high, weight)
    worth = [(weight * curves.at(each.astype(float))).sum() for each in (found, again)]
    assert worth[0] == pytest.approx(worth[1], rel=1e-6)


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.floats(0, 1e5), min_size=1, max_size=30),
    st.floats(0, 0.85),
    st.floats(0.1, 100),
)
def test_carry_over_keeps_the_sum_and_scales(spend: list[float], carry_rate: float, scale: float) -> None:
    weeks = np.r_[spend, np.zeros(12)]
    found = response.carried(weeks, np.array(carry_rate), np.zeros(12))
    assert found.sum() == pytest.approx(sum(spend))
    assert (found >= -1e-9).all()
    assert response.carried(weeks * scale, np.array(carry_rate), np.zeros(12)) == pytest.approx(found * scale)
