"""Promotions: a row for each product of each offer that ran."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.shelf import shelf
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    goods, offers = shelf(world), world.truth.offers
    names = np.array([one.name for one in world.truth.categories])
    runs, products = [], []
    for run, (i, _, _) in enumerate(world.offers):
        included = np.isin(names, offers[i].categories) if offers[i].categories else np.ones(len(names), bool)
        chosen = np.flatnonzero(included[goods.category])
        products.append(chosen)
        runs.append(np.full(len(chosen), run))
    product = np.concatenate(products)
    offer, start, end = (np.array(column)[np.concatenate(runs)] for column in zip(*world.offers, strict=True))
    on = arrow.days(world.epoch + start)
    campaign = arrow.choice([one.name for one in offers], offer)
    promotion = arrow.keys(campaign, on)
    skus = arrow.choice(goods.sku, product)
    discounts = np.array([round(one.discount_rate * 1_000_000_000) for one in offers])
    return {
        "key": arrow.keys(identity.SOURCE, promotion, skus),
        "promotion_key": promotion,
        "product_key": skus,
        "on": on,
        "until_on": arrow.days(world.epoch + end),
        "kind": "price",
        "campaign": campaign,
        "discount_rate": arrow.rates(discounts[offer]),
    }
