"""A document as JSON that keeps it exactly as it was: what a share link shows, whatever happened since."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from topline.documents.document import Bullets, Chart, Document, Figure, Figures, Heading, Paragraph, Run, Table
from topline.documents.sheet import Column, Form, Sheet, Worded
from topline.units.missing import Missing

_KINDS = {
    kind.__name__: kind
    for kind in (
        Document,
        Heading,
        Paragraph,
        Bullets,
        Figures,
        Figure,
        Table,
        Chart,
        Run,
        Sheet,
        Column,
        Missing,
        Worded,
    )
}


def freeze(thing: Any) -> Any:
    """A document, or a part of it, in plain JSON."""
    match thing:
        case Form():
            return {"form": thing.value}
        case Decimal():
            return {"decimal": str(thing)}
        case datetime():
            return {"moment": thing.isoformat()}
        case date():
            return {"day": thing.isoformat()}
        case Mapping():
            return {"map": json.loads(json.dumps(dict(thing), default=float))}  # a chart's JSON, as it is
        case str() | int() | float() | bool() | None:
            return thing
        case _ if type(thing).__name__ in _KINDS:
            kept = {field.name: freeze(getattr(thing, field.name)) for field in fields(thing)}
            return {"is": type(thing).__name__, **kept}
    return [freeze(each) for each in thing]


def thaw(kept: Any) -> Any:
    """What `freeze` was given, lists as tuples."""
    if isinstance(kept, list):
        return tuple(thaw(each) for each in kept)
    if not isinstance(kept, dict):
        return kept
    match kept:
        case {"is": kind}:
            return _KINDS[kind](**{name: thaw(value) for name, value in kept.items() if name != "is"})
        case {"map": inner}:
            return inner
        case {"decimal": text}:
            return Decimal(text)
        case {"moment": text}:
            return datetime.fromisoformat(text)
        case {"day": text}:
            return date.fromisoformat(text)
    return Form(kept["form"])
