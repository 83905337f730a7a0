"""What each channel's spend brings: a shop's weeks read from the lake, and the fit over them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.calendar import holiday
from topline.facts.order_line import Kind
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.outlook import history
from topline.science import response
from topline.units.missing import Missing
from topline.units.period import Period

Floats = NDArray[np.float64]

METRICS = ("net_sales", "new_customers")
"""What spend is measured by."""

MOST_CHANNELS = 12
OTHER = "*"
"""The name of all channels beyond the largest twelve together."""

RECENT_WEEKS = 13
_WEEK = timedelta(days=7)
_SEED = 20_261_122
_MOST_WINDOWS = 5_000
_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Experiment:
    """A lift test as people record it: what a channel brought more in a week at `high` spend than at `low`.

    metric : what the effect was counted in, one of METRICS; error : standard error of the effect
    """

    channel: str
    metric: str
    low: float
    high: float
    effect: float
    error: float


@dataclass(frozen=True, slots=True)
class ResponseOutlook:
    """What a run learnt of a metric's response to the spend of each channel.

    metric : one of METRICS; money is in the shop's currency
    as_of : the day it was made on; weeks : (T,) first days of the weeks that it learnt from
    channels : (C,) None for spend without a channel, OTHER for the small ones together
    spend : (T, C) money a week; came : (T,) the metric
    controls : what else was taken into account
    tests : experiments that weighed as data
    """

    metric: str
    as_of: date
    snapshot: int
    weeks: tuple[date, ...]
    channels: tuple[str | None, ...]
    spend: Floats
    came: Floats
    controls: tuple[str, ...]
    tests: int
    fitted: response.Response

    @property
    def today(self) -> Floats:
        """(C,) mean spend a week of the last quarter."""
        recent: Floats = self.spend[-RECENT_WEEKS:].mean(axis=0)
        return recent

    @property
    def before(self) -> Floats:
        """(C, 12) the last weeks' spend, whose effect still goes on."""
        return self.spend[-(response.LAGS - 1) :].T

    def contributions(self) -> Floats:
        """(draws, C, T) what each channel brought in each week."""
        return response.path(self.fitted, self.spend.T, response.first_weeks(self.spend))


def run(
    lake: Lake,
    snapshot: Snapshot,
    *,
    as_of: date,
    settings: Settings,
    metric: str = "net_sales",
    experiments: Sequence[Experiment] = (),
    newcomers: ResponseOutlook | None = None,
) -> ResponseOutlook:
    """What was learnt from the whole weeks before `as_of`, with promotions, prices and moving events as controls.

    newcomers : what was learnt of new customers. It is less blurred by what baskets hold and by those who come back, so
        with net sales it weighs as a test of each channel: that many baskets, within a third

    The same snapshot and arguments give the same numbers. Raises TooFewWeeksError, NothingSpentError,
    NothingHappenedError, SteadySpendError.
    """
    spent = _weekly(lake, snapshot, "marketing_cost", as_of, settings, by_channel=True)
    came = _weekly(lake, snapshot, metric, as_of, settings)
    weeks = _whole_weeks(spent, came, as_of)
    channels, spend = _spend(spent, weeks)
    if not any(amount > 0 for amount in spent.values()):
        raise response.NothingSpentError()
    if not channels:
        raise response.TooFewWeeksError(found=0, least=response.LEAST_WEEKS)
    names, controls = _controls(lake, snapshot, weeks, settings)
    place = {channel: c for c, channel in enumerate(channels)}
    tests = [
        response.LiftTest(place[one.channel], one.low, one.high, one.effect, one.error)
        for one in experiments
        if one.metric == metric and one.channel in place
    ]
    values = np.array([came.get((week, None), 0.0) for week in weeks])
    if newcomers is not None:
        orders = _weekly(lake, snapshot, "orders", as_of, settings)
        basket = values.sum() / max(sum(orders.get((week, None), 0.0) for week in weeks), 1.0)
        tests += _baskets(newcomers, place, basket)
    fitted = response.fit(spend, values, rng=np.random.default_rng(_SEED), controls=controls, tests=tests)
    if not fitted.is_moved.any():
        raise response.SteadySpendError()
    return ResponseOutlook(
        metric=metric,
        as_of=as_of,
        snapshot=snapshot.number,
        weeks=weeks,
        channels=channels,
        spend=spend,
        came=values,
        controls=names,
        tests=sum(one.metric == metric and one.channel in place for one in experiments),
        fitted=fitted,
    )


def _baskets(newcomers: ResponseOutlook, place: dict[str | None, int], basket: float) -> Iterator[response.LiftTest]:
    """What each channel's new customers buy at first, as the result of a test at its mean spend."""
    mean = newcomers.fitted.mean
    brought = basket * response.steady(newcomers.fitted, mean[:, None])[..., 0]
    floor = _FLOOR * brought.mean()
    for c, channel in enumerate(newcomers.channels):
        if channel in place and newcomers.fitted.is_moved[c]:
            effect = float(brought[:, c].mean())
            error = float(np.sqrt(brought[:, c].var() + (effect / 3) ** 2 + floor**2))
            yield response.LiftTest(place[channel], 0.0, float(mean[c]), effect, error)


type _Cells = dict[tuple[date, str | None], float]


def _weekly(
    lake: Lake, snapshot: Snapshot, metric: str, as_of: date, settings: Settings, *, by_channel: bool = False
) -> _Cells:
    by = ("week", "channel") if by_channel else ("week",)
    query = Query(metrics=(metric,), by=by, as_of=as_of)
    answer = read.read(lake, query, scope=Scope.whole(lake.shop), settings=settings, snapshot=snapshot)
    found: _Cells = {}
    for row in answer.rows:
        week, value = row["week"], row[metric]
        if isinstance(week, date) and isinstance(value, Decimal | int | float):
            name = row["channel"] if by_channel else None
            channel = None if name is None or isinstance(name, Missing) else str(name)
            found[week, channel] = found.get((week, channel), 0.0) + float(value)
    return found


def _whole_weeks(spent: _Cells, came: _Cells, as_of: date) -> tuple[date, ...]:
    """The first days of the weeks that both spend and the metric were recorded in from begin to end."""
    if not spent or not came:
        return ()
    first = max(min(week for week, _ in cells) for cells in (spent, came)) + _WEEK
    last = min(max(week for week, _ in came), max(week for week, _ in spent) + history.STALE_DAYS * timedelta(days=1))
    last = last if last + _WEEK <= as_of else last - _WEEK
    return tuple(first + k * _WEEK for k in range((last - first).days // 7 + 1))


def _spend(spent: _Cells, weeks: tuple[date, ...]) -> tuple[tuple[str | None, ...], Floats]:
    """The channels, the largest first, and what was spent on each, (T, C) >= 0."""
    sums: dict[str | None, float] = {}
    known = set(weeks)
    for (week, channel), amount in spent.items():
        if week in known:
            sums[channel] = sums.get(channel, 0.0) + max(amount, 0.0)
    ranked = [channel for channel in sorted(sums, key=lambda one: -sums[one]) if sums[channel] > 0]
    channels = tuple(ranked if len(ranked) <= MOST_CHANNELS else [*ranked[: MOST_CHANNELS - 1], OTHER])
    spend = np.zeros((len(weeks), len(channels)))
    place = {channel: c for c, channel in enumerate(channels)}
    row = {week: t for t, week in enumerate(weeks)}
    for (week, channel), amount in spent.items():
        if week in row and channel in sums and sums[channel] > 0:
            spend[row[week], place.get(channel, len(channels) - 1)] += max(amount, 0.0)
    return channels, spend


def _controls(
    lake: Lake, snapshot: Snapshot, weeks: tuple[date, ...], settings: Settings
) -> tuple[tuple[str, ...], Floats | None]:
    """What else moves sales, by week: (names, (T, K)), only columns that vary."""
    if not weeks:
        return (), None
    found = {
        "prices": _prices(lake, snapshot, weeks),
        "promotions": _promotions(lake, snapshot, weeks),
        **_events(weeks, settings.country),
    }
    kept = {name: column for name, column in found.items() if column.std() > 0}
    return tuple(kept), np.column_stack(list(kept.values())) if kept else None


def _prices(lake: Lake, snapshot: Snapshot, weeks: tuple[date, ...]) -> Floats:
    """(T,) what goods sold for against each product's own mean, 1 on average; 1 where nothing was sold."""
    import ibis

    lines: Any = engine.table(lake, "order_line", snapshot)
    is_sold = (lines.kind == Kind.GOODS_SOLD.value) & (lines.quantity > 0) & (lines.amount_shop > 0)
    inside = (lines.on >= weeks[0]) & (lines.on < weeks[-1] + _WEEK)
    lines = lines.filter(is_sold & inside & lines.product_key.notnull())
    week = (ibis.literal(weeks[0]).delta(lines.on, unit="day") * -1 // 7).cast("int64")
    sold = lines.group_by(week=week, product_key=lines.product_key).aggregate(
        amount=lines.amount_shop.sum().cast("float64"), quantity=lines.quantity.sum().cast("float64")
    )
    usual = sold.amount.sum() / sold.quantity.sum()
    sold = sold.mutate(usual=usual.over(ibis.window(group_by=sold.product_key)))
    index = sold.group_by("week").aggregate(rate=sold.amount.sum() / (sold.quantity * sold.usual).sum())
    rows = engine.execute(index)
    found = np.ones(len(weeks))
    found[np.asarray(rows["week"].to_numpy(), np.int64)] = rows["rate"].to_numpy()
    return found


def _promotions(lake: Lake, snapshot: Snapshot, weeks: tuple[date, ...]) -> Floats:
    """(T,) days of promotion in the week, each weighed by the share of the promoted products that it holds."""
    table: Any = engine.table(lake, "promotion", snapshot)
    windows = table.group_by("on", "until_on").aggregate(products=table.product_key.nunique(), rows=table.count())
    rows = engine.execute(windows.order_by(windows.rows.desc()).limit(_MOST_WINDOWS)).to_pylist()
    most = max((row["products"] for row in rows), default=0)
    found = np.zeros(len(weeks))
    for row in rows:
        share = row["products"] / most if row["products"] else 1.0
        first, last = ((row[name] - weeks[0]).days for name in ("on", "until_on"))
        for week in range(max(first // 7, 0), min((last - 1) // 7 + 1, len(weeks))):
            found[week] += share * (min(last, 7 * week + 7) - max(first, 7 * week))
    return found


def _events(weeks: tuple[date, ...], country: str) -> dict[str, Floats]:
    """Days of each event whose date moves and which came at least twice, and holidays, by week."""
    if not country:
        return {}
    whole = Period(weeks[0], weeks[-1] + _WEEK)
    free = np.zeros(len(weeks))
    for one in holiday.holidays(country, whole):
        free[(one.on - whole.start).days // 7] += 1
    found = {"holidays": free}
    for name, days in history.moving_events(whole, country).items():
        weekly = days.reshape(-1, 7).sum(axis=1).astype(float)
        if np.count_nonzero(np.diff(np.r_[False, days]) > 0) > 1:
            found[name] = weekly
    return found
