"""Calendars as iCalendar (RFC 5545) files and feeds, written and read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any

from topline.units.errors import ToplineError
from topline.units.text import N_

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


# Reading -----------------------------------------------------------------------

MOST_BYTES = 1_000_000
MOST_EVENTS = 1_000


class NoCalendarError(ToplineError):
    message = N_("This is no calendar file: it should begin with BEGIN:VCALENDAR and hold events.")


class LargeCalendarError(ToplineError):
    message = N_("A calendar file may hold up to %(events)s events and %(bytes)s bytes. Export fewer years of it.")


class EntryError(ToplineError):
    """What is wrong with one event."""

    message = N_("The event can't be read: %(why)s")


class NoStartError(EntryError):
    message = N_("The event has no first day (DTSTART).")


class NoSummaryError(EntryError):
    message = N_("The event has no name (SUMMARY).")


class BackwardsError(EntryError):
    message = N_("The event ends before it begins.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written(Entry):
    """An event as a calendar file has it.

    line : of the file that it begins on; is_yearly : it comes back every year
    repeats : it comes back otherwise, and only its first time was read; is_cancelled : it is called off
    """

    line: int
    is_yearly: bool = False
    repeats: bool = False
    is_cancelled: bool = False


def read(raw: bytes, zone: tzinfo) -> tuple[list[Written], list[tuple[int, ToplineError]]]:
    """The events of a calendar file, and what is wrong with the others, by the line that they begin on.

    zone : of the shop; an event with hours lies on the days that it touches there

    Raises NoCalendarError, LargeCalendarError.
    """
    if len(raw) > MOST_BYTES:
        raise LargeCalendarError(events=MOST_EVENTS, bytes=MOST_BYTES)
    text = raw.decode("utf-8-sig", errors="replace")
    if "BEGIN:VCALENDAR" not in text.upper():
        raise NoCalendarError()
    blocks = list(islice(_blocks(text), MOST_EVENTS + 1))
    if len(blocks) > MOST_EVENTS:
        raise LargeCalendarError(events=MOST_EVENTS, bytes=MOST_BYTES)
    found: list[Written] = []
    wrong: list[tuple[int, ToplineError]] = []
    for line, block in blocks:
        try:
            found.append(_written(line, block, zone))
        except EntryError as error:
            wrong.append((line, error))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            wrong.append((line, EntryError(why=str(error)[:200])))
    return found, wrong


def _blocks(text: str) -> Iterator[tuple[int, str]]:
    """Each event's lines, and the number of the first."""
    inside: list[str] | None = None
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip().upper()
        if name == "BEGIN:VEVENT":
            inside, first = [], number
        if inside is not None:
            inside.append(line)
        if name == "END:VEVENT" and inside is not None:
            yield first, "\r\n".join(inside)
            inside = None
    if inside is not None:
        yield first, "\r\n".join([*inside, "END:VEVENT"])


def _written(line: int, block: str, zone: tzinfo) -> Written:
    from icalendar import Event

    event: Any = Event.from_ical(block)
    if "DTSTART" not in event:
        raise NoStartError()
    summary = " ".join(str(event.get("SUMMARY", "")).split())
    if not summary:
        raise NoSummaryError()
    start, end = _days(event, zone)
    if end <= start:
        raise BackwardsError()
    rule = event.get("RRULE") or {}
    every = str(next(iter(rule.get("FREQ", [])), "")).upper()
    is_yearly = every == "YEARLY" and set(rule) <= {"FREQ", "WKST"}
    uid = str(event.get("UID", "")).strip()
    if event.get("RECURRENCE-ID") is not None:
        uid += f"@{start}"
    listed = event.get("CATEGORIES")
    groups = listed if isinstance(listed, list) else [listed] if listed is not None else []
    status = str(event.get("STATUS", "")).upper()
    return Written(
        line=line,
        uid=uid[:255] if len(uid) <= 255 and uid else sha256((uid or f"{summary}{start}").encode()).hexdigest(),
        summary=summary,
        start=start,
        end=end,
        description=" ".join(str(event.get("DESCRIPTION", "")).split()),
        categories=tuple(str(name).strip() for group in groups for name in group.cats),
        is_yearly=is_yearly,
        repeats=bool(every) and not is_yearly,
        is_tentative=status == "TENTATIVE",
        is_cancelled=status == "CANCELLED",
    )


def _days(event: Any, zone: tzinfo) -> tuple[date, date]:
    """The first day and the day after the last."""
    first = event.decoded("DTSTART")
    last = event.decoded("DTEND") if "DTEND" in event else None
    if last is None and "DURATION" in event:
        last = first + event.decoded("DURATION")
    start = _day(first, zone)
    if last is None:
        return start, start + timedelta(days=1)
    if not isinstance(last, datetime):
        return start, last if last > start else start + timedelta(days=1) if last == start else last
    if last < first:
        return start, start
    # up to midnight it belongs to the day before
    final = _day(last - timedelta(microseconds=1) if last > first else last, zone)
    return start, final + timedelta(days=1)


def _day(moment: date, zone: tzinfo) -> date:
    if not isinstance(moment, datetime):
        return moment
    return (moment if moment.tzinfo is None else moment.astimezone(zone)).date()
