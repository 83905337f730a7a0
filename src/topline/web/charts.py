"""Charts as plain JSON: what is shown and in which role; assets/chart-option.js decides how it looks."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from topline.metrics.metric import Metric
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.web import formats, question

type Numbers = Sequence[float | None]
COLUMN_ROLES = {"", "actual", "last_year"}
MAX_LINES = 8
MOST_PICTURES = 4
MOST_BARS = 15


@dataclass(frozen=True, slots=True)
class Line:
    """A row of numbers along the axis.

    role : actual, plan, last_year, forecast, band_base, band, or "" for the palette's next colour
    """

    name: str
    values: Numbers
    role: str = ""


def lines(axis: Sequence[str], rows: Sequence[Line], *, unit: str, currency: str) -> dict[str, Any]:
    """Lines over time."""
    return _framed(unit, currency) | {
        "xAxis": {"type": "category", "data": list(axis), "boundaryGap": False},
        "yAxis": {"type": "value", "scale": unit not in ("money", "count", "quantity")},
        "series": [_series("line", row) for row in rows],
    }


def columns(axis: Sequence[str], rows: Sequence[Line], *, unit: str, currency: str) -> dict[str, Any]:
    """Columns beside each other."""
    return _framed(unit, currency) | {
        "xAxis": {"type": "category", "data": list(axis)},
        "yAxis": {"type": "value"},
        "series": [_series("bar" if row.role in COLUMN_ROLES else "line", row) for row in rows],
    }


def bars(axis: Sequence[str], rows: Sequence[Line], *, unit: str, currency: str) -> dict[str, Any]:
    """Lying bars, the first on top."""
    return _framed(unit, currency) | {
        "yAxis": {
            "type": "category",
            "data": list(axis),
            "inverse": True,
            "axisLabel": {"width": 160, "overflow": "truncate"},
        },
        "xAxis": {"type": "value"},
        "series": [_series("bar", row) | {"itemStyle": {"borderRadius": [0, 3, 3, 0]}} for row in rows],
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


def band(name: str, low: Numbers, high: Numbers) -> list[Line]:
    """An interval as two stacked rows: its lower edge, unseen, and its width."""
    width = [h - w if h is not None and w is not None else None for w, h in zip(low, high, strict=True)]
    return [Line("", low, "band_base"), Line(name, width, "band")]


def of_result(result: Result, shown: Mapping[str, Metric], currency: str, against: str) -> list[Picture]:
    """The pictures of an answer: one for each metric, at most four; lying bars where it is not cut by time."""
    query = result.query
    if not result.rows or not query.by:
        return []
    ids = query.metrics[:MOST_PICTURES]
    if query.time and len(query.by) > 1:
        return [_by_value(result, shown[id_], currency) for id_ in ids]
    draw, most = (lines, None) if query.time else (bars, MOST_BARS)
    axis = question.axis(result, query.by[0])[:most]
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
    """A line for each value of the first dimension that is not time."""
    query: Query = result.query
    time = query.time[0]
    other = next(id_ for id_ in query.by if id_ not in query.time)
    buckets = list(dict.fromkeys(row[time] for row in result.rows))
    values: dict[str, dict[object, float | None]] = {}
    for row in result.rows:
        values.setdefault(question.label(other, row[other]), {})[row[time]] = question.plain_number(row[metric.id])
    largest = sorted(values, key=lambda name: -sum(abs(v) for v in values[name].values() if v is not None))[:MAX_LINES]
    rows = [Line(name, [values[name].get(bucket) for bucket in buckets]) for name in largest]
    axis = [question.label(time, bucket) for bucket in buckets]
    return picture(formats.say(metric.label), axis, rows, unit=metric.unit, currency=currency)


def _series(kind: str, row: Line) -> dict[str, Any]:
    series: dict[str, Any] = {"type": kind, "name": row.name, "data": list(row.values)}
    return series | ({"role": row.role} if row.role else {})


def _framed(unit: str, currency: str) -> dict[str, Any]:
    return {"format": {"locale": formats.tag(), "currency": currency, "unit": str(unit)}}
