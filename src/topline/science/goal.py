"""The chance to reach a target, and targets worth setting."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A target with what it starts from.

    ambition : safe, expected or stretch
    baseline : last year's value of the same period
    target : rounded to what a person would say
    chance : probability of reaching the rounded target, 0-1
    """

    ambition: str
    baseline: float
    target: float
    chance: float


_CHANCES = {"safe": 0.75, "expected": 0.5, "stretch": 0.25}


def chance(samples: Floats, target: float, actual: float = 0.0) -> float:
    """Probability that `actual` so far and what the paths still bring reach `target`, 0-1, never rising with it.

    samples : (draws,) or (draws, h) what is still to come; periods are summed
    """
    rest = samples.sum(axis=1) if samples.ndim == 2 else samples
    return float(np.mean(actual + rest >= target))


def proposals(samples: Floats, baseline: float, actual: float = 0.0) -> list[Proposal]:
    """A safe, an expected and a stretch target for a period, in rising order, from its sample paths.

    samples : (draws,) or (draws, h); baseline : the same period a year before, for comparison only
    """
    rest = samples.sum(axis=1) if samples.ndim == 2 else samples
    found = []
    for ambition, probability in _CHANCES.items():
        target = spoken(actual + float(np.quantile(rest, 1 - probability)))
        found.append(Proposal(ambition, baseline, target, chance(rest, target, actual)))
    return found


def spoken(amount: float) -> float:
    """The amount with the digits a person would say: 3 significant, 3,508,235.78 is 3,510,000."""
    if amount == 0:
        return 0.0
    return round(amount, 2 - math.floor(math.log10(abs(amount))))
