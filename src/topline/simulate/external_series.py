"""How much dearer the shop is than the market, as a price watch sees it each month."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng = world.shared_stream("prices outside")
    seen_on = np.flatnonzero(np.array([str(day)[8:] == "15" for day in world.dates()]))
    place, market = (index.ravel() for index in np.indices((len(seen_on), len(world.truth.markets))))
    premium = world.truth.opinion.price_premium + rng.normal(0, 0.012, len(place))
    countries = arrow.choice([one.country for one in world.truth.markets], market)
    on = arrow.days(world.epoch + seen_on[place])
    return {
        "key": arrow.keys(identity.SOURCE, "price_premium", countries, on),
        "series": "price_premium",
        "market": countries,
        "on": on,
        "value": premium,
        "low": premium - 0.02,
        "high": premium + 0.02,
        "source": "Price Watch",
        "confidence": arrow.array(np.full(len(place), 0.7)),
    }
