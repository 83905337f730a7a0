"""A target of an active plan, already spread by day."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Target(Fact):
    """What the plan version wants of a metric on a day; the active version wins.

    channel, owner, territory : whose part of the target it is, None for all; an owner's is a quota
    """

    plan_version: str
    metric: str
    on: date
    category: str | None = None
    market: str | None = None
    channel: str | None = None
    owner: str | None = None
    territory: str | None = None
    amount: Amount


TABLE = Table(
    "target",
    Target,
    day="on",
    description="targets of active plans, by day",
    is_own=True,
    nothing=Missing("no_targets", N_("no targets of an active plan")),
)
