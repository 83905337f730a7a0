"""Goals as a tree, each tested on the five letters of SMART and on its owner, with what would mend it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import transaction

from topline.accounts.models import User
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import RollUp
from topline.metrics.query import Query
from topline.plans import answered, approval, expectation, forecast, operations
from topline.plans.models import Goal, Plan, PlanVersion, State
from topline.plans.text import Sentence
from topline.units import errors
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_
from topline.workbench import audit

LINKED = {"front": "8.fronts", "action": "8.actions", "tactic": "16.tactics", "prospecting": "16.prospecting"}
"""What a goal may be linked to, and the field of the document that holds it."""

NEEDS = {"tool": N_("Tool"), "skill": N_("Skill"), "person": N_("Person"), "budget": N_("Budget")}
SCOPES = ("category", "market", "channel")
"""Dimensions that a goal may be for a part of."""

BANDS = (0.95, 0.85)
LETTERS = ("specific", "measurable", "achievable", "relevant", "time_bound", "owned")

AWAITED = Sentence("letter.foreseeing")
"""Stands for a forecast that is not made yet."""

_UNLIKELY, _SURE = 0.1, 0.97
_FRESH_DAYS = 14
_SEEN_DAYS = 90
_NAMES = {
    "16.tactics": "tactic",
}


class CircularGoalError(errors.ToplineError):
    message = N_("“%(goal)s” can't serve itself, not by way of others either. Choose another parent.")


class UnknownMetricError(errors.ToplineError):
    message = N_("There is no metric “%(metric)s”. Choose one of the catalogue.")


class ScopeError(errors.ToplineError):
    message = N_(
        "%(metric)s has no goals for that part here. Choose a part that the metric can be cut by; parts of what the "
        "plan spreads over categories and markets follow its targets."
    )


class NoTargetError(errors.ToplineError):
    message = N_("State a target: what the metric is to come to.")


class BandsError(errors.ToplineError):
    message = N_("From a share of the pace on it is on course, from a smaller one at risk: such as 95 and 85 per cent.")


class StepsError(errors.ToplineError):
    message = N_("The steps on the way lie between %(first)s and %(last)s, a day and an amount a line.")


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter of SMART, or the owner.

    is_met : None where the plan can't tell
    said : what was found; way : what would mend it, None if nothing is to mend
    """

    id: str
    is_met: bool | None
    said: list[Sentence]
    way: Sentence | None = None


@dataclass(frozen=True, slots=True)
class Worded:
    """A goal as it is being written; see `models.Goal`."""

    metric: str
    target: Decimal | None
    due_on: date | None
    owner: int | None = None
    parent: str = ""
    strategy: str = ""
    actions: Sequence[str] = ()
    links: Sequence[Mapping[str, str]] = ()
    needs: Sequence[Mapping[str, Any]] = ()
    scope: Mapping[str, str | None] = field(default_factory=dict)

    @classmethod
    def of(cls, goal: Goal) -> "Worded":
        return cls(
            metric=goal.metric,
            target=goal.target,
            due_on=goal.due_on,
            owner=goal.owner_id,
            parent="" if goal.parent is None else goal.parent.key,
            strategy=goal.strategy,
            actions=goal.actions,
            links=goal.links,
            needs=goal.needs,
            scope=goal.scope,
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What a version knows of a goal besides its words, read once.

    last_on : the last day with data of the metric, None if none came in 90 days
    metrics : of the version's goals, by key
    linked : names of fronts, actions and tactics by (kind, key), and fronts that name the goal
    unforeseen : why no forecast covers it, `AWAITED` until that is worked out, None where one does
    """

    version: PlanVersion
    goal: Goal | None
    as_of: date
    last_on: date | None
    metrics: Mapping[str, str]
    linked: Mapping[tuple[str, str], str]
    fronts: Sequence[str]
    unforeseen: Sentence | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A goal in the tree.

    depth : 0 for a goal without a parent
    children_sum : what its children of the same metric come to, None if they don't add up or there are none
    gap : target less that; 0 where they reconcile
    """

    goal: Goal
    depth: int
    children_sum: Decimal | None
    gap: Decimal | None


# The letters -------------------------------------------------------------------


def known(version: PlanVersion, goals: Sequence[Goal], as_of: date, known_at: datetime | None = None) -> list[Known]:
    """What the version knows of each of its goals: one reading for all of them.

    known_at : with what had been recorded by then, None for all that is known now
    """
    linked = linkable(version)
    fronts: dict[str, list[str]] = {}
    for row in version.entries.rows("8.fronts"):
        fronts.setdefault(str(row.cells.get("goal")), []).append(str(row.cells.get("name", row.key)))
    asked = dict(version.goals.standing().values_list("key", "metric"))
    last_on = {metric: _last_on(version, metric, as_of, known_at) for metric in {goal.metric for goal in goals}}
    snapshot = version.plan.shop.lake().latest()
    return [
        Known(
            version,
            goal,
            as_of,
            last_on[goal.metric],
            asked,
            linked,
            fronts.get(goal.key, []),
            None if goal.quantiles or snapshot is None else _unforeseen(goal, as_of, snapshot, known_at),
        )
        for goal in goals
    ]


def _unforeseen(goal: Goal, as_of: date, snapshot: Snapshot, known_at: datetime | None) -> Sentence | None:
    if not forecast.is_made(goal, as_of, snapshot, known_at):
        return AWAITED
    found = forecast.of(goal, as_of, snapshot, known_at)
    operations.expect(goal, found)
    return found.why


def awaited(plan: Plan, as_of: date, snapshot: Snapshot) -> Iterator[Goal]:
    """Goals of drafts that were set before their forecast was made, and have one or may have."""
    drafts = Goal.objects.standing().unplanned().filter(version__plan=plan, version__state=State.DRAFT, quantiles=[])
    for goal in drafts.select_related("version__plan__shop"):
        if not forecast.is_made(goal, as_of, snapshot) or forecast.of(goal, as_of, snapshot).quantiles:
            yield goal


def foresee(goal: Goal, as_of: date, snapshot: Snapshot) -> None:
    """Keeps what a goal may end at and its chance, worked out if nobody did."""
    operations.expect(goal, forecast.of(goal, as_of, snapshot))
    goal.save(update_fields=["expected", "quantiles", "chance"])


def linkable(version: PlanVersion) -> dict[tuple[str, str], str]:
    """Fronts, actions and tactics of the document, and of the marketing plan that it serves, by kind and key."""
    holders = [version, *([version.plan.serves.current] if version.plan.serves else [])]
    return {
        (kind, row.key): str(row.cells.get(_NAMES.get(name, "name")) or row.key)[:120]
        for kind, name in LINKED.items()
        for holder in holders
        for row in holder.entries.rows(name)
    }


def _last_on(version: PlanVersion, metric: str, as_of: date, known_at: datetime | None) -> date | None:
    """The last day of the last 90 with a value of the metric."""
    shop, snapshot = version.plan.shop, version.plan.shop.lake().latest()
    kept = metrics().get(metric)
    if snapshot is None or kept is None:
        return None
    period = Period(as_of - timedelta(days=_SEEN_DAYS), as_of)
    if "day" not in kept.dimensions:
        asked = Query(metrics=(metric,), period=period, as_of=as_of, known_at=known_at)
        total = answered.ask(shop, asked, snapshot).totals[metric]
        return None if isinstance(total, Missing) else period.last
    asked = Query(metrics=(metric,), period=period, by=("day",), as_of=as_of, known_at=known_at)
    rows = answered.ask(shop, asked, snapshot).rows
    days = [row["day"] for row in rows if not isinstance(row[metric], Missing) and row[metric]]
    return max((day for day in days if isinstance(day, date)), default=None)


def letters(worded: Worded, seen: Known) -> list[Letter]:
    """The five letters and the owner of a goal as it is written, at once: nothing is simulated anew."""
    return [
        _specific(worded, seen),
        _measurable(worded, seen),
        _achievable(worded, seen),
        _relevant(worded, seen),
        _time_bound(worded, seen),
        Letter("owned", True, [Sentence("letter.owned")])
        if worded.owner
        else Letter("owned", False, [Sentence("letter.unowned")], Sentence("way.owner")),
    ]


def _specific(worded: Worded, seen: Known) -> Letter:
    scope = ", ".join(str(part) for part in worded.scope.values() if part) or None
    about = (
        Sentence("letter.scope", {"goal_metric": worded.metric, "scope": scope})
        if scope
        else Sentence("letter.whole", {"goal_metric": worded.metric})
    )
    names = [*seen.fronts, *(seen.linked[key] for key in _keys(worded) if key in seen.linked)]
    if names:
        return Letter("specific", True, [about, Sentence("letter.linked", {"names": ", ".join(dict.fromkeys(names))})])
    if worded.actions:
        return Letter("specific", False, [about, Sentence("letter.words_only")], Sentence("way.link"))
    return Letter("specific", False, [about, Sentence("letter.no_action")], Sentence("way.link"))


def _keys(worded: Worded) -> list[tuple[str, str]]:
    return [(one["kind"], one["key"]) for one in worded.links]


def _measurable(worded: Worded, seen: Known) -> Letter:
    if worded.metric not in metrics():
        return Letter("measurable", False, [Sentence("letter.unknown_metric")], Sentence("way.metric"))
    if seen.last_on is None:
        return Letter(
            "measurable", False, [Sentence("letter.no_data", {"days_count": _SEEN_DAYS})], Sentence("way.data")
        )
    said = [Sentence("letter.data", {"last_on": seen.last_on})]
    if (seen.as_of - seen.last_on).days > _FRESH_DAYS:
        return Letter("measurable", False, [Sentence("letter.stale", {"last_on": seen.last_on})], Sentence("way.data"))
    return Letter("measurable", True, said)


def _achievable(worded: Worded, seen: Known) -> Letter:
    """The chance by the forecast, what history says, and what it needs that isn't there."""
    goal, said, way = seen.goal, [], None
    is_met: bool | None = None
    if worded.target is not None and goal is not None and goal.quantiles:
        chance = expectation.chance(worded.metric, goal.quantiles, float(worded.target)) or 0.0
        said.append(Sentence("letter.chance", {"chance_rate": chance}))
        is_met = chance >= _UNLIKELY
        if chance < _UNLIKELY:
            reach = {"metric": worded.metric, "even_value": round(Decimal(goal.quantiles[49]), 2)}
            way = Sentence("way.lower", reach)
        elif chance > _SURE:
            said.append(Sentence("letter.sure"))
    else:
        said.append(seen.unforeseen or Sentence("letter.no_forecast"))
    if goal is not None and goal.baseline and worded.target is not None:
        change = float(worded.target / goal.baseline - 1)
        before = {"metric": worded.metric, "before_value": goal.baseline, "change_rate": change}
        said.append(Sentence("letter.history", before))
    missing = [one for one in worded.needs if not one["is_held"]]
    uncosted = [one["name"] for one in missing if one["cost"] in (None, "")]
    if not worded.needs:
        said.append(Sentence("letter.needs_open"))
        is_met = False if is_met is False else None
        way = way or Sentence("way.needs")
    elif missing:
        cost = sum((Decimal(one["cost"]) for one in missing if one["cost"] not in (None, "")), Decimal(0))
        names = ", ".join(one["name"] for one in missing)
        said.append(Sentence("letter.missing", {"names": names, "cost_amount": cost}))
    else:
        said.append(Sentence("letter.held"))
    if uncosted:
        is_met, way = False, Sentence("way.cost", {"names": ", ".join(uncosted)})
    return Letter("achievable", is_met, said, way)


def _relevant(worded: Worded, seen: Known) -> Letter:
    if worded.parent in seen.metrics:
        return Letter("relevant", True, [Sentence("letter.parent", {"goal_metric": seen.metrics[worded.parent]})])
    if worded.strategy:
        return Letter("relevant", True, [Sentence("letter.strategy", {"strategy": worded.strategy})])
    return Letter("relevant", False, [Sentence("letter.alone")], Sentence("way.parent"))


def _time_bound(worded: Worded, seen: Known) -> Letter:
    period = seen.version.plan.period
    if worded.due_on is None or worded.due_on not in period:
        params = {"first_on": period.start, "last_on": period.last}
        return Letter("time_bound", False, [Sentence("letter.not_due")], Sentence("way.due", params))
    return Letter("time_bound", True, [Sentence("letter.due", {"due_on": worded.due_on})])


# The tree ------------------------------------------------------------------------


def tree(version: PlanVersion) -> list[Node]:
    """The standing goals, children after their parents, with how children add up to them."""
    listed = list(version.goals.standing().select_related("owner", "parent"))
    by_parent: dict[int | None, list[Goal]] = {}
    ids = {goal.pk for goal in listed}
    for goal in listed:
        by_parent.setdefault(goal.parent_id if goal.parent_id in ids else None, []).append(goal)
    return list(_nodes(by_parent, None, 0, set()))


def _nodes(
    by_parent: Mapping[int | None, list[Goal]], parent: int | None, depth: int, seen: set[int]
) -> Iterator[Node]:
    for goal in by_parent.get(parent, []):
        if goal.pk in seen:
            continue
        seen.add(goal.pk)
        total = children_sum(goal, by_parent.get(goal.pk, []))
        yield Node(goal, depth, total, None if total is None else goal.target - total)
        yield from _nodes(by_parent, goal.pk, depth + 1, seen)


def children_sum(goal: Goal, children: Sequence[Goal]) -> Decimal | None:
    """What the children come to that are parts of the goal: of the same metric, which adds up, along one dimension."""
    parts = [one for one in children if one.metric == goal.metric and one.scope != goal.scope]
    if not parts or metrics()[goal.metric].roll_up != RollUp.SUM:
        return None
    added = [sorted(set(one.scope) - set(goal.scope)) for one in parts]
    if any(names != added[0] for names in added):
        return None
    return sum((one.target for one in parts), Decimal(0))


# What people do ------------------------------------------------------------------


def describe(
    *,
    goal: Goal,
    actor: User | None,
    now: datetime,
    parent: Goal | None,
    strategy: str = "",
    links: Sequence[Mapping[str, str]] = (),
    needs: Sequence[Mapping[str, Any]] = (),
    dated: Sequence[Sequence[str]] = (),
    bands: Sequence[float] = (),
) -> Goal:
    """Say what a goal serves, what it is linked to, what it needs, its steps and its bands. Progress stays.

    Raises CircularGoalError, BandsError, StepsError, operations.PlanLockedError.
    """
    with transaction.atomic():
        version = operations.for_edit(version=goal.version, actor=actor, now=now)
        goal = version.goals.select_for_update().get(pk=goal.pk)
        if parent is not None:
            _check_parent(goal, version.goals.get(pk=parent.pk))
        if bands and (len(bands) != 2 or not 0 < bands[1] <= bands[0] <= 2):
            raise BandsError()
        for day, amount in dated:
            if not goal.starts_on <= date.fromisoformat(day) <= goal.due_on or not Decimal(amount).is_finite():
                raise StepsError(first=goal.starts_on, last=goal.due_on)
        goal.parent = parent
        goal.strategy = " ".join(strategy.split())[:300]
        known_links = linkable(version)
        goal.links = [
            {"kind": one["kind"], "key": one["key"], "label": known_links[one["kind"], one["key"]]}
            for one in links
            if (one["kind"], one["key"]) in known_links
        ]
        goal.needs = [dict(one) for one in needs]
        goal.dated = [list(one) for one in sorted(dated, key=list)]
        goal.bands = list(bands)
        goal.save(update_fields=["parent", "strategy", "links", "needs", "dated", "bands"])
        _log(version, "plan.goal_described", actor, goal=goal.key)
        approval.settle(version=version, actor=actor, now=now)
    return goal


def _check_parent(goal: Goal, parent: Goal) -> None:
    above: Goal | None = parent
    while above is not None:
        if above.pk == goal.pk:
            raise CircularGoalError(goal=metrics()[goal.metric].label)
        above = above.parent


def add(
    *,
    version: PlanVersion,
    metric: str,
    target: Decimal | None,
    due_on: date,
    actor: User | None,
    now: datetime,
    parent: Goal | None = None,
    scope: Mapping[str, str] | None = None,
) -> Goal:
    """A goal for any metric of the catalogue; it starts from the same months a year before and from today's forecast,
    which `foresee` works out later where it isn't made.

    scope : of what part of the shop, by a dimension that the metric has
    target : None only for a part of what a grid plans by category and market: it aims at its cells, which a target is
        spread over

    Raises UnknownMetricError, ScopeError, NoTargetError, operations.GoalExistsError, operations.GoalRangeError,
    operations.NegativeTargetError, operations.PlanLockedError.
    """
    if metric not in metrics():
        raise UnknownMetricError(metric=metric)
    if target is not None:
        operations.guard_target(metric, target)
    scope = dict(scope or {})
    if scope and metric in version.grid_metrics:
        return _add_part(version, metric, target, scope, actor, now, parent)
    if target is None:
        raise NoTargetError()
    if not set(scope) <= scopes(metric):
        raise ScopeError(metric=metrics()[metric].label)
    plan = version.plan
    if due_on not in plan.period:
        raise operations.GoalRangeError(first=plan.starts_on, last=plan.period.last)
    key = ":".join([metric, *(f"{name}={scope[name]}" for name in sorted(scope))])
    before = plan.period.last_year()
    goal = Goal(
        version=version,
        key=key,
        metric=metric,
        scope=scope,
        target=target,
        baseline_from=before.start,
        baseline_until=before.end,
        starts_on=plan.starts_on,
        due_on=due_on,
        owner=actor,
        parent=parent,
        why=["why.set", {}],
    )
    if (snapshot := plan.shop.lake().latest()) is not None:
        goal.baseline = _value(goal, before, snapshot)
        if forecast.is_made(goal, plan.shop.today(), snapshot):
            operations.expect(goal, forecast.of(goal, plan.shop.today(), snapshot))
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        if version.goals.standing().filter(key=key).exists():
            raise operations.GoalExistsError()
        version.goals.filter(key=key).delete()  # given up before
        last = version.goals.order_by("-position").first()
        goal.version, goal.position = version, last.position + 1 if last else 0
        goal.save()
        _log(version, "plan.goal_added", actor, goal=goal.key, target=str(target))
        approval.settle(version=version, actor=actor, now=now)
    return goal


def _add_part(
    version: PlanVersion,
    metric: str,
    target: Decimal | None,
    scope: Mapping[str, str],
    actor: User | None,
    now: datetime,
    parent: Goal | None,
) -> Goal:
    """A goal for a part that the grid plans."""
    axes = version.scopes(metric)
    if any(value not in axes.get(name, ()) for name, value in scope.items()):
        raise ScopeError(metric=metrics()[metric].label)
    with transaction.atomic():
        goal = operations.add_goal(version=version, metric=metric, scope=scope, actor=actor, now=now)
        if parent is not None:
            goal.parent = parent
            goal.save(update_fields=["parent"])
        return goal if target is None else operations.edit_goal(goal=goal, actor=actor, now=now, target=target)


def scopes(metric: str) -> set[str]:
    """The dimensions that a goal for the metric may be for a part of."""
    return set(SCOPES) & metrics()[metric].dimensions


def _value(goal: Goal, period: Period, snapshot: Snapshot) -> Decimal | None:
    """The value of the goal's metric over a period, None if it is not known."""
    version = goal.version
    query = Query(metrics=(goal.metric,), period=period, where=forecast.where(goal.scope), as_of=version.as_of)
    total = answered.ask(version.plan.shop, query, snapshot).totals[goal.metric]
    return None if isinstance(total, Missing) else round(Decimal(str(expectation.number(total))), 6)


def _log(version: PlanVersion, action: str, actor: User | None, **detail: Any) -> None:
    audit.log(
        action,
        actor_id=None if actor is None else actor.pk,
        shop=version.plan.shop.slug,
        subject=f"plan {version.plan_id}.{version.number}",
        **detail,
    )
