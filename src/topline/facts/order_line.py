"""The ledger: one signed row for each thing that moved an order's money."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from topline.facts.table import Amount, Fact, Hour, Quantity, Rate, Table
from topline.units.missing import Missing
from topline.units.text import N_


class Kind(StrEnum):
    """What a ledger row is. What a source's codes mean is a profile of the import, not a rule here."""

    GOODS_SOLD = "goods_sold"
    GOODS_CANCELLED = "goods_cancelled"
    GOODS_NO_PRICE = "goods_no_price"
    DISCOUNT = "discount"
    CARRIAGE = "carriage"
    FEE = "fee"
    VOUCHER = "voucher"
    MANUAL = "manual"
    ADJUSTMENT = "adjustment"
    SAMPLE = "sample"
    TEST = "test"
    BAD_DEBT = "bad_debt"
    TAX = "tax"
    SHIPPING = "shipping"
    REFUND = "refund"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine(Fact):
    """A signed row of the ledger.

    order_key : the source's order or invoice number
    kind : a `Kind`
    at, on, hour : the event (sale, refund, cancellation): UTC, and date and hour in the shop's zone
    ordered_on : the order's date, None if the order is unknown
    product_key : the source's product code, None for rows that are not about a product
    quantity : signed units
    unit_price : in the order's currency
    amount : signed, in the order's currency, exact
    amount_shop : signed, in the shop's currency at `rate`
    rate : shop currency per unit of the order's currency, frozen on the order's date
    rate_is_event_day : True if the order's own rate was unknown and the event day's was taken
    cost_shop : signed cost of the goods in the shop's currency, None if unknown
    channel, market, customer_key : the order's first-known; customer_key None for a guest
    original_order_key : the order that a credit gives back of, where that isn't `order_key`
    is_over_refund : True if this refund exceeds what remained of the order
    """

    order_key: str
    kind: str
    at: datetime
    on: date
    hour: Hour
    ordered_on: date | None = None
    product_key: str | None = None
    quantity: Quantity
    unit_price: Amount
    amount: Amount
    amount_shop: Amount
    currency: str
    rate: Rate
    rate_is_event_day: bool = False
    cost_shop: Amount | None = None
    channel: str | None = None
    market: str | None = None
    customer_key: str | None = None
    original_order_key: str | None = None
    is_over_refund: bool = False


TABLE = Table(
    "order_line",
    OrderLine,
    day="on",
    personal_keys=("customer_key",),
    description="signed ledger rows of orders",
    nothing=Missing("no_orders", N_("no orders yet")),
)
