"""The forecast of one series, against what it is made of."""

import numpy as np
import pytest

from topline.science import series


def test_the_index_of_a_pure_season_is_that_season():
    shape = np.array([0.5, 1.0, 1.5, 1.0])
    assert series.season_index(np.tile(shape, 5) * 10, 4) == pytest.approx(shape)


def test_a_clear_season_is_seen_and_noise_is_none():
    rng = np.random.default_rng(0)
    wave = 100 + 20 * np.sin(np.arange(60) / 12 * 2 * np.pi)
    assert series.is_seasonal(wave, 12)
    assert sum(series.is_seasonal(100 + rng.normal(0, 5, 60), 12) for _ in range(100)) <= 15
    assert not series.is_seasonal(wave[:30], 12)
    assert not series.is_seasonal(np.full(60, 7.0), 12)


def test_a_pure_season_goes_on_and_a_unit_of_measure_changes_nothing():
    shape = np.array([0.5, 1.0, 1.5, 1.0])
    made = series.forecast(np.tile(shape, 6) * 10, 4, 6)
    assert made == pytest.approx(10 * shape[[0, 1, 2, 3, 0, 1]], rel=0.02)
    assert series.forecast(np.tile(shape, 6) * 1000, 4, 6) == pytest.approx(100 * made, rel=0.02)
