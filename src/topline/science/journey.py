"""Who came how: the touches of people put together to paths, each up to an order or to nothing."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_MILLI = 1000
DAY = 86_400_000_000
"""Microseconds of a day."""


@dataclass(frozen=True, slots=True)
class Linked:
    """Paths of touches.

    touch : (n,) indices of the touches, path after path, in order of time
    start : (m + 1,) where each path begins in `touch`; a path to an order may be without a touch
    order : (m,) index of the order that the path led to, -1 if to none
    age_days : (n,) how long before its order each touch was, or before the path's last touch where it led to none
    """

    touch: Ints
    start: Ints
    order: Ints
    age_days: Floats

    def only(self, kept: NDArray[np.bool_]) -> "Linked":
        """The paths for which `kept` (m,) is true."""
        length = np.diff(self.start)
        inside = np.repeat(kept, length)
        start = np.concatenate([[0], np.cumsum(length[kept])])
        return Linked(self.touch[inside], start, self.order[kept], self.age_days[inside])


def linked(person: Ints, at: Ints, buyer: Ints, ordered: Ints, window_days: float) -> Linked:
    """Every touch in exactly one path: to its person's next order if that follows within the window, else to none.

    person, at : (n,) numbers of people >= 0 and moments of their touches, microseconds
    buyer, ordered : (o,) the same of orders, -1 where the buyer is not known

    Touches between two orders belong to the second. A touch in the same millisecond as an order is before it.
    """
    first = min((int(moments.min()) for moments in (at, ordered) if len(moments)), default=0)
    last = max((int(moments.max()) for moments in (at, ordered) if len(moments)), default=0)
    span = (last - first) // _MILLI + 2
    moment = person * span + (at - first) // _MILLI
    touch = np.argsort(moment, kind="stable")
    end = buyer * span + (ordered - first) // _MILLI
    by_end = np.argsort(end, kind="stable")
    place = np.searchsorted(end[by_end], moment[touch])
    has_next = place < len(by_end)
    order = np.full(len(touch), -1)
    order[has_next] = by_end[place[has_next]]
    has_next[has_next] = buyer[order[has_next]] == person[touch[has_next]]
    age = np.zeros(len(touch))
    age[has_next] = (ordered[order[has_next]] - at[touch[has_next]]) / DAY
    order[~has_next | (age > window_days)] = -1
    is_new = np.ones(len(touch), dtype=bool)
    same = (person[touch][1:] == person[touch][:-1]) & (place[1:] == place[:-1]) & (order[1:] == order[:-1])
    is_new[1:] = ~same
    begins = np.flatnonzero(is_new)
    led_to = order[begins]
    lengths = np.diff(np.append(begins, len(touch)))
    final = np.repeat(at[touch[begins + lengths - 1]], lengths) if len(begins) else at[:0]
    age = np.where(order < 0, (final - at[touch]) / DAY, age)
    alone = np.setdiff1d(np.arange(len(buyer)), led_to)
    return Linked(
        touch,
        np.concatenate([begins, np.full(len(alone) + 1, len(touch))]),
        np.concatenate([led_to, alone]),
        np.maximum(age, 0),
    )
