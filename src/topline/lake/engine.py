"""Questions to a snapshot: each fact as an Ibis table that DuckDB reads from the snapshot's own files."""

import itertools
import threading
from collections import OrderedDict
from datetime import datetime
from typing import TYPE_CHECKING

import ibis
import ibis.expr.operations as ops
import ibis.expr.types as ir
import pyarrow as pa
from ibis.backends.duckdb import Backend
from ibis.expr.schema import Schema

from topline.facts.table import Table
from topline.lake import duck, files
from topline.lake.snapshot import Snapshot, TableVersion

if TYPE_CHECKING:
    from topline.lake.store import Lake

connection = duck.connection

KEPT = 256
"""Views that a thread remembers."""

_EMPTY = TableVersion(0, (), {})
_count = itertools.count()
_local = threading.local()


def table(lake: "Lake", fact: str, snapshot: Snapshot, *, known_at: datetime | None = None) -> ir.Table:
    """The fact's rows as the snapshot shows them, in the fact's columns: visible batches, each key's newest version.

    known_at : what Topline knew then, in place of what it knows now

    The expression belongs to this thread. Raises UnknownFactError.
    """
    declared = lake.fact(fact)
    views = _views()
    name = (str(lake.root), fact, snapshot.number, known_at)
    if name not in views:
        view = f"{fact} {next(_count)}"
        query = rows(lake, declared, snapshot, known_at)
        backend().con.execute(f"CREATE OR REPLACE TEMP VIEW {duck.named(view)} AS {query}")
        views[name] = _view(view, declared)
        if len(views) > KEPT:
            views.popitem(last=False)
    views.move_to_end(name)
    return views[name]


def execute(expression: ir.Expr) -> pa.Table:
    """The answer, asked while at most one other question runs."""
    with duck.turn():
        answer: pa.Table = backend().to_pyarrow(expression)
    return answer


def backend() -> Backend:
    """This thread's Ibis on this thread's cursor."""
    found: Backend | None = getattr(_local, "backend", None)
    if found is None:
        found = _local.backend = ibis.duckdb.from_connection(duck.connection())
    return found


def identity(lake: "Lake", snapshot: Snapshot) -> ir.Table:
    """The person of each customer_key that is linked to one: (customer_key, person_id).

    A key that is not in it is its own person.
    """
    links = table(lake, "identity_link", snapshot)
    return links.filter(links.person_id.notnull()).select("customer_key", "person_id")


def rows(lake: "Lake", fact: Table, snapshot: Snapshot, known_at: datetime | None) -> str:
    """SQL of a fact's visible rows, from its files."""
    held = snapshot.tables.get(fact.name, _EMPTY)
    noted = snapshot.tables.get(f"{fact.name}.sighting", _EMPTY)
    columns = ", ".join(duck.named(name) for name in fact.columns)
    hidden = ", ".join(duck.quoted(batch) for batch in sorted(snapshot.hidden)) or "''"
    counts = f"batch_id NOT IN ({hidden})"
    if known_at is not None:
        counts += f" AND recorded_at <= {duck.quoted(known_at.isoformat())}::TIMESTAMPTZ"
    seen = "SELECT NULL::VARCHAR AS key, 0::BIGINT AS version, 0::BIGINT AS seq WHERE false"
    if noted.files:
        paths = [lake.root / file.path for file in noted.files]
        seen = f"SELECT DISTINCT key, version, seq FROM {files.read_parquet(paths)} WHERE {counts}"
    return f"""
        WITH held AS (FROM {files.scan(fact, held.files, lake.root)}),
        seen AS ({seen}),
        alive AS (SELECT * FROM held WHERE ({counts}) OR (key, version, seq) IN (FROM seen)),
        many AS (SELECT DISTINCT key FROM held WHERE layer = 'history' OR is_new = 0)
        SELECT {columns} FROM alive ANTI JOIN many USING (key)
        UNION ALL
        SELECT {columns} FROM (
            FROM alive SEMI JOIN many USING (key)
            QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC, seq DESC, layer) = 1
        )"""


def _view(name: str, fact: Table) -> ir.Table:
    """The view as an expression; its schema is known, so DuckDB is not asked."""
    return ops.DatabaseTable(name, Schema.from_pyarrow(fact.schema), backend(), ops.Namespace()).to_expr()


def _views() -> OrderedDict[tuple[str, str, int, datetime | None], ir.Table]:
    found: OrderedDict[tuple[str, str, int, datetime | None], ir.Table] | None = getattr(_local, "views", None)
    if found is None:
        found = _local.views = OrderedDict()
    return found
