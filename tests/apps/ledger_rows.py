"""A few ledger rows in a shop's lake, made by hand, for tests that only need some figures."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa

from topline.facts import order_line
from topline.journal import operations as journal
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake

type Sale = tuple[str, date, str, str]
"""order, day, market, amount"""

SALES: tuple[Sale, ...] = (
    ("1001", date(2011, 7, 4), "GB", "10.00"),
    ("1002", date(2011, 7, 30), "IE", "15.50"),
    ("1003", date(2011, 8, 2), "GB", "30.25"),
    ("1003", date(2011, 8, 2), "GB", "4.25"),
    ("1004", date(2011, 8, 31), "GB", "40.00"),
)


NOW = datetime(2011, 9, 1, tzinfo=UTC)


def put(
    lake: Lake, sales: Iterable[Sale] = SALES, batch_id: str = "by-hand", *, now: datetime = NOW, hour: int = 13
) -> Snapshot:
    """The snapshot in which the sales are seen. now : when they were recorded; hour : of the day, in summer time"""
    rows = [
        {
            "key": f"{batch_id}/{place}",
            "version": 1,
            "recorded_at": now,
            "batch_id": batch_id,
            "order_key": order,
            "kind": order_line.Kind.GOODS_SOLD,
            "at": datetime(on.year, on.month, on.day, hour - 1, tzinfo=UTC),
            "on": on,
            "hour": hour,
            "ordered_on": on,
            "product_key": "mug",
            "quantity": Decimal(1),
            "unit_price": Decimal(amount),
            "amount": Decimal(amount),
            "amount_shop": Decimal(amount),
            "currency": "GBP",
            "rate": Decimal(1),
            "rate_is_event_day": False,
            "market": market,
            "customer_key": f"customer-{order}",
            "is_over_refund": False,
        }
        for place, (order, on, market, amount) in enumerate(sales)
    ]
    journal.open_batch(shop=lake.shop, batch_id=batch_id, source="test", now=now)
    lake.append("order_line", [pa.RecordBatch.from_pylist(rows, order_line.TABLE.schema)], batch_id=batch_id)
    journal.make_live(shop=lake.shop, batch_id=batch_id, now=now)
    return journal.publish(lake)
