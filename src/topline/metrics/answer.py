"""Answers a query over tables: each source aggregated apart at the asked grain, then aligned, then valued."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.metric import Cell, Key, Measure, Metric, Staged, Value
from topline.metrics.query import Query
from topline.metrics.result import Entry, Rest, Result, Row
from topline.metrics.settings import Settings
from topline.metrics.view import REST, Tables, View, fact_of
from topline.units.missing import Missing
from topline.units.period import Grain, Period
from topline.units.text import N_

_SEVERAL = Missing("several_currencies", N_("several currencies, which don't add up; cut by currency"))


def answer(query: Query, tables: Tables, settings: Settings) -> Result:
    """The rows and totals of the query, with those of the period that it compares with."""
    asked = [metrics()[id_] for id_ in query.metrics]
    kept = _top(query, tables, settings)
    view = View(tables, query, settings, kept=kept)
    cells, totals = _cells(view, asked)
    keys = _ordered(_filled(cells, view), query, asked, cells)
    rest = len(kept.get(REST, ()))
    rows = [_row(query, key, asked, cells.get(key, {}), rest) for key in keys]
    result = Result(
        query=query,
        settings=settings,
        columns=(*query.by, *query.metrics),
        rows=rows,
        totals={metric.id: _value(metric, totals) for metric in asked},
    )
    compared = query.compared()
    if compared is None:
        return result
    other = View(tables, compared, settings, kept=kept)
    other_cells, other_totals = _cells(other, asked)
    twins = [_twin(key, view, other) for key in keys]
    return replace(
        result,
        against_rows=[
            _row(compared, twin, asked, other_cells[twin], rest) if twin in other_cells else None for twin in twins
        ],
        against_totals={metric.id: _value(metric, other_totals) for metric in asked},
    )


def _cells(view: View, asked: Sequence[Metric]) -> tuple[dict[Key, dict[str, Any]], dict[str, Any]]:
    """The measures of every cell and of the whole."""
    measures = {measure.id: measure for metric in asked for measure in metric.measures}
    cells: dict[Key, dict[str, Any]] = defaultdict(dict)
    totals: dict[str, Any] = {}
    by = view.query.by
    gone = {id_: missing for id_, measure in measures.items() if (missing := _missing(measure, view.tables))}
    present = [measure for id_, measure in measures.items() if id_ not in gone]
    for key, cell in _aggregates(view, [m for m in present if isinstance(m, Measure)], by):
        cells[key] |= cell
    for stage in dict.fromkeys(m.cells for m in present if isinstance(m, Staged)):
        for key, staged in stage(view, by).items():
            cells[key].update(staged)
        if by:
            totals.update(stage(view, ()).get((), {}))
    if by:
        again = [m for m in present if isinstance(m, Measure) and not m.adds_up]
        for _, cell in _aggregates(view, again, ()):
            totals |= cell
        for measure in present:
            if isinstance(measure, Measure) and measure.adds_up:
                parts = [cell[measure.id] for cell in cells.values() if measure.id in cell]
                if parts:
                    totals[measure.id] = _SEVERAL if any(part is _SEVERAL for part in parts) else sum(parts)
    else:
        totals |= cells.get((), {})
        cells = {}
    if view.query.money == "order" and by and "currency" in by:
        totals |= _mixed(cells, by.index("currency"), measures)
    for cell in (*cells.values(), totals):
        cell |= gone
    return cells, totals


def _mixed(cells: Mapping[Key, Cell], at: int, measures: Mapping[str, Measure | Staged]) -> dict[str, Any]:
    """Totals of money over cells of several currencies are missing."""
    if len({key[at] for key in cells}) < 2:
        return {}
    return {id_: _SEVERAL for id_, measure in measures.items() if isinstance(measure, Measure) and measure.is_money}


def _aggregates(view: View, measures: Iterable[Measure], by: tuple[str, ...]) -> Iterable[tuple[Key, dict[str, Any]]]:
    """One aggregation for each source: its measures in every cell, those without rows left out."""
    sources: dict[str, list[Measure]] = defaultdict(list)
    for measure in measures:
        sources[view.canonical(measure.source)].append(measure)
    for source, group in sources.items():
        rows: Any = view.rows(source, by)
        values: dict[str, Any] = {measure.id: measure.value(rows) for measure in group}
        own_money = view.query.money == "order" and any(measure.is_money for measure in group)
        if own_money:
            values |= {"first_currency": rows.currency.min(), "last_currency": rows.currency.max()}
        grouped = rows.group_by(*by).aggregate(**values) if by else rows.aggregate(**values)
        for record in view.tables.run(grouped):
            key = tuple(record[id_] for id_ in by)
            cell = {measure.id: record[measure.id] for measure in group if record[measure.id] is not None}
            if own_money and record["first_currency"] != record["last_currency"]:
                cell |= {measure.id: _SEVERAL for measure in group if measure.is_money}
            yield key, cell


def _value(metric: Metric, cell: Cell) -> Value:
    """The metric's value in a cell; missing if a measure of it is."""
    for measure in metric.measures:
        if isinstance(missing := cell.get(measure.id), Missing):
            return missing
    return metric.value(cell)


def _missing(measure: Measure | Staged, tables: Tables) -> Missing | None:
    facts = measure.facts if isinstance(measure, Staged) else (fact_of(measure.source),)
    return next((tables.empty[fact] for fact in facts if fact in tables.empty), None)


def _top(query: Query, tables: Tables, settings: Settings) -> dict[str, tuple[Any, ...]]:
    """The top values of the first dimension that is not time, by the first metric."""
    dimension = next((id_ for id_ in query.by if not dimensions()[id_].grain), None)
    if query.top is None or dimension is None:
        return {}
    plain = replace(query, metrics=query.metrics[:1], by=(dimension,), top=None, against=None)
    metric = metrics()[query.metrics[0]]
    cells, _ = _cells(View(tables, plain, settings), [metric])
    ranked = sorted(cells, key=lambda key: (_rank(_value(metric, cells[key])), _sortable(key)))
    if len(ranked) <= query.top:
        return {}
    return {dimension: tuple(key[0] for key in ranked[: query.top]), REST: tuple(key[0] for key in ranked[query.top :])}


def _rank(value: Value) -> float:
    return float("inf") if isinstance(value, Missing) else -float(value)


def _sortable(key: Key) -> tuple[tuple[bool, bool, Any], ...]:
    return tuple((part is None, part == REST, part if part is not None else 0) for part in key)


def _ordered(keys: Iterable[Key], query: Query, asked: Sequence[Metric], cells: Mapping[Key, Cell]) -> list[Key]:
    """By the dimensions in their order; the largest first where only the top is asked for, the rest last."""
    if query.top is None:
        return sorted(keys, key=_sortable)
    time = [i for i, id_ in enumerate(query.by) if dimensions()[id_].grain]

    def position(key: Key) -> tuple[Any, ...]:
        when = _sortable(tuple(key[i] for i in time))
        return (when, REST in key, _rank(_value(asked[0], cells.get(key, {}))), _sortable(key))

    return sorted(keys, key=position)


def _filled(cells: Mapping[Key, Cell], view: View) -> Iterable[Key]:
    """The keys, and where only time is asked for, the empty buckets between the first and the last."""
    by = view.query.by
    grain = dimensions()[by[0]].grain if len(by) == 1 else None
    days = [key[0] for key in cells if isinstance(key[0], date)] if grain and grain is not Grain.HOUR else []
    if not days or grain is None or any(dimensions()[f.dimension].grain for f in view.query.where):
        return cells
    calendar = view.settings.calendar
    between = Period(min(days), calendar.next(max(days), grain))
    return {*cells, *((bucket.start,) for bucket in calendar.buckets(between, grain))}


def _twin(key: Key, view: View, other: View) -> Key:
    """The key of the cell that stands at the same place of the period compared with."""
    twin = list(key)
    for i, id_ in enumerate(view.query.by):
        grain, day = dimensions()[id_].grain, key[i]
        if grain and grain is not Grain.HOUR and isinstance(day, date):
            places = _starts(view, grain)
            others = _starts(other, grain)
            place = places.index(day)
            twin[i] = others[place] if place < len(others) else date.max
    return tuple(twin)


def _starts(view: View, grain: Grain) -> list[date]:
    period = view.query.period
    return [bucket.start for bucket in view.settings.calendar.buckets(period, grain)] if period else []


def _row(query: Query, key: Key, asked: Sequence[Metric], cell: Cell, rest: int) -> Row:
    row: dict[str, Entry] = {}
    for id_, part in zip(query.by, key, strict=True):
        if part is None:
            row[id_] = Missing(f"no_{id_}", dimensions()[id_].unknown)
        else:
            row[id_] = Rest(rest) if part == REST else part
    for metric in asked:
        row[metric.id] = _value(metric, cell)
    return row
