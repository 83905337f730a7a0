"""What a plan does: its action fronts, the matrix that their actions make, journeys, and the funnel both ways."""

from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import fronts, funnel, live, outline
from topline.plans.models import PlanVersion, State
from topline.units.missing import Missing
from topline.web import charts, formats
from topline.web.page import Page, Visit
from topline.web.pages import plan_document, plan_views, plans
from topline.web.pages.plan_document import Desk


def view(visit: Visit, plan_id: int) -> HttpResponse:
    version = plans.version_of(visit, plan_id)
    desk = Desk(visit, version)
    with desk.reader.kept("fronts"):
        found = fronts.fronts(desk.reader)
        matrix = fronts.matrix(desk.reader)
        both = funnel.of(desk.reader) if desk.reader.has_facts else funnel.NO_ORDERS
        journeys = [_journey(desk, one) for one in fronts.journeys(desk.reader)]
    context = {
        **plans.about_then(visit),
        "desk": desk,
        "plan": version.plan,
        "version": version,
        "tone": plans.TONES[State(version.state)],
        "tab": "fronts",
        "version_query": f"?version={version.number}",
        "query": f"version={version.number}{plans.about_then(visit)['then_query']}",
        "sentence": _sentence(desk, matrix, both),
        "flags": plan_views.flags(matrix),
        "fronts": [_front(desk, one) for one in found],
        "matrix": _matrix(desk, matrix),
        "steps": plan_views.steps(desk, both) if isinstance(both, funnel.Funnel) else [],
        "why_no_funnel": formats.say(both) if isinstance(both, Missing) else "",
        "lines": _lines(desk, both) if isinstance(both, funnel.Funnel) else [],
        "picture": _picture(version, both) if isinstance(both, funnel.Funnel) and both.lines else None,
        "unmatched": isinstance(both, funnel.Funnel) and both.basis == "unmatched",
        "days": funnel.DAYS,
        "journeys": journeys,
        "journey_steps": list(outline.STEPS.values()),
        "has_fronts": 8 in {each.number for each in outline.sections(version.plan.kind, version.plan.outline)},
    }
    return visit.render("plan_fronts.html", context)


def _sentence(desk: Desk, matrix: fronts.Matrix, both: funnel.Funnel | Missing) -> str:
    if isinstance(both, funnel.Funnel) and both.budget:
        return plan_views.reconciled(desk, both)
    if matrix.is_empty:
        return gettext("No action front yet: say on which fronts you work towards the goals.")
    count = sum(len(square.actions) for square in matrix.squares.values())
    return ngettext("%(n)s action stands in the funnel.", "%(n)s actions stand in the funnel.", count) % {"n": count}


def _value(desk: Desk, value: object, unit: str) -> Any:
    return plan_document.live_value(desk, live.Shown(value, unit))


def _front(desk: Desk, one: fronts.Front) -> dict[str, Any]:
    currency = desk.plan.currency
    return {
        "front": one,
        "goal": desk.goals.get(one.goal, ""),
        "focus": formats.say(outline.STAGES.get(one.focus, "")),
        "channels": ", ".join(formats.channel(each) for each in one.channels),
        "owner": desk.people.get(one.owner or 0, ""),
        "budget": formats.money(one.budget, currency) if one.budget is not None else "–",
        "planned": formats.money(one.planned, currency),
        "spent": _value(desk, one.spent, Unit.MONEY),
        "kpi": formats.say(metrics()[one.metric].label) if one.metric else "",
        "result": _value(desk, one.result, one.unit),
        "roi": _value(desk, one.roi, Unit.RATE),
        "flags": [formats.say(flag) for flag in one.flags],
        "href": f"{desk.visit.url('plan_document', desk.plan.pk)}?version={desk.version.number}&section=8"
        f"&edit=8.fronts/{one.key}#f-8-fronts"
        if desk.may_write
        else "",
        "actions": len(one.actions),
    }


def _matrix(desk: Desk, matrix: fronts.Matrix) -> dict[str, Any]:
    rows = []
    for stage, label in outline.STAGES.items():
        squares = [matrix.squares.get((stage, channel)) for channel in matrix.channels]
        rows.append(
            {"label": label, "cells": [_square(desk, square) for square in squares], "is_empty": not any(squares)}
        )
    names = [formats.channel(each) if each else gettext("no channel") for each in matrix.channels]
    return {
        "channels": [(name, code in matrix.unfunded) for name, code in zip(names, matrix.channels, strict=True)],
        "rows": rows,
    }


def _square(desk: Desk, square: fronts.Square | None) -> list[dict[str, Any]]:
    if square is None:
        return []
    return [
        {
            "action": one,
            "owner": desk.people.get(one.cells.get("owner") or 0, ""),
            "metric": formats.say(metrics()[one.metric].label) if one.metric else "",
            "outcome": _outcome(desk, one),
            "money": _money(desk, one),
            "why": [
                f"{label}: {formats.say(value)}"
                for label, value in ((gettext("Actual"), one.actual), (gettext("Return"), one.roi))
                if isinstance(value, Missing)
            ],
        }
        for one in square.actions
    ]


def _outcome(desk: Desk, one: fronts.Action) -> list[str]:
    """What is expected of an action and what came of it, as far as it is known."""
    said = [gettext("nothing expected yet")]
    if one.expected is not None:
        said = [gettext("expected %(value)s") % {"value": formats.number(one.expected, one.unit, desk.plan.currency)}]
    if not isinstance(one.actual, Missing):
        said.append(gettext("actual %(value)s") % {"value": _value(desk, one.actual, one.unit)})
    return said


def _money(desk: Desk, one: fronts.Action) -> list[str]:
    """An action's budget, what was spent, and its return, as far as they are known."""
    said = [gettext("no budget")]
    if one.budget is not None:
        said = [gettext("budget %(value)s") % {"value": formats.money(one.budget, desk.plan.currency)}]
    if not isinstance(one.spent, Missing):
        said.append(gettext("spent %(value)s") % {"value": _value(desk, one.spent, Unit.MONEY)})
    if not isinstance(one.roi, Missing):
        said.append(gettext("return %(value)s") % {"value": _value(desk, one.roi, Unit.RATE)})
    return said


def _lines(desk: Desk, both: funnel.Funnel) -> list[list[str]]:
    currency = desk.plan.currency
    return [
        [
            formats.channel(line.channel),
            formats.percent(line.share, 0),
            formats.decimal(line.orders),
            formats.decimal(line.visits) if line.visits is not None else "–",
            formats.money(line.cost, currency) if line.cost else gettext("no spend") if line.cost is not None else "–",
            formats.whole_money(line.spend, currency) if line.spend else "–",
            formats.whole_money(line.budget, currency) if line.budget else "–",
            formats.decimal(line.brings),
        ]
        for line in both.lines
    ]


def _picture(version: PlanVersion, both: funnel.Funnel) -> charts.Picture:
    """Orders that each channel must bring, and those that its budget brings."""
    axis = [formats.channel(line.channel) for line in both.lines]
    rows = [
        charts.Line(gettext("Orders needed for the goal"), [round(line.orders) for line in both.lines], "mark"),
        charts.Line(gettext("Orders that the budget brings"), [round(line.brings) for line in both.lines], "actual"),
    ]
    option = charts.columns(axis, rows, unit="count", currency=version.plan.currency)
    title = gettext("Orders by channel: needed and paid for")
    return charts.Picture(title, option, axis, rows, "count", version.plan.currency)


def _journey(desk: Desk, one: fronts.Journey) -> dict[str, Any]:
    messages, actions = desk.named("5.messages"), desk.named("8.actions")
    steps = []
    for found in one.steps.values():
        said = []
        for each in found:
            parts = [
                formats.channel(each["channel"]) if each.get("channel") else "",
                messages.get(each.get("message", ""), ""),
                actions.get(each.get("action", ""), ""),
                each.get("content", ""),
            ]
            said.append(" · ".join(part for part in parts if part))
        steps.append(said)
    return {"name": one.persona, "steps": steps, "gaps": [formats.say(outline.STEPS[step]) for step in one.gaps]}


PAGES = (
    Page(
        path="plans/<int:plan_id>/fronts",
        name="plan_fronts",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
