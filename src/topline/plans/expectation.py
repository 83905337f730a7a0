"""How a metric goes and ends in a plan's period, as seen on a day: outlooks, computed once, and rates."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topline.accounts.models import Shop
from topline.calendar.occurrence import Occurrence
from topline.lake import read
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Direction, RollUp, Unit
from topline.metrics.query import Filter, Query
from topline.outlook import sales
from topline.outlook.sales import FirstYear
from topline.plans import answered, cache
from topline.plans.models import OwnEvent
from topline.science import conformal, goal
from topline.units.missing import Missing
from topline.units.period import FiscalCalendar, Grain, Period, add_months

type Floats = NDArray[np.float64]
type Names = tuple[str | None, ...]

LEVEL = sales.LEVEL
"""Share of outcomes that a shown interval holds."""

SLICED = frozenset({"net_sales"})
"""Metrics whose parts by category and market add up to the whole."""

RATES = ("average_order_value", "repeat_purchase_rate")
"""Metrics that are a ratio over the whole period, of which a draft sets goals."""

OTHER = "*"
"""The name of the block or market that holds all the small ones together."""

_LEVELS = np.arange(1, 100) / 100
_EVENT_YEARS = (8, 3)
_DRAWS = 2_000
_SEED = 20_111_209
_RATE_PRIOR = 0.1
_RATE_PRIOR_WEIGHT = 3
_WINDOWS = 8
_ARRAYS = ("actual", "last_year", "mean", "low", "high", "samples")
_SLICED_ARRAYS = ("mean", "low", "high", "finish")


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """A dimension's values; a month that has begun holds what is in and what is to come.

    mean, low, high : (values, months)
    finish : (draws, values) what the whole period ends at
    """

    names: Names
    mean: Floats
    low: Floats
    high: Floats
    finish: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Expectation:
    """A metric that adds up over days.

    metric, as_of, known_to : what, seen from when, with history up to when
    months : first days of the plan's months
    actual, last_year, mean, low, high : (months,) in so far; a year before, nan if unknown; the month when it is over
    samples : (draws, months) joint paths of the whole months
    days : for each month, how the season shares it among its days
    by : slices by dimension, where there is more than one
    error : mean share by which rehearsed forecasts missed, nan if nothing could be rehearsed
    first_year : of new customers, where not all who came at first are believed to be new
    """

    metric: str
    as_of: date
    known_to: date
    months: tuple[date, ...]
    actual: Floats
    last_year: Floats
    mean: Floats
    low: Floats
    high: Floats
    samples: Floats
    days: tuple[Floats, ...]
    by: dict[str, Slices]
    error: float
    first_year: FirstYear | None
    model: str

    @property
    def finish(self) -> Floats:
        """(draws,) what the whole period ends at."""
        ends: Floats = self.samples.sum(axis=1)
        return ends


def amount(
    shop: Shop, metric: str, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None = None
) -> Expectation:
    """The expectation of a period of whole months; computed once for the same day and settings and the facts that
    it is read from.

    known_at : only what had been recorded by then

    Raises ShortHistoryError.
    """
    answer = _answer(shop, metric, period, as_of, snapshot, known_at)
    path = answer.find()
    if path is None:
        make = _over if period.end <= as_of else _ahead
        with read.noting() as facts:
            made = make(shop, metric, period, as_of, snapshot, known_at)
        path = answer.keep(facts, partial(_save, made))
    return _load(path)


def is_made(
    shop: Shop, metric: str, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None = None
) -> bool:
    """Whether `amount` would answer at once."""
    return _answer(shop, metric, period, as_of, snapshot, known_at).find() is not None


def _answer(
    shop: Shop, metric: str, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None
) -> cache.Answer:
    asked = (metric, period, as_of, shop.settings().digest, tuple(own_events(shop, as_of)), FirstYear.__slots__)
    return cache.Answer("outlook", ".npz", shop, snapshot, known_at, asked)


def own_events(shop: Shop, as_of: date) -> list[Occurrence]:
    """The shop's own events of all the years that a forecast looks at."""
    if shop._state.adding:
        return []
    years = Period(add_months(as_of, -12 * _EVENT_YEARS[0]), add_months(as_of, 12 * _EVENT_YEARS[1]))
    return OwnEvent.objects.occurrences(shop, years)


def _ahead(
    shop: Shop, metric: str, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None
) -> Expectation:
    run = sales.run(
        shop.lake(),
        snapshot,
        as_of=as_of,
        settings=shop.settings(),
        first=period.start,
        months=period.whole_months() or 1,
        metric=metric,
        dimensions=sales.DIMENSIONS if metric in SLICED else (),
        own=own_events(shop, as_of),
        known_at=known_at,
    )
    weights = dict(zip(run.days, run.day_mean, strict=True))
    return Expectation(
        metric=metric,
        as_of=as_of,
        known_to=run.known_to,
        months=run.months,
        actual=run.total.actual[0],
        last_year=run.total.last_year[0],
        mean=run.total.mean[0],
        low=run.total.low[0],
        high=run.total.high[0],
        samples=run.total.samples[:, 0],
        days=tuple(np.array([weights.get(day, 0.0) for day in _days(month)]) for month in run.months),
        by={
            dimension: Slices(cells.names, cells.mean, cells.low, cells.high, cells.samples.sum(axis=2))
            for dimension, cells in run.by.items()
        },
        error=run.accuracy.wape,
        first_year=run.first_year,
        model=run.model,
    )


def _over(
    shop: Shop, metric: str, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None
) -> Expectation:
    """The actuals of a period that has ended, when there is nothing left to expect."""
    months = tuple(bucket.start for bucket in FiscalCalendar().buckets(period, Grain.MONTH))

    def added(month: date) -> float:
        return whole(shop, metric, _month(month), as_of, snapshot, known_at)

    actual = np.array([added(month) for month in months])
    before = np.array([added(add_months(month, -12)) for month in months])
    by = {}
    for dimension in sales.DIMENSIONS if metric in SLICED else ():
        found = [slices(shop, metric, _month(month), as_of, snapshot, dimension, known_at) for month in months]
        names = tuple(sorted({name for cells in found for name in cells}, key=lambda name: (name is None, name or "")))
        if len(names) > 1:
            values = np.array([[cells.get(name, 0.0) for cells in found] for name in names])
            by[dimension] = Slices(names, values, values, values, values.sum(axis=1)[None])
    return Expectation(
        metric=metric,
        as_of=as_of,
        known_to=as_of,
        months=months,
        actual=actual,
        last_year=before,
        mean=actual,
        low=actual,
        high=actual,
        samples=actual[None],
        days=tuple(np.ones(len(_days(month))) for month in months),
        by=by,
        error=float("nan"),
        first_year=None,
        model="",
    )


def whole(
    shop: Shop, metric: str, period: Period, as_of: date, snapshot: Snapshot, known_at: datetime | None = None
) -> float:
    """A metric over the days of a period before `as_of`; 0 where nothing is known."""
    query = Query(metrics=(metric,), period=period, as_of=as_of, known_at=known_at)
    return number(answered.ask(shop, query, snapshot).totals[metric])


def slices(
    shop: Shop,
    metric: str,
    period: Period,
    as_of: date,
    snapshot: Snapshot,
    dimension: str,
    known_at: datetime | None = None,
) -> dict[str | None, float]:
    """`whole` by the values of a dimension, None for rows without one."""
    query = Query(metrics=(metric,), period=period, by=(dimension,), as_of=as_of, known_at=known_at)
    rows = answered.ask(shop, query, snapshot).rows
    return {name_of(row[dimension]): number(row[metric]) for row in rows}


def within(
    shop: Shop,
    metric: str,
    period: Period,
    as_of: date,
    snapshot: Snapshot,
    axes: Mapping[str, Names],
    known_at: datetime | None = None,
) -> dict[Names, float]:
    """`whole` by the names of axes; what an axis doesn't name stands with its others. It must add up."""
    query = Query(metrics=(metric,), period=period, by=tuple(axes), as_of=as_of, known_at=known_at)
    named = [(dimension, frozenset(names)) for dimension, names in axes.items()]
    found: dict[Names, float] = {}
    for row in answered.ask(shop, query, snapshot).rows:
        names = tuple(name if (name := name_of(row[dimension])) in known else OTHER for dimension, known in named)
        found[names] = found.get(names, 0.0) + number(row[metric])
    return found


def number(entry: object) -> float:
    return float(entry) if isinstance(entry, int | float | Decimal) else 0.0


def name_of(entry: object) -> str | None:
    """A dimension's value, None for rows without one."""
    return None if entry is None or isinstance(entry, Missing) else str(entry)


def _month(first: date) -> Period:
    return Period(first, add_months(first, 1))


def _days(month: date) -> list[date]:
    return [month + timedelta(days=k) for k in range(_month(month).days)]


# The shared cache folder ---------------------------------------------------------


def _save(found: Expectation, path: Path) -> None:
    arrays = {name: getattr(found, name) for name in _ARRAYS}
    arrays |= {f"days.{t}": weights for t, weights in enumerate(found.days)}
    for dimension, cut in found.by.items():
        arrays |= {f"{dimension}.{name}": getattr(cut, name) for name in _SLICED_ARRAYS}
    about = {
        "metric": found.metric,
        "as_of": found.as_of.isoformat(),
        "known_to": found.known_to.isoformat(),
        "months": [month.isoformat() for month in found.months],
        "names": {dimension: list(cut.names) for dimension, cut in found.by.items()},
        "error": found.error,
        "first_year": found.first_year and asdict(found.first_year),
        "model": found.model,
    }
    with path.open("wb") as file:
        np.savez(file, about=np.frombuffer(json.dumps(about, default=str).encode(), np.uint8), **arrays)


@lru_cache(maxsize=256)
def _load(path: Path) -> Expectation:
    with np.load(path) as stored:
        arrays = dict(stored)
    about = json.loads(arrays.pop("about").tobytes())
    months = tuple(date.fromisoformat(month) for month in about["months"])
    first_year = about["first_year"]
    return Expectation(
        metric=about["metric"],
        as_of=date.fromisoformat(about["as_of"]),
        known_to=date.fromisoformat(about["known_to"]),
        months=months,
        days=tuple(arrays[f"days.{t}"] for t in range(len(months))),
        by={
            dimension: Slices(tuple(names), *(arrays[f"{dimension}.{name}"] for name in _SLICED_ARRAYS))
            for dimension, names in about["names"].items()
        },
        error=about["error"],
        first_year=first_year and FirstYear(**first_year | {"first_on": date.fromisoformat(first_year["first_on"])}),
        model=about["model"],
        **{name: arrays[name] for name in _ARRAYS},
    )


# Chances -----------------------------------------------------------------------


def band(samples: Floats) -> tuple[float, float, float]:
    """Low, expected and high of samples (draws,)."""
    [found] = bands(samples[:, None])
    return found


def bands(samples: Floats) -> list[tuple[float, float, float]]:
    """`band` of each column of samples (draws, n)."""
    low, high = conformal.interval(samples, LEVEL)
    return list(zip(low.tolist(), samples.mean(axis=0).tolist(), high.tolist(), strict=True))


def quantiles(samples: Floats) -> list[float]:
    """The 1 % to 99 % quantiles of samples (draws,)."""
    return [float(q) for q in np.quantile(samples, _LEVELS)]


def chance(metric: str, known_quantiles: Iterable[float], target: float) -> float | None:
    """Probability that the metric meets `target`, from its 1 % to 99 % quantiles; None without them."""
    rising = list(known_quantiles)
    if not rising:
        return None
    below = float(np.interp(target, rising, _LEVELS, left=0.0, right=1.0))
    return below if is_down(metric) else 1 - below


def reached(metric: str, ends: Floats, target: float) -> float:
    """Probability that the metric meets `target`, from what it may end at (draws,)."""
    return int(np.count_nonzero(ends <= target if is_down(metric) else ends >= target)) / len(ends)


def is_down(metric: str) -> bool:
    """Whether less of the metric is better: its target is met at or below it."""
    return metrics()[metric].direction == Direction.DOWN


def spoken(samples: Floats) -> float:
    """The middle of what may come, in the digits that a person would say."""
    return goal.spoken(float(np.median(samples)))


# Rates and means -----------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Rate:
    """A metric that is a ratio over the whole period.

    actual : its value so far, None before the period
    before, before_to_date : a year before, of the whole period and up to the same day; None if unknown
    finish : (draws,) what the whole period ends at
    """

    metric: str
    actual: float | None
    before: float | None
    before_to_date: float | None
    finish: Floats


def rate(
    shop: Shop,
    metric: str,
    period: Period,
    as_of: date,
    first_on: date,
    snapshot: Snapshot,
    known_at: datetime | None = None,
    where: tuple[Filter, ...] = (),
) -> Rate | None:
    """The expectation of a metric that is taken over the whole period; None where no window of its length has a
    positive value.

    where : only of a part of the shop

    It is last year's value of the same period, moved by half of what windows of that length gained on average over
    those of a year before and, as the period goes, by what it gained so far. The spread is that of those gains, shrunk
    to a prior of a tenth that weighs as three windows; it falls with the root of what is left of the period. A share
    that was never above 1 stays there.
    """

    def value(window: Period) -> float | None:
        if window.start < first_on or window.end > as_of:
            return None
        asked = RATES if metric in RATES and not where else (metric,)
        query = Query(metrics=asked, period=window, where=where, known_at=known_at)
        found = answered.ask(shop, query, snapshot).totals[metric]
        return None if isinstance(found, Missing) else number(found)

    span = period.whole_months() or 1
    starts = [add_months(period.start, -span * back) for back in range(1, _WINDOWS + 1)]
    past = {start: value(Period(start, add_months(start, span))) for start in _with_twins(starts)}
    known = {start: found for start, found in past.items() if found and found > 0}
    if not known:
        return None
    gains = [np.log(now / known[year]) for start, now in known.items() if (year := add_months(start, -12)) in known]
    gain = float(np.mean(gains)) / 2 if gains else 0.0
    squares = float(np.square(np.array(gains) - 2 * gain).sum()) if gains else 0.0
    freedom = max(len(gains) - 1, 0) + _RATE_PRIOR_WEIGHT
    scale = float(np.sqrt((squares + _RATE_PRIOR_WEIGHT * _RATE_PRIOR**2) / freedom + gain**2))
    before = value(period.last_year())
    middle = before * float(np.exp(gain)) if before and before > 0 else known[max(known)]
    days = min(max((as_of - period.start).days, 0), period.days)
    gone = days / period.days
    actual = before_to_date = None
    if days:
        same = period.last_year()
        actual = value(Period(period.start, min(as_of, period.end)))
        before_to_date = value(Period(same.start, same.start + timedelta(days=days)))
    grows = metrics()[metric].roll_up in (RollUp.SUM, RollUp.DISTINCT)
    if actual and actual > 0 and (gone == 1 or not grows or (before and before_to_date)):
        carried = before * actual / before_to_date if before and before_to_date else actual
        middle = middle ** (1 - gone) * carried**gone if gone < 1 else actual
    shock = np.random.default_rng(_SEED).standard_normal(_DRAWS // 2)
    finish = middle * np.exp(scale * np.sqrt(1 - gone) * np.concatenate([shock, -shock]))
    if metrics()[metric].unit == Unit.RATE and max(*known.values(), actual or 0.0) <= 1:
        finish = np.minimum(finish, 1.0)
    return Rate(metric, actual, before, before_to_date, finish)


def _with_twins(starts: list[date]) -> dict[date, None]:
    """The starts, the latest first, and those a year before, each once."""
    return dict.fromkeys([*starts, *(add_months(start, -12) for start in starts)])
