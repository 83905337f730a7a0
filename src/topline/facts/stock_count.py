"""What a count of the shelf found."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Quantity, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class StockCount(Fact):
    """A product counted on a day: units on record, and units found."""

    product_key: str
    warehouse: str | None = None
    on: date
    recorded: Quantity
    counted: Quantity


TABLE = Table(
    "stock_count",
    StockCount,
    day="on",
    description="counts of stock against the record",
    identity=("product_key", "warehouse", "on"),
    nothing=Missing("no_stock_counts", N_("no counts of stock")),
)
