"""Questions of customers about their orders, and how fast they were answered."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.world import World

_CHANNELS, _REASONS = ("mail", "chat", "phone"), ("delivery", "return", "product", "payment")
OWNERS = ("Ellie Marsh", "Sam Okoye")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng, work, orders = world.stream("conversations"), world.truth.work, world.orders
    order = np.flatnonzero(rng.random(len(orders.second)) < work.contact_rate)
    second = orders.second[order] + (rng.gamma(2.0, 3.0, len(order)) * DAY_SECONDS).astype(np.int64)
    end = (world.epoch + world.days) * DAY_SECONDS
    order, second = order[second < end], second[second < end]
    count = len(order)
    reply = second + (work.reply_hours * 3600 * rng.lognormal(0, 0.9, count)).astype(np.int64)
    over = np.maximum(second + (work.resolution_hours * 3600 * rng.lognormal(0, 1.0, count)).astype(np.int64), reply)
    keys = identity.order_keys(world.numbered(order))
    zone = world.truth.zone

    def moment(local: Any) -> Any:
        return arrow.kernel.if_else(arrow.array(local < end), arrow.moments(local, zone)["at"], None)

    return {
        "key": arrow.keys(identity.SOURCE, keys),
        "conversation_key": keys,
        "customer_key": arrow.choice(customers, orders.customer[order]),
        "order_key": keys,
        "channel": arrow.choice(_CHANNELS, rng.choice(3, count, p=[0.58, 0.30, 0.12])),
        "reason": arrow.choice(_REASONS, rng.choice(4, count, p=[0.47, 0.28, 0.17, 0.08])),
        "owner": arrow.choice(OWNERS, rng.integers(0, len(OWNERS), count)),
        "market": arrow.choice([one.country for one in world.truth.markets], orders.market[order]),
        **arrow.moments(second, zone),
        "first_reply_at": moment(reply),
        "resolved_at": moment(over),
        "contacts": 1 + rng.poisson(0.35, count),
    }
