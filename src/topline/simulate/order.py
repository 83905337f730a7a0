"""Order heads: what brought the order, what delivery and payment cost, whether it was cancelled."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS, Ints
from topline.simulate.ledger import basket, money
from topline.simulate.world import World


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    orders, lines, paid = world.orders, basket(world), money(world)
    count = len(orders.second)
    index = np.arange(count)
    net = np.bincount(lines.order, lines.net, count).astype(np.int64)
    pieces = np.bincount(lines.order, lines.quantity, count).astype(np.int64)
    rate = rates(world, index)
    total = (net + paid.shipping + paid.tax) * rate // 10_000  # pence
    keys = identity.order_keys(world.numbered(index))
    cancelled = pa.array(np.where(paid.cancelled > 0, paid.cancelled // DAY_SECONDS, -1).astype(np.int32))
    visit = np.empty(count, dtype=np.int64)
    came = np.flatnonzero(world.visits.order >= 0)
    visit[world.visits.order[came]] = came
    return {
        "key": arrow.keys(identity.SOURCE, keys),
        "order_key": keys,
        **arrow.moments(orders.second, world.truth.zone),
        "customer_key": arrow.choice(customers, orders.customer),
        "currency": arrow.choice([one.currency for one in world.truth.markets], orders.market),
        "rate": arrow.rates(rate * 100_000),
        "channel": arrow.choice([one.name for one in world.truth.channels], orders.channel),
        "market": arrow.choice([one.country for one in world.truth.markets], orders.market),
        "cancelled_on": arrow.kernel.if_else(arrow.kernel.less(cancelled, 0), None, cancelled).cast(pa.date32()),
        "session_key": session_keys(world.numbered(visit)),
        "campaign": campaigns(world)(orders.channel, visit),
        "coupon": arrow.choice([world.truth.coupon], np.where(paid.has_coupon, 0, -1)),
        "shipping_cost_shop": arrow.amounts((310 + 85 * pieces) * arrow.CENT),
        "payment_fee_shop": arrow.amounts((20 + total * 14 // 1000) * arrow.CENT),
    }


def rates(world: World, order: Ints) -> Ints:
    """Shop currency per unit of each order's currency on the order's day, in ten-thousandths."""
    is_euro = np.array([one.currency != world.truth.currency for one in world.truth.markets])
    day = world.orders.second[order] // DAY_SECONDS - world.epoch
    return np.where(is_euro[world.orders.market[order]], world.euro_rate[day], 10_000)


def session_keys(visit: Ints) -> arrow.Column:
    return arrow.kernel.binary_join_element_wise("s", arrow.kernel.cast(pa.array(visit), pa.string()), "")


class campaigns:  # noqa: N801 - reads as the function that it is
    """The campaign of each visit, by its channel; the same for the same visit."""

    def __init__(self, world: World) -> None:
        self.draw = world.stream("campaigns").random(len(world.visits.second))
        names: list[str] = []
        self.shares = np.full((len(world.truth.channels), 4), 2.0)
        self.first = np.full(len(world.truth.channels), -1)
        for response in world.truth.responses:
            channel = [one.name for one in world.truth.channels].index(response.channel)
            self.first[channel] = len(names)
            edges = np.cumsum([share for share, _ in response.campaigns.values()])
            self.shares[channel, : len(edges) - 1] = edges[:-1]
            names += response.campaigns
        self.names = names

    def __call__(self, channel: Ints, visit: Ints) -> arrow.Column:
        offset = (self.draw[visit][:, None] > self.shares[channel]).sum(axis=1)
        return arrow.choice(self.names, np.where(self.first[channel] >= 0, self.first[channel] + offset, -1))
