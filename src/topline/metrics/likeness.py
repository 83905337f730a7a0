"""Which day of the year before a day is like: the same weekday, and the same moving feast."""

from collections.abc import Mapping
from datetime import date, timedelta

from dateutil.easter import EASTER_ORTHODOX, EASTER_WESTERN, easter

from topline.units.period import Period

_ORTHODOX = frozenset({"RO", "GR", "BG", "CY", "RS", "MK", "MD", "UA", "RU", "BY", "GE", "ME"})
_YEAR = timedelta(weeks=52)


def like_for_like(period: Period, country: str) -> Mapping[date, date]:
    """For each day of the period the day of the year before to compare it with.

    It is the day 52 weeks earlier, so weekdays agree. The fortnight up to Easter Monday and the week of Black Friday
    (Monday to Cyber Monday) stand against their own days of the year before; the days that they displace shift by
    whole weeks, so each day of the year before is used once and every weekday keeps its number.

    country : ISO code; decides between the western and the orthodox Easter
    """
    shifts = {year: _shifted(year, country) for year in range(period.start.year - 1, period.end.year + 1)}
    days = (period.start + timedelta(days=n) for n in range(period.days))
    return {day: shifts[day.year].get(day, day - _YEAR) for day in days}


def _shifted(year: int, country: str) -> dict[date, date]:
    """The days of a year that are not like the day 52 weeks before, with the days that they are like."""
    shifted: dict[date, date] = {}
    for now, before, lead, tail in (
        (_easter(year, country), _easter(year - 1, country), 13, 1),
        (_black_friday(year), _black_friday(year - 1), 4, 3),
    ):
        moved = now - _YEAR - before
        if not moved:
            continue
        feast = [now + timedelta(days=n) for n in range(-lead, tail + 1)]
        twins = {day: before + (day - now) for day in feast}
        first = min(feast[0], twins[feast[0]] + _YEAR)
        last = max(feast[-1], twins[feast[-1]] + _YEAR)
        window = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        shifted |= twins
        for weekday in range(7):
            ours = [day for day in window if day.weekday() == weekday and day not in twins]
            taken = set(twins.values())
            theirs = [d for day in window if (d := day - _YEAR).weekday() == weekday and d not in taken]
            shifted |= dict(zip(ours, theirs, strict=True))
    return shifted


def _easter(year: int, country: str) -> date:
    found: date = easter(year, EASTER_ORTHODOX if country in _ORTHODOX else EASTER_WESTERN)
    return found


def _black_friday(year: int) -> date:
    """The day after the fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 22)
