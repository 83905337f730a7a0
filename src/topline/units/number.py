"""Numbers as people type them: the one reader of every form, paste and spreadsheet cell."""

import re
from decimal import Decimal

from topline.units import errors
from topline.units.text import N_

_SPACES = re.compile(r"[\s\u00a0\u202f\u2009'’]")
_SIGNS = re.compile(r"[.,]")
_MOST_DIGITS = 30
_FIELD = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,10})?")


class NumberTextError(errors.ToplineError):
    message = N_("“%(text)s” is not a number. Write digits, such as %(example)s.")


class AmbiguousNumberError(NumberTextError):
    message = N_("“%(text)s” may mean %(whole)s or %(part)s. Write it as %(whole)s or as %(long)s.")


def read(written: str, *, decimal_sign: str) -> Decimal:
    """The number that a person wrote, with point or comma, whatever the language of the page.

    Where both signs stand, the last is the decimal sign. Where one stands once before exactly three digits, it groups
    thousands if it is the language's grouping sign, and is refused if it is the language's decimal sign: 1.234 on an
    English page may come from somebody who writes thousands so.

    decimal_sign : of the language, "." or ","

    Raises NumberTextError, of which AmbiguousNumberError is one.
    """
    text = _SPACES.sub("", written).replace("−", "-")
    sign, digits = ("-", text[1:]) if text[:1] == "-" else ("", text.removeprefix("+"))
    whole, part = _split(digits, decimal_sign)
    if not re.fullmatch(r"[0-9]*", whole + part) or not whole + part or len(whole + part) > _MOST_DIGITS:
        raise NumberTextError(text=written.strip(), example=f"1234{decimal_sign}5")
    if _is_ambiguous(digits, decimal_sign):
        raise AmbiguousNumberError(
            text=written.strip(),
            whole=f"{sign}{whole}{part}",
            part=f"{sign}{whole}{decimal_sign}{part}",
            long=f"{sign}{whole}{decimal_sign}{part}0",
        )
    return Decimal(f"{sign}{whole or 0}.{part or 0}") if part else Decimal(f"{sign}{whole}")


def read_field(written: str, *, decimal_sign: str) -> Decimal:
    """The number of a browser's number field, which sends it with a point in every language; else as `read`."""
    text = written.strip()
    return Decimal(text) if _FIELD.fullmatch(text) else read(text, decimal_sign=decimal_sign)


def _split(digits: str, decimal_sign: str) -> tuple[str, str]:
    """What stands before and after the decimal sign, without grouping; signs stay where they make no sense."""
    signs = _SIGNS.findall(digits)
    if not signs:
        return digits, ""
    last = signs[-1]
    before, after = digits.rsplit(last, 1)
    if len(set(signs)) == 2:
        return (_ungrouped(before, signs[0]), after) if signs.count(last) == 1 else (digits, "")
    if len(signs) > 1 or (last != decimal_sign and _is_group(before, after)):
        return _ungrouped(digits, last), ""
    return before, after


def _ungrouped(digits: str, sign: str) -> str:
    """The digits without the sign that groups them by three, or by two before the last three; else as they were."""
    is_grouped = re.fullmatch(rf"[0-9]{{1,3}}(?:{re.escape(sign)}[0-9]{{2,3}})*{re.escape(sign)}[0-9]{{3}}", digits)
    return digits.replace(sign, "") if is_grouped else digits


def _is_group(before: str, after: str) -> bool:
    """Whether a sign between the two may group thousands."""
    return len(after) == 3 and 1 <= len(before) <= 3 and not before.startswith("0")


def _is_ambiguous(digits: str, decimal_sign: str) -> bool:
    before, found, after = digits.partition(decimal_sign)
    return bool(found) and not _SIGNS.search(before + after) and _is_group(before, after)
