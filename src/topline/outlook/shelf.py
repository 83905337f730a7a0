"""What lies on the shelf and how it moves, product by product: the ground of checks and of orders to suppliers."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.facts.order_line import Kind
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake

Floats = NDArray[np.float64]

HISTORY_DAYS = 364
RECENT_DAYS = 56
"""So many days say what is delivered and sold nowadays."""


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """The products that were sold in the last year or are in stock, n of them, with the days up to `as_of`.

    title, category, supplier : (n,) as grouped today, None if unknown
    sold : (n, days) units sold on each day, the last column the day before `as_of`
    on_hand : (n,) units there less those promised, >= 0, nan for a product without a stock level
    counted_on : the day of the stock levels, None if the shop has none
    received : (n,) units that came in the last `RECENT_DAYS` days: what was sold and what the shelf gained
    is_out : (n, days) nothing was there though the product was on sale; False where no level says so
    unit_cost, unit_price : (n,) in the shop's currency, nan if unknown; the price is net sales of a unit sold
    """

    as_of: date
    product_key: tuple[str, ...]
    title: tuple[str | None, ...]
    category: tuple[str | None, ...]
    supplier: tuple[str | None, ...]
    sold: Floats
    on_hand: Floats
    counted_on: date | None
    received: Floats
    is_out: NDArray[np.bool_]
    unit_cost: Floats
    unit_price: Floats


def read(lake: Lake, snapshot: Snapshot, as_of: date) -> Shelf:
    """The shelf as it was known at the start of a day."""
    start = as_of - timedelta(days=HISTORY_DAYS)
    sales = engine.execute(_sales(lake, snapshot, start, as_of))
    levels = engine.execute(_levels(lake, snapshot, start, as_of))
    about = {row["product_key"]: row for row in engine.execute(_products(lake, snapshot)).to_pylist()}
    seen_on = _days(levels, start)
    newest = int(seen_on.max()) if len(seen_on) else None
    free = _floats(levels, "free")
    level_key, sale_key = _texts(levels), _texts(sales)
    is_newest = seen_on == (HISTORY_DAYS if newest is None else newest)
    keys = np.unique(np.concatenate([sale_key, level_key[is_newest & (free > 0)]]))
    n = len(keys)
    sold = np.zeros((n, HISTORY_DAYS))
    row = np.searchsorted(keys, sale_key)
    np.add.at(sold, (row, _days(sales, start)), _floats(sales, "units"))
    units = np.bincount(row, _floats(sales, "units"), n)
    price = np.bincount(row, _floats(sales, "amount"), n) / np.where(units > 0, units, np.nan)
    cost = np.bincount(row, _floats(sales, "cost"), n) / np.where(units > 0, units, np.nan)
    is_out = np.zeros((n, HISTORY_DAYS), dtype=bool)
    on_hand, then = np.full(n, np.nan), np.full(n, np.nan)
    place = np.searchsorted(keys, level_key).clip(max=max(n - 1, 0))
    is_ours = keys[place] == level_key if n else np.zeros(len(level_key), dtype=bool)
    empty = is_ours & (free <= 0) & levels["is_sellable"].to_numpy(zero_copy_only=False).astype(bool)
    is_out[place[empty], seen_on[empty]] = True
    if newest is not None:
        now, before = is_ours & is_newest, is_ours & (seen_on == newest - RECENT_DAYS)
        on_hand[place[now]] = np.maximum(free[now], 0)
        then[place[before]] = np.maximum(free[before], 0)
        stated = now & ~np.isnan(_floats(levels, "unit_cost"))
        cost[place[stated]] = _floats(levels, "unit_cost")[stated]
    return Shelf(
        as_of=as_of,
        product_key=tuple(keys.tolist()),
        title=tuple(about.get(key, {}).get("title") for key in keys.tolist()),
        category=tuple(about.get(key, {}).get("category") for key in keys.tolist()),
        supplier=tuple(about.get(key, {}).get("supplier") for key in keys.tolist()),
        sold=sold,
        on_hand=on_hand,
        counted_on=None if newest is None else start + timedelta(days=newest),
        received=np.maximum(sold[:, -RECENT_DAYS:].sum(axis=1) + np.nan_to_num(on_hand - then), 0.0),
        is_out=is_out,
        unit_cost=cost,
        unit_price=price,
    )


def _texts(rows: pa.Table) -> NDArray[np.str_]:
    return np.array(rows["product_key"].to_pylist(), dtype=np.str_)


def _days(rows: pa.Table, start: date) -> NDArray[np.int64]:
    days = rows["on"].to_numpy().astype("datetime64[D]") - np.datetime64(start, "D")
    return np.asarray(days.astype(np.int64))


def _floats(rows: pa.Table, name: str) -> Floats:
    return np.asarray(rows[name].cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)


def _sales(lake: Lake, snapshot: Snapshot, start: date, end: date) -> Any:
    lines: Any = engine.table(lake, "order_line", snapshot)
    lines = lines.filter(
        (lines.kind == Kind.GOODS_SOLD.value)
        & lines.product_key.notnull()
        & (lines.on >= start)
        & (lines.on < end)
        & (lines.quantity > 0)
    )
    return lines.group_by("product_key", "on").aggregate(
        units=lines.quantity.sum().cast("float64"),
        amount=lines.amount_shop.sum().cast("float64"),
        cost=lines.cost_shop.sum().cast("float64"),
    )


def _levels(lake: Lake, snapshot: Snapshot, start: date, end: date) -> Any:
    """A row for each product and day: what is free over all warehouses."""
    rows: Any = engine.table(lake, "stock_level", snapshot)
    rows = rows.filter((rows.on >= start) & (rows.on < end))
    return rows.group_by("product_key", "on").aggregate(
        free=(rows.on_hand - rows.reserved).sum().cast("float64"),
        is_sellable=rows.is_sellable.any(),
        unit_cost=rows.unit_cost_shop.max().cast("float64"),
    )


def _products(lake: Lake, snapshot: Snapshot) -> Any:
    rows: Any = engine.table(lake, "product", snapshot)
    return rows.select("product_key", "title", "category", "supplier")
