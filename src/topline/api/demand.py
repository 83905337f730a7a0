"""The demand outlook: units by product, category, market and channel for coming weeks, and how earlier ones did."""

from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.outlook import demand_file, demand_slice
from topline.plans import demand, jobs
from topline.units.period import Grain
from topline.workbench.models import Job

router = Router()


class SliceOut(Schema):
    """Units of each period. The interval of all of them together is narrower than the sum of theirs."""

    names: Annotated[list[str | None], Field(description="Its value of each dimension that it is cut by")]
    titles: list[str]
    low: list[float]
    mean: list[float]
    high: list[float]
    whole: Annotated[list[float], Field(description="Low, mean and high of all periods together")]


class SegmentOut(Schema):
    dimension: str
    segment: str | None
    wape: Annotated[float, Field(description="Sum of absolute errors by week over the sum of actuals")]
    naive_wape: Annotated[float, Field(description="The same of repeating last year's week, or the last week")]
    total_wape: Annotated[float, Field(description="Of the totals of the whole horizon")]
    bias: float
    inside: Annotated[float, Field(description="Share of weeks that fell inside the interval")]
    origins: int


class DemandDriverOut(Schema):
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
    starts: Annotated[list[date], Field(description="The first days of the periods")]
    level: float
    model: str
    slices: list[SliceOut]
    accuracy: list[SegmentOut]
    inputs: dict[str, float]
    drivers: list[DemandDriverOut]
    drift: DriftOut


class DemandIn(Schema):
    by: Annotated[
        str, Field(description="category, market, channel, product, or several with commas; empty for one sum")
    ] = ""
    where: Annotated[list[str], Field(description="Only this value of a dimension, such as market=DE")] = []
    grain: Literal["day", "week", "month"] = "week"
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
    made = demand.cut(
        who.shop,
        found,
        where=demand_slice.parse_where(asked.where),
        by=[name for name in asked.by.split(",") if name],
        grain=Grain(asked.grain),
    )
    shown = {
        "as_of": found.as_of,
        "snapshot": found.snapshot,
        "starts": made.starts,
        "level": found.level,
        "model": found.model,
        "slices": [
            {
                "names": made.names[k],
                "titles": made.titles[k],
                **{part: getattr(made, part)[k].tolist() for part in ("low", "mean", "high")},
                "whole": made.weeks.whole[k].tolist(),
            }
            for k in range(len(made.names))
        ],
        "accuracy": list(found.accuracy_rows()),
        "inputs": dict(found.inputs),
        "drivers": found.drivers,
        "drift": demand.drift(who.shop, who.shop.today()),
    }
    return Status(200, shown)
