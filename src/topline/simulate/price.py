"""List prices: what changed on the first of each month, in each market's currency."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.shelf import shelf
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    goods, markets = shelf(world), world.truth.markets
    is_new = np.ones(goods.prices.shape, dtype=bool)
    is_new[1:] = goods.prices[1:] != goods.prices[:-1]
    lists, market, product = np.nonzero(is_new)
    on = arrow.days(world.epoch + goods.price_days[lists])
    countries = arrow.choice([one.country for one in markets], market)
    skus = arrow.choice(goods.sku, product)
    return {
        "key": arrow.keys(identity.SOURCE, skus, countries, on),
        "product_key": skus,
        "on": on,
        "market": countries,
        "currency": arrow.choice([one.currency for one in markets], market),
        "amount": arrow.amounts(goods.prices[is_new] * arrow.CENT),
    }
