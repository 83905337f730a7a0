"""The retail calendar of a country and year: events and public holidays, as a list and by month, and as ICS."""

from collections.abc import Iterator
from datetime import date
from itertools import groupby
from typing import Any

from babel import Locale
from django.http import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext

from topline.calendar import feed, holiday
from topline.calendar.holiday import Holiday
from topline.calendar.occurrence import Occurrence, occurrences
from topline.documents import ics
from topline.units.period import Period
from topline.units.text import N_
from topline.web import files, formats
from topline.web.page import Page, Visit, language

COUNTRIES = "RO GB DE FR IT ES PT HU BG PL AT NL BE IE SE DK NO FI GR CZ US CA MX BR AU NZ JP CN IN AE SA TR ZA"
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
    events = occurrences(period, country)
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
)
