"""Seven attribution models: worked by hand, against published figures, by brute force."""

import csv
import gzip
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from topline.science import attribution
from topline.science.attribution import Paths


def made(touches: Sequence[Sequence[int]], orders: Sequence[float], nulls: Sequence[float], channels: int) -> Paths:
    """Paths with a day between touches, the last on the day of the order, each order worth 10."""
    start = np.cumsum([0, *map(len, touches)])
    ages = [len(path) - 1.0 - i for path in touches for i in range(len(path))]
    outcome = np.array([orders, np.multiply(orders, 10)]).T
    flat = np.array([channel for path in touches for channel in path], dtype=np.int64)
    return Paths(flat, start, np.array(ages), outcome, np.array(nulls, dtype=float), channels)


WORKED = made([[0, 1, 2], [0], [1, 2]], [1, 0, 0], [0, 1, 1], 3)


def test_markov_worked_by_hand() -> None:
    assert attribution.markov(WORKED)[:, 0] == pytest.approx([0.2, 0.4, 0.4])
    assert attribution.markov(WORKED)[:, 1] == pytest.approx([2, 4, 4])


def test_every_other_model_worked_by_hand() -> None:
    # a > b > a > c, two orders of 10: a stands at 0 and 2, three days and one day before the end
    paths = made([[0, 1, 0, 2], [], [1]], [2, 1, 0], [0, 3, 5], 3)
    found = {name: credit[:, 0] for name, credit in attribution.attribute(paths).items()}
    assert found["first"] == pytest.approx([2, 0, 0, 1])
    assert found["last"] == pytest.approx([0, 0, 2, 1])
    assert found["linear"] == pytest.approx([1, 0.5, 0.5, 1])
    assert found["position"] == pytest.approx([2 * 0.5, 2 * 0.1, 2 * 0.4, 1])
    decay = np.exp2(-np.array([3, 2, 1, 0]) / 7)
    assert found["time_decay"] == pytest.approx(
        [*(2 * np.array([decay[0] + decay[2], decay[1], decay[3]]) / decay.sum()), 1]
    )
    assert found["shapley"] == pytest.approx([2 / 3, 2 / 3, 2 / 3, 1])
    # b is on its own too, and that path comes to nothing: b loses f u = 1 x (2/9), a and c less, see test of simulation
    assert found["markov"].sum() == pytest.approx(3)


def test_two_touches_share_by_halves_and_one_takes_all() -> None:
    assert attribution.position(made([[0, 1], [1]], [1, 4], [0, 0], 2))[:, 0] == pytest.approx([0.5, 4.5])


def test_the_lookback_window_leaves_old_touches_out() -> None:
    paths = made([[0, 1, 2], [1, 1]], [1, 1], [0, 0], 3)
    found = attribution.attribute(paths.within(1))["first"][:, 0]
    assert found == pytest.approx([0, 2, 0, 0])
    assert attribution.attribute(paths.within(-1))["markov"][:, 0] == pytest.approx([0, 0, 0, 2])


def test_published_figures_of_the_sample(shared_data: Path) -> None:
    with gzip.open(shared_data / "channelattribution_paths" / "PathData.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    paths = [row["path"].split(" > ") for row in rows]
    names = sorted({name for path in paths for name in path})
    assert (len(rows), len(names)) == (10_000, 12)
    numbers = [[names.index(name) for name in path] for path in paths]
    orders = [float(row["total_conversions"]) for row in rows]
    found = attribution.attribute(made(numbers, orders, [float(row["total_null"]) for row in rows], len(names)))
    published = {
        "alpha": {"first": 6308, "last": 8447, "linear": 7574.72},
        "iota": {"first": 4606, "last": 3355, "linear": 3857.10},
        "eta": {"first": 3164, "last": 4167, "linear": 3539.95},
    }
    for name, by_model in published.items():
        for model, credit in by_model.items():
            assert found[model][names.index(name), 0] == pytest.approx(credit, abs=0.01)
    for credit in found.values():
        assert credit[:, 0].sum() == pytest.approx(19_785)


def test_shapley_is_the_mean_over_all_orders_of_adding_channels() -> None:
    rng = np.random.default_rng(3)
    touches = [rng.integers(0, 4, rng.integers(1, 6)).tolist() for _ in range(60)]
    orders = rng.integers(0, 3, 60).astype(float)

    def worth(channels: set[int]) -> float:
        return float(sum(n for path, n in zip(touches, orders, strict=True) if set(path) <= channels))

    gains = np.zeros(4)
    for order in itertools.permutations(range(4)):
        for i, channel in enumerate(order):
            gains[channel] += worth(set(order[: i + 1])) - worth(set(order[:i]))
    found = attribution.shapley(made(touches, orders.tolist(), [0.0] * 60, 4))
    assert found[:, 0] == pytest.approx(gains / 24)


def _walked(paths: Paths, without: int | None, rng: np.random.Generator, walks: int) -> float:
    """The share of walkers that order, each going from touch to touch as the paths did; one at `without` is lost."""
    weight = (paths.outcome[:, 0] + paths.nulls).astype(int)
    end = paths.channels
    steps: list[list[int]] = [[] for _ in range(end)]
    begin: list[int] = []
    for i, times in enumerate(weight):
        path = paths.touch[paths.start[i] : paths.start[i + 1]].tolist()
        begin += [path[0]] * times
        for here, there in itertools.pairwise(path):
            steps[here] += [there] * times
        steps[path[-1]] += [end] * int(paths.outcome[i, 0]) + [end + 1] * int(paths.nulls[i])
    ordered = 0
    for _ in range(walks):
        at = begin[rng.integers(len(begin))]
        while at < end and at != without:
            at = steps[at][rng.integers(len(steps[at]))]
        ordered += at == end
    return ordered / walks


def test_markov_is_what_walkers_lose_without_the_channel() -> None:
    rng = np.random.default_rng(5)
    touches = [rng.integers(0, 3, rng.integers(1, 5)).tolist() for _ in range(40)]
    orders, nulls = rng.integers(0, 2, 40).astype(float), rng.integers(0, 3, 40).astype(float)
    paths = made(touches, orders.tolist(), nulls.tolist(), 3)
    whole = _walked(paths, None, rng, 20_000)
    effect = np.array([1 - _walked(paths, channel, rng, 20_000) / whole for channel in range(3)])
    found = attribution.markov(paths)[:, 0] / orders.sum()
    assert found == pytest.approx(effect / effect.sum(), abs=0.02)


def test_staying_in_a_channel_changes_no_removal() -> None:
    again = made([[0, 0, 1, 1, 2], [0, 0], [1, 2, 2]], [1, 0, 0], [0, 1, 1], 3)
    assert attribution.markov(again) == pytest.approx(attribution.markov(WORKED))


def test_no_orders_and_no_paths() -> None:
    for paths in (made([], [], [], 2), made([[0], [1, 0]], [0, 0], [1, 1], 2)):
        for credit in attribution.attribute(paths).values():
            assert credit.shape == (3, 2)
            assert not credit.any()
