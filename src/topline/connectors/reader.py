"""What a file's reader is told: by the shop, by whoever brings it, and by the file's layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from topline.connectors import reading
from topline.connectors.mapping import Layout
from topline.connectors.reading import identifier, quoted


@dataclass(frozen=True, slots=True)
class Shop:
    """What the facts of a shop need to know of it.

    source : names the source in keys; hmac : (source, id) to a key that names nobody
    today : the shop's day; nothing later is taken; rates : shop currency per unit of another currency
    """

    source: str
    currency: str
    zone: str
    country: str
    today: date
    hmac: Callable[[str, str], str]
    rates: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Who brings facts in, and when: the same in all rows of an import."""

    batch_id: str
    recorded_at: datetime

    @property
    def sql(self) -> str:
        return (
            f"{quoted(self.recorded_at.isoformat())}::TIMESTAMPTZ AS recorded_at, {quoted(self.batch_id)} AS batch_id"
        )


class Reader:
    """SQL for a layout's fields: the raw cell, and its typed value."""

    def __init__(self, layout: Layout, physical: Mapping[str, str]) -> None:
        self.layout = layout
        self.physical = physical

    def has(self, id: str) -> bool:
        return id in self.layout.matches

    def raw(self, id: str) -> str:
        """The cell as trimmed text, NULL if empty or if the field has no column."""
        if not self.has(id):
            return "NULL::VARCHAR"
        match = self.layout.matches[id]
        return reading.text(identifier(match.column), self.physical[match.column], match.reading)

    def number(self, id: str) -> str:
        if not self.has(id):
            return "NULL::DECIMAL(18, 6)"
        match = self.layout.matches[id]
        return reading.number(identifier(match.column), self.physical[match.column], match.reading)

    def stamp(self, id: str) -> str:
        match = self.layout.matches.get(id)
        if match is None:
            return "NULL::TIMESTAMP"
        return reading.stamp(identifier(match.column), self.physical[match.column], match.reading)

    def is_absolute(self, id: str) -> bool:
        match = self.layout.matches.get(id)
        return bool(match and match.reading.get("absolute"))

    def is_filled(self, id: str) -> str:
        return f"({self.raw(id)} IS NOT NULL)" if self.has(id) else "false"
