"""The retail calendar of a market."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Path, Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.scopes import scope_for
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.sent import Sent
from topline.calendar import feed, holiday
from topline.calendar.occurrence import Occurrence
from topline.documents import ics
from topline.plans import agenda, calendar, promotion
from topline.plans.calendar import UnknownOwnEventError, events_of
from topline.plans.models import OwnEvent
from topline.units.errors import ToplineError
from topline.units.period import Period
from topline.units.text import N_

router = Router()

_Id = Annotated[int, Path(description="The event's number")]


class EventOut(Schema):
    event: str
    label: str
    kind: str
    start: date
    end: date
    country: str
    lead_in_days: int
    tail_days: int
    categories: list[str]
    source: str
    verified_on: date | None
    is_estimate: bool

    @staticmethod
    def resolve_label(event: Occurrence) -> str:
        return _(event.label)


class OwnEventIn(Sent):
    """`dates` names the shipped event whose announced date this is; the days are inclusive; nothing may be planned on
    those of a closed one."""

    name: str
    starts_on: date
    last_on: date
    is_yearly: bool = False
    lead_in_days: int = 0
    tail_days: int = 0
    categories: list[str] = []
    dates: str = ""
    note: str = ""
    is_closed: bool = False


class OwnEventSent(OwnEventIn):
    """An event as it was shown may be sent back, changed or not."""

    id: Annotated[int | None, Field(description="The event to change; left out, a new one is entered")] = None


class OwnEventOut(OwnEventIn):
    id: int


class OtherEventError(ToplineError):
    message = N_("The address names event %(event)s, but “id” says %(id)s. Send one of them alone, or both alike.")


class PriceOut(Schema):
    on: date
    amount: Decimal


class RulingOut(Schema):
    """`prior_price` is what the promotion must show, `set_on` the last day that it was asked."""

    product: str
    market: str
    starts_on: date
    price: Decimal
    verdict: Annotated[str, Field(description="allowed, unsure, not_lower, no_price or no_rule")]
    reason: str
    prior_price: Decimal | None
    set_on: date | None
    days_known: int | None
    discount_rate: Decimal | None
    is_sold: Annotated[bool, Field(description="No list price is known; these are the prices that it sold for")]
    prices: list[PriceOut]


class HolidayOut(Schema):
    on: date
    name: str


class CalendarOut(Schema):
    events: list[EventOut]
    holidays: list[HolidayOut]


type Year = Annotated[int | None, Query(ge=1900, le=2200, description="This year if it isn't said")]


def _year(year: int | None, request: HttpRequest) -> Period:
    first = date(year or caller(request).shop.today().year, 1, 1)
    return Period.of_months(first, 12)


@router.get(
    "/shops/{shop}/calendar",
    response=CalendarOut,
    auth=Requires("calendar.read"),
    summary="Retail events and public holidays of a year",
)
def show_calendar(request: HttpRequest, shop: str, country: str | None = None, year: Year = None) -> dict[str, object]:
    market, period = country or caller(request).shop.country, _year(year, request)
    language = get_language() or "en"
    return {
        "events": events_of(caller(request).shop, period, market),
        "holidays": holiday.holidays(market, period, language),
    }


@router.get("/shops/{shop}/calendar.ics", auth=Requires("calendar.read"), summary="The same year for calendar programs")
def download_calendar(request: HttpRequest, shop: str, country: str | None = None, year: Year = None) -> HttpResponse:
    market, period = country or caller(request).shop.country, _year(year, request)
    holidays = holiday.holidays(market, period, get_language() or "en")
    entries = feed.entries(events_of(caller(request).shop, period, market), holidays, translate=_)
    calendar = ics.feed(entries, name=f"Topline {market}", now=timezone.now())
    return HttpResponse(calendar, content_type="text/calendar; charset=utf-8")


@router.get(
    "/shops/{shop}/calendar/events",
    response=list[OwnEventOut],
    auth=Requires("calendar.read"),
    summary="The shop's own events",
)
def list_own_events(request: HttpRequest, shop: str) -> list[OwnEvent]:
    return list(OwnEvent.objects.of(caller(request).shop))


@router.post(
    "/shops/{shop}/calendar/events",
    response={200: OwnEventOut, 201: OwnEventOut},
    auth=Requires("calendar.write"),
    summary="Enter an event of the shop's own, or the announced date of a shipped one; with its `id`, change it",
)
@decorate_view(once)
def add_own_event(request: HttpRequest, shop: str, event: OwnEventSent) -> Status[OwnEvent]:
    found = None if event.id is None else _own_event(request, event.id)
    return Status(201 if found is None else 200, _put(request, event, found))


@router.put(
    "/shops/{shop}/calendar/events/{event}",
    response=OwnEventOut,
    auth=Requires("calendar.write"),
    summary="Change an event of the shop's own",
)
@decorate_view(once)
def change_own_event(request: HttpRequest, shop: str, event: _Id, changed: OwnEventSent) -> OwnEvent:
    found = _own_event(request, event)
    if changed.id not in (None, event):
        raise OtherEventError(event=event, id=changed.id)
    return _put(request, changed, found)


@router.delete(
    "/shops/{shop}/calendar/events/{event}",
    response={204: None},
    auth=Requires("calendar.write"),
    summary="Take an event of the shop's own off its calendar",
)
@decorate_view(once)
def delete_own_event(request: HttpRequest, shop: str, event: _Id) -> Status[None]:
    calendar.delete_event(event=_own_event(request, event), actor_id=caller(request).user.pk)
    return Status(204, None)


@router.get(
    "/shops/{shop}/calendar/prior-price",
    response=RulingOut,
    auth=Requires("calendar.read"),
    summary="Whether a planned promotion may be announced as a reduction, by Directive 98/6/EC, article 6a",
)
def check_promotion(
    request: HttpRequest, shop: str, product: str, price: Decimal, starts_on: date, market: str | None = None
) -> dict[str, object]:
    found = promotion.check(shop=caller(request).shop, product=product, price=price, starts_on=starts_on, market=market)
    prior = found.ruling.prior
    return {
        "product": found.product,
        "market": found.market,
        "starts_on": found.starts_on,
        "price": found.price,
        "verdict": found.ruling.verdict,
        "reason": _(found.reason),
        "prior_price": prior and prior.amount,
        "set_on": prior and prior.on,
        "days_known": prior and prior.days_known,
        "discount_rate": found.ruling.rate and round(found.ruling.rate, 4),
        "is_sold": found.is_sold,
        "prices": [{"on": on, "amount": amount} for on, amount in found.prices],
    }


class ItemsIn(Schema):
    """From `start` up to but without `end`."""

    start: date
    end: date
    layer: Annotated[
        list[str], Field(description="Layers to show, such as promotion, retail, content; else the usual")
    ] = []
    plan: int | None = None


class ItemOut(Schema):
    """`end` is the day after the last; `prepare_on` when work on it begins."""

    id: str
    layer: str
    title: str
    start: date
    end: date
    prepare_on: date | None
    plan: int | None
    version: int | None
    field: str
    key: str
    people: list[int]
    front: str
    countries: list[str]
    is_estimate: bool
    is_late: bool
    is_done: bool
    can_move: bool

    @staticmethod
    def resolve_title(item: agenda.Item) -> str:
        return item.name(_)

    @staticmethod
    def resolve_plan(item: agenda.Item) -> int | None:
        return item.version.plan_id if item.version else None

    @staticmethod
    def resolve_version(item: agenda.Item) -> int | None:
        return item.version.number if item.version else None


class DaysIn(Sent):
    """The first and the last day."""

    first: date
    last: date


class ItemMoveIn(Sent):
    """`was` are the days on which the caller saw it: if somebody moved it meanwhile, nothing is moved."""

    id: str
    was: DaysIn
    to: DaysIn
    follows: Annotated[bool, Field(description="Take a promotion back to its event's days")] = False


class MovedOut(Schema):
    """`along` are the titles of what moved with it; moved from `to` to `was`, it is undone."""

    id: str
    title: str
    was: DaysIn
    to: DaysIn
    along: list[str]
    followed: bool


class FileIn(Sent):
    text: Annotated[str, Field(max_length=1_000_000, description="A calendar file (ICS)")]
    name: Annotated[str, Field(max_length=200)] = "API"
    is_preview: Annotated[bool, Field(description="Say what would change, and change nothing")] = False


class CalendarLineOut(Schema):
    """`outcome`: new, changed, same, gone, absent or wrong; `note` says what was left out or is wrong."""

    line: int
    name: str
    starts_on: date | None
    last_on: date | None
    outcome: str
    note: str

    @staticmethod
    def resolve_note(line: calendar.Line) -> str:
        if isinstance(line.note, ToplineError):
            return _(line.note.message) % line.note.params
        return _(line.note) if line.note else ""


class UndoneOut(Schema):
    events: int


@router.get(
    "/shops/{shop}/calendar/items",
    response=list[ItemOut],
    auth=Requires("calendar.read"),
    summary="Everything with a date: promotions, events, content, actions, goals, trainings, reviews",
)
def list_items(request: HttpRequest, shop: str, asked: Query[ItemsIn]) -> list[agenda.Item]:
    who, period = caller(request), Period(asked.start, asked.end)
    may_plans = "plans.read" in who.user.permissions_in(who.shop)
    versions = agenda.versions_of(who.shop, period) if may_plans else []
    chosen = [each for each in versions if asked.plan in (None, each.plan_id)]
    return agenda.items(
        who.shop,
        period,
        versions=chosen,
        markets=agenda.markets_of(who.shop, versions),
        layers=asked.layer or agenda.USUAL,
        language=get_language() or "en",
        reader=None if scope_for(who.user, who.shop).is_whole else who.user.pk,
    )


@router.post(
    "/shops/{shop}/calendar/moves",
    response=MovedOut,
    auth=Requires("calendar.read"),
    summary="Move a promotion, an action, a piece of content or an own event to other days",
)
@decorate_view(once)
def move_item(request: HttpRequest, shop: str, wanted: ItemMoveIn) -> dict[str, object]:
    who = caller(request)
    if agenda.mover(wanted.id) not in who.user.permissions_in(who.shop):
        raise PermissionDenied
    moved = agenda.move(
        shop=who.shop, id_=wanted.id, was=_days(wanted.was), to=_days(wanted.to), actor=who.user, now=timezone.now(),
        follows=wanted.follows,
    )  # fmt: skip
    return {
        "id": moved.id,
        "title": moved.title,
        "was": {"first": moved.was.start, "last": moved.was.last},
        "to": {"first": moved.now.start, "last": moved.now.last},
        "along": moved.along,
        "followed": moved.followed,
    }


@router.post(
    "/shops/{shop}/calendar/import",
    response=list[CalendarLineOut],
    auth=Requires("calendar.write"),
    summary="Take a calendar file's events in as the shop's own; the same file again adds nothing twice",
)
@decorate_view(once)
def import_events(request: HttpRequest, shop: str, wanted: FileIn) -> list[calendar.Line]:
    who, raw = caller(request), wanted.text.encode()
    if wanted.is_preview:
        return calendar.preview(who.shop, raw)
    return calendar.import_events(shop=who.shop, raw=raw, name=wanted.name, actor_id=who.user.pk, now=timezone.now())


@router.post(
    "/shops/{shop}/calendar/import/undo",
    response=UndoneOut,
    auth=Requires("calendar.write"),
    summary="Take the newest import of events back",
)
@decorate_view(once)
def undo_import(request: HttpRequest, shop: str) -> dict[str, int]:
    who = caller(request)
    return {"events": calendar.undo_import(shop=who.shop, actor_id=who.user.pk, now=timezone.now())}


def _days(days: DaysIn) -> Period:
    return Period(days.first, days.last + timedelta(days=1))


def _put(request: HttpRequest, sent: OwnEventSent, event: OwnEvent | None) -> OwnEvent:
    who = caller(request)
    return calendar.put_event(shop=who.shop, actor_id=who.user.pk, event=event, **sent.dict(exclude={"id"}))


def _own_event(request: HttpRequest, number: int) -> OwnEvent:
    found = OwnEvent.objects.of(caller(request).shop).filter(pk=number).first()
    if found is None:
        raise UnknownOwnEventError(id=number)
    return found
