"""A day live: what is in, what should be by this hour, where it ends, the chance to make its target; looked at anew
every two seconds."""

from datetime import date, timedelta
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from topline.outlook.intraday import LEVEL, Day
from topline.plans import event_day
from topline.plans.event_day import EventDay
from topline.science.intraday import Expected
from topline.units.errors import PeriodError
from topline.units.period import parse_day
from topline.units.text import N_
from topline.web import charts, formats
from topline.web.page import Page, Visit


def view(visit: Visit) -> HttpResponse:
    """The day that is asked for, today by default; to htmx its part alone, 204 while nothing is new."""
    snapshot, now = visit.shop.lake().latest(), visit.shop.now()
    on, is_screen = _asked(visit), "screen" in visit.request.GET
    if snapshot is None:
        return visit.render("live.html", {"is_empty": True})
    seen = f"{snapshot.number}-{now:%H%M}"
    if visit.is_fragment and visit.request.GET.get("seen") == seen:
        return HttpResponse(status=204)
    found = event_day.look(visit.shop, on, now, scope=visit.scope, snapshot=snapshot)
    day, currency = found.day, visit.shop.currency
    context = {
        "on": on,
        "query": f"on={on}&seen={seen}{'&screen' if is_screen else ''}",
        "is_screen": is_screen,
        "sentence": _sentence(found, currency),
        "event": _named(found),
        "actual": formats.whole_money(day.actual, currency),
        "target": formats.whole_money(day.target, currency) if day.target else "",
        "share": round(100 * min(day.actual / day.target, 1)) if day.target else 0,
        "figures": list(_figures(day, currency)),
        "picture": _picture(day, currency),
        "learnt": _learnt(day),
        "recorded_to": snapshot.recorded_to,
        "before": on - timedelta(days=1),
        "after": on + timedelta(days=1) if on < visit.today else None,
    }
    template = "live_screen.html" if is_screen else "live.html"
    return visit.render("live.html#live" if visit.is_fragment else template, context)


def _asked(visit: Visit) -> date:
    try:
        return parse_day(visit.request.GET.get("on", ""))
    except PeriodError:
        return visit.today


def _named(found: EventDay) -> str:
    return formats.say(found.event.label) if found.event else ""


def _sentence(found: EventDay, currency: str) -> str:
    day = found.day
    params = {"actual": formats.whole_money(day.actual, currency)}
    if day.due is None or day.target is None:
        return gettext("%(actual)s is in. No plan in force has a target for this day.") % params
    params |= {"due": formats.whole_money(day.due.mean, currency), "target": formats.whole_money(day.target, currency)}
    if day.elapsed >= 24:
        return gettext("%(actual)s came in, the target was %(target)s.") % params
    if not _has_begun(day):
        return gettext(
            "Nothing is in yet, %(due)s is due by now. Days that come as files are judged once they are in."
        ) % (params)
    params["chance"] = formats.chance(day.chance or 0.0)
    if day.actual > day.due.high:
        return (
            gettext("Ahead: %(actual)s is in, %(due)s is due by now. Chance to make %(target)s: %(chance)s.") % params
        )
    if day.actual < day.due.low:
        return (
            gettext("Behind: %(actual)s is in, %(due)s is due by now. Chance to make %(target)s: %(chance)s.") % params
        )
    return gettext("On pace: %(actual)s is in, %(due)s is due by now. Chance to make %(target)s: %(chance)s.") % params


def _has_begun(day: Day) -> bool:
    """Whether anything of the day is in; of a day without, its end and its chance say nothing."""
    return bool(day.orders or day.actual) or day.elapsed >= 24


def _figures(day: Day, currency: str) -> Any:
    def ends(one: Expected) -> str:
        return f"{formats.short_money(one.low, currency)} – {formats.short_money(one.high, currency)}"

    if day.due is not None:
        value = formats.short_money(day.due.mean, currency)
        yield {"label": gettext("Due by now"), "value": value, "note": ends(day.due)}
    if day.finish is not None and _has_begun(day):
        value = formats.short_money(day.finish.mean, currency)
        yield {"label": gettext("Expected at the end"), "value": value, "note": ends(day.finish)}
    if day.chance is not None and _has_begun(day):
        yield {"label": gettext("Chance to make it"), "value": formats.chance(day.chance), "note": ""}
    yield {"label": gettext("Orders"), "value": formats.decimal(day.orders), "note": ""}
    note = gettext("by this hour of %(day)s") % {"day": formats.day(day.before_on)}
    yield {"label": gettext("Before"), "value": formats.short_money(day.before, currency), "note": note}


def _picture(day: Day, currency: str) -> charts.Picture:
    rows: list[charts.Line] = []
    due = [hour.due for hour in day.hours]
    if day.due is not None:
        low, middle, high = (
            [None if one is None else getattr(one, name) for one in due] for name in ("low", "mean", "high")
        )
        rows += charts.band(gettext("%(level)s interval") % {"level": formats.percent(LEVEL, 0)}, low, high)
        rows.append(charts.Line(gettext("Due for the target"), middle, "plan"))
    rows.append(charts.Line(formats.day(day.before_on), [hour.before for hour in day.hours], "last_year"))
    rows.append(charts.Line(gettext("Actual"), [hour.actual for hour in day.hours], "actual"))
    axis = [f"{hour.hour}:00" for hour in day.hours]
    return charts.picture(gettext("Net sales added up by hour"), axis, rows, unit="money", currency=currency)


def _learnt(day: Day) -> str:
    """What the curve is learnt from."""
    weekdays = ngettext("%(n)s day of the same weekday", "%(n)s days of the same weekday", day.similar)
    said = weekdays % {"n": day.similar}
    if day.events:
        years = ngettext("%(n)s earlier year of the event", "%(n)s earlier years of the event", day.events)
        return gettext("Pace learnt from %(years)s and %(weekdays)s.") % {
            "years": years % {"n": day.events},
            "weekdays": said,
        }
    return gettext("Pace learnt from %(weekdays)s.") % {"weekdays": said}


PAGES = (
    Page(
        path="today/live",
        name="live",
        view=view,
        permission="metrics.read",
        place="today",
        is_whole=True,
        label=N_("Live"),
        icon="activity-heartbeat",
        rank=6,
    ),
)
