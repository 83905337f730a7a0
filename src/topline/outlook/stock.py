"""What the products of a shop are expected to sell day by day: the ground of its orders to suppliers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.calendar.occurrence import Occurrence
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.settings import Settings
from topline.outlook import sales, shelf
from topline.outlook.demand import DemandOutlook
from topline.outlook.price import AFTER_DAYS, PriceOutlook, Promotion
from topline.outlook.sales import Cells, SalesOutlook
from topline.outlook.shelf import RECENT_DAYS, Shelf
from topline.science import demand, stock

Floats = NDArray[np.float64]

HORIZON_DAYS = 182
"""So far the forecast of products reaches: lead times, open-to-buy and what is too much."""

_PACE_DAYS = 91
_SEASON = (0.2, 5.0)
_ERROR = (0.08, 0.6)
_Z80 = 1.2816
_WEEK_DAYS = 7
_TINY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Goods:
    """The products of a shop, n of them, with what they are expected to sell from `as_of` on.

    on_hand : (n,) nan without a stock level; counted_on : the day of the levels, None without any
    received : (n,) units that came in the last `RECENT_DAYS` days
    idle_days : (n,) days since the last sale, at most those of the history
    wanted : (n, HORIZON_DAYS) units a day
    dispersion, error : (n,) as `science.stock.Demand` has them
    unit_cost, unit_price : (n,) in the shop's currency, nan if unknown
    known_to : the day up to which there were sales
    outlook_weeks : for how many weeks ahead `wanted` is that of the demand outlook
    """

    as_of: date
    known_to: date
    product_key: tuple[str, ...]
    title: tuple[str | None, ...]
    category: tuple[str | None, ...]
    supplier: tuple[str | None, ...]
    on_hand: Floats
    counted_on: date | None
    received: Floats
    idle_days: Floats
    wanted: Floats
    dispersion: Floats
    error: Floats
    unit_cost: Floats
    unit_price: Floats
    outlook_weeks: int = 0

    @property
    def demand(self) -> stock.Demand:
        return stock.Demand(self.wanted, self.dispersion, self.error)


def look(lake: Lake, snapshot: Snapshot, *, as_of: date, settings: Settings, own: Iterable[Occurrence] = ()) -> Goods:
    """The goods as they are seen on a day.

    A product's pace is the mean of three models of its last year, in which days without stock count as days like the
    others of it, not as days on which nobody wanted it. The season of its category, from the outlook of units, carries
    that pace over the coming half year.

    Raises ShortHistoryError below 90 days of sales.
    """
    there = shelf.read(lake, snapshot, as_of)
    months = sales.run(
        lake,
        snapshot,
        as_of=as_of,
        settings=settings,
        months=HORIZON_DAYS // 30 + 2,
        metric="units",
        dimensions=("category",),
        own=own,
    )
    sold = _unconstrained(there)
    pace = demand.trio(sold, np.zeros(len(sold), dtype=np.int64), 28).mean(axis=1) if len(sold) else np.zeros(0)
    season, error = _seasons(months, there, sold)
    weekly = sold[:, -364:].reshape(len(sold), 52, 7).sum(axis=2)
    spread = stock.dispersion(weekly) if len(sold) else np.zeros(0)
    recent = sold[:, -_PACE_DAYS:].sum(axis=1)
    has_sold = sold > 0
    idle = np.where(has_sold.any(axis=1), np.argmax(has_sold[:, ::-1], axis=1), sold.shape[1])
    return Goods(
        as_of=as_of,
        known_to=months.known_to,
        product_key=there.product_key,
        title=there.title,
        category=there.category,
        supplier=there.supplier,
        on_hand=there.on_hand,
        counted_on=there.counted_on,
        received=there.received,
        idle_days=idle.astype(np.float64),
        wanted=pace[:, None] * season,
        dispersion=spread,
        error=np.minimum(np.sqrt(error**2 + spread / (recent + 4)), 1.0),
        unit_cost=there.unit_cost,
        unit_price=there.unit_price,
    )


def refined(goods: Goods, outlook: DemandOutlook) -> Goods:
    """The goods with what the demand outlook knows of each product: its prices, promotions and events ahead.

    In the weeks of the outlook units are the outlook's, over the days of a week as they were; later ones stay. The
    error of the level becomes what the outlook's interval of all weeks leaves beyond the luck of single sales.
    """
    cells = outlook.by.get("product")
    if cells is None:
        return goods
    place = {name: k for k, name in enumerate(cells.names)}
    rows = [(i, place[key]) for i, key in enumerate(goods.product_key) if key in place]
    if not rows:
        return goods
    here, there = (np.array(each) for each in zip(*rows, strict=True))
    wanted, error = goods.wanted.copy(), goods.error.copy()
    for week, first in enumerate(outlook.weeks):
        start = (first - goods.as_of).days
        inside = slice(max(start, 0), min(start + _WEEK_DAYS, HORIZON_DAYS))
        days = inside.stop - inside.start
        if days > 0:
            shape = np.maximum(wanted[here, inside], _TINY)
            shape /= shape.sum(axis=1, keepdims=True)
            wanted[here, inside] = shape * (cells.mean[there, week] * days / _WEEK_DAYS)[:, None]
    low, mean, high = np.maximum(cells.whole[there].T, _TINY)
    spread = ((high - low) / (2 * _Z80 * mean)) ** 2
    error[here] = np.clip(np.sqrt(np.maximum(spread - goods.dispersion[here] / mean, 0)), _ERROR[0], 1.0)
    return replace(goods, wanted=wanted, error=error, outlook_weeks=len(outlook.weeks))


def dipped(
    goods: Goods, prices: PriceOutlook, promotions: Sequence[Promotion], markets: Mapping[str | None, float]
) -> Goods:
    """The goods with the dip after promotions that their units know of: for two weeks what was promoted sells less,
    as the shop's prices teach, while it is in no other promotion.

    markets : share of the units of each; empty where sales know none, so that every promotion is for all
    """
    place = {key: k for k, key in enumerate(prices.keys)}
    known = [i for i, key in enumerate(goods.product_key) if key in place]
    rows = np.array([place[goods.product_key[i]] for i in known], dtype=np.int64)
    dip = prices.aftermath(rows) if known else None
    if dip is None:
        return goods
    covered = [
        (one, np.array([one.covers(goods.product_key[i], goods.category[i]) for i in known])) for one in promotions
    ]
    fallen = np.zeros((len(known), HORIZON_DAYS))
    for market, share in (markets or {None: 1.0}).items():
        is_on, is_after = np.zeros((2, len(known), HORIZON_DAYS), dtype=bool)
        for one, inside in covered:
            if not markets or one.market in (None, market):
                first, after = ((day - goods.as_of).days for day in (one.period.start, one.period.end))
                is_on[inside, max(first, 0) : max(after, 0)] = True
                is_after[inside, max(after, 0) : max(after + AFTER_DAYS, 0)] = True
        fallen += share * (is_after & ~is_on)
    wanted = goods.wanted.copy()
    wanted[known] *= 1 - fallen * (1 - dip.mean(axis=0))[:, None]
    return replace(goods, wanted=wanted)


def _unconstrained(there: Shelf) -> Floats:
    """(n, days) units sold, the days without stock filled with the mean of the four weeks of stock before and after."""
    sold = there.sold.copy()
    out = there.is_out & (sold == 0)
    rows = np.flatnonzero(out.any(axis=1))
    kernel = np.ones(57)
    for i in rows:
        there_then = (~out[i]).astype(np.float64)
        near = np.convolve(sold[i] * there_then, kernel, mode="same")
        days = np.convolve(there_then, kernel, mode="same")
        sold[i, out[i]] = (near / np.maximum(days, 1.0))[out[i]]
    return sold


def _seasons(months: SalesOutlook, there: Shelf, sold: Floats) -> tuple[Floats, Floats]:
    """(n, days) how much more than nowadays each product's category sells on each coming day, and (n,) how unsure."""
    cells = months.by.get("category", months.total)
    place = {name: k for k, name in enumerate(cells.names)}
    rest = place.get(None, 0)
    of = np.array([place.get(name, rest) for name in there.category], dtype=np.int64)
    recent = np.zeros(len(cells.names))
    np.add.at(recent, of, sold[:, -RECENT_DAYS:].sum(axis=1) / RECENT_DAYS)
    by_day = _by_day(months, cells, there.as_of)
    with np.errstate(invalid="ignore", divide="ignore"):
        season = np.where(recent[:, None] > 0, by_day / recent[:, None], 1.0)
    whole = by_day.sum(axis=0) / max(float(recent.sum()), 1e-9)
    is_thin = recent < 1.0  # a category that hardly sells has no season of its own
    season[is_thin] = whole
    width = (cells.high - cells.low).sum(axis=1) / (2 * _Z80 * np.maximum(cells.mean.sum(axis=1), 1e-9))
    return np.clip(season, *_SEASON)[of], np.clip(width, *_ERROR)[of]


def _by_day(months: SalesOutlook, cells: Cells, as_of: date) -> Floats:
    """(k, days) units that each slice is expected to sell on the coming days."""
    mean = dict(zip(months.days, months.day_mean, strict=True))
    days = [as_of + timedelta(days=k) for k in range(HORIZON_DAYS)]
    weights = np.array([max(mean.get(day, 0.0), 0.0) for day in days])
    starts = np.array([max(t for t, first in enumerate(months.months) if first <= day) for day in days])
    coming = np.maximum(cells.mean - cells.actual, 0)
    shared = np.zeros((len(cells.names), len(days)))
    last = months.months[int(starts[-1])]
    for t in np.unique(starts):
        inside = starts == t
        whole = sum(max(v, 0.0) for day, v in mean.items() if _same_month(day, months.months[int(t)]) and day >= as_of)
        share = (
            weights[inside] / max(whole, 1e-9)
            if months.months[int(t)] == last
            else weights[inside] / max(float(weights[inside].sum()), 1e-9)
        )
        shared[:, inside] = coming[:, [int(t)]] * share
    return shared


def _same_month(day: date, first: date) -> bool:
    return (day.year, day.month) == (first.year, first.month)


# The shared cache folder -----------------------------------------------------------

ARRAYS = ("on_hand", "received", "idle_days", "wanted", "dispersion", "error", "unit_cost", "unit_price")
_NAMES = ("product_key", "title", "category", "supplier")


def save(goods: Goods, path: Path) -> None:
    """Writes the goods so that any process can read them."""
    names: dict[str, Any] = {
        name: np.array([one or "" for one in getattr(goods, name)], dtype=np.str_) for name in _NAMES
    }
    days = [goods.as_of, goods.known_to, goods.counted_on or date.min]
    arrays: dict[str, Any] = {name: getattr(goods, name) for name in ARRAYS} | {
        "wanted": goods.wanted.astype(np.float32)
    }
    with path.open("wb") as file:
        np.savez(file, days=np.array([day.isoformat() for day in days]), **arrays, **names)


def load(path: Path) -> Goods:
    """The goods of a file. Raises FileNotFoundError."""
    with np.load(path) as stored:
        found = dict(stored)
    as_of, known_to, counted_on = (date.fromisoformat(day) for day in found["days"].tolist())
    names: dict[str, Any] = {name: tuple(one or None for one in found[name].tolist()) for name in _NAMES[1:]}
    return Goods(
        as_of=as_of,
        known_to=known_to,
        counted_on=None if counted_on == date.min else counted_on,
        product_key=tuple(found["product_key"].tolist()),
        **names,
        **{name: found[name].astype(np.float64) for name in ARRAYS},
    )
