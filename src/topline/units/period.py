"""Periods of time, the grains that they are cut in, and the fiscal calendar."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from topline.units import errors


class Grain(StrEnum):
    """The size of a time bucket. A bucket is named by its first day (an hour by its number within the day)."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    FISCAL_QUARTER = "fiscal_quarter"
    FISCAL_YEAR = "fiscal_year"


def add_months(day: date, months: int) -> date:
    """The same day `months` later, or the month's last day where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for last in (day.day, 30, 29, 28):
        try:
            return date(year, month + 1, last)
        except ValueError:
            continue
    raise AssertionError("every month has 28 days")


@dataclass(frozen=True, slots=True)
class FiscalCalendar:
    """How a shop cuts its year.

    week_start : ISO weekday that a week begins on, 1 (Monday) to 7 (Sunday)
    first_month : month that the fiscal year begins in, 1 to 12
    """

    week_start: int = 1
    first_month: int = 1

    def floor(self, day: date, grain: Grain) -> date:
        """The first day of the bucket that holds `day`."""
        match grain:
            case Grain.HOUR | Grain.DAY:
                return day
            case Grain.WEEK:
                return day - timedelta(days=(day.isoweekday() - self.week_start) % 7)
            case Grain.MONTH:
                return day.replace(day=1)
            case Grain.QUARTER:
                return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
            case Grain.YEAR:
                return date(day.year, 1, 1)
            case Grain.FISCAL_QUARTER:
                return add_months(day.replace(day=1), -((day.month - self.first_month) % 3))
            case Grain.FISCAL_YEAR:
                return add_months(day.replace(day=1), -((day.month - self.first_month) % 12))

    def next(self, start: date, grain: Grain) -> date:
        """The first day of the bucket after the one that begins on `start`."""
        match grain:
            case Grain.HOUR | Grain.DAY:
                return start + timedelta(days=1)
            case Grain.WEEK:
                return start + timedelta(days=7)
            case Grain.MONTH:
                return add_months(start, 1)
            case Grain.QUARTER | Grain.FISCAL_QUARTER:
                return add_months(start, 3)
            case Grain.YEAR | Grain.FISCAL_YEAR:
                return add_months(start, 12)

    def buckets(self, period: "Period", grain: Grain) -> Iterator["Period"]:
        """The buckets that the period touches, whole, in order of time (days for the grain hour)."""
        start = self.floor(period.start, grain)
        while start < period.end:
            end = self.next(start, grain)
            yield Period(start, end)
            start = end


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """Days from `start` up to but without `end`, in the shop's zone."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise errors.PeriodError(text=f"{self.start}/{self.end}")

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    @property
    def last(self) -> date:
        """The last day inside."""
        return self.end - timedelta(days=1)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def whole_months(self) -> int | None:
        """How many calendar months the period is made of, None when it isn't."""
        if self.start.day != 1 or self.end.day != 1:
            return None
        return (self.end.year - self.start.year) * 12 + self.end.month - self.start.month

    def previous(self) -> "Period":
        """The period of the same length just before: as many months if it is made of months, else as many days."""
        months = self.whole_months()
        if months:
            return Period(add_months(self.start, -months), self.start)
        return Period(self.start - timedelta(days=self.days), self.start)

    def last_year(self) -> "Period":
        """The same period a year before: by month if made of months, else 364 days back, so that weekdays align."""
        if self.whole_months():
            return Period(add_months(self.start, -12), add_months(self.end, -12))
        return Period(self.start - timedelta(days=364), self.end - timedelta(days=364))

    @classmethod
    def of_months(cls, first: date, months: int) -> "Period":
        start = first.replace(day=1)
        return cls(start, add_months(start, months))


def parse_day(text: str) -> date:
    """The date of `2027-01-31`, or the first day of `2027-01` or `2027`. Raises PeriodError."""
    if not re.fullmatch(r"\d{4}(-\d{2}){0,2}", text):
        raise errors.PeriodError(text=text)
    try:
        return date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        raise errors.PeriodError(text=text) from None
