"""Daily histories as the models want them: read from a snapshot, complete, with the days that lie ahead."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from topline.calendar import holiday
from topline.calendar.occurrence import Occurrence, occurrences
from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.science.demand import ShortHistoryError
from topline.science.total import LEAST_DAYS, Horizon
from topline.units.missing import Missing
from topline.units.period import Period, add_months

Floats = NDArray[np.float64]

STALE_DAYS = 14
_MOVING = frozenset({"nth-weekday", "easter-offset", "relative", "lunar", "announced", "own"})
_SHORT_EVENT = 7


@dataclass(frozen=True, slots=True)
class History:
    """What a metric was on each day, by the values of a dimension.

    start : the first day with a value
    end : the day after the last one known: the `as_of`, or the day after the last value where nothing came for longer
        than two weeks (the data ends there, the shop didn't stop)
    names : the dimension's values, None for rows without one; empty for the total alone
    values : (k, days), k = len(names), or 1 for the total
    """

    start: date
    end: date
    names: tuple[str | None, ...]
    values: Floats

    @property
    def total(self) -> Floats:
        summed: Floats = self.values.sum(axis=0)
        return summed

    def until(self, end: date) -> "History":
        """The same with days of nothing up to a later end."""
        added = max((end - self.end).days, 0)
        return replace(self, end=max(self.end, end), values=np.pad(self.values, ((0, 0), (0, added))))


def daily(
    lake: Lake,
    snapshot: Snapshot,
    metric: str,
    dimension: str | None,
    *,
    as_of: date,
    settings: Settings,
    known_at: datetime | None = None,
) -> History:
    """The history of a metric up to a day, as known at a moment. Raises ShortHistoryError if there is none."""
    by = ("day", dimension) if dimension else ("day",)
    query = Query(metrics=(metric,), by=by, as_of=as_of, known_at=known_at)
    answer = read.read(lake, query, scope=Scope.whole(lake.shop), settings=settings, snapshot=snapshot)
    cells = [(row["day"], _name(row[dimension]) if dimension else None, row[metric]) for row in answer.rows]
    known = [
        (day, name, value) for day, name, value in cells if isinstance(day, date) and isinstance(value, Decimal | int)
    ]
    days = {day for day, _, value in known if value}
    if not days:
        raise ShortHistoryError(found=0, least=LEAST_DAYS)
    start, last = min(days), max(days)
    end = as_of if (as_of - last).days <= STALE_DAYS else last + timedelta(days=1)
    names = tuple(sorted({name for _, name, _ in known}, key=lambda name: (name is None, name or "")))
    place = {name: k for k, name in enumerate(names)}
    values = np.zeros((len(names), (end - start).days))
    for day, name, value in known:
        if start <= day < end:
            values[place[name], (day - start).days] += float(value)
    return History(start, end, names if dimension else (), values)


def _name(entry: object) -> str | None:
    return None if entry is None or isinstance(entry, Missing) else str(entry)


def horizon(history: History, until: date, country: str, own: Iterable[Occurrence] = ()) -> Horizon:
    """The days of a history and those from its end up to but without `until`, cut into months.

    own : the shop's own events, beside those of the country
    """
    whole = Period(history.start, max(until, history.end + timedelta(days=1)))
    day = np.datetime64(history.start, "D") + np.arange(whole.days, dtype="timedelta64[D]")
    month = day.astype("datetime64[M]").astype(np.int64)
    is_holiday = np.zeros(whole.days, dtype=bool)
    event = np.zeros(whole.days, dtype=np.int64)
    if country:
        for free in holiday.holidays(country, whole):
            is_holiday[(free.on - whole.start).days] = True
        _mark_events(event, whole, country, own)
    return Horizon(day, is_holiday, event, month - month[0])


def _mark_events(event: NDArray[np.int64], whole: Period, country: str, own: Iterable[Occurrence]) -> None:
    """Numbers the days of short events whose date moves; those of fixed ones are part of the season's shape."""
    numbers: dict[str, int] = {}
    for one in occurrences(whole, country, own=own):
        if one.kind in _MOVING and one.period.days <= _SHORT_EVENT:
            first, last = (one.start - whole.start).days, (one.end - whole.start).days
            event[max(first, 0) : last] = numbers.setdefault(one.event, len(numbers) + 1)


def moving_events(whole: Period, country: str) -> dict[str, NDArray[np.bool_]]:
    """The days (n,) of a period that are days of each short event whose date moves."""
    found: dict[str, NDArray[np.bool_]] = {}
    for one in occurrences(whole, country):
        if one.kind in _MOVING and one.period.days <= _SHORT_EVENT:
            first, last = (one.start - whole.start).days, (one.end - whole.start).days
            found.setdefault(one.event, np.zeros(whole.days, bool))[max(first, 0) : last] = True
    return found


def months_from(first: date, count: int) -> tuple[date, ...]:
    """The first days of `count` months."""
    return tuple(add_months(first.replace(day=1), k) for k in range(count))
