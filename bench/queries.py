"""Sales and customers over millions of order lines: ours against SQL written by hand on DuckDB and PostgreSQL.

    python bench/queries.py --lines 10000000 --folder /tmp/queries [--postgres /usr/lib/postgresql/15/bin] [--only orders]

Makes a ledger of the size asked for (seeded), a lake of it, a native DuckDB table of the same rows, and a private
PostgreSQL with the indexes that a careful person adds; they stay in the folder, as does what each question took, so a
run that was stopped goes on. Each question is asked on each in turn and every cell compared; PostgreSQL is asked once.
Ours gives totals too, which for distinct counts means counting again; so does the SQL.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa

from topline.facts.table import tables
from topline.lake import duck, partials, read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.metrics.settings import Settings
from topline.units.missing import Missing
from topline.units.period import Period, add_months

SETTINGS = Settings("EUR", "Europe/Berlin", country="DE")
PERIOD = Period(date(2023, 1, 1), date(2025, 1, 1))

_LINES = """
SELECT 'l' || n AS key, 1::BIGINT AS version, '2025-01-01'::TIMESTAMPTZ AS recorded_at, 'bench' AS batch_id,
    'o' || o AS order_key, CASE WHEN hash(n) % 20 = 0 THEN 'refund' WHEN hash(n) % 10 = 1 THEN 'discount'
        ELSE 'goods_sold' END AS kind,
    (day + INTERVAL 12 HOUR)::TIMESTAMPTZ AS "at", day AS "on", 12::TINYINT AS hour, day AS ordered_on,
    'p' || (hash(n, 1) % 5000) AS product_key, q::DECIMAL(18, 6) AS quantity, price::DECIMAL(18, 6) AS unit_price,
    (s * q * price)::DECIMAL(18, 6) AS amount, (s * q * price)::DECIMAL(18, 6) AS amount_shop, 'EUR' AS currency,
    1::DECIMAL(18, 9) AS rate, false AS rate_is_event_day, (s * q * price * 0.6)::DECIMAL(18, 6) AS cost_shop,
    ['web', 'app', 'store', 'phone'][(1 + hash(o, 2) % 4)::INT] AS channel,
    ['DE', 'FR', 'RO', 'PT', 'GB', 'IT'][(1 + hash(o, 3) % 6)::INT] AS market,
    CASE WHEN hash(o, 4) % 10 > 0 THEN 'c' || (hash(o, 5) % {people}) END AS customer_key, NULL::VARCHAR AS original_order_key,
    false AS is_over_refund
FROM (
    SELECT n, n // 4 AS o, DATE '2023-01-01' + ((n // 4) * 731 // {orders})::INT AS day, 1 + hash(n, 6) % 4 AS q,
        (100 + hash(n, 7) % 9900) / 100.0 AS price,
        CASE WHEN hash(n) % 20 = 0 OR hash(n) % 10 = 1 THEN -0.1 ELSE 1 END AS s
    FROM range({first}, {last}) t(n)
)
"""
_PRODUCTS = """
SELECT 'product:' || n AS key, 1::BIGINT AS version, '2025-01-01'::TIMESTAMPTZ AS recorded_at, 'bench' AS batch_id,
    'p' || n AS product_key, 'Product ' || n AS title, 'category ' || (n % 20) AS category, NULL AS subcategory,
    'brand ' || (n % 50) AS brand, NULL AS supplier, NULL::BIGINT AS tier FROM range(5000) t(n)
"""

YEAR = Period(date(2024, 1, 1), date(2025, 1, 1))
"""What is cut by anything but months: the year after one of history."""

_NET = "kind IN ('goods_sold', 'discount', 'goods_cancelled', 'refund')"
_SOLD = "kind = 'goods_sold'"
_BACK = "kind IN ('goods_cancelled', 'refund')"
_SALES = f"sum(amount_shop) FILTER (WHERE {_NET})"
_COST = "sum(cost_shop) FILTER (WHERE kind IN ('goods_sold', 'goods_cancelled', 'refund'))"
_COSTED = f"CASE WHEN count(*) FILTER (WHERE {_SOLD} AND cost_shop IS NULL) = 0 THEN"
_UNITS = f"sum(quantity) FILTER (WHERE {_SOLD})"
_ORDERS = f"count(DISTINCT order_key) FILTER (WHERE {_SOLD})"
_VALUES = {
    "ledger_amount": "sum(amount_shop)",
    "gross_sales": f"sum(amount_shop) FILTER (WHERE {_SOLD})",
    "discounts": "sum(amount_shop) FILTER (WHERE kind = 'discount')",
    "returns": f"sum(amount_shop) FILTER (WHERE {_BACK})",
    "net_sales": _SALES,
    "units": _UNITS,
    "return_rate": f"-sum(quantity) FILTER (WHERE {_BACK}) / nullif({_UNITS}, 0)",
    "cost_of_goods": f"{_COSTED} {_COST} END",
    "gross_profit": f"{_COSTED} {_SALES} - {_COST} END",
    "gross_margin": f"{_COSTED} ({_SALES} - {_COST}) / nullif({_SALES}, 0) END",
    "orders": _ORDERS,
    "units_per_order": f"{_UNITS} / nullif({_ORDERS}, 0)",
    "average_order_value": f"{_SALES} / nullif({_ORDERS}, 0)",
    "customers": f"count(DISTINCT customer_key) FILTER (WHERE {_SOLD})",
    "ledger_customers": "count(DISTINCT customer_key)",
}
_FIRSTS = """(SELECT customer_key, min("on") AS first_on FROM order_line WHERE kind = 'goods_sold' GROUP BY 1) f"""
_STATEMENTS = {
    "new_customers": f"""
        SELECT {{by}} AS k, count(DISTINCT l.customer_key) FROM {{lines}} JOIN {_FIRSTS}
        ON f.customer_key = l.customer_key AND f.first_on = l."on" WHERE kind = 'goods_sold' AND {{inside}} GROUP BY 1""",
    "returning_customers": f"""
        SELECT {{by}} AS k, count(DISTINCT l.customer_key) FROM {{lines}} JOIN {_FIRSTS}
        ON f.customer_key = l.customer_key AND f.first_on < {{start}}
        WHERE kind = 'goods_sold' AND {{inside}} GROUP BY 1""",
    "repeat_purchase_rate": """
        SELECT k, avg(CASE WHEN n >= 2 THEN 1.0 ELSE 0 END) FROM (
            SELECT {by} AS k, customer_key, count(DISTINCT order_key) AS n FROM {lines}
            WHERE kind = 'goods_sold' AND customer_key IS NOT NULL AND {inside} GROUP BY 1, 2) t GROUP BY 1""",
    "days_between_orders": """
        SELECT {by} AS k, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) FROM (
            SELECT order_key, market, channel, "on",
                "on" - lag("on") OVER (PARTITION BY customer_key ORDER BY "on", order_key) AS gap
            FROM (SELECT customer_key, order_key, min("on") AS "on", min(market) AS market, min(channel) AS channel
                FROM order_line WHERE kind = 'goods_sold' AND customer_key IS NOT NULL GROUP BY 1, 2) o) l
        WHERE gap IS NOT NULL AND {inside} GROUP BY 1""",
    "retention_rate": """
        SELECT b.k, count(n.c)::FLOAT / nullif(count(*), 0) FROM (
            SELECT DISTINCT s AS k, c FROM ({buckets}) m JOIN ({bought}) o ON d < s AND d >= s - 365) b
        LEFT JOIN (SELECT DISTINCT s AS k, c FROM ({buckets}) m JOIN ({bought}) o ON d >= s AND d < e) n
        ON n.k = b.k AND n.c = b.c GROUP BY 1""",
    "churn_rate": """
        SELECT b.k, count(*) FILTER (WHERE n.c IS NULL)::FLOAT / nullif(count(*), 0) FROM (
            SELECT DISTINCT s AS k, c FROM ({buckets}) m JOIN ({bought}) o ON d < s AND d >= s - 365) b
        LEFT JOIN (SELECT DISTINCT s AS k, c FROM ({buckets}) m JOIN ({bought}) o ON d >= e - 365 AND d < e) n
        ON n.k = b.k AND n.c = b.c GROUP BY 1""",
}
_BOUGHT = """SELECT DISTINCT customer_key AS c, "on" AS d FROM order_line
    WHERE kind = 'goods_sold' AND customer_key IS NOT NULL"""
_DISTINCT = {
    *("orders", "units_per_order", "average_order_value", "customers", "ledger_customers"),
    *("new_customers", "returning_customers", "repeat_purchase_rate", "days_between_orders"),
}
_BY = {
    "month": "date_trunc('month', l.\"on\")",
    "channel": "l.channel",
    "market": "l.market",
    "category": "p.category",
}
_CORE = (
    *("net_sales", "gross_profit", "return_rate", "orders", "average_order_value"),
    *("customers", "new_customers", "returning_customers", "repeat_purchase_rate"),
)
ROWS = (
    *((metric, "month") for metric in (*_VALUES, *_STATEMENTS)),
    *((metric, by) for by in ("market", "category") for metric in _CORE),
    *((metric, "channel") for metric in ("net_sales", "orders", "customers", "days_between_orders")),
)
"""Every metric of both families that needs lines and products only, by month; the usual ones by their usual dimensions.

Growth is left out: its days are chosen by a calendar, which SQL by hand has not.
"""


SLOW = {
    *((metric, "month") for metric in (*_CORE, "days_between_orders", "retention_rate", "churn_rate")),
    *(("orders", "market"), ("customers", "market")),
}
"""What PostgreSQL is asked too; it takes minutes for what it takes seconds here."""


def period_of(by: str) -> Period:
    return PERIOD if by == "month" else YEAR


def statements(metric: str, by: str) -> list[str]:
    """The question in SQL, and the whole where cells don't add up to it."""
    period = period_of(by)
    inside = f"l.\"on\" >= DATE '{period.start}' AND l.\"on\" < DATE '{period.end}'"
    starts = [add_months(period.start, at) for at in range(12 * (period.end.year - period.start.year))]
    spans = zip(starts, [*starts[1:], period.end], strict=True)
    buckets = " UNION ALL ".join(f"SELECT DATE '{start}' AS s, DATE '{end}' AS e" for start, end in spans)
    found = []
    for column in (by, "") if metric in _DISTINCT else (by,):
        joined = "order_line l JOIN product p USING (product_key)" if column == "category" else "order_line l"
        start = _BY["month"] if column == "month" else f"DATE '{period.start}'"
        key = _BY[column] if column else "1"
        if metric in _VALUES:
            found.append(f"SELECT {key} AS k, {_VALUES[metric]} FROM {joined} WHERE {inside} GROUP BY 1")
        else:
            text = _STATEMENTS[metric]
            found.append(text.format(by=key, lines=joined, inside=inside, start=start, buckets=buckets, bought=_BOUGHT))
    return found


def batches(connection: duckdb.DuckDBPyConnection, lines: int) -> Iterator[pa.Table]:
    schema = tables()["order_line"].schema
    for first in range(0, lines, 1_000_000):
        query = _LINES.format(
            first=first, last=min(first + 1_000_000, lines), orders=max(lines // 4, 1), people=max(lines // 20, 1)
        )
        yield whole(connection.sql(query).to_arrow_table(), schema)


def whole(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in the fact's schema; what the simulation doesn't say is null."""
    known = {name: rows[name] for name in rows.column_names}
    return pa.table([known.get(f.name, pa.nulls(rows.num_rows, f.type)).cast(f.type) for f in schema], schema=schema)


def build(folder: Path, lines: int) -> tuple[Lake, Path]:
    """The lake and the native DuckDB file, made once."""
    native, lake = folder / "native.duckdb", Lake(folder / "lake", "bench")
    if native.exists():
        return lake, native
    source = duckdb.connect()
    source.execute("SET TimeZone = 'UTC'")
    target = duckdb.connect(str(folder / "draft.duckdb"))
    products = whole(source.sql(_PRODUCTS).to_arrow_table(), tables()["product"].schema)
    lake.append("product", products.to_batches(), batch_id="bench")
    target.register("arrow", products)
    target.execute("CREATE TABLE product AS FROM arrow")
    for part, table in enumerate(batches(source, lines)):
        lake.append("order_line", table.to_batches(), batch_id="bench", part=part)
        target.register("arrow", table)
        target.execute("INSERT INTO order_line FROM arrow" if part else "CREATE TABLE order_line AS FROM arrow")
        print(f"{(part + 1) * 1_000_000:,} lines", flush=True)
    target.close()
    now = datetime(2025, 1, 1, tzinfo=UTC)
    lake.publish(now=now)
    lake.fold("order_line", hidden=(), now=now)
    lake.publish(now=now)
    (folder / "draft.duckdb").rename(native)
    return lake, native


def postgres(folder: Path, binaries: Path, native: Path) -> psycopg.Connection[tuple[object, ...]]:
    """A private cluster with the ledger and its indexes, filled once."""
    home, user = folder / "postgres", ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
    is_new = not home.exists()
    if is_new:
        home.mkdir()
        if user:
            shutil.chown(home, "postgres", "postgres")
        subprocess.run([*user, binaries / "initdb", "-D", home, "-A", "trust", "-U", "bench"], check=True, stdout=-3)
    options = "-p 8119 -k /tmp -c shared_buffers=2GB -c work_mem=256MB -c maintenance_work_mem=1GB -c max_wal_size=8GB"
    subprocess.run(
        [*user, binaries / "pg_ctl", "-D", home, "-w", "-o", options, "-l", home / "log", "start"], check=True
    )
    connection = psycopg.connect("host=/tmp port=8119 user=bench dbname=postgres", autocommit=True)
    if is_new:
        fill(connection, native)
    connection.execute("SET statement_timeout = '60s'")
    return connection


def fill(connection: psycopg.Connection[tuple[object, ...]], native: Path) -> None:
    columns = 'order_key, kind, "on", product_key, quantity, amount_shop, cost_shop, channel, market, customer_key'
    source = duckdb.connect(str(native), read_only=True)
    csv = native.with_suffix(".csv")
    connection.execute(
        'CREATE TABLE order_line (order_key text, kind text, "on" date, product_key text, quantity numeric(18, 6), '
        "amount_shop numeric(18, 6), cost_shop numeric(18, 6), channel text, market text, customer_key text)"
    )
    connection.execute("CREATE TABLE product (product_key text PRIMARY KEY, category text)")
    for table, chosen in (("order_line", columns), ("product", "product_key, category")):
        source.execute(f"COPY (SELECT {chosen} FROM {table}) TO '{csv}' (FORMAT csv, HEADER false)")
        with csv.open("rb") as content, connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT csv)") as copy:
            while block := content.read(1 << 20):
                copy.write(block)
    csv.unlink()
    source.close()
    for index in ('("on")', 'INCLUDE (amount_shop) ("on", kind)', "(customer_key, \"on\") WHERE kind = 'goods_sold'"):
        form = f"{index.split(' ', 2)[2]} INCLUDE (amount_shop)" if index.startswith("INCLUDE") else index
        connection.execute(f"CREATE INDEX ON order_line {form}")
    connection.execute("VACUUM ANALYZE")


def median(ask: Callable[[], object], repeat: int) -> float:
    """Of the asks after the first; fewer of a question that takes seconds."""
    started = time.perf_counter()
    ask()
    first = time.perf_counter() - started
    took = []
    for _ in range(repeat if first < 1 else 1):
        started = time.perf_counter()
        ask()
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def assert_same(result: Result, metric: str, by: str, hand: list[list[tuple[Any, ...]]]) -> None:
    """Every cell that SQL by hand has, and the whole where it was asked for."""
    ours = {str(row[by]): row[metric] for row in result.rows}
    theirs = {str(key)[:10] if by == "month" else str(key): value for key, value in hand[0]}
    if len(hand) > 1 and hand[1]:
        ours["whole"], theirs["whole"] = result.totals[metric], hand[1][0][1]
    for key, value in theirs.items():
        mine = ours.get(key)
        if value is not None and value != 0:
            number = math.nan if mine is None or isinstance(mine, Missing) else float(mine)  # type: ignore[arg-type]
            assert math.isclose(number, float(value), rel_tol=1e-6), (metric, by, key, mine, value)


def timed_once(server: psycopg.Connection[tuple[object, ...]], texts: list[str]) -> float | None:
    """None if a statement took longer than a minute."""
    started = time.perf_counter()
    try:
        for text in texts:
            server.execute(text).fetchall()
    except psycopg.errors.QueryCanceled:
        return None
    return time.perf_counter() - started


def show(found: Mapping[str, Mapping[str, float | None]]) -> None:
    print(
        f"{'':34}{'detail':>9}{'partials':>9}{'native':>9}{'postgres':>10}{'detail/native':>15}{'postgres/partials':>19}"
    )
    for name, took in found.items():
        slow = took.get("postgres")
        text = "" if "postgres" not in took else f"{slow:10.2f}" if slow else "     > 60"
        times = slow / took["partials"] if slow else math.inf if "postgres" in took else None
        print(
            f"{name:34}{took['detail']:9.3f}{took['partials']:9.3f}{took['native']:9.3f}{text:>10}"
            f"{took['detail'] / took['native']:15.2f}" + (f"{times:19.1f}" if times else "")
        )
    ratios = [took["detail"] / took["native"] for took in found.values()]
    print(f"detail/native: geometric mean {statistics.geometric_mean(ratios):.2f}, worst {max(ratios):.2f}")
    quick = sorted(took["partials"] for took in found.values())
    print(f"partials: median {statistics.median(quick):.3f} s, p95 {quick[int(len(quick) * 0.95)]:.3f} s")
    times = [took["postgres"] / took["partials"] for took in found.values() if took.get("postgres")]
    if times:
        print(f"postgres/partials: geometric mean {statistics.geometric_mean(times):.1f}, least {min(times):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/topline-queries-bench"))  # noqa: S108
    parser.add_argument("--postgres", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="metrics, or metric:dimension, with commas; asked again")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    lake, native = build(given.folder, given.lines)
    threads = os.cpu_count() or 1
    duck.configure(memory="2GB", threads=threads, spill=given.folder / "spill")
    server = postgres(given.folder, given.postgres, native) if given.postgres else None
    by_hand = duckdb.connect(str(native), read_only=True, config={"threads": threads})
    snapshot = lake.latest()
    assert snapshot is not None
    started, cpu = time.perf_counter(), time.process_time()
    made = read.warm(lake, SETTINGS.basis, snapshot)
    print(
        f"warmed, {made} made: {time.perf_counter() - started:.1f} s, {time.process_time() - cpu:.1f} CPU s", flush=True
    )
    memory = given.folder / f"took-{given.lines}.json"
    found = json.loads(memory.read_text()) if memory.exists() else {}
    chosen = set(given.only.split(",")) if given.only else set()

    def ours(query: Query) -> Result:
        read.forget()
        return read.read(lake, query, scope=Scope.whole("bench"), settings=SETTINGS, snapshot=snapshot)

    least = partials.LEAST_ROWS
    for metric, by in ROWS:
        name = f"{metric} by {by}"
        if not chosen & {metric, f"{metric}:{by}"} if chosen else name in found:
            continue
        query, texts = Query(metrics=(metric,), by=(by,), period=period_of(by)), statements(metric, by)
        hand = [by_hand.execute(text).fetchall() for text in texts]
        took: dict[str, float | None] = {}
        for path, rows in (("detail", snapshot.tables["order_line"].rows + 1), ("partials", least)):
            partials.LEAST_ROWS = rows
            assert_same(ours(query), metric, by, hand)
            took[path] = median(lambda query=query: ours(query), given.repeat)
        took["native"] = median(lambda texts=texts: [by_hand.execute(text).fetchall() for text in texts], given.repeat)
        if server and (metric, by) in SLOW:
            took["postgres"] = timed_once(server, texts)
        found[name] = took
        memory.write_text(json.dumps(found))
        print(name, {path: took[path] and round(took[path], 3) for path in took}, flush=True)
    show(found)
    if server:
        server.close()
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*user, given.postgres / "pg_ctl", "-D", given.folder / "postgres", "-m", "fast", "stop"], check=True
        )


if __name__ == "__main__":
    main()
