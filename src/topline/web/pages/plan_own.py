"""A plan as it concerns one person who sees only a part of the shop: quota, chance, deals, dates and promises."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext

from topline.plans import own
from topline.plans.models import PlanVersion, Promise, State
from topline.plans.own import Own
from topline.plans.quotas import Line
from topline.plans.territories import Standing
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import add_months
from topline.units.text import N_
from topline.web import charts, formats
from topline.web.page import Page, Visit
from topline.web.pages import calendar, plans, reviews

UNNAMED = N_(
    "Nobody has said yet how deals name you, so nothing of them shows as yours. Ask an owner of the shop: they say it "
    "in Settings, People and roles."
)


def view(visit: Visit, plan_id: int) -> HttpResponse:
    """The person's own page of the version that counts; who sees the whole shop is led to the plan."""
    if visit.scope.is_whole:
        return redirect("plan", visit.shop.slug, plan_id)
    version, error = plans.version_of(visit, plan_id), ""
    if visit.request.method == "POST":
        try:
            reviews.answer_promise(visit, version.plan)
            return redirect("plan_own", visit.shop.slug, plan_id)
        except ToplineError as wrong:
            error = formats.say(wrong)
    context = {
        "plan": version.plan,
        "version": version,
        "tone": plans.TONES[State(version.state)],
        "one": shown(visit, version),
        "deals": deals(visit),
        "people": reviews.people_of(visit).items(),
        "trouble": error,
    }
    return visit.render("plan_own.html", context, status=400 if error else 200)


def shown(visit: Visit, version: PlanVersion) -> dict[str, Any]:
    """What `own_plan.html` needs of a plan."""
    found = own.of(version, visit.user, visit.scope, visit.today)
    return {
        "plan": version.plan,
        "sentence": _sentence(visit, found),
        "figures": list(_figures(visit, found)),
        "picture": _picture(visit, found),
        "territories": [_territory(visit, one) for one in found.territories],
        "dates": [_date(visit, one) for one in found.dates[:_MOST]],
        "promises": [reviews.opened(visit, one) for one in found.promises if one.state == Promise.State.OPEN],
    }


_MOST = 12


def deals(visit: Visit) -> list[dict[str, Any]]:
    """The person's open deals, for those who may see rows."""
    if not visit.may("rows.read"):
        return []
    return [
        {
            "deal": one,
            "value": formats.number(one.value, "money", visit.shop.currency),
            "chance": formats.percent(chance, 0) if chance is not None else "–",
            "is_late": one.expected_close is not None and one.expected_close < visit.today,
        }
        for one, chance in own.deals(visit.shop, visit.scope, visit.today)
    ]


def _sentence(visit: Visit, found: Own) -> str:
    line, plan, currency = found.quota, found.version.plan, visit.shop.currency
    if not visit.scope.owners:
        return formats.say(UNNAMED)
    if line is None:
        return gettext("%(plan)s has no quota for you yet.") % {"plan": plan.title}
    said = {"plan": plan.title, "quota": formats.whole_money(line.quota, currency)}
    if isinstance(line.won, Missing):
        return gettext("Your quota in %(plan)s is %(quota)s; its first day is still to come.") % said
    said |= {"won": formats.whole_money(line.won, currency), "due": formats.whole_money(line.due, currency)}
    if plan.is_over(visit.today):
        return gettext("You won %(won)s of your quota of %(quota)s.") % said
    if line.won >= line.due:
        return gettext("You are on course: %(won)s of your quota of %(quota)s are won, %(due)s are due by now.") % said
    return gettext("You are behind: %(won)s of your quota of %(quota)s are won, %(due)s are due by now.") % said


def _figures(visit: Visit, found: Own) -> Any:
    line, aim, currency = found.quota, found.aim, visit.shop.currency
    if line is not None:
        yield {"label": gettext("Quota"), "value": formats.short_money(line.quota, currency)}
        if not isinstance(line.won, Missing):
            pace = formats.percent(line.pace, 0) if line.pace is not None else ""
            note = gettext("%(pace)s of what is due by now") % {"pace": pace} if pace else ""
            yield {"label": gettext("Won so far"), "value": formats.short_money(line.won, currency), "note": note}
    if aim is not None:
        until = formats.month(add_months(aim.until, -1))
        reach = aim.reach
        ends = f"{formats.short_money(reach.low, currency)} – {formats.short_money(reach.high, currency)}"
        label = gettext("Chance to make %(amount)s by the end of %(month)s")
        said = {"amount": formats.short_money(aim.quota, currency), "month": until}
        note = gettext("by your open deals, and new ones as they come in")
        yield {"label": label % said, "value": formats.chance(reach.chance), "note": note}
        label = gettext("Still to come in by then")
        yield {"label": label, "value": formats.short_money(reach.mean, currency), "note": ends}


def _picture(visit: Visit, found: Own) -> charts.Picture | None:
    """The quota by month, added up, with what of it is won by now."""
    line = found.quota
    if line is None:
        return None
    rows = [charts.Line(gettext("Quota added up"), _added(line), "plan")]
    if not isinstance(line.won, Missing):
        rows.append(charts.Line(gettext("Won so far"), _until(found, line.won, visit.today), "actual"))
    axis = [formats.short_month(month) for month in found.months]
    currency = visit.shop.currency
    drawn = charts.picture(gettext("Your quota, and what is won"), axis, rows, unit="money", currency=currency)
    return charts.as_columns(drawn)


def _added(line: Line) -> list[float | None]:
    sums, total = [], Decimal(0)
    for amount in line.by_month:
        total += amount
        sums.append(float(total))
    return [*sums]


def _until(found: Own, won: Decimal, today: date) -> list[float | None]:
    """What is won, in the month of today, or the last one of a plan that is over."""
    at = max((place for place, month in enumerate(found.months) if month <= today), default=0)
    return [float(won) if place == at else None for place in range(len(found.months))]


def _territory(visit: Visit, one: Standing) -> dict[str, Any]:
    currency = visit.shop.currency

    def money(value: object) -> str:
        return formats.whole_money(value, currency) if isinstance(value, Decimal | int | float) else "–"

    return {
        "name": one.territory.name,
        "strategy": one.territory.strategy,
        "target": money(one.target),
        "due": money(one.due),
        "won": money(one.actual),
    }


def _date(visit: Visit, one: Any) -> dict[str, Any]:
    return {"item": one, "label": calendar.title(one), "url": calendar.item_url(visit, one)}


PAGES = (Page(path="plans/<int:plan_id>/own", name="plan_own", view=view, permission="plans.read", place="plan"),)
