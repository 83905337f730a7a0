"""A parcel: how an order, or a part of it, reached its customer."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment(Fact):
    """A shipment in its newest state.

    promised_on : the last day on which the customer was told that it would arrive
    delivered_on : None while it is under way
    is_complete : everything ordered is in it; is_right : nothing wrong or broken is
    channel, market : the order's
    on : the day it was shipped
    """

    fulfilment_key: str
    order_key: str
    warehouse: str | None = None
    carrier: str | None = None
    channel: str | None = None
    market: str | None = None
    ordered_on: date
    promised_on: date | None = None
    shipped_on: date
    delivered_on: date | None = None
    is_complete: bool
    is_right: bool
    reason: str | None = None
    on: date


TABLE = Table(
    "fulfilment",
    Fulfilment,
    day="on",
    description="shipments and how they went",
    identity=("fulfilment_key",),
    nothing=Missing("no_shipments", N_("no shipments")),
)
