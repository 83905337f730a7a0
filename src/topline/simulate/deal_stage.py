"""The deals of the trade business, stage by stage."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.trade import LINES, STAGES, WON, trade
from topline.simulate.world import World

OF_THE_SHOP = True
_STATES = ("open", "open", "open", "won", "lost")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    leads, moves = trade(world)
    work, deal = world.truth.work, moves.deal
    chances = np.append(np.cumprod(work.advance_rates[::-1])[::-1], [1.0, 0.0])  # of being won from each stage on
    left = np.append(np.cumsum(work.stage_days[::-1])[::-1], [0, 0])
    keys = arrow.keys("T", pa.array(deal + 1001))
    order = np.arange(len(deal)) - np.searchsorted(deal, deal, side="left")
    created = leads.qualified[deal] // DAY_SECONDS
    return {
        "key": arrow.keys(identity.SOURCE, keys, pa.array(order)),
        "deal_key": keys,
        "stage": arrow.choice(STAGES, moves.stage),
        "previous_stage": arrow.choice(STAGES, moves.before),
        "position": np.minimum(moves.stage, WON),
        "state": arrow.choice(_STATES, moves.stage),
        "probability": arrow.rates(np.round(chances[moves.stage] * 1e9).astype(np.int64)),
        "value_shop": arrow.amounts(moves.value * arrow.MICRO),
        "currency": world.truth.currency,
        "expected_close": arrow.days(moves.second // DAY_SECONDS + np.round(left[moves.stage]).astype(np.int64)),
        "owner": arrow.choice(work.owners, leads.owner[deal]),
        "territory": arrow.choice(work.territories, np.where(leads.market[deal] > 0, 2, leads.owner[deal] % 2)),
        "channel": arrow.choice([one.name for one in world.truth.channels], leads.channel[deal]),
        "market": arrow.choice([one.country for one in world.truth.markets], leads.market[deal]),
        "product_line": arrow.choice(LINES, leads.line[deal]),
        "lead_key": arrow.tokens(deal, world.seed + 17),
        "reason": arrow.choice(("price", "no answer", "other supplier"), np.where(moves.stage > WON, deal % 3, -1)),
        "created_on": arrow.days(created),
        **arrow.moments(moves.second, world.truth.zone),
    }
