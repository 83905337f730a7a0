"""Where a coming budget brings most: spread over channels and weeks, compared with today's split and the plan's."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.outlook.response import ResponseOutlook
from topline.science import budget, response
from topline.units.errors import ToplineError
from topline.units.money import minor_digits
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Band = tuple[float, float, float]

GOALS = ("profit", "sales", "customers", "mix")
LEVEL = 0.9
STEP = 1_000
"""The next amount whose return is told, in whole units of the currency."""

MOST_WEEKS = 26
LEAST_SHARE, MOST_SHARE = 0.3, 2.0
"""Limits of a channel unless stated: as multiples of today's share of the budget."""

_DRAWS = 160
_MOST_TIMES = 12
_POINTS = np.r_[0.0, np.geomspace(0.02, _MOST_TIMES, 96)]


class BudgetGoalError(ToplineError):
    message = N_("%(goal)s can't be the goal of the budget: %(reason)s.")


class NoBudgetError(ToplineError):
    message = N_("A budget is an amount above zero over 1 to %(most)s weeks.")


class BeyondSpendError(ToplineError):
    message = N_(
        "%(amount)s over %(weeks)s weeks is beyond what past spend can tell of: up to %(most)s, %(times)s times the "
        "usual. Ask for less."
    )


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a person decides or knows better.

    budget : minor units over all the weeks; None for what the last quarter's pace comes to
    goal : one of GOALS; mix counts profit and what a new customer is worth beyond the first orders
    margin_rate : what of a sale remains before marketing, 0-1; None if no costs are known
    customer_worth : in the currency, counted by the goal mix only
    limits : least and most by channel, minor units over all the weeks; LEAST_SHARE and MOST_SHARE of today's else
    own : a split to look at beside the best one, minor units by channel; what it leaves out stays as in the best
    planned : what an active plan gives each channel, minor units; None without one
    """

    budget: int | None = None
    weeks: int = 13
    goal: str = "sales"
    margin_rate: float | None = None
    customer_worth: float = 0.0
    limits: Mapping[int, tuple[int | None, int | None]] | None = None
    own: Mapping[int, int] | None = None
    planned: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Split:
    """A way to spend the weeks.

    cells : (C, W) minor units by channel and week
    worth : what it brings above no spend in the weeks and the twelve after them, in the goal's unit, less its cost
        where the goal is profit: low, expected, high
    sales : net sales that it brings; customers : new customers, None if those weren't learnt
    better_rate : probability that it is worth more than today's split, 0-1
    """

    cells: Ints
    worth: Band
    sales: Band | None
    customers: Band | None
    better_rate: float

    @property
    def channels(self) -> Ints:
        """(C,) minor units by channel."""
        sums: Ints = self.cells.sum(axis=1)
        return sums


@dataclass(frozen=True, slots=True)
class ChannelOutlook:
    """A channel at the split that is looked at.

    low, high : its limits, minor units over all the weeks
    brings : what the channel's spend brings in the goal's unit, its cost not taken off
    next_step : what STEP more over the weeks brings, its cost not taken off
    roi : what a unit of money brings on average; None where nothing is spent
    saturated_rate : how much of its top it reaches, 0-1
    payback_weeks : weeks until what it brings covers what it costs, None if it never does or the goal isn't money
    is_moved : whether its past tells anything; if not, it keeps today's spend unless limits are stated
    curve : spend a week (n,), and low, expected and high of what it brings (n,) a week
    """

    channel: str | None
    low: int
    high: int
    brings: Band
    next_step: Band
    roi: float | None
    saturated_rate: float
    payback_weeks: int | None
    is_moved: bool
    curve: tuple[Floats, Floats, Floats, Floats]


@dataclass(frozen=True, slots=True)
class BudgetOutlook:
    """The answer: splits by name (today, best, and plan and own where there are such), and each channel at `shown`.

    tried : minor units, the most that was ever spent in as many weeks
    net : cumulated worth less spend of the shown split by week, (W + 12,) low, expected, high; None if not in money
    """

    assumptions: Assumptions
    budget: int
    tried: int
    currency: str
    splits: dict[str, Split]
    shown: str
    channels: tuple[ChannelOutlook, ...]
    net: tuple[Floats, Floats, Floats] | None
    unit: str


def answer(outlooks: Mapping[str, ResponseOutlook], assumptions: Assumptions, currency: str) -> BudgetOutlook:
    """Where the budget brings most, from the responses of net sales and of new customers, as far as they were learnt.

    Raises BudgetGoalError, NoBudgetError, BeyondSpendError, BudgetLimitsError, CrossedLimitsError.
    """
    value = _Value(outlooks, assumptions)
    weeks, digits = assumptions.weeks, minor_digits(currency)
    today = _today(value.first, assumptions, digits)
    total = int(today.sum()) if assumptions.budget is None else assumptions.budget
    if not 1 <= weeks <= MOST_WEEKS or total <= 0:
        raise NoBudgetError(most=MOST_WEEKS)
    reference = np.maximum(value.first.today, value.first.spend.mean(axis=0))
    furthest = int(float(reference.sum()) * _MOST_TIMES * weeks * 10**digits)
    if (most := max([total, *_asked(assumptions)])) > furthest:
        raise BeyondSpendError(
            amount=_said(most, currency), weeks=weeks, most=_said(furthest, currency), times=_MOST_TIMES
        )
    today = _scaled(today, total)
    low, high = _limits(value, assumptions, today, furthest)
    _check(low, high, total, currency)
    grid = reference[:, None] * _POINTS
    curves = budget.Curves(grid * 10**digits, _rising(value.steady(grid).mean(axis=0)))
    cells = {"today": _even(today, weeks), "best": budget.spread(curves, total, low, high, np.ones(weeks))}
    if assumptions.planned is not None and any(assumptions.planned):
        cells["plan"] = _even(np.array(assumptions.planned, np.int64), weeks)
    if assumptions.own:
        kept = cells["best"].sum(axis=1)
        for place, amount in assumptions.own.items():
            kept[place] = amount
        cells["own"] = _even(kept, weeks)
    shown = "own" if "own" in cells else "best"
    unit = float(10.0**-digits)
    nothing = value.path(np.zeros((len(low), weeks)))
    brought = {
        name: {id_: each - nothing[id_] for id_, each in value.path(_floats(one * unit)).items()}
        for name, one in cells.items()
    }
    gains = {
        name: value.of(paths).sum(axis=(1, 2)) - value.cost * cells[name].sum() * unit
        for name, paths in brought.items()
    }
    splits = {
        name: Split(
            cells=one,
            worth=_band(gains[name]),
            sales=_total(brought[name], "net_sales"),
            customers=_total(brought[name], "new_customers"),
            better_rate=float(np.mean(gains[name] > gains["today"])) if name != "today" else 0.0,
        )
        for name, one in cells.items()
    }
    more = value.path(_floats(cells[shown] * unit + STEP / weeks))
    base = value.of(brought[shown])
    steps = (value.of({id_: each - nothing[id_] for id_, each in more.items()}) - base).sum(axis=2)
    return BudgetOutlook(
        assumptions=assumptions,
        budget=total,
        tried=_tried(value.first.spend.sum(axis=1), weeks, digits),
        currency=currency,
        splits=splits,
        shown=shown,
        channels=tuple(
            _channel(value, c, cells[shown][c] * unit, (int(low[c]), int(high[c])), base[:, c], steps[:, c], grid[c])
            for c in range(len(low))
        ),
        net=_net(base.sum(axis=1), _floats(cells[shown].sum(axis=0) * unit)) if value.is_money else None,
        unit="money" if value.is_money else "count",
    )


class _Value:
    """What responses are worth under a goal: weights of net sales and new customers, on the same channels."""

    def __init__(self, outlooks: Mapping[str, ResponseOutlook], assumptions: Assumptions) -> None:
        weights = self._weights(outlooks, assumptions)
        self.weights = {id_: weight for id_, weight in weights.items() if weight}
        self.cost = 1.0 if assumptions.goal in ("profit", "mix") else 0.0
        self.is_money = assumptions.goal != "customers"
        self.first = outlooks["net_sales"] if "net_sales" in outlooks else outlooks["new_customers"]
        self.places = {
            id_: [one.channels.index(channel) if channel in one.channels else -1 for channel in self.first.channels]
            for id_, one in outlooks.items()
        }
        self.fits = {id_: response.thinned(one.fitted, _DRAWS) for id_, one in outlooks.items()}
        self.befores = {id_: one.before for id_, one in outlooks.items()}

    @staticmethod
    def _weights(outlooks: Mapping[str, ResponseOutlook], asked: Assumptions) -> dict[str, float]:
        if asked.goal not in GOALS:
            raise BudgetGoalError(goal=asked.goal, reason=N_("there is no such goal"))
        if asked.goal != "customers" and "net_sales" not in outlooks:
            raise BudgetGoalError(goal=asked.goal, reason=N_("no sales are known"))
        if asked.goal in ("customers", "mix") and "new_customers" not in outlooks:
            raise BudgetGoalError(goal=asked.goal, reason=N_("no new customers are known"))
        if asked.goal in ("profit", "mix") and asked.margin_rate is None:
            raise BudgetGoalError(goal=asked.goal, reason=N_("no costs are known; state the margin"))
        margin = asked.margin_rate or 0.0
        sales = {"profit": margin, "mix": margin, "sales": 1.0, "customers": 0.0}[asked.goal]
        customers = {"mix": asked.customer_worth, "customers": 1.0}.get(asked.goal, 0.0)
        return {"net_sales": sales, "new_customers": customers}

    def steady(self, spend: Floats) -> Floats:
        """(draws, C, n) worth a week at steady spend (C, n)."""
        found = np.zeros((_DRAWS, *spend.shape))
        for id_, weight in self.weights.items():
            mine = self._mine(id_)
            found[:, mine] += weight * response.steady(_of(self.fits[id_], self._theirs(id_)), spend[mine])
        return found

    def path(self, spend: Floats) -> dict[str, Floats]:
        """(draws, C, W + 12) of each metric for spend (C, W), and the twelve weeks after it without any."""
        whole = np.concatenate([spend, np.zeros((len(spend), response.LAGS - 1))], axis=1)
        found = {}
        for id_, fitted in self.fits.items():
            mine, theirs = self._mine(id_), self._theirs(id_)
            found[id_] = np.zeros((_DRAWS, *whole.shape))
            found[id_][:, mine] = response.path(_of(fitted, theirs), whole[mine], self.befores[id_][theirs])
        return found

    def of(self, paths: Mapping[str, Floats]) -> Floats:
        """(draws, C, W + 12) what paths of the metrics are worth."""
        return np.asarray(sum(weight * paths[id_] for id_, weight in self.weights.items()))

    def _mine(self, id_: str) -> list[int]:
        return [c for c, place in enumerate(self.places[id_]) if place >= 0]

    def _theirs(self, id_: str) -> list[int]:
        return [place for place in self.places[id_] if place >= 0]


def _of(fitted: response.Response, channels: list[int]) -> response.Response:
    """The same for some of the channels."""
    return response.Response(
        fitted.mean[channels],
        fitted.top[:, channels],
        fitted.half[:, channels],
        fitted.slope[:, channels],
        fitted.carry_rate[:, channels],
        fitted.noise,
        fitted.is_moved[channels],
        fitted.base,
        fitted.explained_rate,
    )


def _today(outlook: ResponseOutlook, asked: Assumptions, digits: int) -> Ints:
    """(C,) the last quarter's pace over the weeks, minor units; that of the whole history where nothing was spent."""
    pace = outlook.today if outlook.today.sum() > 0 else outlook.spend.mean(axis=0)
    return np.asarray(np.rint(pace * asked.weeks * 10**digits), np.int64)


def _scaled(today: Ints, total: int) -> Ints:
    from topline.science.season import spread

    return np.array(spread(total, today.astype(float)), np.int64)


def _even(channels: Ints, weeks: int) -> Ints:
    """(C, W) each channel's amount over the weeks, evenly to the last minor unit."""
    whole, rest = channels // weeks, channels % weeks
    return np.asarray(whole[:, None] + (np.arange(weeks) < rest[:, None]), np.int64)


def _asked(asked: Assumptions) -> list[int]:
    """What is asked to be spent, minor units: at least on channels, and on those of a split of one's own."""
    return [*(least for least, _ in (asked.limits or {}).values() if least), *(asked.own or {}).values()]


def _tried(spend: Floats, weeks: int, digits: int) -> int:
    """Of spend a week (T,) the most in so many weeks in a row, minor units."""
    summed = np.convolve(spend, np.ones(min(weeks, len(spend))), "valid")
    return int(np.rint(summed.max() * 10**digits))


def _limits(value: _Value, asked: Assumptions, today: Ints, furthest: int) -> tuple[Ints, Ints]:
    moved = value.first.fitted.is_moved
    low = np.where(moved, np.floor(LEAST_SHARE * today), today).astype(np.int64)
    high = np.where(moved, np.ceil(MOST_SHARE * today), today).astype(np.int64)
    for place, (least, most) in (asked.limits or {}).items():
        low[place] = low[place] if least is None else least
        high[place] = high[place] if most is None else min(most, furthest)
        if least is None:
            low[place] = min(low[place], high[place])
        if most is None:
            high[place] = max(low[place], high[place])
    return low, high


def _check(low: Ints, high: Ints, total: int, currency: str) -> None:
    """Raises the errors of `budget.spread` with amounts as people write them."""
    if (low > high).any():
        place = int(np.argmax(low > high))
        raise budget.CrossedLimitsError(low=_said(low[place], currency), high=_said(high[place], currency))
    if not low.sum() <= total <= high.sum():
        least, most = _said(low.sum(), currency), _said(high.sum(), currency)
        raise budget.BudgetLimitsError(least=least, most=most, budget=_said(total, currency))


def _said(minor: Any, currency: str) -> str:
    return f"{Decimal(int(minor)).scaleb(-minor_digits(currency)):,f} {currency}"


def _floats(values: Any) -> Floats:
    return np.asarray(values, np.float64)


def _rising(worth: Floats) -> Floats:
    return np.asarray(np.maximum.accumulate(worth, axis=1))


def _band(draws: Floats) -> Band:
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(draws.mean()), float(high)


def _total(paths: Mapping[str, Floats], id_: str) -> Band | None:
    return _band(paths[id_].sum(axis=(1, 2))) if id_ in paths else None


def _net(brought: Floats, spent: Floats) -> tuple[Floats, Floats, Floats]:
    """Cumulated worth less spend by week: low, expected, high."""
    cost = np.r_[spent, np.zeros(brought.shape[1] - len(spent))]
    net = np.cumsum(brought - cost, axis=1)
    low, high = np.quantile(net, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, net.mean(axis=0), high


def _channel(
    value: _Value, c: int, spent: Floats, limits: tuple[int, int], brought: Floats, step: Floats, grid: Floats
) -> ChannelOutlook:
    total = float(spent.sum())
    brings = brought.sum(axis=1)
    worth = value.steady(np.where(np.arange(len(value.first.channels))[:, None] == c, grid, 0.0))[:, c]
    low, high = np.quantile(worth, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    place = next(iter(value.fits))
    share = response.saturated_rate(value.fits[place], np.full(len(value.fits[place].mean), spent.mean()))
    theirs = value.places[place][c]
    return ChannelOutlook(
        channel=value.first.channels[c],
        low=limits[0],
        high=limits[1],
        brings=_band(brings),
        next_step=_band(step),
        roi=float(brings.mean()) / total if total else None,
        saturated_rate=float(share[:, theirs].mean()) if theirs >= 0 else 0.0,
        payback_weeks=_payback(value, theirs, float(brings.mean()) / total) if total and value.is_money else None,
        is_moved=bool(value.first.fitted.is_moved[c]),
        curve=(grid, low, worth.mean(axis=0), high),
    )


def _payback(value: _Value, place: int, roi: float) -> int | None:
    """The week, 0 the one of the spend, by whose end the effect so far covers the cost."""
    if place < 0 or roi < 1:
        return None
    carry = value.fits[next(iter(value.fits))].carry_rate[:, place, None] ** np.arange(response.LAGS)
    arrived = np.cumsum(carry / carry.sum(axis=1, keepdims=True), axis=1).mean(axis=0)
    return int(np.argmax(arrived * roi >= 1))
