"""Scores of leads by hand and on tables where the truth is known."""

import numpy as np
import pytest

from topline.science import leads
from topline.simulate.trade import LINES, trade
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World


def test_area_under_the_curve_by_hand() -> None:
    # of the 2 x 2 pairs of a converted and a lost lead, three are ranked right and one is tied
    scored, y = np.array([0.9, 0.4, 0.4, 0.1]), np.array([1.0, 1.0, 0.0, 0.0])
    assert leads.auc(scored, y) == pytest.approx((3 + 0.5) / 4)
    assert leads.measured(np.array([1.0, 0.0]), np.array([1.0, 1.0])).brier == 0.5


def test_a_known_chance_is_found_calibrated_and_a_leak_is_told() -> None:
    rng = np.random.default_rng(3)
    visits, source = rng.normal(size=700), rng.choice(["ads", "fair", "web"], 700)
    chance = 1 / (1 + np.exp(-(visits * 1.2 - 0.5 + 0.8 * (source == "fair"))))
    y = rng.random(700) < chance
    tag = np.where(y, np.where(rng.random(700) < 0.95, "will pay", "busy"), "busy")
    columns = {"visits": visits.tolist(), "source": source.tolist(), "noise": rng.normal(size=700).tolist()}
    found = leads.score(columns, y)
    best = leads.auc(chance, y * 1.0)
    assert found.folds["logistic"].auc == pytest.approx(best, abs=0.04)
    assert found.leaks == ()
    for each in found.curve:
        assert each.observed == pytest.approx(each.expected, abs=0.2)
    assert [name for name, _ in leads.score(columns | {"tag": tag.tolist()}, y).leaks] == ["tag"]


def test_thin_data_are_refused_and_say_what_is_needed() -> None:
    with pytest.raises(leads.ThinLeadsError, match="200 are needed, 50 converted and 50 lost"):
        leads.score({"x": [1, 2, 3]}, np.array([True, False, True]))
    lopsided = np.arange(500) < 10
    with pytest.raises(leads.ThinLeadsError):
        leads.score({"x": list(range(500))}, lopsided)


def test_the_demo_shops_chances_are_found() -> None:
    """Scores rank its leads nearly as well as the chances that they were drawn with, and come near those."""
    truth = HARBOUR_AND_PINE
    drawn, _ = trade(World(truth, 3))
    closed = np.flatnonzero(drawn.closed >= 0)
    won, chance = drawn.is_won[closed] > 0, drawn.chance[closed]
    columns = {
        "channel": [truth.channels[k].name for k in drawn.channel[closed]],
        "product_line": [LINES[k] for k in drawn.line[closed]],
        "market": [truth.markets[k].country for k in drawn.market[closed]],
    }
    found = leads.score(columns, won)
    best = leads.auc(chance, won * 1.0)
    assert found.folds[found.model].auc > 0.7
    assert found.folds[found.model].auc == pytest.approx(best, abs=0.03)
    assert found.is_worth
    for tenth in np.array_split(np.argsort(found.probability, kind="stable"), 10):
        assert found.probability[tenth].mean() == pytest.approx(chance[tenth].mean(), abs=0.05)
