"""Shops: what a token's shop is, and the settings that its numbers depend on."""

from datetime import date, datetime

from django.http import HttpRequest
from django.utils import timezone
from ninja import Router, Schema
from ninja.decorators import decorate_view

from topline.accounts import operations as accounts
from topline.accounts.models import Shop
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.sent import Sent

router = Router()


class ShopOut(Schema):
    slug: str
    name: str
    currency: str
    timezone: str
    country: str
    week_start: int
    fiscal_first_month: int
    order_basis: str
    clock_on: date | None
    is_demo: bool
    today: date
    now: datetime

    @staticmethod
    def resolve_today(shop: Shop) -> date:
        return shop.today()

    @staticmethod
    def resolve_now(shop: Shop) -> datetime:
        return shop.now()


class ShopIn(Sent):
    """What is to change; what is left out stays."""

    name: str | None = None
    currency: str | None = None
    timezone: str | None = None
    country: str | None = None
    week_start: int | None = None
    fiscal_first_month: int | None = None
    order_basis: str | None = None


@router.get("/shops", response=list[ShopOut], auth=Requires("settings.read"), summary="The shop of this token")
def list_shops(request: HttpRequest) -> list[Shop]:
    return [caller(request).shop]


@router.get("/shops/{shop}", response=ShopOut, auth=Requires("settings.read"), summary="A shop and its clock")
def show_shop(request: HttpRequest, shop: str) -> Shop:
    return caller(request).shop


@router.patch("/shops/{shop}", response=ShopOut, auth=Requires("settings.write"), summary="Change a shop's settings")
@decorate_view(once)
def change_shop(request: HttpRequest, shop: str, changes: ShopIn) -> Shop:
    who = caller(request)
    given = changes.dict(exclude_unset=True)
    today = timezone.localdate(timezone=who.shop.zone)
    return accounts.change_settings(shop=who.shop, actor_id=who.user.pk, today=today, **given)
