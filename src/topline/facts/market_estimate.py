"""What a market as a whole sells."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketEstimate(Fact):
    """Estimated sales of all sellers, of a market and category, from `on` up to but without `until_on`.

    market, category : None for all
    source : who says so, and where; confidence : 0-1
    """

    market: str | None = None
    category: str | None = None
    on: date
    until_on: date
    amount_shop: Amount
    source: str
    confidence: float


TABLE = Table(
    "market_estimate",
    MarketEstimate,
    day="on",
    description="estimates of a market's sales",
    identity=(
        "source",
        "market",
        "category",
        "on",
        "until_on",
    ),
    nothing=Missing("no_market_estimate", N_("no estimate of the market's sales")),
    may_lie_ahead=True,
)
