"""What is expected of each customer: made once for the same facts and day, and kept in the shared cache folder."""

import json
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.outlook import customers as outlook
from topline.outlook.customers import HoldOut, LineChurn
from topline.plans import cache

Floats = NDArray[np.float64]

_READ = ("order_line", "order", "product", "identity_link")
NEAR_DAYS = 730
"""Beyond it nobody would name the day of the next order."""

COLUMNS = (
    "past_orders",
    "last_days",
    "is_alive_rate",
    "order_rate",
    "next_days",
    "year_orders",
    "year_sales",
    "remaining_sales",
)


@dataclass(frozen=True, slots=True, eq=False)
class Future:
    """The outlook as pages need it. key : (n,) of each customer; columns : (n,) each, as in `CustomerOutlook`."""

    as_of: date
    key: "pa.ChunkedArray[Any]"
    columns: dict[str, Floats]
    margin_rate: float | None
    orders_interval: tuple[float, float]
    model: str
    holdout: HoldOut | None
    lines: tuple[LineChurn, ...]

    @property
    def customers(self) -> int:
        return len(self.key)

    def ranked(self, by: str, start: int, end: int) -> list[dict[str, Any]]:
        """Customers from the `start`-th to the `end`-th by a column, the largest first."""
        order = np.argsort(-self.columns[by], kind="stable")[start:end]
        keys = self.key.take(order).to_pylist()
        return [
            {"key": key, **{name: float(values[place]) for name, values in self.columns.items()}}
            for key, place in zip(keys, order, strict=True)
        ]


def future(shop: Shop, as_of: date, snapshot: Snapshot) -> Future:
    """What is expected of the customers. Raises TooFewCustomersError, LifetimeFitError."""
    path = _path(shop, as_of, snapshot)
    try:
        return _load(path)
    except FileNotFoundError:
        _save(path, outlook.run(shop.lake(), snapshot, as_of=as_of))
        return _load(path)


def is_made(shop: Shop, as_of: date, snapshot: Snapshot) -> bool:
    """Whether `future` would answer at once."""
    return _path(shop, as_of, snapshot).exists()


def _path(shop: Shop, as_of: date, snapshot: Snapshot) -> Path:
    facts = tuple(snapshot.digest(table) for table in _READ)
    return cache.place("customers", ".parquet", shop.slug, facts, as_of)


def _save(path: Path, found: outlook.CustomerOutlook) -> None:
    import pyarrow.parquet as pq

    about = {
        "as_of": found.as_of.isoformat(),
        "margin_rate": found.margin_rate,
        "orders_interval": found.orders_interval,
        "model": found.model,
        "holdout": asdict(found.holdout) if found.holdout else None,
        "lines": [asdict(one) for one in found.lines],
    }
    columns = {"key": found.customer_key, **{name: getattr(found, name) for name in COLUMNS}}
    table = pa.table(columns).replace_schema_metadata({"about": json.dumps(about, default=str)})
    with cache.written(path) as draft:
        pq.write_table(table, draft)


@lru_cache(maxsize=8)
def _load(path: Path) -> Future:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    about = json.loads((table.schema.metadata or {})[b"about"])
    kept = about["holdout"]
    if kept:
        groups = {int(least): tuple(values) for least, values in kept["groups"].items()}
        kept = HoldOut(**{**kept, "cut": date.fromisoformat(kept["cut"]), "groups": groups})
    low, high = about["orders_interval"]
    return Future(
        as_of=date.fromisoformat(about["as_of"]),
        key=table["key"],
        columns={name: np.asarray(table[name].to_numpy(), np.float64) for name in COLUMNS},
        margin_rate=about["margin_rate"],
        orders_interval=(low, high),
        model=about["model"],
        holdout=kept or None,
        lines=tuple(LineChurn(**one) for one in about["lines"]),
    )
