"""A number from outside the shop, by day."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalSeries(Fact):
    """An observation of a named series.

    value : in the series' own unit; low, high : its range, if known
    source : who says so, and where; confidence : 0-1, None if not stated
    """

    series: str
    market: str | None = None
    on: date
    value: float
    low: float | None = None
    high: float | None = None
    source: str
    confidence: float | None = None


TABLE = Table(
    "external_series",
    ExternalSeries,
    day="on",
    description="numbers from outside the shop",
    identity=(
        "series",
        "source",
        "market",
        "on",
    ),
    nothing=Missing("no_external_series", N_("no numbers from outside the shop")),
    may_lie_ahead=True,
)
