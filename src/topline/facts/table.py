"""What every fact has in common, and the table schema that follows from a fact's row."""

import dataclasses
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, TypeGuard, cast, get_args, get_type_hints

import pyarrow as pa

from topline.units.missing import Missing

AMOUNT = pa.decimal128(18, 6)
RATE = pa.decimal128(18, 9)
UTC = pa.timestamp("us", tz="UTC")

Amount = Annotated[Decimal, AMOUNT]
Quantity = Annotated[Decimal, AMOUNT]
Rate = Annotated[Decimal, RATE]
Hour = Annotated[int, pa.int8()]

_ARROW: Mapping[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    float: pa.float64(),
    date: pa.date32(),
    datetime: UTC,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Columns of every fact.

    key : source and natural key, unique per fact within the shop
    version : the source's `updated_at` in microseconds, else the shop's next sequence number; the newest wins
    recorded_at : when Topline learnt of it, UTC, real time
    batch_id : the import, pull or journal range that brought it
    """

    key: str
    version: int
    recorded_at: datetime
    batch_id: str


@dataclass(frozen=True, slots=True)
class Table:
    """A fact's table in the lake.

    name : the table's name
    row : the frozen dataclass of one row
    day : the date column that decides a row's month (partition), None for facts without time (products, customers)
    personal_keys : the columns that hold HMACs of a source's person ids
    identity : the columns that name a row within its source; () if nothing of the row does, so it needs a key
    is_own : True if only Topline itself writes it: nobody brings or sends such rows
    nothing : what is missing where the table has no rows
    may_lie_ahead : True if rows say what is planned or expected, so that their day may be in the future
    course : the column of what the rows are the course of, which may pass from owner to owner; "" if each stands alone
    """

    name: str
    row: type[Fact]
    day: str | None
    personal_keys: tuple[str, ...] = ()
    description: str = ""
    identity: tuple[str, ...] = ()
    is_own: bool = False
    nothing: Missing | None = None
    may_lie_ahead: bool = False
    course: str = ""

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the row, identity columns first."""
        return _schema(cast(Any, self.row))  # mypy takes a class with slots for unhashable

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(self.schema.names)

    @property
    def defaults(self) -> Mapping[str, Any]:
        """What a column holds that a source says nothing of; columns that must be given are left out."""
        options = dataclasses.fields(self.row)
        return {one.name: one.default for one in options if one.default is not dataclasses.MISSING}

    @property
    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """The values that a column may have, where the fact's file has an enumeration of the column's name."""
        module = sys.modules[self.row.__module__]
        named = {name: getattr(module, name.title().replace("_", ""), None) for name in self.columns}
        return {name: tuple(each.value for each in found) for name, found in named.items() if _is_choice(found)}


def _is_choice(found: object) -> TypeGuard[type[StrEnum]]:
    return isinstance(found, type) and issubclass(found, StrEnum)


@cache
def _schema(row: Any) -> pa.Schema:
    hints = get_type_hints(row, include_extras=True)
    return pa.schema([_field(f.name, hints[f.name]) for f in dataclasses.fields(row)])


def _field(name: str, hint: Any) -> "pa.Field[Any]":
    options = [h for h in get_args(hint) if h is not type(None)]
    nullable = type(None) in get_args(hint)
    inner = options[0] if nullable else hint
    for extra in get_args(inner):
        if isinstance(extra, pa.DataType):
            return pa.field(name, extra, nullable)
    return pa.field(name, _ARROW[inner], nullable)


@cache
def tables() -> Mapping[str, Table]:
    """Every fact's table by name: the folder is the catalogue."""
    return {table.name: table for table in _discover()}


def _discover() -> Iterator[Table]:
    package = import_module("topline.facts")
    for module in iter_modules(package.__path__):
        found = getattr(import_module(f"topline.facts.{module.name}"), "TABLE", None)
        if isinstance(found, Table):
            yield found
