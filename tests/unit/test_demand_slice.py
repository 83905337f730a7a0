"""Slices of a demand outlook on paper: what sums, how a week spreads over its days, how sure a day is."""

from datetime import date

import numpy as np
import pytest

from topline.outlook import demand_slice
from topline.outlook.demand import Bottom, Tried
from topline.units.period import Grain

FIRST = date(2026, 3, 30)  # a Monday; two days of it are March's
WEEKS, HISTORY = 2, 60


def bottom(scatter: float = 2.0) -> Bottom:
    """Lamps in two markets and a rug in one; lamps sell six times as much on Saturday as on each other day, rugs alike
    on every day but Sunday."""
    units = np.tile([[60.0], [30.0], [12.0]], HISTORY)
    mean = np.array([[60.0, 72.0], [30.0, 36.0], [12.0, 12.0]])
    tests = tuple(Tried(mean, 0.1 * mean, each * mean, mean) for each in (0.9, 1.0, 1.1))
    return Bottom(
        units=units,
        of={"category": np.array([0, 0, 1]), "market": np.array([0, 1, 0]), "channel": np.zeros(3, int),
            "product": np.array([0, 0, 1])},
        names={"category": ("Lamps", None), "market": ("DE", "AT"), "channel": (None,), "product": ("L1", "R1")},
        titles=("Lamp", "Rug"),
        mean=mean,
        scale=0.1 * mean,
        tests=tests,
        day_weight=np.tile([[1, 1, 1, 1, 1, 6, 1], [1, 1, 1, 1, 1, 1, 0]], 2).astype(float),
        day_scatter=np.array([scatter, 1.0]),
    )  # fmt: skip


def cut(grain: Grain, by: tuple[str, ...] = (), **where: str) -> demand_slice.Cut:
    return demand_slice.cut(bottom(), FIRST, where=where, by=by, grain=grain, level=0.8)


def test_days_of_a_slice_follow_its_categories_and_sum_to_weeks() -> None:
    """60 lamps and 12 rugs of Germany: 5 lamps and 2 rugs on most days, 30 and 2 on Saturday, 5 and none on Sunday."""
    found = cut(Grain.DAY, market="DE")
    assert found.mean[0, :7] == pytest.approx([7, 7, 7, 7, 7, 32, 5])
    assert found.mean[0].reshape(2, 7).sum(axis=1) == pytest.approx([72, 84])
    assert (found.starts[0], found.starts[-1]) == (FIRST, date(2026, 4, 12))


def test_slices_sum_to_their_whole_in_every_grain() -> None:
    for grain in demand_slice.GRAINS:
        parts, whole = cut(grain, ("category", "market")), cut(grain)
        assert parts.names == (("Lamps", "DE"), ("Lamps", "AT"), (None, "DE"))
        assert parts.mean.sum(axis=0) == pytest.approx(whole.mean[0])
        assert (parts.low <= parts.mean).all()
        assert (parts.mean <= parts.high).all()


def test_months_are_the_sums_of_their_days() -> None:
    days, months = cut(Grain.DAY, product="L1"), cut(Grain.MONTH, product="L1")
    assert months.starts == (FIRST, date(2026, 4, 1))
    assert months.mean[0] == pytest.approx([days.mean[0, :2].sum(), days.mean[0, 2:].sum()])
    assert (months.low < months.mean).all()


def test_a_day_is_as_sure_as_its_week_and_its_own_luck() -> None:
    """Saturday takes 15 of 30 Austrian lamps of a week: half of the week's interval, and 1.2816 times the root of twice
    15 x (1 - 6 / 12); the two are independent."""
    weeks, days = cut(Grain.WEEK, market="AT"), cut(Grain.DAY, market="AT")
    above = 0.5 * (weeks.high[0, 0] - weeks.mean[0, 0])
    luck = 1.28155 * np.sqrt(2 * 15 * 0.5)
    assert days.mean[0, 5] == pytest.approx(15)
    assert days.high[0, 5] - 15 == pytest.approx(np.hypot(above, luck), rel=1e-4)
    assert (days.low >= 0).all()


def test_what_is_not_sold_has_no_slice() -> None:
    for where in ({"market": "XX"}, {"weather": "rain"}, {"market": "AT", "product": "R1"}):
        with pytest.raises(demand_slice.UnknownSliceError):
            cut(Grain.WEEK, **where)
    with pytest.raises(demand_slice.UnknownSliceError):
        demand_slice.parse_where(["market"])
    assert demand_slice.parse_where(["market=DE", "category="]) == {"market": "DE", "category": ""}
