"""Forty questions about millions of order lines: ours against SQL written by hand and against other semantic layers.

    python bench/queries.py --lines 10000000 --folder /tmp/queries [--postgres /usr/lib/postgresql/15/bin] [--peers]
        [--only orders]

Makes a ledger of the size asked for (seeded), a lake of it, a native DuckDB table of the same rows, and a private
PostgreSQL with the indexes that a careful person adds; they stay in the folder, as does what each question took, so a
run that was stopped goes on. Each question is asked of each in turn, and every cell compared; PostgreSQL is asked once.
Ours gives totals too, which for distinct counts means counting again; so do the others. The peers (`peer/`) answer over
the native table from a process that stays, so neither start nor import counts; what a peer can't say is left empty.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from peer.process import PACKAGES, Peer

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
LONG = 8
"""Seconds of a round that is not repeated."""

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
    "average_order_value": f"{_SALES} / nullif({_ORDERS}, 0)",
    "customers": f"count(DISTINCT customer_key) FILTER (WHERE {_SOLD})",
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
    *("orders", "average_order_value", "customers"),
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
"""The forty: metrics of both families that need lines and products only, by month; the usual ones by the usual cuts.

Growth is left out: its days are chosen by a calendar, which SQL by hand has not.
"""


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


def postgres(folder: Path, binaries: Path, native: Path, timeout: int) -> psycopg.Connection[tuple[object, ...]]:
    """A private cluster with the ledger and its indexes, filled once; it has `timeout` seconds for a question."""
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
    connection.execute(f"SET statement_timeout = '{timeout}s'")
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


def in_turns(
    asks: Mapping[str, Callable[[], object]], clocks: Mapping[str, Callable[[], float]], repeat: int
) -> dict[str, float]:
    """Medians of the seconds and the CPU seconds of each, asked one after the other, so that a busy spell meets all.

    clocks : the CPU seconds of those that answer in another process
    """
    took: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeat):
        started = time.perf_counter()
        for name, ask in asks.items():
            clock = clocks.get(name, time.process_time)
            before, used = time.perf_counter(), clock()
            ask()
            took[name].append(time.perf_counter() - before)
            took[f"{name} CPU"].append(clock() - used)
        if time.perf_counter() - started > LONG:
            break
    return {name: statistics.median(found) for name, found in took.items()}


def cells_of(answers: list[list[tuple[Any, ...]]], by: str) -> dict[str, Any]:
    """The cells of a question and, where it was asked for, the `whole`."""
    cells = {str(key)[:10] if by == "month" else str(key): value for key, value in answers[0]}
    if len(answers) > 1:
        cells["whole"] = answers[1][0][-1] if answers[1] else None
    return cells


def assert_same(name: str, found: Mapping[str, Any], hand: Mapping[str, Any]) -> None:
    """Every cell that SQL by hand has."""
    for key, value in hand.items():
        mine = found.get(key)
        if value is not None and value != 0:
            number = math.nan if mine is None or isinstance(mine, Missing) else float(mine)
            assert math.isclose(number, float(value), rel_tol=1e-6), (name, key, mine, value)


def timed_once(server: psycopg.Connection[tuple[object, ...]], texts: list[str]) -> float | None:
    """None if a statement took longer than the timeout."""
    started = time.perf_counter()
    try:
        for text in texts:
            server.execute(text).fetchall()
    except psycopg.errors.QueryCanceled:
        return None
    return time.perf_counter() - started


def show(found: Mapping[str, Mapping[str, float | None]], timeout: int) -> None:
    columns = ("detail", "partials", "native", *PACKAGES, "postgres")
    pairs = (
        *(("detail", "native"), ("partials", "native")),
        *((peer, path) for peer in PACKAGES for path in ("detail", "partials")),
        ("postgres", "partials"),
    )
    for kind in ("", " CPU"):
        print(f"{f'seconds{kind}':30}" + "".join(f"{column:>10}" for column in columns))
        for name, took in found.items():
            held = [took.get(f"{column}{kind}", math.nan) for column in columns]
            texts = (f"> {timeout}" if s is None else "" if math.isnan(s) else f"{s:.3f}" for s in held)
            print(f"{name:30}" + "".join(f"{text:>10}" for text in texts))
        for one, other in ((f"{one}{kind}", f"{other}{kind}") for one, other in pairs):
            both = [(took[one] or timeout, took[other]) for took in found.values() if one in took and other in took]
            if both:
                ratios = sorted(left / right for left, right in both)
                print(
                    f"{one} / {other}, {len(both)} questions: median {statistics.median(ratios):.2f}, geometric mean "
                    f"{statistics.geometric_mean(ratios):.2f}, {ratios[0]:.2f} to {ratios[-1]:.2f}; "
                    f"medians {statistics.median(x for x, _ in both):.3f}, {statistics.median(y for _, y in both):.3f}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/topline-queries-bench"))  # noqa: S108
    parser.add_argument("--postgres", type=Path)
    parser.add_argument("--peers", action="store_true", help="ask boring-semantic-layer and MetricFlow too")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--timeout", type=int, default=20, help="seconds that PostgreSQL has for a question")
    parser.add_argument("--only", default="", help="metrics, or metric:dimension, with commas; asked again")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    lake, native = build(given.folder, given.lines)
    threads = os.cpu_count() or 1
    duck.configure(memory="2GB", threads=threads, spill=given.folder / "spill")
    server = postgres(given.folder, given.postgres, native, given.timeout) if given.postgres else None
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

    peers = {name: Peer(name, native, duckdb=duckdb.__version__, threads=threads) for name in PACKAGES if given.peers}
    clocks = {name: peer.cpu for name, peer in peers.items()}
    least = partials.LEAST_ROWS

    def ours(query: Query, rows: int) -> Result:
        """rows : the ledger from which on partial aggregates are read"""
        partials.LEAST_ROWS = rows
        read.forget()
        return read.read(lake, query, scope=Scope.whole("bench"), settings=SETTINGS, snapshot=snapshot)

    for metric, by in ROWS:
        name = f"{metric} by {by}"
        if not chosen & {metric, f"{metric}:{by}"} if chosen else name in found:
            continue
        period, texts = period_of(by), statements(metric, by)
        query = Query(metrics=(metric,), by=(by,), period=period)
        wholes = (by, "")[: len(texts)]
        asks: dict[str, Callable[[], Any]] = {
            "native": lambda texts=texts: [by_hand.execute(text).fetchall() for text in texts],
            "detail": lambda query=query: ours(query, snapshot.tables["order_line"].rows + 1),
            "partials": lambda query=query: ours(query, least),
        }
        hand = cells_of(asks["native"](), by)
        for path in ("detail", "partials"):
            result = asks[path]()
            answers = {str(row[by]): row[metric] for row in result.rows} | {"whole": result.totals[metric]}
            assert_same(f"{name}, {path}", answers, hand)
        questions = [(metric, cut, str(period.start), str(period.end)) for cut in wholes]
        for at, peer in peers.items():
            ask = partial(peer.ask, questions)
            if (answer := ask())[0] is not None:
                assert_same(f"{name}, {at}", cells_of(answer, by), hand)
                asks[at] = ask
        took = in_turns(asks, clocks, given.repeat)
        found[name] = found.get(name, {}) | took
        memory.write_text(json.dumps(found))
        print(name, {path: round(seconds, 3) for path, seconds in took.items()}, flush=True)
    for peer in peers.values():
        peer.close()
    if server:
        for metric, by in ROWS:
            name = f"{metric} by {by}"
            if name in found and "postgres" not in found[name]:
                found[name]["postgres"] = timed_once(server, statements(metric, by))
                memory.write_text(json.dumps(found))
                print(name, "postgres", found[name]["postgres"], flush=True)
        server.close()
        user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        subprocess.run(
            [*user, given.postgres / "pg_ctl", "-D", given.folder / "postgres", "-m", "fast", "stop"], check=True
        )
    show(found, given.timeout)


if __name__ == "__main__":
    main()
