"""What is kept in the shared cache folder is whole or not there, and goes when it is old."""

import os

import pytest

from topline.plans import cache


def test_a_killed_writer_leaves_nothing_to_read() -> None:
    path = cache.place("test", ".txt", "killed")

    def half() -> None:
        with cache.written(path) as draft:
            draft.write_text("half of")
            raise SystemExit

    with pytest.raises(SystemExit):
        half()
    assert not path.exists()
    with cache.written(path) as draft:
        draft.write_text("all of it")
    assert path.read_text() == "all of it"


def test_what_is_old_is_cleared_when_something_is_written() -> None:
    old, new = (cache.place("sweep", ".txt", name) for name in ("old", "new"))
    assert old != new == cache.place("sweep", ".txt", "new")
    with cache.written(old) as draft:
        draft.write_text("old")
    folder = old.with_suffix(".folder")
    folder.mkdir()
    for each in (old, folder):
        os.utime(each, (0, 0))
    with cache.written(new) as draft:
        draft.write_text("new")
    assert list(new.parent.iterdir()) == [new]
