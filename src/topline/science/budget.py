"""Spreading a budget over channels and weeks where it brings most."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class BudgetLimitsError(ToplineError):
    message = N_("The channels take between %(least)s and %(most)s together, so %(budget)s can't be spread over them.")


class CrossedLimitsError(ToplineError):
    message = N_("A channel's least spend, %(low)s, is more than its most, %(high)s.")


@dataclass(frozen=True, slots=True)
class Curves:
    """What a week's spend on each channel is worth, on a grid.

    spend : (C, n) spend a week, rising from 0
    worth : (C, n) expected worth of the response, in the unit of the goal, never falling
    """

    spend: Floats
    worth: Floats

    def at(self, spend: Floats) -> Floats:
        """(C, ...) the worth of a week's spend, straight between the points of the grid."""
        flat = spend.reshape(len(spend), -1)
        found = [np.interp(flat[c], self.spend[c], self.worth[c]) for c in range(len(spend))]
        return np.asarray(found).reshape(spend.shape)


def spread(curves: Curves, budget: int, low: Ints, high: Ints, weight: Floats) -> Ints:
    """The spread of a budget that is worth most, (C, W) in whole minor units, its sum the budget to the last of them.

    budget : minor units, as are the curves' spend
    low, high : (C,) limits of each channel over all the weeks, 0 <= low <= high
    weight : (W,) what the same response is worth in each week, > 0, relative to the others

    Money goes step by step where the next of it is worth most; steps of one channel and week come in the order of its
    curve's upper hull, so that a slow start is passed at once. More budget takes the same steps and then further
    ones: it never lowers what any channel gets, nor what all of it is worth.

    Raises BudgetLimitsError, CrossedLimitsError. Source: Ibaraki & Katoh, Resource Allocation Problems (1988), ch. 4.
    """
    if (low > high).any():
        c = int(np.argmax(low > high))
        raise CrossedLimitsError(low=str(low[c]), high=str(high[c]))
    if not low.sum() <= budget <= high.sum():
        raise BudgetLimitsError(least=str(low.sum()), most=str(high.sum()), budget=str(budget))
    steps = [_steps(curves.spend[c], curves.worth[c], weight, float(high[c])) for c in range(len(low))]
    held = np.concatenate([_taken(rate, width, float(low[c])) for c, (rate, width, _) in enumerate(steps)])
    channel = np.repeat(np.arange(len(low)), [len(rate) for rate, _, _ in steps])
    rate, width, week = (np.concatenate(parts) for parts in zip(*steps, strict=True))
    cells = np.zeros((len(low), len(weight)))
    np.add.at(cells, (channel, week), held + _taken(rate, width - held, float(budget - low.sum())))
    return _whole(cells, budget, low, high)


def _steps(spend: Floats, worth: Floats, weight: Floats, most: float) -> tuple[Floats, Floats, Ints]:
    """What the next unit is worth, how far, and in which week: the steps of one channel, `most` of it in all."""
    places = _hull(spend, worth)
    width, rise = np.diff(spend[places]), np.diff(worth[places])
    weeks = len(weight)
    rates = (weight[:, None] * (rise / width)).ravel()
    widths = _taken(rates, np.tile(width, weeks), most)
    beyond = np.full(weeks, max(most - widths.sum(), 0) / weeks)  # the curve is flat after its grid: evenly
    week = np.r_[np.repeat(np.arange(weeks), len(width)), np.arange(weeks)]
    return np.r_[rates, np.zeros(weeks)], np.r_[widths, beyond], week


def _hull(spend: Floats, worth: Floats) -> list[int]:
    """The places of the points on the upper concave hull, the first and the last among them."""
    found: list[int] = []
    for i in range(len(spend)):
        while len(found) > 1:
            a, b = found[-2], found[-1]
            if (worth[b] - worth[a]) * (spend[i] - spend[a]) >= (worth[i] - worth[a]) * (spend[b] - spend[a]):
                break
            found.pop()
        found.append(i)
    return found


def _taken(rate: Floats, width: Floats, amount: float) -> Floats:
    """What of each step is taken until the amount is reached: the best first, equals by equal parts."""
    _, group = np.unique(-rate, return_inverse=True)
    sums = np.bincount(group, width)
    part = np.clip(amount - (np.cumsum(sums) - sums), 0, sums) / np.where(sums > 0, sums, 1)
    return np.asarray(width * part[group])


def _whole(cells: Floats, budget: int, low: Ints, high: Ints) -> Ints:
    """The cells in whole units by largest remainder: channels first, within their limits, and then their weeks."""
    totals = _rounded(cells.sum(axis=1), budget, low, high)
    found = np.zeros(cells.shape, np.int64)
    for c, total in enumerate(totals):
        shares = cells[c] * (total / cells[c].sum()) if cells[c].sum() > 0 else np.zeros(cells.shape[1])
        found[c] = _rounded(shares, int(total), np.zeros(len(shares), np.int64), np.full(len(shares), total))
    return found


def _rounded(shares: Floats, total: int, low: Ints, high: Ints) -> Ints:
    floor = np.clip(np.floor(shares + 1e-6).astype(np.int64), low, high)
    by_rest = np.argsort(floor - shares, kind="stable")
    while (missing := total - int(floor.sum())) != 0:
        step = 1 if missing > 0 else -1
        room = by_rest[(floor < high)[by_rest]] if step > 0 else by_rest[::-1][(floor > low)[by_rest[::-1]]]
        floor[room[: abs(missing)]] += step
    return floor
