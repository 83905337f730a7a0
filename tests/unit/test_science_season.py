"""Trading days, spread and pace with worked numbers."""

import numpy as np
import pytest

from topline.science import season
from topline.units.errors import AllocationError


def _days(start: str, n: int) -> np.ndarray:
    return np.datetime64(start) + np.arange(n, dtype="timedelta64[D]")


def _weekday(days: np.ndarray) -> np.ndarray:
    return (days.astype(np.int64) + 3) % 7


def _none(days: np.ndarray) -> np.ndarray:
    return np.zeros(len(days), dtype=bool)


def test_weekdays_weigh_their_mean_and_closed_ones_nothing() -> None:
    days = _days("2024-01-01", 364 + 7)  # a Monday
    sales = np.array([100.0, 100, 100, 100, 200, 60, 0])[_weekday(days)][:364]
    assert season.trading(sales, days, _none(days))[364:] == pytest.approx(
        np.array([100, 100, 100, 100, 200, 60, 0]) / 110
    )


def test_coming_holidays_are_closed_where_past_ones_were() -> None:
    days = _days("2024-01-01", 400)
    holiday = np.isin(np.arange(400), [20, 100, 385])
    sales = np.where(holiday, 0.0, 100.0)[:364]
    assert season.trading(sales, days, holiday)[[20, 21, 385, 386]] == pytest.approx([0, 1, 0, 1])
    open_all = np.full(364, 100.0)
    assert season.trading(open_all, days, holiday)[385] == pytest.approx(1)


def test_a_break_returns_on_its_dates() -> None:
    days = _days("2024-01-01", 366 + 60)
    date = np.array([text[5:] for text in np.datetime_as_string(days)])
    sales = np.where((date >= "01-10") & (date <= "01-20"), 0.0, 100.0)[:366]
    weights = season.trading(sales, days, _none(days))
    assert not weights[366 + 9 : 366 + 20].any()
    assert weights[366:].sum() == pytest.approx(60 - 11)


def test_a_shop_that_sells_now_and_then_is_never_closed() -> None:
    days = _days("2024-01-01", 380)
    sales = np.where(np.arange(364) % 3 == 0, 30.0, 0.0)
    assert season.trading(sales, days, _none(days)) == pytest.approx(np.ones(380), abs=0.06)


def test_an_event_is_learnt_from_its_last_time() -> None:
    days = _days("2024-01-01", 380)
    event = np.zeros(380, dtype=np.int64)
    event[[200, 201, 202, 203, 370]] = 1
    sales = np.where(event == 1, 400.0, 100.0)[:364]
    weights = season.trading(sales, days, _none(days), event)
    # four days at 4 times the ordinary, shrunk by two: 1 + 4/6 * 3 = 3 (the weekday means know a little of them)
    assert weights[370] / weights[363] == pytest.approx(3, rel=0.08)


def test_spread_sums_exactly() -> None:
    assert season.spread(100, np.array([1.0, 1, 1])) == [34, 33, 33]
    assert season.spread(7, np.zeros(2)) == [4, 3]
    with pytest.raises(AllocationError):
        season.spread(7, np.array([-1.0, 2]))


def test_pace_follows_the_season() -> None:
    assert season.pace(np.array([1.0, 1, 2, 4]), 2) == 0.25
    assert season.pace(np.zeros(4), 1) == 0.25
