"""Recommendations: what a customer buys next, and what goes with a basket."""

from typing import Annotated, Any

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.checks import WaitOut
from topline.lake.read import NOWHERE
from topline.outlook.recommend import Advice, Recommender
from topline.plans import standing
from topline.workbench.models import Job

router = Router()


class BasketIn(Schema):
    product: Annotated[list[str], Field(description="Codes of what is in the basket; several")]


class RecommendationReasonOut(Schema):
    product: str
    share: float


class RecommendedOut(Schema):
    product: str
    title: str
    category: str | None
    price: float
    is_again: bool
    reasons: list[RecommendationReasonOut]


class AdviceOut(Schema):
    bought: list[str]
    next: list[RecommendedOut]
    cross_sell: list[RecommendedOut]
    upsell: list[RecommendedOut]


def _recommender(request: HttpRequest) -> Recommender | Job:
    stands = standing.look(caller(request).shop, "recommend")
    return Recommender(stands.run) if stands.run is not None else stands.job  # type: ignore[return-value]


@router.get(
    "/shops/{shop}/outlook/next/basket",
    response={200: AdviceOut, 202: WaitOut},
    auth=Requires("metrics.read", is_whole=True),
    summary="What goes with a basket, with reasons",
)
def of_basket(request: HttpRequest, shop: str, basket: Query[BasketIn]) -> Status[dict[str, Any]] | Status[Job]:
    found = _recommender(request)
    return Status(202, found) if isinstance(found, Job) else Status(200, _shown(found.basket(basket.product)))


@router.get(
    "/shops/{shop}/outlook/next/customers/{customer}",
    response={200: AdviceOut, 202: WaitOut},
    auth=Requires("rows.read", is_whole=True),
    summary="What a customer buys next, with reasons",
)
def of_customer(request: HttpRequest, shop: str, customer: str) -> Status[dict[str, Any]] | Status[Job]:
    found = _recommender(request)
    if isinstance(found, Job):
        return Status(202, found)
    lake = caller(request).shop.lake()
    snapshot = lake.latest() or NOWHERE
    return Status(200, _shown(found.customer(lake, snapshot, customer)))


def _shown(advice: Advice) -> dict[str, Any]:
    lists = {
        name: [
            {
                "product": each.product,
                "title": each.title,
                "category": each.category,
                "price": round(each.price, 2),
                "is_again": each.is_again,
                "reasons": [{"product": key, "share": share} for key, share in each.reasons],
            }
            for each in getattr(advice, name)
        ]
        for name in ("next", "cross_sell", "upsell")
    }
    return {"bought": list(advice.bought), **lists}
