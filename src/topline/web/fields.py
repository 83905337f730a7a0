"""The fields of a form: what they show, what was written into them, and the form of an entry of a list."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.db import models
from django.http import QueryDict
from django.utils.translation import gettext

from topline.units.errors import FieldsError, ToplineError
from topline.units.number import NumberTextError
from topline.web import formats
from topline.web.page import Visit

NUMBERS = ("number", "rate")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a form.

    kind : text, long, number, rate (written in per cent, kept as 0-1), day, choice or several
    value : as kept; written : as it stands in the form; error : why it can't be kept
    options : of a choice: value and label
    """

    id: str
    label: str
    kind: str = "text"
    value: Any = None
    options: Sequence[tuple[str, str]] = ()
    hint: str = ""
    is_needed: bool = False
    is_wide: bool = False
    written: str = ""
    chosen: frozenset[str] = field(default_factory=frozenset)
    error: str = ""


def shown(
    fields: Sequence[Field], posted: QueryDict | None = None, wrong: Mapping[str, ToplineError] | None = None
) -> list[Field]:
    """The fields as the form shows them: what was posted and why it can't be kept, else what is kept."""
    errors = wrong or {}
    return [
        replace(
            one,
            written=posted.get(one.id, "") if posted is not None else _written(one),
            chosen=frozenset(posted.getlist(one.id) if posted is not None else map(str, one.value or ()))
            if one.kind == "several"
            else frozenset(),
            error=formats.say(errors[one.id]) if one.id in errors else "",
        )
        for one in fields
    ]


def _written(one: Field) -> str:
    value = one.value
    if value in (None, ""):
        return ""
    if one.kind in NUMBERS:
        return formats.typed(Decimal(value) * (100 if one.kind == "rate" else 1))
    return value.isoformat() if isinstance(value, date) else str(value)


def read(fields: Sequence[Field], posted: QueryDict) -> tuple[dict[str, Any], dict[str, ToplineError]]:
    """What was written, as it is kept, and what can't be read, by field."""
    values: dict[str, Any] = {}
    wrong: dict[str, ToplineError] = {}
    for one in fields:
        if one.kind == "several":
            values[one.id] = posted.getlist(one.id)
            continue
        text = posted.get(one.id, "").strip()
        try:
            values[one.id] = _number(one, text) if one.kind in NUMBERS and text else text
        except NumberTextError as error:
            wrong[one.id] = error
    return values, wrong


def _number(one: Field, text: str) -> str:
    number = formats.read_number(text.replace("%", ""))
    return str(number / 100 if one.kind == "rate" else number)


def form[Row: models.Model](
    visit: Visit, permission: str, rows: Iterable[Row], fields_of: Callable[[Row | None], Sequence[Field]]
) -> dict[str, Any] | None:
    """The form of the entry asked for, or of a new one; None for no entry, and for who may not write."""
    asked = visit.request.GET
    one = next((row for row in rows if str(row.pk) == asked.get("edit")), None)
    if not visit.may(permission) or (one is None and "new" not in asked):
        return None
    return {"one": one, "fields": shown(fields_of(one))}


def keep[Row: models.Model](
    visit: Visit,
    rows: Iterable[Row],
    number: int | None,
    fields_of: Callable[[Row | None], Sequence[Field]],
    kept: Callable[[dict[str, Any]], object],
) -> dict[str, Any] | None:
    """Keep what was posted of an entry, None for a new one; the form with why not where that can't be, else None.

    kept : keeps the values, or raises FieldsError
    """
    posted = visit.request.POST
    one = next((row for row in rows if row.pk == number), None)
    asked = fields_of(one)
    values, wrong = read(asked, posted)
    if not wrong:
        try:
            kept(values)
            messages.success(visit.request, gettext("Kept."))
            return None
        except FieldsError as error:
            wrong = error.errors
    return {"one": one, "fields": shown(asked, posted, wrong)}
