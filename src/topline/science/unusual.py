"""Is yesterday unusual for the season? A rule that can be said in four sentences, and how it was tested.

A day is expected to bring what days around it bring: the middle of the last four weeks, by weekday, moved by what the
same four weeks did a year before. How far days usually fall from that is measured by the median of the last half year's
distances, so a few odd days don't count. A day is unusual where it falls `LIMIT` times that far or farther. All of it
is done on a logarithmic scale, so that twice as much is as far as half as much.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LIMIT = 4.5
LEAST_DAYS = 84
_LEVEL = 28
_YEAR = 364
_AROUND = 3
_SCALE_DAYS = 182
_LEAST_SCALE = 0.05
_TO_SIGMA = 1.4826
_FLOOR_SHARE = 0.02


@dataclass(frozen=True, slots=True)
class Surprise:
    """A day against what the season lets expect, in the unit of the values.

    low, high : outside of them a day is unusual
    score : distance from the expectation over the usual one; negative below
    """

    value: float
    expected: float
    low: float
    high: float
    score: float

    @property
    def is_unusual(self) -> bool:
        return abs(self.score) >= LIMIT


def surprise(values: Floats) -> Surprise | None:
    """How unusual the last day is; None without twelve weeks of history, or if half of its days brought nothing.

    values : (n,) amounts or counts >= 0 of consecutive days, the judged one last

    Two years of history are used. Source of the scale: median absolute deviation, Rousseeuw & Croux, JASA 88 (1993).
    """
    days = np.maximum(values[-2 * _YEAR :], 0)
    n = len(days)
    if n <= LEAST_DAYS or not np.median(days[:-1]) > 0:
        return None
    ground = _FLOOR_SHARE * float(np.median(days[:-1][days[:-1] > 0]))
    logs = np.log(days + ground)
    weekday = np.arange(n) % 7
    profile = _profile(logs[:-1][-_YEAR:], weekday[:-1][-_YEAR:])
    flat = logs - profile[weekday]
    expected = _expected(flat)
    apart = flat[_LEVEL:] - expected
    scale = max(_TO_SIGMA * float(np.median(np.abs(apart[:-1][-_SCALE_DAYS:]))), _LEAST_SCALE)
    middle = float(expected[-1] + profile[weekday[-1]])
    low, usual, high = (max(float(np.exp(middle + k * scale)) - ground, 0.0) for k in (-LIMIT, 0, LIMIT))
    return Surprise(float(values[-1]), usual, low, high, float(apart[-1]) / scale)


def _profile(logs: Floats, weekday: NDArray[np.int64]) -> Floats:
    """(7,) how far each weekday usually lies from the middle of its week."""
    whole = len(logs) // 7 * 7
    weeks = logs[-whole:].reshape(-1, 7)
    apart = np.median(weeks - np.median(weeks, axis=1, keepdims=True), axis=0)
    profile = np.empty(7)
    profile[weekday[-whole:][:7]] = apart
    return profile


def _expected(flat: Floats) -> Floats:
    """(n - 28,) the middle of the four weeks before each day, moved as the year before moved."""
    level = np.median(sliding_window_view(flat[:-1], _LEVEL), axis=1)
    moved = np.zeros(len(level))
    first = _YEAR + _LEVEL
    if len(flat) > first:
        near = np.median(sliding_window_view(flat, 2 * _AROUND + 1), axis=1)
        at = np.arange(first, len(flat)) - _YEAR
        moved[first - _LEVEL :] = near[at - _AROUND] - level[at - _LEVEL]
    return level + moved
