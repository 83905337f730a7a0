"""Budget: where the coming weeks' money brings most, and the tests that it learns from."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.api.once import once
from topline.api.sent import Sent
from topline.outlook.budget import Assumptions, Band, BudgetOutlook
from topline.plans import budgets, jobs
from topline.plans.models import LiftTest
from topline.units.money import minor_digits
from topline.units.period import parse_day
from topline.workbench.models import Job

router = Router()

_Amounts = Annotated[list[str], Field(description="CHANNEL=AMOUNT in the shop's currency; may be repeated")]


class BudgetAskedIn(Schema):
    """What a person decides or knows better; what is left out is taken from the shop's past."""

    budget: Annotated[Decimal | None, Field(gt=0, description="Over all the weeks; the last quarter's pace")] = None
    weeks: Annotated[int, Field(ge=1, le=26)] = 13
    goal: Annotated[
        Literal["profit", "sales", "customers", "mix", ""],
        Field(description="What the best split is sought for; the shop's usual"),
    ] = ""
    margin_rate: Annotated[float | None, Field(ge=0, le=1, description="Of a sale, before marketing")] = None
    customer_worth: Annotated[float, Field(ge=0, le=1e9, description="Of a new customer later; counts for mix")] = 0.0
    least: _Amounts = []
    most: _Amounts = []
    own: Annotated[list[str], Field(description="A split to compare: CHANNEL=AMOUNT; others stay as in the best")] = []
    as_of: Annotated[str, Field(description="See only what happened before this day; the shop's today")] = ""


class BandOut(Schema):
    low: float
    expected: float
    high: float


class SplitOut(Schema):
    name: str
    spend: dict[str, Decimal]
    weeks: Annotated[dict[str, list[Decimal]], Field(description="By channel, week by week; adds up to the cent")]
    worth: BandOut
    sales: BandOut | None
    customers: BandOut | None
    better_rate: Annotated[float, Field(description="Probability that it is worth more than today's split")]


class BudgetChannelOut(Schema):
    channel: str
    least: Decimal
    most: Decimal
    brings: BandOut
    next_step: Annotated[BandOut, Field(description="What 1,000 more over the weeks brings")]
    roi: float | None
    saturated_rate: float
    payback_weeks: int | None
    is_moved: Annotated[bool, Field(description="False: its spend never varied, so its past says nothing")]


class BudgetOut(Schema):
    goal: str
    budget: Decimal
    tried: Annotated[Decimal, Field(description="The most ever spent in as many weeks; what is beyond is a guess")]
    currency: str
    weeks: int
    margin_rate: float | None
    splits: list[SplitOut]
    shown: Annotated[str, Field(description="The split that the channels are told for")]
    channels: list[BudgetChannelOut]


class LiftTestIn(Sent):
    """Spend and effect of both groups, brought to the size of the whole shop."""

    channel: str
    metric: Literal["net_sales", "new_customers"]
    ended_on: date
    low: Decimal
    high: Decimal
    effect: float
    error: Annotated[float, Field(gt=0, description="Standard error of the effect")]
    note: str = ""


class LiftTestOut(LiftTestIn):
    id: int


@router.get(
    "/shops/{shop}/outlook/budget",
    response={200: BudgetOut, 202: WaitOut},
    auth=Requires("finance.read", is_whole=True),
    summary="Where a budget brings most, channel by channel",
)
def spread_budget(request: HttpRequest, shop: str, asked: Query[BudgetAskedIn]) -> Status[dict[str, Any]] | Status[Job]:
    who = caller(request)
    day = parse_day(asked.as_of) if asked.as_of else who.shop.today()
    rest = jobs.prepare_response(who.shop, day)
    if (snapshot := rest.snapshot) is None:
        return Status(202, rest.awaited)
    digits = minor_digits(who.shop.currency)
    names = [budgets.channel_code(one) for one in budgets.learnt(who.shop, day, snapshot)["net_sales"].channels]
    least, most, own = (budgets.amounts(given, names, digits) for given in (asked.least, asked.most, asked.own))
    margin = budgets.margin_rate(who.shop, day, snapshot) if asked.margin_rate is None else asked.margin_rate
    made = budgets.answer(
        who.shop,
        day,
        snapshot,
        Assumptions(
            budget=None if asked.budget is None else int(asked.budget.scaleb(digits)),
            weeks=asked.weeks,
            goal=asked.goal or ("sales" if margin is None else "profit"),
            margin_rate=margin,
            customer_worth=asked.customer_worth,
            limits={place: (least.get(place), most.get(place)) for place in {*least, *most}},
            own=own,
        ),
    )
    return Status(200, _shown(made, names, digits))


def _shown(made: BudgetOutlook, names: list[str], digits: int) -> dict[str, Any]:
    def money(minor: Any) -> Decimal:
        return Decimal(int(minor)).scaleb(-digits)

    return {
        "goal": made.assumptions.goal,
        "budget": money(made.budget),
        "tried": money(made.tried),
        "currency": made.currency,
        "weeks": made.assumptions.weeks,
        "margin_rate": made.assumptions.margin_rate,
        "splits": [
            {
                "name": name,
                "spend": dict(zip(names, map(money, one.channels), strict=True)),
                "weeks": {each: [money(cell) for cell in row] for each, row in zip(names, one.cells, strict=True)},
                "worth": _band(one.worth),
                "sales": _band(one.sales),
                "customers": _band(one.customers),
                "better_rate": one.better_rate,
            }
            for name, one in made.splits.items()
        ],
        "shown": made.shown,
        "channels": [
            {
                "channel": name,
                "least": money(one.low),
                "most": money(one.high),
                "brings": _band(one.brings),
                "next_step": _band(one.next_step),
                "roi": one.roi,
                "saturated_rate": one.saturated_rate,
                "payback_weeks": one.payback_weeks,
                "is_moved": one.is_moved,
            }
            for name, one in zip(names, made.channels, strict=True)
        ],
    }


def _band(band: Band | None) -> dict[str, float] | None:
    return None if band is None else dict(zip(("low", "expected", "high"), band, strict=True))


@router.get(
    "/shops/{shop}/outlook/lift-tests",
    response=list[LiftTestOut],
    auth=Requires("finance.read", is_whole=True),
    summary="The tests of channels that the budget learns from",
)
def list_lift_tests(request: HttpRequest, shop: str) -> list[LiftTest]:
    return list(LiftTest.objects.of(caller(request).shop))


@router.post(
    "/shops/{shop}/outlook/lift-tests",
    response={201: LiftTestOut},
    auth=Requires("plans.write", is_whole=True),
    summary="Record a test of a channel",
)
@decorate_view(once)
def record_lift_test(request: HttpRequest, shop: str, given: LiftTestIn) -> Status[LiftTest]:
    who = caller(request)
    return Status(201, budgets.record_lift_test(shop=who.shop, actor_id=who.user.pk, **given.dict()))
