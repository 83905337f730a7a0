"""Calendars as iCalendar (RFC 5545) files and feeds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a third of a second to import: not on the way to a first page
    from icalendar import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An all-day entry from `start` up to but without `end`.

    uid : stable over time, so that a calendar program moves an entry instead of adding a second one
    is_tentative : the date is an estimate
    """

    uid: str
    summary: str
    start: date
    end: date
    description: str = ""
    categories: tuple[str, ...] = ()
    is_tentative: bool = False


def feed(entries: Iterable[Entry], *, name: str, now: datetime) -> bytes:
    """The entries as one iCalendar file.

    name : what calendar programs call it
    now : UTC, the moment that the file states of itself
    """
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", "-//Topline//Retail calendar//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    for entry in entries:
        calendar.add_component(_event(entry, now))
    return bytes(calendar.to_ical())


def _event(entry: Entry, now: datetime) -> "Event":
    from icalendar import Event

    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", now)
    event.add("summary", entry.summary)
    event.add("dtstart", entry.start)
    event.add("dtend", entry.end)
    event.add("transp", "TRANSPARENT")
    event.add("status", "TENTATIVE" if entry.is_tentative else "CONFIRMED")
    if entry.description:
        event.add("description", entry.description)
    if entry.categories:
        event.add("categories", list(entry.categories))
    return event
