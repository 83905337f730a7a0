"""Working days of a country: its weekend and its public holidays are not."""

from datetime import date, timedelta

from topline.calendar import holiday
from topline.units.period import Period


def working_days(country: str, period: Period, *, region: str | None = None) -> int:
    """How many days of the period are working days. Raises UnknownCountryError."""
    days = (period.start + timedelta(days=n) for n in range(period.days))
    return sum(holiday.is_working_day(country, day, region) for day in days)


def add_working_days(country: str, start: date, days: int, *, region: str | None = None) -> date:
    """The working day that is `days` working days after `start`, before it if negative.

    0 gives `start` itself, or the next working day if it is none. What is promised in 2 working days on a Friday
    comes on Tuesday. Raises UnknownCountryError.
    """
    step = timedelta(days=-1 if days < 0 else 1)
    day, left = start, abs(days)
    while left or not holiday.is_working_day(country, day, region):
        day += step
        if left and holiday.is_working_day(country, day, region):
            left -= 1
    return day
