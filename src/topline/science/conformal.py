"""Intervals from a model's own past errors, and whole paths that keep errors of a series together over the horizon."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PRIOR_WEIGHT = 5.0
_PRIOR_CORRELATION = 0.5
_EMPIRICAL_FROM = 20.0


@dataclass(frozen=True, slots=True)
class Errors:
    """How far forecasts of a series miss, as a distribution of log errors per horizon.

    scale : (h,) root mean square log error, >= 0, never falling over the horizon
    correlation : of the errors of two horizons from the same origin, 0-1
    freedom : degrees of freedom of the parametric part
    absolute : (h, k) sorted absolute log errors, the conformal scores; nan-free, k may be 0
    """

    scale: Floats
    correlation: float
    freedom: float
    absolute: tuple[Floats, ...]


def learn(residuals: Floats, prior: float) -> Errors:
    """The error distribution of rolling-origin residuals, shrunk to a prior where they are few.

    residuals : (origins, h) log(actual / forecast), nan where an origin has no actual for a horizon
    prior : root mean square log error one step ahead that is assumed before any residual is seen; it grows with the
        square root of the horizon's place to the power 1/2 (errors of totals are neither independent nor the same)

    The scale is the posterior of a variance whose prior weighs 5 residuals; it never falls with the horizon, since a
    later month isn't easier. Conformal quantiles take over from the parametric ones as residuals grow beyond 20.
    """
    horizons = residuals.shape[1]
    expected = prior * (1 + np.arange(horizons)) ** 0.25
    seen = ~np.isnan(residuals)
    squares = np.where(seen, residuals, 0) ** 2
    variance = (_PRIOR_WEIGHT * expected**2 + squares.sum(axis=0)) / (_PRIOR_WEIGHT + seen.sum(axis=0))
    absolute = tuple(np.sort(np.abs(residuals[seen[:, h], h])) for h in range(horizons))
    freedom = _PRIOR_WEIGHT + float(seen.sum(axis=0).mean() if horizons else 0)
    return Errors(np.maximum.accumulate(np.sqrt(variance)), _correlation(residuals, seen), freedom, absolute)


def _correlation(residuals: Floats, seen: NDArray[np.bool_]) -> float:
    """Mean correlation over pairs of horizons, shrunk to a half; origins count once, since they overlap."""
    whole = residuals[seen.all(axis=1)]
    pairs = whole.shape[1] * (whole.shape[1] - 1)
    if len(whole) < 3 or not pairs:
        return _PRIOR_CORRELATION
    unit = whole / np.maximum(np.sqrt((whole**2).mean(axis=0)), 1e-12)
    product = unit.T @ unit / len(whole)
    found = float((product.sum() - np.trace(product)) / pairs)
    weight = len(whole) / (len(whole) + _PRIOR_WEIGHT)
    return float(np.clip(weight * found + (1 - weight) * _PRIOR_CORRELATION, 0, 0.95))


def quantile(errors: Errors, horizon: int, probability: Floats) -> Floats:
    """Quantiles of the log error at a horizon (0-based), same shape as `probability`, rising with it.

    Source: split conformal prediction, Vovk, Gammerman & Shafer (2005), on absolute errors, mixed by quantile with
    Student's t.
    """
    scores = errors.absolute[horizon]
    from scipy.special import stdtrit  # half a second to import: not on the way to a first page

    parametric = stdtrit(errors.freedom, probability) * errors.scale[horizon]
    if not len(scores):
        return np.asarray(parametric)
    level = np.abs(2 * probability - 1)
    rank = level * (len(scores) + 1) - 1
    beyond = np.abs(parametric)
    inner = np.interp(rank, np.arange(-1, len(scores)), np.concatenate([[0.0], scores]))
    inner = np.where(rank > len(scores) - 1, np.maximum(scores[-1], beyond), inner)
    weight = len(scores) / (len(scores) + _EMPIRICAL_FROM)
    return np.asarray(np.sign(probability - 0.5) * (weight * inner + (1 - weight) * beyond))


def paths(point: Floats, errors: Errors, draws: int, rng: np.random.Generator) -> Floats:
    """Joint sample paths of a series, (draws, h), >= 0: the point forecast times the exponential of correlated errors.

    point : (h,) median forecast, >= 0

    Draws are antithetic and stratified in pairs, so that few are enough; the same generator state gives the same paths.
    """
    return point * np.exp(log_errors(errors, shocks(draws, len(point), rng)))


def shocks(draws: int, horizons: int, rng: np.random.Generator) -> Floats:
    """Standard normal draws (draws, 1 + horizons): one common to a path, one of each horizon; antithetic."""
    half = rng.standard_normal(((draws + 1) // 2, 1 + horizons))
    return np.concatenate([half, -half])[:draws]


def log_errors(errors: Errors, shock: Floats) -> Floats:
    """Log errors (draws, h) that have the marginals of `quantile` and the correlation of `errors`, from `shocks`."""
    rho = errors.correlation
    normal = np.sqrt(rho) * shock[:, :1] + np.sqrt(1 - rho) * shock[:, 1:]
    from scipy.special import ndtr

    uniform = ndtr(normal)
    return np.column_stack([quantile(errors, h, uniform[:, h]) for h in range(normal.shape[1])])


def interval(samples: Floats, level: float) -> tuple[Floats, Floats]:
    """Bounds of the central `level` (0-1) of samples (draws, ...) along the first axis: low <= high."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high
