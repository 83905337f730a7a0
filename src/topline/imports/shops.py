"""A shop as connectors are told of it."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from django.utils import timezone

from topline.accounts.models import Shop
from topline.connectors import reader


def told(shop: Shop, source: str, rates: Mapping[str, str] | None = None) -> reader.Shop:
    """What a reader of the source needs to know. rates : the shop's currency per unit of another"""
    return reader.Shop(
        source=source,
        currency=shop.currency,
        zone=shop.timezone,
        country=shop.country,
        today=_today(shop),
        hmac=shop.hmac,
        rates={currency: Decimal(rate) for currency, rate in (rates or {}).items()},
    )


def _today(shop: Shop) -> date:
    """The shop's day; a clock that isn't pinned never lags behind the real one."""
    return shop.today() if shop.is_pinned else max(shop.today(), timezone.now().astimezone(shop.zone).date())
