"""Totals by month: by hand, and eight rolling origins of Online Retail II."""

from pathlib import Path

import numpy as np
import pytest

import retail_days
from topline.science import conformal, demand, parts, total


def _horizon(start: str, n: int) -> total.Horizon:
    day = np.datetime64(start, "D") + np.arange(n, dtype="timedelta64[D]")
    month = day.astype("datetime64[M]").astype(np.int64)
    return total.Horizon(day, np.zeros(n, bool), np.zeros(n, np.int64), month - month[0])


def test_a_steady_shop_sells_the_same_each_day() -> None:
    ahead = _horizon("2022-01-01", 365 + 59 + 31 + 30)  # known to 28 February 2023
    sales = np.full(365 + 59, 100.0)
    assert total.point(sales, ahead) == pytest.approx([3100, 3000])
    assert total.point(sales[:120], ahead.cut(120, 31)) == pytest.approx([3100])


def test_last_years_shape_returns_at_this_years_level() -> None:
    ahead = _horizon("2022-01-01", 365 + 181 + 31)  # known to 30 June 2023
    sales = np.full(365 + 181, 100.0)
    sales[181:212] = 300.0  # July 2022
    assert total.point(sales, ahead)[0] == pytest.approx(31 * 300, rel=0.15)


@pytest.mark.parametrize(("now", "expected"), [(120.0, 111.2), (1000.0, 979.7), (100.0, 100.0), (50.0, 58.6)])
def test_doubtful_growth_is_halved_and_clear_growth_taken_on(now: float, expected: float) -> None:
    # 1.2 times: r = log 1.2 = .182, weight 1/2 + 1/2 r^2 / (r^2 + .25) = .559; 1 + .559 * .2 = 1.112
    ahead = _horizon("2022-01-01", 365 + 181 + 31)
    grown = np.concatenate([np.full(365, 100.0), np.full(181, now)])
    assert total.point(grown, ahead)[0] == pytest.approx(31 * expected, rel=0.01)


def test_one_year_is_enough_for_its_season() -> None:
    ahead = _horizon("2022-01-01", 365 + 59)
    sales = np.full(365, 100.0)
    sales[:59] = 50.0
    january, february = total.point(sales, ahead)
    assert january == pytest.approx(31 * 50, rel=0.08)
    assert february == pytest.approx(28 * 50, rel=0.25)
    assert total.model_of(364, ahead) == total.SHORTEST_MODEL


def test_a_month_that_has_begun_counts_with_what_remains() -> None:
    ahead = _horizon("2022-01-01", 365 + 59)
    sales = np.full(365 + 49, 100.0)  # known to 18 February
    assert total.point(sales, ahead) == pytest.approx([1000])


def test_a_short_history_is_wide_and_a_shorter_one_refused() -> None:
    ahead = _horizon("2023-01-01", 212)
    with pytest.raises(demand.ShortHistoryError, match="89, where at least 90"):
        total.point(np.ones(89), ahead.cut(89, 31))
    short = total.errors(total.backtest(np.full(181, 100.0), ahead, 1, 12), 181)
    assert short.scale[0] > 0.2  # a third off before anything is known of the season


def test_three_seasons_bring_exponential_smoothing_and_theta() -> None:
    n = 365 * 3 + 1
    ahead = _horizon("2020-01-01", n + 31)
    shape = 1 + 0.4 * np.sin(2 * np.pi * np.arange(n) / 365.25)
    assert total.model_of(n, ahead) == total.MODEL
    assert total.model_of(400, ahead) == total.SHORT_MODEL
    expected = (1 + 0.4 * np.sin(2 * np.pi * np.arange(n, n + 31) / 365.25)).sum() * 100
    assert total.point(shape * 100, ahead)[0] == pytest.approx(expected, rel=0.05)


@pytest.fixture(scope="module")
def sales(shared_data: Path) -> np.ndarray:
    found = retail_days.net_sales(shared_data)
    assert found.sum() == pytest.approx(18_968_381.89 - 441_337.83, abs=0.02)
    return found


def test_eight_origins_beat_last_year_and_intervals_cover(sales: np.ndarray) -> None:
    ahead = retail_days.horizon()
    ours, naive, inside = [], [], []
    for origin in retail_days.ORIGINS:
        n = retail_days.cut(origin)
        first = int(ahead.period[n])
        until = int(np.searchsorted(ahead.period, first + 3))
        known = ahead.cut(n, until - n)
        actual = total.by_period(sales[n:until], ahead.period[n:until])
        months = total.by_period(sales[:n], ahead.period[:n])
        point = total.point(sales[:n], known)
        learnt = total.errors(total.backtest(sales[:n], known, 3, 12), n)
        low, high = conformal.interval(conformal.paths(point, learnt, 2000, np.random.default_rng(0)), 0.8)
        ours.append(np.abs(point - actual))
        naive.append(np.abs(months[first - 12 : first - 9] - actual))
        inside.append((low <= actual) & (actual <= high))
    assert np.mean(ours) / np.mean(naive) == pytest.approx(0.85, abs=0.03)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.06)


def test_parts_sum_to_the_total_on_every_path(sales: np.ndarray) -> None:
    ahead = retail_days.horizon()
    n = retail_days.cut(retail_days.ORIGINS[-1])
    rng = np.random.default_rng(3)
    weights = rng.dirichlet([50, 5, 1], n).T
    split = sales[:n] * weights
    split = np.vstack([split, np.zeros(n)])
    whole = total.point(sales[:n], ahead)
    expected = parts.point(split, ahead, whole)
    assert expected.sum(axis=0) == pytest.approx(whole)
    assert expected[3] == pytest.approx(0)
    assert expected[:, 0] / whole[0] == pytest.approx([50 / 56, 5 / 56, 1 / 56, 0], abs=0.02)
    test = total.backtest(sales[:n], ahead, 3, 12)
    past = parts.backtest(split, ahead, test)
    variation = parts.dispersion(past.misses, past.share)
    drawn = conformal.paths(whole, total.errors(test, n), 500, rng)
    paths = parts.paths(expected, variation, drawn, rng)
    assert paths.sum(axis=1) == pytest.approx(drawn)
    assert (paths >= 0).all()
    assert variation[0] < variation[1] < variation[2]
