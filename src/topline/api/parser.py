"""Bodies as JSON and nothing else: what is no JSON, or what no database can keep, is refused before it is read."""

import json
from typing import Any, NoReturn

from django.http import HttpRequest
from ninja import parser
from ninja.types import DictStrAny

from topline.units.errors import ToplineError
from topline.units.text import N_


class MediaTypeError(ToplineError):
    message = N_("The body is sent as %(type)s. Send JSON, with “Content-Type: application/json”.")


class NotJsonError(ToplineError):
    message = N_("The body can't be read as JSON in UTF-8: %(what)s. Send one JSON value, such as {}.")


class UnkeptCharacterError(ToplineError):
    message = N_("“%(text)s” has a character that no text may hold (NUL, or half of a pair). Leave it out.")


class Parser(parser.Parser):
    """Ninja wraps whatever this raises in an HttpError; `problem` looks inside."""

    def parse_body(self, request: HttpRequest) -> DictStrAny:
        """Raises MediaTypeError, NotJsonError, UnkeptCharacterError."""
        sent_as = request.content_type or "application/json"
        if sent_as != "application/json" and not sent_as.endswith("+json"):
            raise MediaTypeError(type=sent_as[:80])
        try:
            sent: DictStrAny = json.loads(request.body.decode(), parse_constant=_refuse_constant)
        except (ValueError, RecursionError) as error:
            raise NotJsonError(what=error) from None
        if b"\\u" in request.body:
            require_kept(sent)
        return sent


def require_kept(sent: Any) -> None:
    """Passes a JSON value whose texts can all be kept. Raises UnkeptCharacterError."""
    left = [sent]
    while left:
        match left.pop():
            case dict() as members:
                left += members
                left += members.values()
            case list() as items:
                left += items
            case str(text) if any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
                raise UnkeptCharacterError(text=text[:80].encode("utf-8", "replace").decode().replace("\0", "\\0"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")
