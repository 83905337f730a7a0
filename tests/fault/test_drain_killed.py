"""SIGKILL at seeded moments while facts are recorded and drained: nothing acknowledged is lost, nothing is doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

WRITER = """
import sys
from topline.cli import boot
boot.product()
from django.db import transaction
from django.utils import timezone
from topline.facts.identity_link import IdentityLink
from topline.journal import operations as journal
from topline.accounts.models import Shop

shop = Shop.objects.get()
lake = shop.lake()
print("ready", flush=True)
number = int(sys.argv[1])
while True:
    for _ in range(3):
        with transaction.atomic():
            key = f"k{number}"
            common = {"key": key, "version": 0, "recorded_at": timezone.now(), "batch_id": ""}
            link = IdentityLink(customer_key=key, person_id="p", **common)
            journal.record(link, shop=shop.slug)
        print(number, flush=True)
        number += 1
    journal.drain(lake)
"""

READER = """
from topline.cli import boot
from topline.lake import engine
lake = boot.fresh_lake(boot.shop("gifts"))
rows = engine.execute(engine.table(lake, "identity_link", lake.latest())).to_pylist()
print(*(row["key"] for row in rows))
"""


def python(home: Path, program: str, *args: str) -> subprocess.Popen[str]:
    env = {**os.environ, "TOPLINE_HOME": str(home)}
    return subprocess.Popen([sys.executable, "-c", program, *args], env=env, stdout=subprocess.PIPE, text=True)


def killed_writer(home: Path, start: int, seconds: float) -> list[int]:
    """The numbers that a writer said it had recorded before it was killed."""
    writer = python(home, WRITER, str(start))
    assert writer.stdout is not None
    assert writer.stdout.readline() == "ready\n"
    time.sleep(seconds)
    writer.send_signal(signal.SIGKILL)
    said = writer.communicate()[0]
    return [int(line) for line in said.splitlines() if line]


def prove(home: Path, kills: int, seed: int) -> None:
    command = [sys.executable, "-m", "topline.cli.main", "shop", "create", "gifts"]
    command += ["--currency", "GBP", "--timezone", "Europe/London", "--country", "GB"]
    subprocess.run(command, env={**os.environ, "TOPLINE_HOME": str(home)}, check=True, capture_output=True)
    chance = random.Random(seed)  # noqa: S311
    acknowledged: list[int] = []
    for _ in range(kills):
        acknowledged += killed_writer(home, max(acknowledged, default=-1) + 1_000, chance.uniform(0, 0.8))
    reader = python(home, READER)
    keys = reader.communicate()[0].split()
    assert len(keys) == len(set(keys))
    assert {f"k{number}" for number in acknowledged} <= set(keys)
    assert len(keys) - len(acknowledged) <= kills  # one may have been recorded and killed before it said so
    assert len(acknowledged) >= kills


def test_six_kills(home):
    prove(home, kills=6, seed=2)


@pytest.mark.soak
def test_fifty_kills(home):
    prove(home, kills=50, seed=7)
