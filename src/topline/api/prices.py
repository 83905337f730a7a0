"""Price and volume: elasticities, what a change of price brings, and what a target takes."""

from decimal import Decimal
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.outlook.price import Answer, PriceOutlook, Range
from topline.plans import jobs, price, standing
from topline.science import volume
from topline.workbench.models import Job

router = Router()


class PriceAskedIn(Schema):
    product: Annotated[str, Field(description="Only this product, by its code")] = ""
    category: Annotated[str, Field(description="Only this category")] = ""
    change: Annotated[float, Field(gt=-0.9, le=2, description="Of the price: -0.1 is a tenth less")] = 0.0
    weeks: Annotated[int, Field(ge=1, le=52)] = 4
    kind: Annotated[list[str], Field(description="Kinds of promotion beside: display, mailer, offer, bundle")] = []


class VolumeIn(PriceAskedIn):
    """What is left out is as in the past."""

    target: Decimal
    aim: Literal["profit", "sales"] = "sales"
    unit_cost: Decimal | None = None
    units_per_order: Decimal | None = None
    conversion_rate: Annotated[Decimal | None, Field(description="Orders a visit, 0-1")] = None
    visit_cost: Annotated[Decimal | None, Field(description="Of each visit more, in place of the curve")] = None
    fixed_cost: Annotated[Decimal | None, Field(description="To be earned beside")] = None


class ElasticityOut(Schema):
    """`own_rate` is how much of it is the product's own data; the rest is what its category does."""

    product: str
    title: str
    category: str | None
    price: float
    weekly_units: float
    elasticity: float
    standard_error: float
    own_rate: float


class OutlookOut(Schema):
    as_of: str
    known_to: str
    weeks: int
    model: str
    effects: list[dict[str, Any]]
    categories: list[dict[str, Any]]
    backtest: dict[str, float] | None
    unknown_products: Annotated[int, Field(description="Named by promotions, neither sold nor listed")]
    unknown_first: list[str]
    products: list[ElasticityOut]


class RangeOut(Schema):
    low: float
    mean: float
    high: float


class PriceAnswerOut(Schema):
    """Ranges hold 80 %. Margins need finance.read and costs."""

    weeks: int
    price_before: float
    price: float
    units: RangeOut
    sales: RangeOut
    margin: RangeOut | None
    units_before: float
    sales_before: float
    margin_before: float | None
    taken: Annotated[float, Field(description="Units that others of the line gain, or lose")]
    after: Annotated[float, Field(description="Units more or less in the two weeks after a promotion")]
    break_even: int | None
    pays_off: float | None
    orders: float | None
    visits: float | None
    spend: float | None
    stock: float | None
    short: float | None


class VolumeOut(Schema):
    units: int
    orders: int
    visits: int | None
    spend: Annotated[Decimal | None, Field(description="By the curve of what spend brings, where it was learnt")]
    spend_low: Decimal | None
    spend_high: Annotated[Decimal | None, Field(description="None if so many visits may never come")]
    is_tried: Annotated[bool | None, Field(description="Whether so much was ever spent; None without a curve")]
    beyond: Annotated[
        int, Field(description="Visits that no spend on the curve brings; spend and profit are None then")
    ]
    sales: Decimal
    profit: Decimal | None
    short: int | None
    times: Annotated[float | None, Field(description="Units over the usual ones; from 2 on the terms are a guess")]


def _outlook(request: HttpRequest) -> PriceOutlook | Job:
    shop = caller(request).shop
    stands = standing.look(shop, "price")
    if stands.run is None:
        return stands.job  # type: ignore[return-value]
    found = price.outlook(shop, stands.run)
    if found.is_spend_unlearnt:
        jobs.prepare_response(shop, shop.today())
    return found


@router.get(
    "/shops/{shop}/outlook/price",
    response={200: OutlookOut, 202: WaitOut},
    auth=Requires("metrics.read", is_whole=True),
    summary="How demand answers to the price of each product",
)
def elasticities(request: HttpRequest, shop: str) -> Status[dict[str, Any]] | Status[Job]:
    found = _outlook(request)
    if isinstance(found, Job):
        return Status(202, found)
    run = found.run
    names = ("price", "weekly", "on_price", "on_price_se", "on_price_own")
    numbers = [found.column(name).tolist() for name in names]
    texts = [found.keys, run.texts("product", "title"), run.texts("product", "category")]
    fields = ("product", "title", "category", "price", "weekly_units", "elasticity", "standard_error", "own_rate")
    about = {name: run.about[name] for name in ("as_of", "known_to", "weeks", "model", "backtest")}
    products = [dict(zip(fields, row, strict=True)) for row in zip(*texts, *numbers, strict=True)]
    tables = {"effects": run.tables["effect"].to_pylist(), "categories": run.tables["group"].to_pylist()}
    unknown = {"unknown_products": found.strangers.products, "unknown_first": list(found.strangers.first)}
    return Status(200, about | tables | unknown | {"products": products})


@router.get(
    "/shops/{shop}/outlook/price/change",
    response={200: PriceAnswerOut, 202: WaitOut},
    auth=Requires("metrics.read", is_whole=True),
    summary="What a change of price or a promotion brings",
)
def price_change(request: HttpRequest, shop: str, asked: Query[PriceAskedIn]) -> Status[dict[str, Any]] | Status[Job]:
    found = _outlook(request)
    if isinstance(found, Job):
        return Status(202, found)
    rows = found.chosen(asked.product, asked.category)
    answer = found.ask(rows, 1 + asked.change, weeks=asked.weeks, kinds=asked.kind)
    return Status(200, _shown(answer, may_see_margin="finance.read" in caller(request).token.permissions()))


@router.get(
    "/shops/{shop}/outlook/price/volume",
    response={200: VolumeOut, 202: WaitOut},
    auth=Requires("finance.read", is_whole=True),
    summary="Units, orders, visits and spend that a target of profit or sales takes",
)
def required_volume(request: HttpRequest, shop: str, asked: Query[VolumeIn]) -> Status[volume.Volume] | Status[Job]:
    found = _outlook(request)
    if isinstance(found, Job):
        return Status(202, found)
    rows = found.chosen(asked.product, asked.category)
    known = {name: value for name in volume.STATED if (value := getattr(asked, name)) is not None}
    terms = volume.stated(found.terms(rows, 1 + asked.change, asked.weeks), known)
    return Status(200, volume.required(terms, asked.target, volume.Aim(asked.aim)))


def _shown(answer: Answer, *, may_see_margin: bool) -> dict[str, Any]:
    fields = {name: getattr(answer, name) for name in PriceAnswerOut.model_fields}
    if not may_see_margin:
        fields |= {"margin": None, "margin_before": None, "break_even": None, "pays_off": None}
    return {name: _plain(value) for name, value in fields.items()}


def _plain(value: object) -> object:
    return {"low": value.low, "mean": value.mean, "high": value.high} if isinstance(value, Range) else value
