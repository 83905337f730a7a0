"""How much to have on the shelf, when to order and how much, and what lies there for nothing."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]

_YEAR = 365.0
_LEAST_SERVICE, _MOST_SERVICE = 0.5, 0.995
_PRIOR_WEEKS = 8.0


class ServiceLevelError(ToplineError):
    message = N_("A service level lies between 0 and 1: %(asked)s does not.")


@dataclass(frozen=True, slots=True, eq=False)
class Demand:
    """What n products are expected to sell on each of the coming days.

    mean : (n, days) units a day, >= 0
    dispersion : (n,) variance of a week's sales over their mean, >= 1
    error : (n,) standard deviation of the forecast's level over itself, which more days don't average out
    """

    mean: Floats
    dispersion: Floats
    error: Floats


def dispersion(weekly: Floats) -> Floats:
    """(n,) variance over mean of weekly sales (n, weeks), shrunk to that of all products; at least 1, a Poisson's.

    The sales of all products together are taken out as a season that they share.
    """
    season = weekly.sum(axis=0)
    season = season / max(float(season.mean()), 1e-9)
    rate = weekly.sum(axis=1, keepdims=True) / max(float(season.sum()), 1e-9)
    expected = np.maximum(rate * season, 1e-9)
    found = ((weekly - expected) ** 2 / expected).mean(axis=1)
    sold = weekly.sum(axis=1)
    common = float((found * sold).sum() / max(float(sold.sum()), 1e-9))
    weeks = weekly.shape[1]
    return np.asarray(np.maximum((weeks * found + _PRIOR_WEEKS * common) / (weeks + _PRIOR_WEEKS), 1.0))


def total(demand: Demand, days: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of each product's sales over its own number of the coming days (n,): what a lead time wants.

    A part of a day counts as such a part of its mean. The variance is that of the days, which average out, and that of
    the forecast's level, which doesn't: quantiles of days must not be added up instead.
    """
    summed = np.concatenate([np.zeros((len(days), 1)), np.cumsum(demand.mean, axis=1)], axis=1)
    capped = np.minimum(days, demand.mean.shape[1])
    whole = np.floor(capped).astype(np.int64)
    row = np.arange(len(days))
    after = summed[row, np.minimum(whole + 1, demand.mean.shape[1])]
    mean = summed[row, whole] + (capped - whole) * (after - summed[row, whole])
    return mean, demand.dispersion * mean + (demand.error * mean) ** 2


def quantile(mean: Floats, variance: Floats, probability: Floats) -> Floats:
    """(n,) units that totals of this mean and variance stay within with this probability: negative binomial.

    Raises ServiceLevelError if a probability is not inside (0, 1).
    """
    from scipy import stats  # half a second to import, and pages that don't ask for stock never need it

    if ((probability <= 0) | (probability >= 1)).any():
        raise ServiceLevelError(asked=f"{float(probability.min()):g}–{float(probability.max()):g}")
    size, success = _shape(mean, variance)
    units = stats.nbinom.ppf(probability, size, success)
    return np.where(mean > 0, units, 0.0)


def service(mean: Floats, variance: Floats, units: Floats) -> Floats:
    """(n,) probability that totals of this mean and variance stay within `units`, 0-1, never falling with them."""
    from scipy import stats

    size, success = _shape(mean, variance)
    return np.where(mean > 0, stats.nbinom.cdf(np.floor(units), size, success), 1.0)


def shortfall(mean: Floats, variance: Floats, units: Floats) -> Floats:
    """(n,) units that totals of this mean and variance are expected to ask for beyond `units`, >= 0.

    More than the mean beyond `units`: where there is enough on average, some totals still ask for more.
    """
    from scipy import stats

    size, success = _shape(mean, variance)
    asked = mean * stats.nbinom.sf(np.floor(units) - 1, size + 1, success)  # the part of the mean that lies above
    return np.where(mean > 0, np.maximum(asked - units * stats.nbinom.sf(np.floor(units), size, success), 0.0), 0.0)


def _shape(mean: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Parameters of the negative binomial; one that is hardly wider than a Poisson stands for it."""
    least = np.maximum(mean, 1e-9)
    wide = np.maximum(variance, least * 1.001)
    return least**2 / (wide - least), least / wide


def service_level(margin: Floats, cost: Floats, carrying_rate: float, days: Floats) -> Floats:
    """(n,) probability with which to meet demand until the next delivery, so that the money is worth it.

    margin : (n,) lost with a unit that isn't there, >= 0; cost : (n,) of a unit
    carrying_rate : what stock costs a year, as a share of its cost: capital, room, what spoils and goes out of fashion
    days : (n,) that a unit too many lies until the next order can take it into account

    Between 0.5 and 0.995, since neither the costs nor the distribution are known better.
    Source: the newsvendor's critical ratio, Silver, Pyke & Thomas, Inventory and Production Management, ch. 9.
    """
    over = np.maximum(cost, 0) * carrying_rate * days / _YEAR
    under = np.maximum(margin, 0)
    ratio = np.divide(under, under + over, out=np.full_like(under, _LEAST_SERVICE), where=under + over > 0)
    return np.clip(ratio, _LEAST_SERVICE, _MOST_SERVICE)


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """When to order and up to where, for n products.

    reorder_point : (n,) units at or below which to order now: what may be wanted until the delivery
    order_up_to : (n,) units after the order: what may be wanted until the delivery of the next order
    safety : (n,) of them, beyond what is expected
    """

    reorder_point: Floats
    order_up_to: Floats
    safety: Floats


def levels(demand: Demand, lead_days: Floats, review_days: float, service: Floats) -> Levels:
    """Levels of a shop that looks at its stock every `review_days` and waits `lead_days` (n,) for a delivery.

    service : (n,) target probability

    Raises ServiceLevelError.
    Source: the (R, s, S) policy, Silver, Pyke & Thomas, ch. 6, with the quantile of the total in place of the normal's.
    """
    lead, until_next = total(demand, lead_days), total(demand, lead_days + review_days)
    up_to = quantile(*until_next, service)
    point = np.minimum(quantile(*lead, service), up_to)
    return Levels(point, up_to, np.maximum(up_to - until_next[0], 0))


def order(position: Floats, wanted: Levels, minimum: Floats, pack: Floats) -> Floats:
    """(n,) units to order now: up to the level, in whole packs and no fewer than the minimum; 0 above the point.

    position : (n,) on hand and on order
    """
    missing = np.maximum(wanted.order_up_to - position, 0)
    asked = np.where((position <= wanted.reorder_point) & (wanted.order_up_to > 0), np.maximum(missing, minimum), 0.0)
    packs = np.ceil(asked / np.maximum(pack, 1.0))
    return np.asarray(packs * np.maximum(pack, 1.0))


def days_of_cover(position: Floats, demand: Demand) -> Floats:
    """(n,) days that the stock lasts if sales come as expected; inf if it outlasts the forecast."""
    left = position[:, None] - np.cumsum(demand.mean, axis=1)
    lasts = (left >= 0).sum(axis=1).astype(np.float64)
    return np.where(lasts >= demand.mean.shape[1], math.inf, lasts)


def excess(position: Floats, demand: Demand, days: int) -> Floats:
    """(n,) units beyond what `days` are expected to sell and beyond a single piece."""
    return np.maximum(position - np.maximum(np.ceil(demand.mean[:, :days].sum(axis=1)), 1.0), 0)


def open_to_buy(sales: Floats, opening: float, arriving: Floats, closing: Floats) -> Floats:
    """(t,) what may be bought to arrive in each month, at cost, >= 0; what one month has too much of serves the next.

    sales : (t,) cost of what is planned to be sold; opening : stock at the start; arriving : (t,) ordered already
    closing : (t,) stock to be left at the end of each month
    Source: planned sales + planned closing stock - opening stock - on order.
    """
    free, there = np.zeros(len(sales)), opening
    for month in range(len(sales)):
        there += float(arriving[month])
        free[month] = max(float(sales[month] + closing[month]) - there, 0.0)
        there = max(there + free[month] - float(sales[month]), 0.0)
    return free
