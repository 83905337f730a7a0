"""Variance: what the change of net sales between two periods, or against the plan, is made of, to the cent."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from topline.analysis.analysis import Analysis, Choice, Question
from topline.analysis.result import Cell, Chart, Column, Figure, Note, Result, Table, nothing
from topline.metrics.answer import answer as metrics_of
from topline.metrics.answer import begins_later
from topline.metrics.dimension import LINE, TIME
from topline.metrics.metric import Unit
from topline.metrics.query import Query
from topline.metrics.result import Entry, Rest, change
from topline.metrics.view import View
from topline.units.missing import Missing
from topline.units.money import minor_digits, rounded
from topline.units.period import Period, add_months
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

MIX = {
    "product": N_("Product"),
    "category": N_("Category"),
    "brand": N_("Brand"),
    "market": N_("Market"),
    "channel": N_("Channel"),
}
PARTS = {
    "before": N_("Before"),
    "traffic": N_("Traffic"),
    "conversion": N_("Conversion"),
    "orders": N_("Orders"),
    "order_value": N_("Order value"),
    "volume": N_("Volume: units per order"),
    "mix": N_("Mix"),
    "price": N_("Price"),
    "deductions": N_("Discounts and returns"),
    "currency": N_("Currency"),
    "other": N_("Not split"),
    "now": N_("Now"),
}
FACTORS = {
    "sessions": N_("Visits"),
    "conversion": N_("Orders per visit"),
    "orders": N_("Orders"),
    "order_value": N_("Order value"),
    "units": N_("Units per order"),
    "price": N_("Price per unit"),
    "kept": N_("Net of gross sales, after discounts and returns"),
}
_VISIT = frozenset({"channel", "market", "campaign", "device"})
_TARGET = frozenset({"category", "market"})
MOST_ROWS = 20
_ZERO = Decimal(0)
_NO_CHANGE = Missing("no_change", N_("nothing has changed"))
_NOT_KNOWN = Missing("not_known", N_("not known"))
_NO_PLAN = Missing("no_targets", N_("no active plan has targets for these days"))
_NO_PLAN_FILTER = Missing("no_target_filter", N_("targets are by category and market; take the other filters out"))


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceQuestion(Question):
    """The change from the period before (`previous`), the year before (`last_year`) or the `plan` to the period.

    period : the last month that is over if None
    mix : the dimension whose shares and prices are told apart
    """

    against: str = "last_year"
    mix: str = "category"


@dataclass(frozen=True, slots=True)
class Side:
    """What net sales are made of on one side.

    sessions, orders : None where they are not known
    cells : by (value of the mix dimension, currency): units, gross amount in that currency, the same in the shop's;
        None where a plan has none
    """

    net: Decimal
    sessions: int | None
    orders: int | None
    cells: Mapping[tuple[Entry | None, str], tuple[float, float, float]] | None


def answer(tables: "Tables", question: VarianceQuestion, settings: "Settings") -> Result:
    for fact in ("order_line", *(("product",) if question.mix in ("category", "brand") else ())):
        if fact in tables.empty:
            return nothing(question, settings, tables.empty[fact])
    question = replace(question, period=question.period or _last_month(tables, question))
    period, other = _periods(tables, question)
    if question.against != "plan" and (missing := begins_later(tables, ("order_line",), other.start)):
        return nothing(question, settings, missing)
    now = _actual(tables, question, settings, period)
    if question.against == "plan":
        if not {f.dimension for f in question.where} <= _TARGET:
            return nothing(question, settings, _NO_PLAN_FILTER)
        planned = _planned(tables, question, settings, period)
        if planned is None:
            return nothing(question, settings, _NO_PLAN)
        before, where_before = planned
    else:
        before = _actual(tables, question, settings, other)
        where_before = _by_value(tables, question, settings, other)
    parts = split(before, now, settings.currency)
    where_now = _by_value(tables, question, settings, period)
    notes = []
    if "traffic" not in parts:
        notes.append(
            Note("no_traffic", N_("Visits are not known on both sides, so traffic and conversion are one: orders."))
        )
    if "order_value" in parts:
        notes.append(Note("no_parts", N_("The plan has no prices and units, so the order value is not split.")))
    if period != question.period:
        text = N_("The period is not over: its first %(days)s days are compared with as many.")
        notes.append(Note("not_over", text, {"days": period.days}))
    shown = [_parts(before, now, parts, settings), _factors(before, now, settings)]
    if where_before is not None:
        shown.append(_values(question, where_before, where_now, settings))
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(before, now, parts, settings),
        tables=tuple(shown),
        notes=tuple(notes),
    )


def _last_month(tables: "Tables", question: VarianceQuestion) -> Period:
    """The newest month of the data that is over."""
    assert tables.extent is not None  # noqa: S101 - `answer` looked
    end = min(tables.extent.end, question.as_of or date.max).replace(day=1)
    return Period(add_months(end, -1), end)


def _periods(tables: "Tables", question: VarianceQuestion) -> tuple[Period, Period]:
    """The period's days that have happened, and as many of the one to compare with."""
    period = question.period
    assert period is not None and tables.extent is not None  # noqa: S101, PT018 - `answer` looked
    other = period.previous() if question.against == "previous" else period.last_year()
    end = min(period.end, question.as_of or date.max, max(tables.extent.end, period.start + timedelta(days=1)))
    if end <= period.start or end == period.end:
        return period, other
    days = (end - period.start).days
    return Period(period.start, end), Period(other.start, min(other.start + timedelta(days=days), other.end))


def _actual(tables: "Tables", question: VarianceQuestion, settings: "Settings", period: Period) -> Side:
    def ask(metrics: tuple[str, ...], by: tuple[str, ...] = (), money: str = "shop") -> Any:
        query = Query(metrics=metrics, by=by, period=period, where=question.where, as_of=question.as_of, money=money)
        return metrics_of(query, tables, settings)

    totals = ask(("net_sales", "orders")).totals
    has_visits = {f.dimension for f in question.where} <= _VISIT and "session" not in tables.empty
    has_visits = has_visits and not begins_later(tables, ("session",), period.start)
    sessions = ask(("sessions",)).totals["sessions"] if has_visits else None
    by = (question.mix, "currency")
    shop = {_key(row, question.mix): row["gross_sales"] for row in ask(("gross_sales",), by).rows}
    cells = {
        key: (float(row["units"]), float(row["gross_sales"]), float(shop[key]))
        for row in ask(("units", "gross_sales"), by, "order").rows
        if row["units"] and (key := _key(row, question.mix)) in shop
    }
    return Side(Decimal(totals["net_sales"]), sessions, totals["orders"], cells)


def _key(row: Mapping[str, Any], mix: str) -> tuple[Entry | None, str]:
    value = row[mix]
    return (None if isinstance(value, Missing) else value, row["currency"])


def _planned(
    tables: "Tables", question: VarianceQuestion, settings: "Settings", period: Period
) -> tuple[Side, dict[Entry | None, Decimal] | None] | None:
    """The active targets of the period's days, and net sales by value where the plan is cut so; None without any."""
    asked = Query(metrics=("net_sales",), period=period, where=question.where)
    by = (question.mix,) if question.mix in _TARGET else ()
    targets: Any = View(tables, asked, settings).rows("target", by)
    sums = {
        record["metric"]: record["amount"]
        for record in tables.run(targets.group_by("metric").aggregate(amount=targets.amount.sum()))
    }
    if "net_sales" not in sums:
        return None
    sessions, orders = (int(sums[id_]) if id_ in sums else None for id_ in ("sessions", "orders"))
    side = Side(sums["net_sales"], sessions, orders, None)
    if not by:
        return side, None
    own = targets.filter(targets.metric == "net_sales").group_by(question.mix).aggregate(amount=targets.amount.sum())
    by_value = {record[question.mix]: record["amount"] for record in tables.run(own)}
    return side, by_value if set(by_value) != {None} else None


def _by_value(
    tables: "Tables", question: VarianceQuestion, settings: "Settings", period: Period
) -> dict[Entry | None, Decimal]:
    query = Query(metrics=("net_sales",), by=(question.mix,), period=period, where=question.where, as_of=question.as_of)
    rows = metrics_of(query, tables, settings).rows
    return {
        None if isinstance(row[question.mix], Missing) else row[question.mix]: Decimal(row["net_sales"])  # type: ignore[arg-type]
        for row in rows
    }


def split(before: Side, now: Side, currency: str) -> dict[str, Decimal]:
    """The change of net sales by part, in whole minor units that add up to it exactly.

    Net sales are sessions x orders per session x units per order x price per unit x what discounts and returns leave.
    The price per unit is the sum over cells of share x price in the cell's currency x rate. Every factor moves from
    its value before to its value now; a part is its factor's Shapley value, the mean of what the move adds over all
    orders in which the factors can move. A cell that was sold on one side only has the price of that side on both, so
    it counts as mix; a currency likewise has one rate. What no order stands behind is `other`.

    Source: Shapley, A value for n-person games (1953); Shorrocks, Decomposition procedures for distributional
    analysis (2013).
    """
    sides = (before, now)
    if any(side.cells is None for side in sides) or not all(_is_regular(side) for side in sides):
        levels, has_more = _coarse(before, now)
    else:
        levels, has_more = _fine(before, now)
    parts = _shapley(levels) if levels else {}
    if has_more:
        parts["other"] = float(now.net) - float(before.net) - sum(parts.values())
    if not parts.get("currency", 1.0):
        del parts["currency"]
    return _exact(parts, before.net, now.net, currency)


def _is_regular(side: Side) -> bool:
    """Whether a side has orders, units and sales, so that its factors mean something."""
    cells = (side.cells or {}).values()
    return bool(side.orders) and sum(c[0] for c in cells) > 0 and sum(c[2] for c in cells) > 0


type Levels = dict[str, tuple[Any, Any]]
"""Factors with their values before and now; the value of a coalition is `_product` of the chosen ones."""


def _orders(before: Side, now: Side) -> Levels:
    """Traffic and conversion, or orders where visits are not known on both sides."""
    if before.sessions and now.sessions:
        return {
            "traffic": (float(before.sessions), float(now.sessions)),
            "conversion": ((before.orders or 0) / before.sessions, (now.orders or 0) / now.sessions),
        }
    return {"orders": (float(before.orders or 0), float(now.orders or 0))}


def _coarse(before: Side, now: Side) -> tuple[Levels, bool]:
    """Orders and the value of an order; what a side without orders has is left over."""
    if before.orders is None or now.orders is None or not (before.orders or now.orders):
        return {}, True
    values = [float(side.net) / side.orders if side.orders else None for side in (before, now)]
    first, last = (value if value is not None else other for value, other in zip(values, values[::-1], strict=True))
    return _orders(before, now) | {"order_value": (first, last)}, None in values


def _fine(before: Side, now: Side) -> tuple[Levels, bool]:
    """Orders, units per order, discounts and returns, and the three sides of the price per unit."""
    keys = sorted({*(before.cells or {}), *(now.cells or {})}, key=repr)
    sides = [np.array([(side.cells or {}).get(key, (0.0, 0.0, 0.0)) for key in keys]) for side in (before, now)]
    units = [side[:, 0].sum() for side in sides]
    shares = tuple(side[:, 0] / n for side, n in zip(sides, units, strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        prices = [side[:, 1] / side[:, 0] for side in sides]
        by_currency = _rates(keys, sides)
    prices = [np.where(np.isfinite(own), own, other) for own, other in zip(prices, prices[::-1], strict=True)]
    gross = [side[:, 2].sum() for side in sides]
    orders = [float(side.orders or 1) for side in (before, now)]
    return _orders(before, now) | {
        "volume": (units[0] / orders[0], units[1] / orders[1]),
        "mix": shares,
        "price": tuple(prices),
        "currency": by_currency,
        "deductions": (float(before.net) / gross[0], float(now.net) / gross[1]),
    }, False


def _rates(keys: Sequence[tuple[Any, str]], sides: Sequence[Any]) -> tuple[Any, Any]:
    """Each cell's rate to the shop's currency: its currency's over all cells of the side."""
    found = []
    currencies = [currency for _, currency in keys]
    for side in sides:
        sums: dict[str, Any] = {}
        for currency, (_, own, shop) in zip(currencies, side, strict=True):
            sums[currency] = sums.get(currency, 0.0) + np.array([own, shop])
        found.append(np.array([sums[c][1] / sums[c][0] if sums[c][0] else np.nan for c in currencies]))
    first, last = (np.where(np.isfinite(own), own, other) for own, other in zip(found, found[::-1], strict=True))
    return np.nan_to_num(first, nan=1.0), np.nan_to_num(last, nan=1.0)


def _product(values: Mapping[str, Any]) -> float:
    """Net sales of a set of factor values."""
    scalars = math.prod(value for id_, value in values.items() if id_ not in ("mix", "price", "currency"))
    if "mix" not in values:
        return float(scalars)
    return float(scalars * np.sum(values["mix"] * values["price"] * values["currency"]))


def _shapley(levels: Levels) -> dict[str, float]:
    names = list(levels)
    n = len(names)
    worth = {
        moved: _product({name: levels[name][name in moved] for name in names})
        for size in range(n + 1)
        for moved in map(frozenset, itertools.combinations(names, size))
    }
    weights = [math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n) for size in range(n)]
    return {
        name: math.fsum(
            weights[len(moved)] * (worth[moved | {name}] - value) for moved, value in worth.items() if name not in moved
        )
        for name in names
    }


def _exact(parts: Mapping[str, float], before: Decimal, now: Decimal, currency: str) -> dict[str, Decimal]:
    """The parts in minor units that sum to the difference of the two rounded amounts, by largest remainder."""
    digits = minor_digits(currency)
    moved = int((rounded(now, currency) - rounded(before, currency)).scaleb(digits))
    scaled = {id_: value * 10**digits for id_, value in parts.items()}
    whole = {id_: math.floor(value) for id_, value in scaled.items()}
    left = moved - sum(whole.values())
    by_remainder = sorted(parts, key=lambda id_: scaled[id_] - whole[id_], reverse=left > 0)
    for id_ in itertools.islice(itertools.cycle(by_remainder), abs(left)):
        whole[id_] += 1 if left > 0 else -1
    return {id_: Decimal(minor).scaleb(-digits) for id_, minor in whole.items()}


def _parts(before: Side, now: Side, parts: Mapping[str, Decimal], settings: "Settings") -> Table:
    moved = sum(parts.values(), _ZERO)
    rows: list[dict[str, Cell]] = [{"part": "before", "amount": before.net, "share": None, "is_total": 1}]
    for id_ in PARTS:
        if id_ in parts:
            share: Cell = float(parts[id_] / moved) or 0.0 if moved else _NO_CHANGE
            rows.append({"part": id_, "amount": parts[id_], "share": share, "is_total": 0})
    rows.append({"part": "now", "amount": now.net, "share": None, "is_total": 1})
    return Table(
        id="parts",
        label=N_("What the change is made of"),
        columns=(
            Column(id="part", label=N_("Part"), names=PARTS),
            Column(id="amount", label=N_("Net sales"), unit=Unit.MONEY),
            Column(id="share", label=N_("Share of the change"), unit=Unit.RATE),
        ),
        rows=rows,
        chart=Chart(kind="waterfall", across="part", values=("amount",)),
    )


def _factors(before: Side, now: Side, settings: "Settings") -> Table:
    """What the parts come from, side by side."""
    sides = (before, now)
    units = [sum(c[0] for c in side.cells.values()) if side.cells else None for side in sides]
    gross = [sum(c[2] for c in side.cells.values()) if side.cells else None for side in sides]
    pairs: dict[str, tuple[Unit, list[float | None]]] = {
        "sessions": (Unit.COUNT, [side.sessions for side in sides]),
        "conversion": (Unit.RATE, [_over(side.orders, side.sessions) for side in sides]),
        "orders": (Unit.COUNT, [side.orders for side in sides]),
        "order_value": (Unit.MONEY, [_over(float(side.net), side.orders) for side in sides]),
        "units": (Unit.RATIO, [_over(n, side.orders) for n, side in zip(units, sides, strict=True)]),
        "price": (Unit.MONEY, [_over(amount, n) for amount, n in zip(gross, units, strict=True)]),
        "kept": (Unit.RATE, [_over(float(side.net), amount) for side, amount in zip(sides, gross, strict=True)]),
    }
    rows: list[dict[str, Cell]] = []
    for id_, (unit, values) in pairs.items():
        if any(value is not None for value in values):
            first, last = (_NOT_KNOWN if v is None else _entry(v, unit, settings) for v in values)
            rows.append({"factor": id_, "before": first, "now": last, "change": change(values[1], values[0])})
    return Table(
        id="factors",
        label=N_("The factors"),
        columns=(
            Column(id="factor", label=N_("Factor"), names=FACTORS),
            Column(id="before", label=N_("Before"), is_mixed=True),
            Column(id="now", label=N_("Now"), is_mixed=True),
            Column(id="change", label=N_("Change"), unit=Unit.RATE),
        ),
        rows=rows,
    )


def _over(above: float | None, below: float | None) -> float | None:
    return above / below if above is not None and below else None


def _entry(value: float, unit: Unit, settings: "Settings") -> Figure:
    number = rounded(Decimal(value), settings.currency) if unit is Unit.MONEY else value
    return Figure(number, unit, settings.currency)


def _values(
    question: VarianceQuestion,
    before: Mapping[Entry | None, Decimal],
    now: Mapping[Entry | None, Decimal],
    settings: "Settings",
) -> Table:
    """The change by value of the mix dimension, the largest first and the rest as one; the rows sum to the change."""
    keys = sorted({*before, *now}, key=lambda key: (-abs(now.get(key, _ZERO) - before.get(key, _ZERO)), str(key)))
    unknown = Missing(f"no_{question.mix}", N_("not known"))
    groups: list[tuple[Entry, list[Any]]] = [(unknown if key is None else key, [key]) for key in keys[:MOST_ROWS]]
    if keys[MOST_ROWS:]:
        groups.append((Rest(len(keys) - MOST_ROWS), keys[MOST_ROWS:]))
    rows: list[dict[str, Cell]] = []
    for name, members in groups:
        first, last = (sum((side.get(key, _ZERO) for key in members), _ZERO) for side in (before, now))
        rows.append({"value": name, "before": first, "now": last, "moved": last - first, "change": change(last, first)})
    return Table(
        id="values",
        label=N_("Where it changed"),
        columns=(
            Column(id="value", label=MIX[question.mix], dimension=question.mix),
            Column(id="before", label=N_("Before"), unit=Unit.MONEY),
            Column(id="now", label=N_("Now"), unit=Unit.MONEY),
            Column(id="moved", label=N_("Difference"), unit=Unit.MONEY),
            Column(id="change", label=N_("Change"), unit=Unit.RATE),
        ),
        rows=rows,
        chart=Chart(kind="bars", across="value", values=("moved",)),
    )


def _sentence(before: Side, now: Side, parts: Mapping[str, Decimal], settings: "Settings") -> Note:
    moved = sum(parts.values(), _ZERO)
    main = max(parts, key=lambda id_: abs(parts[id_]))
    params = {
        "moved": Figure(abs(moved), Unit.MONEY, settings.currency),
        "now": Figure(now.net, Unit.MONEY, settings.currency),
        "part": PARTS[main],
        "amount": Figure(parts[main], Unit.MONEY, settings.currency),
    }
    if not moved:
        return Note("unchanged", N_("Net sales of %(now)s have not changed."), params)
    if moved > 0:
        return Note("rose", N_("Net sales rose by %(moved)s to %(now)s. Largest part: %(part)s, %(amount)s."), params)
    return Note("fell", N_("Net sales fell by %(moved)s to %(now)s. Largest part: %(part)s, %(amount)s."), params)


ANALYSIS = Analysis(
    id="variance",
    label=N_("What changed, and why"),
    description=N_("What is the change of net sales against another period or the plan made of?"),
    method=N_(
        "Net sales are visits x orders per visit x units per order x price per unit x what discounts and returns "
        "leave; the price per unit is each product's (or category's) share of the units x its price in its own "
        "currency x the rate. A part is the mean of what its factor's move adds over all orders in which the factors "
        "can move (its Shapley value), so no part depends on which is named first, and the parts add up to the change "
        "to the cent. What is sold on one side only counts as mix, not as price. Against the plan only what it has "
        "targets for can be told apart. An unfinished period is compared with as many days."
    ),
    question=VarianceQuestion,
    answer=answer,
    choices=(
        Choice(
            id="against",
            label=N_("Against"),
            options={
                "last_year": N_("the year before"),
                "previous": N_("the period before"),
                "plan": N_("the plan"),
            },
        ),
        Choice(id="mix", label=N_("Mix and price by"), options=MIX),
    ),
    dimensions=LINE - TIME - {"customer"},
    icon="stairs-up",
)
