"""Which days a question reads, and under which day each is shown: windows over time, and years laid upon each other."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from topline.metrics.catalogue import dimensions
from topline.metrics.likeness import like_for_like
from topline.metrics.query import Filter, Query, WindowTooLongError
from topline.metrics.settings import Settings
from topline.units.period import FiscalCalendar, Grain, Period

MOST_DAYS = 400_000
"""Pairs of days that a frame may hold."""

MOST_BUCKETS = 120
"""Buckets that a value may be asked for one by one."""

YEAR = timedelta(weeks=52)


@dataclass(frozen=True, slots=True)
class Frame:
    """Days read and days shown.

    days : (day read, day shown); a day may be shown several times, or not at all
    periods : the days read for each bucket shown, for values that aren't put together of days; None without buckets
    """

    days: tuple[tuple[date, date], ...]
    periods: Mapping[date | None, Period]


def frame(query: Query, known: Period, settings: Settings, *, like: str | None = None) -> Frame | None:
    """How the days of a question are laid out, None if each is read and shown once.

    known : the days in question that have happened
    like : None for those days themselves, else `last_year_weekday` or `last_year_feast` for those of the year before
    Raises WindowTooLongError.
    """
    if query.window is None and like is None:
        return None
    calendar = settings.calendar
    grain = finest(query)
    if query.window is None:
        days = [(day, day) for day in _days(known)]
    else:
        days = list(_windows(query.window, known, calendar, grain or Grain.YEAR))
    days = [(day, shown) for day, shown in days if all(_is_kept(shown, f, calendar) for f in query.where)]
    if like and days:
        span = Period(min(day for day, _ in days), max(day for day, _ in days) + timedelta(days=1))
        twins = (
            {day: day - YEAR for day in _days(span)}
            if like == "last_year_weekday"
            else like_for_like(span, settings.country)
        )
        days = [(twins[day], shown) for day, shown in days]
    periods: dict[date | None, Period] = {}
    for day, shown in days:
        bucket = calendar.floor(shown, grain) if grain else None
        held = periods.get(bucket)
        end = day + timedelta(days=1)
        periods[bucket] = Period(min(held.start, day), max(held.end, end)) if held else Period(day, end)
    return Frame(tuple(days), periods)


def finest(query: Query) -> Grain | None:
    """The finest grain of a day or more among what the question is cut by."""
    found = [grain for id_ in query.by if (grain := dimensions()[id_].grain) and grain is not Grain.HOUR]
    order = list(Grain)
    return min(found, key=order.index, default=None)


def is_of_days(condition: Filter) -> bool:
    """Whether it filters by days, weeks, months and so on, which a frame has taken care of."""
    grain = dimensions()[condition.dimension].grain
    return grain is not None and grain is not Grain.HOUR


def _windows(window: int | str, known: Period, calendar: FiscalCalendar, grain: Grain) -> Iterator[tuple[date, date]]:
    """Each bucket's first day with every day of its window."""
    starts = [bucket.start for bucket in calendar.buckets(known, grain)]
    held = 0
    for i, start in enumerate(starts):
        end = min(calendar.next(start, grain), known.end)
        first = known.start if isinstance(window, str) else _back(starts, i, window - 1, calendar, grain)
        held += (end - first).days
        if held > MOST_DAYS:
            raise WindowTooLongError(grain=dimensions()[grain.value].label)
        for day in _days(Period(first, end)):
            yield day, start


def _back(starts: Sequence[date], i: int, buckets: int, calendar: FiscalCalendar, grain: Grain) -> date:
    """The first day of the bucket so many before the i-th, which may lie before all of them."""
    if buckets <= i:
        return starts[i - buckets]
    first = starts[0]
    for _ in range(buckets - i):
        first = calendar.floor(first - timedelta(days=1), grain)
    return first


def _days(period: Period) -> Iterator[date]:
    return (period.start + timedelta(days=n) for n in range(period.days))


def _is_kept(day: date, condition: Filter, calendar: FiscalCalendar) -> bool:
    if not is_of_days(condition):
        return True
    grain = dimensions()[condition.dimension].grain
    return grain is not None and calendar.floor(day, grain) in condition.values
