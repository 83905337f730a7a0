"""What a shop states about itself that no fact says: lead times, minutes of work, people; and what holds until then."""

from collections.abc import Mapping
from dataclasses import dataclass

from topline.accounts.models import Shop
from topline.outlook.check import LEAD_DAYS
from topline.plans.models import ShopNumber
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import audit


class UnknownNumberError(ToplineError):
    message = N_("There is no number “%(name)s” to state.")


class NumberRangeError(ToplineError):
    message = N_("%(label)s lies between %(least)s and %(most)s: %(asked)s does not.")


@dataclass(frozen=True, slots=True)
class Number:
    """A number that a shop may state.

    label : names its unit; of : what it may differ by (supplier), "" for the whole shop only
    """

    label: str
    otherwise: float
    least: float
    most: float
    of: str = ""


NUMBERS: Mapping[str, Number] = {
    "lead_days": Number(N_("Days from an order to its delivery"), LEAD_DAYS, 0, 180, "supplier"),
    "minimum_value": Number(N_("Smallest order"), 0, 0, 1e9, "supplier"),
    "review_days": Number(N_("Days between two looks at the stock"), 7, 1, 90),
    "carrying_rate": Number(N_("What stock costs a year, per cent of its cost"), 25, 0, 200),
    "service_rate": Number(N_("Service level where costs are unknown, per cent"), 95, 50, 99.5),
    "pack_units": Number(N_("Units in a pack"), 1, 1, 10_000),
    "closing_days": Number(N_("Days of sales to have in stock at a month's end"), 35, 0, 180),
    "excess_days": Number(N_("Days of sales beyond which stock is too much"), 120, 30, 182),
    "pick_minutes": Number(N_("Minutes to pick and pack an order"), 6, 0, 600),
    "contacts_per_order": Number(N_("Contacts for 100 orders, where nobody counts them"), 12, 0, 1_000),
    "contact_minutes": Number(N_("Minutes to answer a contact"), 8, 0, 600),
    "leads_per_week": Number(N_("Leads a week, where nobody counts them"), 0, 0, 1e6),
    "lead_minutes": Number(N_("Minutes to call a lead"), 20, 0, 600),
    "content_per_week": Number(N_("Pieces of content a week, where nobody counts them"), 3, 0, 1e4),
    "content_per_event": Number(N_("Pieces of content more for a retail event"), 4, 0, 1e4),
    "content_minutes": Number(N_("Minutes to make a piece of content"), 150, 0, 6_000),
    "pick_people": Number(N_("People who pick and pack"), 1, 0, 10_000),
    "contact_people": Number(N_("People who answer contacts"), 1, 0, 10_000),
    "lead_people": Number(N_("People who call leads"), 1, 0, 10_000),
    "content_people": Number(N_("People who make content"), 1, 0, 10_000),
    "week_hours": Number(N_("Hours that a person works a week"), 30, 1, 80),
}


@dataclass(frozen=True, slots=True)
class Stated:
    """A shop's numbers: those that it stated, and what holds otherwise."""

    known: Mapping[tuple[str, str], float]

    def __call__(self, name: str, of: str = "") -> float:
        """The number of a supplier, else of the whole shop, else the one that holds until it is stated."""
        own = self.known.get((name, of)) if of else None
        whole = self.known.get((name, ""))
        return own if own is not None else whole if whole is not None else NUMBERS[name].otherwise

    def is_stated(self, name: str, of: str = "") -> bool:
        return (name, of) in self.known


def of(shop: Shop) -> Stated:
    """The numbers of a shop."""
    rows = ShopNumber.objects.filter(shop=shop).values_list("name", "of", "value")
    return Stated({(name, of): value for name, of, value in rows})


def state(*, shop: Shop, name: str, value: float | None, actor_id: int | None, of: str = "") -> None:
    """Keep a number; None takes it back to what holds otherwise. Raises UnknownNumberError, NumberRangeError."""
    found = NUMBERS.get(name)
    if found is None or (of and not found.of):
        raise UnknownNumberError(name=name)
    if value is None:
        ShopNumber.objects.filter(shop=shop, name=name, of=of).delete()
    elif not found.least <= value <= found.most:
        raise NumberRangeError(label=found.label, least=f"{found.least:g}", most=f"{found.most:g}", asked=f"{value:g}")
    else:
        ShopNumber.objects.update_or_create(shop=shop, name=name, of=of, defaults={"value": value})
    audit.log("plan.state_number", actor_id=actor_id, shop=shop.slug, subject=f"{name} {of}".strip(), value=value)
