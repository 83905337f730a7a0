"""The check of a plan: chances of its goals, what holds it back, and what a change would do."""

import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Query, Router, Schema, Status
from pydantic import Field

from topline.api import plans
from topline.api.auth import Requires, caller
from topline.plans import checks, jobs
from topline.plans.checks import PlanCheck
from topline.science.check import Change
from topline.units.period import parse_day
from topline.workbench.models import Job

router = Router()

_Share = Annotated[float, Field(description="A relative change: 0.1 is a tenth more")]


class CheckChangeIn(Schema):
    """What is moved against the plan."""

    traffic: _Share = 0.0
    conversion: _Share = 0.0
    basket: _Share = 0.0
    price: _Share = 0.0
    category: Annotated[int | None, Field(ge=0, description="Place of the category whose price moves; all")] = None
    promotion: Annotated[float, Field(description="Of the discounts of planned promotions; -1 plans none")] = 0.0
    spend: _Share = 0.0
    channel: Annotated[
        list[str],
        Field(description="A channel's own spend as CHANNEL=SHARE, on top of spend: search=0.1; once for each"),
    ] = []
    budget: Annotated[float | None, Field(ge=0, description="The most that may be spent; no limit")] = None
    supply: _Share = 0.0
    goal: Annotated[str, Field(description="Key of the goal to find the smallest change for")] = ""
    as_of: Annotated[str, Field(description="See only what happened before this day; the shop's today")] = ""


class WaitOut(Schema):
    """The base of the check is in the making: ask again in a second."""

    state: str
    done: int
    total: int | None
    message: str


class CheckChannelOut(Schema):
    channel: str
    planned: Annotated[float, Field(description="Spend of the weeks to come, as planned")]
    moved: Annotated[float, Field(description="The relative change that was asked for")]
    is_heard: Annotated[bool, Field(description="False: what it brings isn't known, so it moves the cost alone")]


class GoalOut(Schema):
    key: str
    metric: str
    scope: dict[str, str | None]
    target: Decimal
    low: float | None
    expected: Annotated[float | None, Field(description="The mean of all outcomes")]
    middle: Annotated[float | None, Field(description="Half of all outcomes lie above it")]
    high: float | None
    chance_as_planned: float | None
    chance: Annotated[float | None, Field(description="Null where nobody can say")]
    is_simulated: Annotated[bool, Field(description="False: taken by itself, as the plan's page sees it")]
    why: Annotated[str | None, Field(description="Why there is no chance")]


class CheckMonthOut(Schema):
    month: date
    target: float
    low: float
    expected: float
    high: float
    chance: float
    constraint: Annotated[str | None, Field(description="What holds it back the most")]
    cost: Annotated[dict[str, float], Field(description="What each constraint takes from the target, money")]
    share: Annotated[dict[str, float], Field(description="Share of the short paths on which each takes the most")]


class CheckDriverOut(Schema):
    driver: str
    low: float | None
    high: float | None
    at_low: float
    at_high: float
    at_more: Annotated[float, Field(description="Net sales with a tenth more of the driver")]


class CheckMoveOut(Schema):
    lever: str
    amount: Annotated[float | None, Field(description="The further change; null if no change within limits is enough")]
    chance: float
    cost: float
    profit: Annotated[float | None, Field(description="Added to the mean profit to come; needs finance.read and costs")]


class CheckOut(Schema):
    plan: int
    version: int
    as_of: date
    known_to: date
    says: Annotated[list[str], Field(description="The answer in words")]
    binding: str | None
    goals: list[GoalOut]
    months: list[CheckMonthOut]
    about: Annotated[str | None, Field(description="Key of the goal that the moves make likely")]
    moves: list[CheckMoveOut]
    drivers: list[CheckDriverOut]
    sales: Annotated[list[float], Field(description="Low, expected, high")]
    profit: Annotated[list[float] | None, Field(description="Of what is to come; needs finance.read and costs")]
    spend: float
    channels: Annotated[
        list[CheckChannelOut], Field(description="Whose spend can be moved alone; empty if one has all")
    ]
    unsaid: Annotated[dict[str, str], Field(description="Levers that can't be moved, and why")]
    notes: list[str]


@router.get(
    "/shops/{shop}/plans/{plan}/versions/{version}/check",
    response={200: CheckOut, 202: WaitOut},
    auth=Requires("plans.read", is_whole=True),
    summary="How likely each goal is, what holds each month back, and what a change would do",
)
def check_plan(
    request: HttpRequest, shop: str, plan: plans._Plan, version: plans._Version, change: Query[CheckChangeIn]
) -> Status[dict[str, Any]] | Status[Job]:
    who = caller(request)
    found = plans._version(who.shop, plan, version)
    day = parse_day(change.as_of) if change.as_of else who.shop.today()
    rest = jobs.prepare_check(found, day)
    if rest.snapshot is None:
        return Status(202, rest.awaited)
    moved = change.dict(exclude={"goal", "as_of", "budget", "channel"})
    budget = math.inf if change.budget is None else change.budget
    channels = checks.channel_changes(change.channel)
    wanted = Change(**moved, budget=budget)
    made = checks.of(found, day, change=wanted, channels=channels, about=change.goal, snapshot=rest.snapshot)
    return Status(200, _shown(made, may_see_profit="finance.read" in who.token.permissions()))


def _shown(made: PlanCheck, *, may_see_profit: bool) -> dict[str, Any]:
    words = plans.Words(made.version.plan.currency, get_language() or "en")
    return {
        "plan": made.version.plan_id,
        "version": made.version.number,
        "as_of": made.as_of,
        "known_to": made.known_to,
        "says": [words(one) for one in made.headline],
        "binding": made.binding,
        "goals": [
            {
                "key": one.goal.key,
                "metric": one.goal.metric,
                "scope": one.goal.scope,
                "target": one.goal.target,
                "low": one.low,
                "expected": one.expected,
                "middle": one.middle,
                "high": one.high,
                "chance_as_planned": one.before,
                "chance": one.chance,
                "is_simulated": one.is_simulated,
                "why": None if one.why is None else words(one.why),
            }
            for one in made.goals
        ],
        "months": made.months,
        "about": made.about.goal.key if made.about else None,
        "moves": made.moves if may_see_profit else [replace(one, profit=None) for one in made.moves],
        "drivers": [
            {
                "driver": one.driver,
                "low": _known(one.low),
                "high": _known(one.high),
                "at_low": one.at_low,
                "at_high": one.at_high,
                "at_more": one.at_more,
            }
            for one in made.swings
        ],
        "sales": list(made.sales),
        "profit": list(made.profit) if made.profit and may_see_profit else None,
        "spend": made.spend,
        "channels": made.channels,
        "unsaid": {lever: words(why) for lever, why in made.unsaid.items()},
        "notes": [words(one) for one in made.notes],
    }


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
