"""Analyses of a large shop: how long each takes to answer, uncached, and what the same SQL takes by hand.

    python bench/analyses.py --orders 10000000 --folder /tmp/analyses [--repeat 3] [--only cohorts]
    python bench/analyses.py --events 50000000 [--repeat 3]
    python bench/analyses.py --paths 1000000 [--repeat 3]

`--events` asks ordered funnels of so many web events, targets 5 s by channel; `--paths` attributes so many paths by all
seven models, targets 1.5 s and 1 GB. Else it makes the ledger of `queries.py` with four lines an order, a lake of it
with its purchases, and a native DuckDB table of the same rows. A question is asked so many times, its answer forgotten
in between; the median counts.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import queries

from topline.analysis.catalogue import named
from topline.facts.table import tables
from topline.lake import analyse, read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.settings import Basis
from topline.science import attribution

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


EVENTS_A_VISIT = 5
_PART = 400_000
"""Visits made at once."""

_EVENTS = """
    WITH visit AS (
        SELECT i, 'bench:s' || lpad(i::VARCHAR, 9, '0') AS session_key, 'v' || (i // 2) AS visitor_key,
            hash(i) % 1000 AS luck,
            TIMESTAMPTZ '2022-01-01' + to_microseconds((i * (94672800e6 / {visits}))::BIGINT) AS began,
            ['email', 'search', 'social', 'direct', 'ads', 'affiliate'][1 + (hash(i + 1) % 6)::INT] AS channel,
            ['mobile', 'desktop', 'tablet'][1 + (hash(i + 2) % 3)::INT] AS device
        FROM range({first}, {last}) t(i)
    ), happened AS (
        SELECT *, CASE WHEN j = 0 AND luck % 3 = 0 THEN 'page_view' WHEN j = 2 AND luck % 5 = 0 THEN 'search'
            WHEN j = 3 AND luck < 80 THEN 'add_to_cart' ELSE 'product_view' END AS event, j * 40 AS seconds
        FROM visit, range(4) t(j)
        UNION ALL SELECT *, 4, 'page_view', 170 FROM visit WHERE luck >= 60
        UNION ALL SELECT *, 5, 'checkout', 200 FROM visit WHERE luck < 40
        UNION ALL SELECT *, 6, 'purchase', 300 FROM visit WHERE luck < 25
    )
    SELECT 'bench/' || i || '/' || j AS "key", 1::BIGINT AS version, TIMESTAMPTZ '2025-01-01' AS recorded_at,
        'bench' AS batch_id, event, session_key, visitor_key, channel, device,
        began + to_seconds(seconds) AS "at", (began + to_seconds(seconds))::DATE AS "on",
        hour(began + to_seconds(seconds))::TINYINT AS hour
    FROM happened ORDER BY began, j
"""

_FUNNEL_BY_HAND = """
    WITH p AS (SELECT session_key, any_value(channel) AS channel, min("at") AS t FROM web_event
               WHERE event = 'product_view' GROUP BY 1),
    c AS (SELECT session_key, min("at") AS t FROM web_event e JOIN p USING (session_key)
          WHERE e.event = 'add_to_cart' AND e."at" >= p.t GROUP BY 1),
    k AS (SELECT session_key, min("at") AS t FROM web_event e JOIN c USING (session_key)
          WHERE e.event = 'checkout' AND e."at" >= c.t GROUP BY 1),
    o AS (SELECT session_key, min("at") AS t FROM web_event e JOIN k USING (session_key)
          WHERE e.event = 'purchase' AND e."at" >= k.t GROUP BY 1)
    SELECT channel, count(p.t), count(c.t), count(k.t), count(o.t) FROM p LEFT JOIN c USING (session_key)
    LEFT JOIN k USING (session_key) LEFT JOIN o USING (session_key) GROUP BY 1
"""

FUNNELS: Mapping[str, dict[str, str]] = {
    "funnel by channel": {"steps": "product_view,add_to_cart,checkout,purchase", "by": "channel"},
    "funnel from the visit on": {"by": "channel"},
    "funnel of people": {"within": "person", "steps": "product_view,add_to_cart,checkout,purchase"},
}


def events_lake(folder: Path, events: int) -> tuple[Lake, Path]:
    """A lake of web events, five a visit, and a native DuckDB table of the same rows; made once."""
    native, lake = folder / f"events-{events}.duckdb", Lake(folder / f"lake-{events}", "bench")
    if native.exists():
        return lake, native
    source = duckdb.connect()
    source.execute("SET TimeZone = 'UTC'")
    draft = folder / "events-draft.duckdb"
    draft.unlink(missing_ok=True)
    target = duckdb.connect(str(draft))
    visits = events // EVENTS_A_VISIT
    schema = tables()["web_event"].schema
    for part, first in enumerate(range(0, visits, _PART)):
        made = source.sql(_EVENTS.format(visits=visits, first=first, last=min(first + _PART, visits))).to_arrow_table()
        whole = queries.whole(made, schema)
        lake.append("web_event", whole.to_batches(max_chunksize=250_000), batch_id="bench", part=part)
        target.register("arrow", whole)
        target.execute("INSERT INTO web_event FROM arrow" if part else "CREATE TABLE web_event AS FROM arrow")
    target.close()
    now = datetime(2025, 1, 1, tzinfo=UTC)
    lake.publish(now=now)
    lake.fold("web_event", hidden=(), now=now)
    lake.publish(now=now)
    draft.rename(native)
    return lake, native


def funnels(folder: Path, events: int, repeat: int) -> None:
    lake, native = events_lake(folder, events)
    connection = duckdb.connect(str(native), read_only=True)
    connection.execute("SET threads = 2")
    (count,) = connection.execute("SELECT count(*) FROM web_event").fetchall()[0]
    print(f"{count:,} events")
    hand, _ = median(lambda: connection.execute(_FUNNEL_BY_HAND).fetchall(), repeat)
    print(f"{'analysis':28} {'s':>8} {'CPU s':>8} {'by hand s':>10} {'ratio':>6}")
    for name, choices in FUNNELS.items():

        def ask(choices: dict[str, str] = choices) -> None:
            analyse.forget()
            analyse.analyse(lake, named("funnel").asked(choices), scope=Scope.whole("bench"), settings=queries.SETTINGS)

        ask()
        wall, cpu = median(ask, repeat)
        print(f"{name:28} {wall:8.2f} {cpu:8.2f} {hand:10.2f} {wall / hand:6.2f}")


def models(paths: int, repeat: int) -> None:
    """Paths of four touches on average over twelve channels, one in ten with an order."""
    rng = np.random.default_rng(1)
    length = np.minimum(rng.geometric(0.25, paths), 40)
    start = np.concatenate([[0], np.cumsum(length)])
    orders = (rng.random(paths) < 0.1).astype(float)
    made = attribution.Paths(
        rng.integers(0, 12, start[-1]).astype(np.int16),
        start,
        rng.random(start[-1]) * 30,
        np.stack([orders, orders * 50], axis=1),
        1 - orders,
        12,
    )
    wall, cpu = median(lambda: attribution.attribute(made), repeat)
    print(f"{paths:,} paths, {start[-1]:,} touches, 7 models: {wall:.2f} s, {cpu:.2f} CPU s")


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
    parser.add_argument("--events", type=int, default=0)
    parser.add_argument("--paths", type=int, default=0)
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    if given.events:
        funnels(given.folder, given.events, given.repeat)
    if given.paths:
        models(given.paths, given.repeat)
    if given.events or given.paths:
        print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GB")
        return
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
