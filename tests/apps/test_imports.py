"""Bringing files in, taking them back, and what each row becomes."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import import_files
import online_retail
from import_files import HEADINGS, ROWS, confirm, ledger, take_in, total, write
from topline.catalog.models import Product
from topline.connectors import errors
from topline.crm.models import Identity
from topline.imports import operations
from topline.imports.models import Import
from topline.journal import jobs as journal_jobs
from topline.lake import store
from topline.workbench import jobs

if TYPE_CHECKING:
    from topline.accounts.models import Shop
    from topline.metrics import result

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_every_row_becomes_what_it_is(shop: "Shop", tmp_path: Path) -> None:
    found = take_in(shop, write(tmp_path / "orders.csv"))
    assert found.state == Import.State.LIVE
    assert {k: found.report[k] for k in ("rows", "facts", "duplicates", "quarantined")} == {
        "rows": 10,
        "facts": 10,
        "duplicates": 0,
        "quarantined": 0,
    }
    kinds = [row[1] for row in ledger(shop)]
    assert sorted(kinds) == ["carriage", "goods_cancelled", "goods_no_price", *["goods_sold"] * 7]
    # 7.00 + 7.25 + 7.25 + 13.00 + 15.00 + 29.50 - 3.50 + 21.75 + 8.20
    assert total(shop) == Decimal("105.45")
    assert {row[6] for row in ledger(shop)} == {"GB", "FR", "DE", "IE"}


def test_the_same_file_twice_changes_nothing(shop: "Shop", tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv")
    take_in(shop, path)
    before = ledger(shop)
    again = take_in(shop, path)
    assert (again.report["facts"], again.report["duplicates"]) == (0, 10)
    assert ledger(shop) == before


def test_real_duplicates_within_an_order_stay(shop: "Shop", tmp_path: Path) -> None:
    take_in(shop, write(tmp_path / "orders.csv"))
    assert sum(row[0] == "1001" and row[3] == "20002" for row in ledger(shop)) == 2


def test_overlapping_files_of_one_import_count_once(shop: "Shop", tmp_path: Path) -> None:
    found = take_in(shop, write(tmp_path / "a.csv", ROWS[:7]), write(tmp_path / "b.csv", ROWS[3:]))
    assert (found.report["rows"], found.report["facts"], found.report["duplicates"]) == (14, 10, 4)
    assert total(shop) == Decimal("105.45")


def test_undo_leaves_what_another_import_brought(shop: "Shop", tmp_path: Path) -> None:
    first = take_in(shop, write(tmp_path / "a.csv", ROWS[:7]))
    take_in(shop, write(tmp_path / "b.csv", ROWS[3:]))
    operations.undo(found=first, actor_id=None, now=NOW)
    assert total(shop) == Decimal("105.45") - Decimal("21.50")
    operations.redo(found=first, actor_id=None, now=NOW)
    assert total(shop) == Decimal("105.45")
    with pytest.raises(operations.NotUndoneError):
        operations.redo(found=first, actor_id=None, now=NOW)


def test_rows_that_come_back_after_an_undo_are_no_duplicates(shop: "Shop", tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ROWS[:7])
    first = take_in(shop, path)
    take_in(shop, write(tmp_path / "b.csv", ROWS[5:8]))
    operations.undo(found=first, actor_id=None, now=NOW)
    again = operations.receive(shop=shop, uploads=[operations.Upload(path.name, path)], actor_id=None)
    again = operations.propose(found=again)
    assert (again.preview["facts"], again.preview["duplicates"]) == (5, 2)  # b.csv brought two of the seven
    told = {trap["code"]: trap["params"]["rows"] for trap in again.preview["traps"]}
    assert (told["returning_rows"], told["known_rows"]) == (5, 2)
    jobs.run_now(operations.confirm(found=again, actor_id=None, now=NOW))
    again.refresh_from_db()
    assert (again.report["facts"], again.report["duplicates"]) == (5, 2)
    assert len(ledger(shop)) == 8


def test_an_import_that_goes_on_counts_what_comes_back_once(
    shop: "Shop", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = take_in(shop, write(tmp_path / "a.csv", ROWS[:4]))
    operations.undo(found=first, actor_id=None, now=NOW)
    found, job = confirm(shop, write(tmp_path / "b.csv", ROWS))
    with monkeypatch.context() as broken:
        broken.setattr(operations.catalog, "upsert_products", lambda **_: 1 / 0)
        jobs.run_now(job)
    jobs.run_now(operations.go_on(found=found, actor_id=None))
    found.refresh_from_db()
    assert (found.report["rows"], found.report["facts"], found.report["duplicates"]) == (10, 10, 0)


def test_uploads_go_when_nothing_can_use_them(shop: "Shop", tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")

    def received(content: Path = path) -> Import:
        return operations.receive(shop=shop, uploads=[operations.Upload("a.csv", content)], actor_id=None)

    one, two = received(), received()
    upload = one.files.get().path
    operations.drop(found=one, actor_id=None)
    assert upload.exists()  # the second import needs it
    operations.enqueue_proposal(found=two, actor_id=None)
    operations.stop(found=two)
    assert (two.state, upload.exists()) == (Import.State.DROPPED, False)
    three = received()
    operations.drop(found=three, actor_id=None)
    assert not upload.exists()
    live = take_in(shop, path)
    operations.drop(found=received(), actor_id=None)
    assert upload.exists()
    operations.undo(found=live, actor_id=None, now=NOW)
    assert not upload.exists()
    operations.redo(found=live, actor_id=None, now=NOW)
    assert total(shop) == Decimal("105.45")
    other, empty = write(tmp_path / "b.csv", ROWS[:3]), tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(errors.NoBytesError):
        operations.receive(
            shop=shop, uploads=[operations.Upload("b.csv", other), operations.Upload("c.csv", empty)], actor_id=None
        )
    assert not list(upload.parent.iterdir())


def test_what_cannot_be_read_waits_in_quarantine_and_comes_in_mended(shop: "Shop", tmp_path: Path) -> None:
    bad = [
        ("1007", "20001", "MUG", "two", "2011-03-01 10:00:00", "3.50", "501", "France"),
        ("1008", "20001", "MUG", "1", "the first of May", "3.50", "501", "France"),
        ("", "20001", "MUG", "1", "2011-03-01 10:00:00", "3.50", "501", "France"),
        ("1009", "20001", "MUG", "1", "9999-12-31 10:00:00", "3.50", "501", "France"),
        ("1010", "20001", "M" * 300, "1", "2011-03-01 10:00:00", "3.50", "501", "France"),
        ("1011", "20001", "ask me@example.org", "1", "2011-03-01 10:00:00", "3.50", "501", "France"),
        ("1014", "20001", "MUG", "1", "", "3.50", "501", "France"),
    ]
    path = write(tmp_path / "orders.csv", [*ROWS, *bad])
    with path.open("a", encoding="utf-8") as file:
        file.write("1012,20001,MUG\r\n")
        file.write("1013,20001,MUG,1,2011-03-01 10:00:00,5.00,501,France\r\n")
        file.write("1013,20002,JUG,1,,5.00,501,France\r\n")
    found = take_in(shop, path)
    report = found.report
    assert (report["rows"], report["facts"], report["quarantined"], report["duplicates"]) == (20, 12, 8, 0)
    assert report["reasons"] == {
        "bad_date": 1,
        "bad_number": 1,
        "future_date": 1,
        "no_date": 1,
        "no_order": 1,
        "personal": 1,
        "shape": 1,
        "too_long": 1,
    }
    assert report["first"]["future_date"] == {"file": "orders.csv", "row": 15, "column": "InvoiceDate"}
    assert (report["first"]["shape"]["row"], report["first"]["shape"]["column"]) == (19, "")
    assert report["first"] == found.preview["first"]
    waiting = found.files.get().quarantine_path
    with waiting.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["topline_row"], row["topline_column"]) for row in rows] == [
        ("12", "Quantity"),
        ("13", "InvoiceDate"),
        ("14", "Invoice"),
        ("15", "InvoiceDate"),
        ("16", "Description"),
        ("17", "Description"),
        ("18", "InvoiceDate"),
        ("19", ""),
    ]
    rows[0]["Quantity"] = "2"
    mended = tmp_path / "mended.csv"
    with mended.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerow(rows[0])
    again = take_in(shop, mended)
    assert (again.report["facts"], again.report["quarantined"]) == (1, 0)
    assert total(shop) == Decimal("105.45") + 2 * Decimal("5.00") + Decimal("7.00")


def test_a_file_that_cannot_be_read_leaves_nothing(shop: "Shop", tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(b"%PDF-1.7 not a table")
    found = operations.receive(shop=shop, uploads=[operations.Upload("orders.csv", path)], actor_id=None)
    with pytest.raises(errors.FileTypeError, match="looks like a PDF"):
        operations.propose(found=found)
    assert found.state == Import.State.FAILED
    assert "orders.csv" in found.error_text
    assert shop.lake().latest() is None
    assert not found.stage.exists()
    assert not found.files.get().path.exists()
    with pytest.raises(operations.NotProposedError):
        operations.enqueue_proposal(found=found, actor_id=None)


def test_a_person_may_choose_columns_and_kinds(shop: "Shop", tmp_path: Path) -> None:
    headings = ("a", "b", "c", "d", "e", "f", "g", "h")
    path = write(tmp_path / "orders.csv", headings=headings)
    columns = dict(
        zip(
            ("order_id", "product_code", "title", "quantity", "at", "unit_price", "customer_id", "country"),
            headings,
            strict=True,
        )
    )
    uploads = [operations.Upload("orders.csv", path)]
    found = operations.receive(shop=shop, uploads=uploads, actor_id=None, choices=[{"columns": columns}])
    found = operations.propose(found=found)
    rules = [{"kind": "sample", "tests": [{"field": "product_code", "how": "is", "values": ["20002"]}]}]
    found = operations.set_rules(found=found, rules=rules, actor_id=None)
    assert found.preview["rules"] == [{"place": 0, "rows": 3}]
    jobs.run_now(operations.confirm(found=found, actor_id=None, now=NOW))
    assert sum(row[1] == "sample" for row in ledger(shop)) == 3


def test_nothing_is_seen_before_the_import_is_live(shop: "Shop", tmp_path: Path) -> None:
    _, job = confirm(shop, write(tmp_path / "orders.csv"))
    jobs.cancel(job_id=job.pk)
    assert jobs.run_now(job).state == job.State.CANCELLED
    assert ledger(shop) == []


def test_customers_and_products_come_with_the_orders(shop: "Shop", tmp_path: Path) -> None:
    headings = (*HEADINGS, "Email", "Customer name", "Category")
    rows = [(*row, f"Buyer{row[6]}@Example.org" if row[6] else "", f"Buyer {row[6]}", "Kitchen") for row in ROWS]
    take_in(shop, write(tmp_path / "orders.csv", rows, headings))
    assert Identity.objects.filter(shop=shop).count() == 3
    assert Identity.objects.get(source_id="501").person.email == "buyer501@example.org"
    assert set(Product.objects.values_list("code", "title", "category")) == {
        ("20001", "MUG", "Kitchen"),
        ("20002", "PLATE", "Kitchen"),
        ("20003", "BOWL", "Kitchen"),
    }
    for path in shop.lake().root.rglob("*.parquet"):
        assert b"xample.org" not in path.read_bytes()


def test_a_product_file_adds_what_orders_do_not_know(shop: "Shop", tmp_path: Path) -> None:
    take_in(shop, write(tmp_path / "orders.csv"))
    rows = [("20001", "Mug, blue", "Kitchen", "Acme"), ("20009", "Lamp", "Light", "Acme")]
    found = take_in(shop, write(tmp_path / "products.csv", rows, ("SKU", "Title", "Category", "Brand")))
    assert (found.report["rows"], found.report["facts"]) == (2, 2)
    assert Product.objects.get(code="20001").category == "Kitchen"


def test_spend_in_another_currency_needs_a_rate(shop: "Shop", tmp_path: Path) -> None:
    headings = ("Date", "Channel", "Campaign", "Spend", "Currency", "Clicks")
    rows = [
        ("2011-03-01", "search", "brand", "10.00", "GBP", "5"),
        ("2011-03-02", "search", "brand", "10.00", "EUR", "5"),
        ("2011-03-03", "search", "brand", "10.00", "USD", "5"),
    ]
    found = take_in(shop, write(tmp_path / "spend.csv", rows, headings), rates={"EUR": "0.8"})
    assert (found.report["facts"], found.report["quarantined"]) == (2, 1)
    assert found.report["reasons"] == {"no_rate": 1}


def test_clock_changes_are_counted(shop: "Shop", tmp_path: Path) -> None:
    rows = [
        ("1", "20001", "MUG", "1", "2011-03-27 01:30:00", "1.00", "", "France"),  # never was, in London
        ("2", "20001", "MUG", "1", "2010-10-31 01:30:00", "1.00", "", "France"),  # was twice
    ]
    found = take_in(shop, write(tmp_path / "orders.csv", rows))
    assert (found.report["skipped_times"], found.report["ambiguous_times"]) == (1, 1)


WORKED = {
    "bad_debt": (6, "6", "-147614.08"),
    "carriage": (3_788, "8639", "433392.51"),
    "fee": (152, "-88", "-264936.18"),
    "voucher": (101, "263", "1686.61"),
    "manual": (1_403, "4499", "-82935.57"),
    "adjustment": (70, "8", "7566.29"),
    "discount": (173, "-2868", "-12879.63"),
    "sample": (102, "-96", "-6000.85"),
    "test": (17, "57", "203.50"),
    "goods_no_price": (5_973, "-320652", "0.00"),
    "goods_cancelled": (17_974, "-469882", "-719692.94"),
    "goods_sold": (1_015_088, "11221957", "19700954.46"),
}
"""The worked answers of Online Retail II: rows, units and money of each kind."""


def _kinds(found: Import) -> dict[str, tuple[int, Decimal, Decimal]]:
    return {
        kind["kind"]: (kind["rows"], Decimal(kind["quantity"]), round(Decimal(kind["amount"]), 2))
        for kind in found.report["kinds"]
    }


def _worked(kind: str) -> tuple[int, Decimal, Decimal]:
    rows, quantity, amount = WORKED[kind]
    return rows, Decimal(quantity), Decimal(amount)


@pytest.mark.once
def test_worked_kinds_of_online_retail(shop: "Shop", shared_data: Path, tmp_path: Path) -> None:
    """Both files without most plain sales: those of six weeks are there, with the nine days that both files have."""
    whole = shared_data / "online_retail_ii"
    for name, invoice, price in (
        ("year_2009_2010.parquet", "Invoice", "Price"),
        ("year_2010_2011.parquet", "InvoiceNo", "UnitPrice"),
    ):
        duckdb.sql(
            f"""COPY (FROM '{whole / name}' WHERE "InvoiceDate" BETWEEN '2010-11-01' AND '2010-12-10'
            OR "{price}" <= 0 OR NOT regexp_full_match("{invoice}", '[0-9]+')
            OR NOT regexp_full_match("StockCode", '[0-9]{{5}}[a-zA-Z]*')) TO '{tmp_path / name}'"""
        )
    shop.clock_on = date(2011, 12, 10)
    shop.save()
    found = take_in(shop, tmp_path / "year_2009_2010.parquet", tmp_path / "year_2010_2011.parquet")
    assert (found.report["duplicates"], found.report["quarantined"]) == (22_523, 0)
    kinds = _kinds(found)
    (sold,) = duckdb.sql(
        f"""SELECT count(*), sum(quantity)::INT, round(sum(quantity * price::DECIMAL(18, 6)), 2)
        FROM ({online_retail.ROWS.format(folder=tmp_path)}) WHERE kind = 'goods_sold'"""
    ).fetchall()
    assert kinds.pop("goods_sold") == sold
    assert kinds == {kind: _worked(kind) for kind in WORKED if kind != "goods_sold"}


@pytest.mark.soak
def test_worked_answers_of_online_retail(shop: "Shop", shared_data: Path) -> None:
    from topline.lake import read, scope
    from topline.metrics.query import Query

    folder = shared_data / "online_retail_ii"
    shop.clock_on = date(2011, 12, 10)
    shop.save()
    found = take_in(shop, folder / "year_2009_2010.parquet", folder / "year_2010_2011.parquet")
    assert {k: found.report[k] for k in ("rows", "facts", "duplicates", "quarantined")} == {
        "rows": 1_067_370,
        "facts": 1_044_847,
        "duplicates": 22_523,
        "quarantined": 0,
    }
    assert _kinds(found) == {kind: _worked(kind) for kind in WORKED}
    lake, settings = shop.lake(), shop.settings()

    def asked(*metrics: str, by: tuple[str, ...] = ()) -> "result.Result":
        return read.read(lake, Query(metrics=metrics, by=by), scope=scope.Scope.whole(shop.slug), settings=settings)

    assert {row["kind"]: round(row["ledger_amount"], 2) for row in asked("ledger_amount", by=("kind",)).rows} == {
        kind: Decimal(amount) for kind, (_, _, amount) in WORKED.items()
    }
    figures = asked("ledger_amount", "gross_sales", "net_sales", "orders", "customers", "ledger_customers").totals
    assert round(figures["ledger_amount"], 2) == Decimal("18909744.12")
    assert round(figures["gross_sales"], 2) == Decimal("19700954.46")
    assert round(figures["net_sales"], 2) == Decimal("18968381.89")
    assert (figures["orders"], figures["customers"], figures["ledger_customers"]) == (39_516, 5_852, 5_942)
    assert len(asked("ledger_amount", by=("market",)).rows) == 43


def test_an_unexpected_error_is_said_and_the_import_goes_on(
    shop: "Shop", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, job = confirm(shop, write(tmp_path / "orders.csv"))
    with monkeypatch.context() as broken:
        broken.setattr(store.Lake, "append", lambda *_, **__: 1 / 0)
        assert jobs.run_now(job).state == job.State.FAILED
    found.refresh_from_db()
    assert (found.state, ledger(shop)) == (Import.State.FAILED, [])
    assert "ZeroDivisionError" in found.error_text
    assert jobs.run_now(operations.go_on(found=found, actor_id=None)).state == job.State.DONE
    found.refresh_from_db()
    assert (found.state, found.error, total(shop)) == (Import.State.LIVE, {}, Decimal("105.45"))
    with pytest.raises(operations.NotFailedError):
        operations.go_on(found=found, actor_id=None)


def test_an_import_that_counts_is_live_though_publishing_it_broke(
    shop: "Shop", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, job = confirm(shop, write(tmp_path / "orders.csv"))
    with monkeypatch.context() as broken:
        broken.setattr(operations.refund, "publish", lambda _: 1 / 0)
        assert jobs.run_now(job).state == job.State.FAILED
    found.refresh_from_db()
    with pytest.raises(operations.NotProposedError):
        operations.drop(found=found, actor_id=None)
    journal_jobs.catch_up_all()
    assert (found.state, found.error, total(shop)) == (Import.State.LIVE, {}, Decimal("105.45"))


def test_files_that_brought_nothing_are_refused(shop: "Shop") -> None:
    with pytest.raises(operations.NoFilesError):
        operations.receive(shop=shop, uploads=[], actor_id=None)
    with pytest.raises(operations.RateError):
        operations.receive(
            shop=shop,
            uploads=[operations.Upload("x.csv", Path(import_files.__file__))],
            actor_id=None,
            rates={"EUR": "none"},
        )
