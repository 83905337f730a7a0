"""What a simulated shop sells, at which price and at which cost."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from topline.simulate.frame import Floats, Frame, Ints

_MAKES = ("Harbour & Pine", "Northfold", "Alder & Sons", "Quayside", "Fieldmark", "Lumen House", "Brackenbury")
_FINISHES = ("Oak", "Slate", "Linen", "Copper", "Sage", "Ivory", "Charcoal", "Moss", "Clay", "Salt", "Fern", "Amber")
_EURO_STEP = 1.19  # list prices in euro stand this much above those in pounds


@dataclass(frozen=True, slots=True)
class Shelf:
    """Products, one row each.

    category, make, tier : index, index, 1 (entry) to 3 (best)
    prices : [price lists, markets, products] cents of the market's currency, from the day in `price_days` on
    usual : [price lists, markets, products] likewise, what they are usual at: `draw` holds there
    elasticity : [products] percent of units for a percent of price
    costs : [cost lists, products] cost in hundredths of a cent of the shop's currency, from the day in `cost_days` on
    draw : [products] how often it is bought among those of its category, sums to 1 in each
    """

    sku: list[str]
    title: list[str]
    category: Ints
    make: Ints
    tier: Ints
    price_days: Ints
    prices: Ints
    usual: Floats
    elasticity: Floats
    cost_days: Ints
    costs: Ints
    draw: Floats

    @property
    def makes(self) -> tuple[str, ...]:
        return _MAKES


@lru_cache(maxsize=2)
def shelf(world: Frame) -> Shelf:
    """The shop's products with their price and cost lists."""
    rng = world.shared_stream("shelf")
    categories = world.truth.categories
    category = np.repeat(np.arange(len(categories)), [one.products for one in categories])
    rank = np.concatenate([rng.permutation(one.products) for one in categories])
    weight = 1 / (rank + 3.0) ** 0.9
    draw = weight / np.bincount(category, weight)[category]
    medians = np.array([one.price for one in categories])[category]
    spreads = np.array([one.spread for one in categories])[category]
    base = medians * rng.lognormal(0, spreads)
    tier = 1 + (base > 0.8 * medians) + (base > 1.4 * medians)
    cost_rate = np.array([one.cost_rate for one in categories])[category] * rng.uniform(0.85, 1.12, len(base))
    sku, title = _names(world, category)
    price_days, raises = _raises(world, rng, len(base))
    moved = base * raises * _moves(world, price_days, len(base))
    prices = np.stack([_listed(pounds, len(world.truth.markets)) for pounds in moved])
    inflation = (1 + world.truth.price_rise_rate) ** _februaries(world, price_days)
    usual = np.asarray(inflation[:, None, None] * _listed(base, len(world.truth.markets)), dtype=np.float64)
    means = np.array([one.elasticity for one in categories])[category]
    scatter = world.shared_stream("elasticity").normal(0, world.truth.pricing.scatter, len(base))
    cost_days = np.array([0, 366, 731])
    drift = np.cumprod([1.0, 1.025, 1.03])
    costs = np.round(usual[0, 0] * cost_rate * 100 * drift[:, None]).astype(np.int64)
    make = rng.choice(len(_MAKES), len(base), p=[0.28, *[0.12] * 6])
    return Shelf(sku, title, category, make, tier, price_days, prices, usual, means + scatter, cost_days, costs, draw)


def _names(world: Frame, category: Ints) -> tuple[list[str], list[str]]:
    skus, titles = [], []
    seen: dict[int, int] = {}
    for c in category.tolist():
        number = seen[c] = seen.get(c, -1) + 1
        nouns = world.truth.categories[c].nouns
        noun, finish = nouns[number % len(nouns)], _FINISHES[number // len(nouns) % len(_FINISHES)]
        words = world.truth.categories[c].name.upper().split()
        skus.append(f"{words[0][:2]}{words[-1][:1]}-{number + 1:03d}")
        titles.append(f"{finish} {noun}")
    return skus, titles


def _raises(world: Frame, rng: np.random.Generator, products: int) -> tuple[Ints, Floats]:
    """Days of new price lists (the first of each month), and each list's factor by product: all rise each February."""
    firsts = np.flatnonzero(world.dates().astype("datetime64[M]") == world.dates())
    days = np.unique(np.concatenate([[0], firsts]))
    years = _februaries(world, days)
    steps = 1 + rng.normal(world.truth.price_rise_rate, 0.015, (int(years[-1]) + 1, products)).clip(0, 0.08)
    steps[0] = 1
    return days, np.cumprod(steps, axis=0)[years]


def _februaries(world: Frame, days: Ints) -> Ints:
    """How many times prices have risen by each day."""
    dates = world.dates()[days].astype("datetime64[M]").astype(np.int64) - 1  # months from February on
    return np.asarray(dates // 12 - dates[0] // 12)


def _moves(world: Frame, price_days: Ints, products: int) -> Floats:
    """[price lists, products] how far the list price stands from the usual one, which some leave at each list."""
    rng, pricing = world.shared_stream("repricing"), world.truth.pricing
    found = np.zeros((len(price_days), products))
    for at in range(1, len(price_days)):
        is_new = rng.random(products) < pricing.change_rate
        found[at] = np.where(is_new, rng.normal(0, pricing.deviation, products), found[at - 1])
    return np.exp(found)


def _listed(pounds: Floats, markets: int) -> Ints:
    """[markets, products] list prices in cents that end in 95."""
    factors = np.array([1.0] + [_EURO_STEP] * (markets - 1))
    whole = np.maximum(np.round(pounds * factors[:, None]), 2)
    return np.asarray(whole * 100 - 5, dtype=np.int64)
