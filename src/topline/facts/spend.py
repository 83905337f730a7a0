"""What marketing cost, by day, channel and campaign."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Rate, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Spend(Fact):
    """Money spent on marketing on a day.

    kind : ads, content, partners, messages, tools
    is_acquisition : aimed at new customers; feeds the cost of acquiring one
    """

    on: date
    channel: str
    campaign: str | None = None
    market: str | None = None
    kind: str = "ads"
    amount: Amount
    amount_shop: Amount
    currency: str
    rate: Rate
    impressions: int | None = None
    clicks: int | None = None
    is_acquisition: bool = True


TABLE = Table(
    "spend",
    Spend,
    day="on",
    description="marketing spend by day, channel and campaign",
    nothing=Missing("no_spend", N_("no marketing spend")),
)
