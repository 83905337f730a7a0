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
    mixed = [_mixed(past, part, past_share, seasonal) for past, part in zip(pasts, parts, strict=True)]
    yearly = _yearly_share(pasts, [mean for mean, _ in mixed], actuals) if past_trees else 0.0
    made = tuple(
        Test(past.known, *_brought(past, *each, yearly), actual, naive(past))
        for past, each, actual in zip(pasts, mixed, actuals, strict=True)
    )
    trees = _trees(panel, seed)
    mean, scale = _mixed(panel, _parts(panel, trees), share if trees else _SIMPLE_SHARE, seasonal)
    mean, scale = _brought(panel, mean, scale, yearly)
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
    """Factors (n, h) that bring each group's weeks or months half-way to last year's.

    Two years are one repetition of a season: the fitted shape alone missed the peak of the second.
    """
    if panel.cycle > 1 or panel.known < panel.year + _GROWTH_PERIODS:
        return np.ones_like(mean)
    totals = sum_by(panel.group, panel.filled(), panel.groups)
    return _to_last_year(panel, totals, sum_by(panel.group, mean, panel.groups), 0.5)[panel.group]


def _to_last_year(panel: Panel, totals: Floats, made: Floats, share: float) -> Floats:
    """Factors (k, h) that bring sums of series by a share to last year's, smoothed, at half of the growth since.

    totals : (k, t) what the sums were; made : (k, h) what they are expected to be
    """
    around = np.pad(totals, ((0, 0), (1, 1)), mode="edge")
    smooth = (around[:, :-2] + around[:, 1:-1] + around[:, 2:]) / 3
    before = panel.known - panel.year
    recent, then = totals[:, -_GROWTH_PERIODS:].sum(), totals[:, max(before - _GROWTH_PERIODS, 0) : before].sum()
    is_known = before >= _GROWTH_PERIODS and then > 0
    growth = np.clip(recent / then, 1 / _MOST_GROWTH, _MOST_GROWTH) if is_known else 1.0
    year = smooth[:, before + np.arange(panel.horizon) % panel.year] * (1 + growth) / 2
    factor = np.divide((1 - share) * made + share * year, made, out=np.ones_like(made), where=made > 0)
    return np.asarray(np.clip(factor, 1 / _MOST_GROWTH, _MOST_GROWTH))


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


def _can_tell_years(pasts: list[Panel]) -> bool:
    """Whether enough origins have a year of weeks or months before them; days have their week in the parts."""
    return len(pasts) >= _LEAST_SEASONAL_TESTS and all(past.cycle == 1 and past.known >= past.year for past in pasts)


def _seasonal_share(
    pasts: list[Panel], parts: list[tuple[Floats, Floats, Floats]], actuals: list[Floats], share: float
) -> float:
    """The share of seasonal naive: 0 unless alone it missed the past by less than the parts did, in squares.

    At least two origins with a year of weeks or months before them must tell.
    """
    if not _can_tell_years(pasts):
        return 0.0

    def error(seasonal: float) -> float:
        missed = [
            _mixed(past, part, share, seasonal)[0] - came
            for past, part, came in zip(pasts, parts, actuals, strict=True)
        ]
        return float(sum(np.nansum(np.square(one)) for one in missed))

    return _share_of_last_year(error)


def _yearly_share(pasts: list[Panel], means: list[Floats], actuals: list[Floats]) -> float:
    """How far the sum of all series is brought to last year's: not at all unless that alone missed the past's sums by
    less, in squares.

    What is right for series one by one may add up wrongly: each leans to what it sold lately, which all may have done
    in season. The same origins must tell as for `_seasonal_share`.
    """
    if not _can_tell_years(pasts):
        return 0.0

    def error(share: float) -> float:
        missed = [
            np.nansum(_brought(past, mean, mean, share)[0] - came, axis=0)
            for past, mean, came in zip(pasts, means, actuals, strict=True)
        ]
        return float(sum(np.square(one).sum() for one in missed))

    return _share_of_last_year(error)


def _share_of_last_year(error: Callable[[float], float]) -> float:
    """The share of last year with the least error, 0 unless last year alone has less than none of it."""
    return min(_SEASONAL_SHARES, key=error) if error(1.0) < error(0.0) else 0.0


def _brought(panel: Panel, mean: Floats, scale: Floats, share: float) -> tuple[Floats, Floats]:
    """Mean and scale with the sum of all series brought to last year's by a share."""
    if not share:
        return mean, scale
    totals, made = (values.sum(axis=0, keepdims=True) for values in (panel.filled(), mean))
    factor = _to_last_year(panel, totals, made, share)
    return mean * factor, scale * factor


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
