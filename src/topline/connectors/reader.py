"""What a file's reader is told: by the shop, by whoever brings it, and by the file's layout."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from topline.connectors import mapping, reading
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

    def has(self, id_: str) -> bool:
        return id_ in self.layout.matches

    @property
    def is_net(self) -> bool:
        """Whether a price without tax is known: if not, what there is may be with it."""
        return self.has("unit_price") or self.has("amount")

    @property
    def named_rate(self) -> Decimal | None:
        """The tax rate in the heading of a price with tax, if it names one."""
        headings = [self.layout.column(id_) or "" for id_ in ("gross_price", "gross_amount")]
        return next((rate for rate in map(mapping.heading_rate, headings) if rate is not None), None)

    def raw(self, id_: str) -> str:
        """The cell as trimmed text, NULL if empty or if the field has no column."""
        if not self.has(id_):
            return "NULL::VARCHAR"
        match = self.layout.matches[id_]
        return reading.text(identifier(match.column), self.physical[match.column], match.reading)

    def number(self, id_: str) -> str:
        if not self.has(id_):
            return "NULL::DECIMAL(18, 6)"
        match = self.layout.matches[id_]
        return reading.number(identifier(match.column), self.physical[match.column], match.reading)

    def rate(self, id_: str) -> str:
        if not self.has(id_):
            return "NULL::DECIMAL(18, 9)"
        match = self.layout.matches[id_]
        return reading.rate(identifier(match.column), self.physical[match.column], match.reading)

    def stamp(self, id_: str) -> str:
        match = self.layout.matches.get(id_)
        if match is None:
            return "NULL::TIMESTAMP"
        return reading.stamp(identifier(match.column), self.physical[match.column], match.reading)

    def is_absolute(self, id_: str) -> bool:
        match = self.layout.matches.get(id_)
        return bool(match and match.reading.get("absolute"))

    def is_filled(self, id_: str) -> str:
        return f"({self.raw(id_)} IS NOT NULL)" if self.has(id_) else "false"
