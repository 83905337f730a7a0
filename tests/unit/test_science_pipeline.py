"""Chances and revenue of a pipeline, by hand and in a world of known truth."""

import numpy as np
import pytest

from topline.science import pipeline
from topline.science.pipeline import LOST, OPEN, WON, Course


def _world(rng: np.random.Generator, per_week: int = 8, weeks: int = 80, win: float = 0.4) -> tuple[Course, float]:
    """One stage; each week of its life a deal closes with a chance of a tenth, and is won with `win`."""
    begun = np.repeat(np.arange(weeks) * 7.0, per_week)
    n, now = len(begun), weeks * 7.0
    life = rng.geometric(0.1, n) * 7.0 - 3.5
    outcome = np.where(rng.random(n) < win, WON, LOST)
    closed = begun + life < now
    end = np.where(closed, begun + life, now)
    zero = np.zeros(n, dtype=int)
    return Course(np.arange(n), zero, begun, end, np.where(closed, outcome, OPEN), np.full(n, 100.0), zero), now


def test_a_steady_pipeline_brings_what_it_brought() -> None:
    course, now = _world(np.random.default_rng(1))
    fitted = pipeline.fit(course, now)
    # of a deal that closes in a tenth of its weeks and is won in four of ten: 1 - .9 ** k of .4 within k weeks
    assert fitted.win_by_week[0, 0, 3] == pytest.approx(0.4 * (1 - 0.9**4), abs=0.03)
    assert fitted.win_by_week[0, 3, -1] == pytest.approx(0.4 * (1 - 0.9**26), abs=0.06)
    assert fitted.new_per_week == pytest.approx(8)
    is_open = course.outcome == OPEN
    age = now - course.entered[is_open]
    zero = np.zeros(is_open.sum(), dtype=int)
    made = pipeline.revenue(
        fitted,
        pipeline.chances(fitted, zero, age, zero),
        course.value[is_open],
        pace=np.ones(12),
        unsteady=0.1,
        rng=np.random.default_rng(0),
    )
    # in a steady state 8 deals x .4 x 100 a week
    assert made.mean == pytest.approx(np.full(12, 320.0), rel=0.2)
    assert made.total_mean[-1] == pytest.approx(12 * 320, rel=0.12)
    assert np.all(made.low <= made.mean)
    assert np.all(made.mean <= made.high)
    assert np.all(np.diff(made.total_mean) >= 0)


def test_a_pushed_date_lowers_the_odds_and_never_raises_them() -> None:
    course, now = _world(np.random.default_rng(2))
    rng = np.random.default_rng(5)
    pushed = np.where(course.outcome == LOST, rng.random(len(course.deal)) < 0.6, rng.random(len(course.deal)) < 0.2)
    fitted = pipeline.fit(
        Course(
            course.deal, course.stage, course.entered, course.left, course.outcome, course.value, pushed.astype(int)
        ),
        now,
    )
    # odds of being pushed .6 / .4 if lost, .2 / .8 if won: a ratio of a sixth
    assert fitted.pushed_odds == pytest.approx(1 / 6, abs=0.08)
    two = pipeline.chances(fitted, np.zeros(2, int), np.zeros(2), np.array([0, 1]))
    assert np.all(two[1] < two[0])
    assert np.all(np.diff(two, axis=1) >= -1e-12)
    assert pipeline.fit(course, now).pushed_odds <= 1


def test_a_thin_pipeline_is_refused() -> None:
    course, now = _world(np.random.default_rng(3), per_week=1, weeks=20)
    with pytest.raises(pipeline.ThinPipelineError, match="at least 60 closed and 15 won"):
        pipeline.fit(course, now)


def test_the_pace_of_a_quarter_by_hand() -> None:
    # three, two and one month of 60, 100 and 140, drawn to 1: with a mean of 280 / 3 over six months
    won, place = np.array([60.0, 100, 140, 60, 100, 60]), np.array([0, 1, 2, 0, 1, 0])
    mean = won.mean()
    raw = np.array([(3 * 60 / mean + 1) / 4, (2 * 100 / mean + 1) / 3, (140 / mean + 1) / 2])
    found = pipeline.pace(won, place)
    assert found.by_month == pytest.approx(raw / raw.mean())
    assert found.by_month[0] < found.by_month[1] < found.by_month[2]
    assert pipeline.pace(np.zeros(0), np.zeros(0, dtype=int)).by_month == pytest.approx(np.ones(3))
