"""The worked answers of Online Retail II, out of a lake, from the detail and from partial aggregates."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

import online_retail
from topline.lake import partials, read
from topline.lake.partials import RollUp
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query, parse
from topline.metrics.result import Result
from topline.metrics.settings import Basis, Settings

SETTINGS = Settings("GBP", "Europe/London", country="GB")


@pytest.fixture(scope="module")
def lake(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    found = Lake(tmp_path_factory.mktemp("lake"), "gifts")
    found.append("order_line", list(online_retail.lines(shared_data)), batch_id="retail")
    read.warm(found, Basis.EVENT, found.publish(now=datetime(2011, 12, 10, tzinfo=UTC)))
    return found


def ask(lake: Lake, query: Query) -> Result:
    return read.read(lake, query, scope=Scope.whole("gifts"), settings=SETTINGS)


def test_kinds_add_up_to_the_ledger(lake: Lake) -> None:
    answered = ask(lake, parse("ledger_amount", by="kind"))
    assert {row["kind"]: row["ledger_amount"] for row in answered.to_json()} == {
        "bad_debt": "-147614.08",
        "carriage": "433392.51",
        "fee": "-264936.18",
        "voucher": "1686.61",
        "manual": "-82935.57",
        "adjustment": "7566.29",
        "discount": "-12879.63",
        "sample": "-6000.85",
        "test": "203.50",
        "goods_no_price": "0.00",
        "goods_cancelled": "-719692.94",
        "goods_sold": "19700954.46",
    }
    assert answered.totals_to_json() == {"ledger_amount": "18909744.12"}
    assert answered.path == "partials"


def test_worked_answers_of_the_whole(lake: Lake) -> None:
    ids = "net_sales,gross_sales,discounts,returns,shipping,orders,units,customers,ledger_customers,new_customers,cac"
    assert ask(lake, parse(ids)).to_json() == [
        {
            "net_sales": "18968381.89",
            "gross_sales": "19700954.46",
            "discounts": "-12879.63",
            "returns": "-719692.94",
            "shipping": "433392.51",
            "orders": 39516,
            "units": 11221957,
            "customers": 5852,
            "ledger_customers": 5942,
            "new_customers": 5852,
            "cac": {"missing": "no_spend"},
        }
    ]


def test_goods_sold_by_month(lake: Lake) -> None:
    rows = ask(lake, parse("gross_sales", by="month")).to_json()
    sold = {row["month"]: row["gross_sales"] for row in rows}
    assert len(rows) == 25
    assert sold["2010-09-01"] == "871878.34"
    assert sold["2010-10-01"] == "1098017.67"
    assert sold["2010-11-01"] == "1435680.12"
    assert sold["2010-12-01"] == "777931.77"
    assert sold["2011-08-01"] == "725513.50"
    assert sold["2011-09-01"] == "1030475.36"
    assert sold["2011-10-01"] == "1106669.82"
    assert sold["2011-11-01"] == "1457745.53"
    assert sold["2011-12-01"] == "615493.27"


def test_forty_three_countries(lake: Lake) -> None:
    assert len(ask(lake, parse("ledger_amount", by="market")).rows) == 43


@pytest.mark.parametrize("by", ["", "month", "market", "month,market"])
def test_partials_and_detail_agree(lake: Lake, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    query = parse(
        "net_sales,orders,average_order_value,customers,new_customers,returning_customers,repeat_purchase_rate,"
        "retention_rate,churn_rate,days_between_orders",
        by=by,
        start="2010-12-01",
        end="2011-12-01",
    )
    kept = ask(lake, query)
    monkeypatch.setattr(partials, "is_worth", lambda snapshot: False)
    read.forget()
    detail = ask(lake, query)
    assert (kept.path, detail.path) == ("partials", "detail")
    assert kept.rows == detail.rows
    assert kept.totals == detail.totals


@pytest.mark.parametrize("source", ["ledger", "sold"])
@pytest.mark.parametrize("basis", list(Basis))
def test_a_partial_is_proven_equal_to_detail(lake: Lake, source: str, basis: Basis) -> None:
    snapshot = lake.latest()
    assert snapshot is not None
    roll_up = RollUp(source, frozenset({"market"}), basis)
    assert partials.differences(lake, snapshot, read.whole(lake, snapshot), roll_up) == 0


def test_only_the_months_that_changed_are_computed(lake: Lake, shared_data: Path) -> None:
    ask(lake, parse("gross_sales", by="month,currency"))
    before = {path.name for path in (lake.root / "_partials").glob("2011-0[1-6]/*")}
    late = next(online_retail.lines(shared_data)).slice(0, 1)
    changed = late.to_pylist()[0] | {"key": "late", "on": date(2011, 12, 1), "amount_shop": Decimal("1.00")}
    changed |= {"kind": "goods_sold", "ordered_on": date(2011, 12, 1), "batch_id": "late"}
    lake.append("order_line", [pa.RecordBatch.from_pylist([changed], late.schema)], batch_id="late")
    lake.publish(now=datetime(2011, 12, 11, tzinfo=UTC))
    december = set((lake.root / "_partials" / "2011-12").glob("*.parquet"))
    rows = ask(lake, parse("gross_sales", by="month,currency")).to_json()
    assert rows[-1]["gross_sales"] == "615494.27"
    assert {path.name for path in (lake.root / "_partials").glob("2011-0[1-6]/*")} == before
    assert len(set((lake.root / "_partials" / "2011-12").glob("*.parquet")) - december) == 1


def test_rows_behind_a_number_page_by_page(lake: Lake) -> None:
    query = parse("returns", start="2011-11-01", end="2011-11-02")
    after, keys, amount = None, [], Decimal(0)
    while True:
        page = read.rows(lake, query, scope=Scope.whole("gifts"), settings=SETTINGS, limit=7, after=after)
        keys += [row["key"] for row in page.rows]
        amount += sum(row["amount_shop"] for row in page.rows)
        after = page.after
        if after is None:
            break
    assert len(keys) == len(set(keys)) > 7
    assert amount == ask(lake, query).totals["returns"]
