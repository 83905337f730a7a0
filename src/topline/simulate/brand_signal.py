"""A panel asked every month, and each day's branded searches and mentions."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.world import World

OF_THE_SHOP = True
_ASKED = 400
_KINDS = ("branded_search", "mention", "aware_yes", "aware_no")
_CHANNELS = ("search", "news", "panel", "panel")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng, opinion = world.shared_stream("brand"), world.truth.opinion
    shares = np.array([one.share for one in world.truth.markets])
    trend = (1 + opinion.aware_growth_rate) ** (np.arange(world.days) / 365.25)
    searches = rng.poisson(150 * shares[:, None] * trend * world.season)
    mentions = rng.poisson(2.1 * shares[:, None] * trend * world.season)
    asked_on = np.flatnonzero(np.array([str(day)[8:] == "15" for day in world.dates()]))
    aware = rng.binomial(_ASKED, opinion.aware_rate * trend[asked_on], (len(shares), len(asked_on)))
    parts = [
        (kind, market, day, counted)
        for kind, table, days in (
            (0, searches, np.arange(world.days)),
            (1, mentions, np.arange(world.days)),
            (2, aware, asked_on),
            (3, _ASKED - aware, asked_on),
        )
        for market in range(len(shares))
        for day, counted in [(days, table[market])]
    ]
    kind = np.concatenate([np.full(len(days), one) for one, _, days, _ in parts])
    market = np.concatenate([np.full(len(days), place) for _, place, days, _ in parts])
    countries = arrow.choice([one.country for one in world.truth.markets], market)
    on = arrow.days(world.epoch + np.concatenate([days for _, _, days, _ in parts]))
    kinds = arrow.choice(_KINDS, kind)
    return {
        "key": arrow.keys(identity.SOURCE, kinds, countries, on),
        "kind": kinds,
        "channel": arrow.choice(_CHANNELS, kind),
        "market": countries,
        "on": on,
        "count": np.concatenate([counted for _, _, _, counted in parts]),
    }
