"""The trio, with worked numbers."""

import numpy as np
import pytest

from topline.science import demand


def test_a_steady_week_is_repeated() -> None:
    week = np.array([1.0, 2, 3, 4, 5, 6, 7])
    units = np.tile(week, (2, 10))
    assert demand.seasonal_window(units, 9) == pytest.approx(np.tile(np.r_[week, 1, 2], (2, 1)))
    assert demand.seasonal_smoothing(units, 7) == pytest.approx(np.tile(week, (2, 1)))
    assert demand.trio(units, np.array([0, 0]), 7) == pytest.approx(np.tile(week, (2, 1)), rel=0.1)


def test_the_week_ends_on_the_last_known_day() -> None:
    units = np.tile(np.array([1.0, 2, 3, 4, 5, 6, 7]), (1, 3))[:, :-2]
    assert demand.seasonal_window(units, 2, cycles=2)[0].tolist() == [6.0, 7.0]


def test_tsb_by_hand() -> None:
    # first sale on day 12 of 14, size 4; chance 1/14 before, then .1 (1 - p), .9 p, .9 p
    units = np.zeros((2, 14))
    units[0, 11] = 4
    chance = (1 / 14 + 0.1 * (1 - 1 / 14)) * 0.9 * 0.9
    assert demand.tsb(units).tolist() == pytest.approx([4 * chance, 0.0])


def test_history_before_the_first_sale_does_not_count() -> None:
    late = np.zeros((1, 70))
    late[0, 49:] = 5.0
    assert demand.seasonal_smoothing(late, 7)[0] == pytest.approx(np.full(7, 5.0))


def test_less_than_two_weeks_is_refused() -> None:
    with pytest.raises(demand.ShortHistoryError, match="13, where at least 14"):
        demand.trio(np.ones((1, 13)), np.array([0]), 7)
