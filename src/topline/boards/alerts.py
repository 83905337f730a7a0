"""When an alert's condition holds: each bucket of days is judged once it is over and its data is in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from topline.accounts.scopes import require_whole, scope_for
from topline.boards.models import Alert, asked
from topline.calendar import holiday
from topline.lake import read as lake_read
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Metric, Value
from topline.metrics.query import Query
from topline.outlook import demand
from topline.plans import facts
from topline.plans.models import Goal, PlanVersion
from topline.plans.units import from_minor
from topline.science import season, unusual
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Grain, Period, add_months
from topline.units.text import N_

MOST_BUCKETS = 31
"""After a longer pause only the newest buckets are judged."""

DRIFT = "drift"

_HISTORY = timedelta(days=730)


class NoFigureError(ToplineError):
    message = N_("%(metric)s can't be judged: %(reason)s.")


class NoGoalError(ToplineError):
    message = N_("No plan in force has a goal for %(metric)s with these filters.")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of a bucket. message, params : for people (see `web.formats.told`)"""

    bucket: Period
    holds: bool
    value: Decimal | None
    expected: Decimal | None = None
    low: Decimal | None = None
    high: Decimal | None = None
    message: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)


type Judge = Callable[[Alert, Period, Snapshot], Judgement]


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of condition.

    grains, sides : what it can be judged by, and in which direction
    metric : the only figure that it watches, of the whole shop; "" where it is chosen
    is_plain : for amounts and counts only
    """

    label: str
    hint: str
    judge: Judge
    grains: tuple[str, ...]
    sides: tuple[str, ...]
    needs_bound: bool = False
    is_plain: bool = False
    metric: str = ""


def metric_of(query: Query) -> Metric:
    return metrics()[query.metrics[0]]


def threshold(alert: Alert, bucket: Period, snapshot: Snapshot) -> Judgement:
    """Whether the bucket's value lies beyond the bound."""
    value, bound = _value(alert, bucket, snapshot), Decimal(alert.bound or 0)
    is_above = alert.side == Alert.Side.ABOVE
    is_day = alert.grain == Grain.DAY.value
    message = {
        (True, True): N_("%(alert)s: %(found_value)s on %(bucket)s is above %(expected_value)s."),
        (True, False): N_("%(alert)s: %(found_value)s on %(bucket)s is below %(expected_value)s."),
        (False, True): N_("%(alert)s: %(found_value)s in %(bucket)s is above %(expected_value)s."),
        (False, False): N_("%(alert)s: %(found_value)s in %(bucket)s is below %(expected_value)s."),
    }[is_day, is_above]
    holds = value > bound if is_above else value < bound
    return _judged(alert, bucket, holds, message, value, bound)


def unusual_day(alert: Alert, bucket: Period, snapshot: Snapshot) -> Judgement:
    """Whether the day is unusual for the season (`science.unusual`); public holidays aren't judged."""
    history = Period(bucket.end - _HISTORY, bucket.end)
    query = asked(alert.question, history, "day", None)
    query = Query(metrics=query.metrics, where=query.where, period=history, by=("day",))
    rows = {row["day"]: row[alert.metric] for row in _read(alert, query, snapshot)[0]}
    days = [history.start + timedelta(days=i) for i in range(history.days)]
    values = [_float(rows.get(day)) for day in days]
    first = next((i for i, value in enumerate(values) if value), len(values))
    found = unusual.surprise(np.array(values[first:]))
    if found is None:
        raise NoFigureError(metric=metrics()[alert.metric].label, reason=N_("it needs twelve weeks of history"))
    wanted = {Alert.Side.ABOVE: found.score > 0, Alert.Side.BELOW: found.score < 0}.get(Alert.Side(alert.side), True)
    holds = found.is_unusual and wanted and not _is_holiday(alert, bucket.start)
    message = (
        N_("%(alert)s: %(found_value)s on %(bucket)s is unusually much; the season lets expect %(expected_value)s.")
        if found.score > 0
        else N_(
            "%(alert)s: %(found_value)s on %(bucket)s is unusually little; the season lets expect %(expected_value)s."
        )
    )
    value, usual, low, high = (_decimal(each) for each in (found.value, found.expected, found.low, found.high))
    return _judged(alert, bucket, holds, message, value, usual, low, high)


def off_pace(alert: Alert, bucket: Period, snapshot: Snapshot) -> Judgement:
    """Whether the goal of a plan in force is behind or ahead of what its season lets expect by the end of the day."""
    goal = _goal(alert, bucket.start)
    if goal is None:
        raise NoGoalError(metric=metrics()[alert.metric].label)
    value = _value(alert, Period(goal.starts_on, bucket.end), snapshot)
    due, margin = due_of(goal, bucket.end), Decimal(alert.bound or 0)
    is_above = alert.side == Alert.Side.ABOVE
    message = (
        N_("%(alert)s: %(found_value)s by %(bucket)s is ahead of the plan's pace, %(expected_value)s.")
        if is_above
        else N_("%(alert)s: %(found_value)s by %(bucket)s is behind the plan's pace, %(expected_value)s.")
    )
    holds = value > due * (1 + margin) if is_above else value < due * (1 - margin)
    return _judged(alert, bucket, holds, message, value, due)


def drifted(alert: Alert, bucket: Period, snapshot: Snapshot) -> Judgement:
    """Whether weeks up to this one fell outside their published forecasts more often than the backtest lets expect."""
    shop = alert.shop
    require_whole(scope_for(alert.owner, shop))
    found = demand.drift(shop.lake(), snapshot, as_of=bucket.end, settings=shop.settings())
    if not found.weeks:
        raise NoFigureError(metric=metrics()[alert.metric].label, reason=N_("no week that is over was forecast"))
    message = N_(
        "%(alert)s: %(outside)s of %(weeks)s weeks fell outside their forecasts. In %(bucket)s it was %(found_value)s,"
        " expected were %(expected_value)s. Look for what has changed before you rely on the outlook."
    )
    value, expected, low, high = (_decimal(each) for each in (found.came, found.mean, found.low, found.high))
    judged = _judged(alert, bucket, found.is_alarming, message, value, expected, low, high)
    return replace(judged, params={**judged.params, "outside": found.outside, "weeks": found.weeks})


RULES: Mapping[str, Rule] = {
    "threshold": Rule(
        N_("Above or below an amount"),
        N_("Tells you when the figure of a day, week or month passes the amount."),
        threshold,
        ("day", "week", "month"),
        (Alert.Side.BELOW, Alert.Side.ABOVE),
        needs_bound=True,
    ),
    "off_pace": Rule(
        N_("Off the pace of the plan"),
        N_("Tells you when a goal of the plan in force falls behind what its season lets expect by then."),
        off_pace,
        ("day",),
        (Alert.Side.BELOW, Alert.Side.ABOVE),
        needs_bound=True,
        is_plain=True,
    ),
    "unusual": Rule(
        N_("Unusual for the season"),
        N_("Tells you when a day is far from what weekday, season and the last weeks let expect."),
        unusual_day,
        ("day",),
        (Alert.Side.EITHER, Alert.Side.BELOW, Alert.Side.ABOVE),
        is_plain=True,
    ),
    DRIFT: Rule(
        N_("The outlook misses"),
        N_("Tells you when weeks fall outside what the outlook had published more often than its accuracy allows."),
        drifted,
        ("week",),
        (Alert.Side.EITHER,),
        is_plain=True,
        metric=demand.METRIC,
    ),
}


def waiting(alert: Alert, today: date, snapshot: Snapshot) -> bool:
    """Whether there is something to judge: new data, or a new day."""
    return alert.snapshot != snapshot.number or alert.day != today


def judgements(alert: Alert, *, today: date, snapshot: Snapshot) -> Iterator[tuple[Judgement, bool]]:
    """Each bucket to judge, and whether the condition begins to hold in it.

    They are the last one judged, since its data may have changed, and those that ended since; of a new alert the last
    that ended. Raises NoFigureError, NoGoalError and what `lake.read` raises.
    """
    rule, grain, calendar = RULES[alert.rule], Grain(alert.grain), alert.shop.calendar
    end = calendar.floor(today, grain)
    start = max(_previous(min(alert.judged_to or end, end), grain, alert), _back(end, grain))
    held = _held(alert, Period(_previous(start, grain, alert), start), snapshot)
    for bucket in calendar.buckets(Period(start, end), grain):
        if not _is_in(alert, bucket, snapshot):
            return
        found = rule.judge(alert, bucket, snapshot)
        yield found, found.holds and not held
        held = found.holds


def _held(alert: Alert, bucket: Period, snapshot: Snapshot) -> bool:
    """Whether the condition held in a bucket; not where it can't be judged, such as before a plan began."""
    try:
        return RULES[alert.rule].judge(alert, bucket, snapshot).holds
    except (NoFigureError, NoGoalError):
        return False


def _previous(start: date, grain: Grain, alert: Alert) -> date:
    return alert.shop.calendar.floor(start - timedelta(days=1), grain)


def _back(end: date, grain: Grain) -> date:
    if grain is Grain.MONTH:
        return add_months(end, -MOST_BUCKETS)
    return end - timedelta(days=MOST_BUCKETS * (7 if grain is Grain.WEEK else 1))


def _is_in(alert: Alert, bucket: Period, snapshot: Snapshot) -> bool:
    """Whether something was recorded after the bucket's end, so that it isn't judged before its data came.

    A shop whose clock is pinned has all of its data.
    """
    if alert.shop.is_pinned:
        return True
    over = datetime.combine(bucket.end, time(), alert.shop.zone)
    return snapshot.recorded_to is not None and snapshot.recorded_to >= over


def _read(alert: Alert, query: Query, snapshot: Snapshot) -> tuple[Any, Mapping[str, Value]]:
    """Rows and totals, as the alert's owner may see them."""
    shop = alert.shop
    scope = scope_for(alert.owner, shop)
    found = lake_read.read(shop.lake(), query, scope=scope, settings=shop.settings(), snapshot=snapshot)
    return found.rows, found.totals


def _value(alert: Alert, period: Period, snapshot: Snapshot) -> Decimal:
    """The metric over a period. Raises NoFigureError."""
    query = asked(alert.question, period, alert.grain, None)
    value = _read(alert, query, snapshot)[1][alert.metric]
    if isinstance(value, Missing):
        raise NoFigureError(metric=metrics()[alert.metric].label, reason=value.message % value.params)
    return Decimal(str(value))


def _is_holiday(alert: Alert, day: date) -> bool:
    country = alert.shop.country
    return bool(country) and any(holiday.holidays(country, Period(day, day + timedelta(days=1))))


def _goal(alert: Alert, day: date) -> Goal | None:
    """The goal that a plan in force has for the metric, with the alert's filters as its scope."""
    scope = {one.dimension: one.values[0] for one in asked(alert.question, None, "day", None).where}
    versions = PlanVersion.objects.of(alert.shop).active().filter(plan__starts_on__lte=day, plan__ends_on__gt=day)
    goals = Goal.objects.standing().filter(version__in=versions, metric=alert.metric, starts_on__lte=day)
    in_force = (goal for goal in goals.filter(due_on__gte=day).select_related("version__plan__shop"))
    return next((g for g in in_force if g.scope == scope and g.metric in g.version.grid_metrics), None)


def due_of(goal: Goal, until: date) -> Decimal:
    """What the version's own season lets expect of the goal's target by the end of the day before `until`."""
    version = goal.version
    months = version.plan.months
    targets = version.grid(goal.metric).cells[version.part(goal).box].reshape(-1, len(months)).sum(axis=0)
    due = 0.0
    for month, target in zip(months, targets.tolist(), strict=True):
        weights = np.array(facts.day_weights(version, goal.metric, month))
        due += target * season.pace(weights, min(max((until - month).days, 0), len(weights)))
    return from_minor(goal.metric, round(due), version.plan.currency)


def _judged(
    alert: Alert,
    bucket: Period,
    holds: bool,
    message: str,
    value: Decimal,
    expected: Decimal,
    low: Decimal | None = None,
    high: Decimal | None = None,
) -> Judgement:
    params = {
        "alert": alert.name,
        "metric": alert.metric,
        "found_value": str(value),
        "expected_value": str(expected),
        "bucket": [bucket.start.isoformat(), bucket.end.isoformat()],
    }
    return Judgement(bucket, holds, value, expected, low, high, message, params)


def _float(value: object) -> float:
    return float(value) if isinstance(value, Decimal | int | float) else 0.0


def _decimal(value: float) -> Decimal:
    return round(Decimal(value), 6)
