"""How many follow the shop on a channel."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Followers(Fact):
    """The number of followers of a channel at the end of a day."""

    channel: str
    on: date
    count: int


TABLE = Table(
    "followers",
    Followers,
    day="on",
    description="followers by channel and day",
    identity=(
        "channel",
        "on",
    ),
    nothing=Missing("no_followers", N_("no counts of followers")),
)
