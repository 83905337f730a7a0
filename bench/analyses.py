"""Analyses of a large shop: how long each takes to answer, uncached, and what the same SQL takes by hand.

    python bench/analyses.py --orders 10000000 --folder /tmp/analyses [--repeat 3] [--only cohorts]

Makes the ledger of `queries.py` with four lines an order, a lake of it with its purchases, and a native DuckDB table
of the same rows. A question is asked so many times, its answer forgotten in between; the median counts.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb
import queries

from topline.analysis.catalogue import named
from topline.lake import analyse, read
from topline.lake.scope import Scope
from topline.metrics.settings import Basis

ASKED: Mapping[str, tuple[str, dict[str, str]]] = {
    "cohorts": ("cohorts", {}),
    "cohorts, orders so far": ("cohorts", {"measure": "orders", "course": "cumulative"}),
    "cohorts, net sales": ("cohorts", {"measure": "net_sales"}),
    "rfm": ("rfm", {}),
    "order_gaps": ("order_gaps", {"by": "market"}),
}
"""Analysis and choices, by the name in the table."""

BY_HAND = {
    "cohorts": """
        WITH sold AS (
            SELECT customer_key, date_trunc('month', ordered_on) AS month, order_key FROM order_line
            WHERE kind = 'goods_sold' AND customer_key IS NOT NULL
        ), firsts AS (SELECT customer_key, min(month) AS cohort FROM sold GROUP BY 1)
        SELECT cohort, date_diff('month', cohort, month), count(DISTINCT customer_key), count(DISTINCT order_key)
        FROM sold JOIN firsts USING (customer_key) GROUP BY ALL
    """
}


def median(ask: object, repeat: int) -> tuple[float, float]:
    """Wall and CPU seconds."""
    walls, cpus = [], []
    for _ in range(repeat):
        started, used = time.perf_counter(), time.process_time()
        ask()  # type: ignore[operator]
        walls.append(time.perf_counter() - started)
        cpus.append(time.process_time() - used)
    return statistics.median(walls), statistics.median(cpus)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/topline-analyses-bench"))  # noqa: S108
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", default="", help="names of the table, with commas")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    lake, native = queries.build(given.folder, given.orders * 4)
    snapshot = lake.latest()
    assert snapshot is not None
    read.warm(lake, Basis.EVENT, snapshot)
    connection = duckdb.connect(str(native), read_only=True)
    connection.execute("SET threads = 2")
    print(f"{given.orders:,} orders")
    print(f"{'analysis':28} {'s':>8} {'CPU s':>8} {'by hand s':>10} {'ratio':>6}")
    for name, (id_, choices) in ASKED.items():
        if given.only and name not in given.only.split(","):
            continue

        def ask(id_: str = id_, choices: dict[str, str] = choices) -> None:
            analyse.forget()
            question = named(id_).asked(choices)
            analyse.analyse(lake, question, scope=Scope.whole("bench"), settings=queries.SETTINGS)

        ask()
        wall, cpu = median(ask, given.repeat)
        hand = None
        if name in BY_HAND:
            hand, _ = median(lambda sql=BY_HAND[name]: connection.execute(sql).fetchall(), given.repeat)
        shown = f"{hand:10.2f} {wall / hand:6.2f}" if hand else ""
        print(f"{name:28} {wall:8.2f} {cpu:8.2f} {shown}")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")


if __name__ == "__main__":
    main()
