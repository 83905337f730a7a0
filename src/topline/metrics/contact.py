"""First contacts (an identified visit, a lead, a deal) and the sales that came of them (an order, a won deal)."""

from typing import TYPE_CHECKING, Any

from topline.facts.deal_stage import State
from topline.metrics.source import Source

if TYPE_CHECKING:
    from topline.metrics.view import View


def _with_person(view: "View", rows: Any) -> Any:
    """The rows with `person`; a projection of its own, as Ibis joins no column that a join has made."""
    rows = view.with_person(rows)
    return rows.mutate(person=rows.customer)


def _courses(view: "View") -> Any:
    """Every first contact and what came of it: a row for each deal, each lead without one, and each other shopper.

    contact : what it was, a visit, a lead or a deal; contact_on : its day; sold_on : the day of the sale, if any
    """
    import ibis

    visits: Any = view.everything("session", "channel", "market")
    visits = view.with_person(visits.filter(visits.customer_key.notnull()))
    visits = visits.group_by(visit_person=visits.customer).aggregate(
        visit_on=visits.day.min(),
        visit_channel=visits.channel.argmin(visits["at"]),
        visit_market=visits.market.argmin(visits["at"]),
    )
    created = _with_person(view, view.made("lead"))
    known_leads = created.select(lead_id="lead_key", lead_on="created_on", lead_channel="channel", lead_market="market")
    of_person = created.filter(created.person.notnull())
    of_person = of_person.group_by(lead_person=of_person.person).aggregate(
        lead_on=of_person.created_on.min(),
        lead_channel=of_person.channel.argmin(of_person.created_on),
        lead_market=of_person.market.argmin(of_person.created_on),
        lead_owner=of_person.owner.argmin(of_person.created_on),
        lead_line=of_person.product_line.argmin(of_person.created_on),
    )
    bought: Any = view.everything("buyer", "channel", "market")
    bought = bought.group_by(buyer=bought.customer).aggregate(
        key=bought.order_key.argmin(bought["at"]), order_on=bought.day.min()
    )
    text = ibis.null("string")

    # deals: from the deal's creation, its lead's, or the first visit of a person who had not bought yet
    every = _with_person(view, view.made("deal"))
    every = every.left_join(known_leads, [("lead_key", "lead_id")])
    every = every.left_join(visits, [("person", "visit_person")])
    every = every.left_join(bought.select("buyer", "order_on"), [("person", "buyer")])
    is_newcomer = every.order_on.isnull() | (every.order_on >= every.created_on)
    visit_on = is_newcomer.ifelse(every.visit_on, ibis.null("date"))
    lead_on = every.lead_on.fill_null(every.created_on)
    first = ibis.least(every.created_on, lead_on, visit_on.fill_null(every.created_on))
    contact = ibis.cases(((visit_on == first) & (visit_on < every.created_on), "visit"), else_=text)
    contact = contact.fill_null(ibis.ifelse((every.lead_on == first).fill_null(False), "lead", "deal"))
    every = every.mutate(contact=contact, contact_on=first)
    of_deals = every.select(
        "key",
        "on",
        "contact",
        "contact_on",
        "owner",
        "territory",
        "product_line",
        channel=every.contact.cases(("visit", every.visit_channel), ("lead", every.lead_channel), else_=every.channel),
        market=every.contact.cases(("visit", every.visit_market), ("lead", every.lead_market), else_=every.market),
        sold_on=(every.state == State.WON.value).ifelse(every.closed_on, ibis.null("date")),
        is_lost=every.state == State.LOST.value,
    )

    # shoppers: from a person's first visit or lead to the first order, unless a deal came first
    dealt = every.filter(every.person.notnull()).group_by(dealer=every.person).aggregate(deal_on=every.created_on.min())
    people = bought.left_join(visits, [("buyer", "visit_person")])
    people = people.left_join(of_person, [("buyer", "lead_person")])
    people = people.left_join(dealt, [("buyer", "dealer")])
    people = people.filter(people.deal_on.isnull() | (people.deal_on > people.order_on))
    first = ibis.least(people.visit_on.fill_null(people.lead_on), people.lead_on.fill_null(people.visit_on))
    people = people.filter(first <= people.order_on)
    is_visit = (people.visit_on == first).fill_null(False)
    of_people = people.select(
        "key",
        on=people.order_on,
        contact=is_visit.ifelse("visit", "lead"),
        contact_on=first,
        owner=is_visit.ifelse(text, people.lead_owner),
        territory=text,
        product_line=is_visit.ifelse(text, people.lead_line),
        channel=is_visit.ifelse(people.visit_channel, people.lead_channel),
        market=is_visit.ifelse(people.visit_market, people.lead_market),
        sold_on=people.order_on,
        is_lost=False,
    )

    # leads that nothing came of yet
    waiting = created.filter(created.converted_on.isnull())
    waiting = waiting.anti_join(every.filter(every.lead_key.notnull()), "lead_key")
    of_leads = waiting.select(
        "key",
        "on",
        "owner",
        "product_line",
        "channel",
        "market",
        "is_lost",
        contact=ibis.literal("lead"),
        contact_on=waiting.created_on,
        territory=text,
        sold_on=ibis.null("date"),
    )
    names = of_deals.columns
    return of_deals.union(of_people.select(*names)).union(of_leads.select(*names))


def _sales(view: "View") -> Any:
    rows: Any = view.made("course")
    rows = rows.filter(rows.sold_on.notnull())
    return rows.mutate(day=rows.sold_on, days=rows.sold_on.delta(rows.contact_on, unit="day"))


def _contact_cohort(view: "View") -> Any:
    """First contacts by their own day; a lost one is left out, as it never comes to a sale."""
    rows: Any = view.made("course")
    rows = rows.filter(~rows.is_lost)
    return rows.mutate(day=rows.contact_on, ended_on=rows.sold_on, has_passed=True)


_DAYS = ("on", "contact_on", "sold_on")
_TEXTS = ("key", "contact", "owner", "territory", "product_line", "channel", "market")

SOURCES = (
    Source(
        "course",
        "order",
        _courses,
        columns=dict.fromkeys(_TEXTS, "string") | dict.fromkeys(_DAYS, "date") | {"is_lost": "boolean"},
        facts=("session", "lead_event", "deal_stage", "order_line", "order", "identity_link"),
    ),
    Source("sale", "order", _sales, is_kept=False),
    Source("contact", "order", _contact_cohort, is_kept=False),
)
