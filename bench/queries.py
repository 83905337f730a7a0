"""Sales and customers over millions of order lines: ours against SQL written by hand on DuckDB and PostgreSQL.

    python bench/queries.py --lines 10000000 --folder /tmp/queries [--postgres /usr/lib/postgresql/15/bin] [--repeat 5]

Makes a ledger of the size asked for (seeded), a lake of it, a native DuckDB table of the same rows, and a private
PostgreSQL with the indexes that a careful person adds. Each question is asked five times on each; the medians and their
ratios come from the same run. Ours gives totals too, which for distinct counts means counting again; so does the SQL.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb
import psycopg
import pyarrow as pa

from topline.facts.table import tables
from topline.lake import duck, partials, read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.units.period import Period

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

_NET = "kind IN ('goods_sold', 'discount', 'goods_cancelled', 'refund')"
_SOLD = "kind = 'goods_sold'"
_VALUES = {
    "net_sales": f"sum(amount_shop) FILTER (WHERE {_NET})",
    "orders": f"count(DISTINCT order_key) FILTER (WHERE {_SOLD})",
    "average_order_value": f"sum(amount_shop) FILTER (WHERE {_NET}) / nullif(count(DISTINCT order_key) FILTER (WHERE {_SOLD}), 0)",
    "gross_profit": f"sum(amount_shop) FILTER (WHERE {_NET}) - sum(cost_shop) FILTER (WHERE {_NET})",
    "return_rate": f"-sum(quantity) FILTER (WHERE kind = 'refund') / nullif(sum(quantity) FILTER (WHERE {_SOLD}), 0)",
    "customers": f"count(DISTINCT customer_key) FILTER (WHERE {_SOLD})",
}
_STATEMENTS = {
    "new_customers": """
        SELECT {by} AS k, count(DISTINCT l.customer_key) FROM {lines} JOIN (
            SELECT customer_key, min("on") AS first_on FROM order_line WHERE kind = 'goods_sold' GROUP BY 1) f
        ON f.customer_key = l.customer_key AND f.first_on = l."on" WHERE kind = 'goods_sold' AND {inside} GROUP BY 1""",
    "returning_customers": """
        SELECT {by} AS k, count(DISTINCT l.customer_key) FROM {lines} JOIN (
            SELECT customer_key, min("on") AS first_on FROM order_line WHERE kind = 'goods_sold' GROUP BY 1) f
        ON f.customer_key = l.customer_key AND f.first_on < {start} WHERE kind = 'goods_sold' AND {inside} GROUP BY 1""",
    "repeat_purchase_rate": """
        SELECT k, avg(CASE WHEN n >= 2 THEN 1.0 ELSE 0 END) FROM (
            SELECT {by} AS k, customer_key, count(DISTINCT order_key) AS n FROM {lines}
            WHERE kind = 'goods_sold' AND customer_key IS NOT NULL AND {inside} GROUP BY 1, 2) t GROUP BY 1""",
}
_DISTINCT = {"orders", "average_order_value", "customers", *_STATEMENTS}
_BY = {
    "month": "date_trunc('month', l.\"on\")",
    "channel": "l.channel",
    "market": "l.market",
    "category": "p.category",
}


def statements(metric: str, by: str) -> list[str]:
    """The question in SQL, and the whole where cells don't add up to it."""
    inside = f"l.\"on\" >= DATE '{PERIOD.start}' AND l.\"on\" < DATE '{PERIOD.end}'"
    found = []
    for column in (by, "") if metric in _DISTINCT else (by,):
        joined = "order_line l JOIN product p USING (product_key)" if column == "category" else "order_line l"
        start = _BY["month"] if column == "month" else f"DATE '{PERIOD.start}'"
        key = _BY[column] if column else "1"
        if metric in _VALUES:
            found.append(f"SELECT {key} AS k, {_VALUES[metric]} FROM {joined} WHERE {inside} GROUP BY 1")
        else:
            found.append(_STATEMENTS[metric].format(by=key, lines=joined, inside=inside, start=start))
    return found


def batches(connection: duckdb.DuckDBPyConnection, lines: int) -> Iterator[pa.Table]:
    schema = tables()["order_line"].schema
    for first in range(0, lines, 1_000_000):
        query = _LINES.format(
            first=first, last=min(first + 1_000_000, lines), orders=max(lines // 4, 1), people=max(lines // 20, 1)
        )
        yield connection.sql(query).to_arrow_table().cast(schema)


def build(folder: Path, lines: int) -> tuple[Lake, Path]:
    """The lake and the native DuckDB file, made once."""
    native, lake = folder / "native.duckdb", Lake(folder / "lake", "bench")
    if native.exists():
        return lake, native
    source = duckdb.connect()
    source.execute("SET TimeZone = 'UTC'")
    target = duckdb.connect(str(folder / "draft.duckdb"))
    products = source.sql(_PRODUCTS).to_arrow_table().cast(tables()["product"].schema)
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
    ask()
    took = []
    for _ in range(repeat):
        started = time.perf_counter()
        ask()
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/topline-queries-bench"))  # noqa: S108
    parser.add_argument("--postgres", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    lake, native = build(given.folder, given.lines)
    threads = os.cpu_count() or 1
    duck.configure(memory="2GB", threads=threads, spill=given.folder / "spill")
    server = postgres(given.folder, given.postgres, native) if given.postgres else None
    by_hand = duckdb.connect(str(native), read_only=True, config={"threads": threads})
    snapshot = lake.latest()

    def ours(query: Query) -> object:
        read.forget()
        return read.read(lake, query, scope=Scope.whole("bench"), settings=SETTINGS, snapshot=snapshot)

    is_worth = partials.is_worth
    print(
        f"{'':32}{'detail':>9}{'partials':>9}{'native':>9}{'postgres':>10}{'detail/native':>15}{'postgres/partials':>19}"
    )
    ratios: dict[str, list[float]] = {"detail/native": [], "postgres/partials": []}
    for by in _BY:
        for metric in (*_VALUES, *_STATEMENTS):
            query, texts = Query(metrics=(metric,), by=(by,), period=PERIOD), statements(metric, by)
            partials.is_worth = lambda snapshot: False
            detail = median(lambda query=query: ours(query), given.repeat)
            partials.is_worth = is_worth
            rolled = median(lambda query=query: ours(query), given.repeat)
            hand = median(lambda texts=texts: [by_hand.execute(text).fetchall() for text in texts], given.repeat)
            line = f"{metric + ' by ' + by:32}{detail:9.3f}{rolled:9.3f}{hand:9.3f}"
            ratios["detail/native"].append(detail / hand)
            if server:
                slow = median(lambda texts=texts: [server.execute(text).fetchall() for text in texts], 1)
                ratios["postgres/partials"].append(slow / rolled)
                print(f"{line}{slow:10.3f}{detail / hand:15.2f}{slow / rolled:19.1f}", flush=True)
            else:
                print(f"{line}{'':10}{detail / hand:15.2f}", flush=True)
    for name, found in ratios.items():
        if found:
            print(
                f"{name}: geometric mean {statistics.geometric_mean(found):.2f}, worst {max(found):.2f}, least {min(found):.2f}"
            )
    if server:
        server.close()
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*user, given.postgres / "pg_ctl", "-D", given.folder / "postgres", "-m", "fast", "stop"], check=True
        )


if __name__ == "__main__":
    main()
