"""Plans, their versions, goals and target grids: what people decided."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from typing import Any, ClassVar, Never, Self

import numpy as np
from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from topline.accounts.models import Shop
from topline.calendar.events import by_id
from topline.calendar.occurrence import Occurrence
from topline.plans import canonical
from topline.plans.grid import Change, Grid, Part
from topline.units.errors import ToplineError
from topline.units.period import FiscalCalendar, Grain, Period, add_months
from topline.units.text import N_


class Kind(models.TextChoices):
    SALES = "sales", _("Sales plan")
    MARKETING = "marketing", _("Marketing plan")
    BOTH = "both", _("Marketing and sales plan")


class State(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    BY_MARKETING = "by_marketing", _("Approved by marketing")
    APPROVED = "approved", _("Approved")
    ACTIVE = "active", _("Active")
    CLOSED = "closed", _("Closed")


class PlanQuerySet(models.QuerySet["Plan"]):
    def of(self, shop: models.Model) -> Self:
        """The shop's plans, the latest period first."""
        return self.filter(shop=shop).order_by("-starts_on", "-pk")

    def touching(self, day: date) -> Self:
        """Plans whose period holds the day."""
        return self.filter(starts_on__lte=day, ends_on__gt=day)

    def selling(self) -> Self:
        """Plans that say what is to be sold, and so may have quotas."""
        return self.exclude(kind=Kind.MARKETING)

    def marketing(self, shop: models.Model, period: Period) -> Self:
        """The shop's whole marketing plans that hold a period, the newest first: those that a sales plan may serve."""
        whole = self.filter(shop=shop, kind=Kind.MARKETING, outline=[])
        return whole.filter(starts_on__lte=period.start, ends_on__gte=period.end).order_by("-pk")


class Plan(models.Model):
    """What a shop wants of a period; its versions hold the contents.

    starts_on, ends_on : half-open, whole months
    language : of generated text
    serves : the marketing plan that a sales plan serves
    outline : numbers of the document's sections, empty for all of its kind (see `outline`)
    """

    shop = models.ForeignKey("accounts.Shop", on_delete=models.CASCADE, related_name="plans")
    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.SALES)
    title = models.CharField(max_length=200)
    starts_on = models.DateField()
    ends_on = models.DateField()
    currency = models.CharField(max_length=3)
    language = models.CharField(max_length=16, default="en")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    serves = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="served_by")
    outline = models.JSONField(default=list)
    created_at = models.DateTimeField()

    objects = PlanQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(ends_on__gt=models.F("starts_on")), name="plan_ends_after_start"),
        ]
        indexes: ClassVar = [models.Index(fields=["shop", "-starts_on"])]

    def __str__(self) -> str:
        return self.title

    @property
    def period(self) -> Period:
        return Period(self.starts_on, self.ends_on)

    @cached_property
    def months(self) -> tuple[date, ...]:
        """The first day of each month of the period."""
        return tuple(month.start for month in FiscalCalendar().buckets(self.period, Grain.MONTH))

    def is_over(self, day: date) -> bool:
        """Whether the plan's last day lies before the day."""
        return self.ends_on <= day

    @property
    def current(self) -> "PlanVersion":
        """The version that counts: the active one, else the newest."""
        is_active = models.Case(models.When(state=State.ACTIVE, then=1), default=0)
        return self.versions.order_by(is_active.desc(), "-number")[0]


class PlanVersionQuerySet(models.QuerySet["PlanVersion"]):
    def of(self, shop: models.Model) -> Self:
        return self.filter(plan__shop=shop).select_related("plan", "plan__shop")

    def active(self) -> Self:
        return self.filter(state=State.ACTIVE)


class PlanVersion(models.Model):
    """One state of a plan's contents.

    as_of, snapshot : the day up to which the draft saw events, and the lake's snapshot that it read
    blocks, markets : the grid's axes: categories and markets as the lake names them, None for what has none
    cuts : names of the lines of its other grids, by what they are cut by: {"channel": [...], "person": [...]}
    outlook : the forecast that the draft shows, copied (see `drafting.Draft`)
    team : the team as it was when the version was handed in (see `team.freeze`), empty while it is a draft
    revision : number of the newest grid operation
    digest : SHA-256 of the canonical contents that were approved
    """

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    based_on = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="+")
    is_reforecast = models.BooleanField(default=False)
    as_of = models.DateField()
    snapshot = models.PositiveBigIntegerField()
    blocks = models.JSONField(default=list)
    markets = models.JSONField(default=list)
    cuts = models.JSONField(default=dict)
    outlook = models.JSONField(default=dict)
    team = models.JSONField(default=dict)
    revision = models.PositiveBigIntegerField(default=0)
    digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.BigIntegerField(null=True)
    activated_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    objects = PlanVersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "number"], name="plan_version_number"),
            models.UniqueConstraint(
                fields=["plan"], condition=models.Q(state="active"), name="plan_has_one_active_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan.title} · {self.number}"

    def axes(
        self, metric: str, cut: str = ""
    ) -> tuple[tuple[str | None, ...], tuple[str | None, ...], tuple[date, ...]]:
        """Names of a grid's blocks, markets and months. Only net sales are planned by category and market.

        cut : "" for the grid by category and market, else what its lines are: a channel, territory, team or person
        """
        if cut:
            return tuple(self.cuts.get(cut, ())), (None,), self.plan.months
        if metric == "net_sales":
            return tuple(self.blocks), tuple(self.markets), self.plan.months
        return (None,), (None,), self.plan.months

    def scopes(self, metric: str) -> dict[str, tuple[str | None, ...]]:
        """The names that a goal's scope may have, by dimension."""
        return dict(zip(("category", "market"), self.axes(metric)[:2], strict=True))

    def part(self, goal: "Goal") -> Part:
        """The cells of the goal's metric that its scope covers, over all months of the plan."""
        blocks, markets = self.axes(goal.metric)[:2]
        scope = goal.scope
        return Part(
            blocks.index(scope["category"]) if "category" in scope else None,
            markets.index(scope["market"]) if "market" in scope else None,
        )

    def grid(self, metric: str, cut: str = "") -> Grid:
        """The metric's targets; no blocks of a metric that has none."""
        blocks, markets, months = self.axes(metric, cut)
        rows = self.target_blocks.filter(metric=metric, cut=cut).order_by("block")
        found = list(rows.values_list("cells__values", "cells__locks"))
        if not found:
            return Grid.of(np.zeros((0, len(markets), len(months)), dtype=np.int64))
        shape = (len(blocks), len(markets), len(months))
        values, locks = (b"".join(bytes(packed) for packed in column) for column in zip(*found, strict=True))
        return Grid(
            np.frombuffer(values, "<i8").astype(np.int64).reshape(shape),
            np.frombuffer(locks, "u1").astype(np.bool_).reshape(shape),
        )

    @property
    def grid_metrics(self) -> list[str]:
        """Metrics whose targets stand by category and market."""
        return sorted(self.target_blocks.filter(cut="").values_list("metric", flat=True).distinct())

    @property
    def grid_cuts(self) -> list[tuple[str, str]]:
        """(metric, cut) of the other grids."""
        return sorted(self.target_blocks.exclude(cut="").values_list("metric", "cut").distinct())

    def contents(self) -> dict[str, Any]:
        """All that an approval binds to, in plain values."""
        grids = {metric: self.grid(metric) for metric in self.grid_metrics}
        return {
            "plan": self.plan_id,
            "period": [self.plan.starts_on.isoformat(), self.plan.ends_on.isoformat()],
            "currency": self.plan.currency,
            "axes": {"blocks": self.blocks, "markets": self.markets, "cuts": self.cuts},
            "targets": {metric: grid.cells.tolist() for metric, grid in grids.items()},
            "cuts": {f"{metric}/{cut}": self.grid(metric, cut).cells.tolist() for metric, cut in self.grid_cuts},
            "goals": [
                goal.contents() for goal in self.goals.standing().defer("quantiles", "why").select_related("parent")
            ],
            "document": self.document(),
            "budget": [line.contents() for line in self.budget.all()],
        }

    def document(self) -> dict[str, list[dict[str, Any]]]:
        """What the document's fields hold: the rows of each, in their order; the team's as they were handed in."""
        found: dict[str, list[dict[str, Any]]] = {}
        for field, key, cells in self.entries.standing().values_list("field", "key", "cells"):
            found.setdefault(field, []).append({"key": key, "cells": cells})
        of_team: dict[str, list[dict[str, Any]]] = self.team.get("rows", {})
        return found | of_team

    def contents_digest(self) -> str:
        """SHA-256 of the canonical JSON of the contents."""
        return sha256(canonical.dumps(self.contents())).hexdigest()


class GoalQuerySet(models.QuerySet["Goal"]):
    def standing(self) -> Self:
        """Goals that were not given up, in the order of the page."""
        return self.filter(dropped_at=None).order_by("position", "pk")

    def unplanned(self) -> Self:
        """Goals whose metric has no grid by category and market."""
        grids = TargetBlock.objects.filter(version=models.OuterRef("version"), metric=models.OuterRef("metric"), cut="")
        return self.exclude(models.Exists(grids))


class Goal(models.Model):
    """A SMART goal: what metric, from where to where, until when, whose, how likely and why.

    key : the same goal in every version; progress is read from the lake, so no edit resets it
    scope : {"category": ..., "market": ...}, empty for the whole shop
    baseline : the value that the goal starts from, of `baseline_from` up to `baseline_until`
    target : in the metric's unit: an amount of the plan's currency, a count, a rate 0-1; where a grid plans the metric,
        the sum of the grid's cells in scope
    expected, quantiles : the forecast that the draft saw: its mean, and its 1 % to 99 % quantiles (99 numbers)
    chance : probability of reaching the target by that forecast, 0-1
    actions : what is done for it, in people's words
    links : what is done for it as the plan knows it: [{"kind": "front", "action", "tactic", ..., "key", "label"}]
    strategy : what it serves where it has no parent: a line of the strategy, in people's words
    needs : [{"kind": "tool", "skill", "person" or "budget", "name", "is_held", "cost"}]
    dated : [[last day, target]], the steps on the way, where no grid plans the metric by month
    bands : from what share of the pace on it is on course, and at risk; behind below: [0.95, 0.85]
    why : [code, params] of the sentence that says where the target comes from
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="goals")
    key = models.CharField(max_length=120)
    metric = models.CharField(max_length=64)
    scope = models.JSONField(default=dict, blank=True)
    baseline = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    baseline_from = models.DateField(null=True)
    baseline_until = models.DateField(null=True)
    target = models.DecimalField(max_digits=24, decimal_places=6)
    starts_on = models.DateField()
    due_on = models.DateField()
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    parent = models.ForeignKey("self", on_delete=models.SET_NULL, null=True, related_name="children")
    expected = models.FloatField(null=True)
    quantiles = models.JSONField(default=list)
    chance = models.FloatField(null=True)
    why = models.JSONField(default=list)
    actions = models.JSONField(default=list)
    links = models.JSONField(default=list)
    strategy = models.CharField(max_length=300, blank=True)
    needs = models.JSONField(default=list)
    dated = models.JSONField(default=list)
    bands = models.JSONField(default=list)
    position = models.PositiveSmallIntegerField(default=0)
    dropped_at = models.DateTimeField(null=True)

    objects = GoalQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "key"], name="goal_key_in_version"),
            models.CheckConstraint(condition=models.Q(due_on__gte=models.F("starts_on")), name="goal_due_after_start"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def period(self) -> Period:
        """The days that count towards it; `due_on` is the last of them."""
        return Period(self.starts_on, FiscalCalendar().next(self.due_on, Grain.DAY))

    def contents(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "metric": self.metric,
            "scope": self.scope,
            "baseline": self.baseline,
            "target": self.target,
            "starts_on": self.starts_on.isoformat(),
            "due_on": self.due_on.isoformat(),
            "owner": self.owner_id,
            "parent": None if self.parent is None else self.parent.key,
            "actions": self.actions,
            "links": self.links,
            "strategy": self.strategy,
            "needs": self.needs,
            "dated": self.dated,
            "bands": self.bands,
        }


class TargetCells(models.Model):
    """The packed cells of a block, stored once however many versions hold them.

    values : int64 little-endian minor units, market by month; locks : one byte a cell
    """

    digest = models.CharField(max_length=64, primary_key=True)
    values = models.BinaryField()
    locks = models.BinaryField()

    @classmethod
    def packed(cls, values: np.ndarray, locks: np.ndarray) -> Self:
        """An unsaved row of a (markets, months) block."""
        raw, mask = values.astype("<i8").tobytes(), locks.astype("u1").tobytes()
        return cls(digest=sha256(raw + mask).hexdigest(), values=raw, locks=mask)


class TargetBlock(models.Model):
    """One block (a category) of a metric's grid in a version; `revision` is the operation that changed it last."""

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="target_blocks")
    metric = models.CharField(max_length=64)
    cut = models.CharField(max_length=16, blank=True, default="")
    block = models.PositiveIntegerField()
    cells = models.ForeignKey(TargetCells, on_delete=models.PROTECT, related_name="blocks")
    revision = models.PositiveBigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "metric", "cut", "block"], name="target_block_in_version"),
        ]


class Edit(models.TextChoices):
    SET = "set", _("Set")
    LOCK = "lock", _("Lock")
    UNLOCK = "unlock", _("Unlock")
    PASTE = "paste", _("Paste")
    LINES = "lines", _("Lines")
    UNDO = "undo", _("Undo")


class GridOperationQuerySet(models.QuerySet["GridOperation"]):
    def since(self, version: PlanVersion, metric: str, revision: int, cut: str = "") -> Self:
        """Operations that somebody who saw `revision` has not seen."""
        return self.filter(version=version, metric=metric, cut=cut, revision__gt=revision)

    def undoable(self, version: PlanVersion) -> Self:
        """Edits that stand, the newest first."""
        standing = self.filter(version=version, undone_by=None)
        return standing.exclude(kind__in=[Edit.UNDO, Edit.LINES]).order_by("-revision")


class GridOperation(models.Model):
    """One entry of the append-only log of a version's grids.

    revision : its number within the version; seen : the revision that its author saw
    block, market, month : index on each axis, null for all of it
    amount : the total that was set, minor units
    reason : why, in its author's words
    change : packed `grid.Change`
    undoes : the operation that it takes back
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="operations")
    revision = models.PositiveBigIntegerField()
    seen = models.PositiveBigIntegerField()
    metric = models.CharField(max_length=64)
    cut = models.CharField(max_length=16, blank=True, default="")
    kind = models.CharField(max_length=8, choices=Edit.choices)
    block = models.PositiveIntegerField(null=True)
    market = models.PositiveIntegerField(null=True)
    month = models.PositiveIntegerField(null=True)
    amount = models.BigIntegerField(null=True)
    reason = models.CharField(max_length=300, blank=True)
    change = models.BinaryField()
    undoes = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="undone_by")
    actor_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    objects = GridOperationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "revision"], name="grid_operation_revision"),
        ]

    @property
    def part(self) -> Part:
        return Part(self.block, self.market, self.month)

    @property
    def effect(self) -> Change:
        return Change.unpack(bytes(self.change))


# Approval ----------------------------------------------------------------------


class Seat(models.TextChoices):
    """Whose approval a section needs."""

    PLAN_OWNER = "plan_owner", _("Plan owner")
    MARKETING = "marketing", _("Head of marketing")
    SALES = "sales", _("Head of sales")
    FINANCE = "finance", _("Finance")
    OPERATIONS = "operations", _("Operations")
    DIRECTOR = "director", _("Director")


class Step(models.TextChoices):
    SUBMITTED = "submitted", _("handed in")
    APPROVED = "approved", _("approved")
    SENT_BACK = "sent_back", _("sent back")
    VOIDED = "voided", _("voided by a change")
    ACTIVATED = "activated", _("activated")
    CLOSED = "closed", _("closed")


class DecisionError(ToplineError):
    message = N_("A decision is never changed or deleted. Decide anew: that is noted beside it.")


class PlanContents(models.Model):
    """The contents that decisions bind to, packed, stored once however many decisions name them."""

    digest = models.CharField(max_length=64, primary_key=True)
    packed = models.BinaryField()

    def __str__(self) -> str:
        return self.digest


class DecisionQuerySet(models.QuerySet["Decision"]):
    def of(self, plan: Plan) -> Self:
        """The plan's decisions, the oldest first."""
        return self.filter(version__plan=plan).order_by("number")

    def update(self, **_: Any) -> Never:
        raise DecisionError()

    def delete(self) -> Never:
        raise DecisionError()


class Decision(models.Model):
    """Who decided what on which contents of a version, when: added to, never changed.

    number : counts a plan's decisions from 1
    seat : for which seat somebody approved; empty for other steps
    actor_id, for_id : who decided, and for whom if as a delegate
    digest, material : of the whole contents, and of what an approval binds to (see `approval.material`)
    findings : what marketing's gate found when it was decided: [[code, params, whether it blocks], ...]
    changes : what voided an approval, as `diff.Difference` stores it
    is_one_person : whether one person was allowed to decide alone
    seal : SHA-256 of this entry and of the seal before, so that a changed or missing entry shows
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="decisions")
    number = models.PositiveIntegerField()
    step = models.CharField(max_length=12, choices=Step.choices)
    seat = models.CharField(max_length=12, choices=Seat.choices, blank=True)
    actor_id = models.BigIntegerField(null=True)
    for_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    note = models.CharField(max_length=1000, blank=True)
    digest = models.CharField(max_length=64)
    material = models.CharField(max_length=64)
    findings = models.JSONField(default=list)
    changes = models.JSONField(default=list)
    is_one_person = models.BooleanField(default=False)
    seal = models.CharField(max_length=64)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["version", "number"])]

    def __str__(self) -> str:
        return f"{self.version} · {self.step}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise DecisionError()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise DecisionError()


class DelegationQuerySet(models.QuerySet["Delegation"]):
    def on(self, shop: models.Model, day: date) -> Self:
        """Those that hold on a day."""
        return self.filter(shop=shop, starts_on__lte=day, last_on__gte=day, revoked_at=None)


class Delegation(models.Model):
    """Somebody approves in another's place for some days."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="delegations")
    giver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    taker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    starts_on = models.DateField()
    last_on = models.DateField()
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = DelegationQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.giver} -> {self.taker}"


class ApprovalRule(models.Model):
    """How a shop approves its plans. A shop without one, of one person, lets that person decide alone."""

    shop = models.OneToOneField(Shop, on_delete=models.CASCADE, related_name="approval_rule")
    is_one_person = models.BooleanField(default=False)
    changed_at = models.DateTimeField()
    changed_by = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"approval in {self.shop}"


# Scenarios ---------------------------------------------------------------------


class ScenarioQuerySet(models.QuerySet["Scenario"]):
    def standing(self) -> Self:
        """Those that nobody put away, the newest first."""
        return self.filter(archived_at=None).order_by("-pk")


class Scenario(models.Model):
    """What if: changes of drivers on top of a version, whose targets it shares.

    changes : {driver: [[category, market, month, change], ...]}, None on an axis for all of it; a change is a rate
        (0.1 is ten per cent more), of a rate driver a difference (0.02 is two points more)
    revision : counts its edits
    adopted : the version that it became
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="scenarios")
    name = models.CharField(max_length=100)
    note = models.CharField(max_length=1000, blank=True)
    changes = models.JSONField(default=dict)
    revision = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)
    adopted = models.ForeignKey(PlanVersion, on_delete=models.SET_NULL, null=True, related_name="+")
    archived_at = models.DateTimeField(null=True)

    objects = ScenarioQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["version", "name"], condition=models.Q(archived_at=None), name="scenario_name_in_version"
            ),
        ]

    def __str__(self) -> str:
        return self.name


# The document ------------------------------------------------------------------


class EntryQuerySet(models.QuerySet["Entry"]):
    def standing(self) -> Self:
        """Entries that were not taken out, in the order of the document."""
        return self.filter(removed_at=None).order_by("field", "position", "pk")

    def rows(self, field: str) -> Self:
        """The standing rows of a field."""
        return self.standing().filter(field=field)


class Entry(models.Model):
    """A row of a field of the plan document; text, a choice and people's own words are a field's only row.

    field : its name in the outline, such as `4.personas`
    key : the same row in every version, empty for the only one; a front's key is what facts know it by
    cells : by column, as `outline.Type` says; of a text {"text": Markdown}, or {"said": [[code, params], ...]} as long
        as it is the sentences that the draft made; of a choice {"choice": id}
    revision : how often it was edited in this version
    is_drafted : made from data, and nobody has changed it
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="entries")
    field = models.CharField(max_length=40)
    key = models.CharField(max_length=32, blank=True)
    cells = models.JSONField(default=dict)
    position = models.PositiveIntegerField(default=0)
    revision = models.PositiveIntegerField(default=0)
    is_drafted = models.BooleanField(default=False)
    removed_at = models.DateTimeField(null=True)

    objects = EntryQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["version", "field", "key"], name="entry_key_in_field"),
        ]

    def __str__(self) -> str:
        return f"{self.field} {self.key}".strip()


class EntryEditQuerySet(models.QuerySet["EntryEdit"]):
    def of(self, plan: Plan, field: str) -> Self:
        """Who changed a field of a plan, in all its versions, the newest first."""
        return self.filter(version__plan=plan, field=field).select_related("version").order_by("-pk")

    def since(self, entry: Entry, revision: int) -> Self:
        """Edits of a row that somebody who saw `revision` has not seen, the oldest first."""
        same = self.filter(version=entry.version_id, field=entry.field, key=entry.key, revision__gt=revision)
        return same.order_by("pk")


class EntryEdit(models.Model):
    """One line of the append-only log of a version's document: a cell's old and new value.

    column : empty where the row was added, taken out, brought back or moved
    """

    class Kind(models.TextChoices):
        SET = "set", _("changed")
        ADD = "add", _("added")
        REMOVE = "remove", _("took out")
        RESTORE = "restore", _("brought back")
        MOVE = "move", _("moved")

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="entry_edits")
    field = models.CharField(max_length=40)
    key = models.CharField(max_length=32, blank=True)
    revision = models.PositiveIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    column = models.CharField(max_length=40, blank=True)
    old = models.JSONField(null=True)
    new = models.JSONField(null=True)
    actor_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    objects = EntryEditQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["version", "field", "key"], name="plans_entryedit_row")]


class PlanTemplate(models.Model):
    """A document that a shop starts plans from: its own, beside those that ship.

    outline : numbers of its sections; entries : [{"field", "key", "cells"}, ...] in their order
    """

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="plan_templates")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    outline = models.JSONField(default=list)
    entries = models.JSONField(default=list)
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shop", "name"], name="plan_template_name_in_shop"),
        ]

    def __str__(self) -> str:
        return self.name


# The shop's calendar -----------------------------------------------------------


class OwnEventQuerySet(models.QuerySet["OwnEvent"]):
    def of(self, shop: Shop) -> Self:
        """A shop's own events, the newest first."""
        return self.filter(shop=shop).select_related("shop").order_by("-starts_on", "name")

    def occurrences(self, shop: Shop, period: Period) -> list[Occurrence]:
        """When the shop's own events happen, of which a day lies in the period."""
        found = [each for event in self.of(shop) for each in event.occurrences(period)]
        return [one for one in found if one.start < period.end and one.end > period.start]


class OwnEvent(models.Model):
    """An event of the shop or its industry, or the date that a shipped event has in one year.

    name : in its author's language; it is the event's id too
    dates : the id of the shipped event that this dates, empty for one of the shop's own
    is_closed : the shop is closed or sends nothing on its days, so that nothing is planned on them
    uid : by which the calendar file that it came from names it, empty if it came from none
    """

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="own_events")
    name = models.CharField(max_length=100)
    dates = models.CharField(max_length=60, blank=True)
    starts_on = models.DateField()
    last_on = models.DateField()
    is_yearly = models.BooleanField(default=False)
    lead_in_days = models.PositiveSmallIntegerField(default=0)
    tail_days = models.PositiveSmallIntegerField(default=0)
    categories = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=300, blank=True)
    is_closed = models.BooleanField(default=False)
    uid = models.CharField(max_length=255, blank=True, default="")

    objects = OwnEventQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["shop", "-starts_on"])]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shop", "uid"], condition=~models.Q(uid=""), name="own_event_uid_in_shop"),
        ]

    def __str__(self) -> str:
        return self.name

    def occurrences(self, period: Period) -> Iterator[Occurrence]:
        """Its occurrence, or one of each year that the period touches."""
        shipped = by_id().get(self.dates)
        years = range(period.start.year - 1, period.end.year + 1) if self.is_yearly else [self.starts_on.year]
        for year in years:
            start = add_months(self.starts_on, 12 * (year - self.starts_on.year))
            yield Occurrence(
                event=self.dates or self.name,
                label=shipped.label if shipped else self.name,
                kind="announced" if shipped else "own",
                start=start,
                end=start + (self.last_on - self.starts_on) + timedelta(days=1),
                country=self.shop.country,
                lead_in_days=self.lead_in_days or (shipped.lead_in_days if shipped else 0),
                tail_days=self.tail_days or (shipped.tail_days if shipped else 0),
                categories=tuple(self.categories) or (shipped.categories if shipped else ()),
                source=self.note,
            )


class EventImportQuerySet(models.QuerySet["EventImport"]):
    def of(self, shop: Shop) -> Self:
        """A shop's imports that stand, the newest first."""
        return self.filter(shop=shop, undone_at=None).order_by("-pk")


class EventImport(models.Model):
    """Events that came from a calendar file, and what stood before, so that it can be taken back.

    changes : [{"uid", "before": fields or None, "after": fields}, ...]
    """

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="event_imports")
    name = models.CharField(max_length=200)
    changes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)
    undone_at = models.DateTimeField(null=True)

    objects = EventImportQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


class LiftTestQuerySet(models.QuerySet["LiftTest"]):
    def of(self, shop: Shop) -> Self:
        """A shop's tests, the newest first."""
        return self.filter(shop=shop).order_by("-ended_on", "-pk")


class LiftTest(models.Model):
    """An experiment on a channel's spend: what more came in a week at `high` than at `low`.

    metric : what the effect was counted in; channel : its code
    low, high : spend a week of the two groups, brought to the whole shop's size, in its currency
    effect, error : response a week and its standard error
    """

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="lift_tests")
    channel = models.CharField(max_length=100)
    metric = models.CharField(max_length=40)
    ended_on = models.DateField()
    low = models.DecimalField(max_digits=18, decimal_places=2)
    high = models.DecimalField(max_digits=18, decimal_places=2)
    effect = models.FloatField()
    error = models.FloatField()
    note = models.CharField(max_length=300, blank=True)

    objects = LiftTestQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["shop", "-ended_on"])]

    def __str__(self) -> str:
        return f"{self.channel}, {self.ended_on}"


class CalendarLinkQuerySet(models.QuerySet["CalendarLink"]):
    def live(self, shop: Shop, person_id: int | None = None, front: str = "", team: str = "") -> Self:
        """The address of the whole calendar, of a person's, of a front's, or of a team's."""
        return self.filter(shop=shop, person=person_id, front=front, team=team, revoked_at=None)


class CalendarLink(models.Model):
    """A secret address at which calendar programs read the shop's calendar. Only its digest is kept.

    person : whose own dates it shows, as far as they may see them; front : key of the front, and team : name of the
        team whose dates it shows; none of them shows the retail calendar
    """

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="+")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    front = models.CharField(max_length=32, blank=True, default="")
    team = models.CharField(max_length=120, blank=True, default="")
    digest = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = CalendarLinkQuerySet.as_manager()

    def __str__(self) -> str:
        return f"feed of {self.shop}"


# What no fact says -------------------------------------------------------------


class ShopNumber(models.Model):
    """A number that the shop states about itself, of `numbers.NUMBERS`. of : a supplier, "" for the whole shop"""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="numbers")
    name = models.CharField(max_length=40)
    of = models.CharField(max_length=120, blank=True, default="")
    value = models.FloatField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["shop", "name", "of"], name="shop_number")]

    def __str__(self) -> str:
        return f"{self.name} {self.of}".strip()


# Proposals ---------------------------------------------------------------------


class ProposalQuerySet(models.QuerySet["Proposal"]):
    def of(self, shop: models.Model) -> Self:
        """The shop's proposals, the newest week first, within it the most promising first."""
        return self.filter(shop=shop).order_by("-week", "rank")

    def due(self, day: date) -> Self:
        """Those whose time to be scored has come."""
        return self.filter(due_on__lte=day, scored_on=None).exclude(metric="")


class Proposal(models.Model):
    """Something worth doing that Topline found in a week, and later what came of it.

    kind : what it is about: budget, price, promotion, stock, funnel, landing, product_page, checkout, message, content,
        tactic, delivery, follow_up
    subject : what exactly, so that one week proposes it once
    week : its Monday; rank : from 0, by what it is expected to bring and how sure that is
    said : [code, params] of its reason; action : of what to do
    gain, low, high : money that it is expected to bring, with the interval of 80 %
    cost : money that it takes first, None if nobody knows; costing : [code, params] of what that rests on, else empty
    confidence : probability that it brings anything, 0-1
    metric, scope, baseline, expected : by what it is scored: what the metric comes to without it, and with it; an empty
        metric can't be scored; the metric “variant” is the share of one of the kind's ways, see `outlook.variants`
    starts_on, due_on : the days of the metric
    actual, scored_on : what it came to, and when that was known
    """

    VARIANT = "variant"
    """The metric, and the dimension of the scope, of what is scored by the share of one way among others."""

    class State(models.TextChoices):
        OPEN = "open", _("open")
        ACCEPTED = "accepted", _("in a draft")
        DISMISSED = "dismissed", _("not now")

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="proposals")
    kind = models.CharField(max_length=12)
    subject = models.CharField(max_length=200)
    week = models.DateField()
    rank = models.PositiveSmallIntegerField()
    said = models.JSONField()
    action = models.JSONField()
    gain = models.FloatField()
    low = models.FloatField()
    high = models.FloatField()
    cost = models.FloatField(null=True)
    costing = models.JSONField(default=list, blank=True)
    confidence = models.FloatField()
    metric = models.CharField(max_length=64, blank=True)
    scope = models.JSONField(default=dict, blank=True)
    baseline = models.FloatField(null=True)
    expected = models.FloatField(null=True)
    starts_on = models.DateField()
    due_on = models.DateField()
    actual = models.FloatField(null=True)
    scored_on = models.DateField(null=True)
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    decided_by = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    version = models.ForeignKey(PlanVersion, on_delete=models.SET_NULL, null=True, related_name="proposals")

    objects = ProposalQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["shop", "week", "kind", "subject"], name="proposal_once_a_week"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject}".strip()

    @property
    def is_variant(self) -> bool:
        return self.metric == self.VARIANT

    @property
    def share(self) -> float | None:
        """How much of the promised change of the metric came: 1 is all of it; None while it isn't scored."""
        if self.actual is None or self.baseline is None or not self.expected or self.expected == self.baseline:
            return None
        return (self.actual - self.baseline) / (self.expected - self.baseline)


# The budget ----------------------------------------------------------------------


class SpendKind(models.TextChoices):
    ADS = "ads", _("Advertising")
    CONTENT = "content", _("Content")
    PARTNERS = "partners", _("Partners")
    MESSAGES = "messages", _("Messages")
    TOOLS = "tools", _("Tools")


class BudgetLine(models.Model):
    """A line of a version's budget: what is to be spent on one activity, month by month.

    key : the same line in every version
    front_key : the action front that it is for, empty for none
    campaign, channel, market, kind : what ties spend to it; empty ones tie any
    planned : amount by month: {"2026-10": "1200.00"}, in the plan's currency
    expected : net sales that it is to bring, None to take the channel's own history
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="budget")
    key = models.CharField(max_length=32)
    front_key = models.CharField(max_length=40, blank=True)
    activity = models.CharField(max_length=200)
    channel = models.CharField(max_length=255, blank=True)
    campaign = models.CharField(max_length=255, blank=True)
    market = models.CharField(max_length=10, blank=True)
    kind = models.CharField(max_length=16, choices=SpendKind.choices, default=SpendKind.ADS)
    planned = models.JSONField(default=dict)
    expected = models.DecimalField(max_digits=24, decimal_places=6, null=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["position", "pk"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["version", "key"], name="budget_line_in_version")]

    def __str__(self) -> str:
        return self.activity

    def contents(self) -> dict[str, Any]:
        names = ("key", "front_key", "activity", "channel", "campaign", "market", "kind", "planned", "expected")
        return {name: getattr(self, name) for name in names}

    @property
    def amounts(self) -> dict[date, Decimal]:
        """What is planned, by the first day of the month."""
        return {date.fromisoformat(f"{month}-01"): Decimal(amount) for month, amount in self.planned.items()}


class BudgetMoveQuerySet(models.QuerySet["BudgetMove"]):
    def of(self, version: PlanVersion) -> Self:
        """What was moved in a version, the newest first."""
        return self.filter(version=version).order_by("-pk")

    def said(self) -> Self:
        """Moves between lines, and what was given a reason."""
        return self.exclude(models.Q(reason="") & (models.Q(source="") | models.Q(target="")))


class BudgetMove(models.Model):
    """One line of the append-only log of a budget: what was moved from where to where, and why.

    source, target : keys of lines; empty where the amount is new or was taken out of the plan
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="budget_moves")
    source = models.CharField(max_length=32, blank=True)
    source_month = models.DateField(null=True)
    target = models.CharField(max_length=32, blank=True)
    target_month = models.DateField(null=True)
    amount = models.DecimalField(max_digits=24, decimal_places=6)
    reason = models.CharField(max_length=500)
    actor_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    objects = BudgetMoveQuerySet.as_manager()


class CommitmentQuerySet(models.QuerySet["Commitment"]):
    def standing(self) -> Self:
        """Those that bind money: approved, and not among the spend yet."""
        return self.filter(state=Commitment.State.APPROVED)

    def waiting(self) -> Self:
        """Those that wait for somebody's yes."""
        return self.filter(state=Commitment.State.ASKED)


class Commitment(models.Model):
    """Money of a plan that is promised to somebody: an order, a contract, a booking. It outlives versions.

    line : key of the budget's line
    month : its first day; the month in which it will be spent
    """

    class State(models.TextChoices):
        ASKED = "asked", _("Waits for approval")
        APPROVED = "approved", _("Committed")
        REFUSED = "refused", _("Refused")
        PAID = "paid", _("Among the spend")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="commitments")
    line = models.CharField(max_length=32)
    month = models.DateField()
    amount = models.DecimalField(max_digits=24, decimal_places=6)
    what = models.CharField(max_length=300)
    state = models.CharField(max_length=12, choices=State.choices)
    asked_by = models.BigIntegerField(null=True)
    asked_at = models.DateTimeField()
    decided_by = models.BigIntegerField(null=True)
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=500, blank=True)

    objects = CommitmentQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["plan", "state"])]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="commitment_is_positive"),
        ]

    def __str__(self) -> str:
        return self.what


class SpendLimit(models.Model):
    """The most that people of a role may commit at once without asking; a role without one may commit anything."""

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="spend_limits")
    role = models.CharField(max_length=32)
    amount = models.DecimalField(max_digits=24, decimal_places=6)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["shop", "role"], name="spend_limit_of_role")]

    def __str__(self) -> str:
        return f"{self.role}: {self.amount}"


# Sharing -------------------------------------------------------------------------


class PlanShareQuerySet(models.QuerySet["PlanShare"]):
    def live(self, now: datetime) -> Self:
        """Links that open."""
        return self.filter(revoked_at=None, expires_at__gt=now)


class PlanShare(models.Model):
    """A secret address at which somebody outside reads a version as it was when the link was made.

    digest : of the secret, which is kept nowhere; hint : its first characters, to know it by
    contents : the document as `documents.frozen` keeps it
    """

    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="shares")
    digest = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    name = models.CharField(max_length=100)
    contents = models.JSONField()
    created_at = models.DateTimeField()
    created_by = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    objects = PlanShareQuerySet.as_manager()

    def __str__(self) -> str:
        return self.name


# Reviews -------------------------------------------------------------------------


class FrozenError(ToplineError):
    message = N_("A review's pack is never changed. What is new stands beside it, and in the next review.")


class ReviewQuerySet(models.QuerySet["Review"]):
    def of(self, plan: Plan) -> Self:
        """A plan's reviews, the newest first."""
        return self.filter(plan=plan).order_by("-on", "-pk")


class Review(models.Model):
    """A look at a plan that people hold together: its pack as it was built, and what they made of it.

    version : the one that counted that day
    on : the day that it sees; since : the day of the review before, or of the plan's first
    snapshot : the lake's, that every number of the pack was read from
    pack : see `reviews.pack`
    """

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="reviews")
    version = models.ForeignKey(PlanVersion, on_delete=models.CASCADE, related_name="reviews")
    on = models.DateField()
    since = models.DateField()
    snapshot = models.PositiveBigIntegerField()
    pack = models.JSONField()
    built_at = models.DateTimeField()
    built_by = models.BigIntegerField(null=True)
    attendees = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")
    held_at = models.DateTimeField(null=True)
    held_by = models.BigIntegerField(null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["plan", "on"], name="review_once_a_day")]

    def __str__(self) -> str:
        return f"{self.plan.title}, {self.on}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding and not set(kwargs.get("update_fields") or ["pack"]) <= {"held_at", "held_by"}:
            raise FrozenError()
        super().save(*args, **kwargs)

    @property
    def decisions(self) -> list[str]:
        """What was decided, in people's words."""
        return [each.text for each in self.minutes.all() if each.kind == Minute.Kind.DECISION]


class Minute(models.Model):
    """One line of a review's minutes: what was noted or decided, by whom. Added to, never changed."""

    class Kind(models.TextChoices):
        NOTE = "note", _("Note")
        DECISION = "decision", _("Decision")

    review = models.ForeignKey(Review, on_delete=models.CASCADE, related_name="minutes")
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.NOTE)
    text = models.TextField(max_length=4000)
    author_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return self.text


class LostPromiseError(ToplineError):
    message = N_("A promise is never deleted. Say what became of it: kept, not kept or withdrawn.")


class PromiseQuerySet(models.QuerySet["Promise"]):
    def delete(self) -> Never:
        raise LostPromiseError()

    def before(self, plan: Plan, day: date) -> Self:
        """Those that a plan's review answers for: its own, and those of the shop's plans that are over or closed."""
        running = PlanVersion.objects.exclude(state=State.CLOSED).filter(plan=models.OuterRef("plan"))
        is_over = models.Q(plan__ends_on__lte=day) | ~models.Exists(running)
        return self.filter(plan__shop=plan.shop).filter(models.Q(plan=plan) | is_over).order_by("due_on", "pk")

    def open(self) -> Self:
        return self.filter(state=Promise.State.OPEN)

    def shown(self, since: datetime | None) -> Self:
        """What a review tells of: all that are open, and those settled since the review before."""
        settled = models.Q(settled_at__gt=since) if since else models.Q(settled_at__isnull=False)
        return self.filter(models.Q(state=Promise.State.OPEN) | settled)


class Promise(models.Model):
    """What somebody promised to do by a day. It comes back in every review until it is settled.

    review : where it was made, None outside of one
    note : what became of it, in people's words
    """

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        KEPT = "kept", _("Kept")
        BROKEN = "broken", _("Not kept")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    plan = models.ForeignKey(Plan, on_delete=models.CASCADE, related_name="promises")
    review = models.ForeignKey(Review, on_delete=models.SET_NULL, null=True, related_name="promises")
    text = models.CharField(max_length=500)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    due_on = models.DateField()
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    note = models.CharField(max_length=500, blank=True)
    made_at = models.DateTimeField()
    made_by = models.BigIntegerField(null=True)
    settled_at = models.DateTimeField(null=True)
    settled_by = models.BigIntegerField(null=True)

    objects = PromiseQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["plan", "state"])]

    def __str__(self) -> str:
        return self.text

    def delete(self, *args: Any, **kwargs: Any) -> Never:
        raise LostPromiseError()


class PromiseEdit(models.Model):
    """One line of the append-only log of a promise: what was moved, handed on, settled or opened again."""

    promise = models.ForeignKey(Promise, on_delete=models.CASCADE, related_name="edits")
    column = models.CharField(max_length=12)
    old = models.CharField(max_length=500, blank=True)
    new = models.CharField(max_length=500, blank=True)
    actor_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.column}: {self.old} -> {self.new}"


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    def of(self, shop: models.Model) -> Self:
        """A shop's feedback, the newest first."""
        return self.filter(shop=shop).select_related("author", "answerer").order_by("-pk")

    def shown(self, since: datetime | None) -> Self:
        """What a review tells of: all without an answer, and what was written or answered since the one before."""
        if since is None:
            return self
        return self.filter(
            models.Q(state=Feedback.State.OPEN) | models.Q(at__gt=since) | models.Q(answered_at__gt=since)
        )


class Feedback(models.Model):
    """What somebody of the team saw or heard, for the next review.

    role : what its author was in the shop when they wrote it
    """

    class Tag(models.TextChoices):
        CUSTOMER = "customer", _("Customers")
        PRODUCT = "product", _("Products")
        PRICE = "price", _("Prices")
        PROCESS = "process", _("How we work")
        COMPETITOR = "competitor", _("Competitors")
        MESSAGE = "message", _("Messages and content")
        OTHER = "other", _("Something else")

    class State(models.TextChoices):
        OPEN = "open", _("Waits for an answer")
        TAKEN = "taken", _("Taken up")
        NOTED = "noted", _("Noted")
        DECLINED = "declined", _("Not taken up")

    shop = models.ForeignKey(Shop, on_delete=models.CASCADE, related_name="feedback")
    tag = models.CharField(max_length=12, choices=Tag.choices)
    text = models.TextField(max_length=2000)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    role = models.CharField(max_length=20)
    at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    answer = models.TextField(max_length=2000, blank=True)
    answerer = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    answered_at = models.DateTimeField(null=True)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["shop", "-at"])]

    def __str__(self) -> str:
        return self.text[:60]
