"""A writer that is killed at random moments, and what must be true after each death.

Writers are forked off a process that has imported everything already: a death costs no start.
"""

import multiprocessing
import random
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
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "pandas"])  # PyArrow imports Pandas when it first meets a list
    for _ in range(kills):
        before = len(acknowledged(folder))
        writer = context.Process(target=write, args=(folder,), daemon=True)
        writer.start()
        try:
            while len(acknowledged(folder)) == before and writer.is_alive():
                time.sleep(0.01)
            assert writer.is_alive(), "the writer died by itself"
            time.sleep(dice.random() * 0.5)
        finally:
            writer.kill()
            writer.join()
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
