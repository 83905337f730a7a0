"""What a shop will sell: by month, as a whole and by category and market, with intervals and sample paths."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.calendar.occurrence import Occurrence
from topline.facts.forecast import TABLE
from topline.lake.snapshot import Snapshot
from topline.lake.store import Appended, Lake
from topline.metrics.settings import Settings
from topline.outlook import customers, history
from topline.outlook.history import History
from topline.science import conformal, goal, newcomers, parts, season, total
from topline.science.demand import ShortHistoryError
from topline.science.total import Accuracy
from topline.units.errors import ToplineError
from topline.units.period import add_months
from topline.units.text import N_

Floats = NDArray[np.float64]

LEVEL = 0.8
DIMENSIONS = ("category", "market")
MOST_YEARS = 3
_DRAWS = 2_000
_ORIGINS = 12
_LATELY_DAYS = 91
_DOUBTED = 0.9
_SEED = 20_130_901


class PastHorizonError(ToplineError):
    message = N_("The outlook must end after %(as_of)s, the day that it is made on. Ask for later months.")


class BeyondForecastError(ShortHistoryError):
    """Whoever lives with a history that is too short does so with one that ended too long ago."""

    message = N_(
        "What happened is known up to %(known_to)s, and a forecast goes to the end of %(last)s: trend and season "
        "carried on for more than %(years)s years say nothing. Ask for earlier months, as of an earlier day, or bring "
        "in what has happened since."
    )


@dataclass(frozen=True, slots=True)
class Cells:
    """Months of some slices. Months that have begun hold what is in already and what is still to come.

    names : the slices: values of the dimension, None for sales without one; (None,) for the total
    mean : (k, h) expected value of the whole month, summing over k to the total's
    low, high : (k, h) bounds of the central `level`
    actual : (k, h) what is in by the end of the history, 0 for months that have not begun
    last_year : (k, h) the same month a year before, nan if it is not known
    samples : (draws, k, h) joint paths of the whole months, summing over k to the total's on every path
    accuracy : of each slice's forecasts in the past
    """

    names: tuple[str | None, ...]
    mean: Floats
    low: Floats
    high: Floats
    actual: Floats
    last_year: Floats
    samples: Floats
    accuracy: tuple[Accuracy, ...]


@dataclass(frozen=True, slots=True)
class FirstYear:
    """The customers who count as new in the year from the history's first day on, and those believed to be new."""

    first_on: date
    counted: float
    believed: float


@dataclass(frozen=True, slots=True)
class SalesOutlook:
    """What a run expects of a metric.

    metric : a metric id; money is in the shop's currency
    as_of : the day it was made on; known_to : the day up to which there was history (earlier where the data ends)
    snapshot : number of the snapshot that it read
    months : (h,) first days of the months
    level : of the intervals, 0-1
    total : one slice; by : dimension -> slices, only dimensions that have more than one value
    days, day_mean : the days of all months and their expected value, for spreading a month and for pace
    past : what the metric was on each day of its history, the last one that before `known_to`
    first_year : of new customers, where not all who came at first are believed to be new
    model : how it was made
    """

    metric: str
    as_of: date
    known_to: date
    snapshot: int
    months: tuple[date, ...]
    level: float
    total: Cells
    by: dict[str, Cells]
    days: tuple[date, ...]
    day_mean: Floats
    past: Floats
    first_year: FirstYear | None
    model: str

    @property
    def accuracy(self) -> Accuracy:
        return self.total.accuracy[0]

    def chance(self, target: float, months: slice = slice(None)) -> float:
        """Probability that the total of the months reaches `target`, 0-1."""
        return goal.chance(self.total.samples[:, 0, months], target)

    def proposals(self) -> list[goal.Proposal]:
        """A safe, an expected and a stretch target for all months together, beside last year's value."""
        return goal.proposals(self.total.samples[:, 0], float(self.total.last_year[0].sum()))


def run(
    lake: Lake,
    snapshot: Snapshot,
    *,
    as_of: date,
    settings: Settings,
    first: date | None = None,
    months: int = 3,
    metric: str = "net_sales",
    level: float = LEVEL,
    dimensions: Collection[str] = DIMENSIONS,
    own: Iterable[Occurrence] = (),
    known_at: datetime | None = None,
) -> SalesOutlook:
    """The outlook of `months` months from that of `first` (by default of `as_of`), from what happened before `as_of`.

    metric : one whose days add up: net_sales, units, orders
    own : the shop's own events; known_at : only what had been recorded by then
    dimensions : what to slice by, only such that the metric's slices add up

    The same snapshot and arguments give the same numbers to the last digit.
    dimensions : what to cut it by; none for a metric whose slices don't add up, such as orders

    Raises ShortHistoryError below 90 days of history, PastHorizonError if all months are over by `as_of`,
    BeyondForecastError if the last begins more than MOST_YEARS after the history's end.
    """
    asked = history.months_from(first or as_of, months)
    until = add_months(asked[-1], 1)
    if until <= as_of:
        raise PastHorizonError(as_of=as_of)
    daily = partial(history.daily, lake, snapshot, as_of=as_of, settings=settings, known_at=known_at)
    whole = daily(metric, None)
    past, first_year = whole.total, None
    is_new = metric == "new_customers"
    if is_new:  # none for weeks: the shop goes on as long as it has orders
        whole = whole.until(daily("orders", None).end)
        past, first_year = _believed(lake, snapshot, whole, known_at)
    furthest = add_months(whole.end.replace(day=1), 12 * MOST_YEARS)
    if asked[-1] > furthest:
        raise BeyondForecastError(known_to=whole.end - timedelta(days=1), last=f"{furthest:%Y-%m}", years=MOST_YEARS)
    ahead = history.horizon(whole, until, settings.country, own)
    frame = _Frame(whole, ahead, asked)
    test = total.backtest(past, ahead, frame.steps, _ORIGINS)
    rng = np.random.default_rng(_SEED)
    point = total.point(past, ahead)
    paths = conformal.paths(point, total.errors(test, len(past)), _DRAWS, rng)
    if is_new:  # few rehearsals may have been luckier than counts of so few can be
        paths = rng.poisson(paths).astype(np.float64)
    accuracy = total.accuracy(test, len(past), level)
    days, day_mean = _days(replace(whole, values=past[None]), ahead, asked[0], point)
    by = {}
    for dimension in dimensions:
        sliced = daily(metric, dimension)
        if len(sliced.names) > 1:
            by[dimension] = _sliced(frame, sliced, test, point, paths, level, rng)
    return SalesOutlook(
        metric=metric,
        as_of=as_of,
        known_to=whole.end,
        snapshot=snapshot.number,
        months=asked,
        level=level,
        total=frame.cells((None,), whole.values, point[None], paths[:, None], (accuracy,), level),
        by=by,
        days=days,
        day_mean=day_mean,
        past=whole.total,
        first_year=first_year,
        model=total.model_of(len(whole.total), ahead),
    )


def _believed(
    lake: Lake, snapshot: Snapshot, whole: History, known_at: datetime | None
) -> tuple[Floats, FirstYear | None]:
    """The new customers of each day without those who only look new since nothing is known from before."""
    counted = whole.total
    lately = customers.gaps(lake, snapshot, as_of=whole.end, days=_LATELY_DAYS, known_at=known_at)
    found = newcomers.believed(counted, newcomers.new_rate(*lately, len(counted)))
    year = slice(season.YEAR)
    told = FirstYear(whole.start, float(counted[year].sum()), float(found[year].sum()))
    return found, told if told.believed < _DOUBTED * told.counted else None


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where the asked months lie among the periods of a history."""

    history: History
    ahead: total.Horizon
    asked: tuple[date, ...]

    @property
    def steps(self) -> int:
        """Periods that have days ahead."""
        n = len(self.history.total)
        return int(self.ahead.period[-1] - self.ahead.period[n]) + 1

    def cells(
        self,
        names: tuple[str | None, ...],
        values: Floats,
        point: Floats,
        paths: Floats,
        accuracy: tuple[Accuracy, ...],
        level: float,
    ) -> Cells:
        """The asked months: values (k, n) are in, point (k, steps) and paths (draws, k, steps) are to come."""
        n = values.shape[1]
        done = {int(p): v for p, v in zip(*self._totals(values, n), strict=True)}
        nothing = np.zeros(len(names))
        first = self.ahead.period[n]
        numbers = [self._number(month) for month in self.asked]
        actual = np.column_stack([done.get(number, nothing) for number in numbers])
        missing = np.full(len(names), np.nan)
        whole = [number - 12 > 0 or (number == 12 and self.history.start.day == 1) for number in numbers]
        last_year = [done.get(p - 12, nothing) if ok else missing for p, ok in zip(numbers, whole, strict=True)]
        steps = [number - first for number in numbers]
        coming = np.column_stack([point[:, s] if s >= 0 else nothing for s in steps])
        drawn = np.stack([paths[:, :, s] if s >= 0 else np.zeros(paths.shape[:2]) for s in steps], axis=2)
        low, high = conformal.interval(drawn, level)
        mean = actual + coming
        return Cells(
            names=names,
            mean=mean,
            low=actual + np.minimum(low, coming),
            high=actual + np.maximum(high, coming),
            actual=actual,
            last_year=np.column_stack(last_year),
            samples=actual + drawn,
            accuracy=accuracy,
        )

    def _number(self, month: date) -> int:
        start = self.history.start
        return (month.year - start.year) * 12 + month.month - start.month

    def _totals(self, values: Floats, n: int) -> tuple[NDArray[np.int64], Floats]:
        period = self.ahead.period[:n]
        return np.unique(period), total.by_period(values, period).T


def _sliced(
    frame: _Frame,
    sliced: History,
    test: total.Backtest,
    point: Floats,
    paths: Floats,
    level: float,
    rng: np.random.Generator,
) -> Cells:
    """The slices of a dimension, in the frame of the total's history."""
    values = _aligned(sliced, frame.history)
    expected = parts.point(values, frame.ahead, point)
    past = parts.backtest(values, frame.ahead, test)
    drawn = parts.paths(expected, parts.dispersion(past.misses, past.share), paths, rng)
    accuracy = parts.accuracy(past, drawn, expected, level)
    return frame.cells(sliced.names, values, expected, drawn, accuracy, level)


def _aligned(sliced: History, whole: History) -> Floats:
    """The slices' days as those of the whole: a day on which slices cancel out is missing in the total's history."""
    values = np.zeros((len(sliced.names), (whole.end - whole.start).days))
    offset = (sliced.start - whole.start).days
    source = sliced.values[:, max(-offset, 0) : max(-offset, 0) + values.shape[1] - max(offset, 0)]
    values[:, max(offset, 0) : max(offset, 0) + source.shape[1]] = source
    return values


def _days(whole: History, ahead: total.Horizon, first: date, point: Floats) -> tuple[tuple[date, ...], Floats]:
    """The days from `first` on and what each is expected to bring; days that are over by their trading weight."""
    n = len(whole.total)
    weights = season.trading(whole.total, ahead.day, ahead.holiday, ahead.event)
    shape = total.daily(whole.total, weights)
    coming = ahead.period[n:] - ahead.period[n]
    sums = total.by_period(shape, coming)
    factor = np.divide(point, sums, out=np.ones_like(point), where=sums > 0)
    expected = shape * factor[coming]
    begin = (first - whole.start).days
    if begin < n:
        month = slice(max(begin, 0), n)
        rest = expected[coming == 0].sum() / max(weights[n:][coming == 0].sum(), 1e-12)
        expected = np.concatenate([weights[month] * rest, expected])
    else:
        expected = expected[begin - n :]
    start = first if begin >= 0 else whole.start
    return tuple(start + timedelta(days=k) for k in range(len(expected))), expected


def run_key(outlook: SalesOutlook) -> str:
    """The name of a run; later runs sort after earlier ones."""
    return f"{outlook.as_of}/{outlook.snapshot:08d}/{outlook.months[0]}+{len(outlook.months)}/{outlook.level}"


def publish(lake: Lake, outlook: SalesOutlook, *, batch_id: str, now: datetime) -> Appended:
    """Appends the outlook's cells as `forecast` facts of a batch; the caller makes the batch visible.

    A slice without a name (products without a category) is written as the empty text, since None stands for all.
    """
    rows = [dict(row, batch_id=batch_id, recorded_at=now) for row in _rows(outlook)]
    return lake.append(TABLE.name, [pa.RecordBatch.from_pylist(rows, schema=TABLE.schema)], batch_id=batch_id)


def _rows(outlook: SalesOutlook) -> Iterator[dict[str, object]]:
    for dimension, cells in [(None, outlook.total), *outlook.by.items()]:
        for k, name in enumerate(cells.names):
            for h, month in enumerate(outlook.months):
                value = None if dimension is None else name or ""
                yield {
                    "key": f"{run_key(outlook)}/{outlook.metric}/{dimension or 'total'}/{value or ''}/{month}",
                    "version": 1,
                    "run_key": run_key(outlook),
                    "metric": outlook.metric,
                    "on": month,
                    "grain": "month",
                    "category": value if dimension == "category" else None,
                    "market": value if dimension == "market" else None,
                    "low": float(cells.low[k, h]),
                    "mean": float(cells.mean[k, h]),
                    "high": float(cells.high[k, h]),
                    "level": outlook.level,
                    "as_of": outlook.as_of,
                    "snapshot": outlook.snapshot,
                    "model": outlook.model,
                }
