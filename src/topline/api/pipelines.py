"""Pipeline ahead: won revenue by week, and the chances of open deals."""

from dataclasses import replace
from datetime import date
from typing import Any, cast

from django.http import HttpRequest
from ninja import Router, Schema, Status

from topline.accounts.scopes import require_whole, scope_for
from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.outlook import pipeline as outlook
from topline.plans import standing
from topline.workbench.models import Job

router = Router()


class DealOut(Schema):
    key: str
    stage: str
    owner: str | None
    value: float
    age_days: float
    pushed: int
    expected_close: date | None
    chance: float


class PipelineOut(Schema):
    """Weeks follow each other from `as_of` on; a rep sees their own deals, without new ones. Low and high hold 80 %."""

    as_of: str
    model: str
    pushed_odds: float
    new_per_week: float
    low: list[float]
    mean: list[float]
    high: list[float]
    open_mean: list[float]
    stages: list[dict[str, Any]]
    leads: dict[str, Any]
    deals: list[DealOut]


@router.get(
    "/shops/{shop}/outlook/pipeline",
    response={200: PipelineOut, 202: WaitOut},
    auth=Requires("rows.read"),
    summary="What the pipeline brings by week, and the chance of each open deal",
)
def pipeline_ahead(request: HttpRequest, shop: str) -> Status[dict[str, Any]] | Status[Job]:
    stands, owners = _pipeline(request)
    if (run := stands.run) is None:
        return Status(202, cast("Job", stands.job))
    made = outlook.revenue(run, owners=owners)
    deals = [row for row in run.tables["deal"].to_pylist() if owners is None or row["owner"] in owners]
    about = {name: run.about[name] for name in ("as_of", "model", "pushed_odds", "new_per_week", "leads")}
    weekly = {name: getattr(made, name).tolist() for name in ("low", "mean", "high", "open_mean")}
    return Status(200, about | weekly | {"stages": run.tables["stage"].to_pylist(), "deals": deals})


class PipelineReasonOut(Schema):
    """What a column does to a lead's odds: times those of a lead that is usual in it."""

    column: str
    factor: float


class LeadOut(Schema):
    key: str
    created: date
    age_days: int
    is_qualified: bool
    channel: str | None
    campaign: str | None
    market: str | None
    owner: str | None
    product_line: str | None
    chance: float
    why: list[PipelineReasonOut]


class LeadsOut(Schema):
    """`about` says how scores did on leads that they hadn't seen, or why there are none; a rep sees their own leads."""

    about: dict[str, Any]
    leads: list[LeadOut]


@router.get(
    "/shops/{shop}/outlook/pipeline/leads",
    response={200: LeadsOut, 202: WaitOut},
    auth=Requires("rows.read"),
    summary="Open leads by their chance to convert, and why",
)
def open_leads(request: HttpRequest, shop: str) -> Status[dict[str, Any]] | Status[Job]:
    stands, owners = _pipeline(request)
    if stands.run is None:
        return Status(202, cast("Job", stands.job))
    return Status(200, {"about": stands.run.about["leads"], "leads": outlook.open_leads(stands.run, owners=owners)})


def _pipeline(request: HttpRequest) -> tuple[standing.Standing, frozenset[str] | None]:
    """The pipeline as it stands, and whose part of it the caller sees, None for all. Raises WholeShopError."""
    who = caller(request)
    scope = scope_for(who.user, who.shop)
    require_whole(replace(scope, owners=None))
    return standing.look(who.shop, "pipeline"), scope.owners
