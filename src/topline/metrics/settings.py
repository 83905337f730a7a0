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


@dataclass(frozen=True, slots=True, order=True)
class Channel:
    """An entry of the shop's list of channels. code : as facts carry it"""

    code: str
    kind: str
    is_online: bool = True


@dataclass(frozen=True, slots=True)
class Settings:
    """A shop's currency, zone, calendar, country, basis and list of channels.

    zone : IANA name; facts hold local days already, so it only marks which zone those days are in
    country : ISO code of the home market, whose moving feasts align year with year
    """

    currency: str
    zone: str = "UTC"
    calendar: FiscalCalendar = field(default_factory=FiscalCalendar)
    country: str = ""
    basis: Basis = Basis.EVENT
    channels: tuple[Channel, ...] = ()

    def __post_init__(self) -> None:
        minor_digits(self.currency)
        object.__setattr__(self, "basis", Basis(self.basis))

    def said_of(self, dimension: str) -> dict[str, list[str]]:
        """The codes of the channels of each value of `channel_kind` or `channel_reach`."""
        found: dict[str, list[str]] = {}
        for one in self.channels:
            reach = "online" if one.is_online else "offline"
            found.setdefault(one.kind if dimension == "channel_kind" else reach, []).append(one.code)
        return found

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
            *sorted(self.channels),
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
