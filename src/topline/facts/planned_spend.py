"""What a plan wants to spend on marketing, and what of it is promised already."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Amount, Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSpend(Fact):
    """Money planned for a day.

    kind : ads, content, partners, messages, tools
    amount_shop : planned; committed_shop : of it ordered or contracted, and not yet among the spend
    """

    plan_version: str
    on: date
    channel: str | None = None
    campaign: str | None = None
    market: str | None = None
    kind: str = "ads"
    amount_shop: Amount
    committed_shop: Amount


TABLE = Table(
    "planned_spend",
    PlannedSpend,
    day="on",
    description="marketing budgets of active plans, by day",
    is_own=True,
    nothing=Missing("no_budget", N_("no active plan with a budget")),
)
