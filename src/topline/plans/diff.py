"""What differs between two contents of plans, line by line, for people to approve or to refuse."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from topline.plans.cuts import DIMENSIONS
from topline.plans.text import Sentence
from topline.plans.units import from_minor

_CELLS_NAMED = 12
_WORDS_OF_A_GOAL = ("owner", "actions", "links", "strategy", "needs")
_NUMBER_OR_DAY = re.compile(r"[-+]?\d+(\.\d+)?|\d{4}-\d{2}(-\d{2})?")


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
    kept = {name: value for name, value in contents.items() if name not in ("sections", "document")}
    kept["goals"] = [
        {name: value for name, value in goal.items() if name not in _WORDS_OF_A_GOAL} for goal in contents["goals"]
    ]
    kept["document"] = _numbers(contents.get("document", {}))
    return kept


def _numbers(value: Any) -> Any:
    """The numbers and days of a tree, in their places."""
    match value:
        case Mapping():
            return {key: _numbers(each) for key, each in value.items()}
        case list() | tuple():
            return [_numbers(each) for each in value]
        case str():
            return value if _NUMBER_OR_DAY.fullmatch(value) else None
    return value


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """What has to be known of the step from one contents to the other: the material first."""
    found = [*_frame(before, after), *_targets(before, after), *_goals(before, after), *_words(before, after)]
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


def _words(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Leaves of sections and document that differ; numbers and days in them are material."""
    for name in ("sections", "document"):
        old, new = (dict(_leaves(contents.get(name, {}))) for contents in (before, after))
        for path in sorted({*old, *new}):
            one, other = old.get(path), new.get(path)
            if one != other:
                is_material = name == "document" and (_numbers(one) is not None or _numbers(other) is not None)
                yield Difference(Sentence("diff.field", {"path": path}), _plain(one), _plain(other), "", is_material)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    match value:
        case Mapping():
            for key, each in value.items():
                yield from _leaves(each, f"{path} · {key}" if path else f"§{key}")
        case [str(), Mapping() as params]:  # a sentence
            yield path, str(params.get("text", value[0]))
        case list() | tuple():
            for place, each in enumerate(value, 1):
                yield from _leaves(each, f"{path} · {place}")
        case _:
            yield path, value


def _plain(value: Any) -> str | None:
    match value:
        case None | "" | [] | {}:
            return None
        case Decimal():
            return f"{value:f}"
        case list() | tuple():
            return ", ".join(_plain(each) or "" for each in value)
        case Mapping():
            return ", ".join(str(each) for each in value.values())
    return str(value)
