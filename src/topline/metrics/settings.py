"""What a shop decides about its numbers, applied when they are read."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from topline.units.money import minor_digits
from topline.units.period import FiscalCalendar


class Basis(StrEnum):
    """The day that a ledger row stands on: its own (a refund on the refund's day), or its order's."""

    EVENT = "event"
    ORDER = "order"


@dataclass(frozen=True, slots=True)
class Settings:
    """A shop's currency, zone, calendar, country and basis.

    zone : IANA name; facts hold local days already, so it only marks which zone those days are in
    country : ISO code of the home market, whose moving feasts align year with year
    """

    currency: str
    zone: str = "UTC"
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)
    country: str = ""
    basis: Basis = Basis.EVENT

    def __post_init__(self) -> None:
        minor_digits(self.currency)
        object.__setattr__(self, "basis", Basis(self.basis))

    @property
    def digest(self) -> str:
        """The same for the same settings, in every process."""
        parts = (
            self.currency,
            self.zone,
            self.calendar.week_start,
            self.calendar.first_month,
            self.country,
            self.basis.value,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
