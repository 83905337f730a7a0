"""What the shop's data can fill of a plan document, in the plan's language; the rest asks its question.

Every row says what it was made from, and stands as drafted until a person changes it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from babel import Locale
from babel.numbers import format_currency, format_percent
from django.utils import translation
from django.utils.translation import gettext as _

from topline.accounts import channels as kinds
from topline.accounts.models import Channel, Shop
from topline.calendar.events import EVENTS
from topline.lake import read
from topline.lake.scope import Scope
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.metrics.query import Filter, Query
from topline.metrics.result import Rest
from topline.plans import answered, expectation
from topline.plans.drafting import Draft, ProposedGoal, ProposedLine
from topline.plans.entries import keyed
from topline.plans.grid import spread
from topline.plans.units import from_minor, to_minor
from topline.team.models import Territory
from topline.units.missing import Missing
from topline.units.period import Period, add_months

type Rows = list[dict[str, Any]]

LARGEST = 5
MOST_TERRITORIES = 12
RECENT_DAYS = 180
"""Days without an order after which a customer slips away, where the shop's own gap isn't known."""
STEADY = Decimal("0.05")
"""A year's sales that changed by less than this share stand as they were: not evidence, nor a reason to turn."""

_EVENTS = {event.id: event.label for event in EVENTS}
_FOCUS = {
    "display": "top", "organic_social": "top", "paid_social": "top", "tv": "top", "radio": "top", "print": "top",
    "content": "middle", "organic_search": "middle", "referral": "middle", "affiliate": "middle",
}  # fmt: skip
"""The stage that a kind of channel serves most; the others serve the bottom."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What the rows are made from."""

    shop: Shop
    period: Period
    draft: Draft
    year: Period
    language: str
    snapshot: Any

    def totals(self, names: Sequence[str], period: Period, where: tuple[Filter, ...] = ()) -> dict[str, Decimal | None]:
        asked = Query(metrics=tuple(names), period=period, where=where, as_of=self.draft.as_of)
        found = answered.ask(self.shop, asked, self.snapshot).totals
        return {name: _exact(found[name]) for name in names}

    def by(self, dimension: str, names: Sequence[str], period: Period) -> list[tuple[str, dict[str, Decimal | None]]]:
        """The named values of a dimension, the largest of the first metric first."""
        asked = Query(metrics=tuple(names), period=period, by=(dimension,), as_of=self.draft.as_of)
        rows = answered.ask(self.shop, asked, self.snapshot).rows
        known = [
            (str(row[dimension]), {name: _exact(row[name]) for name in names})
            for row in rows
            if isinstance(row[dimension], str) and not isinstance(row[dimension], Missing | Rest)
        ]
        return sorted(known, key=lambda each: -(each[1][names[0]] or 0))

    @property
    def knows_year_before(self) -> bool:
        """Whether the history holds the whole year before the last, but for a week in which nothing was sold yet."""
        first_on = self.draft.outlook.get("first_on")
        return first_on is not None and date.fromisoformat(first_on) < self.year.last_year().start + timedelta(days=7)

    def percent(self, value: Decimal | float) -> str:
        return format_percent(round(float(value), 3), locale=Locale.parse(self.language), decimal_quantization=False)

    def goal(self, metric: str) -> ProposedGoal | None:
        return next((one for one in self.draft.goals if one.metric == metric), None)


def filled(shop: Shop, period: Period, draft: Draft, language: str) -> Draft:
    """The draft with all that the data fills of the document."""
    snapshot = shop.lake().latest()
    if snapshot is None:
        return draft
    year = Period(add_months(draft.as_of, -12), draft.as_of)
    with translation.override(language):
        ground = Ground(shop, period, draft, year, language, snapshot)
        made: dict[str, Sequence[Mapping[str, Any]]] = {}
        for name, maker in MAKERS.items():
            rows = [
                {id_: value for id_, value in row.items() if value not in (None, "", [])} for row in maker(ground, made)
            ]
            if rows:
                made[name] = rows
        budget = list(_budget(ground, made))
    return replace(draft, document={**made, **draft.document}, budget=budget)


def _exact(value: object) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, Decimal | int | float) else None


def _plain(value: Decimal, digits: int = 2) -> str:
    return f"{round(value, digits).normalize():f}"


type Made = Mapping[str, Sequence[Mapping[str, Any]]]
"""What other fields were filled with already."""


def _assumptions(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    source, on = _("Forecast of this plan"), ground.draft.as_of.isoformat()
    sales = ground.goal("net_sales")
    if sales is not None and sales.baseline:
        change = float(sales.target / sales.baseline - 1)
        said = _("Net sales change by %(change)s against the same months a year before.")
        yield {"assumption": said % {"change": ground.percent(change)}, "source": source, "on": on}
    yield {"assumption": _("The season repeats: each month keeps its share of the year."), "source": source, "on": on}
    if ground.draft.outlook.get("error"):
        said = _("A month may miss its forecast by %(error)s, as it did when the forecast was rehearsed on the past.")
        yield {
            "assumption": said % {"error": ground.percent(ground.draft.outlook["error"])},
            "source": source,
            "on": on,
        }


def _evidence(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    """Where last year's sales grew and shrank: by category, of a shop without any by market."""
    for cut in ("category", "market"):
        if sold := ground.by(cut, ("net_sales",), ground.year):
            break
    if not ground.knows_year_before:
        return
    before = {name: row["net_sales"] for name, row in ground.by(cut, ("net_sales",), ground.year.last_year())}
    for code, row in sold[:3]:
        name = Locale.parse(ground.language).territories.get(code, code) if cut == "market" else code
        change = _change(row["net_sales"], before.get(code))
        if change is not None and abs(change) >= STEADY:
            said = _("%(category)s changed by %(change)s in the last twelve months.")
            effect = _("Growth to build on.") if change > 0 else _("Find out why before planning more of it.")
            yield {
                "finding": said % {"category": name, "change": ground.percent(change)}, "kind": "own",
                "source": _("Orders of the shop"), "on": ground.draft.as_of.isoformat(), "effect": effect,
            }  # fmt: skip


def _change(now: Decimal | None, then: Decimal | None) -> Decimal | None:
    """By what share a year's sales differ from those of the year before; None where either sold nothing."""
    return now / then - 1 if now and then and then > 0 else None


def _markets(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    for code, _sums in ground.by("market", ("net_sales",), ground.year)[:3]:
        yield {"name": Locale.parse(ground.language).territories.get(code, code), "market": code}


def _swot(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    found = ground.totals(("net_sales", "repeat_purchase_rate", "return_rate"), ground.year)
    sales, again, returned = found["net_sales"], found["repeat_purchase_rate"], found["return_rate"]
    if again is not None:
        said = _("%(share)s of the customers of the last twelve months bought more than once.")
        kind = "strength" if again >= Decimal("0.3") else "weakness"
        yield {"statement": said % {"share": ground.percent(again)}, "kind": kind}
    largest = ground.by("category", ("net_sales",), ground.year)[:1]
    if sales and largest and (largest[0][1]["net_sales"] or 0) > sales / 2:
        said = _("More than half of the sales hang on one category, %(category)s.")
        yield {"statement": said % {"category": largest[0][0]}, "kind": "weakness"}
    if returned is not None and returned > Decimal("0.1"):
        yield {
            "statement": _("%(share)s of the units come back.") % {"share": ground.percent(returned)},
            "kind": "weakness",
        }


def _personas(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    if not (ground.totals(("customers",), ground.year)["customers"] or 0):
        return
    gap = ground.totals(("days_between_orders",), ground.year)["days_between_orders"]
    days = max(30, round(float(gap) * 3)) if gap else RECENT_DAYS
    yield {
        "name": _("First-time buyers"), "kind": "segment", "rule": f"orders=1 last<={days}",
        "behavioural": _("Bought once, within the last %(days)s days.") % {"days": days},
    }  # fmt: skip
    yield {
        "name": _("Regulars"), "kind": "ideal", "rule": f"orders>=2 last<={days}",
        "behavioural": _("Come back, and were here within the last %(days)s days.") % {"days": days},
    }  # fmt: skip
    yield {
        "name": _("Slipping away"), "kind": "segment", "rule": f"orders>=2 last>{days}",
        "behavioural": _("Used to come back, and weren't here for more than %(days)s days.") % {"days": days},
    }  # fmt: skip


def _ranges(ground: Ground, names: Sequence[str]) -> list[tuple[str, str | None, dict[str, Decimal | None]]]:
    """The largest categories, else the whole range: what each is called, its name in the facts, its sums."""
    if found := ground.by("category", names, ground.year)[:LARGEST]:
        return [(name, name, sums) for name, sums in found]
    return [(_("The whole range"), None, ground.totals(names, ground.year))]


def _products(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    for called, name, _sums in _ranges(ground, ("net_sales",)):
        yield {"name": called, "category": name}


def _prices(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    """Mean price and cost of the largest categories; nothing is sold below its cost."""
    for called, name, row in _ranges(ground, ("net_sales", "units", "cost_of_goods")):
        sales, units, cost = row["net_sales"], row["units"], row["cost_of_goods"]
        if not sales or not units or sales <= 0:
            continue
        price = sales / units
        each = cost / units if cost else None
        floor = min(each, price) if each else None
        yield {
            "name": called, "category": name, "price": _plain(price), "cost": _plain(each) if each else None,
            "floor": _plain(floor) if floor else None,
        }  # fmt: skip


def _places(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    names = _names(ground)
    sold = [code for code, _sums in ground.by("channel", ("orders",), ground.year)[:LARGEST]]
    for code in sold:
        yield {"name": names.get(code) or kinds.name_of(code), "channel": code}
    if not sold:
        yield {"name": _("Own shop")}


def _names(ground: Ground) -> dict[str, str]:
    return dict(Channel.objects.filter(shop=ground.shop).values_list("code", "name"))


def _fronts(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    """A front for each kind of channel that money was spent on; its budget is that of the same months a year before."""
    kind_of = dict(Channel.objects.filter(shop=ground.shop).values_list("code", "kind"))
    spent = _spent(ground)
    by_kind: dict[str, list[str]] = {}
    for code in spent:
        by_kind.setdefault(kind_of.get(code) or kinds.kind_of(code), []).append(code)
    for kind, codes in by_kind.items():
        yield {
            "name": str(kinds.KINDS.get(kind, kinds.KINDS["other"])[0]), "goal": "net_sales",
            "focus": _FOCUS.get(kind, "bottom"), "channels": codes,
            "budget": _plain(sum((spent[code] for code in codes), Decimal(0))), "kpi": "roas",
        }  # fmt: skip


def _spent(ground: Ground) -> dict[str, Decimal]:
    """Spend by channel in the same months a year before; of a shop without them, the pace of what it has."""
    for period in (ground.period.last_year(), ground.year):
        found = {code: row["spend"] or Decimal(0) for code, row in ground.by("channel", ("spend",), period)}
        if any(found.values()):
            share = Decimal(ground.period.days) / period.days
            return {code: round(amount * share, 2) for code, amount in found.items() if amount}
    return {}


def _budget(ground: Ground, made: Made) -> Iterator[ProposedLine]:
    """What each channel of a front costs, month by month as the targets have their season."""
    spent, names = _spent(ground), _names(ground)
    months = [add_months(ground.period.start, t) for t in range(ground.period.whole_months() or 1)]
    grid = ground.draft.grids.get("net_sales")
    season = grid.cells.sum(axis=(0, 1)).tolist() if grid is not None and grid.cells.any() else [1] * len(months)
    for key, row in keyed(made.get("8.fronts", ())):
        for code in row["channels"]:
            minor = to_minor("net_sales", spent[code], ground.shop.currency)
            shares = spread(minor, (1, 1, len(months)), season).cells[0, 0]
            amounts = (from_minor("net_sales", int(one), ground.shop.currency) for one in shares)
            planned = {f"{month:%Y-%m}": f"{one:f}" for month, one in zip(months, amounts, strict=True) if one}
            yield ProposedLine(key, names.get(code) or str(kinds.name_of(code)), code, planned)


def _actions(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    """The campaigns that most was spent on, to be carried on."""
    fronts = [(key, row) for key, row in keyed(made.get("8.fronts", ()))]
    asked = Query(metrics=("spend",), period=ground.year, by=("campaign", "channel"), as_of=ground.draft.as_of)
    rows = answered.ask(ground.shop, asked, ground.snapshot).rows if fronts else []
    known = [row for row in rows if isinstance(row["campaign"], str) and isinstance(row["channel"], str)]
    share = Decimal(ground.period.days) / ground.year.days
    for row in sorted(known, key=lambda row: -(_exact(row["spend"]) or 0))[:8]:
        front = next((each for each in fronts if row["channel"] in each[1]["channels"]), None)
        if front is not None:
            yield {
                "name": row["campaign"], "front": front[0], "stage": front[1]["focus"], "channel": row["channel"],
                "campaigns": [row["campaign"]], "metric": "net_sales",
                "budget": _plain((_exact(row["spend"]) or Decimal(0)) * share),
            }  # fmt: skip


def _events(ground: Ground) -> list[dict[str, Any]]:
    """The events whose days lie in the plan, those that sold most a year before first."""
    inside = [
        event
        for event in ground.draft.outlook.get("events", [])
        if date.fromisoformat(event["start"]) < ground.period.end
        and date.fromisoformat(event["end"]) > ground.period.start
        and (event.get("index") or 0) > 1
    ]
    ranked = sorted(inside, key=lambda event: -event["index"])[:8]
    return sorted(ranked, key=lambda event: str(event["start"]))


def _label(ground: Ground, event: Mapping[str, Any]) -> str:
    return _(_EVENTS.get(event["event"], event["event"]))


def _promotions(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    units = ground.totals(("units",), ground.year)["units"]
    for event in _events(ground):
        start = max(date.fromisoformat(event["start"]), ground.period.start)
        end = min(date.fromisoformat(event["end"]), ground.period.end)
        index = Decimal(repr(event["index"]))
        need = round(units / ground.year.days * (end - start).days * index) if units else None
        yield {
            "name": _label(ground, event), "event": event["event"], "starts_on": start.isoformat(),
            "ends_on": (end - timedelta(days=1)).isoformat(), "uplift": _plain(min(index - 1, Decimal(10)), 3),
            "stock_need": str(need) if need else None, "category": next(iter(event.get("categories") or []), None)
            if len(event.get("categories") or []) == 1 else None,
        }  # fmt: skip


def _pieces(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    """A landing page for each promotion."""
    for key, row in keyed(made.get("11.promotions", ())):
        name = _("Landing page: %(promotion)s") % {"promotion": row["name"]}
        yield {"name": name, "type": "landing", "stage": "bottom", "promotion": key, "status": "idea"}


def _audit(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    yield {"scope": _("Everything that was published"), "cadence": "quarterly", "on": ground.period.start.isoformat()}


def _offers(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    yield from _products(ground, made)


def _prospecting(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    for persona in made.get("4.personas", ())[2:]:
        yield {"name": persona["name"], "rule": persona["rule"], "source": _("Own customers"), "method": _("E-mail")}


def _stages(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    for name, row in ground.by("stage", ("stage_conversion_rate", "days_in_stage"), ground.year):
        rate, days = row["stage_conversion_rate"], row["days_in_stage"]
        if rate is None:
            continue
        yield {
            "name": name,
            "conversion": _plain(rate, 3),
            "days": _plain(days, 1) if days is not None else None,
        }


def _territories(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    """Proposals for a shop without territories: the markets by the channels that it sold most through."""
    if Territory.objects.filter(shop=ground.shop).exists():
        return
    known = dict(Channel.objects.filter(shop=ground.shop).values_list("code", "name"))
    by = ("market", "channel")
    asked = [
        Query(metrics=("net_sales",), period=period, by=by, as_of=ground.draft.as_of)
        for period in (ground.year, ground.year.last_year())
    ]
    now, before = (
        {tuple(row[name] for name in by): _exact(row["net_sales"]) for row in rows}
        for rows in (answered.ask(ground.shop, query, ground.snapshot).rows for query in asked)
    )
    before = before if ground.knows_year_before else {}
    sold = sorted(
        ((amount, where) for where, amount in now.items() if amount and amount > 0), key=lambda each: -each[0]
    )
    for amount, where in sold[:MOST_TERRITORIES]:
        market, channel = (expectation.name_of(name) or "" for name in where)
        channel = channel if channel in known else ""
        market = market if len(market) == 2 else ""
        place = Locale.parse(ground.language).territories.get(market, market)
        currency, strategy = ground.shop.currency, _direction(ground, amount, before.get(where))
        if name := " · ".join(filter(None, (place, known.get(channel, "")))):
            yield {"name": name, "market": market, "channel": channel, "currency": currency, "strategy": strategy}


def _direction(ground: Ground, now: Decimal, then: Decimal | None) -> str:
    """What the last two years of sales advise for a territory, with the figures that it rests on."""
    change = _change(now, then)
    if change is None:
        said = _(
            "Learn it first: %(amount)s of net sales in the last twelve months, and no year before to compare with."
        )
    elif change >= STEADY:
        said = _("Build on its growth: %(amount)s of net sales in the last twelve months, %(change)s more than before.")
    elif change <= -STEADY:
        said = _("Win back buyers: %(amount)s of net sales in the last twelve months, %(change)s less than before.")
    else:
        said = _("Hold it: %(amount)s of net sales in the last twelve months, about as much as before.")
    amount = format_currency(now, ground.shop.currency, locale=ground.language)
    return said % {"amount": amount, "change": ground.percent(abs(change or Decimal(0)))}


def _drivers(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    for metric in ("orders", "average_order_value", "new_customers"):
        goal = ground.goal(metric)
        if goal is None or len(goal.quantiles) < 99:
            continue
        digits = 2 if metrics()[metric].unit == Unit.MONEY else 0
        low, expected, high = (
            _plain(Decimal(repr(each)), digits) for each in (goal.quantiles[9], goal.expected, goal.quantiles[89])
        )
        label = _(metrics()[metric].label)
        yield {"driver": label, "metric": metric, "low": low, "expected": expected, "high": high}


def _orders(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    for name, row in ground.by("category", ("stock_cover_days",), ground.year)[:LARGEST]:
        if row["stock_cover_days"] is not None:
            yield {"name": name, "category": name, "cover": _plain(row["stock_cover_days"], 0)}


def _indicators(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    """The metrics of the plan that have numbers."""
    gone = read.unanswerable(ground.shop.lake(), scope=Scope.whole(ground.shop.slug))
    for id_, metric in metrics().items():
        if metric.is_plan and id_ not in gone:
            yield {"metric": id_, "threshold": _("it leaves its plan or last year by a tenth"), "cadence": "weekly"}


def _reviews(ground: Ground, made: Made) -> Iterator[dict[str, Any]]:
    first = ground.period.start
    monday = first + timedelta(days=-first.weekday() % 7)
    yield {"name": _("Weekly review"), "on": monday.isoformat(), "cadence": "weekly"}
    yield {"name": _("Monthly review"), "on": add_months(first, 1).isoformat(), "cadence": "monthly"}


MAKERS: Mapping[str, Callable[[Ground, Made], Iterator[dict[str, Any]]]] = {
    "2.assumptions": _assumptions,
    "2.evidence": _evidence,
    "3.target_market": _markets,
    "3.swot": _swot,
    "4.personas": _personas,
    "7.products": _products,
    "7.prices": _prices,
    "7.places": _places,
    "8.fronts": _fronts,
    "8.actions": _actions,
    "11.promotions": _promotions,
    "10.pieces": _pieces,
    "10.audit": _audit,
    "15.offers": _offers,
    "16.prospecting": _prospecting,
    "17.stages": _stages,
    "18.drivers": _drivers,
    "19.territories": _territories,
    "20.orders": _orders,
    "23.indicators": _indicators,
    "24.reviews": _reviews,
}
"""What fills which field, in the order in which they build on each other."""
