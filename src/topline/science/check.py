"""Whether a plan can be met: visits, conversion, baskets, prices, marketing and stock drawn together, path by path.

Cells are category x market x slot, a slot being a week or the part of one that lies in a month. The paths of a base
are drawn once; a change of the plan is a transform of them without any new draw, so the same change has the same chance
to the last digit.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LIKELY = 2 / 3
"""From this chance on an outcome is called likely (IPCC, calibrated language)."""

LEVEL = 0.8
"""Of the intervals of drivers and outcomes."""

DRIVERS = ("traffic", "conversion", "basket")
CONSTRAINTS = ("stock", "budget", *DRIVERS)
LIMITS: Mapping[str, tuple[float, float]] = {
    "traffic": (-0.5, 1.0),
    "conversion": (-0.5, 1.0),
    "basket": (-0.3, 0.5),
    "price": (-0.3, 0.3),
    "promotion": (-1.0, 1.0),
    "spend": (-1.0, 2.0),
    "supply": (-1.0, 2.0),
}
"""How far each lever may be moved, as a relative change."""

_STEPS = 30
_PRECISION = 0.001
_SEARCH_DRAWS, _LEAST_PATHS, _MOST_PATHS = 60_000, 80, 250
_SLIDER_DRAWS = 2_000_000
_LEAST = 1e-9
_LEAST_RESPONSE = 0.05
_DRAWN = (
    "demand", "visits", "orders", "elasticity", "effect", "pool_effect", "pushed", "promoted_units", "promoted_sales",
)  # fmt: skip
"""What differs from path to path."""


@dataclass(frozen=True, eq=False)
class Base:
    """What is expected if the plan stays as it is: p paths, c categories, m markets, w slots, t months.

    demand : (p, c, m, w) net sales that customers want at the plan's prices, promotions and spend, money >= 0
    done : (c, m, t) net sales that are in already
    month : (w,) the month of each slot, 0..t-1
    visits : (p, w) visits that bring that demand; (p, 0) if nobody counts visits. done_visits : (t,)
    orders : (p, w) orders that bring that demand; done_orders : (t,)
    unpromoted : (w,) orders with what the season promotes in place of the planned promotions, on average
    price : (c, w) net sales of a unit, > 0
    cost_rate : (c, w) cost of goods per unit of net sales, nan if unknown
    elasticity : (p, c) relative change of units per relative change of price, <= 0
    multiplier, effect : (g,), (p, g) what demand is multiplied with if spend is multiplied by so much, 1 at 1; rising
    spend : (w,) planned spend on marketing, money; 0 if unknown. spend_of : (k, w) of each channel, adding up to it
    pool : (k,) which curve a channel's spend moves demand by, those of one pool together; -1 if that isn't known
    pool_effect : (p, q, g) the same as `effect` with the spend of one pool multiplied, the others as planned
    pushed : (p, t) what planned spend multiplied the demand with against spend as before; (p, 0) if it is as before
    on_hand : (c,) usable units at the start, inf if stock is unknown; arrivals : (c, w) units that come in a slot
    promoted_of : (r,) the category of each planned promotion, one row a category; the dip after one is a row too
    promoted : (r, m, w) share of what the category sells in a market and slot that the row is on, 0-1
    depth : (d,) multiples of the planned discounts, rising, from 0 on, with 1 among them; empty if none is planned
    promoted_units, promoted_sales : (p, r, d) units and net sales of what a promotion is on, as multiples of what they
        are without it, 1 at depth 0
    reference : (3, t) visits, orders and net sales of the months a year before, nan if unknown
    """

    demand: Floats
    done: Floats
    month: Ints
    visits: Floats
    done_visits: Floats
    orders: Floats
    done_orders: Floats
    unpromoted: Floats
    price: Floats
    cost_rate: Floats
    elasticity: Floats
    multiplier: Floats
    effect: Floats
    spend: Floats
    spend_of: Floats
    pool: Ints
    pool_effect: Floats
    pushed: Floats
    on_hand: Floats
    arrivals: Floats
    promoted_of: Ints
    promoted: Floats
    depth: Floats
    promoted_units: Floats
    promoted_sales: Floats
    reference: Floats

    @cached_property
    def pooled(self) -> Floats:
        """(p, c, w) the demand of all markets together, which one stock serves."""
        summed: Floats = self.demand.sum(axis=2)
        return summed

    @cached_property
    def whole(self) -> Floats:
        """(p, w) the demand of all categories together, above 0."""
        summed: Floats = np.maximum(self.pooled.sum(axis=1), _LEAST)
        return summed

    @property
    def months(self) -> int:
        return len(self.done_orders)

    @property
    def counts_visits(self) -> bool:
        return bool(self.visits.shape[1] == len(self.month) > 0)

    def by_month(self, values: Floats) -> Floats:
        """Sums (..., t) over the slots of each month, of values (..., w)."""
        sums = np.zeros((*values.shape[:-1], self.months))
        starts = np.flatnonzero(np.diff(self.month, prepend=-1))
        if len(starts):
            sums[..., self.month[starts]] = np.add.reduceat(values, starts, axis=-1)
        return sums

    def some(self, paths: int) -> "Base":
        """At most so many of the paths, spread evenly over the whole demand from the least to the most."""
        count = len(self.demand)
        if count <= paths:
            return self
        ranked = np.argsort(self.pooled.sum(axis=(1, 2)), kind="stable")
        kept = np.sort(ranked[(np.arange(paths) * 2 + 1) * count // (2 * paths)])
        return self._of(lambda values: values[kept])

    @cached_property
    def few(self) -> "Base":
        """As many of the paths as a search looks at: fewer of a plan with many cells, which vary less as a whole."""
        return self.some(_paths(_SEARCH_DRAWS, self.pooled[0].size))

    @cached_property
    def drawn(self) -> "Base":
        """As many of the paths of a large plan as a slider can move at once, all of another one."""
        if self.demand.size <= _SLIDER_DRAWS:
            return self
        return self.some(_paths(_SLIDER_DRAWS, self.demand[0].size))

    @cached_property
    def middle(self) -> "Base":
        """A single path on which everything is as expected."""
        return self._of(lambda values: values.mean(axis=0, keepdims=True))

    @cached_property
    def answers(self) -> tuple["Base", "Base"]:
        """The middle with customers answering to the planned promotions as little, and as much, as they may."""
        middle, found = self.middle, []
        for q in _ends():
            moved = _with(middle, "promoted_sales", self.promoted_sales, q)
            moved = _with(moved, "promoted_units", self.promoted_units, q)
            demand = np.array(middle.demand)
            promote(demand, self, *(_at(self.depth, one.promoted_sales, 1.0) for one in (moved, middle)))
            found.append(replace(moved, demand=demand))
        return found[0], found[1]

    @cached_property
    def replies(self) -> tuple["Base", "Base"]:
        """The middle with customers answering to the spend as little, and as much, as they may."""
        found = []
        for q in _ends():
            moved = _with(self.middle, "effect", self.effect, q)
            usual = self.middle.effect - 1
            as_far = np.divide(moved.effect - 1, usual, out=np.ones_like(usual), where=np.abs(usual) > _LEAST)
            moved = replace(moved, pool_effect=1 + (self.middle.pool_effect - 1) * as_far[:, None])
            if self.pushed.shape[1]:
                times = np.quantile(self.pushed, q, axis=0) / self.pushed.mean(axis=0)
                moved = replace(moved, demand=moved.demand * times[self.month])
            found.append(moved)
        return found[0], found[1]

    def _of(self, pick: Callable[[Floats], Floats]) -> "Base":
        picked: dict[str, Any] = {name: pick(getattr(self, name)) for name in _DRAWN}
        return replace(self, **picked)


@dataclass(frozen=True, slots=True)
class Change:
    """What is moved against the plan, as relative changes: 0.1 is a tenth more; `LIMITS` says how far.

    traffic, conversion, basket : visits, orders per visit, net sales per order
    price : of all categories, or of `category` alone (its place)
    promotion : the discounts of planned promotions; -1 is to plan none
    spend : on marketing; budget : the most that may be spent in the horizon, money
    channels : the spend of each channel, on top of `spend`, by its place; none if no channel moves by itself
    supply : stock on hand and deliveries
    """

    traffic: float = 0.0
    conversion: float = 0.0
    basket: float = 0.0
    price: float = 0.0
    category: int | None = None
    promotion: float = 0.0
    spend: float = 0.0
    channels: tuple[float, ...] = ()
    budget: float = math.inf
    supply: float = 0.0


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a change makes of a base.

    needed : (p, c, w) the goods that are wanted, at the plan's prices; served : those of them that are sold
    paid : (c, 1) or (p, c, w) what is paid for them, as a multiple of the plan's prices
    wished : (p,) what demand would be multiplied with, were there money for the whole of the spend
    visits : (p, w) to come, (p, 0) if nobody counts them; orders : (p, w)
    spend : (w,) money put into marketing
    """

    base: Base
    change: Change
    needed: Floats
    served: Floats
    paid: Floats
    wished: Floats
    visits: Floats
    orders: Floats
    spend: Floats

    @cached_property
    def asked(self) -> Floats:
        """(p, c, m, w) what the cells want as deep as promotions are, before any other change."""
        base = self.base
        if not self.change.promotion or not len(base.depth):
            return base.demand
        found = np.array(base.demand)
        deep = 1 + self.change.promotion
        promote(found, base, *(_at(base.depth, base.promoted_sales, at) for at in (deep, 1.0)))
        return found

    @cached_property
    def sold(self) -> Floats:
        """(p, c, w) net sales to come."""
        amounts: Floats = self.served * self.paid
        return amounts

    @cached_property
    def wanted(self) -> Floats:
        """(p, c, w) net sales to come with stock for all that is wanted."""
        return self.sold if self.served is self.needed else self.needed * self.paid

    @cached_property
    def unbudgeted(self) -> Floats:
        """(p, w) what would be wanted in all, were there money for the whole of the spend."""
        whole: Floats = self.wanted.sum(axis=1) * self.wished[:, None]
        return whole

    @cached_property
    def sales(self) -> Floats:
        """(p, t) net sales of the months, with what is in already."""
        return self.base.by_month(self.sold.sum(axis=1)) + self.base.done.sum(axis=(0, 1))

    @cached_property
    def placed(self) -> Floats:
        """(p, t) orders of the months."""
        return self.base.by_month(self.orders) + self.base.done_orders

    @cached_property
    def finish(self) -> Floats:
        """(p,) net sales of the whole period."""
        total: Floats = self.sales.sum(axis=1)
        return total

    def part(self, category: int | None, market: int | None, inside: NDArray[np.bool_]) -> Floats:
        """(p,) net sales of a category, a market or a cell of both in the months that are `inside` (t,)."""
        c = slice(None) if category is None else slice(category, category + 1)
        m = slice(None) if market is None else slice(market, market + 1)
        counts = inside[self.base.month].astype(np.float64)
        if market is None:
            coming = self.sold[:, c].sum(axis=1) @ counts
        else:
            asked = self.asked[:, c]
            pooled = asked.sum(axis=2)
            kept = np.divide(self.sold[:, c], pooled, out=np.zeros_like(pooled), where=pooled > 0)
            coming = np.einsum("pcw,pcw,w->p", asked[:, :, market], kept, counts)
        return coming + float(self.base.done[c, m][..., inside].sum())

    @cached_property
    def profit(self) -> Floats | None:
        """(p,) net sales to come less cost of goods and marketing; None if a cost is unknown."""
        if np.isnan(self.base.cost_rate).any():
            return None
        cost = np.einsum("pcw,cw->p", self.served, self.base.cost_rate)
        earned: Floats = self.sold.sum(axis=(1, 2)) - cost - self.spend.sum()
        return earned


def reprice(base: Base, ratio: Floats, *, is_held: bool) -> Base:
    """The base of a plan that multiplies the prices of its categories by `ratio` (c,).

    is_held : the stock's units are those at the new prices already

    Units move by ratio ^ elasticity on every path, orders with them; what a unit costs stays.
    """
    goods = ratio**base.elasticity
    before = np.maximum(base.pooled.sum(axis=1), _LEAST)
    units = (base.pooled * goods[:, :, None]).sum(axis=1)
    price = ratio * goods.mean(axis=0) if is_held else ratio
    return replace(
        base,
        demand=base.demand * (ratio * goods)[:, :, None, None],
        orders=base.orders * units / before,
        price=base.price * price[:, None],
        cost_rate=base.cost_rate / ratio[:, None],
    )


def simulate(base: Base, change: Change) -> Outcome:
    """The outcome of a change on every path.

    More visits, conversion or basket multiply demand; a price multiplies units by (1 + price) ^ elasticity; deeper
    promotions move the goods that they are on; spend multiplies visits by the marketing's effect, as far as the budget
    goes. What a category wants beyond its stock is lost, not sold later.
    """
    raised = _raised(base, change)
    reach, spend = _affordable(base, change)
    afforded = response(base, reach, change.channels)
    wished = afforded if reach == 1 + change.spend else response(base, 1 + change.spend, change.channels)
    lift = (1 + change.traffic) * (1 + change.conversion) * (1 + change.basket)
    goods, rate = _deepened(base, change.promotion)
    needed = goods * (raised**base.elasticity * (lift * afforded)[:, None])[:, :, None]
    served = _served(base, change, needed)
    return Outcome(
        base=base,
        change=change,
        needed=needed,
        served=served,
        paid=raised[:, None] if rate is None else raised[:, None] * rate,
        wished=wished / afforded,
        visits=base.visits * ((1 + change.traffic) * afforded)[:, None],
        orders=base.orders * served.sum(axis=1) / (1 + change.basket) / base.whole,
        spend=spend,
    )


@lru_cache(maxsize=4)
def _deepened(base: Base, promotion: float) -> tuple[Floats, Floats | None]:
    """(p, c, w) the goods that all markets want with promotions that much deeper, at the plan's prices, and what is
    paid for them, as a multiple of that; None where it is the same."""
    if not promotion or not len(base.depth):
        return base.pooled, None
    found = []
    for values in (base.promoted_sales, base.promoted_units):
        pooled = np.array(base.pooled)
        for category, slots, times in _promoted(base, *(_at(base.depth, values, at) for at in (1 + promotion, 1.0))):
            cells = base.demand[:, category][:, :, slots]
            pooled[:, category, slots] += (cells * (times - 1)).sum(axis=1)
        found.append(pooled)
    sales, goods = found
    return goods, sales / np.maximum(goods, _LEAST)


def promote(demand: Floats, base: Base, values: Floats, instead: Floats) -> None:
    """Move a demand (p, c, m, w) in place: its promotions multiply what they are on by `values`, no more by `instead`,
    both (p, r)."""
    for category, slots, times in _promoted(base, values, instead):
        cells = demand[:, category]
        cells[:, :, slots] *= times


def _promoted(base: Base, values: Floats, instead: Floats) -> Iterator[tuple[int, slice, Floats]]:
    """A category, a stretch of slots, and (p, m, s) what its demand is multiplied with there."""
    for category in np.unique(base.promoted_of).tolist():
        mine = np.flatnonzero(base.promoted_of == category)
        is_on = base.promoted[mine].any(axis=(0, 1))
        edges = np.flatnonzero(np.diff(np.concatenate([[False], is_on, [False]])))
        for start, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            on = base.promoted[mine, :, start:end]
            now, before = (np.tensordot(each[:, mine] - 1, on, axes=1) + 1 for each in (values, instead))
            yield category, slice(start, end), np.maximum(now, _LEAST) / np.maximum(before, _LEAST)


def _raised(base: Base, change: Change) -> Floats:
    """(c,) the new price over the old."""
    raised = np.ones(len(base.price))
    raised[slice(None) if change.category is None else change.category] += change.price
    return raised


def _affordable(base: Base, change: Change) -> tuple[float, Floats]:
    """What spend is multiplied with, within the budget, and (w,) the money that this comes to."""
    moved = base.spend
    if any(change.channels):
        moved = (1 + np.array(change.channels)) @ base.spend_of
    planned = float(moved.sum())
    times = min(1 + change.spend, change.budget / planned) if planned > 0 else 1 + change.spend
    return times, moved * times


def response(base: Base, times: float, channels: tuple[float, ...]) -> Floats:
    """(p,) what demand is multiplied with if all spend is multiplied by `times`, and that of channels moved besides."""
    if not any(channels) or not len(base.multiplier):
        return effect(base, times)
    planned, moved = base.spend_of.sum(axis=1), 1 + np.array(channels)
    found = np.ones(len(base.pool_effect))
    for q in range(base.pool_effect.shape[1]):
        inside = base.pool == q
        share = float(planned[inside] @ moved[inside] / max(float(planned[inside].sum()), _LEAST))
        found += _at(base.multiplier, base.pool_effect[:, q], times * share) - 1
    return np.maximum(found, _LEAST_RESPONSE)


def effect(base: Base, times: float) -> Floats:
    """(p,) what demand is multiplied with if spend is multiplied by `times`; flat beyond the known multipliers."""
    if not len(base.multiplier):
        return np.ones(len(base.effect))
    return _at(base.multiplier, base.effect, times)


def _at(grid: Floats, values: Floats, where: float) -> Floats:
    """(...,) values (..., g) between those of a rising grid (g,), flat beyond it."""
    right = int(np.clip(np.searchsorted(grid, where), 1, len(grid) - 1))
    low, high = grid[right - 1 : right + 1]
    share = float(np.clip((where - low) / (high - low), 0, 1))
    found: Floats = values[..., right - 1] * (1 - share) + values[..., right] * share
    return found


def _served(base: Base, change: Change, wanted: Floats) -> Floats:
    """(p, c, w) what stock allows of the goods that are wanted, slot by slot; both at the plan's prices."""
    if np.isinf(base.on_hand).all():
        return wanted
    stock = np.where(np.isinf(base.on_hand), np.inf, np.nan_to_num(base.on_hand, posinf=0.0) * (1 + change.supply))
    # units that all demand would leave: as far as their lowest point so far lies below nothing, so much was lost
    left = np.cumsum(base.arrivals * (1 + change.supply) - wanted / base.price, axis=2)
    left += stock[:, None]
    lost = np.minimum(np.minimum.accumulate(left, axis=2, out=left), 0.0, out=left)
    served: Floats = wanted.copy()
    served[:, :, 0] += lost[:, :, 0] * base.price[:, 0]
    served[:, :, 1:] += (lost[:, :, 1:] - lost[:, :, :-1]) * base.price[:, 1:]
    return np.maximum(served, 0.0, out=served)


# What holds a month back ---------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Binding:
    """What stands between a month and its target.

    constraint : (t,) the place in `CONSTRAINTS` of what holds it back the most, -1 where the target is likely reached
    chance : (t,) probability of reaching the target, 0-1
    share : (k, t) share of the paths short of the target on which each constraint holds back the most
    cost : (k, t) money by which each holds the month back, on average over all paths
    """

    constraint: Ints
    chance: Floats
    share: Floats
    cost: Floats


def binding(outcome: Outcome, target: Floats) -> Binding:
    """What holds each month back from its target (t,), money.

    A path that is short of a target by the factor target / sales has lost so much of it to empty shelves, so much to
    the budget, and the rest because visits, conversion and basket grow less than the target asks: the same growth of
    each against the year before (where it is unknown, against what is expected). The logarithms of all the parts add up
    to that of the factor. Where nobody counts visits, conversion stands for orders, and traffic for nothing.
    """
    base = outcome.base
    parts = np.stack(list(_short(outcome, target)))
    missed = outcome.sales < target
    shortfall = np.where(missed, target - outcome.sales, 0.0)
    behind = np.maximum(parts, 0) * missed
    share_of_path = behind / np.maximum(behind.sum(axis=0), _LEAST)
    worst = np.argmax(behind, axis=0)
    count = np.maximum(missed.sum(axis=0), 1)
    share = np.stack([((worst == k) & missed).sum(axis=0) / count for k in range(len(CONSTRAINTS))])
    cost = (share_of_path * shortfall).mean(axis=1)
    chance = 1 - missed.mean(axis=0)
    is_open = np.isin(np.arange(base.months), base.month)
    constraint = np.where((chance >= LIKELY) | ~is_open, -1, np.argmax(cost, axis=0))
    return Binding(constraint, chance, share, cost)


def _short(outcome: Outcome, target: Floats) -> Iterator[Floats]:
    """(p, t) log of what each of `CONSTRAINTS` takes from the target."""
    base = outcome.base
    done = base.done.sum(axis=(0, 1))
    wanted = base.by_month(outcome.wanted.sum(axis=1)) + done
    free = base.by_month(outcome.unbudgeted) + done
    yield _log(wanted) - _log(outcome.sales)
    yield _log(free) - _log(wanted)
    # orders and visits as they would be with stock and money for all of it
    whole = np.maximum(base.by_month(outcome.unbudgeted), _LEAST)
    orders = base.by_month(outcome.orders) * whole / np.maximum(base.by_month(outcome.sold.sum(axis=1)), _LEAST)
    orders += base.done_orders
    has_visits, visits = base.counts_visits, orders
    if has_visits:
        times = whole / np.maximum(base.by_month(outcome.wanted.sum(axis=1)), _LEAST)
        visits = base.by_month(outcome.visits) * times + base.done_visits
    seen = np.stack([visits.mean(axis=0), orders.mean(axis=0), free.mean(axis=0)])
    known = base.reference if not np.isnan(base.reference[1:]).any() else seen
    past_visits, past_orders, past_sales = known
    past_visits = seen[0] * past_orders / seen[1] if np.isnan(past_visits).any() or not has_visits else past_visits
    asked = _log(target) - _log(past_sales)
    grown = (
        _log(visits) - _log(past_visits),
        (_log(orders) - _log(visits)) - (_log(past_orders) - _log(past_visits)),
        (_log(free) - _log(orders)) - (_log(past_sales) - _log(past_orders)),
    )
    if has_visits:
        yield from (asked / 3 - each for each in grown)
    else:
        yield np.zeros_like(free)
        yield asked / 2 - grown[0] - grown[1]
        yield asked / 2 - grown[2]


def _log(values: Floats) -> Floats:
    return np.log(np.maximum(values, _LEAST))


# What each driver is worth -------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Swing:
    """What a driver is worth: everything else as expected, it goes from its low to its high.

    low, high : the driver against what is expected, as relative changes
    expected : net sales of the period with everything as expected; at_low, at_high : at the driver's ends
    at_more : with a tenth more of it
    """

    driver: str
    low: float
    high: float
    expected: float
    at_low: float
    at_high: float
    at_more: float

    @property
    def width(self) -> float:
        return abs(self.at_high - self.at_low)


def tornado(base: Base, change: Change) -> list[Swing]:
    """What each driver is worth within its own interval, the most first; drivers that nothing depends on are out."""
    middle = base.middle

    def at(name: str, amount: float) -> float:
        now = getattr(change, name)
        moved = replace(change, **{name: (1 + now) * (1 + amount) - 1})
        return float(simulate(middle, moved).finish[0])

    expected = float(simulate(middle, change).finish[0])
    found = [
        Swing(name, low, high, expected, at(name, low), at(name, high), at(name, 0.1))
        for name, low, high in _spreads(base)
    ]
    if change.price:
        found.append(_of_price(base, middle, change, expected))
    if len(base.depth):
        ends = [float(simulate(one, change).finish[0]) for one in base.answers]
        found.append(Swing("promotion", 0.0, 0.0, expected, ends[0], ends[1], at("promotion", 0.1)))
    if len(base.multiplier):
        low, high = base.replies
        ends = [float(simulate(one, change).finish[0]) for one in (low, high)]
        found.append(Swing("spend", 0.0, 0.0, expected, ends[0], ends[1], at("spend", 0.1)))
    if not np.isinf(base.on_hand).all():
        free = replace(middle, on_hand=np.full_like(base.on_hand, np.inf))
        whole = float(simulate(free, change).finish[0])
        found.append(Swing("supply", 0.0, math.inf, expected, expected, whole, at("supply", 0.1)))
    return sorted(found, key=lambda swing: -swing.width)


def _spreads(base: Base) -> Iterator[tuple[str, float, float]]:
    """The ends of each driver's interval over the whole horizon, as relative changes against what is expected."""
    orders, sales = base.orders.sum(axis=1), base.pooled.sum(axis=(1, 2))
    ways = {"conversion": orders, "basket": sales / np.maximum(orders, _LEAST)}
    if base.counts_visits:
        visits = base.visits.sum(axis=1)
        ways = {"traffic": visits, **ways, "conversion": orders / np.maximum(visits, _LEAST)}
    for name, way in ways.items():
        mean = max(float(way.mean()), _LEAST)
        low, high = np.quantile(way, _ends()) / mean - 1
        yield name, float(low), float(high)


def _of_price(base: Base, middle: Base, change: Change, expected: float) -> Swing:
    """What not knowing how customers answer to the new price is worth."""
    ends = [float(simulate(_with(middle, "elasticity", base.elasticity, q), change).finish[0]) for q in _ends()]
    dearer = replace(change, price=(1 + change.price) * 1.1 - 1)
    return Swing("price", 0.0, 0.0, expected, ends[0], ends[1], float(simulate(middle, dearer).finish[0]))


def _with(middle: Base, name: str, drawn: Floats, probability: float) -> Base:
    taken: dict[str, Any] = {name: np.quantile(drawn, probability, axis=0, keepdims=True)}
    return replace(middle, **taken)


def _paths(draws: int, cells: int) -> int:
    return min(max(draws // max(cells, 1), _LEAST_PATHS), _MOST_PATHS)


def _ends() -> tuple[float, float]:
    return (1 - LEVEL) / 2, (1 + LEVEL) / 2


# The smallest change that makes a goal likely ------------------------------------


@dataclass(frozen=True, slots=True)
class Move:
    """How far one lever must go until a goal is likely, the others as they are.

    amount : the relative change, None if no change within the limits is enough
    chance : of the goal then, or the best within the limits
    cost : what that adds to the spend, money
    profit : what that adds to the mean profit to come, money; None if costs are unknown
    """

    lever: str
    amount: float | None
    chance: float
    cost: float
    profit: float | None


def smallest(
    base: Base, change: Change, ends: Callable[[Outcome], Floats], target: float, likely: float = LIKELY
) -> list[Move]:
    """For each lever that matters the smallest further change that makes `ends` (p,) >= target likely, easiest first.

    ends : what the goal is about, of an outcome
    """
    moves: list[Move] = []
    for lever in _levers(base):
        twin = next((move for move in moves if _is_twin(base.few, change, move.lever, lever, ends)), None)
        moves.append(_copied(twin, change, lever) or _move(base.few, change, lever, ends, target, likely))
    return sorted(moves, key=lambda move: (move.amount is None, abs(move.amount or 0), -move.chance))


def _is_twin(base: Base, change: Change, one: str, other: str, ends: Callable[[Outcome], Floats]) -> bool:
    """Whether a tenth more of either driver comes to the same, as visits and conversion do for sales."""
    if one not in DRIVERS or other not in DRIVERS:
        return False
    raised: list[dict[str, Any]] = [{name: (1 + getattr(change, name)) * 1.1 - 1} for name in (one, other)]
    first, second = (ends(simulate(base, replace(change, **each))) for each in raised)
    return bool(np.allclose(first, second, rtol=1e-9))


def _copied(twin: Move | None, change: Change, lever: str) -> Move | None:
    """The twin's move as one of the lever; None without a twin, or if it leaves the lever's limits."""
    if twin is None or twin.amount is None:
        return None
    times = 1 + twin.amount / (1 + float(getattr(change, twin.lever)))
    amount = (1 + float(getattr(change, lever))) * (times - 1)
    if float(getattr(change, lever)) + amount > LIMITS[lever][1]:
        return None
    return replace(twin, lever=lever, amount=amount)


def _levers(base: Base) -> Iterator[str]:
    if base.counts_visits:
        yield "traffic"
    yield from ("conversion", "basket", "price")
    if len(base.depth):
        yield "promotion"
    if len(base.multiplier):
        yield "spend"
    if not np.isinf(base.on_hand).all():
        yield "supply"


def _move(
    base: Base, change: Change, lever: str, ends: Callable[[Outcome], Floats], target: float, likely: float
) -> Move:
    """False position (Illinois) on the log of the path that must reach the target, towards the limit that helps."""
    now = float(getattr(change, lever))
    place = len(base.demand) - math.ceil(likely * len(base.demand))

    def at(amount: float) -> tuple[float, float, float, float]:
        """How far above the target the decisive path ends, as a log; the chance; the spend; the profit, nan unknown."""
        there: dict[str, Any] = {lever: amount}
        outcome = simulate(base, replace(change, **there))
        finish = ends(outcome)
        decisive = float(np.partition(finish, place)[place])
        above = math.log(max(decisive, _LEAST) / max(target, _LEAST))
        profit = math.nan if outcome.profit is None else float(outcome.profit.mean())
        return above, float(np.mean(finish >= target)), float(outcome.spend.sum()), profit

    def move(amount: float | None, chance: float) -> Move:
        return Move(lever, amount, chance, cost - spent, None if math.isnan(earned) else earned - before)

    low, chance, spent, before = at(now)
    if chance >= likely:
        return Move(lever, 0.0, chance, 0.0, None if math.isnan(before) else 0.0)
    limits = LIMITS[lever] if lever in ("price", "promotion") else LIMITS[lever][1:]
    found = max(((*at(end), end) for end in limits if end != now), default=(low, chance, spent, before, now))
    high, best, cost, earned, far = found
    if best < likely:
        return move(None, max(best, chance))
    near = now
    for _ in range(_STEPS):
        if abs(far - near) < _PRECISION:
            break
        share = min(max(-low / (high - low), 0.05), 0.95) if high > low else 0.5
        middle = near + share * (far - near)
        above, is_enough, paid, earns = at(middle)
        if is_enough >= likely:
            far, high, low, best, cost, earned = middle, above, low / 2, is_enough, paid, earns
        else:
            near, low, high = middle, above, high / 2
    return move(far - now, best)
