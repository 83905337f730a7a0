"""A customer's question to the shop, from the first message to the answer that settled it."""

from dataclasses import dataclass
from datetime import date, datetime

from topline.facts.table import Fact, Hour, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportConversation(Fact):
    """A conversation in its newest state.

    channel : mail, chat, phone, ...; reason : what it was about
    owner : who answered
    at, on, hour : when the customer opened it
    first_reply_at, resolved_at : None while there is none
    contacts : times that the customer got in touch in it, at least 1
    """

    conversation_key: str
    customer_key: str | None = None
    order_key: str | None = None
    channel: str | None = None
    reason: str | None = None
    owner: str | None = None
    market: str | None = None
    at: datetime
    on: date
    hour: Hour
    first_reply_at: datetime | None = None
    resolved_at: datetime | None = None
    contacts: int = 1


TABLE = Table(
    "support_conversation",
    SupportConversation,
    day="on",
    personal_keys=("customer_key",),
    description="customers' questions and how fast they were answered",
    identity=("conversation_key",),
    nothing=Missing("no_conversations", N_("no conversations with support")),
)
