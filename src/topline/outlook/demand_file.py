"""A demand outlook as a file, so that a page opens what a worker has made."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from topline.outlook.demand import Accuracy, Bottom, Change, DemandOutlook, Driver, Slices, Tried
from topline.units.errors import ToplineError
from topline.units.period import Period, parse_day
from topline.units.text import N_

_SAID = {"product", "category", "price", "discount", "from", "to"}
_ARRAYS = ("history", "mean", "low", "high", "whole")
_TOTAL = "total"
_APART = ("total", "by", "bottom")
_TRIED = ("mean", "scale", "actual", "naive")


class PlannedTextError(ToplineError):
    message = N_("“%(text)s” is not a planned change. Write product=A1,discount=20,from=2027-02-01,to=2027-02-08.")


def save(outlook: DemandOutlook, path: Path) -> None:
    """Writes the file whole or not at all, and before it that of the series themselves."""
    if outlook.bottom is not None:
        _save_bottom(outlook.bottom, bottom_path(path))
    slices = {_TOTAL: outlook.total, **outlook.by}
    arrays = {f"{name}.{part}": getattr(cells, part) for name, cells in slices.items() for part in _ARRAYS}
    told = {each.name: getattr(outlook, each.name) for each in fields(outlook) if each.name not in _APART}
    told["drivers"] = [asdict(each) for each in outlook.drivers]
    told["changes"] = [plain(each) for each in outlook.changes]
    told["classes"] = {name: asdict(each) for name, each in outlook.classes.items()}
    told["slices"] = {
        name: {
            "names": cells.names,
            "titles": cells.titles,
            "accuracy": [(key, asdict(each)) for key, each in cells.accuracy.items()],
        }
        for name, cells in slices.items()
    }
    _write(path, told, arrays)


def _write(path: Path, told: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.tmp")
    with draft.open("wb") as file:
        np.savez_compressed(file, told=np.array(json.dumps(told, default=str)), **arrays)
    draft.replace(path)


def bottom_path(path: Path) -> Path:
    """Where the series of an outlook are kept: beside it, since only slices of two dimensions and more need them."""
    return path.with_suffix(".bottom.npz")


def _save_bottom(bottom: Bottom, path: Path) -> None:
    told = {"names": bottom.names, "titles": bottom.titles, "tests": len(bottom.tests)}
    arrays = {name: getattr(bottom, name) for name in ("units", "mean", "scale", "day_weight", "day_scatter")}
    arrays |= {f"of.{name}": code for name, code in bottom.of.items()}
    for k, one in enumerate(bottom.tests):
        arrays |= {f"test.{k}.{part}": getattr(one, part) for part in _TRIED}
    _write(path, told, arrays)


def load_bottom(path: Path) -> Bottom:
    """The series of an outlook. Raises FileNotFoundError."""
    with np.load(path) as stored:
        arrays: dict[str, Any] = dict(stored)
    told = json.loads(str(arrays["told"]))
    return Bottom(
        of={name: arrays[f"of.{name}"] for name in told["names"]},
        names={name: tuple(values) for name, values in told["names"].items()},
        titles=tuple(told["titles"]),
        tests=tuple(Tried(*(arrays[f"test.{k}.{part}"] for part in _TRIED)) for k in range(told["tests"])),
        **{name: arrays[name] for name in ("units", "mean", "scale", "day_weight", "day_scatter")},
    )


def load(path: Path) -> DemandOutlook:
    """What was saved. Raises FileNotFoundError."""
    with np.load(path) as stored:
        told = json.loads(str(stored["told"]))
        slices = {name: _slices(name, each, stored) for name, each in told.pop("slices").items()}
    return DemandOutlook(
        **{
            **told,
            "as_of": date.fromisoformat(told["as_of"]),
            "past": tuple(map(date.fromisoformat, told["past"])),
            "weeks": tuple(map(date.fromisoformat, told["weeks"])),
            "drivers": tuple(Driver(**each) for each in told["drivers"]),
            "changes": tuple(change(each) for each in told["changes"]),
            "classes": {name: Accuracy(**each) for name, each in told["classes"].items()},
            "total": slices.pop(_TOTAL),
            "by": slices,
        }
    )


def _slices(name: str, told: dict[str, Any], stored: Mapping[str, Any]) -> Slices:
    accuracy = {key: Accuracy(**each) for key, each in told["accuracy"]}
    arrays: dict[str, Any] = {part: stored[f"{name}.{part}"] for part in _ARRAYS}
    return Slices(tuple(told["names"]), tuple(told["titles"]), accuracy=accuracy, **arrays)


def change(told: Mapping[str, Any]) -> Change:
    """A planned change from plain values, as jobs and files hold it."""
    period = Period(date.fromisoformat(told["from"]), date.fromisoformat(told["to"]))
    named = {name: told.get(name) for name in ("product", "category", "price")}
    return Change(period=period, discount=told.get("discount", 0.0), is_promoted=told.get("is_promoted", True), **named)


def parse_change(text: str) -> Change:
    """The change of `product=A1,discount=20,from=2027-02-01,to=2027-02-08`; a discount is in per cent.

    Raises PlannedTextError, PlannedValueError.
    """
    said = dict(part.partition("=")[::2] for part in text.split(","))
    if not {"from", "to"} <= said.keys() or not said.keys() <= _SAID:
        raise PlannedTextError(text=text)
    try:
        numbers = {name: float(said[name]) for name in ("price", "discount") if said.get(name)}
        period = Period(parse_day(said["from"]), parse_day(said["to"]))
    except ValueError:
        raise PlannedTextError(text=text) from None
    return Change(
        product=said.get("product") or None,
        category=said.get("category") or None,
        period=period,
        price=numbers.get("price"),
        discount=numbers.get("discount", 0.0) / 100,
    )


def plain(change: Change) -> dict[str, Any]:
    """The same as plain values."""
    return {
        "product": change.product,
        "category": change.category,
        "from": change.period.start,
        "to": change.period.end,
        "price": change.price,
        "discount": change.discount,
        "is_promoted": change.is_promoted,
    }
