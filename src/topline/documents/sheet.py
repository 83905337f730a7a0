"""A table of values with typed columns, as files and spreadsheets get it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from topline.units.missing import Missing

type Value = Decimal | int | float | str | bool | date | datetime | Missing | None


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
    """A column: its title, how its values read, and the currency of money."""

    title: str
    form: Form = Form.TEXT
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Sheet:
    """A named table; every row has a value for each column, in their order."""

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[Value]]
