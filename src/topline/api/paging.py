"""Keyset paging: a page names the last thing that it held, so the next costs the same however deep it lies."""

import base64
import binascii
import json

from django.db.models import Model, QuerySet

from topline.units.errors import ToplineError
from topline.units.text import N_


class CursorError(ToplineError):
    message = N_("“%(cursor)s” is not a cursor. Take `next` from the page before, or leave `after` out.")


def encode(key: object) -> str:
    """The cursor after a thing with that key."""
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decode(cursor: str) -> object:
    """The key in a cursor. Raises CursorError."""
    try:
        return json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, UnicodeError, ValueError):
        raise CursorError(cursor=cursor[:80]) from None


def newest_first[M: Model](listed: QuerySet[M], *, limit: int, after: str | None) -> tuple[list[M], str | None]:
    """A page of rows, the newest first, and the cursor of the next one. Raises CursorError."""
    if after:
        last = decode(after)
        if type(last) is not int:
            raise CursorError(cursor=after)
        listed = listed.filter(pk__lt=last)
    page = list(listed.order_by("-pk")[: limit + 1])
    return page[:limit], encode(page[limit - 1].pk) if len(page) > limit else None
