"""A deal's moves through the stages of the pipeline."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from topline.facts.table import Amount, Fact, Hour, Rate, Table
from topline.units.missing import Missing
from topline.units.text import N_


class State(StrEnum):
    """Whether a stage leaves the deal open or closes it."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class DealStage(Fact):
    """A deal enters a stage, or changes within it; its newest row is how it stands.

    stage : the stage entered; previous_stage : the one left, None on the deal's first row
    position : the stage's place in the pipeline, from 0; a move to a smaller one is a step back
    state : a `State`
    probability : of winning from this stage, 0-1
    value_shop : what the deal is worth, in the shop's currency; currency : the one it is negotiated in
    expected_close : the day on which the owner expects to close it
    created_on : the deal's first day
    at, on, hour : when it entered
    """

    deal_key: str
    stage: str
    previous_stage: str | None = None
    position: int = 0
    state: str
    probability: Rate | None = None
    value_shop: Amount
    currency: str
    expected_close: date | None = None
    owner: str | None = None
    territory: str | None = None
    channel: str | None = None
    market: str | None = None
    product_line: str | None = None
    lead_key: str | None = None
    customer_key: str | None = None
    reason: str | None = None
    created_on: date
    at: datetime
    on: date
    hour: Hour


TABLE = Table(
    "deal_stage",
    DealStage,
    day="on",
    personal_keys=("lead_key", "customer_key"),
    description="moves of deals through the pipeline",
    course="deal_key",
    nothing=Missing("no_deals", N_("no deals")),
)
