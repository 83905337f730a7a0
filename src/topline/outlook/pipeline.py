"""What the pipeline ahead will bring: chances of open deals, revenue by week, and scores of open leads."""

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.settings import Settings
from topline.outlook.kept import Run
from topline.science import leads, pipeline
from topline.science.pipeline import LOST, OPEN, WON, PipelineFit, Revenue

Floats = NDArray[np.float64]

READS = ("deal_stage", "lead_event")
WEEKS = 13
MODEL = "landmarks by stage and age, competing outcomes"

_SEED = 20_260_901
_STATES = {"won": WON, "lost": LOST}
_LEAD_COLUMNS = ("channel", "campaign", "market", "owner", "product_line")
_REASONS = pa.list_(pa.struct([("column", pa.string()), ("factor", pa.float64())]))


def run(lake: Lake, snapshot: Snapshot, *, as_of: date, settings: Settings) -> Run:
    """Chances of the deals that are open on a day, from what became of all before it.

    The tables: `deal` (open ones), `stage` (chances by stage and age), `lead` (open leads, if they could be scored),
    `curve` (calibration). Raises ThinPipelineError.
    """
    moves: Any = engine.table(lake, "deal_stage", snapshot)
    rows = engine.execute(moves.filter(moves.on < as_of).order_by("deal_key", "at", "position")).to_pylist()
    course, last, names = _course(rows, as_of)
    now = float(as_of.toordinal())
    if not rows:
        raise pipeline.ThinPipelineError(closed=0, won=0, least=pipeline.LEAST_CLOSED, least_won=pipeline.LEAST_WON)
    fitted = pipeline.fit(course, now)
    is_open = course.outcome[last] == OPEN
    stood = last[is_open]
    # a stay goes on for as long as the deal stands in the stage, however often a row changes it
    since = np.array([course.entered[_first(course, row)] for row in stood])
    chance = pipeline.chances(fitted, course.stage[stood], now - since, course.pushed[stood])
    deal = {
        "key": [rows[row]["deal_key"] for row in stood],
        "stage": [rows[row]["stage"] for row in stood],
        "owner": pa.array([rows[row]["owner"] for row in stood], pa.string()),
        "value": course.value[stood],
        "age_days": now - since,
        "pushed": course.pushed[stood],
        "expected_close": pa.array([rows[row]["expected_close"] for row in stood], pa.date32()),
        "chance": chance[:, -1],
        "by_week": pa.array([list(each[:WEEKS]) for each in chance], pa.list_(pa.float64())),
    }
    told = [(s, a) for s in range(len(names)) for a in range(len(fitted.edges)) if fitted.deals[s, a] >= 1]
    stage = {
        "stage": [names[s] for s, _ in told],
        "from_days": [float(fitted.edges[a]) for _, a in told],
        "chance": [float(fitted.win_rate[s, a]) for s, a in told],
        "looks": [float(fitted.deals[s, a]) for s, a in told],
    }
    made = _pace(course, as_of)
    scored, about_leads = _leads(lake, snapshot, as_of)
    about = {
        "as_of": as_of.isoformat(),
        "snapshot": snapshot.number,
        "model": MODEL,
        "pushed_odds": fitted.pushed_odds,
        "value_ratio": fitted.value_ratio,
        "new_per_week": fitted.new_per_week,
        "new_value": fitted.new_value,
        "new_spread": fitted.new_spread,
        "new_by_week": fitted.new_by_week[:WEEKS].tolist(),
        "pace": made.by_month.tolist(),
        "unsteady": made.unsteady,
        "leads": about_leads,
    }
    return Run({"deal": pa.table(deal), "stage": pa.table(stage), **scored}, about)


def revenue(run: Run, *, owners: Collection[str] | None = None) -> Revenue:
    """Won revenue by week of the next quarter; of some owners' open deals alone, without new ones."""
    inputs = _inputs(run, owners, 1.0 if owners is None else 0.0)
    return pipeline.revenue(inputs.fitted, inputs.chance, inputs.value, **inputs.pace)


@dataclass(frozen=True, slots=True)
class Reach:
    """What some owners are to win until a day, as seen from the day of the run.

    chance : probability that it comes to the amount asked for, 0-1
    mean, low, high : the sum; low and high hold `pipeline.LEVEL`
    """

    chance: float
    mean: float
    low: float
    high: float


def reach(run: Run, amount: float, until: date, *, owners: Collection[str]) -> Reach:
    """Whether owners win an amount until a day, at most `WEEKS` ahead: by their open deals, and by new ones at their
    share of the deals that are open.

    Weeks are whole ones: the last counts where more than half of it lies before the day.
    """
    whose = run.texts("deal", "owner")
    share = sum(name in owners for name in whose) / len(whose) if len(whose) else 0.0
    inputs = _inputs(run, owners, share)
    drawn = pipeline.draws(inputs.fitted, inputs.chance, inputs.value, **inputs.pace)
    weeks = round((until - date.fromisoformat(run.about["as_of"])).days / 7)
    total = drawn[:, : max(weeks, 0)].sum(axis=1)
    low, high = np.quantile(total, ((1 - pipeline.LEVEL) / 2, (1 + pipeline.LEVEL) / 2))
    return Reach(float(np.mean(total >= amount)), float(total.mean()), float(low), float(high))


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What `science.pipeline` needs of a run for some owners."""

    fitted: PipelineFit
    chance: Floats
    value: Floats
    pace: dict[str, Any]


def _inputs(run: Run, owners: Collection[str] | None, share: float) -> _Inputs:
    """share : of the new deals that are theirs, 0-1"""
    about = run.about
    whose = run.texts("deal", "owner")
    mine = np.array([owners is None or name in owners for name in whose], dtype=bool)
    by_week = run.texts("deal", "by_week")
    chance = np.array([each for each, own in zip(by_week, mine, strict=True) if own]).reshape(-1, WEEKS)
    none = np.zeros((1, 1, WEEKS))
    fitted = PipelineFit(
        edges=np.zeros(1),
        win_by_week=none,
        deals=none[0],
        pushed_odds=about["pushed_odds"],
        value_ratio=about["value_ratio"],
        new_per_week=about["new_per_week"] * share,
        new_value=about["new_value"],
        new_spread=about["new_spread"],
        new_by_week=np.array(about["new_by_week"]),
    )
    first = date.fromisoformat(about["as_of"])
    middle = [first + timedelta(days=7 * week + 3) for week in range(WEEKS)]
    pace = np.array([about["pace"][(day.month - 1) % 3] for day in middle])
    rng = np.random.default_rng(_SEED)
    return _Inputs(
        fitted, chance, run.floats("deal", "value")[mine], {"pace": pace, "unsteady": about["unsteady"], "rng": rng}
    )


def open_leads(run: Run, *, owners: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Open leads with their chances and reasons, the likeliest first; of some owners alone. Empty without scores."""
    rows = run.tables["lead"].to_pylist() if "lead" in run.tables else []
    mine = (row for row in rows if owners is None or row["owner"] in owners)
    return sorted(mine, key=lambda row: (-row["chance"], row["created"], row["key"]))


def _pace(course: pipeline.Course, as_of: date) -> pipeline.Pace:
    """How the whole months so far closed."""
    is_won = course.outcome == WON
    days = [date.fromordinal(int(day)) for day in course.left[is_won]]
    month = np.array([day.year * 12 + day.month - 1 for day in days], dtype=np.int64)
    now = as_of.year * 12 + as_of.month - 1
    inside = (month > month.min(initial=now)) & (month < now)
    if not inside.any():
        return pipeline.pace(np.zeros(0), np.zeros(0, dtype=np.int64))
    begin = int(month.min()) + 1
    won = np.bincount(month[inside] - begin, course.value[is_won][inside], now - begin)
    return pipeline.pace(won, (begin + np.arange(now - begin)) % 3)


@dataclass(slots=True)
class _Deal:
    number: int = -1
    pushed: int = 0
    close: date | None = None


def _course(rows: list[dict[str, Any]], as_of: date) -> tuple[pipeline.Course, NDArray[np.int64], list[str]]:
    """The moves as stays, the last row of each deal, and the names of the open stages in order of place."""
    places: dict[str, int] = {}
    for row in rows:
        if row["state"] == "open":
            places[row["stage"]] = max(places.get(row["stage"], 0), row["position"])
    names = sorted(places, key=lambda name: (places[name], name))
    stage_of = {name: k for k, name in enumerate(names)}
    n = len(rows)
    deal, stage, outcome, pushed = (np.zeros(n, dtype=np.int64) for _ in range(4))
    entered, left, value = np.zeros(n), np.full(n, float(as_of.toordinal())), np.zeros(n)
    seen: dict[str, _Deal] = {}
    kept = np.ones(n, dtype=bool)
    before = -1
    for i, row in enumerate(rows):
        one = seen.setdefault(row["deal_key"], _Deal(len(seen)))
        if one.close and row["expected_close"] and row["expected_close"] > one.close and row["state"] == "open":
            one.pushed += int(row["previous_stage"] == row["stage"] or row["previous_stage"] is None)
        one.close = row["expected_close"] or one.close
        day = float(row["on"].toordinal())
        deal[i], value[i], pushed[i], entered[i] = one.number, float(row["value_shop"]), one.pushed, day
        is_same = before >= 0 and rows[before]["deal_key"] == row["deal_key"]
        if is_same:
            left[before] = day
        state = _STATES.get(row["state"], OPEN)
        if state != OPEN and is_same:  # what a deal comes to ends its last stay
            outcome[before], kept[i] = state, False
            value[before] = value[i] if state == WON else value[before]
        else:
            stage[i], outcome[i] = stage_of.get(row["stage"], 0), state
        before = i
    rows[:] = [row for row, keep in zip(rows, kept, strict=True) if keep]
    course = pipeline.Course(
        deal[kept], stage[kept], entered[kept], left[kept], outcome[kept], value[kept], pushed[kept]
    )
    last = np.zeros(len(seen), dtype=np.int64)
    last[course.deal] = np.arange(len(course.deal))
    return course, last, names


def _first(course: pipeline.Course, row: int) -> int:
    """The row with which a deal entered the stage that it stands in."""
    while row and course.deal[row - 1] == course.deal[row] and course.stage[row - 1] == course.stage[row]:
        row -= 1
    return row


def _leads(lake: Lake, snapshot: Snapshot, as_of: date) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """Open leads with their scores and the calibration curve, or why there are none."""
    events: Any = engine.table(lake, "lead_event", snapshot)
    events = events.filter(events.on < as_of)
    per = events.group_by("lead_key").aggregate(
        created=events.on.min(),
        won=(events.event == "converted").sum(),
        lost=(events.event == "lost").sum(),
        qualified=(events.event == "qualified").sum(),
        **{name: events[name].max() for name in _LEAD_COLUMNS},
    )
    found = engine.execute(per.order_by(per.created, per.lead_key)).to_pylist()
    closed = [row for row in found if row["won"] or row["lost"]]
    waiting = [row for row in found if not (row["won"] or row["lost"])]
    converted = np.array([bool(row["won"]) for row in closed], dtype=bool)
    every = {name: [row[name] for row in (*closed, *waiting)] for name in _LEAD_COLUMNS}
    every["month"] = [float(row["created"].month) for row in (*closed, *waiting)]
    every = {name: values for name, values in every.items() if any(values[: len(closed)])}
    try:
        made = leads.score({name: values[: len(closed)] for name, values in every.items()}, converted)
    except leads.ThinLeadsError as error:
        return {}, {"missing": error.message, "params": dict(error.params)}
    curve = {
        "expected": [each.expected for each in made.curve],
        "observed": [each.observed for each in made.curve],
        "leads": [each.leads for each in made.curve],
    }
    chosen = made.later[made.model]
    chance, reasons = leads.open_chances(every, converted, made)
    lead = {
        "key": pa.array([row["lead_key"] for row in waiting], pa.string()),
        "created": pa.array([row["created"] for row in waiting], pa.date32()),
        "age_days": np.array([(as_of - row["created"]).days for row in waiting], dtype=np.int64),
        "is_qualified": np.array([bool(row["qualified"]) for row in waiting], dtype=bool),
        **{name: pa.array([row[name] for row in waiting], pa.string()) for name in _LEAD_COLUMNS},
        "chance": chance,
        "why": pa.array([[asdict(each) for each in several] for several in reasons], _REASONS),
    }
    return {"curve": pa.table(curve), "lead": pa.table(lead)}, {
        "model": made.model,
        "is_worth": made.is_worth,
        "auc": made.folds[made.model].auc,
        "later_auc": chosen.auc,
        "brier": made.folds[made.model].brier,
        "base_brier": made.folds[made.model].base_brier,
        "rate": float(converted.mean()),
        "closed": len(closed),
        "open": len(found) - len(closed),
        "leaks": [list(each) for each in made.leaks],
    }
