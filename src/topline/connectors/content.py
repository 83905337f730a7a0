"""What a column holds, seen in a sample of its values."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import pairwise

from babel.numbers import list_currencies

from topline.connectors import places

_NUMBER = re.compile(
    r"^(?:R\$|[^\w.,(+-]{0,2})\s?[(+-]?(?:\d[\d., '\u00a0\u202f]*|[.,]\d+)[)-]?\s?(?:[A-Za-z]{3}|lei|[^\w\s%])?$|^[A-Z]{3}\s?-?\d[\d.,]*$"
)
_STAMP = re.compile(
    r"^(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|(?:19|20)\d{6}|\d{1,2}[ -][A-Za-zÀ-ÿ]{3,9}\.?[ -]\d{2,4}|[A-Z][a-z]{2,8} \d{1,2}, \d{4})"
    r"(?:[T, ]+\d{1,2}:\d{2}.*)?$"
)
_PERCENT = re.compile(r"^-?\d+(?:[.,]\d+)?\s?%$")
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$")
_CODE = re.compile(r"^[A-Za-z]{0,6}[-_#]?\d{3,}[\w-]*$")


@dataclass(frozen=True, slots=True)
class Content:
    """Shares (0-1) of the filled values that look like each thing.

    filled : share of values that are there at all; percents : share of numbers with a percent sign
    decimals : share of numbers with a fraction; is_small : nearly all numbers below 1,000
    is_code : looks like identifiers; repeats : the values come again; is_ordered : the same value stands in runs
    samples : the first few different values, as text; few : all of them if they are few, each far from alone
    """

    filled: float
    numbers: float
    integers: float
    decimals: float
    stamps: float
    countries: float
    currencies: float
    emails: float
    is_small: bool
    is_code: bool
    repeats: bool
    is_ordered: bool
    samples: tuple[str, ...]
    percents: float = 0.0
    few: tuple[str, ...] = ()


def unnamed(place: int) -> str:
    """What a column without a heading is called. place : from 1"""
    return f"column {place}"


def seen(values: Sequence[object]) -> Content:
    """What a sample of values, in the file's order, looks like."""
    present = [value for value in values if value is not None and str(value).strip()]
    if not present:
        return Content(0.0, 0, 0, 0, 0, 0, 0, 0, False, False, False, False, ())
    texts = [str(value).strip() for value in present]
    typed_number = isinstance(present[0], int | float | Decimal) and not isinstance(present[0], bool)
    typed_stamp = isinstance(present[0], date | datetime)
    count = len(texts)
    numbers = count if typed_number else sum(_is_number(t) for t in texts)
    integers = sum(t.lstrip("+-").removesuffix(".0").isdigit() for t in texts)
    distinct = len(set(texts))
    runs = 1 + sum(a != b for a, b in pairwise(texts))
    currencies = _currencies()
    return Content(
        filled=count / len(values),
        numbers=numbers / count,
        integers=integers / count,
        decimals=(numbers - integers) / count if numbers else 0.0,
        stamps=1.0 if typed_stamp else 0.0 if typed_number else sum(bool(_STAMP.match(t)) for t in texts) / count,
        countries=0.0 if typed_number or typed_stamp else _share_of_countries(texts),
        currencies=sum(t.upper() in currencies or t in _SYMBOLS for t in texts) / count,
        emails=sum(bool(_EMAIL.match(t)) for t in texts) / count,
        is_small=sum(len(t.lstrip("-").partition(".")[0]) < 4 for t in texts) > 0.95 * count,
        is_code=sum(bool(_CODE.match(t)) for t in texts) > 0.8 * count,
        repeats=distinct < 0.9 * count,
        is_ordered=runs < 1.1 * distinct,
        samples=tuple(dict.fromkeys(texts))[:3],
        percents=0.0 if typed_stamp else sum(bool(_PERCENT.match(t)) for t in texts) / count,
        few=tuple(dict.fromkeys(texts)) if distinct <= _FEW and count >= _OFTEN * distinct else (),
    )


def _is_number(text: str) -> bool:
    """An amount may have a currency's code before it; an order's number such as INV1001 or #1001 is none."""
    ahead = text[:3]
    is_id = text.startswith("#") or (ahead.isalpha() and ahead.isascii() and ahead not in _currencies())
    return not is_id and bool(_NUMBER.match(text))


def _share_of_countries(texts: Sequence[str]) -> float:
    """By different names, of which countries have few: a column with hundreds of them names something else."""
    different = dict.fromkeys(texts)
    if len(different) > _COUNTRIES:
        return 0.0
    return sum(places.country(text) is not None for text in texts) / len(texts)


_COUNTRIES = 300
_FEW, _OFTEN = 12, 5
_SYMBOLS = {
    "£": "GBP",
    "€": "EUR",
    "$": "USD",
    "lei": "RON",
    "Lei": "RON",
    "LEI": "RON",
    "R$": "BRL",
    "¥": "JPY",
    "zł": "PLN",
}


def symbols() -> dict[str, str]:
    """What shops write for a currency beside its code."""
    return dict(_SYMBOLS)


def currency(written: str) -> str | None:
    """The code of a currency's sign or code as it is written beside an amount, None if it is neither."""
    return _SYMBOLS.get(written) or _SYMBOLS.get(written.lower()) or (written if written in _currencies() else None)


@cache
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies())
