"""Visits, with the steps that they came to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity, order
from topline.simulate.world import World

_DEVICES = ("mobile", "desktop", "tablet")
_PAGES = ("/", "/garden", "/lighting", "/textiles", "/offers", "/journal")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng = world.stream("sessions")
    visits = world.visits
    count = len(visits.second)
    is_bought = visits.order >= 0
    device = np.searchsorted([0.63, 0.95, 1.0], rng.random(count), side="right").astype(np.int64)
    page = np.searchsorted([0.34, 0.53, 0.66, 0.79, 0.92, 1.0], rng.random(count), side="right").astype(np.int64)
    in_cart = is_bought | (rng.random(count) < 0.055)
    at_checkout = is_bought | (in_cart & (rng.random(count) < 0.36))
    views = np.where(rng.random(count) < 0.43, 1, 1 + rng.geometric(0.24, count)) + in_cart * 2 + at_checkout * 2
    seconds = np.where(views == 1, rng.integers(0, 25, count), (views * rng.exponential(34, count)).astype(np.int64))
    index = np.arange(count)
    keys = order.session_keys(world.numbered(index))
    return {
        "key": arrow.keys(identity.SOURCE, keys),
        "session_key": keys,
        "visitor_key": arrow.tokens(world.numbered(visits.visitor), world.seed),
        "customer_key": arrow.choice(customers, visits.customer),
        **arrow.moments(visits.second, world.truth.zone),
        "channel": arrow.choice([one.name for one in world.truth.channels], visits.channel),
        "campaign": order.campaigns(world)(visits.channel, index),
        "market": arrow.choice([one.country for one in world.truth.markets], visits.market),
        "device": arrow.choice(_DEVICES, device),
        "landing_page": arrow.choice(_PAGES, page),
        "views": views,
        "duration_seconds": np.minimum(seconds, 5400),
        "carts": in_cart.astype(np.int64),
        "checkouts": at_checkout.astype(np.int64),
        "orders": is_bought.astype(np.int64),
    }
