"""What the trade team did for its deals: one thing for each move, and a call between."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.trade import trade
from topline.simulate.world import World

OF_THE_SHOP = True
_KINDS = ("call", "email", "meeting", "demo", "task")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng = world.shared_stream("activities")
    leads, moves = trade(world)
    move = np.repeat(np.arange(len(moves.deal)), 1 + rng.poisson(1.2, len(moves.deal)))
    second = np.maximum(
        moves.second[move] - rng.integers(0, 5 * DAY_SECONDS, len(move)), leads.created[moves.deal[move]]
    )
    deal = moves.deal[move]
    names = arrow.keys("A", pa.array(np.arange(len(move))))
    return {
        "key": arrow.keys(identity.SOURCE, names),
        "activity_key": names,
        "kind": arrow.choice(_KINDS, rng.choice(5, len(move), p=[0.38, 0.34, 0.14, 0.06, 0.08])),
        "owner": arrow.choice(world.truth.work.owners, leads.owner[deal]),
        "deal_key": arrow.keys("T", pa.array(deal + 1001)),
        "lead_key": arrow.tokens(deal, world.seed + 17),
        **arrow.moments(second, world.truth.zone),
    }
