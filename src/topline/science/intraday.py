"""A day while it runs: what should be in by this hour, where the day ends, and the chance to make its target."""

from dataclasses import dataclass
from math import erf, exp, inf, log, log1p, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

HOURS = 24
_Z80 = 1.2815515655446004
_LEAST_SPREAD = 0.02
"""No share by an hour is known better than to that."""


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """How a day's sales come in, learnt from days like it.

    share : (25,) of the day that is in by the full hours 0 to 24, 0-1, rising
    spread, rest : (25,) variance of the logarithm of what is in by an hour, and of what comes after it
    """

    share: Floats
    spread: Floats
    rest: Floats

    def at(self, hour: float) -> tuple[float, float, float]:
        """Share, spread and spread of the rest at a time of the day, 0 to 24."""
        hours = np.arange(HOURS + 1)
        share, spread, rest = (float(np.interp(hour, hours, row)) for row in (self.share, self.spread, self.rest))
        return share, spread, rest


def curve(days: Floats, weights: Floats) -> Curve | None:
    """The curve of days (n, 24) of sales by hour, each weighing (n,) as much; None if they sold nothing.

    Hours with more given back than sold count as nothing. The spread of a share is the weighted mean square of the
    days' relative distances from it, made larger for the few days by (m + 1) / (m - 1), m their effective number.
    """
    sold = np.maximum(days, 0)
    is_open = sold.sum(axis=1) > 0
    if not is_open.any():
        return None
    sold, w = sold[is_open], weights[is_open] / weights[is_open].sum()
    shares = np.column_stack([np.zeros(len(sold)), sold.cumsum(axis=1) / sold.sum(axis=1, keepdims=True)])
    mean = w @ shares
    return Curve(mean, _relative(shares, mean, w), _relative(1 - shares, 1 - mean, w))


def _relative(shares: Floats, mean: Floats, w: Floats) -> Floats:
    """(25,) variance of the logarithm of shares (n, 25) around their mean, from their relative mean square."""
    apart = np.divide(shares, mean, out=np.ones_like(shares), where=mean > 0) - 1
    few = float(np.square(w).sum())
    wider = (1 + few) / (1 - few) if few < 0.5 else 3.0
    square: Floats = np.log1p(wider * (w @ apart**2)) + _LEAST_SPREAD**2
    return square


@dataclass(frozen=True, slots=True)
class Expected:
    """Low, mean and high of what something comes to; the interval holds 80 %."""

    low: float
    mean: float
    high: float


def due(target: float, curve: Curve, hour: float) -> Expected:
    """What is in by a time of a day that ends at `target`."""
    share, spread, _ = curve.at(hour)
    return _lognormal(target * share, spread)


@dataclass(frozen=True, slots=True)
class Finish:
    """Where the day ends: what is in, and the rest as a lognormal.

    rest : its mean, >= 0; spread : the variance of its logarithm
    """

    actual: float
    rest: float
    spread: float

    @property
    def expected(self) -> Expected:
        more = _lognormal(self.rest, self.spread)
        return Expected(self.actual + more.low, self.actual + more.mean, self.actual + more.high)

    def chance(self, target: float) -> float:
        """Probability that the day ends at the target or above, 0-1."""
        missing = target - self.actual
        if missing <= 0:
            return 1.0
        if self.rest <= 0:
            return 0.0
        middle = log(self.rest) - self.spread / 2
        return _upper((log(missing) - middle) / sqrt(self.spread)) if self.spread > 0 else float(self.rest >= missing)


def finish(actual: float, hour: float, curve: Curve, *, usual: float, spread: float, order: float) -> Finish:
    """Where a day ends of which `actual` is in by a time.

    usual : what days like it bring, > 0; spread : variance of the logarithm of such days' totals around that
    order : what an order is worth; half of one steadies the first minutes

    The day's level over the usual one is taken as lognormal around 1. What is in over what the curve lets expect by
    now is a noisy look at that level; the two are weighed by their precision, and the rest of the day follows the
    level. A day that sold early seems better than it is and has less to come, so the two errors add up.

    Source: the conjugate normal, Gelman et al., Bayesian Data Analysis, 3rd ed., 2.5.
    """
    share, noise, after = curve.at(hour)
    if share >= 1:
        return Finish(actual, 0.0, 0.0)
    steady = order / 2
    seen = log((max(actual, 0.0) + steady) / (usual * share + steady)) if steady or share else 0.0
    prior = 1 / spread if spread else inf
    look = share * usual / (share * usual + steady) / noise if share * usual + steady else 0.0
    weight = look / (prior + look) if prior != inf else 0.0
    level = (1 - weight) * -spread / 2 + weight * seen
    variance = 1 / (prior + look) if prior != inf else 0.0
    off = (weight * sqrt(noise) + sqrt(after)) ** 2 + (1 - weight) ** 2 * spread
    return Finish(actual, usual * (1 - share) * exp(level + variance / 2), off)


def usual(totals: Floats, lifts: Floats) -> tuple[float, float]:
    """What a day brings, and the variance of its logarithm, from the days like it before (n,), the newest last.

    lifts : (k,) how many times an ordinary day the same event's day sold in earlier years, empty for no event

    The level is the mean of the last eight; the spread is that of days around the mean of the eight before each. An
    event multiplies it by the geometric mean of its lifts; what one year says of the next is off by a third more or
    less.
    """
    sold = np.maximum(totals, 0)
    level = float(sold[-8:].mean()) if len(sold) else 0.0
    ratios = [log(sold[k] / base) for k in range(8, len(sold)) if (base := sold[k - 8 : k].mean()) > 0 and sold[k] > 0]
    spread = float(np.mean(np.square(ratios))) if len(ratios) > 2 else 0.25
    if len(lifts):
        level *= float(np.exp(np.log(lifts).mean()))
        spread += log1p(1 / 9) / len(lifts)
    return level, spread


def _lognormal(mean: float, spread: float) -> Expected:
    """The interval of a lognormal of that mean."""
    if mean <= 0:
        return Expected(0.0, 0.0, 0.0)
    middle, apart = log(mean) - spread / 2, _Z80 * sqrt(spread)
    return Expected(exp(middle - apart), mean, exp(middle + apart))


def _upper(z: float) -> float:
    """The upper tail of the standard normal."""
    return 0.5 * (1 - erf(z / sqrt(2)))
