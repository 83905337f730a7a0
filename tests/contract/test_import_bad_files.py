"""Every kind of bad file is refused with a message that names the file, and leaves nothing behind but its folder."""

import gzip
import io
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from topline.connectors import errors, files, ledger, mapping, reader, reading

GOOD = "Invoice,Code,Qty,Price,Date\n1,A,2,3.5,2020-01-01\n2,B,1,4.5,2020-01-02\n"


def _zip(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return packed.getvalue()


def _workbook(fill: Callable[[xlsxwriter.Workbook], object]) -> bytes:
    made = io.BytesIO()
    with xlsxwriter.Workbook(made) as book:
        fill(book)
    return made.getvalue()


def _merged(book: xlsxwriter.Workbook) -> None:
    sheet = book.add_worksheet()
    sheet.merge_range(0, 0, 0, 2, "Order")
    sheet.write_row(1, 0, [1, 2, 3])
    sheet.write_row(2, 0, [1, 2, 3])


def _parquet() -> bytes:
    made = io.BytesIO()
    pq.write_table(pa.table({"Invoice": [str(i) for i in range(1000)]}), made)
    return made.getvalue()


BAD: dict[str, tuple[bytes, type[errors.FileError], dict[str, object]]] = {
    "a picture": (b"\x89PNG\r\n\x1a\n", errors.FileTypeError, {}),
    "a PDF": (b"%PDF-1.7", errors.FileTypeError, {}),
    "a web page": (b"<html><table>", errors.FileTypeError, {}),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + b"x" * 600, errors.FileTypeError, {}),
    "one JSON list": (b'[{"a": 1}]', errors.FileTypeError, {}),
    "an archive in an archive": (gzip.compress(gzip.compress(GOOD.encode())), errors.FileTypeError, {}),
    "half a letter": (GOOD.encode("utf-16") + b"\x00\xd8", errors.EncodingError, {"row": 4}),
    "noise": (bytes(range(128, 160)) * 100, errors.FileError, {}),
    "nothing": (b"", errors.NoBytesError, {}),
    "blank lines": (b"\n\n\n", errors.EmptyFileError, {}),
    "headings only": (b"a,b,c\n", errors.EmptyFileError, {}),
    "an empty workbook": (_workbook(lambda book: book.add_worksheet()), errors.EmptyFileError, {}),
    "half a CSV": ((GOOD + "3,A,2").encode(), errors.HalfFileError, {"row": 4}),
    "half a quotation": ((GOOD + '3,"A,2,3.5,2020\n4,A,2,3,2020\n').encode(), errors.HalfFileError, {"row": 4}),
    "half a gz": (gzip.compress(GOOD.encode() * 1000)[:60], errors.CutFileError, {}),
    "half a zip": (_zip(a=GOOD)[:80], errors.CutFileError, {}),
    "half a Parquet": (_parquet()[:-20], errors.CutFileError, {}),
    "half a workbook": (_workbook(_merged)[:2000], errors.CutFileError, {}),
    "half a JSON line": (b'{"a": 1, "b": 2}\n{"a": 1, "b"', errors.HalfFileError, {"row": 2}),
    "a zip of nothing": (_zip(), errors.FileTypeError, {"found": "an archive without a file in it"}),
    "a zip of a folder's notes": (_zip(**{".DS_Store": "x"}), errors.FileTypeError, {}),
    "two files": (_zip(a=GOOD, b=GOOD), errors.ArchiveError, {"count": 2}),
    "a bomb": (gzip.compress(b"0" * (80 << 20)), errors.PackedTooTightError, {}),
    "an endless line": (b"a,b\n1," + b"x" * (6 << 20), errors.LineTooLongError, {"row": 2}),
    "a NUL byte": ((GOOD + "3,A\0,2,3.5,2020-01-01\n").encode(), errors.NulByteError, {"row": 4, "column": 2}),
    "too many columns": (
        b"\n".join([b",".join(b"c%d" % i for i in range(1001)), b",".join([b"x"] * 1001)]),
        errors.TooManyColumnsError,
        {"count": 1001},
    ),
    "merged headings": (b"a,,b\n1,2,3\n", errors.MergedHeadingsError, {"row": 1, "column": 2}),
    "merged cells": (_workbook(_merged), errors.MergedHeadingsError, {"row": 1}),
    "one heading twice": (b"a,a,b\n1,2,3\n", errors.DoubleHeadingError, {"column": "a"}),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name: str, tmp_path: Path) -> None:
    content, error, where = BAD[name]
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(error) as refused:
        files.stage(path, tmp_path / "stage")
    assert refused.value.params.items() >= {"file": "orders.csv", **where}.items()
    assert "orders.csv" in str(refused.value)


READABLE: dict[str, tuple[bytes, int, dict[str, object]]] = {
    "comma": (GOOD.encode(), 2, {"delimiter": ","}),
    "semicolon": (GOOD.replace(",", ";").encode(), 2, {"delimiter": ";"}),
    "tab": (GOOD.replace(",", "\t").encode(), 2, {"type": "tsv"}),
    "UTF-16": (GOOD.encode("utf-16"), 2, {"encoding": "utf-16"}),
    "UTF-8 with mark": (GOOD.encode("utf-8-sig"), 2, {"encoding": "utf-8-sig"}),
    "Western": (GOOD.replace("B", "Crème brûlée").encode("cp1252"), 2, {"encoding": "cp1252"}),
    "Romanian": (GOOD.replace("B", "Cană pentru ţuică").encode("cp1250"), 2, {"encoding": "cp1250"}),
    "gz": (gzip.compress(GOOD.encode()), 2, {"packed": "gz"}),
    "zip": (_zip(a=GOOD), 2, {"packed": "zip"}),
    "a title above": (("Report of May\n\n" + GOOD).encode(), 2, {}),
    "no headings": (GOOD.partition("\n")[2].encode(), 2, {}),
    "JSON lines": (b'{"a": 1, "b": {"c": "x"}}\n{"a": 2}\n', 2, {"type": "jsonl"}),
    "Parquet": (_parquet(), 1000, {"type": "parquet"}),
}


@pytest.mark.parametrize("name", READABLE)
def test_read(name: str, tmp_path: Path) -> None:
    content, rows, reading = READABLE[name]
    path = tmp_path / "orders"
    path.write_bytes(content)
    staged = files.stage(path, tmp_path / "stage")
    assert staged.rows == rows
    assert staged.reading.items() >= reading.items()


_HEADS = "Order ID,Date,SKU,Product,Quantity,Price,Customer"


def _recognised(
    tmp_path: Path, text: str, choices: dict[str, str] | None = None, *, country: str = "GB", **said: str | None
) -> mapping.Layout:
    path = tmp_path / "orders.csv"
    path.write_text(text)
    staged = files.stage(path, tmp_path / "stage")
    shop = reader.Shop("file", "GBP", "Europe/London", country, date(2026, 1, 1), lambda source, id_: f"{source}{id_}")
    with duckdb.connect() as cursor:
        return ledger.recognise(cursor, staged, shop, choices=choices, **said)


def test_mixed_dates_name_their_rows(tmp_path: Path) -> None:
    rows = "".join(f"{i},A,1,2.50,{13 + i % 15}/02/2020\n" for i in range(9))
    with pytest.raises(errors.MixedDatesError, match=r"rows 11\."):
        _recognised(tmp_path, "Invoice,Code,Qty,Price,Date\n" + rows + "9,A,1,2.50,2020-02-28\n")


def test_a_date_in_words_among_others_is_named_and_told_how_to_mend(tmp_path: Path) -> None:
    dates = ("2020-02-13", "14/02/2020", "02/25/2020", "Feb 26 2020")
    rows = "".join(f"{place},A,1,2.50,{on}\n" for place, on in enumerate(dates))
    with pytest.raises(errors.UnreadableColumnError) as refused:
        _recognised(tmp_path, "Invoice,Code,Qty,Price,Date\n" + rows)
    assert refused.value.params.items() >= {"file": "orders.csv", "column": "Date", "row": 5}.items()
    assert "“Feb 26 2020” in row 5 can't be. Write all its values alike" in str(refused.value)


def test_dates_each_in_another_known_way_name_their_rows(tmp_path: Path) -> None:
    dates = ("2020-02-13", "14/02/2020", "02/25/2020", "26 Feb 2020", "05/06/2020")
    rows = "".join(f"{place},A,1,2.50,{on}\n" for place, on in enumerate(dates))
    with pytest.raises(errors.MixedDatesError, match=r"rows 2, 4, 5\."):
        _recognised(tmp_path, "Invoice,Code,Qty,Price,Date\n" + rows)


@pytest.mark.parametrize("physical", ["DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "VARCHAR"])
def test_a_date_before_1900_is_none(physical: str) -> None:
    layout = {"dates": "%Y-%m-%d", "absolute": "ZONE" in physical}
    with duckdb.connect() as cursor:
        cursor.execute("SET TimeZone = 'UTC'")
        days = cursor.execute(
            f"SELECT {reading.stamp('day', physical, layout)} "
            f"FROM (SELECT unnest(['0001-01-01', '1900-01-01', '9999-12-31'])::{physical} AS day)"
        ).fetchall()
    assert [day and day.year for (day,) in days] == [None, 1900, 9999]


def test_mixed_decimal_marks_name_their_rows(tmp_path: Path) -> None:
    rows = "".join(f"{i};A;1;{i},50;2020-02-01\n" for i in range(9))
    with pytest.raises(errors.MixedNumbersError, match=r"rows 11\."):
        _recognised(tmp_path, "Invoice;Code;Qty;Price;Date\n" + rows + "9;A;1;2.75;2020-02-28\n")


_WAYS = "Order ID;SKU;Qty;Price;Date\n1;A;{qty};{price};{date}\n2;B;{qty};{price};{date}\n"


@pytest.mark.parametrize(
    ("country", "said", "date", "layout", "is_open"),
    [
        ("GB", None, "01/02/2020", "%d/%m/%Y", True),
        ("US", None, "01/02/2020", "%m/%d/%Y", True),
        ("GB", "month-first", "01/02/2020", "%m/%d/%Y", False),
        ("US", "day-first", "01/02/2020", "%d/%m/%Y", False),
        ("GB", "month-first", "31/12/2020", "%d/%m/%Y", False),
        ("GB", None, "2020-02-01", "%Y-%m-%d", False),
    ],
)
def test_which_of_day_and_month_comes_first(
    tmp_path: Path, country: str, said: str | None, date: str, layout: str, is_open: bool
) -> None:
    found = _recognised(tmp_path, _WAYS.format(qty=1, price="9.5", date=date), country=country, dates=said)
    assert found.matches["at"].reading["dates"] == layout
    assert found.undecided("dates") == (["Date"] if is_open else [])


@pytest.mark.parametrize(
    ("country", "said", "qty", "price", "mark", "is_open"),
    [
        ("DE", None, "1", "1.234", ",", True),  # one thousand two hundred thirty-four, or a price of three decimals
        ("DE", None, "1", "1,234", ",", True),
        ("DE", "comma", "1", "1.234", ",", False),
        ("DE", "point", "1", "1.234", None, False),
        ("DE", None, "1", "1.234,50", ",", False),
        ("DE", None, "1", "1.23", None, False),
        ("DE", None, "1", "0.125", None, False),  # nobody groups so
        ("DE", None, "1", "1234", None, False),
        ("DE", None, "0,5", "1.234", ",", False),  # another column shows it
        ("GB", None, "1", "1.234", None, False),
        ("GB", None, "1", "1,234", ".", False),
    ],
)
def test_which_mark_stands_before_the_decimals(
    tmp_path: Path, country: str, said: str | None, qty: str, price: str, mark: str | None, is_open: bool
) -> None:
    text = _WAYS.format(qty=qty, price=price, date="2020-02-01")
    found = _recognised(tmp_path, text, country=country, decimal=said)
    assert found.matches["unit_price"].reading.get("decimal") == mark
    assert found.undecided("decimal") == (["Price"] if is_open else [])


def test_a_unit_beside_a_quantity_is_no_currency(tmp_path: Path) -> None:
    text = _WAYS.format(qty="3 ALL", price="9.5", date="2020-02-01")
    assert _recognised(tmp_path, text).column("quantity") == "Qty"


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.LayoutError, match="Order"):
        _recognised(tmp_path, "Colour,Weight\nred,heavy\nblue,light\n")


def test_a_file_without_headings_is_told_to_add_them(tmp_path: Path) -> None:
    with pytest.raises(errors.NoHeadingsError, match=r"no headings: .* Add a first row .* column 1 to column 6"):
        _recognised(tmp_path, "1,2026-01-13,A,1,2.00,GB\n2,2026-01-13,A,1,2.00,GB\n")


def test_orders_whose_dates_are_words_are_no_stock_list(tmp_path: Path) -> None:
    text = _HEADS + "\n" + "".join(f"{i},first of May,A{i % 7},Mug,1,2.50,c1\n" for i in range(30))
    with pytest.raises(errors.UnfitColumnError, match=r"Column Date of .* called like .* such as “first of May”"):
        _recognised(tmp_path, text)


def test_a_field_that_no_file_has_is_named(tmp_path: Path) -> None:
    with pytest.raises(errors.UnknownFieldError, match=r"chosen for order, and .* Did you mean order_id"):
        _recognised(tmp_path, "Invoice,Code,Qty,Price,Date\n9,A,1,2.50,2020-02-28\n", {"order": "Invoice"})


def _orders(number: str, price: str, *, heads: str = _HEADS, more: str = "") -> str:
    lines = (
        f"{number}{1 + i // 2},2020-01-0{1 + i // 8} 10:00,P{i % 3},Lamp {i % 3},{1 + i % 2},{price},C{i}"
        for i in range(40)
    )
    return heads + "\n" + "".join(f"{line}{more}\n" for line in lines)


@pytest.mark.parametrize("number", ["INV100", "ORD-100", "#100", "O000", "100"])
def test_an_order_is_told_from_a_price_list_however_it_is_numbered(tmp_path: Path, number: str) -> None:
    layout = _recognised(tmp_path, _orders(number, "9.50"))
    assert layout.target == "order_line"
    found = {id_: layout.column(id_) for id_ in ("order_id", "product_code", "title", "unit_price")}
    assert found == {"order_id": "Order ID", "product_code": "SKU", "title": "Product", "unit_price": "Price"}


@pytest.mark.parametrize(
    "heads",
    [
        "Nº do pedido,Data do pedido,Código do produto,Descrição,Quantidade,Preço unitário,Cliente",
        "N.º encomenda,Data,Código do produto,Descrição,Quantidade,Preço unitário,Cliente",
        "Nº de pedido,Fecha,Código de producto,Descripción,Cantidad,Precio unitario,Cliente",
    ],
)
def test_an_ordinal_sign_means_number(tmp_path: Path, heads: str) -> None:
    layout = _recognised(tmp_path, _orders("O000", "9.50", heads=heads))
    assert (layout.target, layout.column("order_id")) == ("order_line", heads.partition(",")[0])
    assert not layout.matches["order_id"].is_unsure


@pytest.mark.parametrize("price", ["$9.50", "USD 9.50", "9.50 €", "R$9.50"])
def test_amounts_of_another_currency_are_refused(tmp_path: Path, price: str) -> None:
    with pytest.raises(errors.OtherCurrencyError, match=r"Price of “orders.csv” holds amounts in .* in row 2, .* GBP"):
        _recognised(tmp_path, _orders("O000", price))


@pytest.mark.parametrize("price", ["£9.50", "GBP 9.50", "9.50"])
def test_the_shops_own_currency_may_stand_beside_amounts(tmp_path: Path, price: str) -> None:
    assert _recognised(tmp_path, _orders("O000", price)).column("unit_price") == "Price"


def test_a_currency_that_nobody_knows_is_not_the_shops(tmp_path: Path) -> None:
    layout = _recognised(tmp_path, _orders("O000", "9.50", heads=f"{_HEADS},Currency", more=",US dollar"))
    assert layout.column("currency") == "Currency"
