"""Response and budget on markets of known truth, and by hand."""

import numpy as np
import pytest

from topline.science import budget, response
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World

MEAN = np.array([400.0, 300.0, 200.0])


def _truth(spend: np.ndarray) -> np.ndarray:
    """What each channel brings a week: (T, 3) from effective spend."""
    tops, halves = np.array([3000.0, 900.0, 1200.0]), np.array([500.0, 250.0, 400.0])
    return tops * spend / (spend + halves)


@pytest.fixture(scope="module")
def market() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spend (130, 3), response and what the channels brought, with season and trend beside them."""
    rng = np.random.default_rng(3)
    week = np.arange(130)
    spend = MEAN * np.exp(rng.normal(0, 0.5, (130, 3)))
    carry = np.array([0.2, 0.5, 0.0])
    effective = response.carried(spend.T, carry, np.repeat(spend[:8].mean(0)[:, None], 12, axis=1)).T
    brought = _truth(effective)
    base = 4000 + 5 * week + 500 * np.sin(2 * np.pi * week / 52.18)
    return spend, base + brought.sum(axis=1) + rng.normal(0, 100, 130), brought


@pytest.fixture(scope="module")
def fitted(market: tuple[np.ndarray, np.ndarray, np.ndarray]) -> response.Response:
    spend, came, _ = market
    return response.fit(spend, came, rng=np.random.default_rng(0))


def test_carry_over_by_hand() -> None:
    # .5 of each effect is left a week later: 8 spent once is spread as 1, .5, .25 ... over 1.99976
    found = response.carried(np.array([8.0, 0, 0]), np.array(0.5), np.zeros(12))
    assert found == pytest.approx(np.array([4, 2, 1]), rel=2e-4)
    assert response.carried(np.full(5, 7.0), np.array(0.8), np.full(12, 7.0)) == pytest.approx(np.full(5, 7.0))


def test_what_channels_brought_is_inside_the_intervals(
    fitted: response.Response, market: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    spend, _, brought = market
    found = response.path(fitted, spend.T, response.first_weeks(spend)).mean(axis=2)
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    assert ((low < brought.mean(0)) & (brought.mean(0) < high)).all()
    assert (high - low < 1.5 * brought.mean(0)).all()
    assert fitted.explained_rate > 0.9
    assert fitted.is_moved.all()
    assert np.median(fitted.noise) == pytest.approx(100, rel=0.25)


def test_a_lift_test_narrows_what_it_tested(market: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    spend, came, _ = market
    effect = float(_truth(MEAN)[1])
    test = response.LiftTest(1, 0.0, MEAN[1], effect, effect / 20)
    tested = response.fit(spend, came, rng=np.random.default_rng(0), tests=[test])
    found = response.steady(tested, MEAN[:, None])[:, 1, 0]
    assert found.mean() == pytest.approx(effect, rel=0.06)
    assert found.std() < 0.08 * effect


def test_spend_that_never_varies_is_named_and_wide(market: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    spend, came, _ = market
    flat = spend.copy()
    flat[:, 2] = 200.0
    found = response.fit(flat, came, rng=np.random.default_rng(0))
    assert found.is_moved.tolist() == [True, True, False]
    brought = response.steady(found, MEAN[:, None])[..., 0]
    low, high = np.quantile(brought[:, 2], [0.05, 0.95])
    assert high > 3 * low


def test_what_can_not_be_learnt_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(response.TooFewWeeksError, match=r"3, where at least 26"):
        response.fit(np.ones((3, 2)), np.ones(3), rng=rng)
    with pytest.raises(response.NothingSpentError):
        response.fit(np.zeros((60, 2)), np.ones(60), rng=rng)
    with pytest.raises(response.NothingHappenedError):
        response.fit(np.ones((60, 2)), np.zeros(60), rng=rng)


def _curves() -> budget.Curves:
    grid = np.linspace(0, 40_000, 401) * np.ones((2, 1))
    return budget.Curves(grid, np.sqrt(grid) * np.array([[2.0], [1.0]]))


def test_the_best_split_of_square_roots() -> None:
    # 2 sqrt(a) + sqrt(b): the slopes 1 / sqrt(a) and 1 / (2 sqrt(b)) agree at a = 4 b, here 400 and 100
    low, high = np.zeros(2, np.int64), np.full(2, 40_000, np.int64)
    found = budget.spread(_curves(), 50_000, low, high, np.ones(1))
    assert found.sum() == 50_000
    assert found[:, 0] == pytest.approx([40_000, 10_000], abs=110)
    even = budget.spread(_curves(), 50_000, low, high, np.ones(5))
    assert even[0] == pytest.approx(np.full(5, 8_000), abs=110)
    # a week that is worth twice as much gets four times as much of a square root
    weighed = budget.spread(_curves(), 50_000, low, high, np.array([2.0, 1.0]))
    assert weighed[0] == pytest.approx([32_000, 8_000], abs=110)


def test_a_slow_start_is_passed_at_once_or_not_begun() -> None:
    grid = np.linspace(0, 1000, 101)[None]
    late = budget.Curves(np.repeat(grid, 2, axis=0), np.stack([np.where(grid[0] >= 500, 900.0, 0.0), grid[0]]))
    found = budget.spread(late, 500, np.zeros(2, np.int64), np.full(2, 1000, np.int64), np.ones(1))
    assert found[:, 0].tolist() == [500, 0]


def test_a_budget_outside_the_limits_is_refused() -> None:
    low, high = np.array([100, 100]), np.array([500, 500])
    with pytest.raises(budget.BudgetLimitsError, match="between 200 and 1000 together, so 1001"):
        budget.spread(_curves(), 1001, low, high, np.ones(1))
    with pytest.raises(budget.CrossedLimitsError, match="600, is more than its most, 500"):
        budget.spread(_curves(), 1000, np.array([600, 100]), high, np.ones(1))


def test_the_demo_shops_truth_is_inside_the_intervals_at_their_rate() -> None:
    """What its paid channels bring in newcomers' orders is known: visits of the spend by conversion."""
    inside = [hit for seed in (1, 2, 3, 4) for hit in _recovered(World(HARBOUR_AND_PINE, seed))]
    assert len(inside) == 12
    assert sum(inside) >= 10  # of 90 % intervals


def _recovered(world: World) -> list[bool]:
    start = (7 - HARBOUR_AND_PINE.period.start.weekday()) % 7
    whole = slice(start, start + 7 * (world.days // 7 - 1))

    def weekly(days: np.ndarray) -> np.ndarray:
        return days[..., whole].reshape(*days.shape[:-1], -1, 7).sum(axis=-1)

    paid = [one for one in HARBOUR_AND_PINE.responses if one.kind != "messages"]
    rates = {one.name: one.conversion_rate for one in HARBOUR_AND_PINE.channels}
    appeal = np.array([one.share for one in HARBOUR_AND_PINE.markets]) @ world.appeal
    brought = weekly(world.paid_visits[: len(paid)] * appeal).mean(axis=1) * [rates[one.channel] for one in paid]
    offers = np.zeros((len(HARBOUR_AND_PINE.offers), world.days))
    for offer, first, end in world.offers:
        offers[offer, first:end] = 1
    spend = weekly(world.spend[: len(paid)]).T
    came = weekly(world.newcomers.sum(axis=(0, 1))).astype(float)
    fitted = response.fit(spend, came, rng=np.random.default_rng(0), controls=weekly(offers).T)
    found = response.path(fitted, spend.T, response.first_weeks(spend)).mean(axis=2)
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    return list((low < brought) & (brought < high))
