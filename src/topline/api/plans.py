"""Plans: drafted from history, edited, activated, and how they go."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, gettext
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.models import Shop, User
from topline.api import paging
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.plans import approval, jobs, operations, progress
from topline.plans.grid import Part
from topline.plans.models import GridOperation, Plan, PlanVersion
from topline.plans.text import Sentence, render
from topline.units.errors import ToplineError
from topline.units.period import Period, parse_day
from topline.units.text import N_
from topline.workbench.models import Job

router = Router()

_Plan = Annotated[int, Path(description="The plan's number")]
_Version = Annotated[int, Path(description="The version's number within the plan")]


class UnknownPlanError(ToplineError):
    message = N_("The shop “%(shop)s” has no plan %(plan)s.")


class UnknownWorkError(ToplineError):
    message = N_("The shop “%(shop)s” has no work %(work)s on plans.")


class UnknownGoalError(ToplineError):
    message = N_("The version has no goal “%(goal)s”.")


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


class DraftIn(Schema):
    start: Annotated[str, Field(description="The first month: 2027-09")]
    months: Annotated[int, Field(ge=1, le=24)] = 3
    as_of: Annotated[str | None, Field(description="Use the history before this day; the shop's today")] = None
    template: Annotated[
        str, Field(description="sales, marketing, both, one_page, campaign, or one of the shop's own")
    ] = "sales"
    title: Annotated[str, Field(max_length=200, description="From its months unless given")] = ""
    language: str = "en"


class TargetIn(Schema):
    """A cell, or a total: an axis that is left out means all of it."""

    metric: str = "net_sales"
    block: Annotated[int | None, Field(description="Place of the category in the grid, from 0")] = None
    market: Annotated[int | None, Field(description="Place of the market in the grid, from 0")] = None
    month: Annotated[int | None, Field(description="Place of the month in the grid, from 0")] = None
    amount: Annotated[Decimal | None, Field(description="The new amount of the cell or total")] = None
    is_locked: Annotated[bool | None, Field(description="Lock or unlock its cells")] = None
    revision: Annotated[int, Field(description="The grid's revision that this edit was made on")]

    @property
    def part(self) -> Part:
        return Part(self.block, self.market, self.month)


class GoalIn(Schema):
    target: Decimal | None = None
    due_on: date | None = None
    actions: list[str] | None = None
    is_unowned: Annotated[bool, Field(description="Take the owner away")] = False


class ScopeIn(Schema):
    """What the goal is about, as the grid names it."""

    category: str | None = None
    market: str | None = None


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


class EditOut(Schema):
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
    auth=Requires("plans.read"),
    summary="How a version goes on a day: targets, actuals, pace by season, last year, chances, goals, events, grid",
)
def show_progress(
    request: HttpRequest, shop: str, plan: _Plan, version: _Version, as_of: str | None = None
) -> dict[str, Any]:
    owner = caller(request).shop
    found = _version(owner, plan, version)
    view = progress.of(found, parse_day(as_of) if as_of else owner.today())
    shown = _plain(view, Words(owner.currency, get_language() or "en"))
    assert isinstance(shown, dict)  # noqa: S101 - a view is a dataclass
    return shown


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/targets",
    response=EditOut,
    auth=Requires("plans.write"),
    summary="Set or lock a target or a total; the rest follows exactly",
)
@decorate_view(once)
def edit_targets(request: HttpRequest, shop: str, plan: _Plan, version: _Version, edit: TargetIn) -> dict[str, object]:
    who = caller(request)
    found, now, seen = _version(who.shop, plan, version), who.shop.now(), edit.revision
    if edit.amount is not None:
        done = operations.set_target(
            version=found, metric=edit.metric, part=edit.part, amount=edit.amount, seen=seen, actor=who.user, now=now
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
        )
    return _edited(found, edit.metric)


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/undo",
    response=EditOut,
    auth=Requires("plans.write"),
    summary="Take back the newest edit of the targets",
)
@decorate_view(once)
def undo(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> dict[str, object]:
    who = caller(request)
    found = _version(who.shop, plan, version)
    undone: GridOperation = operations.undo_edit(version=found, actor=who.user, now=who.shop.now())
    return _edited(found, undone.metric)


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
    found = _version(who.shop, plan, version).goals.standing().filter(key=goal).first()
    if found is None:
        raise UnknownGoalError(goal=goal)
    return operations.edit_goal(
        goal=found,
        actor=who.user,
        now=who.shop.now(),
        target=changes.target,
        due_on=changes.due_on,
        actions=changes.actions,
        is_unowned=changes.is_unowned,
    ).contents()


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/submit",
    response=VersionOut,
    auth=Requires("plans.write"),
    summary="Send a draft to review",
)
@decorate_view(once)
def submit(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> PlanVersion:
    who = caller(request)
    return approval.submit(version=_version(who.shop, plan, version), actor=who.user, now=who.shop.now())


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/approve",
    response=VersionOut,
    auth=Requires("plans.approve"),
    summary="Approve a version that is in review",
)
@decorate_view(once)
def approve(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> PlanVersion:
    who = caller(request)
    return approval.approve(version=_version(who.shop, plan, version), actor=who.user, now=who.shop.now())


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
    summary="Add a goal for a category, a market or both; it aims at what their targets come to",
)
@decorate_view(once)
def add_goal(request: HttpRequest, shop: str, plan: _Plan, version: _Version, goal: ScopeIn) -> Status[dict[str, Any]]:
    who = caller(request)
    found = _version(who.shop, plan, version)
    scope = {name: value for name, value in goal.dict().items() if value is not None}
    added = operations.add_goal(version=found, metric="net_sales", scope=scope, actor=who.user, now=who.shop.now())
    return Status(201, added.contents())


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


def _edited(version: PlanVersion, metric: str) -> dict[str, object]:
    version.refresh_from_db()
    grid = progress.grid_view(version, metric)
    return {"revision": grid.revision, "total": grid.total}


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
