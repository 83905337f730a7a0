"""Arrays into the columns of a fact, without a Python object a row."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from topline.facts.table import AMOUNT, RATE, Table

kernel: Any = pyarrow.compute  # its stubs want scalars wrapped that the kernels take as they are

type Ints = npt.NDArray[np.int64]
type Column = Any

MICRO = 1_000_000
CENT = MICRO // 100


def array(values: Any) -> Column:
    """One Arrow array of numbers, texts, or of an Arrow column."""
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    return values if isinstance(values, pa.Array) else pa.array(values)


def amounts(micro: Ints) -> Column:
    """DECIMAL(18,6) of whole millionths."""
    return _decimal(micro, AMOUNT)


def rates(nano: Ints) -> Column:
    """DECIMAL(18,9) of whole billionths."""
    return _decimal(nano, RATE)


def _decimal(values: Ints, kind: pa.DataType) -> Column:
    words = np.empty((len(values), 2), dtype=np.int64)
    words[:, 0] = values
    words[:, 1] = values >> 63  # the sign fills the upper half of the 128 bits
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(words)])


def choice(names: Sequence[str | None], codes: npt.ArrayLike) -> Column:
    """The name of each code; a code of -1, or of a name that is None, is empty."""
    index = pa.array(np.asarray(codes, dtype=np.int64))
    return kernel.take(pa.array(names, pa.string()), kernel.if_else(kernel.less(index, 0), None, index))


def keys(*parts: Any) -> Column:
    """Parts (a text, or numbers or texts by row) joined with colons."""
    columns = [part if isinstance(part, str) else array(part).cast(pa.string()) for part in parts]
    return kernel.binary_join_element_wise(*columns, ":")


def tokens(numbers: Ints, salt: int) -> Column:
    """Sixteen letters for each number, the same for the same. Source: splitmix64."""
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64) + np.uint64(salt) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    nibbles = (mixed[:, None] >> np.arange(0, 64, 4, dtype=np.uint64)) & np.uint64(15)
    letters = (nibbles + np.uint64(ord("a"))).astype(np.uint8)
    offsets = np.arange(0, 16 * len(numbers) + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(letters))


def moments(local_seconds: Ints, zone: str) -> dict[str, Column]:
    """The columns `at`, `on` and `hour` of moments in seconds since 1970 by the clock on the shop's wall.

    A moment that the clocks skip in spring moves forward; one that comes twice in autumn is the first.
    """
    naive = pa.array(local_seconds * MICRO).cast(pa.timestamp("us"))
    return instants(kernel.assume_timezone(naive, zone, ambiguous="earliest", nonexistent="latest"), zone)


def instants(at: Column, zone: str) -> dict[str, Column]:
    """The columns `at`, `on` and `hour` of moments that know their zone, as the shop's clock shows them."""
    local = kernel.local_timestamp(at.cast(pa.timestamp("us", tz=zone)))
    return {
        "at": at.cast(pa.timestamp("us", tz="UTC")),
        "on": local.cast(pa.date32()),
        "hour": kernel.hour(local).cast(pa.int8()),
    }


def days(numbers: Ints) -> Column:
    """Dates of days since 1970."""
    return pa.array(numbers.astype(np.int32)).cast(pa.date32())


def batch(table: Table, columns: Mapping[str, Any], *, batch_id: str, recorded_at: datetime) -> pa.RecordBatch:
    """The columns as a record batch in the fact's schema, with what is the same in every row added."""
    rows = len(columns["key"])
    options = [one for one in dataclasses.fields(table.row) if one.default is not dataclasses.MISSING]
    given = {
        **{one.name: one.default for one in options},
        "version": pa.array(np.ones(rows, dtype=np.int64)),
        "recorded_at": pa.repeat(pa.scalar(recorded_at, table.schema.field("recorded_at").type), rows),
        "batch_id": pa.repeat(batch_id, rows),
        **columns,
    }
    return pa.RecordBatch.from_arrays(
        [_filled(given.get(field.name), field, rows) for field in table.schema], schema=table.schema
    )


def _filled(column: Any, field: "pa.Field[Any]", rows: int) -> Column:
    if column is None:
        return pa.nulls(rows, field.type)
    if isinstance(column, str | int | bool):
        return pa.repeat(pa.scalar(column, field.type), rows)
    return array(column).cast(field.type)
