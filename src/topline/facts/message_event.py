"""What became of a message."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from topline.facts.table import Fact, Hour, Table
from topline.units.missing import Missing
from topline.units.text import N_


class Event(StrEnum):
    """What happened."""

    SENT = "sent"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    OPENED = "opened"
    CLICKED = "clicked"
    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"


class Medium(StrEnum):
    """How the message went out."""

    EMAIL = "email"
    SMS = "sms"
    WHATSAPP = "whatsapp"
    PUSH = "push"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageEvent(Fact):
    """One thing that happened to a message to one person.

    event : sent, delivered, bounced, opened, clicked, unsubscribed, complained
    message_key : the message to this person; send_key : the mailing that it was part of
    customer_key, lead_key : the person, as a customer or as a lead
    medium : email, sms, whatsapp, push; link : the link that was clicked, or that stands in a message delivered
    is_machine : opened or clicked by a privacy proxy, a scanner or a gateway, not by the person
    """

    event: str
    message_key: str
    send_key: str
    customer_key: str | None = None
    lead_key: str | None = None
    medium: str
    campaign: str | None = None
    market: str | None = None
    link: str | None = None
    is_machine: bool = False
    at: datetime
    on: date
    hour: Hour


TABLE = Table(
    "message_event",
    MessageEvent,
    day="on",
    personal_keys=(
        "customer_key",
        "lead_key",
    ),
    description="what became of messages",
    nothing=Missing("no_messages", N_("no messages")),
)
