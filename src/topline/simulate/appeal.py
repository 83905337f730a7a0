"""What prices and promotions do to demand: how much each product draws on each day of a simulated shop.

A spell is a run of days in which no price and no promotion changes: what all products draw is worked out once for each,
so that a shop of many products takes little memory.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from topline.simulate.frame import Flags, Floats, Frame, Ints
from topline.simulate.shelf import shelf

_WEEK = 7


def by_day(frame: Frame) -> Floats:
    """[markets, days] units against those at usual prices without promotions."""
    starts, sums = _spells(frame)
    spell = np.searchsorted(starts, np.arange(frame.days), side="right") - 1
    return np.asarray(np.einsum("dc,dmc->md", _shares(frame)[_months(frame)], sums[spell]))


def picked(frame: Frame, rng: np.random.Generator, day: Ints, market: Ints) -> Ints:
    """A product for each line, which come in order of days: its category, then the product, by what they draw."""
    starts, sums = _spells(frame)
    bounds = np.searchsorted(day, np.append(starts, frame.days))
    shares, months, categories = _shares(frame), _months(frame), shelf(frame).category
    found = np.empty(len(day), dtype=np.int64)
    for spell, (begin, end) in enumerate(pairwise(bounds.tolist())):
        if begin == end:
            continue
        weights = _weights(frame, int(starts[spell]))
        for m in range(len(weights)):
            lines = begin + np.flatnonzero(market[begin:end] == m)
            chances = np.cumsum(shares[months[day[lines]]] * sums[spell, m], axis=1)
            category = (rng.random(len(lines))[:, None] * chances[:, -1:] > chances).sum(axis=1)
            edges = np.cumsum(weights[m])
            last = edges[np.searchsorted(categories, category, side="right") - 1]
            place = last - sums[spell, m, category] * (1 - rng.random(len(lines)) * (1 - 1e-9))
            found[lines] = np.minimum(np.searchsorted(edges, place, side="right"), len(edges) - 1)
    return found


def discounts(frame: Frame, day: Ints | int, product: Ints | slice) -> Floats:
    """(n,) the discount rate of each product on its day, or of a slice on one: of its own offer, or of the shop's."""
    rates, _ = _shop_offers(frame)
    week = (day - _monday(frame)) // _WEEK
    own = np.append(0.0, frame.truth.pricing.discount_rates)[_own_offers(frame)[week, product]]
    return np.asarray(np.maximum(rates[day, shelf(frame).category[product]], own))


def offers_of_products(frame: Frame) -> Iterator[tuple[int, Ints, Ints]]:
    """The first day of each Monday's offers of single products, the products, and which discount rate they have."""
    for week, codes in enumerate(_begun(frame)):
        product = np.flatnonzero(codes)
        yield _monday(frame) + _WEEK * week, product, codes[product].astype(np.int64) - 1


def _months(frame: Frame) -> Ints:
    return np.asarray(frame.dates().astype("datetime64[M]").astype(np.int64) % 12)


def _shares(frame: Frame) -> Floats:
    """[12, categories] the categories' shares of the lines by month of the year, at usual prices."""
    categories = frame.truth.categories
    weights = np.array([[one.weights[m] * one.products for one in categories] for m in range(12)])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@lru_cache(maxsize=2)
def _spells(frame: Frame) -> tuple[Ints, Floats]:
    """The first day of each spell, and [spells, markets, categories] what the products draw together."""
    goods = shelf(frame)
    rates, after = _shop_offers(frame)
    changes = np.flatnonzero((np.diff(rates, axis=0) != 0).any(axis=1) | np.diff(after, axis=0).any(axis=1)) + 1
    mondays = np.arange(_monday(frame), frame.days, _WEEK)
    starts = np.unique(np.concatenate([[0], changes, mondays, goods.price_days]))
    first = np.searchsorted(goods.category, np.arange(len(frame.truth.categories)))
    sums = np.stack([np.add.reduceat(_weights(frame, int(day)), first, axis=1) for day in starts])
    return starts, sums


def _weights(frame: Frame, day: int) -> Floats:
    """[markets, products] what each product draws on a day among those of its category, at usual prices 1 together."""
    goods, pricing = shelf(frame), frame.truth.pricing
    at = np.searchsorted(goods.price_days, day, side="right") - 1
    off = discounts(frame, day, slice(None))
    _, after = _shop_offers(frame)
    week = (day - _monday(frame)) // _WEEK
    own, past = _own_offers(frame), -(-pricing.dip_days // _WEEK)
    ended = (own[np.maximum(week - past, 0) : week] > 0).any(axis=0) if week > 0 else np.zeros(len(off), dtype=bool)
    is_after = ended | after[day, goods.category]
    answer = np.where(is_after, pricing.dip, 1.0)
    cut = np.flatnonzero(off)
    answer[cut] = pricing.uplift * (1 - off[cut]) ** goods.elasticity[cut]
    return np.asarray(_at_list_price(frame, int(at)) * answer)


@lru_cache(maxsize=2)
def _at_list_price(frame: Frame, at: int) -> Floats:
    """[markets, products] what each product draws by a price list alone."""
    goods = shelf(frame)
    return np.asarray(goods.draw * (goods.prices[at] / goods.usual[at]) ** goods.elasticity)


@lru_cache(maxsize=2)
def _shop_offers(frame: Frame) -> tuple[Floats, Flags]:
    """[days, categories], twice: the highest discount of the shop's offers that run, and whether one has just ended."""
    names = [one.name for one in frame.truth.categories]
    rates = np.zeros((frame.days, len(names)))
    after = np.zeros(rates.shape, dtype=bool)
    for i, start, end in frame.offers:
        offer = frame.truth.offers[i]
        columns = [names.index(name) for name in offer.categories] or slice(None)
        rates[start:end, columns] = np.maximum(rates[start:end, columns], offer.discount_rate)
        after[end : end + frame.truth.pricing.dip_days, columns] = True
    return rates, after & (rates == 0)


def _monday(frame: Frame) -> int:
    """The first Monday."""
    return (7 - frame.truth.period.start.weekday()) % _WEEK


@lru_cache(maxsize=2)
def _begun(frame: Frame) -> npt.NDArray[np.int8]:
    """[weeks, products] offers of single products by the Monday that they begin on: which rate, from 1 on; 0 is none.

    None begins that would run together with an offer of the shop.
    """
    rng, pricing, goods = frame.shared_stream("offers"), frame.truth.pricing, shelf(frame)
    rates, _ = _shop_offers(frame)
    mondays = np.arange(_monday(frame), frame.days, _WEEK)
    found = np.zeros((len(mondays), len(goods.category)), dtype=np.int8)
    for week, day in enumerate(mondays):
        is_free = (rates[day : day + _WEEK * pricing.offer_weeks] == 0).all(axis=0)[goods.category]
        running = found[max(week - pricing.offer_weeks + 1, 0) : week].any(axis=0)
        code = rng.integers(1, len(pricing.discount_rates) + 1, len(goods.category))
        is_new = rng.random(len(goods.category)) < pricing.offer_rate
        found[week] = np.where(is_free & ~running & is_new, code, 0)
    return found


@lru_cache(maxsize=2)
def _own_offers(frame: Frame) -> npt.NDArray[np.int8]:
    """[weeks + 1, products] offers of single products while they run, as `_begun`; the last row is before any."""
    begun = _begun(frame)
    found = np.zeros((len(begun) + 1, begun.shape[1]), dtype=np.int8)
    for later in range(frame.truth.pricing.offer_weeks):
        found[later : len(begun)] += begun[: len(begun) - later]
    return found
