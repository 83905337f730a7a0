"""What requests send: a field or a parameter that the endpoint doesn't know is refused rather than left out."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import wraps
from typing import Any, Self

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Schema
from ninja import errors as ninja
from pydantic import ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from topline.api.parser import require_kept
from topline.api.problem import of_topline
from topline.units import spelling
from topline.units.errors import ToplineError
from topline.units.text import N_


class ParameterError(ToplineError):
    message = N_("This address takes no parameter “%(name)s”. %(hint)s")


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


def checked(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Make an operation refuse an address with a parameter that it doesn't read, or a text that can't be kept.

    Who isn't let in hears that first. For `NinjaAPI.add_decorator`, in the mode “view”.
    """
    operation: Any = inspect.unwrap(run).__self__  # Ninja's, beneath other decorators
    models = [each for each in operation.models if each.__ninja_param_source__ == "query"]
    told = (operation.openapi_extra or {}).get("parameters", ())
    known = [*(name for each in models for name in each.__ninja_flatten_map__), *(each["name"] for each in told)]

    @wraps(run)
    def answer(request: HttpRequest, **path: Any) -> HttpResponse:
        try:
            require_kept([*path.values(), *(text for _name, texts in request.GET.lists() for text in texts)])
            _require_known(request.GET, known)
        except ToplineError as error:
            refused: HttpResponse | None = operation._run_checks(request)
            return refused or of_topline(error)
        return run(request, **path)

    return answer


def _require_known(names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if name not in known:
            near = spelling.nearest(name, known) or known
            hint = _("Did you mean %(nearest)s?") % {"nearest": " / ".join(near)} if near else _("It takes none.")
            raise ParameterError(name=name[:100], hint=hint)


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
