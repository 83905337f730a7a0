"""Facts of the web in memory, for analyses: rows as dictionaries, the rest of their columns filled in."""

import itertools
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import ibis
import pyarrow as pa

from topline.facts.table import tables as facts
from topline.lake import engine
from topline.metrics.view import NOTHING, Tables
from topline.units.period import Period

START = datetime(2024, 3, 1, 12, tzinfo=UTC)
"""Noon of a day in the year of the tests."""


_count = itertools.count()


@cache
def _connection() -> Any:
    return ibis.duckdb.connect()


def event(kind: str, visit: str, minute: float, **more: Any) -> dict[str, Any]:
    """A web event so many minutes after noon of the first day, of the visitor named by the visit's first letter."""
    at = START + timedelta(minutes=minute)
    return {"event": kind, "session_key": visit, "visitor_key": visit[0], "at": at} | more


def tables(rows: Mapping[str, Iterable[Mapping[str, Any]]], **known: Any) -> Tables:
    """These facts; all others are empty."""
    built = {name: arrow(name, list(found)) for name, found in rows.items()}
    days = [day for name, table in built.items() if "on" in table.column_names for day in table["on"].to_pylist()]
    made = {name: _put(name, table) for name, table in built.items()}
    return Tables(
        table=lambda name: made[name] if name in made else _put(name, arrow(name, [])),
        empty={name: why for name, why in NOTHING.items() if not rows.get(name)},
        extent=Period(min(days), max(days) + timedelta(days=1)) if days else None,
        short=engine.short,
        **known,
    )


def _put(name: str, table: pa.Table) -> Any:
    return _connection().create_table(f"{name} {next(_count)}", table, temp=True)


def arrow(name: str, rows: list[Mapping[str, Any]]) -> pa.Table:
    """Rows of a fact, with its defaults in the columns that they leave out."""
    schema = facts()[name].schema
    filled = [_filled(name, i, row) for i, row in enumerate(rows)]
    columns = []
    for field in schema:
        values = [row.get(field.name, _default(field)) for row in filled]
        if pa.types.is_decimal(field.type):
            values = [None if value is None else str(value) for value in values]
            columns.append(pa.array(values, pa.string()).cast(field.type))
        else:
            columns.append(pa.array(values, field.type))
    return pa.Table.from_arrays(columns, schema=schema)


def _filled(name: str, i: int, row: Mapping[str, Any]) -> dict[str, Any]:
    found = {"key": f"{name}/{i}", "version": 1, "recorded_at": START, "batch_id": "b"} | dict(row)
    if isinstance(at := found.get("at"), datetime):
        found = {"on": at.date(), "hour": at.hour} | found
    return found


def _default(field: "pa.Field[Any]") -> Any:
    if field.nullable:
        return None
    if pa.types.is_boolean(field.type):
        return False
    if pa.types.is_string(field.type):
        return "EUR" if field.name == "currency" else ""
    return 1 if field.name in ("rate", "quantity") else 0
