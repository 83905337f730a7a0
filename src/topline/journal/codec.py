"""Facts to JSON and back to Arrow, by the fact's own schema."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa

from topline.facts.table import Fact, Table, tables


def table_of(fact: Fact) -> Table:
    """The table that the fact's row belongs to."""
    return next(table for table in tables().values() if table.row is type(fact))


def encode(fact: Fact) -> dict[str, Any]:
    """The fact's columns as JSON has them: exact amounts and dates as text."""
    return {field.name: _plain(getattr(fact, field.name)) for field in dataclasses.fields(fact)}


def decode(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """The rows as one Arrow record batch in the table's schema; columns that a fact has gained since are null."""
    schema = table.schema
    return pa.RecordBatch.from_arrays(
        [pa.array([_typed(row.get(field.name), field.type) for row in rows], field.type) for field in schema],
        schema=schema,
    )


def _plain(value: object) -> object:
    match value:
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case _:
            return value


def _typed(value: Any, kind: pa.DataType) -> Any:
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return Decimal(value)
    if pa.types.is_date(kind):
        return date.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(value)
    return value
