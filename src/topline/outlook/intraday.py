"""A shop's day while it runs: pace by hour from days like it, where it ends, and the chance to make its target."""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.query import Filter, Query
from topline.metrics.settings import Settings
from topline.science import intraday
from topline.science.intraday import HOURS, Curve, Expected
from topline.units.period import Period

Floats = NDArray[np.float64]

LEVEL = 0.8
SIMILAR = 8
_WEEKS = 34
_EVENT_WEIGHT = 3.0
"""A day of the same event says as much of how the hours go as three ordinary days of the weekday."""


@dataclass(frozen=True, slots=True)
class Hour:
    """Sales added up by the end of an hour.

    hour : 1 to 24; actual : None for hours that aren't over, but for the one that runs: what is in
    due : what should be in for the day to make its target, None without one
    before : the day of the same event last year, else the same weekday a week before
    """

    hour: int
    actual: float | None
    due: Expected | None
    before: float


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """A day as seen at a time of it.

    elapsed : hours of it that are over, 0 to 24
    orders : their number so far
    target : what it should bring, None if no plan in force says so; chance : to make it, None without one
    due : what should be in by now for that
    finish : where it ends; None without any day like it
    before, before_on : what the compared day had by now, and which day that was
    events, similar : how many days of the same event and of the same weekday the curve is learnt from
    """

    on: date
    elapsed: float
    actual: float
    orders: int
    target: float | None
    due: Expected | None
    finish: Expected | None
    chance: float | None
    before: float
    before_on: date
    hours: tuple[Hour, ...]
    events: int
    similar: int


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    """What earlier days teach of a day."""

    curve: Curve | None
    usual: float
    spread: float
    order: float
    before: Floats
    before_on: date
    events: int
    similar: int


_pasts: OrderedDict[Hashable, _Past] = OrderedDict()


def look(
    lake: Lake,
    snapshot: Snapshot,
    *,
    on: date,
    elapsed: float,
    target: float | None,
    past: Sequence[date],
    scope: Scope,
    settings: Settings,
) -> Day:
    """The day as it stands at a time of it.

    past : days of the same event in earlier years, the newest first
    """
    months = snapshot.tables["order_line"].months if "order_line" in snapshot.tables else {}
    month = f"{on:%Y-%m}"
    former = tuple(
        sorted(each for each in months.items() if each[0] < month or (each[0] == month and elapsed >= HOURS))
    )
    key = (str(lake.root), on, int(elapsed), tuple(past), former, scope.digest, settings.digest)
    known = read.remembered(_pasts, key)
    if known is None:  # while the day runs, its month is looked at once an hour, not with every order
        known = _learn(lake, snapshot, on, past, scope, settings)
        read.remember(_pasts, key, known)
    query = Query(metrics=("net_sales", "orders"), period=Period(on, on + timedelta(days=1)), by=("hour",))
    found = read.read(lake, query, scope=scope, settings=settings, snapshot=snapshot)
    sold = np.zeros(HOURS)
    orders = 0
    for row in found.rows:
        hour, value, count = row["hour"], row["net_sales"], row["orders"]
        if isinstance(hour, int) and hour < elapsed:  # a pinned clock stands still in a day that is known whole
            sold[hour] += float(value) if isinstance(value, int | Decimal) else 0.0
            orders += count if isinstance(count, int) else 0
    actual = float(sold.sum())
    ends = None
    if known.curve is not None and known.usual > 0:
        ends = intraday.finish(actual, elapsed, known.curve, usual=known.usual, spread=known.spread, order=known.order)
    due = intraday.due(target, known.curve, elapsed) if target and known.curve else None
    return Day(
        on=on,
        elapsed=elapsed,
        actual=actual,
        orders=orders,
        target=target,
        due=due,
        finish=ends.expected if ends else None,
        chance=ends.chance(target) if ends and target else None,
        before=float(np.interp(elapsed, np.arange(HOURS + 1), np.append(0, known.before.cumsum()))),
        before_on=known.before_on,
        hours=tuple(_hours(sold, elapsed, target, known)),
        events=known.events,
        similar=known.similar,
    )


def _hours(sold: Floats, elapsed: float, target: float | None, known: _Past) -> list[Hour]:
    added, before = sold.cumsum(), known.before.cumsum()
    return [
        Hour(
            hour=hour,
            actual=float(added[hour - 1]) if hour - 1 < elapsed else None,
            due=intraday.due(target, known.curve, hour) if target and known.curve else None,
            before=float(before[hour - 1]),
        )
        for hour in range(1, HOURS + 1)
    ]


def _learn(lake: Lake, snapshot: Snapshot, on: date, past: Sequence[date], scope: Scope, settings: Settings) -> _Past:
    """Sales by hour of the same weekdays before, and of the same event's days with the weekdays before each."""
    weekdays = _before(on, _WEEKS)
    around = {day: _before(day, SIMILAR) for day in past}
    days = sorted({*weekdays, *past, *(day for each in around.values() for day in each)})
    query = Query(
        metrics=("net_sales", "orders"),
        period=Period(days[0], days[-1] + timedelta(days=1)),
        by=("day", "hour"),
        where=(Filter("day", tuple(days)),),
    )
    sold = {day: np.zeros(HOURS) for day in days}
    orders, whole = 0, 0.0
    for row in read.read(lake, query, scope=scope, settings=settings, snapshot=snapshot).rows:
        day, hour, value, count = row["day"], row["hour"], row["net_sales"], row["orders"]
        if isinstance(day, date) and isinstance(hour, int) and isinstance(value, int | Decimal):
            sold[day][hour] += float(value)
            whole += max(float(value), 0.0)
            orders += count if isinstance(count, int) else 0
    known = [day for day in past if sold[day].sum() > 0]
    similar = [day for day in weekdays[:SIMILAR] if sold[day].sum() > 0]
    chosen = [*known, *similar]
    weights = np.array([_EVENT_WEIGHT] * len(known) + [1.0] * len(similar))
    curve = intraday.curve(np.array([sold[day] for day in chosen]), weights) if chosen else None
    lifts = [
        sold[day].sum() / base for day in known if (base := np.mean([sold[each].sum() for each in around[day]])) > 0
    ]
    first = next((k for k in reversed(range(len(weekdays))) if sold[weekdays[k]].sum() > 0), -1)
    totals = np.array([sold[day].sum() for day in reversed(weekdays[: first + 1])])
    level, spread = intraday.usual(totals, np.array(lifts))
    before_on = known[0] if known else weekdays[0]
    return _Past(
        curve, level, spread, whole / orders if orders else level, sold[before_on], before_on, len(known), len(similar)
    )


def _before(day: date, count: int) -> list[date]:
    """As many of the same weekday before a day, the newest first."""
    return [day - timedelta(weeks=k) for k in range(1, count + 1)]
