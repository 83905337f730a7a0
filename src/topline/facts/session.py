"""A visit to the shop."""

from dataclasses import dataclass
from datetime import date, datetime

from topline.facts.table import Fact, Hour, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Fact):
    """A visit, ended after 30 minutes idle. Bots are out.

    views : pages seen; product_views : of products
    carts, checkouts, orders, sign_ups, downloads, chats : how often the visitor did it
    furthest : the last step reached in order: 0 none, 1 product view, 2 cart, 3 checkout, 4 order

    What a source doesn't count is None.
    """

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
    landing_page: str | None = None
    views: int = 1
    duration_seconds: int = 0
    carts: int = 0
    checkouts: int = 0
    orders: int = 0
    product_views: int | None = None
    sign_ups: int | None = None
    downloads: int | None = None
    chats: int | None = None
    furthest: int | None = None


TABLE = Table(
    "session",
    Session,
    day="on",
    personal_keys=("visitor_key", "customer_key"),
    description="visits",
    identity=("session_key",),
    nothing=Missing("no_sessions", N_("no visits")),
)
