"""A planned promotion: its days, and its price against those that were asked before it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any

from django.db.models import Q

from topline.accounts.models import Shop
from topline.calendar import holiday, prior_price
from topline.calendar.occurrence import Occurrence, occurrences
from topline.calendar.prior_price import PriorPrice, Ruling, Verdict
from topline.catalog.models import Product
from topline.facts.order_line import Kind
from topline.lake import engine
from topline.plans.models import Entry, OwnEvent, PlanVersion
from topline.units import errors
from topline.units.period import Period
from topline.units.text import N_

PREPARED_DAYS = 14
"""Days before its first day from which a promotion is prepared, where its event doesn't say."""

REASONS: Mapping[Verdict, str] = {
    Verdict.ALLOWED: N_("It may be announced as a reduction, with the prior price beside it."),
    Verdict.UNSURE: N_(
        "It may be announced as a reduction by the days that are known, which are fewer than 30. For goods that are "
        "new on the market, look at the rule of the country."
    ),
    Verdict.NOT_LOWER: N_(
        "It may not be announced as a reduction: in the 30 days before, the product was as cheap already."
    ),
    Verdict.NO_PRICE: N_(
        "No price is known for the 30 days before. Import a price list with the days that prices began."
    ),
    Verdict.NO_RULE: N_("The rule is one of the European Union, and this market lies outside it."),
}


def own_events(version: PlanVersion) -> list[Occurrence]:
    """The shop's own events in the plan's period: read once for all of its promotions."""
    return OwnEvent.objects.occurrences(version.plan.shop, version.plan.period)


def days(version: PlanVersion, row: Mapping[str, Any], own: Sequence[Occurrence]) -> Period | None:
    """The days of a promotion: those stated, else those of its event in the plan's period; None if neither is known.

    row : its cells, as the plan document keeps them; own : as `own_events` has them
    """
    if row.get("starts_on"):
        first = date.fromisoformat(row["starts_on"])
        last = date.fromisoformat(row["ends_on"]) if row.get("ends_on") else first
        return Period(first, last + timedelta(days=1))
    found = event_of(version, row, own)
    if found is None:
        return None
    inside = version.plan.period
    return Period(max(found.start, inside.start), min(found.end, inside.end))


def days_by_key(version: PlanVersion, rows: Iterable[Entry], own: Sequence[Occurrence]) -> dict[str, Period]:
    """The days of those promotions that have any."""
    found = {row.key: days(version, row.cells, own) for row in rows}
    return {key: period for key, period in found.items() if period}


def event_of(version: PlanVersion, row: Mapping[str, Any], own: Sequence[Occurrence]) -> Occurrence | None:
    """When the event of a promotion happens in its market in the plan's period, on its stated days if it has any."""
    if not row.get("event"):
        return None
    shop, period = version.plan.shop, version.plan.period
    country = row["market"] if holiday.is_known(row.get("market") or "") else shop.country
    mine = own if country == shop.country else []
    replaced = {(one.event, one.start.year) for one in mine}
    shipped = (one for one in _shipped(period, country) if (one.event, one.start.year) not in replaced)
    found = sorted((one for one in (*mine, *shipped) if one.event == row["event"]), key=lambda one: one.start)
    stated = row.get("starts_on")
    near = [one for one in found if stated and date.fromisoformat(stated) in one.window]
    return next(iter(near or found), None)


@lru_cache(maxsize=64)
def _shipped(period: Period, country: str) -> tuple[Occurrence, ...]:
    return tuple(occurrences(period, country))


def prepare_on(version: PlanVersion, row: Mapping[str, Any], on: Period, own: Sequence[Occurrence]) -> date:
    """The day from which a promotion is prepared: from when its event is felt, else two weeks before."""
    event = event_of(version, row, own)
    lead = event.lead_in_days if event and event.lead_in_days else PREPARED_DAYS
    return on.start - timedelta(days=lead)


def named(shop: Shop, row: Mapping[str, Any]) -> tuple[frozenset[str] | None, tuple[str, ...]]:
    """The codes of a promotion's products, None for all of the shop; and names in it that no product bears."""
    listed = _written(row)
    products = Product.objects.of(shop)
    if listed:
        codes = set(products.filter(code__in=listed).values_list("code", flat=True))
        by_title = dict(products.filter(title__in=listed).values_list("title", "code"))
        unknown = tuple(name for name in listed if name not in codes and name not in by_title)
        return frozenset(codes | set(by_title.values())), unknown
    if row.get("category"):
        return frozenset(products.filter(category=row["category"]).values_list("code", flat=True)), ()
    return None, ()


def unknown(version: PlanVersion) -> list[str]:
    """Names in the plan's promotions that no product bears, so that nothing is promoted by them."""
    listed = {name: None for row in version.entries.rows("11.promotions") for name in _written(row.cells)}
    if not listed:
        return []
    products = Product.objects.of(version.plan.shop)
    known = products.filter(Q(code__in=listed) | Q(title__in=listed)).values_list("code", "title")
    borne = {name for pair in known for name in pair}
    return [name for name in listed if name not in borne]


def _written(row: Mapping[str, Any]) -> list[str]:
    """The products that a promotion names, as they are written."""
    return [name.strip() for name in (row.get("products") or "").replace("\n", ",").split(",") if name.strip()]


class PromotionPriceError(errors.ToplineError):
    message = N_("State a price above zero.")


@dataclass(frozen=True, slots=True)
class Checked:
    """A promotion and what the rule says of it.

    prices : first day and amount of each price that was looked at
    is_sold : they are what it sold for, as no list is known
    """

    product: str
    market: str
    starts_on: date
    price: Decimal
    ruling: Ruling
    prices: list[tuple[date, Decimal]]
    is_sold: bool

    @property
    def reason(self) -> str:
        return REASONS[self.ruling.verdict]


def check(*, shop: Shop, product: str, price: Decimal, starts_on: date, market: str | None = None) -> Checked:
    """What the rule of the prior price says of a product's promotion. Raises PromotionPriceError."""
    if price <= 0:
        raise PromotionPriceError()
    country = market or shop.country
    prices = _listed(shop, product, country, starts_on)
    is_sold = not prices
    if is_sold:
        prices = _sold(shop, product, country, starts_on)
    ruling = prior_price.rule(prices, starts_on, price, country)
    if is_sold and ruling.prior is not None:
        ruling = _of_days_sold(ruling, ruling.prior, prices, starts_on)
    return Checked(product, country, starts_on, price, ruling, prices, is_sold and bool(prices))


def _of_days_sold(ruling: Ruling, prior: PriorPrice, prices: list[tuple[date, Decimal]], starts_on: date) -> Ruling:
    """The ruling where only the days are known on which the product sold."""
    days = sum(starts_on - timedelta(days=prior_price.DAYS) <= on for on, _ in prices)
    known = replace(prior, days_known=days)
    is_sure = ruling.verdict != Verdict.ALLOWED or known.is_whole
    return replace(ruling, prior=known, verdict=ruling.verdict if is_sure else Verdict.UNSURE)


def _listed(shop: Shop, product: str, market: str, until: date) -> list[tuple[date, Decimal]]:
    """The list prices of a market, else those of all; the lower of two that began on a day."""
    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None or "price" not in snapshot.tables:
        return []
    rows = engine.table(lake, "price", snapshot)
    rows = rows.filter(rows.product_key == product, rows.currency == shop.currency, rows.on < until)
    found = engine.execute(rows.select("on", "market", "amount")).to_pylist()
    own = [row for row in found if row["market"] == market] or [row for row in found if row["market"] is None]
    return _by_day(own)


def _sold(shop: Shop, product: str, market: str, until: date) -> list[tuple[date, Decimal]]:
    """The lowest price of each day on which the product sold there."""
    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None or "order_line" not in snapshot.tables:
        return []
    rows = engine.table(lake, "order_line", snapshot)
    rows = rows.filter(
        rows.product_key == product, rows.kind == Kind.GOODS_SOLD, rows.currency == shop.currency, rows.on < until,
        rows.market.fill_null(market) == market,
    )  # fmt: skip
    return _by_day(engine.execute(rows.group_by("on").agg(amount=rows.unit_price.min())).to_pylist())


def _by_day(rows: list[dict[str, object]]) -> list[tuple[date, Decimal]]:
    lowest: dict[date, Decimal] = {}
    for row in rows:
        on, amount = row["on"], row["amount"]
        assert isinstance(on, date) and isinstance(amount, Decimal)  # noqa: S101, PT018 - the fact's schema says so
        lowest[on] = min(lowest.get(on, amount), amount)
    return sorted(lowest.items())
