"""What a tile shows: its question asked within the viewer's scope, drawn as its visual has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.text import slugify

from topline.accounts.models import Shop
from topline.analysis import catalogue
from topline.analysis.result import Table
from topline.boards.models import TIME, Tile, analysed, asked
from topline.boards.visual import VISUALS
from topline.lake import known_value
from topline.lake import read as lake_read
from topline.lake.analyse import analyse
from topline.lake.scope import Scope
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Metric
from topline.metrics.result import Result
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Grain, Period
from topline.web import answered, charts, files, formats, markdown, question
from topline.web.charts import Picture
from topline.web.question import Span

MOST_LINES = 12
_COARSER = (Grain.DAY, Grain.WEEK, Grain.MONTH, Grain.QUARTER, Grain.YEAR)


@dataclass(frozen=True, slots=True)
class Shown:
    """A tile with its answer; `trouble` says why there is none."""

    tile: Tile
    span: Span
    currency: str
    result: Result | None = None
    trouble: str = ""

    @property
    def visual(self) -> str:
        return self.tile.visual

    @property
    def title(self) -> str:
        if self.tile.title or not self.tile.question:
            return self.tile.title
        return title(self.tile)

    @property
    def text(self) -> SafeString:
        return markdown.render(self.tile.text)

    @property
    def metric(self) -> Metric:
        return metrics()[self.tile.question["metrics"][0]]

    @property
    def value(self) -> object:
        return self.result.totals[self.metric.id] if self.result else None

    @property
    def reason(self) -> str:
        """Why there is no value, "" if there is one."""
        return formats.say(self.value) if isinstance(self.value, Missing) else ""

    @property
    def before(self) -> object:
        return (self.result.against_totals or {}).get(self.metric.id) if self.result else None

    @property
    def course(self) -> list[float | None]:
        return question.column(self.result, self.metric.id) if self.result else []

    @property
    def course_before(self) -> list[float | None]:
        return question.against_column(self.result, self.metric.id) if self.result else []

    @property
    def is_empty(self) -> bool:
        return self.result is not None and bool(self.result.query.by) and not self.result.rows

    @property
    def pictures(self) -> list[Picture]:
        """The pictures of the answer, one for each metric, as the visual draws them."""
        if self.result is None or self.visual not in ("line", "columns", "bars", "number"):
            return []
        found = charts.of_result(self.result, metrics(), self.currency, self.span.against_label.capitalize())
        return [charts.as_columns(each) for each in found] if self.visual == "columns" else found

    @property
    def heads(self) -> list[str]:
        return [question.label_of(id_) for id_ in self.result.query.by] if self.result else []

    @property
    def shown_metrics(self) -> list[Metric]:
        return [metrics()[id_] for id_ in self.result.query.metrics] if self.result else []

    @property
    def lines(self) -> Iterator[dict[str, Any]]:
        """The first lines of the table: names, then a value and the one before for each metric."""
        if self.result is None:
            return
        query, rows = self.result.query, self.result.rows
        twins = self.result.against_rows or [None] * len(rows)
        for row, twin in list(zip(rows, twins, strict=True))[:MOST_LINES]:
            yield {
                "names": [question.label(id_, row[id_]) for id_ in query.by],
                "cells": [(row[id_], twin.get(id_) if twin else None, metrics()[id_]) for id_ in query.metrics],
            }

    @property
    def left_off(self) -> int:
        return max(0, len(self.result.rows) - MOST_LINES) if self.result else 0

    @property
    def totals(self) -> list[tuple[object, Metric]]:
        return [(self.result.totals[metric.id], metric) for metric in self.shown_metrics] if self.result else []

    @property
    def formats(self) -> tuple[str, ...]:
        """What it may be downloaded as; each of several pictures can be had where the question is explored."""
        return ("png", "svg", "csv", "xlsx") if len(self.pictures) == 1 else ("csv", "xlsx")

    def download(self, kind: str) -> HttpResponseBase | None:
        """The tile as a file, None if it has none of that kind."""
        pictures, result = self.pictures, self.result
        if result is None or kind not in self.formats:
            return None
        name = f"{slugify(self.title) or self.visual}-{self.span.period.start}"
        return files.download(
            kind,
            name,
            lambda: files.sheet(result, metrics(), self.currency),
            lambda: pictures[0].option,
        )


@dataclass(frozen=True, slots=True)
class Analysed:
    """A tile with the answer of an analysis; `trouble` says why there is none."""

    tile: Tile
    span: Span
    currency: str
    sentence: str = ""
    table: Table | None = None
    trouble: str = ""

    @property
    def visual(self) -> str:
        return self.tile.visual

    @property
    def title(self) -> str:
        return self.tile.title or title(self.tile)

    @property
    def is_empty(self) -> bool:
        return self.table is None or not self.table.rows

    @property
    def answer(self) -> dict[str, Any]:
        """The table as pages show it; of a long one the first lines, below a chart folded."""
        found = answered.shown(self.table, self.currency, most=MOST_LINES) if self.table else {}
        return found | {"is_open": not found.get("option")}

    @property
    def pictures(self) -> list[Picture]:
        """The chart; its numbers stand in the table."""
        option = charts.of_table(self.table, self.currency) if self.table else None
        return [Picture(self.title, option, (), (), "", self.currency)] if option else []

    @property
    def formats(self) -> tuple[str, ...]:
        return ("png", "svg", "csv", "xlsx") if self.pictures else ("csv", "xlsx")

    def download(self, kind: str) -> HttpResponseBase | None:
        """The tile as a file, None if it has none of that kind."""
        if self.table is None or kind not in self.formats:
            return None
        name = f"{slugify(self.title) or self.visual}-{self.span.period.start}"
        return answered.download(kind, name, self.table, self.currency)


type Answered = Shown | Analysed


def show(tile: Tile, shop: Shop, scope: Scope, span: Span) -> Answered:
    """The tile's answer of a period, within what the viewer may see."""
    if tile.visual == "text":
        return Shown(tile, span, shop.currency)
    if tile.visual == "analysis":
        return _analysed(tile, shop, scope, span)
    try:
        query = asked(tile.question, span.period, grain(tile, span.period), span.query_against)
        known_value.require(shop.lake(), query.where, scope=scope, settings=shop.settings(), of=query.metrics)
        found = lake_read.read(shop.lake(), query, scope=scope, settings=shop.settings())
    except ToplineError as error:
        return Shown(tile, span, shop.currency, trouble=formats.say(error))
    return Shown(tile, span, shop.currency, question.by_size(found))


def _analysed(tile: Tile, shop: Shop, scope: Scope, span: Span) -> Analysed:
    """People are not listed on a dashboard, whoever looks."""
    try:
        asked = analysed(tile.question, span.period, shop.horizon())
        known_value.require(shop.lake(), asked.where, scope=scope, settings=shop.settings())
        found = analyse(shop.lake(), asked, scope=scope, settings=shop.settings())
    except ToplineError as error:
        return Analysed(tile, span, shop.currency, trouble=formats.say(error))
    if isinstance(found.sentence, Missing):
        return Analysed(tile, span, shop.currency, trouble=formats.say(found.sentence))
    table = found.summary(tile.question.get("table", ""))
    return Analysed(tile, span, shop.currency, formats.say(found.sentence), table)


def grain(tile: Tile, period: Period) -> str:
    """The grain that suits the period, or the next coarser one that its metrics may be cut by."""
    wanted = question.grain_for(period)
    allowed = frozenset.intersection(*(metrics()[id_].dimensions for id_ in tile.question["metrics"]))
    return next((one.value for one in _COARSER[_COARSER.index(wanted) :] if one.value in allowed), wanted.value)


def title(tile: Tile) -> str:
    """What a tile without a title of its own is called: “Net sales by category”."""
    kept = tile.question
    if tile.visual == "analysis":
        found = catalogue.analyses().get(kept["analysis"])
        return formats.say(found.label) if found else str(kept["analysis"])
    if any(id_ not in metrics() for id_ in kept["metrics"]):
        return ", ".join(kept["metrics"])
    names = ", ".join(formats.say(metrics()[id_].label) for id_ in kept["metrics"])
    cut = [id_ for id_ in kept.get("by", ()) if id_ != TIME]
    return question.named(names, [question.label_of(id_) for id_ in cut])


def label(visual: str) -> str:
    return formats.say(VISUALS[visual].label)
