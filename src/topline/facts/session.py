"""A visit to the shop."""

from dataclasses import dataclass
from datetime import date, datetime

from topline.facts.table import Fact, Hour, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Session(Fact):
    """A visit, ended after 30 minutes idle. Bots are out."""

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


TABLE = Table(
    "session",
    Session,
    day="on",
    personal_keys=("visitor_key", "customer_key"),
    description="visits",
    identity=("session_key",),
)
