"""History by another clock: the date and hour of every row worked out anew from its moment.

Nothing else of a row changes, its version neither, and rows stay in their layer: what is known of a fact is what it
was, only the shop's calendar is laid over it differently. A row whose day falls into another month moves there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from deltalake.transaction import AddAction

from topline.connectors.clock import Clock
from topline.facts.table import Table
from topline.lake import duck, files
from topline.lake.erasure import Rewritten
from topline.lake.snapshot import File

MOMENT = "at"

_FOLLOWING: Mapping[str, tuple[str, str]] = {
    "deal_stage": ("created_on", "deal_key"),
    "order": ("cancelled_on", "key"),
    "order_line": ("ordered_on", "coalesce(original_order_key, order_key)"),
}
"""Of a table the column with the day of a row's beginning, and what the row is of: that day moves as its first row."""


@dataclass(frozen=True, slots=True)
class Shifted:
    """What another clock changes of a table.

    rows : that have a moment
    hours : of these the rows that get another date or hour
    days : of these the rows that get another date
    """

    rows: int
    hours: int
    days: int


def count(fact: Table, held: Sequence[File], zone: str, root: Path) -> Shifted:
    """What the zone's clock would change of these files' rows."""
    if not held:
        return Shifted(0, 0, 0)
    with duck.turn() as cursor:
        rows = _rezoned(fact, held, _wall(cursor, fact, held, zone, root), root)
        found = cursor.execute(f'SELECT count(*), count_if(is_moved), count_if(was_on <> "on") FROM {rows}').fetchall()
    return Shifted(*found[0])


def rewrite(fact: Table, held: Sequence[File], zone: str, *, root: Path, now: datetime) -> Rewritten | None:
    """Writes the table's files anew by the zone's clock, a month at a time; None if it changes nothing.

    Base and history get one file a month, in a reader's order; a change stays a file of its own batch.
    """
    if not held:
        return None
    with duck.turn() as cursor:
        wall = _wall(cursor, fact, held, zone, root)
        found = cursor.execute(
            f"SELECT filename, list(DISTINCT {files.month_expression(fact)}) FROM {_rezoned(fact, held, wall, root)} "
            "GROUP BY filename HAVING bool_or(is_moved)"
        ).fetchall()
    reached = {name: set(months) for name, months in found}
    into = {file: reached[name] for file in held if (name := (root / file.path).as_posix()) in reached}
    adds: list[AddAction] = []
    removes: list[File] = []
    rows = 0
    groups = [[file] for file in into if file.layer == "change"]
    groups += [[file for file in held if file.layer == layer] for layer in ("base", "history")]
    for group in groups:
        months = set().union(*(into[file] for file in group if file in into))
        beside = {file: {file.month} for file in group if file not in into and file.month in months}
        source = {file: into[file] for file in group if file in into} | beside
        removes += source
        for month in sorted(months):
            size, action = _write(fact, [file for file in source if month in source[file]], wall, month, root)
            rows += size
            adds += [action] if action else []
    if rows != sum(file.rows for file in removes):
        raise RuntimeError(f"{fact.name}: {rows} rows were written in place of {sum(file.rows for file in removes)}.")
    stamp = int(now.timestamp() * 1000)
    gone = tuple(files.removal(file, stamp) for file in removes)
    months = {file.month for file in removes}
    return Rewritten(tuple(adds), gone, tuple(sorted(months)), rows) if removes else None


def _wall(cursor: duckdb.DuckDBPyConnection, fact: Table, held: Sequence[File], zone: str, root: Path) -> str:
    """SQL of what the zone's clock showed at a row's moment; the beginnings then stand in the table `begun`."""
    rows = files.scan(fact, held, root)
    first, last = cursor.execute(
        f"SELECT min(timezone('UTC', \"{MOMENT}\")), max(timezone('UTC', \"{MOMENT}\")) FROM {rows}"
    ).fetchall()[0]
    if fact.name in _FOLLOWING:
        day, course = _FOLLOWING[fact.name]
        cursor.execute(
            f'CREATE OR REPLACE TEMP TABLE begun AS SELECT {course} AS course, min("{MOMENT}") AS begun_at, '
            f'arg_min("on", "{MOMENT}") AS begun_on FROM {rows} WHERE {day} = "on" GROUP BY 1'
        )
    return Clock.of(zone, first, last).from_utc("timezone('UTC', {0})")


def _rezoned(fact: Table, held: Sequence[File], wall: str, root: Path) -> str:
    """SQL of the rows by the clock, with the date that they had and whether anything of them changes."""
    here = wall.format(f'"{MOMENT}"')
    new = {"on": f"CAST({here} AS DATE)", "hour": f"CAST(hour({here}) AS TINYINT)"}
    beginnings = ""
    if fact.name in _FOLLOWING:
        day, course = _FOLLOWING[fact.name]
        new[day] = f"CASE WHEN {day} = begun_on THEN CAST({wall.format('begun_at')} AS DATE) ELSE {day} END"
        beginnings = f"LEFT JOIN begun ON course = {course}"
    changed = " OR ".join(f'({sql}) IS DISTINCT FROM "{name}"' for name, sql in new.items())
    shown = ", ".join(f'{sql} AS "{name}"' for name, sql in new.items())
    return (
        f'(SELECT * REPLACE ({shown}) FROM (SELECT *, "on" AS was_on, {changed} AS is_moved '
        f"FROM {files.scan(fact, held, root)} {beginnings}))"
    )


def _write(fact: Table, source: Sequence[File], wall: str, month: str, root: Path) -> tuple[int, AddAction | None]:
    """The file of these files' rows that fall into a month."""
    schema = files.stored_schema(fact)
    columns = ", ".join(duck.named(name) for name in schema.names)
    layer = source[0].layer
    order = "file_row_number" if layer == "change" else f"{duck.named(str(fact.day))}, key"
    with duck.turn() as cursor:
        reader = cursor.sql(
            f"SELECT {columns} FROM {_rezoned(fact, source, wall, root)} "
            f"WHERE {files.month_expression(fact)} = {duck.quoted(month)} ORDER BY {order}"
        ).to_arrow_reader(files.ROW_GROUP)
        batches = (batch.cast(schema) for batch in reader)
        return files.write(batches, schema, root=root / fact.name, folder=f"layer={layer}/month={month}")
