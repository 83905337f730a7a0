"""Elasticities on markets of known truth where prices follow demand, on the simulated shop, and on a grocer's products.

    python bench/price.py [--seeds 0-9]

Simulated: 12 categories of 25 products over 104 weeks, list prices and markdowns of their own, and prices that rise
when a category is in demand; products' elasticities scatter by .40 around their category's, those by .30 around -1.8.
RMSE of the elasticities, beside a regression of log units on log price product by product, pyfixest's Poisson with
category-week effects, and the same shrunk to one mean. To reach: .19 where the plain regression is 1.94 off.
Grocer: weekly units from three origins, products with 200 units in 40 weeks whose price moved; WMAPE of the weeks
held out at their prices and promotions. To reach: .46 (without price .575 here), 97 % of elasticities negative.
Harbour & Pine, read from a lake as the product reads it: what its elasticities, the uplift of its offers and the dip
after them are, beside its truth, and how often the truth lies inside the 90 % intervals.
"""

import argparse
import hashlib
import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from topline.lake.store import Lake
from topline.metrics.settings import Settings
from topline.outlook import price as outlook
from topline.outlook.kept import Run
from topline.science import price
from topline.simulate import shop
from topline.simulate.shelf import shelf
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import price_market

ORIGINS = (39, 43, 48)
WEEKS = 52
FACTS = ("product", "order", "order_line", "price", "promotion")
Z = 1.6449


def simulated(seeds: list[int]) -> None:
    rows = []
    for seed in seeds:
        market = price_market.draw(np.random.default_rng(seed))
        began = time.process_time()
        found = price.fit(market.panel)
        seconds = time.process_time() - began
        plain = price_market.plain_slopes(market.panel)
        poisson, errors = peer(market.panel)
        mean, _, between = price.meta(poisson, errors**2)
        shrunk = mean + between / (between + errors**2) * (poisson - mean)
        inside = np.abs(found.elasticity - market.elasticity) < Z * found.se[:, 0]
        rows.append(
            {
                "seed": seed,
                **{
                    name: np.sqrt(np.mean((slopes - market.elasticity) ** 2))
                    for name, slopes in (
                        ("ours", found.elasticity),
                        ("Poisson shrunk to one mean", shrunk),
                        ("pyfixest Poisson", poisson),
                        ("log-log by product", plain),
                    )
                },
                "90 % interval covers": inside.mean(),
                "CPU s": seconds,
            }
        )
    table = pd.DataFrame(rows).set_index("seed")
    print(table.round(3).to_string())
    print(table.mean().round(3).to_string())


def harbour(seeds: list[int]) -> None:
    """The simulated shop's truth beside what is found of it."""
    rows = []
    for seed in seeds:
        world = World(HARBOUR_AND_PINE, seed)
        began = time.process_time()
        run = ran(world)
        goods, pricing = shelf(world), world.truth.pricing
        names = [one.name for one in world.truth.categories]
        codes = dict(zip(goods.sku, goods.elasticity, strict=True))
        true = np.array([codes[key] for key in run.texts("product", "key")])
        of_group = np.array(
            [goods.elasticity[goods.category == names.index(g)].mean() for g in run.texts("group", "name")]
        )
        miss = run.floats("product", "on_price") - true
        group_miss = run.floats("group", "mean") - of_group
        row = {
            "seed": seed,
            "elasticity RMSE": np.sqrt(np.mean(miss**2)),
            "bias": miss.mean(),
            "products inside": (np.abs(miss) < Z * run.floats("product", "on_price_se")).mean(),
            "category RMSE": np.sqrt(np.mean(group_miss**2)),
            "categories inside": (np.abs(group_miss) < Z * run.floats("group", "se")).mean(),
        }
        for name, truth in (("offer", pricing.uplift), ("after", pricing.dip)):
            at = run.texts("effect", "name").index(name)
            mean, error = run.floats("effect", "mean")[at], run.floats("effect", "se")[at]
            row |= {name: np.exp(mean), f"{name} inside": 1.0 * (abs(mean - np.log(truth)) < Z * error)}
        rows.append(row | {"CPU s": time.process_time() - began})
    pricing = HARBOUR_AND_PINE.pricing
    print(f"\n{HARBOUR_AND_PINE.name}: true uplift {pricing.uplift}, dip {pricing.dip}")
    table = pd.DataFrame(rows).set_index("seed")
    print(table.round(3).to_string())
    print(table.mean().round(3).to_string())


def ran(world: World) -> Run:
    """The outlook of the shop's prices, from its facts in a lake."""
    truth, now = world.truth, datetime.combine(world.truth.clock_on, datetime.min.time(), UTC)

    def key(id_: str) -> str:
        return hashlib.blake2b(id_.encode(), digest_size=16).hexdigest()

    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder), "harbour")
        drawn = shop.facts(world, customer_key=key, batch_id="b", recorded_at=now, only=FACTS)
        for part, (name, batch) in enumerate(drawn):
            lake.append(name, [batch], batch_id="b", part=part)
        lake.publish(now=now)
        snapshot = lake.latest()
        assert snapshot is not None
        settings = Settings(truth.currency, truth.zone, country=truth.country)
        return outlook.run(lake, snapshot, as_of=truth.clock_on, settings=settings)


def peer(panel: price.Panel) -> tuple[np.ndarray, np.ndarray]:
    """pyfixest's slopes and errors: category by category, Poisson with effects of products and weeks."""
    import pyfixest

    slopes, errors = np.empty(len(panel.units)), np.empty(len(panel.units))
    weeks = panel.units.shape[1]
    for group in range(int(panel.group.max()) + 1):
        rows = np.flatnonzero(panel.group == group)
        frame = pd.DataFrame(
            {
                "units": panel.units[rows].ravel(),
                "product": np.repeat(np.arange(len(rows)), weeks),
                "week": np.tile(np.arange(weeks), len(rows)),
            }
        )
        log_price = np.log(panel.price[rows])
        names = [f"p{i}" for i in range(len(rows))]
        slots = np.zeros((len(rows), len(rows), weeks))
        slots[np.arange(len(rows)), np.arange(len(rows))] = log_price - log_price.mean(axis=1, keepdims=True)
        frame[names] = slots.reshape(len(rows), -1).T
        fitted = pyfixest.fepois(f"units ~ {' + '.join(names)} | product + week", data=frame, vcov="iid")
        slopes[rows] = fitted.coef().to_numpy()
        errors[rows] = fitted.se().to_numpy()
    return slopes, errors


def grocer() -> None:
    panel = price_market.grocer(WEEKS)
    print(f"\n{len(panel.units)} products, {int(panel.group.max()) + 1} categories, {WEEKS} weeks")
    rows = []
    bare = price.Panel(panel.units, panel.price, panel.group, panel.line, panel.promotion[:0])
    for name, whole in (("price", bare), ("price, displays, mailers", panel)):
        for origin in (*ORIGINS, WEEKS):
            known = price_market.cut(whole, slice(None, origin))
            began = time.process_time()
            found = price.fit(known)
            seconds = time.process_time() - began
            row = {"inputs": name, "train weeks": origin, "negative": (found.elasticity < 0).mean(), "CPU s": seconds}
            if origin < WEEKS:
                later = price_market.cut(whole, slice(origin, None))
                level = np.repeat(known.units.mean(axis=1)[:, None], later.units.shape[1], axis=1)
                row["without price"] = wmape(level, later.units)
                row["WMAPE"] = wmape(price.expected(price.recent_level(found, known), later), later.units)
            rows.append(row)
            effects = ", ".join(f"{e.name} {e.mean:+.2f} ± {e.se:.2f} (spread {e.spread:.2f})" for e in found.effects)
    print(pd.DataFrame(rows).round(3).to_string(index=False))
    print(effects)


def wmape(expected: np.ndarray, units: np.ndarray) -> float:
    return float(np.abs(expected - units).sum() / units.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-9")
    first, _, last = parser.parse_args().seeds.partition("-")
    warnings.simplefilter("ignore")
    seeds = list(range(int(first), int(last or first) + 1))
    simulated(seeds)
    harbour(seeds)
    grocer()


if __name__ == "__main__":
    main()
