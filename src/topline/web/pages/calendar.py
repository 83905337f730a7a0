"""The calendar: everything with a date, as a list, by month, by week and as a Gantt chart; moved there; and as ICS."""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

from babel import Locale
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from topline.accounts import operations as accounts
from topline.calendar import events as shipped
from topline.calendar import prior_price
from topline.calendar.prior_price import Verdict
from topline.catalog.models import Product
from topline.documents import ics
from topline.plans import agenda, calendar, promotion
from topline.plans.agenda import Item
from topline.plans.models import CalendarLink, EventImport, OwnEvent, Plan, PlanVersion, State
from topline.plans.promotion import Checked
from topline.team.models import Member
from topline.units.errors import PeriodError, ToplineError
from topline.units.period import Period, add_months, parse_day
from topline.units.text import N_
from topline.web import files, formats
from topline.web.page import Page, Visit, language, whole
from topline.web.pages.plans import goal_name

COUNTRIES = "RO GB DE FR IT ES PT HU BG PL AT NL BE IE SE DK NO FI GR CZ US CA MX BR AU NZ JP CN IN AE SA TR ZA"
OFFERED = 500
SHOWN_PRICES = 60
GANTT_WEEKS = 14
MOST_DAYS = 400
OFFERED_YEARS = range(1990, 2100)
STYLES = {
    "list": N_("List"),
    "month": N_("Month"),
    "week": N_("Week"),
    "gantt": N_("Gantt"),
}
_TOLD = ("promotion", "own", "retail")
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
    asked = _asked_for(visit)
    if visit.request.GET.get("format") == "ics":
        return _ics(visit, asked)
    if visit.request.GET.get("format") == "json":
        return JsonResponse({"events": [_drawn(visit, one) for one in _items(visit, asked, asked.days)]})
    shown = [] if asked.style in ("month", "week") else _items(visit, asked, asked.days)
    listed = _months([_shown(visit, one) for one in shown], asked.days.start) if asked.style == "list" else []
    # Of the running year what lies ahead stands first.
    over = [each for each in listed if each[0] < visit.today.replace(day=1)] if visit.today in asked.days else []
    context = {
        "asked": asked,
        "styles": [(style, formats.say(label)) for style, label in STYLES.items()],
        "countries": _countries(asked),
        "plans": [(plan.pk, plan.title) for plan in Plan.objects.of(visit.shop)],
        "layers": [(id_, formats.say(label), id_ in asked.layers) for id_, label in agenda.LAYERS.items()],
        "sentence": _sentence(visit, asked),
        "steps": [_stepped(visit, asked, by) for by in (-1, 1)],
        "has_years": asked.style == "list",
        "island": _island(visit, asked),
        "months": listed[len(over) :],
        "past": over,
        "gantt": _gantt(visit, shown, asked.days) if asked.style == "gantt" else None,
        "moved": visit.request.session.pop("calendar_moved", None),
        "own": [_own(each) for each in OwnEvent.objects.of(visit.shop)],
        "may_write": visit.may("calendar.write"),
        "feeds": _feeds(visit, asked.versions),
    }
    return visit.render("calendar.html", context)


@dataclass(frozen=True, slots=True)
class AskedFor:
    """What the address asks for.

    style : one of `STYLES`; days : what a list or a Gantt chart shows; country : "" for the shop's markets
    """

    style: str
    days: Period
    country: str
    markets: list[str]
    layers: tuple[str, ...]
    versions: list[PlanVersion]
    plan: int

    @property
    def place(self) -> str:
        """The markets in words."""
        names = Locale.parse(str(formats.locale())).territories
        return ", ".join(names.get(code, code) for code in self.markets)

    def step(self, by: int) -> tuple[str, str]:
        """Name and value of what the address says so many steps later."""
        if self.style != "gantt":
            return "year", str(self.days.start.year + by)
        return "on", str(add_months(self.days.start + timedelta(days=6), by).replace(day=1))


def _asked_for(visit: Visit) -> AskedFor:
    given = visit.request.GET
    style = visit.choice("calendar_as", tuple(STYLES))
    year = whole(given.get("year"))
    if style == "gantt" and given.get("format") != "ics":
        on = parse_day(given["on"]) if given.get("on") else visit.today
        first = (on if on.year in OFFERED_YEARS else visit.today).replace(day=1)
        start = first - timedelta(days=(first.isoweekday() - visit.shop.week_start) % 7)
        days = Period(start, start + timedelta(days=7 * GANTT_WEEKS))
    else:
        year = year if year in OFFERED_YEARS else visit.today.year
        days = Period(date(year, 1, 1), date(year + 1, 1, 1))
    if given.get("format") == "json" and given.get("from"):
        days = Period(parse_day(given["from"]), parse_day(given.get("to", "")))
        if days.days > MOST_DAYS:
            raise PeriodError(text=f"{days.start}/{days.end}")
    plan = whole(given.get("plan"))
    versions = [each for each in agenda.versions_of(visit.shop, days) if plan in (0, each.plan_id)]
    if "version" in given:
        wanted = PlanVersion.objects.of(visit.shop).filter(plan=plan, number=whole(given["version"]))
        versions = list(wanted) or versions
    country = given.get("country", "").upper()
    markets = [country] if country else agenda.markets_of(visit.shop, versions)
    return AskedFor(style, days, country, markets, _layers(visit), versions, plan)


def _stepped(visit: Visit, asked: AskedFor, by: int) -> str:
    """The address of the same view a step earlier or later."""
    query = visit.request.GET.copy()
    name, value = asked.step(by)
    query[name] = value
    return "?" + query.urlencode()


def _layers(visit: Visit) -> tuple[str, ...]:
    """The layers that the address names, else those that the person chose last."""
    if "layer" in visit.request.GET:
        chosen = tuple(each for each in agenda.LAYERS if each in visit.request.GET.getlist("layer"))
        if visit.user.preferences.get("calendar_layers") != " ".join(chosen):
            accounts.prefer(user=visit.user, name="calendar_layers", value=" ".join(chosen))
        return chosen
    kept = visit.user.preferences.get("calendar_layers", "").split()
    return tuple(each for each in agenda.LAYERS if each in kept) or agenda.USUAL


def _items(visit: Visit, asked: AskedFor, days: Period) -> list[Item]:
    return agenda.items(
        visit.shop,
        days,
        versions=asked.versions if visit.may("plans.read") else [],
        markets=asked.markets,
        layers=asked.layers,
        language=language(),
        reader=_reader(visit),
    )


def _reader(visit: Visit) -> int | None:
    """Who sees a part of the shop is told no promises but their own."""
    return None if visit.scope.is_whole else visit.user.pk


def _ics(visit: Visit, asked: AskedFor) -> HttpResponseBase:
    """The layers of the year as a file for calendar programs."""
    year = asked.days.start.year
    name = gettext("Calendar %(country)s %(year)s") % {"country": asked.place, "year": year}
    body = ics.feed(agenda.entries(_items(visit, asked, asked.days), formats.say), name=name, now=timezone.now())
    markets = "-".join(asked.markets).lower()
    return files.bytes_file(f"calendar-{markets}-{year}.ics", body, "text/calendar; charset=utf-8")


def _countries(asked: AskedFor) -> list[tuple[str, str]]:
    names = Locale.parse(str(formats.locale())).territories
    codes = {*COUNTRIES.split(), *([asked.country] if asked.country else [])}
    return sorted(((code, names.get(code, code)) for code in codes), key=lambda each: each[1])


def _sentence(visit: Visit, asked: AskedFor) -> str:
    """What comes next, and what is late already."""
    ahead = Period(visit.today, visit.today + timedelta(days=92))
    coming = _items(visit, asked, ahead)
    found = next((one for one in coming if one.start >= visit.today and one.layer in _TOLD), None)
    late = {(one.version.pk, one.key) for one in coming if one.is_late and one.version}
    if late:
        return ngettext("%(n)s piece of content is late.", "%(n)s pieces of content are late.", len(late)) % {
            "n": len(late)
        }
    if found is None:
        return gettext("Nothing is planned for the next three months.")
    return gettext("Next is %(label)s, on %(day)s.") % {"label": title(found), "day": formats.long_day(found.start)}


def title(one: Item) -> str:
    """What an item is called, and where, if not in all markets."""
    if one.goal:
        return gettext("Goal: %(goal)s") % {"goal": goal_name(one.goal)}
    name = one.name(formats.say)
    return f"{name} ({', '.join(one.countries)})" if one.is_partial else name


def item_url(visit: Visit, one: Item) -> str:
    """Where an item is looked at and moved."""
    if one.layer in ("retail", "other", "holiday"):
        return ""
    if one.layer == "own" and not visit.may("calendar.write"):
        return ""
    return visit.url("calendar_item") + "?" + urlencode({"id": one.id.rsplit(":", 1)[0] if one.status else one.id})


def _may_move(visit: Visit, one: Item) -> bool:
    return one.can_move and visit.may(agenda.mover(one.id))


def _drawn(visit: Visit, one: Item) -> dict[str, Any]:
    """An item as the browser's calendar takes it."""
    classes = [f"layer-{one.layer}"]
    classes += ["is-estimate"] if one.is_estimate else []
    classes += ["is-late"] if one.is_late else []
    return {
        "id": one.id,
        "title": title(one),
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        "url": item_url(visit, one),
        "editable": _may_move(visit, one),
        "className": " ".join(classes),
    }


def _shown(visit: Visit, one: Item) -> dict[str, Any]:
    """An item as the list and the Gantt chart show it."""
    event = one.occurrence
    notes = [formats.period(one.period)] if one.period.days > 1 else []
    notes.append(formats.say(KINDS.get(event.kind, event.kind)) if event else formats.say(agenda.LAYERS[one.layer]))
    if event and event.lead_in_days:
        notes.append(
            ngettext("felt %(n)s day before", "felt %(n)s days before", event.lead_in_days) % {"n": event.lead_in_days}
        )
    elif one.prepare_on and not event:
        notes.append(gettext("prepare from %(day)s") % {"day": formats.day(one.prepare_on)})
    if one.version:
        notes.append(one.version.plan.title)
    if len(one.countries) > 1 or (one.countries and one.countries != (visit.shop.country,)):
        notes.append(" ".join(one.countries))
    return {"item": one, "label": title(one), "url": item_url(visit, one), "notes": notes, "start": one.start}


def _months(shown: list[dict[str, Any]], first: date) -> list[tuple[date, list[dict[str, Any]]]]:
    """The items month by month; what began before the first day stands on that day."""
    for one in shown:
        one["start"] = max(one["start"], first)
    by_day = sorted(shown, key=lambda one: one["start"])
    return [(month, list(within)) for month, within in groupby(by_day, key=lambda one: one["start"].replace(day=1))]


def _gantt(visit: Visit, found: list[Item], days: Period) -> dict[str, Any]:
    """A table whose columns are days; a row is an item with a light bar while it is prepared and a strong one after."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        if one.layer in ("holiday", "deadline"):
            continue
        start, end = max(one.start, days.start), min(one.end, days.end)
        first = max(min(one.prepare_on or start, start), days.start)
        rows.setdefault(one.layer, []).append(
            _shown(visit, one)
            | {
                "gap": (first - days.start).days,
                "prepare": (start - first).days,
                "bar": (end - start).days,
                "rest": (days.end - end).days,
                "may_move": _may_move(visit, one),
                "may_stretch": one.layer in agenda.STRETCHED,
            }
        )
    weeks = [days.start + timedelta(days=7 * k) for k in range(days.days // 7)]
    return {
        "days": range(days.days),
        "width": days.days + 1,
        "weeks": [(week, week <= visit.today < week + timedelta(days=7)) for week in weeks],
        "groups": [(formats.say(agenda.LAYERS[layer]), layer, rows[layer]) for layer in agenda.LAYERS if layer in rows],
    }


def _island(visit: Visit, asked: AskedFor) -> dict[str, Any]:
    year = asked.days.start.year
    initial = visit.today if visit.today.year == year else date(year, 1, 1)
    return {
        "locale": language(),
        "firstDay": visit.shop.week_start % 7,
        "initialDate": initial.isoformat(),
        "today": visit.today.isoformat(),
        "view": "dayGridWeek" if asked.style == "week" else "dayGridMonth",
        "move": visit.url("calendar_item"),
        "undo": gettext("Undo"),
        "failed": gettext("It was not moved: the server didn't answer."),
    }


# Moving ------------------------------------------------------------------------


class ItemDaysError(ToplineError):
    message = N_("Name the days as 2027-01-31, the last not before the first.")


def item(visit: Visit) -> HttpResponse:
    """An item: what it is, its days, and a form that moves it; to the browser's calendar, what came of a drag."""
    if visit.request.method == "POST":
        return _move(visit)
    if "id" not in visit.request.GET:
        return redirect("calendar", visit.shop.slug)
    found = _item(visit, visit.request.GET["id"])
    return visit.render("calendar_item.html", _item_context(visit, found))


def _item(visit: Visit, id_: str) -> Item:
    """Raises UnknownItemError."""
    number = whole(id_.partition(":")[0])
    if number:
        visit.require("plans.read")
    version = PlanVersion.objects.of(visit.shop).filter(pk=number).first()
    year = Period(add_months(visit.today, -12), add_months(visit.today, 12))
    listed = agenda.planned(version, visit.today, _reader(visit)) if version else agenda.own_items(visit.shop, year)
    found = [one for one in listed if one.id == id_]
    if not found:
        raise agenda.UnknownItemError(id=id_)
    return min(found, key=lambda one: abs((one.start - visit.today).days))


def _item_context(visit: Visit, found: Item, error: str = "") -> dict[str, Any]:
    row = found.version.entries.rows(found.field).filter(key=found.key).first() if found.version else None
    return {
        "one": _shown(visit, found),
        "item": found,
        "error": error,
        "may_move": _may_move(visit, found),
        "is_locked": bool(found.version and found.version.state in (State.ACTIVE, State.CLOSED)),
        "has_last": found.layer in agenda.STRETCHED,
        "follows": found.layer == "promotion" and row is not None and bool(row.cells.get("event")),
        "section": found.field.partition(".")[0],
        "own_url": visit.url("own_event", whole(found.id.partition(":")[2])) if found.layer == "own" else "",
    }


def _move(visit: Visit) -> HttpResponse:
    posted = visit.request.POST
    id_ = posted.get("id", "")
    visit.require(agenda.mover(id_))
    try:
        moved = agenda.move(
            shop=visit.shop, id_=id_, was=_span(posted, "was"), to=_span(posted, "to"), actor=visit.user,
            now=timezone.now(), follows="follows" in posted,
        )  # fmt: skip
    except ToplineError as error:
        if visit.request.headers.get("HX-Request"):
            return JsonResponse({"error": formats.say(error)}, status=409)
        found = _item(visit, id_)
        return visit.render("calendar_item.html", _item_context(visit, found, formats.say(error)), status=409)
    told = _told(moved)
    if visit.request.headers.get("HX-Request"):
        return JsonResponse(told)
    visit.request.session["calendar_moved"] = told
    return redirect("calendar", visit.shop.slug)


def _span(posted: QueryDict, name: str) -> Period:
    """Raises ItemDaysError."""
    try:
        first = date.fromisoformat(posted.get(f"{name}_first", ""))
        last = date.fromisoformat(posted.get(f"{name}_last") or posted.get(f"{name}_first", ""))
        return Period(first, last + timedelta(days=1))
    except (ValueError, ToplineError):
        raise ItemDaysError() from None


def _told(moved: agenda.Moved) -> dict[str, Any]:
    """What was moved, in words, and what a form posts to undo it."""
    text = gettext("“%(title)s” is on %(days)s now.") % {"title": moved.title, "days": formats.period(moved.now)}
    if moved.along:
        text += " " + ngettext(
            "%(n)s piece of content moved along.", "%(n)s pieces of content moved along.", len(moved.along)
        ) % {"n": len(moved.along)}
    undo = {
        "id": moved.id,
        "was_first": moved.now.start.isoformat(),
        "was_last": moved.now.last.isoformat(),
        "to_first": moved.was.start.isoformat(),
        "to_last": moved.was.last.isoformat(),
    }
    return {"text": text, "undo": undo | ({"follows": "on"} if moved.followed else {})}


# The shop's own events -----------------------------------------------------------


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
        "is_closed": "is_closed" in posted,
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
        "is_closed": event.is_closed,
    }


def share(visit: Visit) -> HttpResponse:
    """A new secret address of a feed, or the end of the one there is."""
    if visit.request.method != "POST":
        return redirect(visit.url("calendar") + "#share")
    posted = visit.request.POST
    of = posted.get("of", "")
    visit.require("plans.read" if of == "me" else "calendar.write")
    kind, _, name = of.partition(":")
    of_whom: dict[str, Any] = {kind: name} if kind in ("front", "team") else {}
    if of == "me":
        of_whom = {"person": visit.user}
    ask = {"shop": visit.shop, "actor_id": visit.user.pk, "now": timezone.now(), **of_whom}
    if posted.get("do") == "revoke":
        calendar.revoke_link(**ask)
        messages.success(visit.request, gettext("The address works no more."))
    else:
        token = calendar.create_link(**ask)
        address = settings.URL + reverse("calendar_feed", args=[token])
        visit.request.session["calendar_feed"] = {"of": of, "address": address}
    return redirect(visit.url("calendar") + "#share")


def _feeds(visit: Visit, versions: list[PlanVersion]) -> list[dict[str, Any]]:
    """The feeds that the visitor may make: the shop's, their own, and each front's."""
    made = visit.request.session.pop("calendar_feed", None) or {}
    live = set(CalendarLink.objects.filter(shop=visit.shop, revoked_at=None).values_list("person", "front", "team"))
    feeds: list[tuple[str, str, tuple[int | None, str, str]]] = []
    if visit.may("calendar.write"):
        feeds.append(("", gettext("Retail events, holidays and the shop's own events"), (None, "", "")))
    if visit.may("plans.read"):
        feeds.append(("me", gettext("What you own or attend in the plans"), (visit.user.pk, "", "")))
    if visit.may("plans.read") and visit.may("calendar.write"):
        for key, name in agenda.fronts_of(versions).items():
            feeds.append((f"front:{key}", gettext("Front: %(name)s") % {"name": name}, (None, key, "")))
        teams = Member.objects.filter(shop=visit.shop).exclude(team="").order_by("team")
        for name in teams.values_list("team", flat=True).distinct():
            feeds.append((f"team:{name}", gettext("Team: %(name)s") % {"name": name}, (None, "", name)))
    shown = made.get("address", "")
    return [
        {"of": of, "label": label, "is_live": key in live, "address": shown if made.get("of") == of else ""}
        for of, label, key in feeds
    ]


OUTCOMES = {
    "new": (N_("new"), "good"),
    "changed": (N_("changed"), "note"),
    "same": (N_("known already"), ""),
    "gone": (N_("called off: taken out"), "warn"),
    "absent": (N_("called off"), ""),
    "wrong": (N_("left out"), "bad"),
}


def bring_in(visit: Visit) -> HttpResponse:
    """Events from a calendar file or pasted text: looked at first, then taken in; and the last import taken back."""
    posted, error, lines = visit.request.POST, "", None
    upload = visit.request.FILES.get("file")
    pasted = posted.get("pasted", "")
    name = posted.get("name", "") or (upload.name if upload else "") or gettext("pasted text")
    if visit.request.method == "POST":
        try:
            if posted.get("do") == "undo":
                done = calendar.undo_import(shop=visit.shop, actor_id=visit.user.pk, now=timezone.now())
                messages.success(
                    visit.request,
                    ngettext("%(n)s event is as before.", "%(n)s events are as before.", done) % {"n": done},
                )
                return redirect("calendar_import", visit.shop.slug)
            raw = upload.read(ics.MOST_BYTES + 1) if upload else pasted.encode()
            pasted = raw.decode("utf-8-sig", errors="replace")
            if posted.get("do") == "import":
                lines = calendar.import_events(
                    shop=visit.shop, raw=raw, name=name, actor_id=visit.user.pk, now=timezone.now()
                )
                n = sum(line.outcome in ("new", "changed", "gone") for line in lines)
                messages.success(
                    visit.request,
                    ngettext("%(n)s event was taken in.", "%(n)s events were taken in.", n) % {"n": n},
                )
                return redirect("calendar_import", visit.shop.slug)
            lines = calendar.preview(visit.shop, raw)
        except ToplineError as wrong:
            error = formats.say(wrong)
    context = {
        "error": error,
        "pasted": pasted,
        "name": name,
        "lines": None if lines is None else [_line(line) for line in lines],
        "coming": sum(line.outcome in ("new", "changed", "gone") for line in lines or ()),
        "last": EventImport.objects.of(visit.shop).first(),
        "limits": {"events": ics.MOST_EVENTS, "megabytes": ics.MOST_BYTES // 1_000_000},
    }
    return visit.render("calendar_import.html", context, status=400 if error else 200)


def _line(line: calendar.Line) -> dict[str, Any]:
    label, tone = OUTCOMES[line.outcome]
    days = None
    if line.starts_on and line.last_on:
        days = Period(line.starts_on, line.last_on + timedelta(days=1))
    return {"line": line, "days": days, "outcome": label, "tone": tone, "note": formats.say(line.note)}


def check(visit: Visit) -> HttpResponse:
    """Whether a planned promotion may be announced as a reduction, and which day sets its prior price."""
    asked = visit.request.GET
    error, found = "", None
    if asked.get("product"):
        try:
            found = promotion.check(
                shop=visit.shop,
                product=asked["product"].strip(),
                price=formats.read_number(asked.get("price") or "0"),
                starts_on=parse_day(asked.get("starts_on", "")),
                market=asked.get("market") or None,
            )
        except ToplineError as wrong:
            error = formats.say(wrong)
    names = Locale.parse(str(formats.locale())).territories
    products = Product.objects.of(visit.shop)
    context = {
        "asked": asked,
        "error": error,
        "found": ruled(visit, found) if found else None,
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


def ruled(visit: Visit, found: Checked) -> dict[str, Any]:
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
    Page(path="calendar/item", name="calendar_item", view=item, permission="calendar.read", place="calendar"),
    Page(path="calendar/events/new", name="own_event_new", view=own, permission="calendar.write", place="calendar"),
    Page(
        path="calendar/events/<int:event_id>", name="own_event", view=own, permission="calendar.write", place="calendar"
    ),
    Page(path="calendar/share", name="calendar_share", view=share, permission="calendar.read", place="calendar"),
    Page(path="calendar/import", name="calendar_import", view=bring_in, permission="calendar.write", place="calendar"),
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
