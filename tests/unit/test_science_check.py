"""Worked examples of the check of a plan, each with its arithmetic on paper."""

import math
from dataclasses import replace

import numpy as np
import pytest

from check_base import certain, drawn
from topline.science import check
from topline.science.check import Change

ALL = np.array([True, True])


def test_nothing_moved_is_what_is_expected() -> None:
    outcome = check.simulate(certain(), Change())
    assert outcome.sales.tolist() == [[800.0, 800.0]]  # 2 slots x 4 cells x 100
    assert outcome.placed.tolist() == [[20.0, 20.0]]
    assert outcome.part(0, None, ALL).tolist() == [800.0]
    assert outcome.part(1, 0, ALL).tolist() == [400.0]
    assert outcome.part(None, None, np.array([False, True])).tolist() == [800.0]
    assert outcome.profit is None


def test_levers_multiply() -> None:
    outcome = check.simulate(certain(), Change(traffic=0.1, conversion=0.2, basket=-0.1))
    assert outcome.finish[0] == pytest.approx(1600 * 1.1 * 1.2 * 0.9)
    assert outcome.placed.sum() == pytest.approx(40 * 1.1 * 1.2)
    assert outcome.visits.sum() == pytest.approx(1600 * 1.1)


def test_a_price_sells_fewer_units_dearer() -> None:
    base = certain(cost_rate=np.array([0.6, 0.6]))
    outcome = check.simulate(base, Change(price=0.1, category=0))
    units = 800 / 20 * 1.1**-1.5
    assert outcome.part(0, None, ALL)[0] == pytest.approx(units * 22)
    assert outcome.part(1, None, ALL)[0] == 800
    assert outcome.profit is not None
    assert outcome.profit[0] == pytest.approx(units * (22 - 12) + 320)


def test_new_prices_of_a_plan_are_what_the_lever_makes_of_the_old() -> None:
    for on_hand in (15.0, np.inf):
        base = drawn(paths=50, cost_rate=np.array([0.6, 0.5]), on_hand=np.array([on_hand, np.inf]))
        by_lever = check.simulate(base, Change(price=0.1, category=0))
        by_plan = check.simulate(check.reprice(base, np.array([1.1, 1.0]), is_held=False), Change())
        assert by_plan.sold == pytest.approx(by_lever.sold)
        assert by_plan.profit == pytest.approx(by_lever.profit)
    assert by_plan.orders == pytest.approx(by_lever.orders)  # an empty shelf's lost orders are shared by money


def test_shelves_run_empty_and_a_delivery_helps() -> None:
    """Category 0 wants 10 units a slot (200 at 20): 15 at the start, 4 more before the third slot."""
    arrivals = np.array([[0, 0, 4, 0], [0, 0, 0, 0]], dtype=float)
    base = certain(on_hand=np.array([15.0, math.inf]), arrivals=arrivals)
    outcome = check.simulate(base, Change())
    assert (outcome.sold[0, 0] / 20).tolist() == [10, 5, 4, 0]
    assert outcome.sold[0, 1].tolist() == [200] * 4
    assert outcome.placed[0].tolist() == pytest.approx([17.5, 12.0])  # 35 of 40 hundreds, then 24


def test_spend_follows_its_curve_up_to_the_budget() -> None:
    base = certain(spend=np.full(4, 50.0), multiplier=np.array([0.0, 1.0, 2.0]), effect=np.array([[0.8, 1.0, 1.1]]))
    assert check.simulate(base, Change(spend=0.5)).finish[0] == pytest.approx(1600 * 1.05)
    capped = check.simulate(base, Change(spend=1.0, budget=250))
    assert capped.finish[0] == pytest.approx(1600 * 1.025)
    assert capped.spend.sum() == pytest.approx(250)
    assert check.simulate(base, Change(spend=-1.0)).finish[0] == pytest.approx(1600 * 0.8)


def test_channels_move_by_themselves_and_share_their_curve() -> None:
    """Search (100 of 200, its own curve), mail and post (60 and 40, one curve together), fairs (nothing known)."""
    spend_of = np.array([[25.0], [15.0], [10.0], [5.0]]) * np.ones((4, 4))
    base = certain(
        spend=spend_of.sum(axis=0), spend_of=spend_of, pool=np.array([0, 1, 1, -1]),
        multiplier=np.array([0.0, 1.0, 2.0]), effect=np.array([[0.7, 1.0, 1.15]]),
        pool_effect=np.array([[[0.8, 1.0, 1.1], [0.9, 1.0, 1.05]]]),
    )  # fmt: skip
    made = check.simulate(base, Change(channels=(0.5, -1.0, 0.0, -1.0)))
    # search half more: + 0.05; of the second pool 40 of 100 stays: 0.9 + 0.1 x 0.4
    assert made.finish[0] == pytest.approx(1600 * (1.05 - 0.06))
    assert made.spend.tolist() == pytest.approx([37.5 + 10] * 4)
    whole = [check.simulate(base, one) for one in (Change(spend=0.5), Change(channels=(0.5,) * 4))]
    assert whole[0].finish[0] == pytest.approx(whole[1].finish[0])
    assert whole[0].spend.tolist() == whole[1].spend.tolist()
    # a fourth less of everything is what the budget allows: search is cut from 1.5 to 1.125 times
    capped = check.simulate(base, Change(channels=(0.5, 0.0, 0.0, 0.0), budget=0.75 * 270))
    assert capped.spend.sum() == pytest.approx(0.75 * 270)
    assert capped.finish[0] == pytest.approx(1600 * (1 + 0.0125 - 0.025))
    # as little and as much as the channels may answer, the channels as the whole
    swing = next(one for one in check.tornado(base, Change(channels=(0.5,) * 4)) if one.driver == "spend")
    assert swing.at_low == pytest.approx(swing.at_high) == pytest.approx(1600 * 1.075)


def test_what_is_in_stays() -> None:
    done = np.zeros((2, 2, 2))
    done[0, 1, 0] = 500
    base = certain(done=done, month=np.array([1, 1, 1, 1]))
    outcome = check.simulate(base, Change(traffic=1.0))
    assert outcome.sales.tolist() == [[500.0, 3200.0]]
    assert outcome.part(None, 1, ALL)[0] == 500 + 1600


def test_the_binding_constraint_is_the_one_that_takes_the_most() -> None:
    """800 came of the 1,600 asked for, four times last year's 400: each driver should grow by the cube root of 4.

    Visits doubled from 400, more than that; conversion fell by a sixth from 12 / 400; baskets rose by a fifth.
    """
    reference = np.array([[400.0, 400], [12, 12], [400, 400]])
    held = check.binding(check.simulate(certain(reference=reference), Change()), np.array([1600.0, 700.0]))
    assert held.chance.tolist() == [0, 1]
    assert held.constraint.tolist() == [check.CONSTRAINTS.index("conversion"), -1]
    conversion, basket = math.log(4) / 3 + math.log(1.2), math.log(4) / 3 - math.log(1.2)
    shares = [0, 0, 0, conversion / (conversion + basket), basket / (conversion + basket)]
    assert held.cost[:, 0].tolist() == pytest.approx([800 * share for share in shares])
    assert held.cost[:, 1].sum() == 0


def test_empty_shelves_bind() -> None:
    base = certain(on_hand=np.array([5.0, 5.0]))
    held = check.binding(check.simulate(base, Change()), np.array([800.0, 800.0]))
    assert [check.CONSTRAINTS[k] for k in held.constraint] == ["stock", "stock"]
    assert held.share[0].tolist() == [1, 1]


def test_a_spent_budget_binds() -> None:
    base = certain(spend=np.full(4, 50.0), multiplier=np.array([0.0, 1.0, 2.0]), effect=np.array([[0.8, 1.0, 1.1]]))
    held = check.binding(check.simulate(base, Change(spend=1.0, budget=200)), np.array([880.0, 880.0]))
    assert [check.CONSTRAINTS[k] for k in held.constraint] == ["budget", "budget"]


def test_the_smallest_change_is_found_to_the_decimal() -> None:
    """Certain sales of 1,600 need 12.5 % more of anything that multiplies them to reach 1,800."""
    moves = {move.lever: move for move in check.smallest(certain(), Change(), lambda o: o.finish, 1800)}
    for lever in ("traffic", "conversion", "basket"):
        assert moves[lever].amount == pytest.approx(0.125, abs=0.0011)
    # units x price: 1.5 times as elastic, a cut by y multiplies sales by (1 - y) ^ -0.5
    assert moves["price"].amount == pytest.approx(1.125**-2 - 1, abs=0.0011)
    assert "spend" not in moves
    assert "supply" not in moves


def test_the_smallest_change_says_what_it_adds_to_profit() -> None:
    """With goods at 0.6 of sales: 200 more at the same prices leave 80; the lower price sells units for 1,367."""
    base = certain(cost_rate=np.array([0.6, 0.6]))
    moves = {move.lever: move for move in check.smallest(base, Change(), lambda o: o.finish, 1800)}
    assert moves["basket"].profit == pytest.approx(80, abs=1)
    assert moves["price"].profit == pytest.approx(200 - 960 * (1.125**3 - 1), abs=3)
    assert {move.profit for move in check.smallest(certain(), Change(), lambda o: o.finish, 1800)} == {None}


def test_what_can_not_be_reached_is_said() -> None:
    moves = check.smallest(certain(), Change(), lambda o: o.finish, 1e6)
    assert {move.amount for move in moves} == {None}


def test_the_tornado_ranks_what_varies_most() -> None:
    base = drawn()
    swings = check.tornado(base, Change())
    assert [swing.driver for swing in swings] == ["traffic", "conversion", "basket"]
    assert all(swing.at_low <= swing.at_high for swing in swings)
    more = next(swing for swing in swings if swing.driver == "basket")
    assert more.at_more == pytest.approx(1.1 * base.pooled.mean(axis=0).sum())


def test_some_paths_stand_for_all() -> None:
    base = drawn(paths=1000)
    few = base.some(250)
    assert len(few.demand) == 250
    for target in (1300, 1600, 1900):
        whole = np.mean(check.simulate(base, Change()).finish >= target)
        assert np.mean(check.simulate(few, Change()).finish >= target) == pytest.approx(whole, abs=0.004)


def test_without_visits_orders_are_what_is_short() -> None:
    base = replace(certain(), visits=np.zeros((1, 0)))
    assert not base.counts_visits
    held = check.binding(check.simulate(base, Change()), np.array([1000.0, 1000.0]))
    assert (held.cost[2] == 0).all()
    assert held.cost.sum(axis=0).tolist() == pytest.approx([200, 200])


SALE = {
    "promoted_of": np.array([0]),
    "promoted": np.array([[[0.5, 0, 0, 0], [0, 0, 0, 0]]]),  # half of the first slot, in the first market
    "depth": np.array([0.0, 1.0, 2.0]),
    "promoted_units": np.array([[[1.0, 1.5, 2.5]]]),
    "promoted_sales": np.array([[[1.0, 1.2, 1.5]]]),
}


def test_a_deeper_promotion_moves_its_own_goods_market_and_days() -> None:
    """The plan's cell holds 100, promoted: 100 / 1.1 without (half of it sells 1.2 times as much), 125 / 1.1 twice as
    deep (half sells 1.5 times)."""
    base = certain(cost_rate=np.array([0.6, 0.6]), **SALE)
    plan = check.simulate(base, Change())
    assert plan.finish.tolist() == [1600]
    for change, first in ((-1.0, 100 / 1.1), (1.0, 125 / 1.1), (0.5, 117.5 / 1.1)):
        made = check.simulate(base, Change(promotion=change))
        assert made.finish[0] == pytest.approx(1500 + first)
        assert made.part(0, 0, np.array([True, False]))[0] == pytest.approx(100 + first)
        assert made.part(0, 1, ALL)[0] == pytest.approx(400)
        assert made.part(1, None, ALL)[0] == pytest.approx(800)
    # goods: 1.25 as planned (half sell 1.5 times as many), 1.75 twice as deep
    deeper = check.simulate(base, Change(promotion=1.0))
    assert deeper.served[0, 0, 0] == pytest.approx(100 + 100 * 1.75 / 1.25)
    assert deeper.orders[0].tolist() == pytest.approx([10 * (400 - 100 + 140) / 400, 10, 10, 10])
    assert deeper.profit is not None
    assert deeper.profit[0] == pytest.approx(1500 + 125 / 1.1 - 0.6 * (1500 + 140))


def test_deeper_promotions_empty_the_shelf_by_units() -> None:
    """Of the 10 units that category 0 wants in the first slot, 5 are promoted: 7 twice as deep. 11 are there."""
    base = certain(on_hand=np.array([11.0, math.inf]), **SALE)
    sold = check.simulate(base, Change(promotion=1.0)).served[0, 0] / 20
    assert sold.tolist() == pytest.approx([11, 0, 0, 0])


def test_promotions_stand_among_drivers_and_moves() -> None:
    base = drawn(paths=60, **SALE)
    assert "promotion" in [swing.driver for swing in check.tornado(base, Change())]
    moves = {move.lever: move for move in check.smallest(base, Change(), lambda o: o.finish, 1e6)}
    assert moves["promotion"].amount is None
    # certain: the first cell may grow from 100 to 125 / 1.1, so 1,607 needs just over half of the way
    sure = {move.lever: move for move in check.smallest(certain(**SALE), Change(), lambda o: o.finish, 1607)}
    assert sure["promotion"].amount == pytest.approx(7 / (125 / 1.1 - 100), abs=0.002)


def test_what_a_planned_budget_brings_is_as_unsure_as_it_was_drawn() -> None:
    """Half of the paths got 1.1 times the demand in the first month from the budget, half 1.3: 1.2 in the middle."""
    base = certain(
        demand=np.repeat(np.array([[1.1, 1.1, 1.0, 1.0], [1.3, 1.3, 1.0, 1.0]])[:, None, None] * 100, 4, 1).reshape(
            2, 2, 2, 4
        ),
        visits=np.full((2, 4), 400.0), orders=np.full((2, 4), 10.0), elasticity=np.full((2, 2), -1.5),
        multiplier=np.array([0.0, 1.0, 2.0]), effect=np.ones((2, 3)), spend=np.full(4, 50.0),
        pushed=np.array([[1.1, 1.0], [1.3, 1.0]]), promoted_units=np.ones((2, 0, 0)),
        promoted_sales=np.ones((2, 0, 0)),
    )  # fmt: skip
    swing = next(one for one in check.tornado(base, Change()) if one.driver == "spend")
    assert swing.expected == pytest.approx(800 * 1.2 + 800)
    # the ends of the middle 80 % of two values lie a tenth of the way inside them
    assert (swing.at_low, swing.at_high) == (pytest.approx(800 * 1.12 + 800), pytest.approx(800 * 1.28 + 800))


def test_stock_counts_units_at_what_they_cost_in_their_slot() -> None:
    """The same 200 of net sales are 10 units at 20, and 20 units in the slot where a unit brings 10."""
    price = np.array([[20.0, 10, 20, 20], [20, 20, 20, 20]])
    made = check.simulate(certain(price=price, on_hand=np.array([35.0, math.inf])), Change())
    assert made.sold[0, 0].tolist() == [200, 200, 100, 0]
