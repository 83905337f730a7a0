"""What became of the leads of the trade business."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.trade import LINES, trade
from topline.simulate.world import World

OF_THE_SHOP = True
FORMS = tuple(f"/trade/{line.lower()}" for line in LINES)
"""The form that a lead of each line filled in."""

_EVENTS = ("created", "consented", "qualified", "converted", "lost")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    leads, _ = trade(world)
    never = np.full(len(leads.created), -1)
    is_won = leads.is_won > 0
    moments = np.stack(
        [
            leads.created,
            leads.created,
            leads.qualified,
            np.where(is_won, leads.closed, never),
            np.where(is_won, never, leads.closed),
        ]
    )
    event, lead = np.nonzero(moments >= 0)
    keys, events = arrow.tokens(lead, world.seed + 17), arrow.choice(_EVENTS, event)
    return {
        "key": arrow.keys(identity.SOURCE, keys, events),
        "event": events,
        "lead_key": keys,
        "channel": arrow.choice([one.name for one in world.truth.channels], leads.channel[lead]),
        "market": arrow.choice([one.country for one in world.truth.markets], leads.market[lead]),
        "form": arrow.choice(FORMS, leads.line[lead]),
        "owner": arrow.choice(world.truth.work.owners, leads.owner[lead]),
        "product_line": arrow.choice(LINES, leads.line[lead]),
        **arrow.moments(moments[event, lead], world.truth.zone),
    }
