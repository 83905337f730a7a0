"""Stock at the end of each day of the last year."""

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
    goods, levels = shelf(world), on_hand(world)
    first = min(max((world.truth.work.stock_from - world.truth.period.start).days, 0), world.days)
    day, product = (index.ravel() for index in np.indices((world.days - first, len(goods.sku))))
    day = day + first
    unit_cost = goods.costs[np.searchsorted(goods.cost_days, day, side="right") - 1, product]
    skus, on = arrow.choice(goods.sku, product), arrow.days(world.epoch + day)
    return {
        "key": arrow.keys(identity.SOURCE, skus, on),
        "product_key": skus,
        "warehouse": WAREHOUSE,
        "on": on,
        "on_hand": arrow.amounts(levels[day, product] * arrow.MICRO),
        "reserved": arrow.amounts(np.zeros(len(day), dtype=np.int64)),
        "unit_cost_shop": arrow.amounts(unit_cost * 100),
    }
