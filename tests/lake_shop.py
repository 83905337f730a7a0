"""A tiny shop's prices as batches, and what the lake must show of them, worked out from the files alone."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from topline.facts import price
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """key and version decide day and amount: a source says the same of the same version."""

    key: str
    version: int

    @property
    def on(self) -> date:
        return date(2025, 12, 20) + timedelta(days=(hash_of(self.key) * 7 + self.version * 13) % 60)

    @property
    def amount(self) -> Decimal:
        return Decimal(hash_of(self.key) * 100 + self.version)


def hash_of(key: str) -> int:
    return sum(ord(letter) for letter in key)


def batch(rows: Iterable[Row], batch_id: str, recorded_at: datetime = EPOCH) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(
        [
            {
                "key": row.key,
                "version": row.version,
                "recorded_at": recorded_at,
                "batch_id": batch_id,
                "product_key": row.key,
                "on": row.on,
                "market": None,
                "currency": "GBP",
                "amount": row.amount,
            }
            for row in rows
        ],
        schema=price.TABLE.schema,
    )


def newest(files: Iterable[Collection[Row]]) -> dict[str, tuple[int, date, Decimal]]:
    """What a reader must see of the live files: of each key the newest version."""
    found: dict[str, tuple[int, date, Decimal]] = {}
    for rows in files:
        for row in rows:
            found[row.key] = max(found.get(row.key, (0, row.on, row.amount)), (row.version, row.on, row.amount))
    return found


def shown(lake: Lake, snapshot: Snapshot, known_at: datetime | None = None) -> dict[str, tuple[int, date, Decimal]]:
    """What a reader sees; fails if a key comes twice."""
    rows = engine.execute(engine.table(lake, "price", snapshot, known_at=known_at)).to_pylist()
    assert len({row["key"] for row in rows}) == len(rows)
    return {row["key"]: (row["version"], row["on"], row["amount"]) for row in rows}
