"""Facts and events that were acknowledged survive the death of server and worker: none is lost, none is doubled."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SETUP = """
import sys, json
from topline.cli import boot
boot.product()
from topline.accounts import operations
from topline.web.collector import site_key
owner = operations.create_user(email="o@example.org", password="correct horse", actor_id=None)
shop = operations.create_shop(slug="s", name="S", currency="GBP", timezone="Europe/London", country="GB", owner=owner)
_, secret = operations.create_token(user=owner, shop=shop, name="t", scopes=["facts.write"], actor_id=owner.pk)
print(json.dumps([secret, site_key(shop)]))
"""
COUNT = """
import json
from topline.cli import boot
shop = boot.shop("s")
lake = boot.fresh_lake(shop)
from topline.lake import engine
def rows(fact, *names):
    return engine.execute(engine.table(lake, fact, lake.latest()).select(*names)).to_pylist()
print(json.dumps({
    "lead": [row["key"] for row in rows("lead_event", "key")],
    "event": [row["key"] for row in rows("web_event", "key")],
    "views": sum(row["views"] for row in rows("session", "views")),
}))
"""


def run(code: str, env: dict[str, str]) -> object:
    done = subprocess.run([sys.executable, "-c", code], env=env, check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout.splitlines()[-1])


def children(pid: int) -> list[int]:
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for each in lists for child in each.split()]


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except OSError:
        return False


def post(address: str, content: object, headers: dict[str, str]) -> bool:
    """Whether it was acknowledged."""
    request = urllib.request.Request(address, json.dumps(content).encode(), headers)  # noqa: S310 - our own server
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            return answer.status in (202, 204)
    except (OSError, urllib.error.HTTPError):
        return False


class Sender:
    """Sends a batch of leads and an event in turn, and remembers what was acknowledged."""

    def __init__(self, port: int, secret: str, site: str) -> None:
        self.port, self.secret, self.site = port, secret, site
        self.sent = {"lead": set(), "event": set()}
        self.kept = {"lead": set(), "event": set()}
        self.number = 0

    def send(self) -> None:
        self.number += 1
        keys = [f"l{self.number:05}-{n}" for n in range(20)]
        lead = {"event": "created", "lead_key": "L", "at": "2026-03-01T10:00:00Z"}
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        is_kept = post(
            f"http://127.0.0.1:{self.port}/api/v1/facts/lead_event", [{**lead, "key": k} for k in keys], headers
        )
        self._note("lead", [f"api:{key}" for key in keys], is_kept)
        key = f"event{self.number:05}"
        event = {"k": key, "e": "page_view", "u": "https://s.example/"}
        is_kept = post(f"http://127.0.0.1:{self.port}/t/{self.site}", event, {"User-Agent": FIREFOX})
        self._note("event", [f"web:{key}"], is_kept)

    def _note(self, what: str, keys: list[str], is_kept: bool) -> None:
        self.sent[what] |= set(keys)
        if is_kept:
            self.kept[what] |= set(keys)


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_nothing_acknowledged_is_lost_or_doubled(home: Path) -> None:
    env = {**os.environ, "TOPLINE_HOME": str(home), "TOPLINE_LOG_LEVEL": "ERROR"}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    secret, site = run(SETUP, env)
    sender, rng = Sender(port, secret, site), random.Random(20270131)  # noqa: S311
    command = [sys.executable, "-m", "topline.cli.main", "serve", "--port", str(port)]
    for round_ in range(4):
        with subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL) as server:
            until = time.monotonic() + 60
            while not is_up(port) and time.monotonic() < until:
                time.sleep(0.1)
            over = time.monotonic() + 2 + 4 * rng.random()
            killed_worker, wanted = False, len(sender.kept["event"]) + 8
            while time.monotonic() < over or (len(sender.kept["event"]) < wanted and time.monotonic() < until):
                sender.send()
                if round_ % 2 and not killed_worker and rng.random() < 0.05:
                    for child in children(server.pid):
                        os.kill(child, signal.SIGKILL)
                    killed_worker = True
            server.kill()
    found = run(COUNT, env)
    assert len(sender.kept["event"]) > 20
    for what, keys in sender.kept.items():
        assert keys <= set(found[what]), "acknowledged and lost"
        assert len(found[what]) == len(set(found[what])), "doubled"
        assert set(found[what]) <= sender.sent[what]
    assert found["views"] == len(found["event"]), "every event is in one visit"
