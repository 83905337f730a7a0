"""What each parcel cost to pick, pack and ship, and to mend."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.fulfilment import WAREHOUSE
from topline.simulate.ledger import basket
from topline.simulate.parcel import parcels
from topline.simulate.world import World

_KINDS = ("pick", "pack", "ship", "error")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    sent, lines = parcels(world), basket(world)
    pieces = np.bincount(lines.order, lines.quantity, len(world.orders.second)).astype(np.int64)[sent.order]
    pence = np.stack([45 + 22 * pieces, np.full(len(pieces), 55), 310 + 85 * pieces, np.full(len(pieces), 640)])
    is_wrong = ~(sent.is_right & sent.is_complete)
    kind, parcel = np.nonzero(np.stack([np.ones_like(is_wrong)] * 3 + [is_wrong]))
    keys = identity.order_keys(world.numbered(sent.order[parcel]))
    kinds = arrow.choice(_KINDS, kind)
    return {
        "key": arrow.keys(identity.SOURCE, keys, kinds),
        "order_key": keys,
        "fulfilment_key": keys,
        "kind": kinds,
        "warehouse": WAREHOUSE,
        "carrier": arrow.choice(list(world.truth.work.carriers), sent.carrier[parcel]),
        "market": arrow.choice([one.country for one in world.truth.markets], world.orders.market[sent.order[parcel]]),
        "amount_shop": arrow.amounts(pence[kind, parcel] * arrow.CENT),
        "on": arrow.days(sent.shipped[parcel]),
    }
