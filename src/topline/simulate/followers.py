"""Followers of each network at the end of each day."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import Ints
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    network, day = (index.ravel() for index in np.indices((len(world.truth.followers), world.days)))
    channels, on = arrow.choice(list(world.truth.followers), network), arrow.days(world.epoch + day)
    return {
        "key": arrow.keys(identity.SOURCE, channels, on),
        "channel": channels,
        "on": on,
        "count": counts(world).ravel(),
    }


@lru_cache(maxsize=2)
def counts(world: World) -> Ints:
    """[networks, days] followers."""
    rng = world.shared_stream("followers")
    years = np.arange(world.days) / 365.25
    courses = [start * (1 + growth) ** years for start, growth in world.truth.followers.values()]
    gained = np.diff(np.stack(courses), axis=1, prepend=0)
    gained[:, 1:] *= rng.lognormal(0, 0.5, gained[:, 1:].shape) * world.season[1:]
    return np.round(np.cumsum(gained, axis=1)).astype(np.int64)
