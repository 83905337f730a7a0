"""How demand answers to price and promotion: elasticities of many products at once, each as sure as its data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_WEEKS = 12
LEAST_MOVE = 0.01
"""Standard deviation of log prices below which a product's price counts as one that never changed."""

_ROUNDS = 25
_NEWTON = 3
_FLAT = 1e-4
_NOTHING = 1e-6
_PRIOR_WEEKS = 10.0
_LONGEST_STEP = 1.0
_SHOWN = 2.0
_LEAST_SPREAD = 0.02
_MOST_SPREAD = 1.5
_FAR = 3.0
_BULK = 5.0
_ORDINARY = -1.5
"""Where the search begins: the mean elasticity of meta-analyses (Bijmolt, van Heerde & Pieters 2005 find -2.6)."""


class FlatPriceError(ToplineError):
    message = N_(
        "Prices have hardly changed: %(moved)d of %(products)d products had a price that moved by more than 1 %% over "
        "%(weeks)d weeks. To learn how demand answers, vary the price of some products by 5 %% or more for two weeks "
        "each, at different times."
    )


class ShortPriceHistoryError(ToplineError):
    message = N_("Too few weeks with sales to learn from prices: %(found)d, where at least %(least)d are needed.")


@dataclass(frozen=True, slots=True)
class Panel:
    """Weeks of products, one row each; a cell that is nan in `units` or `price` says nothing.

    units : (n, weeks) sold, >= 0; 0 where it was on sale and nobody bought
    price : (n, weeks) paid per unit, > 0, any currency
    group : (n,) 0..g-1, products whose demand moves together from week to week
    line : (n,) 0..l-1, products that stand for each other; a cross effect can be told from a common shock only where
        a group holds several lines
    promotion : (k, n, weeks) how far a promotion of kind k was on, 0-1, beside the price cut that it may come with
    kinds : (k,) names of the kinds
    """

    units: Floats
    price: Floats
    group: Ints
    line: Ints
    promotion: Floats
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Effect:
    """What all products have in common in how they answer to one thing, as a change of log demand.

    name : price, cross_price, after, rival, or a promotion's kind
    mean, se : over products; spread : standard deviation of products around their group's mean
    """

    name: str
    mean: float
    se: float
    spread: float

    @property
    def is_shown(self) -> bool:
        """Whether the data tell it from nothing."""
        return abs(self.mean) > _SHOWN * self.se or self.spread > 5 * _LEAST_SPREAD


@dataclass(frozen=True, slots=True)
class PriceFit:
    """A fitted answer of n products.

    effects : q of them, the price first
    coefficient, se : (n, q) of log demand on log price (the elasticity) and on each other effect, and standard errors
    own_rate : (n, q) how much of the estimate is the product's own data, 0-1; the rest is what its group does
    group_mean, group_se : (g, q)
    level : (n,) log of units in an ordinary week at `usual`
    usual : (n,) price at which the level holds
    shock : (g, weeks) what the group's demand did in a week beyond prices and promotions, log
    dispersion : (n,) variance over mean, >= 1
    """

    effects: tuple[Effect, ...]
    coefficient: Floats
    se: Floats
    own_rate: Floats
    group_mean: Floats
    group_se: Floats
    level: Floats
    usual: Floats
    shock: Floats
    dispersion: Floats

    def index(self, name: str) -> int | None:
        """Where an effect stands, None if the data don't show it."""
        return next((k for k, effect in enumerate(self.effects) if effect.name == name), None)

    @property
    def elasticity(self) -> Floats:
        """(n,) percent of demand for a percent of price."""
        return self.coefficient[:, 0]


def fit(panel: Panel) -> PriceFit:
    """Elasticities and promotion effects of products whose demand is Poisson around

    exp(level + shock[group, week] + elasticity x log(price / usual) + the other effects)

    with shocks fitted jointly, so prices that follow demand don't pass for demand that follows prices. Each product's
    effects are drawn around its group's mean, groups around the whole's (empirical Bayes): thin products take after
    their group. Effects other than the price stay only where they show: cross prices within a line, the dip in the
    two weeks after a promotion, and what promotions of rivals in the line take away. A week of more than five times
    what the product sells in a good one (the 90th percentile) counts as that: bulk orders answer to no price.

    Raises ShortPriceHistoryError below 12 weeks, FlatPriceError where no product's price moved.
    Source: Efron & Morris, JASA 70 (1975) for the shrinkage; Berry, RAND Journal 25 (1994) for why shocks must be out.
    """
    weeks = int((np.nansum(panel.units, axis=0) > 0).sum())
    if weeks < LEAST_WEEKS:
        raise ShortPriceHistoryError(found=weeks, least=LEAST_WEEKS)
    names, x, mask, usual = _design(panel)
    priced = mask.any(axis=1)
    steps = x[0][priced].std(axis=1, where=mask[priced], mean=np.zeros((int(priced.sum()), 1)))
    moved = int((steps > LEAST_MOVE).sum())
    if not moved:
        raise FlatPriceError(moved=moved, products=len(usual), weeks=weeks)
    found = _fitted(panel, names, x, mask, usual)
    kept = [0, *(k for k in range(1, len(names)) if found.effects[k].is_shown)]
    if len(kept) < len(names):
        found = _fitted(panel, [names[k] for k in kept], x[kept], mask, usual)
    return found


def expected(fitted: PriceFit, panel: Panel) -> Floats:
    """(n, weeks) units that the fit expects at a panel's prices and promotions, in weeks without a shock."""
    names, x, _, _ = _design(panel, usual=fitted.usual)
    chosen = [names.index(effect.name) for effect in fitted.effects]
    mean: Floats = np.exp(fitted.level[:, None] + np.einsum("nq,qnt->nt", fitted.coefficient, x[chosen]))
    return mean


def recent_level(fitted: PriceFit, panel: Panel, rate: float = 0.12) -> PriceFit:
    """The fit with each product's level moved to where its newest weeks stand.

    rate : weight of the newest week against all before, 0-1; a product's own mean counts as ten weeks
    """
    mean = expected(fitted, panel)
    weights = (1 - rate) ** np.arange(mean.shape[1])[::-1]
    seen = weights * ~np.isnan(panel.units)
    prior = 1 / rate * 0.5
    ratio = np.nansum(_ordinary(panel.units) * seen, axis=1) + prior * mean.mean(axis=1)
    base = (np.where(np.isnan(panel.units), 0, mean) * seen).sum(axis=1) + prior * mean.mean(axis=1)
    return replace(fitted, level=fitted.level + np.log(np.maximum(ratio, 1e-9) / np.maximum(base, 1e-9)))


def change(elasticity: float, se: float, ratio: float, z: float = 1.2816) -> tuple[float, float, float]:
    """(low, expected, high) factor on demand of a price times `ratio`: ratio ** elasticity, and at z errors around.

    ratio : new price to old, > 0; z : 1.2816 gives the central 80 %
    """
    step = np.log(ratio)
    ends = sorted(np.exp((elasticity + side * se) * step) for side in (-z, z))
    return float(ends[0]), float(np.exp(elasticity * step)), float(ends[1])


def _design(panel: Panel, usual: Floats | None = None) -> tuple[list[str], Floats, NDArray[np.bool_], Floats]:
    """Names and (q, n, weeks) of what may matter, the cells that are known, and the price that they are taken from."""
    known = ~np.isnan(panel.units) & ~np.isnan(panel.price) & (np.nan_to_num(panel.price) > 0)
    log_price = np.log(np.where(known, panel.price, 1.0))
    count = np.maximum(known.sum(axis=1), 1)
    middle = (log_price * known).sum(axis=1) / count if usual is None else np.log(usual)
    price = np.where(known, log_price - middle[:, None], 0.0)
    names, columns = ["price"], [price]
    weight = np.nansum(panel.units, axis=1) + 1.0
    splits = _lines_within_groups(panel.group, panel.line)
    if splits.any():
        names.append("cross_price")
        columns.append(_of_others(price, weight, panel.line) * splits[:, None])
    for kind, on in zip(panel.kinds, panel.promotion, strict=True):
        names.append(kind)
        columns.append(on)
    if len(panel.kinds):
        any_on = panel.promotion.max(axis=0)
        names.append("after")
        columns.append(_after(any_on))
        if splits.any():
            names.append("rival")
            columns.append(_of_others(any_on, weight, panel.line) * splits[:, None])
    return names, np.stack(columns), known, np.exp(middle)


def _ordinary(units: Floats) -> Floats:
    """(n, weeks) units, a bulk order counted as five times what a good week sells."""
    sold = np.where(units > 0, units, np.nan)
    sold[np.isnan(sold).all(axis=1), 0] = np.inf
    return np.asarray(np.minimum(units, _BULK * np.nanquantile(sold, 0.9, axis=1)[:, None]))


def _lines_within_groups(group: Ints, line: Ints) -> NDArray[np.bool_]:
    """(n,) whether the product's line has rivals in it and its group holds other lines too."""
    lines = {g: len(set(line[group == g].tolist())) for g in set(group.tolist())}
    sizes = np.bincount(line)
    return np.array([lines[g] > 1 and sizes[k] > 1 for g, k in zip(group.tolist(), line.tolist(), strict=True)])


def _of_others(values: Floats, weight: Floats, line: Ints) -> Floats:
    """(n, weeks) the weighted mean of the other products in the line."""
    sums = np.zeros((int(line.max()) + 1, values.shape[1]))
    np.add.at(sums, line, values * weight[:, None])
    total = np.bincount(line, weight)[line] - weight
    return (sums[line] - values * weight[:, None]) / np.maximum(total, 1e-9)[:, None]


def _after(on: Floats) -> Floats:
    """(n, weeks) the first two weeks after a promotion, while none is on."""
    before = np.zeros_like(on)
    before[:, 1:] = on[:, :-1]
    before[:, 2:] = np.maximum(before[:, 2:], on[:, :-2])
    return before * (1 - np.clip(on, 0, 1))


@dataclass(slots=True)
class _State:
    """What the rounds of fitting improve.

    theta : (n, q + 1) with the level first; variance : (n, q) of its effects, their group's mean given
    follows : (n, q, q) by how much effects move with their group's mean
    shock, phi : shocks of groups, dispersion of products
    mean, mean_covariance : (g, q), (g, q, q) of groups; information : (g, q, q) that their own data hold of it
    whole, whole_covariance : (q,), (q, q) of all
    spread : (q,) standard deviation of products around their group's mean
    """

    group: Ints
    theta: Floats
    variance: Floats
    follows: Floats
    shock: Floats
    phi: Floats
    mean: Floats
    mean_covariance: Floats
    information: Floats
    whole: Floats
    whole_covariance: Floats
    spread: Floats


def _fitted(panel: Panel, names: Sequence[str], x: Floats, mask: NDArray[np.bool_], usual: Floats) -> PriceFit:
    n, q = len(panel.units), len(names)
    y = np.where(mask, np.nan_to_num(_ordinary(panel.units)), 0.0)
    members = [np.flatnonzero(panel.group == g) for g in range(int(panel.group.max()) + 1)]
    design = np.concatenate([np.ones((1, *x.shape[1:])), x]).transpose(1, 0, 2) * mask[:, None]
    count = np.maximum(mask.sum(axis=1), 1)
    theta = np.zeros((n, q + 1))
    theta[:, 0] = np.log((y.sum(axis=1) + 0.5) / count)
    theta[:, 1] = _ORDINARY
    state = _State(
        group=panel.group,
        theta=theta,
        variance=np.ones((n, q)),
        follows=np.zeros((n, q, q)),
        shock=np.zeros((len(members), y.shape[1])),
        phi=np.ones(n),
        mean=np.tile(np.eye(1, q)[0] * _ORDINARY, (len(members), 1)),
        mean_covariance=np.ones((len(members), q, q)),
        information=np.zeros((len(members), q, q)),
        whole=np.zeros(q),
        whole_covariance=np.zeros((q, q)),
        spread=np.ones(q),
    )
    is_told = (x != 0).any(axis=2).T  # (n, q) a product that never saw a promotion says nothing of it
    for turn in range(_ROUNDS):
        before = state.mean.copy()
        for g, rows in enumerate(members):
            for _ in range(_NEWTON if turn else 3 * _NEWTON):
                _step(state, g, rows, design[rows], y[rows], mask[rows])
        _dispersions(state, members, design, y, mask)
        _priors(state, members, is_told)
        if turn > 3 and np.abs(state.mean - before).max() < 1e-4:
            break
    return _answer(state, panel, names, usual)


def _means(state: _State, g: int, rows: Ints, design: Floats) -> Floats:
    eta = np.einsum("nqt,nq->nt", design, state.theta[rows]) + state.shock[g]
    mean: Floats = np.exp(np.clip(eta, -20, 20))
    return mean


def _step(state: _State, g: int, rows: Ints, design: Floats, y: Floats, mask: NDArray[np.bool_]) -> None:
    """One Newton step of a group's products and shocks together, the shocks by Schur's complement."""
    mu = _means(state, g, rows, design) * mask
    weight = mu / state.phi[rows, None]
    miss = (y - mu) / state.phi[rows, None]
    precision = np.concatenate([[_FLAT], 1 / state.spread**2])
    slope = np.einsum("nqt,nt->nq", design, miss)
    slope[:, 1:] -= precision[1:] * (state.theta[rows, 1:] - state.mean[g])
    weighted = design * weight[:, None]
    known = weighted @ design.transpose(0, 2, 1)
    own = np.linalg.inv(known + np.diag(precision))
    across = own @ weighted  # (m, q + 1, weeks)
    m, k, weeks = weighted.shape
    schur = -(weighted.reshape(m * k, weeks).T @ across.reshape(m * k, weeks))
    schur[np.diag_indices(weeks)] += weight.sum(axis=0) + max(_FLAT * weight.sum() / weeks, 1e-6)
    inverse = np.linalg.inv(schur)
    pull = miss.sum(axis=0) - np.einsum("nqt,nq->t", weighted, np.einsum("nqp,np->nq", own, slope))
    shock = np.clip(inverse @ pull, -_LONGEST_STEP, _LONGEST_STEP)
    step = np.einsum("nqp,np->nq", own, slope) - np.einsum("nqt,t->nq", across, shock)
    state.theta[rows] += np.clip(step, -_LONGEST_STEP, _LONGEST_STEP)
    moved = state.shock[g] + shock
    state.shock[g] = moved - moved.mean()
    state.theta[rows, 0] += moved.mean()
    behind = across @ inverse
    state.variance[rows] = np.einsum("nqq->nq", own)[:, 1:] + np.einsum("nqt,nqt->nq", behind, across)[:, 1:]
    # what the data say of the group's mean, and how effects follow it, with products and shocks free to give way
    shared = (weighted - known @ across)[:, 1:].sum(axis=0)
    state.information[g] = (known - known @ own @ known)[:, 1:, 1:].sum(axis=0) - shared @ inverse @ shared.T
    state.follows[rows] = own[:, 1:, 1:] * precision[1:] + behind[:, 1:] @ shared.T


def _dispersions(state: _State, members: list[Ints], design: Floats, y: Floats, mask: NDArray[np.bool_]) -> None:
    """Pearson's variance over mean, a thin product's drawn to that of its group."""
    for g, rows in enumerate(members):
        if not len(rows):
            continue
        mu = np.maximum(_means(state, g, rows, design[rows]), 1e-6)
        pearson = np.where(mask[rows], (y[rows] - mu) ** 2 / mu, 0).sum(axis=1)
        free = np.maximum(mask[rows].sum(axis=1) * (1 - 1 / max(len(rows), 2)) - design.shape[1], 1)
        shared = pearson.sum() / free.sum()
        state.phi[rows] = np.maximum((_PRIOR_WEEKS * shared + pearson) / (_PRIOR_WEEKS + free), 1.0)


def _priors(state: _State, members: list[Ints], is_told: NDArray[np.bool_]) -> None:
    """Means of groups, by Newton's step of each and drawn to that of all, and the spread of products around them.

    All effects at once: who cuts prices and puts up a display on the same days knows one only as well as the other.
    """
    q = len(state.spread)
    alone = [_own(state, k) for k in range(q)]
    offset = state.theta[:, 1:] - state.mean[state.group]
    pull = np.stack([offset[rows].sum(axis=0) for rows in members]) / state.spread**2
    error = np.linalg.inv(state.information + _NOTHING * np.eye(q))
    center = state.mean + np.einsum("gqp,gp->gq", error, pull)
    between = np.diag([meta(center[:, k], error[:, k, k])[2] for k in range(q)])
    weight = np.linalg.inv(error + between)
    state.whole_covariance = np.linalg.inv(weight.sum(axis=0))
    state.whole = state.whole_covariance @ np.einsum("gqp,gp->q", weight, center)
    keep = between @ weight
    rest = np.eye(q) - keep
    state.mean = state.whole + np.einsum("gqp,gp->gq", keep, center - state.whole)
    state.mean_covariance = keep @ error + rest @ state.whole_covariance @ rest.transpose(0, 2, 1)
    for k, (own, squared) in enumerate(alone):
        told = np.flatnonzero(is_told[:, k] & _is_informed(state, k, squared))
        if not len(told):
            continue
        limit = _FAR * np.sqrt(squared[told] + state.spread[k] ** 2)
        away = np.clip(own[told] - state.mean[state.group[told], k], -limit, limit)
        if k:
            groups = len(set(state.group[told].tolist()))
            found = float(np.sqrt(_between(away, squared[told], freedom=groups)))
            state.spread[k] = min(max(found, _LEAST_SPREAD), _MOST_SPREAD)
        else:
            state.spread[k] = _spread(away, squared[told])


def _spread(away: Floats, squared: Floats) -> float:
    """How far products' elasticities scatter beyond their own errors, by a likelihood that keeps off none.

    Chance may well make the scatter of few or noisy products look like none; intervals would then shrink to nothing.
    Source: Chung, Rabe-Hesketh, Dorie, Gelman & Liu, Psychometrika 78 (2013): a gamma(2) prior on the deviation.
    """
    tried = np.geomspace(_LEAST_SPREAD, _MOST_SPREAD, 80)
    whole = squared + tried[:, None] ** 2
    height = np.log(tried) - 0.5 * (np.log(whole) + away**2 / whole).sum(axis=1)
    return float(tried[height.argmax()])


def _own(state: _State, k: int) -> tuple[Floats, Floats]:
    """(n,), (n,) what each product's data alone say, and the variance of that: the posterior without the prior."""
    prior = 1 / state.spread[k] ** 2
    precision = np.maximum(1 / state.variance[:, k] - prior, 1e-6)
    pulled = state.theta[:, k + 1] / state.variance[:, k] - prior * state.mean[state.group, k]
    return pulled / precision, 1 / precision


def _is_informed(state: _State, k: int, error: Floats) -> NDArray[np.bool_]:
    """Whether there are own data to speak of: a product all of whose changes are its group's says nothing."""
    return np.asarray(error < min(1e4 * state.spread[k] ** 2, 1e3))


def _pooled(values: Floats, variance: Floats) -> tuple[float, float]:
    """The mean weighted by precision, and its variance; of nothing, nothing."""
    if not len(values):
        return 0.0, 1e6
    weight = 1 / variance
    return float((weight * values).sum() / weight.sum()), float(1 / weight.sum())


def meta(values: Floats, variance: Floats) -> tuple[float, float, float]:
    """(mean, its variance, variance between) of estimates that scatter around one mean beyond their own errors.

    values, variance : (n,) estimates and their squared standard errors
    Source: DerSimonian & Kacker, Contemporary Clinical Trials 28 (2007), the iterated method of moments.
    """
    between = 0.0
    mean, error = _pooled(values, variance)
    for _ in range(50):
        between, before = _between(values - mean, variance, between, freedom=1), between
        mean, error = _pooled(values, variance + between)
        if abs(between - before) < 1e-9:
            break
    return mean, error, between


def _between(offset: Floats, variance: Floats, start: float = 0.1, freedom: int = 0) -> float:
    """The variance beyond `variance` that makes the weighted squares of the offsets what is expected of them, >= 0.

    Source: Paule & Mandel, Journal of Research of the NBS 87 (1982).
    """
    target = max(len(offset) - freedom, 1)
    low, high = 0.0, max(float((offset**2).max(initial=0.0)) * 2, 1e-6)
    if (offset**2 / variance).sum() <= target:
        return 0.0
    for _ in range(60):
        middle = (low + high) / 2
        if (offset**2 / (variance + middle)).sum() > target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _answer(state: _State, panel: Panel, names: Sequence[str], usual: Floats) -> PriceFit:
    pull = np.clip(state.variance / state.spread**2, 0, 1)  # how much of the estimate is its group's
    follows = state.follows
    variance = state.variance + np.einsum("nqp,npr,nqr->nq", follows, state.mean_covariance[panel.group], follows)
    errors = np.sqrt(np.diag(state.whole_covariance))
    effects = [
        Effect(name, *map(float, each)) for name, *each in zip(names, state.whole, errors, state.spread, strict=True)
    ]
    return PriceFit(
        effects=tuple(effects),
        coefficient=state.theta[:, 1:],
        se=np.sqrt(variance),
        own_rate=1 - pull,
        group_mean=state.mean,
        group_se=np.sqrt(np.einsum("gqq->gq", state.mean_covariance)),
        level=state.theta[:, 0],
        usual=usual,
        shock=state.shock,
        dispersion=state.phi,
    )
