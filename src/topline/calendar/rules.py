"""The rules by which a retail event finds its days in a year."""

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from types import MappingProxyType
from typing import ClassVar, Protocol

from dateutil.easter import EASTER_ORTHODOX, EASTER_WESTERN, easter
from hijridate import Hijri

from topline.calendar import holiday

MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = range(1, 8)


@dataclass(frozen=True, slots=True)
class Span:
    """`days` days from `first` on; an estimate until the real date is known."""

    first: date
    days: int = 1
    is_estimate: bool = False

    @property
    def end(self) -> date:
        """The first day after."""
        return self.first + timedelta(days=self.days)


class Rule(Protocol):
    """What finds an event's days. `kind` is one of the kinds of the retail calendar."""

    @property
    def kind(self) -> str: ...

    def spans(self, year: int) -> Iterator[Span]:
        """The spans that begin in `year`, in order of time; a lunar feast may come twice."""
        ...


@dataclass(frozen=True, slots=True)
class Fixed:
    """The same day every year."""

    kind: ClassVar[str] = "fixed"
    month: int
    day: int
    days: int = 1

    def spans(self, year: int) -> Iterator[Span]:
        yield Span(date(year, self.month, self.day), self.days)


@dataclass(frozen=True, slots=True)
class NthWeekday:
    """The n-th ISO weekday of a month, moved by `shift` days.

    nth : 1 is the first on or after day `since` of the month, -1 the last of the month
    """

    kind: ClassVar[str] = "nth-weekday"
    month: int
    weekday: int
    nth: int
    shift: int = 0
    days: int = 1
    since: int = 1

    def spans(self, year: int) -> Iterator[Span]:
        if self.nth > 0:
            start = date(year, self.month, self.since)
            first = start + timedelta(days=(self.weekday - start.isoweekday()) % 7 + 7 * (self.nth - 1))
        else:
            last = date(year, self.month, calendar.monthrange(year, self.month)[1])
            first = last - timedelta(days=(last.isoweekday() - self.weekday) % 7 + 7 * (-self.nth - 1))
        yield Span(first + timedelta(days=self.shift), self.days)


@dataclass(frozen=True, slots=True)
class EasterOffset:
    """Days after Easter Sunday (before it if negative), western or orthodox."""

    kind: ClassVar[str] = "easter-offset"
    offset: int = 0
    is_orthodox: bool = False

    def spans(self, year: int) -> Iterator[Span]:
        sunday = easter(year, EASTER_ORTHODOX if self.is_orthodox else EASTER_WESTERN)
        yield Span(sunday + timedelta(days=self.offset))


@dataclass(frozen=True, slots=True)
class Relative:
    """Days after the first day of another event."""

    kind: ClassVar[str] = "relative"
    to: Rule
    offset: int
    days: int = 1

    def spans(self, year: int) -> Iterator[Span]:
        for span in self.to.spans(year):
            yield Span(span.first + timedelta(days=self.offset), self.days, span.is_estimate)


@dataclass(frozen=True, slots=True)
class Hijra:
    """A day of the Islamic calendar (Umm al-Qura), up to that of `until`; a country's sighting may differ by a day."""

    kind: ClassVar[str] = "lunar"
    month: int
    day: int
    until: tuple[int, int] | None = None

    def spans(self, year: int) -> Iterator[Span]:
        for hijri_year in range(year - 622 + (year - 622) // 33 - 1, year - 622 + (year - 622) // 33 + 3):
            try:
                first = Hijri(hijri_year, self.month, self.day).to_gregorian()
                end = Hijri(hijri_year, *self.until).to_gregorian() if self.until else first + timedelta(days=1)
            except (OverflowError, ValueError):  # outside the years 1343-1500 that the tables hold
                continue
            if first.year == year:
                yield Span(first, (end - first).days, is_estimate=True)


@dataclass(frozen=True, slots=True)
class Feast:
    """A lunar feast that is a public holiday of `country` and named `name` there in English."""

    kind: ClassVar[str] = "lunar"
    country: str
    name: str

    def spans(self, year: int) -> Iterator[Span]:
        on = holiday.first_named(self.country, self.name, year)
        if on:
            yield Span(on, is_estimate=True)


@dataclass(frozen=True, slots=True)
class Announced:
    """Dates as announced, by year; `estimate` stands in for a year that has none."""

    estimate: Rule
    dates: Mapping[int, Span] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    kind: str = "announced"

    def spans(self, year: int) -> Iterator[Span]:
        if year in self.dates:
            yield self.dates[year]
        else:
            for span in self.estimate.spans(year):
                yield replace(span, is_estimate=True)


@dataclass(frozen=True, slots=True)
class Regulated:
    """A window that a law sets; the function holds its conditions."""

    kind: ClassVar[str] = "regulated"
    window: Callable[[int], Span]

    def spans(self, year: int) -> Iterator[Span]:
        yield self.window(year)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A weekday rule with a condition, as a function of the year."""

    kind: str
    day: Callable[[int], Span]

    def spans(self, year: int) -> Iterator[Span]:
        yield self.day(year)


@dataclass(frozen=True, slots=True)
class Before:
    """The `days` days that end the day before another rule's first day."""

    to: Rule
    days: int

    @property
    def kind(self) -> str:
        return self.to.kind

    def spans(self, year: int) -> Iterator[Span]:
        for span in self.to.spans(year):
            yield Span(span.first - timedelta(days=self.days), self.days, span.is_estimate)


@dataclass(frozen=True, slots=True)
class SchoolTable:
    """The first school day after the summer break in the school table of `holidays`; `estimate` where it has no year.

    months : the months, from and to, in which the break ends
    """

    kind: ClassVar[str] = "announced"
    country: str
    region: str
    months: tuple[int, int]
    estimate: Rule

    def spans(self, year: int) -> Iterator[Span]:
        longest = max(_runs(holiday.school_holidays(self.country, self.region, year), self.months), key=len, default=[])
        if len(longest) < 14:
            for span in self.estimate.spans(year):
                yield replace(span, is_estimate=True)
            return
        first = longest[-1] + timedelta(days=1)
        while not holiday.is_working_day(self.country, first, self.region):
            first += timedelta(days=1)
        yield Span(first)


def _runs(days: list[date], months: tuple[int, int]) -> Iterator[list[date]]:
    """Runs of days without a gap of more than a weekend, that end in the months given."""
    run: list[date] = []
    for day in [*days, date.max]:
        if run and (day - run[-1]).days > 3:
            if months[0] <= run[-1].month <= months[1]:
                yield run
            run = []
        run.append(day)
