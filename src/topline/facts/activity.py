"""What a person of the team did, or is to do, for a deal, a lead or a customer."""

from dataclasses import dataclass
from datetime import date, datetime

from topline.facts.table import Fact, Hour, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity(Fact):
    """An activity in its newest state.

    kind : call, email, meeting, task, demo, ...
    is_done : False while it is planned
    at, on, hour : when it was done, or is due
    """

    activity_key: str
    kind: str
    owner: str | None = None
    territory: str | None = None
    deal_key: str | None = None
    lead_key: str | None = None
    customer_key: str | None = None
    is_done: bool = True
    at: datetime
    on: date
    hour: Hour


TABLE = Table(
    "activity",
    Activity,
    day="on",
    personal_keys=("lead_key", "customer_key"),
    description="calls, messages, meetings and tasks of the team",
    identity=("activity_key",),
    nothing=Missing("no_activities", N_("no activities")),
)
