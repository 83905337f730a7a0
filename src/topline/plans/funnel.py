"""The funnel worked backwards from the revenue goal, and forwards from the budget, at today's rates.

An order's value and the pace of channels without spend are carried on by last year's season.

Backwards: goal / order value = orders; orders / conversion = visits; visits x cart rate = carts; each channel brings
its share of the orders at what an order costs there today. Forwards: each channel's budget at that cost, and the
channels without spend at the pace of the last days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from topline.metrics.catalogue import metrics
from topline.metrics.metric import RollUp
from topline.metrics.query import Query
from topline.plans import fronts
from topline.plans.figures import Reader, target
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

DAYS = 90
"""Days up to today whose rates count as today's."""

NO_ORDERS = Missing("no_orders_lately", N_("no orders in the last days, so there is no rate to work with"))
NO_VISITS = Missing("no_visits", N_("no visits are known; import sessions"))


@dataclass(frozen=True, slots=True)
class Rates:
    """Today's rates; Missing where facts lack.

    order_value : net sales an order; conversion, cart_rate : of visits; lead_conversion : of leads; per_lead : spend
    """

    period: Period
    order_value: object
    conversion: object
    cart_rate: object
    lead_conversion: object
    new_share: object


@dataclass(frozen=True, slots=True)
class ChannelLine:
    """A channel at today's rates, what it must bring, and what its budget brings.

    cost : spend an order today, zero where nothing is spent
    orders, visits, spend : needed for the goal; budget : planned for it; brings : orders that the budget pays for
    """

    channel: str
    share: float
    cost: Decimal | None
    orders: float
    visits: float | None
    spend: Decimal | None
    budget: Decimal
    brings: float


@dataclass(frozen=True, slots=True)
class Funnel:
    """Both ways side by side.

    goal : net sales that the plan wants; orders, visits, carts, leads, spend : needed for it
    reach : net sales that the budget brings; gap : goal less reach
    """

    rates: Rates
    goal: Decimal
    orders: object
    visits: object
    carts: object
    leads: object
    spend: Decimal
    budget: Decimal
    lines: Sequence[ChannelLine]
    reach: Decimal
    basis: str

    @property
    def gap(self) -> Decimal:
        return self.goal - self.reach


def of(reader: Reader) -> Funnel | Missing:
    """The plan's funnel, from its target for net sales and the budgets of its actions and fronts."""
    version = reader.version
    goal = target(reader, "net_sales", {}, version.plan.period)[0]
    if isinstance(goal, Missing):
        return goal
    lately = Period(reader.today - timedelta(days=DAYS), reader.today)
    known = reader.values(
        ("average_order_value", "conversion_rate", "add_to_cart_rate", "lead_conversion_rate", "orders",
         "new_customers", "customers"), lately,
    )  # fmt: skip
    value = known["average_order_value"]
    if not isinstance(value, Decimal) or value <= 0:
        return NO_ORDERS
    value *= Decimal(repr(_season(reader, "average_order_value", lately)))
    new = _number(known["new_customers"])
    buyers = _number(known["customers"])
    rates = Rates(
        lately, value, known["conversion_rate"], known["add_to_cart_rate"], known["lead_conversion_rate"],
        new / buyers if new is not None and buyers else NO_ORDERS,
    )  # fmt: skip
    orders = float(goal / value)
    conversion, carts = _number(rates.conversion), _number(rates.cart_rate)
    visits = orders / conversion if conversion else None
    plan_days, season = version.plan.period.days, _season(reader, "orders", lately)
    lines, basis = _lines(reader, lately, orders, visits, plan_days, season)
    leads = _number(rates.lead_conversion)
    share = _number(rates.new_share)
    reach = Decimal(repr(sum(line.brings for line in lines))) * value
    return Funnel(
        rates=rates,
        goal=goal,
        orders=orders,
        visits=visits if visits is not None else NO_VISITS,
        carts=visits * carts if visits is not None and carts is not None else NO_VISITS,
        leads=orders * share / leads if leads and share is not None else known["lead_conversion_rate"]
        if isinstance(known["lead_conversion_rate"], Missing) else NO_ORDERS,
        spend=sum((line.spend or Decimal(0) for line in lines), Decimal(0)),
        budget=sum((line.budget for line in lines), Decimal(0)),
        lines=lines,
        reach=reach,
        basis=basis,
    )  # fmt: skip


def _lines(
    reader: Reader, lately: Period, orders: float, visits: float | None, plan_days: int, season: float
) -> tuple[list[ChannelLine], str]:
    """A line a channel; orders by channel are those of the visits where visits are known, else the orders' own."""
    won, came, basis = _by_channel(reader, lately)
    spent = _column(reader, "spend", lately)
    budgets = channel_budgets(reader)
    names = [*dict.fromkeys([*won, *spent, *budgets])]
    whole = sum(won.values()) or 1.0
    paid = sum((amount for name, amount in spent.items() if name not in won), Decimal(0))
    lines = []
    for name in names:
        share = won.get(name, 0.0) / whole
        cost = None
        if name in spent and won.get(name):
            cost = spent[name] / Decimal(repr(won[name]))
        elif name in won:
            cost = Decimal(0)
        budget = budgets.get(name, Decimal(0))
        needed = orders * share
        if cost:
            brings = float(budget / cost)
        elif cost is not None:
            brings = won[name] / lately.days * plan_days * season
        else:
            brings = 0.0
        converts = won[name] / came[name] if came.get(name) and won.get(name) else None
        lines.append(
            ChannelLine(
                channel=name, share=share, cost=cost, orders=needed,
                visits=needed / converts if converts else (visits or 0) * share if visits is not None else None,
                spend=cost * Decimal(repr(needed)) if cost is not None else None, budget=budget, brings=brings,
            )
        )  # fmt: skip
    lines.sort(key=lambda line: -line.share)
    return lines, "unmatched" if paid else basis


def _season(reader: Reader, metric: str, lately: Period) -> float:
    """A metric in the plan's days over that in the last days, both a year before; 1 where that isn't known.

    What adds up is taken by the day.
    """
    ahead, now = reader.version.plan.period.last_year(), lately.last_year()
    then, before = (_number(reader.value(metric, period)) for period in (ahead, now))
    if not then or not before:
        return 1.0
    is_adding = metrics()[metric].roll_up in (RollUp.SUM, RollUp.DISTINCT)
    return then / before * (now.days / ahead.days if is_adding else 1)


def _by_channel(reader: Reader, lately: Period) -> tuple[dict[str, float], dict[str, float], str]:
    """Orders and visits of the last days by channel."""
    came = {name: float(value) for name, value in _column(reader, "sessions", lately).items()}
    if came:
        rows = reader.ask(
            Query(metrics=("conversion_rate", "sessions"), period=lately, by=("channel",), as_of=reader.today)
        ).rows
        won = {}
        for row in rows:
            rate, visits = _number(row["conversion_rate"]), _number(row["sessions"])
            if isinstance(row["channel"], str) and rate and visits:
                won[row["channel"]] = rate * visits
        if won:
            return won, came, "visits"
    won = {name: float(value) for name, value in _column(reader, "orders", lately).items()}
    return won, {}, "orders"


def _column(reader: Reader, metric: str, period: Period) -> dict[str, Decimal]:
    rows = reader.ask(Query(metrics=(metric,), period=period, by=("channel",), as_of=reader.today)).rows
    return {
        row["channel"]: Decimal(str(row[metric]))
        for row in rows
        if isinstance(row["channel"], str) and _number(row[metric])
    }


def channel_budgets(reader: Reader) -> dict[str, Decimal]:
    """What the plan wants to spend by channel: its actions' budgets, and the rest of a front's evenly over its own."""
    found: dict[str, Decimal] = {}
    for front in fronts.fronts(reader):
        for one in front.actions:
            if one.budget and one.channel:
                found[one.channel] = found.get(one.channel, Decimal(0)) + one.budget
        rest = (front.budget or Decimal(0)) - front.planned
        for channel in front.channels if rest > 0 else ():
            found[channel] = found.get(channel, Decimal(0)) + rest / len(front.channels)
    return found


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, Decimal | int | float) else None
