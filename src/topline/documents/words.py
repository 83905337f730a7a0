"""Values of tables as people of a language read them."""

import re
from datetime import date, datetime
from decimal import Decimal
from functools import cache

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent, get_currency_symbol

from topline.documents.sheet import Column, Form, Value, Worded
from topline.units.missing import Missing

_WHOLE_FROM = 1000  # amounts at least this large read without minor units


@cache
def locale(language: str) -> Locale:
    return Locale.parse({"en": "en_GB", "ro": "ro_RO"}.get(language[:2], language.replace("-", "_")))


def said(value: Value, column: Column, language: str) -> str:
    """The value of a column; a dash for none, the reason for a missing one."""
    where = locale(language)
    match value:
        case None:
            return "–"
        case Worded():
            return value.text
        case Missing():
            return str(value)
        case bool():
            return "✓" if value else ""
        case datetime():
            return format_datetime(value, "short", locale=where)
        case date():
            return format_date(value, "d MMM y", locale=where)
        case Decimal() | int() | float():
            return _number(value, column, where)
    return value


def _number(value: Decimal | int | float, column: Column, where: Locale) -> str:
    match column.form:
        case Form.MONEY if column.currency:
            return _money(value, column.currency, where)
        case Form.RATE:
            return format_percent(round(Decimal(str(value)), 3), locale=where, decimal_quantization=False)
        case Form.WHOLE:
            return format_decimal(round(value), locale=where)
    return format_decimal(round(Decimal(str(value)), 2), locale=where)


def _money(value: Decimal | int | float, currency: str, where: Locale) -> str:
    pattern = str(where.currency_formats["standard"].pattern)
    if pattern.startswith("¤") and get_currency_symbol(currency, where)[-1].isalpha():
        pattern = pattern.replace("¤", "¤\N{NO-BREAK SPACE}")
    is_whole = abs(float(value)) >= _WHOLE_FROM
    pattern = pattern.replace("0.00", "0") if is_whole else pattern
    return format_currency(value, currency, pattern, locale=where, currency_digits=not is_whole)


def spaced(amount: str) -> str:
    """An amount with a space between a currency's letters and its digits, as CLDR has it: RON 1,234."""
    return re.sub(r"(?<=[A-Z])(?=\d)", "\N{NO-BREAK SPACE}", amount)


def is_numeric(column: Column) -> bool:
    """True if its values stand at the right edge."""
    return column.form in (Form.NUMBER, Form.WHOLE, Form.MONEY, Form.RATE)
