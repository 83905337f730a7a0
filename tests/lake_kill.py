"""A writer that is killed at random moments, and what must be true after each death.

As a program it is the writer: `python lake_kill.py FOLDER`, appending, folding and publishing until it is killed.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from lake_shop import EPOCH, Row, batch, newest, shown
from topline.lake.store import Lake


def rows_of(number: int) -> list[Row]:
    """A batch: new keys, newer versions of older ones, and rows that an earlier batch brought already."""
    dice = random.Random(number)  # noqa: S311
    new = [Row(f"{number}.{at}", 1) for at in range(20)]
    changed = [Row(f"{dice.randrange(number)}.{dice.randrange(20)}", number + 1) for _ in range(8)] if number else []
    again = [Row(f"{dice.randrange(number)}.{dice.randrange(20)}", 1) for _ in range(8)] if number else []
    return list(dict.fromkeys([*new, *changed, *again]))


def write(folder: Path) -> None:
    """Goes on after the last acknowledged batch, for ever."""
    lake = Lake(folder, "shop")
    with (folder / "acknowledged").open("a") as journal:
        number = len(acknowledged(folder))
        while True:
            name = str(number)
            lake.append("price", [batch(rows_of(number), name)], batch_id=name)
            print(name, file=journal, flush=True)
            if number % 3 == 0:
                lake.fold("price", hidden=(), now=EPOCH)
            lake.publish(now=EPOCH)
            number += 1


def acknowledged(folder: Path) -> list[int]:
    path = folder / "acknowledged"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def survive(kills: int, seed: int, folder: Path) -> int:
    """The number of batches acknowledged by a writer killed so many times: each is whole, and counted once."""
    dice = random.Random(seed)  # noqa: S311
    lake = Lake(folder, "shop")
    for _ in range(kills):
        before = len(acknowledged(folder))
        writer = subprocess.Popen([sys.executable, __file__, str(folder)], env=os.environ | {"PYTHONPATH": _path()})
        try:
            while len(acknowledged(folder)) == before and writer.poll() is None:
                time.sleep(0.01)
            assert writer.poll() is None, "the writer died by itself"
            time.sleep(dice.random() * 0.8)
        finally:
            writer.kill()
            writer.wait()
        _check(lake, len(acknowledged(folder)))
    return len(acknowledged(folder))


def _check(lake: Lake, count: int) -> None:
    """The reader's last snapshot is whole; all that was acknowledged is there, and at most the one batch under way."""
    kept = lake.latest()
    if kept is not None:
        lake.verify()
        assert shown(lake, kept) in [newest(rows_of(n) for n in range(upto)) for upto in range(count - 1, count + 1)]
    seen = shown(lake, lake.publish(now=EPOCH))
    assert seen in [newest(rows_of(n) for n in range(upto)) for upto in (count, count + 1)]
    lake.verify()


def _path() -> str:
    return str(Path(__file__).parent)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
