"""The collector under events at a steady rate: how long a visitor's browser waits.

python bench/collector.py [--rate 500] [--seconds 30]
"""

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import serving

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CONNECTIONS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=30)
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="topline-bench-") as scratch,
        serving.served(Path(scratch) / "home") as served,
    ):
        _visit(served, 50, 2)
        cpu = served.cpu_seconds()
        times = sorted(_visit(served, arguments.rate, arguments.seconds))
        used = served.cpu_seconds() - cpu
    p50, p99 = statistics.median(times), times[int(len(times) * 0.99)]
    print(
        f"{len(times):,} events at {arguments.rate} a second: median {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, "
        f"most {times[-1] * 1e3:.1f} ms; {used / len(times) * 1e3:.2f} CPU ms an event"
    )


def _visit(served: serving.Served, rate: int, seconds: float) -> list[float]:
    """How long each answer took, from the moment at which it was due."""
    times: list[float] = []
    start = time.perf_counter() + 0.2
    threads = [
        threading.Thread(target=_send, args=(served, place, start, rate / CONNECTIONS, seconds, times))
        for place in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def _send(served: serving.Served, place: int, start: float, rate: float, seconds: float, times: list[float]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    headers = {"User-Agent": FIREFOX, "Content-Type": "text/plain"}
    for number in range(int(rate * seconds)):
        due = start + (number + place / CONNECTIONS) / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        event = {"e": "page_view", "u": f"https://s.example/p/{number % 50}", "v": f"visitor{place}-{number % 400}"}
        sent = time.perf_counter()
        connection.request("POST", f"/t/{served.site}", json.dumps(event), headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 204, answer.status
        times.append(time.perf_counter() - max(due, min(sent, due)))


if __name__ == "__main__":
    main()
