"""What a shop will sell of each product, by market, channel and week, how sure that is, and what it rests on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.calendar.occurrence import Occurrence, occurrences
from topline.facts.forecast import TABLE
from topline.facts.order_line import Kind
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Appended, Lake
from topline.metrics.settings import Settings
from topline.outlook import price as prices
from topline.outlook.history import STALE_DAYS, History, horizon
from topline.science import conformal, rhythm, season, spread, stack
from topline.science.demand import ShortHistoryError
from topline.science.panel import Panel, sum_by
from topline.units.errors import ToplineError
from topline.units.period import Grain, Period
from topline.units.text import N_

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

METRIC = "units"
LEVEL = 0.8
WEEKS = 13
LEAST_WEEKS = 13
DIMENSIONS = ("category", "market", "channel", "product")
CLASSES = ("A", "B", "C")
OTHER = "*"
"""The name of the market or channel that holds all the small ones together."""

_WEEK = 7
_KEPT_WEEKS = 52
_OUT_OF_STOCK_DAYS = 2
_NAMES = 8
_BETTER, _TRIED = 0.02, 3
_SHARES = (0.8, 0.95)
_NOISE_WEEKS = 104
_LEAST_NOISE, _MOST_NOISE = 0.02, 0.5
_UNTRIED = 0.2
_GROWTH = 0.25
_MEASURED = 60
_MOST_LOG = 2.0
_LEAST_SCORES = 200
_HISTORY_YEARS = 3
_WINDOW = 8
_ALARM = 0.01
_LEAST_OVER = 4
_FEW_PROMOTED = 0.1


class UnknownProductError(ToplineError):
    message = N_("The shop has never sold a product “%(product)s”. A plan for it needs a product that has a history.")


class PlannedValueError(ToplineError):
    message = N_("“%(text)s” can't be planned: a price is above 0, a discount is a share from 0 to below 1.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A price or promotion that is planned for coming weeks.

    product : one product, None for all of `category` or, if that is None too, of the shop
    period : its days
    price : in the shop's currency, None to leave it
    discount : share taken off, 0-1; is_promoted : whether it is shown as a promotion
    """

    product: str | None = None
    category: str | None = None
    period: Period
    price: float | None = None
    discount: float = 0.0
    is_promoted: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.discount < 1 or (self.price is not None and self.price <= 0):
            raise PlannedValueError(text=self.price if self.price is not None else self.discount)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How forecasts of a segment did, a horizon ahead, from earlier origins.

    wape, naive_wape : sum of absolute errors over the sum of actuals by week; naive is the same week of last year, or
        the last week where no year is known
    total_wape : of the totals of the whole horizon; bias : their signed error, > 0 if too much was expected
    inside : share of weeks within the interval
    """

    wape: float
    naive_wape: float
    total_wape: float
    bias: float
    inside: float
    origins: int

    @property
    def is_better(self) -> bool:
        return self.wape < self.naive_wape


@dataclass(frozen=True, slots=True)
class Slices:
    """Weeks of the values of a dimension, which sum to the total.

    names : k values, None for sales without one; keys of products for products
    titles : what people call them
    history : (k, t); mean, low, high : (k, h)
    whole : (k, 3) low, mean and high of all weeks together: narrower than its weeks, whose luck evens out
    accuracy : by name, of those that sold in the weeks that were tried; of products only by class
    """

    names: tuple[str | None, ...]
    titles: tuple[str, ...]
    history: Floats
    mean: Floats
    low: Floats
    high: Floats
    whole: Floats
    accuracy: Mapping[str | None, Accuracy]


@dataclass(frozen=True, slots=True)
class Driver:
    """A series from outside, and whether forecasts of the past were better with it.

    error, error_without : mean absolute percentage error of groups in the backtest
    low, expected, high : factors on the units of the horizon if it comes as stated, against it staying as it is
    """

    name: str
    is_used: bool
    error: float
    error_without: float
    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True)
class Drift:
    """Whether what came since fell outside what was published more often than the backtest allows.

    outside : weeks outside the interval, of `weeks` that were forecast a week ahead
    came, low, mean, high : units of the newest of these weeks, and what was forecast of it; 0 without weeks
    """

    weeks: int
    outside: int
    is_alarming: bool
    came: float = 0.0
    low: float = 0.0
    mean: float = 0.0
    high: float = 0.0


@dataclass(frozen=True, slots=True)
class Tried:
    """Forecasts from an earlier origin, what came, and seasonal naive; all (k, h)."""

    mean: Floats
    scale: Floats
    actual: Floats
    naive: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Bottom:
    """The series of product, market and channel themselves, of which every slice is a sum.

    units : (n, t) by week; of : dimension -> (n,) places in names[dimension]; titles : of the products
    mean, scale : (n, h), 0 for what has not sold in a year; tests : the newest origin first
    day_weight : (c, 7 h) how strong a day each is in each category, day_scatter : (c,) variance over mean of a day's
        units about its share of the week
    """

    units: Floats
    of: Mapping[str, Ints]
    names: Mapping[str, tuple[str | None, ...]]
    titles: tuple[str, ...]
    mean: Floats
    scale: Floats
    tests: tuple[Tried, ...]
    day_weight: Floats
    day_scatter: Floats

    def only(self, rows: NDArray[np.bool_]) -> "Bottom":
        """Some of the series."""
        return replace(
            self,
            units=self.units[rows],
            of={name: code[rows] for name, code in self.of.items()},
            mean=self.mean[rows],
            scale=self.scale[rows],
            tests=tuple(
                Tried(one.mean[rows], one.scale[rows], one.actual[rows], one.naive[rows]) for one in self.tests
            ),
        )


@dataclass(frozen=True, slots=True)
class DemandOutlook:
    """What a run expects of a shop's products.

    as_of, snapshot : the day that it was made on, and what it read
    past, weeks : (t,) and (h,) first days of weeks; the first week ahead holds `as_of`
    total : one slice; by : dimension -> slices
    classes : accuracy of products by class: A those with 80 % of units, B the next 15 %, C the rest
    inputs : what the model looks at -> its share
    drivers : series from outside; changes : planned prices and promotions that it reckons with
    unknown_weeks : weeks of products left out because the shelf was empty
    promoted, promoted_ahead : share of sales that is usually under a promotion in the weeks ahead, 0-1, and that is
        known to be
    bottom : of a run that has just been made; kept beside it
    """

    as_of: date
    snapshot: int
    past: tuple[date, ...]
    weeks: tuple[date, ...]
    level: float
    total: Slices
    by: dict[str, Slices]
    classes: Mapping[str, Accuracy]
    inputs: Mapping[str, float]
    drivers: tuple[Driver, ...]
    changes: tuple[Change, ...]
    unknown_weeks: int
    series: int
    model: str
    promoted: float = 0.0
    promoted_ahead: float = 0.0
    bottom: Bottom | None = None

    @property
    def promotes_as_usual(self) -> bool:
        """True if what will be promoted is not entered, so that as much as usual is expected to be."""
        return _is_open(self.promoted, self.promoted_ahead)

    @property
    def accuracy(self) -> Accuracy | None:
        """Of the total, None if the history is too short to have tried."""
        return self.total.accuracy.get(None)

    def segments(self) -> Iterator[tuple[str, str | None, Accuracy]]:
        """Dimension, name and accuracy: of the total, of the values of dimensions, and of products by class."""
        for dimension, cells in [("total", self.total), *self.by.items()]:
            for name, found in cells.accuracy.items():
                if dimension != "product":
                    yield dimension, name, found
        for name, found in self.classes.items():
            yield "product", name, found

    def accuracy_rows(self) -> Iterator[dict[str, object]]:
        """The same as plain rows."""
        for dimension, name, found in self.segments():
            yield {"dimension": dimension, "segment": name, **asdict(found)}


@dataclass(frozen=True, slots=True)
class _Sales:
    """Units by series and week, and what is known of the series.

    units : (n, t); of : dimension -> (n,) places in names[dimension]
    """

    start: date
    units: Floats
    of: dict[str, Ints]
    names: dict[str, tuple[str | None, ...]]
    titles: tuple[str, ...]
    price: Floats

    @property
    def end(self) -> date:
        return self.start + timedelta(days=_WEEK * self.units.shape[1])


def run(
    lake: Lake,
    snapshot: Snapshot,
    *,
    as_of: date,
    settings: Settings,
    weeks: int = WEEKS,
    changes: Iterable[Change] = (),
    level: float = LEVEL,
    own: Iterable[Occurrence] = (),
) -> DemandOutlook:
    """The outlook of `weeks` weeks from that of `as_of`, from the whole weeks before it.

    changes : planned prices and promotions; without them prices stay as they are and known promotions run as known
    own : the shop's own events

    The same snapshot and arguments give the same numbers. Raises ShortHistoryError below 13 weeks of sales,
    UnknownProductError for a change of a product that was never sold.
    """
    planned, own = tuple(changes), tuple(own)
    sales = _sales(lake, snapshot, as_of, settings)
    known = sales.units.shape[1]
    is_live = sales.units[:, -_KEPT_WEEKS:].sum(axis=1) > 0
    live = np.flatnonzero(is_live)
    day = np.datetime64(sales.start, "D") + (_WEEK * np.arange(known + weeks)).astype("timedelta64[D]")
    units = np.where(_empty_shelves(lake, snapshot, sales)[live], np.nan, sales.units[live])
    group, groups = _groups(sales, live)
    promotions = _promotions(lake, snapshot, sales, live, len(day))
    promoted, promoted_ahead = _promoted(units, promotions[1])
    is_open = _is_open(promoted, promoted_ahead)
    drivers = _drivers(lake, snapshot, sales, live, planned, promotions)
    panel = Panel(
        units,
        day,
        group,
        cycle=1,
        year=_KEPT_WEEKS,
        flags=_events(day, groups, settings.country, own),
        drivers={} if is_open else drivers,
        codes={name: sales.of[name][live] for name in ("category", "market", "channel")},
    )
    panel, outside = _with_conditions(panel, _outside(lake, snapshot, sales, groups, known, len(day)))
    made = stack.forecast(panel, tests=_tests(known, weeks))
    if is_open:
        lift = _entered(replace(panel, drivers=drivers), _last(sales.price)[sales.of["product"][live]])
        made = replace(made, mean=made.mean * lift, scale=made.scale * lift)
    bottom = _bottom(sales, live, made, *_days(lake, snapshot, sales, as_of, settings, own, weeks))
    by = {name: sliced(bottom, sales.of[name], sales.names[name], _titles(sales, name), level) for name in DIMENSIONS}
    nobody = np.zeros(len(is_live), dtype=np.int64)
    return DemandOutlook(
        as_of=as_of,
        snapshot=snapshot.number,
        past=tuple(sales.start + timedelta(days=_WEEK * k) for k in range(known)),
        weeks=tuple(sales.end + timedelta(days=_WEEK * k) for k in range(weeks)),
        level=level,
        total=sliced(bottom, nobody, (None,), ("",), level),
        by={name: cells for name, cells in by.items() if len(cells.names) > 1},
        classes=_classes(bottom, level),
        inputs=made.inputs,
        drivers=outside,
        changes=planned,
        unknown_weeks=int(np.isnan(units).sum()),
        series=len(live),
        model=made.model,
        promoted=promoted,
        promoted_ahead=promoted_ahead,
        bottom=bottom,
    )


def _promoted(units: Floats, promoted: Floats) -> tuple[float, float]:
    """The share of lately sold units that usually is under a promotion in the weeks ahead, and that is known to be.

    Both are 0-1. Usual are the same weeks a year before, or where no year is known the last 13.

    units : (n, t) by week, nan where unknown; promoted : (n, t + h) share of each week under a promotion
    """
    known, weeks = units.shape[1], promoted.shape[1]
    sold = np.nansum(units[:, -WEEKS:], axis=1)
    if not sold.any():
        return 0.0, 0.0
    year_before = slice(known - _KEPT_WEEKS, min(weeks - _KEPT_WEEKS, known))
    before = promoted[:, year_before if known >= _KEPT_WEEKS else slice(max(known - WEEKS, 0), known)].mean(axis=1)
    ahead = promoted[:, known:].mean(axis=1)
    return float(np.average(before, weights=sold)), float(np.average(ahead, weights=sold))


def _is_open(usual: float, ahead: float) -> bool:
    """Whether what will be promoted is not entered yet: less than half of what usually is, where that is not small."""
    return usual > _FEW_PROMOTED and ahead < usual / 2


def _entered(panel: Panel, price: Floats) -> Floats:
    """(n, h) how many times what is usual a series sells by the prices and promotions that are entered for weeks ahead.

    A week's promotion counts over what such weeks hold of promotions anyway.

    panel : with all drivers; price : (n,) what is usually paid
    """
    known = panel.known
    plain = {name: values.copy() for name, values in panel.drivers.items()}
    for name, values in plain.items():
        values[:, known:] = np.log(price)[:, None] if name == "price" else 0.0
    if all(np.array_equal(values, plain[name], equal_nan=True) for name, values in panel.drivers.items()):
        return np.ones((len(panel.units), panel.horizon))
    lift = stack.lift(panel, replace(panel, drivers=plain))
    promoted = panel.drivers["promotion"]
    usual = promoted[:, known - WEEKS : known].mean(axis=1, keepdims=True) * promoted[:, known:]
    return np.asarray(lift / (1 + usual * (lift - 1)))


def _titles(sales: _Sales, dimension: str) -> tuple[str, ...]:
    return sales.titles if dimension == "product" else tuple(name or "" for name in sales.names[dimension])


def _bottom(sales: _Sales, live: Ints, made: stack.Forecast, day_weight: Floats, day_scatter: Floats) -> Bottom:
    def all_of(values: Floats) -> Floats:
        found = np.zeros((len(sales.units), values.shape[1]))
        found[live] = values
        return found

    horizon = made.mean.shape[1]
    return Bottom(
        units=sales.units,
        of=sales.of,
        names=sales.names,
        titles=sales.titles,
        mean=all_of(made.mean),
        scale=all_of(made.scale),
        tests=tuple(
            Tried(
                all_of(one.mean),
                all_of(one.scale),
                sales.units[:, one.origin : one.origin + horizon],
                all_of(one.naive),
            )
            for one in made.tests
        ),
        day_weight=day_weight,
        day_scatter=day_scatter,
    )


def _days(
    lake: Lake,
    snapshot: Snapshot,
    sales: _Sales,
    as_of: date,
    settings: Settings,
    own: Iterable[Occurrence],
    weeks: int,
) -> tuple[Floats, Floats]:
    """How strong a day each coming one is in each category (c, 7 h), and how days scatter about it (c,)."""
    lines = _sold(lake, snapshot, as_of)
    known = min(sales.units.shape[1], 2 * _KEPT_WEEKS)
    start = sales.end - timedelta(days=_WEEK * known)
    lines = lines.filter((lines.on >= start) & (lines.on < sales.end))
    sums = lines.group_by("product_key", "on").aggregate(units=lines.quantity.sum().cast("float64"))
    rows = engine.execute(sums)
    categories = sales.names["category"]
    of = np.zeros(len(sales.names["product"]), dtype=np.int64)
    of[sales.of["product"]] = sales.of["category"]
    place = {key: k for k, key in enumerate(sales.names["product"])}
    category = of[np.array([place[key] for key in rows["product_key"].to_pylist()], dtype=np.int64)]
    step = (rows["on"].to_numpy().astype("datetime64[D]") - np.datetime64(start)).astype(np.int64)
    daily = np.zeros((len(categories), _WEEK * known))
    np.add.at(daily, (category, step), np.maximum(rows["units"].to_numpy(), 0))
    until = sales.end + timedelta(days=_WEEK * weeks)
    ahead = horizon(History(start, sales.end, (), daily), until, settings.country, own)
    weight = np.array([season.trading(one, ahead.day, ahead.holiday, ahead.event) for one in daily])
    return weight[:, _WEEK * known :], _scatter(daily, weight[:, : _WEEK * known])


def _scatter(daily: Floats, weight: Floats) -> Floats:
    """(c,) variance over mean of a day's units about its share of its week, in the last half year; at least 1."""
    recent = min(_WEEK * _KEPT_WEEKS // 2, daily.shape[1])
    units, strong = (each[:, -recent:].reshape(len(each), -1, _WEEK) for each in (daily, weight))
    share = strong / np.maximum(strong.sum(axis=2, keepdims=True), 1e-9)
    week = units.sum(axis=2, keepdims=True)
    usual = week * share * (1 - share)
    counted = usual > 0
    squares = np.where(counted, (units - week * share) ** 2 / np.where(counted, usual, 1), 0)
    found: Floats = np.maximum(squares.sum(axis=(1, 2)) / np.maximum(counted.sum(axis=(1, 2)), 1), 1.0)
    return found


def _tests(known: int, weeks: int) -> int:
    return int(np.clip((known - _KEPT_WEEKS // 2) // weeks, 0, 4))


def _sales(lake: Lake, snapshot: Snapshot, as_of: date, settings: Settings) -> _Sales:
    """Units sold by product, market, channel and whole week before a day."""
    lines = _sold(lake, snapshot, as_of)
    (extent,) = engine.execute(lines.aggregate(first=lines.on.min(), last=lines.on.max())).to_pylist()
    if extent["first"] is None:
        raise ShortHistoryError(found=0, least=LEAST_WEEKS * _WEEK)
    floor = settings.calendar.floor
    end = floor(as_of, Grain.WEEK)
    if (as_of - extent["last"]).days > STALE_DAYS:
        end = min(end, floor(extent["last"] + timedelta(days=1), Grain.WEEK))
    first = max(extent["first"] + timedelta(days=_WEEK - 1), end - timedelta(days=_WEEK * _KEPT_WEEKS * _HISTORY_YEARS))
    start = floor(first, Grain.WEEK)
    known = max((end - start).days // _WEEK, 0)
    if known < LEAST_WEEKS:
        days, least = (min(as_of, extent["last"] + timedelta(days=1)) - extent["first"]).days, LEAST_WEEKS * _WEEK
        raise ShortHistoryError(found=days if days < least else known * _WEEK, least=least)
    inside = lines.filter((lines.on >= start) & (lines.on < end))
    keyed = inside.mutate(week=_week(inside.on, start))
    sums = keyed.group_by("product_key", "market", "channel", "week").aggregate(
        units=keyed.quantity.sum().cast("float64")
    )
    rows = engine.execute(sums.order_by("product_key", "market", "channel", "week"))
    amount = rows["units"].to_numpy()
    week = rows["week"].to_numpy().astype(np.int64)
    codes, names = {}, {}
    for column in ("product_key", "market", "channel"):
        codes[column], names[column] = _coded(rows[column])
    for column in ("market", "channel"):
        codes[column], names[column] = _largest(codes[column], names[column], amount)
    sizes = [max(len(names[column]), 1) for column in ("product_key", "market", "channel")]
    joined = (codes["product_key"] * sizes[1] + codes["market"]) * sizes[2] + codes["channel"]
    series, place = np.unique(joined, return_inverse=True)
    units = np.zeros((len(series), known))
    np.add.at(units, (place, week), np.maximum(amount, 0))
    of = {
        "product": series // (sizes[1] * sizes[2]),
        "market": series // sizes[2] % sizes[1],
        "channel": series % sizes[2],
    }
    category, categories, titles = _products(lake, snapshot, names["product_key"])
    prices = _prices(keyed, names["product_key"], known)
    return _Sales(
        start,
        units,
        of | {"category": category[of["product"]]},
        {
            "product": names["product_key"],
            "market": names["market"],
            "channel": names["channel"],
            "category": categories,
        },
        titles,
        prices,
    )


def _sold(lake: Lake, snapshot: Snapshot, as_of: date) -> Any:
    """Lines of goods sold before a day; none without a unit, of which nothing can be told."""
    lines: Any = engine.table(lake, "order_line", snapshot)
    heads: Any = engine.table(lake, "order", snapshot)
    is_sold = (lines.kind == Kind.GOODS_SOLD.value) & lines.product_key.notnull() & (lines.quantity > 0)
    lines = lines.filter(is_sold & (lines.on < as_of))
    return lines.anti_join(heads.filter(heads.is_test), "order_key")


def _week(on: Any, start: date) -> Any:
    import ibis

    return on.delta(ibis.literal(start), unit="day") // _WEEK


def _coded(column: "pa.ChunkedArray[Any]") -> tuple[Ints, tuple[str | None, ...]]:
    """Places of values among their sorted names, None last."""
    names = sorted(set(column.unique().to_pylist()), key=lambda name: (name is None, name or ""))
    place = {name: k for k, name in enumerate(names)}
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    known = np.array([place[name] for name in encoded.dictionary.to_pylist()], dtype=np.int64)
    return known[encoded.indices.to_numpy(zero_copy_only=False)], tuple(names)


def _largest(code: Ints, names: tuple[str | None, ...], units: Floats) -> tuple[Ints, tuple[str | None, ...]]:
    """The same with all but the largest names as one."""
    if len(names) <= _NAMES:
        return code, names
    ranked = np.argsort(-np.bincount(code, units, len(names)), kind="stable")[: _NAMES - 1]
    kept = np.sort(ranked)
    place = np.full(len(names), _NAMES - 1, dtype=np.int64)
    place[kept] = np.arange(len(kept))
    return place[code], (*(names[k] for k in kept), OTHER)


def _products(
    lake: Lake, snapshot: Snapshot, products: tuple[str | None, ...]
) -> tuple[Ints, tuple[str | None, ...], tuple[str, ...]]:
    """Places of the products' categories, these categories, and the products' titles."""
    known: dict[str, dict[str, Any]] = {}
    if "product" in snapshot.tables:
        table: Any = engine.table(lake, "product", snapshot)
        rows = engine.execute(table.select("product_key", "category", "title")).to_pylist()
        known = {row["product_key"]: row for row in rows}
    found = [known.get(key or "", {}) for key in products]
    code, names = _coded(pa.chunked_array([pa.array([each.get("category") for each in found], pa.string())]))
    return code, names, tuple(each.get("title") or key or "" for each, key in zip(found, products, strict=True))


def _prices(keyed: Any, products: tuple[str | None, ...], known: int) -> Floats:
    """(products, t) median price paid, in the shop's currency; nan in weeks without a sale."""
    sold = keyed.filter(keyed.quantity > 0)
    each = sold.mutate(price=(sold.amount_shop / sold.quantity).cast("float64"))
    medians = each.group_by("product_key", "week").aggregate(price=each.price.median())
    rows = engine.execute(medians)
    place = {key: k for k, key in enumerate(products)}
    found = np.full((len(products), known), np.nan)
    at = np.array([place[key] for key in rows["product_key"].to_pylist()], dtype=np.int64)
    found[at, rows["week"].to_numpy().astype(np.int64)] = rows["price"].to_numpy()
    return np.where(found > 0, found, np.nan)


def _groups(sales: _Sales, live: Ints) -> tuple[Ints, tuple[tuple[str | None, str | None], ...]]:
    """The category and market of each live series as groups that follow one calendar."""
    wide = len(sales.names["market"])
    joined = sales.of["category"][live] * wide + sales.of["market"][live]
    found, group = np.unique(joined, return_inverse=True)
    names = tuple((sales.names["category"][int(k) // wide], sales.names["market"][int(k) % wide]) for k in found)
    return group.astype(np.int64), names


def _events(
    day: NDArray[np.datetime64], groups: tuple[Any, ...], country: str, own: Iterable[Occurrence]
) -> Floats | None:
    """(k, g, t + h) which weeks hold a retail event, as shares of the week; those that never were are left out."""
    if not country:
        return None
    first, last = day[0].astype(object), day[-1].astype(object) + timedelta(days=_WEEK)
    found: dict[str, Floats] = {}
    for one in occurrences(Period(first, last), country, own=own):
        if one.period.days > 2 * _WEEK:
            continue
        mark = found.setdefault(one.event, np.zeros(len(day)))
        for k in range(one.period.days):
            week = (one.start + timedelta(days=k) - first).days // _WEEK
            if 0 <= week < len(day):
                mark[week] += 1 / one.period.days
    marks = [mark for mark in found.values() if mark.any()]
    return np.repeat(np.array(marks)[:, None], len(groups), axis=1) if marks else None


def _drivers(
    lake: Lake,
    snapshot: Snapshot,
    sales: _Sales,
    live: Ints,
    changes: tuple[Change, ...],
    promotions: tuple[Floats, Floats],
) -> dict[str, Floats]:
    """Log price, discount and promotion of each live series and week; ahead as planned, else as last known.

    promotions : (live, t + h) discount, and share of the week under a promotion
    """
    discount, promoted = (values.copy() for values in promotions)
    known, weeks = sales.units.shape[1], discount.shape[1]
    of = sales.of["product"][live]
    usual = _last(sales.price)[of]
    price = np.hstack([_held(sales.price)[of], np.repeat(usual[:, None], weeks - known, axis=1)])
    for rows, on, planned in _planned_prices(lake, snapshot, sales, of, usual, weeks):
        price[np.ix_(rows, on)] += planned - price[np.ix_(rows, on)]
    price[:, known:] *= 1 - discount[:, known:]
    for change in changes:
        rows = np.flatnonzero(np.isin(of, _touched(sales, change)))
        share = _overlap(sales.start, weeks, change.period)
        on = np.flatnonzero(share[known:]) + known
        now = change.price if change.price is not None else usual[rows][:, None]
        new = np.broadcast_to(now * (1 - change.discount), (len(rows), len(on)))
        price[np.ix_(rows, on)] += share[on] * (new - price[np.ix_(rows, on)])
        if change.discount and change.is_promoted:
            discount[np.ix_(rows, on)] = np.maximum(discount[np.ix_(rows, on)], share[on] * change.discount)
            promoted[np.ix_(rows, on)] = np.maximum(promoted[np.ix_(rows, on)], share[on])
    found = {"price": np.log(price)}
    if discount.any():
        found["discount"] = discount
    if promoted.any():
        found["promotion"] = promoted
    return found


def _held(price: Floats) -> Floats:
    """(n, t) each known price until the next one, the first also before it.

    A gap would tell the model that nothing was sold: a past without gaps, as the weeks ahead have none.
    """
    is_known = ~np.isnan(price)
    since = np.maximum.accumulate(np.where(is_known, np.arange(price.shape[1]), -1), axis=1)
    return np.take_along_axis(price, np.where(since < 0, is_known.argmax(axis=1)[:, None], since), axis=1)


def _last(price: Floats) -> Floats:
    """(n,) the median of the last eight known prices, nan where none is."""
    found = np.full(len(price), np.nan)
    for k, row in enumerate(price):
        seen = row[~np.isnan(row)]
        if len(seen):
            found[k] = np.median(seen[-_WINDOW:])
    return found


def _touched(sales: _Sales, change: Change) -> Ints:
    """Places of the products that a change is about."""
    names = sales.names["product"]
    if change.product is not None:
        if change.product not in names:
            raise UnknownProductError(product=change.product)
        return np.array([names.index(change.product)])
    if change.category is None:
        return np.arange(len(names))
    categories = sales.names["category"]
    if change.category not in categories:
        raise UnknownProductError(product=change.category)
    of = np.zeros(len(names), dtype=np.int64)
    of[sales.of["product"]] = sales.of["category"]
    return np.flatnonzero(of == categories.index(change.category))


def _overlap(start: date, weeks: int, period: Period) -> Floats:
    """(weeks,) which share of each week's days lies in a period."""
    low, high = (period.start - start).days, (period.end - start).days
    edge = _WEEK * np.arange(weeks)
    shares: Floats = np.clip(np.minimum(edge + _WEEK, high) - np.maximum(edge, low), 0, _WEEK) / _WEEK
    return shares


def _promotions(lake: Lake, snapshot: Snapshot, sales: _Sales, live: Ints, weeks: int) -> tuple[Floats, Floats]:
    """(live, weeks) mean discount and share of the week under a promotion."""
    discount, promoted = np.zeros((len(live), weeks)), np.zeros((len(live), weeks))
    of, products = sales.of["product"][live], sales.names["product"]
    order = np.argsort(of, kind="stable")
    ends = np.searchsorted(of[order], np.arange(len(products) + 1))
    place = {key: k for k, key in enumerate(products)}

    def mark(rows: Ints | slice, market: str | None, days: Period, rate: float) -> None:
        rows = np.arange(len(live))[rows]
        rows = rows[_in_market(sales, live, market)[rows]]
        share = _overlap(sales.start, weeks, days)
        inside = np.ix_(rows, np.flatnonzero(share))
        promoted[inside] = np.maximum(promoted[inside], share[inside[1]])
        discount[inside] = np.maximum(discount[inside], share[inside[1]] * rate)

    ahead = Period(sales.end, sales.start + timedelta(days=_WEEK * weeks))
    for one in prices.planned_promotions(lake, snapshot, ahead):
        for product in one.products or (None,):
            try:
                touched = _touched(sales, Change(product=product, category=one.category, period=one.period))
            except UnknownProductError:
                continue
            mark(np.flatnonzero(np.isin(of, touched)), one.market, one.period, one.discount)
    if "promotion" not in snapshot.tables:
        return discount, promoted
    table: Any = engine.table(lake, "promotion", snapshot)
    end = sales.start + timedelta(days=_WEEK * weeks)
    inside = table.filter((table.until_on > sales.start) & (table.on < end))
    each = inside.group_by("product_key", "market", "on", "until_on").aggregate(
        discount=inside.discount_rate.max().fill_null(0).cast("float64")
    )
    for row in engine.execute(each).to_pylist():
        days = Period(row["on"], row["until_on"])
        if row["product_key"] is None:
            mark(slice(None), row["market"], days, row["discount"])
        elif (k := place.get(row["product_key"])) is not None:
            mark(order[ends[k] : ends[k + 1]], row["market"], days, row["discount"])
    return discount, promoted


def _in_market(sales: _Sales, live: Ints, market: str | None) -> NDArray[np.bool_]:
    """(live,) series that a promotion for a market is on: all where the shop's sales know no markets. One for a small
    market, which stands with others, is on none: it is too little of what they sell."""
    names = sales.names["market"]
    if market is None or names == (None,):
        return np.ones(len(live), dtype=bool)
    return np.asarray(sales.of["market"][live] == names.index(market) if market in names else np.zeros(len(live)), bool)


def _planned_prices(
    lake: Lake, snapshot: Snapshot, sales: _Sales, of: Ints, usual: Floats, weeks: int
) -> Iterator[tuple[Ints, Ints, Floats]]:
    """Live series, coming weeks, and their mean price (rows, weeks) where active plans change it.

    of, usual : (live,) the product of each series, and what it costs now

    A new price is taken as its ratio to the price before the plan, of what the product cost before the first day: so
    it stays the same once it holds and the weeks that are known are at it.
    """
    if "planned_price" not in snapshot.tables:
        return
    table: Any = engine.table(lake, "planned_price", snapshot)
    end, known = sales.start + timedelta(days=_WEEK * weeks), sales.price.shape[1]
    ahead = table.filter((table.until_on > sales.end) & (table.on < end) & (table.until_on > table.on))
    ratio = (ahead.price / ahead.price_before).cast("float64")
    rows = ahead.select("product_key", "category", "on", "until_on", ratio=ratio)
    for row in engine.execute(rows.order_by("on", "category", "product_key")).to_pylist():
        days = Period(row["on"], row["until_on"])
        try:
            touched = _touched(sales, Change(product=row["product_key"], category=row["category"], period=days))
        except UnknownProductError:
            continue
        found = np.flatnonzero(np.isin(of, touched))
        begun = min((days.start - sales.start).days // _WEEK, known)
        before = _last(sales.price[:, :begun])[of[found]] if begun > 0 else usual[found]
        before = np.where(np.isnan(before), usual[found], before)
        share = _overlap(sales.start, weeks, days)
        inside = np.flatnonzero(share[known:]) + known
        old = usual[found][:, None] if begun == known else before[:, None]
        yield found, inside, old + share[inside] * (before[:, None] * row["ratio"] - old)


def _empty_shelves(lake: Lake, snapshot: Snapshot, sales: _Sales) -> NDArray[np.bool_]:
    """(n, t) weeks in which a product was out of stock on more than two days: what it sold then isn't its demand."""
    nothing = np.zeros(sales.units.shape, dtype=bool)
    if "stock_level" not in snapshot.tables:
        return nothing
    table: Any = engine.table(lake, "stock_level", snapshot)
    inside = table.filter((table.on >= sales.start) & (table.on < sales.end))
    days = inside.group_by("product_key", "on").aggregate(
        left=(inside.on_hand - inside.reserved).sum(), is_sellable=inside.is_sellable.any()
    )
    empty = days.filter(days.is_sellable & (days["left"] <= 0)).mutate(week=lambda t: _week(t.on, sales.start))
    rows = engine.execute(empty.group_by("product_key", "week").aggregate(days=empty.count()))
    place = {key: k for k, key in enumerate(sales.names["product"])}
    found = np.zeros((len(place), sales.units.shape[1]), dtype=bool)
    for row in rows.to_pylist():
        if row["days"] > _OUT_OF_STOCK_DAYS and row["product_key"] in place:
            found[place[row["product_key"]], row["week"]] = True
    return found[sales.of["product"]]


@dataclass(frozen=True, slots=True)
class _Outside:
    """A series from outside by group and week, about 0 over the history in units of its own spread.

    foreseen : earlier origin -> (g, horizon) what was stated then of the weeks after it
    """

    name: str
    expected: Floats
    low: Floats
    high: Floats
    foreseen: Mapping[int, Floats]


def _outside(
    lake: Lake,
    snapshot: Snapshot,
    sales: _Sales,
    groups: tuple[tuple[str | None, str | None], ...],
    known: int,
    weeks: int,
) -> list[_Outside]:
    """The series from outside that are known over most of the history; ahead as stated, else as last known.

    At the earlier origins of the backtest a week ahead is as it had been recorded by then, else as last known.
    """
    if "external_series" not in snapshot.tables:
        return []
    rows, horizon = _series(engine.table(lake, "external_series", snapshot)), weeks - known
    then = {}
    for origin in _origins(known, horizon):
        day = sales.start + timedelta(days=_WEEK * origin)
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        table: Any = engine.table(lake, "external_series", snapshot, known_at=midnight)
        stated = [row for row in _series(table.filter(table.on >= day)) if row["on"] >= day]
        then[origin] = [row for row in rows if row["on"] < day] + stated
    found = []
    for name in sorted({row["series"] for row in rows}):

        def stacked(among: list[dict[str, Any]], until: int, name: str = name) -> Floats:
            """(g, 3, until) low, expected and high of each group's market."""
            own = [row for row in among if row["series"] == name]
            parts = {market: _weekly(own, market, sales.start, until) for market in {market for _, market in groups}}
            return np.array([parts[market] for _, market in groups])

        whole = stacked(rows, weeks)
        base = whole[:, 1, :known]
        if np.isnan(base).any() or not base.std(axis=1).all():
            continue
        mean, spread_of = base.mean(axis=1)[:, None, None], base.std(axis=1)[:, None, None]
        low, expected, high = np.moveaxis((whole - mean) / spread_of, 1, 0)
        foreseen = {
            origin: ((stacked(among, origin + horizon) - mean) / spread_of)[:, 1, origin:]
            for origin, among in then.items()
        }
        found.append(_Outside(name, expected, low, high, foreseen))
    return found


def _series(table: Any) -> list[dict[str, Any]]:
    chosen = table.select("series", "market", "on", "value", "low", "high")
    rows: list[dict[str, Any]] = engine.execute(chosen.order_by("series", "on")).to_pylist()
    return rows


def _origins(known: int, horizon: int) -> list[int]:
    """The origins of the backtest, and those at which a series is tried."""
    return [known - k * horizon for k in range(1, max(_tests(known, horizon), _TRIED) + 1) if known - k * horizon > 0]


def _weekly(rows: list[dict[str, Any]], market: str | None, start: date, weeks: int) -> Floats:
    """(3, weeks) low, expected and high by week, carried forward; nan before the first value."""
    mine = [row for row in rows if row["market"] == market] or [row for row in rows if row["market"] is None]
    sums, count = np.zeros((3, weeks)), np.zeros(weeks)
    for row in mine:
        week = (row["on"] - start).days // _WEEK
        if 0 <= week < weeks:
            value = row["value"]
            sums[:, week] += [
                value if row["low"] is None else row["low"],
                value,
                value if row["high"] is None else row["high"],
            ]
            count[week] += 1
    found = np.where(count > 0, sums / np.maximum(count, 1), np.nan)
    last = np.maximum.accumulate(np.where(count > 0, np.arange(weeks), -1))
    return np.where(last >= 0, found[:, np.maximum(last, 0)], np.nan)


def _with_conditions(panel: Panel, outside: list[_Outside]) -> tuple[Panel, tuple[Driver, ...]]:
    """The panel with those series from outside that made forecasts of the past better, one after the other."""
    origins = [origin for origin in _origins(panel.known, panel.horizon)[:_TRIED] if origin >= _KEPT_WEEKS]
    tried = []
    for one in outside:
        without = _past_error(panel, origins)
        wider = _joined(panel, one)
        error = _past_error(wider, origins)
        is_used = bool(origins) and error < without * (1 - _BETTER)
        factors = _factors(panel, wider, one)
        tried.append(Driver(one.name, is_used, error, without, *factors))
        if is_used:
            panel = wider
    return panel, tuple(tried)


def _joined(panel: Panel, one: _Outside) -> Panel:
    """The panel with one more condition of the market."""

    def with_(before: Floats | None, more: Floats) -> Floats:
        return more[None] if before is None else np.concatenate([before, more[None]])

    foreseen = {origin: with_(panel.foreseen.get(origin), values) for origin, values in one.foreseen.items()}
    return replace(panel, conditions=with_(panel.conditions, one.expected), foreseen=foreseen)


def _past_error(panel: Panel, origins: list[int]) -> float:
    """Mean absolute percentage error of the groups' totals over the horizon, by the calendar and level alone."""
    from topline.science import boosted

    errors = []
    for origin in origins:
        past = panel.at(origin, panel.horizon)
        made = sum_by(panel.group, boosted.start(past), panel.groups).sum(axis=1)
        came = sum_by(panel.group, panel.filled()[:, origin : origin + panel.horizon], panel.groups).sum(axis=1)
        errors.append(np.abs(made - came).sum() / max(came.sum(), 1e-9))
    return float(np.mean(errors)) if errors else np.nan


def _factors(panel: Panel, wider: Panel, one: _Outside) -> tuple[float, float, float]:
    """Units of the horizon with the series low, as expected and high, over those with it as it stands now."""
    weight = sum_by(panel.group, panel.filled()[:, -_KEPT_WEEKS:], panel.groups).sum(axis=1)
    known = panel.known
    effect = rhythm.slope(wider)  # (g,) log units per unit of the last condition
    found = []
    for values in (one.low, one.expected, one.high):
        moved = effect[:, None] * (values[:, known:] - one.expected[:, known - 1 : known])
        found.append(float(np.average(np.exp(moved).mean(axis=1), weights=np.maximum(weight, 1e-9))))
    low, expected, high = found
    return min(low, expected, high), expected, max(low, expected, high)


def sliced(bottom: Bottom, of: Ints, names: tuple[str | None, ...], titles: tuple[str, ...], level: float) -> Slices:
    """Sums of the series by a value (n,) of each, with intervals from what such sums missed before."""
    size = len(names)
    mean, scale = sum_by(of, bottom.mean, size), _scale(of, bottom.scale, size)
    tests, history = _tried(bottom, of, size), sum_by(of, bottom.units, size)
    noise = _noise(history)
    low, high = interval(mean, scale, tests, level, noise)
    ends = interval(_total(mean), _scale_of_total(scale), [_totals(tried) for tried in tests], level, noise)
    accuracy: dict[str | None, Accuracy] = {}
    if tests and size <= _MEASURED:
        accuracy = {
            name: _measured([_of(tried, np.array([k])) for tried in tests], level, noise[[k]])
            for k, name in enumerate(names)
            if _has_sold(tests, np.array([k]))
        }
    whole = np.hstack([ends[0], _total(mean), ends[1]])
    return Slices(names, titles, history, mean, low, high, whole, accuracy)


def grouped(bottom: Bottom, of: Ints, size: int, shares: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high (k, m) of sums of series over months, each a share of the weeks: learnt on such months.

    shares : (h, m) how much of each week belongs to each month
    """

    def weigh(units: Floats) -> Floats:
        return units @ shares

    def root(scale: Floats) -> Floats:
        return np.asarray(np.sqrt(scale**2 @ shares**2))

    tests = [
        Tried(weigh(one.mean), root(one.scale), weigh(one.actual), weigh(one.naive)) for one in _tried(bottom, of, size)
    ]
    mean, scale = weigh(sum_by(of, bottom.mean, size)), root(_scale(of, bottom.scale, size))
    return mean, *interval(mean, scale, tests, level, _noise(sum_by(of, bottom.units, size)))


def _tried(bottom: Bottom, of: Ints, size: int) -> list[Tried]:
    return [
        Tried(
            sum_by(of, one.mean, size),
            _scale(of, one.scale, size),
            sum_by(of, one.actual, size),
            sum_by(of, one.naive, size),
        )
        for one in bottom.tests
    ]


def _of(tried: Tried, rows: Ints) -> Tried:
    return Tried(tried.mean[rows], tried.scale[rows], tried.actual[rows], tried.naive[rows])


def _totals(tried: Tried) -> Tried:
    """The totals of the horizon as one period."""
    return Tried(_total(tried.mean), _scale_of_total(tried.scale), _total(tried.actual), _total(tried.naive))


def _total(values: Floats) -> Floats:
    summed: Floats = values.sum(axis=1, keepdims=True)
    return summed


def _scale_of_total(scale: Floats) -> Floats:
    rooted: Floats = np.sqrt(_total(scale**2))
    return rooted


def _scale(of: Ints, scale: Floats, size: int) -> Floats:
    """Rough spread of sums of series, whose errors move together by half."""
    alone, together = np.sqrt(sum_by(of, scale**2, size)), sum_by(of, scale, size)
    spread: Floats = 0.5 * alone + 0.5 * np.minimum(together, 4 * alone)
    return spread


def _noise(history: Floats) -> Floats:
    """(k,) how far weeks usually fall from what the four before say, in logs: the error to expect before any is seen.

    The mean of the four varies too, by a quarter of the variance of a week.

    history : (k, t) units by week; the last two years count
    """
    recent = np.maximum(history[:, -_NOISE_WEEKS:], 1e-9)
    running = np.cumsum(np.pad(recent, ((0, 0), (1, 0))), axis=1)
    before = (running[:, 4:-1] - running[:, :-5]) / 4
    if not before.shape[1]:
        return np.full(len(history), _MOST_NOISE)
    typical = np.median(np.abs(np.log(recent[:, 4:] / np.maximum(before, 1e-9))), axis=1)
    noise: Floats = np.clip(1.4826 / np.sqrt(1.25) * typical, _LEAST_NOISE, _MOST_NOISE)
    return noise


def interval(mean: Floats, scale: Floats, tests: list[Tried], level: float, noise: Floats) -> tuple[Floats, Floats]:
    """Bounds of the central `level`: learnt from like sums where there are many, else from each sum's own errors.

    noise : (k,) what errors are taken for before any is seen; where nothing could be tried they are wide
    """
    noise = noise if tests else np.maximum(noise, _UNTRIED)
    tails = (1 - level) / 2, (1 + level) / 2
    if len(mean) > 1 and sum(tried.actual.size for tried in tests) >= _LEAST_SCORES:
        parts = [(tried.mean.ravel(), tried.scale.ravel(), tried.actual.ravel()) for tried in tests]
        misses = spread.learn(*(np.concatenate(part) for part in zip(*parts, strict=True)))
        low, high = (misses.quantile(mean, scale, tail) for tail in tails)
        return np.minimum(low, mean), np.maximum(high, mean)
    low, high = np.empty_like(mean), np.empty_like(mean)
    block = spread.blocks(mean.shape[1], 1)
    for k in range(len(mean)):
        missed = _log_errors([_of(tried, np.array([k])) for tried in tests], mean.shape[1])
        for number in np.unique(block):  # a week alone has a miss of each origin, too few to tell how far it misses
            inside = block == number
            errors = conformal.learn(missed[:, inside].reshape(-1, 1), noise[k] * (1 + number) ** _GROWTH)
            ends = np.exp(conformal.quantile(errors, 0, np.array(tails)))
            low[k, inside], high[k, inside] = ends[0] * mean[k, inside], ends[1] * mean[k, inside]
    return np.minimum(low, mean), np.maximum(high, mean)


def _log_errors(tests: list[Tried], horizon: int) -> Floats:
    if not tests:
        return np.full((1, horizon), np.nan)
    ratios = [np.maximum(tried.actual[0], 1e-9) / np.maximum(tried.mean[0], 1e-9) for tried in tests]
    errors: Floats = np.clip(np.log(ratios), -_MOST_LOG, _MOST_LOG)
    return errors


def _has_sold(tests: list[Tried], rows: Ints) -> bool:
    """Whether a unit was sold in what was tried: errors are shares of what was."""
    return sum(float(tried.actual[rows].sum()) for tried in tests) >= 1


def _measured(tests: list[Tried], level: float, noise: Floats) -> Accuracy:
    """Accuracy over origins; the interval of an origin is learnt from the others."""
    inside = []
    for k, tried in enumerate(tests):
        low, high = interval(tried.mean, tried.scale, tests[:k] + tests[k + 1 :], level, noise)
        inside.append(((tried.actual >= low) & (tried.actual <= high)).mean())
    made, came, naive = (np.array([getattr(each, part) for each in tests]) for part in ("mean", "actual", "naive"))
    whole = max(came.sum(), 1e-9)
    return Accuracy(
        wape=float(np.abs(made - came).sum() / whole),
        naive_wape=float(np.abs(naive - came).sum() / whole),
        total_wape=float(np.abs(made.sum(axis=2) - came.sum(axis=2)).sum() / whole),
        bias=float(made.sum() / whole - 1),
        inside=float(np.mean(inside)),
        origins=len(tests),
    )


def _classes(bottom: Bottom, level: float) -> dict[str, Accuracy]:
    """Accuracy of products one by one, by class of their units over the last year."""
    of, size = bottom.of["product"], len(bottom.names["product"])
    tests = _tried(bottom, of, size)
    if not tests:
        return {}
    history = sum_by(of, bottom.units, size)
    sold, noise = history[:, -_KEPT_WEEKS:].sum(axis=1), _noise(history)
    order = np.argsort(-sold, kind="stable")
    before = np.cumsum(sold[order]) - sold[order]
    rank = np.empty(size, dtype=np.int64)
    rank[order] = np.searchsorted(np.array(_SHARES) * max(sold.sum(), 1e-9), before, side="right")
    rows = {name: np.flatnonzero((rank == number) & (sold > 0)) for number, name in enumerate(CLASSES)}
    return {
        name: _measured([_of(tried, chosen) for tried in tests], level, noise[chosen])
        for name, chosen in rows.items()
        if _has_sold(tests, chosen)
    }


def run_key(outlook: DemandOutlook) -> str:
    """The name of a run; later runs sort after earlier ones."""
    return f"{outlook.as_of}/{outlook.snapshot:08d}/{outlook.weeks[0]}+{len(outlook.weeks)}w/{outlook.level}"


def publish(lake: Lake, outlook: DemandOutlook, *, batch_id: str, now: datetime) -> Appended:
    """Appends the outlook's cells as `forecast` facts of a batch; the caller makes the batch visible.

    A slice without a name is written as the empty text, since None stands for all.
    """
    rows = [dict(row, batch_id=batch_id, recorded_at=now) for row in _rows(outlook)]
    return lake.append(TABLE.name, [pa.RecordBatch.from_pylist(rows, schema=TABLE.schema)], batch_id=batch_id)


_COLUMN = {"category": "category", "market": "market", "channel": "channel", "product": "product_key"}


def _rows(outlook: DemandOutlook) -> Iterator[dict[str, object]]:
    key = run_key(outlook)
    for dimension, cells in [(None, outlook.total), *outlook.by.items()]:
        for k, name in enumerate(cells.names):
            if dimension == "product" and not cells.mean[k].any():
                continue
            for h, week in enumerate(outlook.weeks):
                row: dict[str, object] = {
                    "key": f"{key}/{METRIC}/{dimension or 'total'}/{name or ''}/{week}",
                    "version": 1,
                    "run_key": key,
                    "metric": METRIC,
                    "on": week,
                    "grain": Grain.WEEK.value,
                    "low": float(cells.low[k, h]),
                    "mean": float(cells.mean[k, h]),
                    "high": float(cells.high[k, h]),
                    "level": outlook.level,
                    "as_of": outlook.as_of,
                    "snapshot": outlook.snapshot,
                    "model": outlook.model,
                }
                if dimension:
                    row[_COLUMN[dimension]] = name or ""
                yield row


def drift(lake: Lake, snapshot: Snapshot, *, as_of: date, settings: Settings) -> Drift:
    """Whether the last weeks fell outside their published intervals more often than these allow.

    Of each week that is over, the newest forecast made before it began counts. Alarming is what would happen in one of
    a hundred shops whose intervals are right.
    """
    if "forecast" not in snapshot.tables:
        return Drift(0, 0, is_alarming=False)
    table: Any = engine.table(lake, "forecast", snapshot)
    for column in _COLUMN.values():
        table = table.filter(table[column].isnull())
    end = settings.calendar.floor(as_of, Grain.WEEK)
    table = table.filter((table.metric == METRIC) & (table.grain == Grain.WEEK.value))
    table = table.filter((table.on < end) & (table.on >= end - timedelta(days=_WEEK * _KEPT_WEEKS // 2)))
    newest: dict[date, dict[str, Any]] = {}
    for row in sorted(engine.execute(table).to_pylist(), key=lambda row: (row["as_of"], row["snapshot"])):
        if row["as_of"] <= row["on"] + timedelta(days=1):
            newest[row["on"]] = row
    if not newest:
        return Drift(0, 0, is_alarming=False)
    came = _units_by_week(lake, snapshot, min(newest), end)
    weeks = sorted(on for on in newest if on in came)
    if not weeks:
        return Drift(0, 0, is_alarming=False)
    outside = sum(not newest[on]["low"] <= came[on] <= newest[on]["high"] for on in weeks)
    last = newest[weeks[-1]]
    return Drift(
        len(weeks),
        outside,
        is_alarming=_is_alarming(outside, len(weeks), LEVEL),
        came=came[weeks[-1]],
        **{part: last[part] for part in ("low", "mean", "high")},
    )


def _units_by_week(lake: Lake, snapshot: Snapshot, start: date, end: date) -> dict[date, float]:
    """Units sold in each week from `start` up to that of the last sale, but before `end`."""
    lines = _sold(lake, snapshot, end)
    inside = lines.filter(lines.on >= start)
    sums = inside.group_by(week=_week(inside.on, start)).aggregate(units=inside.quantity.sum().cast("float64"))
    rows = {int(row["week"]): float(row["units"]) for row in engine.execute(sums).to_pylist()}
    return {start + timedelta(days=_WEEK * k): rows.get(k, 0.0) for k in range(max(rows, default=-1) + 1)}


def _is_alarming(outside: int, weeks: int, level: float) -> bool:
    from scipy.stats import binom

    return weeks >= _LEAST_OVER and bool(binom.sf(outside - 1, weeks, 1 - level) < _ALARM)
