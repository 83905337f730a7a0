"""Visits counted by their day and the day of the same visitor's visit before: how many visitors came follows from it.

A visitor counts for a month on the first day in it, that is where the day before lies ahead of the month; so different
visitors of any stretch of time are a sum. There is a file for each month and each dimension within whose values the
visit before is looked for. It is named by a digest of the visits of that month and of all before it, so an old file is
never wrong, and of visits that stream in only the last month is counted again.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from topline.lake import duck, partials
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.view import Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

WITHIN = ("", "channel", "market")
"""What visitors are cut by most; the empty one for all visits."""

_FORMAT = 1
VISITS_AT_ONCE = 8_000_000
"""Visits of as many visitors as are put in order at a time."""


def find(lake: Lake, snapshot: Snapshot, dims: frozenset[str]) -> "ir.Table | None":
    """The visits counted within the values of these dimensions, None where that has not been done.

    Columns are `day`, `last_day` (None for the visitor's first visit there), `visitors` and `actors`, who ordered: of
    these `last_day` is the day of the visit before with an order.
    """
    within = "".join(sorted(dims))
    if within not in WITHIN or not partials.is_worth(snapshot):
        return None
    paths = list(_paths(lake, snapshot, within).values())
    if not paths or not all(path.exists() for path in paths):
        return None
    return partials.of_files(paths)


def build(lake: Lake, snapshot: Snapshot, tables: Tables) -> bool:
    """Counts the visits of months that have changed, and of those after them; whether there were any.

    tables : the snapshot's facts, whole
    """
    if "session" in tables.empty or not partials.is_worth(snapshot):
        return False
    paths = {within: _paths(lake, snapshot, within) for within in WITHIN}
    missing = [month for found in paths.values() for month, path in found.items() if not path.exists()]
    if not missing:
        return False
    start = min(missing)
    visits = duck.named(tables.table("session").get_name())
    rows = sum(file.rows for file in snapshot.held("session").files if file.month >= start)
    parts = 1 + rows // VISITS_AT_ONCE
    with duck.making(), duck.turn() as cursor:
        try:
            for part in range(parts):
                for statement in _counted(visits, date.fromisoformat(f"{start}-01"), part, parts):
                    cursor.execute(statement)
            for within, found in paths.items():
                counts = cursor.sql(_summed(within)).to_arrow_table()
                partials.write(counts, {month: path for month, path in found.items() if month >= start})
        finally:
            cursor.execute("".join(f"DROP TABLE IF EXISTS {name};" for name in ("came", *map(_name, WITHIN))))
    return True


def _paths(lake: Lake, snapshot: Snapshot, within: str) -> Mapping[str, Path]:
    """The file of each month, whether it is there or not."""
    found = {}
    before = ""
    for month in sorted(snapshot.held("session").months):
        before = partials.name_of(_FORMAT, "visits", within, before, snapshot.digest("session", month))
        found[month] = lake.root / "_partials" / month / f"{before}.parquet"
    return found


def _name(within: str) -> str:
    return f"counted_{within}"


def _counted(visits: str, start: date, part: int, parts: int) -> Iterator[str]:
    """SQL that counts the visits of one part of the visitors, those from `start` on.

    Of earlier visits only the last ones of who came again matter. A visitor is told by 128 bits of the key.
    """
    dims = ", ".join(filter(None, WITHIN))
    own = f"FROM {visits} WHERE hash(visitor_key) % {parts} = {part}"
    day = f"DATE '{start.isoformat()}'"
    visitor = "md5_number(visitor_key) AS visitor"
    yield (
        f'CREATE OR REPLACE TEMP TABLE came AS SELECT {visitor}, "on" AS day, {dims}, orders > 0 AS has_ordered '
        f'{own} AND "on" >= {day}'
    )
    yield (
        f'INSERT INTO came SELECT visitor, max(day), {dims}, has_ordered FROM (SELECT {visitor}, "on" AS day, {dims}, '
        f'orders > 0 AS has_ordered {own} AND "on" < {day}) SEMI JOIN came USING (visitor) '
        f"GROUP BY visitor, {dims}, has_ordered"
    )
    for within in WITHIN:
        place = f"{within}, " if within else ""
        steps = (
            f"SELECT {place}day, last_day, {{}} FROM (SELECT {place}day, lag(day) OVER "
            f"(PARTITION BY {place}visitor ORDER BY day) AS last_day FROM came{{}}) "
            f"WHERE day >= {day} AND last_day IS DISTINCT FROM day GROUP BY ALL"
        )
        everybody = steps.format("count(*) AS visitors, 0 AS actors", "")
        actors = steps.format("0, count(*)", " WHERE has_ordered")
        verb = "CREATE OR REPLACE TEMP TABLE {} AS" if part == 0 else "INSERT INTO {}"
        yield f"{verb.format(_name(within))} {everybody} UNION ALL {actors}"


def _summed(within: str) -> str:
    """SQL of the counts of all parts together, with the first day of each one's month."""
    place = f"{within}, " if within else ""
    return (
        f"SELECT date_trunc('month', day)::DATE AS file_month, {place}day, day AS within, last_day, "
        f"sum(visitors)::BIGINT AS visitors, sum(actors)::BIGINT AS actors FROM {_name(within)} "
        f"GROUP BY {place}day, last_day ORDER BY day, last_day"
    )
