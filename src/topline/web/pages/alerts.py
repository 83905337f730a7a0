"""Alerts: what to be told of, and what happened."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.boards import alerts, operations
from topline.boards.models import Alert, AlertEvent
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.metrics.query import Query, parse_filter
from topline.units.number import NumberTextError
from topline.units.text import N_
from topline.web import formats, question
from topline.web.page import Page, Visit

SNOOZES = {"day": timedelta(days=1), "week": timedelta(weeks=1), "month": timedelta(days=30)}


def listing(visit: Visit) -> HttpResponse:
    """The alerts that the person may see, and what happened last."""
    last = Prefetch("events", AlertEvent.objects.all()[:1], to_attr="newest")
    seen: list[Any] = Alert.objects.prefetch_related(last).seen_by(visit.user, visit.shop)
    return visit.render(
        "alerts.html",
        {
            "alerts": [{"alert": one, "says": says(visit, one), "last": next(iter(one.newest), None)} for one in seen],
            "now": timezone.now(),
        },
    )


def view(visit: Visit, alert: int) -> HttpResponse:
    """One alert and its history."""
    found = _alert(visit, alert)
    is_own = found.owner == visit.user
    if visit.request.method == "POST":
        visit.require("boards.write")
        if not is_own:
            raise Http404
        return _change(visit, found)
    return visit.render(
        "alert.html",
        {
            "alert": found,
            "is_own": is_own,
            "says": says(visit, found),
            "rule": alerts.RULES[found.rule],
            "is_snoozed": found.is_snoozed(timezone.now()),
            "bound": _typed(found),
            "is_rate": _is_rate(found),
            "events": [
                {
                    "event": event,
                    "text": formats.told(event.message, event.params, visit.shop.currency),
                    "rows_url": _rows_url(visit, found, event.params),
                }
                for event in found.events.all()[:100]
            ],
            "sides": [(side, str(Alert.Side(side).label)) for side in alerts.RULES[found.rule].sides],
            "may_share": visit.may("boards.share"),
            "calls_private": settings.PRIVATE_CALLS,
        },
    )


def new(visit: Visit) -> HttpResponse:
    """Sets an alert."""
    if visit.request.method == "POST":
        posted = visit.request.POST
        about = Query(metrics=(posted.get("metric", ""),))
        question.require_known(visit, question.filters(posted.getlist("where")), about.metrics)
        made = operations.create_alert(
            shop=visit.shop,
            owner=visit.user,
            name=posted.get("name", "") or formats.say(metrics()[about.metrics[0]].label),
            rule=posted.get("rule", ""),
            question={"metrics": [*about.metrics], "where": posted.getlist("where")},
            grain=_grain(posted.get("rule", ""), posted.get("grain", "")),
            **_told(visit, posted.get("rule", ""), posted.get("metric", "")),
        )
        messages.success(visit.request, gettext("The alert is set. It is judged as soon as new data is in."))
        return redirect("alert", visit.shop.slug, made.pk)
    shown = question.visible_metrics(visit.scope)
    asked = visit.request.GET.get("metric", "net_sales")
    where = [text for text in visit.request.GET.getlist("where") if text]
    return visit.render(
        "alert_form.html",
        {
            "families": question.families(visit.scope),
            "metric": asked if asked in shown else "net_sales",
            "where": where,
            "filters": [question.said(parse_filter(text)) for text in where],
            "rules": alerts.RULES.items(),
            "sides": [(side.value, side.label) for side in reversed(Alert.Side)],
            "may_share": visit.may("boards.share"),
            "calls_private": settings.PRIVATE_CALLS,
        },
    )


def _change(visit: Visit, alert: Alert) -> HttpResponse:
    do, now = visit.request.POST.get("do", ""), timezone.now()
    if do == "end":
        operations.end_alert(alert=alert, actor=visit.user, now=now)
        messages.success(visit.request, gettext("“%(name)s” watches no more.") % {"name": alert.name})
        return redirect(visit.url("alerts"))
    if do == "wake":
        operations.snooze_alert(alert=alert, actor=visit.user, until=None)
    elif do in SNOOZES:
        operations.snooze_alert(alert=alert, actor=visit.user, until=now + SNOOZES[do])
    elif do == "save":
        operations.change_alert(alert=alert, actor=visit.user, **_told(visit, alert.rule, alert.metric))
        messages.success(visit.request, gettext("Kept."))
    return redirect("alert", visit.shop.slug, alert.pk)


def _told(visit: Visit, rule: str, metric: str) -> dict[str, Any]:
    """What the form says about bound, side and ways to tell; a rate is typed in per cent."""
    posted = visit.request.POST
    bound = _bound(posted.get("bound", "")) if rule in alerts.RULES and alerts.RULES[rule].needs_bound else None
    kept = metrics().get(metric)
    if bound is not None and (rule == "off_pace" or (kept is not None and kept.unit is Unit.RATE)):
        bound /= 100
    sides = alerts.RULES[rule].sides if rule in alerts.RULES else ()
    side = posted.get("side", "")
    return {
        "bound": bound,
        "side": side if side in sides or not sides else sides[0],
        "by_mail": bool(posted.get("by_mail")),
        "webhook": posted.get("webhook", "").strip(),
        "is_shared": bool(posted.get("is_shared")) and visit.may("boards.share"),
    }


def _grain(rule: str, asked: str) -> str:
    grains = alerts.RULES[rule].grains if rule in alerts.RULES else ("day",)
    return asked if asked in grains else grains[0]


def _bound(text: str) -> Decimal | None:
    try:
        found = formats.read_number(text)
    except NumberTextError:
        return None
    return found if abs(found) < Decimal(10) ** 15 else None


def says(visit: Visit, alert: Alert) -> str:
    """What it watches for, in a sentence."""
    metric = metrics()[alert.metric]
    words = {"metric": formats.say(metric.label)}
    if alert.question.get("where"):
        words["metric"] += f" ({'; '.join(question.said(parse_filter(text)) for text in alert.question['where'])})"
    is_above = alert.side == Alert.Side.ABOVE
    if alert.rule == "threshold":
        words["bound"] = formats.number(alert.bound, metric.unit, visit.shop.currency)
        words["grain"] = gettext(GRAINS[alert.grain])
        text = (
            N_("%(metric)s of %(grain)s above %(bound)s") if is_above else N_("%(metric)s of %(grain)s below %(bound)s")
        )
    elif alert.rule == "off_pace":
        words["bound"] = formats.percent(alert.bound or 0)
        text = (
            N_("%(metric)s more than %(bound)s ahead of the plan's pace")
            if is_above
            else N_("%(metric)s more than %(bound)s behind the plan's pace")
        )
    elif alert.rule == alerts.DRIFT:
        text = N_("%(metric)s of weeks outside what the outlook had published")
    else:
        text = N_("%(metric)s unusual for the season")
    return gettext(text) % words


GRAINS = {"day": N_("a day"), "week": N_("a week"), "month": N_("a month")}


def _typed(alert: Alert) -> str:
    """The bound as it is typed into the form."""
    if alert.bound is None:
        return ""
    shown = alert.bound * 100 if _is_rate(alert) else alert.bound
    return format(shown.normalize(), "f")


def _is_rate(alert: Alert) -> bool:
    return alert.rule == "off_pace" or metrics()[alert.metric].unit is Unit.RATE


def _rows_url(visit: Visit, alert: Alert, params: dict[str, Any]) -> str:
    """The rows behind the figure that was found."""
    if not visit.may("rows.read"):
        return ""
    start, end = params["bucket"]
    asked = [("metrics", alert.metric), *(("where", text) for text in alert.question.get("where", []))]
    return f"{visit.url('rows')}?{urlencode([*asked, ('from', start), ('to', end)])}"


def _sees(visit: Visit, alert: Alert) -> bool:
    return alert.owner == visit.user or alert.is_seen_by(visit.user)


def _alert(visit: Visit, alert: int) -> Alert:
    found = Alert.objects.of(visit.user, visit.shop).select_related("owner", "shop").filter(pk=alert).first()
    if found is None or not _sees(visit, found):
        raise Http404
    return found


PAGES = (
    Page(
        path="alerts",
        name="alerts",
        view=listing,
        permission="metrics.read",
        place="measure",
        label=N_("Alerts"),
        icon="bell-ringing",
        rank=8,
    ),
    Page(path="alerts/new", name="alert_new", view=new, permission="boards.write", place="measure"),
    Page(path="alerts/<int:alert>", name="alert", view=view, permission="metrics.read", place="measure"),
)
