"""Hours of work by week, the people that they take, and the weeks in which there are too few."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What k kinds of work take in w weeks.

    hours : (k, w); capacity : (k,) hours that there are in a week
    people : (k, w) that the hours take; missing : (k, w) of them, beyond those there are
    is_over : (k, w) more hours than capacity
    """

    hours: Floats
    capacity: Floats
    people: Floats
    missing: Floats
    is_over: NDArray[np.bool_]


def load(count: Floats, minutes: Floats, people: Floats, week_hours: float) -> Load:
    """The load of so many pieces of work (k, w), of so many minutes each (k,).

    people : (k,) who do each kind; week_hours : that one of them works a week, > 0
    """
    hours = count * minutes[:, None] / 60
    capacity = people * week_hours
    needed = hours / week_hours
    missing = np.maximum(needed - people[:, None], 0)
    return Load(hours, capacity, needed, missing, hours > capacity[:, None] + _LEAST)
