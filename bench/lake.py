"""The lake over 10 M simulated order lines: append, fold, and questions against SQL on a native DuckDB table.

    python bench/lake.py [--rows 10000000] [--folder /tmp/lake-bench] [--keep]

Prints seconds, peak memory and rows per second, then for each question the median of hand-written SQL on native DuckDB,
of the same question through the lake, and their ratio. Same process, same threads, same machine.
"""

import argparse
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import ibis
import ibis.expr.types as ir
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from topline.facts import order_line
from topline.lake import duck, engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake

PART = 250_000
START = np.datetime64("2023-01-01")
DAYS = 1096
KINDS = ["goods_sold", "discount", "shipping", "tax", "refund"]
MARKETS = ["GB", "DE", "FR", "RO", "PT", "ES"]
CHANNELS = ["search", "social", "email", "direct", "affiliate"]
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def lines(total: int, batch_id: str) -> Iterator[pa.RecordBatch]:
    """Order lines in the order of their time, four to an order, from a fixed seed."""
    for first in range(0, total, PART):
        size = min(PART, total - first)
        rng = np.random.default_rng(first)
        number = np.arange(first, first + size)
        order = number // 4
        of_order = np.random.default_rng(first + 1)
        spread = of_order.random(size // 4 + 2)[order - order[0]]
        day = np.minimum((order * 4 / total * DAYS + spread * 2).astype(int), DAYS - 1)
        hour = (order * 7919 % 24).astype(np.int8)
        kind = rng.choice(5, size, p=[0.8, 0.06, 0.06, 0.06, 0.02])
        sign = np.where((kind == 1) | (kind == 4), -1, 1)
        quantity = np.where(kind == 0, rng.integers(1, 6, size), 1) * sign
        cents = rng.integers(100, 20000, size)
        on = pa.array(START + day)
        at = pa.array((START + day).astype("datetime64[us]") + hour.astype("timedelta64[h]"), pa.timestamp("us"))
        yield pa.RecordBatch.from_arrays(
            [
                text("shop:", order, number % 4),
                pa.array(np.ones(size, np.int64)),
                constant(pa.scalar(NOW, pa.timestamp("us", "UTC")), size),
                constant(pa.scalar(batch_id), size),
                text("", order),
                choice(KINDS, kind),
                pc.assume_timezone(at, "UTC"),
                on,
                pa.array(hour),
                on,
                text("sku-", np.minimum(rng.zipf(1.3, size), 5000)),
                money(quantity * 1_000_000),
                money(cents * 10_000),
                money(cents * quantity * 10_000),
                money(cents * quantity * 10_000),
                constant(pa.scalar("EUR"), size),
                constant(pa.scalar("1").cast(pa.decimal128(18, 9)), size),
                constant(pa.scalar(False), size),
                money(cents * quantity * 6_000),
                choice(CHANNELS, order * 31 % 5),
                choice(MARKETS, order * 17 % 6),
                text("c", order * 2654435761 % 400_000),
                pa.nulls(size, pa.string()),
                constant(pa.scalar(False), size),
            ],
            schema=order_line.TABLE.schema,
        )


def text(prefix: str, *numbers: np.ndarray) -> pa.Array:
    parts = [pa.array(n).cast(pa.string()) for n in numbers]
    joined = pc.binary_join_element_wise(*parts, ":") if len(parts) > 1 else parts[0]
    return pc.binary_join_element_wise(prefix, joined, "")


def choice(names: list[str], index: np.ndarray) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(index), pa.array(names)).cast(pa.string())


def constant(value: pa.Scalar, size: int) -> pa.Array:
    return pa.repeat(value, size)


def money(micros: np.ndarray) -> pa.Array:
    """Micros as DECIMAL(18, 6), without a Python object a row."""
    words = np.empty((len(micros), 2), np.int64)
    words[:, 0] = micros
    words[:, 1] = micros >> 63
    return pa.Array.from_buffers(pa.decimal128(18, 6), len(micros), [None, pa.py_buffer(words)])


type Question = tuple[str, Callable[[ir.Table], ir.Expr]]

QUESTIONS: dict[str, Question] = {
    "total": (
        "SELECT sum(amount) FROM lines",
        lambda t: t.aggregate(s=t.amount.sum()),
    ),
    "by kind": (
        "SELECT kind, sum(amount), count(*) FROM lines GROUP BY kind",
        lambda t: t.group_by("kind").aggregate(s=t.amount.sum(), n=t.count()),
    ),
    "net sales by day": (
        "SELECT \"on\", sum(amount_shop) FROM lines WHERE kind IN ('goods_sold', 'discount', 'refund') GROUP BY \"on\"",
        lambda t: (
            t.filter(t.kind.isin(["goods_sold", "discount", "refund"])).group_by("on").aggregate(s=t.amount_shop.sum())
        ),
    ),
    "sales and orders by month of a year": (
        "SELECT date_trunc('month', \"on\"), sum(amount_shop), count(DISTINCT order_key) FROM lines "
        "WHERE \"on\" >= '2025-01-01' AND \"on\" < '2026-01-01' AND kind = 'goods_sold' GROUP BY 1",
        lambda t: (
            t.filter((t["on"] >= date(2025, 1, 1)) & (t["on"] < date(2026, 1, 1)) & (t.kind == "goods_sold"))
            .group_by(month=t["on"].truncate("M"))
            .aggregate(s=t.amount_shop.sum(), n=t.order_key.nunique())
        ),
    ),
    "sales and units by market and channel": (
        "SELECT market, channel, sum(amount_shop), sum(quantity) FROM lines WHERE kind = 'goods_sold' GROUP BY ALL",
        lambda t: (
            t.filter(t.kind == "goods_sold")
            .group_by(["market", "channel"])
            .aggregate(s=t.amount_shop.sum(), q=t.quantity.sum())
        ),
    ),
    "orders": (
        "SELECT count(DISTINCT order_key) FROM lines",
        lambda t: t.aggregate(n=t.order_key.nunique()),
    ),
    "customers by year": (
        'SELECT year("on"), count(DISTINCT customer_key) FROM lines GROUP BY 1',
        lambda t: t.group_by(year=t["on"].year()).aggregate(n=t.customer_key.nunique()),
    ),
    "best products": (
        "SELECT product_key, sum(amount_shop) AS s FROM lines WHERE kind = 'goods_sold' "
        "GROUP BY product_key ORDER BY s DESC LIMIT 20",
        lambda t: (
            t.filter(t.kind == "goods_sold")
            .group_by("product_key")
            .aggregate(s=t.amount_shop.sum())
            .order_by(ibis.desc("s"))
            .limit(20)
        ),
    ),
    "customers with one order": (
        "SELECT count(*) FROM (SELECT customer_key FROM lines WHERE kind = 'goods_sold' "
        "GROUP BY customer_key HAVING count(DISTINCT order_key) = 1)",
        lambda t: (
            t.filter(t.kind == "goods_sold")
            .group_by("customer_key")
            .aggregate(n=t.order_key.nunique())
            .filter(ibis._.n == 1)
            .count()
        ),
    ),
}


def peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def timed(label: str, work: Callable[[], object], rows: int) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{label:42s} {wall:8.1f} s {cpu:8.1f} CPU s {rows / wall:12,.0f} rows/s   peak {peak_mb()} MB", flush=True)


def fill(lake: Lake, rows: int) -> None:
    for part, batch in enumerate(lines(rows, "big")):
        lake.append("order_line", [batch], batch_id="big", part=part)


def native(lake: Lake, folder: Path) -> None:
    """The same rows as a DuckDB table of its own, in the order in which they came."""
    copy = folder / "native.duckdb"
    copy.unlink(missing_ok=True)
    files = ", ".join(
        duck.quoted(path.as_posix()) for path in sorted((lake.root / "order_line").glob("layer=base/*/*"))
    )
    cursor = duck.connection()
    cursor.execute(f"ATTACH {duck.quoted(copy.as_posix())} AS native")
    columns = ", ".join(duck.named(name) for name in order_line.TABLE.columns)
    cursor.execute(f"CREATE TABLE native.lines AS SELECT {columns} FROM read_parquet([{files}])")


def race(first: Callable[[], object], second: Callable[[], object], runs: int) -> list[tuple[float, float]]:
    """Median milliseconds of wall clock and of CPU of each; they take turns, so that both meet the same machine."""
    times: list[list[tuple[float, float]]] = [[], []]
    for run in range(runs + 1):
        for ask, kept in zip((first, second), times, strict=True):
            wall, cpu = time.perf_counter(), time.process_time()
            ask()
            if run:
                kept.append(((time.perf_counter() - wall) * 1000, (time.process_time() - cpu) * 1000))
    return [(statistics.median(w for w, _ in kept), statistics.median(c for _, c in kept)) for kept in times]


def change(lake: Lake, since: str, batch_id: str) -> None:
    """Newer versions of 10,000 lines from that day on."""
    source = f"(FROM native.lines WHERE \"on\" >= '{since}')"
    query = f"SELECT * FROM {source} USING SAMPLE reservoir(10000 ROWS) REPEATABLE (1)"
    rows = duck.connection().sql(query).to_arrow_table()
    columns = {name: rows[name] for name in rows.column_names}
    columns |= {"version": pc.add(rows["version"], 1), "batch_id": constant(pa.scalar(batch_id), rows.num_rows)}
    newer = pa.table(columns).cast(order_line.TABLE.schema).combine_chunks()
    lake.append("order_line", newer.to_batches(), batch_id=batch_id)


def without_mirrors(snapshot: Snapshot) -> Snapshot:
    """The same rows under a number of their own, read from the Parquet files."""
    bare = {name: replace(held, mirror=None) for name, held in snapshot.tables.items()}
    return replace(snapshot, number=-snapshot.number, tables=bare)


def compare(lake: Lake, label: str, snapshot: Snapshot, runs: int) -> None:
    print(f"\n{label}\n{'question':40s} {'native SQL ms':>14s} {'lake ms':>9s} {'ratio':>6s} {'CPU ratio':>10s}")
    ratios, cpu_ratios = [], []
    for name, (sql, question) in QUESTIONS.items():
        query = sql.replace("FROM lines", "FROM native.lines")
        (hand, hand_cpu), (through, through_cpu) = race(
            lambda query=query: duck.connection().sql(query).to_arrow_table(),
            lambda question=question: engine.execute(question(engine.table(lake, "order_line", snapshot))),
            runs,
        )
        ratios.append(through / hand)
        cpu_ratios.append(through_cpu / hand_cpu)
        print(
            f"{name:40s} {hand:14.1f} {through:9.1f} {through / hand:6.2f} {through_cpu / hand_cpu:10.2f}", flush=True
        )
    print(
        f"{'geometric mean':65s} {statistics.geometric_mean(ratios):6.2f} {statistics.geometric_mean(cpu_ratios):10.2f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/topline-lake-bench"))  # noqa: S108
    parser.add_argument("--keep", action="store_true", help="ask again without filling again")
    options = parser.parse_args()
    duck.configure(memory="4GB", threads=2, spill=options.folder / "spill")
    lake = Lake(options.folder, "bench")
    if not options.keep:
        shutil.rmtree(lake.root, ignore_errors=True)
        timed("generate and append", lambda: fill(lake, options.rows), options.rows)
        timed("publish, all in changes", lambda: lake.publish(now=NOW), options.rows)
        timed("fold and mirror", lambda: lake.fold("order_line", hidden=(), now=NOW), options.rows)
        timed("publish, folded", lambda: lake.publish(now=NOW), options.rows)
        timed("build the native table", lambda: native(lake, options.folder), options.rows)
    else:
        duck.connection().execute(f"ATTACH '{options.folder / 'native.duckdb'}' AS native")
    snapshot = lake.latest()
    assert snapshot is not None
    compare(lake, "through the mirror", snapshot, options.runs)
    compare(lake, "from the Parquet files", without_mirrors(snapshot), options.runs)
    for since, hidden in (("2025-12-01", []), ("2023-01-01", ["since 2025-12-01"])):
        name = f"since {since}"
        timed(f"append 10,000 changes {name}", lambda since=since, name=name: change(lake, since, name), 10_000)
        timed("publish them", lambda hidden=hidden: lake.publish(hidden=hidden, now=NOW), 10_000)
        changed = lake.latest()
        assert changed is not None
        compare(lake, f"through the mirror, 10,000 changes {name} on top", changed, options.runs)


if __name__ == "__main__":
    main()
