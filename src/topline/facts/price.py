"""What a product was offered at, from a day on."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Fact):
    """The list price of a product in a market from `on` until the next row of the same product, market and currency."""

    product_key: str
    on: date
    market: str | None = None
    currency: str
    amount: Amount


TABLE = Table(
    "price",
    Price,
    day="on",
    description="list prices by product, market and day",
    identity=("product_key", "market", "currency", "on"),
    may_lie_ahead=True,
)
