"""The journal's pieces, read in the visits that began there, and a film a season that plays elsewhere."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity, order
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.way import PAGES, ways
from topline.simulate.world import World

_PIECES = (
    # key, title, stage
    ("a-border-in-a-weekend", "A border in a weekend", "top"),
    ("herbs-on-a-sill", "Herbs on a sill", "top"),
    ("light-a-dark-hall", "How to light a dark hall", "top"),
    ("oak-or-teak", "Oak or teak: which bench lasts", "middle"),
    ("choosing-a-rug", "Choosing a rug by its yarn", "middle"),
    ("fire-bowls-compared", "Fire bowls compared", "middle"),
    ("care-of-linen", "Care of linen", "bottom"),
    ("delivery-and-assembly", "Delivery and assembly", "bottom"),
)
_FILMS = ("film-the-weaver", "film-the-foundry")
_KINDS = ("read", "share", "comment", "play")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng, visits, gone = world.stream("journal"), world.visits, ways(world)
    last_year = (world.epoch + max(world.days - 365, 0)) * DAY_SECONDS
    readers = np.flatnonzero((gone.page == PAGES.index("/journal")) & (visits.second >= last_year))
    share = readers[rng.random(len(readers)) < 0.012]
    comment = readers[rng.random(len(readers)) < 0.004]
    plays = rng.poisson(38 * world.season[-365:] / world.parts)
    seen = (world.epoch + world.days - len(plays) + np.repeat(np.arange(len(plays)), plays)) * DAY_SECONDS
    seen = seen + rng.integers(8 * 3600, 23 * 3600, len(seen))
    visit = np.concatenate([readers, share, comment])
    none = np.full(len(seen), -1)
    kind = np.repeat(np.arange(4), [len(readers), len(share), len(comment), len(seen)])
    piece = _read(world, rng)[visit]
    pieces = np.concatenate([piece, len(_PIECES) + rng.integers(0, len(_FILMS), len(seen))])
    channel = np.concatenate([visits.channel[visit], np.full(len(seen), len(world.truth.channels))])
    is_engaged = np.concatenate([(gone.seconds[visit] > 45) | (kind[: len(visit)] > 0), rng.random(len(seen)) < 0.41])
    stages = [stage for _, _, stage in _PIECES] + ["top"] * len(_FILMS)
    known = np.concatenate([np.ones(len(visit), bool), np.zeros(len(seen), bool)])
    own = np.concatenate([visit, np.zeros_like(seen)])
    session = order.session_keys(world.numbered(own))
    visitor = arrow.tokens(world.numbered(visits.visitor[own]), world.seed)
    return {
        "key": arrow.keys(identity.SOURCE, "content", world.numbered(np.arange(len(kind)))),
        "content_key": arrow.choice([*(key for key, _, _ in _PIECES), *_FILMS], pieces),
        "title": arrow.choice([*(title for _, title, _ in _PIECES), "The weaver", "The foundry"], pieces),
        "kind": arrow.choice(_KINDS, kind),
        "session_key": arrow.kernel.if_else(arrow.array(known), session, None),
        "visitor_key": arrow.kernel.if_else(arrow.array(known), visitor, None),
        "is_engaged": is_engaged,
        "channel": arrow.choice([*(one.name for one in world.truth.channels), "video"], channel),
        "market": arrow.choice(
            [one.country for one in world.truth.markets], np.concatenate([visits.market[visit], none])
        ),
        "stage": arrow.choice(stages, pieces),
        **arrow.moments(np.concatenate([visits.second[visit] + 5, seen]), world.truth.zone),
    }


def _read(world: World, rng: np.random.Generator) -> Any:
    """The piece that each visit to the journal read: shares and comments are of the same one."""
    return rng.choice(len(_PIECES), len(world.visits.second), p=[0.2, 0.16, 0.15, 0.14, 0.12, 0.1, 0.08, 0.05])
