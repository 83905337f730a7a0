"""The live cells of the plan document: what is computed of a row beside what people wrote."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import ceil
from typing import Any

from topline.analysis.audience import AudienceQuestion
from topline.calendar import prior_price
from topline.calendar.occurrence import Occurrence
from topline.lake.analyse import analyse
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.metrics.query import Filter
from topline.plans import fronts, promotion, simulation, team, territories
from topline.plans.content import next_deadline
from topline.plans.figures import NO_PLAN, NOT_YET, Reader, target
from topline.plans.models import Entry
from topline.plans.simulation import Around
from topline.plans.team import Entries
from topline.team.effect import effect
from topline.units.missing import Missing
from topline.units.period import Period, add_months
from topline.units.text import N_


@dataclass(frozen=True, slots=True)
class Shown:
    """A live cell: a number with its unit, a day, a text, a list of sentences, or Missing."""

    value: object
    unit: str = "text"


type Cells = dict[str, dict[str, Shown]]
"""Live cells by row and column."""

PART = Missing("part_of_shop", N_("it is reckoned for the whole shop, and you see only what is yours"))
NO_SCOPE = Missing("no_scope", N_("say which category, market or channel it is"))
NO_RULE = Missing("no_rule", N_("say by which rule these customers are known"))
NO_COST = Missing("no_cost_yet", N_("state price and cost of goods"))
SOLD_OUT = Missing("no_volume", N_("a price above its cost, and the profit wanted, give the units"))


def cells(reader: Reader, field: str, rows: Sequence[Entry]) -> Cells:
    """The live cells of a field's rows; none for a field without them, or where nothing is known yet."""
    maker = _MAKERS.get(field)
    return maker(reader, rows) if maker and rows else {}


def year(reader: Reader) -> Period:
    """The twelve months before today."""
    return Period(add_months(reader.today, -12), reader.today)


def scope(row: Entry) -> tuple[Filter, ...]:
    """The category, market and channel that a row names."""
    named = ((name, row.cells.get(name)) for name in ("category", "market", "channel"))
    return tuple(Filter(name, (value,)) for name, value in named if value)


def _value(reader: Reader, metric: str, period: Period, where: tuple[Filter, ...], is_whole: bool = False) -> Shown:
    """A metric of what a row names; a row that names nothing has numbers only where it is the whole of the shop."""
    if not where and not is_whole:
        return Shown(NO_SCOPE)
    if any(one.dimension not in metrics()[metric].dimensions for one in where):
        return Shown(NO_SCOPE)
    return Shown(reader.value(metric, period, where), metrics()[metric].unit)


def _markets(reader: Reader, rows: Sequence[Entry]) -> Cells:
    found: Cells = {}
    for row in rows:
        sales = _value(reader, "net_sales", year(reader), scope(row))
        size = row.cells.get("size")
        share: object = Missing("no_size", N_("state how large the market is"))
        if size and isinstance(sales.value, Decimal) and Decimal(size):
            share = float(sales.value / Decimal(size))
        found[row.key] = {"sales": sales, "share": Shown(share, Unit.RATE)}
    return found


def _audiences(reader: Reader, rows: Sequence[Entry]) -> Cells:
    rules = tuple(dict.fromkeys(row.cells["rule"] for row in rows if row.cells.get("rule")))
    known: dict[str, Mapping[str, Any]] = {}
    why: object = NO_RULE
    if rules:
        question = AudienceQuestion(rules=rules, as_of=reader.today)
        result = analyse(
            reader.shop.lake(), question, scope=reader.scope, settings=reader.shop.settings(), known_at=reader.known_at
        )
        if isinstance(result.sentence, Missing):
            why = result.sentence
        else:
            known = {str(row["rule"]): row for row in result.table("audiences").rows}
    found: Cells = {}
    for row in rows:
        one = known.get(row.cells.get("rule", ""))
        found[row.key] = {
            "size": Shown(one["customers"] if one else why, Unit.COUNT),
            "aov": Shown((one["aov"] if one else why) or Missing("nobody", N_("nobody is in it")), Unit.MONEY),
            "clv": Shown((one["clv"] if one else why) or Missing("nobody", N_("nobody is in it")), Unit.MONEY),
        }
    return found


def _products(reader: Reader, rows: Sequence[Entry]) -> Cells:
    """A row without a category that stands alone is the whole range."""
    asked = {"sales": "net_sales", "buyers": "customers", "orders": "orders", "aov": "average_order_value",
             "repeat": "repeat_purchase_rate"}  # fmt: skip
    found: Cells = {}
    for row in rows:
        category = row.cells.get("category")
        where = (Filter("category", (category,)),) if category else ()
        is_whole = not category and len(rows) == 1
        found[row.key] = {id_: _value(reader, metric, year(reader), where, is_whole) for id_, metric in asked.items()}
        aimed = {"category": category} if category else {}
        plan = target(reader, "net_sales", aimed, reader.version.plan.period)[0] if category or is_whole else NO_PLAN
        found[row.key]["target"] = Shown(plan, Unit.MONEY)
    return found


def _prices(reader: Reader, rows: Sequence[Entry]) -> Cells:
    return {
        row.key: {"margin": Shown(margin(row.cells), Unit.RATE), "volume": Shown(volume(row.cells), Unit.QUANTITY)}
        for row in rows
    }


def margin(row: Mapping[str, Any]) -> float | Missing:
    """Share of the price that is left after the goods."""
    if not row.get("price") or not row.get("cost") or not Decimal(row["price"]):
        return NO_COST
    return float(1 - Decimal(row["cost"]) / Decimal(row["price"]))


def volume(row: Mapping[str, Any]) -> int | Missing:
    """Units whose margins together bring the profit wanted, rounded up."""
    if not all(row.get(name) for name in ("price", "cost", "profit")):
        return SOLD_OUT
    each = Decimal(row["price"]) - Decimal(row["cost"])
    return ceil(Decimal(row["profit"]) / each) if each > 0 else SOLD_OUT


def _offers(reader: Reader, rows: Sequence[Entry]) -> Cells:
    found: Cells = {}
    for row in rows:
        where, is_whole = scope(row), len(rows) == 1
        sums = reader.values(("net_sales", "units"), year(reader), where) if where or is_whole else {}
        price: object = NO_SCOPE
        if sums:
            sales, units = sums["net_sales"], sums["units"]
            is_known = isinstance(sales, Decimal) and not isinstance(units, Missing) and units
            price = sales / Decimal(str(units)) if is_known else sales  # type: ignore[operator]
        found[row.key] = {
            "price": Shown(price, Unit.MONEY),
            "stock": _value(reader, "stock_cover_days", year(reader), where, is_whole),
        }
    return found


def _promotions(reader: Reader, rows: Sequence[Entry]) -> Cells:
    around = simulation.around(reader.version, reader.today, Entries(reader.version)) if reader.scope.is_whole else None
    own = promotion.own_events(reader.version)
    return {
        row.key: {
            "legal": Shown(_legal(row)),
            "prepare": Shown(_prepare(reader, row, own), "day"),
            **_effect(around, row),
        }
        for row in rows
    }


def _effect(around: Around | None, row: Entry) -> dict[str, Shown]:
    """What the simulation of a promotion says of units, stock and what stands in its way."""
    if around is None:
        return dict.fromkeys(("effect", "missing", "clash"), Shown(PART))
    found = simulation.simulate(around, row.cells, key=row.key, with_law=False)
    answer, need = found.answer, found.stock
    units: object = answer if isinstance(answer, Missing) else round(answer.units.mean)
    return {
        "effect": Shown(units, Unit.QUANTITY),
        "missing": Shown(need if isinstance(need, Missing) else ceil(need.short), Unit.QUANTITY),
        "clash": Shown(found.clashes or N_("nothing")),
    }


def _legal(row: Entry) -> object:
    """What the rule of the prior price says of the promotion, by the discount and the lowest price before it."""
    discount, before = row.cells.get("discount"), row.cells.get("prior_price")
    if not discount:
        return N_("no reduction is announced")
    if row.cells.get("market") and row.cells["market"] not in prior_price.MARKETS:
        return N_("the rule of the prior price is one of the European Union, and this market lies outside it")
    return N_("show the lowest price of 30 days beside it") if before else Missing(
        "no_prior_price", N_("state the lowest price of the 30 days before")
    )  # fmt: skip


def _prepare(reader: Reader, row: Entry, own: Sequence[Occurrence]) -> object:
    """The day from which stock, content and prices are prepared."""
    days = promotion.days(reader.version, row.cells, own)
    if days is None:
        return Missing("no_day", N_("state its first day"))
    return promotion.prepare_on(reader.version, row.cells, days, own)


def _stages(reader: Reader, rows: Sequence[Entry]) -> Cells:
    found: Cells = {}
    for row in rows:
        where = (Filter("stage", (row.cells.get("name", ""),)),)
        found[row.key] = {
            "conversion_now": _value(reader, "stage_conversion_rate", year(reader), where),
            "days_now": _value(reader, "days_in_stage", year(reader), where),
        }
    return found


def _territories(reader: Reader, rows: Sequence[Entry]) -> Cells:
    return {
        str(one.territory.pk): {"target": Shown(one.target, Unit.MONEY), "actual": Shown(one.actual, Unit.MONEY)}
        for one in territories.of(reader)
    }


def _stock(reader: Reader, rows: Sequence[Entry]) -> Cells:
    return {row.key: {"cover_now": _value(reader, "stock_cover_days", year(reader), scope(row))} for row in rows}


def _sessions(reader: Reader, rows: Sequence[Entry]) -> Cells:
    """The indicator as many days before a training as have passed after it."""
    found: Cells = {}
    for key, one in team.sessions(reader.version).items():
        seen = effect(one, reader.today, reader.scope)
        if isinstance(seen, Missing):
            found[key] = {"before": Shown(seen), "after": Shown(seen)}
        else:
            unit = metrics()[one.metric].unit
            found[key] = {"before": Shown(seen.before, unit), "after": Shown(seen.after, unit)}
    return found


def _indicators(reader: Reader, rows: Sequence[Entry]) -> Cells:
    period = reader.version.plan.period
    past = Period(period.start, min(period.end, reader.today)) if reader.today > period.start else year(reader)
    known = reader.values([row.cells["metric"] for row in rows if row.cells.get("metric")], past)
    return {
        row.key: {"value": Shown(known[row.cells["metric"]], metrics()[row.cells["metric"]].unit)}
        for row in rows
        if row.cells.get("metric")
    }


def _pieces(reader: Reader, rows: Sequence[Entry]) -> Cells:
    """The next deadline of a piece that isn't out, and what a published one brought."""
    version = reader.version
    promotions = promotion.days_by_key(version, version.entries.rows("11.promotions"), promotion.own_events(version))
    found: Cells = {}
    for row in rows:
        due = next_deadline(row.cells, promotions, reader.today)
        result: Shown = Shown(Missing("no_content", N_("say by which name facts know the piece")))
        if row.cells.get("content"):
            where = (Filter("content", (row.cells["content"],)),)
            result = _value(reader, "content_interactions", year(reader), where)
        found[row.key] = {"deadline": Shown(due), "result": result}
    return found


def _fronts(reader: Reader, rows: Sequence[Entry]) -> Cells:
    return {
        one.key: {
            "spent": Shown(one.spent, Unit.MONEY),
            "result": Shown(one.result, one.unit),
            "return": Shown(one.roi, Unit.RATE),
        }
        for one in fronts.fronts(reader)
    }


def _actions(reader: Reader, rows: Sequence[Entry]) -> Cells:
    return {
        one.key: {
            "actual": Shown(one.actual, one.unit),
            "spent": Shown(one.spent, Unit.MONEY),
            "return": Shown(one.roi, Unit.RATE),
        }
        for one in fronts.actions(reader)
    }


def _partners(reader: Reader, rows: Sequence[Entry]) -> Cells:
    found: Cells = {}
    for row in rows:
        codes = row.cells.get("code") or []
        value: object = Missing("no_code", N_("give it a coupon code, then its sales are counted"))
        if codes:
            where = (Filter("coupon", tuple(codes)),)
            period = fronts.seen(reader, row.cells)
            value = reader.value("net_sales", period, where) if period else NOT_YET
        found[row.key] = {"actual": Shown(value, Unit.MONEY)}
    return found


_MAKERS: Mapping[str, Callable[[Reader, Sequence[Entry]], Cells]] = {
    "3.target_market": _markets,
    "4.personas": _audiences,
    "7.products": _products,
    "7.prices": _prices,
    "8.fronts": _fronts,
    "8.actions": _actions,
    "8.partners": _partners,
    "10.pieces": _pieces,
    "11.promotions": _promotions,
    "15.offers": _offers,
    "16.prospecting": _audiences,
    "17.stages": _stages,
    "19.territories": _territories,
    "20.orders": _stock,
    "22.sessions": _sessions,
    "23.indicators": _indicators,
}
