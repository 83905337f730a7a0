"""The shelf, day by day: what was sold left it, what came back or was bought came onto it; never below nothing."""

from functools import lru_cache

import numpy as np

from topline.simulate.frame import DAY_SECONDS, Ints
from topline.simulate.ledger import ledger
from topline.simulate.shelf import shelf
from topline.simulate.world import World

_COVER_DAYS, _AHEAD_DAYS, _MONDAY = 24, 21, 0


@lru_cache(maxsize=2)
def on_hand(world: World) -> Ints:
    """[days, products] units at the end of each day.

    Each Monday a delivery fills the shelf to what the last three weeks sold, and a little; a day that sells more than
    there is ends at none, with what was missing brought in by express.
    """
    rows, products = ledger(world), len(shelf(world).sku)
    moved = np.flatnonzero((rows.product >= 0) & (rows.quantity != 0))
    day = rows.second[moved] // DAY_SECONDS - world.epoch
    place = day * products + rows.product[moved]
    bought = np.bincount(place, rows.quantity[moved], world.days * products).reshape(world.days, products)
    sold = bought.astype(np.int64) * world.parts
    weekday = (world.dates().astype(np.int64) + 3) % 7
    level = np.ceil(sold[:_AHEAD_DAYS].sum(axis=0).clip(0) * _COVER_DAYS / _AHEAD_DAYS).astype(np.int64) + 2
    found = np.empty((world.days, products), dtype=np.int64)
    for n in range(world.days):
        if weekday[n] == _MONDAY and n >= _AHEAD_DAYS:
            pace = sold[n - _AHEAD_DAYS : n].sum(axis=0).clip(0) / _AHEAD_DAYS
            level = np.maximum(level, np.ceil(pace * _COVER_DAYS).astype(np.int64) + 2)
        level = np.maximum(level - sold[n], 0)
        found[n] = level
    return found
