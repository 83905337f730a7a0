"""Which channels brought the orders: seven models that share out what each path led to, and never more than that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]
Flags = NDArray[np.bool_]

HALF_LIFE_DAYS = 7.0
_ENDS = 0.4


@dataclass(frozen=True, slots=True)
class Paths:
    """The touches before each order, and before each chance that came to nothing.

    touch : (n,) number of each touch's channel, 0 to channels - 1, path after path, in order of time
    start : (m + 1,) where each path begins in `touch`; the last entry is n; a path may be without a touch
    age_days : (n,) how long before the path's end each touch was, >= 0
    outcome : (m, c) what each path led to, >= 0: orders in the first column, then amounts
    nulls : (m,) how often the path was walked without an order, >= 0
    channels : k, how many there are
    """

    touch: Ints
    start: Ints
    age_days: Floats
    outcome: Floats
    nulls: Floats
    channels: int

    @property
    def length(self) -> Ints:
        """(m,) touches of each path."""
        return np.diff(self.start)

    def within(self, days: float) -> "Paths":
        """The paths with only the touches of the last `days` days before their end."""
        kept = self.age_days <= days
        before = np.concatenate([[0], np.cumsum(kept)])
        return Paths(self.touch[kept], before[self.start], self.age_days[kept], self.outcome, self.nulls, self.channels)


def first(paths: Paths) -> Floats:
    """(k, c) all credit to the first touch."""
    touched = paths.length > 0
    return _sums(paths.touch[paths.start[:-1][touched]], paths.outcome[touched], paths.channels)


def last(paths: Paths) -> Floats:
    """(k, c) all credit to the last touch."""
    touched = paths.length > 0
    return _sums(paths.touch[paths.start[1:][touched] - 1], paths.outcome[touched], paths.channels)


def linear(paths: Paths) -> Floats:
    """(k, c) the same credit to every touch."""
    length = np.maximum(paths.length, 1)
    return _spread(paths, np.repeat(1 / length, paths.length))


def position(paths: Paths) -> Floats:
    """(k, c) 40 % to the first touch, 40 % to the last, the rest to those between; halves where there are two."""
    length = paths.length
    inner = np.where(length > 2, (1 - 2 * _ENDS) / np.maximum(length - 2, 1), 0)
    weight = np.repeat(inner, length)
    touched = length > 0
    ends = np.where(length > 2, _ENDS, 0.5)[touched]
    weight[paths.start[:-1][touched]] = ends
    weight[paths.start[1:][touched] - 1] = ends
    weight[paths.start[:-1][length == 1]] = 1
    return _spread(paths, weight)


def time_decay(paths: Paths) -> Floats:
    """(k, c) credit halves with every 7 days before the path's end."""
    touched = paths.length > 0
    if not touched.any():
        return linear(paths)
    begin, length = paths.start[:-1][touched], paths.length[touched]
    youngest = paths.age_days[paths.start[1:][touched] - 1]
    weight = np.exp2((np.repeat(youngest, length) - paths.age_days) / HALF_LIFE_DAYS)
    return _spread(paths, weight / np.repeat(np.add.reduceat(weight, begin), length))


def markov(paths: Paths) -> Floats:
    """(k, c) by what would be lost without the channel, in a chain whose next step depends on the current channel only.

    The removal effect of channel i is f_i u_i: the chance that a path ever comes to it, times what paths at it lead to.
    With the fundamental matrix N = (I - Q)^-1, start s and ends r it is (sN)_i (Nr)_i / N_ii: one exact solve.
    Source: Anderl et al., Mapping the customer journey, Int. J. of Research in Marketing 33 (2016).
    """
    k, length = paths.channels, paths.length
    walks = paths.outcome[:, 0] + paths.nulls
    touched = (length > 0) & (walks > 0)
    begin, end = paths.touch[paths.start[:-1][touched]], paths.touch[paths.start[1:][touched] - 1]
    weight = np.repeat(walks, length)
    has_next = np.ones(len(paths.touch), dtype=bool)
    has_next[paths.start[1:][length > 0] - 1] = False
    here = np.flatnonzero(has_next)
    pair = paths.touch[here].astype(np.int64) * k + paths.touch[here + 1]
    steps = np.bincount(pair, weight[here], k * k).reshape(k, k)
    leaves = np.maximum(steps.sum(axis=1) + np.bincount(end, walks[touched], k), np.finfo(float).tiny)
    fundamental = np.linalg.inv(np.eye(k) - steps / leaves[:, None])
    visits = np.bincount(begin, walks[touched], k) @ fundamental
    effect = visits[:, None] * (fundamental @ (_sums(end, paths.outcome[touched], k) / leaves[:, None]))
    effect = np.maximum(effect / np.diag(fundamental)[:, None], 0)
    sums = effect.sum(axis=0)
    share = np.divide(effect, sums, out=np.zeros_like(effect), where=sums > 0)
    return np.asarray(share * paths.outcome[length > 0].sum(axis=0))


def shapley(paths: Paths) -> Floats:
    """(k, c) a channel's mean gain over all orders in which channels could be added.

    A set of channels is worth what the paths led to that touch no other channel. The value is then exactly the credit
    of every path shared equally by its different channels, for any number of channels.
    Source: Zhao, Mahboobi & Bagheri, Shapley Value Methods for Attribution Modeling in Online Advertising (2018).
    """
    is_new = _first_of_channel(paths)
    before = np.concatenate([[0], np.cumsum(is_new)])
    different = np.maximum(np.diff(before[paths.start]), 1)
    return _spread(paths, np.where(is_new, np.repeat(1 / different, paths.length), 0))


def _first_of_channel(paths: Paths) -> Flags:
    """(n,) whether the path touched this channel for the first time."""
    path = np.repeat(np.arange(len(paths.start) - 1, dtype=np.int32), paths.length)
    order = np.argsort(paths.touch.astype(np.uint16 if paths.channels < 1 << 16 else np.int64), kind="stable")
    sorted_touch, sorted_path = paths.touch[order], path[order]
    is_new = np.ones(len(order), dtype=bool)
    is_new[order[1:]] = (sorted_touch[1:] != sorted_touch[:-1]) | (sorted_path[1:] != sorted_path[:-1])
    return is_new


MODELS: Mapping[str, Callable[[Paths], Floats]] = {
    "first": first,
    "last": last,
    "linear": linear,
    "position": position,
    "time_decay": time_decay,
    "markov": markov,
    "shapley": shapley,
}

LABELS: Mapping[str, str] = {
    "first": N_("First touch"),
    "last": N_("Last touch"),
    "linear": N_("Linear"),
    "position": N_("Position"),
    "time_decay": N_("Time decay"),
    "markov": N_("Markov"),
    "shapley": N_("Shapley"),
}


def attribute(paths: Paths) -> dict[str, Floats]:
    """The credit of each channel under each model, {model: (k + 1, c)}; the last row is what no touch went before.

    Each column sums to that of `paths.outcome` under every model.
    """
    untouched = paths.outcome[paths.length == 0].sum(axis=0)
    return {name: np.vstack([model(paths), untouched]) for name, model in MODELS.items()}


def _spread(paths: Paths, weight: Floats) -> Floats:
    """(k, c) outcomes shared out over the touches by `weight` (n,), which sums to 1 within a path."""
    return np.stack(
        [
            np.bincount(paths.touch, weight * np.repeat(column, paths.length), paths.channels)
            for column in paths.outcome.T
        ],
        axis=1,
    )


def _sums(channel: Ints, outcome: Floats, channels: int) -> Floats:
    """(k, c) sums of outcome (m, c) by channel (m,)."""
    return np.stack([np.bincount(channel, column, channels) for column in outcome.T], axis=1)
