"""Unusual days: worked numbers, and how often the rule errs over three simulated years in which nothing went wrong."""

import numpy as np
import pytest

from topline.science import unusual
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World

RNG = np.random.default_rng(5)


def test_a_week_of_ups_and_downs_is_expected():
    week = np.array([100, 80, 80, 90, 120, 200, 40.0])
    noisy = np.tile(week, 30) * np.exp(0.1 * RNG.standard_normal(210))
    found = unusual.surprise(noisy)
    assert found.expected == pytest.approx(40, rel=0.15)  # the last day is the seventh of the week
    assert not found.is_unusual
    assert found.low < noisy[-1] < found.high


def test_the_bounds_lie_as_far_as_the_rule_says():
    """Noise of 10 % by construction: the bounds are e to the plus and minus 4.5 x 0.1 of what is expected."""
    values = 100 * np.exp(0.1 * np.random.default_rng(9).standard_normal(700))
    found = unusual.surprise(values)
    assert found.high / found.expected == pytest.approx(np.exp(0.45), rel=0.1)
    assert found.low / found.expected == pytest.approx(np.exp(-0.45), rel=0.1)


@pytest.mark.parametrize(
    ("factor", "is_unusual"), [(0.0, True), (0.5, True), (0.85, False), (1.15, False), (2.0, True)]
)
def test_what_is_unusual_at_ten_per_cent_of_noise(factor, is_unusual):
    values = 100 * np.exp(0.1 * np.random.default_rng(3).standard_normal(400))
    values[-1] = 100 * factor
    assert unusual.surprise(values).is_unusual == is_unusual


def test_a_yearly_rise_is_no_surprise():
    """Every year the same step up on day 300: without the year before it would be far out."""
    day = np.arange(364 * 2 + 301)
    values = 100 * np.exp(0.05 * np.random.default_rng(1).standard_normal(len(day)))
    values[day % 364 >= 298] *= 1.6
    assert not unusual.surprise(values).is_unusual
    assert unusual.surprise(values[364 * 2 :]).is_unusual


def test_a_short_or_empty_history_is_not_judged():
    assert unusual.surprise(np.full(unusual.LEAST_DAYS, 9.0)) is None
    assert unusual.surprise(np.zeros(400)) is None


def orders_by_day(seed: int) -> np.ndarray:
    world = World(HARBOUR_AND_PINE, seed)
    day = world.orders.second // 86_400 - world.epoch
    return np.bincount(day, minlength=world.days)[: world.days].astype(float)


def test_false_alarms_and_finds_over_three_simulated_years():
    """What docs/how-to/alerts.md states: at most one false alarm a shop and year; a day without orders always found."""
    alarms = years = found = tried = halves = 0
    for seed in (1, 2):
        orders = orders_by_day(seed)
        was = False
        for end in range(unusual.LEAST_DAYS + 29, len(orders), 1):
            now = unusual.surprise(orders[:end])
            alarms += now.is_unusual and not was
            was = now.is_unusual
            if end % 30 == 0:
                outage, half = orders[:end].copy(), orders[:end].copy()
                outage[-1], half[-1] = 0, half[-1] // 2
                found += unusual.surprise(outage).is_unusual
                halves += unusual.surprise(half).is_unusual
                tried += 1
        years += (len(orders) - unusual.LEAST_DAYS) / 365
    assert alarms / years <= 1
    assert found == tried
    assert 0.05 < halves / tried < 0.6
