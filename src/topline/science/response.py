"""What marketing money brings: carry-over, saturation and return of each channel, learnt from weeks and lift tests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_WEEKS = 26
LAGS = 13
"""Weeks that an effect is followed for."""

MODEL = "Bayesian: geometric carry-over, Hill saturation, season, trend"
YEAR_WEEKS = 52.18

_CARRY = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.72, 0.82])
_HALF = np.exp(np.linspace(np.log(0.3), np.log(5), 7))
_SLOPE = np.array([0.75, 1.0, 1.3, 1.7])
_SHARE = np.exp(np.linspace(np.log(0.02), np.log(0.8), 25))
_SPREAD = (0.3, 0.5, 0.8, 1.2)
_POWER = (0.0, 0.25, 0.5, 0.75, 1.0)
_CHAINS, _BURN, _SWEEPS = 16, 40, 120
_KEPT = 640
_START = 8
_BEND_WEEKS = 26
_BENDS = (0.0, 0.1)
_WAVES = (2, 3)
_MEMORIES = (0.0, 0.3, 0.6, 0.85)


class TooFewWeeksError(ToplineError):
    message = N_("Too few weeks of spend to tell what it brings: %(found)d, where at least %(least)d are needed.")


class NothingSpentError(ToplineError):
    message = N_("No channel has any spend in these weeks. Bring the spend first.")


class SteadySpendError(ToplineError):
    message = N_(
        "The spend of no channel has varied, so what it brings can't be told from what comes anyway. Spend half as "
        "much or twice as much in a channel for some weeks, or enter the result of a test."
    )


class NothingHappenedError(ToplineError):
    message = N_("Nothing was sold in these weeks, so there is nothing that spend could have brought.")


@dataclass(frozen=True, slots=True)
class LiftTest:
    """An experiment on one channel at steady spend: what more came in a week at `high` than at `low`.

    channel : its place among the columns of the spend
    low, high : spend a week, low < high; a channel switched off for one group has low 0
    effect : response a week that the difference brought, in the unit of the response
    error : standard error of `effect`, > 0
    """

    channel: int
    low: float
    high: float
    effect: float
    error: float


@dataclass(frozen=True, slots=True)
class Response:
    """Draws of what each of C channels brings, from the posterior: top x a^slope / (a^slope + half^slope).

    a is the spend a week with its carry-over, of which `carry_rate` is left each week; it keeps the sum of the spend.

    mean : (C,) spend a week of the history
    top : (draws, C) response a week that no spend exceeds
    half : (draws, C) spend a week at which half of it comes
    slope : (draws, C) > 1 is slow at first
    carry_rate : (draws, C) 0-1
    noise : (draws,) standard deviation of what a week's response has of luck of its own
    is_moved : (C,) whether the spend varied enough to learn from, or was tested; else the draws are but a prior
    base : (T,) the response of each week without any of the channels, its mean over the draws
    explained_rate : share of the weeks' variance that the model explains, 0-1
    """

    mean: Floats
    top: Floats
    half: Floats
    slope: Floats
    carry_rate: Floats
    noise: Floats
    is_moved: NDArray[np.bool_]
    base: Floats
    explained_rate: float


def fit(
    spend: Floats,
    response: Floats,
    *,
    rng: np.random.Generator,
    controls: Floats | None = None,
    tests: Sequence[LiftTest] = (),
) -> Response:
    """What each channel brings, as draws from the posterior.

    spend : (T, C) money a week, >= 0
    response : (T,) what came in the week: sales, orders, new customers
    controls : (T, K) what else moved it: price, promotion, events; any scale
    tests : experiments, whose results weigh as data

    The response is a base (trend that may bend, season, controls), the channels and normal noise that may last. What a
    channel brings on average is a truncated normal around a share of the whole that grows with a power of its spend;
    share, power and spread are learnt from all channels together. Carry-over, half and slope lie on a grid, over which
    a Gibbs sampler sums exactly, with the base integrated out: hills apart from each other are all climbed, which a
    mode or a normal around it would miss. 16 chains of 120 steps.

    Raises TooFewWeeksError below 26 weeks, NothingSpentError, NothingHappenedError.
    Source: Jin, Wang, Sun, Chan & Koehler, Bayesian Methods for Media Mix Modeling with Carryover and Shape Effects
    (2017), for the curves; Ritter & Tanner, JASA 87 (1992), for the sampler.
    """
    weeks = len(spend)
    mean = spend.mean(axis=0)
    if weeks < LEAST_WEEKS:
        raise TooFewWeeksError(found=weeks, least=LEAST_WEEKS)
    if not (mean > 0).any():
        raise NothingSpentError()
    scale = float(np.abs(response).mean())
    if scale <= 0:
        raise NothingHappenedError()
    mean = np.where(mean > 0, mean, 1.0)
    grid = _Grid(spend / mean)
    target = response / scale
    base, guess, memory = _base(spend / mean, target, controls)
    whiten = _whitener(base, guess, memory)
    sampler = _Sampler(
        columns=[whiten(column) for column in grid.columns],
        target=whiten(target),
        prior=grid.prior,
        spend=mean,
        tests=_tests(grid, tests, mean, scale),
        guess=guess,
        rng=rng,
    )
    size, cell, noise = sampler.run()
    chosen = np.linspace(0, len(size) - 1, min(_KEPT, len(size))).astype(int)
    size, cell, noise = size[chosen], cell[chosen], noise[chosen]
    top = size / np.stack([grid.norms[c][cell[:, c]] for c in range(len(mean))], axis=1)
    brought = sum(size[:, [c]] * grid.columns[c].T[cell[:, c]] for c in range(len(mean)))
    rest = target - np.mean(brought, axis=0)
    smooth = _smooth(base, guess, memory, rest)
    variance = float(np.var(target))
    return Response(
        mean=mean,
        top=top * scale,
        half=grid.half[cell] * mean,
        slope=grid.slope[cell],
        carry_rate=grid.carry[cell],
        noise=noise * scale,
        is_moved=_moved(spend, mean, tests),
        base=smooth * scale,
        explained_rate=max(0.0, 1 - float(np.var(rest - smooth)) / variance) if variance else 0.0,
    )


def carried(spend: Floats, carry_rate: Floats, before: Floats) -> Floats:
    """Spend with its carry-over, (..., T): each week's is spread over the 13 weeks from it on, keeping the sum.

    spend : (..., T) a week; carry_rate : (...) 0-1; before : (..., b) the weeks before, the last one last
    """
    lags = np.arange(LAGS)
    weights = carry_rate[..., None] ** lags
    weights = weights / weights.sum(axis=-1, keepdims=True)
    past = before[..., -(LAGS - 1) :]
    gap = np.zeros((*past.shape[:-1], LAGS - 1 - past.shape[-1]))
    whole = np.concatenate([gap, past, spend], axis=-1)
    windows = np.lib.stride_tricks.sliding_window_view(whole, LAGS, axis=-1)[..., ::-1]
    found: Floats = np.einsum("...tl,...l->...t", windows, weights)
    return found


def steady(response: Response, spend: Floats) -> Floats:
    """Response a week of each channel at steady spend, (draws, C, n) for spend (C, n) a week."""
    return _hill(spend, response.top[..., None], response.half[..., None], response.slope[..., None])


def path(response: Response, spend: Floats, before: Floats) -> Floats:
    """Response of each channel by week, (draws, C, W) for spend (C, W), after `before` (C, b)."""
    draws = len(response.top)
    shape = (draws, *spend.shape)
    past = np.broadcast_to(before, (draws, *before.shape))
    effective = carried(np.broadcast_to(spend, shape), response.carry_rate, past)
    return _hill(effective, response.top[..., None], response.half[..., None], response.slope[..., None])


def first_weeks(spend: Floats) -> Floats:
    """(C, 12) the spend that is assumed before a history (T, C): that of its first eight weeks."""
    return np.repeat(spend[:_START].mean(axis=0)[:, None], LAGS - 1, axis=1)


def thinned(response: Response, draws: int) -> Response:
    """The same with fewer draws, for answers that must come at once."""
    part = np.linspace(0, len(response.top) - 1, min(draws, len(response.top))).astype(int)
    return Response(
        response.mean,
        response.top[part],
        response.half[part],
        response.slope[part],
        response.carry_rate[part],
        response.noise[part],
        response.is_moved,
        response.base,
        response.explained_rate,
    )


def saturated_rate(response: Response, spend: Floats) -> Floats:
    """How much of its top each channel reaches at steady spend (C,), (draws, C) in 0-1."""
    share: Floats = steady(response, spend[:, None])[..., 0] / response.top
    return share


def _hill(spend: Floats, top: Floats, half: Floats, slope: Floats) -> Floats:
    power = (np.maximum(spend, 0) / half) ** slope
    found: Floats = top * power / (power + 1)
    return found


def _moved(spend: Floats, mean: Floats, tests: Sequence[LiftTest]) -> NDArray[np.bool_]:
    varied = spend.std(axis=0) > _LEAST_VARIATION * mean
    varied[[test.channel for test in tests]] = True
    return np.asarray(varied & (spend.sum(axis=0) > 0))


_LEAST_VARIATION = 0.03


class _Grid:
    """The shapes that a channel may have, and each channel's weeks under each of them, of mean one."""

    def __init__(self, spend: Floats) -> None:
        carry, half, slope = np.meshgrid(_CARRY, _HALF, _SLOPE, indexing="ij")
        self.carry, self.half, self.slope = carry.ravel(), half.ravel(), slope.ravel()
        self.prior = -0.5 * (np.log(self.half / 1.2) / 0.5) ** 2 - 0.5 * ((self.slope - 1.1) / 0.3) ** 2
        self.columns, self.norms = [], []
        before = first_weeks(spend)
        each = len(_HALF) * len(_SLOPE)
        for c in range(spend.shape[1]):
            wide = np.broadcast_to(spend[:, c], (len(_CARRY), len(spend)))
            effective = carried(wide, _CARRY, np.broadcast_to(before[c], (len(_CARRY), LAGS - 1)))
            column = self.saturated(np.repeat(effective, each, axis=0).T)
            norm = np.maximum(column.mean(axis=0), 1e-12)
            self.columns.append(column / norm)
            self.norms.append(norm)

    def saturated(self, spend: Floats | float) -> Floats:
        return _hill(np.asarray(spend), np.ones_like(self.half), self.half, self.slope)


def _base(spend: Floats, target: Floats, controls: Floats | None) -> tuple[Floats, float, float]:
    """(T, K) the columns of the base, each times its prior's standard deviation; first guess and memory of the noise.

    How far the trend bends, how many waves the season has and how much of a week's luck is left in the next is what is
    likeliest beside channels without curves.
    """
    lagged = np.column_stack([carried(one, np.array(0.3), np.repeat(one[:_START].mean(), LAGS - 1)) for one in spend.T])
    found = []
    for bend in _BENDS:
        for waves in _WAVES:
            base = _columns(len(target), controls, bend, waves)
            whole = np.column_stack([base, lagged])
            for memory in _MEMORIES:
                evidence, noise = _evidence(_news(whole, memory), _news(target, memory))
                found.append((evidence + 0.5 * np.log1p(-(memory**2)), base, noise, memory))
    _, base, noise, memory = max(found, key=lambda one: one[0])
    return base, noise, memory


def _news(values: Floats, memory: float) -> Floats:
    """What each week (the first axis) has beyond the memory of the week before: of lasting noise, its shocks."""
    news = values.copy()
    news[1:] -= memory * values[:-1]
    news[0] *= np.sqrt(1 - memory**2)
    return news


def _columns(weeks: int, controls: Floats | None, bend: float, waves: int) -> Floats:
    week = np.arange(weeks)
    angle = 2 * np.pi * week / YEAR_WEEKS
    columns: list[tuple[Floats, float]] = [(np.ones(weeks), 10.0), ((week - weeks / 2) / weeks, 2.0)]
    for k in range(1, waves + 1):
        columns += [(wave(k * angle), 0.5 / k**1.5) for wave in (np.sin, np.cos)]
    bends = np.arange(_BEND_WEEKS, weeks - _BEND_WEEKS / 2, _BEND_WEEKS) if bend else ()
    columns += [(np.maximum(week - place, 0) / weeks, bend) for place in bends]
    for column in [] if controls is None else controls.T:
        spread = float(column.std())
        if spread > 0:
            columns.append(((column - column.mean()) / spread, 0.3))
    return np.column_stack([column * deviation for column, deviation in columns])


def _evidence(columns: Floats, target: Floats) -> tuple[float, float]:
    """The log evidence of ridge columns of unit prior, at the likeliest noise, and that noise."""
    values, vectors = np.linalg.eigh(columns @ columns.T)
    spectrum, powers = np.maximum(values, 0), (vectors.T @ target) ** 2
    noises = 0.005 * 1.25 ** np.arange(24)
    total = spectrum + noises[:, None] ** 2
    logs = -0.5 * (np.log(total) + powers / total).sum(axis=1)
    best = int(np.argmax(logs))
    return float(logs[best]), float(noises[best])


def _whitener(base: Floats, noise: float, memory: float) -> Callable[[Floats], Floats]:
    """The change of variables under which the base is integrated out and the noise is independent."""
    from scipy.linalg import solve_triangular

    scaled = _news(base, memory) / noise
    lower = np.linalg.cholesky(np.eye(len(base)) + scaled @ scaled.T)
    return lambda columns: np.asarray(solve_triangular(lower, _news(columns, memory), lower=True))


def _smooth(base: Floats, noise: float, memory: float, rest: Floats) -> Floats:
    """(T,) what the base explains of the rest, ridge by its prior."""
    part = _news(base, memory)
    solved = np.linalg.solve(part.T @ part + noise**2 * np.eye(part.shape[1]), part.T @ _news(rest, memory))
    found: Floats = base @ solved
    return found


def _tests(
    grid: _Grid, tests: Sequence[LiftTest], mean: Floats, scale: float
) -> tuple[list[Floats | float], list[Floats | float]]:
    """For each channel, what its tests add to the precision and to the linear term of its size, by shape."""
    precision: list[Floats | float] = [0.0] * len(mean)
    linear: list[Floats | float] = [0.0] * len(mean)
    for test in tests:
        c, error = test.channel, test.error / scale
        high, low = (grid.saturated(amount / mean[c]) for amount in (test.high, test.low))
        step = (high - low) / grid.norms[c]
        precision[c] = precision[c] + step**2 / error**2
        linear[c] = linear[c] + step * test.effect / scale / error**2
    return precision, linear


class _Sampler:
    """Gibbs over the channels' shapes and sizes, the noise, and what the channels have in common."""

    def __init__(
        self,
        *,
        columns: list[Floats],
        target: Floats,
        prior: Floats,
        spend: Floats,
        tests: tuple[list[Floats | float], list[Floats | float]],
        guess: float,
        rng: np.random.Generator,
    ) -> None:
        self.columns, self.target, self.prior, self.rng = columns, target, prior, rng
        self.rows = [np.ascontiguousarray(column.T) for column in columns]
        self.squares = [(column**2).sum(axis=0) for column in columns]
        self.precision, self.linear = tests
        self.noise = np.full(_CHAINS, guess**2)
        channels = len(columns)
        share, spread, power = (each.ravel() for each in np.meshgrid(_SHARE, _SPREAD, _POWER, indexing="ij"))
        weight = np.stack([spend**p / np.mean(spend**p) for p in _POWER])[np.searchsorted(_POWER, power)]
        self.centre = (share / channels)[:, None] * weight
        self.width = spread[:, None] * self.centre
        from scipy.special import log_ndtr

        self.share_prior = -0.5 * (np.log(share / 0.25) / 0.7) ** 2 - np.log(self.width).sum(axis=1)
        self.share_prior -= log_ndtr(1 / spread) * channels

    def run(self) -> tuple[Floats, Ints, Floats]:
        """Sizes (draws, C), cells of the grid (draws, C) and noise (draws,)."""
        channels = len(self.columns)
        cell = self.rng.integers(0, len(self.prior), (_CHAINS, channels))
        size = 0.3 / channels * self.rng.uniform(0.5, 1.5, (_CHAINS, channels))
        common = np.full(_CHAINS, len(self.centre) // 2)
        rest = self.target - sum(size[:, [c]] * self.rows[c][cell[:, c]] for c in range(channels))
        kept = []
        for step in range(_SWEEPS):
            for c in range(channels):
                rest += size[:, [c]] * self.rows[c][cell[:, c]]
                cell[:, c], size[:, c] = self._channel(c, rest, self.centre[common, c], self.width[common, c])
                rest -= size[:, [c]] * self.rows[c][cell[:, c]]
            self.noise = (rest**2).sum(axis=1) / 2 / self.rng.gamma(len(self.target) / 2, size=_CHAINS)
            common = self._common(size)
            if step >= _BURN:
                kept.append((size.copy(), cell.copy(), np.sqrt(self.noise)))
        sizes, cells, noises = zip(*kept, strict=True)
        return np.concatenate(sizes), np.concatenate(cells), np.concatenate(noises)

    def _channel(self, c: int, rest: Floats, centre: Floats, width: Floats) -> tuple[Ints, Floats]:
        """A shape for each chain, its size summed out, and then the size given the shape."""
        from scipy.special import log_ndtr, ndtr, ndtri

        prior = 1 / width[:, None] ** 2
        precision = self.squares[c] / self.noise[:, None] + self.precision[c] + prior
        linear = rest @ self.columns[c] / self.noise[:, None] + self.linear[c] + centre[:, None] * prior
        root = np.sqrt(precision)
        steps = linear / root
        chosen = self._drawn(self.prior + 0.5 * steps**2 - np.log(root) + log_ndtr(steps))
        rows = np.arange(len(rest))
        deviation = 1 / root[rows, chosen]
        middle = steps[rows, chosen] * deviation
        below = ndtr(-middle / deviation)
        chance = np.clip(below + (1 - below) * self.rng.random(len(rest)), 1e-12, 1 - 1e-12)
        return chosen, np.maximum(middle + deviation * ndtri(chance), 1e-6)

    def _common(self, size: Floats) -> Ints:
        """How large channels are, how far apart and how it depends on their spend, given the sizes."""
        flat = 1 / self.width**2
        loss = size**2 @ flat.T - 2 * size @ (self.centre * flat).T + (self.centre**2 * flat).sum(axis=1)
        return self._drawn(self.share_prior - 0.5 * loss)

    def _drawn(self, logs: Floats) -> Ints:
        """One column for each row, with the chance of its logarithm."""
        sums = np.exp(logs - logs.max(axis=1, keepdims=True)).cumsum(axis=1)
        return np.asarray((sums < self.rng.random((len(sums), 1)) * sums[:, [-1]]).sum(axis=1))
