"""Discounts, taxes, shipping, endings and credits in an order line file, as ledger rows with worked numbers."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.utils import timezone

from import_files import ROWS, ledger, take_in, total, write
from topline.connectors.rows import Sent
from topline.facts import order_line
from topline.imports import operations, refund, spool
from topline.lake import engine, read, scope
from topline.lake.store import Lake
from topline.metrics.query import Query

pytestmark = pytest.mark.once

if TYPE_CHECKING:
    from topline.accounts.models import Shop

_append = Lake.append
HEADINGS = ("Order ID", "SKU", "Product name", "Quantity", "Order date", "Unit price", "Customer ID", "Country")


def _row(order: str, sku: str, quantity: str, price: str, *rest: str, day: str = "2011-03-01") -> tuple[str, ...]:
    return (order, sku, f"Thing {sku}", quantity, f"{day} 10:00:00", price, "501", "France", *rest)


def _sales(shop: "Shop", *metrics: str) -> list[Any]:
    answer = read.read(
        shop.lake(), Query(metrics=metrics), scope=scope.Scope.whole(shop.slug), settings=shop.settings()
    )
    return [answer.totals[metric] for metric in metrics]


def _by_kind(shop: "Shop") -> dict[str, Decimal]:
    sums: dict[str, Decimal] = {}
    for row in ledger(shop):
        sums[row[1]] = sums.get(row[1], Decimal(0)) + row[5]
    return sums


def test_parts_of_a_row_and_of_an_order(shop: "Shop", tmp_path: Path) -> None:
    rows = [
        _row("1", "20001", "2", "10.00", "2.00", "3.60", "4.95"),
        _row("1", "20002", "1", "5.00", "0.50", "0.90", "4.95"),
        _row("2", "20001", "1", "10.00", "", "2.00", "4.95"),
    ]
    path = write(tmp_path / "orders.csv", rows, (*HEADINGS, "Discount", "Tax", "Shipping"))
    found = take_in(shop, path)
    assert (found.report["rows"], found.report["facts"]) == (3, 3)
    assert {trap["code"]: trap["params"] for trap in found.preview["traps"]} == {
        "repeated_columns": {"columns": "Shipping"},
        "tax_on_top": {"columns": "Tax"},
    }
    # 20 + 5 + 10; 2 + .5; 3.60 + .90 + 2; 4.95 for each of two orders
    assert _sales(shop, "gross_sales", "discounts", "net_sales", "tax", "shipping", "total_sales") == [
        Decimal("35.00"),
        Decimal("-2.50"),
        Decimal("32.50"),
        Decimal("6.50"),
        Decimal("9.90"),
        Decimal("48.90"),
    ]
    before = ledger(shop)
    take_in(shop, path)
    assert ledger(shop) == before


def test_cancelled_test_and_refunded_orders(shop: "Shop", tmp_path: Path) -> None:
    rows = [
        _row("1", "20001", "2", "10.00", "Anulată", "2011-03-04 09:00:00", "", "1.00"),
        _row("1", "20002", "1", "5.00", "Anulată", "2011-03-04 09:00:00", "", "1.00"),
        _row("2", "20001", "1", "10.00", "Teste", "", "", "1.00"),
        _row("3", "20001", "3", "10.00", "paid", "", "10.00", "1.00"),
        _row("3", "20002", "1", "5.00", "paid", "", "10.00", "1.00"),
        _row("4", "20001", "1", "10.00", "remboursée", "", "", "1.00"),
        _row("5", "20001", "1", "10.00", "paid", "", "15.00", "1.00"),
    ]
    path = write(tmp_path / "orders.csv", rows, (*HEADINGS, "Status", "Cancelled at", "Refunded amount", "Shipping"))
    take_in(shop, path)
    lake = shop.lake()
    snapshot = lake.latest()
    assert snapshot is not None
    heads = {row["order_key"]: row for row in engine.execute(engine.table(lake, "order", snapshot)).to_pylist()}
    assert {key: (str(head["cancelled_on"] or ""), head["is_test"]) for key, head in heads.items()} == {
        "1": ("2011-03-04", False),
        "2": ("", True),
        "3": ("", False),
        "4": ("", False),
        "5": ("", False),
    }
    # Order 3: 10.00 back over 30 and 5: 8.57 and 1.43, by largest remainder.
    assert sorted(row[5] for row in ledger(shop) if row[0] == "3" and row[1] == "refund") == [
        Decimal("-8.57"),
        Decimal("-1.43"),
    ]
    assert sum(row[5] for row in ledger(shop) if row[0] in ("1", "4")) == 0
    assert {row[2].isoformat() for row in ledger(shop) if row[0] == "1" and row[1] == "goods_cancelled"} == {
        "2011-03-04"
    }
    assert sum(row[5] for row in ledger(shop) if row[0] == "5") == Decimal("-4.00")
    lines = engine.execute(engine.table(lake, "order_line", snapshot)).to_pylist()
    assert [(line["order_key"], line["amount"]) for line in lines if line["is_over_refund"]] == [
        ("5", Decimal("-4.00"))
    ]
    # 25 + 35 + 10 + 10 of gross; -25 cancelled; -10 - 10 - 14 back
    assert _sales(shop, "gross_sales", "returns", "net_sales") == [
        Decimal("80.00"),
        Decimal("-59.00"),
        Decimal("21.00"),
    ]
    before = total(shop)
    take_in(shop, path)
    assert total(shop) == before


def test_a_credit_that_a_program_sends_of_what_a_column_told_counts_once(
    shop: "Shop", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the worker is killed once it has written what the credit takes off."""
    headings = (*HEADINGS, "Refunded amount")
    take_in(shop, write(tmp_path / "a.csv", [_row("3", "20001", "3", "10.00", "10.00")], headings))
    order = next(row for row in ledger(shop) if row[1] == "goods_sold")[0]
    credit = {"key": "c1", "order_key": order, "kind": "refund", "at": "2011-04-02 10:00", "ordered_on": "2011-03-01"}
    credit |= {"quantity": "-1", "unit_price": "4.00", "amount": "-4.00"}
    sent = Sent({name: [value] for name, value in credit.items()})
    taken = spool.send(shop=shop, table=order_line.TABLE, sent=sent, source="api", now=timezone.now())
    assert not taken.faults
    with monkeypatch.context() as patched:
        patched.setattr(refund.Lake, "append", _append_and_die)
        with pytest.raises(KeyboardInterrupt):
            spool.drain(shop)
    assert spool.drain(shop) == 1
    assert _sales(shop, "returns", "net_sales") == [Decimal("-10.00"), Decimal("20.00")]


def _append_and_die(lake: Lake, table: str, batches: Any, *, batch_id: str, part: int | None) -> None:
    _append(lake, table, batches, batch_id=batch_id, part=part)
    if batch_id == refund.BATCH:
        raise KeyboardInterrupt


def test_a_credit_belongs_to_the_order_that_it_names(shop: "Shop", tmp_path: Path) -> None:
    headings = (*HEADINGS, "Original order")
    take_in(shop, write(tmp_path / "a.csv", [_row("1", "20001", "2", "10.00")], HEADINGS))
    rows = [
        ("9", "20001", "Thing 20001", "-1", "2011-04-02 10:00:00", "10.00", "", "", "1"),
        ("10", "20001", "Thing 20001", "-2", "2011-04-03 10:00:00", "10.00", "", "", "1"),
        _row("2", "20001", "1", "7.00", "", day="2011-04-01"),
        ("11", "20001", "Thing 20001", "-1", "2011-04-05 10:00:00", "7.00", "", "", "2"),
    ]
    take_in(shop, write(tmp_path / "b.csv", rows, headings))
    lake = shop.lake()
    snapshot = lake.latest()
    assert snapshot is not None
    lines = {row["order_key"]: row for row in engine.execute(engine.table(lake, "order_line", snapshot)).to_pylist()}
    assert {
        key: (line["kind"], str(line["ordered_on"]), line["market"], line["is_over_refund"])
        for key, line in lines.items()
        if key in ("9", "10", "11")
    } == {
        "9": ("refund", "2011-03-01", "FR", False),
        "10": ("refund", "2011-03-01", "FR", True),
        "11": ("refund", "2011-04-01", "FR", False),
    }
    assert lines["9"]["customer_key"] == lines["1"]["customer_key"]


def test_a_credit_that_came_first_belongs_to_its_order_once_brought_in_again(shop: "Shop", tmp_path: Path) -> None:
    row = ("9", "20001", "Thing 20001", "-1", "2011-04-02 10:00:00", "10.00", "", "", "1")
    path = write(tmp_path / "credits.csv", [row, _row("2", "20001", "1", "7.00", "")], (*HEADINGS, "Original order"))

    def credit() -> tuple[str, str | None]:
        lake = shop.lake()
        rows = engine.execute(engine.table(lake, "order_line", lake.latest())).to_pylist()
        found = next(row for row in rows if row["order_key"] == "9")
        return str(found["ordered_on"]), found["market"]

    first = take_in(shop, path)
    take_in(shop, write(tmp_path / "orders.csv", [_row("1", "20001", "2", "10.00")], HEADINGS))
    assert credit() == ("2011-04-02", None)
    operations.undo(found=first, actor_id=None, now=datetime.now(UTC))
    take_in(shop, path)
    assert credit() == ("2011-03-01", "FR")


def test_the_preview_counts_what_the_lake_holds(shop: "Shop", tmp_path: Path) -> None:
    take_in(shop, write(tmp_path / "a.csv", ROWS[:7]))
    path = write(tmp_path / "b.csv", ROWS[3:])
    found = operations.receive(shop=shop, uploads=[operations.Upload("b.csv", path)], actor_id=None)
    preview = operations.propose(found=found).preview
    assert [preview[key] for key in ("rows", "facts", "duplicates", "quarantined")] == [7, 3, 4, 0]
    assert len(ledger(shop)) == 7


def _with(*columns: str) -> tuple[str, ...]:
    """The headings with another name of the price, and further columns."""
    price, *more = columns
    return (*(price if heading == "Unit price" else heading for heading in HEADINGS), *more)


def _codes(found: Any) -> dict[str, str]:
    told = {trap["code"]: trap["params"] for trap in found.preview["traps"]}
    return {code: params["columns"] for code, params in told.items() if "columns" in params}


def test_tax_is_taken_out_of_prices_by_its_rate(shop: "Shop", tmp_path: Path) -> None:
    rows = [
        _row("1", "20001", "2", "12.00", "20%", "10 %"),
        _row("1", "20002", "1", "10.50", "5%", ""),
        _row("2", "20001", "-1", "12.00", "20%", "10 %"),
    ]
    found = take_in(shop, write(tmp_path / "a.csv", rows, _with("Price incl. VAT", "VAT %", "Discount %")))
    assert _codes(found).items() >= {"tax_included": "Price incl. VAT", "rate_columns": "Discount %, VAT %"}.items()
    # Order 1: 24.00 and 10.50 with tax; 2.40 off the first. Without: 20 + 10; 2 off; tax 3.60 + .50. Back: 10, 1, 1.80.
    wanted = {"goods_sold": "30.00", "discount": "-1.00", "tax": "2.30", "refund": "-10.00"}
    assert _by_kind(shop) == {kind: Decimal(amount) for kind, amount in wanted.items()}
    assert total(shop) == Decimal("24.00") - Decimal("2.40") + Decimal("10.50") - Decimal("12.00") + Decimal("1.20")


def test_tax_is_taken_out_of_prices_by_its_amount_of_row_or_order(shop: "Shop", tmp_path: Path) -> None:
    rows = [
        _row("1", "20001", "2", "12.00", "4.00"),
        _row("1", "20002", "1", "10.50", "0.50"),
    ]
    take_in(shop, write(tmp_path / "a.csv", rows, _with("Preț cu TVA", "TVA")))
    assert _by_kind(shop) == {"goods_sold": Decimal("30.00"), "tax": Decimal("4.50")}
    rows = [
        _row("3", "20001", "2", "12.00", "6.00", "6.00"),
        _row("3", "20002", "1", "18.00", "6.00", "6.00"),
        _row("4", "20001", "1", "12.00", "2.00", ""),
        _row("4", "20002", "1", "1.20", "2.00", ""),
    ]
    # The order's tax and discount stand on each row: 42 with tax, 6 off, 6 of tax in the 36 that remain.
    take_in(shop, write(tmp_path / "b.csv", rows[:2], _with("Price incl. VAT", "Tax", "Discount")))
    of_order = [(row[1], row[5]) for row in ledger(shop) if row[0] == "3"]
    assert sorted(of_order) == [
        ("discount", Decimal("-5.000000")),
        ("goods_sold", Decimal("15.000000")),
        ("goods_sold", Decimal("20.000000")),
        ("tax", Decimal("6.000000")),
    ]


def test_a_rate_in_the_heading_and_a_column_of_rates_without_a_sign(shop: "Shop", tmp_path: Path) -> None:
    rows = [_row("1", "20001", "1", "119.00")]
    found = take_in(shop, write(tmp_path / "a.csv", rows, _with("Bruttopreis (inkl. 19 % MwSt.)")))
    assert _codes(found) == {"tax_included": "Bruttopreis (inkl. 19 % MwSt.)"}
    assert _by_kind(shop) == {"goods_sold": Decimal("100.00"), "tax": Decimal("19.00")}
    rows = [_row(str(n), f"2000{n % 7}", "1", f"{n}.00", "20", "0.1") for n in range(100, 130)]
    found = take_in(shop, write(tmp_path / "b.csv", rows, _with("Unit price", "VAT 20 %", "Discount")))
    assert _codes(found) == {"tax_on_top": "VAT 20 %", "rate_columns": "Discount, VAT 20 %"}
    goods = Decimal(sum(range(100, 130)))
    sums = _by_kind(shop)
    assert sums["goods_sold"] == goods + 100
    assert sums["discount"] == -goods / 10
    assert sums["tax"] == goods * 9 / 10 / 5 + 19


def test_prices_with_tax_that_nobody_tells_are_said_so(shop: "Shop", tmp_path: Path) -> None:
    found = take_in(shop, write(tmp_path / "a.csv", [_row("1", "20001", "1", "12.00")], _with("Prix TTC")))
    assert _codes(found) == {"tax_unknown": "Prix TTC"}
    assert _by_kind(shop) == {"goods_sold": Decimal("12.00")}


def test_both_prices_tell_the_tax(shop: "Shop", tmp_path: Path) -> None:
    rows = [_row("1", "20001", "3", "8.33", "9.99"), _row("1", "20002", "1", "5.00", "5.25")]
    take_in(shop, write(tmp_path / "a.csv", rows, _with("Price excl. VAT", "Price incl. VAT")))
    assert _by_kind(shop) == {"goods_sold": Decimal("29.99"), "tax": Decimal("5.23")}


def test_a_rate_that_is_none_needs_mending(shop: "Shop", tmp_path: Path) -> None:
    rows = [_row("1", "20001", "1", "12.00", "20%"), _row("2", "20001", "1", "12.00", "120%")]
    found = take_in(shop, write(tmp_path / "a.csv", rows, _with("Unit price", "VAT %")))
    assert found.report["reasons"] == {"bad_rate": 1}


def test_the_preview_counts_what_the_lake_holds_of_other_files(shop: "Shop", tmp_path: Path) -> None:
    headings = ("SKU", "Title", "Category", "Brand")
    rows = [("A1", "Mug", "Kitchen", "Acme"), ("A2", "Plate", "Kitchen", "Acme"), ("A3", "Lamp", "Light", "Acme")]
    take_in(shop, write(tmp_path / "a.csv", rows[:2], headings))
    path = write(tmp_path / "b.csv", [rows[0], ("A2", "Dish", "Kitchen", "Acme"), rows[2]], headings)
    found = operations.receive(shop=shop, uploads=[operations.Upload("b.csv", path)], actor_id=None)
    preview = operations.propose(found=found).preview
    assert [preview[key] for key in ("rows", "facts", "duplicates", "quarantined")] == [3, 2, 1, 0]
    report = take_in(shop, path).report
    assert [report[key] for key in ("rows", "facts", "duplicates", "quarantined")] == [3, 2, 1, 0]
