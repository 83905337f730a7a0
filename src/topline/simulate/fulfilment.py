"""Shipments: a parcel for each order that stands."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.parcel import parcels
from topline.simulate.world import World

WAREHOUSE = "Harwich"


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    sent, orders = parcels(world), world.orders
    keys = identity.order_keys(world.numbered(sent.order))
    is_there = arrow.array(sent.delivered >= 0)
    reason = np.select([~sent.is_right, ~sent.is_complete], [0, 1], -1)
    return {
        "key": arrow.keys(identity.SOURCE, keys),
        "fulfilment_key": keys,
        "order_key": keys,
        "warehouse": WAREHOUSE,
        "carrier": arrow.choice(list(world.truth.work.carriers), sent.carrier),
        "channel": arrow.choice([one.name for one in world.truth.channels], orders.channel[sent.order]),
        "market": arrow.choice([one.country for one in world.truth.markets], orders.market[sent.order]),
        "ordered_on": arrow.days(sent.ordered),
        "promised_on": arrow.days(sent.promised),
        "shipped_on": arrow.days(sent.shipped),
        "delivered_on": arrow.kernel.if_else(is_there, arrow.days(np.maximum(sent.delivered, 0)), None),
        "is_complete": sent.is_complete,
        "is_right": sent.is_right,
        "reason": arrow.choice(("wrong or broken", "incomplete"), reason),
        "on": arrow.days(sent.shipped),
    }
