"""Analyses: what there is to ask, and a page for each, made of what the analysis says about itself."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect

from topline.analysis import catalogue
from topline.analysis.analysis import Analysis, Choice, Question
from topline.analysis.result import Cell, Column, Proposal, Table, sheet
from topline.crm.models import Person
from topline.documents import xlsx
from topline.lake.analyse import analyse
from topline.metrics.catalogue import dimensions
from topline.units.missing import Missing
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit
from topline.web.question import Span

MOST_ROWS = 50
MOST_OPEN = 12
"""Rows of a table that stand open below their chart."""

MOST_BYTES = 2_000_000
HEATS = 10
"""Shades of a heatmap's cells."""

_TYPED = ("from", "to", "last", "where", "format", "table", "against", "page")


def index(visit: Visit) -> HttpResponse:
    return visit.render("analyses.html", {"analyses": list(catalogue.analyses().values())})


def view(visit: Visit, analysis_id: str) -> HttpResponseBase:
    analysis = catalogue.analyses().get(analysis_id)
    if analysis is None:
        raise Http404
    span = question.span(visit, "last_24_months")
    if visit.shop.lake().latest() is None:
        return visit.render("analysis.html", {"analysis": analysis, "span": span, "is_empty": True})
    asked = _asked(visit, analysis, span)
    result = analyse(visit.shop.lake(), asked, scope=visit.scope, settings=visit.shop.settings())
    tables = [_named(visit, each) for each in result.tables if not each.is_personal or visit.may("rows.read")]
    if file := _file(visit, analysis, tables):
        return file
    shown = [_shown(visit, table) for table in tables]
    context = {
        "analysis": analysis,
        "span": span,
        "without_comparison": True,
        "recorded_to": result.recorded_to,
        "result": result,
        "choices": [_choice(choice, asked) for choice in analysis.choices],
        "cuts": [each for id_, each in dimensions().items() if id_ in analysis.dimensions],
        "filters": [_chip(asked, i) for i in range(len(asked.where))],
        "tables": shown,
        "is_known": not isinstance(result.sentence, Missing),
    }
    return visit.render("analysis.html#answer" if visit.is_fragment else "analysis.html", context)


def fill(visit: Visit, analysis_id: str) -> HttpResponseBase:
    """Takes a CSV file for a choice, and goes on to the page with what it says."""
    if visit.request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    analysis = catalogue.analyses().get(analysis_id)
    file = visit.request.FILES.get("file")
    if analysis is None or file is None:
        raise Http404
    parameters = visit.request.POST.copy()
    parameters.pop("csrfmiddlewaretoken", None)
    choice = str(parameters.pop("choice", [""])[0])
    text = file.read(MOST_BYTES).decode("utf-8-sig", "replace")
    parameters[choice] = analysis.filled(choice, text, {name: str(value) for name, value in parameters.items()})
    return redirect(f"{visit.url('analysis', analysis.id)}?{parameters.urlencode(safe=',:=')}")


def _named(visit: Visit, table: Table) -> Table:
    """The table with the names of the people in it, for who may see customers by name."""
    if not table.is_personal or not visit.may("customers.read"):
        return table
    key = table.columns[0].id
    names = Person.objects.names(visit.shop, [str(row[key]) for row in table.rows])
    if not names:
        return table
    column = Column(id="name", label=N_("Name"))
    rows = [{**row, "name": names.get(str(row[key]))} for row in table.rows]
    return replace(table, columns=(table.columns[0], column, *table.columns[1:]), rows=rows)


def _asked(visit: Visit, analysis: Analysis, span: Span) -> Question:
    """The question of the address. Raises the errors of `Analysis.asked`."""
    parameters = visit.request.GET
    known = {choice.id for choice in analysis.choices}
    choices = {
        name: ",".join(parameters.getlist(name))
        for name in parameters
        if (name in known and parameters.get(name)) or (name not in known and name not in _TYPED)
    }
    return analysis.asked(
        choices,
        period=span.period,
        where=question.filters(parameters.getlist("where")),
        as_of=visit.today + timedelta(days=1) if visit.shop.clock_on else None,
    )


def _file(visit: Visit, analysis: Analysis, tables: list[Table]) -> HttpResponseBase | None:
    """The file asked for: a table as CSV or its chart, the first by default; all tables as one workbook."""
    wanted, id_ = visit.request.GET.get("format", ""), visit.request.GET.get("table", "")
    chosen = [table for table in tables if id_ in ("", table.id)]
    if not wanted or not chosen:
        return None
    name = f"{visit.shop.slug}-{analysis.id}"
    if wanted == "xlsx":
        return files.bytes_file(f"{name}.xlsx", xlsx.write(_sheet(visit, each) for each in chosen), xlsx.CONTENT_TYPE)
    option = charts.of_table(chosen[0], visit.shop.currency)
    if wanted != "csv" and option is None:
        return None
    return files.download(wanted, f"{name}-{chosen[0].id}", lambda: _sheet(visit, chosen[0]), lambda: option or {})


def _sheet(visit: Visit, table: Table) -> Any:
    return sheet(table, visit.shop.currency, say=formats.say, name=charts.cell_name)


def _choice(choice: Choice, asked: Question) -> dict[str, Any]:
    value = getattr(asked, choice.id)
    values = set(value) if isinstance(value, tuple) else {value}
    return {
        "choice": choice,
        "value": choice.text(value),
        "takes_file": choice.from_csv is not None,
        "options": [(id_, formats.say(label), id_ in values) for id_, label in choice.options.items()],
    }


def _chip(asked: Question, i: int) -> dict[str, Any]:
    return {
        "label": question.said(asked.where[i]),
        "text": question.written(asked.where[i]),
        "others": [question.written(each) for j, each in enumerate(asked.where) if j != i],
    }


def _shown(visit: Visit, table: Table) -> dict[str, Any]:
    """A table as the page shows it: as a heatmap of its own cells, or as a chart and rows."""
    currency = visit.shop.currency
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
                "cells": [_cell(visit, column, row[column.id]) for column in table.columns],
                "is_total": bool(exact.get("is_total")),
            }
            for row, exact in zip(rows[:MOST_ROWS], table.rows, strict=False)
        ],
        "left_off": max(0, len(rows) - MOST_ROWS),
        "is_open": len(rows) <= MOST_OPEN,
    }


def _cell(visit: Visit, column: Column, entry: Cell) -> dict[str, Any]:
    if isinstance(entry, Proposal):
        asked = {"metric": entry.metric, "more": entry.more, "action": formats.say(entry.action)}
        return {"goal_url": f"{visit.url('goal_proposed')}?{urlencode(asked)}" if visit.may("plans.write") else ""}
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


PAGES = (
    Page(
        path="analyses",
        name="analyses",
        view=index,
        permission="metrics.read",
        place="measure",
        label=N_("Analyses"),
        icon="chart-dots",
    ),
    Page(path="analyses/<slug:analysis_id>", name="analysis", view=view, permission="metrics.read", place="measure"),
    Page(
        path="analyses/<slug:analysis_id>/file",
        name="analysis_file",
        view=fill,
        permission="metrics.read",
        place="measure",
    ),
)
