"""From price and target to volume, on paper."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from topline.science import volume
from topline.science.volume import Aim, Terms, VisitCurve

SHOP = Terms(
    price=Decimal(25),
    unit_cost=Decimal(15),
    units_per_order=Decimal(2),
    conversion_rate=Decimal("0.04"),
    visits=4000,
    visit_cost=Decimal("0.40"),
    stock=[(Decimal(1), Decimal(600))],
)


def test_the_worked_example() -> None:
    found = volume.required(SHOP, Decimal(5000), Aim.PROFIT)
    assert (found.units, found.orders, found.visits) == (680, 340, 8500)
    assert (found.spend, found.sales, found.profit, found.short) == (Decimal(1800), Decimal(17000), Decimal(5000), 80)


def test_a_target_that_free_visits_reach_costs_nothing() -> None:
    # 4,000 visits x 4 % x 2 = 320 units; 3,000 takes 300 units of 10
    found = volume.required(SHOP, Decimal(3000), Aim.PROFIT)
    assert (found.units, found.orders, found.visits, found.spend, found.short) == (300, 150, 3750, Decimal(0), 0)


def test_stock_of_one_product_serves_nothing_of_another() -> None:
    """680 units, three quarters of lamps and a quarter of rugs: 510 and 170, where 1,000 and 120 lie there."""
    both = replace(SHOP, stock=[(Decimal("0.75"), Decimal(1000)), (Decimal("0.25"), Decimal(120))])
    found = volume.required(both, Decimal(5000), Aim.PROFIT)
    assert (found.units, found.short, both.on_hand) == (680, 50, 1120)


def test_a_sales_target() -> None:
    found = volume.required(SHOP, Decimal(10010), Aim.SALES)
    # 400.4 units, so 401: 201 orders, 5,025 visits, 1,025 of them bought
    assert (found.units, found.orders, found.visits, found.spend) == (401, 201, 5025, Decimal(410))
    assert found.profit == 401 * Decimal(10) - Decimal(410)


def test_what_is_unknown_stays_unknown() -> None:
    found = volume.required(Terms(price=Decimal(10), unit_cost=None), Decimal(95), Aim.SALES)
    assert found == volume.Volume(
        units=10, orders=10, visits=None, spend=None, sales=Decimal(100), profit=None, short=None, times=None
    )
    with pytest.raises(volume.CostUnknownError, match="Import costs"):
        volume.required(Terms(price=Decimal(10), unit_cost=None), Decimal(95), Aim.PROFIT)
    with pytest.raises(volume.PriceError):
        volume.required(Terms(price=Decimal(0), unit_cost=None), Decimal(95), Aim.SALES)


def test_a_target_out_of_reach_says_which_price_would_do() -> None:
    # an order of 2 brings 20; its 25 visits cost 25
    dear = Terms(
        price=Decimal(25),
        unit_cost=Decimal(15),
        units_per_order=Decimal(2),
        conversion_rate=Decimal("0.04"),
        visits=100,
        visit_cost=Decimal(1),
    )
    with pytest.raises(volume.TargetOutOfReachError) as found:
        volume.required(dear, Decimal(5000), Aim.PROFIT)
    assert found.value.params == {
        "price": Decimal(25),
        "margin": Decimal(10),
        "visit_cost": Decimal("12.50"),
        "least": Decimal("27.50"),
    }


def test_a_hair_above_what_visits_cost_nothing_is_reached() -> None:
    """A unit earns 10, of which visits leave .001: 5,000 would take five million units and their rounding."""
    thin = Terms(
        price=Decimal(25), unit_cost=Decimal(15), units_per_order=Decimal(2), conversion_rate=Decimal("0.04"),
        visits=0, visit_cost=Decimal("0.79992"),
    )  # fmt: skip
    with pytest.raises(volume.TargetOutOfReachError):
        volume.required(thin, Decimal(5000), Aim.PROFIT)


def _curve(*points: tuple[int, int], tried: int = 10_000) -> VisitCurve:
    spend, visits = (tuple(map(Decimal, column)) for column in zip(*points, strict=True))
    low, high = (tuple(each * Decimal(part) for each in visits) for part in ("0.8", "1.25"))
    return VisitCurve(spend=spend, visits=visits, low=low, high=high, tried=Decimal(tried))


BENT = replace(SHOP, curve=_curve((0, 0), (800, 2000), (2400, 4000), tried=600))


def test_more_spend_brings_less() -> None:
    """Of 2,000 visits each more costs .40, of the next 2,000 .80, where 25 of them sell two units that leave 20: 10 of
    each unit's 10 are spent there, so no more than 4,800 - 800 = 4,000 is ever left. 3,900 take the 320 units of the
    visits that come anyway, which leave 3,200, and 140 that leave 5: 230 orders, 5,750 visits, 1,750 for 700."""
    found = volume.required(BENT, Decimal(3900), Aim.PROFIT)
    assert (found.units, found.orders, found.visits, found.spend) == (460, 230, 5750, Decimal(700))
    assert (found.profit, found.is_tried, found.beyond) == (Decimal(3900), False, 0)
    # a quarter more visits for the same spend, or a fifth less
    assert (found.spend_low, found.spend_high) == (Decimal(560), 800 + (Decimal(1750) - 1600) * 1600 / 1600)
    assert volume.required(BENT, Decimal(3300), Aim.PROFIT).is_tried
    with pytest.raises(volume.MostProfitError, match=r"profit of 4,000.00, with 480 units and 800.00 of spend"):
        volume.required(BENT, Decimal(4001), Aim.PROFIT)


def test_what_no_spend_brings_is_said() -> None:
    # 840 units: 420 orders, 10,500 visits, 6,500 more than come anyway, of which the curve brings 4,000
    found = volume.required(BENT, Decimal(21_000), Aim.SALES)
    assert (found.visits, found.beyond, found.spend, found.profit, found.is_tried) == (10_500, 2500, None, None, False)
    # 8,000 visits: expected at the curve's end, and perhaps never
    edge = volume.at(BENT, 640)
    assert (edge.spend, edge.spend_high) == (Decimal(2400), None)


@pytest.mark.parametrize("target", [100, 3200, 4999, 5000])
def test_a_straight_curve_is_a_constant_cost(target: int) -> None:
    straight = replace(SHOP, curve=_curve((0, 0), (400, 1000), (4000, 10_000)))
    one, other = (volume.required(each, Decimal(target), Aim.PROFIT) for each in (SHOP, straight))
    assert (one.units, one.visits, one.spend, one.profit) == (other.units, other.visits, other.spend, other.profit)


def test_terms_that_a_person_knows_better() -> None:
    # at 8 % half the visits: 320 orders of 640 units take 4,000, which come anyway
    found = volume.at(volume.stated(BENT, {"conversion_rate": Decimal("0.08")}), 640)
    assert (found.visits, found.spend) == (4000, Decimal(0))
    # a cost that is stated holds for each visit
    assert volume.at(volume.stated(BENT, {"visit_cost": Decimal(1)}), 640).spend == Decimal(4000)
    for name, value in (("conversion_rate", "1.2"), ("conversion_rate", "0"), ("visit_cost", "-1")):
        with pytest.raises(volume.TermError):
            volume.stated(BENT, {name: Decimal(value)})


def test_far_from_what_is_usual_nothing_is_said() -> None:
    usual = replace(SHOP, usual=Decimal(320))
    assert volume.required(usual, Decimal(5000), Aim.PROFIT).times == pytest.approx(680 / 320)
    with pytest.raises(volume.TooFarError, match="It takes 20,000 units, 63 times what is usual"):
        volume.required(usual, Decimal(500_000), Aim.SALES)


def test_break_even_of_a_cut() -> None:
    assert volume.break_even_units(100, Decimal(20), Decimal(18), Decimal(12)) == 134  # 800 / 6 = 133.3
    assert volume.break_even_units(100, Decimal(20), Decimal(22), Decimal(12)) == 80
    assert volume.break_even_units(100, Decimal(20), Decimal(12), Decimal(12)) is None


def test_chance_that_a_cut_pays() -> None:
    # a tenth off needs a third more: ln(4/3) / ln(1/.9) = 2.7305
    assert volume.pays_off_chance(Decimal(20), Decimal(18), Decimal(12), -2.7305, 0.5) == pytest.approx(0.5, abs=1e-3)
    assert volume.pays_off_chance(Decimal(20), Decimal(18), Decimal(12), -3.2305, 0.5) == pytest.approx(
        0.8413, abs=1e-3
    )
    assert volume.pays_off_chance(Decimal(20), Decimal(11), Decimal(12), -9, 0.5) == 0
    assert volume.pays_off_chance(Decimal(20), Decimal(20), Decimal(12), -2, 0.5) == 1


def test_best_price() -> None:
    assert volume.best_price(Decimal(20), Decimal(12), -3.0) == pytest.approx(Decimal(18))
    assert volume.best_price(Decimal(20), Decimal(12), -1.5) == Decimal(24)  # 36, held to a fifth
    assert volume.best_price(Decimal(20), Decimal(12), -0.9) is None


@given(
    st.decimals(1, 200, places=2),
    st.decimals("0.1", "0.99", places=2),
    st.decimals(1, 5, places=1),
    st.decimals("0.005", "0.2", places=3),
    st.integers(0, 20_000),
    st.decimals(0, 2, places=2),
    st.integers(1, 100_000),
)
def test_the_least_volume_reaches_the_target(
    price: Decimal,
    cost_rate: Decimal,
    per_order: Decimal,
    conversion: Decimal,
    visits: int,
    visit_cost: Decimal,
    target: int,
) -> None:
    terms = Terms(
        price=price,
        unit_cost=price * cost_rate,
        units_per_order=per_order,
        conversion_rate=conversion,
        visits=visits,
        visit_cost=visit_cost,
    )
    try:
        found: volume.Volume | None = volume.required(terms, Decimal(target), Aim.PROFIT)
    except volume.TargetOutOfReachError:
        found = None
    if found is None:
        margin = price - terms.unit_cost
        assert margin * (1 - volume.LEFT_RATE) <= visit_cost / conversion / per_order
        return
    assert found.profit is not None
    assert found.profit >= target
    whole_order = int(per_order) + 1
    fewer = volume.at(terms, max(found.units - whole_order, 0)).profit
    assert fewer is not None
    assert fewer < target + whole_order * price
