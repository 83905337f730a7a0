"""Plan: how far its goals are met, how good its forecast was, how much of its budget and hours is used."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from topline.metrics.answer import answer
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.dimension import DAYS
from topline.metrics.metric import Cell, Direction, Key, Metric, RollUp, Staged, Unit, Value, ratio
from topline.metrics.query import Query
from topline.metrics.view import View
from topline.units.missing import Missing
from topline.units.period import Grain
from topline.units.text import N_

USUAL = "net_sales"
"""What is meant where no metric is chosen."""

_NO_TARGET = Missing("no_target", N_("no target"))
_NOT_DUE = Missing("nothing_due", N_("no target due yet"))
_NO_PAST_FORECAST = Missing("no_past_forecast", N_("no forecast of days that have passed"))
_NO_ACTUALS = Missing("no_actuals", N_("nothing happened that was forecast"))
_NO_BUDGET = Missing("no_budget", N_("no budget"))
_NO_HOURS = Missing("no_capacity", N_("no hours of teams"))

_GOAL = frozenset({"metric", "category", "market", "channel"})
_FORECAST = frozenset({"metric", "category", "market", "lead"})
_COARSE = (Grain.MONTH, Grain.WEEK, Grain.DAY)
_SUMMED = (RollUp.SUM, RollUp.DISTINCT)


def _ahead(view: View) -> View:
    """The same question with the days to come: what is planned is known before it happens."""
    return View(view.tables, replace(view.query, as_of=None), view.settings)


def _grouped(view: View, rows: Any, by: tuple[str, ...], values: dict[str, Any]) -> dict[Key, dict[str, Any]]:
    grouped = rows.group_by(*by).aggregate(**values) if by else rows.aggregate(**values)
    return {tuple(record.pop(id_) for id_ in by): record for record in view.tables.run(grouped)}


def _without(query: Query, metric: str, *ids: str) -> Query:
    """The question about a metric, without these dimensions."""
    return replace(
        query,
        metrics=(metric,),
        by=tuple(id_ for id_ in query.by if id_ not in ids),
        where=tuple(condition for condition in query.where if condition.dimension not in ids),
        against=None,
        top=None,
    )


def _chosen(view: View, by: tuple[str, ...]) -> bool:
    """Whether the question says which metrics it means."""
    return "metric" in by or any(condition.dimension == "metric" for condition in view.query.where)


def _goal_cells(view: View, by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Targets of the whole, those due by now, and what has come in, of metrics whose days sum to the whole."""
    import ibis

    known = view.tables.extent
    if known is None:
        return {}
    end = min(known.end, view.query.as_of or known.end)
    wide = tuple(dict.fromkeys((*by, "metric")))
    rows: Any = _ahead(view).rows("target", wide)
    if not _chosen(view, by):
        rows = rows.filter(rows.metric == USUAL)
    wanted = {"target": rows.amount.sum(), "due": rows.amount.sum(where=rows.within < ibis.literal(end))}
    targets = _grouped(view, rows, wide, wanted)
    cells: dict[Key, dict[str, Any]] = {}
    place = wide.index("metric")
    for id_ in sorted({str(key[place]) for key in targets}):
        if id_ not in metrics() or metrics()[id_].roll_up not in _SUMMED:
            continue
        actuals = dict(_actuals(view, id_, by))
        for key, target in targets.items():
            if key[place] == id_:
                short = tuple(part for i, part in enumerate(key) if i != place)
                cells[key if "metric" in by else short] = target | {"actual": actuals.get(short, 0)}
    return cells


def _actuals(view: View, metric: str, by: tuple[str, ...]) -> Iterable[tuple[Key, Value]]:
    """What has come in of a metric, by the dimensions but its own name."""
    plain = _without(replace(view.query, by=by), metric, "metric")
    answered = answer(plain, view.tables, view.settings)
    if not plain.by:
        yield (), answered.totals[metric]
    for row in answered.rows:
        key = tuple(None if isinstance(row[id_], Missing) else row[id_] for id_ in plain.by)
        yield key, row[metric]  # type: ignore[misc]


def _forecast_cells(view: View, by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Errors of the forecasts of buckets that are over, each against what came in.

    A bucket's forecast is that of the newest run of the lead asked for: 1, the bucket ahead, where none is.
    """
    known, calendar = view.tables.extent, view.settings.calendar
    if known is None:
        return {}
    end = min(known.end, view.query.as_of or known.end)
    asked = {id_ for id_ in (*by, *(f.dimension for f in view.query.filters)) if not dimensions()[id_].grain}
    rows: Any = view.tables.table("forecast")
    for column in ("category", "market"):
        rows = rows.filter(rows[column].notnull() if column in asked else rows[column].isnull())
    rows = rows.filter(rows.product_key.isnull() & rows.channel.isnull())
    if "metric" not in asked:
        rows = rows.filter(rows.metric == USUAL)
    records = view.tables.run(rows.filter(rows.on < end))
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for record in sorted(records, key=lambda one: (one["as_of"], one["version"])):
        bucket = Grain(record["grain"])
        record["lead"] = _lead(record["as_of"], record["on"], bucket, calendar)
        is_over = calendar.next(record["on"], bucket) <= end
        if is_over and record["lead"] >= 1 and (record["lead"] == 1 or "lead" in asked):
            newest[(bucket, *(record[name] for name in ("metric", "category", "market", "on", "lead")))] = record
    chosen = next((grain for grain in _COARSE if any(key[0] is grain for key in newest)), None)
    cells: dict[Key, dict[str, Any]] = defaultdict(lambda: {"error": 0.0, "bias": 0.0, "size": 0.0})
    if chosen is None:
        return {}
    slices = tuple(name for name in ("category", "market") if name in asked)
    kept = [record for key, record in newest.items() if key[0] is chosen and _is_kept(record, view)]
    for metric in sorted({record["metric"] for record in kept} & metrics().keys()):
        plain = _without(replace(view.query, by=()), metric, *_FORECAST, *DAYS)
        plain = replace(plain, period=None, by=(chosen.value, *slices))
        actuals = answer(plain, view.tables, view.settings)
        came = {tuple(row[id_] for id_ in plain.by): row[metric] for row in actuals.rows}
        for record in (one for one in kept if one["metric"] == metric):
            actual = came.get((record["on"], *(record[name] for name in slices)), 0)
            if isinstance(actual, Decimal | int | float):
                cell = cells[tuple(_part(record, id_, view) for id_ in by)]
                miss = record["mean"] - float(actual)
                cell["error"] += abs(miss)
                cell["bias"] += miss
                cell["size"] += abs(float(actual))
    return cells


def _lead(as_of: date, on: date, grain: Grain, calendar: Any) -> int:
    """How many buckets ahead a run saw: 1 for the one that begins on its day or next, 0 for the one that has begun."""
    steps, start = 0, calendar.floor(as_of, grain)
    if start == as_of:
        steps = 1
    while start < on:
        start, steps = calendar.next(start, grain), steps + 1
    return steps if on >= as_of else 0


def _part(record: Mapping[str, Any], id_: str, view: View) -> Any:
    grain = dimensions()[id_].grain
    return view.settings.calendar.floor(record["on"], grain) if grain else record[id_]


def _is_kept(record: Mapping[str, Any], view: View) -> bool:
    period = view.query.period
    if period and not period.start <= record["on"] < period.end:
        return False
    return all(
        not {_part(record, f.dimension, view), str(_part(record, f.dimension, view))}.isdisjoint(f.values)
        is not f.is_without
        for f in view.query.where
    )


def _budget_cells(view: View, by: tuple[str, ...]) -> Mapping[Key, Cell]:
    rows: Any = _ahead(view).rows("planned_spend", by)
    wanted = {"planned": rows.amount_shop.sum(), "committed": rows.committed_shop.sum()}
    cells = {key: dict(cell) for key, cell in _grouped(view, rows, by, wanted).items()}
    spent: Any = view.rows("spend", by)
    for key, cell in _grouped(view, spent, by, {"spent": spent.amount.sum()}).items():
        cells.setdefault(key, {}).update(cell)
    return cells


def _capacity_cells(view: View, by: tuple[str, ...]) -> Mapping[Key, Cell]:
    rows: Any = _ahead(view).rows("capacity", by)
    hours = {"planned_hours": rows.planned_hours.sum(), "available_hours": rows.available_hours.sum()}
    return _grouped(view, rows, by, hours)


GOALS = Staged("goals", _goal_cells, ("target",), source="target")
FORECASTS = Staged("forecasts", _forecast_cells, ("forecast",), source="forecast")
BUDGET = Staged("budget", _budget_cells, ("planned_spend", "spend"), is_shop_money=True, source="planned_spend")
CAPACITY = Staged("capacity", _capacity_cells, ("capacity",), source="capacity")


def _against(cell: Cell, target: str, empty: Missing) -> Value:
    actual: Value = cell.get("actual", 0)
    wanted = cell.get(target)
    return empty if wanted is None else ratio(actual, wanted, empty)


def _budget(cell: Cell) -> Value:
    used = Decimal(cell.get("spent") or 0) + Decimal(cell.get("committed") or 0)
    return ratio(used, cell.get("planned") or 0, _NO_BUDGET)


_SUMS = N_("Of metrics whose days add up, such as sales and orders; net sales where no metric is chosen.")
_AS_SEEN = N_(
    "A forecast is the newest that had been made by the bucket's first day, by month, else week, else day. "
    "Only buckets that are over count. Cut by lead for those made earlier."
)
_PLAN: dict[str, Any] = {"unit": Unit.RATE, "family": "plan", "basis": False}

METRICS = (
    Metric(
        id="goal_attainment",
        label=N_("Goal attainment"),
        description=N_("What has come in for each unit of the whole target of the period, days to come included."),
        note=_SUMS,
        formula="actual / target",
        direction=Direction.UP,
        roll_up=RollUp.RATIO,
        measures=(GOALS,),
        value=lambda cell: _against(cell, "target", _NO_TARGET),
        dimensions=DAYS | _GOAL,
        leaders=N_(
            "Spreadsheets compare with the month's target on every day of it, so theirs starts near nothing too."
        ),
        **_PLAN,
    ),
    Metric(
        id="pace",
        label=N_("Pace"),
        description=N_(
            "What has come in for each unit that the season lets expect by now: targets are spread over days by the "
            "season of the plan, never evenly. 100 % is on the line."
        ),
        note=_SUMS,
        formula="actual / seasonal target to date",
        direction=Direction.UP,
        roll_up=RollUp.RATIO,
        measures=(GOALS,),
        value=lambda cell: _against(cell, "due", _NOT_DUE),
        dimensions=DAYS | _GOAL,
        leaders=N_(
            "HubSpot and most dashboards pace evenly by days, which calls every quiet start of a season a failure."
        ),
        **_PLAN,
    ),
    Metric(
        id="forecast_error",
        label=N_("Forecast error"),
        description=N_("How far published forecasts were off, for each unit of what came in (WAPE)."),
        note=_AS_SEEN,
        formula="Σ |forecast - actual| / Σ |actual|",
        direction=Direction.DOWN,
        roll_up=RollUp.ANEW,
        measures=(FORECASTS,),
        value=lambda cell: ratio(cell["error"], cell["size"], _NO_ACTUALS) if cell.get("size") else _NO_PAST_FORECAST,
        dimensions=DAYS | _FORECAST,
        leaders=N_("A mean of percentages (MAPE) lets small months dominate, and often fits after the fact."),
        **_PLAN,
    ),
    Metric(
        id="forecast_bias",
        label=N_("Forecast bias"),
        description=N_("How far forecasts were too high, or too low if negative, for each unit of what came in."),
        note=_AS_SEEN,
        formula="Σ (forecast - actual) / Σ |actual|",
        direction=Direction.NONE,
        roll_up=RollUp.ANEW,
        measures=(FORECASTS,),
        value=lambda cell: ratio(cell["bias"], cell["size"], _NO_ACTUALS) if cell.get("size") else _NO_PAST_FORECAST,
        dimensions=DAYS | _FORECAST,
        leaders=N_("Some state actual minus forecast, so their sign is the other way round."),
        **_PLAN,
    ),
    Metric(
        id="budget_used",
        label=N_("Budget used"),
        description=N_("Marketing money spent and committed for each unit of the period's whole budget."),
        formula="(marketing_cost + committed) / planned",
        direction=Direction.NONE,
        roll_up=RollUp.RATIO,
        measures=(BUDGET,),
        value=_budget,
        dimensions=DAYS | {"channel", "market", "campaign", "kind"},
        leaders=N_("Advertising platforms know neither other channels nor what is ordered and not yet billed."),
        **_PLAN,
    ),
    Metric(
        id="capacity_used",
        label=N_("Capacity used"),
        description=N_("Hours planned for each hour that a team has, in the weeks that begin in the period."),
        formula="planned hours / available hours",
        direction=Direction.NONE,
        roll_up=RollUp.RATIO,
        measures=(CAPACITY,),
        value=lambda cell: ratio(cell.get("planned_hours") or 0, cell.get("available_hours") or 0, _NO_HOURS),
        dimensions=(DAYS - {"day"}) | {"team"},
        leaders=N_("Resource planners show it by person and day as well."),
        **_PLAN,
    ),
)
