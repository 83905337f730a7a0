"""The tiny shop as a lake, and questions asked of it on DuckDB and on Spark."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from contract import tiny_shop
from topline.facts.table import tables
from topline.lake import read, spark
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.metrics.settings import Settings
from topline.units.missing import Missing

SHOP = "tiny"
NOW = datetime(2025, 3, 1, tzinfo=UTC)


def filled(root: Path) -> Lake:
    """The tiny shop in two batches with a fold between them, the second bringing some rows in a newer version."""
    lake = Lake(root, SHOP)
    for name, table in tiny_shop.facts().items():
        lake.append(name, table.to_batches(), batch_id="tiny")
    lake.publish(now=NOW)
    lake.fold("order_line", hidden=(), now=NOW)
    rows = [
        row | {"version": 2, "batch_id": "again"} for row in tiny_shop.facts()["order_line"].slice(0, 4).to_pylist()
    ]
    newer = pa.Table.from_pylist(rows, tables()["order_line"].schema)
    lake.append("order_line", newer.to_batches(), batch_id="again")
    lake.publish(now=NOW)
    return lake


@contextmanager
def on_spark(url: str) -> Iterator[None]:
    spark.choose(url)
    try:
        yield
    finally:
        spark.choose("")


def ask(lake: Lake, query: Query, settings: Settings = tiny_shop.EVENT) -> Result:
    read.forget()
    return read.read(lake, query, scope=Scope.whole(SHOP), settings=settings)


def rows_of(result: Result) -> dict[Any, dict[str, Any]]:
    by = result.query.by
    cells = {
        tuple(_key(row[id_]) for id_ in by): {id_: row[id_] for id_ in result.query.metrics} for row in result.rows
    }
    return cells | {"total": dict(result.totals)}


def _key(value: Any) -> Any:
    return None if isinstance(value, Missing) else value


def differences(one: Result, other: Result) -> list[Any]:
    """Cells that are not the same on both engines."""
    left, right = rows_of(one), rows_of(other)
    found: list[Any] = [key for key in left if key not in right] + [key for key in right if key not in left]
    for key in left.keys() & right.keys():
        for id_, value in left[key].items():
            if not same(value, right[key][id_]):
                found.append((key, id_, value, right[key][id_]))
    return found


def same(one: Any, other: Any) -> bool:
    if isinstance(one, Missing) and isinstance(other, Missing):
        return one.reason == other.reason
    if isinstance(one, float | int | Decimal) and isinstance(other, float | int | Decimal):
        exact = not isinstance(one, float)
        return bool(one == other) if exact else math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-12)
    return bool(one == other)
