"""What a pipeline will bring: the chance of each open deal by stage, age and pushed dates, and revenue by week."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from topline.units.errors import ToplineError
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_CLOSED = 60
LEAST_WON = 15
LEVEL = 0.8
OPEN, WON, LOST = 0, 1, 2

_AGES = (0, 7, 14, 28, 56, 91, 147)
_PRIOR_DEALS = 25.0
_PUSHED_PRIOR = (0.85, 20.0)
_RECENT_WEEKS = 13
_DRAWS = 1_000
_UNSTEADY = 0.1


class ThinPipelineError(ToplineError):
    message = N_(
        "%(closed)d closed deals, %(won)d of them won, are too few to tell the chances of open ones: at least "
        "%(least)d closed and %(least_won)d won are needed."
    )


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Deals as they went: a row for each stay in a stage, d deals.

    deal : (rows,) 0..d-1, in order of time within a deal; stage : (rows,) 0..s-1
    entered, left : (rows,) days; left is the end of what is known for a stay that goes on
    outcome : (rows,) what the deal came to when the stay ended: OPEN if it went on or to another stage, WON, LOST
    value : (rows,) what it was worth; pushed : (rows,) how often the expected close had been moved later by then
    """

    deal: Ints
    stage: Ints
    entered: Floats
    left: Floats
    outcome: Ints
    value: Floats
    pushed: Ints


@dataclass(frozen=True, slots=True, eq=False)
class PipelineFit:
    """Chances from a stage and an age on.

    edges : (a,) days in the stage at which ages begin
    win_by_week : (s, a, weeks) probability that a deal of that stage and age is won within so many weeks, 0-1
    deals : (s, a) how many weeks of deals say so
    pushed_odds : what a date pushed once or more multiplies the odds of winning by, <= 1
    value_ratio : what won deals brought of what they were thought worth
    new_per_week, new_value : deals that begin, and what one is thought worth
    new_by_week : (weeks,) probability that a new deal is won within so many weeks of its beginning
    """

    edges: Floats
    win_by_week: Floats
    deals: Floats
    pushed_odds: float
    value_ratio: float
    new_per_week: float
    new_value: float
    new_spread: float
    new_by_week: Floats

    @property
    def win_rate(self) -> Floats:
        """(s, a) of being won in the end, as far as it is known."""
        found: Floats = self.win_by_week[:, :, -1]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Revenue:
    """Won revenue by week; low and high hold 80 %.

    mean, low, high : (weeks,) each week; open_mean, new_mean : of deals that are open, and of new ones
    total_low, total_mean, total_high : (weeks,) from now to the end of each week
    """

    mean: Floats
    low: Floats
    high: Floats
    open_mean: Floats
    new_mean: Floats
    total_low: Floats
    total_mean: Floats
    total_high: Floats


def fit(course: Course, now: float, *, weeks: int = 26) -> PipelineFit:
    """Chances of winning by stage and age, from what became of deals that stood there, week by week (landmarks).

    A cell with few deals takes after its stage. Raises ThinPipelineError.
    Source: van Houwelingen & Putter, Dynamic Prediction in Clinical Survival Analysis, for landmarks; Aalen & Johansen
    1978 for competing outcomes.
    """
    ends = _ends(course)
    closed, won = int((ends.outcome != OPEN).sum()), int((ends.outcome == WON).sum())
    if closed < LEAST_CLOSED or won < LEAST_WON:
        raise ThinPipelineError(closed=closed, won=won, least=LEAST_CLOSED, least_won=LEAST_WON)
    edges = np.array(_AGES, dtype=np.float64)
    stages = int(course.stage.max()) + 1
    marks = _marks(course, ends, edges, now)
    risk, wins, losses = (np.zeros((stages, len(edges), weeks)) for _ in range(3))
    ahead = np.floor(np.maximum(ends.day[marks.deal] - marks.day, 0) / 7).astype(np.int64)
    for week in range(weeks):
        np.add.at(risk[:, :, week], (marks.stage, marks.age), 1.0 * (ahead >= week))
        ends_now = ahead == week
        for table, outcome in ((wins, WON), (losses, LOST)):
            hit = ends_now & (ends.outcome[marks.deal] == outcome)
            np.add.at(table[:, :, week], (marks.stage[hit], marks.age[hit]), 1.0)
    by_stage = [table.sum(axis=1, keepdims=True) for table in (risk, wins, losses)]
    rate = [np.divide(table, by_stage[0], out=np.zeros_like(table), where=by_stage[0] > 0) for table in by_stage[1:]]
    hazard_win, hazard_lose = (
        (table + _PRIOR_DEALS * prior) / (risk + _PRIOR_DEALS)
        for table, prior in zip((wins, losses), rate, strict=True)
    )
    first = np.unique(course.deal, return_index=True)[1]
    begun = course.entered[first]
    span = max(min((now - begun.min()) / 7, _RECENT_WEEKS), 1.0)
    recent = begun >= now - 7 * span
    values = course.value[first]
    is_won = ends.outcome == WON
    return PipelineFit(
        edges=edges,
        win_by_week=_cumulated(hazard_win, hazard_lose),
        deals=risk[:, :, 0],
        pushed_odds=_pushed_odds(marks, ends),
        value_ratio=float(ends.value[is_won].sum() / max(values[is_won].sum(), 1e-9)),
        new_per_week=float(recent.sum() / span),
        new_value=float(values[recent].mean()) if recent.any() else float(values.mean()),
        new_spread=float(values.std()),
        new_by_week=_from_start(ends, begun, now, weeks),
    )


def chances(fitted: PipelineFit, stage: Ints, age_days: Floats, pushed: Ints) -> Floats:
    """(d, weeks) probability that each open deal is won within so many weeks, 0-1; a pushed date lowers it.

    stage : (d,) where it stands; age_days : (d,) for how long; pushed : (d,) how often its date was moved later
    """
    age = np.clip(np.searchsorted(fitted.edges, age_days, side="right") - 1, 0, len(fitted.edges) - 1)
    found: Floats = fitted.win_by_week[stage, age]
    total = np.clip(found[:, -1:], 1e-9, 1 - 1e-9)
    odds = total / (1 - total) * np.where(pushed > 0, fitted.pushed_odds, 1.0)[:, None]
    return found / total * (odds / (1 + odds))


@dataclass(frozen=True, slots=True, eq=False)
class Pace:
    """How a team closes over the quarter.

    by_month : (3,) won revenue of the first, second and third month of a quarter, over the average
    unsteady : standard deviation of the log of a month's revenue around that
    """

    by_month: Floats
    unsteady: float


def pace(won: Floats, place: Ints) -> Pace:
    """The pace of whole months in order: teams close for the end of the quarter.

    won : (months,) revenue won in each; place : (months,) 0-2, which month of its quarter
    Each factor is drawn to 1 as if one more month of it had been average.
    """
    if not won.sum():
        return Pace(np.ones(3), _UNSTEADY)
    ratio = won / won.mean()
    factors = np.array([(ratio[place == m].sum() + 1) / ((place == m).sum() + 1) for m in range(3)])
    miss = np.log(np.maximum(ratio, 0.05) / factors[place])
    spread = (miss @ miss + 3 * _UNSTEADY**2) / (len(miss) + 3)
    return Pace(factors / factors.mean(), float(np.sqrt(spread)))


def revenue(
    fitted: PipelineFit,
    chance: Floats,
    value: Floats,
    *,
    pace: Floats,
    unsteady: float,
    rng: np.random.Generator,
) -> Revenue:
    """Won revenue by week of open deals and of those that will begin.

    chance : (d, >= weeks) of `chances`; value : (d,) what each is thought worth
    pace : (weeks,) how each week's closings stand to the average's; unsteady : of `Pace`
    """
    weeks = len(pace)
    step = np.diff(chance[:, :weeks], axis=1, prepend=0.0)
    open_mean = value * fitted.value_ratio @ step * pace
    new_mean = _new_won(fitted, weeks) * fitted.new_value * fitted.value_ratio * pace
    drawn = draws(fitted, chance, value, pace=pace, unsteady=unsteady, rng=rng)
    tails = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    mean, running = open_mean + new_mean, np.cumsum(drawn, axis=1)
    low, high = np.quantile(drawn, tails, axis=0)
    total_low, total_high = np.quantile(running, tails, axis=0)
    total = np.cumsum(mean)
    return Revenue(
        mean, np.minimum(low, mean), np.maximum(high, mean), open_mean, new_mean,
        np.minimum(total_low, total), total, np.maximum(total_high, total),
    )  # fmt: skip


def draws(
    fitted: PipelineFit,
    chance: Floats,
    value: Floats,
    *,
    pace: Floats,
    unsteady: float,
    rng: np.random.Generator,
) -> Floats:
    """(draws, weeks) won revenue of each week, as it may come; the arguments are those of `revenue`."""
    weeks = len(pace)
    worth = value * fitted.value_ratio
    new_won = _new_won(fitted, weeks)
    drawn = np.zeros((_DRAWS, weeks))
    step = np.diff(chance[:, :weeks], axis=1, prepend=0.0)
    bounds = np.cumsum(step, axis=1)
    for draw in range(_DRAWS):
        week = (rng.random(len(worth))[:, None] >= bounds).sum(axis=1)
        hit = week < weeks
        drawn[draw] = np.bincount(week[hit], worth[hit], weeks)
    arrivals = rng.gamma(_RECENT_WEEKS, 1 / _RECENT_WEEKS, (_DRAWS, 1))
    count = rng.poisson(new_won * arrivals)
    scatter = np.sqrt(count) * fitted.new_spread * fitted.value_ratio
    drawn += np.maximum(count * fitted.new_value * fitted.value_ratio + scatter * rng.standard_normal(drawn.shape), 0)
    months = rng.standard_normal((_DRAWS, weeks // 4 + 1)).repeat(4, axis=1)[:, :weeks]
    found: Floats = drawn * pace * np.exp(unsteady * months)
    return found


def _new_won(fitted: PipelineFit, weeks: int) -> Floats:
    """(weeks,) new deals that are won in each week, on average."""
    arrive = np.diff(fitted.new_by_week[:weeks], prepend=0.0)
    found: Floats = fitted.new_per_week * np.cumsum(arrive)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """By deal: the day that its course ends, its outcome and its last value."""

    day: Floats
    outcome: Ints
    value: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Marks:
    """Weekly looks at open deals."""

    deal: Ints
    stage: Ints
    age: Ints
    day: Floats
    pushed: Ints


def _ends(course: Course) -> _Ends:
    deals = int(course.deal.max()) + 1
    order = np.lexsort((course.entered, course.deal))
    last = np.zeros(deals, dtype=np.int64)
    last[course.deal[order]] = order
    return _Ends(course.left[last], course.outcome[last], course.value[last])


def _marks(course: Course, ends: _Ends, edges: Floats, now: float) -> _Marks:
    """Each stay as it stood at its beginning and every seven days after."""
    looks = np.maximum(np.ceil((np.minimum(course.left, now) - course.entered) / 7), 1).astype(np.int64)
    row = np.repeat(np.arange(len(looks)), looks)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(looks) - looks, looks)
    day = course.entered[row] + 7.0 * nth
    age = np.searchsorted(edges, 7.0 * nth, side="right") - 1
    return _Marks(course.deal[row], course.stage[row], age, day, course.pushed[row])


def _cumulated(win: Floats, lose: Floats) -> Floats:
    """Probabilities of being won within so many weeks, of hazards by week."""
    left = np.cumprod(np.clip(1 - win - lose, 0, 1), axis=-1)
    before = np.concatenate([np.ones((*left.shape[:-1], 1)), left[..., :-1]], axis=-1)
    found: Floats = np.cumsum(before * win, axis=-1)
    return found


def _pushed_odds(marks: _Marks, ends: _Ends) -> float:
    """Mantel and Haenszel's odds ratio over stages and ages of pushed against other deals, drawn to .85, at most 1."""
    outcome = ends.outcome[marks.deal]
    known = outcome != OPEN
    cell = marks.stage * 100 + marks.age
    upper, lower = _PUSHED_PRIOR[0] * _PUSHED_PRIOR[1] / 4, _PUSHED_PRIOR[1] / 4
    for each in np.unique(cell[known]):
        here = known & (cell == each)
        pushed, won = marks.pushed[here] > 0, outcome[here] == WON
        upper += (pushed & won).sum() * (~pushed & ~won).sum() / here.sum()
        lower += (pushed & ~won).sum() * (~pushed & won).sum() / here.sum()
    return float(min(upper / lower, 1.0)) if lower else 1.0


def _from_start(ends: _Ends, begun: Floats, now: float, weeks: int) -> Floats:
    """(weeks,) probability that a deal is won within so many weeks of its beginning."""
    ahead = np.floor((np.minimum(ends.day, now) - begun) / 7).astype(np.int64)
    risk = np.array([(ahead >= week).sum() for week in range(weeks)], dtype=np.float64)
    hits = [np.array([((ahead == week) & (ends.outcome == o)).sum() for week in range(weeks)]) for o in (WON, LOST)]
    win, lose = (np.divide(h, risk, out=np.zeros(weeks), where=risk > 0) for h in hits)
    return _cumulated(win, lose)
