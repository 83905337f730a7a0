"""Laws of stock for any demand."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from topline.science import stock
from topline.science.stock import Demand

rates = st.floats(0, 50)


def demand(daily: float, dispersion: float, error: float) -> Demand:
    return Demand(np.full((1, 90), daily), np.array([dispersion]), np.array([error]))


@settings(deadline=None)
@given(
    daily=rates, spread=st.floats(1, 9), error=st.floats(0, 0.6), units=st.integers(0, 3000), more=st.integers(0, 500)
)
def test_more_stock_never_lowers_a_service_level(
    daily: float, spread: float, error: float, units: int, more: int
) -> None:
    total = stock.total(demand(daily, spread, error), np.array([30.0]))
    levels = [float(stock.service(*total, np.array([float(n)]))[0]) for n in (units, units + more)]
    assert 0 <= levels[0] <= levels[1] <= 1


@settings(deadline=None)
@given(daily=rates, spread=st.floats(1, 9), p=st.floats(0.5, 0.98), lead=st.integers(1, 60), review=st.integers(1, 28))
def test_levels_serve_as_asked_and_rise_with_the_level(
    daily: float, spread: float, p: float, lead: int, review: int
) -> None:
    goods, days = demand(daily, spread, 0.1), np.array([float(lead)])
    found = stock.levels(goods, days, review, np.array([p]))
    higher = stock.levels(goods, days, review, np.array([min(p + 0.01, 0.99)]))
    assert 0 <= found.reorder_point[0] <= found.order_up_to[0] <= higher.order_up_to[0]
    until_next = stock.total(goods, days + review)
    assert stock.service(*until_next, found.order_up_to)[0] >= p - 1e-9


@given(
    position=st.floats(0, 500), point=st.floats(0, 200), above=st.floats(0, 200), least=st.integers(1, 60),
    pack=st.integers(1, 24),
)  # fmt: skip
def test_an_order_is_whole_packs_enough_and_none_above_the_point(
    position: float, point: float, above: float, least: int, pack: int
) -> None:
    wanted = stock.Levels(np.array([point]), np.array([point + above]), np.zeros(1))
    asked = float(stock.order(np.array([position]), wanted, np.array([float(least)]), np.array([float(pack)]))[0])
    assert asked % pack == 0
    if position > point or point + above == 0:
        assert asked == 0
    else:
        assert asked >= least
        assert position + asked >= point + above - 1e-6


@given(
    sales=st.lists(st.floats(0, 1e5), min_size=1, max_size=8), opening=st.floats(0, 1e6), closing=st.floats(0, 1e5),
)  # fmt: skip
def test_open_to_buy_leaves_what_was_asked_for(sales: list[float], opening: float, closing: float) -> None:
    planned, left = np.array(sales), np.full(len(sales), closing)
    free = stock.open_to_buy(planned, opening, np.zeros(len(sales)), left)
    assert (free >= 0).all()
    there = opening
    for bought, sold in zip(free, sales, strict=True):
        there += float(bought) - sold
        assert there >= closing - 1e-6
