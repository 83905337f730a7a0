"""A product's promotion in a window of days."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Rate, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion(Fact):
    """A promotion of a product (or of all, product_key None) from `on` up to but without `until_on`.

    discount_rate : 0-1, None if not a price cut (a display, a mailer)
    kind : display, mailer, coupon, price, bundle
    placement : where it stood, in the source's words
    """

    promotion_key: str
    product_key: str | None = None
    on: date
    until_on: date
    kind: str
    placement: str | None = None
    store: str | None = None
    campaign: str | None = None
    market: str | None = None
    discount_rate: Rate | None = None


TABLE = Table(
    "promotion",
    Promotion,
    day="on",
    description="promotions by product and window",
    identity=("promotion_key", "product_key", "on"),
    may_lie_ahead=True,
)
