"""Promotions: a row for each product of each offer that ran, of the shop or of the product alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import appeal, identity
from topline.simulate.shelf import shelf
from topline.simulate.world import World

OF_THE_SHOP = True


_OWN = "fortnight"
"""The campaign of the offers of single products."""


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    goods, offers, pricing = shelf(world), world.truth.offers, world.truth.pricing
    categories = np.array([one.name for one in world.truth.categories])
    rates = [one.discount_rate for one in offers]
    runs = []  # campaign, first day, day after the last, discount rates and products of each
    for i, start, end in world.offers:
        included = np.isin(categories, offers[i].categories) if offers[i].categories else np.ones(len(categories), bool)
        product = np.flatnonzero(included[goods.category])
        runs.append((i, start, end, np.full(len(product), rates[i]), product))
    for start, product, code in appeal.offers_of_products(world):
        end = min(start + 7 * pricing.offer_weeks, world.days)
        runs.append((len(offers), start, end, np.array(pricing.discount_rates)[code], product))
    times = [len(run[-1]) for run in runs]
    named, first, after = (np.repeat(np.array([run[k] for run in runs]), times) for k in range(3))
    discount, product = (np.concatenate([run[k] for run in runs]) for k in (3, 4))
    on = arrow.days(world.epoch + first)
    campaign = arrow.choice([*(one.name for one in offers), _OWN], named)
    promotion = arrow.keys(campaign, on)
    skus = arrow.choice(goods.sku, product)
    return {
        "key": arrow.keys(identity.SOURCE, promotion, skus),
        "promotion_key": promotion,
        "product_key": skus,
        "on": on,
        "until_on": arrow.days(world.epoch + after),
        "kind": "price",
        "campaign": campaign,
        "discount_rate": arrow.rates(np.round(discount * 1e9).astype(np.int64)),
    }
