"""What each market sells in a month, as a trade panel estimates it from a sample."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.facts.order_line import Kind
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.ledger import KINDS, ledger
from topline.simulate.order import rates
from topline.simulate.world import World

OF_THE_SHOP = True
_NET = [KINDS.index(kind) for kind in (Kind.GOODS_SOLD, Kind.DISCOUNT, Kind.GOODS_CANCELLED, Kind.REFUND)]


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng, markets, rows = world.shared_stream("market"), world.truth.markets, ledger(world)
    months = world.dates().astype("datetime64[M]").astype(np.int64)
    begins = np.append(np.flatnonzero(np.diff(months, prepend=months[0] - 1)), world.days)
    whole = begins[:-1][np.diff(begins) >= 28]  # a month that the period cuts has no estimate
    pence = rows.amount * rates(world, rows.order) // 10_000
    is_net = np.isin(rows.kind, _NET)
    month = months[np.minimum(rows.second // DAY_SECONDS - world.epoch, world.days - 1)]
    place, market = (index.ravel() for index in np.indices((len(whole), len(markets))))
    own = np.array(
        [
            pence[is_net & (month == months[whole[i]]) & (world.orders.market[rows.order] == m)].sum()
            for i, m in zip(place.tolist(), market.tolist(), strict=True)
        ]
    )
    size = own * world.parts / np.array(world.truth.opinion.market_share)[market] * rng.normal(1, 0.03, len(own))
    ends = begins[np.searchsorted(begins, whole) + 1]
    countries = arrow.choice([one.country for one in markets], market)
    on = arrow.days(world.epoch + whole[place])
    return {
        "key": arrow.keys(identity.SOURCE, countries, on),
        "market": countries,
        "on": on,
        "until_on": arrow.days(world.epoch + ends[place]),
        "amount_shop": arrow.amounts(np.round(size / 100_000).astype(np.int64) * 1000 * arrow.MICRO),
        "source": "Home and Garden Trade Panel",
        "confidence": arrow.array(np.full(len(own), 0.8)),
    }
