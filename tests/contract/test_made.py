"""Rows that are kept in a file give the answers of the facts, and go with them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from contract import tiny_shop
from lake_parity import NOW, filled
from topline.lake import made, partials, read
from topline.lake.scope import Scope
from topline.metrics.query import Query
from topline.metrics.settings import Basis
from topline.metrics.source import sources
from topline.metrics.view import View

IDS = ("sales_cycle_days", "sales_cycle_days_median", "sales_cycle_days_survival_median")
WHOLE = Scope.whole("tiny")


def test_a_file_of_first_contacts_answers_as_the_facts_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = filled(tmp_path)
    snapshot = lake.latest()
    assert snapshot is not None
    query = Query(metrics=IDS[1:], by=("contact", "month"))
    theirs = replace(WHOLE, owners=frozenset({"mia"}))

    def answers() -> list[Any]:
        read.forget()
        found = [read.read(lake, query, scope=scope, settings=tiny_shop.EVENT) for scope in (WHOLE, theirs)]
        return [(answer.rows, answer.totals) for answer in found]

    expected = answers()
    monkeypatch.setattr(partials, "LEAST_ROWS", 1)
    assert made.build(lake, snapshot, read.whole(lake, snapshot), Basis.EVENT) == 2
    assert made.build(lake, snapshot, read.whole(lake, snapshot), Basis.EVENT) == 0
    assert answers() == expected

    other = lake.publish(hidden={"again"}, now=NOW)
    assert made.find(lake, other, "course", Basis.EVENT) is None


def test_what_a_file_is_named_by_is_all_that_its_rows_are_made_of() -> None:
    for source in (source for source in sources().values() if source.columns):
        asked = set[str]()
        plain = tiny_shop.shop()

        def table(fact: str, asked: set[str] = asked, known: Any = plain.table) -> Any:
            asked.add(fact)
            return known(fact)

        view = View(replace(plain, table=table, made={}), Query(metrics=IDS), tiny_shop.EVENT)
        assert set(source.columns) == set(source.rows(view).columns)
        assert asked | {"identity_link"} == set(source.facts)
