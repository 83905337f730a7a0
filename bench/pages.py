"""How fast the product answers: the first page after `topline serve`, and the home page over Online Retail II.

    python bench/pages.py [--requests 60]

Starts from an empty home: makes the shop, imports the two files of Online Retail II (from $TOPLINE_SHARED_DATA or
../shared/data), starts the server, signs in, and asks for the home page, first with nothing cached, then again.
"""

import argparse
import http.client
import http.cookiejar
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", ROOT.parent / "shared" / "data")) / "online_retail_ii"
TOPLINE = Path(sys.executable).parent / "topline"
PORT = 8099


def topline(home: Path, *words: str) -> str:
    """What the command prints."""
    done = subprocess.run([TOPLINE, *words], env=environment(home), check=True, capture_output=True, text=True)
    return done.stdout


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TOPLINE_HOME": str(home), "TOPLINE_URL": f"http://127.0.0.1:{PORT}"}


def served(home: Path) -> tuple[subprocess.Popen[bytes], float]:
    """The server, and the seconds from its start to its first page."""
    started = time.perf_counter()
    server = subprocess.Popen(
        [TOPLINE, "serve", "--port", str(PORT)],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while time.perf_counter() - started < 60:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/account/login/", timeout=30) as page:
                page.read()
                return server, time.perf_counter() - started
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
    raise TimeoutError("no first page within a minute")


def browser(link: str) -> urllib.request.OpenerDirector:
    """A person who followed the one-time link."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    with opener.open(link) as page:
        form = page.read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', form)
    if token:
        body = f"csrfmiddlewaretoken={token[1]}".encode()
        opener.open(urllib.request.Request(link, body, {"Referer": link})).read()
    return opener


def seconds(opener: urllib.request.OpenerDirector, path: str) -> float:
    started = time.perf_counter()
    with opener.open(f"http://127.0.0.1:{PORT}{path}") as page:
        page.read()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=60)
    wanted = parser.parse_args()
    if not DATA.is_dir():
        sys.exit(f"There is no Online Retail II at {DATA}: nothing was measured.")
    home = Path(tempfile.mkdtemp(prefix="topline-bench-"))
    try:
        topline(home, "shop", "create", "gifts", "--name", "Gifts", "--currency", "GBP", "--timezone", "Europe/London",
                "--country", "GB")  # fmt: skip
        topline(home, "import", "--shop", "gifts", "--yes", *map(str, sorted(DATA.glob("*.parquet"))))
        topline(home, "shop", "step", "gifts", "--pin", "--to", "2011-12-10")
        topline(home, "user", "create", "bench@example.org", "--shop", "gifts", "--role", "owner")
        link = re.search(r"http://\S+", topline(home, "user", "link", "bench@example.org"))
        firsts = []
        for _ in range(3):
            server, first = served(home)
            firsts.append(first)
            os.killpg(server.pid, 9)
            server.wait()
        server, _ = served(home)
        opener = browser(link[0] if link else "")
        os.killpg(server.pid, 9)
        server.wait()
        server, _ = served(home)
        time.sleep(45)
        cold = seconds(opener, "/shop/gifts/")
        warm = sorted(seconds(opener, "/shop/gifts/") for _ in range(wanted.requests))
        os.killpg(server.pid, 9)
        server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)
    print(f"first page after `topline serve`   median {statistics.median(firsts):6.2f} s   (<= 3)")
    print(f"home page, nothing cached                 {cold * 1000:6.0f} ms  (<= 700)")
    print(f"home page, cached                  median {statistics.median(warm) * 1000:6.0f} ms")
    print(f"                                   p95    {warm[int(len(warm) * 0.95) - 1] * 1000:6.0f} ms  (<= 150)")


if __name__ == "__main__":
    main()
