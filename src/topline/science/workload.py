"""Hours of work by week, the people that they take, and the weeks in which there are too few."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Load:
    """What k kinds of work take in w weeks.

    hours : (k, w); capacity : (k, w) hours that there are
    people : (k, w) that the hours take; missing : (k, w) of them, beyond those there are
    is_over : (k, w) more hours than capacity
    """

    hours: Floats
    capacity: Floats
    people: Floats
    missing: Floats
    is_over: NDArray[np.bool_]


def load(count: Floats, minutes: Floats, capacity: Floats, week_hours: Floats) -> Load:
    """The load of so many pieces of work (k, w), of so many minutes each (k,).

    capacity : (k, w) hours of those who do each kind; week_hours : (k,) that one of them works a week, > 0
    """
    hours = count * minutes[:, None] / 60
    missing = np.maximum(hours - capacity, 0) / week_hours[:, None]
    return Load(hours, capacity, hours / week_hours[:, None], missing, hours > capacity + _LEAST)
