"""Drivers moved cell by cell: what moves everywhere alike is the check's own change; a cell alone moves alone."""

import math

import numpy as np
import pytest

from check_base import certain, drawn
from topline.science import check, scenario
from topline.science.check import Change

SHAPE = (2, 2, 2)  # categories, markets, months
KNOWN = {
    "multiplier": np.array([0.0, 1.0, 2.0]),
    "effect": np.array([[0.5, 1.0, 1.2]]),
    "spend": np.array([10.0, 10.0, 30.0, 30.0]),
    "cost_rate": np.array([0.5, 0.6]),
    "on_hand": np.array([30.0, math.inf]),
}


def steps(**values: float) -> dict[str, np.ndarray]:
    return {driver: np.full(SHAPE, value) for driver, value in values.items()}


@pytest.mark.parametrize(
    "change",
    [{}, {"traffic": 0.2}, {"conversion": -0.1}, {"basket": 0.3}, {"price": 0.1}, {"spend": 0.5}, {"supply": 0.4},
     {"traffic": 0.1, "conversion": 0.2, "basket": -0.1, "price": -0.2, "spend": -0.5, "supply": -0.3}],
)  # fmt: skip
def test_what_moves_everywhere_alike_is_the_checks_change(change: dict[str, float]) -> None:
    base = drawn(paths=50, **KNOWN)
    whole = check.simulate(base, Change(**change))
    found = scenario.outcome(base, steps(**change), target=1500.0)
    assert found.by_month == pytest.approx(whole.sales)
    assert found.orders == pytest.approx(whole.placed.mean(axis=0))
    assert found.profit == pytest.approx(whole.profit)
    assert found.spend.sum() == pytest.approx(whole.spend.sum())
    assert found.chance == np.mean(whole.finish >= 1500)
    assert check.simulate(scenario.moved(base, steps(**change)), Change()).visits == pytest.approx(whole.visits)


def test_a_cell_moves_alone() -> None:
    """Category 0 in market 1 in the second month: two slots of 100, a tenth more visits, a fifth more in the basket."""
    moving = {driver: np.zeros(SHAPE) for driver in ("traffic", "basket")}
    moving["traffic"][0, 1, 1], moving["basket"][0, 1, 1] = 0.1, 0.2
    found = scenario.outcome(certain(), moving, target=1664.0)
    assert found.by_month[0].tolist() == pytest.approx([800, 600 + 200 * 1.1 * 1.2])
    assert found.orders.tolist() == pytest.approx(
        [20, 20 * (3 + 1.1) / 4]
    )  # a quarter of the demand brings a tenth more
    assert found.units.tolist() == pytest.approx([(600 + 264) / 20, 40])
    assert (found.chance, found.profit, found.cash) == (1.0, None, None)


def test_a_discount_is_a_lower_price_and_margin_moves_the_cost_alone() -> None:
    """At 20 % off units rise by 0.8 ^ -1.5; goods cost as much as before."""
    base = certain(cost_rate=np.array([0.5, 0.5]))
    found = scenario.outcome(base, steps(discount=0.2), target=0.0)
    units = 80 * 0.8**-1.5
    assert found.revenue[0] == pytest.approx(units * 16)
    assert found.profit is not None
    assert found.profit[0] == pytest.approx(units * (16 - 10))
    richer = scenario.outcome(base, steps(margin=0.1), target=0.0)
    assert richer.revenue[0] == 1600
    assert richer.cash is not None
    assert richer.cash.tolist() == pytest.approx([480, 480])  # 800 a month at 60 %


def test_stock_that_is_short_is_lost_and_what_is_left_is_said() -> None:
    """Category 0 wants 40 units and has 30; 10 units of 20 are lost, none are left."""
    found = scenario.outcome(certain(on_hand=np.array([30.0, 50.0])), {}, target=1600.0)
    assert found.lost.tolist() == pytest.approx([200, 0])
    assert found.left.tolist() == pytest.approx([0, 10])
    assert found.chance == 0
    assert scenario.outcome(certain(on_hand=np.array([30.0, 50.0])), steps(supply=1.0), target=1600.0).chance == 1
