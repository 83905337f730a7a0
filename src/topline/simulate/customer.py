"""Customers; guests have no row."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.world import World


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    orders = world.orders
    known = np.flatnonzero(orders.customer >= 0)
    customer, first = np.unique(orders.customer[known], return_index=True)
    order = known[first]
    trade = world.stream("segment").random(len(customer)) < 0.07
    return {
        "key": arrow.keys(identity.SOURCE, [customers[number] for number in customer.tolist()]),
        "customer_key": [customers[number] for number in customer.tolist()],
        "since_on": arrow.days(orders.second[order] // DAY_SECONDS),
        "market": arrow.choice([one.country for one in world.truth.markets], orders.market[order]),
        "segment": arrow.choice(["home", "trade"], trade.astype(np.int64)),
    }
