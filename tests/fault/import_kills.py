"""Killing an import at random moments: what the tests do a few times, and the soak many times.

Each round runs `topline import` in a process of its own, ends it with SIGKILL after a random while, and goes on with
`topline import resume` until one is left alone. The result must be the same as that of an import that nobody killed.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the killed import came to: kills that hit it at work, its report, and the ledger by kind."""

    kills: int
    report: dict[str, int]
    kinds: list[dict[str, str]]


def topline(home: Path, *arguments: str) -> str:
    """What a command printed."""
    return subprocess.run(
        _command(*arguments), env=_environment(home), check=True, text=True, capture_output=True
    ).stdout


def kill_import(home: Path, files: Sequence[Path], *, kills: int, seed: int, longest: float) -> Outcome:
    """Imports files into a fresh shop, killed `kills` times.

    longest : seconds that a process may live at most before it is killed
    """
    moments = random.Random(seed)  # noqa: S311
    topline(home, "shop", "create", "gifts", "--currency", "GBP", "--timezone", "Europe/London", "--country", "GB")
    start = ("import", "--shop", "gifts", "--yes", *map(str, files))
    hits = 0
    while hits < kills:
        state = _state(home)
        if state == "live":
            break
        command = ("import", "resume", _number(home), "--shop", "gifts") if state == "running" else start
        process = subprocess.Popen(
            _command(*command), env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(moments.uniform(0.2, 1) * longest)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            hits += 1
        process.wait()
    while _state(home) == "running":
        _let_lease_lapse(home)
        topline(home, "import", "resume", _number(home), "--shop", "gifts")
    if _state(home) != "live":
        topline(home, *start)
    listed = json.loads(topline(home, "import", "list", "--shop", "gifts", "--format", "json"))
    last = next(found for found in listed if found["state"] == "live")
    kinds = json.loads(topline(home, "kpi", "--shop", "gifts", "ledger_amount", "--by", "kind", "--format", "json"))
    return Outcome(hits, {key: last[key] for key in ("rows", "facts", "duplicates", "quarantined")}, kinds)


def _state(home: Path) -> str | None:
    """The newest import's state; a running one's lapsed lease is free to take."""
    listed = json.loads(topline(home, "import", "list", "--shop", "gifts", "--format", "json"))
    if listed and listed[0]["state"] == "running":
        _let_lease_lapse(home)
    return listed[0]["state"] if listed else None


def _number(home: Path) -> str:
    return str(json.loads(topline(home, "import", "list", "--shop", "gifts", "--format", "json"))[0]["id"])


def _let_lease_lapse(home: Path) -> None:
    """As if the half minute had passed after which another process may take over from a dead one."""
    code = """
from django.utils import timezone
from topline.cli import boot
boot.product()
from topline.workbench.models import Job
Job.objects.filter(state="running").update(lease_until=timezone.now())
"""
    subprocess.run([sys.executable, "-c", code], env=_environment(home), check=True, capture_output=True)


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "topline.cli.main", *arguments]


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TOPLINE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "topline.config.settings"}
