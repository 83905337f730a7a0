"""Laws that the check of a plan obeys for any plan."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from check_base import certain, drawn
from topline.science import check
from topline.science.check import Base, Change

ALL = np.array([True, True])
moves = st.builds(
    Change,
    traffic=st.floats(-0.5, 1),
    conversion=st.floats(-0.5, 1),
    basket=st.floats(-0.3, 0.5),
    price=st.floats(-0.3, 0.3),
    category=st.sampled_from([None, 0, 1]),
    promotion=st.floats(-1, 1),
    spend=st.floats(-1, 2),
    budget=st.floats(0, 1000),
    supply=st.floats(-1, 2),
)


@st.composite
def bases(draw: st.DrawFn, paths: int = 1) -> Base:
    """Two categories, two markets, four slots in two months, with marketing and with stock."""
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    given_ = {
        "demand": rng.uniform(0, 500, (1, 2, 2, 4)),
        "done": rng.uniform(0, 100, (2, 2, 2)),
        "price": rng.uniform(1, 50, (2, 4)),
        "cost_rate": rng.uniform(0.2, 0.9, (2, 4)),
        "elasticity": -rng.uniform(0, 3, (1, 2)),
        "spend": rng.uniform(1, 100, 4),
        "multiplier": np.array([0.0, 0.5, 1.0, 2.0, 3.0]),
        "effect": np.array([[0.8, 0.92, 1.0, 1.1, 1.15]]),
        "on_hand": rng.uniform(0, 60, 2),
        "arrivals": rng.uniform(0, 20, (2, 4)),
        "promoted_of": np.array([1, 0, 1]),
        "promoted": rng.uniform(0, 1, (3, 2, 4)) * rng.integers(0, 2, (3, 2, 4)),
        "depth": np.array([0.0, 1.0, 2.0]),
        "promoted_units": np.cumprod(np.append(np.ones((1, 3, 1)), rng.uniform(1, 2, (1, 3, 2)), axis=2), axis=2),
        "promoted_sales": np.append(np.ones((1, 3, 1)), rng.uniform(0.8, 1.5, (1, 3, 2)), axis=2),
    }
    sure = certain(**given_)
    return sure if paths == 1 else drawn(paths, **given_)


def by_hand(base: Base, change: Change) -> tuple[list[list[float]], list[float]]:
    """Net sales by category and month, and orders by slot, of a base without uncertainty: plain arithmetic."""
    categories, markets, slots = base.demand.shape[1:]
    planned = sum(float(spend) for spend in base.spend)
    times = min(1 + change.spend, change.budget / planned)
    rows = range(len(base.promoted_of))
    depth = 1 + change.promotion

    def promoted(values: np.ndarray, c: int, m: int, w: int, deep: float) -> float:
        """What the promotions of a cell multiply it with."""
        on = [
            (base.promoted[r, m, w], np.interp(deep, base.depth, values[0, r]))
            for r in rows
            if base.promoted_of[r] == c
        ]
        return 1 + sum(float(share) * (float(times) - 1) for share, times in on)

    effect = float(np.interp(times, base.multiplier, base.effect[0]))
    sales = [[float(base.done[c, :, t].sum()) for t in range(base.months)] for c in range(categories)]
    orders = []
    left = [float(base.on_hand[c]) * (1 + change.supply) for c in range(categories)]
    for w in range(slots):
        bought = before = 0.0
        for c in range(categories):
            price = 1 + (change.price if change.category in (None, c) else 0)
            cells = [float(base.demand[0, c, m, w]) for m in range(markets)]
            goods, paid = (
                sum(
                    cell * promoted(values, c, m, w, depth) / promoted(values, c, m, w, 1.0)
                    for m, cell in enumerate(cells)
                )
                for values in (base.promoted_units, base.promoted_sales)
            )
            units = goods / float(base.price[c, w]) * price ** float(base.elasticity[0, c])
            units *= (1 + change.traffic) * (1 + change.conversion) * (1 + change.basket) * effect
            left[c] += float(base.arrivals[c, w]) * (1 + change.supply)
            sold = min(units, left[c])
            left[c] -= sold
            sales[c][int(base.month[w])] += sold * float(base.price[c, w]) * price * paid / goods
            bought += sold * float(base.price[c, w])
            before += sum(cells)
        orders.append(float(base.orders[0, w]) * bought / before / (1 + change.basket))
    return sales, orders


@settings(deadline=None)
@given(base=bases(), change=moves)
def test_without_uncertainty_it_is_the_arithmetic(base: Base, change: Change) -> None:
    outcome = check.simulate(base, change)
    sales, orders = by_hand(base, change)
    assert outcome.finish[0] == pytest.approx(sum(map(sum, sales)))
    for category, months in enumerate(sales):
        assert outcome.part(category, None, ALL)[0] == pytest.approx(sum(months))
    assert outcome.sales[0].tolist() == pytest.approx([sum(month) for month in zip(*sales, strict=True)])
    assert outcome.orders[0].tolist() == pytest.approx(orders)
    markets = sum(outcome.part(None, market, ALL)[0] for market in (0, 1))
    assert markets == pytest.approx(outcome.finish[0])


@settings(deadline=None, max_examples=40)
@given(base=bases(paths=10), change=moves, more=st.floats(0, 2))
def test_more_stock_and_more_money_never_lower_what_is_sold(base: Base, change: Change, more: float) -> None:
    """More demand never sells fewer goods, nor for less money unless a short stock then goes at a promotion's price."""
    plain, whole = (check.simulate(each, change) for each in (base, replace(base, on_hand=np.full(2, np.inf))))
    stocked = check.simulate(base, replace(change, supply=change.supply + more))
    assert (stocked.finish >= plain.finish * (1 - 1e-12)).all()
    for better in (
        replace(change, budget=change.budget + 100 * more),
        replace(change, spend=change.spend + more),
        replace(change, traffic=change.traffic + more),
    ):
        units = (check.simulate(base, better).served / base.price).sum(axis=(1, 2))
        assert (units >= (plain.served / base.price).sum(axis=(1, 2)) * (1 - 1e-9) - 1e-9).all()
        assert (check.simulate(whole.base, better).finish >= whole.finish * (1 - 1e-12)).all()


@settings(deadline=None, max_examples=40)
@given(base=bases(paths=30), change=moves, target=st.floats(1, 4000))
def test_what_is_short_is_shared_out_whole(base: Base, change: Change, target: float) -> None:
    outcome = check.simulate(base, change)
    held = check.binding(outcome, np.full(2, target))
    short = np.maximum(target - outcome.sales, 0).mean(axis=0)
    assert held.cost.sum(axis=0).tolist() == pytest.approx(short.tolist(), abs=1e-6)
    assert ((held.chance >= 0) & (held.chance <= 1)).all()
    assert held.share.sum(axis=0).tolist() == pytest.approx([float(chance < 1) for chance in held.chance])


@settings(deadline=None, max_examples=25)
@given(base=bases(paths=30), change=moves, target=st.floats(1, 4000))
def test_a_proposed_move_makes_it_likely_and_stays_within_its_limits(base: Base, change: Change, target: float) -> None:
    for move in check.smallest(base, change, lambda outcome: outcome.finish, target):
        if move.amount is None:
            continue
        moved = replace(change, **{move.lever: getattr(change, move.lever) + move.amount})
        low, high = check.LIMITS[move.lever]
        assert low - 1e-9 <= getattr(moved, move.lever) <= high + 1e-9
        assert np.mean(check.simulate(base, moved).finish >= target) >= check.LIKELY


@settings(deadline=None, max_examples=20)
@given(base=bases(paths=30), change=moves)
def test_the_same_inputs_have_the_same_outcome_to_the_last_digit(base: Base, change: Change) -> None:
    again = Base(**{name: np.array(getattr(base, name)) for name in Base.__dataclass_fields__})
    assert (check.simulate(base, change).sales == check.simulate(again, change).sales).all()
