"""Any slice of a demand outlook: some values of some dimensions, by day, week or month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from topline.outlook import demand
from topline.outlook.demand import DIMENSIONS, Bottom, Slices
from topline.science.panel import sum_by
from topline.units.errors import ToplineError
from topline.units.period import Grain
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRAINS = (Grain.DAY, Grain.WEEK, Grain.MONTH)
_DAYS = 7


class UnknownSliceError(ToplineError):
    message = N_(
        "There is no forecast of “%(text)s”. Cut by category, market, channel or product, and name values that sold, "
        "such as market=DE."
    )


@dataclass(frozen=True, slots=True)
class Cut:
    """k slices side by side, which sum to what they are cut from.

    by : the dimensions that they are values of; names, titles : (k,) a value of each of these
    starts : (m,) first days of the periods; mean, low, high : (k, m) units
    weeks : the same by week, with history, the whole horizon and accuracy
    """

    by: tuple[str, ...]
    names: tuple[tuple[str | None, ...], ...]
    titles: tuple[tuple[str, ...], ...]
    starts: tuple[date, ...]
    mean: Floats
    low: Floats
    high: Floats
    weeks: Slices


def parse_where(texts: Sequence[str]) -> dict[str, str]:
    """The slice of `market=DE` and the like. Raises UnknownSliceError."""
    found = dict(text.partition("=")[::2] for text in texts)
    for text, dimension in zip(texts, found, strict=False):
        if dimension not in DIMENSIONS or "=" not in text:
            raise UnknownSliceError(text=text)
    return found


def cut(
    bottom: Bottom, first: date, *, where: Mapping[str, str], by: Sequence[str] = (), grain: Grain, level: float
) -> Cut:
    """The slices of `where` by the values of `by`, from the day `first` of the outlook on.

    where : dimension -> value, "" for sales without one

    A week's interval is learnt from what the same sums missed at earlier origins, a month's from such months. A day is
    its week's share by the weekdays, holidays and events of its categories; its interval adds how days scatter within
    weeks to the interval of the week. Days sum to weeks and months exactly, and slices to their whole.

    Raises UnknownSliceError.
    """
    part = bottom.only(_inside(bottom, where))
    of, names, titles = _grouped(part, by)
    texts = tuple(" / ".join(name or "" for name in each) for each in names)
    weeks = demand.sliced(part, of, texts, texts, level)
    daily = _daily(part, of, len(names))
    starts, mean, low, high = _by_grain(part, of, weeks, daily, first, grain, level)
    return Cut(tuple(by), names, titles, starts, mean, low, high, weeks)


def _inside(bottom: Bottom, where: Mapping[str, str]) -> NDArray[np.bool_]:
    rows = np.ones(len(bottom.units), dtype=bool)
    for dimension, name in where.items():
        values = [value or "" for value in bottom.names.get(dimension, ())]
        if name not in values:
            raise UnknownSliceError(text=f"{dimension}={name}")
        rows &= bottom.of[dimension] == values.index(name)
    if not rows.any():
        raise UnknownSliceError(text=", ".join(f"{dimension}={name}" for dimension, name in where.items()))
    return rows


def _grouped(
    part: Bottom, by: Sequence[str]
) -> tuple[Ints, tuple[tuple[str | None, ...], ...], tuple[tuple[str, ...], ...]]:
    """The place of each series among the values, and what these are."""
    for dimension in by:
        if dimension not in DIMENSIONS:
            raise UnknownSliceError(text=dimension)
    codes = np.array([part.of[dimension] for dimension in by], dtype=np.int64).reshape(len(by), len(part.units))
    found, of = np.unique(codes, axis=1, return_inverse=True) if by else (np.zeros((0, 1), np.int64), codes.sum(axis=0))
    names = tuple(tuple(part.names[d][k] for d, k in zip(by, each, strict=True)) for each in found.T.tolist())
    titles = tuple(
        tuple(part.titles[k] if d == "product" else part.names[d][k] or "" for d, k in zip(by, each, strict=True))
        for each in found.T.tolist()
    )
    return of.ravel(), names, titles


def _daily(part: Bottom, of: Ints, size: int) -> tuple[Floats, Floats]:
    """(k, h, 7) units of the days, and the variance of their scatter within the weeks."""
    horizon, categories = part.mean.shape[1], len(part.day_weight)
    weight = part.day_weight.reshape(categories, horizon, _DAYS)
    whole = weight.sum(axis=2, keepdims=True)
    share = np.where(whole > 0, weight / np.where(whole > 0, whole, 1), 1 / _DAYS)
    mean, variance = np.zeros((size, horizon, _DAYS)), np.zeros((size, horizon, _DAYS))
    for category in np.unique(part.of["category"]):
        rows = part.of["category"] == category
        week = sum_by(of[rows], part.mean[rows], size)[:, :, None]
        mean += week * share[category]
        variance += part.day_scatter[category] * week * share[category] * (1 - share[category])
    return mean, variance


def _by_grain(
    part: Bottom,
    of: Ints,
    weeks: Slices,
    daily: tuple[Floats, Floats],
    first: date,
    grain: Grain,
    level: float,
) -> tuple[tuple[date, ...], Floats, Floats, Floats]:
    horizon = weeks.mean.shape[1]
    days = [first + timedelta(days=k) for k in range(_DAYS * horizon)]
    mean, variance = daily
    if grain is Grain.WEEK:
        return tuple(days[::_DAYS]), weeks.mean, weeks.low, weeks.high
    if grain is Grain.DAY:
        return tuple(days), *_of_days(weeks, mean, variance, level)
    if grain is not Grain.MONTH:
        raise UnknownSliceError(text=grain.value)
    month = np.array([(day.year * 12 + day.month) for day in days])
    month -= month[0]
    starts = tuple(days[int(np.argmax(month == k))] for k in range(month[-1] + 1))
    marks = np.eye(len(starts))[month]  # (7 h, m)
    total = mean.sum(axis=0)
    usual = total.sum(axis=1, keepdims=True)
    share = np.where(usual > 0, total / np.where(usual > 0, usual, 1), 1 / _DAYS)
    shares = (share[:, :, None] * marks.reshape(horizon, _DAYS, -1)).sum(axis=1)
    learnt, low, high = demand.grouped(part, of, len(mean), shares, level)
    exact = mean.reshape(len(mean), -1) @ marks
    factor = np.divide(exact, learnt, out=np.ones_like(exact), where=learnt > 0)
    return starts, exact, low * factor, high * factor


def _of_days(weeks: Slices, mean: Floats, variance: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """(k, 7 h) mean, low and high: the week's interval in proportion, and beside it the scatter of the days."""
    from scipy.special import ndtri

    week = weeks.mean[:, :, None]
    share = np.divide(mean, week, out=np.zeros_like(mean), where=week > 0)
    own = ndtri((1 + level) / 2) ** 2 * variance
    low, high = (
        np.hypot(share * np.abs(end - weeks.mean)[:, :, None], np.sqrt(own)) for end in (weeks.low, weeks.high)
    )
    shape = (len(mean), -1)
    return mean.reshape(shape), np.maximum(mean - low, 0).reshape(shape), (mean + high).reshape(shape)
