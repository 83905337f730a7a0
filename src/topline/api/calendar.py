"""The retail calendar of a market."""

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Router, Schema

from topline.api.auth import Requires, caller
from topline.calendar import feed, holiday
from topline.calendar.occurrence import Occurrence, occurrences
from topline.documents import ics
from topline.units.period import Period

router = Router()


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
    return {"events": occurrences(period, market), "holidays": holiday.holidays(market, period, language)}


@router.get("/shops/{shop}/calendar.ics", auth=Requires("calendar.read"), summary="The same year for calendar programs")
def download_calendar(
    request: HttpRequest, shop: str, country: str | None = None, year: int | None = None
) -> HttpResponse:
    market, period = country or caller(request).shop.country, _year(year, request)
    holidays = holiday.holidays(market, period, get_language() or "en")
    entries = feed.entries(occurrences(period, market), holidays, translate=_)
    calendar = ics.feed(entries, name=f"Topline {market}", now=timezone.now())
    return HttpResponse(calendar, content_type="text/calendar; charset=utf-8")
