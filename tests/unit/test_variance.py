"""The change of net sales split by factor: worked by hand, against brute force, and always to the cent."""

import itertools
import math
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topline.analysis.variance import Side, split


def side(net, orders, cells, sessions=None):
    return Side(Decimal(net), sessions, orders, cells)


def one(units, own, shop=None, currency="EUR", product="mug"):
    return {(product, currency): (float(units), float(own), float(own if shop is None else shop))}


def test_traffic_and_conversion_share_what_they_make_together():
    # 100 visits x 10 % x 10 = 100; 120 x 12.5 % x 10 = 150
    # traffic: 20 visits x the mean of 10 % and 12.5 % x 10; conversion: 2.5 % x the mean of 100 and 120 visits x 10
    parts = split(side(100, 10, one(10, 100), 100), side(150, 15, one(15, 150), 120), "EUR")
    assert parts["traffic"] == Decimal("22.50")
    assert parts["conversion"] == Decimal("27.50")
    assert all(not amount for id_, amount in parts.items() if id_ not in ("traffic", "conversion"))


def test_a_price_is_price_and_a_rate_is_currency():
    price = split(side(100, 10, one(10, 100)), side(120, 10, one(10, 120)), "EUR")
    assert {id_: amount for id_, amount in price.items() if amount} == {"price": Decimal(20)}
    before, now = one(10, 100, 125, "GBP"), one(10, 100, 150, "GBP")
    rate = split(side(125, 10, before), side(150, 10, now), "EUR")
    assert {id_: amount for id_, amount in rate.items() if amount} == {"currency": Decimal(25)}


def test_more_of_the_dearer_product_is_mix():
    # 100 units: 50 x 10 + 50 x 30 = 2000, then 25 x 10 + 75 x 30 = 2500
    before = one(50, 500) | one(50, 1500, product="sofa")
    now = one(25, 250) | one(75, 2250, product="sofa")
    parts = split(side(2000, 100, before), side(2500, 100, now), "EUR")
    assert {id_: amount for id_, amount in parts.items() if amount} == {"mix": Decimal(500)}


def test_discounts_and_returns_are_what_is_not_kept():
    parts = split(side(100, 10, one(10, 100)), side(80, 10, one(10, 100)), "EUR")
    assert {id_: amount for id_, amount in parts.items() if amount} == {"deductions": Decimal(-20)}


def test_a_new_product_has_no_price_before_so_it_is_mix():
    now = one(10, 100) | one(10, 400, product="sofa")
    parts = split(side(100, 10, one(10, 100)), side(500, 20, now), "EUR")
    assert parts["price"] == 0
    assert sum(parts.values()) == 400


def test_a_plan_without_prices_is_split_into_orders_and_their_value():
    # 10 orders x 10, planned; 12 orders x 11
    parts = split(side(100, 10, None), side(132, 12, one(24, 132)), "EUR")
    assert parts == {"orders": Decimal("21.00"), "order_value": Decimal("11.00")}


def test_a_plan_of_sales_only_is_not_split():
    assert split(side(100, None, None), side(132, 12, one(24, 132)), "EUR") == {"other": Decimal(32)}


def test_returns_on_a_day_without_orders_stand_apart():
    parts = split(side(100, 10, one(10, 100)), side(-7, 0, {}), "EUR")
    assert parts == {"orders": Decimal(-100), "order_value": Decimal(0), "other": Decimal(-7)}


def test_the_order_of_the_factors_does_not_matter():
    """The parts are the mean over all orders in which the factors can move, tried one by one."""
    sides = ((200.0, 0.1, 2.0, 10.0), (180.0, 0.15, 2.5, 9.0))
    names = ("traffic", "conversion", "volume", "price")
    totals = dict.fromkeys(names, 0.0)
    for order in itertools.permutations(range(4)):
        values = list(sides[0])
        for i in order:
            worth = math.prod(values)
            values[i] = sides[1][i]
            totals[names[i]] += (math.prod(values) - worth) / math.factorial(4)
    made = [
        side(round(math.prod(f), 2), round(f[0] * f[1]), one(math.prod(f[:3]), math.prod(f)), int(f[0])) for f in sides
    ]
    parts = split(*made, "EUR")
    assert {id_: float(parts[id_]) for id_ in names} == pytest.approx(totals, abs=0.011)


thousandths = st.integers(0, 10**9).map(lambda count: count / 1000)  # no amount of money is smaller than a trace
amounts = st.decimals(-1_000_000, 1_000_000, places=6)
cells = st.dictionaries(
    st.tuples(st.sampled_from(["mug", "lamp", None]), st.sampled_from(["EUR", "GBP"])),
    st.tuples(st.floats(0.001, 1e5), thousandths, thousandths),
    max_size=6,
)
sides = st.builds(
    Side,
    amounts,
    st.one_of(st.none(), st.integers(0, 10**6)),
    st.one_of(st.none(), st.integers(0, 10**5)),
    st.one_of(st.none(), cells),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sides, sides, st.sampled_from([("EUR", 2), ("JPY", 0), ("KWD", 3)]))
def test_the_parts_sum_to_the_change_to_the_last_unit(before, now, money):
    currency, digits = money
    unit = Decimal(1).scaleb(-digits)
    parts = split(before, now, currency)
    moved = now.net.quantize(unit, "ROUND_HALF_EVEN") - before.net.quantize(unit, "ROUND_HALF_EVEN")
    assert sum(parts.values()) == moved
    assert all(part == part.quantize(unit) for part in parts.values())
