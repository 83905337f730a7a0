"""Questions to a snapshot: each fact as an Ibis table that DuckDB, or Spark, reads from the snapshot's own files."""

import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa

from topline.facts.table import Table
from topline.lake import duck, files, mirror, overlay, resident, spark
from topline.lake.resident import Resident
from topline.lake.snapshot import File, Snapshot

if TYPE_CHECKING:  # Ibis takes a second and a half to import: the first question does, not the first page
    import ibis.expr.types as ir
    from ibis.backends.duckdb import Backend

    from topline.lake.store import Lake

connection = duck.connection

KEPT = 256
"""Views that a thread remembers."""

LEAST_GAP = 200_000
MOST_GAPS = 3
"""Stretches of so many rows without a dead one are read without asking, the widest few of them."""

_count = itertools.count()
_local = threading.local()


@dataclass(frozen=True, slots=True)
class _View:
    table: "ir.Table"
    needs: tuple[Resident, ...]


def table(lake: "Lake", fact: str, snapshot: Snapshot, *, known_at: datetime | None = None) -> "ir.Table":
    """The fact's rows as the snapshot shows them, in the fact's columns: visible batches, each key's newest version.

    known_at : what Topline knew then, in place of what it knows now

    The expression belongs to this thread. Raises UnknownFactError.
    """
    if spark.is_chosen():
        return spark.table(lake, fact, snapshot, known_at)
    declared = lake.fact(fact)
    views = _views()
    held = snapshot.held(fact)
    key = (str(lake.root), fact, (held.digest, held.mirror) if known_at is None else (snapshot.number, known_at))
    if key not in views or not all(resident.has(need) for need in views[key].needs):
        if known_at is None:
            query, needs = _shown(lake, declared, snapshot)
        else:
            query, needs = _known(lake, declared, snapshot, known_at), ()
        name = f"{fact} {next(_count)}"
        duck.connection().execute(f"CREATE TEMP VIEW {duck.named(name)} AS {query}")
        views[key] = _View(_expression(name, declared), needs)
        if len(views) > KEPT:
            _, oldest = views.popitem(last=False)
            duck.connection().execute(f"DROP VIEW {duck.named(oldest.table.get_name())}")
    views.move_to_end(key)
    return views[key].table


def execute(expression: "ir.Expr") -> pa.Table:
    """The answer, asked while at most one other question runs."""
    if spark.is_chosen():
        with duck.turn():
            return spark.execute(expression)
    with duck.turn():
        try:
            answer: pa.Table = backend().to_pyarrow(expression)
        finally:
            _release(expression)
    return answer


def short(text: Any) -> Any:
    """A text as 64 bits, by which DuckDB groups in a third of the time; as it is on Spark, whose own have 32.

    Of a hundred million texts two get the same bits once in 3,700 times.
    """
    if spark.is_chosen():
        return text
    return _hash()(text)


@cache
def _hash() -> Callable[[Any], Any]:
    import ibis

    def bits(text: Any) -> Any: ...

    made = ibis.udf.scalar.builtin(bits, name="hash", signature=(("string",), "uint64"))
    return cast("Callable[[Any], Any]", made)


def store(expression: "ir.Table", database: str) -> None:
    """Writes the rows of an expression into a new table `rows` of an attached database."""
    with duck.turn():
        try:
            backend().create_table("rows", expression, database=(database, "main"))
        finally:
            _release(expression)


def backend() -> "Backend":
    """This thread's Ibis on this thread's cursor."""
    found: Backend | None = getattr(_local, "backend", None)
    if found is None:
        import ibis

        ibis.options.sql.fuse_selects = False  # fusing takes a sixth of a question's time, and DuckDB does it anyhow
        found = _local.backend = ibis.duckdb.from_connection(duck.connection())
        found._make_memtable_finalizer = lambda name: None  # `_release` does it; its own waits for the process's end
    return found


def _release(expression: "ir.Expr") -> None:
    """Lets go of the tables in memory that the expression brought along: Ibis keeps them for the thread's life."""
    import ibis.expr.operations as ops

    for held in expression.op().find(ops.InMemoryTable):
        duck.connection().unregister(held.name)
        backend()._memtables.discard(held)


def identity(lake: "Lake", snapshot: Snapshot) -> "ir.Table":
    """The person of each customer_key that is linked to one: (customer_key, person_id).

    A key that is not in it is its own person.
    """
    links = table(lake, "identity_link", snapshot)
    return links.filter(links.person_id.notnull()).select("customer_key", "person_id")


def stored(database: str, name: str, columns: Mapping[str, str]) -> "ir.Table":
    """A table of an attached database; its columns are told by Ibis names of types, so DuckDB is not asked."""
    import ibis
    import ibis.expr.operations as ops

    return ops.DatabaseTable(name, ibis.schema(columns), backend(), ops.Namespace(database, "main")).to_expr()


def _shown(lake: "Lake", fact: Table, snapshot: Snapshot) -> tuple[str, tuple[Resident, ...]]:
    """SQL of the rows that count, and what it reads beside files: the mirror of the base, and the rest in memory."""
    held = snapshot.held(fact.name)
    plain = overlay.direct(held.files, snapshot.hidden)
    base = [file for file in plain if file.layer == "base"]
    copy = resident.database(lake.root / held.mirror) if held.mirror and mirror.is_worth(base) else None
    rest = [file for file in plain if file.layer == "change"] if copy else plain
    query = _corrected(fact, rest, held.overlay, lake.root)
    if not copy:
        return _in_memory(query, rest)
    query, needs = _in_memory(query, rest) if rest or held.overlay else ("", ())
    mirrored, more = _of_mirror(fact, copy, base, held.overlay, lake.root)
    return f"{mirrored} UNION ALL {query}" if query else mirrored, (*needs, *more)


def _in_memory(query: str, read: Sequence[File]) -> tuple[str, tuple[Resident, ...]]:
    """The query over a table in memory if few rows are read, as it is otherwise."""
    if sum(file.rows for file in read) >= mirror.LEAST_ROWS:
        return query, ()
    small = resident.table(query)
    return f"FROM {small.name}", (small,)


def _corrected(fact: Table, read: Sequence[File], folder: str | None, root: Path) -> str:
    """SQL of the rows of these files as the overlay corrects them."""
    columns = ", ".join(duck.named(name) for name in fact.columns)
    query = f"SELECT {columns} FROM {files.scan(fact, read, root)}"
    if folder is None:
        return query
    dead = f"(SELECT {duck.quoted(root.as_posix() + '/')} || path AS filename, row AS file_row_number FROM "
    return (
        f"{query} ANTI JOIN {dead} {overlay.source(folder, 'dead', root)}) USING (filename, file_row_number) "
        f"UNION ALL SELECT {columns} FROM {overlay.source(folder, 'rows', root)}"
    )


def _of_mirror(
    fact: Table, copy: Resident, base: Sequence[File], folder: str | None, root: Path
) -> tuple[str, tuple[Resident, ...]]:
    """SQL of the mirror's rows that count: a row's id is its place in the files, one after the other.

    A column that the fact gained after the mirror was built is null.
    """
    known = {name for name, *_ in duck.connection().execute(f"FROM {copy.name}.rows LIMIT 0").description or ()}
    columns = ", ".join(
        duck.named(f.name) if f.name in known else f"NULL::{files.duck_type(f.type)} AS {duck.named(f.name)}"
        for f in fact.schema
    )
    query = f"SELECT {columns} FROM {copy.name}.rows"
    if folder is None:
        return query, (copy,)
    starts = itertools.accumulate((file.rows for file in base), initial=0)
    places = ", ".join(f"({duck.quoted(file.path)}, {start})" for file, start in zip(base, starts, strict=False))
    dead = resident.table(
        f"SELECT d.row + f.start AS place FROM {overlay.source(folder, 'dead', root)} d "
        f"JOIN (VALUES {places}) f(path, start) USING (path) ORDER BY place"
    )
    found = duck.connection().execute(f"FROM {dead.name}").fetchnumpy()["place"]
    if not len(found):
        return query, (copy,)
    parts = []
    for first, after, is_clean in _stretches(found, sum(file.rows for file in base)):
        left = f"{query} r" if is_clean else f"{query} r ANTI JOIN {dead.name} d ON r.rowid = d.place"
        parts.append(f"{left} WHERE r.rowid >= {first} AND r.rowid < {after}")
    return " UNION ALL ".join(parts), (copy, dead)


def _stretches(dead: "np.ndarray[tuple[int], np.dtype[np.int64]]", total: int) -> list[tuple[int, int, bool]]:
    """The rows from 0 to total, cut at the widest gaps between dead ones: (first, after, whether none of them is dead).

    Asking of every row whether it is dead costs ten times a sum, and changes come in the newest months.
    """
    bounds = np.concatenate(([-1], dead, [total]))
    gaps = np.diff(bounds) - 1
    widest = [at for at in np.argsort(gaps)[::-1][:MOST_GAPS] if gaps[at] >= LEAST_GAP]
    cuts = sorted((int(bounds[at]) + 1, int(bounds[at + 1])) for at in widest)
    found = []
    reached = 0
    for first, after in cuts:
        found += [(reached, first, False)] if first > reached else []
        found.append((first, after, True))
        reached = after
    return found + ([(reached, total, False)] if reached < total else [])


def _known(lake: "Lake", fact: Table, snapshot: Snapshot, known_at: datetime) -> str:
    """SQL of the rows that counted with what had been recorded by then, worked out from every layer."""
    held = snapshot.held(fact.name)
    noted = snapshot.held(f"{fact.name}.sighting")
    columns = ", ".join(duck.named(name) for name in fact.columns)
    by_then = f"recorded_at <= {duck.quoted(known_at.isoformat())}::TIMESTAMPTZ"
    counts = f"batch_id NOT IN {overlay.listed(snapshot.hidden)} AND {by_then}"
    return f"""
        WITH held AS (FROM {files.scan(fact, held.files, lake.root)}),
        seen AS (FROM {overlay.seen(noted.files, snapshot.hidden, lake.root, by_then)}),
        alive AS (SELECT * FROM held WHERE ({counts}) OR (key, version, seq) IN (FROM seen)),
        many AS (SELECT DISTINCT key FROM held WHERE layer = 'history' OR is_new = 0)
        SELECT {columns} FROM alive ANTI JOIN many USING (key)
        UNION ALL
        SELECT {columns} FROM (
            FROM alive SEMI JOIN many USING (key)
            QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC, seq DESC, layer) = 1
        )"""


def _expression(name: str, fact: Table) -> "ir.Table":
    """The view as an expression; its schema is known, so DuckDB is not asked."""
    import ibis.expr.operations as ops
    from ibis.expr.schema import Schema

    return ops.DatabaseTable(name, Schema.from_pyarrow(fact.schema), backend(), ops.Namespace()).to_expr()


def _views() -> OrderedDict[Hashable, _View]:
    found: OrderedDict[Hashable, _View] | None = getattr(_local, "views", None)
    if found is None:
        found = _local.views = OrderedDict()
    return found
