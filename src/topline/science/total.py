"""Forecasts of totals by month or week, from daily sales, trading days and the shape of earlier years."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.science import conformal, season, series
from topline.science.demand import ShortHistoryError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_DAYS = 90
MONTHS = 12
WEEK_DAYS = 7
MOST_TIMES = 20.0
MODEL = "seasonal shape, AutoETS, dynamic theta"
SHORT_MODEL = "seasonal shape"
SHORTEST_MODEL = "recent level"

_WIDTHS = (3.0, 14.0, 28.0)
_CLEAR_RISE = 0.2
_LEAST_SHARP = 0.25
_CLEAR_GROWTH = 0.5
_YEARS = 3
_SEASONS = 3
_RECENT = 56
_PRIOR = 0.1
_PRIOR_WITHOUT_SEASON = 0.35


@dataclass(frozen=True, slots=True)
class Horizon:
    """The days of a forecast: n known ones, then those ahead.

    day : (n + ahead,) consecutive dates
    holiday : (n + ahead,) public holidays
    event : (n + ahead,) number of the retail event of the day, 0 for none
    period : (n + ahead,) number of the day's month or week, 0 for the first, rising by one
    season : periods in a year: 12 or 52
    """

    day: NDArray[np.datetime64]
    holiday: NDArray[np.bool_]
    event: Ints
    period: Ints
    season: int = MONTHS

    def cut(self, known: int, days: int) -> "Horizon":
        """The same days up to `known` + `days`."""
        end = known + days
        return Horizon(self.day[:end], self.holiday[:end], self.event[:end], self.period[:end], self.season)


def daily(sales: Floats, weights: Floats, most: float = MOST_TIMES) -> Floats:
    """Expected sales of each coming day, (..., ahead) >= 0, from the shape of earlier years at this year's level.

    sales : (..., n) net sales per day, series along the first axes
    weights : (n + ahead,) trading weights of the whole shop, from `season.trading`
    most : how many times last year's level is believed at most, and its inverse at least

    The shape is sales per trading day around the same date of up to three earlier years, each brought to last year's
    level. It is smoothed over four weeks, which forgets the luck of single orders, except where the season clearly
    rises or falls against that: there it follows the days. Of the last eight weeks' growth over the year before half is
    taken on, and nearly all where it is beyond doubt. With less than a year of history, the level of the last
    eight weeks is all there is.

    The choices were made on 42 windows of M5 store departments and 30 of Rossmann stores, three months ahead.
    """
    n = sales.shape[-1]
    past, coming = weights[:n], weights[n:]
    if n < season.YEAR:
        return coming * _rate(sales, past, slice(max(0, n - _RECENT), n))[..., None]
    growth = np.clip(_growth(sales, past), 1 / most, most)
    lift = 1 + (1 + _clear(np.log(growth), _CLEAR_GROWTH)) / 2 * (growth - 1)
    days, fortnights, months = (_shape(sales, past, width, len(coming)) for width in _WIDTHS)
    rise = np.divide(fortnights, months, out=np.ones_like(months), where=months > 0) - 1
    sharp = _LEAST_SHARP + (1 - _LEAST_SHARP) * _clear(rise, _CLEAR_RISE)
    expected: Floats = coming * (months + sharp * (days - months)) * lift[..., None]
    return expected


def _growth(sales: Floats, weights: Floats) -> Floats:
    """How many times last year's rate the last eight weeks' is, 1 where less than four of them have a year before."""
    n = sales.shape[-1]
    year = n - season.YEAR
    window = min(_RECENT, year)
    if window < _RECENT / 2:
        return np.ones(sales.shape[:-1])
    before = _rate(sales, weights, slice(year - window, year))
    growth: Floats = _rate(sales, weights, slice(n - window, n)) / np.maximum(before, 1e-12)
    return growth


def _clear(signal: Floats, scale: float) -> Floats:
    """How far a relative change is beyond chance, 0-1: a half where it equals `scale`."""
    squares: Floats = signal**2
    return squares / (squares + scale**2)


def _rate(sales: Floats, weights: Floats, days: slice) -> Floats:
    rate: Floats = np.maximum(sales[..., days].sum(axis=-1), 0) / max(float(weights[days].sum()), 1e-12)
    return rate


def _shape(sales: Floats, weights: Floats, width: float, ahead: int) -> Floats:
    n = sales.shape[-1]
    around = season.intensity(sales, weights, width)
    last = _rate(sales, weights, slice(n - season.YEAR, n))
    shapes = []
    for years in range(1, min(_YEARS, n // season.YEAR) + 1):
        start = n - years * season.YEAR
        level = _rate(sales, weights, slice(start, start + season.YEAR))
        scale = np.divide(last, level, out=np.ones_like(last), where=level > 0)
        shapes.append(around[..., start + np.arange(ahead) % season.YEAR] * scale[..., None])
    return np.mean(shapes, axis=0)


def point(sales: Floats, horizon: Horizon) -> Floats:
    """Expected sales of the coming days of each period ahead, (h,) >= 0.

    sales : (n,) net sales per day. A period that has begun counts with the days that remain of it.

    From three seasons of whole periods on it is the geometric mean of the seasonal shapes, AutoETS and dynamic theta,
    the latter two on sales per trading day; with less they miss the season more often than not.

    Raises ShortHistoryError below 90 days.
    """
    n = len(sales)
    if n < LEAST_DAYS:
        raise ShortHistoryError(found=n, least=LEAST_DAYS)
    weights = season.trading(sales, horizon.day, horizon.holiday, horizon.event)
    ahead = by_period(daily(sales, weights), horizon.period[n:])
    smoothed = _smoothed(sales, weights, horizon)
    if smoothed is None:
        return ahead
    return np.exp(np.mean(np.log(np.maximum([ahead, *smoothed], 1e-9)), axis=0))


def model_of(days: int, horizon: Horizon) -> str:
    """The name of what `point` does with `days` of history."""
    if days < season.YEAR:
        return SHORTEST_MODEL
    return MODEL if _whole(horizon, days)[1] >= _SEASONS * horizon.season else SHORT_MODEL


def by_period(values: Floats, period: Ints) -> Floats:
    """Sums over days of each period, (..., periods): values (..., days), period (days,) rising by one."""
    starts = np.flatnonzero(np.diff(period, prepend=period[0] - 1))
    sums: Floats = np.add.reduceat(values, starts, axis=-1)
    return sums


def _whole(horizon: Horizon, n: int) -> tuple[int, int]:
    """The first day of the whole periods among the n known days, and the number of these periods."""
    period = horizon.period
    is_partial = _begins_late(horizon)
    first = int(np.searchsorted(period[:n], period[0] + is_partial))
    is_running = n < len(period) and period[n] == period[n - 1]
    return first, max(int(period[n - 1] - period[0]) + 1 - is_partial - is_running, 0)


def _begins_late(horizon: Horizon) -> bool:
    """Whether the first period began before the first day known."""
    if horizon.season == MONTHS:
        return bool(horizon.day[0] != horizon.day[0].astype("datetime64[M]"))
    return int(np.searchsorted(horizon.period, horizon.period[0] + 1)) < WEEK_DAYS


def _smoothed(sales: Floats, weights: Floats, horizon: Horizon) -> list[Floats] | None:
    """AutoETS and dynamic theta of the coming days of each period, or None below three seasons of whole periods."""
    n, period = len(sales), horizon.period
    first, count = _whole(horizon, n)
    if count < _SEASONS * horizon.season:
        return None
    # a C++ extension that takes seconds to import, and short histories never need it
    from statsforecast.models import AutoETS, DynamicOptimizedTheta

    end = int(np.searchsorted(period, period[first] + count))
    days = np.maximum(by_period(weights[first:end], period[first:end]), 1e-9)
    rate = np.maximum(by_period(sales[first:end], period[first:end]), 0) / days
    steps = int(period[-1]) - int(period[first]) - count + 1
    if not (rate > 0).all():
        return None
    index = series.season_index(rate, horizon.season)[np.arange(2 * len(rate)) % horizon.season]
    ets = AutoETS(season_length=horizon.season, model="ZNZ").forecast(y=rate, h=steps)["mean"]
    # theta's own test misses a smooth season in a few years, so it is given the rates without theirs
    theta = DynamicOptimizedTheta(season_length=1).forecast(y=rate / index[: len(rate)], h=steps)["mean"]
    theta = theta * index[len(rate) : len(rate) + steps]
    skip = int(period[n]) - int(period[first]) - count
    coming = by_period(weights[n:], period[n:])
    return [np.maximum(forecast[skip:], 0) * coming for forecast in (ets, theta)]


@dataclass(frozen=True, slots=True)
class Backtest:
    """What forecasts from earlier origins were, and what came.

    first : (origins,) number of the first period ahead of each origin
    forecast, actual, naive : (origins, h), nan where a period has not ended; naive is the same period a year before
    """

    first: Ints
    forecast: Floats
    actual: Floats
    naive: Floats

    @property
    def residuals(self) -> Floats:
        """(origins, h) log(actual / forecast), at most a factor of 20 either way; nan where either is not known."""
        ratio = np.divide(self.actual, self.forecast, out=np.full(self.actual.shape, np.nan), where=self.forecast > 0)
        ratio = np.clip(ratio, 1 / MOST_TIMES, MOST_TIMES)
        log_ratio: Floats = np.log(ratio)
        return log_ratio


def backtest(sales: Floats, horizon: Horizon, periods: int, origins: int) -> Backtest:
    """Forecasts from the starts of up to `origins` earlier periods, `periods` ahead, with only what was known then.

    An origin needs a year of history, or 90 days where there is less than a year in all: it must know the season if the
    forecast does.
    """
    n, period = len(sales), horizon.period
    first, count = _whole(horizon, n)
    starts = [int(np.searchsorted(period, period[first] + k)) for k in range(count + 1)] if count > 0 else []
    enough = season.YEAR if n >= season.YEAR else LEAST_DAYS
    cuts = [start for start in starts[:-1] if start >= enough][-origins:]
    totals = by_period(sales[: starts[-1]], period[: starts[-1]]) if cuts else np.zeros(0)
    shape = (len(cuts), periods)
    result = Backtest(period[cuts], np.full(shape, np.nan), np.full(shape, np.nan), np.full(shape, np.nan))
    for row, cut in enumerate(cuts):
        index = int(period[cut] - period[0])
        steps = min(periods, len(totals) - index)
        days = int(np.searchsorted(period[:n], period[cut] + steps)) - cut
        result.forecast[row, :steps] = point(sales[:cut], horizon.cut(cut, days))
        result.actual[row, :steps] = totals[index : index + steps]
        before = np.arange(index, index + steps) - horizon.season
        is_whole = before >= _begins_late(horizon)
        result.naive[row, :steps] = np.where(is_whole, totals[np.maximum(before, 0)], np.nan)
    return result


def errors(test: Backtest, days: int) -> conformal.Errors:
    """The error distribution of a backtest; its prior is wider where the history is too short to know the season."""
    return conformal.learn(test.residuals, _prior(days))


def _prior(days: int) -> float:
    return _PRIOR if days >= season.YEAR else _PRIOR_WITHOUT_SEASON


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How good past forecasts were, over all origins and horizons of a backtest.

    mase : mean absolute error over that of the one-year-naive forecast of the same cells, nan if that isn't known
    wape : sum of absolute errors over the sum of actuals
    coverage : share of actuals inside the interval of `level` made from the *other* origins' errors
    cells : forecasts compared
    """

    mase: float
    wape: float
    coverage: float
    level: float
    cells: int


def accuracy(test: Backtest, days: int, level: float) -> Accuracy:
    """The accuracy of a backtest; an origin's interval is learnt without its own errors."""
    inside = []
    residuals = test.residuals
    for row in range(len(residuals)):
        others = conformal.learn(np.delete(residuals, row, axis=0), _prior(days))
        for h in np.flatnonzero(~np.isnan(residuals[row])):
            bound = conformal.quantile(others, int(h), np.array([(1 + level) / 2]))[0]
            inside.append(abs(residuals[row, h]) <= bound)
    return measured(test, float(np.mean(inside)) if inside else math.nan, level)


def measured(test: Backtest, coverage: float, level: float) -> Accuracy:
    """The errors of a backtest beside the coverage that was found for it."""
    miss = np.abs(test.forecast - test.actual)
    seen = ~np.isnan(miss)
    against = seen & ~np.isnan(test.naive)
    naive = float(np.abs(test.naive - test.actual)[against].sum())
    actual = float(np.abs(test.actual[seen]).sum())
    return Accuracy(
        mase=float(miss[against].sum()) / naive if naive else math.nan,
        wape=float(miss[seen].sum()) / actual if actual else math.nan,
        coverage=coverage,
        level=level,
        cells=int(seen.sum()),
    )
