"""From a price and a target to what must happen for it: units, orders, visits, spend; and what a price cut must bring.

Exact arithmetic: amounts are decimals of one currency, counts are whole.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Any

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


class MostProfitError(ToplineError):
    message = N_(
        "The most within reach is a profit of %(most)s, with %(units)s units and %(spend)s of spend: beyond that, more "
        "spend brings less than it costs. Ask for less, raise the price or the conversion, or take more weeks."
    )


class TooFarError(ToplineError):
    message = N_(
        "It takes %(units)s units, %(times)s times what is usual in these weeks. What a visit costs and how many of "
        "them buy is known about today's volume only, so nothing can be said that far out. Ask for less, or for more "
        "weeks."
    )


class CostUnknownError(ToplineError):
    message = N_("The cost of the goods is unknown, so no profit can be planned. Import costs, or set a sales target.")


class TargetError(ToplineError):
    message = N_("A target is 0 or more; %(target)s is not.")


class TermError(ToplineError):
    message = N_("%(value)s can't be the %(term)s: a conversion lies above 0 and up to 1, a cost isn't below 0.")


class PriceError(ToplineError):
    message = N_("A price must be above 0; %(price)s is not.")


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitCurve:
    """What spend beyond today's brings in visits beyond today's over the period, less and less as channels fill up.

    spend : (n,) rising from 0, as are visits, low and high: expected, and the ends of what may be
    tried : spend up to which the past has seen; beyond it the curve is a guess
    """

    spend: tuple[Decimal, ...]
    visits: tuple[Decimal, ...]
    low: tuple[Decimal, ...]
    high: tuple[Decimal, ...]
    tried: Decimal

    def cost(self, visits: Sequence[Decimal], wanted: int) -> Decimal | None:
        """Spend at which one of the courses of visits reaches `wanted`, straight between its points; None if it never
        does."""
        if wanted <= 0:
            return Decimal(0)
        k = bisect_left(visits, wanted)
        if k == len(visits):
            return None
        part = (wanted - visits[k - 1]) / (visits[k] - visits[k - 1])
        return _cents(self.spend[k - 1] + part * (self.spend[k] - self.spend[k - 1]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """On which terms a product sells over a period.

    price, unit_cost : per unit, without tax; unit_cost None if unknown
    units_per_order : > 0; conversion_rate : orders per visit, 0-1, None if unknown
    visits : that come without more spend; visit_cost : of one more, None if unknown
    curve : what more spend brings, where that was learnt; it counts in place of visit_cost
    fixed_cost : to be earned beside
    stock : of each product, its share of the units and what is on hand of it; None if unknown
    usual : units that sell in these weeks without more, None if unknown
    """

    price: Decimal
    unit_cost: Decimal | None
    units_per_order: Decimal = _ONE
    conversion_rate: Decimal | None = None
    visits: int = 0
    visit_cost: Decimal | None = None
    curve: VisitCurve | None = None
    fixed_cost: Decimal = Decimal(0)
    stock: Sequence[tuple[Decimal, Decimal]] | None = None
    usual: Decimal | None = None

    @property
    def on_hand(self) -> Decimal | None:
        return None if self.stock is None else sum((there for _, there in self.stock), Decimal(0))

    def short(self, units: int) -> int | None:
        """Of so many units, those that stock doesn't cover: what lies of one product serves nothing of another."""
        if self.stock is None:
            return None
        return _up(sum((max(share * units - there, Decimal(0)) for share, there in self.stock), Decimal(0)))


STATED = {
    "unit_cost": N_("cost of a unit"),
    "units_per_order": N_("units of an order"),
    "conversion_rate": N_("conversion"),
    "visit_cost": N_("cost of a visit"),
    "fixed_cost": N_("fixed cost"),
}
"""The terms that a person may know better than the past."""


def stated(terms: Terms, known: Mapping[str, Decimal]) -> Terms:
    """The terms with some of `STATED` as a person knows them; a cost of a visit that is stated holds for each visit.

    Raises TermError.
    """
    for name, value in known.items():
        least = 0 if name.endswith("cost") else Decimal("1e-6")
        if not least <= value <= (1 if name == "conversion_rate" else value):
            raise TermError(value=value, term=STATED[name])
    changed: dict[str, Any] = dict(known) | ({"curve": None} if "visit_cost" in known else {})
    return replace(terms, **changed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """What must happen; None where it can't be known.

    spend : on visits beyond those that come anyway; spend_low, spend_high : its range where a curve says it, the high
        end None where so many visits may never come
    is_tried : whether the past has seen so much spend; None without a curve
    beyond : visits that no spend on the curve brings; spend and profit are None then
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
    spend_low: Decimal | None = None
    spend_high: Decimal | None = None
    is_tried: bool | None = None
    beyond: int = 0


def at(terms: Terms, units: int) -> Volume:
    """What goes with selling so many units. Raises PriceError."""
    if terms.price <= 0:
        raise PriceError(price=terms.price)
    orders = _up(units / terms.units_per_order)
    curve = terms.curve
    visits = spend = profit = low = high = is_tried = None
    beyond = 0
    if terms.conversion_rate:
        visits = _up(orders / terms.conversion_rate)
        more = max(visits - terms.visits, 0)
        if curve is None:
            spend = more * terms.visit_cost if terms.visit_cost is not None else None if more else Decimal(0)
        else:
            low, spend, high = (curve.cost(each, more) for each in (curve.high, curve.visits, curve.low))
            beyond = _up(more - curve.visits[-1]) if spend is None else 0
            is_tried = spend is not None and spend <= curve.tried
    sales = units * terms.price
    if terms.unit_cost is not None and not beyond:
        profit = sales - units * terms.unit_cost - (spend or 0) - terms.fixed_cost
    return Volume(
        units=units, orders=orders, visits=visits, spend=spend, sales=sales, profit=profit, short=terms.short(units),
        times=float(units / terms.usual) if terms.usual else None,
        spend_low=low, spend_high=high, is_tried=is_tried, beyond=beyond,
    )  # fmt: skip


def required(terms: Terms, target: Decimal, aim: Aim) -> Volume:
    """The least volume that reaches a target.

    A target of 5,000 profit at a price of 25, goods of 15, 2 units an order, a conversion of 4 %, 4,000 visits that
    come anyway and .40 for one more: 640 units bring 6,400 after goods, take 320 orders and 8,000 visits, 4,000 of
    them bought for 1,600, which leaves 4,800; each further order of 2 brings 20 and costs 25 visits, 10; so 20 orders
    more, 680 units.

    Raises PriceError, TargetError, CostUnknownError for a profit without costs, TargetOutOfReachError where selling
    more only costs more or leaves next to nothing, MostProfitError where a curve of spend doesn't bring so much,
    TooFarError beyond `MOST_TIMES` the usual units.
    """
    if terms.price <= 0:
        raise PriceError(price=terms.price)
    if target < 0:
        raise TargetError(target=target)
    if aim is Aim.PROFIT and terms.unit_cost is None:
        raise CostUnknownError
    by_sales = aim is Aim.SALES
    units = _up(target / terms.price) if by_sales else _units_for_profit(terms, target)
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
    if terms.curve is not None and terms.conversion_rate and margin > 0:
        return _units_along(terms, terms.curve, margin, target)
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


def _units_along(terms: Terms, curve: VisitCurve, margin: Decimal, target: Decimal) -> int:
    """The least units of a profit where spend brings less and less: between its points a unit leaves the same."""
    assert terms.conversion_rate is not None  # noqa: S101 - the caller looked
    each_visit = terms.conversion_rate * terms.units_per_order
    need = target + terms.fixed_cost
    points = [(Decimal(0), Decimal(0))]
    points += [
        (units, margin * units - spend)
        for spend, visits in zip(curve.spend, curve.visits, strict=True)
        for units in ((terms.visits + visits) * each_visit,)
    ]
    for (before, left), (units, earned) in pairwise(points):
        if earned < need or earned - left <= margin * LEFT_RATE * (units - before):
            continue
        found = _up(before + max(need - left, Decimal(0)) / (earned - left) * (units - before))
        whole = _up(terms.units_per_order) + 1
        for more in range(_FEW * whole):  # whole orders and visits cost a little more than fractions
            profit = at(terms, found + more).profit
            if profit is not None and profit >= target:
                return found + more
        break
    units, most = max(points, key=lambda point: point[1])
    raise MostProfitError(
        most=f"{_cents(most - terms.fixed_cost):,}", units=f"{int(units):,}", spend=f"{_cents(margin * units - most):,}"
    )


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
