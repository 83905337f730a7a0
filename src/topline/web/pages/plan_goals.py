"""The goals of a plan as a tree, and a goal to write, tested on the five letters while it is typed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.translation import gettext, ngettext

from topline.accounts.models import Channel, User
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.metric import Unit
from topline.plans import goals, jobs, operations
from topline.plans.expectation import OTHER
from topline.plans.goals import BANDS, LINKED, NEEDS, Known, Letter, Node, Worded
from topline.plans.models import Goal, PlanVersion, State
from topline.plans.text import Sentence
from topline.plans.units import digits
from topline.units.errors import ToplineError
from topline.units.number import NumberTextError
from topline.units.period import parse_day
from topline.units.text import N_
from topline.web import formats, question
from topline.web.page import Page, Visit, stretches, whole
from topline.web.pages import plans
from topline.web.pages.plans import TONES, address_of, scope_text, sentences, version_of

NAMES = {
    "specific": N_("Specific"),
    "measurable": N_("Measurable"),
    "achievable": N_("Achievable"),
    "relevant": N_("Relevant"),
    "time_bound": N_("Time-bound"),
    "owned": N_("Owned"),
}
SHORT = {
    "specific": N_("S"),
    "measurable": N_("M"),
    "achievable": N_("A"),
    "relevant": N_("R"),
    "time_bound": N_("T"),
    "owned": N_("O"),
}
KINDS = {
    "front": N_("Action front"),
    "action": N_("Action"),
    "tactic": N_("Tactic"),
    "prospecting": N_("Prospecting"),
}
LINES = 40
"""Goals that a page shows; the rest is on the next."""

_EMPTY_NEEDS = 2
_PILL = '<span class="pill {tone}">{short}<span class="visually-hidden"> {name}: {state}</span></span>'


def index(visit: Visit, plan_id: int) -> HttpResponse:
    """The tree of goals, each with its letters and how its children add up; a form for one more."""
    version = version_of(visit, plan_id)
    errors: dict[str, str] = {}
    if visit.request.method == "POST":
        visit.require("plans.write")
        errors = _add(visit, version)
        if not errors:
            return redirect(f"{visit.url('plan_goals', plan_id)}?version={version.number}")
    about = plans.about_then(visit)
    nodes = goals.tree(version)
    day, known_at = plans.seen(visit)
    known, broke_off = _looked_ahead(visit, version, goals.known(version, [node.goal for node in nodes], day, known_at))
    is_awaited = any(each.unforeseen == goals.AWAITED for each in known)
    letters = [goals.letters(Worded.of(node.goal), seen) for node, seen in zip(nodes, known, strict=True)]
    weak = sum(not all(one.is_met for one in each) for each in letters)
    first = min(whole(visit.request.GET.get("first")), max(len(nodes) - 1, 0)) // LINES * LINES
    stretch = slice(first, first + LINES)
    return visit.render(
        "plan_goals.html",
        {
            **about,
            "plan": version.plan,
            "version": version,
            "tab": "goals",
            "version_query": f"?version={version.number}" if visit.request.GET.get("version") else "",
            "tone": TONES[State(version.state)],
            "sentence": _sentence(len(nodes), weak),
            "is_awaited": is_awaited,
            "broke_off": broke_off,
            "lines": [_line(version, *each) for each in zip(nodes[stretch], letters[stretch], strict=True)],
            "pages": stretches(
                len(nodes), first, LINES, lambda one: f"?version={version.number}&first={one}{about['then_query']}"
            ),
            "parents": [(node.goal.pk, _named(node.goal)) for node in nodes],
            "may_edit": visit.may("plans.write") and version.state == State.DRAFT and plans.then(visit) is None,
            "metrics": sorted(((one.id, formats.say(one.label)) for one in metrics().values()), key=lambda one: one[1]),
            "parts": list(_parts(visit, version)),
            "written": visit.request.POST,
            "errors": errors,
        },
        status=400 if errors else 200,
    )


def _looked_ahead(visit: Visit, version: PlanVersion, known: list[Known]) -> tuple[list[Known], str]:
    """What is known of goals once the forecasts that they await are asked for; why that broke off, "" if it didn't."""
    if all(each.unforeseen != goals.AWAITED for each in known):
        return known, ""
    why = formats.failure(jobs.look_ahead(version.plan, plans.then(visit), retry=visit.is_retry).job)
    told = Sentence("letter.broke_off", {"why": why})
    return [replace(each, unforeseen=told) if why and each.unforeseen == goals.AWAITED else each for each in known], why


def _parts(visit: Visit, version: PlanVersion) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Parts of the shop that a goal may be for: what they are parts by, and the value and name of each."""
    axes = version.scopes("net_sales")
    for dimension, names in axes.items():
        known = [name for name in names if name not in (None, OTHER)]
        if len(known) > 1:
            label = formats.say(dimensions()[dimension].label)
            yield label, [(f"{dimension}={name}", question.label(dimension, name)) for name in known]
    if channels := list(Channel.objects.filter(shop=visit.shop).order_by("name").values_list("code", "name")):
        yield formats.say(dimensions()["channel"].label), [(f"channel={code}", name or code) for code, name in channels]


def _sentence(count: int, weak: int) -> str:
    if not count:
        return gettext("The plan has no goal yet.")
    if not weak:
        return gettext("Every goal passes the five letters and has an owner.")
    return ngettext(
        "%(weak)s of %(count)s goal still lacks something.", "%(weak)s of %(count)s goals still lack something.", count
    ) % {"weak": weak, "count": count}


def _add(visit: Visit, version: PlanVersion) -> dict[str, str]:
    """What is wrong by field, in the order of the form; nothing if the goal is kept."""
    posted, errors = visit.request.POST, dict[str, str]()
    metric = posted.get("metric", "")
    if metric not in metrics():
        errors["metric"] = formats.say(goals.UnknownMetricError(metric=metric))
    target = _read(_reader(metric, visit.shop.currency), posted, "target", errors)
    due_on = _read(parse_day, posted, "due_on", errors)
    if errors or target is None or due_on is None:
        return errors
    dimension, _, part = posted.get("part", "").partition("=")
    try:
        goals.add(
            version=version,
            metric=metric,
            target=target,
            due_on=due_on,
            parent=version.goals.standing().filter(pk=whole(posted.get("parent"))).first(),
            scope={dimension: part} if part else {},
            actor=visit.user,
            now=timezone.now(),
        )
    except operations.NegativeTargetError as error:
        return {"target": formats.say(error)}
    except goals.ScopeError as error:
        return {"part": formats.say(error)}
    except operations.GoalExistsError as error:
        return {"metric": formats.say(error)}
    except ToplineError as error:
        return {"due_on": formats.say(error)}
    return {}


def _reader(metric: str, currency: str) -> Callable[[str], Decimal]:
    """Reads what a person types for a metric's value; of an unknown one a number."""
    unit = metrics()[metric].unit if metric in metrics() else Unit.QUANTITY
    return partial(formats.read_value, unit=unit, currency=currency)


def _read[T](parse: Callable[[str], T], posted: Mapping[str, str], name: str, errors: dict[str, str]) -> T | None:
    """What a field says, None where it says nothing that can be read: then `errors` says why."""
    try:
        return parse(posted.get(name, ""))
    except ToplineError as error:
        errors[name] = formats.say(error)
        return None


def _line(version: PlanVersion, node: Node, found: Sequence[Letter]) -> dict[str, Any]:
    goal = node.goal
    metric, currency = metrics()[goal.metric], version.plan.currency
    letters = [_letter(version, one) for one in found]
    gap = node.gap if node.gap is not None and abs(node.gap) >= Decimal("0.005") else None
    return {
        "goal": goal,
        "metric": metric,
        "scope": scope_text(goal),
        "depth": min(node.depth, 2),
        "target": formats.number(goal.target, metric.unit, currency),
        "letters": letters,
        "pills": format_html_join(" ", _PILL, letters),
        "gap": formats.number(abs(gap), metric.unit, currency) if gap is not None else "",
        "is_over": gap is not None and gap < 0,
        "reconciles": node.children_sum is not None and gap is None,
    }


def _letter(version: PlanVersion, one: Letter) -> dict[str, Any]:
    ways = sentences(version, [one.way]) if one.way else []
    return {
        "id": one.id,
        "short": formats.say(SHORT[one.id]),
        "name": formats.say(NAMES[one.id]),
        "is_met": one.is_met,
        "tone": "good" if one.is_met else "warn" if one.is_met is None else "bad",
        "state": gettext("met") if one.is_met else gettext("open") if one.is_met is None else gettext("not met"),
        "said": sentences(version, one.said),
        "way": ways[0] if ways else "",
    }


def edit(visit: Visit, plan_id: int, goal_id: int) -> HttpResponse:
    """A draft's goal to change or drop; what doesn't fit stands beside its field."""
    found = _found(visit, plan_id, goal_id)
    version = found.version
    people = {str(each.pk): each for each in User.objects.filter(membership__shop=visit.shop).distinct()}
    asked = visit.request.GET
    is_posted = visit.request.method == "POST"
    written: Mapping[str, str] = visit.request.POST or _proposed(found, asked.get("more", ""), asked.get("action", ""))
    errors: dict[str, str] = {}
    if is_posted:
        if written.get("do") == "drop":
            operations.drop_goal(goal=found, actor=visit.user, now=timezone.now())
        else:
            errors = {**_change_goal(visit, found, written, people), **_describe(visit, found)}
        if not errors:
            back = f"{visit.url('plan_goals', plan_id)}?version={version.number}"
            return redirect(back if "described" in written else address_of(visit, version))
    worded = _worded(found, visit.request.POST) if is_posted else Worded.of(found)
    needs = _need_rows(visit.request.POST, version.plan.currency) if is_posted else worded.needs
    [seen], _ = _looked_ahead(visit, version, goals.known(version, [found], visit.today))
    metric = metrics()[found.metric]
    links = {(one["kind"], one["key"]) for one in worded.links}
    return visit.render(
        "goal.html",
        {
            "plan": version.plan,
            "version": version,
            "goal": found,
            "metric": metric,
            "is_rate": metric.unit == Unit.RATE,
            "scope": scope_text(found),
            "is_planned": found.metric in version.grid_metrics,
            "written": written,
            "errors": errors,
            "people": [(pk, str(each)) for pk, each in people.items()],
            "parents": [(str(one.pk), _named(one)) for one in version.goals.standing().exclude(pk=found.pk)],
            "links": [
                {
                    "value": f"{kind}/{key}",
                    "name": name,
                    "kind": formats.say(KINDS[kind]),
                    "is_on": (kind, key) in links,
                }
                for (kind, key), name in seen.linked.items()
            ],
            "needs": [*needs, *([{}] * _EMPTY_NEEDS)],
            "kinds": [(id_, formats.say(label)) for id_, label in NEEDS.items()],
            "bands": [round(100 * one) for one in BANDS],
            "letters": [_letter(version, one) for one in goals.letters(worded, seen)],
            "back": f"{visit.url('plan_goals', plan_id)}?version={version.number}",
        },
        status=400 if errors else 200,
    )


def letters(visit: Visit, plan_id: int, goal_id: int) -> HttpResponse:
    """The letters of a goal as it is being typed; nothing is kept."""
    found = _found(visit, plan_id, goal_id)
    if visit.request.method != "POST":
        return redirect(visit.url("goal", plan_id, goal_id))
    [seen], _ = _looked_ahead(visit, found.version, goals.known(found.version, [found], visit.today))
    worded = _worded(found, visit.request.POST)
    due_error = ""
    try:
        if worded.due_on is not None:
            operations.guard_due(found, worded.due_on)
    except ToplineError as error:
        due_error = formats.say(error)
    context = {
        "letters": [_letter(found.version, one) for one in goals.letters(worded, seen)],
        "plan": found.version.plan,
        "is_planned": found.metric in found.version.grid_metrics,
        "errors": {"due_on": due_error},
        "is_typed": True,
    }
    return visit.render("goal.html#letters", context)


def _found(visit: Visit, plan_id: int, goal_id: int) -> Goal:
    """The goal of a draft of the shop. Raises Http404."""
    listed = Goal.objects.standing().filter(version__plan=plan_id, version__plan__shop=visit.shop)
    found = listed.filter(pk=goal_id, version__state=State.DRAFT).select_related("version__plan__shop", "owner").first()
    if found is None:
        raise Http404
    return found


def _named(goal: Goal) -> str:
    scope = scope_text(goal)
    label = formats.say(metrics()[goal.metric].label)
    return f"{label} · {scope}" if scope else label


def _worded(found: Goal, posted: QueryDict) -> Worded:
    """The goal as the form writes it; what can't be read counts as not written."""
    try:
        read = _reader(found.metric, found.version.plan.currency)
        target: Decimal | None = read(posted.get("target", ""))
    except ToplineError:
        target = None
    try:
        due_on: date | None = parse_day(posted.get("due_on", ""))
    except ToplineError:
        due_on = None
    parent = found.version.goals.standing().filter(pk=whole(posted.get("parent"))).first()
    return Worded(
        metric=found.metric,
        target=target,
        due_on=due_on,
        owner=whole(posted.get("owner")) or None,
        parent=parent.key if parent else "",
        strategy=posted.get("strategy", "").strip(),
        actions=[line for line in posted.get("actions", "").splitlines() if line.strip()],
        links=_links(posted),
        needs=_needs(posted, found.version.plan.currency),
        scope=found.scope,
    )


def _links(posted: QueryDict) -> list[dict[str, str]]:
    pairs = [value.partition("/") for value in posted.getlist("link")]
    return [{"kind": kind, "key": key} for kind, _, key in pairs if kind in LINKED and key]


def _need_rows(posted: QueryDict, currency: str) -> list[dict[str, Any]]:
    """What it needs as it is written, row by row, each with what is wrong with it; a row without words is none."""
    columns = [posted.getlist(f"need_{name}") for name in ("kind", "name", "held", "cost")]
    found = []
    for kind, name, held, cost in zip(*(map(str.strip, column) for column in columns), strict=False):
        if kind in NEEDS and (name or cost):
            amount, error = _cost(cost, currency)
            error = error or ("" if name else gettext("Say what it is that costs this."))
            row = {"kind": kind, "name": name[:120], "is_held": held == "held", "cost": cost}
            found.append(row | {"amount": amount, "error": error})
    return found


def _cost(written: str, currency: str) -> tuple[str, str]:
    """The amount as it is kept, and what is wrong with it."""
    try:
        amount = formats.read_value(written, Unit.MONEY, currency)
    except ToplineError as error:
        return "", formats.say(error)
    if amount < 0:
        return "", gettext("A cost is zero or more.")
    return str(amount) if written else "", ""


def _needs(posted: QueryDict, currency: str) -> list[dict[str, Any]]:
    """What it needs as it is kept; what can't be read counts as not written."""
    return [
        {"kind": row["kind"], "name": row["name"], "is_held": row["is_held"], "cost": row["amount"]}
        for row in _need_rows(posted, currency)
        if row["name"]
    ]


def _describe(visit: Visit, found: Goal) -> dict[str, str]:
    """Keeps what it serves, needs and is linked to; what is wrong by field, in the order of the form."""
    posted = visit.request.POST
    if "described" not in posted:
        return {}
    errors = dict[str, str]()
    currency = found.version.plan.currency
    if wrong := next((row["error"] for row in _need_rows(posted, currency) if row["error"]), ""):
        errors["needs"] = wrong
    shares = [posted.get(name, "").strip() for name in ("on_course", "at_risk")]
    bands = list[float]()
    try:
        bands = [float(formats.read_field(share or "0")) / 100 for share in shares] if any(shares) else []
    except NumberTextError as error:
        errors["bands"] = formats.say(error)
    read = _reader(found.metric, currency)
    dated = _read(partial(_dated, read=read), posted, "dated", errors)
    if errors or dated is None:
        return errors
    try:
        goals.describe(
            goal=found,
            actor=visit.user,
            now=timezone.now(),
            parent=found.version.goals.standing().filter(pk=whole(posted.get("parent"))).first(),
            strategy=posted.get("strategy", ""),
            links=_links(posted),
            needs=_needs(posted, currency),
            dated=dated,
            bands=bands,
        )
    except goals.CircularGoalError as error:
        return {"parent": formats.say(error)}
    except goals.BandsError as error:
        return {"bands": formats.say(error)}
    except ToplineError as error:
        return {"dated": formats.say(error)}
    return {}


def _dated(written: str, read: Callable[[str], Decimal]) -> Sequence[tuple[str, str]]:
    """A day and an amount a line."""
    found = []
    for line in written.splitlines():
        day, _, amount = line.strip().partition(" ")
        if day:
            found.append((parse_day(day).isoformat(), str(read(amount))))
    return found


def _percent(share: float) -> str:
    return f"{100 * share:g}"


def propose(visit: Visit) -> HttpResponse:
    """What an analysis found as a goal: the form of the newest draft's goal for the metric, with more and an action."""
    asked = visit.request.GET
    found = (
        Goal.objects.standing()
        .filter(version__plan__shop=visit.shop, version__state=State.DRAFT, metric=asked.get("metric"), scope={})
        .order_by("-version__pk")
        .first()
    )
    if found is None:
        messages.info(visit.request, gettext("Goals are set in a draft. Draft a plan, or make a new version of one."))
        return redirect("plans", visit.shop.slug)
    parameters = urlencode({"more": asked.get("more", ""), "action": asked.get("action", "")})
    return redirect(f"{visit.url('goal', found.version.plan_id, found.pk)}?{parameters}")


def _proposed(found: Goal, more: str, action: str) -> dict[str, str]:
    """The goal as its form writes it with so much more in three months, and an action beside the others."""
    written = _written(found)
    if more:
        try:
            amount = Decimal(more)
        except InvalidOperation:
            raise NumberTextError(text=more, example="1") from None
        months = Decimal(found.version.plan.period.whole_months() or 3)
        written["target"] = _typed(found.target + amount * months / 3, found.metric, found.version.plan.currency)
    if action:
        written["actions"] = "\n".join([*found.actions, action])
    return written


def _written(found: Goal) -> dict[str, str]:
    """The goal as its form writes it."""
    currency = found.version.plan.currency
    return {
        "target": _typed(found.target, found.metric, currency),
        "due_on": found.due_on.isoformat(),
        "owner": str(found.owner_id or ""),
        "actions": "\n".join(found.actions),
        "parent": str(found.parent_id or ""),
        "strategy": found.strategy,
        "dated": "\n".join(f"{day} {_typed(Decimal(amount), found.metric, currency)}" for day, amount in found.dated),
        "on_course": _percent(found.bands[0]) if found.bands else "",
        "at_risk": _percent(found.bands[1]) if found.bands else "",
    }


def _typed(value: Decimal, metric: str, currency: str) -> str:
    """A value of the metric as people type it, which `_reader` reads."""
    match metrics()[metric].unit:
        case Unit.RATE:
            return formats.fixed(value * 100, 2)
        case Unit.MONEY:
            return formats.fixed(value, digits(metric, currency))
        case _:
            return formats.fixed(value, 0 if value == int(value) else 2)


def _change_goal(visit: Visit, found: Goal, posted: Mapping[str, str], people: Mapping[str, User]) -> dict[str, str]:
    """What is wrong by field, nothing if the changes are kept."""
    before, errors = _written(found), {}
    target, due_on = None, None
    try:
        if posted.get("target", "").strip() != before["target"]:
            target = _reader(found.metric, found.version.plan.currency)(posted.get("target", ""))
    except ToplineError as error:
        errors["target"] = formats.say(error)
    try:
        if posted.get("due_on") != before["due_on"]:
            due_on = parse_day(posted.get("due_on", ""))
    except ToplineError as error:
        errors["due_on"] = formats.say(error)
    if errors:
        return errors
    try:
        operations.edit_goal(
            goal=found,
            actor=visit.user,
            now=timezone.now(),
            target=target,
            due_on=due_on,
            owner=people.get(posted.get("owner", "")),
            is_unowned=not posted.get("owner"),
            actions=[line.strip() for line in posted.get("actions", "").splitlines() if line.strip()],
        )
    except (operations.GoalRangeError, operations.GoalPlannedError) as error:
        return {"due_on": formats.say(error)}
    except ToplineError as error:
        return {"target": formats.say(error)}
    return {}


PAGES = (
    Page(
        path="plans/<int:plan_id>/goals",
        name="plan_goals",
        view=index,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/<int:plan_id>/goals/<int:goal_id>", name="goal", view=edit, permission="plans.write", place="plan"
    ),
    Page(
        path="plans/<int:plan_id>/goals/<int:goal_id>/letters",
        name="goal_letters",
        view=letters,
        permission="plans.write",
        place="plan",
    ),
    Page(path="plans/goal", name="goal_proposed", view=propose, permission="plans.write", place="plan"),
)
