"""Daily demand of many products at once: three simple models whose mean beats each of them."""

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
WEEK = 7
_SMOOTHING = (0.01, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.45)


class ShortHistoryError(ToplineError):
    message = N_("%(found)d days of history are too few for a forecast; at least %(least)d are needed.")


def trio(units: Floats, group: NDArray[np.int64], horizon: int) -> Floats:
    """Expected units per day, (n, horizon), >= 0: the mean of three models.

    units : (n, days) units sold per day, the last column the last day known
    group : (n,) 0..g-1, whose weekday profile a product follows (its store and department)

    Raises ShortHistoryError below two weeks. Measured on M5 (spec/science.md): averaging beats selecting per product.
    """
    models = seasonal_window(units, horizon), seasonal_smoothing(units, horizon), profiled_tsb(units, group, horizon)
    return np.mean(models, axis=0)


def seasonal_window(units: Floats, horizon: int, weeks: int = 8) -> Floats:
    """The mean of the last `weeks` same weekdays, (n, horizon)."""
    recent = _by_week(units)[:, -weeks:]
    return _repeat(recent.mean(axis=1), horizon)


def seasonal_smoothing(units: Floats, horizon: int) -> Floats:
    """Exponential smoothing of each weekday apart, its rate the one of least squared error, (n, horizon).

    Days before a product's first sale don't count. Source: Hyndman & Athanasopoulos, Forecasting, ch. 8.
    """
    by_week = _by_week(units)
    has_begun = np.cumsum(by_week.sum(axis=2) > 0, axis=1) > 0
    best_error = np.full(by_week[:, 0].shape, np.inf)
    best_level = np.zeros_like(best_error)
    for rate in _SMOOTHING:
        level, error = by_week[:, 0].copy(), np.zeros_like(best_error)
        for week in range(1, by_week.shape[1]):
            miss = by_week[:, week] - level
            before = has_begun[:, week - 1, None]
            error += np.where(before, miss * miss, 0)
            level += np.where(before, rate, 1.0) * miss
        is_better = error < best_error
        best_error = np.where(is_better, error, best_error)
        best_level = np.where(is_better, level, best_level)
    return _repeat(best_level, horizon)


def profiled_tsb(units: Floats, group: NDArray[np.int64], horizon: int, rate: float = 0.1, weeks: int = 16) -> Floats:
    """Teunter-Syntetos-Babai's mean demand times the weekday profile of the product's group, (n, horizon).

    rate : smoothing of the chance of a sale and of its size; weeks : history of the profile
    Source: Teunter, Syntetos & Babai, European Journal of Operational Research 214 (2011).
    """
    daily = tsb(units, rate)
    recent = _by_week(units)[:, -weeks:].sum(axis=1)
    sums = np.zeros((int(group.max()) + 1, WEEK))
    np.add.at(sums, group, recent)
    mean = sums.mean(axis=1, keepdims=True)
    profile = np.divide(sums, mean, out=np.ones_like(sums), where=mean > 0)
    return _repeat(daily[:, None] * profile[group], horizon)


def tsb(units: Floats, rate: float = 0.1) -> Floats:
    """Mean demand per day of products that sell now and then, (n,): chance of a sale times its size, both smoothed."""
    _require(units, 2 * WEEK)
    sold = units > 0
    first = np.argmax(sold, axis=1)
    size = units[np.arange(len(units)), first].astype(np.float64)
    chance = np.clip(sold.mean(axis=1), 1e-9, 1)
    for day in range(units.shape[1]):
        has_begun, sale = day >= first, sold[:, day]
        chance += np.where(has_begun, rate * (sale - chance), 0)
        size += np.where(sale, rate * (units[:, day] - size), 0)
    return np.where(sold.any(axis=1), np.maximum(chance * size, 0), 0)


def _by_week(units: Floats) -> Floats:
    """(n, weeks, 7) of the newest whole weeks; slot 0 is the weekday of the first day to forecast."""
    _require(units, 2 * WEEK)
    weeks = units.shape[1] // WEEK
    return units[:, units.shape[1] - weeks * WEEK :].reshape(len(units), weeks, WEEK).astype(np.float64)


def _repeat(week: Floats, horizon: int) -> Floats:
    return np.maximum(week[:, np.arange(horizon) % WEEK], 0)


def _require(units: Floats, least: int) -> None:
    if units.shape[1] < least:
        raise ShortHistoryError(found=units.shape[1], least=least)
