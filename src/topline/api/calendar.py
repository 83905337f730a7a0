"""The retail calendar of a market."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.calendar import feed, holiday
from topline.calendar.occurrence import Occurrence
from topline.documents import ics
from topline.plans import calendar, promotion
from topline.plans.calendar import UnknownOwnEventError, events_of
from topline.plans.models import OwnEvent
from topline.units.period import Period

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


class OwnEventIn(Schema):
    """`dates` names the shipped event whose announced date this is; the days are inclusive."""

    name: str
    starts_on: date
    last_on: date
    is_yearly: bool = False
    lead_in_days: int = 0
    tail_days: int = 0
    categories: list[str] = []
    dates: str = ""
    note: str = ""


class OwnEventOut(OwnEventIn):
    id: int


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


def _year(year: int | None, request: HttpRequest) -> Period:
    first = date(year or caller(request).shop.today().year, 1, 1)
    return Period.of_months(first, 12)


@router.get(
    "/shops/{shop}/calendar",
    response=CalendarOut,
    auth=Requires("calendar.read"),
    summary="Retail events and public holidays of a year",
)
def show_calendar(
    request: HttpRequest, shop: str, country: str | None = None, year: int | None = None
) -> dict[str, object]:
    market, period = country or caller(request).shop.country, _year(year, request)
    language = get_language() or "en"
    return {
        "events": events_of(caller(request).shop, period, market),
        "holidays": holiday.holidays(market, period, language),
    }


@router.get("/shops/{shop}/calendar.ics", auth=Requires("calendar.read"), summary="The same year for calendar programs")
def download_calendar(
    request: HttpRequest, shop: str, country: str | None = None, year: int | None = None
) -> HttpResponse:
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
    response={201: OwnEventOut},
    auth=Requires("calendar.write"),
    summary="Enter an event of the shop's own, or the announced date of a shipped one",
)
@decorate_view(once)
def add_own_event(request: HttpRequest, shop: str, event: OwnEventIn) -> Status[OwnEvent]:
    who = caller(request)
    return Status(201, calendar.put_event(shop=who.shop, actor_id=who.user.pk, **event.dict()))


@router.put(
    "/shops/{shop}/calendar/events/{event}",
    response=OwnEventOut,
    auth=Requires("calendar.write"),
    summary="Change an event of the shop's own",
)
@decorate_view(once)
def change_own_event(request: HttpRequest, shop: str, event: _Id, changed: OwnEventIn) -> OwnEvent:
    who = caller(request)
    found = _own_event(request, event)
    return calendar.put_event(shop=who.shop, actor_id=who.user.pk, event=found, **changed.dict())


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


def _own_event(request: HttpRequest, number: int) -> OwnEvent:
    found = OwnEvent.objects.of(caller(request).shop).filter(pk=number).first()
    if found is None:
        raise UnknownOwnEventError(id=number)
    return found
