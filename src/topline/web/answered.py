"""An analysis' tables as pages, dashboards and mails show them."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase

from topline.analysis.analysis import Analysis, Choice, Question
from topline.analysis.result import Cell, Column, Proposal, Table, sheet
from topline.documents.sheet import Sheet
from topline.web import charts, files, formats, question

MOST_ROWS = 50
MOST_OPEN = 12
"""Rows of a table that stand open below their chart."""

HEATS = 10
"""Shades of a heatmap's cells."""


def choices(analysis: Analysis, asked: Question) -> list[dict[str, Any]]:
    """What a person may choose of the analysis, as a form shows it, with what is chosen."""
    return [_choice(choice, asked) for choice in analysis.choices]


def _choice(choice: Choice, asked: Question) -> dict[str, Any]:
    value = getattr(asked, choice.id)
    values = set(value) if isinstance(value, tuple) else {value}
    return {
        "choice": choice,
        "value": choice.text(value),
        "takes_file": choice.from_csv is not None,
        "options": [(id_, formats.say(label), id_ in values) for id_, label in choice.options.items()],
    }


def file_sheet(table: Table, currency: str) -> Sheet:
    """The table as a file has it, in the reader's language."""
    return sheet(table, currency, say=formats.say, name=charts.cell_name)


def download(kind: str, name: str, table: Table, currency: str) -> HttpResponseBase | None:
    """The table, or its chart, as a file; None for the picture of what has none."""
    option = charts.of_table(table, currency)
    if kind not in ("csv", "xlsx") and option is None:
        return None
    return files.download(kind, name, lambda: file_sheet(table, currency), lambda: option or {})


def shown(table: Table, currency: str, *, goals_at: str = "", most: int = MOST_ROWS) -> dict[str, Any]:
    """A table as it is shown: as a heatmap of its own cells, or as a chart and rows.

    goals_at : where a goal that a row proposes is set, "" for who can't
    most : rows to show
    """
    found: dict[str, Any] = {"table": table, "label": formats.say(table.label), "left_off": 0}
    if table.chart and table.chart.kind == "heatmap" and table.rows:
        return found | {"heat": _heat(table)}
    rows = table.rounded(currency)
    return found | {
        "option": charts.of_table(table, currency),
        "columns": [
            {"column": column, "is_number": column.unit is not None or column.is_mixed} for column in table.columns
        ],
        "lines": [
            {
                "cells": [_cell(column, row[column.id], goals_at) for column in table.columns],
                "is_total": bool(exact.get("is_total")),
            }
            for row, exact in zip(rows[:most], table.rows, strict=False)
        ],
        "left_off": max(0, len(rows) - most),
        "is_open": len(rows) <= MOST_OPEN,
    }


def _cell(column: Column, entry: Cell, goals_at: str) -> dict[str, Any]:
    if isinstance(entry, Proposal):
        asked = {"metric": entry.metric, "more": entry.more, "action": formats.say(entry.action)}
        return {"goal_url": f"{goals_at}?{urlencode(asked)}" if goals_at else ""}
    text = "" if column.unit else charts.cell_name(column, entry)
    return {"value": entry, "unit": column.unit, "text": text, "is_mixed": column.is_mixed}


def _heat(table: Table) -> dict[str, Any]:
    """The table folded: a row for each value of `down`, a column for each value of `across`, shaded by size."""
    chart = table.chart
    assert chart is not None  # noqa: S101 - the caller looked
    value, across, down = (table.column(id_) for id_ in (chart.values[0], chart.across, chart.down))
    cells: dict[str, dict[Any, Mapping[str, Cell]]] = {}
    for row in table.rows:
        cells.setdefault(charts.cell_name(down, row[down.id]), {})[row[across.id]] = row
    axis = list(dict.fromkeys(row[across.id] for row in table.rows))
    bounds = _bounds(table, chart.values[0])
    return {
        "across": across,
        "down": down,
        "unit": value.unit,
        "axis": [charts.cell_name(across, each) for each in axis],
        "has_size": any(column.id == "customers" for column in table.columns),
        "lines": [
            {
                "name": name,
                "size": next(iter(found.values())).get("customers"),
                "cells": [_heat_cell(found.get(each), value, bounds) for each in axis],
            }
            for name, found in cells.items()
        ],
    }


def _bounds(table: Table, id_: str) -> tuple[float, float]:
    """The smallest and the largest value, without those at the first age that would drown the others: all are 100 %."""
    numbers = [n for row in table.rows if (n := question.plain_number(row[id_])) is not None]
    inner = [n for n in numbers if n != 1.0] if table.column(id_).unit == "rate" else numbers
    return min(inner, default=0.0), max(inner, default=1.0)


def _heat_cell(row: Mapping[str, Cell] | None, column: Column, bounds: tuple[float, float]) -> dict[str, Any]:
    if row is None:
        return {"is_gap": True}
    entry = row[column.id]
    number, (low, high) = question.plain_number(entry), bounds
    shade = (
        0
        if number is None or high <= low
        else round(((min(max(number, low), high) - low) / (high - low)) ** 0.5 * HEATS)
    )
    return {"value": entry, "shade": shade, "is_immature": row.get("is_mature") == 0}
