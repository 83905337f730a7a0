"""Steps taken in order: when each was reached, and how long the way from the one before took."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

NEVER = np.iinfo(np.int64).max
"""Stands for the moment of a step that was not reached."""


@dataclass(frozen=True, slots=True)
class Moments:
    """When each of n units (visits, people) did something, as often as they did it.

    at : microseconds, unit after unit, in any order within one
    count : (n,) how many of them each unit has
    """

    at: Ints
    count: Ints


def reached(entry: Ints, later: Sequence[Moments], within: int) -> Ints:
    """(n, 1 + steps) when each unit reached each step in order, `NEVER` where it did not.

    entry : (n,) when it took the first step, microseconds
    later : the moments of each further step
    within : microseconds after the entry in which a step counts

    A step is reached at its first moment at or after the step before was reached.
    """
    found = [entry]
    for moments in later:
        unit = np.repeat(np.arange(len(entry)), moments.count)
        counts = (moments.at >= found[-1][unit]) & (moments.at - entry[unit] <= within)
        first = np.full(len(entry), NEVER)
        np.minimum.at(first, unit[counts], moments.at[counts])
        found.append(first)
    return np.stack(found, axis=1)


def minutes(steps: Ints, weight: Ints, quantile: float) -> list[float | None]:
    """The quantile of the minutes from each step to the next, over those who took both; None where nobody did.

    steps : (n, k) from `reached`; gives k - 1 numbers
    weight : (n,) how many units each row stands for
    """
    found: list[float | None] = []
    for before, after in zip(steps.T[:-1], steps.T[1:], strict=True):
        both = after < NEVER
        gaps = np.repeat((after[both] - before[both]) / 60e6, weight[both])
        found.append(float(np.quantile(gaps, quantile)) if len(gaps) else None)
    return found
