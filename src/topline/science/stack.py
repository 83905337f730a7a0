"""The demand forecast: tier 0 and one model for all series, averaged with fixed weights, with quantiles that hold.

Nothing is picked per series: on M5 that was worse than any fixed average (docs/benchmarks.md).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from topline.science import boosted, demand, rhythm, spread
from topline.science.panel import Panel, sum_by

Floats = NDArray[np.float64]

TIER_0 = "trio, smoothed level x calendar, last year"
STACK = "trio and boosted trees"
_TRIO_SHARES = (0.2, 0.0)
_SIMPLE_SHARE = 3 / 7
_SEASONAL_SHARES = (0.5, 1.0)
_LEAST_SEASONAL_TESTS = 2
_LEAST_SERIES_PERIODS = 5_000
_TESTS = 3
_UNTESTED = 0.5
_GROWTH_PERIODS = 8
_MOST_GROWTH = 5.0


@dataclass(frozen=True, slots=True)
class Test:
    """A forecast from an earlier origin and what came.

    origin : periods known then; mean, scale, actual, naive : (n, h), actual nan where demand isn't known; naive is the
    last cycle, or the same period of the year before, repeated
    """

    origin: int
    mean: Floats
    scale: Floats
    actual: Floats
    naive: Floats


@dataclass(frozen=True, slots=True)
class Forecast:
    """Expected units of each series and period ahead, and how sure that is.

    mean : (n, h) >= 0; parents are sums of their children
    model : what made it
    inputs : input -> share of what it explains, the largest first; empty without trees
    tests : forecasts from earlier origins, the newest first, from which the intervals were learnt
    """

    mean: Floats
    scale: Floats
    cycle: int
    model: str
    inputs: dict[str, float]
    tests: tuple[Test, ...]

    def quantile(self, probability: float) -> Floats:
        """(n, h) units that a period's demand stays below with a probability, >= 0, rising with it."""
        block = spread.blocks(self.mean.shape[1], self.cycle)
        found = np.empty_like(self.mean)
        for number in np.unique(block):
            inside = block == number
            misses = self._misses(partial(_inside, periods=inside))
            found[:, inside] = misses.quantile(self.mean[:, inside], self.scale[:, inside], probability)
        return found

    def total_quantile(self, probability: float, first: int, last: int) -> Floats:
        """(n,) units that the total of periods `first` up to but without `last` stays below: what a lead time needs.

        Learnt on totals: summing the quantiles of periods would buy far too much stock.
        """

        def total(values: Floats) -> Floats:
            summed: Floats = values[:, first:last].sum(axis=1)
            return summed

        def spread_of(values: Floats) -> Floats:
            return np.sqrt(total(values**2))

        return self._misses(total, spread_of).quantile(total(self.mean), spread_of(self.scale), probability)

    def _misses(
        self, values_of: Callable[[Floats], Floats], scale_of: Callable[[Floats], Floats] | None = None
    ) -> spread.Misses:
        if not self.tests:
            nothing = np.zeros(0)
            return spread.learn(nothing, nothing, nothing)
        parts = [(values_of(t.mean), (scale_of or values_of)(t.scale), values_of(t.actual)) for t in self.tests]
        return spread.learn(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _inside(values: Floats, periods: NDArray[np.bool_]) -> Floats:
    return values[:, periods].ravel()


def forecast(panel: Panel, *, tests: int = _TESTS, seed: int = 0) -> Forecast:
    """The forecast of a panel, tested from up to `tests` earlier origins a horizon apart.

    Trees join in from some thousand known periods of sales on; before that tier 0 stands alone. The tests also say
    whether the trio, which knows nothing of prices, has a share in the mean; it is the same for all series. Where they
    did worse than the same weeks or months of last year, that has half of the mean or all of it: series with seasons
    of their own, which one calendar for a group can't know. The same panel and seed give the same numbers.
    """
    origins = _origins(panel, tests)
    past_trees = _trees(panel.at(origins[-1], panel.horizon), seed) if origins else None
    pasts = [panel.at(origin, panel.horizon) for origin in origins]
    parts = [_parts(past, past_trees) for past in pasts]
    actuals = [_actual(panel, origin) for origin in origins]
    share = _share(parts, actuals) if past_trees else _TRIO_SHARES[0]
    past_share = share if past_trees else _SIMPLE_SHARE
    seasonal = _seasonal_share(pasts, parts, actuals, past_share)
    made = tuple(
        Test(past.known, *_mixed(past, part, past_share, seasonal), actual, naive(past))
        for past, part, actual in zip(pasts, parts, actuals, strict=True)
    )
    trees = _trees(panel, seed)
    mean, scale = _mixed(panel, _parts(panel, trees), share if trees else _SIMPLE_SHARE, seasonal)
    if not made:
        scale = np.hypot(scale, _UNTESTED * mean)
    return Forecast(mean, scale, panel.cycle, STACK if trees else TIER_0, trees.shares() if trees else {}, made)


def lift(panel: Panel, other: Panel, *, seed: int = 0) -> Floats:
    """(n, h) how many times as much the panel's trees expect of it as of another with other drivers ahead.

    1 where there are too few periods for trees.
    """
    trees = _trees(panel, seed)
    if trees is None:
        return np.ones((len(panel.units), panel.horizon))
    made, before = (boosted.predict(trees, each, rhythm.effect(each)) for each in (panel, other))
    found: Floats = np.divide(made, before, out=np.ones_like(made), where=before > 0)
    return found


def _origins(panel: Panel, tests: int) -> list[int]:
    """Periods known at earlier origins, the newest first; each leaves the larger part of the history before it."""
    found = [panel.known - k * panel.horizon for k in range(1, tests + 1)]
    least = max(panel.known // 2, 2 * panel.cycle, 8)
    return [origin for origin in found if origin >= least]


def _trees(panel: Panel, seed: int) -> boosted.Trees | None:
    if (np.nan_to_num(panel.units) > 0).sum() < _LEAST_SERIES_PERIODS:
        return None
    return boosted.fit(panel, rhythm.effect(panel), seed)


def _parts(panel: Panel, trees: boosted.Trees | None) -> tuple[Floats, Floats, Floats]:
    """The trio, trees (or what they start from), and the calendar's effect."""
    effect = rhythm.effect(panel)
    simple = _simple(panel, effect)
    if trees is not None:
        return simple, boosted.predict(trees, panel, effect), effect
    other = boosted.start(panel, effect)
    year = _last_year(panel, _SIMPLE_SHARE * simple + (1 - _SIMPLE_SHARE) * other)
    return simple * year, other * year, effect


def _last_year(panel: Panel, mean: Floats) -> Floats:
    """Factors (n, h) that bring each group's weeks or months half-way to last year's, at half of the growth since.

    Two years are one repetition of a season: the fitted shape alone missed the peak of the second.
    """
    known, year = panel.known, panel.year
    if panel.cycle > 1 or known < year + _GROWTH_PERIODS:
        return np.ones_like(mean)
    totals = sum_by(panel.group, panel.filled(), panel.groups)
    around = np.pad(totals, ((0, 0), (1, 1)), mode="edge")
    smooth = (around[:, :-2] + around[:, 1:-1] + around[:, 2:]) / 3
    recent, before = totals[:, -_GROWTH_PERIODS:].sum(), totals[:, known - year - _GROWTH_PERIODS : known - year].sum()
    growth = np.clip(recent / before, 1 / _MOST_GROWTH, _MOST_GROWTH) if before > 0 else 1.0
    then = smooth[:, known - year + np.arange(panel.horizon) % year] * (1 + growth) / 2
    made = sum_by(panel.group, mean, panel.groups)
    factors = np.divide((made + then) / 2, made, out=np.ones_like(made), where=made > 0)
    return np.asarray(np.clip(factors, 1 / _MOST_GROWTH, _MOST_GROWTH)[panel.group])


def _mixed(panel: Panel, parts: tuple[Floats, Floats, Floats], share: float, seasonal: float) -> tuple[Floats, Floats]:
    """Mean and scale of the parts and, by its share, of seasonal naive; nothing where it is closed."""
    simple, other, effect = parts
    mean = share * simple + (1 - share) * other
    if seasonal:
        mean = (1 - seasonal) * mean + seasonal * naive(panel)
    scale = spread.scale(panel, mean, effect)
    if panel.closed is not None:
        ahead = panel.closed[:, panel.known :]
        mean, scale = np.where(ahead, 0.0, mean), np.where(ahead, 0.0, scale)
    return mean, scale


def _share(parts: list[tuple[Floats, Floats, Floats]], actuals: list[Floats]) -> float:
    """The trio's share with the least squared error of the past."""

    def error(share: float) -> float:
        missed = [
            share * simple + (1 - share) * other - came for (simple, other, _), came in zip(parts, actuals, strict=True)
        ]
        return float(np.nansum(np.square(missed)))

    return min(_TRIO_SHARES, key=error)


def _seasonal_share(
    pasts: list[Panel], parts: list[tuple[Floats, Floats, Floats]], actuals: list[Floats], share: float
) -> float:
    """The share of seasonal naive: 0 unless alone it missed the past by less than the parts did, in squares.

    Days have their week in the parts; of weeks and months at least two origins with a year before them must tell.
    """
    if len(pasts) < _LEAST_SEASONAL_TESTS or any(past.cycle > 1 or past.known < past.year for past in pasts):
        return 0.0

    def error(seasonal: float) -> float:
        missed = [
            _mixed(past, part, share, seasonal)[0] - came
            for past, part, came in zip(pasts, parts, actuals, strict=True)
        ]
        return float(sum(np.nansum(np.square(one)) for one in missed))

    return min(_SEASONAL_SHARES, key=error) if error(1.0) < error(0.0) else 0.0


def _actual(panel: Panel, origin: int) -> Floats:
    actual = panel.units[:, origin : origin + panel.horizon]
    if panel.closed is None:
        return actual
    return np.where(panel.closed[:, origin : origin + panel.horizon], 0.0, actual)


def _simple(panel: Panel, effect: Floats) -> Floats:
    """The trio; it knows weekdays, so weeks and months are freed of the year's shape before and get it back after."""
    if panel.cycle > 1:
        return demand.trio(panel.filled(), panel.group, panel.horizon, panel.cycle)
    season = np.exp(effect[panel.group])
    level = demand.trio(panel.filled() / season[:, : panel.known], panel.group, panel.horizon, panel.cycle)
    return level * season[:, panel.known :]


def naive(panel: Panel) -> Floats:
    """(n, h) seasonal naive: the last cycle of days, or of weeks and months the same periods of last year, repeated."""
    units = panel.filled()
    if panel.closed is not None:
        units = np.where(panel.closed[:, : panel.known], 0.0, units)
    lag = panel.cycle if panel.cycle > 1 else panel.year if panel.known >= panel.year else 1
    return units[:, panel.known - lag + np.arange(panel.horizon) % lag]
