"""Every metric over a large simulated shop: its usual cuts by month over three years, nothing cached, then cached.

    python bench/large.py [--folder /tmp/large] [--parts 100] [--growth 10,30,100]

A hundred parts are 10 M orders, 30 M rows of the ledger, 30 M visits and 2 M customers; each part is a hundredth of
them. The lake is kept in the folder and grows when more parts are asked for. `--growth` asks again at each size: no
question may grow faster than its data. A question is given up after 30 s, and counts as so many.
"""

import argparse
import hashlib
import resource
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pyarrow as pa

from topline.lake import duck, read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.catalogue import metrics
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.simulate import shop
from topline.simulate.truth import GROUP_PARTS, HARBOUR_GROUP
from topline.simulate.world import World

SEED = 1
AT_ONCE = 5
LONGEST = 30.0
FACTS = ("product", "customer", "order", "order_line", "session", "spend")
USUAL = ("", "channel", "market", "category")
NOW = datetime(2026, 9, 1, tzinfo=UTC)
SETTINGS = Settings(HARBOUR_GROUP.currency, HARBOUR_GROUP.zone, country=HARBOUR_GROUP.country)
SCOPE = Scope.whole("large")


def key(id_: str) -> str:
    return hashlib.blake2b(id_.encode(), digest_size=16).hexdigest()


def grow(lake: Lake, first: int, last: int) -> None:
    """Append the parts from the first up to the last, and fold."""
    for start in range(first, last, AT_ONCE):
        end = min(start + AT_ONCE, last)
        batch_id = f"parts-{start:03}"
        found: dict[str, list[pa.RecordBatch]] = defaultdict(list)
        for part in range(start, end):
            world = World(HARBOUR_GROUP, SEED, part=part, parts=GROUP_PARTS)
            drawn = shop.facts(world, customer_key=key, batch_id=batch_id, recorded_at=NOW, only=FACTS)
            for name, batch in drawn:
                found[name].append(batch)
        for name, batches in found.items():
            lake.append(name, batches, batch_id=batch_id)
    lake.publish(now=NOW)
    lake.fold_all(hidden=(), now=NOW)
    lake.publish(now=NOW)


def questions() -> Iterator[tuple[str, Query]]:
    for id_, metric in metrics().items():
        for by in USUAL:
            if by and by not in metric.dimensions:
                continue
            cut = tuple(part for part in ("month", by) if part and part in metric.dimensions)
            yield (
                f"{id_} by {', '.join(cut)}" if cut else id_,
                Query(metrics=(id_,), by=cut, period=HARBOUR_GROUP.period),
            )


def ask(lake: Lake, query: Query) -> float:
    """The seconds that it took, `LONGEST` at most."""
    start = time.perf_counter()
    patience = threading.Timer(LONGEST, duck.connection().interrupt)
    patience.start()
    try:
        read.read(lake, query, scope=SCOPE, settings=SETTINGS)
    except duckdb.InterruptException:
        return LONGEST
    finally:
        patience.cancel()
    return time.perf_counter() - start


def measure(lake: Lake) -> dict[str, float]:
    seconds, cpu = {}, {}
    cached = []
    for name, query in questions():
        read.forget()
        start = time.process_time()
        seconds[name] = ask(lake, query)
        cpu[name] = time.process_time() - start
        if seconds[name] < LONGEST:
            cached.append(ask(lake, query))
    ordered = sorted(seconds.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"{len(ordered)} questions: p50 {statistics.median(ordered):.2f} s (<= 0.4), "
        f"p95 {ordered[int(0.95 * len(ordered))]:.2f} s (<= 1.5), cached p50 {1000 * statistics.median(cached):.1f} ms "
        f"(<= 20), peak memory {peak:.1f} GB (<= 4)"
    )
    spent = sorted(cpu.values())
    print(f"CPU seconds: p50 {statistics.median(spent):.2f}, p95 {spent[int(0.95 * len(spent))]:.2f}")
    for name in sorted(seconds, key=lambda one: -seconds[one])[:40]:
        print(f"    {name:60} {seconds[name]:6.2f} s {cpu[name]:6.2f} CPU s")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/topline-large-bench"))  # noqa: S108
    parser.add_argument("--parts", type=int, default=GROUP_PARTS)
    parser.add_argument("--growth", default="", help="sizes in parts, ascending")
    arguments = parser.parse_args()
    sizes = [int(size) for size in arguments.growth.split(",") if size] or [arguments.parts]
    duck.configure(memory="3GB", threads=2, spill=arguments.folder / "spill")
    lake = Lake(arguments.folder, "large")
    marker = arguments.folder / "parts"
    held = int(marker.read_text()) if marker.exists() else 0
    found: dict[int, dict[str, float]] = {}
    for size in sizes:
        if held < size:
            start, cpu = time.perf_counter(), time.process_time()
            grow(lake, held, size)
            print(f"parts {held} to {size}: {time.perf_counter() - start:.0f} s, {time.process_time() - cpu:.0f} CPU s")
            held = size
            marker.write_text(str(held))
        snapshot = lake.latest()
        assert snapshot is not None
        rows = {name: version.rows for name, version in snapshot.tables.items() if not name.endswith(".sighting")}
        print(f"\n{size} parts:", ", ".join(f"{name} {count:,}" for name, count in rows.items()))
        start = time.perf_counter()
        made = read.warm(lake, SETTINGS.basis, snapshot)
        print(f"partial aggregates and purchases: {made} made in {time.perf_counter() - start:.0f} s")
        found[size] = measure(lake)
    if len(sizes) > 1:
        least, most = sizes[0], sizes[-1]
        growth = {name: found[most][name] / max(found[least][name], 0.02) for name in found[most]}
        print(f"\nfrom {least} to {most} parts ({most / least:.0f} times the data) questions took, in the median,")
        print(f"{statistics.median(growth.values()):.1f} times as long; the steepest:")
        for name in sorted(growth, key=lambda one: -growth[one])[:5]:
            print(f"    {name:60} {growth[name]:6.1f}")


if __name__ == "__main__":
    main()
