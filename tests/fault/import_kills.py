"""Killing an import at random moments: what the tests do a few times, and the soak many times.

Each round runs `topline import` in a process of its own, ends it with SIGKILL after a random while, and goes on with
`topline import resume` until one is left alone. The result must be the same as that of an import that nobody killed.
"""

import contextlib
import json
import os
import random
import signal
import sqlite3
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
    while hits < kills and (newest := _newest(home) or (0, ""))[1] != "live":
        process = subprocess.Popen(
            _command(*(_resume(newest[0]) if newest[1] == "running" else start)),
            env=_environment(home),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(moments.uniform(0.3, 1) * longest)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            hits += 1
        process.wait()
    newest = _newest(home)
    if newest is None or newest[1] != "live":
        topline(home, *(_resume(newest[0]) if newest and newest[1] == "running" else start))
    listed = json.loads(topline(home, "import", "list", "--shop", "gifts", "--format", "json"))
    last = next(found for found in listed if found["state"] == "live")
    kinds = json.loads(topline(home, "kpi", "--shop", "gifts", "ledger_amount", "--by", "kind", "--format", "json"))
    return Outcome(hits, {key: last[key] for key in ("rows", "facts", "duplicates", "quarantined")}, kinds)


def _resume(number: int) -> tuple[str, ...]:
    return ("import", "resume", str(number), "--shop", "gifts")


def _newest(home: Path) -> tuple[int, str] | None:
    """The newest import's number and state, past every door; what a dead process leased is free to take.

    As if the half minute had passed after which another process may take over.
    """
    with contextlib.closing(sqlite3.connect(home / "topline.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE workbench_job SET lease_until = started_at WHERE state = 'running'")
        found: tuple[int, str] | None = database.execute(
            "SELECT id, state FROM imports_import ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return found


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "topline.cli.main", *arguments]


def _environment(home: Path) -> dict[str, str]:
    return {**os.environ, "TOPLINE_HOME": str(home), "DJANGO_SETTINGS_MODULE": "topline.config.settings"}
