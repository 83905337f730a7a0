"""Daily demand of many products at once: three simple models whose mean beats each of them."""

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
WEEK = 7
_SMOOTHING = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45)


class ShortHistoryError(ToplineError):
    message = N_("Too few days of history for a forecast: %(found)d, where at least %(least)d are needed.")


def trio(units: Floats, group: NDArray[np.int64], horizon: int, cycle: int = WEEK) -> Floats:
    """Expected units per period, (n, horizon), >= 0: the mean of three models.

    units : (n, periods) units sold per period, the last column the last one known
    group : (n,) 0..g-1, whose weekday profile a product follows (its store and department)
    cycle : periods after which the rhythm returns: 7 for days, 1 for weeks and months

    Raises ShortHistoryError below two cycles. Measured on M5 (spec/science.md): averaging beats selecting per product.
    """
    return np.mean(
        (
            seasonal_window(units, horizon, cycle),
            seasonal_smoothing(units, horizon, cycle),
            profiled_tsb(units, group, horizon, cycle),
        ),
        axis=0,
    )


def seasonal_window(units: Floats, horizon: int, cycle: int = WEEK, cycles: int = 8) -> Floats:
    """The mean of the last `cycles` periods in the same place of the cycle, such as same weekdays, (n, horizon)."""
    recent = _by_cycle(units, cycle)[:, -cycles:]
    return _repeat(recent.mean(axis=1), horizon)


def seasonal_smoothing(units: Floats, horizon: int, cycle: int = WEEK) -> Floats:
    """Exponential smoothing of each place in the cycle apart, its rate the one of least squared error, (n, horizon).

    Periods before a product's first sale don't count. Source: Hyndman & Athanasopoulos, Forecasting, ch. 8.
    """
    by_cycle = _by_cycle(units, cycle)
    has_begun = np.cumsum(by_cycle.sum(axis=2) > 0, axis=1) > 0
    best_error = np.full(by_cycle[:, 0].shape, np.inf)
    best_level = np.zeros_like(best_error)
    for rate in _SMOOTHING:
        level, error = by_cycle[:, 0].copy(), np.zeros_like(best_error)
        for turn in range(1, by_cycle.shape[1]):
            miss = by_cycle[:, turn] - level
            before = has_begun[:, turn - 1, None]
            error += np.where(before, miss * miss, 0)
            level += np.where(before, rate, 1.0) * miss
        is_better = error < best_error
        best_error = np.where(is_better, error, best_error)
        best_level = np.where(is_better, level, best_level)
    return _repeat(best_level, horizon)


def profiled_tsb(
    units: Floats, group: NDArray[np.int64], horizon: int, cycle: int = WEEK, rate: float = 0.1, cycles: int = 16
) -> Floats:
    """Teunter-Syntetos-Babai's mean demand times the weekday profile of the product's group, (n, horizon).

    rate : smoothing of the chance of a sale and of its size; cycles : history of the profile
    Source: Teunter, Syntetos & Babai, European Journal of Operational Research 214 (2011).
    """
    mean_demand = tsb(units, rate)
    recent = _by_cycle(units, cycle)[:, -cycles:].sum(axis=1)
    sums = np.zeros((int(group.max()) + 1, cycle))
    np.add.at(sums, group, recent)
    mean = sums.mean(axis=1, keepdims=True)
    profile = np.divide(sums, mean, out=np.ones_like(sums), where=mean > 0)
    return _repeat(mean_demand[:, None] * profile[group], horizon)


def tsb(units: Floats, rate: float = 0.1) -> Floats:
    """Mean demand per period of products that sell now and then, (n,): chance of a sale times its size, smoothed."""
    sold = units > 0
    first = np.argmax(sold, axis=1)
    size = units[np.arange(len(units)), first].astype(np.float64)
    chance = np.clip(sold.mean(axis=1), 1e-9, 1)
    for period in range(units.shape[1]):
        has_begun, sale = period >= first, sold[:, period]
        chance += np.where(has_begun, rate * (sale - chance), 0)
        size += np.where(sale, rate * (units[:, period] - size), 0)
    return np.where(sold.any(axis=1), np.maximum(chance * size, 0), 0)


def _by_cycle(units: Floats, cycle: int) -> Floats:
    """(n, cycles, places) of the newest whole cycles; place 0 is that of the first period to forecast."""
    if units.shape[1] < 2 * cycle:
        raise ShortHistoryError(found=units.shape[1], least=2 * cycle)
    cycles = units.shape[1] // cycle
    newest = units[:, units.shape[1] - cycles * cycle :]
    return newest.reshape(len(units), cycles, cycle).astype(np.float64)


def _repeat(cycle: Floats, horizon: int) -> Floats:
    return np.maximum(cycle[:, np.arange(horizon) % cycle.shape[1]], 0)
