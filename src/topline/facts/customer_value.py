"""What a model expects of a customer: written by a published run, read by metrics."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerValue(Fact):
    """One customer's expected future as a published run saw it.

    remaining_sales, remaining_margin : expected from `as_of` on, shop currency; margin None without costs
    inactive_after_days : days without an order after which the customer counts as lost
    is_alive_rate : probability that the customer is still active, 0-1
    """

    run_key: str
    customer_key: str
    as_of: date
    remaining_sales: float
    remaining_margin: float | None = None
    inactive_after_days: float
    is_alive_rate: float
    snapshot: int
    model: str


TABLE = Table(
    "customer_value",
    CustomerValue,
    day=None,
    personal_keys=("customer_key",),
    description="expected future of customers",
    is_own=True,
    nothing=Missing("no_customer_value", N_("no published run of customer values")),
)
