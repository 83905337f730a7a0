"""The stock plan and the workload: what to order of whom and when, what may be bought, and who has to do it."""

from datetime import date
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from django.utils.translation import get_language
from ninja import Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api import plans
from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.api.once import once
from topline.api.sent import Sent
from topline.plans import jobs, numbers, stock, workload
from topline.workbench.models import Job

router = Router()


class StockLineOut(Schema):
    product_key: str
    title: str | None
    category: str | None
    supplier: str | None
    state: Annotated[str, Field(description="out, late, order, soon, enough, excess, dead or unknown")]
    on_hand: float | None
    daily: Annotated[float, Field(description="Units a day expected in the next four weeks")]
    cover_days: float | None
    lead_days: float
    service: Annotated[float, Field(description="Probability to aim at, 0-1")]
    now: Annotated[float | None, Field(description="Probability that what is there lasts until a delivery, 0-1")]
    reorder_point: float
    order_up_to: float
    order_units: float
    order_on: date | None
    excess_units: float
    order_value: Annotated[float | None, Field(description="At cost; needs finance.read")]


class SupplierOut(Schema):
    supplier: str | None
    products: int
    units: float
    lead_days: float
    value: Annotated[float | None, Field(description="At cost; needs finance.read")]
    short: Annotated[float | None, Field(description="Missing to the smallest order; needs finance.read")]


class StockMonthOut(Schema):
    month: date
    sold: float
    opening: float
    closing: float
    free: Annotated[float, Field(description="Open to buy, at cost")]


class StockEventOut(Schema):
    event: str
    starts_on: date
    ends_on: date
    felt_from: Annotated[date, Field(description="The first day in which it is felt")]
    felt_to: Annotated[date, Field(description="The day after the last one")]
    order_by: Annotated[date, Field(description="The last day on which an order still comes in time")]
    units: Annotated[float, Field(description="Of those days; days that events share count in equal parts for each")]
    more: Annotated[float, Field(description="Of them, beyond the pace of the next two weeks")]
    is_late: bool


class StockOut(Schema):
    as_of: date
    known_to: date
    counted_on: date | None
    says: list[str]
    notes: list[str]
    lines: list[StockLineOut]
    suppliers: list[SupplierOut]
    months: Annotated[list[StockMonthOut], Field(description="Open to buy; needs finance.read")]
    events: list[StockEventOut]
    numbers: Annotated[dict[str, float], Field(description="What is taken for the whole shop")]


class WorkLineOut(Schema):
    week: date
    kind: Annotated[str, Field(description="pick, contact, lead or content")]
    count: float
    hours: float
    people: float
    people_high: Annotated[float, Field(description="At the high end of the orders' interval")]
    there: Annotated[float, Field(description="People who do it, of the team or as stated")]
    available: Annotated[float, Field(description="Hours of those there are")]
    missing: Annotated[float, Field(description="People beyond those there are")]
    is_over: bool


class WorkloadOut(Schema):
    as_of: date
    says: list[str]
    capacity: Annotated[dict[str, float], Field(description="People by kind of work")]
    lines: list[WorkLineOut]


class ChosenIn(Schema):
    state: Annotated[
        Literal["", "out", "late", "order", "soon", "enough", "excess", "dead", "unknown"],
        Field(description="Only products in this state"),
    ] = ""
    supplier: Annotated[str, Field(description="Only products of this supplier")] = ""


class NumberIn(Sent):
    of: Annotated[str, Field(description="A supplier, for numbers that differ by it", max_length=120)] = ""
    value: Annotated[float | None, Field(description="null takes it back to what holds otherwise")]


@router.get(
    "/shops/{shop}/outlook/stock",
    response={200: StockOut, 202: WaitOut},
    auth=Requires("catalog.read", is_whole=True),
    summary="What to order of whom and when, what may be bought by month, and what lies there for nothing",
)
def stock_plan(request: HttpRequest, shop: str, chosen: Query[ChosenIn]) -> Status[dict[str, Any]] | Status[Job]:
    who = caller(request)
    rest = jobs.prepare_stock(who.shop, who.shop.today())
    if rest.snapshot is None:
        return Status(202, rest.awaited)
    found = stock.of(who.shop, who.shop.today(), rest.snapshot)
    words = plans.Words(who.shop.currency, get_language() or "en")
    sees_cost = "finance.read" in who.token.permissions()
    lines = [
        line
        for line in found.lines
        if chosen.state in ("", line.state) and chosen.supplier in ("", line.supplier or "")
    ]
    shown = {
        "as_of": found.as_of,
        "known_to": found.known_to,
        "counted_on": found.counted_on,
        "says": [words(one) for one in found.headline],
        "notes": [words(one) for one in found.notes],
        "lines": [_without_cost(line, StockLineOut, ("order_value",), sees_cost) for line in lines],
        "suppliers": [_without_cost(one, SupplierOut, ("value", "short"), sees_cost) for one in found.suppliers],
        "months": found.months if sees_cost else [],
        "events": found.events,
        "numbers": {name: found.stated(name) for name in numbers.NUMBERS},
    }
    return Status(200, shown)


def _without_cost(row: object, schema: type[Schema], costs: tuple[str, ...], sees_cost: bool) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in schema.model_fields}
    return shown if sees_cost else shown | dict.fromkeys(costs)


@router.get(
    "/shops/{shop}/outlook/workload",
    response={200: WorkloadOut, 202: WaitOut},
    auth=Requires("metrics.read", is_whole=True),
    summary="What there is to pick, answer, call and make week by week, and the people that it takes",
)
def show_workload(request: HttpRequest, shop: str) -> Status[dict[str, Any]] | Status[Job]:
    who = caller(request)
    rest = jobs.prepare_stock(who.shop, who.shop.today())
    if rest.snapshot is None:
        return Status(202, rest.awaited)
    found = workload.of(who.shop, who.shop.today(), rest.snapshot)
    words = plans.Words(who.shop.currency, get_language() or "en")
    says = [words(one) for one in found.headline]
    return Status(200, {"as_of": found.as_of, "says": says, "capacity": found.capacity, "lines": found.lines})


@router.put(
    "/shops/{shop}/numbers/{name}",
    response={204: None},
    auth=Requires("catalog.write"),
    summary="State a number of the shop that no fact says, such as a supplier's lead time",
)
@decorate_view(once)
def state_number(request: HttpRequest, shop: str, name: str, number: NumberIn) -> Status[None]:
    who = caller(request)
    numbers.state(shop=who.shop, name=name, of=number.of, value=number.value, actor_id=who.user.pk)
    return Status(204, None)
