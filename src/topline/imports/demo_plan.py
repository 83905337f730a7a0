"""The plans of a demo shop: a marketing plan and the sales plan that serves it.

They are drafted from what came before them, written to the end by a few words, and carried through the gate.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction

from topline.accounts.models import Shop, User
from topline.plans import approval, document, drafting, filling, ledger, operations, quotas, targets, templates
from topline.plans.facts import QUOTA
from topline.plans.models import Kind, PlanVersion, State
from topline.units.period import Period

BENEFITS: Mapping[str, str] = {
    "first-time-buyers": "A first order that arrives as promised, and an easy way to send it back.",
    "regulars": "What they bought before, in stock, at a price that needs no watching.",
    "slipping-away": "A reason to look in again: what is new since, and an offer on what they liked.",
}
"""What personas seek, by the keys that a draft gives them."""

STRATEGY: Mapping[str, tuple[str, str]] = {
    "harbour-and-pine": (
        "For people who live half outdoors: furniture, light and pots that last and go together. {net_sales}",
        "Made to stay outside",
    ),
    "complete-journey": (
        "The store round the corner for the whole week's basket: fresh first, at prices that hold. {net_sales}",
        "The whole week in one basket",
    ),
}
"""Positioning and message, by shop."""

TIED: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "harbour-and-pine": (
        {
            "name": "Form for hotels and guest houses", "stage": "middle", "channel": "organic_search",
            "form": "https://harbourandpine.example/trade/hospitality", "metric": "leads", "expected": "140",
        },
        {
            "name": "Form for offices", "stage": "middle", "channel": "organic_search",
            "form": "https://harbourandpine.example/trade/offices", "metric": "qualified_leads", "expected": "90",
        },
        {
            "name": "Newsletter of July", "stage": "bottom", "channel": "email", "metric": "link_click_rate",
            "flow": "https://harbourandpine.example/mail/newsletter:11", "expected": "0.03",
        },
        {
            "name": "Newsletter of August", "stage": "bottom", "channel": "email", "metric": "link_click_rate",
            "flow": "https://harbourandpine.example/mail/newsletter:12", "expected": "0.03",
        },
    ),
}  # fmt: skip
"""Actions that a flow or a form ties facts to, which no history of spend proposes, by shop."""

OWN_BUDGET = 500
"""What newsletters and forms cost a month."""

ACTIONS: Mapping[str, str] = {
    "net_sales": "Promote what the season sells, a fortnight before its peak",
    "orders": "Answer what people search for in the five largest categories with a page each",
    "average_order_value": "Show what goes together on every product page",
    "new_customers": "Spend on the channels whose new customers come back",
    "repeat_purchase_rate": "Write to first-time buyers after delivery, and again before they slip away",
}
"""What is done for a goal, by its metric."""


def drafted(shop: Shop, period: Period, actor: User) -> list[PlanVersion]:
    """The pair as new drafts, the marketing plan first, with what data can't say written."""
    draft = filling.filled(shop, period, drafting.propose(shop, period, period.start), "en")
    with transaction.atomic():
        made = [
            operations.start_plan(shop=shop, period=period, draft=draft, actor=actor, now=shop.now(), template=each)
            for each in templates.parts(shop, templates.PAIR)
        ]
        for version in made:
            _write(version, actor)
    return made


def _write(version: PlanVersion, actor: User) -> None:
    shop, now = version.plan.shop, version.plan.shop.now()
    for goal in version.goals.standing():
        operations.edit_goal(goal=goal, actions=[ACTIONS[goal.metric]], actor=actor, now=now)
    if version.plan.kind != Kind.MARKETING:
        return
    positioning, message = STRATEGY[shop.slug]
    known: dict[str, Any] = {"version": version, "actor": actor, "now": now}
    document.write(field="5.positioning", key="", changes={"text": positioning}, seen=0, **known)
    document.add_row(field="5.messages", values={"message": message}, **known)
    for row in version.entries.rows("8.fronts"):
        document.write(field="8.fronts", key=row.key, changes={"owner": actor.pk}, seen=row.revision, **known)
    if tied := TIED.get(shop.slug):
        _tie(tied, **known)
    for row in version.entries.rows("4.personas"):
        document.write(
            field="4.personas", key=row.key, changes={"benefits": BENEFITS[row.key]}, seen=row.revision, **known
        )


def _tie(actions: Iterable[Mapping[str, str]], *, version: PlanVersion, **whom: Any) -> None:
    """A front of the shop's own channels, with its budget and the actions."""
    months, name = version.plan.months, "Newsletters and forms"
    values = {
        "name": name, "goal": "net_sales", "focus": "middle", "channels": ["organic_search", "email"],
        "kpi": "net_sales", "owner": whom["actor"].pk, "budget": f"{OWN_BUDGET * len(months)}",
    }  # fmt: skip
    front = document.add_row(version=version, field="8.fronts", values=values, **whom)
    for one in actions:
        document.add_row(version=version, field="8.actions", values={**one, "front": front.key}, **whom)
    line = ledger.put_line(version=version, activity=name, channel="email", front_key=front.key, **whom)
    for month in months:
        ledger.set_amount(version=version, key=line.key, month=month, amount=Decimal(OWN_BUDGET), **whom)


def give_out(version: PlanVersion, actor: User) -> PlanVersion:
    """The sales plan's quotas and its lines by territory."""
    now = version.plan.shop.now()
    version = quotas.propose(version=version, total=None, actor=actor, now=now)
    names = targets.known_lines(version, "territory")
    return targets.add_lines(version=version, metric=QUOTA, cut="territory", names=names, actor=actor, now=now)


def put_in_force(versions: Iterable[PlanVersion], actor: User) -> None:
    """Each through the gate: handed in, approved, in force."""
    steps = {State.DRAFT: approval.submit, State.IN_REVIEW: approval.approve, State.APPROVED: approval.activate}
    for version in versions:
        while step := steps.get(State(version.state)):
            version = step(version=version, actor=actor, now=version.plan.shop.now())
