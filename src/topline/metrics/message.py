"""Messages: what was sent and delivered, and what people did with it."""

from typing import TYPE_CHECKING, Any

from topline.metrics.dimension import TIME
from topline.metrics.marketing import COUNT, RATE, rate_of
from topline.metrics.metric import Direction, Measure, Metric, count
from topline.metrics.source import Source
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.view import View

_NO_LINKS = Missing("no_links", N_("no links in the messages delivered"))
_NO_DELIVERED = Missing("no_messages_delivered", N_("no messages delivered"))
_NO_SENT = Missing("no_messages_sent", N_("no messages sent"))
_NO_OPENS = Missing("no_opens", N_("no message was opened by a person"))

_MESSAGE = TIME | {"medium", "campaign", "market", "flow"}
_WHAT = {"was_sent": "sent", "was_delivered": "delivered", "has_bounced": "bounced", "has_left": "unsubscribed"}


def _messages(view: "View") -> Any:
    """One row for each message, on the day and hour of its delivery, else of its first event; machines are out."""
    import ibis

    events: Any = view.tables.table("message_event")
    delivered = events.event == "delivered"
    first = {
        name: ibis.coalesce(events[name].argmin(events["at"], where=delivered), events[name].argmin(events["at"]))
        for name in ("on", "hour", "key")
    }
    named = ("send_key", "medium", "campaign", "market", "customer_key", "lead_key")
    messages = events.group_by("message_key").aggregate(
        **first,
        **{name: events[name].max() for name in named},
        **{name: (events.event == event).any() for name, event in _WHAT.items()},
        has_opened=((events.event == "opened") & ~events.is_machine).any(),
        has_clicked=((events.event == "clicked") & ~events.is_machine).any(),
    )
    return messages.mutate(day=messages.on)


def _links(view: "View") -> Any:
    """Delivered messages once for each link of their mailing, with the person and whether they clicked it."""
    events: Any = view.tables.table("message_event")
    linked = events.filter(events.link.notnull())
    stands = linked.select(sent="send_key", link="link").distinct()
    clicked = linked.filter((linked.event == "clicked") & ~linked.is_machine)
    clicked = clicked.select(clicked_message="message_key", clicked_link="link").distinct()
    messages = _messages(view)
    messages = messages.filter(messages.was_delivered)
    shown = messages.inner_join(stands, messages.send_key == stands.sent)
    shown = shown.left_join(clicked, [shown.message_key == clicked.clicked_message, shown.link == clicked.clicked_link])
    shown = view.with_person(shown.mutate(is_clicked=shown.clicked_link.notnull()))
    return shown.mutate(person=shown.customer.fill_null(shown.lead_key).fill_null(shown.message_key))


SOURCES = (
    Source("message", "message_event", _messages, is_kept=False),
    Source("link", "message_event", _links, is_kept=False),
)

SHOWN = Measure("link_people", "link", lambda rows: rows.person.nunique(), adds_up=False)
CLICKED = Measure("link_clickers", "link", lambda rows: rows.person.nunique(where=rows.is_clicked), adds_up=False)
SENT = Measure("messages_sent", "message", lambda rows: rows.was_sent.sum())
DELIVERED = Measure("messages_delivered", "message", lambda rows: rows.was_delivered.sum())
BOUNCED = Measure("messages_bounced", "message", lambda rows: (rows.was_sent & rows.has_bounced).sum())
OPENED = Measure("messages_opened", "message", lambda rows: (rows.was_delivered & rows.has_opened).sum())
CLICKED_THROUGH = Measure("messages_clicked", "message", lambda rows: (rows.was_delivered & rows.has_clicked).sum())
LEFT = Measure("messages_unsubscribed", "message", lambda rows: (rows.was_delivered & rows.has_left).sum())

_MACHINES = N_(
    "What a privacy proxy, a scanner or a gateway opens or clicks is left out. A message counts once, on the day it "
    "was delivered."
)

METRICS = (
    Metric(
        id="messages_sent",
        label=N_("Messages sent"),
        description=N_("Messages that were handed to the carrier, on the day they were delivered, else sent."),
        formula="distinct messages with an event sent",
        measures=(SENT,),
        value=lambda cell: count(cell, "messages_sent"),
        dimensions=_MESSAGE,
        leaders=N_("Klaviyo calls them recipients."),
        **COUNT | {"direction": Direction.NONE},
    ),
    Metric(
        id="messages_delivered",
        label=N_("Messages delivered"),
        description=N_("Messages that the receiver's server or network accepted."),
        formula="distinct messages with an event delivered",
        measures=(DELIVERED,),
        value=lambda cell: count(cell, "messages_delivered"),
        dimensions=_MESSAGE,
        leaders=N_("Mailchimp's is sent less bounced, which is the same where the carrier reports deliveries."),
        **COUNT,
    ),
    Metric(
        id="open_rate",
        label=N_("Open rate"),
        description=N_("The share of the messages delivered that a person opened."),
        note=_MACHINES,
        formula="distinct messages opened by a person / messages_delivered",
        measures=(OPENED, DELIVERED),
        value=rate_of("messages_opened", "messages_delivered", _NO_DELIVERED),
        dimensions=_MESSAGE,
        leaders=N_(
            "Mailchimp and Klaviyo count the opens of Apple's privacy proxy unless told not to, so theirs is higher."
        ),
        is_plan=True,
        **RATE,
    ),
    Metric(
        id="message_click_rate",
        label=N_("Message click rate"),
        description=N_("The share of the messages delivered in which a person clicked."),
        note=_MACHINES,
        formula="distinct messages clicked by a person / messages_delivered",
        measures=(CLICKED_THROUGH, DELIVERED),
        value=rate_of("messages_clicked", "messages_delivered", _NO_DELIVERED),
        dimensions=_MESSAGE,
        leaders=N_("Products that keep the clicks of security gateways show a higher rate."),
        is_plan=True,
        **RATE,
    ),
    Metric(
        id="link_click_rate",
        label=N_("Link click rate"),
        description=N_(
            "The share of the people to whom a link was sent who clicked it. By link it compares the links."
        ),
        note=_MACHINES,
        formula="distinct people who clicked the link / distinct people to whom it was delivered",
        measures=(CLICKED, SHOWN),
        value=rate_of("link_clickers", "link_people", _NO_LINKS),
        dimensions=_MESSAGE | {"link"},
        leaders=N_("Mailchimp's click map divides a link's clicks by all clicks of the mailing."),
        **RATE,
    ),
    Metric(
        id="click_to_open_rate",
        label=N_("Click-to-open rate"),
        description=N_("Messages in which a person clicked, for each that a person opened."),
        note=_MACHINES,
        formula="distinct messages clicked by a person / distinct messages opened by a person",
        measures=(CLICKED_THROUGH, OPENED),
        value=rate_of("messages_clicked", "messages_opened", _NO_OPENS),
        dimensions=_MESSAGE,
        leaders=N_("Where opens are hidden by a proxy a click may have no open of a person, so it can pass 100 %."),
        **RATE,
    ),
    Metric(
        id="unsubscribe_rate",
        label=N_("Unsubscribe rate"),
        description=N_("The share of the messages delivered through which a person unsubscribed."),
        formula="distinct messages unsubscribed / messages_delivered",
        measures=(LEFT, DELIVERED),
        value=rate_of("messages_unsubscribed", "messages_delivered", _NO_DELIVERED),
        dimensions=_MESSAGE,
        leaders=N_("The same in Mailchimp and Klaviyo; complaints are not part of it."),
        **RATE | {"direction": Direction.DOWN},
    ),
    Metric(
        id="bounce_rate_messages",
        label=N_("Message bounce rate"),
        description=N_("The share of the messages sent that came back."),
        formula="distinct messages bounced / messages_sent",
        measures=(BOUNCED, SENT),
        value=rate_of("messages_bounced", "messages_sent", _NO_SENT),
        dimensions=_MESSAGE,
        leaders=N_("Mailchimp shows hard and soft bounces apart; here they are together."),
        **RATE | {"direction": Direction.DOWN},
    ),
)
