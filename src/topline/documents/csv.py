"""Tables as CSV (RFC 4180), line by line, safe to open in a spreadsheet program."""

import csv
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal

from topline.documents import cells
from topline.documents.sheet import Sheet, Value, Worded
from topline.units.missing import Missing


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def lines(sheet: Sheet) -> Iterator[str]:
    """The header, then each row: amounts and numbers with a point, dates as ISO 8601, a missing value by its reason."""
    writer = csv.writer(_Echo())
    yield writer.writerow([cells.safe(column.title) for column in sheet.columns])
    for row in sheet.rows:
        yield writer.writerow([plain(value) for value in row])


def plain(value: Value) -> str:
    """A value as a program reads it."""
    match value:
        case None:
            return ""
        case Missing():
            return value.reason
        case Worded():
            return plain(value.number)
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case str():
            return cells.safe(value)
        case _:
            return str(value)
