"""Purchases: the counted orders of a shop, with orders and people as whole numbers, in a DuckDB file.

Counting texts is what makes questions of orders and customers slow. A file has one row for each order (more where its
lines differ in a dimension), and what the whole history says of it: whether it is the person's first, and the days of
the person's orders around it, of all and of those with the same channel, market or product's dimension. Beside them are
how many people went from an order on one day to the next on another, how many stand in the ledger on a day and last did
on another, how many came back on a day after a first order on another, and the orders' heads, added up. It is named by
a digest of what it was made from, so an old file is never wrong; `build` makes it beside the questions, and where there
is none they read the detail.
"""

from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topline.facts.order_line import Kind
from topline.lake import duck, engine, partials, resident
from topline.lake.partials import RollUp
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics import view
from topline.metrics.dimension import PRODUCT
from topline.metrics.settings import Basis
from topline.metrics.view import Purchases, Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

_FORMAT = 6
_OWN = frozenset({"channel", "market", "currency"})
_OF_HEAD = frozenset({"campaign", "coupon"})
_COUNTED = ("channel", "market")
"""What orders are cut by most: of each the person's orders before it within its value are known too."""

_NUMBERS = {
    "order_key": "int32",
    "customer": "int32",
    "day": "date",
    "within": "date",
    "is_first": "boolean",
    "first_day": "date",
    "gap_days": "int64",
    "last_day": "date",
    "last_but_one_day": "date",
    "next_day": "date",
}


_SUMMED = {
    "day": "date",
    "within": "date",
    "heads": "int64",
    "unpriced": "int64",
    "shipping_cost_shop": "decimal(38, 6)",
    "payment_fee_shop": "decimal(38, 6)",
}
"""What heads are added up to."""

_STEPS = {"day": "date", "next_day": "date", "people": "int64"}
_RETURNS = {"first_day": "date", "day": "date", "people": "int64", "orders": "int64"}
_MET = {"day": "date", "within": "date", "last_day": "date", "people": "int64"}

_DRAFTS = ("sold", "numbered", "odd", "placed", "around", "moved", "stood")
"""Tables that a file is made with."""


def find(lake: Lake, snapshot: Snapshot, tables: Tables, dims: frozenset[str], basis: Basis) -> Purchases | None:
    """The purchases that can be cut by these dimensions, None where they have not been made."""
    products = dims & PRODUCT
    if not dims <= _OWN | _OF_HEAD | products or not partials.is_worth(snapshot):
        return None
    path = _path(lake, snapshot, tables, products, basis)
    held = resident.database(path)
    if held is None:
        return None
    mark = _mark(held.name)
    within = _within(products) if mark == "is_plain" else ()
    days = [name for dim in within for name in _days(dim)]
    texts = dict.fromkeys(sorted(_OWN | _OF_HEAD | products), "string")
    kinds = {**_NUMBERS, mark: "boolean", **dict.fromkeys(days, "date"), **texts}
    names = {"person": "string", "number": "int32"}
    return Purchases(
        engine.stored(held.name, "rows", kinds),
        engine.stored(held.name, "people", names),
        engine.stored(held.name, "heads", _SUMMED | dict.fromkeys(sorted(_OWN | _OF_HEAD), "string")),
        engine.stored(held.name, "returns", _RETURNS) if mark == "is_plain" and not products else None,
        {
            dim: engine.stored(held.name, f"steps_{dim}", ({dim: "string"} if dim else {}) | _STEPS)
            for dim in (_stepped(products) if mark == "is_plain" else ())
        },
    )


def met(lake: Lake, snapshot: Snapshot, tables: Tables, dims: frozenset[str], basis: Basis) -> "ir.Table | None":
    """How many people stand in the ledger on `day` and, within the same value of the dimension, last on `last_day`.

    None where that has not been made, or can't be.
    """
    products = dims & PRODUCT
    dim = "".join(dims)
    if dim not in _stepped(products) or not _has_met(tables, basis) or not partials.is_worth(snapshot):
        return None
    held = resident.database(_path(lake, snapshot, tables, products, basis))
    columns = dict.fromkeys(dims, "string") | _MET
    return engine.stored(held.name, f"met_{dim}", columns) if held else None


def _within(products: Collection[str]) -> tuple[str, ...]:
    """The dimensions within whose values a plain file knows a person's orders before each."""
    return tuple(products) if len(products) == 1 else () if products else _COUNTED


def _stepped(products: Collection[str]) -> tuple[str, ...]:
    """The dimensions within whose values people's days are counted; the empty one for all of them."""
    return _within(products) if products else ("", *_within(products))


def _days(dim: str) -> dict[str, str]:
    """The columns of a person's orders with the same value of a dimension, and what DuckDB makes them with."""
    return {f"last_{dim}_day": "lag(day)", f"last_but_one_{dim}_day": "lag(day, 2)", f"next_{dim}_day": "lead(day)"}


def build(lake: Lake, snapshot: Snapshot, tables: Tables, products: frozenset[str], basis: Basis) -> bool:
    """Makes the purchases that can be cut by these dimensions of products unless they are there; whether it had to.

    tables : the snapshot's facts, whole
    """
    if not partials.is_worth(snapshot):
        return False
    path = _path(lake, snapshot, tables, products, basis)
    if path.exists():
        return False
    months = partials.files(lake, snapshot, tables, RollUp("sold", _OWN | products, basis))
    heads = None if "order" in tables.empty else _name(tables.table("order"))
    links = None if tables.links is None else _name(engine.table(lake, "identity_link", snapshot))
    with duck.making(), duck.turn() as cursor, duck.written(path) as draft:
        target = duck.named(draft)
        try:
            for statement in _statements(target, months, sorted(products), heads, links):
                cursor.execute(statement)
            is_plain = cursor.execute("SELECT count(*) FROM odd").fetchall() == [(0,)]
            if is_plain:
                cursor.execute(_around(_within(products)))
            cursor.execute(_rows(target, sorted(products), is_plain=is_plain))
            for dim in _stepped(products) if is_plain else ():
                cursor.execute(_steps(target, dim))
            if is_plain and not products:
                cursor.execute(_returns(target))
            if (dims := _stepped(products)) and _has_met(tables, basis):
                for statement in _met(target, tables, dims, basis):
                    cursor.execute(statement)
        finally:
            cursor.execute("".join(f"DROP TABLE IF EXISTS {name};" for name in _DRAFTS))
    return True


def _path(lake: Lake, snapshot: Snapshot, tables: Tables, products: frozenset[str], basis: Basis) -> Path:
    months = partials.paths(lake, snapshot, tables, RollUp("sold", _OWN | products, basis))
    made_from = [_FORMAT, [path.name for path in months.values()], snapshot.digest("order")]
    name = partials.name_of(*made_from, snapshot.digest("identity_link"))
    return lake.root / "_partials" / "purchases" / f"{name}.duckdb"


@lru_cache(maxsize=256)
def _mark(database: str) -> str:
    """Whether the file is plain: each order in one row, or in one for each value of the products' dimensions."""
    duck.connection().execute(f"FROM {database}.rows LIMIT 0")
    return "is_plain" if any(column[0] == "is_plain" for column in duck.connection().description or ()) else "is_single"


def _name(table: "ir.Table") -> str:
    return duck.named(table.get_name())


def _statements(
    target: str, months: Sequence[Path], products: Sequence[str], heads: str | None, links: str | None
) -> Iterator[str]:
    """SQL that fills the file; of an order that stands in several rows, none `is_single`."""
    read = f"read_parquet([{', '.join(duck.quoted(path.as_posix()) for path in months)}])"
    own = ", ".join(f"s.{name}" for name in (*sorted(_OWN), *products))
    known = f"LEFT JOIN {links} l ON l.customer_key = s.customer_key AND l.person_id IS NOT NULL" if links else ""
    person = "coalesce(l.person_id, s.customer_key)" if links else "s.customer_key"
    of_head = "h.campaign, h.coupon" if heads else "NULL::VARCHAR AS campaign, NULL::VARCHAR AS coupon"
    head = f"LEFT JOIN {heads} h ON h.order_key = s.order_key" if heads else ""
    yield (
        f'CREATE OR REPLACE TEMP TABLE sold AS SELECT s.order_key, {person} AS person, s.day, s."at", {own}, {of_head} '
        f"FROM {read} s {known} {head}"
    )
    yield (
        f"CREATE TABLE {target}.people AS SELECT person, (row_number() OVER ())::INTEGER AS number "
        "FROM (SELECT DISTINCT person FROM sold WHERE person IS NOT NULL)"
    )
    yield (
        "CREATE OR REPLACE TEMP TABLE numbered AS SELECT o.number AS order_number, p.number AS customer, "
        "s.* EXCLUDE (person) FROM sold s JOIN "
        "(SELECT order_key, (row_number() OVER ())::INTEGER AS number FROM (SELECT DISTINCT order_key FROM sold)) o "
        f"USING (order_key) LEFT JOIN {target}.people p USING (person)"
    )
    if not products:
        yield _heads(target, heads)
    yield "DROP TABLE sold"  # the windows to come need the memory
    slices = ", ".join(("order_number", *products))
    yield (
        "CREATE OR REPLACE TEMP TABLE odd AS SELECT DISTINCT order_number FROM "
        f"(SELECT order_number FROM numbered GROUP BY {slices} HAVING count(*) > 1)"
    )
    yield """
        CREATE OR REPLACE TEMP TABLE placed AS
        SELECT customer, order_number, min(day) OVER person AS first_day, "at" = min("at") OVER person AS is_first,
            date_diff('day', lag(day) OVER following, day) AS gap_days, lag(day) OVER following AS last_day,
            lag(day, 2) OVER following AS last_but_one_day, lead(day) OVER following AS next_day
        FROM (SELECT customer, order_number, any_value(order_key) AS order_key, min(day) AS day, min("at") AS "at"
            FROM numbered WHERE customer IS NOT NULL GROUP BY customer, order_number)
        WINDOW person AS (PARTITION BY customer),
            following AS (PARTITION BY customer ORDER BY day, "at", order_key)"""


def _around(dims: Sequence[str]) -> str:
    """SQL of the days of the person's orders around each row, within each of these dimensions' values."""
    days = [f"{made} OVER within_{dim} AS {name}" for dim in dims for name, made in _days(dim).items()]
    windows = [f'within_{dim} AS (PARTITION BY customer, {dim} ORDER BY day, "at", order_number)' for dim in dims]
    window = f" WINDOW {', '.join(windows)}" if windows else ""
    columns = ", ".join(["rowid AS place", *days])
    return f"CREATE OR REPLACE TEMP TABLE around AS SELECT {columns} FROM numbered WHERE customer IS NOT NULL{window}"


def _rows(target: str, products: Sequence[str], *, is_plain: bool) -> str:
    mark = "true AS is_plain" if is_plain else "n.order_number NOT IN (FROM odd) AS is_single"
    dims = ", ".join(f"n.{name}" for name in (*sorted(_OWN | _OF_HEAD), *products))
    around = "LEFT JOIN around a ON a.place = n.rowid" if is_plain else ""
    days = "".join(f"a.{name}, " for dim in _within(products) for name in _days(dim)) if is_plain else ""
    return (
        f"CREATE TABLE {target}.rows AS SELECT n.order_number AS order_key, n.customer, n.day, n.day AS within, "
        f"{mark}, p.is_first, p.first_day, p.gap_days, p.last_day, p.last_but_one_day, p.next_day, {days}{dims} "
        f"FROM numbered n LEFT JOIN placed p USING (customer, order_number) {around}"
    )


def _steps(target: str, dim: str) -> str:
    """SQL of how many people ordered on a day and, within the same value of the dimension, next on another."""
    own, next_day = (f"{dim}, ", f"next_{dim}_day") if dim else ("", "next_day")
    return (
        f"CREATE TABLE {target}.steps_{dim} AS SELECT {own}day, {next_day} AS next_day, count(*) AS people "
        f"FROM {target}.rows WHERE customer IS NOT NULL GROUP BY ALL"
    )


def _returns(target: str) -> str:
    """SQL of how many orders people placed by the day of their first, and how many people placed one in that month."""
    month = "date_trunc('month', day)"
    return (
        f"CREATE TABLE {target}.returns AS SELECT first_day, day, "
        f"count_if(last_day IS NULL OR last_day < {month})::BIGINT AS people, count(*) AS orders "
        f"FROM {target}.rows WHERE customer IS NOT NULL GROUP BY ALL"
    )


def _has_met(tables: Tables, basis: Basis) -> bool:
    """Whether the purchases are just the goods sold of the ledger, on the days that they have there."""
    return basis is Basis.EVENT and not (tables.has_late_goods or tables.has_test_orders)


def _met(target: str, tables: Tables, dims: Sequence[str], basis: Basis) -> Iterator[str]:
    """SQL that counts who stands in the ledger, with or without an order, by when they last did within each dimension.

    Those who never bought have numbers below zero.
    """
    named = [*filter(None, dims)]
    moved: Any = view.ledger(tables, "ledger", frozenset({"customer", *named}), basis, None)
    moved = moved.filter(moved.kind != Kind.GOODS_SOLD.value)
    own = ", ".join(named)
    yield (
        f"CREATE OR REPLACE TEMP TABLE moved AS SELECT DISTINCT customer AS person, day, {own} "
        f"FROM ({engine.backend().compile(moved)}) WHERE customer IS NOT NULL"
    )
    never = f"SELECT DISTINCT person FROM moved ANTI JOIN {target}.people USING (person)"
    known = f"FROM {target}.people UNION ALL SELECT person, -(row_number() OVER ())::INTEGER FROM ({never})"
    yield (
        f"CREATE OR REPLACE TEMP TABLE stood AS SELECT customer, day, {own} FROM {target}.rows "
        f"WHERE customer IS NOT NULL UNION ALL SELECT number, day, {own} FROM moved JOIN ({known}) USING (person)"
    )
    for dim in dims:
        place = f"{dim}, " if dim else ""
        yield (
            f"CREATE TABLE {target}.met_{dim} AS SELECT {place}day, day AS within, last_day, count(*) AS people FROM "
            f"(SELECT {place}day, lag(day) OVER (PARTITION BY {place}customer ORDER BY day) AS last_day FROM stood) "
            "WHERE last_day IS DISTINCT FROM day GROUP BY ALL"
        )


def _heads(target: str, heads: str | None) -> str:
    """SQL of the heads of orders with goods sold that count, by the dimensions of a head and its day."""
    dims = ", ".join(sorted(_OWN | _OF_HEAD))
    if heads is None:
        empty = ", ".join(f"NULL::{kind} AS {name}" for name, kind in _SUMMED.items())
        texts = ", ".join(f"NULL::VARCHAR AS {name}" for name in sorted(_OWN | _OF_HEAD))
        return f"CREATE TABLE {target}.heads AS SELECT {empty}, {texts} LIMIT 0"
    return (
        f'CREATE TABLE {target}.heads AS SELECT "on" AS day, "on" AS within, {dims}, count(*) AS heads, '
        "count_if(shipping_cost_shop IS NULL OR payment_fee_shop IS NULL)::BIGINT AS unpriced, "
        "sum(shipping_cost_shop) AS shipping_cost_shop, sum(payment_fee_shop) AS payment_fee_shop "
        f'FROM {heads} SEMI JOIN sold USING (order_key) GROUP BY "on", {dims}'
    )
