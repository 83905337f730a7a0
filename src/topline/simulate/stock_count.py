"""Counts: on the first of each month a third of the products, each now and then off by a few."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.fulfilment import WAREHOUSE
from topline.simulate.shelf import shelf
from topline.simulate.stock import on_hand
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng, goods, levels = world.shared_stream("counts"), shelf(world), on_hand(world)
    firsts = np.flatnonzero(world.dates().astype("datetime64[M]").astype("datetime64[D]") == world.dates())
    turn, product = (index.ravel() for index in np.indices((len(firsts), len(goods.sku))))
    chosen = product % 3 == turn % 3
    day, product = firsts[turn[chosen]], product[chosen]
    recorded = levels[day, product]
    off = np.where(rng.random(len(day)) < world.truth.work.count_rate, 0, rng.integers(-3, 3, len(day)))
    off = np.where(off >= 0, off + (off > 0), off)
    skus, on = arrow.choice(goods.sku, product), arrow.days(world.epoch + day)
    return {
        "key": arrow.keys(identity.SOURCE, skus, on),
        "product_key": skus,
        "warehouse": WAREHOUSE,
        "on": on,
        "recorded": arrow.amounts(recorded * arrow.MICRO),
        "counted": arrow.amounts(np.maximum(recorded + off, 0) * arrow.MICRO),
    }
