"""A made-up shop of 561 days: one order a day and product, peaks in December, closed on Sundays."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pyarrow as pa

from topline.facts.table import tables
from topline.lake.store import Lake

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = "orders"
START, END = date(2023, 1, 1), date(2024, 7, 15)


def _lines() -> Iterator[dict[str, object]]:
    """600 a day: three products of 100, 200 and 300, two markets, 130 customers; two units each, at 75 % margin."""
    rng = np.random.default_rng(11)
    for n in range((END - START).days):
        day = START + timedelta(days=n)
        level = 100 * (1 + 0.5 * (day.month == 12)) * (day.isoweekday() < 7)
        for part in range(3 if level else 0):
            amount = f"{level * (part + 1) * rng.uniform(0.8, 1.2):.2f}"
            yield {
                "key": f"{day}/{part}",
                "version": 1,
                "recorded_at": NOW,
                "batch_id": BATCH,
                "order_key": f"{day}/{part}",
                "kind": "goods_sold",
                "at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
                "on": day,
                "hour": 13,
                "ordered_on": day,
                "product_key": ("mug", "lamp", "sofa")[part],
                "quantity": "2",
                "unit_price": amount,
                "amount": amount,
                "amount_shop": amount,
                "currency": "EUR",
                "rate": "1",
                "cost_shop": f"{float(amount) / 4:.2f}",
                "rate_is_event_day": False,
                "is_over_refund": False,
                "market": "DE" if n % 3 else "AT",
                "customer_key": f"c{int(rng.integers(0, 130))}",
            }


def _batch(fact: str, rows: list[dict[str, object]]) -> pa.RecordBatch:
    schema = tables()[fact].schema
    columns = []
    for field in schema:
        values = [row.get(field.name) for row in rows]
        is_text = pa.types.is_decimal(field.type)
        columns.append(pa.array(values, pa.string()).cast(field.type) if is_text else pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def lines() -> pa.RecordBatch:
    """The shop's order lines."""
    return _batch("order_line", list(_lines()))


_CATEGORIES = {"mug": "Kitchen", "lamp": "Light", "sofa": None}


def fill(lake: Lake) -> None:
    """Append the shop's order lines and products as one batch."""
    lake.append("order_line", [lines()], batch_id=BATCH)
    fact = {"version": 1, "recorded_at": NOW, "batch_id": BATCH}
    products = [fact | {"key": key, "product_key": key, "category": category} for key, category in _CATEGORIES.items()]
    lake.append("product", [_batch("product", products)], batch_id=BATCH)
