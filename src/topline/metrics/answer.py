"""Answers a query over tables: each source aggregated apart at the asked grain, then aligned, then valued."""

import heapq
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from topline.facts.target import TABLE as TARGET
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.frame import MOST_BUCKETS, finest, frame
from topline.metrics.metric import Cell, Key, Measure, Metric, RollUp, Staged, Value
from topline.metrics.query import LAID_UPON, Filter, Query, TooManyRowsError, WindowTooLongError
from topline.metrics.result import Entry, Rest, Result, Row
from topline.metrics.settings import Settings
from topline.metrics.view import NOTHING, Tables, View, fact_of
from topline.units.missing import Missing
from topline.units.period import Grain, Period
from topline.units.text import N_

MOST_ROWS = 100_000
"""Rows that an answer may have."""

MOST_RANKED = 10_000_000
"""Values of a dimension of which the top may be asked for."""

REST = "\uffff"
"""Stands for the values of a dimension that are not among the top."""

_LATE = timedelta(days=3)
"""Of days without a row at the start of what is compared with, as a shop may be closed; after more it isn't whole."""

_NANO = Decimal("1e-9")
_NO_SUM = Missing("target_does_not_sum", N_("a ratio's target is no sum of days; see its goal"))
_NOT_PLANNED_SO = Missing("not_planned_so", N_("plans don't set targets by this"))
_SEVERAL = Missing("several_currencies", N_("several currencies, which don't add up; cut by currency"))


def answer(query: Query, tables: Tables, settings: Settings) -> Result:
    """The rows and totals of the query, with those that it compares with.

    Raises WindowTooLongError, TooManyRowsError.
    """
    asked = [metrics()[id_] for id_ in query.metrics]
    rates = _rates(query, tables, settings)
    top = _top(query, tables, settings, rates)
    plain = View(tables, query, settings, rates=rates)
    view = _framed(plain)
    cells, totals = _valued(view, asked, top)
    if view is not plain:
        totals = _valued(View(tables, replace(query, by=(), window=None), settings, rates=rates), asked)[1]
    others, other_totals, other = _compared(view, asked, top)
    keys = _ordered(_filled({**cells, **_twins(others, view, other)}, view), query, cells)
    rest = top.others if top else 0
    nothing = _value_of_nothing(asked, view)
    result = Result(
        query=query,
        settings=settings,
        columns=(*query.by, *query.metrics),
        rows=[_row(query, key, cells.get(key, nothing), rest) for key in keys],
        totals=totals,
        begins=tables.extent.start if tables.extent else None,
    )
    if query.against is None:
        return result
    twins = [_twin(key, view, other) for key in keys] if other else keys
    return replace(
        result,
        against_rows=[_row(query, twin, others[twin], rest) if twin in others else None for twin in twins],
        against_totals=other_totals,
    )


type Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Top:
    """The values of a dimension that stand for themselves, and how many others are one."""

    dimension: str
    values: tuple[Any, ...]
    others: int


def _compared(view: View, asked: Sequence[Metric], top: Top | None) -> tuple[dict[Key, Values], Values, View | None]:
    """The values that the question compares with, and the view whose keys are another period's, if they are.

    Before a metric's facts begin, and in what begins before them, its values are missing.
    """
    query = view.query
    if query.against == "plan":
        return *_targets(view, asked), None
    compared = query.compared()
    if compared is None:
        return {}, {}, None
    laid = query.against if query.against in LAID_UPON else None
    plain = View(view.tables, compared, view.settings, rates=view.rates)
    other = _framed(plain, like=laid)
    cells, totals = _valued(other, asked, top)
    if other is not plain and compared.by:
        whole = View(view.tables, replace(compared, by=(), window=None), view.settings, rates=view.rates)
        totals = _valued(_framed(whole, like=laid), asked)[1]
    for metric in asked:
        facts = [fact for m in metric.measures for fact in (m.facts if isinstance(m, Staged) else (fact_of(m.source),))]
        missing = begins_later(view.tables, facts, _read_from(other, None))
        if missing:  # no cell begins before the whole
            totals[metric.id] = missing
            for key, cell in cells.items():
                if begins_later(view.tables, facts, _read_from(other, key)):
                    cell[metric.id] = missing
    return cells, totals, None if laid else other


def begins_later(tables: Tables, facts: Iterable[str], start: date | None) -> Missing | None:
    """What is missing of a time from `start` on: one of its facts is recorded only since later; None if none is."""
    first = max((tables.firsts[fact] for fact in facts if fact in tables.firsts), default=None)
    if first is None or start is None or first - start <= _LATE:
        return None
    return Missing("begins_later", N_("what is known begins on %(day)s"), {"day": first})


def _read_from(view: View, key: Key | None) -> date | None:
    """The first day that a cell was read from, or the whole for None."""
    at = next((i for i, id_ in enumerate(view.query.by) if dimensions()[id_].grain not in (None, Grain.HOUR)), None)
    bucket: Any = None if key is None or at is None else key[at]
    if view.frame:
        periods = view.frame.periods
        if bucket is None:
            return min((period.start for period in periods.values()), default=None)
        return periods[bucket].start if bucket in periods else None
    start = view.query.period.start if view.query.period else None
    return max(bucket, start) if isinstance(bucket, date) and start else start


def _valued(
    view: View, asked: Sequence[Metric], top: Top | None = None, *, is_ranking: bool = False
) -> tuple[dict[Key, Values], Values]:
    """The metrics' values in every cell and in the whole. Raises TooManyRowsError."""
    cells, totals = _cells(view, asked, top, MOST_RANKED if is_ranking else MOST_ROWS)
    values = {key: {metric.id: _value(metric, cell) for metric in asked} for key, cell in cells.items()}
    return values, {metric.id: _value(metric, totals) for metric in asked}


def _value_of_nothing(asked: Sequence[Metric], view: View) -> Values:
    """The values in a cell without any row."""
    gone = {
        measure.id: missing
        for metric in asked
        for measure in metric.measures
        if (missing := missing_of(measure, view.tables))
    }
    return {metric.id: _value(metric, gone) for metric in asked}


def _targets(view: View, asked: Sequence[Metric]) -> tuple[dict[Key, Values], Values]:
    """What the plans in force want of the metrics; missing for ratios, which no days sum to."""
    query = view.query
    slices = {id_ for id_ in (*query.by, *(f.dimension for f in query.filters)) if not dimensions()[id_].grain}
    missing: Missing | None = None
    if "target" in view.tables.empty:
        missing = view.tables.empty["target"]
    elif any(dimensions()[id_].column not in TARGET.columns for id_ in slices) or "hour" in query.by:
        missing = _NOT_PLANNED_SO
    values: dict[Key, Values] = defaultdict(dict)
    totals: Values = {}
    for metric in asked:
        gone = missing or (_NO_SUM if metric.roll_up in (RollUp.RATIO, RollUp.ANEW) else None)
        for by in dict.fromkeys((query.by, ())) if gone is None else ():
            plain = view if by else View(view.tables, replace(query, by=(), window=None), view.settings)
            rows: Any = plain.rows("target", by)
            rows = rows.filter(rows.metric == metric.id)
            wanted = {"wanted": rows.amount.sum()}
            grouped = rows.group_by(*by).aggregate(**wanted) if by else rows.aggregate(**wanted)
            for record in view.tables.run(grouped):
                if record["wanted"] is not None:
                    target = values[tuple(record[id_] for id_ in by)] if by else totals
                    target[metric.id] = record["wanted"]
        totals.setdefault(metric.id, gone or NOTHING["target"])
    for cell in values.values():
        for metric in asked:
            cell.setdefault(metric.id, NOTHING["target"])
    return values, totals


def _framed(view: View, like: str | None = None) -> View:
    """The view with its days laid out as the window and the comparison say; itself where they say nothing."""
    known = view.period
    if known is None or (view.query.window is None and like is None):
        return view
    laid = frame(view.query, known, view.settings, like=like)
    return view.laid(laid) if laid else view


def _rates(query: Query, tables: Tables, settings: Settings) -> dict[str, Decimal]:
    """For constant money each currency's mean rate over the period compared with, else over the period, else ever."""
    if query.money != "constant" or "order_line" in tables.empty:
        return {}
    found: dict[str, Decimal] = {}
    base = query.compared() or query
    for period in dict.fromkeys((None, base.period)):
        plain = replace(query, metrics=("ledger_amount",), period=period, by=(), where=(), against=None, window=None)
        own = View(tables, plain, settings).both_moneys(period)
        sums = own.group_by("currency").aggregate(own=own.amount.abs().sum(), shop=own.amount_shop.abs().sum())
        for record in tables.run(sums):
            if record["own"]:
                found[record["currency"]] = (Decimal(record["shop"]) / Decimal(record["own"])).quantize(_NANO)
    return found


def _cells(
    view: View, asked: Sequence[Metric], top: Top | None, most: int
) -> tuple[dict[Key, dict[str, Any]], dict[str, Any]]:
    """The measures of every cell and of the whole."""
    measures = {measure.id: measure for metric in asked for measure in metric.measures}
    totals: dict[str, Any] = {}
    by = view.query.by
    gone = {id_: missing for id_, measure in measures.items() if (missing := missing_of(measure, view.tables))}
    present = [measure for id_, measure in measures.items() if id_ not in gone]
    if top is None:
        cells = _present(view, present, most)
    else:
        at, shown, others = by.index(top.dimension), _only(view, top, others=False), _only(view, top, others=True)
        rest = {(*key[:at], REST, *key[at:]): cell for key, cell in _present(others, present, most).items()}
        cells = _present(shown, present, most) | rest
    if by and view.frame is None:  # a frame shows days twice or elsewhere: its totals are another question's
        for stage in _stages(present):
            totals.update(stage(view, ()).get((), {}))
        again = [m for m in present if isinstance(m, Measure) and not m.adds_up]
        for _, cell in _aggregates(view, again, (), most):
            totals |= cell
        for measure in present:
            if isinstance(measure, Measure) and measure.adds_up:
                parts = [cell[measure.id] for cell in cells.values() if measure.id in cell]
                if parts:
                    totals[measure.id] = _SEVERAL if any(part is _SEVERAL for part in parts) else sum(parts)
    elif not by:
        totals |= cells.get((), {})
        cells = {}
    if view.query.money == "order" and by and "currency" in by:
        totals |= _mixed(cells, by.index("currency"), measures)
    for cell in (*cells.values(), totals):
        cell |= gone
    return cells, totals


def _present(view: View, measures: Sequence[Measure | Staged], most: int) -> dict[Key, dict[str, Any]]:
    """The measures of every cell that has rows. Raises TooManyRowsError if more than `most` have."""
    by = view.query.by
    cells: dict[Key, dict[str, Any]] = defaultdict(dict)
    for key, cell in _aggregates(view, [m for m in measures if isinstance(m, Measure)], by, most):
        cells[key] |= cell
    for stage in _stages(measures):
        for key, staged in _staged(stage, view, by).items():
            cells[key].update(staged)
        if len(cells) > most:
            raise TooManyRowsError(most=most)
    return cells


def _only(view: View, top: Top, *, others: bool) -> View:
    """The same question about the top values only, or about all others as one."""
    query = view.query
    by = tuple(id_ for id_ in query.by if id_ != top.dimension) if others else query.by
    chosen = replace(query, by=by, where=(*query.where, Filter(top.dimension, top.values, is_without=others)))
    return View(view.tables, chosen, view.settings, rates=view.rates, frame=view.frame)


type Stage = Callable[[View, tuple[str, ...]], Mapping[Key, Cell]]


def _stages(measures: Iterable[Measure | Staged]) -> Iterable[Stage]:
    """What works out the measures that are no aggregate, each once."""
    return dict.fromkeys(measure.cells for measure in measures if isinstance(measure, Staged))


def _staged(stage: Stage, view: View, by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """A stage's cells; in a frame each bucket is asked for by itself, over its own days."""
    if view.frame is None:
        return stage(view, by)
    periods = view.frame.periods
    grain = finest(view.query)
    if len(periods) > MOST_BUCKETS and grain:
        raise WindowTooLongError(grain=dimensions()[grain.value].label)
    rest = tuple(id_ for id_ in by if not dimensions()[id_].grain)
    cells: dict[Key, Cell] = {}
    for bucket, period in periods.items():
        for key, cell in stage(view.over(period), rest).items():
            known = dict(zip(rest, key, strict=True))
            cells[tuple(_part(id_, known, bucket, view) for id_ in by)] = cell
    return cells


def _part(id_: str, known: Mapping[str, Any], bucket: date | None, view: View) -> Any:
    grain = dimensions()[id_].grain
    return view.settings.calendar.floor(bucket, grain) if grain and bucket else known.get(id_)


def _mixed(cells: Mapping[Key, Cell], at: int, measures: Mapping[str, Measure | Staged]) -> dict[str, Any]:
    """Totals of money over cells of several currencies are missing."""
    if len({key[at] for key in cells}) < 2:
        return {}
    return {id_: _SEVERAL for id_, measure in measures.items() if isinstance(measure, Measure) and measure.is_money}


def _aggregates(
    view: View, measures: Iterable[Measure], by: tuple[str, ...], most: int
) -> Iterable[tuple[Key, dict[str, Any]]]:
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
        records = view.tables.run(grouped.limit(most + 1) if by else grouped)
        if len(records) > most:
            raise TooManyRowsError(most=most)
        for record in records:
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


def missing_of(measure: Measure | Staged, tables: Tables) -> Missing | None:
    """What is missing to compute the measure: the first of its facts without rows."""
    facts = measure.facts if isinstance(measure, Staged) else (fact_of(measure.source),)
    return next((tables.empty[fact] for fact in facts if fact in tables.empty), None)


def _top(query: Query, tables: Tables, settings: Settings, rates: Mapping[str, Decimal]) -> Top | None:
    """The top values of the first dimension that is not time, by the first metric; None where all are."""
    dimension = next((id_ for id_ in query.by if not dimensions()[id_].grain), None)
    if query.top is None or dimension is None:
        return None
    plain = replace(query, metrics=query.metrics[:1], by=(dimension,), top=None, against=None, window=None)
    metric = metrics()[query.metrics[0]]
    cells, _ = _valued(View(tables, plain, settings, rates=rates), [metric], is_ranking=True)
    if len(cells) <= query.top:
        return None
    largest = heapq.nsmallest(query.top, cells, lambda key: (_rank(cells[key][metric.id]), _sortable(key)))
    return Top(dimension, tuple(key[0] for key in largest), len(cells) - query.top)


def _rank(value: Value) -> float:
    return float("inf") if isinstance(value, Missing) else -float(value)


def _sortable(key: Key) -> tuple[tuple[bool, bool, Any], ...]:
    return tuple((part is None, part == REST, part if part is not None else 0) for part in key)


def _ordered(keys: Iterable[Key], query: Query, cells: Mapping[Key, Values]) -> list[Key]:
    """By the dimensions in their order; the largest first where only the top is asked for, the rest last."""
    if query.top is None:
        return sorted(keys, key=_sortable)
    time = [i for i, id_ in enumerate(query.by) if dimensions()[id_].grain]

    def position(key: Key) -> tuple[Any, ...]:
        when = _sortable(tuple(key[i] for i in time))
        first = cells[key][query.metrics[0]] if key in cells else Decimal(0)
        return (when, REST in key, _rank(first), _sortable(key))

    return sorted(keys, key=position)


def _filled(cells: Mapping[Key, Values], view: View) -> Iterable[Key]:
    """The keys, and where only time is asked for, the empty buckets between the first and the last.

    All of the period where what the metrics are made of is missing: each says so.
    """
    by = view.query.by
    grain = dimensions()[by[0]].grain if len(by) == 1 else None
    if grain is None or grain is Grain.HOUR or any(dimensions()[f.dimension].grain for f in view.query.where):
        return cells
    calendar, known = view.settings.calendar, view.tables.extent
    days = [key[0] for key in cells if isinstance(key[0], date)]
    if days:
        between = Period(min(days), calendar.next(max(days), grain))
    elif view.query.period and known and view.period and view.period.end > known.start and _is_gone(view):
        between = view.period
    else:
        return cells
    return {*cells, *((bucket.start,) for bucket in calendar.buckets(between, grain))}


def _is_gone(view: View) -> bool:
    """Whether a fact is missing that each of the metrics needs."""
    asked = (metrics()[id_] for id_ in view.query.metrics)
    return all(any(missing_of(measure, view.tables) for measure in metric.measures) for metric in asked)


def _twins(others: Mapping[Key, Values], view: View, other: View | None) -> dict[Key, Values]:
    """The cells compared with, each under the key of the asked period at its place; time that is yet to come left out.

    Of targets all, as what is to come is planned.
    """
    if view.query.against in (None, "plan"):
        return dict(others)
    ahead = view.period.end if view.period else date.min
    found = {}
    for key, values in others.items():
        own = _twin(key, other, view) if other else key
        if not any(isinstance(part, date) and part >= ahead for part in own):
            found[own] = values
    return found


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


def _row(query: Query, key: Key, values: Mapping[str, Value], rest: int) -> Row:
    row: dict[str, Entry] = {}
    for id_, part in zip(query.by, key, strict=True):
        if part is None:
            row[id_] = Missing(f"no_{id_}", dimensions()[id_].unknown)
        else:
            row[id_] = Rest(rest) if part == REST else part
    row.update(values)
    return row
