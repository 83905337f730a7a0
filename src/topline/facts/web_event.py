"""What a visitor did on the shop's pages."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from topline.facts.table import Amount, Fact, Hour, Quantity, Table
from topline.units.missing import Missing
from topline.units.text import N_


class Event(StrEnum):
    """What happened."""

    PAGE_VIEW = "page_view"
    PRODUCT_VIEW = "product_view"
    SEARCH = "search"
    ADD_TO_CART = "add_to_cart"
    CHECKOUT = "checkout"
    PURCHASE = "purchase"
    SIGN_UP = "sign_up"
    DOWNLOAD = "download"
    CHAT = "chat"
    SHARE = "share"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebEvent(Fact):
    """One thing that a visitor did. Bots are out.

    event : page_view, product_view, search, add_to_cart, checkout, purchase, sign_up, download, chat, share
    page : the path, without what follows a question mark
    quantity : units put into the cart or bought; value_shop : what they are worth, in the shop's currency
    """

    event: str
    session_key: str
    visitor_key: str
    customer_key: str | None = None
    at: datetime
    on: date
    hour: Hour
    channel: str | None = None
    campaign: str | None = None
    market: str | None = None
    device: str | None = None
    page: str | None = None
    product_key: str | None = None
    order_key: str | None = None
    quantity: Quantity | None = None
    value_shop: Amount | None = None


TABLE = Table(
    "web_event",
    WebEvent,
    day="on",
    personal_keys=(
        "visitor_key",
        "customer_key",
    ),
    description="what visitors did on the shop's pages",
    nothing=Missing("no_web_events", N_("no events of the shop's pages")),
)
