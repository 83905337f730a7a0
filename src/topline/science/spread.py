"""How far forecasts of many series miss, learnt from what they missed before: quantiles by period and of totals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.science.panel import Panel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_RECENT_CYCLES = 26
_BINS = 12
_LEAST = 40
_BLOCKS = 4
_PROBABILITIES = np.r_[0.005, 0.01, 0.025, np.arange(0.05, 0.96, 0.05), 0.975, 0.99, 0.995]


@dataclass(frozen=True, slots=True)
class Misses:
    """Scores (actual - expected) / scale of series of like size: Mondrian conformal prediction.

    edges : (b - 1,) expected units that part the bins
    scores : (b, q) quantiles of the scores in each bin at fixed probabilities
    Source: Vovk, Gammerman & Shafer, Algorithmic Learning in a Random World (2005), ch. 4.
    """

    edges: Floats
    scores: Floats

    def quantile(self, mean: Floats, scale: Floats, probability: float) -> Floats:
        """Units, >= 0, like `mean` in shape, that the actual stays below with a probability; rises with it."""
        place = np.searchsorted(self.edges, mean)
        score = np.array([np.interp(probability, _PROBABILITIES, row) for row in self.scores])
        return np.maximum(mean + score[place] * scale, 0)


def learn(mean: Floats, scale: Floats, actual: Floats) -> Misses:
    """Scores of past forecasts, all (m,); pairs whose actual is nan are left out.

    With fewer than forty of them there is nothing to learn: the scores of a wide normal distribution.
    """
    known = ~np.isnan(actual) & (scale > 0)
    size, score = mean[known], ((actual - mean) / np.where(scale > 0, scale, 1))[known]
    if len(score) < _LEAST:
        from scipy.special import ndtri

        return Misses(np.zeros(0), 2 * ndtri(_PROBABILITIES)[None])
    bins = int(np.clip(len(score) // (2 * _LEAST), 1, _BINS))
    edges = np.unique(np.quantile(size, np.arange(1, bins) / bins))
    place = np.searchsorted(edges, size)
    return Misses(edges, np.array([_conformal(score[place == k]) for k in range(len(edges) + 1)]))


def _conformal(score: Floats) -> Floats:
    """Quantiles that a new score of the same kind stays below with at least the probability."""
    n = len(score)
    if not n:
        return np.zeros(len(_PROBABILITIES))
    outward = np.where(_PROBABILITIES > 0.5, np.ceil((n + 1) * _PROBABILITIES), np.floor((n + 1) * _PROBABILITIES))
    ranked: Floats = np.sort(score)[np.clip(outward.astype(np.int64) - 1, 0, n - 1)]
    return ranked


def scale(panel: Panel, mean: Floats, effect: Floats) -> Floats:
    """Rough standard deviation of each period ahead, (n, h) > 0, up to a factor that `learn` finds.

    The variance is what is expected times a dispersion: half the series' own about its level in the last half year,
    half the panel's typical one, since the own one is mostly the luck of single orders.
    """
    window = min(_RECENT_CYCLES * panel.cycle, panel.known)
    units = panel.units[:, -window:]
    seen = ~np.isnan(units)
    calendar = np.exp(effect[panel.group, panel.known - window : panel.known])
    level = np.nansum(units, axis=1) / np.maximum((calendar * seen).sum(axis=1), 1e-9)
    squares = (np.where(seen, units - level[:, None] * calendar, 0) ** 2).sum(axis=1)
    count, sells = seen.sum(axis=1), level > 0
    own = squares / np.maximum(count * level, 1e-9)
    typical = np.median(own[sells]) if sells.any() else 1.0
    dispersion = np.where(sells, (own + typical) / 2, typical)
    least = 0.01 * (float(np.nanmean(panel.units)) or 1.0)
    return np.sqrt(np.maximum(dispersion, 1e-9)[:, None] * np.maximum(mean, least))


def blocks(horizon: int, cycle: int) -> Ints:
    """(h,) which part of the horizon a period lies in: weeks of days, else quarters of it."""
    step = np.arange(horizon)
    return step // cycle if cycle > 1 else step * _BLOCKS // horizon
