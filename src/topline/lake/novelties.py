"""What was new to those who bought: the next product, category and tier that each had not bought before, in a file.

Whether a customer who was active when a month began bought something new in it follows from the first order in the
month: the day of the order before it, and the days on which something new was bought next. There is a table of orders
with these days, and one for each dimension within whose values people are looked at. The file is named by a digest of
the facts that it was made of, so an old one is never wrong.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from topline.lake import duck, engine, partials, resident
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics import view
from topline.metrics.settings import Basis
from topline.metrics.view import Tables

if TYPE_CHECKING:
    import ibis.expr.types as ir

WITHIN = ("", "channel", "market", "category")
"""What people are cut by most; the empty one for all their orders."""

LINES_AT_ONCE = 4_000_000
"""Lines of as many people as are put in order at a time."""

_FORMAT = 1
_FACTS = ("order_line", "order", "product", "identity_link")
_DAYS = ("last_day", "day", "next_product", "next_category", "next_tier")
_DRAFTS = ("place_channel", "place_market", "place_category", "goods", "people", "bought", "came", "fresh", "higher")
"""Tables that a file is made with."""


def find(lake: Lake, snapshot: Snapshot, dims: frozenset[str], basis: Basis) -> "ir.Table | None":
    """The days on which people bought again within the values of these dimensions; None where they are not made.

    Columns are the dimension, `day`, `last_day` of the person before it, and `next_product`, `next_category` and
    `next_tier`: the next day, this one included, on which the person bought a product or category for the first time,
    or a higher tier of a category than before `day`; None if there is none.
    """
    within = "".join(sorted(dims))
    if within not in WITHIN or not partials.is_worth(snapshot):
        return None
    held = resident.database(_path(lake, snapshot, basis))
    columns = ({within: "string"} if within else {}) | dict.fromkeys(_DAYS, "date")
    return engine.stored(held.name, f"within_{within}", columns) if held else None


def build(lake: Lake, snapshot: Snapshot, tables: Tables, basis: Basis) -> bool:
    """Makes the file unless it is there; whether it had to.

    tables : the snapshot's facts, whole
    """
    if "product" in tables.empty or "product" not in snapshot.tables or not partials.is_worth(snapshot):
        return False
    path = _path(lake, snapshot, basis)
    if path.exists():
        return False
    with duck.making(), duck.turn() as cursor, duck.written(path) as draft:
        try:
            for statement in _bought(tables, basis):
                cursor.execute(statement)
            ((lines,),) = cursor.execute("SELECT count(*) FROM bought").fetchall()
            parts = 1 + lines // LINES_AT_ONCE
            for within in WITHIN:
                for part in range(parts):
                    for statement in _ordered(duck.named(draft), within, part, parts):
                        cursor.execute(statement)
        finally:
            cursor.execute("".join(f"DROP TABLE IF EXISTS {name};" for name in _DRAFTS))
    return True


def _path(lake: Lake, snapshot: Snapshot, basis: Basis) -> Path:
    name = partials.name_of(_FORMAT, basis.value, [snapshot.digest(fact) for fact in _FACTS])
    return lake.root / "_partials" / "novelties" / f"{name}.duckdb"


def _bought(tables: Tables, basis: Basis) -> Iterator[str]:
    """SQL of the goods that known people bought, all but the day as numbers; 0 stands for no value."""
    dims = ("customer", "product", "channel", "market")
    sold: Any = view.sold(tables, frozenset(dims), basis, None)
    lines = f"({engine.backend().compile(sold.filter(sold.customer.notnull()).select(*dims, 'day'))})"
    products = duck.named(tables.table("product").get_name())
    for dim, rows in (("channel", lines), ("market", lines), ("category", products)):
        yield (
            f"CREATE OR REPLACE TEMP TABLE place_{dim} AS SELECT {dim}, "
            f"(CASE WHEN {dim} IS NULL THEN 0 ELSE row_number() OVER () END)::SMALLINT AS place "
            f"FROM (SELECT {dim} FROM {rows} UNION SELECT NULL)"
        )
    yield f"""
        CREATE OR REPLACE TEMP TABLE goods AS
        SELECT k.product AS name, (row_number() OVER ())::INTEGER AS number, c.place AS category, p.tier
        FROM (SELECT DISTINCT product FROM {lines} WHERE product IS NOT NULL) k
            LEFT JOIN {products} p ON p.product_key = k.product
            JOIN place_category c ON c.category IS NOT DISTINCT FROM p.category"""
    yield f"""
        CREATE OR REPLACE TEMP TABLE people AS SELECT customer AS name, (row_number() OVER ())::INTEGER AS number
        FROM (SELECT DISTINCT customer FROM {lines})"""
    yield f"""
        CREATE OR REPLACE TEMP TABLE bought AS
        SELECT p.number AS customer, coalesce(g.number, 0) AS product, coalesce(g.category, 0::SMALLINT) AS category,
            g.tier, c.place AS channel, m.place AS market, l.day
        FROM {lines} l JOIN people p ON p.name = l.customer LEFT JOIN goods g ON g.name = l.product
            JOIN place_channel c ON c.channel IS NOT DISTINCT FROM l.channel
            JOIN place_market m ON m.market IS NOT DISTINCT FROM l.market"""
    yield "DROP TABLE people; DROP TABLE goods"  # what comes next needs the memory


def _ordered(target: str, within: str, part: int, parts: int) -> Iterator[str]:
    """SQL that puts the days of one part of the people in order, within the values of a dimension."""
    who = ("customer", within) if within else ("customer",)
    keys = ", ".join(who)
    kinds = ", ".join(dict.fromkeys((*who, "category")))
    own = f"FROM bought WHERE customer % {parts} = {part}"
    yield f"""
        CREATE OR REPLACE TEMP TABLE came AS
        SELECT {keys}, day, lag(day) OVER (PARTITION BY {keys} ORDER BY day) AS last_day
        FROM (SELECT DISTINCT {keys}, day {own})"""
    yield f"""
        CREATE OR REPLACE TEMP TABLE fresh AS
        SELECT {keys}, day, bool_or(is_product) AS is_product, bool_or(NOT is_product) AS is_category
        FROM (SELECT {keys}, min(day) AS day, true AS is_product {own} AND product > 0 GROUP BY {keys}, product
            UNION ALL SELECT {keys}, min(day), false {own} AND category > 0 GROUP BY {kinds})
        GROUP BY {keys}, day"""
    yield f"""
        CREATE OR REPLACE TEMP TABLE higher AS
        SELECT DISTINCT {keys}, since, day FROM (
            SELECT {keys}, day, first_value(day) OVER before AS since, tier, max(tier) OVER before AS best
            FROM (SELECT {kinds}, day, max(tier) AS tier {own} AND category > 0 AND tier IS NOT NULL
                GROUP BY {kinds}, day)
            WINDOW before AS (PARTITION BY {kinds} ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
        WHERE tier > best"""
    value, place = (f"p.{within}, ", f"JOIN place_{within} p ON p.place = o.{within}") if within else ("", "")
    verb = f"INSERT INTO {target}.within_{within}" if part else f"CREATE TABLE {target}.within_{within} AS"
    yield f"""
        {verb} SELECT {value}last_day, day, next_product, next_category, next_tier
        FROM (SELECT {keys}, last_day, day, min(day) FILTER (is_product) OVER ahead AS next_product,
                min(day) FILTER (is_category) OVER ahead AS next_category
            FROM came LEFT JOIN fresh USING ({keys}, day)
            WINDOW ahead AS (PARTITION BY {keys} ORDER BY day ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)) o
            LEFT JOIN (SELECT {keys}, came.day, min(higher.day) AS next_tier FROM came JOIN higher USING ({keys})
                WHERE came.day > since AND came.day <= higher.day GROUP BY {keys}, came.day) USING ({keys}, day) {place}
        WHERE last_day IS NOT NULL"""
