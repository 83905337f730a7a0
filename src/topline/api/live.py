"""A day while it runs: pace by hour, what is in, where it ends, the chance to make its target."""

from dataclasses import asdict
from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from topline.accounts.scopes import scope_for
from topline.api.auth import Requires, caller
from topline.lake import read
from topline.plans import event_day

router = Router()


class LiveAskedIn(Schema):
    on: Annotated[
        date | None,
        Field(ge=date(1900, 1, 1), le=date(2200, 12, 31), description="The day; the shop's today by default"),
    ] = None


class ExpectedOut(Schema):
    low: Annotated[float, Field(description="Of the interval of 80 %")]
    mean: float
    high: float


class HourOut(Schema):
    """Sales added up by the end of an hour, 1 to 24."""

    hour: int
    actual: float | None
    due: ExpectedOut | None
    before: float


class LiveOut(Schema):
    on: date
    event: str | None
    elapsed: Annotated[float, Field(description="Hours of the day that are over")]
    actual: float
    orders: int
    target: Annotated[float | None, Field(description="Of the plan in force; null if none has one for the day")]
    due: Annotated[ExpectedOut | None, Field(description="What should be in by now for the day to make its target")]
    finish: ExpectedOut | None
    chance: float | None
    before: float
    before_on: date
    hours: list[HourOut]


@router.get(
    "/shops/{shop}/live",
    response=LiveOut,
    auth=Requires("metrics.read", is_whole=True),
    summary="A day live: what is in, due by now, expected at the end, and the chance to make its target",
)
def read_live(request: HttpRequest, shop: str, asked: Query[LiveAskedIn]) -> dict[str, Any]:
    who = caller(request)
    owner, scope = who.shop, scope_for(who.user, who.shop)
    snapshot = owner.lake().latest() or read.NOWHERE
    found = event_day.look(owner, asked.on or owner.today(), owner.now(), scope=scope, snapshot=snapshot)
    return asdict(found.day) | {"event": found.event.event if found.event else None}
