"""The editorial calendar: deadlines of each piece counted back from the day that it must be out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from topline.plans.models import Entry
from topline.plans.outline import STATUSES
from topline.units.missing import Missing
from topline.units.period import Period, add_months
from topline.units.text import N_

DAYS_BEFORE = {
    "video": {"briefed": 28, "in_work": 21, "ready": 5},
    "landing": {"briefed": 21, "in_work": 14, "ready": 3},
    "guide": {"briefed": 21, "in_work": 14, "ready": 4},
    "article": {"briefed": 14, "in_work": 10, "ready": 3},
    "ad": {"briefed": 14, "in_work": 10, "ready": 3},
    "email": {"briefed": 10, "in_work": 7, "ready": 2},
    "social": {"briefed": 7, "in_work": 5, "ready": 1},
    "other": {"briefed": 14, "in_work": 10, "ready": 3},
}
"""How many days before it is out a piece reaches each status at the latest, by its type."""

AHEAD_OF_PROMOTION = 7
"""Days before a promotion's first day by which its content is out."""

NO_DAY = Missing("no_day_out", N_("say when it must be out, or for which promotion"))
DONE = Missing("is_out", N_("it is out"))

_ORDER = list(STATUSES)
_MONTHS = {"monthly": 1, "quarterly": 3}


@dataclass(frozen=True, slots=True)
class Deadline:
    """By when a piece must have reached a status."""

    status: str
    on: date
    is_late: bool


def out_on(piece: Mapping[str, Any], promotions: Mapping[str, Period]) -> date | None:
    """The day that a piece must be out: its own, else a week before its promotion begins.

    promotions : the days of the plan's promotions, by key
    """
    if piece.get("on"):
        return date.fromisoformat(piece["on"])
    days = promotions.get(piece.get("promotion", ""))
    return days.start - timedelta(days=AHEAD_OF_PROMOTION) if days else None


def first_days(piece: Mapping[str, Any]) -> int:
    """How many days before it is out work on a piece begins."""
    return max(DAYS_BEFORE[piece.get("type") or "other"].values())


def deadlines(piece: Mapping[str, Any], promotions: Mapping[str, Period], today: date) -> list[Deadline]:
    """What is still to be reached and by when, the first first."""
    out = out_on(piece, promotions)
    status = piece.get("status") or "idea"
    if out is None or status == "published":
        return []
    before = {**DAYS_BEFORE[piece.get("type") or "other"], "published": 0}
    ahead = _ORDER[_ORDER.index(status) + 1 :]
    days = {step: out - timedelta(days=before[step]) for step in ahead}
    return [Deadline(step, on, on < today) for step, on in days.items()]


def next_deadline(piece: Mapping[str, Any], promotions: Mapping[str, Period], today: date) -> object:
    """The first deadline, or why there is none."""
    if piece.get("status") == "published":
        return DONE
    found = deadlines(piece, promotions, today)
    return found[0] if found else NO_DAY


def next_audit(row: Mapping[str, Any], today: date) -> date | None:
    """The next day of an audit: the one stated, carried on by its cadence once it is over."""
    if not row.get("on"):
        return None
    on = date.fromisoformat(row["on"])
    step = {"daily": timedelta(days=1), "weekly": timedelta(weeks=1)}.get(row.get("cadence", ""))
    months = _MONTHS.get(row.get("cadence", ""))
    place = 0
    while on < today and (step or months):
        place += 1
        first = date.fromisoformat(row["on"])
        on = first + step * place if step else add_months(first, (months or 0) * place)
    return on


def by_day(pieces: Sequence[Entry], promotions: Mapping[str, Period]) -> list[tuple[date | None, Entry]]:
    """The pieces by the day that they must be out; those without one last."""
    dated = [(out_on(piece.cells, promotions), piece) for piece in pieces]
    return sorted(dated, key=lambda each: (each[0] is None, each[0] or date.max, each[1].position))
