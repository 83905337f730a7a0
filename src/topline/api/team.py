"""The team: people and open positions, territories, quotas, shared deals and trainings."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from ninja import Path, Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.scopes import scope_for
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.plans import UnknownPlanError
from topline.api.sent import Sent
from topline.plans import jobs, quotas
from topline.plans.models import Plan, PlanVersion
from topline.plans.quotas import Line
from topline.team import deals, operations
from topline.team.effect import Effect, effect
from topline.team.models import Member, Territory, Training, tree
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.text import N_

router = Router()

_Number = Annotated[int, Path(description="Its number")]


class NoQuotasError(ToplineError):
    message = N_("The plan has no quotas yet.")


class UnknownQuotaPlanError(ToplineError):
    message = N_("The shop has no sales plan today. Name one by its number.")


class MemberOut(Schema):
    id: int
    name: Annotated[str, Field(description="Empty while the position is open")]
    key: Annotated[str, Field(description="How facts and plans name the person")]
    role: str
    team: str
    work: Annotated[str, Field(description="pick, contact, lead, content or nothing")]
    week_hours: Decimal
    cost: Annotated[Decimal | None, Field(description="Of a year; needs finance.read")]
    reports_to: int | None
    depth: Annotated[int, Field(description="In the tree, 0 for who reports to nobody")]
    user: Annotated[int | None, Field(description="The account that signs in as this person")]
    from_on: date | None
    until_on: date | None


class TerritoryOut(Schema):
    id: int
    name: str
    market: str
    region: str
    channel: str
    currency: str
    tax_rate: Decimal | None
    country: Annotated[str, Field(description="Whose calendar it follows")]
    strategy: str
    owner: Annotated[int | None, Field(validation_alias="owner_id")]


class TrainingOut(Schema):
    id: int
    name: str
    on: date
    skill: str
    metric: str
    scope: dict[str, str]
    weeks: int
    attendees: list[int]
    days: Annotated[int | None, Field(description="Days compared before and after")] = None
    before: Annotated[Decimal | float | int | None, Field(description="Of its scope, before the session")] = None
    after: Decimal | float | int | None = None
    whole_before: Annotated[Decimal | float | int | None, Field(description="Of the whole shop")] = None
    whole_after: Decimal | float | int | None = None
    missing: Annotated[str, Field(description="Why there is no comparison yet")] = ""


class SaidIn(Sent):
    """Only what is to be said; what is left out stays. Days as 2027-01-31."""

    values: Annotated[dict[str, Any], Field(description="Any of the fields of the entry, references by their numbers")]


class QuotaOut(Schema):
    label: str
    key: Annotated[str, Field(description="How facts name the person; empty for a sum")]
    depth: int
    is_sum: bool
    months: Annotated[list[Decimal], Field(validation_alias="by_month")]
    quota: Decimal
    due: Decimal
    won: Decimal | None
    attainment: float | None
    pace: float | None


class QuotasOut(Schema):
    plan: int
    version: int
    months: list[date]
    tree: list[QuotaOut]
    teams: list[QuotaOut]
    whole: Annotated[QuotaOut, Field(description="The sum of all quotas")]
    company: Annotated[QuotaOut, Field(description="The plan's target of won deals")]
    gap: Annotated[list[Decimal], Field(description="Of each month, what nobody has yet")]


class QuotasIn(Schema):
    plan: Annotated[int | None, Field(description="The plan's number; the sales plan of today if left out")] = None


class CreditIn(Sent):
    plan: Annotated[int | None, Field(description="The plan in which it was won")] = None
    shares: Annotated[dict[int, Decimal], Field(description="Per cent by the members' numbers, in sum exactly 100")]


class CreditOut(Schema):
    deal: str
    shares: dict[str, Decimal]


def _may(request: HttpRequest, permission: str) -> bool:
    return permission in caller(request).token.permissions()


def _members(request: HttpRequest) -> list[dict[str, Any]]:
    sees_cost = _may(request, "finance.read")
    listed = list(Member.objects.of(caller(request).shop))
    plain = ("id", "name", "key", "role", "team", "work", "week_hours", "from_on", "until_on")
    return [
        {name: getattr(one, name) for name in plain}
        | {
            "depth": depth,
            "cost": one.cost if sees_cost else None,
            "reports_to": one.reports_to_id,
            "user": one.user_id,
        }
        for one, depth in tree(listed)
    ]


def _guard(request: HttpRequest, values: dict[str, Any], member: Member | None) -> None:
    """Whom an account is linked to says what it sees; what somebody costs is finance's to know."""
    is_linked = "user" in values or ("key" in values and member is not None and member.user is not None)
    for is_asked, permission in ((is_linked, "people.write"), ("cost" in values, "finance.read")):
        if is_asked and not _may(request, permission):
            raise PermissionDenied(permission)


@router.get(
    "/shops/{shop}/team", response=list[MemberOut], auth=Requires("people.read"),
    summary="People and open positions, everybody below whom they report to",
)  # fmt: skip
def list_team(request: HttpRequest, shop: str) -> list[dict[str, Any]]:
    return _members(request)


@router.post(
    "/shops/{shop}/team", response={201: MemberOut}, auth=Requires("team.write"),
    summary="Add a person, or a position to be filled",
)  # fmt: skip
@decorate_view(once)
def add_member(request: HttpRequest, shop: str, said: SaidIn) -> Status[dict[str, Any]]:
    _guard(request, said.values, None)
    return Status(201, _kept(request, said, None))


@router.patch(
    "/shops/{shop}/team/{member}",
    response=MemberOut,
    auth=Requires("team.write"),
    summary="Change a person or position",
)
@decorate_view(once)
def change_member(request: HttpRequest, shop: str, member: _Number, said: SaidIn) -> dict[str, Any]:
    _guard(request, said.values, Member.objects.of(caller(request).shop).filter(pk=member).first())
    return _kept(request, said, member)


def _kept(request: HttpRequest, said: SaidIn, number: int | None) -> dict[str, Any]:
    who = caller(request)
    kept = operations.keep_member(shop=who.shop, values=said.values, actor_id=who.user.pk, member_id=number)
    jobs.ask_for_hours(who.shop)
    return next(one for one in _members(request) if one["id"] == kept.pk)


@router.delete(
    "/shops/{shop}/team/{member}", response={204: None}, auth=Requires("team.write"),
    summary="Take out an entry; whoever reported there reports one higher",
)  # fmt: skip
@decorate_view(once)
def remove_member(request: HttpRequest, shop: str, member: _Number) -> Status[None]:
    who = caller(request)
    operations.remove_member(shop=who.shop, member_id=member, actor_id=who.user.pk)
    jobs.ask_for_hours(who.shop)
    return Status(204, None)


@router.get(
    "/shops/{shop}/territories", response=list[TerritoryOut], auth=Requires("plans.read"),
    summary="Territories: markets or regions by sales channel, with their owners",
)  # fmt: skip
def list_territories(request: HttpRequest, shop: str) -> list[Territory]:
    return list(Territory.objects.filter(shop=caller(request).shop))


@router.post(
    "/shops/{shop}/territories", response={201: TerritoryOut}, auth=Requires("team.write"), summary="Add a territory"
)
@decorate_view(once)
def add_territory(request: HttpRequest, shop: str, said: SaidIn) -> Status[Territory]:
    who = caller(request)
    return Status(201, operations.keep_territory(shop=who.shop, values=said.values, actor_id=who.user.pk))


@router.patch(
    "/shops/{shop}/territories/{territory}", response=TerritoryOut, auth=Requires("team.write"),
    summary="Change a territory",
)  # fmt: skip
@decorate_view(once)
def change_territory(request: HttpRequest, shop: str, territory: _Number, said: SaidIn) -> Territory:
    who = caller(request)
    return operations.keep_territory(shop=who.shop, values=said.values, actor_id=who.user.pk, territory_id=territory)


@router.delete(
    "/shops/{shop}/territories/{territory}", response={204: None}, auth=Requires("team.write"),
    summary="Take a territory off the list; facts and plans keep its name",
)  # fmt: skip
@decorate_view(once)
def remove_territory(request: HttpRequest, shop: str, territory: _Number) -> Status[None]:
    who = caller(request)
    operations.remove_territory(shop=who.shop, territory_id=territory, actor_id=who.user.pk)
    return Status(204, None)


@router.get(
    "/shops/{shop}/trainings", response=list[TrainingOut], auth=Requires("people.read"),
    summary="Trainings, and what the number that each should move did before and after",
)  # fmt: skip
def list_trainings(request: HttpRequest, shop: str) -> list[dict[str, Any]]:
    who = caller(request)
    listed = Training.objects.filter(shop=who.shop).prefetch_related("attendees").select_related("shop")
    return [_training(request, one) for one in listed]


@router.post(
    "/shops/{shop}/trainings", response={201: TrainingOut}, auth=Requires("training.write"), summary="Plan a training"
)
@decorate_view(once)
def add_training(request: HttpRequest, shop: str, said: SaidIn) -> Status[dict[str, Any]]:
    who = caller(request)
    made = operations.keep_training(shop=who.shop, values=said.values, actor_id=who.user.pk)
    return Status(201, _training(request, made))


@router.patch(
    "/shops/{shop}/trainings/{training}", response=TrainingOut, auth=Requires("training.write"),
    summary="Change a training",
)  # fmt: skip
@decorate_view(once)
def change_training(request: HttpRequest, shop: str, training: _Number, said: SaidIn) -> dict[str, Any]:
    who = caller(request)
    kept = operations.keep_training(shop=who.shop, values=said.values, actor_id=who.user.pk, training_id=training)
    return _training(request, kept)


@router.delete(
    "/shops/{shop}/trainings/{training}", response={204: None}, auth=Requires("training.write"),
    summary="Take a training out",
)  # fmt: skip
@decorate_view(once)
def remove_training(request: HttpRequest, shop: str, training: _Number) -> Status[None]:
    who = caller(request)
    operations.remove_training(shop=who.shop, training_id=training, actor_id=who.user.pk)
    return Status(204, None)


def _training(request: HttpRequest, one: Training) -> dict[str, Any]:
    who = caller(request)
    plain = {name: getattr(one, name) for name in ("id", "name", "on", "skill", "metric", "scope", "weeks")}
    found = plain | {"attendees": [each.pk for each in one.attendees.all()]}
    seen = effect(one, who.shop.today(), scope_for(who.user, who.shop))
    if not isinstance(seen, Effect):
        return found | {"missing": str(seen)}
    values = {name: getattr(seen, name) for name in ("before", "after", "whole_before", "whole_after")}
    known = {name: None if isinstance(value, Missing) else value for name, value in values.items()}
    return found | known | {"days": seen.days}


@router.get(
    "/shops/{shop}/quotas", response=QuotasOut, auth=Requires("plans.read"),
    summary="Quotas by person and month up to the company, with what is won; a sales rep gets their own",
)  # fmt: skip
def show_quotas(request: HttpRequest, shop: str, asked: Query[QuotasIn]) -> dict[str, Any]:
    who, version = caller(request), _version(request, asked.plan)
    if not quotas.exist(version):
        raise NoQuotasError()
    found = quotas.of(version, who.shop.today(), scope_for(who.user, who.shop))
    return {
        "plan": version.plan_id,
        "version": version.number,
        "months": found.months,
        "tree": [_line(one) for one in (*found.tree, *found.strange)],
        "teams": [_line(one) for one in found.teams],
        "whole": _line(found.whole),
        "company": _line(found.company),
        "gap": found.gap,
    }


@router.put(
    "/shops/{shop}/deals/{deal}/credit", response=CreditOut, auth=Requires("team.write"),
    summary="Share a deal that was won in a plan among people, by per cent that come to exactly 100",
)  # fmt: skip
@decorate_view(once)
def split_credit(request: HttpRequest, shop: str, deal: str, said: CreditIn) -> dict[str, Any]:
    who, version = caller(request), _version(request, said.plan)
    found = deals.one(who.shop, version.plan.period, who.shop.today(), scope_for(who.user, who.shop), deal)
    made = operations.split_credit(
        shop=who.shop, deal_key=deal, shares=said.shares, known=found.facts, actor_id=who.user.pk
    )
    return {"deal": deal, "shares": {one.member.key: one.percent for one in made}}


def _version(request: HttpRequest, number: int | None) -> PlanVersion:
    shop = caller(request).shop
    plans = Plan.objects.of(shop).selling()
    found = plans.filter(pk=number).first() if number is not None else plans.touching(shop.today()).first()
    if found is not None:
        return found.current
    raise UnknownQuotaPlanError() if number is None else UnknownPlanError(shop=shop.slug, plan=number)


def _line(line: Line) -> dict[str, Any]:
    plain = ("label", "key", "depth", "is_sum", "by_month", "quota", "due", "pace")
    known = {
        name: None if isinstance(value := getattr(line, name), Missing) else value for name in ("won", "attainment")
    }
    return {name: getattr(line, name) for name in plain} | known
