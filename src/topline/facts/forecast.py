"""A published forecast: what a run said would happen, and what it had seen."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast(Fact):
    """One cell of a published run.

    run_key : the run
    metric : a metric id
    on : first day of the cell; grain : day, week or month
    category, market, channel, product_key : the cell's slice, None for all
    low, mean, high : in the metric's unit; low and high bound the central `level` (0-1)
    snapshot : the lake's snapshot that the run read; model : what made it
    """

    run_key: str
    metric: str
    on: date
    grain: str
    category: str | None = None
    market: str | None = None
    channel: str | None = None
    product_key: str | None = None
    low: float
    mean: float
    high: float
    level: float
    as_of: date
    snapshot: int
    model: str


TABLE = Table(
    "forecast",
    Forecast,
    day="on",
    description="published forecasts",
    is_own=True,
    nothing=Missing("no_forecast", N_("no published forecast")),
)
