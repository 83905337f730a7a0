"""The calendar of groups of products: how much a day of the week, of the month, of the year or an event lifts sales."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from topline.science.panel import Panel, sum_by

Floats = NDArray[np.float64]

_HALF_LIFE_YEARS = 1.4
_RIDGE = 0.5
_KNOTS_A_YEAR = 4
_HARMONICS = 3
_LEVEL_RIDGE = 0.5
_OUTLIER = 4.0
_LEAST_OUTLIER = 0.3
_AROUND = (-2, -1, 1)


def effect(panel: Panel) -> Floats:
    """Log effect of the calendar on a group's sales, (g, t + h), mean 0 over the history.

    A ridge regression of each group's log sales on weekday, day of the month, three harmonics of the year, flags with
    the days around them and conditions of the market, beside a level that may bend every quarter. Older periods weigh
    less, outliers are left out. The year's shape is left out below eighteen months of history.
    """
    return np.array([found for found, _ in _all_fitted(panel)])


def slope(panel: Panel) -> Floats:
    """How much a group's log sales rise with the last condition of the market, (g,)."""
    return np.array([beta[-1] for _, beta in _all_fitted(panel)])


def _all_fitted(panel: Panel) -> Iterator[tuple[Floats, Floats]]:
    """The calendar's log effect (t + h,) and its coefficients, for each group."""
    totals = sum_by(panel.group, panel.filled(), panel.groups)
    level, shared = _level(panel), _calendar(panel)
    for group in range(panel.groups):
        yield _fitted(totals[group], np.hstack([shared, _flagged(panel, group)]), level, panel)


def _fitted(total: Floats, calendar: Floats, level: Floats, panel: Panel) -> tuple[Floats, Floats]:
    known = panel.known
    sold = total > 0
    if sold.sum() < 2 * panel.cycle + 2:
        return np.zeros(len(calendar)), np.zeros(calendar.shape[1])
    log = np.log(np.where(sold, total, 1.0))
    age = np.arange(known)[::-1] / (_HALF_LIFE_YEARS * panel.year)
    weight = sold * 0.5**age
    columns = np.hstack([calendar, level])
    ridge = np.diag(np.r_[np.full(calendar.shape[1], _RIDGE), np.full(level.shape[1] - 1, _LEVEL_RIDGE), 1e-6])
    trusted = weight
    for _ in range(2):
        weighted = columns[:known] * trusted[:, None]
        beta = np.linalg.solve(weighted.T @ columns[:known] + ridge, weighted.T @ log)
        miss = np.where(sold, log - columns[:known] @ beta, 0.0)
        spread = np.sqrt((weight * miss**2).sum() / weight.sum())
        trusted = weight * (np.abs(miss) <= max(_OUTLIER * spread, _LEAST_OUTLIER))
    slopes = beta[: calendar.shape[1]]
    found = calendar @ slopes
    return found - found[:known].mean(), slopes


def _calendar(panel: Panel) -> Floats:
    """(t + h, k) columns that all groups have in common."""
    day = panel.day.astype("datetime64[D]")
    columns = [np.zeros((len(day), 0))]
    if panel.cycle > 1:
        columns.append(np.eye(panel.cycle)[day.astype(np.int64) % panel.cycle])
        columns.append(np.eye(31)[(day - day.astype("datetime64[M]")).astype(int)])
    if 2 * panel.known >= 3 * panel.year:
        turn = day.astype(np.float64) / 365.25 * 2 * np.pi
        columns += [wave(k * turn)[:, None] for k in range(1, _HARMONICS + 1) for wave in (np.sin, np.cos)]
    return np.hstack(columns)


def _flagged(panel: Panel, group: int) -> Floats:
    """(t + h, k) the group's flags, by day also the days around them, and how its market stands."""
    none = np.zeros((len(panel.day), 0))
    flags = none if panel.flags is None else panel.flags[:, group].T
    around = [] if panel.cycle == 1 else [_shifted(flags, by) for by in _AROUND]
    return np.hstack([flags, *around, none if panel.conditions is None else panel.conditions[:, group].T])


def _shifted(flags: Floats, by: int) -> Floats:
    moved = np.roll(flags, by, axis=0)
    moved[slice(None, by) if by > 0 else slice(by, None)] = 0
    return moved


def _level(panel: Panel) -> Floats:
    """(t + h, k) hat functions a quarter apart that end in the last known period, and a constant."""
    width = max(panel.year // _KNOTS_A_YEAR, 2)
    place = np.minimum(np.arange(len(panel.day)), panel.known - 1)
    knots = np.arange(panel.known - 1, -1, -width)
    hats = np.maximum(0, 1 - np.abs(place[:, None] - knots) / width)
    return np.hstack([hats, np.ones((len(place), 1))])
