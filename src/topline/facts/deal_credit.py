"""Who is credited with a deal that several people won."""

from dataclasses import dataclass

from topline.facts.table import Fact, Rate, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class DealCredit(Fact):
    """A person's share of a deal, 0-1; a deal without any row is its owner's alone."""

    deal_key: str
    owner: str
    share: Rate


TABLE = Table(
    "deal_credit",
    DealCredit,
    day=None,
    description="shares of people in deals",
    identity=("deal_key", "owner"),
    course="deal_key",
    nothing=Missing("no_deal_credits", N_("no shared deals")),
)
