"""An order's head: what is known of it beside its ledger rows."""

from dataclasses import dataclass
from datetime import date, datetime

from topline.facts.table import Amount, Fact, Hour, Rate, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Fact):
    """The head of an order, in its newest state.

    order_key : the source's order or invoice number
    at, on, hour : when it was placed
    cancelled_on : the day the whole order was cancelled, None if it stands
    channel, market : the order's first-known channel and market (ISO country)
    session_key, campaign, coupon : what brought it
    shipping_cost_shop, payment_fee_shop : what delivery and payment cost the shop, None if unknown
    is_test : a test order never counts
    """

    order_key: str
    at: datetime
    on: date
    hour: Hour
    customer_key: str | None = None
    currency: str
    rate: Rate
    channel: str | None = None
    market: str | None = None
    cancelled_on: date | None = None
    session_key: str | None = None
    campaign: str | None = None
    coupon: str | None = None
    shipping_cost_shop: Amount | None = None
    payment_fee_shop: Amount | None = None
    is_test: bool = False


TABLE = Table(
    "order",
    Order,
    day="on",
    personal_keys=("customer_key",),
    description="orders, their newest state",
    identity=("order_key",),
    nothing=Missing("no_order_heads", N_("no heads of orders, only their lines")),
)
