"""What a proposal takes first: what people stated, content at its past price, work at what the team's hours cost."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from topline.accounts.models import Shop
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.plans import numbers
from topline.plans.models import Proposal
from topline.plans.text import Sentence
from topline.team.models import Member

STATED = "cost.stated"

_YEAR_DAYS = 365
_YEAR_WEEKS = 52
_WORK = {"follow_up": "lead", "content": "content", "message": "content"}
"""The work of the workload that a kind of proposal takes; of a follow-up once for each lead, else once."""


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount in the shop's currency, and on what it rests."""

    amount: float
    said: Sentence


def known(shop: Shop, kind: str, times: int, as_of: date, snapshot: Snapshot) -> Cost | None:
    """What a proposal of a kind costs, as far as anything says so; None otherwise.

    times : how often what it is about happened in the last quarter

    What people stated of the kind last counts the most; then what a piece of content cost in the last year; then the
    minutes that the work takes, at what an hour of those who do it costs.
    """
    stated = (
        Proposal.objects.filter(shop=shop, kind=kind, costing__0=STATED, cost__isnull=False).order_by("-pk").first()
    )
    if stated is not None and stated.cost is not None:
        return Cost(stated.cost, Sentence(STATED))
    if kind == "content" and (piece := _piece(shop, as_of, snapshot)) is not None:
        return Cost(piece, Sentence("cost.piece"))
    work = _WORK.get(kind)
    hourly = _hourly(shop, work) if work else None
    if hourly is None:
        return None
    hours = numbers.of(shop)(f"{work}_minutes") / 60 * (times if kind == "follow_up" else 1)
    return Cost(
        hours * hourly, Sentence("cost.hours", {"hours_count": round(hours, 1), "hour_amount": round(hourly, 2)})
    )


def _hourly(shop: Shop, work: str) -> float | None:
    """What an hour of the team's people who do a kind of work costs, None if it has none whose cost is known."""
    members = Member.objects.filter(shop=shop, work=work, cost__isnull=False, week_hours__gt=0)
    paid = [(float(one.cost or 0), float(one.week_hours) * _YEAR_WEEKS) for one in members]
    return sum(cost for cost, _ in paid) / sum(hours for _, hours in paid) if paid else None


def _piece(shop: Shop, as_of: date, snapshot: Snapshot) -> float | None:
    """Last year's spend on content for each piece that people first met in it; None without either."""
    lake, start = shop.lake(), as_of - timedelta(days=_YEAR_DAYS)
    spend: Any = engine.table(lake, "spend", snapshot)
    spend = spend.filter((spend.kind == "content") & (spend.on >= start) & (spend.on < as_of))
    spent = engine.execute(spend.aggregate(amount=spend.amount_shop.sum()))["amount"][0].as_py()
    rows: Any = engine.table(lake, "content_interaction", snapshot)
    first = rows.group_by("content_key").aggregate(on=rows.on.min())
    first = first.filter((first.on >= start) & (first.on < as_of))
    pieces = engine.execute(first.aggregate(n=first.count()))["n"][0].as_py()
    return float(spent) / pieces if spent and pieces else None
