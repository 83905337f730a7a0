"""Live numbers of a plan: a metric, its scope and days, with plan, actual, last year and pace."""

import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

from topline.lake import read
from topline.lake.read import HiddenMetricError
from topline.lake.scope import Scope
from topline.metrics.catalogue import metrics
from topline.metrics.metric import RollUp, Unit
from topline.metrics.query import Filter, Query
from topline.plans import answered, facts
from topline.plans.expectation import OTHER
from topline.plans.grid import Part
from topline.plans.models import Goal, PlanVersion
from topline.plans.units import from_minor
from topline.units import errors
from topline.units.missing import Missing
from topline.units.period import FiscalCalendar, Grain, Period, parse_day
from topline.units.text import N_

SCOPED = ("category", "market", "channel")
"""What the scope of a live number may name."""

SHOWN = ("all", "plan", "actual", "last_year", "pace")

NOT_YET = Missing("not_begun", N_("these days haven't begun"))
NO_PLAN = Missing("not_planned", N_("the plan has no target for it"))
NOT_YOURS = Missing("not_in_scope", N_("a target of the whole shop, which is not yours to see"))


class LiveNumberError(errors.ToplineError):
    message = N_(
        "“%(text)s” is not a live number. Write a metric, and if you like its scope and days, such as "
        "{net_sales category=Gifts from=2027-01 to=2027-03 show=pace}."
    )


@dataclass(frozen=True, slots=True)
class Ask:
    """What a live number asks for.

    scope : (dimension, value) pairs; period : None for the plan's
    show : one of `SHOWN`
    """

    metric: str
    scope: tuple[tuple[str, str], ...] = ()
    period: Period | None = None
    show: str = "all"


@dataclass(frozen=True, slots=True)
class Figure:
    """A live number. A value that isn't known is Missing and says why.

    due : what the season lets expect of the plan by now, None where a season can't tell
    before : last year's same days up to today's twin, to compare the actual with
    """

    ask: Ask
    period: Period
    plan: Decimal | Missing
    actual: object
    last_year: object
    before: object
    due: Decimal | None

    @property
    def unit(self) -> Unit:
        return metrics()[self.ask.metric].unit

    @property
    def pace(self) -> float | None:
        """Actual over what is due by now; of a rate, over the target."""
        aim = self.due if self.due is not None else self.plan
        if isinstance(self.actual, Missing) or isinstance(aim, Missing) or not aim:
            return None
        return float(self.actual) / float(aim)  # type: ignore[arg-type]

    @property
    def first(self) -> str:
        """Which value stands first: the one asked for, else what came in, the plan, or last year, as far as known."""
        if self.ask.show != "all":
            return self.ask.show
        known = (name for name in ("actual", "plan") if not isinstance(getattr(self, name), Missing))
        return next(known, "last_year")

    @property
    def growth(self) -> float | None:
        """Actual against the same days a year before."""
        if isinstance(self.actual, Missing) or isinstance(self.before, Missing) or not self.before:
            return None
        return float(self.actual) / float(self.before) - 1  # type: ignore[arg-type]


def parse(text: str) -> Ask:
    """The question of `net_sales category="Home and garden" from=2027-01 to=2027-03 show=pace`; `to` is included.

    Raises LiveNumberError, UnknownMetricError.
    """
    try:
        metric, *parts = shlex.split(text)
        said = dict(part.split("=", 1) for part in parts)
        first, last = said.pop("from", ""), said.pop("to", "")
        period = Period(parse_day(first), day_after(last)) if first and last else None
    except (ValueError, errors.ToplineError):
        raise LiveNumberError(text=text) from None
    show = said.pop("show", "all")
    if bool(first) != bool(last) or set(said) - {*SCOPED} or show not in SHOWN:
        raise LiveNumberError(text=text)
    return asked(metric, said, period, show)


def day_after(text: str) -> date:
    """The day after a day or a month."""
    grain = Grain.MONTH if re.fullmatch(r"\d{4}-\d{2}", text) else Grain.DAY
    return FiscalCalendar().next(parse_day(text), grain)


def asked(metric: str, scope: Mapping[str, str], period: Period | None = None, show: str = "all") -> Ask:
    """The question about a metric; a dimension that it can't be cut by is refused. Raises as `Query` does."""
    pairs = tuple(sorted((name, value) for name, value in scope.items() if value))
    Query(metrics=(metric,), where=tuple(Filter(name, (value,)) for name, value in pairs))
    return Ask(metric, pairs, period, show)


def written(ask: Ask) -> str:
    """The question as `parse` reads it."""
    parts = [ask.metric, *(f"{name}={shlex.quote(value)}" for name, value in ask.scope)]
    if ask.period is not None:
        parts += [f"from={ask.period.start}", f"to={ask.period.last}"]
    return " ".join([*parts, *([f"show={ask.show}"] if ask.show != "all" else [])])


class Reader:
    """Answers of the lake for one version, viewer and day, each asked once.

    known_at : only what had been recorded by then, None for all that is known now
    """

    def __init__(self, version: PlanVersion, today: date, scope: Scope, known_at: datetime | None = None) -> None:
        self.version, self.today, self.scope, self.known_at = version, today, scope, known_at
        self.shop = version.plan.shop
        self._lake = self.shop.lake()
        self._snapshot = self._lake.latest()
        self._settings = self.shop.settings()
        self._known: dict[Any, object] = {}
        self.grid = cache(version.grid)

    @cached_property
    def goals(self) -> Sequence[Goal]:
        """The version's standing goals, with what a target needs to be known of them."""
        return list(self.version.goals.standing().only("metric", "scope", "target", "starts_on", "due_on"))

    @property
    def has_facts(self) -> bool:
        return self._snapshot is not None

    def kept(self, look: str) -> AbstractContextManager[None]:
        """Meanwhile answers of the whole shop are kept for the next look of that name."""
        if self._snapshot is None:
            return nullcontext()
        return answered.kept(look, self.shop, self.version.plan.period, self.today, self._snapshot, self.known_at)

    def ask(self, query: Query) -> Any:
        """The answer, within what the viewer may see."""
        query = replace(query, known_at=self.known_at)
        if self._snapshot is not None and self.scope == Scope.whole(self.shop.slug):
            return answered.ask(self.shop, query, self._snapshot)
        return read.read(self._lake, query, scope=self.scope, settings=self._settings)

    def values(
        self,
        names: Sequence[str],
        period: Period,
        where: tuple[Filter, ...] = (),
        either: tuple[Filter, ...] = (),
    ) -> dict[str, object]:
        """The total of each metric over a period up to yesterday; Missing where there is none or it may not be seen."""
        of = (period, where, either)
        asked = [name for name in dict.fromkeys(names) if (name, *of) not in self._known]
        for name in asked:
            if metrics()[name].family in self.scope.hidden_families:
                self._known[name, *of] = Missing("hidden", HiddenMetricError.message, {"metric": name})
        asked = [name for name in asked if (name, *of) not in self._known]
        if asked:
            query = Query(metrics=tuple(asked), period=period, where=where, either=either, as_of=self.today)
            found = self.ask(query).totals
            self._known |= {(name, *of): found[name] for name in asked}
        return {name: self._known[name, *of] for name in names}

    def value(
        self, name: str, period: Period, where: tuple[Filter, ...] = (), either: tuple[Filter, ...] = ()
    ) -> object:
        return self.values([name], period, where, either)[name]


def figures(reader: Reader, asks: Iterable[Ask]) -> dict[Ask, Figure]:
    """The live numbers of a plan, asked together where days and scope are the same."""
    groups: dict[tuple[Period, tuple[tuple[str, str], ...]], list[Ask]] = defaultdict(list)
    for ask in dict.fromkeys(asks):
        groups[ask.period or reader.version.plan.period, ask.scope].append(ask)
    return {
        ask: figure
        for (period, scope), together in groups.items()
        for ask, figure in _together(reader, period, scope, together).items()
    }


def _together(
    reader: Reader, period: Period, scope: tuple[tuple[str, str], ...], asks: Sequence[Ask]
) -> dict[Ask, Figure]:
    where = tuple(Filter(name, (value,)) for name, value in scope)
    names = [ask.metric for ask in asks]
    twin = period.last_year()
    past = Period(period.start, min(period.end, reader.today)) if reader.today > period.start else None
    now: Mapping[str, object] = dict.fromkeys(names, NOT_YET)
    if past is not None:
        now = reader.values(names, past, where)
    then = reader.values(names, twin, where)
    before = reader.values(names, past.last_year(), where) if past is not None else dict.fromkeys(names, NOT_YET)
    found = {}
    for ask in asks:
        plan, due = target(reader, ask.metric, dict(scope), period)
        found[ask] = Figure(ask, period, plan, now[ask.metric], then[ask.metric], before[ask.metric], due)
    return found


def target(
    reader: Reader, metric: str, scope: Mapping[str, str], period: Period
) -> tuple[Decimal | Missing, Decimal | None]:
    """What the plan wants of a metric in a period, and what of it is due by now; only for who sees the whole shop."""
    version = reader.version
    if not reader.scope.is_whole:
        return NOT_YOURS, None
    months = [month for month in version.plan.months if month in period]
    is_whole = period.whole_months() is not None and len(months) == period.whole_months()
    if metric in version.grid_metrics and is_whole and set(scope) <= set(version.scopes(metric)):
        places = [names.index(scope[name]) if name in scope and scope[name] in names else None
                  for name, names in version.scopes(metric).items()]  # fmt: skip
        is_known = all(
            name in version.scopes(metric) and value in version.scopes(metric)[name] for name, value in scope.items()
        )
        if is_known and OTHER not in scope.values():
            return _of_grid(reader, metric, places, months)
    for goal in reader.goals:
        if goal.metric == metric and goal.scope == dict(scope) and goal.period == period:
            return goal.target, None
    return NO_PLAN, None


def _of_grid(
    reader: Reader, metric: str, places: Sequence[int | None], months: Sequence[date]
) -> tuple[Decimal, Decimal | None]:
    version, currency = reader.version, reader.version.plan.currency
    grid, every = reader.grid(metric), version.plan.months
    whole, due = 0, 0.0
    for month in months:
        minor = grid.total(Part(places[0], places[1], every.index(month)))
        whole += minor
        weights = facts.day_weights(version, metric, month)
        over = max(0, min(len(weights), (reader.today - month).days))
        due += minor * sum(weights[:over]) / sum(weights)
    has_begun = reader.today > months[0]
    is_adding = metrics()[metric].roll_up in (RollUp.SUM, RollUp.DISTINCT)
    shown = from_minor(metric, round(due), currency) if has_begun and is_adding else None
    return from_minor(metric, whole, currency), shown
