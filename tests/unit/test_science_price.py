"""Elasticities against pyfixest, markets of known truth, and by hand."""

import numpy as np
import pandas as pd
import pytest

import price_market
from topline.science import price
from topline.simulate import appeal
from topline.simulate.ledger import basket
from topline.simulate.shelf import Shelf, shelf
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World


def test_a_change_by_hand() -> None:
    # a tenth off at an elasticity of -2: .9 ** -2 = 1.2346; at -2 +- 1.2816 x .5: .9 ** -1.3592 and .9 ** -2.6408
    assert price.change(-2, 0.5, 0.9) == pytest.approx((1.1540, 1.2346, 1.3208), abs=1e-4)
    assert price.change(-2, 0.5, 1.0) == (1, 1, 1)


def test_estimates_beyond_their_errors_by_hand() -> None:
    # variances 1, values -1 and 5 (mean 2): squares 18 over 1 + between = 1 degree of freedom, so between = 17
    mean, variance, between = price.meta(np.array([-1.0, 5.0]), np.array([1.0, 1.0]))
    assert (mean, variance, between) == pytest.approx((2, 9, 17), abs=1e-4)
    assert price.meta(np.array([1.9, 2.1]), np.array([1.0, 1.0]))[2] == 0


@pytest.mark.filterwarnings("ignore")
def test_plentiful_data_agree_with_pyfixest() -> None:
    pyfixest = pytest.importorskip("pyfixest")
    market = price_market.draw(np.random.default_rng(5), groups=1, size=6, weeks=60, base=20_000)
    found = price.fit(market.panel)
    n, weeks = market.panel.units.shape
    frame = pd.DataFrame(
        {"units": market.panel.units.ravel(), "product": np.repeat(range(n), weeks), "week": np.tile(range(weeks), n)}
    )
    log_price = np.log(market.panel.price)
    names = [f"p{i}" for i in range(n)]
    slots = np.zeros((n, n, weeks))
    slots[np.arange(n), np.arange(n)] = log_price - log_price.mean(axis=1, keepdims=True)
    frame[names] = slots.reshape(n, -1).T
    theirs = pyfixest.fepois(f"units ~ {' + '.join(names)} | product + week", data=frame, vcov="iid")
    assert found.own_rate[:, 0].min() > 0.97
    assert found.elasticity == pytest.approx(theirs.coef().to_numpy(), abs=0.05)


def test_prices_that_follow_demand_do_not_mislead() -> None:
    market = price_market.draw(np.random.default_rng(11), groups=6, size=20, weeks=80)
    found = price.fit(market.panel)
    miss = found.elasticity - market.elasticity
    plain = price_market.plain_slopes(market.panel) - market.elasticity
    assert np.sqrt(np.mean(miss**2)) < 0.3 < 1 < np.sqrt(np.mean(plain**2))
    assert 0.84 < np.mean(np.abs(miss) < 1.645 * found.se[:, 0]) < 0.97


def test_a_price_that_never_moved_takes_after_its_group() -> None:
    market = price_market.draw(np.random.default_rng(2), groups=2, size=12, weeks=60)
    prices = market.panel.price.copy()
    prices[3] = 10.0
    panel = price.Panel(market.panel.units, prices, market.panel.group, market.panel.line, market.panel.promotion)
    found = price.fit(panel)
    assert found.own_rate[3, 0] < 1e-3
    assert found.elasticity[3] == pytest.approx(found.group_mean[0, 0], abs=0.01)
    assert found.se[3, 0] > found.se[[0, 1, 2], 0].max()


def test_promotions_the_dip_after_and_what_rivals_lose() -> None:
    rng = np.random.default_rng(8)
    lines, size, weeks = 12, 4, 100
    n = lines * size
    line, group = np.repeat(np.arange(lines), size), np.repeat(np.arange(2), n // 2)
    log_price = -0.2 * (rng.random((n, weeks)) < 0.15) + rng.normal(0, 0.02, (n, weeks))
    on = (rng.random((n, weeks)) < 0.08).astype(float)
    after = np.zeros_like(on)
    after[:, 1:] = on[:, :-1]
    after[:, 2:] = np.maximum(after[:, 2:], on[:, :-2])
    after *= 1 - on
    rivals = (np.array([on[line == k].sum(axis=0) for k in range(lines)])[line] - on) / (size - 1)
    cross = (np.array([log_price[line == k].sum(axis=0) for k in range(lines)])[line] - log_price) / (size - 1)
    shock = rng.normal(0, 0.2, (2, weeks))[group]
    mean = np.exp(4.5 + shock - 2.2 * log_price + 0.5 * on - 0.25 * after - 0.4 * rivals + 0.7 * cross)
    panel = price.Panel(rng.poisson(mean) * 1.0, np.exp(log_price), group, line, on[None], ("display",))
    found = price.fit(panel)
    told = {effect.name: effect for effect in found.effects}
    truth = {"price": -2.2, "cross_price": 0.7, "display": 0.5, "after": -0.25, "rival": -0.4}
    for name, value in truth.items():
        assert told[name].mean == pytest.approx(value, abs=max(3 * told[name].se, 0.05)), name
    assert price.expected(found, panel).sum() == pytest.approx(np.exp(-0.02) * panel.units.sum(), rel=0.03)


def test_effects_that_are_not_there_are_not_told() -> None:
    market = price_market.draw(np.random.default_rng(4), groups=2, size=20, weeks=60)
    line = np.arange(40) // 5
    on = (np.random.default_rng(1).random((1, 40, 60)) < 0.1).astype(float)
    panel = price.Panel(market.panel.units, market.panel.price, market.panel.group, line, on, ("display",))
    names = [effect.name for effect in price.fit(panel).effects]
    assert names[0] == "price"
    assert len(names) <= 2


def test_flat_prices_and_short_histories_are_refused() -> None:
    units = np.random.default_rng(0).poisson(9, (4, 30)) * 1.0
    one = np.zeros(4, dtype=np.int64)
    with pytest.raises(price.FlatPriceError, match="vary the price"):
        price.fit(price.Panel(units, np.full((4, 30), 7.0), one, one, np.zeros((0, 4, 30))))
    with pytest.raises(price.ShortPriceHistoryError, match="12"):
        price.fit(price.Panel(units[:, :5], np.full((4, 5), 7.0), one, one, np.zeros((0, 4, 5))))


def test_the_demo_shops_truth_is_inside_the_intervals_at_their_rate() -> None:
    """Elasticities of 280 products and 8 categories, the uplift of offers and the dip after; 90 % intervals."""
    panel, goods = _harbour(World(HARBOUR_AND_PINE, 7))
    found = price.fit(panel)
    inside = np.abs(found.elasticity - goods.elasticity) < 1.645 * found.se[:, 0]
    assert 0.82 < inside.mean() < 0.97
    of_group = np.array([goods.elasticity[goods.category == g].mean() for g in range(8)])
    assert (np.abs(found.group_mean[:, 0] - of_group) < 1.645 * found.group_se[:, 0]).sum() >= 6
    told = {effect.name: effect for effect in found.effects}
    pricing = HARBOUR_AND_PINE.pricing
    for name, factor in (("offer", pricing.uplift), ("after", pricing.dip)):
        assert abs(told[name].mean - np.log(factor)) < 1.96 * told[name].se < 0.08


def _harbour(world: World) -> tuple[price.Panel, Shelf]:
    """The last two years of the simulated shop by week, at its list prices and offers."""
    goods, lines = shelf(world), basket(world)
    start = world.days - 104 * 7
    week = (world.orders.second[lines.order] // 86_400 - world.epoch - start) // 7
    units = np.zeros((len(goods.sku), 104))
    np.add.at(units, (lines.product[week >= 0], week[week >= 0]), lines.quantity[week >= 0])
    days = np.arange(start, world.days)
    off = np.stack([appeal.discounts(world, int(day), slice(None)) for day in days], axis=1)
    listed = goods.prices[np.searchsorted(goods.price_days, days, side="right") - 1, 0].T

    def weekly(by_day: np.ndarray) -> np.ndarray:
        return by_day.reshape(len(goods.sku), 104, 7).mean(axis=2)

    kinds = weekly(off > 0)[None]
    return price.Panel(units, weekly(listed * (1 - off)), goods.category, goods.category, kinds, ("offer",)), goods
