"""Facts in: from a Parquet file, and over the API in batches while questions are asked.

python bench/ingest.py [--rows 1000000] [--seconds 30]

Prints facts a second of both, CPU seconds a million facts, the time of a question before and meanwhile, and how long
after its acknowledgement a fact was seen: at 20,000 facts a second, then at as many as are taken.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import duckdb
import serving

BATCH = 10_000
SENDERS = 2
RATE = 20_000
"""Facts a second that a busy shop sends."""

QUESTION = "metrics=net_sales,orders&by=channel&start=2026-01&end=2026-07"

_EVENTS = """
COPY (
    SELECT 'e' || i AS "Event ID", ['page_view', 'product_view', 'add_to_cart'][1 + i % 3] AS "Event",
        TIMESTAMP '2026-01-01' + INTERVAL (i * 12) SECOND AS "Time", 's' || (i // 6) AS "Session ID",
        'v' || (i // 9) AS "Visitor ID", ['email', 'direct', 'paid_search'][1 + (i // 6) % 3] AS "Channel",
        '/p/' || i % 500 AS "Page"
    FROM range({rows}) r(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""
_LINES = """
COPY (
    SELECT (i // 4)::VARCHAR AS "Order number", 'SKU' || i % 2000 AS "SKU", 1 + i % 7 AS "Quantity",
        TIMESTAMP '2026-01-01' + INTERVAL ((i // 4) * 60) SECOND AS "Created at", (199 + i % 97 * 50) / 100 AS "Price",
        'c' || (i // 4) % 70000 AS "Customer ID", ['email', 'direct'][1 + (i // 4) % 2] AS "Channel"
    FROM range(1000000) r(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topline-bench-") as scratch:
        home = Path(scratch) / "home"
        with serving.served(home) as served:
            _files(served, Path(scratch), arguments.rows)
            for rate in (RATE, None):
                _api(served, arguments.seconds, rate)


def _files(served: serving.Served, scratch: Path, rows: int) -> None:
    lines, events = scratch / "lines.parquet", scratch / "events.parquet"
    duckdb.sql(_LINES.format(path=lines))
    duckdb.sql(_EVENTS.format(path=events, rows=rows))
    serving.topline(served.home, "import", "--shop", "bench", "--yes", "--format", "json", str(lines))
    started = time.perf_counter()
    said = serving.topline(
        served.home, "import", "--shop", "bench", "--yes", "--format", "json", "--table", "web_event", str(events)
    )
    seconds = time.perf_counter() - started
    assert json.loads(said)[0]["facts"] == rows, said
    print(f"Parquet: {rows:,} web events and their visits in {seconds:.1f} s, {rows / seconds:,.0f} a second")


def _api(served: serving.Served, seconds: float, rate: int | None) -> None:
    """rate : facts a second that are sent, None for as many as are taken"""
    quiet = [_ask(served) for _ in range(15)]
    is_over, counts = threading.Event(), [0, 0]
    senders = [threading.Thread(target=_send, args=(served, is_over, counts, place, rate)) for place in range(SENDERS)]
    cpu = served.cpu_seconds()
    started = time.perf_counter()
    for sender in senders:
        sender.start()
    meanwhile, seen = [], []
    while time.perf_counter() - started < seconds:
        meanwhile.append(_ask(served))
        seen.append(_until_seen(served, f"{rate}-{len(seen)}"))
    is_over.set()
    for sender in senders:
        sender.join()
    spent = time.perf_counter() - started
    facts = sum(counts)
    used = served.cpu_seconds() - cpu
    million = used / facts * 1e6
    print(f"API: {facts:,} facts in {spent:.1f} s, {facts / spent:,.0f} a second, {million:.0f} CPU s a million")
    print(f"A question: {_shown(quiet)} before, {_shown(meanwhile)} meanwhile")
    print(f"Seen after its acknowledgement: {_shown(seen)}")


def _shown(times: list[float]) -> str:
    return f"median {statistics.median(times) * 1e3:.0f} ms, most {max(times) * 1e3:.0f} ms"


def _ask(served: serving.Served) -> float:
    started = time.perf_counter()
    status, said = served.call("GET", f"/shops/bench/query?{QUESTION}")
    assert status == 200, said
    return time.perf_counter() - started


def _until_seen(served: serving.Served, number: str) -> float:
    """Seconds from the acknowledgement of a cost to the question that knows of it."""
    row = {"key": f"mark{number}", "on": "2026-06-01", "channel": f"mark{number}", "amount": 1}
    status, said = served.call("POST", "/facts/spend", json.dumps([row]).encode())
    assert status == 202, said
    started = time.perf_counter()
    address = "/shops/bench/query?metrics=marketing_cost&by=channel&start=2026-06&end=2026-07"
    while True:
        status, said = served.call("GET", address)
        assert status == 200, said
        if f"mark{number}".encode() in said:
            break
        time.sleep(0.1)
    return time.perf_counter() - started


def _send(served: serving.Served, is_over: threading.Event, counts: list[int], place: int, rate: int | None) -> None:
    number, started = 0, time.perf_counter()
    while not is_over.is_set():
        number += 1
        if rate and is_over.wait(max(0.0, started + number * BATCH * SENDERS / rate - time.perf_counter())):
            break
        content = _batch(f"{rate}-{place}-{number}")
        status, said = served.call("POST", "/facts/message_event", content)
        if status == 429:
            time.sleep(1)
            continue
        assert status == 202, said
        counts[place] += BATCH


_ROW = (
    '{"key":"%s-%d","event":"delivered","message_key":"%s-%d","send_key":"spring","medium":"email",'
    '"customer_key":"c%d","at":"2026-06-%02dT10:00:%02dZ"}'
)


def _batch(name: str) -> bytes:
    rows = (_ROW % (name, i, name, i, i % 5000, 1 + i % 28, i % 60) for i in range(BATCH))
    return ("[" + ",".join(rows) + "]").encode()


if __name__ == "__main__":
    main()
