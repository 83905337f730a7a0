"""When retail events happen in a country."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from topline.calendar import holiday
from topline.calendar.events import EVENTS, Event
from topline.units.period import Period


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event in one year and country, from `start` up to but without `end`.

    event : the event's id; label : translatable
    kind : fixed, nth-weekday, easter-offset, relative, lunar, announced, regulated, or own (a shop's own event)
    lead_in_days, tail_days : days before and after in which shops feel it
    categories : the product groups that it matters to most, empty for all
    is_estimate : True until the real date is known
    """

    event: str
    label: str
    kind: str
    start: date
    end: date
    country: str
    region: str | None = None
    lead_in_days: int = 0
    tail_days: int = 0
    categories: tuple[str, ...] = ()
    source: str = ""
    verified_on: date | None = None
    is_estimate: bool = False

    @property
    def period(self) -> Period:
        return Period(self.start, self.end)

    @property
    def window(self) -> Period:
        """The event with its lead-in and tail."""
        return Period(self.start - timedelta(days=self.lead_in_days), self.end + timedelta(days=self.tail_days))


def occurrences(
    period: Period, country: str, *, region: str | None = None, own: Iterable[Occurrence] = ()
) -> list[Occurrence]:
    """The retail events of a country of which a day lies in the period, in order of time.

    country : ISO 3166-1; region : ISO 3166-2 without the country, where a region has rules of its own
    own : the shop's own events; one that bears the id of an event here takes the place of that event in its year,
        which is how a shop enters an announced date

    Raises UnknownCountryError.
    """
    holiday.check_country(country)
    mine = tuple(own)
    replaced = {(one.event, one.start.year) for one in mine}
    ours = (one for one in _all(period, country, region) if (one.event, one.start.year) not in replaced)
    touching = (one for one in (*ours, *mine) if one.start < period.end and one.end > period.start)
    return sorted(touching, key=lambda one: (one.start, one.end, one.event))


def _all(period: Period, country: str, region: str | None) -> Iterator[Occurrence]:
    """Every event of every year that the period touches; the year before too, for what lasts over New Year."""
    for event in EVENTS:
        for year in range(period.start.year - 1, period.last.year + 2):
            yield from _of_year(event, country, region, year)


def _of_year(event: Event, country: str, region: str | None, year: int) -> Iterator[Occurrence]:
    rule = event.rule(country, region) if year >= event.first_year else None
    for span in rule.spans(year) if rule else ():
        yield Occurrence(
            event=event.id,
            label=event.label,
            kind=rule.kind if rule else "",
            start=span.first,
            end=span.end,
            country=country,
            region=region,
            lead_in_days=event.lead_in_days,
            tail_days=event.tail_days,
            categories=event.categories,
            source=event.source,
            verified_on=event.verified_on,
            is_estimate=span.is_estimate,
        )
