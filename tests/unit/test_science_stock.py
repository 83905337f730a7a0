"""Worked examples of stock: each with its arithmetic on paper, distributions against scipy's and against draws."""

import numpy as np
import pytest
from scipy import stats

from topline.science import stock
from topline.science.stock import Demand, ServiceLevelError


def steady(*daily: float, days: int = 100, dispersion: float = 1.0, error: float = 0.0) -> Demand:
    n = len(daily)
    return Demand(np.repeat(np.array(daily)[:, None], days, axis=1), np.full(n, dispersion), np.full(n, error))


def test_a_poisson_lead_time() -> None:
    """3 a day for 7 days: Poisson(21), whose 95 % quantile is 29."""
    mean, variance = stock.total(steady(3.0), np.array([7.0]))
    assert mean.tolist() == variance.tolist() == [21.0]
    assert stock.quantile(mean, variance, np.array([0.95]))[0] == stats.poisson.ppf(0.95, 21) == 29
    assert stock.service(mean, variance, np.array([29.0]))[0] == pytest.approx(stats.poisson.cdf(29, 21), abs=1e-3)


def test_the_total_is_less_than_the_sum_of_daily_quantiles() -> None:
    """P95 of a day at 3 is 6: seven days of it would buy 42 where 29 serve."""
    daily = stock.quantile(np.array([3.0]), np.array([3.0]), np.array([0.95]))[0]
    assert daily == 6


def test_a_level_that_may_be_wrong_does_not_average_out() -> None:
    """100 days of 1 with a level off by a fifth: variance 100 + 20 squared."""
    mean, variance = stock.total(steady(1.0, error=0.2), np.array([100.0]))
    assert (mean[0], variance[0]) == pytest.approx((100.0, 500.0))


def test_a_part_of_a_day_is_a_part_of_its_mean() -> None:
    assert stock.total(steady(4.0), np.array([2.5]))[0][0] == 10.0


def test_the_newsvendor_s_ratio() -> None:
    """A margin of 10 against 20 x 25 % x 73 / 365 = 1 for lying: 10 / 11."""
    level = stock.service_level(np.array([10.0]), np.array([20.0]), 0.25, np.array([73.0]))
    assert level[0] == pytest.approx(10 / 11)
    assert stock.service_level(np.array([0.0]), np.array([20.0]), 0.25, np.array([73.0]))[0] == 0.5


def test_a_shortfall_is_expected_also_where_there_is_enough_on_average() -> None:
    """Demand of 0, 1, 2, ... beyond what is there, each by its chance; on average above the mean's own."""
    mean, variance = np.array([5.0, 40.0, 40.0, 3.0, 0.0]), np.array([9.0, 400.0, 400.0, 3.0, 0.0])
    there = np.array([7.0, 60.5, 0.0, 2.0, 1.0])
    found = stock.shortfall(mean, variance, there)
    demand = np.arange(2_000)
    for k in range(4):
        wide = max(variance[k], mean[k] * 1.001)
        chance = stats.nbinom.pmf(demand, mean[k] ** 2 / (wide - mean[k]), mean[k] / wide)
        assert found[k] == pytest.approx((np.maximum(demand - there[k], 0) * chance).sum(), rel=1e-9)
    assert found[2] == pytest.approx(40)
    assert found[0] > 0 == max(mean[0] - there[0], 0)
    assert found[4] == 0


def test_levels_and_an_order_in_packs() -> None:
    wanted = stock.levels(steady(3.0), np.array([7.0]), 7.0, np.array([0.95]))
    assert wanted.reorder_point[0] == 29
    assert wanted.order_up_to[0] == stats.poisson.ppf(0.95, 42) == 53
    assert wanted.safety[0] == 11
    one, pack = np.array([1.0]), np.array([12.0])
    assert stock.order(np.array([30.0]), wanted, one, one)[0] == 0
    assert stock.order(np.array([29.0]), wanted, one, one)[0] == 24
    assert stock.order(np.array([20.0]), wanted, one, pack)[0] == 36  # 33 in packs of 12
    assert stock.order(np.array([29.0]), wanted, np.array([50.0]), one)[0] == 50


def test_cover_and_excess() -> None:
    demand = steady(2.0, 0.0, days=200)
    assert stock.days_of_cover(np.array([9.0, 5.0]), demand).tolist() == [4, np.inf]
    assert stock.excess(np.array([400.0, 5.0]), demand, 180).tolist() == [40, 4]


def test_open_to_buy_by_hand() -> None:
    """Opening 100. Month 1 sells 80 and leaves 60: buy 40. Month 2 sells 50, leaves 60, 30 are ordered: buy 20."""
    free = stock.open_to_buy(np.array([80.0, 50, 10]), 100.0, np.array([0.0, 30, 0]), np.array([60.0, 60, 20]))
    assert free.tolist() == [40, 20, 0]  # then 60 - 10 is more than the 20 to be left


def test_dispersion_of_what_is_poisson_is_near_one() -> None:
    rng = np.random.default_rng(1)
    season = 1 + 0.5 * np.sin(np.arange(52) / 8)
    weekly = rng.poisson(np.linspace(2, 30, 40)[:, None] * season)
    assert stock.dispersion(weekly.astype(float)).mean() == pytest.approx(1.05, abs=0.06)
    assert stock.dispersion(weekly.astype(float) * 4).mean() == pytest.approx(4.0, abs=0.3)


def test_a_lead_time_total_is_covered_as_often_as_asked() -> None:
    rng = np.random.default_rng(2)
    n = 4000
    daily = rng.uniform(0.2, 5, n)
    demand = steady(*daily, days=21, dispersion=2.5)
    draws = rng.negative_binomial(daily[:, None] / 1.5, 1 / 2.5, (n, 21)).sum(axis=1)
    bound = stock.quantile(*stock.total(demand, np.full(n, 21.0)), np.full(n, 0.9))
    assert np.mean(draws <= bound) == pytest.approx(0.91, abs=0.015)


def test_a_service_level_of_one_is_refused() -> None:
    with pytest.raises(ServiceLevelError):
        stock.quantile(np.array([1.0]), np.array([1.0]), np.array([1.0]))
