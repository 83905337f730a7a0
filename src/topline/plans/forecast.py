"""What a goal's metric may end at, for any metric of the catalogue that has a past, or why nobody can say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import NDArray

from topline.lake import read
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import RollUp
from topline.metrics.query import Filter
from topline.plans import cache, expectation
from topline.plans.expectation import Expectation
from topline.plans.models import Goal
from topline.plans.text import Sentence
from topline.science.demand import ShortHistoryError
from topline.units.period import Period, add_months

type Floats = NDArray[np.float64]

_COUNTED_ONCE = ("orders", "new_customers", "leads", "qualified_leads", "orders_cancelled")
"""Metrics that count a thing on one day only, so that their days add up though a total is counted again."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a goal's metric may end at.

    quantiles : 1 % to 99 % (99 numbers), empty where nothing can be said; expected : the mean
    done : what is in already of a metric whose days add up, 0 of others
    why : why nothing can be said, None where something can
    about : what else is to be known of it
    """

    quantiles: tuple[float, ...]
    expected: float | None
    done: float
    why: Sentence | None
    about: Sentence | None = None

    @classmethod
    def drawn(cls, ends: Floats, done: float = 0.0, about: Sentence | None = None) -> "Forecast":
        """Of outcomes (draws,)."""
        return cls(tuple(expectation.quantiles(ends)), float(ends.mean()), done, None, about)

    @classmethod
    def unknown(cls, code: str, goal: Goal) -> "Forecast":
        return cls((), None, 0.0, Sentence(f"forecast.{code}", {"goal_metric": goal.metric}))

    def stored(self) -> dict[str, object]:
        return {
            "quantiles": self.quantiles,
            "expected": self.expected,
            "done": self.done,
            "why": self.why and self.why.stored(),
            "about": self.about and self.about.stored(),
        }

    @classmethod
    def of_stored(cls, kept: Mapping[str, object]) -> "Forecast":
        """Of what `stored` gave."""
        said = {name: Sentence.of(kept[name]) for name in ("why", "about") if kept[name]}  # type: ignore[arg-type]
        return cls(**{**kept, "quantiles": tuple(kept["quantiles"]), **said})  # type: ignore[arg-type]


def of(goal: Goal, as_of: date, snapshot: Snapshot, known_at: datetime | None = None) -> Forecast:
    """The forecast of a goal that no grid plans by part, as seen on a day; made once for the same day and the facts
    that it is read from.

    Days that add up are forecast by the season; what is counted or divided anew over a period, and a part of the shop,
    is taken from windows of the period's length (`expectation.rate`).

    known_at : with what had been recorded by then
    """
    answer = _answer(goal, as_of, snapshot, known_at)
    path = answer.find()
    if path is not None:
        return Forecast.of_stored(json.loads(path.read_text()))
    with read.noting() as facts:
        found = _made(goal, as_of, snapshot, known_at)
    answer.keep(facts, lambda draft: draft.write_text(json.dumps(found.stored())))
    return found


def is_made(goal: Goal, as_of: date, snapshot: Snapshot, known_at: datetime | None = None) -> bool:
    """Whether `of` would answer at once."""
    return _answer(goal, as_of, snapshot, known_at).find() is not None


def where(scope: Mapping[str, str | None]) -> tuple[Filter, ...]:
    """The filters of a goal's scope."""
    return tuple(Filter(name, (value,)) for name, value in sorted(scope.items()))


def _answer(goal: Goal, as_of: date, snapshot: Snapshot, known_at: datetime | None) -> cache.Answer:
    plan = goal.version.plan
    shop = plan.shop
    about = (goal.metric, sorted(goal.scope.items()), goal.period, plan.period, _first_on(goal))
    asked = (*about, as_of, shop.settings().digest, tuple(expectation.own_events(shop, as_of)), Forecast.__slots__)
    return cache.Answer("forecast", ".json", shop, snapshot, known_at, asked)


def _first_on(goal: Goal) -> date:
    """The first day with sales, as the draft saw it."""
    return date.fromisoformat(goal.version.outlook.get("first_on", goal.version.plan.starts_on.isoformat()))


def _made(goal: Goal, as_of: date, snapshot: Snapshot, known_at: datetime | None) -> Forecast:
    metric, shop = metrics().get(goal.metric), goal.version.plan.shop
    if metric is None:
        return Forecast.unknown("no_metric", goal)
    adds_up = metric.roll_up == RollUp.SUM or goal.metric in _COUNTED_ONCE
    if adds_up and "day" in metric.dimensions and not goal.scope:
        year = Period(add_months(as_of, -12), as_of)
        if expectation.whole(shop, goal.metric, year, as_of, snapshot, known_at) <= 0:
            return Forecast.unknown("nothing", goal)
        try:
            return _of_days(goal, as_of, snapshot, known_at)
        except ShortHistoryError:
            return Forecast.unknown("short", goal)
    asked = (goal.metric, goal.period, as_of, _first_on(goal), snapshot, known_at, where(goal.scope))
    found = expectation.rate(shop, *asked)
    return Forecast.unknown("no_window", goal) if found is None else Forecast.drawn(found.finish)


def _of_days(goal: Goal, as_of: date, snapshot: Snapshot, known_at: datetime | None) -> Forecast:
    """By the season: the months of the plan as far as the goal's days reach into them. Raises ShortHistoryError."""
    seen = expectation.amount(goal.version.plan.shop, goal.metric, goal.version.plan.period, as_of, snapshot, known_at)
    shares = np.array([_share(month, days, goal.period) for month, days in zip(seen.months, seen.days, strict=True)])
    return Forecast.drawn(seen.samples @ shares, float(seen.actual @ shares), of_newcomers(seen))


def of_newcomers(seen: Expectation) -> Sentence | None:
    """Which of the first customers an expectation of new ones rests on, where not on all."""
    one = seen.first_year
    if one is None:
        return None
    counts = {"counted_count": round(one.counted), "believed_count": round(one.believed)}
    return Sentence("forecast.newcomers", {"first_on": one.first_on, **counts})


def _share(month: date, days: Floats, period: Period) -> float:
    """How much of a month's weight lies in the period, 0-1."""
    weights = days if days.sum() > 0 else np.ones_like(days)
    first, after = ((day - month).days for day in (period.start, period.end))
    return float(weights[max(first, 0) : max(after, 0)].sum() / weights.sum())
