"""`topline serve` as a newcomer meets it: a link that signs in, a worker that lives and dies with it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

import pytest


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def children(pid: int) -> list[int]:
    lists = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for each in lists for child in each.split()]


def until(seconds: float, is_so) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def served(tmp_path):
    """The process, its port, and the link that it printed."""
    port = free_port()
    env = {**os.environ, "TOPLINE_HOME": str(tmp_path), "TOPLINE_LOG_LEVEL": "WARNING"}
    command = [sys.executable, "-m", "topline.cli.main", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as server:
        links = (re.search(r"http\S+/start/\S+/", line) for line in server.stdout)
        yield server, port, next(link for link in links if link)[0]
        server.terminate()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")
def test_first_run(served):
    server, port, link = served
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar := CookieJar()))
    assert f":{port}/start/" in link
    page = browser.open(link).read().decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[1]
    answer = browser.open(link, urlencode({"csrfmiddlewaretoken": token, "email": "me@example.org"}).encode())
    assert (answer.status, answer.geturl()) == (200, f"http://127.0.0.1:{port}/")
    assert "topline_session" in {cookie.name for cookie in jar}
    assert browser.open(f"http://127.0.0.1:{port}/healthz").read().startswith(b'{"status": "ok"')

    (worker,) = children(server.pid)
    os.kill(worker, signal.SIGKILL)
    assert until(20, lambda: any(child != worker for child in children(server.pid)))
    second = next(child for child in children(server.pid) if child != worker)
    server.kill()
    assert until(20, lambda: is_gone(second))


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_serving_stops_in_silence(tmp_path, stop):
    env = {**os.environ, "TOPLINE_HOME": str(tmp_path), "TOPLINE_LOG_LEVEL": "WARNING"}
    port = free_port()
    command = [sys.executable, "-m", "topline.cli.main", "serve", "--port", str(port)]
    # Jobs of a shell's background ignore SIGINT, and hand that down.
    heard = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **heard
    ) as server:
        next(line for line in server.stdout if "/start/" in line)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz"):
            server.send_signal(stop)
        _, said = server.communicate(timeout=30)
    assert said == ""
    assert server.returncode in ((0,) if stop == signal.SIGTERM else (0, 130))


def test_a_command_ends_in_silence_while_threads_still_ask():
    script = (
        "import threading, time\n"
        "from topline.cli import main\n"
        "from topline.lake import duck\n"
        "ask = lambda: duck.connection().execute('SELECT sum(range) FROM range(100000000000)').fetchall()\n"
        "threading.Thread(target=ask, daemon=True).start()\n"
        "time.sleep(1)\n"
        "main.main(['--version'])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("topline ")
