"""How many hours a team has, and how many of them are planned."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity(Fact):
    """A team's hours in the week that begins on `on`."""

    team: str
    on: date
    available_hours: float
    planned_hours: float


TABLE = Table(
    "capacity",
    Capacity,
    day="on",
    description="hours of teams by week",
    identity=("team", "on"),
    nothing=Missing("no_capacity", N_("no hours of teams")),
    may_lie_ahead=True,
)
