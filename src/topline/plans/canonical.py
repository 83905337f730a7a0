"""Canonical JSON: one sequence of bytes for one content, so that a digest stands for it."""

import json
from decimal import Decimal
from typing import Any


def dumps(contents: Any) -> bytes:
    """UTF-8 JSON with sorted keys and no spaces; decimals in their shortest plain form."""
    text = json.dumps(
        contents, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
    )
    return text.encode()


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    raise TypeError(f"{value!r} has no canonical form")
