"""New customers of a history that begins in the middle of a shop's life, against those that were drawn."""

import numpy as np
import pytest
from numpy.typing import NDArray

from topline.science import newcomers

DAYS, A_DAY = 1_500, 4


def orders() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Customer and day of orders: four customers a day join, stay 200 days on average and order once in 20."""
    rng = np.random.default_rng(7)
    who, on = [], []
    for k in range(DAYS * A_DAY):
        first = k // A_DAY
        days = first + np.floor(np.cumsum(rng.exponential(20, rng.poisson(rng.exponential(200) / 20))))
        who.append(np.full(len(days) + 1, k))
        on.append(np.r_[first, days])
    return np.concatenate(who), np.concatenate(on)


def known(begins: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """What a history from a day on knows: newcomers a day, gaps of the last 91 days, and how many there are of each."""
    who, on = orders()
    inside = (on >= begins) & (on < DAYS)
    order = np.lexsort((on[inside], who[inside]))
    who, on = who[inside][order], on[inside][order] - begins
    is_first = np.r_[True, who[1:] != who[:-1]]
    gap = np.where(is_first, np.inf, np.r_[0.0, np.diff(on)])
    counted = np.bincount(on[is_first].astype(int), minlength=DAYS - begins).astype(float)
    gaps, times = np.unique(gap[on >= DAYS - begins - 91], return_counts=True)
    return counted, gaps, times.astype(float)


def test_the_first_ones_of_a_cut_history_are_taken_for_what_they_are() -> None:
    counted, gaps, times = known(begins=900)
    assert counted[:28].sum() > 4 * 28 * A_DAY  # hundreds of customers of before
    found = newcomers.believed(counted, newcomers.new_rate(gaps, times, len(counted)))
    for month in range(0, 168, 28):
        assert found[month : month + 28].sum() == pytest.approx(28 * A_DAY, rel=0.35)
    assert found[300:] == pytest.approx(counted[300:], rel=0.05)


def test_a_shop_that_opened_on_its_first_day_keeps_its_newcomers() -> None:
    counted, gaps, times = known(begins=0)
    found = newcomers.believed(counted, newcomers.new_rate(gaps, times, len(counted)))
    assert found.sum() == pytest.approx(counted.sum(), rel=0.02)


def test_the_rate_rises_to_one() -> None:
    gaps, times = np.array([1.0, 30.0, np.inf]), np.array([50.0, 25.0, 25.0])
    rate = newcomers.new_rate(gaps, times, 40)
    assert rate[0] == pytest.approx(25.5 / 100.5)
    assert rate[1] == rate[29] == pytest.approx(25.5 / 50.5)
    assert (rate[30:] == 1).all()


def test_nothing_is_judged_by_a_few_weeks() -> None:
    counted = np.full(60, 5.0)
    assert newcomers.believed(counted, np.full(60, 0.1)) is counted
