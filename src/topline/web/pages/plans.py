"""Plans: the list, a new draft in the making, the plan with its forecast and target grid, and its goals."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.calendar import events
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import approval, checks, operations, templates, text
from topline.plans import jobs as plan_jobs
from topline.plans.drafting import PLANNED
from topline.plans.expectation import OTHER
from topline.plans.grid import Grid, Part
from topline.plans.models import Goal, GridOperation, Plan, PlanVersion, State
from topline.plans.progress import GoalLine, PlanView
from topline.plans.text import Sentence
from topline.plans.units import digits, from_minor
from topline.units.errors import PeriodError
from topline.units.period import Period, add_months, parse_day
from topline.units.text import N_
from topline.web import charts, formats, question
from topline.web.page import Page, Visit, language, whole
from topline.workbench.models import Job, JobQuerySet

EVENTS = {event.id: event.label for event in events.EVENTS}
MONTHS = (1, 2, 3, 4, 6, 12)
TONES = {
    State.DRAFT: "",
    State.IN_REVIEW: "note",
    State.BY_MARKETING: "note",
    State.APPROVED: "accent",
    State.ACTIVE: "good",
    State.CLOSED: "",
}


_TONES_OF_STATUS = {"on_course": "good", "at_risk": "warn", "behind": "bad", "reached": "good", "missed": "bad"}
STATUSES = {name: (label, _TONES_OF_STATUS.get(name, "")) for name, label in text.STATUSES.items()}
"""How something goes: in words, and the tone of its pill."""


_LINES = 20
"""Lines of the grid and goals that the plan's page shows; the pages of targets and of goals have them all."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the grid, or a total that spreads over the cells below it."""

    part: Part
    text: str
    is_locked: bool
    row: int
    column: int
    label: str
    seen: int

    @property
    def id(self) -> str:
        return f"cell-{self.row}-{self.column}"

    @property
    def values(self) -> str:
        """What the browser sends along to name the cell."""
        places = {"block": self.part.block, "market": self.part.market, "month": self.part.month, "seen": self.seen}
        return formats.json_text({name: place for name, place in places.items() if place is not None})


def index(visit: Visit) -> HttpResponse:
    plans = [_card(visit, plan) for plan in Plan.objects.of(visit.shop).prefetch_related("versions")]
    month = visit.today.replace(day=1)
    first = month if visit.today.day == 1 else add_months(month, 1)
    fresh_to = visit.today if visit.is_empty else question.anchor(visit)
    asked = visit.request.GET
    return visit.render(
        "plans.html",
        {
            "plans": plans,
            "newest_on": fresh_to - timedelta(days=1) if fresh_to < visit.today else None,
            "pin_on": fresh_to,
            "may_pin": visit.may("settings.write"),
            "may_write": visit.may("plans.write"),
            "is_empty": visit.is_empty and not plans,
            "running": next((each for each in plans if each["is_now"]), None),
            "firsts": [
                (f"{month:%Y-%m}", formats.month(month)) for i in range(-1, 6) for month in (add_months(first, i),)
            ],
            "first": asked.get("first", f"{first:%Y-%m}"),
            "months": MONTHS,
            "length": whole(asked.get("months")) or 3,
            "pair": templates.PAIR,
            "template": asked.get("template") or (templates.PAIR if not plans else "sales"),
            "templates": templates.of(visit.shop),
            "drafting": _drafts(visit).unfinished().order_by("pk"),
        },
    )


def _drafts(visit: Visit) -> JobQuerySet:
    """The jobs that draft plans of the shop, or versions of them."""
    return Job.objects.filter(shop=visit.shop.slug, kind__in=plan_jobs.ASKED)


def _card(visit: Visit, plan: Plan) -> dict[str, Any]:
    version = plan.current
    goal = version.goals.standing().filter(metric="net_sales").first() if visit.scope.is_whole else None
    return {
        "plan": plan,
        "version": version,
        "tone": TONES[State(version.state)],
        "goal": goal,
        "is_now": visit.today in plan.period and version.state == State.ACTIVE,
        "serves": plan.serves,
    }


def draft(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return redirect("plans", visit.shop.slug)
    visit.require("plans.write")
    posted = visit.request.POST
    months = whole(posted.get("months"))
    period = Period.of_months(parse_day(posted.get("first", "")), months if months in MONTHS else 3)
    as_of = parse_day(posted["as_of"]) if posted.get("as_of") else visit.today
    job = plan_jobs.ask_for_draft(
        shop=visit.shop,
        period=period,
        as_of=as_of,
        actor=visit.user,
        language=language(),
        template=posted.get("template") or templates.SALES.id,
    )
    return redirect("plan_drafting", visit.shop.slug, job.pk)


def drafting(visit: Visit, job_id: int) -> HttpResponse:
    """How a draft comes along; it leads to the plan when that is there."""
    job = _drafts(visit).filter(pk=job_id).first()
    if job is None:
        raise Http404
    if visit.is_fragment and job.is_finished:
        return HttpResponse(headers={"HX-Refresh": "true"})
    if job.state == Job.State.DONE:
        if job.actor_id == visit.user.pk:
            messages.success(visit.request, gettext("The draft is ready. Change what you know better."))
        version = f"?version={job.result['number']}" if job.kind == "plans.reforecast" else ""
        return redirect(visit.url("plan", job.result["plan"]) + version)
    period = Period(parse_day(job.params["from"]), parse_day(job.params["to"]))
    context = {"job": job, "period": period, "error": formats.failure(job)}
    return visit.render("drafting.html#progress" if visit.is_fragment else "drafting.html", context)


def plan(visit: Visit, plan_id: int) -> HttpResponse:
    """The plan; to who sees a part of the shop, what of it is theirs."""
    if not visit.scope.is_whole:
        return redirect("plan_own", visit.shop.slug, plan_id)
    return _show(visit, version_of(visit, plan_id))


def _show(visit: Visit, version: PlanVersion) -> HttpResponse:
    """The plan as seen today, or as it was known on an earlier day; until its outlook is made, a skeleton."""
    rest = plan_jobs.look_ahead(version.plan, then(visit), retry=visit.is_retry)
    if rest.snapshot is not None:
        context = _context(visit, version, rest.snapshot) | visit.resting(rest)
    else:
        error = formats.failure(rest.job)
        if visit.is_fragment and visit.request.method == "GET" and not error:
            return HttpResponse(status=204)
        context = {"version": version, "plan": version.plan, "job": rest.job, "error": error, **about_then(visit)}
        if error:
            context["came_in"] = plan_jobs.unknown_until(visit.shop, then(visit))
    return visit.render("plan.html#body" if visit.is_fragment else "plan.html", context)


def then(visit: Visit) -> date | None:
    """The earlier day as of which the plan is to be seen, None for today."""
    try:
        asked = parse_day(visit.request.GET.get("then", ""))
    except PeriodError:
        return None
    return asked if asked < visit.today else None


def seen(visit: Visit) -> tuple[date, datetime | None]:
    """The day as of which the plan is to be seen, and by when what counts had been recorded, None for all there is."""
    back = then(visit)
    return back or visit.today, plan_jobs.known_by(visit.shop, back)


def about_then(visit: Visit) -> dict[str, Any]:
    """What `plan_then.html` says of the day, and how links keep it."""
    back = then(visit)
    known = back is not None and not visit.shop.is_pinned
    return {"then": back, "is_known_then": known, "then_query": f"&then={back}" if back else ""}


def act(visit: Visit, plan_id: int) -> HttpResponse:
    """A step of the version: hand in, approve, send back, activate, close, revise, reforecast, undo."""
    if visit.request.method != "POST":
        return redirect("plan", visit.shop.slug, plan_id)
    version = version_of(visit, plan_id)
    verb = visit.request.POST.get("do", "")
    now = timezone.now()
    match verb:
        case "submit" | "approve" | "send_back" | "activate" | "close":
            getattr(approval, verb)(version=version, actor=visit.user, now=now)
        case "revise":
            operations.revise(version=version, actor=visit.user, now=now)
        case "reforecast":
            job = plan_jobs.ask_for_reforecast(version=version, as_of=visit.today, actor=visit.user)
            return redirect("plan_drafting", visit.shop.slug, job.pk)
        case "add_goal":
            operations.add_goal(
                version=version,
                metric="net_sales",
                scope=_scope(version, visit.request.POST),
                actor=visit.user,
                now=now,
            )
            return redirect(address_of(visit, version))
        case "undo":
            operations.undo_edit(version=version, actor=visit.user, now=now)
    if visit.is_fragment:
        return _show(visit, version_of(visit, plan_id))
    return redirect("plan", visit.shop.slug, plan_id)


def _scope(version: PlanVersion, posted: Mapping[str, str]) -> dict[str, str | None]:
    """The category and the market that were chosen by their places on the grid."""
    axes = version.scopes("net_sales")
    chosen = {name: whole(posted[name]) for name in axes if posted.get(name, "").isdecimal()}
    return {name: axes[name][place] for name, place in chosen.items() if place < len(axes[name])}


def cell(visit: Visit, plan_id: int) -> HttpResponse:
    """An edit of the grid: an amount, or a lock."""
    visit.require("plans.write")
    version = version_of(visit, plan_id)
    posted = visit.request.POST
    metric = visit.request.GET.get("metric", "net_sales")
    part = Part(*(whole(posted[name]) if name in posted else None for name in ("block", "market", "month")))
    seen, now = whole(posted.get("seen")), timezone.now()
    if "lock" in posted:
        is_locked = posted["lock"] == "on"
        operations.lock_targets(
            version=version, metric=metric, part=part, is_locked=is_locked, seen=seen, actor=visit.user, now=now
        )
    else:
        unit = metrics()[metric].unit if metric in metrics() else Unit.QUANTITY
        amount = formats.read_value(posted.get("amount", ""), unit, visit.shop.currency)
        operations.set_target(
            version=version, metric=metric, part=part, amount=amount, seen=seen, actor=visit.user, now=now
        )
    return _show(visit, version_of(visit, plan_id))


def address_of(visit: Visit, version: PlanVersion) -> str:
    """The plan's page with that version."""
    return f"{visit.url('plan', version.plan_id)}?version={version.number}#goals"


def version_of(visit: Visit, plan_id: int) -> PlanVersion:
    """The version that the address names, else the one that counts."""
    plan = Plan.objects.of(visit.shop).filter(pk=plan_id).first()
    if plan is None:
        raise Http404
    plan.shop = visit.shop
    number = visit.request.GET.get("version", "")
    found = plan.versions.filter(number=int(number)).first() if number.isdecimal() else plan.current
    if found is None:
        raise Http404
    return found


def _context(visit: Visit, version: PlanVersion, snapshot: Snapshot) -> dict[str, Any]:
    asked = visit.request.GET
    metric = asked.get("metric", "net_sales")
    planned = version.grid_metrics
    metric = metric if metric in planned else "net_sales"
    market = asked.get("market", "")
    day, known_at = seen(visit)
    look = checks.look(version, day, snapshot, known_at=known_at)
    headline = sentences(version, look.headline)
    is_open = version.state not in (State.ACTIVE, State.CLOSED) and then(visit) is None
    is_editable = visit.may("plans.write") and is_open
    return {
        **about_then(visit),
        "version": version,
        "plan": version.plan,
        "look": look,
        "sentence": headline[0],
        "more": headline[1:],
        "tone": TONES[State(version.state)],
        "versions": version.plan.versions.order_by("-number"),
        "may_write": visit.may("plans.write"),
        "may_approve": visit.may("plans.approve"),
        "tab": "plan",
        "version_query": f"?version={version.number}" if asked.get("version") else "",
        "is_editable": is_editable,
        "can_undo": is_editable and GridOperation.objects.undoable(version).exists(),
        "figures": list(figures(version, look)),
        "metric": metric,
        "metrics": [(id_, formats.say(metrics()[id_].label)) for id_ in PLANNED if id_ in planned],
        "grid": _grid(version, metric, int(market) if market.isdecimal() else None),
        "markets": _markets(version, metric),
        "market": market,
        "goals": [_goal(one) for one in look.goals[:_LINES]],
        "more_goals": max(len(look.goals) - _LINES, 0),
        "scopes": _scopes(version),
        "may_edit_goals": visit.may("plans.write") and version.state == State.DRAFT,
        "picture": _by_month(version, look),
        "course": course(version, look),
        "parts": _parts(version, look),
        "summary": sentences(version, look.sections.get(1, [])),
        "history": sentences(version, look.sections.get(2, [])),
        "missing": sentences(version, look.missing),
        "events": [
            {"label": formats.say(EVENTS.get(one.event, one.event)), "period": Period(one.start, one.end), "line": one}
            for one in look.events
        ],
    }


def sentences(version: PlanVersion, said: Sequence[Sentence]) -> list[str]:
    """Generated sentences in the language of the page."""
    return [text.render(one, currency=version.plan.currency, language=formats.tag()) for one in said]


def figures(version: PlanVersion, look: PlanView) -> Iterator[dict[str, str]]:
    currency, total = version.plan.currency, look.total
    yield {"label": gettext("Target"), "value": formats.short_money(total.target, currency)}
    is_over = version.plan.is_over(look.as_of)
    if total.actual is not None and is_over:
        short = formats.short_money(total.target - total.actual, currency)
        note = gettext("target met") if look.status == "reached" else gettext("%(amount)s short") % {"amount": short}
        yield {"label": gettext("Actual"), "value": formats.short_money(total.actual, currency), "note": note}
    elif total.actual is not None:
        note = (
            gettext("%(pace)s of what is due by now") % {"pace": formats.percent(total.pace, 0)} if total.pace else ""
        )
        yield {"label": gettext("Actual so far"), "value": formats.short_money(total.actual, currency), "note": note}
    if total.now is not None and not is_over:
        ends = {
            "low": formats.short_money(total.now.low, currency),
            "high": formats.short_money(total.now.high, currency),
        }
        note = f"{ends['low']} – {ends['high']}, {formats.percent(look.level, 0)}"
        yield {
            "label": gettext("Expected at the end"),
            "value": formats.short_money(total.now.expected, currency),
            "note": note,
        }
    if total.chance is not None and not is_over:
        yield {
            "label": gettext("Chance to make it"),
            "value": formats.chance(total.chance),
            "note": gettext("by the plan's check")
            if look.by_season is not None
            else gettext("by season and trend; the check adds budget, promotions, prices and stock"),
        }
    if total.last_year is not None:
        growth = (
            gettext("%(change)s to date") % {"change": formats.signed_percent(total.growth)}
            if total.growth is not None
            else ""
        )
        yield {"label": gettext("Last year"), "value": formats.short_money(total.last_year, currency), "note": growth}


def _markets(version: PlanVersion, metric: str) -> list[tuple[int, str]]:
    names = version.axes(metric)[1]
    return [(i, name_of("market", name)) for i, name in enumerate(names)] if len(names) > 1 else []


def name_of(dimension: str, name: str | None) -> str:
    if name == OTHER:
        return gettext("All others")
    return question.label(dimension, name)


def _grid(version: PlanVersion, metric: str, market: int | None) -> dict[str, Any]:
    """The grid as rows of cells: a block a line, months across, totals of each; of one market or of all."""
    grid = version.grid(metric)
    blocks, markets, months = version.axes(metric)
    if market is not None and market >= len(markets):
        market = None
    lines = []
    for i, name in enumerate(blocks[:_LINES]):
        cells = [
            _cell(version, metric, grid, Part(i, market, j), i + 1, j + 1, name, month)
            for j, month in enumerate(months)
        ]
        total = _cell(version, metric, grid, Part(i, market, None), i + 1, len(months) + 1, name, None)
        lines.append(
            {
                "name": name_of("category", name) if len(blocks) > 1 else gettext("The whole shop"),
                "cells": cells,
                "total": total,
            }
        )
    last = len(blocks) + 1
    totals = [
        _cell(version, metric, grid, Part(None, market, j), last, j + 1, OTHER, month) for j, month in enumerate(months)
    ]
    whole = _cell(version, metric, grid, Part(None, market, None), last, len(months) + 1, OTHER, None)
    return {
        "months": months,
        "lines": lines,
        "totals": totals,
        "whole": whole,
        "has_total_row": len(blocks) > 1,
        "more": max(len(blocks) - _LINES, 0),
    }


def _cell(
    version: PlanVersion,
    metric: str,
    grid: Grid,
    part: Part,
    row: int,
    column: int,
    name: str | None,
    month: date | None,
) -> Cell:
    currency = version.plan.currency
    value = from_minor(metric, grid.total(part), currency)
    label = f"{name_of('category', name)}, {formats.month(month) if month else gettext('total')}"
    return Cell(
        part,
        formats.fixed(value, digits(metric, currency)),
        bool(grid.locked[part.box].all()),
        row,
        column,
        label,
        version.revision,
    )


def _goal(one: GoalLine) -> dict[str, Any]:
    goal, line = one.goal, one.line
    metric, currency = metrics()[goal.metric], goal.version.plan.currency
    return {
        "goal": goal,
        "metric": metric,
        "scope": scope_text(goal),
        "last_year": formats.number(line.last_year, metric.unit, currency),
        "target": formats.number(goal.target, metric.unit, currency),
        "actual": formats.number(line.actual, metric.unit, currency),
        "pace": formats.percent(line.pace, 0) if line.pace is not None else "–",
        "chance": formats.chance(line.chance) if line.chance is not None else "",
        "status": formats.say(STATUSES[one.status][0]),
        "tone": STATUSES[one.status][1],
        "why": sentences(goal.version, [one.why])[0],
    }


def goal_name(goal: Goal) -> str:
    """A goal's metric and scope in words."""
    scope = scope_text(goal)
    label = formats.say(metrics()[goal.metric].label)
    return f"{label} · {scope}" if scope else label


def scope_text(goal: Goal) -> str:
    return ", ".join(name_of(dimension, name) for dimension, name in sorted(goal.scope.items()))


def _scopes(version: PlanVersion) -> list[dict[str, Any]]:
    """What a goal may be about besides the whole shop."""
    return [
        {
            "id": dimension,
            "label": question.label_of(dimension),
            "names": [(place, name_of(dimension, name)) for place, name in enumerate(names)],
        }
        for dimension, names in version.scopes("net_sales").items()
        if len(names) > 1
    ]


def _by_month(version: PlanVersion, look: PlanView) -> charts.Picture:
    """Net sales by month: target, what is expected with its interval, last year, and what came in."""
    now = [line.now or line.drafted for line in look.months]
    rows = [
        *charts.band(
            gettext("%(level)s interval") % {"level": formats.percent(look.level, 0)},
            [band.low if band else None for band in now],
            [band.high if band else None for band in now],
        ),
        charts.Line(gettext("Last year"), [question.plain_number(line.last_year) for line in look.months], "last_year"),
        charts.Line(gettext("Expected"), [band.expected if band else None for band in now], "forecast"),
        charts.Line(gettext("Plan"), [float(line.target) for line in look.months], "plan"),
        charts.Line(gettext("Actual"), [question.plain_number(line.actual) for line in look.months], "actual"),
    ]
    axis = [formats.short_month(month) for month in version.plan.months]
    currency = version.plan.currency
    option = charts.columns(axis, rows, unit="money", currency=currency)
    return charts.Picture(gettext("Net sales by month"), option, axis, rows, "money", currency)


def course(version: PlanVersion, look: PlanView) -> charts.Picture:
    """Net sales added up day by day: what the season lets expect of the plan, what came in, last year."""
    rows = [
        charts.Line(gettext("Actual"), [point.actual for point in look.days], "actual"),
        charts.Line(gettext("Plan by season"), [point.due for point in look.days], "plan"),
        charts.Line(gettext("Last year"), [point.last_year for point in look.days], "last_year"),
    ]
    axis = [formats.day(point.on) for point in look.days]
    return charts.picture(gettext("Net sales added up"), axis, rows, unit="money", currency=version.plan.currency)


def _parts(version: PlanVersion, look: PlanView) -> list[dict[str, Any]]:
    """How categories and markets go."""
    currency = version.plan.currency
    found = []
    for dimension, lines in (("category", look.categories), ("market", look.markets)):
        cells = [
            {
                "name": name_of(dimension, line.name if isinstance(line.name, str) else None),
                "target": formats.whole_money(line.target, currency),
                "actual": formats.whole_money(line.actual, currency) if line.actual is not None else "–",
                "pace": formats.percent(line.pace, 0) if line.pace is not None else "–",
                "growth": formats.signed_percent(line.growth) if line.growth is not None else "–",
            }
            for line in lines[:_LINES]
        ]
        if cells:
            more = max(len(lines) - _LINES, 0)
            found.append({"title": question.label_of(dimension), "lines": cells, "more": more})
    return found


PAGES = (
    Page(
        path="plans",
        name="plans",
        view=index,
        permission="plans.read",
        place="plan",
        label=N_("Plans"),
        icon="target-arrow",
    ),
    Page(path="plans/draft", name="plan_draft", view=draft, permission="plans.write", place="plan"),
    Page(path="plans/drafts/<int:job_id>", name="plan_drafting", view=drafting, permission="plans.read", place="plan"),
    Page(path="plans/<int:plan_id>", name="plan", view=plan, permission="plans.read", place="plan"),
    Page(path="plans/<int:plan_id>/do", name="plan_act", view=act, permission="plans.write", place="plan"),
    Page(path="plans/<int:plan_id>/cell", name="plan_cell", view=cell, permission="plans.write", place="plan"),
)
