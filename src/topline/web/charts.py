"""Charts as plain JSON: what is shown and in which role; assets/chart-option.js decides how it looks."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.utils.translation import gettext

from topline.analysis.result import Channel, Chart, Column, Figure, Note, Table
from topline.documents import option as options
from topline.documents.option import Line as Line
from topline.metrics.metric import Metric, Unit
from topline.metrics.query import Query
from topline.metrics.result import Result, Row
from topline.units.missing import Missing
from topline.web import formats, question

band = options.band
MAX_LINES = 8
MOST_PICTURES = 4
MOST_BARS = 15


def lines(axis: Sequence[str], rows: Sequence[Line], *, unit: str, currency: str) -> dict[str, Any]:
    """Lines over time."""
    return options.lines(axis, rows, _form(unit, currency))


def columns(axis: Sequence[str], rows: Sequence[Line], *, unit: str, currency: str) -> dict[str, Any]:
    """Columns beside each other."""
    return options.columns(axis, rows, _form(unit, currency))


def bars(axis: Sequence[str], rows: Sequence[Line], *, unit: str, currency: str) -> dict[str, Any]:
    """Lying bars, the first on top."""
    return options.bars(axis, rows, _form(unit, currency))


def swings(
    axis: Sequence[str],
    ends: Sequence[tuple[float, float]],
    middle: float,
    *,
    names: tuple[str, str],
    unit: str,
    currency: str,
) -> dict[str, Any]:
    """Lying bars on both sides of a middle: what lies below it and above it has a name."""
    low = [min(*pair, middle) for pair in ends]
    high = [max(*pair, middle) for pair in ends]
    stacked: list[dict[str, Any]] = [
        {"type": "bar", "name": "", "role": "band_base", "stack": "band", "data": low},
        {"type": "bar", "name": names[0], "role": "down", "stack": "band", "data": [middle - end for end in low]},
        {"type": "bar", "name": names[1], "role": "up", "stack": "band", "data": [end - middle for end in high]},
    ]
    for series in stacked:
        series["itemStyle"] = {"borderRadius": 0} | ({"opacity": 0} if series["role"] == "band_base" else {})
    return _framed(unit, currency) | {
        "yAxis": {
            "type": "category",
            "data": list(axis),
            "inverse": True,
            "axisLabel": {"width": 160, "overflow": "truncate"},
        },
        "xAxis": {"type": "value", "min": _floor([*low, *high])},
        "series": stacked,
    }


@dataclass(frozen=True, slots=True)
class Picture:
    """A chart with its title and the same numbers in words, for the table beside it."""

    title: str
    option: dict[str, Any]
    axis: Sequence[str]
    rows: Sequence[Line]
    unit: str
    currency: str

    @property
    def table(self) -> Iterator[tuple[str, list[str]]]:
        """Each point of the axis with its values; an interval as its two ends."""
        shown = [row for row in self.rows if row.role != "band_base"]
        base = next((row for row in self.rows if row.role == "band_base"), None)
        for i, name in enumerate(self.axis):
            yield name, [self._cell(row, base, i) for row in shown]

    def _cell(self, row: Line, base: Line | None, i: int) -> str:
        value = row.values[i] if i < len(row.values) else None
        if value is None:
            return "–"
        if row.role == "band" and base is not None and (low := base.values[i]) is not None:
            return f"{self._number(low)} – {self._number(low + value)}"
        return self._number(value)

    def _number(self, value: float) -> str:
        if self.unit == "money":
            return formats.whole_money(value, self.currency)
        return formats.number(value, self.unit, self.currency)


def picture(title: str, axis: Sequence[str], rows: Sequence[Line], *, unit: str, currency: str) -> Picture:
    """Lines over time, with their title and table."""
    return Picture(title, lines(axis, rows, unit=unit, currency=currency), axis, rows, unit, currency)


def as_columns(drawn: Picture) -> Picture:
    """The same picture in columns."""
    option = columns(drawn.axis, drawn.rows, unit=drawn.unit, currency=drawn.currency)
    return replace(drawn, option=option)


def of_result(result: Result, shown: Mapping[str, Metric], currency: str, against: str) -> list[Picture]:
    """The pictures of an answer: one for each metric, at most four; lying bars where it is not cut by time."""
    query = result.query
    if not result.rows or not query.by:
        return []
    ids = query.metrics[:MOST_PICTURES]
    if query.time and len(query.by) > len(query.time):
        return [_by_value(result, shown[id_], currency) for id_ in ids]
    draw, most = (lines, None) if query.time else (bars, MOST_BARS)
    axis = [_named(row, query.by) for row in result.rows[:most]]
    pictures = []
    for metric in (shown[id_] for id_ in ids):
        name = formats.say(metric.label)
        rows = [Line(name, question.column(result, metric.id)[:most], "actual")]
        if result.against_rows is not None:
            rows.append(Line(against, question.against_column(result, metric.id)[:most], "last_year"))
        option = draw(axis, rows, unit=metric.unit, currency=currency)
        pictures.append(Picture(name, option, axis, rows, metric.unit, currency))
    return pictures


def _by_value(result: Result, metric: Metric, currency: str) -> Picture:
    """A line for each value of the dimensions that are not time, or each of their values together."""
    query: Query = result.query
    others = [id_ for id_ in query.by if id_ not in query.time]
    axis = list(dict.fromkeys(_named(row, query.time) for row in result.rows))
    values: dict[str, dict[str, float | None]] = {}
    for row in result.rows:
        course = values.setdefault(_named(row, others), {})
        course[_named(row, query.time)] = question.plain_number(row[metric.id])
    largest = sorted(values, key=lambda name: -sum(abs(v) for v in values[name].values() if v is not None))[:MAX_LINES]
    rows = [Line(name, [values[name].get(bucket) for bucket in axis]) for name in largest]
    return picture(formats.say(metric.label), axis, rows, unit=metric.unit, currency=currency)


def _named(row: Row, ids: Iterable[str]) -> str:
    """What a row's values of some dimensions are called: “Germany · Email”."""
    return " · ".join(question.label(id_, row[id_]) for id_ in ids)


def of_table(table: Table, currency: str) -> dict[str, Any] | None:
    """The option of an analysis' table, None if it is a table only or empty."""
    if table.chart is None or not table.rows:
        return None
    return _KINDS[table.chart.kind](table, table.chart, currency)


def _plain_lines(table: Table, chart: Chart, currency: str) -> dict[str, Any]:
    return _of_kind(lines, table, chart, currency)


def _plain_columns(table: Table, chart: Chart, currency: str) -> dict[str, Any]:
    return _of_kind(columns, table, chart, currency)


def _plain_bars(table: Table, chart: Chart, currency: str) -> dict[str, Any]:
    return _of_kind(bars, table, chart, currency, MOST_BARS)


def _of_kind(
    draw: Callable[..., dict[str, Any]], table: Table, chart: Chart, currency: str, most: int | None = None
) -> dict[str, Any]:
    """A line or a row of bars for each column of numbers, or for each value of `down` of the first."""
    unit = table.column(chart.values[0]).unit or Unit.COUNT
    if chart.down:
        axis, cells = _spread(table, chart)
        names = list(dict.fromkeys(down for down, _ in cells))[:MAX_LINES]
        rows = [Line(name, [cells.get((name, across)) for across in axis]) for name in names]
        return draw(axis, rows, unit=unit, currency=currency)
    parts = [row for row in table.rows if not row.get("is_total")][:most]
    axis = [cell_name(table.column(chart.across), row[chart.across]) for row in parts]
    rows = [
        Line(
            formats.say(table.column(id_).label),
            [question.plain_number(row[id_]) for row in parts],
            ("actual", "last_year")[i] if len(chart.values) <= 2 else "",
        )
        for i, id_ in enumerate(chart.values)
    ]
    return draw(axis, rows, unit=unit, currency=currency)


def _heatmap(table: Table, chart: Chart, currency: str) -> dict[str, Any]:
    axis, cells = _spread(table, chart)
    names = list(dict.fromkeys(down for down, _ in cells))
    known = [value for value in cells.values() if value is not None]
    points = [
        [axis.index(across), names.index(down), value] for (down, across), value in cells.items() if value is not None
    ]
    return _framed(table.column(chart.values[0]).unit or Unit.COUNT, currency) | {
        "xAxis": {"type": "category", "data": axis},
        "yAxis": {"type": "category", "data": names, "inverse": True},
        "visualMap": {"show": False, "min": min(known, default=0), "max": max(known, default=1)},
        "series": [{"type": "heatmap", "role": "heat", "data": points}],
    }


def _spread(table: Table, chart: Chart) -> tuple[list[str], dict[tuple[str, str], float | None]]:
    """The names along the axis, and the first column of numbers by (down, across)."""
    down, across = table.column(chart.down), table.column(chart.across)
    cells = {
        (cell_name(down, row[down.id]), cell_name(across, row[across.id])): question.plain_number(row[chart.values[0]])
        for row in table.rows
    }
    longest = list(dict.fromkeys(across for _, across in cells))
    return longest, cells


def _waterfall(table: Table, chart: Chart, currency: str) -> dict[str, Any]:
    """Columns that stand where the one before ends; a row whose `is_total` is set stands on the ground."""
    ground: list[float | None] = []
    sizes: dict[str, list[float | None]] = {"total": [], "up": [], "down": []}
    reached = 0.0
    edges: list[float] = []
    for row in table.rows:
        value = question.plain_number(row[chart.values[0]]) or 0.0
        kind = "total" if row.get("is_total") else "up" if value >= 0 else "down"
        start, reached = (0.0, value) if kind == "total" else (reached, reached + value)
        ground.append(min(start, reached) if kind != "total" else 0.0)
        edges += [reached] if kind == "total" else [start, reached]
        for name, values in sizes.items():
            values.append(abs(value) if name == kind else None)
    axis = [cell_name(table.column(chart.across), row[chart.across]) for row in table.rows]
    names = {"total": gettext("Total"), "up": gettext("More"), "down": gettext("Less")}
    stacked = [{"type": "bar", "name": "", "role": "band_base", "stack": "band", "data": ground}]
    stacked += [
        {"type": "bar", "name": names[kind], "role": kind, "stack": "band", "data": values}
        for kind, values in sizes.items()
    ]
    return _framed(table.column(chart.values[0]).unit or Unit.MONEY, currency) | {
        "xAxis": {"type": "category", "data": axis, "axisLabel": _WRAPPED},
        "yAxis": {"type": "value", "min": _floor(edges)},
        "series": stacked,
    }


def _flow(table: Table, chart: Chart, currency: str) -> dict[str, Any]:
    """Streams from column to column: `across` to `down`, in the order of the table's first column."""
    come, go = table.column(chart.across), table.column(chart.down)
    links = []
    for row in table.rows:
        step = row[table.columns[0].id]
        is_end = isinstance(row[go.id], str) and row[go.id] in go.names
        target = cell_name(go, row[go.id])
        links.append(
            {
                "source": f"{step} {cell_name(come, row[come.id])}",
                "target": target if is_end else f"{int(str(step)) + 1} {target}",
                "value": question.plain_number(row[chart.values[0]]),
            }
        )
    nodes = dict.fromkeys(str(link[end]) for link in links for end in ("source", "target"))
    series = {"type": "sankey", "role": "flow", "data": [{"name": name} for name in nodes], "links": links}
    return _framed(table.column(chart.values[0]).unit or Unit.COUNT, currency) | {"series": [series]}


def _floor(edges: list[float]) -> float | None:
    """Where the axis begins: a little below the lowest edge where the steps would be slivers above the ground."""
    low, high = min(edges), max(edges)
    if low <= 0 or high - low > high / 3:
        return None
    step: float = 10.0 ** math.floor(math.log10(max(high - low, 1.0)))
    return max(0.0, math.floor((low - (high - low) / 2) / step) * step)


_WRAPPED = {"interval": 0, "width": 88, "overflow": "break", "lineHeight": 15}

_KINDS: Mapping[str, Callable[[Table, Chart, str], dict[str, Any]]] = {
    "lines": _plain_lines,
    "columns": _plain_columns,
    "bars": _plain_bars,
    "heatmap": _heatmap,
    "waterfall": _waterfall,
    "flow": _flow,
}
"""How each kind of an analysis' chart is drawn."""


def cell_name(column: Column, entry: object) -> str:
    """A value of a column without a unit, as people read it; a number as it is."""
    if entry is None or isinstance(entry, Missing | Note | Channel):
        return formats.say(entry)
    if isinstance(entry, Figure):
        return formats.number(entry.value, entry.unit, entry.currency)
    if column.names and (str(entry) in column.names or not column.dimension):
        return formats.say(column.names.get(str(entry), str(entry)))
    if column.dimension:
        return question.label(column.dimension, entry)
    return formats.day(entry) if isinstance(entry, date) else str(entry)


def _framed(unit: str, currency: str) -> dict[str, Any]:
    return _form(unit, currency).frame


def _form(unit: str, currency: str) -> options.Format:
    return options.Format(formats.tag(), currency, unit)
