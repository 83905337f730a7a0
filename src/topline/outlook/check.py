"""What the check of a plan starts from: the lake's outlooks of sales, orders and visits, joined path by path.

Elasticities and the effect of marketing are taken as given; where no model of the shop's own knows them, published
averages with wide spreads stand in (`BELIEVED_ELASTICITY`, `BELIEVED_MARKETING`).
"""

import os
import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.calendar.occurrence import Occurrence
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.outlook import history, sales
from topline.outlook.kept import Run
from topline.outlook.price import AFTER_DAYS, PriceOutlook, Promotion
from topline.outlook.response import ResponseOutlook
from topline.outlook.sales import Cells, SalesOutlook
from topline.outlook.shelf import RECENT_DAYS
from topline.outlook.stock import HORIZON_DAYS, Goods
from topline.science import check, response
from topline.science.check import Base
from topline.science.demand import ShortHistoryError
from topline.units.missing import Missing
from topline.units.period import Grain, Period, add_months

Floats = NDArray[np.float64]
Names = Sequence[str | None]

OTHER = "*"
PATHS = 1_000
MOST_CELLS = 5_000
DRAWN = "drawn"

BELIEVED_ELASTICITY = (1.2, 0.5)
"""Size and log spread of the price elasticity of a category. Single products react more, -2.6 on average over 1,851
studies of them (Bijmolt, van Heerde & Pieters, Journal of Marketing Research 42, 2005); within a category customers
switch."""

BELIEVED_MARKETING = (0.12, 0.6)
"""Size and log spread of the elasticity of sales to advertising: 0.12 on average of 751 measured in the short term
(Sethuraman, Tellis & Briesch, Journal of Marketing Research 48, 2011)."""

LEAD_DAYS = 14
"""From an order to its delivery, where nothing is known of a supplier."""

MULTIPLIERS = np.concatenate([[0.0], np.geomspace(0.125, 4.0, 41)])
"""Multiples of the planned spend at which a marketing effect is stated."""

_SEED = 20_110_901
_BLOCK_DAYS = 28
_BLOCKS = 26
_PRIOR_SPREAD, _PRIOR_WEIGHT = 0.1, 6
_WEEK_NOISE = (0.03, 0.4)
_COMMON = 0.5
_TRACKED = 0.9
_UNCOSTED = 0.02
_LEAST_ELASTIC = 0.05
_DEPTHS = np.linspace(0.0, 2.0, 9)
_DEEPEST = 0.9
_LEAST_EFFECT = 0.05


type Spend = Mapping[str | None, Floats]


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What the lake says of a plan's months, before anything of the plan is known.

    sales, orders, visits : outlooks; orders and visits None where their history is too short
    slots : first days of the weeks ahead, cut at the ends of months, and the day after the last
    month : (w,) the month of each slot, 0..t-1
    cells : (category, market) -> net sales of the last year
    unit_price, cost_rate : category -> net sales of a unit, and cost per unit of net sales (nan if unknown)
    spread : (3, 3) covariance of the log deviations of visits, conversion and basket over a month
    noise : standard deviation of a week's log share in its month
    usual_basket : net sales per order of the last two years
    spend : by channel (w,) what active plans foresee, else marketing spend of the same weeks a year before, else of the
        last weeks; empty if unknown
    spend_before : by channel (w,) what the sales to come rest on: of the year before, else of the last weeks
    is_spend_planned : it comes from an active plan's budget
    promotions : those of the same weeks a year before and of the two before them, as if they came again
    """

    sales: SalesOutlook
    orders: SalesOutlook | None
    visits: SalesOutlook | None
    slots: tuple[date, ...]
    month: NDArray[np.int64]
    cells: dict[tuple[str | None, str | None], float]
    unit_price: dict[str | None, float]
    cost_rate: dict[str | None, float]
    spread: Floats
    noise: float
    usual_basket: float
    spend: Spend
    spend_before: Spend
    is_spend_planned: bool
    promotions: tuple[Promotion, ...]


def see(
    lake: Lake,
    snapshot: Snapshot,
    *,
    first: date,
    months: int,
    as_of: date,
    settings: Settings,
    own: Iterable[Occurrence] = (),
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Seen:
    """What the lake says of `months` months from that of `first`, from what happened before `as_of`.

    Raises ShortHistoryError below 90 days of sales, PastHorizonError if all months are over.
    """
    own = tuple(own)

    def outlook(place: int, metric: str, dimensions: Sequence[str] = ()) -> SalesOutlook:
        advance(place, 4)
        return sales.run(
            lake,
            snapshot,
            as_of=as_of,
            settings=settings,
            first=first,
            months=months,
            metric=metric,
            dimensions=dimensions,
            own=own,
        )

    def perhaps(place: int, metric: str) -> SalesOutlook | None:
        try:
            found = outlook(place, metric)
        except ShortHistoryError:
            return None
        return found if found.known_to == sold.known_to and found.total.mean.sum() > 0 else None

    sold = outlook(0, "net_sales", sales.DIMENSIONS)
    orders = perhaps(1, "orders")
    visits = perhaps(2, "sessions") if "session" in snapshot.tables else None
    advance(3, 4)
    ask = _Asker(lake, snapshot, settings, as_of)
    slots, month = _slots(sold, settings)
    before = _spend_before(ask, slots)
    planned = ask.planned(slots)
    past = ask.year_before()
    known = {"orders": orders, "net_sales": sold} | ({"sessions": visits} if visits else {})
    blocks = {metric: ask.blocks(metric, found) for metric, found in known.items()}
    return Seen(
        sales=sold,
        orders=orders,
        visits=visits,
        slots=slots,
        month=month,
        cells=past.cells(),
        unit_price=past.per_category("net_sales", "units"),
        cost_rate=past.per_category("cost_of_goods", "net_sales"),
        spread=_spread(blocks.get("sessions"), blocks["orders"], blocks["net_sales"]),
        noise=_noise(ask.weeks("net_sales", sold)),
        usual_basket=float(blocks["net_sales"].sum() / max(blocks["orders"].sum(), 1.0)),
        spend=planned or before,
        spend_before=before,
        is_spend_planned=bool(planned),
        promotions=ask.promotions(Period(slots[0], slots[-1])),
    )


def _slots(sold: SalesOutlook, settings: Settings) -> tuple[tuple[date, ...], NDArray[np.int64]]:
    """The weeks ahead of what is known, cut where a month begins; the last entry is the end."""
    end = add_months(sold.months[-1], 1)
    start = max(sold.known_to, sold.months[0])
    weeks = [week.start for week in settings.calendar.buckets(Period(start, end), Grain.WEEK)]
    cuts = sorted({start, *(day for day in (*weeks, *sold.months) if day > start)})
    month = [max(t for t, first in enumerate(sold.months) if first <= day) for day in cuts]
    return (*cuts, end), np.array(month, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Asker:
    """Questions about the past of a whole shop."""

    lake: Lake
    snapshot: Snapshot
    settings: Settings
    as_of: date

    def rows(self, metrics: tuple[str, ...], by: tuple[str, ...], period: Period) -> Sequence[Mapping[str, object]]:
        query = Query(metrics=metrics, by=by, period=period, as_of=self.as_of)
        scope = Scope.whole(self.lake.shop)
        return read.read(self.lake, query, scope=scope, settings=self.settings, snapshot=self.snapshot).rows

    def year_before(self) -> "_Year":
        year = Period(self.as_of - timedelta(days=365), self.as_of)
        return _Year(self.rows(("net_sales", "units", "cost_of_goods"), ("category", "market"), year))

    def daily(self, metric: str, period: Period, found: SalesOutlook | None) -> Floats:
        """(days,) a metric on each day of the period, 0 where there is none; as an outlook has read it, if one has."""
        values = np.zeros(period.days)
        if found is not None:
            first = found.known_to - timedelta(days=len(found.past))
            known = found.past[max((period.start - first).days, 0) :]
            start = max((first - period.start).days, 0)
            known = known[: max(period.days - start, 0)]
            values[start : start + len(known)] = known
            return values
        for row in self.rows((metric,), ("day",), period):
            if isinstance(day := row["day"], date) and day in period:
                values[(day - period.start).days] = _number(row[metric], 0.0)
        return values

    def spent(self, period: Period) -> dict[str | None, Floats]:
        """By channel (days,) of marketing spend."""
        found: dict[str | None, Floats] = {}
        if "spend" not in self.snapshot.tables:
            return found
        for row in self.rows(("marketing_cost",), ("channel", "day"), period):
            if isinstance(day := row["day"], date) and day in period:
                daily = found.setdefault(_name(row["channel"]), np.zeros(period.days))
                daily[(day - period.start).days] += _number(row["marketing_cost"], 0.0)
        return {channel: daily for channel, daily in found.items() if daily.any()}

    def planned(self, slots: tuple[date, ...]) -> dict[str | None, Floats]:
        """By channel (w,) of marketing spend that active plans foresee."""
        rows: Any = engine.table(self.lake, "planned_spend", self.snapshot)
        rows = rows.filter((rows.on >= slots[0]) & (rows.on < slots[-1]))
        sums = engine.execute(rows.group_by("channel", "on").aggregate(amount=rows.amount_shop.sum())).to_pylist()
        return by_slot(slots, ((row["channel"], row["on"], float(row["amount"])) for row in sums))

    def promotions(self, period: Period) -> tuple[Promotion, ...]:
        """Discounts of the same days a year before, moved to this year's."""
        year = timedelta(days=364)
        table: Any = engine.table(self.lake, "promotion", self.snapshot)
        is_cut = (table.kind != "coupon") & (table.discount_rate > 0) & table.store.isnull()
        first = period.start - year - timedelta(days=AFTER_DAYS)
        inside = (table.until_on > first) & (table.on < period.end - year) & (table.on < self.as_of)
        rows = table.filter(is_cut & inside).select("product_key", "market", "on", "until_on", "discount_rate")
        groups: dict[tuple[date, date, float, str | None], set[str | None]] = {}
        for row in engine.execute(rows).to_pylist():
            key = (row["on"], row["until_on"], float(row["discount_rate"]), row["market"])
            groups.setdefault(key, set()).add(row["product_key"])
        return tuple(
            Promotion(
                Period(first + year, after + year),
                rate,
                None if None in codes else frozenset(code for code in codes if code),
                market=market,
            )
            for (first, after, rate, market), codes in sorted(groups.items(), key=repr)
            if after > first
        )

    def blocks(self, metric: str, found: SalesOutlook | None) -> Floats:
        """(b,) sums of the last blocks of four weeks, the newest last, from the first one with a value on."""
        period = Period(self.as_of - timedelta(days=_BLOCK_DAYS * _BLOCKS), self.as_of)
        sums = self.daily(metric, period, found).reshape(_BLOCKS, -1).sum(axis=1)
        return sums[int(np.argmax(sums > 0)) :]

    def weeks(self, metric: str, found: SalesOutlook) -> Floats:
        """(52,) sums of the last weeks."""
        period = Period(self.as_of - timedelta(days=364), self.as_of)
        return self.daily(metric, period, found).reshape(52, 7).sum(axis=1)


@dataclass(frozen=True, slots=True)
class _Year:
    """What the last year brought by category and market."""

    rows: Sequence[Mapping[str, object]]

    def cells(self) -> dict[tuple[str | None, str | None], float]:
        return {(_name(row["category"]), _name(row["market"])): _number(row["net_sales"], 0.0) for row in self.rows}

    def per_category(self, above: str, below: str) -> dict[str | None, float]:
        """One metric over another by category, nan if either is unknown."""
        found: dict[str | None, Floats] = {}
        for row in self.rows:
            both = np.array([_number(row[above]), _number(row[below])])
            name = _name(row["category"])
            found[name] = found.get(name, np.zeros(2)) + both
        return {name: float(one / other) if other > 0 else np.nan for name, (one, other) in found.items()}


def by_slot(slots: Sequence[date], rows: Iterable[tuple[str | None, date, float]]) -> dict[str | None, Floats]:
    """By channel (w,) sums of (channel, day, amount) over the slots; channels without any are left out."""
    first, days = slots[0], (slots[-1] - slots[0]).days
    daily: dict[str | None, Floats] = {}
    for channel, day, amount in rows:
        if 0 <= (day - first).days < days:
            daily.setdefault(channel, np.zeros(days))[(day - first).days] += amount
    cuts = [(day - first).days for day in slots[:-1]]
    return {channel: np.add.reduceat(each, cuts) for channel, each in daily.items() if each.any()}


def _spend_before(ask: _Asker, slots: tuple[date, ...]) -> dict[str | None, Floats]:
    """By channel (w,) of the same days a year before, else the pace of the last eight weeks."""
    period = Period(slots[0], slots[-1])
    before = Period(period.start - timedelta(days=364), period.end - timedelta(days=364))
    cuts = np.array([(day - slots[0]).days for day in slots[:-1]])
    known = ask.spent(before) if before.end <= ask.as_of else {}
    if not known:
        recent = ask.spent(Period(ask.as_of - timedelta(days=RECENT_DAYS), ask.as_of))
        known = {channel: np.full(period.days, daily.mean()) for channel, daily in recent.items()}
    return {channel: np.add.reduceat(daily, cuts) for channel, daily in known.items()}


def _spread(visits: Floats | None, orders: Floats, sold: Floats) -> Floats:
    """(3, 3) covariance of visits, conversion and basket, from their growth over blocks of four weeks.

    Against the block a year before where there is one, else against the block before; shrunk to a tenth each, which
    weighs as six blocks. Without visits, traffic does not vary and conversion stands for orders.
    """
    series = [orders, sold] if visits is None else [visits, orders, sold]
    size = min(len(one) for one in series)
    logs = np.log(np.maximum([one[len(one) - size :] for one in series], 1e-9))
    ways = np.diff(logs, axis=0, prepend=0.0)
    lag = 13 if size >= 13 + 4 else 1
    moves = ways[:, lag:] - ways[:, :-lag]
    moves = np.clip(moves - moves.mean(axis=1, keepdims=True), -1, 1) if moves.shape[1] else moves
    if lag == 1:  # the difference of two blocks varies twice as much as either
        moves = moves / np.sqrt(2)
    prior = np.diag(np.full(len(series), _PRIOR_SPREAD**2 * _PRIOR_WEIGHT))
    found = (prior + moves @ moves.T) / (_PRIOR_WEIGHT + moves.shape[1])
    if visits is not None:
        return np.asarray(found)
    spread = np.zeros((3, 3))
    spread[1:, 1:] = found
    return spread


def _noise(weeks: Floats) -> float:
    """How much a week's share in its month varies: the spread of weeks about the mean of them and their neighbours."""
    around = np.convolve(weeks, np.ones(5) / 5, mode="valid")
    middle = weeks[2:-2]
    known = (around > 0) & (middle > 0)
    if known.sum() < 8:
        return float(np.mean(_WEEK_NOISE))
    spread = 1.4826 * float(np.median(np.abs(np.log(middle[known] / around[known]))))
    return float(np.clip(spread, *_WEEK_NOISE))


# Paths -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Answering:
    """What weeks of spend bring.

    pool : the place of the curve that a channel moves, None if nothing is known of it
    brought : (paths, q, n) net sales that n weeks' spend (q, n) in each of the `pools` brings
    """

    pools: int
    pool: Callable[[str | None], int | None]
    brought: Callable[[Floats], Floats]


def believed_elasticity(categories: int, paths: int = PATHS) -> Floats:
    """(paths, categories) elasticities as published averages let believe, the same on every call."""
    rng = np.random.default_rng(_SEED + 1)
    size, spread = BELIEVED_ELASTICITY
    common = rng.standard_normal((paths, 1))
    own = rng.standard_normal((paths, categories))
    return np.asarray(-size * np.exp(spread * (np.sqrt(_COMMON) * common + np.sqrt(1 - _COMMON) * own)))


def believed_marketing(paths: int = PATHS) -> Floats:
    """(paths, 1) the elasticity of sales to spend as published averages let believe, the same on every call."""
    rng = np.random.default_rng(_SEED + 2)
    size, spread = BELIEVED_MARKETING
    return np.asarray(size * np.exp(spread * rng.standard_normal((paths, 1))))


def learnt_elasticity(run: Run, categories: Names, paths: int = PATHS) -> Floats:
    """(paths, categories) elasticities as the shop's own prices let know; of a category that they say nothing of, as
    published averages let believe."""
    drawn = believed_elasticity(len(categories), paths)
    known = zip(run.texts("group", "name"), run.floats("group", "mean"), run.floats("group", "se"), strict=True)
    by_name = {name: (mean, error) for name, mean, error in known if np.isfinite(mean) and np.isfinite(error)}
    rng = np.random.default_rng(_SEED + 3)
    for place, name in enumerate(categories):
        own = rng.standard_normal(paths)
        if name in by_name:
            mean, error = by_name[name]
            drawn[:, place] = np.minimum(mean + error * own, -_LEAST_ELASTIC)
    return drawn


def learnt_marketing(outlook: ResponseOutlook, paths: int = PATHS) -> Answering:
    """What a week's spend by channel brings in the long run, from draws of the shop's own response.

    Channels that it never saw bring nothing known.
    """
    place = {channel: c for c, channel in enumerate(outlook.channels)}
    rest = place.get(OTHER)

    def brought(weekly: Floats) -> Floats:
        found = response.steady(outlook.fitted, weekly)
        return np.asarray(found[np.random.default_rng(_SEED + 4).permutation(paths) % len(found)])

    return Answering(len(place), lambda channel: place.get(channel, rest), brought)


@dataclass(frozen=True, slots=True, eq=False)
class _Push:
    """What the budget does to the sales that spend as before would bring.

    pushed : (paths, t) what it multiplies a month's demand with
    pool : (k,) the curve that each channel's spend moves, -1 for none
    effect, pool_effect : (paths, g), (paths, q, g) what multiples of it do on top, over all months: of the whole, and
        of each pool alone
    """

    pushed: Floats
    pool: NDArray[np.int64]
    effect: Floats
    pool_effect: Floats


def _pushed(seen: Seen, spend: Spend, answering: Answering | None, weekly: Floats, paths: int) -> _Push:
    """What a budget brings; weekly : (t,) net sales a week that are expected with spend as before."""
    days = np.diff([day.toordinal() for day in seen.slots])
    months = len(seen.sales.months)
    length = np.maximum(np.bincount(seen.month, days, months) / 7, 1e-9)

    def a_week(by: Spend) -> dict[str | None, Floats]:
        return {channel: np.bincount(seen.month, each, months) / length for channel, each in by.items()}

    now, before = a_week(spend), a_week(seen.spend_before)
    share = weekly * length / max(float((weekly * length).sum()), 1e-9)
    if answering is None:
        power = believed_marketing(paths)
        whole, old = (np.array(sum(by.values(), np.zeros(months))) for by in (now, before))
        known = (old > 0) & (whole + old > 0)
        ratio = np.where(known, whole / np.where(known, old, 1.0), 1.0)
        effect = np.maximum(MULTIPLIERS, _LEAST_EFFECT) ** power
        pushed = np.maximum(ratio, _LEAST_EFFECT) ** power
        return _Push(pushed, np.zeros(len(spend), dtype=np.int64), effect, effect[:, None])

    def pooled(by: Spend) -> Floats:
        sums = np.zeros((answering.pools, months))
        for channel, amounts in by.items():
            if (at := answering.pool(channel)) is not None:
                sums[at] += amounts
        return sums

    scale, planned_spend = np.maximum(weekly, 1e-9), pooled(now)
    without = answering.brought(pooled(before)).sum(axis=1)
    planned_each = answering.brought(planned_spend)
    planned = np.maximum(1 + (planned_each.sum(axis=1) - without) / scale, _LEAST_EFFECT)
    whole = planned @ share
    effect, alone = np.ones((paths, len(MULTIPLIERS))), np.ones((paths, answering.pools, len(MULTIPLIERS)))
    for g, multiple in enumerate(MULTIPLIERS.tolist()):
        brought = answering.brought(planned_spend * multiple)
        moved = np.maximum(1 + (brought.sum(axis=1) - without) / scale, _LEAST_EFFECT)
        effect[:, g] = moved @ share / whole
        alone[:, :, g] += (brought - planned_each) / scale @ share / whole[:, None]
    places = [answering.pool(channel) for channel in spend]
    pool = np.array([-1 if place is None else place for place in places], dtype=np.int64)
    return _Push(planned, pool, effect, alone)


def base(
    seen: Seen,
    *,
    categories: Names,
    markets: Names,
    goods: Goods | None = None,
    elasticity: Floats | None = None,
    answering: Answering | None = None,
    budget: Spend | None = None,
    prices: PriceOutlook | None = None,
    promotions: Sequence[Promotion] = (),
    holds_promotions: bool = False,
    lead_days: float = LEAD_DAYS,
    paths: int = PATHS,
) -> Base:
    """The base of a plan whose grid has these categories and markets; `OTHER` holds those that it doesn't name.

    goods : what its products are expected to sell, in units, as the stock plan has it; with stock levels they limit
        what can be sold: what is on hand of products that sell, deliveries at the pace of the last eight weeks until
        `lead_days` are over, and then as much as is expected to be wanted
    elasticity : (paths, c); answering : to spend; by default what published averages let believe
    budget : by channel (w,) what the plan spends, in place of what is seen
    prices, promotions : planned ones move demand as far as `prices` knows how customers answer
    holds_promotions : `goods` knows of them already, as it does of those of an active plan
    """
    ways = _ways(seen, categories, markets)
    total = seen.sales.total.samples[:, 0] - seen.sales.total.actual[0]
    ranked = np.argsort(total.sum(axis=1), kind="stable")
    kept = np.sort(ranked[(np.arange(paths) * 2 + 1) * len(ranked) // (2 * paths)])
    rng = np.random.default_rng(_SEED)
    coming = _joint(seen, ways, kept)
    orders, visits = _drivers(seen, coming.sum(axis=(1, 2)), rng)
    weights = _weights(seen, paths, rng)
    demand = coming[..., seen.month] * weights[:, None, None]
    spend = seen.spend if budget is None else budget
    spent = np.array(sum(spend.values(), np.zeros(len(seen.month))))
    none = np.full(len(spend), -1, dtype=np.int64)
    push, multiplier = _Push(np.ones((paths, 0)), none, np.ones((paths, 0)), np.ones((paths, 0, 0))), np.zeros(0)
    spend_of = np.stack(list(spend.values())) if spend else np.zeros((0, len(seen.month)))
    foreseen = demand.mean(axis=0).sum(axis=1)
    if spent.any() and (seen.spend_before or answering is not None):
        weeks = np.bincount(seen.month, np.diff([day.toordinal() for day in seen.slots]), len(seen.sales.months)) / 7
        weekly = coming.sum(axis=(1, 2)).mean(axis=0) / np.maximum(weeks, 1e-9)
        push, multiplier = _pushed(seen, spend, answering, weekly, paths), MULTIPLIERS
        demand *= push.pushed[:, None, None, seen.month]
        orders = orders * push.pushed
        visits = None if visits is None else visits * push.pushed
    outlooks = (seen.visits, seen.orders, seen.sales)
    unknown = np.full(len(seen.sales.months), np.nan)
    size, slots = len(categories), len(seen.month)
    placed = orders[:, seen.month] * weights
    plain = Base(
        demand=demand,
        done=_done(seen, ways),
        month=seen.month,
        visits=np.zeros((paths, 0)) if visits is None else visits[:, seen.month] * weights,
        done_visits=seen.visits.total.actual[0] if seen.visits else np.zeros(len(unknown)),
        orders=placed,
        done_orders=seen.orders.total.actual[0] if seen.orders else np.zeros(len(unknown)),
        unpromoted=placed.mean(axis=0),
        price=np.ones((size, slots)),
        cost_rate=np.repeat(_cost_rates(seen, ways, demand)[:, None], slots, axis=1),
        elasticity=believed_elasticity(size, paths) if elasticity is None else elasticity,
        multiplier=multiplier,
        effect=push.effect,
        spend=spent,
        spend_of=spend_of,
        pool=push.pool,
        pool_effect=push.pool_effect,
        pushed=push.pushed,
        on_hand=np.full(size, np.inf),
        arrivals=np.zeros((size, slots)),
        promoted_of=np.zeros(0, dtype=np.int64),
        promoted=np.zeros((0, len(markets), slots)),
        depth=np.zeros(0),
        promoted_units=np.ones((paths, 0, 0)),
        promoted_sales=np.ones((paths, 0, 0)),
        reference=np.stack([one.total.last_year[0] if one else unknown for one in outlooks]),
    )
    found = plain if prices is None else _promoting(plain, seen, ways, markets, prices, promotions)
    known = found.pooled.mean(axis=0) if holds_promotions else foreseen
    units = _units(seen, ways, known, goods)
    price = np.divide(known, units, out=np.ones_like(units), where=(units > 1e-9) & (known > 0))
    return _stocked(found, seen, price if holds_promotions else price * found.price, goods, ways, lead_days)


# Promotions ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    """What a promotion does to a category on its days, or in the weeks after it.

    on : (m, w) share of what the category sells that it is on, 0-1; is_after : it is the dip that follows
    units, sales : (p, d) as `Base` has them
    """

    category: int
    is_after: bool
    on: Floats
    units: Floats
    sales: Floats


def _promoting(
    plain: Base, seen: Seen, ways: "_Ways", markets: Names, prices: PriceOutlook, promotions: Sequence[Promotion]
) -> Base:
    """The base with the planned promotions and the dip after them in its demand.

    The season holds what was promoted in the same weeks a year before: where the plan promotes, that is taken out
    first, so that the same promotion again adds nothing.
    """
    rows = _rows(plain, promotions, (*promotions, *seen.promotions), seen, ways, markets, prices)
    if not rows:
        return plain
    past = _rows(plain, seen.promotions, seen.promotions, seen, ways, markets, prices)
    moved = _on(rows, plain)
    promoted = _on([row for row in rows if not row.is_after], plain)
    past = [
        replace(row, on=on)
        for row in past
        if (on := row.on * (moved if row.is_after else promoted)[row.category]).any()
    ]
    found, before = _with(plain, rows), _with(plain, past)
    sales, goods = np.ones(plain.demand.shape), np.ones(plain.demand.shape)
    planned = int(np.argmin(np.abs(_DEPTHS - 1)))
    for times, name in ((sales, "promoted_sales"), (goods, "promoted_units")):
        for one, is_out in ((found, False), (before, True)):
            if len(one.depth):
                values = getattr(one, name)[:, :, planned]
                none = np.ones_like(values)
                check.promote(times, one, *((none, values) if is_out else (values, none)))
    demand, needed = plain.demand * sales, plain.demand * goods
    mean, units = demand.mean(axis=0).sum(axis=1), needed.mean(axis=0).sum(axis=1)
    dearer = np.divide(units, mean, out=np.ones_like(mean), where=mean > 0)
    before_all, needed_all = plain.demand.sum(axis=(1, 2)), needed.sum(axis=(1, 2))
    more = np.divide(needed_all, before_all, out=np.ones_like(before_all), where=before_all > 0)
    return replace(
        found,
        demand=demand,
        orders=plain.orders * more,
        cost_rate=plain.cost_rate * dearer,
        price=plain.price / dearer,
    )


def _on(rows: Sequence[_Row], plain: Base) -> NDArray[np.bool_]:
    """(c, m, w) where any of the rows is on."""
    found = np.zeros(plain.demand.shape[1:], dtype=bool)
    for row in rows:
        found[row.category] |= row.on > 0
    return found


def _with(plain: Base, rows: Sequence[_Row]) -> Base:
    """The base that knows of promotions; its demand is still without them."""
    if not rows:
        return plain
    return replace(
        plain,
        promoted_of=np.array([row.category for row in rows], dtype=np.int64),
        promoted=np.stack([row.on for row in rows]),
        depth=_DEPTHS,
        promoted_units=np.stack([row.units for row in rows], axis=1),
        promoted_sales=np.stack([row.sales for row in rows], axis=1),
    )


def _rows(
    plain: Base,
    promotions: Sequence[Promotion],
    others: Sequence[Promotion],
    seen: Seen,
    ways: "_Ways",
    markets: Names,
    prices: PriceOutlook,
) -> list[_Row]:
    """What promotions do, a row a category, each followed by its dip while none of `others` is on."""
    keys, names = prices.keys, prices.run.texts("product", "category")
    place = np.array([ways.of_category(name) for name in names], dtype=np.int64)
    worth = prices.column("weekly") * prices.column("price")
    paths, found = len(plain.demand), []
    picked = np.random.default_rng(_SEED + 5).permutation(paths)

    def drawn(values: Floats) -> Floats:
        """(p, d) draws (n, d - 1) of multiples, 1 at depth 0, dealt to the paths."""
        return np.hstack([np.ones((paths, 1)), values[picked % len(values)]])

    def chosen(one: Promotion) -> NDArray[np.bool_]:
        return np.array([one.covers(key, name) for key, name in zip(keys, names, strict=True)], dtype=bool)

    offers = [(one, chosen(one), _in_market(one.market, seen, ways, len(markets))) for one in promotions]
    busy = [(one.period, chosen(one), _in_market(one.market, seen, ways, len(markets))) for one in others]
    for one, inside, where in sorted(offers, key=lambda offer: offer[0].period.end, reverse=True):
        if not where.any() or not 0 < one.discount < 1:
            continue
        share = _days_on(seen.slots, one.period)
        later = Period(one.period.end, one.period.end + timedelta(days=AFTER_DAYS))
        ratios = 1 - np.minimum(_DEPTHS[1:] * one.discount, _DEEPEST)
        for category in np.unique(place[inside]):
            rows = np.flatnonzero(inside & (place == category))
            whole = max(float(worth[place == category].sum()), 1e-9)
            if share.any():
                units, sales = prices.multiples(rows, ratios.tolist(), prices.announced)
                on = float(worth[rows].sum() / whole) * where[:, None] * share
                found.append(_Row(int(category), False, on, drawn(units), drawn(sales)))
            dip = prices.aftermath(rows)
            free = None if dip is None else _free(seen.slots, later, where, worth[rows] / whole, rows, busy)
            if dip is not None and free is not None and free.any():
                pooled = dip @ worth[rows] / worth[rows].sum()
                times = drawn(np.repeat(pooled[:, None], len(ratios), axis=1))
                found.append(_Row(int(category), True, free, times, times))
        busy.append((later, inside, where))  # what ended earlier dips no more where this one does
    return found


def _free(
    slots: Sequence[date],
    period: Period,
    where: Floats,
    worth: Floats,
    rows: NDArray[np.int64],
    busy: Sequence[tuple[Period, NDArray[np.bool_], Floats]],
) -> Floats:
    """(m, w) share of a category's sales on the days of a period on which its products are in nothing `busy`.

    where : (m,) share of each market; worth : (n,) of the category's sales that the products `rows` make
    """
    free = np.repeat(where[:, None, None], period.days, axis=2) * np.ones((1, len(rows), 1))
    for other, inside, there in busy:
        first, after = ((day - period.start).days for day in (other.start, other.end))
        hit = inside[rows]
        if first < period.days and after > 0 and hit.any():
            days = slice(max(first, 0), after)
            free[:, hit, days] *= 1 - there[:, None, None]
    daily = np.einsum("mnd,n->md", free, worth)
    found = np.zeros((len(where), len(slots) - 1))
    for k in range(period.days):
        w = bisect_right(slots, period.start + timedelta(days=k)) - 1
        if 0 <= w < found.shape[1]:
            found[:, w] += daily[:, k] / (slots[w + 1] - slots[w]).days
    return found


def _in_market(market: str | None, seen: Seen, ways: "_Ways", count: int) -> Floats:
    """(m,) share of each of the plan's markets that a promotion for `market` is on; all of a shop without markets."""
    if market is None or (count == 1 and all(name != market for _, name in seen.cells)):
        return np.ones(count)
    sold = np.zeros((2, count))
    for (_, name), value in seen.cells.items():
        sold[:, ways.of_market(name)] += max(value, 0.0) * np.array([name == market, True])
    share: Floats = sold[0] / np.maximum(sold[1], 1e-9)
    return share


def knows(prices: PriceOutlook, one: Promotion) -> bool:
    """Whether anything is known of how customers answer to the price of what a promotion is on."""
    names = prices.run.texts("product", "category")
    return any(one.covers(key, name) for key, name in zip(prices.keys, names, strict=True))


def _days_on(slots: Sequence[date], period: Period) -> Floats:
    """(w,) share of each slot's days that lie in a period."""
    edge = np.array([day.toordinal() for day in slots])
    first, after = period.start.toordinal(), period.end.toordinal()
    shares: Floats = np.clip(np.minimum(edge[1:], after) - np.maximum(edge[:-1], first), 0, None) / np.diff(edge)
    return shares


@dataclass(frozen=True, slots=True, eq=False)
class _Ways:
    """Where each name of the lake stands on a plan's axes, and how a category's sales fall to the markets.

    share : (c, m) of the last year, rows sum to 1
    """

    of_category: Callable[[str | None], int]
    of_market: Callable[[str | None], int]
    share: Floats


def _ways(seen: Seen, categories: Names, markets: Names) -> _Ways:
    of_category, of_market = _place(categories), _place(markets)
    sums = np.full((len(categories), len(markets)), 1e-9)
    for (category, market), value in seen.cells.items():
        sums[of_category(category), of_market(market)] += max(value, 0.0)
    return _Ways(of_category, of_market, sums / sums.sum(axis=1, keepdims=True))


def _place(names: Names) -> Callable[[str | None], int]:
    """Where a name stands; one that isn't named stands with the others."""
    known = {name: k for k, name in enumerate(names)}
    rest = known.get(OTHER, 0)
    return lambda name: known.get(name, rest)


def _grouped(cells: Cells, of: Callable[[str | None], int], count: int, values: Floats) -> Floats:
    """(..., count, t) sums over the slices (..., k, t) of each place."""
    sums = np.zeros((*values.shape[:-2], count, values.shape[-1]))
    for k, name in enumerate(cells.names):
        sums[..., of(name), :] += values[..., k, :]
    return sums


def _joint(seen: Seen, ways: _Ways, kept: NDArray[np.int64]) -> Floats:
    """(p, c, m, t) what is to come: each category's own paths, fallen to markets as the markets' paths let expect."""
    by_category = seen.sales.by.get("category", seen.sales.total)
    by_market = seen.sales.by.get("market", seen.sales.total)
    categories, markets = ways.share.shape
    coming = [np.maximum(cells.samples[kept] - cells.actual, 0) for cells in (by_category, by_market)]
    category = _grouped(by_category, ways.of_category, categories, coming[0])
    market = _grouped(by_market, ways.of_market, markets, coming[1])
    usual = np.maximum(market.mean(axis=(0, 2)), 1e-9)
    weight = ways.share[None, :, :, None] * (market / usual[None, :, None])[:, None] + 1e-12
    joint: Floats = category[:, :, None] * weight / weight.sum(axis=2, keepdims=True)
    return joint


def _weights(seen: Seen, paths: int, rng: np.random.Generator) -> Floats:
    """(p, w) how a month's rest falls to its weeks: by season, and as unevenly as weeks are; 1 in each month's sum."""
    mean = dict(zip(seen.sales.days, seen.sales.day_mean, strict=True))
    sums = [
        sum(max(mean.get(start + timedelta(days=k), 0.0), 0.0) for k in range((end - start).days)) + 1e-9
        for start, end in zip(seen.slots[:-1], seen.slots[1:], strict=True)
    ]
    drawn = np.array(sums) * np.exp(seen.noise * rng.standard_normal((paths, len(sums))))
    for t in np.unique(seen.month):
        inside = seen.month == t
        drawn[:, inside] /= drawn[:, inside].sum(axis=1, keepdims=True)
    return np.asarray(drawn)


def _drivers(seen: Seen, total: Floats, rng: np.random.Generator) -> tuple[Floats, Floats | None]:
    """(p, t) orders and visits that bring the sales (p, t) which are to come, as they go together in the past.

    How far a path's sales are from what is expected is shared out to visits, conversion and basket by the conditional
    normal distribution of the three given their sum.
    """
    expected = total.mean(axis=0)
    away = np.log(np.maximum(total, 1e-9) / np.maximum(expected, 1e-9))
    ones = np.ones(3)
    onto = seen.spread @ ones / (ones @ seen.spread @ ones)
    rest = seen.spread - np.outer(onto, ones @ seen.spread)
    values, vectors = np.linalg.eigh((rest + rest.T) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0))
    paths, months = total.shape
    common, own = rng.standard_normal((paths, 1, 3)), rng.standard_normal((paths, months, 3))
    moved = away[:, :, None] * onto + (np.sqrt(_COMMON) * common + np.sqrt(1 - _COMMON) * own) @ root.T

    def path(mean: Floats, log_moved: Floats) -> Floats:
        factor = np.exp(log_moved)
        return np.asarray(mean * factor / factor.mean(axis=0))

    placed = expected / seen.usual_basket if seen.orders is None else _coming(seen.orders)
    orders = path(placed, moved[:, :, 0] + moved[:, :, 1])
    return orders, None if seen.visits is None else path(_coming(seen.visits), moved[:, :, 0])


def _coming(outlook: SalesOutlook) -> Floats:
    """(t,) what is expected of the months beyond what is in."""
    rest: Floats = np.maximum(outlook.total.mean[0] - outlook.total.actual[0], 0)
    return rest


def _done(seen: Seen, ways: _Ways) -> Floats:
    """(c, m, t) what is in already."""
    by_category = seen.sales.by.get("category", seen.sales.total)
    by_market = seen.sales.by.get("market", seen.sales.total)
    categories, markets = ways.share.shape
    category = _grouped(by_category, ways.of_category, categories, by_category.actual)
    market = _grouped(by_market, ways.of_market, markets, by_market.actual)
    whole = market.sum(axis=0)
    share = np.divide(market, whole, out=np.zeros_like(market), where=whole != 0)
    done: Floats = category[:, None] * share[None]
    return done


def _units(seen: Seen, ways: _Ways, foreseen: Floats, goods: Goods | None) -> Floats:
    """(c, w) units behind net sales that are foreseen, (c, w): those that the products are expected to sell, as the
    stock plan has them; beyond its horizon, and without it, as many as come at last year's price of a unit."""
    usual = np.array([_mean(seen.unit_price, ways, c, seen.cells) for c in range(len(ways.share))])
    found = foreseen / np.where(np.isnan(usual) | (usual <= 0), 1.0, usual)[:, None]
    if goods is None:
        return found
    place = np.array([ways.of_category(name) for name in goods.category], dtype=np.int64)
    daily = np.zeros((len(found), HORIZON_DAYS))
    np.add.at(daily, place, goods.wanted)
    for w, (first, after) in enumerate(pairwise(seen.slots)):
        start, end = (first - goods.as_of).days, (after - goods.as_of).days
        if start >= 0 and end <= HORIZON_DAYS:
            found[:, w] = daily[:, start:end].sum(axis=1)
    return found


def _stocked(found: Base, seen: Seen, price: Floats, goods: Goods | None, ways: _Ways, lead_days: float) -> Base:
    """The base with what a unit brings, (c, w), and with the units on hand and to come.

    Stock is inf where most of a category's sales have no level. Of a product no more counts than it is expected to sell
    itself: the rest sells nothing else.
    """
    size = len(price)
    on_hand, arrivals = np.full(size, np.inf), np.zeros(price.shape)
    if goods is None or goods.counted_on is None or (goods.as_of - goods.counted_on).days > history.STALE_DAYS:
        return replace(found, price=price)
    wanted = found.pooled.mean(axis=0) / price
    place = np.array([ways.of_category(name) for name in goods.category], dtype=np.int64)
    pace = goods.wanted.sum(axis=1)
    all_of = np.maximum(np.bincount(place, pace, size), 1e-9)
    tracked = ~np.isnan(goods.on_hand)
    share_tracked = np.bincount(place, pace * tracked, size) / all_of
    usable = np.minimum(np.nan_to_num(goods.on_hand), (wanted.sum(axis=1) / all_of)[place] * pace)
    is_known = share_tracked >= _TRACKED
    scale = 1 / np.maximum(share_tracked, _TRACKED)
    on_hand[is_known] = (np.bincount(place, usable, size) * scale)[is_known]
    received = np.bincount(place, np.where(tracked, goods.received, 0), size) * scale / RECENT_DAYS
    days = np.diff([day.toordinal() for day in seen.slots])
    is_later = np.array([(day - goods.as_of).days >= lead_days for day in seen.slots[:-1]])
    arrivals[is_known] = np.where(is_later, wanted, received[:, None] * days)[is_known]
    return replace(found, price=price, on_hand=on_hand, arrivals=arrivals)


def _cost_rates(seen: Seen, ways: _Ways, demand: Floats) -> Floats:
    """(c,) cost per unit of net sales; a category that hardly sells and has no cost takes that of the others."""
    rates = np.array([_mean(seen.cost_rate, ways, c, seen.cells) for c in range(len(ways.share))])
    sold = demand.mean(axis=0).sum(axis=(1, 2))
    is_known = ~np.isnan(rates)
    if not is_known.any() or sold[~is_known].sum() > _UNCOSTED * sold.sum():
        return rates
    return np.where(is_known, rates, rates[is_known] @ sold[is_known] / max(float(sold[is_known].sum()), 1e-9))


def _mean(
    values: dict[str | None, float], ways: _Ways, place: int, cells: dict[tuple[str | None, str | None], float]
) -> float:
    """The mean of a category's rate over the names that stand at its place, weighed by sales; nan if one is unknown."""
    weights: dict[str | None, float] = {}
    for (category, _), sold in cells.items():
        if ways.of_category(category) == place:
            weights[category] = weights.get(category, 0.0) + max(sold, 0.0)
    total = sum(weights.values())
    return (
        sum(values.get(name, np.nan) * weight for name, weight in weights.items() if weight) / total
        if total
        else np.nan
    )


def _name(entry: object) -> str | None:
    return None if entry is None or isinstance(entry, Missing) else str(entry)


def _number(entry: object, otherwise: float = np.nan) -> float:
    return float(entry) if isinstance(entry, int | float | Decimal) else otherwise


# The shared cache folder -----------------------------------------------------------


def save(found: Base, folder: Path, notes: Mapping[str, str]) -> None:
    """Writes the base so that any process can map it into memory; the folder appears whole or not at all.

    What sliders move lies in its folder `drawn` where that is less than the whole.

    notes : texts to lie beside it, by file name
    """
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    _write(found, part)
    if found.drawn is not found:
        _write(found.drawn, part / DRAWN)
    for name, text in notes.items():
        (part / name).write_text(text)
    try:
        part.rename(folder)
    except OSError:  # another process was faster: it wrote the same
        shutil.rmtree(part)


def _write(base: Base, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for field in fields(Base):
        np.save(folder / f"{field.name}.npy", getattr(base, field.name))


def load(folder: Path) -> Base:
    """The base of a folder, mapped into memory. Raises FileNotFoundError."""
    names = [field.name for field in fields(Base)]
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in names}
    return Base(**arrays)
