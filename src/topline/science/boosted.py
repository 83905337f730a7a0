"""One model of gradient-boosted trees for all series of a panel: it learns what lifts a series above its own level.

Each example is a series, an origin and a horizon: what was known at the origin (levels over windows, gaps, the same
time of last year), and what is known of the period ahead (calendar, planned price and promotion, what was sold when
these stood alike). Trees start from the series' level times its group's calendar and learn a factor: by Tweedie's
deviance, or by the squared error of logs where hardly a period goes without a sale: there errors grow with sales, and
one large week must not outweigh many.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.science import rhythm
from topline.science.panel import Panel, sum_by

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Singles = NDArray[np.float32]

_RATES = (0.03, 0.05, 0.08, 0.12, 0.3)
_BASE_RATES = (0.03, 0.05, 0.08, 0.12)
_WINDOWS = (1, 2, 4, 8, 16, 26, 52)
_BASE_WINDOWS = (4, 8, 16)
_PLACES = (4, 8, 26)
_JUST_BEFORE = (1, 2)
_TINY = 0.02
_LEAST_LEVEL = 2e-5
"""The least level that logs start from where zeros are rare, in means of the panel: one 50,000th of the others."""
_GONE_CYCLES = 26
_CHUNK = 4_000
_EXAMPLES = 1_200_000
_LEAST_EXAMPLES = 200_000
_EXAMPLES_A_SERIES = 250
_BACK_CYCLES = 57
_YEARS = 3
_ALIKE_SPREADS = 0.5
_ALIKE_PRIOR = 0.05
_ALIKE_ROWS = 20_000
_MOST_EMPTY = 0.05
_LEVELLED = 100_000
_ROUNDS = 150
_PARAMETERS = {
    "objective": "tweedie",
    "tweedie_variance_power": 1.1,
    "learning_rate": 0.08,
    "num_leaves": 63,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.6,
    "bagging_freq": 1,
    "lambda_l2": 1.0,
    "max_bin": 127,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
_OF_LOGS = {"objective": "regression"}


@dataclass(frozen=True, slots=True)
class Trees:
    """A fitted model; `unit` is the mean of the panel that it was fitted on, in which it counts.

    least : the least level that its forecasts start from, in that unit
    factor : what brings its forecasts of the past to the sum that was sold: those of logs are medians
    """

    booster: Any
    unit: float
    least: float
    names: tuple[str, ...]
    factor: float = 1.0

    def shares(self) -> dict[str, float]:
        """How much each input lowered the deviance, as shares that sum to 1, the largest first."""
        gain = self.booster.feature_importance("gain")
        ranked = sorted(zip(gain / max(gain.sum(), 1e-12), self.names, strict=True), reverse=True)
        return {name: float(share) for share, name in ranked}


def start(panel: Panel, effect: Floats | None = None) -> Floats:
    """The level of each series times its group's calendar, (n, h) >= 0: what trees start from.

    The level is the mean of four exponential smoothings and three windows of sales freed of the calendar.
    effect : from `rhythm.effect`, computed if it isn't given
    """
    panel, effect = _recent(panel, rhythm.effect(panel) if effect is None else effect)
    shared = _Shared(panel, effect)
    steps = np.arange(1, panel.horizon + 1)
    found = []
    for chunk in _chunks(panel):
        known = _Known(panel.rows(chunk), shared)
        found.append(known.level(panel.known)[:, None] * known.effect[:, panel.known + steps - 1])
    return np.maximum(np.concatenate(found), 0) * shared.unit


def fit(panel: Panel, effect: Floats, seed: int = 0) -> Trees:
    """Trees fitted to a year and some weeks of days, to three years of weeks or months.

    The same panel and seed give the same trees.
    """
    from lightgbm import Dataset, train

    panel, effect = _recent(panel, effect)
    shared, rng = _Shared(panel, effect), np.random.default_rng(seed)
    wanted = np.clip(_EXAMPLES_A_SERIES * len(panel.units), _LEAST_EXAMPLES, _EXAMPLES)
    drawn = max(len(panel.units) * len(_origins(panel)), 1)
    each = int(np.clip(wanted / drawn, 1, panel.horizon))
    kept = min(wanted / (drawn * each), 1.0)
    parts = [
        _examples(known, origin, each, kept, rng)
        for known in (_Known(panel.rows(chunk), shared) for chunk in _chunks(panel))
        for origin in _origins(panel)
    ]
    inputs, target, offset = (np.concatenate([part[k] for part in parts]) for k in range(3))
    names = parts[0][3]
    del parts
    least = int(np.clip(len(target) / 7000, 20, 200))
    parameters = _PARAMETERS | {"seed": seed, "num_threads": 1, "min_data_in_leaf": least}
    if shared.has_many_zeros:
        data = Dataset(inputs, target, init_score=offset, feature_name=list(names))
        return Trees(train(parameters, data, _ROUNDS), shared.unit, shared.least, names)
    sold = target > 0
    small = np.minimum(_TINY, np.exp(offset[sold]))
    logs = np.log(np.maximum(target[sold], small)) - offset[sold]
    booster = train(parameters | _OF_LOGS, Dataset(inputs[sold], logs, feature_name=list(names)), _ROUNDS)
    some = slice(None, None, len(target) // _LEVELLED + 1)
    expected = np.exp(booster.predict(inputs[some], num_threads=1) + offset[some])
    return Trees(booster, shared.unit, shared.least, names, float(target[some].sum() / expected.sum()))


def predict(trees: Trees, panel: Panel, effect: Floats) -> Floats:
    """Expected units, (n, h) >= 0, of a panel with the same drivers and codes as the one that trees were fitted on."""
    panel, effect = _recent(panel, effect)
    shared = _Shared(panel, effect, trees.unit, trees.least)
    found = []
    for chunk in _chunks(panel):
        known = _Known(panel.rows(chunk), shared)
        rows = np.arange(known.n)
        out = np.empty((known.n, panel.horizon))
        for step in range(1, panel.horizon + 1):
            inputs, offset, _ = known.inputs(panel.known, rows, np.full(known.n, step))
            out[:, step - 1] = np.exp(trees.booster.predict(inputs, raw_score=True, num_threads=1) + offset)
        out[~known.is_alive(panel.known)] = 0
        found.append(out * (trees.unit * trees.factor))
    return np.concatenate(found)


def _recent(panel: Panel, effect: Floats) -> tuple[Panel, Floats]:
    """The panel without what lies more than three years back: no input reaches there."""
    first = max(panel.known - _YEARS * panel.year, 0)
    return panel.since(first), effect[:, first:]


def _chunks(panel: Panel) -> Iterator[slice]:
    for first in range(0, len(panel.units), _CHUNK):
        yield slice(first, first + _CHUNK)


def _origins(panel: Panel) -> range:
    """Numbers of known periods after which examples are drawn, the newest first."""
    back = _BACK_CYCLES * panel.cycle if panel.cycle > 1 else _YEARS * panel.year
    first = max(panel.known - back, 4 * panel.cycle, min(panel.year, panel.known) // 4)
    return range(panel.known - 1, first, -panel.cycle)


def _examples(
    known: "_Known", origin: int, each: int, kept: float, rng: np.random.Generator
) -> tuple[Singles, Floats, Floats, tuple[str, ...]]:
    """Inputs, target and offset of series that sell, at `each` horizons spread over those that have an actual."""
    horizon = min(known.horizon, known.known - origin)
    alive = np.flatnonzero(known.is_alive(origin) & (known.first < origin))
    if kept < 1:
        alive = alive[rng.random(len(alive)) < kept]
    rows = np.repeat(alive, each)
    slot = np.tile(np.arange(each), len(alive))
    step = np.minimum(((slot + rng.random(len(rows))) * horizon / each).astype(np.int64), horizon - 1) + 1
    seen = known.seen[rows, origin + step - 1]
    rows, step = rows[seen], step[seen]
    inputs, offset, names = known.inputs(origin, rows, step)
    return inputs, known.units[rows, origin + step - 1].astype(np.float64), offset, names


class _Shared:
    """What all chunks of a panel have in common."""

    def __init__(self, panel: Panel, effect: Floats, unit: float = 0.0, least: float = 0.0) -> None:
        self.unit = unit or float(np.nanmean(panel.units)) or 1.0
        self.has_many_zeros = _share_empty(panel) > _MOST_EMPTY
        self.least = least or (_TINY if self.has_many_zeros else _LEAST_LEVEL)
        self.effect = effect
        total = sum_by(panel.group, panel.filled(), panel.groups) / self.unit
        self.total, self.weight = _running(total), _running(np.exp(effect[:, : panel.known]))
        spreads = {name: _typical_spread(values) for name, values in panel.drivers.items()}
        self.reach = {name: _ALIKE_SPREADS * spread for name, spread in spreads.items() if spread > 0}


class _Known:
    """Running sums over the history of some series, from which inputs at any origin are differences."""

    def __init__(self, panel: Panel, shared: _Shared) -> None:
        self.panel, self.shared = panel, shared
        self.n, self.known, self.horizon = len(panel.units), panel.known, panel.horizon
        self.cycle, self.year, self.group = panel.cycle, panel.year, panel.group
        self.seen = ~np.isnan(panel.units)
        self.units = np.where(self.seen, panel.units / shared.unit, 0).astype(np.float32)
        self.effect = np.exp(shared.effect[panel.group]).astype(np.float32)
        self.calendar = weight = self.effect[:, : self.known] * self.seen
        sold = self.units > 0
        self.sum, self.weight = _running(self.units), _running(weight)
        self.days, self.sales, self.squares = _running(self.seen), _running(sold), _running(self.units**2)
        self.place_sum, self.place_weight = _strided(self.units, self.cycle), _strided(weight, self.cycle)
        self.first = np.where(sold.any(axis=1), sold.argmax(axis=1), self.known)
        self.last = np.maximum.accumulate(np.where(sold, np.arange(self.known), -1).astype(np.int32), axis=1)
        self.smoothed = {rate: self._smooth(weight, rate) for rate in _RATES}
        self.prices = {
            name: (_running(np.nan_to_num(v[:, : self.known])), _running(~np.isnan(v[:, : self.known])))
            for name, v in panel.drivers.items()
        }

    def _smooth(self, weight: Singles, rate: float) -> Singles:
        """Smoothed sales per unit of calendar, after each known period; unknown periods leave it alone."""
        found = np.empty((self.n, self.known), dtype=np.float32)
        units, calendar = np.zeros(self.n, dtype=np.float32), np.zeros(self.n, dtype=np.float32)
        for period in range(self.known):
            step = np.where(self.seen[:, period] & (period >= self.first), np.float32(rate), np.float32(0))
            units += step * (self.units[:, period] - units)
            calendar += step * (weight[:, period] - calendar)
            found[:, period] = units / np.maximum(calendar, 1e-9)
        return found

    def _window(self, running: Floats, origin: int, cycles: int) -> Floats:
        inside: Floats = running[:, origin] - running[:, max(origin - cycles * self.cycle, 0)]
        return inside

    def _mean(self, origin: int, cycles: int) -> Floats:
        """(n,) sales per unit of calendar over the last cycles before an origin."""
        return self._window(self.sum, origin, cycles) / np.maximum(self._window(self.weight, origin, cycles), 1e-9)

    def level(self, origin: int) -> Floats:
        """(n,) sales per unit of calendar, freed of it."""
        smooth = [self.smoothed[rate][:, origin - 1].astype(np.float64) for rate in _BASE_RATES]
        found: Floats = np.mean([*smooth, *(self._mean(origin, cycles) for cycles in _BASE_WINDOWS)], axis=0)
        return found * self.is_alive(origin)

    def is_alive(self, origin: int) -> NDArray[np.bool_]:
        """(n,) whether a series sold within the last half year of cycles, or wasn't known to be on sale in it."""
        gone = self._window(self.sales, origin, _GONE_CYCLES) == 0
        alive: NDArray[np.bool_] = ~(gone & (self._window(self.days, origin, _GONE_CYCLES) > 0))
        return alive

    def inputs(self, origin: int, rows: Ints, step: Ints) -> tuple[Singles, Floats, tuple[str, ...]]:
        """Inputs (m, k), log offset (m,) and names (k) for `rows`, `step` (>= 1) periods after an origin."""
        base, period = self.level(origin)[rows], origin + step - 1
        log_base = np.log(base + _TINY)
        found: dict[str, NDArray[Any]] = {"level": base}
        for cycles in _WINDOWS:
            found[f"mean_{cycles}"] = np.log(self._mean(origin, cycles)[rows] + _TINY) - log_base
        for rate in _RATES:
            found[f"smooth_{rate}"] = np.log(self.smoothed[rate][rows, origin - 1] + _TINY) - log_base
        found |= self._gaps(origin, rows)
        found |= self._same_place(origin, rows, step, log_base)
        found |= self._last_year(origin, rows, period)
        found |= self._of_group(origin, rows)
        found |= self._ahead(origin, rows, period)
        found |= self._alike(origin, rows, period, base)
        found["step"] = step
        offset = np.log(np.maximum(base, self.shared.least) * self.effect[rows, period])
        columns = np.column_stack([np.asarray(values, dtype=np.float32) for values in found.values()])
        return columns, offset.astype(np.float64), tuple(found)

    def _gaps(self, origin: int, rows: Ints) -> dict[str, NDArray[Any]]:
        days = np.maximum(self._window(self.days, origin, 8), 1)
        mean = self._window(self.sum, origin, 8) / days
        spread = self._window(self.squares, origin, 8) / days - mean**2
        few = np.maximum(self._window(self.days, origin, 2), 1)
        return {
            "sold_8": (self._window(self.sales, origin, 8) / days)[rows],
            "sold_2": (self._window(self.sales, origin, 2) / few)[rows],
            "dispersion": (spread / np.maximum(mean, 1e-3))[rows],
            "since_sale": np.minimum(origin - 1 - self.last[rows, origin - 1], self.year // 2),
            "age": np.minimum(origin - self.first[rows], 3 * self.year // 2),
        }

    def _same_place(self, origin: int, rows: Ints, step: Ints, log_base: Floats) -> dict[str, NDArray[Any]]:
        """Means of the same place in the cycle over the last cycles."""
        if self.cycle == 1:
            return {}
        end = origin + (step - 1) % self.cycle
        found: dict[str, NDArray[Any]] = {}
        for cycles in _PLACES:
            begin = np.maximum(end - cycles * self.cycle, 0)
            units = self.place_sum[rows, end] - self.place_sum[rows, begin]
            weight = self.place_weight[rows, end] - self.place_weight[rows, begin]
            found[f"place_{cycles}"] = np.log(units / np.maximum(weight, 1e-9) + _TINY) - log_base
        return found

    def _last_year(self, origin: int, rows: Ints, period: Ints) -> dict[str, NDArray[Any]]:
        """The same time of last year against the level that was known a year ago, of the series and of its group."""
        before = origin - self.year
        if before < 8 * self.cycle:
            nothing = np.full(len(rows), np.nan)
            return {"last_year": nothing, "group_last_year": nothing}
        reach, middle, group = max(self.cycle, 2), period - self.year, self.group[rows]
        low, high = np.maximum(middle - reach, 0), np.minimum(middle + reach + 1, origin)
        own = (self.sum[rows, high] - self.sum[rows, low]) / np.maximum(
            self.weight[rows, high] - self.weight[rows, low], 1e-9
        )
        sums, weights = self.shared.total, self.shared.weight
        whole = (sums[group, high] - sums[group, low]) / np.maximum(weights[group, high] - weights[group, low], 1e-9)
        whole_level = self._window(sums, before, 8) / np.maximum(self._window(weights, before, 8), 1e-9)
        return {
            "last_year": np.log((own + _TINY) / (self._mean(before, 8)[rows] + _TINY)),
            "group_last_year": np.log((whole + _TINY) / (whole_level[group] + _TINY)),
        }

    def _of_group(self, origin: int, rows: Ints) -> dict[str, NDArray[Any]]:
        sums, weights, group = self.shared.total, self.shared.weight, self.group[rows]
        level = {
            k: self._window(sums, origin, k) / np.maximum(self._window(weights, origin, k), 1e-9) for k in (1, 4, 8, 52)
        }
        return {f"group_{k}": np.log((level[k] + _TINY) / (level[8] + _TINY))[group] for k in (1, 4, 52)}

    def _ahead(self, origin: int, rows: Ints, period: Ints) -> dict[str, NDArray[Any]]:
        """What is known of the periods ahead."""
        day = self.panel.day.astype("datetime64[D]")[period]
        found: dict[str, NDArray[Any]] = {
            "calendar": self.shared.effect[self.group[rows], period],
            "day_of_year": (day - day.astype("datetime64[Y]")).astype(np.int64),
        }
        if self.cycle > 1:
            found["place"] = day.astype(np.int64) % self.cycle
            found["day_of_month"] = (day - day.astype("datetime64[M]")).astype(np.int64)
        if self.panel.flags is not None:
            flags = self.panel.flags[:, self.group[rows], period]
            found["flag"] = np.where(flags.any(axis=0), 1 + flags.argmax(axis=0), 0)
        for name, values in self.panel.drivers.items():
            ahead, (total, known) = values[rows, period], self.prices[name]
            found[name] = ahead
            found[f"{name}_last"] = ahead - values[rows, origin - 1]
            for back in _JUST_BEFORE:
                found[f"{name}_before_{back}"] = ahead - values[rows, np.maximum(period - back, 0)]
            for cycles in (8, 52):
                count = self._window(known, origin, cycles)[rows]
                usual = self._window(total, origin, cycles)[rows] / np.maximum(count, 1)
                found[f"{name}_{cycles}"] = np.where(count > 0, ahead - usual, np.nan)
        return found | {name: values[rows] for name, values in self.panel.codes.items()}

    def _alike(self, origin: int, rows: Ints, period: Ints, base: Floats) -> dict[str, NDArray[Any]]:
        """What a series sold over its level when its drivers stood as they will, and of how many periods that is known.

        A kernel mean over the last year, half a year old weighing half; 0 where no period was alike.
        """
        if not self.shared.reach:
            return {}
        first = max(origin - self.year, 0)
        fresh = (4.0 ** (-np.arange(origin - first)[::-1] / self.year)).astype(np.float32)
        level, periods = np.empty(len(rows)), np.empty(len(rows))
        for begin in range(0, len(rows), _ALIKE_ROWS):
            part = slice(begin, begin + _ALIKE_ROWS)
            mine, ahead = rows[part], period[part]
            far = np.zeros((len(mine), origin - first), dtype=np.float32)
            for name, reach in self.shared.reach.items():
                values = self.panel.drivers[name]
                far += np.square((values[mine, first:origin] - values[mine, ahead][:, None]) / reach).astype(np.float32)
            alike = np.nan_to_num(np.exp(-0.5 * far)) * fresh
            periods[part] = (alike * self.calendar[mine, first:origin]).sum(axis=1)
            sold = (alike * self.units[mine, first:origin]).sum(axis=1)
            level[part] = (sold + _ALIKE_PRIOR * base[part]) / (periods[part] + _ALIKE_PRIOR)
        return {"alike": np.log((level + _TINY) / (base + _TINY)), "alike_periods": periods}


def _share_empty(panel: Panel) -> float:
    """The share of known periods since its first sale in which a series sold nothing."""
    sold = panel.units > 0
    since = np.logical_or.accumulate(sold, axis=1) & ~np.isnan(panel.units)
    return 1 - float(sold.sum()) / max(int(since.sum()), 1)


def _typical_spread(values: Floats) -> float:
    """The median over series of the standard deviation of a driver, of those that vary; 0 if none does."""
    known = ~np.isnan(values)
    count = np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, values, 0)
    mean = filled.sum(axis=1) / count
    spread = np.sqrt((np.where(known, filled - mean[:, None], 0) ** 2).sum(axis=1) / count)
    varies = spread > 1e-6
    return float(np.median(spread[varies])) if varies.any() else 0.0


def _running(values: NDArray[Any]) -> Floats:
    """(n, t + 1) sums of the first columns."""
    total = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    return total


def _strided(values: NDArray[Any], cycle: int) -> Floats:
    """(n, t + cycle) sums of the columns a whole number of cycles before, without the column itself."""
    total = np.zeros((len(values), values.shape[1] + cycle))
    for place in range(cycle):
        sums = np.cumsum(values[:, place::cycle], axis=1)
        total[:, cycle + place :: cycle] = sums
    return total
