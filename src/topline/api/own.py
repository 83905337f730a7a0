"""A plan as it concerns one person who sees only a part of the shop."""

from dataclasses import asdict
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from topline.accounts.scopes import scope_for
from topline.api import plans
from topline.api.auth import Requires, caller
from topline.api.calendar import ItemOut
from topline.api.reviews import PromiseOut
from topline.plans import own
from topline.units.missing import Missing

router = Router()


class OwnQuotaOut(Schema):
    """Amounts in the plan's currency."""

    by_month: list[Decimal]
    quota: Decimal
    due: Annotated[Decimal, Field(description="What of it the season lets expect by today")]
    won: Annotated[Decimal | None, Field(description="null before the plan begins")]
    pace: float | None


class AimOut(Schema):
    """What of the quota is to be won by the last month that the pipeline sees to its end."""

    until: Annotated[date, Field(description="The day after its last")]
    quota: float
    left: float
    chance: Annotated[float, Field(description="Of winning what is left, 0-1, by open deals and new ones")]
    mean: float
    low: float
    high: float


class OwnTerritoryOut(Schema):
    name: str
    target: Decimal | None
    due: Decimal | None
    won: Annotated[Decimal | None, Field(description="Of the deals won there, those that are the caller's")]


class OwnOut(Schema):
    plan: int
    version: int
    state: str
    months: list[date]
    quota: Annotated[OwnQuotaOut | None, Field(description="null where the plan gives the caller none")]
    aim: Annotated[AimOut | None, Field(description="null until the pipeline was looked at")]
    territories: list[OwnTerritoryOut]
    dates: list[ItemOut]
    promises: list[PromiseOut]


class OwnDealOut(Schema):
    key: str
    stage: str
    value: Decimal
    expected_close: date | None
    chance: Annotated[float | None, Field(description="Of winning it, 0-1")]


@router.get(
    "/shops/{shop}/plans/{plan}/own",
    response=OwnOut,
    auth=Requires("plans.read"),
    summary="For who sees a part of the shop: quota, chance, territories, dates and promises of their own in a plan",
)
def show_own(request: HttpRequest, shop: str, plan: plans._Plan) -> dict[str, Any]:
    who = caller(request)
    version = plans._plan(who.shop, plan).current
    found = own.of(version, who.user, scope_for(who.user, who.shop), who.shop.today())
    line, aim = found.quota, found.aim
    return {
        "plan": plan,
        "version": version.number,
        "state": version.state,
        "months": found.months,
        "quota": line
        and {
            "by_month": line.by_month,
            "quota": line.quota,
            "due": line.due,
            "won": _known(line.won),
            "pace": line.pace,
        },
        "aim": aim and asdict(aim) | asdict(aim.reach),
        "territories": [
            {"name": one.territory.name, "target": _known(one.target), "due": one.due, "won": _known(one.actual)}
            for one in found.territories
        ],
        "dates": found.dates,
        "promises": found.promises,
    }


@router.get(
    "/shops/{shop}/deals/own",
    response=list[OwnDealOut],
    auth=Requires("rows.read"),
    summary="For who sees a part of the shop: their open deals, those that are to close soonest first",
)
def list_own_deals(request: HttpRequest, shop: str) -> list[dict[str, Any]]:
    who = caller(request)
    found = own.deals(who.shop, scope_for(who.user, who.shop), who.shop.today())
    return [asdict(one) | {"chance": chance} for one, chance in found]


def _known(value: object) -> object:
    return None if isinstance(value, Missing) else value
