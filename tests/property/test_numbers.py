"""The reader of typed numbers: what any language writes is read back, and what may mean two things is refused."""

from decimal import Decimal

import pytest
from babel.numbers import format_decimal, get_decimal_symbol
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from topline.units.number import AmbiguousNumberError, NumberTextError, read, read_field
from topline.web import formats

LOCALES = ("en", "ro", "de", "fr", "de_CH", "pt_BR", "en_IN", "sv")
numbers = st.decimals(min_value=-(10**12), max_value=10**12, allow_nan=False, places=None).map(lambda n: round(n, 4))


@given(numbers, st.sampled_from(LOCALES))
def test_what_a_language_writes_is_read_in_it(number, locale):
    written = format_decimal(number, locale=locale, decimal_quantization=False)
    sign = get_decimal_symbol(locale)
    try:
        assert read(written, decimal_sign=sign) == number
    except AmbiguousNumberError:
        assert number != number.to_integral_value()
        assert 1 <= abs(number) < 1000


@given(numbers, st.sampled_from(".,"), st.sampled_from(".,"))
def test_plain_digits_are_read_or_refused_never_misread(number, sign, used):
    """Without grouping the number is the number, whichever sign is used, unless three digits follow it."""
    written = f"{number:f}".replace(".", used)
    digits = written.lstrip("-").partition(used)
    if used != sign and len(digits[2]) == 3 and len(digits[0]) <= 3 and digits[0][0] != "0":
        assert read(written, decimal_sign=sign) == Decimal(written.replace(used, ""))
        return
    try:
        assert read(written, decimal_sign=sign) == number
    except AmbiguousNumberError:
        assert len(digits[2]) == 3


@given(numbers, st.sampled_from(".,"))
def test_a_number_field_has_a_point_in_every_language(number, sign):
    number = round(number, 3)
    assert read_field(f"{number:f}", decimal_sign=sign) == number


@given(numbers, st.sampled_from(["en", "ro"]), st.integers(0, 4))
def test_what_a_form_shows_is_read_back(number, language, digits):
    number = round(number, digits)
    with translation.override(language):
        assert formats.read_number(formats.typed(number)) == number


@given(st.text(max_size=12))
def test_anything_else_is_refused_in_words(text):
    try:
        found = read(text, decimal_sign=".")
    except NumberTextError as error:
        said = str(error)
    else:
        said = text
        assert found.is_finite()
        assert any(each.isdecimal() for each in text)
    assert text.strip() in said


@pytest.mark.parametrize(
    ("written", "english", "romanian"),
    [
        ("12500", "12500", "12500"),
        ("12,500", "12500", "?"),
        ("12.500", "?", "12500"),
        ("12,5", "12.5", "12.5"),
        ("12.5", "12.5", "12.5"),
        ("1.234,56", "1234.56", "1234.56"),
        ("1,234.56", "1234.56", "1234.56"),
        ("1 234,5", "1234.5", "1234.5"),
        ("1’234.50", "1234.50", "1234.50"),
        ("1,234,567", "1234567", "1234567"),
        ("12,34,567", "1234567", "1234567"),
        ("0.125", "0.125", "0.125"),
        ("-1234.567", "-1234.567", "-1234.567"),
        ("−3", "-3", "-3"),
        ("1.2340", "1.2340", "1.2340"),
        (".5", "0.5", "0.5"),
        ("", "!", "!"),
        ("-", "!", "!"),
        ("1,2,3", "!", "!"),
        ("1.2.3,4", "!", "!"),
        ("1,23.456,7", "!", "!"),
        ("1e3", "!", "!"),
        ("NaN", "!", "!"),
        ("٣", "!", "!"),
    ],
)
def test_worked_numbers(written, english, romanian):
    for sign, wanted in ((".", english), (",", romanian)):
        if wanted in "?!":
            with pytest.raises(AmbiguousNumberError if wanted == "?" else NumberTextError):
                read(written, decimal_sign=sign)
        else:
            assert read(written, decimal_sign=sign) == Decimal(wanted)


def test_a_change_that_rounds_away_has_no_sign():
    with translation.override("en"):
        assert [formats.signed_percent(each) for each in (0.0004, -0.0004, -0.0006, 0.042)] == [
            "0%",
            "0%",
            "−0.1%",
            "+4.2%",
        ]
