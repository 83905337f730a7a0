"""Tables as CSV and XLSX, calendars as ICS: what a program reads back is what was there."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO

import icalendar
import pytest
from python_calamine import CalamineWorkbook

from topline.documents import cells, csv, ics, xlsx
from topline.documents.sheet import Column, Form, Sheet
from topline.units.missing import Missing

NO_COST = Missing("no_cost", "There is no cost.")
COLUMNS = [
    Column("Month", Form.DATE),
    Column("Net sales", Form.MONEY, "GBP"),
    Column("Orders", Form.WHOLE),
    Column("Margin", Form.RATE),
    Column("Note"),
]
ROWS = [
    (date(2027, 1, 1), Decimal("1234.56"), 12, Decimal("0.25"), "=HYPERLINK(1)"),
    (date(2027, 2, 1), Decimal("-1000000000000.01"), 0, NO_COST, None),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("=1+1", "'=1+1"),
        ("+44 20", "'+44 20"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("a\x00b", "ab"),
        ("\x00=1", "'=1"),
        ("＝1", "'＝1"),
        ("", ""),
    ],
)
def test_safe_cells(text, expected):
    assert cells.safe(text) == expected


def test_csv_holds_values_as_programs_read_them():
    assert "".join(csv.lines(Sheet("s", COLUMNS, ROWS))).split("\r\n") == [
        "Month,Net sales,Orders,Margin,Note",
        "2027-01-01,1234.56,12,0.25,'=HYPERLINK(1)",
        "2027-02-01,-1000000000000.01,0,no_cost,",
        "",
    ]


def test_xlsx_holds_real_numbers_and_dates_and_no_formula():
    book = CalamineWorkbook.from_filelike(BytesIO(xlsx.write([Sheet("Sales: by [month]", COLUMNS, ROWS)])))
    assert book.sheet_names == ["Sales  by  month"]
    head, first, second = book.get_sheet_by_index(0).to_python()
    assert head == ["Month", "Net sales", "Orders", "Margin", "Note"]
    assert first == [date(2027, 1, 1), 1234.56, 12.0, 0.25, "=HYPERLINK(1)"]
    assert second == [date(2027, 2, 1), -1000000000000.01, 0.0, "There is no cost.", ""]


def test_xlsx_names_sheets_apart_and_takes_none_without_rows():
    same = Sheet("A name that is longer than thirty-one characters", COLUMNS[:1], [])
    book = CalamineWorkbook.from_filelike(BytesIO(xlsx.write([same, same, Sheet("'History'", [], [])])))
    assert len({name.lower() for name in book.sheet_names}) == 3
    assert all(len(name) <= 31 for name in book.sheet_names)


def test_a_sheet_longer_than_excel_goes_on_in_the_next(monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_ROWS", 2)
    rows = [(number,) for number in range(5)]
    book = CalamineWorkbook.from_filelike(BytesIO(xlsx.write([Sheet("n", [Column("n", Form.WHOLE)], rows)])))
    sheets = [book.get_sheet_by_index(i).to_python() for i in range(len(book.sheet_names))]
    assert [row[0] for sheet in sheets for row in sheet[1:] if row] == [0, 1, 2, 3, 4]
    assert [sheet[0] for sheet in sheets] == [["n"]] * 3


def test_money_columns_name_their_currency():
    assert xlsx._number_format(Column("a", Form.MONEY, "GBP")) == "#,##0.00 [$GBP]"
    assert xlsx._number_format(Column("a", Form.MONEY, "JPY")) == "#,##0 [$JPY]"


def test_ics_entries_are_all_day_and_keep_their_uid():
    entry = ics.Entry(
        uid="black_friday.2027.RO@topline",
        summary="Black Friday; „vinerea, neagră”",
        start=date(2027, 11, 5),
        end=date(2027, 11, 6),
        categories=("electronics", "fashion"),
        is_tentative=True,
    )
    now = datetime(2027, 1, 1, tzinfo=UTC)
    text = ics.feed([entry], name="Topline", now=now)
    assert text == ics.feed([entry], name="Topline", now=now)
    (event,) = icalendar.Calendar.from_ical(text).walk("VEVENT")
    assert event["uid"] == entry.uid
    assert event["summary"] == entry.summary
    assert event.decoded("dtstart") == date(2027, 11, 5)
    assert event.decoded("dtend") == date(2027, 11, 6)
    assert event["status"] == "TENTATIVE"
    assert b"DTSTART;VALUE=DATE:20271105" in text
    assert max(map(len, text.split(b"\r\n"))) <= 75
