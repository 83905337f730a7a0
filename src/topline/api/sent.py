"""What requests send: a field that the endpoint doesn't know is refused rather than left out of what is written."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from django.utils.translation import gettext as _
from ninja import Schema
from ninja import errors as ninja
from pydantic import ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from topline.units import spelling


class Sent(Schema):
    """The base of every schema that a request's body is read by."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_unknown(cls, sent: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        known = [field.alias or name for name, field in cls.model_fields.items()]
        unknown = [name for name in sent if name not in known] if isinstance(sent, Mapping) else []
        if unknown:
            raise ValidationError.from_exception_data(cls.__name__, [_unknown(name, known) for name in unknown])
        return read(sent)


def check_form(names: Iterable[str], known: Sequence[str]) -> None:
    """Raises Ninja's ValidationError if a form has other fields, of which Ninja itself says nothing."""
    if unknown := [name for name in names if name not in known]:
        raise ninja.ValidationError([{"loc": ("form", name), "msg": _said_unknown(name, known)} for name in unknown])


def _unknown(name: str, known: Sequence[str]) -> InitErrorDetails:
    told: Any = _said_unknown(name, known)
    return InitErrorDetails(type=PydanticCustomError("unknown_field", told), loc=(name,), input=name)


def _said_unknown(name: str, known: Sequence[str]) -> str:
    if name == "id":
        return _("Leave “id” out: what is new gets a number, and what is changed is named by the address.")
    said = _("There is no field “%(name)s”. Did you mean %(nearest)s?")
    return said % {"name": name[:100], "nearest": " / ".join(spelling.nearest(name, known) or known)}
