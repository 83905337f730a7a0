"""What became of each order's parcel: drawn once, read by the facts of fulfilment."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from topline.simulate.frame import DAY_SECONDS, Flags, Ints
from topline.simulate.ledger import money
from topline.simulate.world import World

_LAGS = np.array([0.34, 0.46, 0.15, 0.05])


@dataclass(frozen=True, slots=True)
class Parcels:
    """One row each, of orders that stand and were sent in time; days count from 1970.

    delivered : -1 while it is under way
    """

    order: Ints
    ordered: Ints
    shipped: Ints
    promised: Ints
    delivered: Ints
    carrier: Ints
    is_right: Flags
    is_complete: Flags


@lru_cache(maxsize=2)
def parcels(world: World) -> Parcels:
    """Sent from Monday to Friday, at most three working days after the order."""
    rng, work, orders = world.stream("parcels"), world.truth.work, world.orders
    order = np.flatnonzero(money(world).cancelled == 0)
    ordered = orders.second[order] // DAY_SECONDS
    lag = np.searchsorted(np.cumsum(_LAGS), rng.random(len(order)), side="right").clip(0, len(_LAGS) - 1)
    shipped = _working(ordered, lag)
    promised = _working(ordered, np.full(len(order), work.promise_days))
    is_late = rng.random(len(order)) < work.late_rate
    early = np.maximum(promised - rng.integers(0, 3, len(order)), shipped + 1)
    delivered = np.where(is_late, promised + 1 + rng.integers(0, 4, len(order)), np.minimum(early, promised))
    carrier = np.searchsorted(
        np.cumsum(list(work.carriers.values())), rng.random(len(order)) * (1 - 1e-9), side="right"
    )
    is_right, is_complete = (rng.random(len(order)) < rate for rate in (work.right_rate, work.complete_rate))
    end = world.epoch + world.days
    sent = shipped < end
    delivered = np.where(delivered < end, delivered, -1)
    numbers = np.stack([order, ordered, shipped, promised, delivered, carrier])[:, sent].astype(np.int64)
    return Parcels(
        numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], numbers[5], is_right[sent], is_complete[sent]
    )


def _working(day: Ints, count: Ints) -> Ints:
    """The day so many working days later, or the first one at all if there are none."""
    moved = np.busday_offset(day.astype("datetime64[D]"), count, roll="forward")
    return np.asarray(moved.astype(np.int64))
