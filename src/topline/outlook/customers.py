"""What customers are expected to be worth, and when they count as lost: a run over all of a shop's customers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

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
LOST_QUANTILE = 0.9
MODEL = "BG/NBD, Gamma-Gamma, 3 years"
_PART = 200_000


@dataclass(frozen=True, slots=True)
class CustomerOutlook:
    """What a run expects of each customer (person) who bought before `as_of`.

    customer_key : (n,) one key of the person
    orders : (n,) days with an order expected in the next three years
    remaining_sales : (n,) net sales expected in the next three years, shop currency
    remaining_margin : (n,) the same less the cost of goods, None if a sold line has no cost
    inactive_after_days : (n,) days without an order after which the customer counts as lost
    is_alive_rate : (n,) probability of being active still, 0-1
    """

    as_of: date
    snapshot: int
    customer_key: "pa.Array[Any]"
    orders: Floats
    remaining_sales: Floats
    remaining_margin: Floats | None
    inactive_after_days: Floats
    is_alive_rate: Floats
    buying: lifetime.BuyingFit
    spending: lifetime.SpendingFit


def run(lake: Lake, snapshot: Snapshot, *, as_of: date) -> CustomerOutlook:
    """The outlook of all customers from what happened before `as_of`.

    Guests, who can't be told apart, are out; merged customers are one. A day with orders is one purchase. Raises
    TooFewCustomersError below 100 customers, LifetimeFitError if hardly anybody bought twice.
    """
    lines = _lines(lake, snapshot, as_of)
    people = engine.execute(_people(lines, as_of))
    if people.num_rows < LEAST_CUSTOMERS:
        raise lifetime.TooFewCustomersError(found=people.num_rows, least=LEAST_CUSTOMERS)
    repeats, recency, age, later = (_floats(people, name) for name in ("repeats", "recency", "age", "later_sales"))
    mean = np.divide(later, repeats, out=np.zeros_like(later), where=repeats > 0)
    buying = lifetime.fit_buying(repeats, recency, age)
    spending = lifetime.fit_spending(repeats, mean)
    orders = lifetime.expected_orders(buying, repeats, recency, age, LIFE_DAYS)
    sums = engine.execute(_sums(lines)).to_pylist()[0]
    gross = orders * lifetime.expected_value(spending, repeats, np.maximum(mean, 0))
    sales = gross * max(float(sums["net"] or 0) / max(float(sums["bought"] or 0), 1e-9), 0.0)
    margin_rate = 1 - float(sums["cost"] or 0) / max(float(sums["net"] or 0), 1e-9)
    usual = engine.execute(_gap_quantile(lines)).column(0)[0].as_py() or 0.0
    return CustomerOutlook(
        as_of=as_of,
        snapshot=snapshot.number,
        customer_key=people["customer_key"].combine_chunks(),
        orders=orders,
        remaining_sales=sales,
        remaining_margin=None if sums["uncosted"] else sales * margin_rate,
        inactive_after_days=lifetime.inactive_after(repeats, recency, usual),
        is_alive_rate=lifetime.alive_rate(buying, repeats, recency, age),
        buying=buying,
        spending=spending,
    )


def _lines(lake: Lake, snapshot: Snapshot, as_of: date) -> Any:
    """Goods sold, discounts and returns of known customers before a day, with the person behind each."""
    lines: Any = engine.table(lake, "order_line", snapshot)
    heads: Any = engine.table(lake, "order", snapshot)
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
        recency=people["last"].delta(people["first"], unit="day"),
        age=ibis.literal(as_of).delta(people["first"], unit="day"),
        later_sales=people.later_sales.fill_null(0).cast("float64"),
    ).order_by("customer_key")


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
            "model": [MODEL] * len(keys),
        }
        arrays = [pa.array(columns[field.name], type=field.type) for field in TABLE.schema]
        yield pa.RecordBatch.from_arrays(arrays, schema=TABLE.schema)
