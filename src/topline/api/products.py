"""Products: how they are named and grouped, and changing that."""

from typing import Annotated

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api import paging
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.sent import Sent
from topline.catalog import operations
from topline.catalog.models import Product

router = Router()


class ProductOut(Schema):
    """`edited_fields` were set by a person: imports leave them alone."""

    code: str
    title: str
    category: str
    subcategory: str
    brand: str
    supplier: str
    edited_fields: list[str]


class ProductsOut(Schema):
    """`next` is the cursor of the page after; empty on the last."""

    products: list[ProductOut]
    next: str | None


class ProductIn(Sent):
    """What is to change; what is left out stays."""

    title: str | None = None
    category: str | None = None
    subcategory: str | None = None
    brand: str | None = None
    supplier: str | None = None


@router.get(
    "/shops/{shop}/products", response=ProductsOut, auth=Requires("catalog.read"), summary="Products, the newest first"
)
def list_products(
    request: HttpRequest,
    shop: str,
    q: Annotated[str, Field(description="A part of the code, title, category, brand or supplier")] = "",
    after: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> dict[str, object]:
    listed = Product.objects.matching(caller(request).shop, q)
    page, following = paging.newest_first(listed, limit=limit, after=after)
    return {"products": page, "next": following}


@router.patch(
    "/shops/{shop}/products/{path:code}",
    response=ProductOut,
    auth=Requires("catalog.write"),
    summary="Change how a product is named and grouped; imports leave what was set alone",
)
@decorate_view(once)
def change_product(request: HttpRequest, shop: str, code: str, changes: ProductIn) -> Product:
    who = caller(request)
    given = {field: value or "" for field, value in changes.dict(exclude_unset=True).items()}
    return operations.edit_product(shop=who.shop, code=code, actor_id=who.user.pk, now=timezone.now(), **given)
