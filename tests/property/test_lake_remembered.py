"""A remembered answer is what would be answered anew, whichever fact changed since, and is asked again only then."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from contract import tiny_shop
from topline.analysis.cohorts import CohortQuestion
from topline.facts.table import tables
from topline.lake import analyse, read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.catalogue import metrics
from topline.metrics.query import Query

NOW = datetime(2025, 1, 1, tzinfo=UTC)
WHOLE = Scope.whole("tiny")
SALES, VISITS = Query(metrics=("net_sales",)), Query(metrics=("sessions",))
MIXED = (Query(metrics=("net_sales", "new_customers"), by=("category",)), Query(metrics=("conversion_rate", "roas")))
FAMILIES = sorted({metric.family for metric in metrics().values()})
EVERY = tuple(Query(metrics=tuple(id_ for id_ in metrics() if metrics()[id_].family == each)) for each in FAMILIES)
GROUPS = (("session", "spend"), ("order_line",), ("identity_link", "order", "product"))
FACTS = {name: table for name, table in tiny_shop.facts().items() if name in tables() and table.num_rows}


def append(lake: Lake, names: Iterable[str], *, half: int) -> Snapshot:
    for name in names:
        rows = FACTS[name]
        some = rows.slice(0, rows.num_rows // 2) if half == 0 else rows.slice(rows.num_rows // 2)
        batch_id = f"{name}-{half}"
        place = some.schema.get_field_index("batch_id")
        stamped = some.set_column(place, some.schema.field(place), pa.array([batch_id] * some.num_rows, pa.string()))
        if some.num_rows:
            lake.append(name, stamped.to_batches(), batch_id=batch_id)
    return lake.publish(now=NOW)


def answered(lake: Lake, query: Query) -> Any:
    found = read.read(lake, query, scope=WHOLE, settings=tiny_shop.EVENT)
    return found.snapshot, found.rows, found.totals


def growing(
    lake: Lake, groups: Iterable[Iterable[str]], queries: Iterable[Query], first: Iterable[str] = FACTS
) -> Iterator[tuple[Any, Any]]:
    """Each answer as it is remembered and as it is when nothing is, after each group of facts has grown.

    first : the facts that have rows before; of the others a group brings the first ones
    """
    append(lake, first, half=0)
    for query in queries:
        answered(lake, query)
    for group in groups:
        append(lake, group, half=1)
        remembered = [answered(lake, query) for query in queries]
        read.forget()
        yield from zip(remembered, [answered(lake, query) for query in queries], strict=True)


def test_what_is_remembered_is_what_would_be_answered(tmp_path: Path) -> None:
    assert {name for group in GROUPS for name in group} <= FACTS.keys()
    for remembered, anew in growing(Lake(tmp_path, "tiny"), GROUPS, MIXED):
        assert remembered == anew


def test_first_facts_age_what_missed_them(tmp_path: Path) -> None:
    for remembered, anew in growing(Lake(tmp_path, "tiny"), GROUPS[:1], MIXED, first=GROUPS[1] + GROUPS[2]):
        assert remembered == anew


@pytest.mark.soak
@pytest.mark.parametrize("first", [tuple(FACTS), ("order", "order_line")])
def test_every_family_knows_the_facts_that_it_was_read_from(tmp_path: Path, first: tuple[str, ...]) -> None:
    groups = [(name,) for name in FACTS]
    for remembered, anew in growing(Lake(tmp_path, "tiny"), groups, EVERY, first):
        assert remembered == anew


@pytest.mark.parametrize("first", [FACTS.keys(), FACTS.keys() - {"session"}])
def test_visits_that_come_in_leave_what_is_known_of_sales(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: set[str]
) -> None:
    lake = Lake(tmp_path, "tiny")
    before = append(lake, first, half=0)
    cohorts = CohortQuestion()
    answered(lake, SALES), answered(lake, VISITS)
    known = analyse.analyse(lake, cohorts, scope=WHOLE, settings=tiny_shop.EVENT)
    after = append(lake, ["session"], half=1)
    asked: list[Query] = []
    answer = read.answer
    monkeypatch.setattr(read, "answer", lambda query, *rest: asked.append(query) or answer(query, *rest))
    assert answered(lake, SALES)[0] == after.number == before.number + 1
    answered(lake, VISITS)
    assert asked == [VISITS]
    again = analyse.analyse(lake, cohorts, scope=WHOLE, settings=tiny_shop.EVENT)
    assert (again.snapshot, known.snapshot) == (after.number, before.number)
    append(lake, ["order_line"], half=1)
    answered(lake, SALES)
    assert asked == [VISITS, SALES]
