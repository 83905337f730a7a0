"""From a price and a target to what must happen for it: units, orders, visits, spend; and what a price cut must bring.

Exact arithmetic: amounts are decimals of one currency, counts are whole.
"""

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum

from topline.units.errors import ToplineError
from topline.units.text import N_

FAR_TIMES, MOST_TIMES = 2, 10
"""From what multiple of the usual units on the terms are a guess, and nothing is said at all."""

LEFT_RATE = Decimal("0.001")
"""Of what a unit earns: where visits leave no more of it, any number of units is as good as none."""

_ONE = Decimal(1)
_FEW = 20


class Aim(StrEnum):
    """What a target is of."""

    PROFIT = "profit"
    SALES = "sales"


class TargetOutOfReachError(ToplineError):
    message = N_(
        "No volume reaches it: at a price of %(price)s a unit brings %(margin)s after goods, and the visits that it "
        "takes cost %(visit_cost)s. A price above %(least)s would be needed, or cheaper visits."
    )


class TooFarError(ToplineError):
    message = N_(
        "It takes %(units)s units, %(times)s times what is usual in these weeks. What a visit costs and how many of "
        "them buy is known about today's volume only, so nothing can be said that far out. Ask for less, or for more "
        "weeks."
    )


class CostUnknownError(ToplineError):
    message = N_("The cost of the goods is unknown, so no profit can be planned. Import costs, or set a sales target.")


class PriceError(ToplineError):
    message = N_("A price must be above 0; %(price)s is not.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a product sells over a period.

    price, unit_cost : per unit, without tax; unit_cost None if unknown
    units_per_order : > 0; conversion_rate : orders per visit, 0-1, None if unknown
    visits : that come without more spend; visit_cost : of one more, None if unknown
    fixed_cost : to be earned beside
    stock : units on hand and on order, None if unknown
    usual : units that sell in these weeks without more, None if unknown
    """

    price: Decimal
    unit_cost: Decimal | None
    units_per_order: Decimal = _ONE
    conversion_rate: Decimal | None = None
    visits: int = 0
    visit_cost: Decimal | None = None
    fixed_cost: Decimal = Decimal(0)
    stock: int | None = None
    usual: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What must happen; None where it can't be known.

    spend : on visits beyond those that come anyway
    profit : sales less goods, spend and fixed cost
    short : units that stock doesn't cover
    times : units over the usual ones
    """

    units: int
    orders: int
    visits: int | None
    spend: Decimal | None
    sales: Decimal
    profit: Decimal | None
    short: int | None
    times: float | None


def at(terms: Terms, units: int) -> Volume:
    """What goes with selling so many units. Raises PriceError."""
    if terms.price <= 0:
        raise PriceError(price=terms.price)
    orders = _up(units / terms.units_per_order)
    visits = spend = profit = None
    if terms.conversion_rate:
        visits = _up(orders / terms.conversion_rate)
        more = max(visits - terms.visits, 0)
        spend = more * terms.visit_cost if terms.visit_cost is not None else None if more else Decimal(0)
    sales = units * terms.price
    if terms.unit_cost is not None:
        profit = sales - units * terms.unit_cost - (spend or 0) - terms.fixed_cost
    short = None if terms.stock is None else max(units - terms.stock, 0)
    return Volume(
        units=units, orders=orders, visits=visits, spend=spend, sales=sales, profit=profit, short=short,
        times=float(units / terms.usual) if terms.usual else None,
    )  # fmt: skip


def required(terms: Terms, target: Decimal, aim: Aim) -> Volume:
    """The least volume that reaches a target.

    A target of 5,000 profit at a price of 25, goods of 15, 2 units an order, a conversion of 4 %, 4,000 visits that
    come anyway and .40 for one more: 640 units bring 6,400 after goods, take 320 orders and 8,000 visits, 4,000 of
    them bought for 1,600, which leaves 4,800; each further order of 2 brings 20 and costs 25 visits, 10; so 20 orders
    more, 680 units.

    Raises PriceError, CostUnknownError for a profit without costs, TargetOutOfReachError where selling more only
    costs more or leaves next to nothing, TooFarError beyond `MOST_TIMES` the usual units.
    """
    if terms.price <= 0:
        raise PriceError(price=terms.price)
    if aim is Aim.PROFIT and terms.unit_cost is None:
        raise CostUnknownError
    by_sales = aim is Aim.SALES
    units = _up(max(target, Decimal(0)) / terms.price) if by_sales else _units_for_profit(terms, target)
    if terms.usual is not None and units > MOST_TIMES * terms.usual and units > _FEW:
        times = _up(units / terms.usual) if terms.usual else units
        raise TooFarError(units=f"{units:,}", times=f"{times:,}")
    return at(terms, units)


def _units_for_profit(terms: Terms, target: Decimal) -> int:
    assert terms.unit_cost is not None  # noqa: S101 - the caller looked
    margin = terms.price - terms.unit_cost
    need = target + terms.fixed_cost
    if need <= 0:
        return 0
    a_visit = (terms.visit_cost or Decimal(0)) / terms.conversion_rate if terms.conversion_rate else Decimal(0)
    beyond = margin - a_visit / terms.units_per_order
    free = terms.visits * terms.conversion_rate * terms.units_per_order if terms.conversion_rate else Decimal(0)
    if margin > 0 and (not a_visit or need <= margin * free):
        units = _up(need / margin)
    elif beyond > margin * LEFT_RATE:
        units = _up(max((need - margin * free) / beyond, Decimal(0)) + free)
    else:
        raise TargetOutOfReachError(
            price=terms.price,
            margin=margin,
            visit_cost=_cents(a_visit / terms.units_per_order),
            least=_cents(terms.unit_cost + a_visit / terms.units_per_order),
        )
    while (at(terms, units).profit or 0) < target:  # whole orders and visits cost a little more than fractions
        units += 1
    return units


def break_even_units(units: int, price: Decimal, new_price: Decimal, unit_cost: Decimal) -> int | None:
    """Units at the new price that earn what `units` earned at the old one, before spend; None if none do.

    100 units at 20 with goods of 12 earn 800; at 18 a unit earns 6, so 134 are needed, a third more for a tenth off.
    Source: Nagle & Müller, The Strategy and Tactics of Pricing, ch. 9.
    """
    if new_price <= unit_cost:
        return None
    return max(_up(units * (price - unit_cost) / (new_price - unit_cost)), 0)


def pays_off_chance(price: Decimal, new_price: Decimal, unit_cost: Decimal, elasticity: float, se: float) -> float:
    """Probability that the new price earns at least what the old one does, 0-1.

    elasticity, se : of demand on price, and its standard error
    """
    before, after = price - unit_cost, new_price - unit_cost
    if after <= 0 or price == new_price:
        return float(before <= 0 < after or before <= after)
    if before <= 0:
        return 1.0
    needed = math.log(float(before / after))
    step = math.log(float(new_price / price))
    gap = elasticity * step - needed
    spread = se * abs(step)
    return float(gap >= 0) if spread == 0 else 0.5 * math.erfc(-gap / spread / math.sqrt(2))


def best_price(price: Decimal, unit_cost: Decimal, elasticity: float) -> Decimal | None:
    """The price of most profit at a constant elasticity, cost x e / (1 + e); None where demand is inelastic (e >= -1).

    Held within a fifth of today's price: beyond what was tried, an elasticity is a guess.
    Source: Lerner 1934.
    """
    if elasticity >= -1:
        return None
    best = unit_cost * Decimal(f"{elasticity / (1 + elasticity):.9f}")
    return min(max(best, price * Decimal("0.8")), price * Decimal("1.2"))


def _up(value: Decimal) -> int:
    return int(value.to_integral_value(rounding=ROUND_CEILING))


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), rounding=ROUND_CEILING)
