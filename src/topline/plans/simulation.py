"""A promotion before it is planned: what it brings and costs, the stock that it takes, and what stands in its way."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_DOWN, Decimal
from math import ceil
from typing import Any

import numpy as np

from topline.accounts.models import Shop
from topline.calendar import prior_price
from topline.calendar.occurrence import Occurrence
from topline.catalog.models import Product
from topline.outlook.price import Answer, PriceOutlook
from topline.outlook.stock import HORIZON_DAYS, Goods
from topline.plans import content, numbers, price, promotion, standing, stock
from topline.plans.models import Entry, OwnEvent, PlanVersion
from topline.plans.outline import STATUSES
from topline.plans.promotion import Checked
from topline.plans.team import Entries
from topline.plans.text import Sentence
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

CHECKED = 5
"""Products whose prior price is looked up, the best sellers first."""

_LANDING = content.DAYS_BEFORE["landing"]["briefed"] + content.AHEAD_OF_PROMOTION
_ONE_DAY = timedelta(days=1)

NO_DAYS = Missing("no_day", N_("state its first day"))
NO_OUTLOOK = Missing("no_price_outlook", N_("what prices do to sales is being learnt; look again in a minute"))
NO_STOCK = Missing("no_stock_outlook", N_("what the products sell by day is being reckoned; look again in a minute"))
TOO_FAR = Missing("too_far", N_("it lies beyond the half year that sales by day are known for"))
NO_LEVELS = Missing("no_levels", N_("no stock level is known: import one"))
UNKNOWN = Missing("too_few_sales", N_("too few of these goods were sold to learn how they answer to prices"))


@dataclass(frozen=True, slots=True)
class StockNeed:
    """The stock of a promotion's products. Units.

    on_hand : today; left : when it begins, if nothing is delivered until then
    expected, high : sold in it, as expected and at the upper end of the range
    short : missing of `high`; cover_days : how long what is left lasts in it
    order_by : the last day on which an order comes in time, by the longest lead time
    """

    on_hand: float
    left: float
    expected: float
    high: float
    short: float
    cover_days: float
    lead_days: float
    order_by: date
    is_late: bool


@dataclass(frozen=True, slots=True)
class Step:
    """What must be done by when, counted back from the first day; is_past : that day has gone by."""

    said: Sentence
    on: date
    is_past: bool


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a promotion is expected to do.

    products : how many products it covers; unknown : names in it that no product bears
    answer : of the price outlook over its days, or why there is none
    given : what is given away to those who would have bought anyway, at today's prices
    stock : what it needs, or why that isn't known; legal : the rule of the prior price, product by product
    """

    days: Period | Missing
    products: int
    unknown: tuple[str, ...]
    answer: Answer | Missing
    given: float | None
    stock: StockNeed | Missing
    legal: list[Checked]
    steps: list[Step]
    clashes: list[Sentence]

    @property
    def uplift(self) -> float | None:
        """Units more, as a share of those that come anyway."""
        if isinstance(self.answer, Missing) or not self.answer.units_before:
            return None
        return self.answer.units.mean / self.answer.units_before - 1

    @property
    def late(self) -> list[Step]:
        return [step for step in self.steps if step.is_past]


@dataclass(frozen=True, slots=True)
class Planned:
    """A promotion of the plan, its days, and the codes of its products, None for all."""

    entry: Entry
    days: Period
    names: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Limited:
    """A price of section 7 with its limits; product : the code of the product that it is of, None if it is of more."""

    cells: Mapping[str, Any]
    product: str | None

    def is_of(self, category: str | None, names: frozenset[str] | None) -> bool:
        """Whether it is the price of goods of a promotion of a category, None for all, or of products, None for all."""
        if self.product is not None:
            return names is None or self.product in names
        return names is None or (category is not None and self.cells.get("category") in (None, category))


@dataclass(frozen=True, slots=True)
class Around:
    """What a plan's promotions are simulated against: read once for all of them.

    own : the shop's own events in the plan's period; days : of the promotions that have any, by key
    closed : names and days on which nothing may be planned; prices : that the plan, or the one it serves, sets
    """

    version: PlanVersion
    today: date
    outlook: PriceOutlook | None
    goods: Goods | None
    own: Sequence[Occurrence]
    promotions: Mapping[str, Entry]
    days: Mapping[str, Period]
    planned: list[Planned]
    pieces: list[Entry]
    actions: list[Entry]
    closed: list[tuple[str, Period]]
    prices: list[Limited]


def around(version: PlanVersion, today: date, entries: Entries) -> Around:
    """What stands around the promotions of a version, whose document says `entries`."""
    shop, own = version.plan.shop, promotion.own_events(version)
    promotions = {entry.key: entry for entry in entries["11.promotions"]}
    days = promotion.days_by_key(version, promotions.values(), own)
    return Around(
        version=version,
        today=today,
        outlook=_outlook(shop),
        goods=_goods(shop, today),
        own=own,
        promotions=promotions,
        days=days,
        planned=[
            Planned(promotions[key], period, promotion.named(shop, promotions[key].cells)[0])
            for key, period in days.items()
        ],
        pieces=entries["10.pieces"],
        actions=entries["8.actions"],
        closed=_closed(shop, version.plan.period),
        prices=list(_limited(version)),
    )


def simulate(around: Around, row: Mapping[str, Any], *, key: str = "", with_law: bool = True) -> Simulation:
    """The simulation of a promotion, planned or not.

    row : its cells as the plan document keeps them; key : of its row in the plan, if it has one
    with_law : look up prior prices too, which takes a while
    """
    version, today, outlook, goods = around.version, around.today, around.outlook, around.goods
    shop = version.plan.shop
    days = promotion.days(version, row, around.own)
    names, unknown = promotion.named(shop, row)
    answer: Answer | Missing = NO_DAYS
    given = None
    if days is not None:
        answer = NO_OUTLOOK if outlook is None else _answer(outlook, goods, names, row, days, today)
        if not isinstance(answer, Missing):
            given = answer.units_before * max(answer.price_before * _discount(row), 0.0)
    uplift = 1.0 if isinstance(answer, Missing) else answer.units.mean / answer.units_before
    high = 1.0 if isinstance(answer, Missing) else answer.units.high / answer.units_before
    need: StockNeed | Missing = NO_DAYS
    if days is not None:
        need = NO_STOCK if goods is None else _stock(shop, goods, names, days, today, uplift, high)
    return Simulation(
        days=days or NO_DAYS,
        products=Product.objects.of(shop).count() if names is None else len(names),
        unknown=unknown,
        answer=answer,
        given=given,
        stock=need,
        legal=list(_legal(shop, outlook, names, row, days)) if days is not None and with_law else [],
        steps=sorted(_steps(around, row, key, days, need), key=lambda step: step.on) if days else [],
        clashes=list(clashes(around, row, days, key=key)) if days else [],
    )


# What it covers ----------------------------------------------------------------


def _limited(version: PlanVersion) -> Iterator[Limited]:
    for holder in price.holders(version):
        rows = [each.cells for each in holder.entries.rows("7.prices")]
        codes = price.products(holder, [row.get("name", "") for row in rows])
        for row in rows:
            yield Limited(row, codes.get(row.get("name", "")))


def _too_cheap(around: Around, row: Mapping[str, Any], names: frozenset[str] | None) -> Iterator[Sentence]:
    """The price of section 7 that lets the promotion's discount go least far, where it goes beyond."""
    discount = Decimal(row.get("discount") or 0)
    said: list[tuple[Decimal, Sentence]] = []
    for one in around.prices:
        limits = one.cells
        if not discount or not one.is_of(row.get("category"), names):
            continue
        name = {"name": limits.get("name") or "", "discount_rate": discount}
        if limits.get("discount_limit") is not None and discount > (most := Decimal(limits["discount_limit"])):
            said.append((most, Sentence("clash.discount", name | {"most_rate": most})))
        listed, floor = Decimal(limits.get("price") or 0), Decimal(limits.get("floor") or 0)
        if listed and (paid := listed * (1 - discount)) < floor:
            most = max(1 - floor / listed, Decimal(0)).quantize(Decimal("0.01"), ROUND_DOWN)
            amounts = {"paid_amount": paid, "floor_amount": floor, "most_rate": most}
            said.append((most, Sentence("clash.floor", name | amounts)))
    if said:
        yield min(said, key=lambda one: one[0])[1]


def _meet(one: Mapping[str, Any], names: frozenset[str] | None, planned: Planned) -> bool:
    """Whether a promotion of these products offers the same goods in the same market as one of the plan."""
    other = planned.entry.cells
    if one.get("market") and other.get("market") and one["market"] != other["market"]:
        return False
    is_whole = not (one.get("products") and other.get("products"))
    if is_whole and one.get("category") and one["category"] == other.get("category"):
        return True
    return names is None or planned.names is None or bool(names & planned.names)


# What it brings ------------------------------------------------------------------


def _outlook(shop: Shop) -> PriceOutlook | None:
    if shop.lake().latest() is None:
        return None
    run = standing.look(shop, "price").run
    return PriceOutlook(run) if run is not None else None


def _goods(shop: Shop, today: date) -> Goods | None:
    latest = shop.lake().latest()
    known = None if latest is None else stock.known(shop, today, latest)
    return None if known is None else stock.goods(shop, today, known)


def _discount(row: Mapping[str, Any]) -> float:
    return float(row.get("discount") or 0)


def _answer(
    outlook: PriceOutlook,
    goods: Goods | None,
    names: frozenset[str] | None,
    row: Mapping[str, Any],
    days: Period,
    today: date,
) -> Answer | Missing:
    """What the price outlook says of these days; each counts as what the season lets expect of it."""
    rows = _rows(outlook, names)
    discount = _discount(row)
    if not len(rows):
        return UNKNOWN
    if not discount < 1:
        return Missing("free", N_("a discount of 100 %% leaves no price"))
    weekly = float(outlook.column("weekly")[rows].sum())
    weeks = days.days / 7
    expected = _wanted(goods, {outlook.keys[k] for k in rows}, days, today) if goods is not None else None
    if expected and weekly > 0:
        weeks = expected / weekly
    return outlook.ask(rows, 1 - discount, weeks=weeks, kinds=outlook.announced if discount else [])


def _rows(outlook: PriceOutlook, names: frozenset[str] | None) -> Any:
    keys = np.array(outlook.keys)
    return np.arange(len(keys)) if names is None else np.flatnonzero(np.isin(keys, list(names)))


def _wanted(goods: Goods, names: frozenset[str] | set[str] | None, days: Period, today: date) -> float | None:
    """Units that these products are expected to sell in some days without it, None beyond the horizon."""
    first, last = (days.start - today).days, (days.end - today).days
    if first < 0 or last > HORIZON_DAYS:
        return None
    chosen = [k for k, code in enumerate(goods.product_key) if names is None or code in names]
    return float(goods.wanted[chosen, first:last].sum())


def _stock(
    shop: Shop,
    goods: Goods,
    names: frozenset[str] | None,
    days: Period,
    today: date,
    uplift: float,
    high: float,
) -> StockNeed | Missing:
    first, last = (days.start - today).days, (days.end - today).days
    if last > HORIZON_DAYS or first < 0:
        return TOO_FAR
    chosen = [k for k, code in enumerate(goods.product_key) if names is None or code in names]
    on_hand = goods.on_hand[chosen]
    if goods.counted_on is None or not len(chosen) or np.isnan(on_hand).all():
        return NO_LEVELS
    there = np.nan_to_num(on_hand)
    before = goods.wanted[chosen, :first].sum(axis=1)
    base = goods.wanted[chosen, first:last].sum(axis=1)
    left = np.maximum(there - before, 0)
    stated = numbers.of(shop)
    lead = max(stated("lead_days", goods.supplier[k] or "") for k in chosen)
    daily = float(base.sum()) * uplift / days.days
    order_by = days.start - timedelta(days=ceil(lead))
    short = float(np.maximum(base * high - left, 0).sum())
    return StockNeed(
        on_hand=float(there.sum()),
        left=float(left.sum()),
        expected=float(base.sum() * uplift),
        high=float(base.sum() * high),
        short=short,
        cover_days=float(left.sum()) / daily if daily else 0.0,
        lead_days=lead,
        order_by=order_by,
        is_late=short >= 1 and order_by < today,
    )


# What the law says ----------------------------------------------------------------


def _legal(
    shop: Shop, outlook: PriceOutlook | None, names: frozenset[str] | None, row: Mapping[str, Any], days: Period
) -> Iterator[Checked]:
    """The rule of the prior price for the best sellers among its products, at today's price less the discount."""
    market = row.get("market") or shop.country
    if outlook is None or not _discount(row) or market not in prior_price.MARKETS:
        return
    rows = _rows(outlook, names)
    best = rows[np.argsort(-outlook.column("sales")[rows], kind="stable")[:CHECKED]]
    for k in best.tolist():
        price = Decimal(str(round(outlook.column("price")[k] * (1 - _discount(row)), 2)))
        if price > 0:
            yield promotion.check(shop=shop, product=outlook.keys[k], price=price, starts_on=days.start, market=market)


# By when -------------------------------------------------------------------------


def _steps(around: Around, row: Mapping[str, Any], key: str, days: Period, need: StockNeed | Missing) -> Iterator[Step]:
    """What must be done by when: prepare, order, make content, leave prices alone."""
    version, today = around.version, around.today

    def step(code: str, on: date, **params: object) -> Step:
        return Step(Sentence(f"step.{code}", params), on, on < today)

    yield step("prepare", promotion.prepare_on(version, row, days, around.own))
    if isinstance(need, Missing):
        lead = numbers.of(version.plan.shop)("lead_days")
        yield step("order", days.start - timedelta(days=ceil(lead)), days_count=round(lead))
    elif need.short >= 1:
        yield step("order_short", need.order_by, units_count=ceil(need.short), days_count=round(need.lead_days))
    market = row.get("market") or version.plan.shop.country
    if row.get("discount") and market in prior_price.MARKETS:
        yield step("price", days.start - timedelta(days=prior_price.DAYS))
    pieces = [entry for entry in around.pieces if key and entry.cells.get("promotion") == key]
    for piece in pieces:
        for deadline in content.deadlines(piece.cells, around.days, today)[:1]:
            status = STATUSES[deadline.status]
            yield step("content", deadline.on, piece=piece.cells.get("name") or "", status_label=status)
    if not pieces:
        yield step("no_content", days.start - timedelta(days=_LANDING))


# What stands in its way ------------------------------------------------------------


def clashes(around: Around, row: Mapping[str, Any], days: Period, *, key: str = "") -> Iterator[Sentence]:
    """What else wants the same goods, people, places or days, and prices below the plan's own, each with a way out.

    key : of the promotion's own row, which it doesn't clash with
    """
    plan = around.version.plan
    names = promotion.named(plan.shop, row)[0]
    yield from _too_cheap(around, row, names)
    others = [each for each in around.planned if each.entry.key != key]
    met = [each for each in others if _meet(row, names, each)]
    free = free_from(days, [*(each.days for each in met), *(taken for _, taken in around.closed)], plan.period)
    for each in met:
        if _overlap(days, each.days):
            yield _said("clash.promotion", each, free)
    for name, taken in around.closed:
        if _overlap(days, taken):
            yield _way_out("clash.closed", free, event=name, first_on=taken.start, last_on=taken.last)
    yield from _people(around, row, days, others)
    yield from _places(around, key)


def free_from(days: Period, taken: list[Period], inside: Period) -> date | None:
    """The first day, `days.start` or later, from which as many days inside the period are free of what is taken."""
    start = days.start
    for each in sorted(taken, key=lambda one: one.start):
        if _overlap(Period(start, start + timedelta(days=days.days)), each):
            start = each.end
    return start if start + timedelta(days=days.days) <= inside.end else None


def _closed(shop: Shop, inside: Period) -> list[tuple[str, Period]]:
    """Days on which nothing may be planned."""
    events = OwnEvent.objects.of(shop).filter(is_closed=True)
    found = [(event.name, one.period) for event in events for one in event.occurrences(inside)]
    return [(name, each) for name, each in found if _overlap(each, inside)]


def _people(around: Around, row: Mapping[str, Any], days: Period, others: list[Planned]) -> Iterator[Sentence]:
    """Other promotions and actions that its owner runs on the same days."""
    owner = row.get("owner")
    if not owner:
        return
    for other in others:
        if other.entry.cells.get("owner") == owner and _overlap(days, other.days):
            yield Sentence("clash.owner", {"name": other.entry.cells.get("name") or ""})
    for action in around.actions:
        mine = action.cells
        if mine.get("owner") != owner or not mine.get("starts_on"):
            continue
        first = date.fromisoformat(mine["starts_on"])
        last = date.fromisoformat(mine["ends_on"]) if mine.get("ends_on") else first
        if _overlap(days, Period(first, last + _ONE_DAY)):
            yield Sentence("clash.owner", {"name": mine.get("name") or ""})


def _places(around: Around, key: str) -> Iterator[Sentence]:
    """Pieces of its content that are out in a channel on the day of another piece."""
    seen: dict[tuple[str, date], list[Entry]] = {}
    for piece in around.pieces:
        on = content.out_on(piece.cells, around.days)
        if on is not None and piece.cells.get("channel") and piece.cells.get("status") != "published":
            seen.setdefault((piece.cells["channel"], on), []).append(piece)
    for (_, on), pieces in seen.items():
        mine = [piece for piece in pieces if key and piece.cells.get("promotion") == key]
        for piece in pieces:
            if mine and piece.cells.get("promotion") != key:
                names = {"name": mine[0].cells.get("name") or "", "other": piece.cells.get("name") or ""}
                yield Sentence("clash.content", {**names, "out_on": on})


def _said(code: str, other: Planned, free: date | None) -> Sentence:
    name = other.entry.cells.get("name") or ""
    return _way_out(code, free, name=name, first_on=other.days.start, last_on=other.days.last)


def _way_out(code: str, free: date | None, **params: object) -> Sentence:
    """With the first free day where there is one."""
    if free is None:
        return Sentence(f"{code}_full", params)
    return Sentence(code, {**params, "free_on": free})


def _overlap(one: Period, other: Period) -> bool:
    return one.start < other.end and other.start < one.end
