"""Three posts a week on each network, by stage and front, and what they drew."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.followers import counts
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.world import World

OF_THE_SHOP = True
_STAGES, _FRONTS = ("top", "middle", "bottom"), ("makers", "seasons", "homes")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng = world.shared_stream("posts")
    networks = list(world.truth.followers)
    days = np.flatnonzero(np.isin((world.epoch + np.arange(world.days) + 3) % 7, [0, 2, 4]))
    network, day = (index.ravel() for index in np.meshgrid(np.arange(len(networks)), days, indexing="ij"))
    count = len(day)
    stage = rng.choice(3, count, p=[0.6, 0.3, 0.1])
    reach = np.round(counts(world)[network, day] * rng.lognormal(-1.0, 0.35, count) * world.season[day]).astype(
        np.int64
    )
    drawn = rng.binomial(reach, np.array([0.045, 0.016, 0.022])[network] * np.array([1.15, 0.9, 0.6])[stage])
    likes = rng.binomial(drawn, 0.8)
    comments = rng.binomial(drawn - likes, 0.3)
    shares = rng.binomial(drawn - likes - comments, 0.4)
    saves = rng.binomial(drawn - likes - comments - shares, 0.7)
    names = arrow.choice(networks, network)
    keys = arrow.keys(names, arrow.days(world.epoch + day))
    return {
        "key": arrow.keys(identity.SOURCE, keys),
        "post_key": keys,
        "channel": names,
        "stage": arrow.choice(_STAGES, stage),
        "front": arrow.choice(_FRONTS, rng.integers(0, 3, count)),
        **arrow.moments((world.epoch + day) * DAY_SECONDS + 17 * 3600 + rng.integers(0, 7200, count), world.truth.zone),
        "reach": reach,
        "likes": likes,
        "comments": comments,
        "shares": shares,
        "saves": saves,
        "other": drawn - likes - comments - shares - saves,
        "people": np.round(drawn * 0.93).astype(np.int64),
    }
