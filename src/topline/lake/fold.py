"""Folding: changes become base, and what they replace becomes history, in one commit."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
from deltalake.transaction import AddAction, RemoveAction

from topline.facts.table import Table
from topline.lake import duck, files, overlay
from topline.lake.overlay import Overlay
from topline.lake.snapshot import File

_MOST_HISTORY = 8
"""So many history files of a month are written as one when the month is folded again."""


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold did.

    months : that were written anew
    rows : in the base of these months now
    moved : rows that went to history
    """

    months: tuple[str, ...]
    rows: int
    moved: int


@dataclass(frozen=True, slots=True)
class Plan:
    """Files that one commit puts in the place of others.

    base : the whole base after it, in a reader's order
    """

    adds: tuple[AddAction, ...]
    removes: tuple[RemoveAction, ...]
    base: tuple[File, ...]
    folded: Folded


def plan(
    fact: Table,
    held: Sequence[File],
    over: Overlay,
    *,
    hidden: Collection[str],
    root: Path,
    now: datetime,
) -> Plan | None:
    """Writes the files of a fold, a month at a time so that memory stays flat; None if there is nothing to fold.

    held : the table's files
    over : their overlay with these batches hidden

    Affected are the months of the changes and those in which base holds a row that no longer counts. Changes of hidden
    batches stay where they are. History loses no row: one that counts again is copied back to base.
    """
    taken = [f for f in overlay.direct(held, hidden) if f.layer == "change"]
    months = sorted({f.month for f in taken} | set(_months(over, root)))
    if not months:
        return None
    source: dict[str, list[File]] = defaultdict(list)
    for file in held:
        if (file.layer == "base" and file.month in months) or file in taken:
            source[file.month].append(file)
    before = [f for f in held if f.layer == "history"]
    base = [f for f in held if f.layer == "base" and f.month not in months]
    adds: list[AddAction] = []
    rows = moved = 0
    for month in months:
        count, action = _write(
            fact, _standing(fact, source[month], over, month, root), root, f"layer=base/month={month}"
        )
        rows += count
        if action:
            adds.append(action)
            base.append(_base_file(action, fact, month, count))
        earlier = [f for f in before if f.month == month]
        merged = earlier if len(earlier) >= _MOST_HISTORY else []
        fallen = _fallen(fact, source[month], earlier, merged, over, root)
        count, action = _write(fact, fallen, root, f"layer=history/month={month}")
        moved += count - sum(f.rows for f in merged)
        adds += [action] if action else []
        source[month] += merged
    stamp = int(now.timestamp() * 1000)
    removes = tuple(files.removal(file, stamp) for month in months for file in source[month])
    order = tuple(sorted(base, key=lambda f: (f.month, f.path)))
    return Plan(tuple(adds), removes, order, Folded(tuple(months), rows, moved))


def _months(over: Overlay, root: Path) -> Iterable[str]:
    """Months whose base changes: those of rows that don't count, and of history that counts again."""
    if over.folder is None:
        return []
    with duck.turn() as cursor:
        found = cursor.execute(
            f"SELECT DISTINCT month FROM {overlay.source(over.folder, 'dead', root)} "
            f"UNION SELECT DISTINCT month FROM {overlay.source(over.folder, 'rows', root)} WHERE layer = 'history'"
        ).fetchall()
    return [month for (month,) in found]


def _standing(fact: Table, source: Sequence[File], over: Overlay, month: str, root: Path) -> str:
    """SQL of the rows that count in a month."""
    columns = ", ".join(duck.named(name) for name in files.stored_schema(fact).names)
    query = f"SELECT {columns} FROM {files.scan(fact, source, root)}"
    if over.folder:
        query += (
            f" ANTI JOIN {_dead(over.folder, root)} USING (filename, file_row_number) UNION ALL "
            f"SELECT {columns} FROM {overlay.source(over.folder, 'rows', root)} "
            f"WHERE layer = 'history' AND month = {duck.quoted(month)}"
        )
    day = f"{duck.named(fact.day)}, " if fact.day else ""
    return f"FROM ({query}) ORDER BY {day}key"


def _fallen(
    fact: Table, source: Sequence[File], before: Sequence[File], merged: Sequence[File], over: Overlay, root: Path
) -> str | None:
    """SQL of the rows that don't count and that history doesn't have yet, and of the history files to merge."""
    columns = ", ".join(duck.named(name) for name in files.stored_schema(fact).names)
    parts = [f"SELECT {columns} FROM {files.scan(fact, merged, root)}"] if merged else []
    if over.folder:
        parts.append(
            f"SELECT {columns} FROM {files.scan(fact, source, root)} SEMI JOIN {_dead(over.folder, root)} "
            "USING (filename, file_row_number) "
            f"ANTI JOIN {files.scan(fact, before, root)} USING (key, version, seq)"
        )
    return f"FROM ({' UNION ALL '.join(parts)}) ORDER BY key" if parts else None


def _dead(folder: str, root: Path) -> str:
    prefix = duck.quoted(root.as_posix() + "/")
    return f"(SELECT {prefix} || path AS filename, row AS file_row_number FROM {overlay.source(folder, 'dead', root)})"


def _write(fact: Table, query: str | None, root: Path, folder: str) -> tuple[int, AddAction | None]:
    if query is None:
        return 0, None
    schema = files.stored_schema(fact)
    with duck.turn() as cursor:
        reader = cursor.sql(query).to_arrow_reader(files.ROW_GROUP)
        return files.write(_cast(reader, schema), schema, root=root / fact.name, folder=folder)


def _cast(reader: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    for batch in reader:
        yield batch.cast(schema)


def _base_file(action: AddAction, fact: Table, month: str, rows: int) -> File:
    return File(f"{fact.name}/{action.path}", rows, action.size, "base", month, None, False)
