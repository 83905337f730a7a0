"""Signs that people know the brand."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


class Kind(StrEnum):
    """What it was."""

    MENTION = "mention"
    BRANDED_SEARCH = "branded_search"
    AWARE_YES = "aware_yes"
    AWARE_NO = "aware_no"


@dataclass(frozen=True, slots=True, kw_only=True)
class BrandSignal(Fact):
    """So many mentions, branded searches or answers on a day.

    kind : mention, branded_search, aware_yes, aware_no (asked whether they know the brand)
    """

    kind: str
    channel: str | None = None
    market: str | None = None
    on: date
    count: int


TABLE = Table(
    "brand_signal",
    BrandSignal,
    day="on",
    description="mentions, branded searches and awareness by day",
    identity=(
        "kind",
        "channel",
        "market",
        "on",
    ),
    nothing=Missing("no_brand_signals", N_("no mentions, branded searches or awareness")),
)
