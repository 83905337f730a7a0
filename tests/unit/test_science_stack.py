from dataclasses import replace

import numpy as np
import pytest

from topline.science import boosted, rhythm, spread, stack
from topline.science.panel import Panel, PanelError

DAYS = np.datetime64("2025-01-06") + np.arange(440).astype("timedelta64[D]")  # a Monday


def weekly(units, ahead=4, **known):
    units = np.asarray(units, dtype=float)
    day = np.datetime64("2024-01-01") + (7 * np.arange(units.shape[1] + ahead)).astype("timedelta64[D]")
    return Panel(units, day, np.zeros(len(units), dtype=np.int64), cycle=1, year=52, **known)


@pytest.fixture(scope="module")
def few_rounds():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosted, "_ROUNDS", 80)
        yield


@pytest.fixture(scope="module")
def promoted():
    """Forty products whose sales treble in weeks at a third off, and are noise around a level else."""
    rng = np.random.default_rng(4)
    n, known, ahead = 40, 140, 4
    is_off = rng.random((n, known + ahead)) < 0.15
    is_off[:20, -1], is_off[20:, -1] = True, False
    level = rng.uniform(20, 60, n)[:, None]
    units = rng.poisson(level * np.where(is_off, 3.0, 1.0))
    price = np.log(np.where(is_off, 2 / 3, 1.0))
    return weekly(units[:, :known], ahead, drivers={"price": price}), level, units[:, known:]


@pytest.fixture(scope="module")
def forecast(promoted, few_rounds):
    return stack.forecast(promoted[0], tests=2)


def test_weekdays_and_marked_days_are_told_apart():
    week = np.array([10, 10, 10, 10, 10, 30, 20.0])
    units = np.tile(week, 60)[None]
    flags = np.zeros((1, 1, 434))
    flags[0, 0, 30::60] = 1
    units[:, 30::60] *= 3
    effect = rhythm.effect(Panel(units[:, :420], DAYS[:434], np.zeros(1, dtype=np.int64), flags=flags))
    plain = effect[0, 421:428]
    assert np.exp(plain[4] - plain[0]) == pytest.approx(3.0, rel=0.1)  # Saturday against Tuesday
    assert flags[0, 0, 390] == 1
    assert np.exp(effect[0, 390] - effect[0, 404]) == pytest.approx(3.0, rel=0.25)


def test_a_level_times_its_calendar_is_the_start():
    panel = Panel(np.full((1, 70), 5.0), DAYS[:77], np.zeros(1, dtype=np.int64))
    assert boosted.start(panel) == pytest.approx(np.full((1, 7), 5.0), rel=0.02)


def test_a_planned_price_cut_lifts_the_forecast(promoted, forecast):
    _, level, came = promoted
    lift = forecast.mean[:, -1] / level[:, 0]
    assert forecast.model == stack.STACK
    assert np.median(lift[:20]) == pytest.approx(3.0, abs=0.6)
    assert np.median(lift[20:]) == pytest.approx(1.0, abs=0.25)
    assert np.abs(forecast.mean - came).sum() / came.sum() < 0.25
    assert next(iter(forecast.inputs)).startswith("price")


def test_intervals_hold_what_they_say(promoted, forecast):
    came = promoted[2]
    inside = (came >= forecast.quantile(0.1)) & (came <= forecast.quantile(0.9))
    assert 0.68 < inside.mean() < 0.95
    total = came.sum(axis=1) <= forecast.total_quantile(0.9, 0, 4)
    assert 0.8 < total.mean() <= 1
    summed = forecast.quantile(0.9).sum(axis=1)
    assert (summed > forecast.total_quantile(0.9, 0, 4)).mean() > 0.9


def test_each_product_answers_as_it_did_and_expected_units_are_means(few_rounds):
    """Twenty products rise by half when promoted, twenty come to fourfold; noise is lognormal."""
    rng = np.random.default_rng(6)
    n, known, ahead = 40, 140, 4
    promoted = (rng.random((n, known + ahead)) < 0.2).astype(float)
    promoted[:, -2:] = [0, 1]
    expected = 30 * np.where(promoted > 0, np.repeat([1.5, 4.0], n // 2)[:, None], 1.0)
    units = (expected * np.exp(rng.normal(-0.18, 0.6, promoted.shape)))[:, :known]  # of mean 1; its median is .84
    panel = weekly(units, ahead, drivers={"promotion": promoted})
    effect = rhythm.effect(panel)
    trees = boosted.fit(panel, effect)
    found = boosted.predict(trees, panel, effect)
    usual, lifted = found[:, -2], found[:, -1]
    assert usual.mean() == pytest.approx(30, rel=0.12)
    assert np.median(lifted[:20] / usual[:20]) == pytest.approx(1.5, rel=0.2)
    assert np.median(lifted[20:] / usual[20:]) == pytest.approx(4.0, rel=0.2)
    assert trees.shares()["alike"] > 0.1


def test_what_sells_now_and_then_keeps_its_sum(few_rounds):
    units = np.random.default_rng(7).poisson(0.6, (60, 120)).astype(float)
    panel = weekly(units)
    effect = rhythm.effect(panel)
    found = boosted.predict(boosted.fit(panel, effect), panel, effect)
    assert found.mean() == pytest.approx(0.6, rel=0.08)


def test_the_same_panel_gives_the_same_trees(promoted, few_rounds):
    panel = promoted[0].rows(slice(0, 8))
    effect = rhythm.effect(panel)
    one, other = (boosted.predict(boosted.fit(panel, effect, seed=3), panel, effect) for _ in range(2))
    assert one.tolist() == other.tolist()


def test_scaling_units_scales_forecasts(promoted, few_rounds):
    panel = promoted[0].rows(slice(0, 8))
    eightfold = replace(panel, units=8 * panel.units)
    one, eight = (
        boosted.predict(boosted.fit(each, rhythm.effect(each)), each, rhythm.effect(each))
        for each in (panel, eightfold)
    )
    assert eight == pytest.approx(8 * one, rel=1e-3)


def test_a_small_series_among_large_ones_keeps_its_level(few_rounds):
    """Departments that sell 3 a week beside ones of 10,000: their logs must not drown in what is added before."""
    rng = np.random.default_rng(11)
    level = np.where(np.arange(45) < 15, 3.0, 10_000.0)[:, None]
    made = stack.forecast(weekly(level * rng.lognormal(0, 0.1, (45, 140))), tests=1)
    assert made.model == stack.STACK
    assert made.mean == pytest.approx(np.tile(level, 4), rel=0.25)


def test_what_sold_out_is_not_zero_demand():
    units = np.random.default_rng(1).poisson(8, (3, 60)).astype(float)
    empty = units.copy()
    empty[:, 30:54] = 0
    hidden = units.copy()
    hidden[:, 30:54] = np.nan
    zero, unknown = (stack.forecast(weekly(each)).mean.mean() for each in (empty, hidden))
    assert unknown == pytest.approx(8, rel=0.15)
    assert zero < 0.85 * unknown


def test_a_planned_closure_sells_nothing():
    units = np.full((1, 60), 4.0)
    closed = np.zeros((1, 64), dtype=bool)
    closed[0, 61] = True
    made = stack.forecast(weekly(units, closed=closed))
    assert made.mean[0, 1] == 0
    assert made.quantile(0.99)[0, 1] == 0
    assert made.mean[0, 0] == pytest.approx(4, rel=0.05)


def test_a_product_that_is_gone_sells_nothing_and_a_new_one_its_level():
    units = np.zeros((2, 80))
    units[0, :40] = 9
    units[1, 74:] = 9
    made = stack.forecast(weekly(units))
    assert made.mean[0] == pytest.approx(np.zeros(4), abs=0.2)
    assert (made.mean[1] > 3).all()


def test_three_points_are_refused_and_eight_have_wide_intervals():
    with pytest.raises(PanelError, match="eight periods"):
        weekly([[1, 2, 3]])
    made = stack.forecast(weekly([[5, 6, 4, 5, 6, 5, 4, 5]]))
    assert made.tests == ()
    assert (made.quantile(0.9) > 2 * made.mean).all()


def test_nothing_sold_is_expected_to_stay_nothing():
    made = stack.forecast(weekly(np.zeros((4, 40))))
    assert made.mean.tolist() == np.zeros((4, 4)).tolist()
    assert np.isfinite(made.quantile(0.9)).all()


def test_panels_must_be_whole():
    with pytest.raises(PanelError, match="no period ahead"):
        weekly(np.ones((1, 20)), 0)
    with pytest.raises(PanelError, match="negative"):
        weekly(-np.ones((1, 20)))
    with pytest.raises(PanelError, match="every series"):
        weekly(np.ones((2, 20)), drivers={"price": np.ones((1, 24))})


def test_scores_of_like_series_are_conformal():
    rng = np.random.default_rng(5)
    mean = rng.uniform(1, 100, 4000)
    misses = spread.learn(mean, np.sqrt(mean), rng.poisson(mean).astype(float))
    again = rng.poisson(mean)
    for probability in (0.1, 0.5, 0.9, 0.95):
        assert (again <= misses.quantile(mean, np.sqrt(mean), probability)).mean() == pytest.approx(
            probability, abs=0.05
        )


def test_seasonal_naive_repeats_the_last_cycle_or_year():
    assert stack.naive(Panel(np.arange(14.0)[None], DAYS[:23], np.zeros(1, dtype=np.int64))).tolist() == [
        [7, 8, 9, 10, 11, 12, 13, 7, 8]
    ]
    assert stack.naive(weekly(np.arange(60.0)[None])).tolist() == [[8, 9, 10, 11]]


def test_months_with_seasons_of_their_own_are_left_to_last_year():
    """Every series has its peak in another month, so their sum has none and the group's calendar knows nothing."""
    rng = np.random.default_rng(0)
    n, known, ahead = 40, 48, 6
    month = np.arange(known + ahead)
    day = (np.datetime64("2021-01") + month).astype("datetime64[D]")

    def missed(peak):
        expected = rng.uniform(20, 200, (n, 1)) * np.exp(0.6 * np.sin(2 * np.pi * (month - peak) / 12))
        units = rng.poisson(expected * np.exp(rng.normal(0, 0.15, expected.shape))).astype(float)
        panel = Panel(units[:, :known], day, np.zeros(n, dtype=np.int64), cycle=1, year=12)
        came, made = units[:, known:], stack.forecast(panel)
        assert (made.quantile(0.1) <= made.mean).all()
        assert (made.mean <= made.quantile(0.9)).all()
        return np.abs(made.mean - came).sum() / np.abs(stack.naive(panel) - came).sum()

    assert missed(rng.uniform(0, 12, (n, 1))) <= 1.0
    assert missed(np.full((n, 1), 3.0)) < 0.85  # one season for all: the calendar is better than last year


def test_sums_are_brought_to_last_year_where_that_alone_missed_less():
    """Twenty series of one season, expected as they sold lately, and as they truly are."""
    rng = np.random.default_rng(3)
    season = 1 + 0.6 * np.sin(2 * np.pi * np.arange(110) / 52)
    expected = rng.uniform(20, 80, (20, 1)) * season
    panel = weekly(rng.poisson(expected), 13)
    pasts = [panel.at(origin, 13) for origin in (97, 84)]
    came = [panel.units[:, past.known : past.known + 13] for past in pasts]
    lately = [np.repeat(past.units[:, -8:].mean(axis=1, keepdims=True), 13, axis=1) for past in pasts]
    right = [expected[:, past.known : past.known + 13] for past in pasts]
    share = stack._yearly_share(pasts, lately, came)
    made, scale = stack._brought(pasts[0], lately[0], np.sqrt(lately[0]), share)
    assert share == 1.0
    assert np.abs((made - came[0]).sum(axis=0)).sum() < 0.3 * np.abs((lately[0] - came[0]).sum(axis=0)).sum()
    assert made / lately[0] == pytest.approx(scale / np.sqrt(lately[0]))
    assert stack._yearly_share(pasts, right, came) == 0.0
    assert stack._yearly_share(pasts[:1], lately[:1], came[:1]) == 0.0  # one origin may be luck
