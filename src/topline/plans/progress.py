"""How a plan goes: actuals, pace by season, last year, and the chance to make it, as seen on any day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import RollUp, Unit
from topline.metrics.query import Query
from topline.plans import answered, expectation, facts, forecast
from topline.plans.drafting import EmptyLakeError
from topline.plans.expectation import OTHER, Expectation, Names
from topline.plans.forecast import Forecast
from topline.plans.grid import Grid
from topline.plans.models import Entry, Goal, GridOperation, Plan, PlanVersion, State
from topline.plans.text import Sentence
from topline.plans.units import from_minor
from topline.science import season
from topline.science.demand import ShortHistoryError
from topline.units.missing import Missing
from topline.units.period import Period, add_months

HEADLINE = "net_sales"
"""Key of the goal for all net sales."""

DRIVERS = ("orders", "average_order_value")
"""What net sales are the product of."""

SAID = ("1.summary", "2.text")
"""The document's texts that a draft writes."""

ON_COURSE_CHANCE = 0.45
AT_RISK_CHANCE = 0.2


@dataclass(frozen=True, slots=True)
class Band:
    """Bounds of the shown level, and the middle, in the metric's unit."""

    low: float
    expected: float
    high: float


_NOTHING = Band(0.0, 0.0, 0.0)
_NO_SALES = np.zeros(1)
"""What a part ends at that the outlook has no sales of."""


@dataclass(frozen=True, slots=True)
class Line:
    """A target and how it goes. All amounts in the metric's unit.

    name : a category, market or month; None for the whole, and for rows without a value
    actual : in so far, None before the first day
    due : what the season lets expect of the target by now; None where a season can't tell (rates)
    last_year, last_year_to_date : the same days a year before, None if unknown
    now : where it ends as seen today; drafted : as the draft saw it
    chance : probability that it ends at the target or above, as seen today, 0-1
    """

    name: str | date | None
    target: Decimal
    actual: Decimal | None
    due: Decimal | None
    last_year: Decimal | None
    last_year_to_date: Decimal | None = None
    now: Band | None = None
    drafted: Band | None = None
    chance: float | None = None

    @property
    def pace(self) -> float | None:
        """Actual over what is due by now: 1 is on the season's line."""
        return float(self.actual / self.due) if self.actual is not None and self.due else None

    @property
    def growth(self) -> float | None:
        """Actual against the same days a year before, as a rate."""
        before = self.last_year_to_date
        return float(self.actual / before - 1) if self.actual is not None and before else None


@dataclass(frozen=True, slots=True)
class GoalLine:
    """A goal and how it goes.

    status : before, on_course, at_risk, behind, reached or missed; unknown where nobody can say its chance
    """

    goal: Goal
    line: Line
    status: str
    why: Sentence


@dataclass(frozen=True, slots=True)
class DayPoint:
    """Cumulative amounts by the end of a day; actual None from today on, last_year None if unknown."""

    on: date
    due: float
    actual: float | None
    last_year: float | None


@dataclass(frozen=True, slots=True)
class EventLine:
    """A retail event that the plan's months feel.

    event : id; lead_in : the day that shops begin to feel it; tail : the first day after it is felt
    index : what its days sold last year against an average day of that year, None if unknown
    status : over, running (lead-in included) or ahead
    """

    event: str
    start: date
    end: date
    lead_in: date
    tail: date
    categories: Sequence[str]
    is_estimate: bool
    index: float | None
    status: str


@dataclass(frozen=True, slots=True)
class GridView:
    """The target grid as people see it.

    cells, locked : [block][market][month], amounts in the metric's unit
    revision : to send back with an edit
    """

    metric: str
    blocks: tuple[str | None, ...]
    markets: tuple[str | None, ...]
    months: tuple[date, ...]
    cells: list[list[list[Decimal]]]
    locked: list[list[list[bool]]]
    by_month: list[Decimal]
    by_block: list[Decimal]
    by_market: list[Decimal]
    total: Decimal
    revision: int
    is_editable: bool
    can_undo: bool


@dataclass(frozen=True, slots=True)
class PlanView:
    """Everything that a plan's page, its API resource and its command show.

    as_of : the shop's day; what happened before it is known. known_to : the day up to which there are facts
    headline : sentences that answer "is the plan on course?"
    total : net sales of the whole plan; months, categories, markets : its parts
    level : of all bands, 0-1
    by_season : chance of the total by season and trend alone, where its own is that of the check; else None
    """

    version: PlanVersion
    as_of: date
    known_to: date
    snapshot: int
    status: str
    headline: list[Sentence]
    total: Line
    months: list[Line]
    categories: list[Line]
    markets: list[Line]
    goals: list[GoalLine]
    days: list[DayPoint]
    events: list[EventLine]
    missing: list[Sentence]
    sections: Mapping[int, list[Sentence]]
    level: float
    by_season: float | None

    @property
    def plan(self) -> Plan:
        return self.version.plan


def of(
    version: PlanVersion,
    as_of: date,
    snapshot: Snapshot | None = None,
    *,
    known_at: datetime | None = None,
    checked: Mapping[str, NDArray[np.float64]] | None = None,
) -> PlanView:
    """The plan version as seen on a day, from the newest snapshot or the one given; people see `checks.look`.

    known_at : with what had been recorded by then, as people saw it that day; None for all that is known now
    checked : by goal what it ends at on each path of the plan's check; its band and chance are taken from there

    Raises drafting.EmptyLakeError.
    """
    shop = version.plan.shop
    snapshot = snapshot or shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    with answered.kept("plan", shop, version.plan.period, as_of, snapshot, known_at):
        return _view(_Look(version, shop, as_of, snapshot, known_at, checked or {}))


def _view(look: "_Look") -> PlanView:
    version, as_of, snapshot = look.version, look.as_of, look.snapshot
    total, months = look.total(), look.months()
    goals = look.goals()
    status = look.status(total)
    return PlanView(
        version=version,
        as_of=as_of,
        known_to=look.sales.known_to,
        snapshot=snapshot.number,
        status=status,
        headline=look.headline(total, goals, status),
        total=total,
        months=months,
        categories=look.parts("category", 0),
        markets=look.parts("market", 1),
        goals=goals,
        days=look.days(),
        events=[_event(stored, as_of) for stored in version.outlook.get("events", [])],
        missing=[Sentence.of(stored) for stored in version.outlook.get("missing", [])],
        sections={int(entry.field.split(".")[0]): said(entry) for entry in version.entries.filter(field__in=SAID)},
        level=expectation.LEVEL,
        by_season=look.by_season(total) if HEADLINE in look.checked else None,
    )


def said(entry: Entry) -> list[Sentence]:
    """What a text of the document says: the sentences of the draft, or a person's own words."""
    if "said" in entry.cells:
        return [Sentence.of(one) for one in entry.cells["said"]]
    return [Sentence("text", {"text": entry.cells.get("text", "")})]


def grid_view(version: PlanVersion, metric: str) -> GridView:
    """The grid of one metric, for people."""
    grid = version.grid(metric)
    blocks, markets, months = version.axes(metric)
    money = _Money(metric, version.plan.currency)
    return GridView(
        metric=metric,
        blocks=blocks,
        markets=markets,
        months=months,
        cells=[[[money(cell) for cell in row] for row in block] for block in grid.cells.tolist()],
        locked=grid.locked.tolist(),
        by_month=[money(sum_) for sum_ in grid.cells.sum(axis=(0, 1)).tolist()],
        by_block=[money(sum_) for sum_ in grid.cells.sum(axis=(1, 2)).tolist()],
        by_market=[money(sum_) for sum_ in grid.cells.sum(axis=(0, 2)).tolist()],
        total=money(grid.total()),
        revision=version.revision,
        is_editable=version.state not in (State.ACTIVE, State.CLOSED),
        can_undo=GridOperation.objects.undoable(version).exists(),
    )


@dataclass(frozen=True, slots=True)
class _Money:
    """Amounts of a metric out of whole units or floats, in its digits."""

    metric: str
    currency: str

    def __call__(self, minor: int) -> Decimal:
        return from_minor(self.metric, minor, self.currency)

    def exact(self, value: float) -> Decimal:
        zero = from_minor(self.metric, 0, self.currency)
        return Decimal(value).quantize(zero)

    def known(self, value: float) -> Decimal | None:
        return None if np.isnan(value) else self.exact(value)


class _Look:
    """One look at a version: what several parts of the view need, read once."""

    def __init__(
        self,
        version: PlanVersion,
        shop: Shop,
        as_of: date,
        snapshot: Snapshot,
        known_at: datetime | None,
        checked: Mapping[str, NDArray[np.float64]],
    ) -> None:
        self.version, self.shop, self.as_of, self.snapshot, self.known_at = version, shop, as_of, snapshot, known_at
        self.checked = checked
        self.period = version.plan.period
        self.is_begun = as_of > self.period.start
        self.is_over = version.plan.is_over(as_of)
        self.sales = self.expect("net_sales")
        self.standing = list(version.goals.standing().select_related("owner", "parent"))
        self.grid, self.shares = cache(version.grid), cache(self._shares)
        self.finish, self.bands, self._within = cache(self._finish), cache(self._bands), cache(self._read_within)

    def expect(self, metric: str) -> Expectation:
        return expectation.amount(self.shop, metric, self.period, self.as_of, self.snapshot, self.known_at)

    @property
    def seen(self) -> Period | None:
        """The days of the plan that are over."""
        return Period(self.period.start, min(self.as_of, self.period.end)) if self.is_begun else None

    @property
    def twin(self) -> Period | None:
        """The days a year before those that are over and whose sales are known; None where there are none."""
        until = min(self.as_of, self.period.end, self.sales.known_to)
        if until <= self.period.start:
            return None
        return Period(add_months(self.period.start, -12), add_months(until, -12))

    def _shares(self, metric: str) -> NDArray[np.float64]:
        """(months,) how much of each month's target the version's own season lets expect by now, 0-1."""
        until = min(self.as_of, self.sales.known_to)
        found = []
        for month in self.version.plan.months:
            weights = np.array(facts.day_weights(self.version, metric, month))
            found.append(season.pace(weights, min(max((until - month).days, 0), len(weights))))
        return np.array(found)

    def lines(self, metric: str, one: Expectation, grid: Grid) -> list[Line]:
        """A line a month."""
        money = _Money(metric, self.version.plan.currency)
        targets = grid.cells.sum(axis=(0, 1))
        drafted = self.version.outlook.get("months", {}).get(metric, [])
        rows = zip(one.months, targets.tolist(), self.shares(metric), strict=True)
        return [
            Line(
                name=month,
                target=money(target),
                actual=money.exact(one.actual[t]) if self.as_of > month else None,
                due=money.exact(float(money(target)) * share) if self.as_of > month else None,
                last_year=money.known(one.last_year[t]),
                now=Band(*expectation.band(one.samples[:, t])),
                drafted=Band(*drafted[t][:3]) if t < len(drafted) else None,
                chance=expectation.reached(metric, one.samples[:, t], float(money(target))),
            )
            for t, (month, target, share) in enumerate(rows)
        ]

    def months(self) -> list[Line]:
        return self.lines("net_sales", self.sales, self.grid("net_sales"))

    def whole(self, metric: str, one: Expectation) -> Line:
        """The line of the whole period of a metric that a grid plans."""
        grid = self.grid(metric)
        money = _Money(metric, self.version.plan.currency)
        target = money(grid.total())
        goal = next((each for each in self.standing if each.metric == metric and not each.scope), None)
        finish = self.checked.get(metric, one.finish)
        return Line(
            name=None,
            target=target,
            actual=money.exact(one.actual.sum()) if self.is_begun else None,
            due=self.due(metric, grid.cells.sum(axis=(0, 1))) if self.is_begun else None,
            last_year=money.known(one.last_year.sum()),
            last_year_to_date=self.before(metric),
            now=Band(*expectation.band(finish)),
            drafted=_drafted(goal),
            chance=expectation.reached(metric, finish, float(target)),
        )

    def by_season(self, total: Line) -> float:
        """The chance of the total by season and trend alone."""
        return expectation.reached("net_sales", self.sales.finish, float(total.target))

    def due(self, metric: str, targets: NDArray[np.int64]) -> Decimal:
        """What is due by now of targets (months,) in whole units."""
        money = _Money(metric, self.version.plan.currency)
        return money(round(float((targets * self.shares(metric)).sum())))

    def before(self, metric: str) -> Decimal | None:
        """The same days a year before, None where the history doesn't hold them."""
        if self.twin is None:
            return None
        value = expectation.whole(self.shop, metric, self.twin, self.as_of, self.snapshot, self.known_at)
        return _Money(metric, self.version.plan.currency).exact(value) if value else None

    def total(self) -> Line:
        return self.whole("net_sales", self.sales)

    def parts(self, dimension: str, axis: int) -> list[Line]:
        """A line for each value of a grid's axis; what no value of it holds stands with the others."""
        names = self.version.axes("net_sales")[:2][axis]
        if names == (None,):
            return []
        money = _Money("net_sales", self.version.plan.currency)
        cells = self.grid("net_sales").cells.sum(axis=1 - axis)
        whole = self.period.last_year()
        actual, before, year = (self.within((dimension,), one) for one in (self.seen, self.twin, whole))
        finish, ends = self.finish(dimension), self.bands(dimension)
        targets = [money(sum_) for sum_ in cells.sum(axis=1).tolist()]
        due = (cells * self.shares("net_sales")).sum(axis=1).tolist()
        return [
            Line(
                name=name,
                target=targets[k],
                actual=None if actual is None else money.exact(actual.get((name,), 0.0)),
                due=money(round(due[k])) if self.is_begun else None,
                last_year=money.exact(sold) if year and (sold := year.get((name,))) else None,
                last_year_to_date=money.exact(sold) if before and (sold := before.get((name,))) else None,
                now=None if ends is None else ends.get(name, _NOTHING),
                chance=None
                if finish is None
                else expectation.reached("net_sales", finish.get(name, _NO_SALES), float(targets[k])),
            )
            for k, name in enumerate(names)
        ]

    def _finish(self, dimension: str) -> dict[str | None, NDArray[np.float64]] | None:
        """(draws,) what each value of an axis that sells ends at; None where the outlook knows no such slices."""
        cut, names = self.sales.by.get(dimension), frozenset(self.version.scopes("net_sales")[dimension])
        if cut is None:
            return None
        ends: dict[str | None, NDArray[np.float64]] = {}
        for place, name in enumerate(cut.names):
            known = name if name in names else OTHER
            if known in names:
                ends[known] = ends.get(known, 0.0) + cut.finish[:, place]
        return ends

    def _bands(self, dimension: str) -> dict[str | None, Band] | None:
        """What each value of an axis that sells ends at; None where the outlook knows no such slices."""
        finish = self.finish(dimension)
        if not finish:
            return None if finish is None else {}
        found = expectation.bands(np.stack(list(finish.values()), axis=1))
        return {name: Band(*one) for name, one in zip(finish, found, strict=True)}

    def goals(self) -> list[GoalLine]:
        planned = self.version.grid_metrics
        lines = []
        for goal in self.standing:
            if goal.metric not in planned:
                line = self.rate(goal)
            elif goal.scope:
                line = self.scoped(goal)
            else:
                line = self.whole(goal.metric, self.expect(goal.metric))
            lines.append(GoalLine(goal, line, self.status(line, goal), Sentence.of(goal.why)))
        return lines

    def scoped(self, goal: Goal) -> Line:
        """The line of a goal for a category, a market or both."""
        money = _Money(goal.metric, self.version.plan.currency)
        part = self.version.part(goal)
        cells = self.grid(goal.metric).cells[part.box].reshape(-1, len(self.version.plan.months))
        actual, before, year = (self.sold(goal.scope, one) for one in (self.seen, self.twin, self.period.last_year()))
        if goal.key in self.checked:
            finish = self.checked[goal.key]
            band = Band(*expectation.band(finish))
        else:
            finish, band = self.scoped_finish(goal, actual or 0.0)
        return Line(
            name=None,
            target=money.exact(float(goal.target)),
            actual=None if actual is None else money.exact(actual),
            due=self.due(goal.metric, cells.sum(axis=0)) if self.is_begun else None,
            last_year=money.exact(year) if year else None,
            last_year_to_date=money.exact(before) if before else None,
            now=band,
            drafted=_drafted(goal),
            chance=expectation.reached(goal.metric, finish, float(goal.target)),
        )

    def sold(self, scope: Mapping[str, str | None], period: Period | None) -> float | None:
        """Net sales of a period within a goal's scope."""
        found = self.within(tuple(scope), period)
        return None if found is None else found.get(tuple(scope.values()), 0.0)

    def within(self, dimensions: tuple[str, ...], period: Period | None) -> Mapping[Names, float] | None:
        """Net sales of a period by the names of axes."""
        return None if period is None else self._within(dimensions, period)

    def _read_within(self, dimensions: tuple[str, ...], period: Period) -> Mapping[Names, float]:
        scopes = self.version.scopes("net_sales")
        axes = {name: scopes[name] for name in dimensions}
        return expectation.within(self.shop, "net_sales", period, self.as_of, self.snapshot, axes, self.known_at)

    def scoped_finish(self, goal: Goal, actual: float) -> tuple[NDArray[np.float64], Band]:
        """(draws,) what a goal's scope ends at, and its interval.

        The outlook knows categories and markets apart. Of a category in a market the rest of the period is the
        category's, at the share that the market had of it in the year before.
        """
        first = min(goal.scope)
        ends, bands = self.finish(first), self.bands(first)
        if ends is None or bands is None:
            base, so_far, rest = self.sales.finish, float(self.sales.actual.sum()), goal.scope
        else:
            name = goal.scope[first]
            base, rest = ends.get(name, _NO_SALES), {each: of for each, of in goal.scope.items() if each != first}
            so_far = self.sold({first: name}, self.seen) or 0.0
            if not rest:
                return base, bands.get(name, _NOTHING)
        past = Period(add_months(self.as_of, -12), self.as_of)
        known = {name: value for name, value in goal.scope.items() if name not in rest}
        whole = self.sold(known, past) or 0.0
        share = (self.sold(goal.scope, past) or 0.0) / whole if whole else 0.0
        finish = actual + (base - so_far) * share
        return finish, Band(*expectation.band(finish))

    def rate(self, goal: Goal) -> Line:
        """The line of a goal that is a ratio: it has no pace, but a last year and a chance."""
        money = _Money(goal.metric, self.version.plan.currency)
        if goal.metric not in expectation.RATES or goal.scope:
            return self.read(goal)
        first_on = date.fromisoformat(self.version.outlook.get("first_on", self.period.start.isoformat()))
        one = expectation.rate(self.shop, goal.metric, goal.period, self.as_of, first_on, self.snapshot, self.known_at)
        exact = money.exact if metrics()[goal.metric].unit == Unit.MONEY else _rate_digits
        if one is None:
            return Line(None, exact(float(goal.target)), None, None, None, drafted=_drafted(goal), chance=goal.chance)
        finish = self.checked.get(goal.key, one.finish)
        return Line(
            name=None,
            target=exact(float(goal.target)),
            actual=None if one.actual is None else exact(one.actual),
            due=None,
            last_year=None if one.before is None else exact(one.before),
            last_year_to_date=None if one.before_to_date is None else exact(one.before_to_date),
            now=Band(*expectation.band(finish)),
            drafted=_drafted(goal),
            chance=expectation.reached(goal.metric, finish, float(goal.target)),
        )

    def read(self, goal: Goal) -> Line:
        """The line of any other goal: its value so far, the step that is due, the year before, its own forecast."""
        kept = metrics()[goal.metric]
        exact = _Money(goal.metric, self.version.plan.currency).exact if kept.unit == Unit.MONEY else _rate_digits

        def value(period: Period | None) -> Decimal | None:
            if period is None:
                return None
            query = Query(
                metrics=(goal.metric,),
                period=period,
                where=forecast.where(goal.scope),
                as_of=self.as_of,
                known_at=self.known_at,
            )
            total = answered.ask(self.shop, query, self.snapshot).totals[goal.metric]
            return None if isinstance(total, Missing) else exact(expectation.number(total))

        steps = [Decimal(amount) for day, amount in goal.dated if date.fromisoformat(day) < self.as_of]
        due = steps[-1] if steps and kept.roll_up == RollUp.SUM else None
        seen, ends = forecast.of(goal, self.as_of, self.snapshot, self.known_at), self.checked.get(goal.key)
        now = _band(seen.quantiles, seen.expected)
        chance = expectation.chance(goal.metric, seen.quantiles, float(goal.target))
        if ends is not None:
            now, chance = Band(*expectation.band(ends)), expectation.reached(goal.metric, ends, float(goal.target))
        return Line(
            name=None,
            target=exact(float(goal.target)),
            actual=value(self.seen),
            due=due,
            last_year=value(self.period.last_year()),
            last_year_to_date=value(self.twin),
            now=now,
            drafted=_drafted(goal),
            chance=chance,
        )

    def status(self, line: Line, goal: Goal | None = None) -> str:
        """How it stands: by the goal's own bands of the pace, else by its chance."""
        is_down = goal is not None and expectation.is_down(goal.metric)
        if self.is_over:
            if line.actual is None:
                return "missed"
            is_made = line.actual <= line.target if is_down else line.actual >= line.target
            return "reached" if is_made else "missed"
        if not self.is_begun:
            return "before"
        if goal is not None and goal.bands and line.pace:
            share = 1 / line.pace if is_down else line.pace
            return "on_course" if share >= goal.bands[0] else "at_risk" if share >= goal.bands[1] else "behind"
        if line.chance is None:
            return "unknown"
        if line.chance >= ON_COURSE_CHANCE:
            return "on_course"
        return "at_risk" if line.chance >= AT_RISK_CHANCE else "behind"

    def headline(self, total: Line, goals: Sequence[GoalLine], status: str) -> list[Sentence]:
        params: dict[str, Any] = {"target_amount": total.target, "chance_rate": total.chance or 0.0}
        if self.is_over:
            return [Sentence(f"pace.{status}", {"actual_amount": total.actual, "target_amount": total.target})]
        said = [Sentence(f"pace.{status}", params | {"first_on": self.period.start})]
        if HEADLINE in self.checked and round(self.by_season(total), 2) != round(total.chance or 0.0, 2):
            said.append(Sentence("pace.checked", {"season_rate": self.by_season(total)}))
        last_on = min(self.as_of, self.sales.known_to) - timedelta(days=1)
        if self.is_begun and total.pace is not None:
            to_date = {"actual_amount": total.actual, "due_amount": total.due, "pace_rate": total.pace}
            said.append(Sentence("pace.to_date", to_date | {"last_on": last_on}))
        drivers = [one for one in goals if one.goal.metric in DRIVERS and one.line.chance is not None]
        if status in ("at_risk", "behind") and drivers:
            driver = min(drivers, key=lambda one: one.line.chance or 0.0)
            said.append(Sentence("pace.holds_back", {"driver_metric": driver.goal.metric}))
        if self.sales.known_to < self.as_of:
            said.append(Sentence("pace.no_actuals", {"last_on": last_on}))
        return said

    def days(self) -> list[DayPoint]:
        """Cumulative target, actual and last year, day by day."""
        grid = self.grid("net_sales")
        money = _Money("net_sales", self.version.plan.currency)
        targets = [float(money(int(sum_))) for sum_ in grid.cells.sum(axis=(0, 1))]
        actual, before = self.by_day(self.seen), self.by_day(self.period.last_year())
        known = min(self.as_of, self.sales.known_to)
        due = done = past = 0.0
        points = []
        for month, target in zip(self.version.plan.months, targets, strict=True):
            weights = np.array(facts.day_weights(self.version, "net_sales", month))
            for offset, weight in enumerate(weights / weights.sum()):
                on = month + timedelta(days=offset)
                due += target * float(weight)
                done += actual.get(on, 0.0)
                past += before.get(add_months(on, -12), 0.0)
                points.append(DayPoint(on, due, done if on < known else None, past if before else None))
        return points

    def by_day(self, period: Period | None) -> dict[date, float]:
        if period is None:
            return {}
        query = Query(metrics=("net_sales",), period=period, by=("day",), as_of=self.as_of, known_at=self.known_at)
        rows = answered.ask(self.shop, query, self.snapshot).rows
        return {row["day"]: expectation.number(row["net_sales"]) for row in rows if isinstance(row["day"], date)}


def _drafted(goal: Goal | None) -> Band | None:
    """The forecast that a goal was drafted from."""
    return None if goal is None else _band(goal.quantiles, goal.expected)


def _band(quantiles: Sequence[float], expected: float | None) -> Band | None:
    """The 10 % and 90 % of 99 quantiles, and the mean, else the median; None without them."""
    if not quantiles:
        return None
    return Band(quantiles[9], quantiles[49] if expected is None else expected, quantiles[89])


def foresee(goal: Goal, as_of: date, snapshot: Snapshot) -> Forecast:
    """What a goal may end at as seen on a day; of what the grid plans by category and market, as its page sees it."""
    version = goal.version
    if not goal.scope or goal.metric not in version.grid_metrics:
        return forecast.of(goal, as_of, snapshot)
    try:
        look = _Look(version, version.plan.shop, as_of, snapshot, None, {})
    except ShortHistoryError:
        return Forecast.unknown("short", goal)
    finish, _ = look.scoped_finish(goal, look.sold(goal.scope, look.seen) or 0.0)
    return Forecast.drawn(finish)


def _rate_digits(value: float) -> Decimal:
    return round(Decimal(value), 3)


def _event(stored: Mapping[str, Any], as_of: date) -> EventLine:
    start, end, lead_in, tail = (date.fromisoformat(stored[name]) for name in ("start", "end", "lead_in", "tail"))
    status = "over" if tail <= as_of else "running" if lead_in <= as_of else "ahead"
    return EventLine(
        event=stored["event"],
        start=start,
        end=end,
        lead_in=lead_in,
        tail=tail,
        categories=stored["categories"],
        is_estimate=stored["is_estimate"],
        index=stored.get("index"),
        status=status,
    )
