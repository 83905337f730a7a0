"""The signed ledger."""

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.ledger import KINDS, ledger
from topline.simulate.order import rates
from topline.simulate.shelf import shelf
from topline.simulate.world import World


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    orders, rows, markets = world.orders, ledger(world), world.truth.markets
    rate = rates(world, rows.order)
    keys = identity.order_keys(world.numbered(rows.order))
    market = orders.market[rows.order]
    return {
        "key": arrow.keys(identity.SOURCE, keys, pa.array(rows.line)),
        "order_key": keys,
        "kind": arrow.choice([kind.value for kind in KINDS], rows.kind),
        **arrow.moments(rows.second, world.truth.zone),
        "ordered_on": arrow.days(orders.second[rows.order] // DAY_SECONDS),
        "product_key": arrow.choice(shelf(world).sku, rows.product),
        "quantity": arrow.amounts(rows.quantity * arrow.MICRO),
        "unit_price": arrow.amounts(rows.price * arrow.CENT),
        "amount": arrow.amounts(rows.amount * arrow.CENT),
        "amount_shop": arrow.amounts(rows.amount * rate),  # hundredths x ten-thousandths are millionths
        "currency": arrow.choice([one.currency for one in markets], market),
        "rate": arrow.rates(rate * 100_000),
        "cost_shop": arrow.amounts(rows.cost * 100),
        "channel": arrow.choice([one.name for one in world.truth.channels], orders.channel[rows.order]),
        "market": arrow.choice([one.country for one in markets], market),
        "customer_key": arrow.choice(customers, orders.customer[rows.order]),
    }
