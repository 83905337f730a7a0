"""How often customers will buy again, whether they still are customers, and what they will be worth."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Gradient = tuple[float, Floats]

_MOST_HISTORIES = 30_000
_MANY_HISTORIES = 100_000
_MOST_CUSTOMERS = 200_000
_PART = 50_000
_ALIKE = 5_000.0
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
_NODE_LOGS = np.log(_WEIGHTS)


class TooFewCustomersError(ToplineError):
    message = N_("Too few customers to expect their future: %(found)d, where at least %(least)d are needed.")


class LifetimeFitError(ToplineError):
    message = N_("No lifetime model fits these customers. Check that repeat orders and their dates are complete.")


@dataclass(frozen=True, slots=True)
class BuyingFit:
    """BG/NBD: purchases are Poisson with a gamma rate (r, alpha); a customer leaves after one with beta chance (a, b).

    alpha : in the time unit of the history
    log_likelihood : at the maximum
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


@dataclass(frozen=True, slots=True)
class ParetoFit:
    """Pareto/NBD: purchases are Poisson with a gamma rate (r, alpha); customers leave at a gamma rate (s, beta).

    alpha, beta : in the time unit of the history
    log_likelihood : at the maximum
    """

    r: float
    alpha: float
    s: float
    beta: float
    log_likelihood: float


Fit = BuyingFit | ParetoFit


@dataclass(frozen=True, slots=True)
class SpendingFit:
    """Gamma-Gamma: a customer's mean order value is gamma (p) around a rate that is gamma (q, gamma) over customers."""

    p: float
    q: float
    gamma: float
    log_likelihood: float


def fit_buying(repeats: Floats, recency: Floats, age: Floats) -> BuyingFit:
    """The BG/NBD model of maximum likelihood; above 100,000 distinct histories from so many, evenly taken.

    repeats : (n,) purchases after the first, >= 0
    recency : (n,) time from the first purchase to the last, 0 where repeats is 0
    age : (n,) time from the first purchase to the end of observation, >= recency

    Raises LifetimeFitError. Source: Fader, Hardie & Lee, Marketing Science 24 (2005).
    """
    from scipy.special import digamma, gammaln  # most of a second to import: not on the way to a first page

    unit = float(np.mean(age)) / 10 or 1.0
    (x, tx, t), count = _thinned(_distinct(repeats, recency / unit, age / unit), _MANY_HISTORIES)
    bought = x > 0
    times, back = np.unique(x, return_inverse=True)

    def loss(theta: Floats) -> Gradient:
        r, alpha, a, b = np.exp(theta)
        per_x = (
            gammaln(r + times) - gammaln(r) + gammaln(a + b) + gammaln(b + times) - gammaln(b) - gammaln(a + b + times)
        )
        past = np.where(bought, b + x - 1, 1)
        stays = -(r + x) * np.log(alpha + t)
        leaves = np.where(bought, np.log(a) - np.log(past) - (r + x) * np.log(alpha + tx), -np.inf)
        either = np.logaddexp(stays, leaves)
        left = np.exp(leaves - either)
        stayed = 1 - left
        slope = digamma(a + b) - digamma(a + b + times)
        rise = digamma(r + times) - digamma(r)
        gradient = (
            rise[back] + np.log(alpha) - stayed * np.log(alpha + t) - left * np.log(alpha + tx),
            r / alpha - (r + x) * (stayed / (alpha + t) + left / (alpha + tx)),
            slope[back] + left / a,
            (slope + digamma(b + times) - digamma(b))[back] - left / past,
        )
        value = count @ (per_x[back] + r * np.log(alpha) + either)
        return -float(value), -np.array([count @ part for part in gradient]) * np.exp(theta)

    theta, best = _maximise(loss, start=np.zeros(4))
    r, alpha, a, b = (float(v) for v in np.exp(theta))
    # the likelihood's density is per `unit` of time: x events carry unit ** -x
    return BuyingFit(r, alpha * unit, a, b, best - float((count * x).sum() * np.log(unit)))


def fit_spending(repeats: Floats, mean_value: Floats) -> SpendingFit:
    """The Gamma-Gamma model of maximum likelihood over customers who bought again.

    repeats : (n,) number of repeat purchases, > 0 where the customer counts
    mean_value : (n,) their mean value in shop currency, > 0 where the customer counts

    Raises LifetimeFitError. Source: Fader & Hardie, The Gamma-Gamma Model of Monetary Value (2013).
    """
    from scipy.special import digamma, gammaln

    counts = (repeats > 0) & (mean_value > 0)
    if counts.sum() < 2:
        raise LifetimeFitError()
    unit = float(np.mean(mean_value[counts])) / 10
    x, m = repeats[counts].astype(float), mean_value[counts] / unit

    def loss(theta: Floats) -> Gradient:
        p, q, gamma = np.exp(theta)
        px = p * x
        rest = np.log(gamma + m * x)
        common = digamma(px + q) - rest
        value = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(gamma)
        value += (px - 1) * np.log(m) + px * np.log(x) - (px + q) * rest
        gradient = (
            x * (common - digamma(px) + np.log(m) + np.log(x)),
            common - digamma(q) + np.log(gamma),
            q / gamma - (px + q) / (gamma + m * x),
        )
        return -float(value.sum()), -np.array([part.sum() for part in gradient]) * np.exp(theta)

    theta, best = _maximise(loss, start=np.log([2.0, 2.0, 10.0]))
    p, q, gamma = (float(v) for v in np.exp(theta))
    return SpendingFit(p, q, gamma * unit, best - float(counts.sum() * np.log(unit)))


def fit_pareto(repeats: Floats, recency: Floats, age: Floats) -> ParetoFit:
    """The Pareto/NBD model of maximum likelihood; above 30,000 distinct histories from so many, evenly taken.

    repeats, recency, age : as for `fit_buying`

    The time of leaving is integrated out by Gauss-Legendre quadrature in the logarithm of time, which agrees with the
    hypergeometric form to ten digits and has a plain gradient. Raises LifetimeFitError.
    Source: Schmittlein, Morrison & Colombo, Management Science 33 (1987).
    """
    from scipy.special import digamma, gammaln

    unit = float(np.mean(age)) / 10 or 1.0
    (x, tx, t), count = _thinned(_distinct(repeats, recency / unit, age / unit), _MOST_HISTORIES)
    times, back = np.unique(x, return_inverse=True)

    def loss(theta: Floats) -> Gradient:
        r, alpha, s, beta = np.exp(theta)
        leaves, tau = _leaving(r, alpha, s, beta, x, tx, t)
        order_log, life_log = np.log(alpha + tau), np.log(beta + tau)
        order_end, life_end = np.log(alpha + t), np.log(beta + t)
        stays = -(r + x) * order_end - s * life_end
        most = np.maximum(stays, leaves.max(axis=1))
        left, stayed = np.exp(leaves - most[:, None]), np.exp(stays - most)
        total = stayed + left.sum(axis=1)
        left, stayed = left / total[:, None], stayed / total
        gone = left.sum(axis=1)
        rise = digamma(r + times) - digamma(r)
        gradient = (
            rise[back] + np.log(alpha) - stayed * order_end - (left * order_log).sum(axis=1),
            r / alpha - (r + x) * (stayed / (alpha + t) + (left / (alpha + tau)).sum(axis=1)),
            np.log(beta) - stayed * life_end - (left * life_log).sum(axis=1) + gone / s,
            s / beta - s * stayed / (beta + t) - (s + 1) * (left / (beta + tau)).sum(axis=1),
        )
        value = (gammaln(r + times) - gammaln(r))[back] + r * np.log(alpha) + s * np.log(beta) + most + np.log(total)
        return -float(count @ value), -np.array([count @ part for part in gradient]) * np.exp(theta)

    theta, best = _maximise(loss, start=np.log([0.5, 10.0, 0.5, 10.0]))
    r, alpha, s, beta = (float(v) for v in np.exp(theta))
    return ParetoFit(r, alpha * unit, s, beta * unit, best - float((count * x).sum() * np.log(unit)))


def alive_rate(fit: Fit, repeats: Floats, recency: Floats, age: Floats) -> Floats:
    """Probability that each customer is still active, (n,) in 0-1; with BG/NBD 1 for those who bought once."""
    return 1 / (1 + _odds_left(fit, repeats, recency, age))


def expected_orders(fit: Fit, repeats: Floats, recency: Floats, age: Floats, horizon: float) -> Floats:
    """Purchases that each customer is expected to make in the next `horizon`, (n,) >= 0.

    repeats, recency, age : as for `fit_buying`; horizon : in the same time unit, >= 0
    """
    if isinstance(fit, ParetoFit):
        s = fit.s + 1e-6 if abs(fit.s - 1) < 1e-6 else fit.s
        rate = (fit.r + repeats) / (fit.alpha + age)
        stay = (fit.beta + age) / (s - 1) * -np.expm1((s - 1) * np.log1p(-horizon / (fit.beta + age + horizon)))
        return np.asarray(rate * stay / (1 + _odds_left(fit, repeats, recency, age)))
    from scipy.special import hyp1f1, hyp2f1

    a = fit.a + 1e-6 if abs(fit.a - 1) < 1e-6 else fit.a
    end = fit.alpha + age + horizon
    third = a + fit.b + repeats - 1
    if fit.r > _ALIKE:  # customers buy at one rate: hyp2f1 overflows, and its limit is right to a part in 10,000
        left = hyp1f1(a - 1, third, -(fit.r + repeats) * horizon / (fit.alpha + age))
    else:
        left = ((fit.alpha + age) / end) ** (fit.r + repeats)
        left = left * hyp2f1(fit.r + repeats, fit.b + repeats, third, horizon / end)
    orders = third / (a - 1) * (1 - left)
    return np.asarray(np.maximum(orders / (1 + _odds_left(fit, repeats, recency, age)), 0))


def order_rate(fit: Fit, repeats: Floats, recency: Floats, age: Floats, horizon: float) -> Floats:
    """Probability that each customer buys within the next `horizon`, (n,) in 0-1; arguments as for `expected_orders`.

    Exact for BG/NBD, whose customers leave only after a purchase; for Pareto/NBD it is that of customers who stay.
    """
    wait = np.exp((fit.r + repeats) * np.log1p(-horizon / (fit.alpha + age + horizon)))
    return np.asarray((1 - wait) * alive_rate(fit, repeats, recency, age))


def next_order(fit: Fit, repeats: Floats, age: Floats, chance: float = 0.5) -> Floats:
    """Time within which a customer who is still active buys again with probability `chance`, (n,) > 0."""
    return np.asarray((fit.alpha + age) * np.expm1(-np.log1p(-chance) / (fit.r + repeats)))


def typical_orders(fit: Fit, repeats: Floats, recency: Floats, age: Floats, horizon: float) -> Floats:
    """The number of purchases that each customer most nearly makes: the median, (n,), where the mean is a fraction.

    It misses single customers by the least; sums of it mean nothing. From a negative binomial of the same mean and
    chance of none.
    """
    mean = expected_orders(fit, repeats, recency, age, horizon)
    alive = alive_rate(fit, repeats, recency, age)
    from scipy.special import nbdtrik

    shape = fit.r + repeats
    each = np.divide(mean, alive, out=np.zeros_like(mean), where=alive > 0)
    rest = np.clip((0.5 - (1 - alive)) / np.where(alive > 0, alive, 1), 0, 1)
    found = np.ceil(nbdtrik(np.maximum(rest, 1e-12), shape, shape / (shape + each)))
    return np.asarray(np.where(rest > 0, np.maximum(np.nan_to_num(found), 0), 0.0))


def total_interval(
    fit: Fit, repeats: Floats, recency: Floats, age: Floats, horizon: float, level: float, error: float = 0.0
) -> tuple[float, float]:
    """Between which the purchases of all customers together lie with probability `level`.

    error : standard deviation of the logarithm of what totals of earlier hold-outs missed by

    Chance of each customer (gamma rates, leaving) and of the parameters, which fall with the number of customers, and
    the error of the model, which doesn't. Raises LifetimeFitError.
    """
    from scipy.special import ndtri

    mean = expected_orders(fit, repeats, recency, age, horizon)
    alive = alive_rate(fit, repeats, recency, age)
    each = np.divide(mean, alive, out=np.zeros_like(mean), where=alive > 0)
    own = mean + alive * each**2 * (1 + 1 / (fit.r + repeats)) - mean**2
    total = float(mean.sum())
    per_customer = float(np.var(mean + repeats) + np.mean(own)) * len(mean)  # as if the sample were drawn again
    spread = float(np.sqrt(own.sum() + per_customer + (error * total) ** 2))
    width = float(ndtri((1 + level) / 2)) * spread
    return max(total - width, 0.0), total + width


def expected_value(fit: SpendingFit, repeats: Floats, mean_value: Floats) -> Floats:
    """Mean value of each customer's future purchases, (n,): their own mean shrunk to that of all."""
    spent = np.where(repeats > 0, mean_value, 0) * repeats
    shrunk: Floats = fit.p * (fit.gamma + spent) / np.maximum(fit.p * repeats + fit.q - 1, 1e-9)
    if fit.q > 1:
        return shrunk
    everyone = float(np.average(mean_value[repeats > 0], weights=repeats[repeats > 0]))
    return np.asarray(np.where(repeats > 0, shrunk, everyone))


def inactive_after(repeats: Floats, recency: Floats, usual: float, weight: float = 5.0) -> Floats:
    """Time without a purchase after which each customer counts as lost, (n,).

    repeats, recency : as for `fit_buying`; their quotient is a customer's mean gap between purchases
    usual : the shop's threshold, such as the 0.9 quantile of all gaps
    weight : gaps that the shop's own pattern counts for in a customer's

    The shop's threshold, scaled by the customer's mean gap relative to the shop's and shrunk: customers with few gaps
    take the shop's. Raises LifetimeFitError if nobody bought twice.
    """
    if not repeats.any():
        raise LifetimeFitError()
    mean = float(recency.sum() / repeats.sum())
    return np.asarray(usual * (recency + weight * mean) / (repeats + weight) / mean)


def _odds_left(fit: Fit, repeats: Floats, recency: Floats, age: Floats) -> Floats:
    if isinstance(fit, ParetoFit):
        found = np.empty(len(repeats))
        for start in range(0, len(found), _PART):
            x, tx, t = (column[start : start + _PART] for column in (repeats, recency, age))
            leaves, _ = _leaving(fit.r, fit.alpha, fit.s, fit.beta, x, tx, t)
            stays = -(fit.r + x) * np.log(fit.alpha + t) - fit.s * np.log(fit.beta + t)
            found[start : start + _PART] = np.exp(np.minimum(leaves - stays[:, None], 60)).sum(axis=1)
        return found
    bought = repeats > 0
    power = np.exp((fit.r + repeats) * np.log((fit.alpha + age) / (fit.alpha + recency)).clip(max=50))
    return np.where(bought, fit.a / np.where(bought, fit.b + repeats - 1, 1) * power, 0.0)


def _leaving(r: float, alpha: float, s: float, beta: float, x: Floats, tx: Floats, t: Floats) -> tuple[Floats, Floats]:
    """Logarithms of the likelihood of leaving around each node between the last purchase and now, and the nodes."""
    least = min(alpha, beta)
    low, high = np.log(least + tx), np.log(least + t)
    half = (high - low) / 2
    place = low[:, None] + half[:, None] * (_NODES + 1)
    tau = np.exp(place) - least
    width = np.log(np.maximum(half, 1e-300))[:, None] + _NODE_LOGS + place
    return width + np.log(s) - (r + x)[:, None] * np.log(alpha + tau) - (s + 1) * np.log(beta + tau), tau


def _distinct(*columns: Floats) -> tuple[list[Floats], Floats]:
    """The distinct rows of columns, and how often each stands: customers of a shop are often alike.

    Of more than 200,000 customers so many, evenly taken: they say as much of a handful of parameters as all do.
    """
    customers = len(columns[0])
    if customers > _MOST_CUSTOMERS:
        part = np.linspace(0, customers - 1, _MOST_CUSTOMERS).astype(int)
        columns = tuple(column[part] for column in columns)
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        values, place = np.unique(column, return_inverse=True)
        code = np.unique(code * len(values) + place, return_inverse=True)[1]
    _, first, count = np.unique(code, return_index=True, return_counts=True)
    rows = [column[first].astype(np.float64) for column in columns]
    return rows, np.asarray(count * (customers / len(columns[0])), np.float64)


def _thinned(distinct: tuple[list[Floats], Floats], most: int) -> tuple[list[Floats], Floats]:
    """At most so many of the distinct rows, at even steps in their order, counted up to the same number."""
    rows, count = distinct
    if len(count) <= most:
        return distinct
    part = np.linspace(0, len(count) - 1, most).astype(int)
    return [row[part] for row in rows], count[part] * (count.sum() / count[part].sum())


def _maximise(loss: Callable[[Floats], Gradient], start: Floats) -> tuple[Floats, float]:
    from scipy.optimize import minimize

    bounds = [(-12, 12)] * len(start)
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    if not np.isfinite(found.fun) or not np.isfinite(found.x).all():
        raise LifetimeFitError()
    return found.x, -float(found.fun)
