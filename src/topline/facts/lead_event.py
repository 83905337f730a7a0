"""What became of a lead: one row for each thing that happened to it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from topline.facts.table import Amount, Fact, Hour, Table
from topline.units.missing import Missing
from topline.units.text import N_


class Event(StrEnum):
    """What happened. A lead that has neither converted nor been lost is open."""

    CREATED = "created"
    CONSENTED = "consented"
    QUALIFIED = "qualified"
    CONVERTED = "converted"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadEvent(Fact):
    """An event of a lead.

    event : an `Event`
    lead_key : HMAC of the source's lead id
    customer_key : HMAC of the customer that the lead became, None if that is not known
    at, on, hour : when it happened
    channel, campaign, market : what brought the lead; form : the form that it filled in
    owner : who works on it; product_line : what it is interested in
    value_shop : what the lead is thought to be worth, in the shop's currency
    """

    event: str
    lead_key: str
    customer_key: str | None = None
    channel: str | None = None
    campaign: str | None = None
    market: str | None = None
    form: str | None = None
    owner: str | None = None
    product_line: str | None = None
    value_shop: Amount | None = None
    at: datetime
    on: date
    hour: Hour


TABLE = Table(
    "lead_event",
    LeadEvent,
    day="on",
    personal_keys=("lead_key", "customer_key"),
    description="what became of leads",
    course="lead_key",
    nothing=Missing("no_leads", N_("no leads")),
)
