"""What may stand in a cell of the plan document: plain values of JSON, checked by the column's type."""

import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from topline.accounts.models import Channel, User
from topline.analysis import audience
from topline.metrics.catalogue import metrics
from topline.plans.models import PlanVersion
from topline.plans.outline import Behaviour, Column, Field, Type
from topline.units import errors
from topline.units.text import N_

type Check = Callable[[PlanVersion, Column, Any], Any]

LONGEST = 20_000
"""Characters of a text."""

_LISTED = 50
_SCALE = Decimal("0.000001")


class CellError(errors.ToplineError):
    """What is wrong with one cell, said beside it."""


class NeededError(CellError):
    message = N_("This can't stay empty.")


class NumberError(CellError):
    message = N_("“%(value)s” is not a number. Write digits, such as 12500.")


class RateError(CellError):
    message = N_("“%(value)s %%” is not between 0 and %(highest)s %%.")


class AmountError(CellError):
    message = N_("“%(value)s” is below zero. Write zero or more.")


class DayError(CellError):
    message = N_("“%(value)s” is not a day. Write it as 2027-09-30.")


class OutsideError(CellError):
    message = N_("The plan runs from %(first)s to %(last)s. Choose a day of it.")


class OrderError(CellError):
    message = N_("The last day is before the first.")


class ChoiceError(CellError):
    message = N_("“%(value)s” can't be chosen here.")


class LinkError(CellError):
    message = N_("“%(value)s” is not a link. Begin it with https:// or with a slash.")


class LongError(CellError):
    message = N_("Up to %(most)s characters fit here.")


class FloorError(CellError):
    message = N_("The price is below the lowest price of %(floor)s. Raise it, or lower the floor first.")


class CellsError(errors.FieldsError):
    """Cells that can't be kept; `errors` says why, by column."""


def checked(version: PlanVersion, field: Field, changes: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
    """The changes as they are kept, None for an empty cell; the row as a whole must make sense.

    Raises CellsError.
    """
    if not field.has_rows:
        return _single(field, changes)
    found: dict[str, Any] = {}
    wrong: dict[str, errors.ToplineError] = {}
    for id_, value in changes.items():
        column = field.column(id_)
        if column is None or column.type == Type.LIVE:
            wrong[id_] = ChoiceError(value=id_)
            continue
        try:
            found[id_] = value_of(version, column, value)
        except CellError as error:
            wrong[id_] = error
    whole = {**there, **found}
    for column in field.columns:
        if column.is_needed and whole.get(column.id) in (None, "", []) and column.id not in wrong:
            wrong[column.id] = NeededError()
    wrong = _together({id_: value for id_, value in whole.items() if id_ not in wrong}) | wrong
    if wrong:
        raise CellsError(wrong)
    return found


def loaded(version: PlanVersion, field: Field, values: Mapping[str, Any]) -> dict[str, Any]:
    """The cells of a row of a document that was written out: as `checked`, and what a draft said stays said."""
    if set(values) == {"said"}:
        return dict(values)
    return {id_: value for id_, value in checked(version, field, values, {}).items() if value is not None}


def _single(field: Field, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The only cell of a text or a choice; nothing where it stays."""
    if not changes:
        return {}
    if field.behaviour == Behaviour.CHOICE:
        chosen = changes.get("choice") or None
        if set(changes) - {"choice"} or (chosen and chosen not in field.options):
            raise CellsError({"choice": ChoiceError(value=chosen or "")})
        return {"choice": chosen}
    text = changes.get("text")
    if field.behaviour != Behaviour.TEXT or set(changes) - {"text"} or not isinstance(text, str | None):
        raise CellsError({"text": ChoiceError(value=", ".join(changes))})
    if text and len(text) > LONGEST:
        raise CellsError({"text": LongError(most=LONGEST)})
    return {"text": _lines(text or "")}


def _together(row: Mapping[str, Any]) -> dict[str, errors.ToplineError]:
    """What is wrong between the cells of a row."""
    wrong: dict[str, errors.ToplineError] = {}
    first, last = row.get("starts_on"), row.get("ends_on")
    if first and last and last < first:
        wrong["ends_on"] = OrderError()
    price, floor = row.get("price"), row.get("floor")
    if price and floor and Decimal(price) < Decimal(floor):
        wrong["price"] = FloorError(floor=floor)
    return wrong


def value_of(version: PlanVersion, column: Column, value: Any) -> Any:
    """The value as it is kept, None for nothing. Raises CellError."""
    if value in (None, "", []):
        return None
    check: Check = _CHECKS.get(column.type, _text)
    return check(version, column, value)


def _text(version: PlanVersion, column: Column, value: Any) -> str | None:
    text = _lines(str(value)) if column.is_long else " ".join(str(value).split())
    if len(text) > LONGEST:
        raise LongError(most=LONGEST)
    return text or None


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _number(version: PlanVersion, column: Column, value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise NumberError(value=value) from None
    if not number.is_finite() or abs(number) >= 10**15:
        raise NumberError(value=value)
    return f"{number.quantize(_SCALE).normalize():f}"


def _amount(version: PlanVersion, column: Column, value: Any) -> str:
    number = _number(version, column, value)
    if Decimal(number) < 0:
        raise AmountError(value=value)
    return number


def _rate(version: PlanVersion, column: Column, value: Any) -> str:
    number = _number(version, column, value)
    highest = 10 if column.id == "uplift" else 1
    if not 0 <= Decimal(number) <= highest:
        raise RateError(value=f"{(Decimal(number) * 100).normalize():f}", highest=100 * highest)
    return number


def _day(version: PlanVersion, column: Column, value: Any) -> str:
    try:
        day = date.fromisoformat(str(value))
    except ValueError:
        raise DayError(value=value) from None
    period = version.plan.period
    if column.is_inside and day not in period:
        raise OutsideError(first=period.start, last=period.last)
    return day.isoformat()


def _choice(version: PlanVersion, column: Column, value: Any) -> str:
    if value not in column.options:
        raise ChoiceError(value=value)
    return str(value)


def _person(version: PlanVersion, column: Column, value: Any) -> int:
    members = User.objects.filter(membership__shop=version.plan.shop)
    if not str(value).isdecimal() or not members.filter(pk=int(value)).exists():
        raise ChoiceError(value=value)
    return int(value)


def _metric(version: PlanVersion, column: Column, value: Any) -> str:
    if value not in metrics():
        raise ChoiceError(value=value)
    return str(value)


def _channels(version: PlanVersion, column: Column, value: Any) -> list[str]:
    return [_short(each) for each in _several(value)]


def _short(value: Any) -> str:
    text = " ".join(str(value).split())
    if len(text) > 255:
        raise LongError(most=255)
    return text


def _several(value: Any) -> list[str]:
    parts = value if isinstance(value, list | tuple) else re.split(r"[\n,]", str(value))
    found = list(dict.fromkeys(_short(part) for part in parts if str(part).strip()))
    if len(found) > _LISTED:
        raise LongError(most=_LISTED)
    return found


def _rows(version: PlanVersion, column: Column, value: Any) -> list[str]:
    return [_row(version, column, each) for each in _several(value)]


def _row(version: PlanVersion, column: Column, value: Any) -> str:
    """The key of a row; one that is there no more stays, and the page says so."""
    return _key(value)


def _key(value: Any) -> str:
    if not re.fullmatch(r"[\w.:=/ &+-]{1,120}", str(value)):
        raise ChoiceError(value=value)
    return str(value)


def _goal(version: PlanVersion, column: Column, value: Any) -> str:
    return _key(value)


def _link(version: PlanVersion, column: Column, value: Any) -> str:
    text = str(value).strip()
    parts = urlsplit(text)
    is_ours = text.startswith("/") and not text.startswith("//")
    if len(text) > 2000 or not (is_ours or (parts.scheme in ("http", "https") and parts.netloc)):
        raise LinkError(value=value)
    return text


def _rule(version: PlanVersion, column: Column, value: Any) -> str:
    return audience.parse(str(value)).text


def channels(version: PlanVersion) -> dict[str, str]:
    """The shop's channels: what each is called, by the code that facts carry."""
    return dict(Channel.objects.filter(shop=version.plan.shop).values_list("code", "name"))


_CHECKS: Mapping[Type, Check] = {
    Type.MONEY: _amount,
    Type.NUMBER: _number,
    Type.RATE: _rate,
    Type.DAY: _day,
    Type.CHOICE: _choice,
    Type.PERSON: _person,
    Type.METRIC: _metric,
    Type.GOAL: _goal,
    Type.CHANNELS: _channels,
    Type.LIST: _channels,
    Type.RULE: _rule,
    Type.ROW: _row,
    Type.ROWS: _rows,
    Type.STRATEGY: _row,
    Type.LINK: _link,
}
