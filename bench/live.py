"""*Live* in a browser while events come in: how long an order takes from its acknowledgement until the page shows it.

python bench/live.py [--orders 20]

Prints it for orders alone, and with 20,000 web events a second from two senders. Browser, senders and server share the
machine's cores.
"""

import argparse
import json
import re
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import serving
from playwright.sync_api import Page, sync_playwright

BATCH = 10_000
SENDERS = 2
RATE = 20_000
"""Facts a second that a busy shop sends."""

PATIENCE = 60.0
"""Seconds after which an order counts as not shown."""

CHROMIUM = Path("/usr/bin/chromium")

_LINES = """
COPY (
    SELECT (i // 4)::VARCHAR AS "Order number", 'SKU' || i % 2000 AS "SKU", 1 + i % 7 AS "Quantity",
        now()::TIMESTAMP - INTERVAL ((1000000 - i) // 4 * 2 + 1440) MINUTE AS "Created at",
        (199 + i % 97 * 50) / 100 AS "Price", 'c' || (i // 4) % 70000 AS "Customer ID",
        ['email', 'direct'][1 + (i // 4) % 2] AS "Channel"
    FROM range(1000000) r(i)
) TO '{path}' (FORMAT parquet, COMPRESSION zstd)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--orders", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="topline-bench-") as scratch:
        home, lines = Path(scratch) / "home", Path(scratch) / "lines.parquet"
        duckdb.sql(_LINES.format(path=lines))
        with serving.served(home) as served, sync_playwright() as playwright:
            serving.topline(home, "import", "--shop", "bench", "--yes", "--format", "json", str(lines))
            own = str(CHROMIUM) if CHROMIUM.exists() else None
            browser = playwright.chromium.launch(executable_path=own, args=["--headless", "--no-sandbox"])
            page = browser.new_page()
            _open(served, page)
            print(f"Alone: {_shown(_orders(served, page, 'quiet', arguments.orders))}")
            is_over, counts = threading.Event(), [0] * SENDERS
            senders = [
                threading.Thread(target=_send, args=(served, is_over, counts, place)) for place in range(SENDERS)
            ]
            started = time.perf_counter()
            for sender in senders:
                sender.start()
            times = _orders(served, page, "busy", arguments.orders)
            is_over.set()
            for sender in senders:
                sender.join()
            spent = time.perf_counter() - started
            print(f"With {sum(counts) / spent:,.0f} web events a second: {_shown(times)}")
            browser.close()


def _open(served: serving.Served, page: Page) -> None:
    """*Live* of one who followed the one-time link."""
    link = re.search(r"http://[^/]+(\S+)", serving.topline(served.home, "user", "link", "bench@example.org"))
    assert link is not None
    page.goto(f"http://127.0.0.1:{served.port}{link[1]}")
    page.click("main button.primary")
    page.wait_for_url("**/shop/bench/**")
    page.goto(f"http://127.0.0.1:{served.port}/shop/bench/today/live")
    page.wait_for_selector("#live")


def _orders(served: serving.Served, page: Page, name: str, count: int) -> list[float]:
    """Seconds from each order's acknowledgement until the page counts it."""
    times = []
    for number in range(count):
        time.sleep(1 + number % 5 * 0.4)  # at any moment between two looks
        before = _count(page)
        sold = {"key": f"{name}{number}", "order_key": f"{name}{number}", "kind": "goods_sold", "quantity": "1"}
        sold |= {"unit_price": "9.90", "amount": "9.90", "currency": "GBP", "at": datetime.now(UTC).isoformat()}
        status, said = served.call("POST", "/facts/order_line", json.dumps([sold]).encode())
        assert status == 202, said
        started = time.perf_counter()
        while _count(page) == before and time.perf_counter() - started < PATIENCE:
            page.wait_for_timeout(50)
        times.append(time.perf_counter() - started)
    return times


def _count(page: Page) -> str:
    """The orders of the day, as the page says."""
    return page.evaluate(
        "[...document.querySelectorAll('#live dl.figures > div')]"
        ".find(one => one.querySelector('dt').textContent == 'Orders').querySelector('dd').textContent"
    )


def _shown(times: list[float]) -> str:
    return f"{len(times)} orders shown after median {statistics.median(times):.1f} s, most {max(times):.1f} s"


def _send(served: serving.Served, is_over: threading.Event, counts: list[int], place: int) -> None:
    number, started = 0, time.perf_counter()
    while not is_over.is_set():
        number += 1
        if is_over.wait(max(0.0, started + number * BATCH * SENDERS / RATE - time.perf_counter())):
            break
        status, said = served.call("POST", "/facts/web_event", _batch(f"{place}-{number}"))
        if status == 429:
            time.sleep(1)
            continue
        assert status == 202, said
        counts[place] += BATCH


_ROW = (
    '{"key":"%s-%d","event":"page_view","session_key":"s%s-%d","visitor_key":"v%d","page":"/p/%d","channel":"email",'
    '"at":"%s"}'
)


def _batch(name: str) -> bytes:
    at = f"{datetime.now(UTC) - timedelta(minutes=2):%Y-%m-%dT%H:%M:%SZ}"
    rows = (_ROW % (name, i, name, i // 6, i % 5000, i % 500, at) for i in range(BATCH))
    return ("[" + ",".join(rows) + "]").encode()


if __name__ == "__main__":
    main()
