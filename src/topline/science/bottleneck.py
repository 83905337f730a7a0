"""What it is worth to bring a step back to what it once was, and how sure that is."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_Z90 = 1.6448536269514722
_FEWEST = 3


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, slots=True)
class Worth:
    """An amount, and its interval of 90 %."""

    amount: float
    low: float
    high: float


def shrunk(value: Floats, error: Floats) -> tuple[Floats, Floats]:
    """What each of several measurements of one thing says of its true value then, and the standard errors.

    value, error : (q,) measurements and their standard errors > 0

    Measurements differ by chance and by truth. Each is drawn to their mean as far as chance explains the difference,
    so that the best of many is no longer the luckiest; the errors know that this share is itself estimated. Of three
    and fewer nothing is learnt.
    Source: Morris, Parametric empirical Bayes inference, J. of the American Statistical Association 78 (1983).
    """
    k = len(value)
    if k <= _FEWEST:
        return value, error
    weight = error**-2
    mean = float((weight * value).sum() / weight.sum())
    chance = float((weight * (value - mean) ** 2).sum()) - (k - 1)
    spread = max(chance, 0.0) / float(weight.sum() - (weight**2).sum() / weight.sum())
    drawn = (k - 3) / (k - 1) * error**2 / (error**2 + spread)
    variance = error**2 * (1 - (k - 1) / k * drawn) + 2 / (k - 3) * drawn**2 * (value - mean) ** 2
    return mean + (1 - drawn) * (value - mean), np.sqrt(variance)


def rate_error(taken: Floats, of: Floats) -> Floats:
    """(q,) standard errors of the shares taken / of, by the share of all, so that none is zero."""
    mean = (taken.sum() + 0.5) / (of.sum() + 1)
    return np.asarray(np.sqrt(mean * (1 - mean) / of))


def worth_of_rate(now: Estimate, goal: Estimate, base: Estimate) -> Worth:
    """What a share that rises to the goal's brings, the steps after it as they are.

    now, goal : shares 0-1; base : the amount that comes out at the end of all steps today
    """
    times = goal.value / now.value
    error = times * math.hypot(goal.error / goal.value, now.error / now.value)
    return _worth(base, times - 1, error)


def worth_of_days(now: Estimate, goal: Estimate, cycle: float, base: Estimate) -> Worth:
    """What a stage that takes only the goal's days brings, if the time saved goes into as many more deals.

    now, goal : days in the stage; cycle : days of the whole way, more than what is saved
    """
    saved = now.value - goal.value
    left = max(cycle - saved, np.finfo(float).tiny)
    return _worth(base, saved / left, cycle / left**2 * math.hypot(now.error, goal.error))


def worth_of_gap(gap: Estimate, of: float, each: Estimate) -> Estimate:
    """What closing a gap between shares brings: of so many, `gap` more are taken further, worth `each`."""
    error = math.hypot(gap.error * each.value, gap.value * each.error)
    return Estimate(of * gap.value * each.value, of * error)


def _worth(base: Estimate, gain: float, error: float) -> Worth:
    spread = _Z90 * math.hypot(base.value * error, gain * base.error)
    amount = base.value * gain
    return Worth(amount, amount - spread, amount + spread)
