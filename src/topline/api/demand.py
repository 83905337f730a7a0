"""The demand outlook: units by product, category, market and channel for coming weeks, and how earlier ones did."""

from datetime import date
from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.outlook import demand_file
from topline.plans import demand, jobs
from topline.workbench.models import Job

router = Router()


class SliceOut(Schema):
    """Units of each week. The interval of all weeks together is narrower than the sum of its weeks'."""

    name: str | None
    title: str
    low: list[float]
    mean: list[float]
    high: list[float]
    whole: Annotated[list[float], Field(description="Low, mean and high of all weeks together")]


class SegmentOut(Schema):
    dimension: str
    segment: str | None
    wape: Annotated[float, Field(description="Sum of absolute errors by week over the sum of actuals")]
    naive_wape: Annotated[float, Field(description="The same of repeating last year's week, or the last week")]
    total_wape: Annotated[float, Field(description="Of the totals of the whole horizon")]
    bias: float
    inside: Annotated[float, Field(description="Share of weeks that fell inside the interval")]
    origins: int


class DriverOut(Schema):
    name: str
    is_used: bool
    error: float
    error_without: float
    low: Annotated[float, Field(description="Factor on the horizon's units if it comes low")]
    expected: float
    high: float


class DriftOut(Schema):
    weeks: int
    outside: int
    is_alarming: bool


class DemandOut(Schema):
    as_of: date
    snapshot: int
    weeks: list[date]
    level: float
    model: str
    slices: list[SliceOut]
    accuracy: list[SegmentOut]
    inputs: dict[str, float]
    drivers: list[DriverOut]
    drift: DriftOut


class DemandIn(Schema):
    by: Annotated[str, Field(description="category, market, channel or product; empty for the total")] = ""
    name: Annotated[str, Field(description="Only this value of it")] = ""
    change: Annotated[
        list[str],
        Field(description="Planned prices and promotions: product=A1,discount=20,from=2027-02-01,to=2027-02-08"),
    ] = []


@router.get(
    "/shops/{shop}/outlook/demand",
    response={200: DemandOut, 202: WaitOut},
    auth=Requires("plans.read", is_whole=True),
    summary="What will be sold in coming weeks, how sure that is, and how earlier forecasts did",
)
def demand_outlook(request: HttpRequest, shop: str, asked: Query[DemandIn]) -> Status[dict[str, Any]] | Status[Job]:
    who = caller(request)
    changes = tuple(demand_file.parse_change(text) for text in asked.change)
    job = jobs.prepare_demand(who.shop, who.shop.today(), changes)
    found = demand.made(who.shop, changes)
    if job is not None and (found is None or changes):
        return Status(202, job)
    assert found is not None  # noqa: S101  there is a job otherwise
    cells = found.by.get(asked.by, found.total)
    chosen = [k for k, name in enumerate(cells.names) if asked.name in ("", name)]
    shown = {
        "as_of": found.as_of,
        "snapshot": found.snapshot,
        "weeks": found.weeks,
        "level": found.level,
        "model": found.model,
        "slices": [
            {
                "name": cells.names[k],
                "title": cells.titles[k],
                **{part: getattr(cells, part)[k].tolist() for part in ("low", "mean", "high", "whole")},
            }
            for k in chosen
        ],
        "accuracy": list(found.accuracy_rows()),
        "inputs": dict(found.inputs),
        "drivers": found.drivers,
        "drift": demand.drift(who.shop, who.shop.today()),
    }
    return Status(200, shown)
