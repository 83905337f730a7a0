"""The stock plan: what to order, when and of whom, what may be bought by month, and what lies there for nothing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache, partial
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topline.accounts.models import Shop
from topline.calendar.occurrence import Occurrence
from topline.lake.snapshot import Snapshot
from topline.outlook import history, kept
from topline.outlook import price as prices
from topline.outlook import stock as outlook
from topline.outlook.demand import DemandOutlook
from topline.outlook.price import PriceOutlook
from topline.outlook.stock import HORIZON_DAYS, Goods
from topline.plans import cache, calendar, demand, expectation, numbers, renewal, standing
from topline.plans.drafting import EmptyLakeError
from topline.plans.numbers import Stated
from topline.plans.text import Sentence
from topline.science import stock
from topline.units.period import Period, add_months

type Floats = NDArray[np.float64]

DEAD_DAYS = 180
MONTHS = 5
MOST_EVENTS = 8
EVENT_DAYS = 120
_READ = ("order_line", "order", "product", "stock_level")

STATES = ("out", "late", "order", "soon", "enough", "excess", "dead", "unknown")
"""What a line says, the most urgent first: out of stock, gone before a delivery ordered today can come, to order today,
to order within four weeks, enough, too much, unsold for half a year, without a stock level."""


@dataclass(frozen=True, slots=True)
class StockLine:
    """A product and what to do about it. Units, days, and money of the shop's currency at cost; None if unknown.

    daily : units a day expected in the next four weeks
    service : probability to aim at; now : that what is there lasts until the delivery of an order placed today
    order_units, order_value : to order today; order_on : the day on which to order, if not today
    excess_units, excess_value : beyond what the days that are too much are expected to sell
    """

    product_key: str
    title: str | None
    category: str | None
    supplier: str | None
    state: str
    on_hand: float | None
    daily: float
    cover_days: float | None
    lead_days: float
    service: float
    now: float | None
    reorder_point: float
    order_up_to: float
    order_units: float
    order_value: float | None
    order_on: date | None
    excess_units: float
    excess_value: float | None


@dataclass(frozen=True, slots=True)
class SupplierLine:
    """What to order of a supplier today. short : money missing to its smallest order, 0 if there is nothing missing"""

    supplier: str | None
    products: int
    units: float
    value: float | None
    lead_days: float
    minimum: float
    short: float


@dataclass(frozen=True, slots=True)
class MonthBuy:
    """Open-to-buy of a month, at cost: sold, to be left at its end, there at its start, and free to buy."""

    month: date
    sold: float
    closing: float
    opening: float
    free: float


@dataclass(frozen=True, slots=True)
class EventNeed:
    """What a retail event needs: units that the days in which it is felt are expected to sell, and of them more than
    as many days sell nowadays. A day that several events share counts in equal parts for each, so needs add up.

    felt_from, felt_to : the first of its days and the day after the last, with its lead-in and tail
    order_by : the last day on which an order still comes in time
    """

    event: str
    label: str
    starts_on: date
    ends_on: date
    felt_from: date
    felt_to: date
    order_by: date
    units: float
    more: float
    is_late: bool


@dataclass(frozen=True, slots=True)
class StockPlan:
    """Everything that the stock plan's page, API resource and command show.

    lines : all products, the most urgent first
    """

    as_of: date
    known_to: date
    counted_on: date | None
    lines: list[StockLine]
    suppliers: list[SupplierLine]
    months: list[MonthBuy]
    events: list[EventNeed]
    stated: Stated
    headline: list[Sentence]
    notes: list[Sentence]

    def of_state(self, *states: str) -> list[StockLine]:
        return [line for line in self.lines if line.state in states]


# What it starts from ---------------------------------------------------------------


def is_made(shop: Shop, as_of: date, snapshot: Snapshot) -> bool:
    """Whether `of` would answer at once."""
    return _path(shop, as_of, snapshot).exists()


def key(shop: Shop, as_of: date) -> str:
    """Names what the stock plan starts from, whatever the facts."""
    return f"plans.stock:{shop.slug}:{as_of}"


def known(shop: Shop, as_of: date, snapshot: Snapshot) -> Snapshot | None:
    """The newest facts up to these of which it is made that day, None if it isn't."""
    return renewal.resting(shop, key(shop, as_of), snapshot, partial(is_made, shop, as_of))


def make(shop: Shop, as_of: date, snapshot: Snapshot) -> None:
    """Makes and keeps what the stock plan starts from. Raises ShortHistoryError."""
    path = _path(shop, as_of, snapshot)
    if path.exists():
        return
    own = expectation.own_events(shop, as_of)
    goods = outlook.look(shop.lake(), snapshot, as_of=as_of, settings=shop.settings(), own=own)
    with cache.written(path) as draft:
        outlook.save(goods, draft)


def _path(shop: Shop, as_of: date, snapshot: Snapshot) -> Path:
    return cache.place("stock", ".npz", *made_of(shop, as_of, snapshot, _READ), outlook.ARRAYS)


def made_of(shop: Shop, as_of: date, snapshot: Snapshot, tables: tuple[str, ...]) -> tuple[object, ...]:
    """The facts of these tables, the day, the settings and the events of the shop's own."""
    facts = tuple(snapshot.digest(table) for table in tables)
    return shop.slug, facts, as_of, shop.settings().digest, tuple(expectation.own_events(shop, as_of))


@lru_cache(maxsize=8)
def _load(path: Path) -> Goods:
    return outlook.load(path)


def goods(shop: Shop, as_of: date, snapshot: Snapshot | None = None) -> Goods:
    """What the shop's products are expected to sell, made if it isn't yet; as the demand outlook has it, where one is,
    and less of what was promoted in the two weeks after.

    Raises EmptyLakeError, ShortHistoryError.
    """
    snapshot = snapshot or shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    make(shop, as_of, snapshot)
    found, ahead = _load(_path(shop, as_of, snapshot)), demand.made(shop)
    if ahead is None or not demand.is_fresh(shop, ahead, as_of):
        return found
    return _dipped(shop, outlook.refined(found, ahead), ahead, snapshot)


def _dipped(shop: Shop, found: Goods, ahead: DemandOutlook, snapshot: Snapshot) -> Goods:
    """The goods with the dip after the promotions that the outlook knows of, as far as the shop's prices teach one."""
    run = standing.newest(shop, "price", found.as_of, snapshot)
    known = Period(found.as_of, ahead.weeks[-1] + timedelta(days=7))
    planned = list(prices.planned_promotions(shop.lake(), snapshot, known)) if run else []
    if run is None or not planned:
        return found
    cells = ahead.by.get("market")
    share = (
        {}
        if cells is None
        else dict(zip(cells.names, cells.whole[:, 1] / max(float(cells.whole[:, 1].sum()), 1e-9), strict=True))
    )
    return outlook.dipped(found, PriceOutlook(kept.load(run)), planned, share)


# The plan ----------------------------------------------------------------------------


def of(shop: Shop, as_of: date, snapshot: Snapshot | None = None) -> StockPlan:
    """The stock plan as seen on a day. Raises EmptyLakeError, ShortHistoryError."""
    found, stated = goods(shop, as_of, snapshot), numbers.of(shop)
    lines = sorted(_lines(found, stated), key=_urgency)
    suppliers = sorted(_suppliers(lines, stated), key=lambda each: (-(each.value or 0.0), each.supplier or ""))
    months = list(_months(found, stated))
    period = Period(as_of, as_of + timedelta(days=EVENT_DAYS))
    events = list(_events(found, stated, calendar.events_of(shop, period)))
    return StockPlan(
        as_of=as_of,
        known_to=found.known_to,
        counted_on=found.counted_on if _has_levels(found) else None,
        lines=lines,
        suppliers=suppliers,
        months=months,
        events=events,
        stated=stated,
        headline=list(_headline(found, lines)),
        notes=list(_notes(found, stated)),
    )


def _has_levels(found: Goods) -> bool:
    return found.counted_on is not None and (found.as_of - found.counted_on).days <= history.STALE_DAYS


def _urgency(line: StockLine) -> tuple[int, float, float, str]:
    size = -(line.order_value or line.excess_value or 0.0)
    return STATES.index(line.state), size, -line.daily, line.product_key


def _lines(found: Goods, stated: Stated) -> Iterator[StockLine]:
    lead = np.array([stated("lead_days", name or "") for name in found.supplier])
    review, wanted = stated("review_days"), found.demand
    margin = found.unit_price - found.unit_cost
    is_costed = ~(np.isnan(margin) | np.isnan(found.unit_cost))
    by_money = stock.service_level(
        np.nan_to_num(margin), np.nan_to_num(found.unit_cost), stated("carrying_rate") / 100, lead + review
    )
    service = np.where(is_costed, by_money, stated("service_rate") / 100)
    levels = stock.levels(wanted, lead, review, service)
    has_level = ~np.isnan(found.on_hand) & _has_levels(found)
    there = np.where(has_level, np.nan_to_num(found.on_hand), 0.0)
    pack = np.full(len(there), stated("pack_units"))
    ordered = np.where(has_level, stock.order(there, levels, pack, pack), 0.0)
    now = stock.service(*stock.total(wanted, np.maximum(lead, 1.0)), there)
    cover = stock.days_of_cover(there, wanted)
    excess_days = int(stated("excess_days"))
    excess = np.where(has_level, stock.excess(there, wanted, excess_days), 0.0)
    due = _due(there, levels.reorder_point, found.wanted)
    cost = found.unit_cost
    daily = found.wanted[:, :28].mean(axis=1)
    for i, key in enumerate(found.product_key):
        state = _state(
            bool(has_level[i]), there[i], ordered[i], cover[i], lead[i], excess[i], found.idle_days[i], due[i], daily[i]
        )
        is_over = state in ("excess", "dead")
        yield StockLine(
            product_key=key,
            title=found.title[i],
            category=found.category[i],
            supplier=found.supplier[i],
            state=state,
            on_hand=float(there[i]) if has_level[i] else None,
            daily=float(daily[i]),
            cover_days=float(cover[i]) if has_level[i] and math.isfinite(cover[i]) else None,
            lead_days=float(lead[i]),
            service=float(service[i]),
            now=float(now[i]) if has_level[i] else None,
            reorder_point=float(levels.reorder_point[i]),
            order_up_to=float(levels.order_up_to[i]),
            order_units=0.0 if is_over else float(ordered[i]),
            order_value=None if np.isnan(cost[i]) or is_over else float(ordered[i] * cost[i]),
            order_on=found.as_of + timedelta(days=int(due[i])) if state == "soon" else None,
            excess_units=float(excess[i]) if is_over else 0.0,
            excess_value=float(excess[i] * cost[i]) if is_over and not np.isnan(cost[i]) else None,
        )


def _due(there: Floats, point: Floats, wanted: Floats) -> Floats:
    """(n,) days until the stock is down at its reorder point if sales come as expected; the horizon if they don't."""
    return np.asarray(((there[:, None] - np.cumsum(wanted, axis=1)) > point[:, None]).sum(axis=1), dtype=np.float64)


def _state(
    has_level: bool, there: float, ordered: float, cover: float, lead: float, excess: float, idle: float, due: float,
    daily: float,
) -> str:  # fmt: skip
    if not has_level:
        return "unknown"
    if there > 0 and idle >= DEAD_DAYS:
        return "dead"
    if ordered > 0:
        return "out" if there <= 0 and daily > 0 else "late" if cover < lead else "order"
    if excess > 0:
        return "excess"
    return "soon" if due <= 28 and daily > 0 else "enough"


def _suppliers(lines: list[StockLine], stated: Stated) -> Iterator[SupplierLine]:
    by_supplier: dict[str | None, list[StockLine]] = {}
    for line in lines:
        if line.order_units:
            by_supplier.setdefault(line.supplier, []).append(line)
    ranked = sorted(
        by_supplier.items(), key=lambda each: (-sum(line.order_value or 0 for line in each[1]), each[0] or "")
    )
    for supplier, wanted in ranked:
        values = [line.order_value for line in wanted]
        value = None if None in values else float(sum(one or 0.0 for one in values))
        minimum = stated("minimum_value", supplier or "")
        yield SupplierLine(
            supplier=supplier,
            products=len(wanted),
            units=sum(line.order_units for line in wanted),
            value=value,
            lead_days=stated("lead_days", supplier or ""),
            minimum=minimum,
            short=max(minimum - value, 0.0) if value is not None else 0.0,
        )


def _months(found: Goods, stated: Stated) -> Iterator[MonthBuy]:
    """Open-to-buy of the coming months, the running one from today; nothing where a cost is unknown."""
    if not _has_levels(found) or not len(found.product_key):
        return
    cost = np.nan_to_num(found.unit_cost)
    daily = cost @ found.wanted
    starts = [found.as_of, *(add_months(found.as_of.replace(day=1), k) for k in range(1, MONTHS + 1))]
    cuts = [min((day - found.as_of).days, HORIZON_DAYS) for day in starts]
    closing_days = int(stated("closing_days"))
    sold = np.array([daily[a:b].sum() for a, b in pairwise(cuts)])
    after = [daily[b : b + closing_days] for b in cuts[1:]]
    closing = np.array([float(part.mean()) * closing_days if len(part) else 0.0 for part in after])
    # what lies there beyond half a year's sales serves nothing of this
    useful = np.minimum(np.nan_to_num(found.on_hand), found.wanted.sum(axis=1))
    opening = float(useful @ cost)
    free = stock.open_to_buy(sold, opening, np.zeros(MONTHS), closing)
    for k in range(MONTHS):
        yield MonthBuy(starts[k].replace(day=1), float(sold[k]), float(closing[k]), opening, float(free[k]))
        opening = max(opening + float(free[k] - sold[k]), 0.0)


def _events(found: Goods, stated: Stated, coming: list[Occurrence]) -> Iterator[EventNeed]:
    """The next retail events, with what their days need and until when to order it."""
    daily = found.wanted.sum(axis=0)
    if not daily.any():
        return
    usual = float(daily[:14].mean())
    lead = math.ceil(stated("lead_days"))
    inside = [
        (one, slice((one.window.start - found.as_of).days, (one.window.end - found.as_of).days))
        for one in sorted(coming, key=lambda each: each.start)
        if one.window.start >= found.as_of and (one.window.end - found.as_of).days <= HORIZON_DAYS
    ][:MOST_EVENTS]
    felt = np.zeros(HORIZON_DAYS)
    for _, days in inside:
        felt[days] += 1
    for one, days in inside:
        order_by = one.window.start - timedelta(days=lead)
        yield EventNeed(
            event=one.event,
            label=one.label,
            starts_on=one.start,
            ends_on=one.end,
            felt_from=one.window.start,
            felt_to=one.window.end,
            order_by=order_by,
            units=float((daily[days] / felt[days]).sum()),
            more=float(((daily[days] - usual) / felt[days]).sum()),
            is_late=order_by < found.as_of,
        )


def _headline(found: Goods, lines: list[StockLine]) -> Iterator[Sentence]:
    if not _has_levels(found):
        yield Sentence("stock.no_levels", {"products_count": len(lines)})
        return
    to_order = [line for line in lines if line.order_units]
    value = sum(line.order_value or 0.0 for line in to_order)
    if to_order:
        yield Sentence("stock.order", {"products_count": len(to_order), "sum_amount": round(value)})
    else:
        yield Sentence("stock.nothing", {})
    gone = [line for line in lines if line.state in ("out", "late")]
    if gone:
        yield Sentence("stock.late", {"products_count": len(gone)})
    idle = [line for line in lines if line.state in ("excess", "dead")]
    if idle:
        excess = sum(line.excess_value or 0.0 for line in idle)
        yield Sentence("stock.excess", {"products_count": len(idle), "sum_amount": round(excess)})


def _notes(found: Goods, stated: Stated) -> Iterator[Sentence]:
    if _has_levels(found):
        yield Sentence("stock.counted", {"counted_on": found.counted_on})
    if found.outlook_weeks:
        yield Sentence("stock.outlook", {"weeks_count": found.outlook_weeks})
    if not any(name == "lead_days" for name, _ in stated.known):
        yield Sentence("stock.believed_lead", {"days_count": round(stated("lead_days"))})
    uncosted = int(np.isnan(found.unit_cost).sum())
    if uncosted:
        rate = stated("service_rate") / 100
        yield Sentence("stock.uncosted", {"products_count": uncosted, "service_rate": rate})
    yield Sentence("stock.orders_unknown")
