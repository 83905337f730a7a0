"""Plans: drafted from history, edited, activated, and how they go."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.db import transaction
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, gettext
from ninja import Path, Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.models import Shop, User
from topline.api import paging
from topline.api.auth import Caller, Requires, caller
from topline.api.once import once
from topline.api.sent import Sent
from topline.plans import approval, checks, expectation, gate, goals, jobs, operations, progress, scenarios
from topline.plans.grid import Part
from topline.plans.models import Decision, Goal, GridOperation, Plan, PlanVersion, Scenario
from topline.plans.text import Sentence, render
from topline.plans.units import from_minor
from topline.units.errors import ToplineError
from topline.units.period import Period, parse_day
from topline.units.text import N_
from topline.workbench.models import Job

router = Router()

_Plan = Annotated[int, Path(description="The plan's number")]
_Note = Annotated[str, Query(max_length=1000, description="Why, kept with the decision")]
_Version = Annotated[int, Path(description="The version's number within the plan")]


class UnknownPlanError(ToplineError):
    message = N_("The shop “%(shop)s” has no plan %(plan)s.")


class UnknownWorkError(ToplineError):
    message = N_("The shop “%(shop)s” has no work %(work)s on plans.")


class UnknownGoalError(ToplineError):
    message = N_("The version has no goal “%(goal)s”.")


class UnknownOwnerError(ToplineError):
    message = N_("Nobody of this shop has the address “%(owner)s”.")


class UnknownScenarioError(ToplineError):
    message = N_("The version has no scenario “%(name)s”.")


class VersionOut(Schema):
    number: int
    state: str
    as_of: date
    snapshot: int
    is_reforecast: bool
    revision: int
    digest: str
    created_at: datetime


class PlanOut(Schema):
    id: int
    kind: str
    title: str
    starts_on: date
    ends_on: Annotated[date, Field(description="The day after the last")]
    currency: str
    language: str
    versions: list[VersionOut]

    @staticmethod
    def resolve_versions(plan: Plan) -> list[PlanVersion]:
        return list(plan.versions.order_by("number"))


class PlanPage(Schema):
    plans: list[PlanOut]
    next: str | None


class DraftIn(Sent):
    start: Annotated[str, Field(description="The first month: 2027-09")]
    months: Annotated[int, Field(ge=1, le=24)] = 3
    as_of: Annotated[str | None, Field(description="Use the history before this day; the shop's today")] = None
    template: Annotated[
        str, Field(description="pair (marketing and sales), sales, marketing, both, one_page, campaign, or own-1")
    ] = "sales"
    title: Annotated[str, Field(max_length=200, description="From its months unless given")] = ""
    language: str = "en"


class TargetIn(Sent):
    """A cell, or a total: an axis that is left out means all of it."""

    metric: str = "net_sales"
    cut: Annotated[str, Field(description="channel, territory, team or person; by category and market if empty")] = ""
    reason: Annotated[str, Field(max_length=300, description="Why, kept with the edit")] = ""
    block: Annotated[int | None, Field(description="Place of the category in the grid, from 0")] = None
    market: Annotated[int | None, Field(description="Place of the market in the grid, from 0")] = None
    month: Annotated[int | None, Field(description="Place of the month in the grid, from 0")] = None
    amount: Annotated[Decimal | None, Field(description="The new amount of the cell or total")] = None
    is_locked: Annotated[bool | None, Field(description="Lock or unlock its cells")] = None
    revision: Annotated[int, Field(description="The grid's revision that this edit was made on")]

    @property
    def part(self) -> Part:
        return Part(self.block, self.market, self.month)


class LinkIn(Sent):
    kind: Annotated[str, Field(description="front, action, tactic or prospecting")]
    key: str


class NeedIn(Sent):
    kind: Literal["tool", "skill", "person", "budget"]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    is_held: bool = False
    cost: Annotated[Decimal | None, Field(ge=0, description="What it costs to get")] = None


class StepIn(Sent):
    on: Annotated[date, Field(description="By the end of this day")]
    target: Decimal


class GoalIn(Sent):
    """What changes; what isn't stated stays."""

    target: Decimal | None = None
    due_on: date | None = None
    actions: list[str] | None = None
    owner: Annotated[str | None, Field(description="E-mail address of somebody of the shop")] = None
    is_unowned: Annotated[bool, Field(description="Take the owner away")] = False
    parent: Annotated[str | None, Field(description="Key of the goal that it serves; empty for none")] = None
    strategy: Annotated[str | None, Field(description="What it serves where it has no parent")] = None
    links: Annotated[list[LinkIn] | None, Field(description="What is done for it")] = None
    needs: list[NeedIn] | None = None
    dated: Annotated[list[StepIn] | None, Field(description="Steps on the way")] = None
    bands: Annotated[
        list[float] | None, Field(description="From what share of the pace it is on course, and at risk: [0.95, 0.85]")
    ] = None


class NewGoalIn(GoalIn):
    """A goal for a metric, for the whole shop or a part. Of what the plan spreads over categories and markets, a part
    without a target aims at what the plan spreads there."""

    metric: Annotated[str, Field(description="Any of the catalogue")] = "net_sales"
    category: str | None = None
    market: str | None = None
    channel: str | None = None


class WorkOut(Schema):
    id: int
    link: Annotated[str, Field(description="Where to ask how it comes along")]
    state: Annotated[str, Field(description="queued, running, done, failed or cancelled")]
    done: int
    total: int | None
    message: Annotated[str, Field(description="Why it failed")]
    plan: int | None
    version: Annotated[int | None, Field(description="The new version's number")]

    @staticmethod
    def resolve_link(job: Job) -> str:
        return reverse("api-1:show_work", args=(job.shop, job.pk))

    @staticmethod
    def resolve_message(job: Job) -> str:
        if job.state == Job.State.FAILED and "error" in job.result:
            said: str = gettext(job.result["message"]) % job.result["params"]
            return said
        return job.message

    @staticmethod
    def resolve_plan(job: Job) -> int | None:
        return job.result.get("plan") if job.result else None

    @staticmethod
    def resolve_version(job: Job) -> int | None:
        return job.result.get("number") if job.result else None


class SeatOut(Schema):
    seat: str
    sections: list[int]
    is_given: bool


class FindingOut(Schema):
    text: str
    section: int
    is_blocking: Annotated[bool, Field(description="The plan can't be handed in with it")]


class VersionDifferenceOut(Schema):
    what: str
    before: str | None
    after: str | None
    is_material: Annotated[bool, Field(description="It voids an approval: a target, a price, a budget or a date")]


class ApprovalOut(Schema):
    state: str
    digest: Annotated[str, Field(description="Of the contents; send it along to approve exactly these")]
    seats: list[SeatOut]
    findings: list[FindingOut]
    changes: list[VersionDifferenceOut]


class DecisionOut(Schema):
    number: int
    version: int
    step: str
    seat: str
    actor_id: int | None
    for_id: Annotated[int | None, Field(description="In whose place")]
    at: datetime
    note: str
    digest: str
    is_one_person: Annotated[bool, Field(description="One person was allowed to decide alone")]
    seal: Annotated[str, Field(description="SHA-256 of this entry and of the seal before")]

    @staticmethod
    def resolve_version(entry: Decision) -> int:
        return entry.version.number


class DecisionLog(Schema):
    is_whole: Annotated[bool, Field(description="No entry was changed, removed or slipped in")]
    decisions: list[DecisionOut]


class ScenarioChangeIn(Sent):
    driver: Annotated[
        Literal["traffic", "conversion", "basket", "price", "discount", "margin", "spend", "supply"],
        Field(description="What is moved"),
    ]
    change: Annotated[float, Field(description="0.1 is a tenth more; of discount and margin ten points more")]
    block: Annotated[int | None, Field(description="Place of the category in the grid, from 0")] = None
    market: int | None = None
    month: int | None = None


class ScenarioIn(Sent):
    name: Annotated[str, Field(max_length=100)]
    note: Annotated[str, Field(max_length=1000)] = ""
    changes: Annotated[list[ScenarioChangeIn], Field(max_length=500)] = []


class ScenarioOut(Schema):
    name: str
    note: str
    changes: Annotated[dict[str, Any], Field(description="[category, market, month, change] by driver")]
    created_at: datetime


class SideOut(Schema):
    low: float
    expected: float
    high: float
    by_month: list[float]
    orders: float
    spend: float
    lost: Annotated[float, Field(description="Net sales that empty shelves cost")]
    chance: float


class SidesOut(Schema):
    planned: SideOut
    scenario: SideOut


class TargetEditOut(Schema):
    revision: int
    total: Decimal


@router.get("/shops/{shop}/plans", response=PlanPage, auth=Requires("plans.read"), summary="Plans, the newest first")
def list_plans(
    request: HttpRequest, shop: str, limit: Annotated[int, Field(ge=1, le=200)] = 50, after: str | None = None
) -> dict[str, object]:
    listed = Plan.objects.of(caller(request).shop)
    page, following = paging.newest_first(listed, limit=limit, after=after)
    return {"plans": page, "next": following}


@router.post(
    "/shops/{shop}/plans",
    response={202: WorkOut},
    auth=Requires("plans.write"),
    summary="Have a plan drafted from the history up to a day",
)
@decorate_view(once)
def draft(request: HttpRequest, shop: str, wanted: DraftIn) -> Status[Job]:
    who = caller(request)
    job = jobs.ask_for_draft(
        shop=who.shop,
        period=Period.of_months(parse_day(wanted.start), wanted.months),
        as_of=parse_day(wanted.as_of) if wanted.as_of else who.shop.today(),
        actor=who.user,
        template=wanted.template,
        title=wanted.title,
        language=wanted.language,
    )
    return Status(202, job)


@router.get("/shops/{shop}/plans/{plan}", response=PlanOut, auth=Requires("plans.read"), summary="One plan")
def show_plan(request: HttpRequest, shop: str, plan: _Plan) -> Plan:
    return _plan(caller(request).shop, plan)


@router.get(
    "/shops/{shop}/plans/{plan}/versions/{version}",
    response=dict[str, Any],
    auth=Requires("plans.read", is_whole=True),
    summary="How a version goes on a day: targets, actuals, pace by season, last year, chances, goals, events, grid",
)
def show_progress(
    request: HttpRequest, shop: str, plan: _Plan, version: _Version, as_of: str | None = None
) -> dict[str, Any]:
    owner = caller(request).shop
    found = _version(owner, plan, version)
    snapshot = None if as_of else jobs.look_ahead(found.plan).snapshot
    view = checks.look(found, parse_day(as_of) if as_of else owner.today(), snapshot)
    words = Words(owner.currency, get_language() or "en")
    shown = _plain(view, words)
    assert isinstance(shown, dict)  # noqa: S101 - a view is a dataclass
    return shown | {"grid": _plain(progress.grid_view(found, "net_sales"), words)}


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/targets",
    response=TargetEditOut,
    auth=Requires("plans.write"),
    summary="Set or lock a target or a total; the rest follows exactly",
)
@decorate_view(once)
def edit_targets(request: HttpRequest, shop: str, plan: _Plan, version: _Version, edit: TargetIn) -> dict[str, object]:
    who = caller(request)
    found, now, seen = _version(who.shop, plan, version), who.shop.now(), edit.revision
    if edit.amount is not None:
        done = operations.set_target(
            version=found,
            metric=edit.metric,
            part=edit.part,
            amount=edit.amount,
            seen=seen,
            actor=who.user,
            now=now,
            cut=edit.cut,
            reason=edit.reason,
        )
        seen = done.revision
    if edit.is_locked is not None:
        operations.lock_targets(
            version=found,
            metric=edit.metric,
            part=edit.part,
            is_locked=edit.is_locked,
            seen=seen,
            actor=who.user,
            now=now,
            cut=edit.cut,
        )
    return _edited(found, edit.metric, edit.cut)


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/undo",
    response=TargetEditOut,
    auth=Requires("plans.write"),
    summary="Take back the newest edit of the targets",
)
@decorate_view(once)
def undo(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> dict[str, object]:
    who = caller(request)
    found = _version(who.shop, plan, version)
    undone: GridOperation = operations.undo_edit(version=found, actor=who.user, now=who.shop.now())
    return _edited(found, undone.metric, undone.cut)


@router.patch(
    "/shops/{shop}/plans/{plan}/versions/{version}/goals/{goal}",
    response=dict[str, Any],
    auth=Requires("plans.write"),
    summary="Change a goal; its baseline and progress stay",
)
@decorate_view(once)
def edit_goal(
    request: HttpRequest, shop: str, plan: _Plan, version: _Version, goal: str, changes: GoalIn
) -> dict[str, Any]:
    who = caller(request)
    found = _goal(_version(who.shop, plan, version), goal)
    with transaction.atomic():
        return _change(who, found, changes).contents()


def _goal(version: PlanVersion, key: str) -> Goal:
    found = version.goals.standing().filter(key=key).first()
    if found is None:
        raise UnknownGoalError(goal=key)
    return found


def _change(who: Caller, goal: Goal, changes: GoalIn) -> Goal:
    """Writes what is stated of a goal."""
    given, now = changes.dict(exclude_defaults=True), who.shop.now()
    owner = User.objects.filter(membership__shop=who.shop, email=changes.owner).first() if changes.owner else None
    if changes.owner and owner is None:
        raise UnknownOwnerError(owner=changes.owner)
    edited = {name: given[name] for name in ("target", "due_on", "actions", "is_unowned") if name in given}
    if edited or owner:
        goal = operations.edit_goal(goal=goal, actor=who.user, now=now, owner=owner, **edited)
    if not {"parent", "strategy", "links", "needs", "dated", "bands"} & given.keys():
        return goal
    parent = _goal(goal.version, changes.parent) if changes.parent else None
    needs = [{**one.dict(), "cost": "" if one.cost is None else str(one.cost)} for one in changes.needs or ()]
    dated = [(one.on.isoformat(), str(one.target)) for one in changes.dated or ()]
    return goals.describe(
        goal=goal,
        actor=who.user,
        now=now,
        parent=goal.parent if changes.parent is None else parent,
        strategy=given.get("strategy", goal.strategy),
        links=given.get("links", goal.links),
        needs=goal.needs if changes.needs is None else needs,
        dated=goal.dated if changes.dated is None else dated,
        bands=given.get("bands", goal.bands),
    )


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/submit",
    response=VersionOut,
    auth=Requires("plans.write"),
    summary="Send a draft to review",
)
@decorate_view(once)
def submit(request: HttpRequest, shop: str, plan: _Plan, version: _Version, note: _Note = "") -> PlanVersion:
    who = caller(request)
    return approval.submit(version=_version(who.shop, plan, version), actor=who.user, now=who.shop.now(), note=note)


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/approve",
    response=VersionOut,
    auth=Requires("plans.approve"),
    summary="Approve a version that is in review, for every seat that the caller decides for",
)
@decorate_view(once)
def approve(
    request: HttpRequest, shop: str, plan: _Plan, version: _Version, note: _Note = "", digest: str = ""
) -> PlanVersion:
    who = caller(request)
    found = _version(who.shop, plan, version)
    return approval.approve(version=found, actor=who.user, now=who.shop.now(), note=note, digest=digest)


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/send-back",
    response=VersionOut,
    auth=Requires("plans.write"),
    summary="Make a draft of a version that is in review or approved",
)
@decorate_view(once)
def send_back(request: HttpRequest, shop: str, plan: _Plan, version: _Version, note: _Note = "") -> PlanVersion:
    who = caller(request)
    return approval.send_back(version=_version(who.shop, plan, version), actor=who.user, now=who.shop.now(), note=note)


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/close",
    response=VersionOut,
    auth=Requires("plans.approve"),
    summary="End an active version; its targets stay",
)
@decorate_view(once)
def close(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> PlanVersion:
    who = caller(request)
    return approval.close(version=_version(who.shop, plan, version), actor=who.user, now=who.shop.now())


@router.get(
    "/shops/{shop}/plans/{plan}/versions/{version}/approval",
    response=ApprovalOut,
    auth=Requires("plans.read", is_whole=True),
    summary="Who approves a version and who has, what marketing's gate finds, and what changed since the last approval",
)
def show_approval(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> dict[str, object]:
    owner = caller(request).shop
    found = _version(owner, plan, version)
    words = Words(owner.currency, get_language() or "en")
    _, differences = approval.changes(found)
    return {
        "state": found.state,
        "digest": found.contents_digest(),
        "seats": [
            {"seat": one.seat, "sections": one.sections, "is_given": one.decision is not None}
            for one in approval.seat_views(found, owner.today())
        ],
        "findings": [
            {"text": words(one.said), "section": one.section, "is_blocking": one.is_blocking}
            for one in gate.findings(found)
        ],
        "changes": [
            {"what": words(one.what), "before": one.before, "after": one.after, "is_material": one.is_material}
            for one in differences
        ],
    }


@router.get(
    "/shops/{shop}/plans/{plan}/decisions",
    response=DecisionLog,
    auth=Requires("plans.read", is_whole=True),
    summary="Who decided what on which contents, the oldest first, and whether that log is whole",
)
def list_decisions(request: HttpRequest, shop: str, plan: _Plan) -> dict[str, object]:
    found = _plan(caller(request).shop, plan)
    entries = Decision.objects.of(found).select_related("version")
    return {"is_whole": approval.is_whole(found), "decisions": list(entries)}


@router.get(
    "/shops/{shop}/plans/{plan}/versions/{version}/scenarios",
    response=list[ScenarioOut],
    auth=Requires("plans.read", is_whole=True),
    summary="A version's scenarios, the newest first",
)
def list_scenarios(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> list[Scenario]:
    return list(Scenario.objects.standing().filter(version=_version(caller(request).shop, plan, version)))


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/scenarios",
    response={201: ScenarioOut},
    auth=Requires("plans.write", is_whole=True),
    summary="Branch a scenario with changes of drivers: a rate each, for a category, market and month or all of them",
)
@decorate_view(once)
def branch_scenario(
    request: HttpRequest, shop: str, plan: _Plan, version: _Version, wanted: ScenarioIn
) -> Status[Scenario]:
    who = caller(request)
    found, now = _version(who.shop, plan, version), who.shop.now()
    with transaction.atomic():
        made = scenarios.branch(version=found, name=wanted.name, note=wanted.note, actor=who.user, now=now)
        for one in wanted.changes:
            part = Part(one.block, one.market, one.month)
            made = scenarios.move(found=made, values={one.driver: one.change}, at=part, actor=who.user, now=now)
    return Status(201, made)


@router.get(
    "/shops/{shop}/plans/{plan}/versions/{version}/scenarios/{name}",
    response=SidesOut,
    auth=Requires("plans.read", is_whole=True),
    summary="What a scenario comes to beside the version as it is planned",
)
def compare_scenario(
    request: HttpRequest, shop: str, plan: _Plan, version: _Version, name: Annotated[str, Path(description="Its name")]
) -> dict[str, object]:
    owner = caller(request).shop
    found = _version(owner, plan, version)
    scenario = Scenario.objects.standing().filter(version=found, name=name).first()
    if scenario is None:
        raise UnknownScenarioError(name=name)
    rests = scenarios.ahead(found, owner.today())
    return {name: _side(scenarios.side(rests, one)) for name, one in (("planned", None), ("scenario", scenario))}


def _side(side: scenarios.Side) -> dict[str, object]:
    result = side.result
    low, expected, high = expectation.band(result.revenue)
    return {
        "low": low,
        "expected": expected,
        "high": high,
        "by_month": result.by_month.mean(axis=0).tolist(),
        "orders": float(result.orders.sum()),
        "spend": float(result.spend.sum()),
        "lost": float(result.lost.sum()),
        "chance": result.chance,
    }


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/activate",
    response=VersionOut,
    auth=Requires("plans.approve"),
    summary="Put an approved version in force; its targets by day become facts",
)
@decorate_view(once)
def activate(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> PlanVersion:
    who = caller(request)
    return approval.activate(version=_version(who.shop, plan, version), actor=who.user, now=who.shop.now())


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/reforecast",
    response={202: WorkOut},
    auth=Requires("plans.write"),
    summary="Have a new version made beside the locked one, from what is known today",
)
@decorate_view(once)
def reforecast(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> Status[Job]:
    who = caller(request)
    found = _version(who.shop, plan, version)
    return Status(202, jobs.ask_for_reforecast(version=found, as_of=who.shop.today(), actor=who.user))


@router.get(
    "/shops/{shop}/plans/work/{work}",
    response=WorkOut,
    auth=Requires("plans.read"),
    summary="How a draft, a reforecast or a file comes along; when it is done, its plan and version",
)
def show_work(request: HttpRequest, shop: str, work: Annotated[int, Path(description="Its number")]) -> Job:
    found = Job.objects.filter(shop=caller(request).shop.slug, kind__in=(*jobs.ASKED, "plans.export"), pk=work).first()
    if found is None:
        raise UnknownWorkError(shop=shop, work=work)
    return found


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/goals",
    response={201: dict[str, Any]},
    auth=Requires("plans.write"),
    summary="Add a goal for any metric, for the whole shop or a category, market or channel",
)
@decorate_view(once)
def add_goal(
    request: HttpRequest, shop: str, plan: _Plan, version: _Version, goal: NewGoalIn
) -> Status[dict[str, Any]]:
    who = caller(request)
    found = _version(who.shop, plan, version)
    scope = {name: value for name in goals.SCOPES if (value := getattr(goal, name)) is not None}
    added = goals.add(
        version=found,
        metric=goal.metric,
        target=goal.target,
        due_on=goal.due_on or found.plan.period.last,
        actor=who.user,
        now=who.shop.now(),
        scope=scope,
    )
    if not added.quantiles and who.shop.lake().latest() is not None:
        jobs.look_ahead(found.plan)
    try:
        with transaction.atomic():
            return Status(201, _change(who, added, goal.model_copy(update={"target": None, "due_on": None})).contents())
    except ToplineError:
        operations.drop_goal(goal=added, actor=who.user, now=who.shop.now())
        raise


def _plan(shop: Shop, number: int) -> Plan:
    found = Plan.objects.of(shop).filter(pk=number).first()
    if found is None:
        raise UnknownPlanError(shop=shop.slug, plan=number)
    return found


def _version(shop: Shop, plan: int, number: int) -> PlanVersion:
    found = PlanVersion.objects.of(shop).select_related("plan__shop").filter(plan=plan, number=number).first()
    if found is None:
        raise UnknownPlanError(shop=shop.slug, plan=f"{plan}.{number}")
    return found


def _edited(version: PlanVersion, metric: str, cut: str) -> dict[str, object]:
    version.refresh_from_db()
    total = from_minor(metric, version.grid(metric, cut).total(), version.plan.currency)
    return {"revision": version.revision, "total": total}


@dataclass(frozen=True, slots=True)
class Words:
    """Renders sentences in a language."""

    currency: str
    language: str

    def __call__(self, sentence: Sentence) -> str:
        return render(sentence, currency=self.currency, language=self.language)


def _plain(value: object, words: Words) -> object:
    """A view as JSON has it: sentences as text, amounts as decimal strings, models as their own contents."""
    match value:
        case Sentence():
            return words(value)
        case Decimal():
            return str(value)
        case PlanVersion():
            return {"plan": value.plan_id, **VersionOut.from_orm(value).dict()}
        case User() | None | bool() | int() | float() | str() | date():
            return str(value) if isinstance(value, User) else value
        case dict():
            return {str(key): _plain(each, words) for key, each in value.items()}
        case Sequence():
            return [_plain(each, words) for each in value]
    if hasattr(value, "contents"):
        return _plain(value.contents(), words)
    if isinstance(value, progress.Line):
        known = {field.name: getattr(value, field.name) for field in fields(value)}
        return _plain(known | {"pace": value.pace, "growth": value.growth}, words)
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name), words) for field in fields(value)}
    raise TypeError(type(value))
