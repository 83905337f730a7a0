"""The Parquet files of a table: how they are written, and how DuckDB reads those of any earlier schema."""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from topline.facts.table import UTC, Table
from topline.lake import duck
from topline.lake.snapshot import File, Layer

ALL = "all"
"""The month of facts without a day."""

ROW_GROUP = 122_880

_OWN: list["pa.Field[Any]"] = [
    pa.field("shop_id", pa.string(), False),
    pa.field("seq", pa.int64(), False),
    pa.field("is_new", pa.int8(), False),
]
_PLACE = [pa.field("filename", pa.string()), pa.field("file_row_number", pa.int64())]
PARTITION: list["pa.Field[Any]"] = [pa.field("layer", pa.string(), False), pa.field("month", pa.string(), False)]


SIGHTING = pa.schema(
    [
        *_OWN,
        pa.field("key", pa.string(), False),
        pa.field("version", pa.int64(), False),
        pa.field("batch_id", pa.string(), False),
        pa.field("recorded_at", UTC, False),
    ]
)
"""A batch brought a row again that the lake holds as (key, version, seq)."""


@cache
def stored_schema(fact: Table) -> pa.Schema:
    """The columns in a fact's files.

    seq : the append that wrote the row; grows within the table
    is_new : 1 if no row of that key was in the table before, else 0
    """
    return pa.schema([*_OWN, *fact.schema])


def month_expression(fact: Table) -> str:
    """SQL for a row's partition."""
    return f"strftime({duck.named(fact.day)}, '%Y-%m')" if fact.day else duck.quoted(ALL)


def write(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, *, root: Path, folder: str
) -> tuple[int, AddAction | None]:
    """Writes rows as one file below the table's root, safe on disk; returns their number, and None if there are none.

    batches : each becomes a row group
    folder : the partition, such as "layer=base/month=2011-09"
    """
    path = f"{folder}/{uuid4().hex}.parquet"
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    stats = _Stats(schema)
    shared = [name for name in schema.names if name != "key"]
    with pq.ParquetWriter(
        target,
        schema,
        compression="zstd",
        use_dictionary=shared,  # type: ignore[arg-type]
        store_decimal_as_integer=True,
        write_page_checksum=True,
    ) as writer:
        for batch in batches:
            if batch.num_rows:
                writer.write_batch(batch, row_group_size=ROW_GROUP)
                stats.add(batch)
    if not stats.rows:
        target.unlink()
        return 0, None
    _sync(target)
    state = target.stat()
    values = dict(part.split("=", 1) for part in folder.split("/"))
    stamp = int(state.st_mtime * 1000)
    return stats.rows, AddAction(path, state.st_size, values, stamp, True, json.dumps(stats.to_json()))


def grouped(rows: pa.Table) -> list[pa.RecordBatch]:
    """The rows in batches of a row group each."""
    return rows.combine_chunks().to_batches(max_chunksize=ROW_GROUP)


class _Stats:
    """Rows, and least and greatest value of the columns that the lake steers by."""

    COLUMNS = ("seq", "is_new", "version", "batch_id", "recorded_at", "on")

    def __init__(self, schema: pa.Schema) -> None:
        self.rows = 0
        self.columns = [name for name in self.COLUMNS if name in schema.names]
        self.least: dict[str, Any] = {}
        self.greatest: dict[str, Any] = {}

    def add(self, batch: pa.RecordBatch) -> None:
        self.rows += batch.num_rows
        for name in self.columns:
            found = pc.min_max(batch.column(name))
            low, high = found["min"].as_py(), found["max"].as_py()
            self.least[name] = min(self.least.get(name, low), low)
            self.greatest[name] = max(self.greatest.get(name, high), high)

    def to_json(self) -> dict[str, Any]:
        return {
            "numRecords": self.rows,
            "minValues": {name: _plain(value) for name, value in self.least.items()},
            "maxValues": {name: _plain(value) for name, value in self.greatest.items()},
            "nullCount": dict.fromkeys(self.columns, 0),
        }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else float(value) if isinstance(value, Decimal) else value


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Head:
    """The newest version of a Delta table: what only writers look at."""

    version: int
    files: tuple[File, ...]
    recorded_to: datetime | None
    seq: int


EMPTY = Head(-1, (), None, 0)


def head(delta: DeltaTable, folder: str) -> Head:
    """The table's files in a fixed order: by layer, month and name.

    folder : the table's, relative to the lake
    """
    actions = pa.table(delta.get_add_actions(flatten=True)).to_pylist()
    actions.sort(key=lambda a: (a["partition.layer"], a["partition.month"], a["path"]))
    return Head(
        delta.version(),
        tuple(_file(action, folder) for action in actions),
        max((action["max.recorded_at"] for action in actions), default=None),
        max((action["max.seq"] for action in actions), default=0),
    )


def _file(action: dict[str, Any], folder: str) -> File:
    layer: Layer = action["partition.layer"]
    least, greatest = action["min.batch_id"], action["max.batch_id"]
    return File(
        path=f"{folder}/{action['path']}",
        rows=action["num_records"],
        size=action["size_bytes"],
        layer=layer,
        month=action["partition.month"] or ALL,
        batch_id=least if least == greatest else None,
        is_new=action["min.is_new"] == 1,
    )


def removal(file: File, stamp: int) -> RemoveAction:
    """Takes the file out of its table; stamp : when, in milliseconds."""
    path = file.path.partition("/")[2]
    return RemoveAction(path, True, stamp, file.size, {"layer": file.layer, "month": file.month})


def is_whole(file: File, root: Path) -> bool:
    """Whether every page of the file has the checksum that it was written with, and every row is there."""
    try:
        content = pq.ParquetFile(root / file.path, page_checksum_verification=True)
        return sum(batch.num_rows for batch in content.iter_batches()) == file.rows
    except (OSError, pa.ArrowException):
        return False


@lru_cache(maxsize=65_536)
def batches(path: Path) -> frozenset[str]:
    """The batches that a file has rows or sightings of; a file never changes."""
    with duck.turn() as cursor:
        found = cursor.execute(f"SELECT DISTINCT batch_id FROM read_parquet({duck.quoted(path.as_posix())})").fetchall()
    return frozenset(batch for (batch,) in found)


def scan(fact: Table, files: Iterable[File], root: Path) -> str:
    """SQL of the rows of these files in today's columns, and `layer`, `month`, `filename` and `file_row_number`.

    A column that a file's schema didn't have yet is null.
    """
    schema = pa.schema([*stored_schema(fact), *PARTITION, *_PLACE])
    paths = [root / file.path for file in files]
    today = "SELECT " + ", ".join(f"NULL::{duck_type(f.type)} AS {duck.named(f.name)}" for f in schema) + " WHERE false"
    if not paths:
        return f"({today})"
    columns = ", ".join(f"CAST({duck.named(f.name)} AS {duck_type(f.type)}) AS {duck.named(f.name)}" for f in schema)
    return f"(SELECT {columns} FROM ({today} UNION ALL BY NAME SELECT *, file_row_number FROM {read_parquet(paths)}))"


def read_parquet(paths: Iterable[Path]) -> str:
    """SQL that reads partitioned files by the names of their columns."""
    listed = ", ".join(duck.quoted(path.as_posix()) for path in paths)
    types = "{'layer': VARCHAR, 'month': VARCHAR}"
    options = f"union_by_name = true, hive_partitioning = true, hive_types = {types}, filename = true"
    return f"read_parquet([{listed}], {options})"


def duck_type(kind: pa.DataType) -> str:
    """The DuckDB type that holds a fact's column."""
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    return {
        pa.string(): "VARCHAR",
        pa.int8(): "TINYINT",
        pa.int64(): "BIGINT",
        pa.bool_(): "BOOLEAN",
        pa.float64(): "DOUBLE",
        pa.date32(): "DATE",
        UTC: "TIMESTAMPTZ",
    }[kind]
