"""An answer as a file: CSV and XLSX of exactly what the page shows, a chart as SVG and PNG."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import HttpResponse, HttpResponseBase, QueryDict, StreamingHttpResponse

from topline.documents import chart, csv, xlsx
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.metrics.catalogue import dimensions
from topline.metrics.metric import Metric, Unit
from topline.metrics.result import Result
from topline.units.missing import Missing
from topline.web import formats, question

_FORMS = {Unit.MONEY: Form.MONEY, Unit.COUNT: Form.WHOLE, Unit.RATE: Form.RATE}


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file: what it is called and drawn as."""

    label: str
    icon: str


KINDS: Mapping[str, Kind] = {
    "png": Kind("PNG", icon="photo"),
    "svg": Kind("SVG", icon="vector"),
    "csv": Kind("CSV", icon="file-type-csv"),
    "xlsx": Kind("Excel", icon="file-spreadsheet"),
}


def menu(address: str, kinds: Iterable[str]) -> list[tuple[str, Kind]]:
    """The addresses of files of these kinds, of a page that answers to `format`."""
    path, _, asked = address.partition("?")
    entries = []
    for kind in kinds:
        parameters = QueryDict(asked, mutable=True)
        parameters["format"] = kind
        entries.append((f"{path}?{parameters.urlencode(safe='/,:')}", KINDS[kind]))
    return entries


def sheet(result: Result, shown: Mapping[str, Metric], currency: str) -> Sheet:
    """The answer as a table, the values to compare with beside each metric."""
    columns = [Column(formats.say(dimensions()[id_].label), Form.TEXT) for id_ in result.query.by]
    for id_ in result.query.metrics:
        metric = shown[id_]
        form = _FORMS.get(metric.unit, Form.NUMBER)
        columns.append(Column(formats.say(metric.label), form, currency if form is Form.MONEY else ""))
        if result.against_rows is not None:
            title = (
                f"{formats.say(metric.label)} ({formats.say(question.AGAINST_LABELS[result.query.against or 'none'])})"
            )
            columns.append(Column(title, form, currency if form is Form.MONEY else ""))
    return Sheet("Topline", columns, _lines(result))


def _lines(result: Result) -> Iterator[list[Value]]:
    rows = result.rows if result.query.by else [result.totals]
    twins = (result.against_rows if result.query.by else [result.against_totals]) or [None] * len(rows)
    for row, twin in zip(rows, twins, strict=True):
        rounded = result.rounded(row)
        other = result.rounded(twin) if twin else {}
        line: list[Value] = [question.label(id_, rounded[id_]) for id_ in result.query.by]
        for id_ in result.query.metrics:
            line.append(_value(rounded[id_]))
            if result.against_rows is not None:
                line.append(_value(other.get(id_)))
        yield line


def _value(entry: Any) -> Value:
    if isinstance(entry, Decimal | int | float | Missing) or entry is None:
        return entry
    return str(entry)


def download(
    kind: str, name: str, table: Callable[[], Sheet], option: Callable[[], dict[str, Any]]
) -> HttpResponseBase | None:
    """The file of that kind (csv, xlsx, svg, png), None if there is no such kind."""
    match kind:
        case "csv":
            return csv_file(name, table())
        case "xlsx":
            return xlsx_file(name, table())
        case "svg":
            return _attached(
                HttpResponse(chart.svg(option(), width=1200, height=520), content_type="image/svg+xml"), f"{name}.svg"
            )
        case "png":
            return _attached(
                HttpResponse(chart.png(option(), width=1200, height=520), content_type="image/png"), f"{name}.png"
            )
    return None


def csv_file(name: str, table: Sheet) -> HttpResponseBase:
    return _attached(StreamingHttpResponse(csv.lines(table), content_type="text/csv; charset=utf-8"), f"{name}.csv")


def xlsx_file(name: str, table: Sheet) -> HttpResponseBase:
    return _attached(HttpResponse(xlsx.write([table]), content_type=xlsx.CONTENT_TYPE), f"{name}.xlsx")


def bytes_file(name: str, content: bytes, content_type: str) -> HttpResponseBase:
    return _attached(HttpResponse(content, content_type=content_type), name)


def _attached[Response: HttpResponseBase](response: Response, name: str) -> Response:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
