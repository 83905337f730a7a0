"""Tables as an Excel workbook: real numbers and dates, heads that stay in sight, formulas where a column has one.

Text never becomes a formula: it is written as text, whatever it begins with.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING

from topline.documents.sheet import Column, Form, Sheet, Value, Worded
from topline.units import money
from topline.units.missing import Missing

if TYPE_CHECKING:  # a quarter of a second to import: not on the way to a first page
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAX_ROWS = 1_048_575  # Excel's 1,048,576 without the head
_FORMATS = {
    Form.TEXT: "@",
    Form.NUMBER: "#,##0.00",
    Form.WHOLE: "#,##0",
    Form.RATE: "0.0%",
    Form.DATE: "yyyy-mm-dd",
    Form.MOMENT: "yyyy-mm-dd hh:mm:ss",
}
_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "remove_timezone": True,
    "nan_inf_to_errors": True,
}


def write(sheets: Iterable[Sheet]) -> bytes:
    """The sheets as one workbook. A sheet of more rows than Excel holds goes on in a next one."""
    import xlsxwriter

    file = BytesIO()
    with xlsxwriter.Workbook(file, _OPTIONS) as book:
        look = {"bold": True, "bottom": 1, "text_wrap": True, "valign": "top"}
        heads = book.add_format(look), book.add_format(look | {"align": "right"})
        note = book.add_format({"italic": True, "font_color": "#5d6676"})
        names: set[str] = set()

        @cache
        def looks(number_format: str) -> "Format":
            return book.add_format({"num_format": number_format})

        for sheet in sheets:
            rows = iter(sheet.rows)
            while True:
                page = book.add_worksheet(free_name(sheet.name, names))
                written, is_full = _fill(page, sheet.columns, rows, looks, heads, note)
                if not is_full:
                    break
            if sheet.total is not None:
                bold = [
                    book.add_format({"num_format": _number_format(column), "bold": True, "top": 1})
                    for column in sheet.columns
                ]
                _total(page, sheet.columns, sheet.total, written, bold)
    return file.getvalue()


def _fill(
    page: "Worksheet",
    columns: Iterable[Column],
    rows: Iterator[Iterable[Value]],
    looks: "Callable[[str], Format]",
    heads: "tuple[Format, Format]",
    note: "Format",
) -> tuple[int, bool]:
    """Writes rows until the page is full: how many, and whether it is full.

    heads : of words, and of what stands to the right of its cell
    """
    columns = list(columns)
    formats = [looks(_number_format(column)) for column in columns]
    titles = [column.title for column in columns]
    written: dict[int, int] = {}
    for x, column in enumerate(columns):
        page.write_string(0, x, column.title, heads[column.form is not Form.TEXT])
    page.freeze_panes(1, 0)
    page.set_landscape()
    page.fit_to_pages(1, 0)
    page.repeat_rows(0)
    y, sums = 0, dict.fromkeys((x for x, column in enumerate(columns) if column.form is Form.MONEY), 0.0)
    while y < MAX_ROWS and (row := next(rows, None)) is not None:
        y += 1
        for x, value in enumerate(row):
            if x in sums and isinstance(value, Decimal | int | float):
                sums[x] += abs(float(value))
            if isinstance(value, Worded):
                page.write_number(y, x, float(value.number), looks(_number_format(value.column)))
                written[x] = max(written.get(x, len(titles[x]) + 3), len(f"{value.number:,.2f}") + 6)
            elif columns[x].formula:
                page.write_formula(y, x, _formula(columns[x].formula, y, len(columns)), formats[x], _cached(value))
            else:
                _put(page, y, x, value, formats[x], note)
    if titles:
        page.autofilter(0, 0, max(y, 1), len(titles) - 1)
    page.autofit(max_width=400)
    for x, most in sums.items():  # autofit knows neither the currency beside an amount nor the sum below
        page.set_column(x, x, max(len(titles[x]), len(f"{most:,.2f}") + 5) + 1)
    for x, width in written.items():
        page.set_column(x, x, width)
    return y, y == MAX_ROWS


def _total(
    page: "Worksheet", columns: Iterable[Column], total: Iterable[Value], rows: int, looks: "list[Format]"
) -> None:
    """The row below the last: sums and formulas that follow the cells above."""
    columns, y = list(columns), rows + 1
    for x, value in enumerate(total):
        if columns[x].formula:
            formula = _formula(columns[x].formula, y, len(columns))
        elif columns[x].is_summed and rows:
            formula = f"=SUM({_cell(1, x)}:{_cell(rows, x)})"
        else:
            _put(page, y, x, value, looks[x], looks[x])
            continue
        page.write_formula(y, x, formula, looks[x], _cached(value))


def _formula(template: str, y: int, width: int) -> str:
    return "=" + template.format(*(_cell(y, x) for x in range(width)))


def _cell(y: int, x: int) -> str:
    from xlsxwriter.utility import xl_rowcol_to_cell

    return str(xl_rowcol_to_cell(y, x))


def _cached(value: Value) -> float | str:
    """What programs that don't compute show for a formula."""
    return float(value) if isinstance(value, Decimal | int | float) else ""


def _put(page: "Worksheet", y: int, x: int, value: Value, looks: "Format", note: "Format") -> None:
    match value:
        case None:
            page.write_blank(y, x, None, looks)
        case Missing():
            page.write_string(y, x, str(value), note)
        case bool():
            page.write_boolean(y, x, value)
        case Decimal() | int() | float():
            page.write_number(y, x, float(value), looks)
        case datetime() | date():
            page.write_datetime(y, x, value, looks)
        case str():
            page.write_string(y, x, value[:32_767], looks)


def _number_format(column: Column) -> str:
    if column.form is not Form.MONEY:
        return _FORMATS[column.form]
    digits = money.minor_digits(column.currency) if column.currency else 2
    number = f"#,##0.{'0' * digits}" if digits else "#,##0"
    return f"{number} [${column.currency}]" if column.currency else number


def free_name(name: str, taken: set[str]) -> str:
    """A name that Excel accepts (31 characters, none of []:*?/\\, not taken); `taken` learns it."""
    clean = re.sub(r"[\[\]:*?/\\\x00-\x1f]", " ", name).strip("' ") or "Sheet"
    free, number = clean[:31], 1
    while free.lower() in taken or free.lower() == "history":
        number += 1
        free = f"{clean[:27]} {number}"
    taken.add(free.lower())
    return free
