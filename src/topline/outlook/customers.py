"""What customers are expected to be worth, and when they count as lost: a run over all of a shop's customers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topline.facts.customer_value import TABLE
from topline.facts.order_line import Kind
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Appended, Lake
from topline.science import lifetime

Floats = NDArray[np.float64]

LEAST_CUSTOMERS = 100
LIFE_DAYS = 1095
HORIZON_DAYS = 365
LOST_QUANTILE = 0.9
LEVEL = 0.9
MODELS: Mapping[str, Callable[[Floats, Floats, Floats], lifetime.Fit]] = {
    "BG/NBD": lifetime.fit_buying,
    "Pareto/NBD": lifetime.fit_pareto,
}
_PART = 200_000
_LEAST_PAST_DAYS = 90
_MOST_LINES = 20
_GROUPS = (0, 1, 2, 3, 5, 9)
_UNTESTED_ERROR = 0.15
_QUARTERS = np.array([0.927, 0.959, 0.927, 1.187])
"""Of a year's online trade: unadjusted by adjusted sales. Source: US Census Bureau, quarterly releases of 2015-2024."""


@dataclass(frozen=True, slots=True)
class HoldOut:
    """What would have been expected at an earlier day, and what came.

    cut : the day; days : how long it was watched from then on
    customers : known by then
    total, actual : orders expected of them and made by them, all together
    mean_error, typical_error : mean absolute error per customer, of the expected number and of the most likely one
    groups : by the least number of orders before: (customers, expected, actual)
    others : the total that each other model would have expected
    """

    cut: date
    days: int
    customers: int
    total: float
    actual: float
    mean_error: float
    typical_error: float
    groups: dict[int, tuple[int, float, float]]
    others: dict[str, float]

    @property
    def error(self) -> float:
        """Relative error of the total."""
        return self.total / self.actual - 1 if self.actual else np.inf


@dataclass(frozen=True, slots=True)
class LineChurn:
    """Customers of a product line: how many ever bought it, how many still do, and orders of it to come in a year."""

    line: str | None
    customers: int
    active: float
    orders: float

    @property
    def churn_rate(self) -> float:
        """Share of them that is lost to the line, 0-1."""
        return 1 - self.active / self.customers


@dataclass(frozen=True, slots=True)
class CustomerOutlook:
    """What a run expects of each customer (person) who bought before `as_of`.

    customer_key : (n,) one key of the person
    past_orders : (n,) days with an order so far
    last_days : (n,) days since the last one
    orders : (n,) days with an order expected in the next three years
    remaining_sales : (n,) net sales expected in the next three years, shop currency
    remaining_margin : (n,) the same less the cost of goods, None if a sold line has no cost
    year_orders, year_sales : (n,) the same of the next 365 days
    margin_rate : what of sales remains after the cost of goods, None as above
    next_days : (n,) days until the next order, for half of those who are still active
    order_rate : (n,) probability of an order within the next 90 days, 0-1
    inactive_after_days : (n,) days without an order after which the customer counts as lost
    is_alive_rate : (n,) probability of being active still, 0-1
    orders_interval : bounds of all orders of the next 365 days together, with probability LEVEL
    model : which model missed the hold-out least; BG/NBD without one
    """

    as_of: date
    snapshot: int
    customer_key: "pa.Array[Any]"
    past_orders: Floats
    last_days: Floats
    orders: Floats
    remaining_sales: Floats
    remaining_margin: Floats | None
    year_orders: Floats
    year_sales: Floats
    margin_rate: float | None
    next_days: Floats
    order_rate: Floats
    inactive_after_days: Floats
    is_alive_rate: Floats
    orders_interval: tuple[float, float]
    buying: lifetime.Fit
    spending: lifetime.SpendingFit
    model: str
    holdout: HoldOut | None
    lines: tuple[LineChurn, ...]


def run(lake: Lake, snapshot: Snapshot, *, as_of: date) -> CustomerOutlook:
    """The outlook of all customers from what happened before `as_of`.

    Guests, who can't be told apart, are out; merged customers are one. A day with orders is one purchase. Time counts
    by the season: a day of the high season is more than a day. The model is the one that missed least in the hold-out,
    the last part of the history. Raises TooFewCustomersError below 100 customers, LifetimeFitError if hardly anybody
    bought twice.
    """
    lines = _lines(lake, snapshot, as_of)
    people = engine.execute(_people(lines, as_of))
    if people.num_rows < LEAST_CUSTOMERS:
        raise lifetime.TooFewCustomersError(found=people.num_rows, least=LEAST_CUSTOMERS)
    repeats, age, last, later = (_floats(people, name) for name in ("repeats", "age", "since", "later_sales"))
    clock = _clock(engine.execute(_daily(lines)), as_of, int(age.max()))
    known = _Known.of(clock, repeats, age, last)
    holdout, name = _hold_out(lines, clock, as_of, int(age.max()))
    mean = np.divide(later, repeats, out=np.zeros_like(later), where=repeats > 0)
    buying = MODELS[name](*known)
    spending = lifetime.fit_spending(repeats, mean)
    horizons = {days: clock.ahead(days) for days in (90, HORIZON_DAYS, LIFE_DAYS)}
    orders = lifetime.expected_orders(buying, *known, horizons[LIFE_DAYS])
    year_orders = lifetime.expected_orders(buying, *known, horizons[HORIZON_DAYS])
    sums = engine.execute(_sums(lines)).to_pylist()[0]
    net_rate = max(float(sums["net"] or 0) / max(float(sums["bought"] or 0), 1e-9), 0.0)
    value = lifetime.expected_value(spending, repeats, np.maximum(mean, 0)) * net_rate
    margin_rate = None if sums["uncosted"] else 1 - float(sums["cost"] or 0) / max(float(sums["net"] or 0), 1e-9)
    usual = engine.execute(_gap_quantile(lines)).column(0)[0].as_py() or 0.0
    error = abs(np.log(holdout.total / holdout.actual)) if holdout and holdout.actual else _UNTESTED_ERROR
    return CustomerOutlook(
        as_of=as_of,
        snapshot=snapshot.number,
        customer_key=people["customer_key"].combine_chunks(),
        past_orders=repeats + 1,
        last_days=last,
        orders=orders,
        remaining_sales=orders * value,
        remaining_margin=None if margin_rate is None else orders * value * margin_rate,
        year_orders=year_orders,
        year_sales=year_orders * value,
        margin_rate=margin_rate,
        next_days=clock.days(lifetime.next_order(buying, repeats, known.age)),
        order_rate=lifetime.order_rate(buying, *known, horizons[90]),
        inactive_after_days=lifetime.inactive_after(repeats, age - last, usual),
        is_alive_rate=lifetime.alive_rate(buying, *known),
        orders_interval=lifetime.total_interval(buying, *known, horizons[HORIZON_DAYS], LEVEL, error),
        buying=buying,
        spending=spending,
        model=name,
        holdout=holdout,
        lines=_churn(lake, snapshot, lines, clock, as_of, name),
    )


@dataclass(frozen=True, slots=True)
class _Clock:
    """Days by the season: `past[k]` of them lie in the k days before `as_of`, `coming[k]` in the k days from it on."""

    past: Floats
    coming: Floats

    def ago(self, days: Floats) -> Floats:
        return self.past[np.minimum(days.astype(np.int64), len(self.past) - 1)]

    def ahead(self, days: int) -> float:
        return float(self.coming[days])

    def days(self, wait: Floats) -> Floats:
        """Calendar days until so many days by the season have gone, at most three years."""
        return np.asarray(np.interp(wait, self.coming, np.arange(len(self.coming)), right=np.inf))

    def before(self, cut: int) -> "_Clock":
        """The clock of `cut` days earlier."""
        return _Clock(self.past[cut:] - self.past[cut], self.past[cut] - self.past[cut::-1])


class _Known(NamedTuple):
    """What models take: repeat purchases, and by the season's clock recency and age."""

    repeats: Floats
    recency: Floats
    age: Floats

    @classmethod
    def of(cls, clock: _Clock, repeats: Floats, age: Floats, since: Floats) -> "_Known":
        whole = clock.ago(age)
        return cls(repeats, np.where(repeats > 0, whole - clock.ago(since), 0.0), whole)


def _clock(daily: pa.Table, as_of: date, days: int) -> _Clock:
    """From the months of the last years, half-shrunk below two of them; from the trade at large below one."""
    index = np.repeat(_QUARTERS, 3)
    if days >= HORIZON_DAYS:
        index = _months(daily, as_of, min(days // HORIZON_DAYS, 3))
        index = index if days >= 2 * HORIZON_DAYS else (index + 1) / 2
    dates = np.datetime64(as_of, "D") + np.arange(-days, LIFE_DAYS + 1, dtype="timedelta64[D]")
    weights = (index / index.mean())[dates.astype("datetime64[M]").astype(np.int64) % 12]
    return _Clock(np.r_[0.0, np.cumsum(weights[:days][::-1])], np.r_[0.0, np.cumsum(weights[days:])])


def _months(daily: pa.Table, as_of: date, years: int) -> Floats:
    """(12,) orders a day by month of the year, the growth of the years taken out."""
    on = np.asarray(daily["on"].to_numpy()).astype("datetime64[D]")
    count = np.asarray(daily["orders"].to_numpy(), np.float64)
    ago = (np.datetime64(as_of, "D") - on).astype(np.int64)
    sums = np.array([count[(ago > HORIZON_DAYS * k) & (ago <= HORIZON_DAYS * (k + 1))].sum() for k in range(years)])
    growth = float(np.log(max(sums[0], 1) / max(sums[-1], 1)) / (years - 1)) if years > 1 else 0.0
    inside = (ago >= 1) & (ago <= HORIZON_DAYS * years)
    level = np.exp(growth * ago[inside] / HORIZON_DAYS)
    month = on[inside].astype("datetime64[M]").astype(np.int64) % 12
    span = np.datetime64(as_of, "D") - np.arange(1, HORIZON_DAYS * years + 1, dtype="timedelta64[D]")
    length = np.bincount(span.astype("datetime64[M]").astype(np.int64) % 12, minlength=12)
    found = np.bincount(month, count[inside] * level, minlength=12) / np.maximum(length, 1)
    return np.maximum(found / max(found.mean(), 1e-9), 0.05)


def _hold_out(lines: Any, clock: _Clock, as_of: date, days: int) -> tuple[HoldOut | None, str]:
    """What both models would have expected of the last third of the history, a year at most; and the better one."""
    first = next(iter(MODELS))
    watched = min(HORIZON_DAYS, days // 3)
    if days - watched < _LEAST_PAST_DAYS or watched < _LEAST_PAST_DAYS / 3:
        return None, first
    cut = as_of - timedelta(days=watched)
    people = engine.execute(_split(lines, cut))
    if people.num_rows < LEAST_CUSTOMERS:
        return None, first
    earlier = clock.before(watched)
    repeats, age, since, actual = (_floats(people, name) for name in ("repeats", "age", "since", "came"))
    known = _Known.of(earlier, repeats, age, since)
    horizon = earlier.ahead(watched)
    try:
        fits = {name: fit(*known) for name, fit in MODELS.items()}
    except lifetime.LifetimeFitError:
        return None, first
    expected = {name: lifetime.expected_orders(fit, *known, horizon) for name, fit in fits.items()}
    errors = {name: float(np.abs(each - actual).mean()) for name, each in expected.items()}
    best = min(errors, key=lambda name: errors[name])
    typical = lifetime.typical_orders(fits[best], *known, horizon)
    group = np.searchsorted(_GROUPS, repeats, side="right") - 1
    return (
        HoldOut(
            cut=cut,
            days=watched,
            customers=len(actual),
            total=float(expected[best].sum()),
            actual=float(actual.sum()),
            mean_error=errors[best],
            typical_error=float(np.abs(typical - actual).mean()),
            groups={
                least + 1: (int(inside.sum()), float(expected[best][inside].sum()), float(actual[inside].sum()))
                for k, least in enumerate(_GROUPS)
                if (inside := group == k).any()
            },
            others={name: float(each.sum()) for name, each in expected.items() if name != best},
        ),
        best,
    )


def _churn(lake: Lake, snapshot: Snapshot, lines: Any, clock: _Clock, as_of: date, model: str) -> tuple[LineChurn, ...]:
    """The largest product lines with at least 100 customers, by the model of each line's own purchases."""
    products: Any = engine.table(lake, "product", snapshot).select("product_key", "category")
    sold = lines.filter(lines.kind == Kind.GOODS_SOLD.value).select("person", "on", "product_key")
    sold = sold.left_join(products, "product_key").distinct()
    days = sold.group_by("category", "person", "on").aggregate(rows=sold.count())
    each = days.group_by("category", "person").aggregate(
        repeats=days.count() - 1, first=days.on.min(), last=days.on.max()
    )
    sizes = each.group_by("category").aggregate(people=each.count())
    sizes = sizes.filter(sizes.people >= LEAST_CUSTOMERS).order_by(sizes.people.desc()).limit(_MOST_LINES)
    found = []
    day = np.datetime64(as_of, "D")
    for name, count in [(row["category"], row["people"]) for row in engine.execute(sizes).to_pylist()]:
        part = engine.execute(each.filter(each.category.isnull() if name is None else each.category == name))
        age, since = ((day - _dates(part, column)).astype(np.float64) for column in ("first", "last"))
        known = _Known.of(clock, _floats(part, "repeats"), age, since)
        try:
            fit = MODELS[model](*known)
        except lifetime.LifetimeFitError:
            continue
        alive = lifetime.alive_rate(fit, *known)
        coming = lifetime.expected_orders(fit, *known, clock.ahead(HORIZON_DAYS))
        found.append(LineChurn(name, int(count), float(alive.sum()), float(coming.sum())))
    return tuple(found)


def gaps(
    lake: Lake, snapshot: Snapshot, *, as_of: date, days: int, known_at: datetime | None = None
) -> tuple[Floats, Floats]:
    """(k,) days between an order and the one before, inf for a first one, and (k,) how many of the orders of the last
    `days` before `as_of` came after each. known_at : with what had been recorded by then
    """
    each = _days(_lines(lake, snapshot, as_of, known_at))
    lately = each.filter(each.on >= as_of - timedelta(days=days))
    found = engine.execute(
        lately.select(
            gap=lately.on.delta(lately.before, unit="day").cast("float64").fill_null(np.inf)
        ).gap.value_counts()
    )
    return _floats(found, "gap"), _floats(found, "gap_count")


def _lines(lake: Lake, snapshot: Snapshot, as_of: date, known_at: datetime | None = None) -> Any:
    """Goods sold, discounts and returns of known customers before a day, with the person behind each."""
    lines: Any = engine.table(lake, "order_line", snapshot, known_at=known_at)
    heads: Any = engine.table(lake, "order", snapshot, known_at=known_at)
    links: Any = engine.identity(lake, snapshot).select(linked_key="customer_key", person_id="person_id")
    kinds = [kind.value for kind in (Kind.GOODS_SOLD, Kind.DISCOUNT, Kind.GOODS_CANCELLED, Kind.REFUND)]
    lines = lines.filter(lines.customer_key.notnull() & lines.kind.isin(kinds) & (lines.on < as_of))
    lines = lines.anti_join(heads.filter(heads.is_test), "order_key")
    lines = lines.left_join(links, lines.customer_key == links.linked_key)
    return lines.mutate(person=lines.person_id.fill_null(lines.customer_key))


def _days(lines: Any) -> Any:
    """A row for each person and day with goods sold: what was bought, and the day before it."""
    import ibis

    is_sold = lines.kind == Kind.GOODS_SOLD.value
    bought = lines.filter(is_sold | (lines.kind == Kind.DISCOUNT.value))
    days = bought.group_by("person", "on").aggregate(
        sales=bought.amount_shop.sum(),
        customer_key=bought.customer_key.min(),
        sold=(bought.kind == Kind.GOODS_SOLD.value).sum(),
    )
    days = days.filter(days.sold > 0)
    window = ibis.window(group_by=days.person, order_by=days.on)
    return days.mutate(before=days.on.lag().over(window))


def _daily(lines: Any) -> Any:
    """Orders (a person's day counts once) by day."""
    days = _days(lines)
    return days.group_by("on").aggregate(orders=days.count())


def _people(lines: Any, as_of: date) -> Any:
    import ibis

    days = _days(lines)
    people = days.group_by("person").aggregate(
        customer_key=days.customer_key.min(),
        repeats=days.count() - 1,
        first=days.on.min(),
        last=days.on.max(),
        later_sales=days.sales.sum(where=days.before.notnull()),
    )
    return people.select(
        "customer_key",
        "repeats",
        age=ibis.literal(as_of).delta(people["first"], unit="day"),
        since=ibis.literal(as_of).delta(people["last"], unit="day"),
        later_sales=people.later_sales.fill_null(0).cast("float64"),
    ).order_by("customer_key")


def _split(lines: Any, cut: date) -> Any:
    """A row for each person who bought before a day: what was known of them then, and the orders from then on."""
    import ibis

    days = _days(lines)
    people = days.group_by("person").aggregate(
        repeats=(days.on < cut).sum() - 1,
        first=days.on.min(),
        last=days.on.max(where=days.on < cut),
        came=(days.on >= cut).sum(),
    )
    people = people.filter(people.repeats >= 0)
    day = ibis.literal(cut)
    return people.select(
        "repeats", "came", age=day.delta(people["first"], unit="day"), since=day.delta(people["last"], unit="day")
    )


def _gap_quantile(lines: Any) -> Any:
    days = _days(lines)
    gaps = days.filter(days.before.notnull())
    return gaps.aggregate(usual=gaps.on.delta(gaps.before, unit="day").cast("float64").quantile(LOST_QUANTILE))


def _sums(lines: Any) -> Any:
    is_sold = lines.kind == Kind.GOODS_SOLD.value
    return lines.aggregate(
        net=lines.amount_shop.sum(),
        bought=lines.amount_shop.sum(where=is_sold | (lines.kind == Kind.DISCOUNT.value)),
        cost=lines.cost_shop.sum(),
        uncosted=(is_sold & lines.cost_shop.isnull()).sum(),
    )


def _floats(people: pa.Table, name: str) -> Floats:
    return np.asarray(people[name].to_numpy(), dtype=np.float64)


def _dates(people: pa.Table, name: str) -> NDArray[np.datetime64]:
    return np.asarray(people[name].to_numpy()).astype("datetime64[D]")


def publish(lake: Lake, outlook: CustomerOutlook, *, batch_id: str, now: datetime) -> Appended:
    """Appends the run as `customer_value` facts of a batch, part by part; the caller makes the batch visible."""
    parts = [
        lake.append(TABLE.name, [batch], batch_id=batch_id, part=part)
        for part, batch in enumerate(_batches(outlook, batch_id, now))
    ]
    return Appended(sum(part.rows for part in parts), sum(part.duplicates for part in parts))


def _batches(outlook: CustomerOutlook, batch_id: str, now: datetime) -> Iterator[pa.RecordBatch]:
    run_key = f"{outlook.as_of}/{outlook.snapshot:08d}"
    margin = outlook.remaining_margin
    for start in range(0, len(outlook.orders), _PART):
        part = slice(start, start + _PART)
        keys = outlook.customer_key[part].to_pylist()
        same = {"version": 1, "recorded_at": now, "batch_id": batch_id, "run_key": run_key, "as_of": outlook.as_of}
        columns: dict[str, Any] = {name: [value] * len(keys) for name, value in same.items()}
        columns |= {
            "key": [f"{run_key}/{key}" for key in keys],
            "customer_key": keys,
            "remaining_sales": outlook.remaining_sales[part],
            "remaining_margin": [None] * len(keys) if margin is None else margin[part],
            "inactive_after_days": outlook.inactive_after_days[part],
            "is_alive_rate": outlook.is_alive_rate[part],
            "snapshot": [outlook.snapshot] * len(keys),
            "model": [f"{outlook.model}, Gamma-Gamma, 3 years"] * len(keys),
        }
        arrays = [pa.array(columns[field.name], type=field.type) for field in TABLE.schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=TABLE.schema)
