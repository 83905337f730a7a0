"""How much dearer the shop is than the market, as a price watch sees it each quarter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng = world.shared_stream("prices outside")
    day, market = (index.ravel() for index in np.indices((world.days // 91, len(world.truth.markets))))
    premium = world.truth.opinion.price_premium + rng.normal(0, 0.012, len(day))
    countries = arrow.choice([one.country for one in world.truth.markets], market)
    on = arrow.days(world.epoch + 45 + 91 * day)
    return {
        "key": arrow.keys(identity.SOURCE, "price_premium", countries, on),
        "series": "price_premium",
        "market": countries,
        "on": on,
        "value": premium,
        "low": premium - 0.02,
        "high": premium + 0.02,
        "source": "Price Watch",
        "confidence": arrow.array(np.full(len(day), 0.7)),
    }
