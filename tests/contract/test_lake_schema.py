"""Every fact is read over files of all its earlier schemas, and nothing but its own columns comes out."""

import dataclasses
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_type_hints

import pyarrow as pa
import pytest
from deltalake import DeltaTable

from topline.facts.table import Table, tables
from topline.lake import engine, mirror, store
from topline.lake.error import FactSchemaError, NewerLakeError
from topline.lake.store import Lake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SAMPLE = {
    pa.string(): "x",
    pa.int8(): 1,
    pa.int64(): 1,
    pa.bool_(): True,
    pa.float64(): 0.5,
    pa.date32(): date(2026, 1, 1),
    pa.timestamp("us", "UTC"): NOW,
}


def row(fact: Table, key: str, batch_id: str) -> pa.RecordBatch:
    values = {f.name: SAMPLE.get(f.type, Decimal("0.001")) for f in fact.schema}
    return pa.RecordBatch.from_pylist([values | {"key": key, "batch_id": batch_id}], schema=fact.schema)


def optional(fact: Table) -> list[str]:
    return [field.name for field in fact.schema if field.nullable]


@pytest.mark.parametrize("fact", tables().values(), ids=tables().keys())
def test_fact_comes_back_as_it_went_in(fact, tmp_path):
    lake = Lake(tmp_path, "shop")
    sent = row(fact, "k", "b")
    lake.append(fact.name, [sent], batch_id="b")
    for _ in range(2):
        seen = lake.publish(now=NOW)
        answer = engine.execute(engine.table(lake, fact.name, seen))
        assert answer.to_pylist() == sent.to_pylist()
        assert answer.schema.equals(fact.schema)
        lake.fold(fact.name, hidden=(), now=NOW)


def earlier(fact: Table) -> Table:
    """The fact before it gained its optional columns."""
    hints = get_type_hints(fact.row, include_extras=True)
    gained = optional(fact)
    kept = [(f.name, hints[f.name]) for f in dataclasses.fields(fact.row) if f.name not in gained]
    return dataclasses.replace(fact, row=dataclasses.make_dataclass("Earlier", kept, frozen=True, kw_only=True))


@pytest.mark.parametrize("fact", [t for t in tables().values() if optional(t)], ids=lambda fact: fact.name)
def test_files_of_earlier_schemas_are_read_with_nulls(fact, tmp_path, monkeypatch):
    """A column gained today is null in yesterday's rows, whether the old file comes first or last, folded or not."""
    lake = Lake(tmp_path, "shop")
    monkeypatch.setattr(store, "tables", lambda: {**tables(), fact.name: earlier(fact)})
    lake.append(fact.name, [row(earlier(fact), "before", "b")], batch_id="b")
    lake.publish(now=NOW)
    monkeypatch.undo()
    seen = lake.latest()
    gained = optional(fact)[-1]
    assert [r[gained] for r in engine.execute(engine.table(lake, fact.name, seen)).to_pylist()] == [None]
    lake.append(fact.name, [row(fact, "after", "c")], batch_id="c")
    for _ in range(2):
        seen = lake.publish(now=NOW)
        answer = engine.execute(engine.table(lake, fact.name, seen).order_by("key")).to_pylist()
        assert [(r["key"], r[gained] is None) for r in answer] == [("after", False), ("before", True)]
        lake.fold(fact.name, hidden=(), now=NOW)


def test_an_older_program_refuses_to_write(tmp_path):
    lake = Lake(tmp_path, "shop")
    lake.append("price", [row(tables()["price"], "k", "b")], batch_id="b")
    log = tmp_path / "shop" / "price" / "_delta_log"
    first = log / f"{0:020}.json"
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    for line in lines:
        if "metaData" in line:
            line["metaData"]["configuration"]["topline.version"] = "2"
    first.write_text("\n".join(json.dumps(line) for line in lines))
    with pytest.raises(NewerLakeError):
        lake.append("price", [row(tables()["price"], "k", "c")], batch_id="c")
    with pytest.raises(NewerLakeError):
        lake.fold("price", hidden=(), now=NOW)
    assert DeltaTable(str(tmp_path / "shop" / "price")).version() == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda b: b.drop_columns(["amount"]), "amount"),
        (lambda b: b.set_column(b.schema.get_field_index("key"), "key", pa.nulls(1, pa.string())), "key"),
        (lambda b: b.set_column(b.schema.get_field_index("on"), "on", pa.array(["soon"])), "soon"),
        (lambda b: b.set_column(b.schema.get_field_index("batch_id"), "batch_id", pa.array(["other"])), "batch_id"),
    ],
)
def test_rows_that_do_not_fit_are_refused_whole(change, reason, tmp_path):
    lake = Lake(tmp_path, "shop")
    with pytest.raises(FactSchemaError, match=reason):
        lake.append("price", [change(row(tables()["price"], "k", "b"))], batch_id="b")
    assert lake.batch_ids() == set()


def test_a_mirror_of_an_earlier_schema_is_read_with_nulls(tmp_path, monkeypatch):
    monkeypatch.setattr(mirror, "LEAST_ROWS", 1)
    fact = tables()["order_line"]
    lake = Lake(tmp_path, "shop")
    with monkeypatch.context() as yesterday:
        yesterday.setattr(store, "tables", lambda: {**tables(), fact.name: earlier(fact)})
        lake.append(fact.name, [row(earlier(fact), "before", "b")], batch_id="b")
        lake.fold(fact.name, hidden=(), now=NOW)
        seen = lake.publish(now=NOW)
    assert seen.tables[fact.name].mirror
    (found,) = engine.execute(engine.table(lake, fact.name, seen)).to_pylist()
    assert found == dict.fromkeys(fact.columns) | row(earlier(fact), "before", "b").to_pylist()[0]
