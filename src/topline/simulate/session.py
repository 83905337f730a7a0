"""Visits, with the steps that they came to."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity, order
from topline.simulate.way import DEVICES, PAGES, ways
from topline.simulate.world import World


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    visits, gone = world.visits, ways(world)
    count = len(visits.second)
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
        "device": arrow.choice(DEVICES, gone.device),
        "landing_page": arrow.choice(PAGES, gone.page),
        "views": gone.views,
        "duration_seconds": gone.seconds,
        "carts": gone.carts.astype(np.int64),
        "checkouts": gone.checkouts.astype(np.int64),
        "orders": gone.orders.astype(np.int64),
        "product_views": gone.product_views,
        "sign_ups": gone.sign_ups.astype(np.int64),
        "downloads": gone.downloads.astype(np.int64),
        "chats": gone.chats.astype(np.int64),
        "furthest": gone.furthest,
    }
