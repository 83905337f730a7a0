"""Forecasts of the parts of a total (categories, markets) that sum to it, in the mean and on every path."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.science import season, total
from topline.science.total import Accuracy

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RECENT = 91
_PRIOR = 0.005
_PRIOR_WEIGHT = 4.0
_LARGEST = 25.0
_MOST = 1.5


@dataclass(frozen=True, slots=True)
class Backtest:
    """What forecasts of the parts from the total's origins were, and what came; nan where a period has not ended.

    forecast, actual, naive : (k, origins, h); whole_forecast, whole_actual : (origins, h)
    """

    forecast: Floats
    actual: Floats
    naive: Floats
    whole_forecast: Floats
    whole_actual: Floats

    @property
    def share(self) -> Floats:
        """(k,) the parts' shares of all that came, or of the forecasts where nothing did; at least a millionth."""
        sums = np.nansum(np.maximum(self.actual, 0), axis=(1, 2)) + 1e-9 * np.nansum(self.forecast, axis=(1, 2))
        whole = sums.sum()
        return np.maximum(sums / whole if whole > 0 else np.full(len(sums), 1 / len(sums)), 1e-6)

    @property
    def misses(self) -> Floats:
        """(k, origins, h) relative errors of the parts' shares, > -1 for non-negative sales."""
        expected = self.forecast / np.where(self.whole_forecast > 0, self.whole_forecast, np.nan)
        came = np.maximum(self.actual, 0) / np.where(self.whole_actual > 0, self.whole_actual, np.nan)
        ratio: Floats = np.divide(came, expected, out=np.full(came.shape, np.nan), where=expected > 0)
        return ratio - 1


def point(sales: Floats, horizon: total.Horizon, whole: Floats) -> Floats:
    """Expected sales of each part in each period ahead, (k, h) >= 0, summing to `whole` over the parts.

    sales : (k, n) net sales per day of parts that make up the total
    whole : (h,) the total's point forecast

    A part's share is the mean of two: its own seasonal shape, and its share of the last 13 weeks, so that a new part
    counts and a fading one fades. A part's own growth is believed up to one and a half times: small parts jump. Parts
    that sold nothing get nothing.
    """
    n = sales.shape[1]
    weights = season.trading(sales.sum(axis=0), horizon.day, horizon.holiday, horizon.event)
    seasonal = _shares(total.by_period(total.daily(sales, weights, _MOST), horizon.period[n:]))
    recent = _shares(np.maximum(sales[:, -_RECENT:].sum(axis=1), 0))[:, None]
    return whole * _shares(seasonal + recent)


def _shares(parts: Floats) -> Floats:
    sums = parts.sum(axis=0)
    shares: Floats = np.divide(parts, sums, out=np.full(parts.shape, 1 / len(parts)), where=sums > 0)
    return shares


def backtest(sales: Floats, horizon: total.Horizon, test: total.Backtest) -> Backtest:
    """What forecasts of the parts (k, n) were at the origins of `test`, the backtest of their sum."""
    n, period = sales.shape[1], horizon.period
    totals = total.by_period(sales, period[:n])
    shape = (len(sales), *test.forecast.shape)
    forecast, actual, naive = (np.full(shape, np.nan) for _ in range(3))
    for row, first in enumerate(test.first):
        seen = np.flatnonzero(~np.isnan(test.actual[row]))
        cut = int(np.searchsorted(period, first))
        ahead = horizon.cut(cut, int(np.searchsorted(period, first + len(seen))) - cut)
        forecast[:, row, seen] = point(sales[:, :cut], ahead, test.forecast[row, seen])
        index = int(first - period[0]) + seen
        actual[:, row, seen] = totals[:, index]
        known = ~np.isnan(test.naive[row, seen])
        naive[:, row, seen[known]] = totals[:, index[known] - horizon.season]
    return Backtest(forecast, actual, naive, test.forecast, test.actual)


def dispersion(misses: Floats, share: Floats) -> Floats:
    """Squared coefficient of variation of each part around its share of the total, (k,) > 0.

    misses : (k, origins, h) relative errors of shares, nan where unknown; share : (k,) in (0, 1)

    A part's own mean square, shrunk by the weight of four errors to what its size lets expect: shares of many small
    decisions vary by (1 - share) / share, times one factor that is the median over the parts.
    """
    size = np.maximum((1 - share) / share, 1e-3)
    squares = np.minimum(misses**2, _LARGEST)
    count = (~np.isnan(misses)).sum(axis=(1, 2))
    sums = np.nansum(squares, axis=(1, 2))
    own = (sums / np.maximum(count, 1) / size)[count > 0]
    factor = max(float(np.median(own)), 1e-6) if len(own) else _PRIOR
    return np.asarray((_PRIOR_WEIGHT * np.minimum(factor * size, _LARGEST) + sums) / (_PRIOR_WEIGHT + count))


def paths(expected: Floats, variation: Floats, whole: Floats, rng: np.random.Generator) -> Floats:
    """Joint sample paths of the parts, (draws, k, h) >= 0, that sum to the total's on every path.

    expected : (k, h) from `point`; variation : (k,) from `dispersion`; whole : (draws, h) paths of the total

    A part is drawn from a gamma distribution around its expectation, half of the surprise common to the periods of a
    path; then the parts of a path are scaled to the path's total.
    """
    draws, horizons = whole.shape
    drawn = np.empty((draws, *expected.shape))
    for k, squared in enumerate(variation):
        shape = 1 / squared
        factor = np.sort(rng.standard_gamma(shape, (draws, horizons)) / shape, axis=0)
        surprise = rng.standard_normal((draws, 1)) + rng.standard_normal((draws, horizons))
        drawn[:, k] = expected[k] * np.take_along_axis(factor, surprise.argsort(axis=0).argsort(axis=0), axis=0)
    sums = drawn.sum(axis=1)
    scale = np.divide(whole, sums, out=np.zeros_like(whole), where=sums > 0)
    return np.asarray(drawn * scale[:, None])


def accuracy(test: Backtest, samples: Floats, expected: Floats, level: float) -> tuple[Accuracy, ...]:
    """How good past forecasts of each part were, given the shares.

    samples : (draws, k, h) paths; expected : (k, h); both say how wide the intervals of `level` are, relative to the
        expectation, and the coverage counts past actuals inside intervals as wide
    """
    found = []
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    safe = np.where(expected > 0, expected, np.nan)
    for k in range(len(expected)):
        one = total.Backtest(np.zeros(0, np.int64), test.forecast[k], test.actual[k], test.naive[k])
        steps = one.forecast.shape[1]
        inside = (one.actual >= one.forecast * (low / safe)[k, :steps]) & (
            one.actual <= one.forecast * (high / safe)[k, :steps]
        )
        seen = ~np.isnan(one.forecast * one.actual) & (one.forecast > 0)
        covered = float(inside[seen].mean()) if seen.any() else float("nan")
        found.append(total.measured(one, covered, level))
    return tuple(found)
