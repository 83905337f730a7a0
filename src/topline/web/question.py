"""From a page's address to a question, and from an answer to what the page shows: the address holds everything."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from babel import Locale
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.translation import gettext

from topline.accounts import channels
from topline.lake import known_value
from topline.lake import read as lake_read
from topline.lake.scope import Scope
from topline.metrics.catalogue import FAMILIES, dimensions, metrics
from topline.metrics.dimension import Dimension
from topline.metrics.metric import Metric
from topline.metrics.query import (
    ComparisonError,
    Filter,
    Query,
    nearest,
    parse_filter,
    parse_list,
    parse_period,
    parse_window,
)
from topline.metrics.result import Rest, Result, Row
from topline.units import spelling
from topline.units.errors import OpenPeriodError, PeriodError, ToplineError
from topline.units.missing import Missing
from topline.units.number import NumberTextError
from topline.units.period import FiscalCalendar, Grain, Period, add_months, parse_day
from topline.units.text import N_
from topline.web import formats
from topline.web.page import Visit

_YEAR = timedelta(weeks=52)
FRESH_DAYS = 14
"""So long may the newest order be past before periods count from it."""

AGAINST = ("last_year", "last_year_weekday", "last_year_feast", "previous", "plan", "none")
AGAINST_LABELS = {
    "last_year": N_("the year before"),
    "last_year_weekday": N_("the year before, weekday by weekday"),
    "last_year_feast": N_("the year before, feast by feast"),
    "previous": N_("the period before"),
    "plan": N_("the plan"),
    "none": N_("no comparison"),
}


@dataclass(frozen=True, slots=True)
class Preset:
    """A period by name."""

    label: str
    period: Period


@dataclass(frozen=True, slots=True)
class Span:
    """The period of a page, its neighbours, and what it is compared with."""

    period: Period
    against: str
    presets: tuple[Preset, ...]
    zone: str
    stale_since: date | None = None

    @property
    def before(self) -> Period:
        return self.period.previous()

    @property
    def after(self) -> Period:
        months = self.period.whole_months()
        if months:
            return Period(self.period.end, add_months(self.period.end, months))
        return Period(self.period.end, self.period.end + timedelta(days=self.period.days))

    @property
    def compared(self) -> Period | None:
        match self.against:
            case "previous":
                return self.period.previous()
            case "last_year":
                return self.period.last_year()
            case "last_year_weekday" | "last_year_feast":
                return Period(self.period.start - _YEAR, self.period.end - _YEAR)
        return None

    @property
    def query_against(self) -> str | None:
        return None if self.against == "none" else self.against

    @property
    def next_against(self) -> str:
        """What the key X turns to."""
        return AGAINST[(AGAINST.index(self.against) + 1) % len(AGAINST)]

    @property
    def against_text(self) -> str:
        """“than the year before”."""
        match self.against:
            case "previous":
                return gettext("than the period before")
            case "plan":
                return gettext("than planned")
            case "none":
                return ""
        return gettext("than the year before")

    @property
    def against_label(self) -> str:
        return self._label(self.against)

    def _label(self, against: str) -> str:
        """What a comparison is called here; whoever compares with the year before is told which days that takes."""
        label = AGAINST_LABELS[against]
        if against == "last_year" and not self.period.whole_months():
            label = AGAINST_LABELS["last_year_weekday"]
        elif against == "last_year" and (more := self.period.days - self.period.last_year().days):
            label = N_("the year before, a day shorter") if more > 0 else N_("the year before, a day longer")
        return gettext(label)

    @property
    def against_choices(self) -> list[tuple[str, str]]:
        return [(id_, self._label(id_)) for id_ in AGAINST_LABELS]


def span(visit: Visit, default: str = "last_30_days") -> Span:
    """The period and the comparison of the address; without them the default and what the person chose last.

    Raises PeriodError, ComparisonError.
    """
    against = visit.request.GET.get("against")
    if against and against not in AGAINST:
        raise ComparisonError(text=against, nearest=nearest(against, AGAINST, AGAINST))
    return _span(visit, default, _asked_period(visit))


def span_to_mend(visit: Visit, default: str) -> Span:
    """The span of a form that shows what is wrong with its address: the default where that is the period."""
    try:
        return _span(visit, default, _asked_period(visit))
    except PeriodError:
        return _span(visit, default, None)


def _span(visit: Visit, default: str, period: Period | None) -> Span:
    base = anchor(visit)
    presets = _presets(base, visit.shop.calendar)
    stale_since = base - timedelta(days=1) if base < visit.today else None
    against = visit.choice("against", AGAINST)
    return Span(period or presets[default].period, against, tuple(presets.values()), visit.shop.timezone, stale_since)


def _asked_period(visit: Visit) -> Period | None:
    """The period of the address: `to` is the first day after it, `last` the last day in it. Raises PeriodError."""
    start, end, last = (visit.request.GET.get(name) for name in ("from", "to", "last"))
    if end or not last:
        return parse_period(start, end)
    day = parse_day(last)
    if not start:
        raise OpenPeriodError(text=last)
    try:
        return parse_period(start, str(day + timedelta(days=1)))
    except (PeriodError, OverflowError):
        raise PeriodError(text=f"{start} – {last}") from None


def preset_period(visit: Visit, name: str) -> Period:
    """The period of that name today; all of the last year's months for a name that is no more."""
    presets = _presets(anchor(visit), visit.shop.calendar)
    return presets.get(name, presets["last_12_months"]).period


def preset_of(visit: Visit, period: Period) -> str | None:
    """The name of a period today, None if it has none."""
    presets = _presets(anchor(visit), visit.shop.calendar)
    return next((name for name, preset in presets.items() if preset.period == period), None)


def anchor(visit: Visit) -> date:
    """The day that periods count from: the shop's today, or the day after the newest order where that is weeks ago."""
    if visit.is_empty:
        return visit.today
    recent = Period(add_months((visit.today - timedelta(days=31 + FRESH_DAYS)).replace(day=1), 1), visit.today)
    if plain_number(ask(visit, Query(metrics=("orders",), period=recent)).totals["orders"]):
        return visit.today
    newest = Query(metrics=("orders",), by=("month",), as_of=visit.today)
    months = [row["month"] for row in ask(visit, newest).rows if row["orders"]]
    last = max((month for month in months if isinstance(month, date)), default=visit.today)
    if visit.today - last < timedelta(days=31 + FRESH_DAYS):
        return visit.today
    days = ask(visit, Query(metrics=("orders",), by=("day",), period=Period(last, add_months(last, 1)))).rows
    return max(
        (row["day"] for row in days if row["orders"] and isinstance(row["day"], date)), default=last
    ) + timedelta(days=1)


def _presets(today: date, calendar: FiscalCalendar) -> dict[str, Preset]:
    month = today.replace(day=1)
    tomorrow = today + timedelta(days=1)
    quarter = calendar.floor(today, Grain.QUARTER)
    year = calendar.floor(today, Grain.FISCAL_YEAR)
    return {
        "last_7_days": Preset(gettext("Last 7 days"), Period(today - timedelta(days=7), today)),
        "last_30_days": Preset(gettext("Last 30 days"), Period(today - timedelta(days=30), today)),
        "last_90_days": Preset(gettext("Last 90 days"), Period(today - timedelta(days=90), today)),
        "this_month": Preset(gettext("This month"), Period(month, tomorrow)),
        "last_month": Preset(gettext("Last month"), Period(add_months(month, -1), month)),
        "this_quarter": Preset(gettext("This quarter"), Period(quarter, tomorrow)),
        "this_year": Preset(gettext("This year"), Period(year, tomorrow)),
        "last_12_months": Preset(gettext("Last 12 months"), Period(add_months(month, -12), month)),
        "last_24_months": Preset(gettext("Last 24 months"), Period(add_months(month, -24), month)),
    }


def grain_for(period: Period) -> Grain:
    """The grain that cuts a period into as many buckets as an eye takes in."""
    if period.days <= 45:
        return Grain.DAY
    if period.days <= 200:
        return Grain.WEEK
    return Grain.MONTH if period.days <= 366 * 6 else Grain.YEAR


def parse(parameters: QueryDict, period: Period | None, against: str | None, default: tuple[str, ...]) -> Query:
    """The question of an address. Raises the errors of `Query`, FilterError, NumberTextError, UnshownMoneyError."""
    asked = parse_list(",".join(parameters.getlist("metrics")))
    top = parameters.get("top") or "0"
    if not top.isdecimal():
        raise NumberTextError(text=top, example="10")
    by = parse_list(",".join(parameters.getlist("by")))
    window = parse_window(parameters.get("window"))
    return Query(
        metrics=asked or default,
        period=period,
        by=parse_list(",".join(parameters.getlist("by"))),
        where=filters(parameters.getlist("where")),
        against=against,
        top=int(top) or None,
        window=window if any(dimensions()[id_].grain for id_ in by if id_ in dimensions()) else None,
        money=_money(parameters),
    )


def _money(parameters: QueryDict) -> str:
    """The money of an address. Raises MoneyError and, as pages write amounts in one currency, UnshownMoneyError."""
    asked = parameters.get("money") or "shop"
    if asked == "order":
        raise UnshownMoneyError
    return asked


def filters(texts: Iterable[str]) -> tuple[Filter, ...]:
    """The filters of an address; those of one dimension as one that allows the values of each. Raises FilterError."""
    ordered = sorted((parse_filter(text) for text in texts if text), key=lambda each: each.dimension)
    groups = groupby(ordered, key=lambda each: each.dimension)
    return tuple(Filter(id_, tuple(dict.fromkeys(v for each in group for v in each.values))) for id_, group in groups)


class UnshownMoneyError(ToplineError):
    message = N_(
        "Pages show amounts in the shop's currency. Use money=shop or money=constant; the command and the API answer "
        "in the orders' own money."
    )


class UnknownParameterError(ToplineError):
    message = N_("The page's address has “%(name)s”, which asks for nothing here. Did you mean %(nearest)s?")


APPENDED = re.compile(
    r"(utm|hsa|gad|mc)_\w+|_hs\w+|(fb|g|d|y|t[tw]|ms)cl(k?id|src)|[gw]braid|li_fat_id|igsh(id)?|srsltid|epik|_g[al]"
)
"""What mail programs and advertisers append to links; it asks nothing of a page."""


def moved(visit: Visit, known: Collection[str]) -> HttpResponse | None:
    """To the address with a filter for each parameter that a dimension names: `where=market=GB` for `market=GB`.

    known : the names that the page itself reads; every other but what senders of links append is refused. Raises
        UnknownParameterError.
    """
    asked = visit.request.GET
    others = [name for name in asked if name not in known and not APPENDED.fullmatch(name)]
    if not others:
        return None
    for name in others:
        if name not in dimensions():
            like = spelling.nearest(name, [*dimensions(), *known]) or ["where"]
            raise UnknownParameterError(name=name, nearest=" / ".join(like))
    meant = asked.copy()
    for name in others:
        meant.setlist("where", [*meant.getlist("where"), f"{name}={','.join(meant.pop(name))}"])
    return redirect(f"{visit.request.path}?{meant.urlencode(safe=',:=')}")


def require_asked(visit: Visit, *known: str) -> None:
    """Nothing but these names, files and what senders of links append stands in the address, so that no wish is lost.

    Raises UnknownParameterError.
    """
    names = [*known, "format", "table", "again"]
    for name in visit.request.GET:
        if name not in names and not APPENDED.fullmatch(name):
            raise UnknownParameterError(name=name, nearest=" / ".join(spelling.nearest(name, names) or names[:3]))


def stuck(visit: Visit, error: ToplineError) -> dict[str, Any]:
    """What `question_problem.html` says of a question without an answer: why, and the questions that have one."""
    found: list[dict[str, str]] = []
    if isinstance(error, known_value.UnknownValueError):
        id_, wrong = str(error.params["dimension"]), str(error.params["value"])
        for value in error.nearest:
            meant = visit.request.GET.copy()
            meant.setlist("where", [_exchanged(text, id_, wrong, value) for text in meant.getlist("where")])
            found.append({"label": label(id_, value), "url": f"?{meant.urlencode(safe=',:=')}"})
    return {"problem": formats.say(error), "others": found, "may_clear": bool(visit.request.GET.getlist("where"))}


def _exchanged(text: str, dimension: str, value: str, other: str) -> str:
    """A filter as the address has it, with another value in the place of one."""
    try:
        condition = parse_filter(text)
    except ToplineError:
        return text
    if condition.dimension != dimension:
        return text
    return written(Filter(dimension, tuple(other if each == value else each for each in condition.values)))


def written(condition: Filter) -> str:
    """A filter as the address has it."""
    values = ",".join("" if value is None else str(value) for value in condition.values)
    return f"{condition.dimension}={values}"


def address(query: Query) -> list[tuple[str, str]]:
    """The question as parameters of an address."""
    parameters = [("metrics", ",".join(query.metrics))]
    if query.by:
        parameters.append(("by", ",".join(query.by)))
    parameters += [("where", written(condition)) for condition in query.where]
    if query.period:
        parameters += [("from", query.period.start.isoformat()), ("to", query.period.end.isoformat())]
    if query.window is not None:
        parameters.append(("window", str(query.window)))
    if query.money != "shop":
        parameters.append(("money", query.money))
    return parameters


def ask(visit: Visit, query: Query) -> Result:
    """The answer from the shop's lake, within what the person may see. Raises what `require_known` raises."""
    require_known(visit, query.where, query.metrics)
    return lake_read.read(visit.shop.lake(), query, scope=visit.scope, settings=visit.shop.settings())


def require_known(visit: Visit, where: Iterable[Filter], of: Iterable[str] = ()) -> None:
    """Passes filters whose values the shop has, and the metrics can. Raises the errors of `known_value.require`."""
    known_value.require(visit.shop.lake(), where, scope=visit.scope, settings=visit.shop.settings(), of=of)


def by_size(result: Result) -> Result:
    """The same answer with the largest values of its first metric on top, the rest last; over time in order of time."""
    query = result.query
    if query.time or not query.by:
        return result
    twins = result.against_rows or [None] * len(result.rows)
    pairs = sorted(zip(result.rows, twins, strict=True), key=lambda pair: _size(pair[0], query))
    rows, others = [row for row, _ in pairs], [twin for _, twin in pairs]
    return replace(result, rows=rows, against_rows=others if result.against_rows is not None else None)


def _size(row: Row, query: Query) -> tuple[bool, float]:
    is_rest = any(isinstance(row[id_], Rest) for id_ in query.by)
    return is_rest, -(plain_number(row[query.metrics[0]]) or 0.0)


def visible_metrics(scope: Scope) -> dict[str, Metric]:
    """The metrics that a viewer may see, by id."""
    return {id_: metric for id_, metric in metrics().items() if metric.family not in scope.hidden_families}


def families(scope: Scope) -> list[tuple[str, list[Metric]]]:
    """The visible metrics by family, in the order of the families."""
    found = visible_metrics(scope)
    grouped = ((label, [each for each in found.values() if each.family == id_]) for id_, label in FAMILIES.items())
    return [(gettext(label), within) for label, within in grouped if within]


@dataclass(frozen=True, slots=True)
class Family:
    """A family's metrics: those that the shop's facts have numbers for, and those that wait for a fact, with why."""

    name: str
    ready: list[Metric]
    waiting: list[tuple[Metric, Missing]]


def picker(visit: Visit) -> list[Family]:
    """The visible metrics by family; families without any number stand last."""
    gone = lake_read.unanswerable(visit.shop.lake(), scope=visit.scope)
    found = [
        Family(
            name,
            [metric for metric in within if metric.id not in gone],
            [(metric, gone[metric.id]) for metric in within if metric.id in gone],
        )
        for name, within in families(visit.scope)
    ]
    return sorted(found, key=lambda family: not family.ready)


def grains(query: Query) -> list[Dimension]:
    """The grains of time that every metric of the question may be cut by."""
    return [each for each in _allowed(query) if each.grain]


def cuts(query: Query) -> list[Dimension]:
    """The other dimensions that every metric of the question may be cut by."""
    return [each for each in _allowed(query) if not each.grain]


def _allowed(query: Query) -> list[Dimension]:
    shared = frozenset.intersection(*(metrics()[id_].dimensions for id_ in query.metrics))
    return [each for id_, each in dimensions().items() if id_ in shared]


@cache
def _countries(locale: str) -> dict[str, str]:
    return {code: name for code, name in Locale.parse(locale).territories.items() if len(code) == 2}


def label(dimension: str, value: object) -> str:
    """How a value of a dimension is called."""
    kept = dimensions()[dimension]
    match value:
        case None:
            return gettext(kept.unknown)
        case Missing():
            return formats.say(value)
        case Rest():
            return gettext("%(count)s others") % {"count": formats.decimal(value.count)}
        case date() | int() if kept.grain:
            return formats.bucket(value, kept.grain)
    text = str(value)
    if dimension == "market":
        return _countries(str(formats.locale())).get(text, text)
    if dimension == "channel":
        return formats.channel(text)
    if dimension == "channel_kind":
        return str(channels.KINDS[text][0]) if text in channels.KINDS else text
    if dimension == "channel_reach":
        return gettext("Online") if text == "online" else gettext("Offline")
    if dimension == "kind":
        return gettext(KINDS.get(text, text))
    return text


def said(condition: Filter) -> str:
    """A filter in words: “Market: United Kingdom, France”."""
    names = ", ".join(label(condition.dimension, value) for value in condition.values)
    return f"{label_of(condition.dimension)}: {names}"


def label_of(dimension: str) -> str:
    """How a dimension is called."""
    return gettext(dimensions()[dimension].label)


def named(names: str, cuts: Sequence[str]) -> str:
    """“Net sales, Orders by market”."""
    if not cuts:
        return names
    return gettext("%(metrics)s by %(cuts)s") % {"metrics": names, "cuts": ", ".join(cut.lower() for cut in cuts)}


KINDS = {
    "goods_sold": N_("Goods sold"),
    "goods_cancelled": N_("Goods cancelled"),
    "goods_no_price": N_("Goods without a price"),
    "discount": N_("Discount"),
    "carriage": N_("Carriage"),
    "fee": N_("Fee"),
    "voucher": N_("Voucher"),
    "manual": N_("Manual entry"),
    "adjustment": N_("Adjustment"),
    "sample": N_("Sample"),
    "test": N_("Test"),
    "bad_debt": N_("Bad debt"),
    "tax": N_("Tax"),
    "shipping": N_("Shipping"),
    "refund": N_("Refund"),
}


def raw(value: object) -> str:
    """A value of a dimension as a filter of the address has it."""
    if value is None or isinstance(value, Missing | Rest):
        return ""
    return value.isoformat() if isinstance(value, date) else str(value)


def plain_number(value: object) -> float | None:
    """A value as charts take it: a float, None for a missing one."""
    if value is None or isinstance(value, Missing | str | date | Rest):
        return None
    return float(value)  # type: ignore[arg-type]


def column(result: Result, metric: str) -> list[float | None]:
    """A metric's values row by row."""
    return [plain_number(row.get(metric)) for row in result.rows]


def against_column(result: Result, metric: str) -> list[float | None]:
    """The values that a metric is compared with, row by row."""
    return [plain_number(row.get(metric)) if row else None for row in result.against_rows or ()]


def axis(result: Result, dimension: str) -> Sequence[str]:
    """The names along a chart's axis."""
    return [label(dimension, row[dimension]) for row in result.rows]


def rows_url(visit: Visit, query: Query) -> str:
    """The page of the rows behind a number."""
    return f"{visit.url('rows')}?{urlencode(address(query))}"


def explore_url(visit: Visit, query: Query) -> str:
    """The question in the explorer."""
    return f"{visit.url('metrics')}?{urlencode(address(query))}"
