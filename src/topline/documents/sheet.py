"""A table of values with typed columns, as files and spreadsheets get it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from topline.units.missing import Missing

type Value = Decimal | int | float | str | bool | date | datetime | Missing | Worded | None


class Form(StrEnum):
    """How a column's values read."""

    TEXT = "text"
    NUMBER = "number"
    WHOLE = "whole"
    MONEY = "money"
    RATE = "rate"
    DATE = "date"
    MOMENT = "moment"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its title, how its values read, and the currency of money.

    formula : what a spreadsheet computes the values by, `{0}` being the first cell of the row: "SUM({1}:{12})"
    is_summed : in the total row a spreadsheet adds the column up
    """

    title: str
    form: Form = Form.TEXT
    currency: str | None = None
    formula: str = ""
    is_summed: bool = False


@dataclass(frozen=True, slots=True)
class Worded:
    """A number with a unit of its own among others: as people read it, and as a spreadsheet has it, by `column`."""

    number: Decimal | int | float
    text: str
    column: Column


@dataclass(frozen=True, slots=True)
class Sheet:
    """A named table; every row has a value for each column, in their order.

    total : the values of the row below the others
    """

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]
    total: Sequence[Value] | None = None
