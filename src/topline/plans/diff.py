"""What differs between two contents of plans, line by line, for people to approve or to refuse."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from topline.plans.cuts import DIMENSIONS
from topline.plans.outline import Column, Type, fields
from topline.plans.text import Sentence
from topline.plans.units import from_minor
from topline.units.text import N_

_CELLS_NAMED = 12
_WORDS_OF_A_GOAL = ("owner", "actions", "links", "strategy", "needs")
_OF_A_LINE = {
    "activity": N_("Activity"),
    "channel": N_("Channel"),
    "campaign": N_("Campaign"),
    "market": N_("Market"),
    "kind": N_("Kind"),
    "front_key": N_("Action front"),
    "expected": N_("Expected sales"),
}
_BINDING = (Type.MONEY, Type.NUMBER, Type.RATE)
_EVIDENCE = ("2", "3")
"""Sections that say what is the case; an approval binds to what the others want."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs.

    what : names it
    before, after : a value of `metric`, or text where there is no metric; None where it is not there
    is_material : whether it voids an approval: a target, a price, a budget or a date
    """

    what: Sentence
    before: str | None
    after: str | None
    metric: str = ""
    is_material: bool = True

    def stored(self) -> list[Any]:
        """As JSON keeps it."""
        return [self.what.stored(), self.before, self.after, self.metric, self.is_material]

    @classmethod
    def of(cls, stored: Sequence[Any]) -> "Difference":
        return cls(Sentence.of(stored[0]), *stored[1:])


def material(contents: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a plan's contents that an approval binds to: its targets, prices, budgets and dates.

    Words may be mended after an approval; numbers and days may not.
    """
    kept = {name: value for name, value in contents.items() if name != "document"}
    kept["goals"] = [
        {name: value for name, value in goal.items() if name not in _WORDS_OF_A_GOAL} for goal in contents["goals"]
    ]
    document = {name: _numbers(name, rows) for name, rows in contents["document"].items()}
    kept["document"] = {name: rows for name, rows in document.items() if rows}
    return kept


def _numbers(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The prices, budgets and dates in the rows of a field of the document, by row and column."""
    if name.split(".")[0] in _EVIDENCE or name not in fields():
        return {}
    binding = [one.id for one in fields()[name].columns if _binds(one)]
    found = {row["key"]: {id_: row["cells"][id_] for id_ in binding if id_ in row["cells"]} for row in rows}
    return {key: cells for key, cells in found.items() if cells}


def _binds(column: Column) -> bool:
    """Whether an approval binds to what stands in the column: an amount, a rate, a day of the plan."""
    return column.type in _BINDING or (column.type == Type.DAY and column.is_inside)


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What has to be known of the step from one contents to the other: the material first."""
    parts = (_frame, _targets, _goals, _budget, _document)
    found = [one for part in parts for one in part(before, after)]
    return sorted(found, key=lambda one: not one.is_material)


def _frame(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in ("period", "currency"):
        if before[name] != after[name]:
            yield Difference(Sentence(f"diff.{name}"), _plain(before[name]), _plain(after[name]))


def _targets(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Of each grid its total, and then the cells that moved most."""
    for kind in ("targets", "cuts"):
        old, new = before.get(kind, {}), after.get(kind, {})
        for name in sorted({*old, *new}):
            yield from _grid(name, old.get(name), new.get(name), before, after)


def _grid(name: str, old: Any, new: Any, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    metric, _, cut = name.partition("/")
    if old == new:
        return
    cells, former = _named(new, metric, cut, after), _named(old, metric, cut, before)
    moved = {place: (former.get(place), cells.get(place)) for place in sorted({*cells, *former}, key=str)}
    moved = {place: pair for place, pair in moved.items() if pair[0] != pair[1]}

    def value(minor: int | None, contents: Mapping[str, Any]) -> str | None:
        return None if minor is None else str(from_minor(metric, minor, contents["currency"]))

    totals = (sum(former.values()) if former else None, sum(cells.values()) if cells else None)
    by = {"by_dimension": DIMENSIONS[cut]} if cut else {}
    whole = Sentence("diff.grid" if cut else "diff.total", {"grid_metric": metric, **by})
    yield Difference(whole, value(totals[0], before), value(totals[1], after), metric)
    largest = sorted(moved, key=lambda place: -abs((moved[place][1] or 0) - (moved[place][0] or 0)))
    for place in largest[:_CELLS_NAMED]:
        pair = moved[place]
        at = {"grid_metric": metric, "at_month": place[1]}
        what = Sentence("diff.place", at | {"place": place[0]}) if place[0] else Sentence("diff.cell", at)
        yield Difference(what, value(pair[0], before), value(pair[1], after), metric)
    if len(largest) > _CELLS_NAMED:
        yield Difference(Sentence("diff.more", {"cells_count": len(largest) - _CELLS_NAMED}), None, None)


def _named(cells: Any, metric: str, cut: str, contents: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    """Minor units by the name of the line and the month."""
    if cells is None:
        return {}
    grid, axes = np.array(cells, dtype=np.int64), contents["axes"]
    blocks = axes["cuts"].get(cut, []) if cut else axes["blocks"] if metric == "net_sales" else [None]
    markets = axes["markets"] if metric == "net_sales" and not cut else [None]
    year, month = map(int, contents["period"][0].split("-")[:2])
    named = {}
    for (b, m, t), minor in np.ndenumerate(grid):
        names = [str(one) for one in (blocks[b], markets[m]) if one is not None]
        ahead = month - 1 + t
        named[" · ".join(names), f"{year + ahead // 12}-{ahead % 12 + 1:02}-01"] = int(minor)
    return named


def _goals(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    old, new = ({goal["key"]: goal for goal in contents["goals"]} for contents in (before, after))
    for key in [*new, *(key for key in old if key not in new)]:
        one, other = old.get(key), new.get(key)
        goal = other or one or {}
        params = {"goal_metric": goal["metric"], "scope": ", ".join(str(part) for part in goal["scope"].values())}
        code = "diff.part_goal" if params["scope"] else "diff.goal"
        if one is None or other is None:
            yield Difference(Sentence(code, params), _target(one), _target(other), goal["metric"])
            continue
        for name in sorted({*one, *other}):
            if one.get(name) != other.get(name):
                what = Sentence(f"{code}_field", params | {"goal_field": name})
                metric = goal["metric"] if name in ("target", "baseline") else ""
                yield Difference(
                    what, _plain(one.get(name)), _plain(other.get(name)), metric, name not in _WORDS_OF_A_GOAL
                )


def _target(goal: Mapping[str, Any] | None) -> str | None:
    return None if goal is None else _plain(goal["target"])


def _budget(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Amounts of the budget that differ, line by line and month by month, and what its lines are tied to."""
    old, new = ({line["key"]: line for line in contents.get("budget", [])} for contents in (before, after))
    for key in [*new, *(key for key in old if key not in new)]:
        was, now = old.get(key, {}), new.get(key, {})
        line = (now or was)["activity"]
        amounts = [one.get("planned", {}) for one in (was, now)]
        for month in sorted({*amounts[0], *amounts[1]}):
            pair = [one.get(month) for one in amounts]
            if Decimal(pair[0] or 0) != Decimal(pair[1] or 0):
                what = Sentence("diff.budget", {"line": line, "at_month": f"{month}-01"})
                yield Difference(what, pair[0], pair[1], "spend")
        for column, label in _OF_A_LINE.items():
            if was.get(column) != now.get(column):
                what = Sentence("diff.budget_field", {"line": line, "column_label": label})
                yield Difference(what, _plain(was.get(column)), _plain(now.get(column)))


def _document(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Cells of the document that differ, row by row."""
    names = [name for name in fields() if name in before["document"] or name in after["document"]]
    for name in names:
        section, _, _ = name.partition(".")
        old, new = ({row["key"]: row["cells"] for row in one["document"].get(name, [])} for one in (before, after))
        binding = {one.id for one in fields()[name].columns if _binds(one)} if section not in _EVIDENCE else set()
        for key in [*new, *(key for key in old if key not in new)]:
            was, now = old.get(key, {}), new.get(key, {})
            for column in {**was, **now}:
                if was.get(column) != now.get(column):
                    at = {"section": section, "document_label": fields()[name].label, "row": _row_name(now or was)}
                    kept = fields()[name].column(column)
                    code = "diff.row" if kept and at["row"] else "diff.field"
                    what = Sentence(code, at | {"column_label": kept.label if kept else ""})
                    values = _plain(was.get(column)), _plain(now.get(column))
                    yield Difference(what, *values, "", column in binding)


def _row_name(cells: Mapping[str, Any]) -> str:
    """What a row is called: its first text."""
    return next((value for value in cells.values() if isinstance(value, str)), "")[:60]


def _plain(value: Any) -> str | None:
    match value:
        case None | "" | []:
            return None
        case Decimal():
            return f"{value:f}"
        case list() | tuple():
            return ", ".join(_plain(each) or "" for each in value)
        case {"label": str(label)} | {"name": str(label)}:
            return label
        case Mapping():
            return ", ".join(str(each) for each in value.values()) or None
        case bool():
            return None
    return str(value)
