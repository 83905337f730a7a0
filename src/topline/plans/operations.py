"""What people do with plans: the only writers of their tables."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from topline.accounts.models import Shop, User
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import approval, drafting, entries, expectation, facts, filling, progress, templates
from topline.plans import grid as grids
from topline.plans.forecast import Forecast
from topline.plans.grid import Change, Grid, Part
from topline.plans.models import Edit, Goal, GridOperation, Kind, Plan, PlanVersion, State, TargetBlock, TargetCells
from topline.plans.templates import Template
from topline.plans.text import Sentence
from topline.plans.units import from_minor, to_minor
from topline.units import errors
from topline.units.period import Period
from topline.units.text import N_
from topline.workbench import audit

_BATCH = 200


class PlanLockedError(errors.ToplineError):
    message = N_("This version is %(state)s and keeps its numbers. Make a new version of the plan and edit that.")


class StaleEditError(errors.ToplineError):
    message = N_("Somebody else changed these cells meanwhile. Look at the new amounts and set yours again.")


class NothingToUndoError(errors.ToplineError):
    message = N_("There is no edit left to undo.")


class UnknownPartError(errors.ToplineError):
    message = N_("The plan has no targets of “%(metric)s” for that category, market and month.")


class GoalExistsError(errors.ToplineError):
    message = N_("The plan has this goal already. Choose another category or market.")


class GoalRangeError(errors.ToplineError):
    message = N_("This goal is due between the first and the last day of the plan, %(first)s to %(last)s.")


class NegativeTargetError(errors.ToplineError):
    message = N_("“%(target)s” is below zero: a target of %(metric)s is zero or more.")


class GoalPlannedError(errors.ToplineError):
    message = N_("This goal's targets are planned by month to the end of the plan, so it stays due on %(last)s.")


# Drafting --------------------------------------------------------------------


def draft_plan(
    *,
    shop: Shop,
    period: Period,
    as_of: date,
    actor: User | None,
    now: datetime,
    template: Template = templates.SALES,
    title: str = "",
    language: str = "en",
    snapshot: Snapshot | None = None,
) -> PlanVersion:
    """A new plan whose first version says what the history before `as_of` lets expect of `period`.

    period : whole months; snapshot : of the lake, the newest by default
    template : what it starts from

    Raises drafting.PlanPeriodError, PastPlanError, EmptyLakeError, ShortHistoryError.
    """
    draft = filling.filled(shop, period, drafting.propose(shop, period, as_of, snapshot), language)
    return start_plan(
        shop=shop, period=period, draft=draft, actor=actor, now=now, template=template, title=title,
        language=language,
    )  # fmt: skip


def start_plan(
    *,
    shop: Shop,
    period: Period,
    draft: drafting.Draft,
    actor: User | None,
    now: datetime,
    template: Template = templates.SALES,
    title: str = "",
    language: str = "en",
) -> PlanVersion:
    """A new plan whose first version holds the draft; a sales plan serves the newest marketing plan of its months.

    template : what it starts from
    """
    draft = templates.within(draft, template)
    with transaction.atomic():
        plan = Plan.objects.create(
            shop=shop,
            kind=template.kind,
            title=title or drafting.title(template.kind, period, language),
            starts_on=period.start,
            ends_on=period.end,
            currency=shop.currency,
            language=language,
            owner=actor,
            outline=list(template.sections),
            serves=Plan.objects.marketing(shop, period).first() if template.kind == Kind.SALES else None,
            created_at=now,
        )
        version = _add_version(plan, draft, actor=actor, now=now)
        templates.pour(version, template)
        if "8.fronts" in draft.document:
            entries.add_budget(version, draft.budget)
        _add_goals(version, draft.goals, {})
        _log(version, "plan.drafted", actor, as_of=draft.as_of.isoformat(), snapshot=draft.snapshot)
    return version


def reforecast(*, version: PlanVersion, as_of: date, actor: User | None, now: datetime) -> PlanVersion:
    """A new draft beside the locked baseline, forecast anew: actuals of months that are over, the rest as seen now.

    Targets, locks and goals stay until a person changes them; what is expected of them, and their chance, is new. What
    the baseline never planned is proposed.
    """
    plan = version.plan
    draft = filling.filled(plan.shop, plan.period, drafting.propose(plan.shop, plan.period, as_of), plan.language)
    return add_reforecast(version=version, draft=draft, seen=foresee(version, draft), actor=actor, now=now)


def foresee(version: PlanVersion, draft: drafting.Draft) -> dict[str, Forecast]:
    """The forecasts of the version's goals that the draft doesn't propose, by key, as seen on the draft's day."""
    snapshot, proposed = version.plan.shop.lake().latest(), {goal.key for goal in draft.goals}
    if snapshot is None:
        return {}
    rest = version.goals.standing().exclude(key__in=proposed)
    return {goal.key: progress.foresee(goal, draft.as_of, snapshot) for goal in rest}


def add_reforecast(
    *,
    version: PlanVersion,
    draft: drafting.Draft,
    seen: Mapping[str, Forecast],
    actor: User | None,
    now: datetime,
) -> PlanVersion:
    """The new version that `reforecast` makes, of a draft and of what `foresee` says of its other goals."""
    with transaction.atomic():
        kept = {metric: version.grid(metric) for metric in version.grid_metrics}
        if "net_sales" in kept:
            target = from_minor("net_sales", kept["net_sales"].total(), version.plan.currency)
            draft = replace(drafting.aimed(draft, target), blocks=version.blocks, markets=version.markets)
        draft = replace(draft, grids={**draft.grids, **kept})
        draft = templates.within(draft, templates.of_plan(version.plan))
        new = _add_version(version.plan, draft, actor=actor, now=now, based_on=version, is_reforecast=True)
        _copy_cuts(version, new)
        entries.copy_written(version, new)
        goals, known = _copy_goals(version, new), set(version.goals.values_list("key", flat=True))
        for proposed in draft.goals:
            if (goal := goals.get(proposed.key)) is not None:
                goal.expected, goal.quantiles = proposed.expected, list(proposed.quantiles)
                goal.chance = expectation.chance(goal.metric, goal.quantiles, float(goal.target))
                goal.save(update_fields=["expected", "quantiles", "chance"])
        for key, one in seen.items():
            expect(goals[key], one)
            goals[key].save(update_fields=["expected", "quantiles", "chance"])
        _add_goals(new, [one for one in draft.goals if one.key not in known], goals)
        _log(new, "plan.reforecast", actor, as_of=draft.as_of.isoformat(), baseline=version.number)
    return new


def revise(*, version: PlanVersion, actor: User | None, now: datetime) -> PlanVersion:
    """A new draft with the contents of `version`; unchanged blocks are shared."""
    with transaction.atomic():
        new = PlanVersion.objects.create(
            plan=version.plan,
            number=_next_number(version.plan),
            based_on=version,
            as_of=version.as_of,
            snapshot=version.snapshot,
            blocks=version.blocks,
            markets=version.markets,
            outlook=version.outlook,
            created_at=now,
            created_by=_id(actor),
        )
        _share_blocks(version.target_blocks.filter(cut=""), new)
        _copy_cuts(version, new)
        entries.copy(version, new)
        _copy_goals(version, new)
        _log(new, "plan.revised", actor, based_on=version.number)
    return new


def _next_number(plan: Plan) -> int:
    newest = plan.versions.order_by("-number").first()
    return newest.number + 1 if newest else 1


def _add_version(
    plan: Plan,
    draft: drafting.Draft,
    *,
    actor: User | None,
    now: datetime,
    based_on: PlanVersion | None = None,
    is_reforecast: bool = False,
) -> PlanVersion:
    version = PlanVersion.objects.create(
        plan=plan,
        number=_next_number(plan),
        based_on=based_on,
        is_reforecast=is_reforecast,
        as_of=draft.as_of,
        snapshot=draft.snapshot,
        blocks=draft.blocks,
        markets=draft.markets,
        outlook=draft.outlook,
        created_at=now,
        created_by=_id(actor),
    )
    entries.add_drafted(version, draft.document)
    for metric, grid in draft.grids.items():
        store_blocks(version, metric, "", grid, range(len(grid.cells)))
    return version


def _share_blocks(blocks: Iterable[TargetBlock], new: PlanVersion) -> None:
    TargetBlock.objects.bulk_create(
        TargetBlock(version=new, metric=one.metric, cut=one.cut, block=one.block, cells_id=one.cells_id)
        for one in blocks
    )


def _copy_cuts(version: PlanVersion, new: PlanVersion) -> None:
    """The grids by channel, territory, team and person of a version, shared with a new one."""
    new.cuts = version.cuts
    new.save(update_fields=["cuts"])
    _share_blocks(version.target_blocks.exclude(cut=""), new)


def _copy_goals(version: PlanVersion, new: PlanVersion) -> dict[str, Goal]:
    """The standing goals of a version as goals of a new one, by key."""
    copies: dict[int, Goal] = {}
    for goal in version.goals.standing():
        old = goal.pk
        goal.pk, goal.version, goal.parent = None, new, copies.get(goal.parent_id or 0)
        goal._state.adding = True
        goal.save()
        copies[old] = goal
    return {goal.key: goal for goal in copies.values()}


def _add_goals(version: PlanVersion, proposals: Sequence[drafting.ProposedGoal], there: Mapping[str, Goal]) -> None:
    """The goals as proposed, after those that are there."""
    plan, made = version.plan, dict(there)
    first = max((goal.position + 1 for goal in there.values()), default=0)
    for position, proposed in enumerate(proposals, first):
        made[proposed.key] = Goal.objects.create(
            version=version,
            key=proposed.key,
            metric=proposed.metric,
            baseline=proposed.baseline,
            baseline_from=proposed.baseline_period.start,
            baseline_until=proposed.baseline_period.end,
            target=proposed.target,
            starts_on=plan.starts_on,
            due_on=plan.period.last,
            owner=plan.owner,
            parent=made.get(proposed.parent or ""),
            expected=proposed.expected,
            quantiles=list(proposed.quantiles),
            chance=proposed.chance,
            why=proposed.why,
            position=position,
        )


# Editing the grid ------------------------------------------------------------


def set_target(
    *,
    version: PlanVersion,
    metric: str,
    part: Part,
    amount: Decimal,
    seen: int,
    actor: User | None,
    now: datetime,
    cut: str = "",
    reason: str = "",
) -> GridOperation:
    """Set a cell or a total; unlocked cells below a total keep their proportions, and everything sums exactly.

    amount : in the metric's unit; seen : the revision that the actor looked at
    cut : which of the metric's grids, see `models.PlanVersion.axes`; reason : why, kept with the edit

    An edit of cells that nobody else touched since is applied on top; otherwise StaleEditError.
    """
    minor = to_minor(metric, amount, version.plan.currency)
    with transaction.atomic():
        version, grid = grid_for_edit(version, metric, cut, part, seen)
        new = grids.set_total(grid, part, minor)
        return append_edit(
            version, metric, cut, grid, new, Edit.SET, part, seen=seen, actor=actor, now=now, amount=minor,
            reason=reason,
        )  # fmt: skip


def lock_targets(
    *,
    version: PlanVersion,
    metric: str,
    part: Part,
    is_locked: bool,
    seen: int,
    actor: User | None,
    now: datetime,
    cut: str = "",
) -> GridOperation:
    """Lock or unlock every cell of a part."""
    with transaction.atomic():
        version, grid = grid_for_edit(version, metric, cut, part, seen)
        new = grids.set_lock(grid, part, is_locked)
        kind = Edit.LOCK if is_locked else Edit.UNLOCK
        return append_edit(version, metric, cut, grid, new, kind, part, seen=seen, actor=actor, now=now)


def undo_edit(
    *, version: PlanVersion, actor: User | None, now: datetime, operation: GridOperation | None = None
) -> GridOperation:
    """Take back an edit, the newest that stands unless one is named, exactly.

    Raises NothingToUndoError, grid.UndoConflictError when later edits changed its cells.
    """
    with transaction.atomic():
        version = _locked(version)
        guard_editable(version)
        standing = GridOperation.objects.undoable(version)
        if operation is not None:
            standing = standing.filter(pk=operation.pk)
        undone = standing.first()
        if undone is None:
            raise NothingToUndoError()
        grid = version.grid(undone.metric, undone.cut)
        new = undone.effect.inverse.apply(grid)
        return append_edit(
            version, undone.metric, undone.cut, grid, new, Edit.UNDO, undone.part, seen=version.revision, actor=actor,
            now=now, undoes=undone,
        )  # fmt: skip


def grid_for_edit(
    version: PlanVersion, metric: str, cut: str, part: Part, seen: int | None
) -> tuple[PlanVersion, Grid]:
    """The version, locked in the caller's transaction, and its grid; `seen` is None for an edit of what is there now.

    Raises UnknownPartError, StaleEditError if somebody edited the part after `seen`, PlanLockedError.
    """
    version = _locked(version)
    grid = version.grid(metric, cut)
    for index, size in zip((part.block, part.market, part.month), grid.cells.shape, strict=True):
        if not size or (index is not None and not 0 <= index < size):
            raise UnknownPartError(metric=metric)
    since = () if seen is None else GridOperation.objects.since(version, metric, seen, cut)
    if any(other.part.overlaps(part) for other in since):
        raise StaleEditError()
    guard_editable(version)
    return version, grid


def append_edit(
    version: PlanVersion,
    metric: str,
    cut: str,
    old: Grid,
    new: Grid,
    kind: Edit,
    part: Part,
    *,
    seen: int,
    actor: User | None,
    now: datetime,
    amount: int | None = None,
    reason: str = "",
    undoes: GridOperation | None = None,
) -> GridOperation:
    """Store a grid's new cells, the goals that follow from them, and the line of the log."""
    change = Change.between(old, new)
    version.revision += 1
    version.save(update_fields=["revision"])
    operation = GridOperation.objects.create(
        version=version,
        revision=version.revision,
        seen=seen,
        metric=metric,
        cut=cut,
        kind=kind,
        block=part.block,
        market=part.market,
        month=part.month,
        amount=amount,
        reason=reason.strip()[:300],
        change=change.pack(),
        undoes=undoes,
        actor_id=_id(actor),
        at=now,
    )
    store_blocks(version, metric, cut, new, sorted({int(i) for i in change.at // new.cells[0].size}))
    if not cut:
        _reconcile(version, metric, new)
    more = {"cut": cut} if cut else {}
    _log(version, f"plan.target_{kind}", actor, metric=metric, revision=version.revision, amount=amount, **more)
    approval.settle(version=version, actor=actor, now=now)
    return operation


def store_blocks(version: PlanVersion, metric: str, cut: str, grid: Grid, blocks: Sequence[int]) -> None:
    """Store the cells of blocks of a grid; what no block holds any more is deleted."""
    packed = {block: TargetCells.packed(grid.cells[block], grid.locked[block]) for block in blocks}
    TargetCells.objects.bulk_create({one.digest: one for one in packed.values()}.values(), ignore_conflicts=True)
    there = version.target_blocks.filter(metric=metric, cut=cut)
    if len(packed) <= _BATCH:
        there = there.filter(block__in=packed)
    former = {block: digest for block, digest in there.values_list("block", "cells_id") if block in packed}
    TargetBlock.objects.bulk_create(
        [
            TargetBlock(
                version=version,
                metric=metric,
                cut=cut,
                block=block,
                cells_id=cells.digest,
                revision=version.revision if block in former else 0,
            )
            for block, cells in packed.items()
        ],
        update_conflicts=True,
        unique_fields=["version", "metric", "cut", "block"],
        update_fields=["cells", "revision"],
    )
    gone = sorted({*former.values()} - {cells.digest for cells in packed.values()})
    for first in range(0, len(gone), _BATCH):
        TargetCells.objects.filter(digest__in=gone[first : first + _BATCH], blocks=None).delete()


def _reconcile(version: PlanVersion, metric: str, grid: Grid) -> None:
    """A goal of a planned metric is the sum of its cells; an edit moves its target, its chance and where the target
    comes from, never its baseline."""
    targets = {}
    for goal in version.goals.standing().filter(metric=metric).only("metric", "scope", "target"):
        target = from_minor(metric, grid.total(version.part(goal)), version.plan.currency)
        if target != goal.target:
            targets[goal.pk] = target
    moved = list(Goal.objects.filter(pk__in=targets).only("metric", "scope", "baseline", "quantiles", "why"))
    for goal in moved:
        goal.target = targets[goal.pk]
        if goal.why and not goal.why[0].startswith("why.part"):
            goal.why = Sentence("why.set").stored()
        goal.chance = expectation.chance(goal.metric, goal.quantiles, float(goal.target))
    Goal.objects.bulk_update(moved, ["target", "chance", "why"])
    if whole := next((goal for goal in moved if not goal.scope), None):
        _retell(version, whole)


def _retell(version: PlanVersion, goal: Goal) -> None:
    """Has the summary that the draft made speak of the target as it is now; a person's own words stay.

    goal : of the whole shop
    """
    if goal.metric != "net_sales":
        return
    summary = version.entries.filter(field="1.summary").first()
    if summary and "said" in summary.cells:
        summary.cells["said"] = drafting.retold(summary.cells["said"], goal)
        summary.save(update_fields=["cells"])


# Goals -----------------------------------------------------------------------


def expect(goal: Goal, seen: Forecast) -> None:
    """Notes on an unsaved goal what it may end at, and the chance that this meets its target."""
    goal.expected, goal.quantiles = seen.expected, list(seen.quantiles)
    goal.chance = expectation.chance(goal.metric, seen.quantiles, float(goal.target))


def guard_target(metric: str, target: Decimal) -> None:
    """Raises NegativeTargetError where nothing of the metric's kind can be below zero."""
    unit = metrics()[metric].unit
    if target < 0 and (metric in drafting.PLANNED or unit not in (Unit.MONEY, Unit.RATE, Unit.RATIO)):
        raise NegativeTargetError(target=f"{target.normalize():f}", metric=metrics()[metric].label)


def guard_due(goal: Goal, due_on: date) -> None:
    """Raises GoalRangeError, GoalPlannedError if the goal can't be due on the day."""
    version = goal.version
    if goal.metric in version.grid_metrics and due_on != goal.due_on:
        raise GoalPlannedError(last=goal.due_on)
    if not goal.starts_on <= due_on <= version.plan.period.last:
        raise GoalRangeError(first=version.plan.starts_on, last=version.plan.period.last)


def edit_goal(
    *,
    goal: Goal,
    actor: User | None,
    now: datetime,
    target: Decimal | None = None,
    due_on: date | None = None,
    owner: User | None = None,
    is_unowned: bool = False,
    actions: Sequence[str] | None = None,
) -> Goal:
    """Change what is given, or take the owner away; baseline and progress stay.

    A target that a grid plans is spread over the grid's cells.

    Raises GoalRangeError, GoalPlannedError, NegativeTargetError, PlanLockedError.
    """
    if target is not None:
        guard_target(goal.metric, target)
    with transaction.atomic():
        version = _locked(goal.version)
        guard_editable(version)
        goal = version.goals.select_for_update().get(pk=goal.pk)
        if due_on is not None:
            guard_due(goal, due_on)
            goal.due_on = due_on
        if owner is not None or is_unowned:
            goal.owner = None if is_unowned else owner
        if actions is not None:
            goal.actions = list(actions)
        if target is not None and goal.metric not in version.grid_metrics:
            goal.target, goal.why = target, Sentence("why.set").stored()
            goal.chance = expectation.chance(goal.metric, goal.quantiles, float(target))
            if not goal.scope:
                _retell(version, goal)
        goal.save()
        _log(version, "plan.goal_edited", actor, goal=goal.key, target=None if target is None else str(target))
        if target is not None and goal.metric in version.grid_metrics:
            set_target(
                version=version,
                metric=goal.metric,
                part=version.part(goal),
                amount=target,
                seen=version.revision,
                actor=actor,
                now=now,
            )
            goal.refresh_from_db()
        approval.settle(version=_locked(version), actor=actor, now=now)
    return goal


def add_goal(
    *, version: PlanVersion, metric: str, scope: Mapping[str, str | None], actor: User | None, now: datetime
) -> Goal:
    """A goal for a category, a market or both; it aims at what the grid plans for them.

    scope : {"category": ..., "market": ...}, values as the grid's axes name them

    Raises UnknownPartError, GoalExistsError.
    """
    axes = version.scopes(metric)
    if metric not in version.grid_metrics or any(value not in axes.get(name, ()) for name, value in scope.items()):
        raise UnknownPartError(metric=metric)
    key = ":".join([metric, *(f"{name}={'' if scope[name] is None else scope[name]}" for name in sorted(scope))])
    goal = Goal(version=version, key=key, metric=metric, scope=dict(scope))
    goal.starts_on, goal.due_on = version.plan.starts_on, version.plan.period.last
    goal.baseline_from, goal.baseline_until = (before := version.plan.period.last_year()).start, before.end
    seen = None
    if (snapshot := version.plan.shop.lake().latest()) is not None:
        named = {name: axes[name] for name in scope}
        sold = expectation.within(version.plan.shop, metric, before, version.as_of, snapshot, named)
        goal.baseline = round(Decimal(sold.get(tuple(scope.values()), 0.0)), 2) or None
        seen = progress.foresee(goal, version.plan.shop.today(), snapshot)
    with transaction.atomic():
        goal.version = version = _locked(version)
        guard_editable(version)
        if not scope or version.goals.standing().filter(key=key).exists():
            raise GoalExistsError()
        version.goals.filter(key=key).delete()  # given up before
        goal.target = from_minor(metric, version.grid(metric).total(version.part(goal)), version.plan.currency)
        goal.parent = version.goals.standing().filter(metric=metric, scope={}).first()
        if seen is not None:
            expect(goal, seen)
        known = {"metric": metric, "baseline": str(goal.baseline)} if goal.baseline else {}
        goal.why = ["why.part" if known else "why.part_new", known]
        last = version.goals.order_by("-position").first()
        goal.position = last.position + 1 if last else 0
        goal.save()
        _log(version, "plan.goal_added", actor, goal=key, target=str(goal.target))
        approval.settle(version=version, actor=actor, now=now)
    return goal


def drop_goal(*, goal: Goal, actor: User | None, now: datetime) -> None:
    """Give a goal up; it stays readable in the log and is never destroyed."""
    with transaction.atomic():
        version = _locked(goal.version)
        guard_editable(version)
        Goal.objects.filter(pk=goal.pk, version=version, dropped_at=None).update(dropped_at=now)
        _log(version, "plan.goal_dropped", actor, goal=goal.key)
        approval.settle(version=version, actor=actor, now=now)


# -----------------------------------------------------------------------------


def for_edit(*, version: PlanVersion, actor: User | None, now: datetime) -> PlanVersion:
    """The version, locked in the caller's transaction for an edit of its contents; `approval.settle` ends the edit.

    An edit before that was not settled is settled now.

    Raises PlanLockedError.
    """
    version = _locked(version)
    guard_editable(version)
    return approval.settle(version=version, actor=actor, now=now)


def _locked(version: PlanVersion) -> PlanVersion:
    return PlanVersion.objects.select_for_update().select_related("plan", "plan__shop").get(pk=version.pk)


def guard_editable(version: PlanVersion) -> None:
    """Edits are of drafts and of versions that are reviewed; `approval.settle` says afterwards what they void."""
    if version.state in (State.ACTIVE, State.CLOSED):
        raise PlanLockedError(state=State(version.state).label)


def _id(actor: User | None) -> int | None:
    return None if actor is None else actor.pk


def _log(version: PlanVersion, verb: str, actor: User | None, **detail: Any) -> None:
    audit.log(verb, actor_id=_id(actor), shop=version.plan.shop.slug, subject=f"plan {facts.name(version)}", **detail)
