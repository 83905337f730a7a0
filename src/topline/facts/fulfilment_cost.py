"""What it cost to pick, pack and ship, and to mend what went wrong."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class FulfilmentCost(Fact):
    """Money spent on fulfilment on a day.

    order_key, fulfilment_key : what it was spent for, None for a cost of all
    kind : pick, pack, ship, error
    """

    order_key: str | None = None
    fulfilment_key: str | None = None
    kind: str
    warehouse: str | None = None
    carrier: str | None = None
    market: str | None = None
    amount_shop: Amount
    on: date


TABLE = Table(
    "fulfilment_cost",
    FulfilmentCost,
    day="on",
    description="cost of picking, packing, shipping and errors",
    nothing=Missing("no_fulfilment_cost", N_("no cost of fulfilment")),
)
