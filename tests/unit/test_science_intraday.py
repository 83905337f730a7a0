"""A day while it runs: worked numbers, laws, and chances that come true as often as they say."""

from math import exp, log, sqrt
from statistics import NormalDist

import numpy as np
import pytest

from topline.science import intraday

DAYS = np.zeros((2, 24))
DAYS[0, [9, 15]] = 40, 60
DAYS[1, [9, 15]] = 60, 40


def test_a_curve_on_paper():
    curve = intraday.curve(DAYS, np.array([1.0, 1.0]))
    share, spread, rest = curve.at(12)
    assert share == pytest.approx(0.5)
    # the two days lie 20 % below and above the mean of a half, and two days are few: (2 + 1) / (2 - 1)
    assert spread == pytest.approx(log(1 + 3 * 0.2**2) + 0.02**2)
    assert rest == pytest.approx(spread)
    assert curve.at(9.5)[0] == pytest.approx(0.25)
    assert intraday.curve(DAYS, np.array([3.0, 1.0])).at(12)[0] == pytest.approx(0.45)
    assert intraday.curve(np.zeros((3, 24)), np.ones(3)) is None


def test_what_is_due_lies_in_its_interval():
    curve = intraday.curve(DAYS, np.ones(2))
    due = intraday.due(1000, curve, 12)
    assert due.mean == pytest.approx(500)
    sigma = sqrt(curve.at(12)[1])
    assert due.high / due.low == pytest.approx(exp(2 * NormalDist().inv_cdf(0.9) * sigma))
    assert intraday.due(1000, curve, 0).mean == 0
    assert intraday.due(1000, curve, 24).mean == pytest.approx(1000)


def test_the_ends_of_a_day():
    curve = intraday.curve(DAYS, np.ones(2))
    before = intraday.finish(0, 0, curve, usual=1000, spread=0.09, order=30)
    assert before.expected.mean == pytest.approx(1000)
    assert before.chance(1000) == pytest.approx(1 - NormalDist().cdf(sqrt(before.spread) / 2), abs=1e-9)
    over = intraday.finish(873, 24, curve, usual=1000, spread=0.09, order=30)
    assert (over.expected.mean, over.chance(873), over.chance(873.01)) == (873, 1, 0)
    good, bad = (intraday.finish(sold, 12, curve, usual=1000, spread=0.09, order=30) for sold in (700, 300))
    assert good.chance(1000) > 0.8 > 0.2 > bad.chance(1000)
    assert good.chance(700) == 1
    assert good.expected.low >= 700


def test_a_usual_day_and_an_event():
    level, spread = intraday.usual(np.full(20, 500.0), np.array([]))
    assert (level, spread) == (500, 0)
    level, spread = intraday.usual(np.full(20, 500.0), np.array([2.0, 8.0]))
    assert level == pytest.approx(2000)
    assert spread == pytest.approx(log(1 + 1 / 9) / 2)


def test_chances_come_true_as_often_as_they_say():
    """Simulated days of a known level and curve: of those given a chance around p, a share around p made it."""
    rng = np.random.default_rng(7)
    shape = np.exp(-0.5 * ((np.arange(24) - 14) / 4) ** 2)
    shape /= shape.sum()

    def day() -> np.ndarray:
        orders = rng.poisson(200 * rng.lognormal(-0.02, 0.2) * shape)
        return np.array([rng.lognormal(3, 0.6, n).sum() for n in orders])

    days = np.array([day() for _ in range(634)])
    said, made, held = [], [], []
    for k in range(34, len(days)):
        sold, hour = days[k], int(rng.integers(6, 20))
        curve = intraday.curve(days[k - 12 : k], np.ones(12))
        level, spread = intraday.usual(days[k - 34 : k].sum(axis=1), np.array([]))
        found = intraday.finish(sold[:hour].sum(), hour, curve, usual=level, spread=spread, order=24)
        target = level * rng.uniform(0.8, 1.2)
        said.append(found.chance(target))
        made.append(sold.sum() >= target)
        held.append(found.expected.low <= sold.sum() <= found.expected.high)
    said, made = np.array(said), np.array(made)
    for low, high in ((0.05, 0.35), (0.35, 0.65), (0.65, 0.95)):
        there = (said > low) & (said < high)
        assert made[there].mean() == pytest.approx(said[there].mean(), abs=0.12), (low, high)
    assert np.mean(held) == pytest.approx(0.8, abs=0.08)
