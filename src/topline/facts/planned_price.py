"""A price that an active plan changes, before it holds."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPrice(Fact):
    """The price of a product, or the mean price of a category, from `on` up to but without `until_on`.

    price, price_before : net sales of a unit, as planned and in the year before the plan was drafted; a price that is
        planned no more ends on the day that it begins
    """

    plan_version: str
    product_key: str | None = None
    category: str | None = None
    on: date
    until_on: date
    price: Amount
    price_before: Amount


TABLE = Table(
    "planned_price",
    PlannedPrice,
    day="on",
    description="prices that active plans change, by product or category",
    is_own=True,
    nothing=Missing("no_price_planned", N_("no active plan with new prices")),
)
