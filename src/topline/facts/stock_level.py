"""What was on the shelf when a day ended."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Quantity, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class StockLevel(Fact):
    """A product's stock at the end of a day, in one warehouse or in all.

    on_hand : units there; reserved : of them, those promised to orders
    is_sellable : the product was on sale that day; one that was not can't be out of stock
    unit_cost_shop : what a unit is worth, in the shop's currency
    """

    product_key: str
    warehouse: str | None = None
    market: str | None = None
    on: date
    on_hand: Quantity
    reserved: Quantity
    is_sellable: bool = True
    unit_cost_shop: Amount | None = None


TABLE = Table(
    "stock_level",
    StockLevel,
    day="on",
    description="stock at the end of each day",
    identity=("product_key", "warehouse", "market", "on"),
    nothing=Missing("no_stock_levels", N_("no levels of stock")),
)
