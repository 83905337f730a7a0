"""A writer killed anywhere in append, fold or publish loses nothing that it acknowledged and doubles nothing."""

import threading

import pytest

from lake_kill import survive
from lake_shop import EPOCH, Row, batch, newest, shown
from topline.lake.store import Lake


def test_killed_writer_loses_and_doubles_nothing(tmp_path):
    assert survive(8, seed=20111, folder=tmp_path) >= 8


@pytest.mark.soak
def test_hundred_kills(tmp_path):
    assert survive(100, seed=1, folder=tmp_path) >= 100


def test_readers_and_two_writers_and_a_fold_at_once(tmp_path):
    """Every snapshot is a state that was: each writer's batches up to some point, none in part."""
    files = {(writer, n): [Row(f"{writer}{n}{at}", 1) for at in range(5)] for writer in "xy" for n in range(6)}
    failed: list[BaseException] = []
    lake = Lake(tmp_path, "shop")
    lake.append("price", [], batch_id="first")

    def guarded(work):
        def run():
            try:
                work()
            except BaseException as error:  # noqa: BLE001
                failed.append(error)

        return threading.Thread(target=run)

    def writes(writer):
        for n in range(6):
            lake.append("price", [batch(files[writer, n], f"{writer}{n}")], batch_id=f"{writer}{n}")
            lake.publish(now=EPOCH)

    def folds():
        for _ in range(4):
            lake.fold("price", hidden=(), now=EPOCH)

    def reads():
        for _ in range(10):
            if (seen := lake.latest()) is not None:
                keys = {key[:2] for key in shown(lake, seen)}
                for writer in "xy":
                    count = sum(key[0] == writer for key in keys)
                    assert keys >= {f"{writer}{n}" for n in range(count)}
                assert len(shown(lake, seen)) == 5 * len(keys)

    threads = [guarded(lambda w=w: writes(w)) for w in "xy"] + [guarded(folds), guarded(reads), guarded(reads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert shown(lake, lake.publish(now=EPOCH)) == newest(files.values())
    assert [n for n in range(1, lake.latest().number + 1) if not lake.snapshot(n)] == []
