"""The shop's own calendar: its events and its industry's beside those that ship, and the secret address of its feed."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from topline.accounts.models import Shop, User, digest
from topline.calendar import events as shipped
from topline.calendar.occurrence import Occurrence, occurrences
from topline.documents import ics
from topline.plans.models import CalendarLink, EventImport, OwnEvent
from topline.units import errors
from topline.units.period import Period
from topline.units.text import N_
from topline.workbench import audit

LONGEST_DAYS = 366
MOST_DAYS = 180


class UnknownOwnEventError(errors.ToplineError):
    message = N_("The shop has no event %(id)s of its own.")


class OwnEventError(errors.ToplineError):
    message = N_("An event needs a name of up to 100 characters, and a last day that is not before its first.")


class OwnEventTakenError(errors.ToplineError):
    message = N_("The shop has an event “%(name)s” already. Change that one, or give this one another name.")


class OwnEventDaysError(errors.ToplineError):
    message = N_("An event lasts up to %(longest)s days, and is felt up to %(most)s days before and after.")


class UnknownEventError(errors.ToplineError):
    message = N_("No retail event has the id “%(event)s”.")


def events_of(shop: Shop, period: Period, country: str | None = None) -> list[Occurrence]:
    """The retail events of a country, by default the shop's with its own among them, in a period."""
    own = OwnEvent.objects.occurrences(shop, period) if country in (None, shop.country) else []
    return occurrences(period, country or shop.country, own=own)


def put_event(
    *,
    shop: Shop,
    name: str,
    starts_on: date,
    last_on: date,
    actor_id: int | None,
    event: OwnEvent | None = None,
    dates: str = "",
    is_yearly: bool = False,
    lead_in_days: int = 0,
    tail_days: int = 0,
    categories: Sequence[str] = (),
    note: str = "",
    is_closed: bool = False,
) -> OwnEvent:
    """An event of the shop's own, new or changed.

    event : the one to change; dates : the id of a shipped event whose announced date this is
    is_closed : nothing may be planned on its days

    Raises OwnEventError, OwnEventDaysError, OwnEventTakenError, UnknownEventError, PeriodError.
    """
    if starts_on.year == date.min.year or last_on.year == date.max.year:  # no day lies before or after
        raise errors.PeriodError(text=f"{starts_on}/{last_on}")
    if not 1 <= len(name.strip()) <= 100 or last_on < starts_on:
        raise OwnEventError()
    if (last_on - starts_on).days >= LONGEST_DAYS or not (
        0 <= lead_in_days <= MOST_DAYS and 0 <= tail_days <= MOST_DAYS
    ):
        raise OwnEventDaysError(longest=LONGEST_DAYS, most=MOST_DAYS)
    if dates and all(each.id != dates for each in shipped.EVENTS):
        raise UnknownEventError(event=dates)
    with transaction.atomic():
        kept = event or OwnEvent(shop=shop)
        others = OwnEvent.objects.filter(shop=shop).exclude(pk=kept.pk)
        if others.filter(name=name.strip(), starts_on__year=starts_on.year).exists():
            raise OwnEventTakenError(name=name.strip())
        kept.name, kept.starts_on, kept.last_on, kept.is_yearly = name.strip(), starts_on, last_on, is_yearly
        kept.dates, kept.lead_in_days, kept.tail_days = dates, lead_in_days, tail_days
        kept.categories, kept.note = [each.strip() for each in categories if each.strip()], note.strip()[:300]
        kept.is_closed = is_closed
        kept.save()
        audit.log("calendar.put_event", actor_id=actor_id, shop=shop.slug, subject=kept.name, starts_on=str(starts_on))
    return kept


def delete_event(*, event: OwnEvent, actor_id: int | None) -> None:
    """Take an event of the shop's own off its calendar."""
    with transaction.atomic():
        audit.log("calendar.delete_event", actor_id=actor_id, shop=event.shop.slug, subject=event.name)
        event.delete()


# Calendar files ------------------------------------------------------------------


class NothingToUndoError(errors.ToplineError):
    message = N_("There is no import of events to take back.")


@dataclass(frozen=True, slots=True)
class Line:
    """What becomes of an event of a calendar file.

    outcome : new, changed, same, gone (called off there, so taken out here), absent (called off, and never here), wrong
    note : what was left out of it, or what is wrong
    """

    line: int
    name: str
    starts_on: date | None
    last_on: date | None
    outcome: str
    note: errors.ToplineError | str = ""


_KEPT = ("name", "starts_on", "last_on", "is_yearly", "categories", "note")


def preview(shop: Shop, raw: bytes) -> list[Line]:
    """What importing a calendar file would do. Raises ics.NoCalendarError, ics.LargeCalendarError."""
    with transaction.atomic():
        lines, _ = _take_in(shop, raw, None)
        transaction.set_rollback(True)
    return lines


def import_events(*, shop: Shop, raw: bytes, name: str, actor_id: int | None, now: datetime) -> list[Line]:
    """Take in the events of a calendar file; those that are wrong are left out and told, by line.

    An event is known by its UID: a file taken in again changes what changed there, and adds nothing twice. Lead-ins,
    tails and closed days that people set here stay.

    Raises ics.NoCalendarError, ics.LargeCalendarError.
    """
    with transaction.atomic():
        lines, changes = _take_in(shop, raw, actor_id)
        if changes:
            EventImport.objects.create(shop=shop, name=name[:200], changes=changes, created_at=now, created_by=actor_id)
            audit.log("calendar.import", actor_id=actor_id, shop=shop.slug, subject=name[:200], events=len(changes))
    return lines


def undo_import(*, shop: Shop, actor_id: int | None, now: datetime) -> int:
    """Take back the newest import: what it brought is out, what it changed is as before; how many events that were.

    What people changed since stays as they left it. Raises NothingToUndoError.
    """
    with transaction.atomic():
        found = EventImport.objects.of(shop).select_for_update().first()
        if found is None:
            raise NothingToUndoError()
        done = 0
        for change in found.changes:
            event = OwnEvent.objects.of(shop).filter(uid=change["uid"]).first()
            if (event and _plain(event)) != change["after"]:
                continue
            done += 1
            if change["before"] is None:
                if event:
                    event.delete()
                continue
            event = event or OwnEvent(shop=shop, uid=change["uid"])
            _fill(event, change["before"]).save()
        found.undone_at = now
        found.save(update_fields=["undone_at"])
        audit.log("calendar.undo_import", actor_id=actor_id, shop=shop.slug, subject=found.name, events=done)
    return done


def _take_in(shop: Shop, raw: bytes, actor_id: int | None) -> tuple[list[Line], list[dict[str, Any]]]:
    written, wrong = ics.read(raw, shop.zone)
    lines = [Line(line, "", None, None, "wrong", error) for line, error in wrong]
    changes: dict[str, dict[str, Any]] = {}
    known = {event.uid: event for event in OwnEvent.objects.of(shop).exclude(uid="")}
    for one in written:
        last_on = one.end - timedelta(days=1)
        there = known.get(one.uid)
        before = _plain(there) if there else None
        note: errors.ToplineError | str = N_("it repeats, and only its first days were read") if one.repeats else ""
        outcome = "absent"
        if one.is_cancelled:
            if there:
                delete_event(event=known.pop(one.uid), actor_id=actor_id)
                outcome = "gone"
        else:
            try:
                known[one.uid], outcome = _put(shop, one, there, before, last_on, actor_id)
            except errors.ToplineError as error:
                outcome, note = "wrong", error
        if outcome in ("new", "changed", "gone"):
            now = known.get(one.uid)
            first = changes.get(one.uid, {"before": before})["before"]
            changes[one.uid] = {"uid": one.uid, "before": first, "after": _plain(now) if now else None}
        lines.append(Line(one.line, one.summary, one.start, last_on, outcome, note))
    return sorted(lines, key=lambda line: line.line), list(changes.values())


def _put(
    shop: Shop,
    one: ics.Written,
    there: OwnEvent | None,
    before: dict[str, Any] | None,
    last_on: date,
    actor_id: int | None,
) -> tuple[OwnEvent, str]:
    """The event as it stands now, and what became of it: entered, or changed where it is another now."""
    wanted: dict[str, Any] = {
        "name": one.summary[:100].strip(), "starts_on": one.start, "last_on": last_on, "is_yearly": one.is_yearly,
        "categories": [each for each in one.categories if each], "note": one.description[:300].strip(),
    }  # fmt: skip
    kept = there or OwnEvent(shop=shop, uid=one.uid)
    if before is not None and before | _stored(wanted) == before:
        return kept, "same"
    put_event(
        shop=shop, actor_id=actor_id, event=kept, dates=kept.dates, lead_in_days=kept.lead_in_days,
        tail_days=kept.tail_days, is_closed=kept.is_closed, **wanted,
    )  # fmt: skip
    return kept, "changed" if there else "new"


def _plain(event: OwnEvent) -> dict[str, Any]:
    """An event as JSON keeps it."""
    names = (*_KEPT, "dates", "lead_in_days", "tail_days", "is_closed")
    return _stored({name: getattr(event, name) for name in names})


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in values.items()}


def _fill(event: OwnEvent, stored: dict[str, Any]) -> OwnEvent:
    for name, value in stored.items():
        setattr(event, name, date.fromisoformat(value) if name in ("starts_on", "last_on") else value)
    return event


# Feeds ---------------------------------------------------------------------------


def create_link(
    *, shop: Shop, actor_id: int | None, now: datetime, person: User | None = None, front: str = "", team: str = ""
) -> str:
    """The secret of a new address of a feed, which is shown this once; the address before works no more.

    person : whose own dates it shows; front : the key of a front; team : a team's name; none shows the retail calendar
    """
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        CalendarLink.objects.live(shop, person.pk if person else None, front, team).update(revoked_at=now)
        CalendarLink.objects.create(
            shop=shop, digest=digest(token), created_at=now, created_by=actor_id, person=person, front=front, team=team
        )
        audit.log(
            "calendar.create_link",
            actor_id=actor_id,
            shop=shop.slug,
            person=person and person.pk,
            front=front,
            team=team,
        )
    return token


def revoke_link(
    *, shop: Shop, actor_id: int | None, now: datetime, person: User | None = None, front: str = "", team: str = ""
) -> None:
    """End the address of a feed at once."""
    with transaction.atomic():
        CalendarLink.objects.live(shop, person.pk if person else None, front, team).update(revoked_at=now)
        audit.log(
            "calendar.revoke_link",
            actor_id=actor_id,
            shop=shop.slug,
            person=person and person.pk,
            front=front,
            team=team,
        )


def link_of(token: str) -> CalendarLink | None:
    """The feed that a secret address is of, None if it is nobody's or was revoked."""
    return CalendarLink.objects.filter(digest=digest(token), revoked_at=None).select_related("shop", "person").first()
