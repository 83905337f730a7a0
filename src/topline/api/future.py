"""Customers' future: who is still active, what they are expected to order and be worth."""

import math
from datetime import date, timedelta
from typing import Annotated, Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.plans import customers, jobs
from topline.units.period import parse_day
from topline.workbench.models import Job

router = Router()


class FutureAskedIn(Schema):
    by: Annotated[
        Literal["year_sales", "remaining_sales", "year_orders", "order_rate", "is_alive_rate", "last_days"],
        Field(description="The largest first by this"),
    ] = "year_sales"
    limit: Annotated[int, Field(ge=0, le=1000, description="Customers in the answer; needs rows.read")] = 100
    offset: Annotated[int, Field(ge=0)] = 0
    as_of: Annotated[str, Field(description="See only what happened before this day; the shop's today")] = ""


class CustomerOut(Schema):
    key: str
    past_orders: int
    last_order_on: date
    is_alive_rate: float
    order_rate: Annotated[float, Field(description="Probability of an order within 90 days")]
    next_order_on: Annotated[date | None, Field(description="For half of those still active; null beyond two years")]
    year_orders: float
    year_sales: float
    remaining_sales: Annotated[float, Field(description="Net sales of the next three years")]


class FutureLineOut(Schema):
    line: str | None
    customers: int
    active: float
    churn_rate: float
    orders: Annotated[float, Field(description="Expected in the next year")]


class HoldOutOut(Schema):
    cut: date
    days: int
    customers: int
    total: Annotated[float, Field(description="Orders that would have been expected")]
    actual: float
    mean_error: Annotated[float, Field(description="Mean absolute error per customer of the expected number")]
    typical_error: Annotated[float, Field(description="The same of the most likely whole number")]
    others: dict[str, float]


class FutureOut(Schema):
    as_of: date
    customers: int
    active: float
    orders: Annotated[float, Field(description="Expected in the next year")]
    orders_interval: Annotated[list[float], Field(description="90 % of outcomes lie between these")]
    sales: float
    margin_rate: Annotated[float | None, Field(description="Needs finance.read and costs")]
    model: str
    holdout: HoldOutOut | None
    lines: list[FutureLineOut]
    list: list[CustomerOut]


@router.get(
    "/shops/{shop}/outlook/customers",
    response={200: FutureOut, 202: WaitOut},
    auth=Requires("metrics.read", is_whole=True),
    summary="Who is still active, and what customers will order and be worth",
)
def expect_customers(
    request: HttpRequest, shop: str, asked: Query[FutureAskedIn]
) -> Status[dict[str, Any]] | Status[Job]:
    who = caller(request)
    day = parse_day(asked.as_of) if asked.as_of else who.shop.today()
    rest = jobs.prepare_customers(who.shop, day)
    if (snapshot := rest.snapshot) is None:
        return Status(202, rest.awaited)
    made = customers.future(who.shop, day, snapshot)
    may = who.token.permissions()
    rows = made.ranked(asked.by, asked.offset, asked.offset + asked.limit) if "rows.read" in may else []
    return Status(
        200,
        {
            "as_of": made.as_of,
            "customers": made.customers,
            "active": float(made.columns["is_alive_rate"].sum()),
            "orders": float(made.columns["year_orders"].sum()),
            "orders_interval": list(made.orders_interval),
            "sales": float(made.columns["year_sales"].sum()),
            "margin_rate": made.margin_rate if "finance.read" in may else None,
            "model": made.model,
            "holdout": made.holdout,
            "lines": made.lines,
            "list": [_customer(row, day) for row in rows],
        },
    )


def _customer(row: dict[str, Any], day: date) -> dict[str, Any]:
    soon = math.isfinite(row["next_days"]) and row["next_days"] <= customers.NEAR_DAYS
    return {
        **row,
        "past_orders": int(row["past_orders"]),
        "last_order_on": day - timedelta(days=int(row["last_days"])),
        "next_order_on": day + timedelta(days=int(row["next_days"])) if soon else None,
    }
