"""What an accepted proposal writes into a draft: amounts of the budget, prices, orders, promotions, rows or actions."""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext_lazy as _

from topline.accounts.models import User
from topline.metrics.query import Filter
from topline.plans import document, ledger, operations, outline, price, promotion
from topline.plans.models import Goal, PlanVersion, Proposal
from topline.plans.units import digits
from topline.units.errors import ToplineError
from topline.units.text import N_

BUDGET, PRICES, ORDERS = "budget", "7.prices", "20.orders"
ACTIONS, PIECES, TACTICS, PROMOTIONS = "8.actions", "10.pieces", "16.tactics", "11.promotions"
FIELDS: Mapping[str, str] = {
    "budget": BUDGET,
    "price": PRICES,
    "stock": ORDERS,
    "landing": ACTIONS,
    "product_page": ACTIONS,
    "checkout": ACTIONS,
    "delivery": ACTIONS,
    "message": ACTIONS,
    "content": PIECES,
    "tactic": TACTICS,
    "follow_up": TACTICS,
    "promotion": PROMOTIONS,
}
"""What each kind is written to: a table of the document, or the budget; the others are actions of a goal."""

CLEARING_DAYS, CLEARING_DISCOUNT = 14, Decimal("0.2")
"""Of a promotion that clears what lies there: how long, and how deep until a person says otherwise."""

_NAMED = 120
_STAGES = {
    "landing": "middle",
    "product_page": "middle",
    "checkout": "bottom",
    "delivery": "bottom",
    "message": "middle",
}


class NothingToWriteError(ToplineError):
    message = N_("The draft has nowhere to put this: %(why)s It stays open.")


NO_BUDGET = _("its budget has no amounts in the months ahead. Write the budget first.")
NO_PRICE = _("nothing of the category was sold in the year before, so its price isn't known. Write it in section 7.")
UNDER_FLOOR = _("the new price would be under the lowest price of section 7. Lower that first, or dismiss it.")
NO_PRODUCTS = _("which products it is about isn't known any more. Wait for next week's proposals.")
NO_SECTION = _("no plan of the days ahead has the section for it. Draft a marketing plan, which a sales plan serves.")
NO_GOAL = _("it has no goal for net sales. Add one first.")


def field_of(draft: PlanVersion, proposal: Proposal) -> str:
    """What a proposal is written to (`FIELDS`), "" if it becomes an action of a goal.

    An action of the document belongs to an action front: without any it is one of the goal.
    """
    field = FIELDS.get(proposal.kind, "")
    return "" if field == ACTIONS and not draft.entries.rows("8.fronts") else field


def enact(
    *, draft: PlanVersion, proposal: Proposal, action: str, goal: Goal | None, actor: User | None, now: datetime
) -> None:
    """Write the proposal into the draft. Raises NothingToWriteError."""
    field = field_of(draft, proposal)
    if not field:
        if goal is None:
            raise NothingToWriteError(why=NO_GOAL)
        operations.edit_goal(goal=goal, actor=actor, now=now, actions=[*goal.actions, action])
        return
    if field != BUDGET and field not in outline.names(draft.plan.kind, draft.plan.outline):
        raise NothingToWriteError(why=NO_SECTION)
    if write := _WRITERS.get(field):
        write(draft, proposal, action, actor, now)
        return
    values = _cells(draft, proposal, field, action, goal)
    document.add_row(version=draft, field=field, values=values, actor=actor, now=now)


def _spend(draft: PlanVersion, found: Proposal, action: str, actor: User | None, now: datetime) -> None:
    """Each line's amounts of the months that lie ahead, moved by the proposal's rate."""
    times, months = 1 + _rate(found), [month for month in draft.plan.months if month >= found.starts_on]
    planned = [(line.key, month, line.amounts.get(month)) for line in draft.budget.all() for month in months]
    amounts = [(key, month, amount) for key, month, amount in planned if amount]
    if not amounts:
        raise NothingToWriteError(why=NO_BUDGET)
    for key, month, amount in amounts:
        ledger.set_amount(
            version=draft, key=key, month=month, amount=amount * times, actor=actor, now=now, reason=action[:500]
        )


def _price(draft: PlanVersion, found: Proposal, action: str, actor: User | None, now: datetime) -> None:
    """The price of the category's rows in section 7, moved by the proposal's rate; a row where there is none yet."""
    category, times = found.scope["category"], 1 + _rate(found)
    rows = [row for row in draft.entries.rows(PRICES) if row.cells.get("category") == category]
    priced = [(row, _rounded(draft, Decimal(row.cells["price"]) * times)) for row in rows if row.cells.get("price")]
    if any(row.cells.get("floor") and amount < Decimal(row.cells["floor"]) for row, amount in priced):
        raise NothingToWriteError(why=UNDER_FLOOR)
    for row, amount in priced:
        document.write(
            version=draft,
            field=PRICES,
            key=row.key,
            changes={"price": f"{amount:f}"},
            seen=row.revision,
            actor=actor,
            now=now,
        )
    if priced:
        return
    before = price.before(draft, Filter("category", (category,)))
    if before is None:
        raise NothingToWriteError(why=NO_PRICE)
    values = {"name": category, "category": category, "price": f"{_rounded(draft, before * times):f}"}
    document.add_row(version=draft, field=PRICES, values=values, actor=actor, now=now)


def _order(draft: PlanVersion, found: Proposal, action: str, actor: User | None, now: datetime) -> None:
    """A row of the order plan: what to order at once, and what it costs."""
    values = {"name": action[:_NAMED], "on": found.starts_on.isoformat()}
    if found.cost:
        values["open_to_buy"] = f"{_rounded(draft, Decimal(found.cost)):f}"
    document.add_row(version=draft, field=ORDERS, values=values, actor=actor, now=now)


def _promote(draft: PlanVersion, found: Proposal, action: str, actor: User | None, now: datetime) -> None:
    """A promotion of the products, from when it can be prepared, within the plan's days."""
    products = found.action[1].get("products")
    if not products:
        raise NothingToWriteError(why=NO_PRODUCTS)
    period = draft.plan.period
    wanted = max(found.starts_on + timedelta(days=promotion.PREPARED_DAYS), period.start)
    first: date = min(wanted, period.last)
    last = min(first + timedelta(days=CLEARING_DAYS - 1), period.last)
    values = {
        "name": action[:_NAMED],
        "products": products,
        "starts_on": first.isoformat(),
        "ends_on": last.isoformat(),
        "discount": f"{CLEARING_DISCOUNT:f}",
    }
    document.add_row(version=draft, field=PROMOTIONS, values=values, actor=actor, now=now)


_WRITERS: Mapping[str, Callable[[PlanVersion, Proposal, str, User | None, datetime], None]] = {
    BUDGET: _spend,
    PRICES: _price,
    ORDERS: _order,
    PROMOTIONS: _promote,
}


def _cells(draft: PlanVersion, found: Proposal, field: str, action: str, goal: Goal | None) -> dict[str, Any]:
    """The row's cells."""
    if field == TACTICS:
        return {"tactic": action, "aim": "new"}
    if field == PIECES:
        return {"name": action[:_NAMED], "content": found.subject, "status": "idea"}
    fronts = list(draft.entries.rows("8.fronts"))
    front = next((one for one in fronts if goal and one.cells.get("goal") == goal.key), fronts[0])
    expected = {} if found.expected is None or found.is_variant else {"expected": f"{found.expected:.4f}"}
    metric = {"metric": found.metric} if expected and found.metric else {}
    return {"name": action[:_NAMED], "front": front.key, "stage": _STAGES[found.kind], **metric, **expected}


def _rate(found: Proposal) -> Decimal:
    """By how much the proposal moves what it is about."""
    return Decimal(str(found.action[1]["change_rate"]))


def _rounded(draft: PlanVersion, amount: Decimal) -> Decimal:
    return round(amount, digits("net_sales", draft.plan.currency))
