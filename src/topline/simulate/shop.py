"""A simulated shop as batches of facts, ready for a lake.

Each fact that a shop of known truth can have is drawn by the file of its name in this folder, which holds
`columns(world, customers)`: the fact's columns as arrays, without `version`, `recorded_at` and `batch_id`. Where
`OF_THE_SHOP` is true they are of the whole shop, and come with its first part only.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pyarrow as pa

from topline.facts import columns as arrow
from topline.facts.table import tables
from topline.simulate import identity
from topline.simulate.world import World

BATCH_ROWS = 250_000


def simulated() -> list[str]:
    """The facts that are simulated, by name."""
    return [name for name in sorted(tables()) if find_spec(f"topline.simulate.{name}")]


def facts(
    world: World,
    *,
    customer_key: Callable[[str], str],
    batch_id: str,
    recorded_at: datetime,
    only: Collection[str] | None = None,
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Every fact's name and batches of at most 250,000 rows in its schema, always the same for the same world.

    customer_key : the shop's HMAC of a source's id
    recorded_at : UTC, the moment that every row is recorded at
    only : the facts to draw, all if None
    """
    customers = identity.customer_keys(world, customer_key)
    for name in simulated():
        drawn = import_module(f"topline.simulate.{name}")
        if (only is not None and name not in only) or (world.part and getattr(drawn, "OF_THE_SHOP", False)):
            continue
        columns: Mapping[str, Any] = drawn.columns(world, customers)
        whole = arrow.batch(tables()[name], columns, batch_id=batch_id, recorded_at=recorded_at)
        for start in range(0, whole.num_rows, BATCH_ROWS):
            yield name, whole.slice(start, BATCH_ROWS)
