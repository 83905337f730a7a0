"""Charts as plain JSON: what is shown and in which role; `web/assets/chart-option.js` decides how it looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from babel import Locale, numbers

from topline.documents import words

type Numbers = Sequence[float | None]
_COLUMN_ROLES = {"", "actual", "last_year"}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of numbers along the axis.

    role : actual, plan, last_year, forecast, band_base, band, mark (a level at a name), or "" for the next colour
    """

    name: str
    values: Numbers
    role: str = ""


@dataclass(frozen=True, slots=True)
class Format:
    """How numbers read: a locale as browsers write it (en-GB), a currency, a metric's unit."""

    locale: str
    currency: str
    unit: str

    @property
    def frame(self) -> dict[str, Any]:
        form: dict[str, Any] = {"locale": self.locale, "currency": self.currency, "unit": str(self.unit)}
        if self.unit == "money":
            form["short"] = _abbreviations(self.locale, self.currency)
        return {"format": form}


@cache
def _abbreviations(locale: str, currency: str) -> Mapping[str, str]:
    """How large amounts are abbreviated, by the power of ten: {"1000": "£{}K", ...}."""
    where, powers = Locale.parse(locale, sep="-"), (3, 6, 9, 12)
    written = {str(10**n): numbers.format_compact_currency(2 * 10**n, currency, locale=where) for n in powers}
    return {power: words.spaced(text).replace("2", "{}") for power, text in written.items()}


def lines(axis: Sequence[str], rows: Sequence[Line], form: Format) -> dict[str, Any]:
    """Lines over time."""
    return form.frame | {
        "xAxis": {"type": "category", "data": list(axis), "boundaryGap": False},
        "yAxis": {"type": "value", "scale": form.unit not in ("money", "count", "quantity")},
        "series": [series("line", row) for row in rows],
    }


def columns(axis: Sequence[str], rows: Sequence[Line], form: Format) -> dict[str, Any]:
    """Columns beside each other."""
    return form.frame | {
        "xAxis": {"type": "category", "data": list(axis)},
        "yAxis": {"type": "value"},
        "series": [series("bar" if row.role in _COLUMN_ROLES else "line", row) for row in rows],
    }


def bars(axis: Sequence[str], rows: Sequence[Line], form: Format) -> dict[str, Any]:
    """Lying bars, the first on top."""
    return form.frame | {
        "yAxis": {
            "type": "category",
            "data": list(axis),
            "inverse": True,
            "axisLabel": {"width": 160, "overflow": "truncate"},
        },
        "xAxis": {"type": "value"},
        "series": [series("bar", row) | {"itemStyle": {"borderRadius": [0, 3, 3, 0]}} for row in rows],
    }


def band(name: str, low: Numbers, high: Numbers) -> list[Line]:
    """An interval as two stacked rows: its lower edge, unseen, and its width."""
    width = [h - w if h is not None and w is not None else None for w, h in zip(low, high, strict=True)]
    return [Line("", low, "band_base"), Line(name, width, "band")]


def series(kind: str, row: Line) -> dict[str, Any]:
    """One row of numbers as a series of its kind: line or bar."""
    drawn: dict[str, Any] = {"type": kind, "name": row.name, "data": list(row.values)}
    return drawn | ({"role": row.role} if row.role else {})
