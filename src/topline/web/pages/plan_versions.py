"""The versions of a plan: the locked baseline with its reforecasts beside it, and what differs between any two."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from topline.metrics.query import Query
from topline.plans import answered, approval, diff, expectation
from topline.plans.models import PlanVersion, State
from topline.units.missing import Missing
from topline.units.period import Period
from topline.web import formats
from topline.web.page import Page, Visit, whole
from topline.web.pages.approval import difference
from topline.web.pages.plans import TONES, version_of

_LINES = 60


def view(visit: Visit, plan_id: int) -> HttpResponse:
    version = version_of(visit, plan_id)
    plan = version.plan
    listed = list(PlanVersion.objects.of(visit.shop).filter(plan=plan).order_by("-number"))
    by_number = {one.number: one for one in listed}
    after = by_number.get(whole(visit.request.GET.get("to")), listed[0])
    usual = after.based_on_id and next((one for one in listed if one.pk == after.based_on_id), None)
    before = by_number.get(whole(visit.request.GET.get("from"))) or usual or listed[-1]
    found = diff.between(approval.plain_contents(before), approval.plain_contents(after)) if before != after else []
    return visit.render(
        "plan_versions.html",
        {
            "plan": plan,
            "version": version,
            "tab": "versions",
            "version_query": f"?version={version.number}" if visit.request.GET.get("version") else "",
            "tone": TONES[State(version.state)],
            "sentence": _sentence(listed),
            "lines": [_line(visit, one) for one in listed],
            "versions": listed,
            "before": before,
            "after": after,
            "differences": [difference(after, one) for one in found[:_LINES]],
            "more": max(len(found) - _LINES, 0),
            "yesterday": visit.today - timedelta(days=1),
        },
    )


def _sentence(listed: list[PlanVersion]) -> str:
    locked = next((one for one in listed if one.state == State.ACTIVE), None)
    if locked is None:
        n = len(listed)
        return ngettext("%(n)s version, none of them in force.", "%(n)s versions, none of them in force.", n) % {"n": n}
    beside = sum(one.based_on_id == locked.pk and one.is_reforecast for one in listed)
    said = gettext("Version %(number)s is the locked baseline.") % {"number": locked.number}
    if not beside:
        return said
    more = ngettext("%(n)s reforecast stands beside it.", "%(n)s reforecasts stand beside it.", beside) % {"n": beside}
    return f"{said} {more}"


def _line(visit: Visit, version: PlanVersion) -> dict[str, Any]:
    """A version: its target, what it expected, and the sales by then as they were known then and are known now."""
    goal = version.goals.standing().filter(metric="net_sales", scope={}).first()
    currency = version.plan.currency
    is_real = not visit.shop.is_pinned  # a pinned clock says nothing of when facts were recorded
    made_on = version.created_at.astimezone(visit.shop.zone).date() if is_real else version.as_of
    then, now = _sales(version, known_then=True) if is_real else None, _sales(version, known_then=False)
    return {
        "version": version,
        "tone": TONES[State(version.state)],
        "seen_on": min(max(made_on, version.as_of), visit.today - timedelta(days=1)),
        "target": formats.whole_money(goal.target, currency) if goal else "–",
        "expected": formats.whole_money(goal.expected, currency) if goal and goal.expected else "–",
        "chance": formats.chance(goal.chance) if goal and goal.chance is not None else "–",
        "then": formats.whole_money(then, currency) if then is not None else "–",
        "now": formats.whole_money(now, currency) if now is not None else "–",
        "has_moved": then is not None and now is not None and round(then - now, 2) != 0,
    }


def _sales(version: PlanVersion, *, known_then: bool) -> float | None:
    """Net sales of the year before the version's day, as known when it was made, or as known now."""
    snapshot = version.plan.shop.lake().latest()
    if snapshot is None:
        return None
    year = Period(version.as_of - timedelta(days=365), version.as_of)
    known_at = version.created_at if known_then else None
    query = Query(metrics=("net_sales",), period=year, as_of=version.as_of, known_at=known_at)
    total = answered.ask(version.plan.shop, query, snapshot).totals["net_sales"]
    return None if isinstance(total, Missing) else expectation.number(total)


PAGES = (
    Page(
        path="plans/<int:plan_id>/versions",
        name="plan_versions",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
