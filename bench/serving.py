"""A Topline of its own for a benchmark: a fresh home, a shop, a token, and `topline serve` on a free port."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_SETUP = """
import json
from topline.cli import boot
boot.product()
from topline.accounts import operations, permissions
from topline.web.collector import site_key
owner = operations.create_user(email="bench@example.org", password="correct horse", actor_id=None)
shop = operations.create_shop(
    slug="bench", name="Bench", currency="GBP", timezone="Europe/London", country="GB", owner=owner)
_, secret = operations.create_token(
    user=owner, shop=shop, name="bench", scopes=list(permissions.PERMISSIONS), actor_id=owner.pk)
print(json.dumps([secret, site_key(shop)]))
"""


@dataclass(frozen=True, slots=True)
class Served:
    """What a benchmark talks to. site : the shop's key in its pages"""

    home: Path
    port: int
    secret: str
    site: str
    pid: int

    def cpu_seconds(self) -> float:
        """What the server and its worker have used."""
        tick = os.sysconf("SC_CLK_TCK")
        pids = [self.pid]
        for path in Path(f"/proc/{self.pid}/task").glob("*/children"):
            pids += map(int, path.read_text().split())
        used = 0.0
        for pid in pids:
            with suppress(FileNotFoundError):
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                used += (int(fields[11]) + int(fields[12])) / tick
        return used

    def call(self, method: str, path: str, content: bytes | None = None) -> tuple[int, bytes]:
        """Status and content of an answer of the API."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        headers = {"Authorization": f"Bearer {self.secret}", "Content-Type": "application/json"}
        connection.request(method, f"/api/v1{path}", content, headers)
        answer = connection.getresponse()
        said = answer.status, answer.read()
        connection.close()
        return said


def topline(home: Path, *arguments: str) -> str:
    """What a command printed."""
    command = [sys.executable, "-m", "topline.cli.main", *arguments]
    return subprocess.run(command, env=_env(home), check=True, text=True, stdout=subprocess.PIPE).stdout


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """The product in a new home, with a shop “bench”."""
    setup = subprocess.run(
        [sys.executable, "-c", _SETUP], env=_env(home), check=True, text=True, stdout=subprocess.PIPE
    )
    secret, site = json.loads(setup.stdout.splitlines()[-1])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "topline.cli.main", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=_env(home), stdout=subprocess.DEVNULL) as server:
        while not _is_up(port):
            time.sleep(0.2)
        time.sleep(5)  # the warm-up
        try:
            yield Served(home, port, secret, site, server.pid)
        finally:
            server.send_signal(signal.SIGTERM)


def _is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except OSError:
        return False


def _env(home: Path) -> dict[str, str]:
    return {**os.environ, "TOPLINE_HOME": str(home), "TOPLINE_LOG_LEVEL": "ERROR"}
