"""A day of the shop while it runs, against the plan in force and the same event's days of earlier years."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from topline.accounts.models import Shop
from topline.calendar.occurrence import Occurrence
from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.outlook import intraday
from topline.plans.calendar import events_of
from topline.plans.expectation import number
from topline.units.missing import Missing
from topline.units.period import Period, add_months

YEARS = 3
LONGEST_DAYS = 7
"""An event that lasts longer is a season: its days are like the weekdays around them."""


@dataclass(frozen=True, slots=True, eq=False)
class EventDay:
    """A day as it stands, and the event that it belongs to, None for an ordinary one."""

    day: intraday.Day
    event: Occurrence | None


def look(shop: Shop, on: date, now: datetime, *, scope: Scope, snapshot: Snapshot) -> EventDay:
    """The day as seen at a moment, within what the viewer may see."""
    event = event_on(shop, on)
    found = intraday.look(
        shop.lake(),
        snapshot,
        on=on,
        elapsed=elapsed(shop, on, now),
        target=target(shop, on, scope, snapshot),
        past=before(shop, on, event) if event else (),
        scope=scope,
        settings=shop.settings(),
    )
    return EventDay(found, event)


def elapsed(shop: Shop, on: date, now: datetime) -> float:
    """Hours of the day that are over, 0 to 24."""
    local = now.astimezone(shop.zone)
    if local.date() != on:
        return 24.0 if local.date() > on else 0.0
    return local.hour + local.minute / 60 + local.second / 3600


def target(shop: Shop, on: date, scope: Scope, snapshot: Snapshot) -> float | None:
    """What the plan in force wants of the day, None if none does."""
    query = Query(metrics=("net_sales",), period=Period(on, on + timedelta(days=1)), against="plan")
    found: Result = read.read(shop.lake(), query, scope=scope, settings=shop.settings(), snapshot=snapshot)
    wanted = (found.against_totals or {}).get("net_sales")
    return None if wanted is None or isinstance(wanted, Missing) else number(wanted) or None


def event_on(shop: Shop, on: date) -> Occurrence | None:
    """The short event of the day, the shortest where several meet."""
    ours = events_of(shop, Period(on, on + timedelta(days=1)))
    found = [one for one in ours if one.start <= on < one.end and one.period.days <= LONGEST_DAYS]
    return min(found, key=lambda one: one.period.days, default=None)


def before(shop: Shop, on: date, event: Occurrence) -> list[date]:
    """The same day of the event in earlier years, the newest first."""
    since = Period(add_months(on, -12 * YEARS - 2), add_months(on, -2))
    past = [one for one in events_of(shop, since) if one.event == event.event]
    place = on - event.start
    days = {min(one.start + place, one.end - timedelta(days=1)) for one in past}
    return sorted((day for day in days if day in since), reverse=True)
