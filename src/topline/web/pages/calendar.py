"""The retail calendar of a country and year: events and public holidays, as a list and by month, and as ICS."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from babel import Locale
from babel.numbers import NumberFormatError, parse_decimal
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext

from topline.calendar import events as shipped
from topline.calendar import feed, holiday, prior_price
from topline.calendar.holiday import Holiday
from topline.calendar.occurrence import Occurrence
from topline.calendar.prior_price import Verdict
from topline.catalog.models import Product
from topline.documents import ics
from topline.plans import calendar, promotion
from topline.plans.models import CalendarLink, OwnEvent
from topline.plans.promotion import Checked
from topline.units.errors import ToplineError
from topline.units.period import Period, parse_day
from topline.units.text import N_
from topline.web import files, formats
from topline.web.page import Page, Visit, language, whole

COUNTRIES = "RO GB DE FR IT ES PT HU BG PL AT NL BE IE SE DK NO FI GR CZ US CA MX BR AU NZ JP CN IN AE SA TR ZA"
OFFERED = 500
SHOWN_PRICES = 60
LABELS = {event.id: event.label for event in shipped.EVENTS}
KINDS = {
    "fixed": N_("the same date each year"),
    "nth-weekday": N_("a weekday of the month"),
    "easter-offset": N_("moves with Easter"),
    "relative": N_("moves with another event"),
    "lunar": N_("by the moon"),
    "announced": N_("announced each year"),
    "regulated": N_("set by law"),
    "own": N_("the shop's own"),
}


def view(visit: Visit) -> HttpResponseBase:
    country = visit.request.GET.get("country", visit.shop.country).upper()
    wanted = visit.request.GET.get("year", "")
    year = int(wanted) if wanted.isdecimal() and 1990 <= int(wanted) <= 2099 else visit.today.year
    period = Period(date(year, 1, 1), date(year + 1, 1, 1))
    events = calendar.events_of(visit.shop, period, country)
    days = holiday.holidays(country, period, language())
    if visit.request.GET.get("format") == "ics":
        name = gettext("Retail calendar %(country)s %(year)s") % {"country": country, "year": year}
        body = ics.feed(feed.entries(events, days, gettext), name=name, now=timezone.now())
        return files.bytes_file(f"retail-calendar-{country.lower()}-{year}.ics", body, "text/calendar; charset=utf-8")
    names = Locale.parse(str(formats.locale())).territories
    upcoming = next((one for one in events if one.start >= visit.today), None)
    return visit.render(
        "calendar.html",
        {
            "country": country,
            "country_name": names.get(country, country),
            "countries": sorted(
                ((code, names.get(code, code)) for code in {*COUNTRIES.split(), country}), key=lambda each: each[1]
            ),
            "year": year,
            "upcoming": {"label": formats.say(upcoming.label), "start": upcoming.start} if upcoming else None,
            "months": list(_months(visit, events, days)),
            "is_list": visit.choice("calendar_as", ("list", "month")) == "list",
            "island": _island(visit, year, events, days),
            "count": len(events),
            "own": [_own(each) for each in OwnEvent.objects.of(visit.shop)],
            "may_write": visit.may("calendar.write"),
            "has_feed": CalendarLink.objects.live(visit.shop).exists(),
            "feed": visit.request.session.pop("calendar_feed", None),
        },
    )


def _months(visit: Visit, events: list[Occurrence], days: list[Holiday]) -> Iterator[tuple[date, list[dict[str, Any]]]]:
    """The year month by month; an event that began the year before stands in January."""
    found = [*(_event(visit, one) for one in events), *(_holiday(one) for one in days)]
    year = max(one["start"].year for one in found) if found else 0
    for one in found:
        one["start"] = (
            max(one["start"], date(min(year, one["end"].year), 1, 1)) if one["start"].year < year else one["start"]
        )
    ordered = sorted(found, key=lambda one: (one["start"], one["is_holiday"], one["label"]))
    for month, within in groupby(ordered, key=lambda one: one["start"].replace(day=1)):
        yield month, list(within)


def _event(visit: Visit, one: Occurrence) -> dict[str, Any]:
    return {
        "label": formats.say(one.label),
        "start": one.start,
        "end": one.end,
        "period": one.period,
        "kind": formats.say(KINDS.get(one.kind, one.kind)),
        "is_estimate": one.is_estimate,
        "lead_in_days": one.lead_in_days,
        "categories": [formats.say(each) for each in one.categories],
        "source": one.source,
        "verified_on": one.verified_on,
        "is_holiday": False,
        "is_past": one.end <= visit.today,
    }


def _holiday(one: Holiday) -> dict[str, Any]:
    period = Period(one.on, date.fromordinal(one.on.toordinal() + 1))
    return {
        "label": one.name,
        "start": one.on,
        "end": period.end,
        "period": period,
        "kind": gettext("public holiday"),
        "is_holiday": True,
    }


def _island(visit: Visit, year: int, events: list[Occurrence], days: list[Holiday]) -> dict[str, Any]:
    initial = visit.today if visit.today.year == year else date(year, 1, 1)
    entries = [
        {
            "title": formats.say(one.label),
            "start": one.start.isoformat(),
            "end": one.end.isoformat(),
            "className": "is-estimate" if one.is_estimate else "is-event",
        }
        for one in events
    ]
    entries += [{"title": one.name, "start": one.on.isoformat(), "className": "is-holiday"} for one in days]
    return {
        "locale": language(),
        "firstDay": visit.shop.week_start % 7,
        "initialDate": initial.isoformat(),
        "events": entries,
    }


def _own(event: OwnEvent) -> dict[str, Any]:
    last = date.fromordinal(event.last_on.toordinal() + 1)
    return {"event": event, "label": _name(event), "period": Period(event.starts_on, last)}


def _name(event: OwnEvent) -> str:
    shipped = LABELS.get(event.dates)
    return f"{event.name} ({formats.say(shipped)})" if shipped and shipped != event.name else event.name


def own(visit: Visit, event_id: int = 0) -> HttpResponse:
    """An event of the shop's own: its form, what was wrong with it, and its end."""
    found = OwnEvent.objects.of(visit.shop).filter(pk=event_id).first()
    if event_id and found is None:
        raise Http404
    posted = visit.request.POST
    error = ""
    if visit.request.method == "POST":
        try:
            if posted.get("do") == "delete" and found is not None:
                calendar.delete_event(event=found, actor_id=visit.user.pk)
                messages.success(visit.request, gettext("“%(name)s” is off the calendar.") % {"name": found.name})
            else:
                kept = calendar.put_event(shop=visit.shop, actor_id=visit.user.pk, event=found, **_asked(posted))
                messages.success(visit.request, gettext("“%(name)s” is on the calendar.") % {"name": kept.name})
            return redirect("calendar", visit.shop.slug)
        except ToplineError as wrong:
            error = formats.say(wrong)
    context = {
        "event": found,
        "written": posted or _written(found),
        "error": error,
        "shipped": sorted(((id_, formats.say(label)) for id_, label in LABELS.items()), key=lambda each: each[1]),
    }
    return visit.render("own_event.html", context, status=400 if error else 200)


def _asked(posted: QueryDict) -> dict[str, Any]:
    return {
        "name": posted.get("name", ""),
        "starts_on": (first := parse_day(posted.get("starts_on", ""))),
        "last_on": parse_day(posted.get("last_on") or "") if posted.get("last_on") else first,
        "is_yearly": "is_yearly" in posted,
        "lead_in_days": whole(posted.get("lead_in_days")),
        "tail_days": whole(posted.get("tail_days")),
        "categories": posted.get("categories", "").split(","),
        "dates": posted.get("dates", ""),
        "note": posted.get("note", ""),
    }


def _written(event: OwnEvent | None) -> dict[str, Any]:
    """The event as its form writes it."""
    if event is None:
        return {"lead_in_days": 14, "tail_days": 0}
    return {
        "name": event.name,
        "starts_on": event.starts_on.isoformat(),
        "last_on": event.last_on.isoformat(),
        "is_yearly": event.is_yearly,
        "lead_in_days": event.lead_in_days,
        "tail_days": event.tail_days,
        "categories": ", ".join(event.categories),
        "dates": event.dates,
        "note": event.note,
    }


def share(visit: Visit) -> HttpResponse:
    """A new secret address of the shop's calendar, or the end of the one there is."""
    if visit.request.method == "POST" and visit.request.POST.get("do") == "revoke":
        calendar.revoke_link(shop=visit.shop, actor_id=visit.user.pk, now=timezone.now())
        messages.success(visit.request, gettext("The address works no more."))
    elif visit.request.method == "POST":
        token = calendar.create_link(shop=visit.shop, actor_id=visit.user.pk, now=timezone.now())
        visit.request.session["calendar_feed"] = settings.URL + reverse("calendar_feed", args=[token])
    return redirect(visit.url("calendar") + "#share")


def check(visit: Visit) -> HttpResponse:
    """Whether a planned promotion may be announced as a reduction, and which day sets its prior price."""
    asked = visit.request.GET
    error, found = "", None
    if asked.get("product"):
        try:
            found = promotion.check(
                shop=visit.shop,
                product=asked["product"].strip(),
                price=Decimal(parse_decimal(asked.get("price", "") or "0", locale=formats.locale())),
                starts_on=parse_day(asked.get("starts_on", "")),
                market=asked.get("market") or None,
            )
        except NumberFormatError:
            error = formats.say(promotion.PromotionPriceError())
        except ToplineError as wrong:
            error = formats.say(wrong)
    names = Locale.parse(str(formats.locale())).territories
    products = Product.objects.of(visit.shop)
    context = {
        "asked": asked,
        "error": error,
        "found": _found(visit, found) if found else None,
        "products": products[:OFFERED],
        "markets": sorted(((code, names.get(code, code)) for code in prior_price.MARKETS), key=lambda each: each[1]),
        "market": asked.get("market", visit.shop.country),
        "home": None
        if visit.shop.country in prior_price.MARKETS
        else names.get(visit.shop.country, visit.shop.country),
        "tomorrow": visit.today.isoformat(),
        "may_import": visit.may("imports.write"),
    }
    return visit.render("prior_price.html", context, status=400 if error else 200)


def _found(visit: Visit, found: Checked) -> dict[str, Any]:
    currency, prior = visit.shop.currency, found.ruling.prior
    return {
        "verdict": found.ruling.verdict.value,
        "is_good": found.ruling.verdict in (Verdict.ALLOWED, Verdict.NO_RULE),
        "is_bad": found.ruling.verdict == Verdict.NOT_LOWER,
        "reason": formats.say(found.reason),
        "price": formats.money(found.price, currency),
        "prior": formats.money(prior.amount, currency) if prior else "",
        "day": prior.on if prior else None,
        "days_known": prior.days_known if prior else 0,
        "rate": formats.percent(float(found.ruling.rate), 1) if found.ruling.rate else "",
        "is_sold": found.is_sold,
        "prices": [(on, formats.money(amount, currency)) for on, amount in found.prices[-SHOWN_PRICES:]],
    }


PAGES = (
    Page(
        path="calendar",
        name="calendar",
        view=view,
        permission="calendar.read",
        place="calendar",
        label=N_("Calendar"),
        icon="calendar-event",
    ),
    Page(path="calendar/events/new", name="own_event_new", view=own, permission="calendar.write", place="calendar"),
    Page(
        path="calendar/events/<int:event_id>", name="own_event", view=own, permission="calendar.write", place="calendar"
    ),
    Page(path="calendar/share", name="calendar_share", view=share, permission="calendar.write", place="calendar"),
    Page(
        path="calendar/prior-price",
        name="prior_price",
        view=check,
        permission="calendar.read",
        place="calendar",
        label=N_("Prior price of a promotion"),
        icon="discount",
    ),
)
