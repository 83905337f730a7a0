"""The shop's own calendar: its events and its industry's beside those that ship, and the secret address of its feed."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime

from django.db import transaction

from topline.accounts.models import Shop, digest
from topline.calendar import events as shipped
from topline.calendar.occurrence import Occurrence, occurrences
from topline.plans.models import CalendarLink, OwnEvent
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

    Raises OwnEventError, OwnEventDaysError, OwnEventTakenError, UnknownEventError.
    """
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


def create_link(*, shop: Shop, actor_id: int | None, now: datetime) -> str:
    """The secret of a new address of the shop's feed, which is shown this once; the address before works no more."""
    token = secrets.token_urlsafe(24)
    with transaction.atomic():
        CalendarLink.objects.live(shop).update(revoked_at=now)
        CalendarLink.objects.create(shop=shop, digest=digest(token), created_at=now, created_by=actor_id)
        audit.log("calendar.create_link", actor_id=actor_id, shop=shop.slug)
    return token


def revoke_link(*, shop: Shop, actor_id: int | None, now: datetime) -> None:
    """End the address of the shop's feed at once."""
    with transaction.atomic():
        CalendarLink.objects.live(shop).update(revoked_at=now)
        audit.log("calendar.revoke_link", actor_id=actor_id, shop=shop.slug)


def shop_of(token: str) -> Shop | None:
    """The shop whose feed a secret address is, None if it is nobody's or was revoked."""
    link = CalendarLink.objects.filter(digest=digest(token), revoked_at=None).select_related("shop").first()
    return link.shop if link else None
