"""What the history lets a plan propose: targets, goals, events, and what is missing. Reads only."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from django.utils import translation
from numpy.typing import NDArray

from topline.accounts.models import Shop
from topline.calendar.occurrence import Occurrence, occurrences
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Query
from topline.plans import answered, expectation, forecast, text
from topline.plans.expectation import OTHER, Expectation, Rate, Slices
from topline.plans.grid import Grid, spread
from topline.plans.models import Goal, Kind, OwnEvent
from topline.plans.text import Sentence
from topline.plans.units import from_minor, to_minor
from topline.units import errors
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

type Floats = NDArray[np.float64]

PLANNED = ("net_sales", "orders", "new_customers")
"""Metrics whose targets stand in a grid by month."""

_LARGEST = 8
_SMALLEST_SHARE = 0.01
_REACH_DAYS = 120


class PlanPeriodError(errors.ToplineError):
    message = N_("A plan is made of whole months, the first day of one to the first day of another.")


class PastPlanError(errors.ToplineError):
    message = N_("The months to plan are over by %(as_of)s. Plan later months, or draft as of an earlier day.")


class EmptyLakeError(errors.ToplineError):
    message = N_("This shop has no history yet. Import its orders, then draft the plan.")


@dataclass(frozen=True, slots=True)
class ProposedLine:
    """A line of the budget as the history proposes it: what a channel of a front was spent on a year before."""

    front_key: str
    activity: str
    channel: str
    planned: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ProposedGoal:
    """A goal as the history proposes it; see `models.Goal`."""

    key: str
    metric: str
    baseline: Decimal | None
    baseline_period: Period
    target: Decimal
    expected: float
    quantiles: tuple[float, ...]
    chance: float | None
    why: list[Any]
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """The contents of a plan version, before anything is written; see `models.PlanVersion`.

    grids : targets in whole units by metric
    outlook : {"level", "model", "error", "first_on", "known_to", "events": [...], "missing": [sentence, ...],
        "months": {metric: [[low, expected, high, last year], ...]}, "days": {metric: {month: [weight of each day]}},
        "by": {dimension: [[name, [[low, expected, high], ...]], ...]}}
    document : the cells of the rows of each field that the history fills
    """

    as_of: date
    snapshot: int
    blocks: list[str | None]
    markets: list[str | None]
    grids: Mapping[str, Grid]
    goals: Sequence[ProposedGoal]
    outlook: dict[str, Any]
    document: Mapping[str, Sequence[Mapping[str, Any]]]
    budget: Sequence[ProposedLine] = ()


def propose(
    shop: Shop,
    period: Period,
    as_of: date,
    snapshot: Snapshot | None = None,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Draft:
    """A draft for the period, from what happened before `as_of`.

    advance : told how many of the outlooks are done, before each

    Raises PlanPeriodError, PastPlanError, EmptyLakeError, ShortHistoryError.
    """
    snapshot = ground(shop, period, as_of, snapshot)
    known, seen = _known(shop, as_of, snapshot), {}
    for done, metric in enumerate(known):
        advance(done, len(known))
        seen[metric] = expectation.amount(shop, metric, period, as_of, snapshot)
    sales = seen["net_sales"]
    targets = {metric: expectation.spoken(one.finish) for metric, one in seen.items()}
    blocks, markets, cells = _cells(sales)
    grids = {"net_sales": _grid("net_sales", targets["net_sales"], cells, shop.currency)}
    for metric, one in seen.items():
        grids.setdefault(metric, _grid(metric, targets[metric], one.mean[None, None], shop.currency))
    daily = _daily(shop, as_of, snapshot)
    first_on = min(daily, default=as_of)
    rates = {
        metric: rate
        for metric in expectation.RATES
        if (rate := expectation.rate(shop, metric, period, as_of, first_on, snapshot))
    }
    goals = [*_amount_goals(shop, period, seen, grids), *_rate_goals(shop, period, rates, targets)]
    goals.sort(key=lambda one: _ORDER.index(one.metric))
    missing = _missing(shop, as_of, snapshot, sales)
    return Draft(
        as_of=as_of,
        snapshot=snapshot.number,
        blocks=blocks,
        markets=markets,
        grids=grids,
        goals=goals,
        outlook={
            "level": expectation.LEVEL,
            "model": sales.model,
            "error": None if np.isnan(sales.error) else sales.error,
            "first_on": first_on.isoformat(),
            "known_to": sales.known_to.isoformat(),
            "months": {metric: _bands(one) for metric, one in seen.items()},
            "days": {metric: _weights(one) for metric, one in seen.items()},
            "by": {dimension: _slice_bands(cut) for dimension, cut in sales.by.items()},
            "events": _events(shop, period, daily, as_of),
            "missing": [sentence.stored() for sentence in missing],
        },
        document=_said(sales, seen.get("new_customers"), goals, first_on),
    )


def aimed(draft: Draft, target: Decimal) -> Draft:
    """The draft whose words speak of that target for net sales."""
    goal = next(one for one in draft.goals if one.metric == "net_sales")
    goal = replace(goal, target=target, chance=expectation.chance(goal.metric, goal.quantiles, float(target)))
    said = retold(draft.document["1.summary"][0]["said"], goal)
    return replace(draft, document={**draft.document, "1.summary": [{"said": said}]})


def retold(said: Sequence[list[Any]], goal: ProposedGoal | Goal) -> list[list[Any]]:
    """The sentences of a drafted summary with what they say of the goal for net sales as it is now."""
    return [said[0], *(sentence.stored() for sentence in _aim(goal))]


def ground(shop: Shop, period: Period, as_of: date, snapshot: Snapshot | None = None) -> Snapshot:
    """The snapshot that a draft of the period is made from: the one given, else the newest.

    Raises PlanPeriodError, PastPlanError, EmptyLakeError.
    """
    if not period.whole_months():
        raise PlanPeriodError()
    if period.end <= as_of:
        raise PastPlanError(as_of=as_of)
    snapshot = snapshot or shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    return snapshot


_ORDER = ("net_sales", "orders", "average_order_value", "new_customers", "repeat_purchase_rate")


def title(kind: Kind, period: Period, language: str) -> str:
    """What a plan is called until somebody names it."""
    params = {"kind": str(kind.label), "first_month": period.start.isoformat(), "last_month": period.last.isoformat()}
    with translation.override(language):
        params["kind"] = str(kind.label)
        return text.render(Sentence("title", params), currency="", language=language)


def _known(shop: Shop, as_of: date, snapshot: Snapshot) -> list[str]:
    """The planned metrics that the lake knows anything of; guests have no customers."""
    query = Query(metrics=PLANNED, as_of=as_of)
    totals = answered.ask(shop, query, snapshot).totals
    return ["net_sales", *(metric for metric in PLANNED[1:] if expectation.number(totals[metric]))]


# Targets -------------------------------------------------------------------------


def _grid(metric: str, target: float, weights: Floats, currency: str) -> Grid:
    """A target spread over (blocks, markets, months) by what each is expected to bring."""
    minor = to_minor(metric, Decimal(str(target)), currency)
    shares = np.maximum(weights, 0)
    blocks, markets, months = shares.shape
    return spread(minor, (blocks, markets, months), (shares if shares.sum() else np.ones_like(shares)).ravel().tolist())


def _cells(sales: Expectation) -> tuple[list[str | None], list[str | None], Floats]:
    """Names of the grid's blocks and markets, and what each cell is expected to bring.

    A month's categories and markets are taken as independent, so that both margins are met.
    """
    blocks, by_block = _largest(sales.by.get("category"), sales.mean)
    markets, by_market = _largest(sales.by.get("market"), sales.mean)
    whole = np.maximum(sales.mean, 1e-9)
    return blocks, markets, by_block[:, None, :] * by_market[None, :, :] / whole


def _largest(cut: Slices | None, whole: Floats) -> tuple[list[str | None], Floats]:
    """The largest slices in their order, and the small ones together: names and (names, months)."""
    if cut is None:
        return [None], whole[None]
    size = np.maximum(cut.mean, 0).sum(axis=1)
    ranked = [int(k) for k in np.argsort(-size, kind="stable")]
    kept = [k for k in ranked[:_LARGEST] if size[k] >= _SMALLEST_SHARE * size.sum()] or ranked[:1]
    rest = [k for k in ranked if k not in kept]
    if len(rest) == 1:
        kept, rest = [*kept, *rest], []
    names = [cut.names[k] for k in kept] + [OTHER] * bool(rest)
    values = np.maximum(cut.mean, 0)
    rows = [values[k] for k in kept] + ([values[rest].sum(axis=0)] if rest else [])
    return names, np.array(rows)


# Goals ---------------------------------------------------------------------------


def _amount_goals(
    shop: Shop, period: Period, seen: Mapping[str, Expectation], grids: Mapping[str, Grid]
) -> Iterable[ProposedGoal]:
    for metric, one in seen.items():
        target = from_minor(metric, grids[metric].total(), shop.currency)
        before = None if np.isnan(one.last_year).any() else _exact(metric, float(one.last_year.sum()), shop.currency)
        quantiles = expectation.quantiles(one.finish)
        yield ProposedGoal(
            key=metric,
            metric=metric,
            baseline=before,
            baseline_period=period.last_year(),
            target=target,
            expected=float(one.finish.mean()),
            quantiles=tuple(quantiles),
            chance=expectation.chance(metric, quantiles, float(target)),
            why=_why("forecast", metric, before, target),
            parent="net_sales" if metric == "orders" else "orders" if metric == "new_customers" else None,
        )


def _rate_goals(
    shop: Shop, period: Period, rates: Mapping[str, Rate], targets: Mapping[str, float]
) -> Iterable[ProposedGoal]:
    for metric, one in rates.items():
        if metric == "average_order_value" and targets.get("orders"):
            reason, wanted = "driver", targets["net_sales"] / targets["orders"]
        else:
            reason, wanted = "trend", expectation.spoken(one.finish)
        target = _exact(metric, wanted, shop.currency)
        before = None if one.before is None else _exact(metric, one.before, shop.currency)
        quantiles = expectation.quantiles(one.finish)
        yield ProposedGoal(
            key=metric,
            metric=metric,
            baseline=before,
            baseline_period=period.last_year(),
            target=target,
            expected=float(one.finish.mean()),
            quantiles=tuple(quantiles),
            chance=expectation.chance(metric, quantiles, float(target)),
            why=_why(reason, metric, before, target),
            parent="net_sales",
        )


def _exact(metric: str, value: float, currency: str) -> Decimal:
    """A value in the digits that the metric is kept in: minor units, pieces, or a tenth of a percent."""
    if metric == "repeat_purchase_rate":
        return round(Decimal(value), 3)
    return from_minor(metric, to_minor(metric, Decimal(value), currency), currency)


def _why(reason: str, metric: str, before: Decimal | None, target: Decimal) -> list[Any]:
    if not before:
        return Sentence(f"why.{reason}_new").stored()
    return Sentence(
        f"why.{reason}", {"metric": metric, "baseline": before, "change_rate": float(target / before - 1)}
    ).stored()


# What the draft says -------------------------------------------------------------


def _daily(shop: Shop, as_of: date, snapshot: Snapshot) -> dict[date, float]:
    """Net sales of the days that have any."""
    query = Query(metrics=("net_sales",), by=("day",), as_of=as_of)
    rows = answered.ask(shop, query, snapshot).rows
    found = {row["day"]: expectation.number(row["net_sales"]) for row in rows if isinstance(row["day"], date)}
    return {day: value for day, value in found.items() if value}


def _events(shop: Shop, period: Period, daily: Mapping[date, float], as_of: date) -> list[dict[str, Any]]:
    """The retail events of the shop's market that the period feels, with what last year's were worth."""
    if not shop.country:
        return []
    last_year = {one.event: one.window for one in _felt(period.last_year(), shop)}
    return [
        {
            "event": one.event,
            "kind": one.kind,
            "start": one.start.isoformat(),
            "end": one.end.isoformat(),
            "lead_in": one.window.start.isoformat(),
            "tail": one.window.end.isoformat(),
            "categories": list(one.categories),
            "is_estimate": one.is_estimate,
            "index": _index(last_year.get(one.event), daily, as_of),
        }
        for one in _felt(period, shop)
    ]


def _felt(period: Period, shop: Shop) -> list[Occurrence]:
    """Events whose window, lead-in and tail included, touches the period."""
    reach = Period(period.start - timedelta(days=_REACH_DAYS), period.end + timedelta(days=_REACH_DAYS))
    own = OwnEvent.objects.occurrences(shop, reach) if not shop._state.adding else []
    found = occurrences(reach, shop.country, own=own)
    return [one for one in found if one.window.start < period.end and one.window.end > period.start]


def _index(window: Period | None, daily: Mapping[date, float], as_of: date) -> float | None:
    """Sales of a day in the window over those of an average day of the year before `as_of`; None if not known whole."""
    first = min(daily, default=as_of)
    if window is None or window.start < first or window.end > as_of:
        return None
    year = Period(max(as_of - timedelta(days=365), first), as_of)
    usual = sum(value for day, value in daily.items() if day in year) / year.days
    inside = sum(value for day, value in daily.items() if day in window) / window.days
    return inside / usual if usual > 0 else None


def _missing(shop: Shop, as_of: date, snapshot: Snapshot, sales: Expectation) -> list[Sentence]:
    """What a full plan lacks, each with what to bring in."""
    before = Period(as_of - timedelta(days=365), as_of)
    asked = {"cost": "cost_of_goods", "stock": "stockout_rate", "spend": "spend", "sessions": "sessions"}
    totals = answered.ask(shop, Query(metrics=tuple(asked.values()), period=before), snapshot).totals
    lacking = [name for name, metric in asked.items() if isinstance(totals[metric], Missing)]
    lacking += [dimension for dimension in ("category", "market") if dimension not in sales.by]
    return [Sentence(f"missing.{name}") for name in lacking]


def _said(
    sales: Expectation, newcomers: Expectation | None, goals: Sequence[ProposedGoal], first_on: date
) -> dict[str, list[dict[str, Any]]]:
    """Generated text of the plan document: its summary, and what the data says."""
    first, last = sales.months[0], sales.months[-1]
    low, expected, high = expectation.band(sales.finish)
    headline = next(one for one in goals if one.metric == "net_sales")
    summary = [
        Sentence(
            "summary.expected",
            {"first_month": first, "last_month": last, "expected_amount": round(Decimal(expected)),
             "low_amount": round(Decimal(low)), "high_amount": round(Decimal(high)), "level_rate": expectation.LEVEL},
        ),
        *_aim(headline),
    ]  # fmt: skip
    known = {"first_on": first_on, "last_on": sales.known_to - timedelta(days=1)}
    data = [Sentence("data.history", {**known, "days_count": (sales.known_to - first_on).days})]
    if not np.isnan(sales.error):
        data.append(Sentence("data.model", {"error_rate": sales.error}))
    if np.isnan(sales.last_year).any():
        data.append(Sentence("data.thin"))
    if newcomers and (about := forecast.of_newcomers(newcomers)):
        data.append(about)
    for dimension, cut in sales.by.items():
        names, values = _largest(cut, sales.mean)
        for name, value in list(zip(names, values.sum(axis=1), strict=True))[:3]:
            if name != OTHER:
                share = float(value / sales.mean.sum())
                data.append(
                    Sentence(
                        f"data.{dimension}", {dimension: name, "sum_amount": round(Decimal(value)), "share_rate": share}
                    )
                )
    return {
        "1.summary": [{"said": [one.stored() for one in summary]}],
        "2.text": [{"said": [one.stored() for one in data]}],
    }


def _aim(headline: ProposedGoal | Goal) -> Iterator[Sentence]:
    """What the plan aims at, how likely that is, and what it was a year before."""
    yield Sentence("summary.target", {"target_amount": _bare(headline.target), "chance_rate": headline.chance})
    if headline.baseline:
        change = float(headline.target / headline.baseline - 1)
        yield Sentence("summary.before", {"before_amount": _bare(headline.baseline), "change_rate": change})


def _bare(amount: Decimal) -> Decimal:
    """The amount without zeros at its end, so that it is kept alike whether it was stored before or not."""
    return Decimal(f"{amount.normalize():f}")


def _bands(one: Expectation) -> list[list[float | None]]:
    """[low, expected, high, last year] of each month."""
    rows = zip(one.low, one.mean, one.high, one.last_year, strict=True)
    return [[None if np.isnan(value) else float(value) for value in row] for row in rows]


def _slice_bands(cut: Slices) -> list[list[Any]]:
    """[name, [[low, expected, high] of each month]] of each slice."""
    return [
        [name, np.stack([cut.low[k], cut.mean[k], cut.high[k]], axis=1).tolist()] for k, name in enumerate(cut.names)
    ]


def _weights(one: Expectation) -> dict[str, list[float]]:
    return {month.isoformat(): [float(w) for w in days] for month, days in zip(one.months, one.days, strict=True)}
