"""What is kept in the shared cache folder is whole or not there, and goes when it is old."""

import os
import shutil
from datetime import date
from typing import TYPE_CHECKING

import pytest

import small_lake
from topline.lake import read
from topline.metrics.query import Query
from topline.plans import answered, cache
from topline.units.missing import Missing
from topline.units.period import Period

if TYPE_CHECKING:
    from topline.accounts.models import Shop


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


@pytest.mark.django_db
def test_what_was_asked_is_answered_from_what_was_kept(shop: "Shop") -> None:
    lake = shop.lake()
    small_lake.fill(lake)
    snapshot = lake.publish(now=small_lake.NOW)
    year = Period(date(2023, 7, 1), small_lake.END)
    questions = [
        Query(metrics=("net_sales", "spend"), period=year),
        Query(metrics=("net_sales", "orders"), period=year, by=("day",)),
        Query(metrics=("net_sales",), period=year, by=("category", "market")),
    ]
    with answered.kept("plan", shop, year, year.end, snapshot):
        first = [answered.ask(shop, one, snapshot) for one in questions]
    assert isinstance(first[0].totals["spend"], Missing)
    assert len(first[1].rows) > 1
    read.forget()
    shutil.rmtree(lake.root)  # whoever asks the lake now finds nothing
    with answered.kept("plan", shop, year, year.end, snapshot):
        for one, known in zip(questions, first, strict=True):
            again = answered.ask(shop, one, snapshot)
            assert (again.columns, list(again.rows), again.totals) == (known.columns, list(known.rows), known.totals)
