"""A small shop with a season and a trend, to plan for: lamps, rugs and vases in two markets, up to New Year 2027."""

from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pyarrow as pa

from topline.accounts import operations
from topline.accounts.models import Shop
from topline.facts.table import tables
from topline.lake.store import Lake

_MONTHS = np.array([0.8, 0.7, 0.9, 0.9, 1, 0.9, 0.8, 0.8, 1, 1.2, 1.8, 1.5])

_LINES = """
    SELECT invoice AS key, 1::BIGINT AS version, $now::TIMESTAMPTZ AS recorded_at, 'test' AS batch_id,
        invoice AS order_key, 'goods_sold' AS kind, noon::TIMESTAMPTZ AS "at", noon::DATE AS "on", 12::TINYINT AS hour,
        noon::DATE AS ordered_on, code AS product_key, 1::DECIMAL(18, 6) AS quantity,
        price::DECIMAL(18, 6) AS unit_price, unit_price AS amount, unit_price AS amount_shop,
        'GBP' AS currency, 1::DECIMAL(18, 9) AS rate,
        false AS rate_is_event_day, NULL::DECIMAL(18, 6) AS cost_shop, NULL::VARCHAR AS channel, market,
        customer AS customer_key, NULL::VARCHAR AS original_order_key,
        false AS is_over_refund
    FROM sold
"""


def fill(lake: Lake, *, days: int = 1000, seed: int = 1) -> pa.Table:
    """What it sold: 12 orders a day on average, a strong November, closed on Sundays, 10 % growth a year."""
    rng = np.random.default_rng(seed)
    end = np.datetime64("2027-01-01")
    day = np.arange(end - np.timedelta64(days, "D"), end)
    month = day.astype("datetime64[M]").astype(int) % 12
    is_open = (day.astype(int) + 3) % 7 != 6
    rate = 12 * _MONTHS[month] * 1.1 ** ((day - end).astype(int) / 365) * is_open * 7 / 6
    noon = np.repeat(day.astype("datetime64[us]"), rng.poisson(rate)) + np.timedelta64(12, "h")
    n = len(noon)
    sold = pa.table(
        {
            "invoice": [f"o{i}" for i in range(n)],
            "code": rng.choice(["A1", "B1", "C1"], n, p=[0.5, 0.3, 0.2]),
            "price": np.round(rng.lognormal(3.5, 0.5, n), 2),
            "noon": noon,
            "customer": [f"c{i}" for i in (n * rng.random(n) ** 0.7 / 3).astype(int)],
            "market": rng.choice(["GB", "IE"], n, p=[0.8, 0.2]),
        }
    )
    now = datetime.now(UTC)
    schema = tables()["product"].schema
    products = [
        {"key": code, "version": 1, "recorded_at": now, "batch_id": "test", "product_key": code, "category": category}
        for code, category in (("A1", "Lamps"), ("B1", "Rugs"), ("C1", "Vases"))
    ]
    lake.append("product", [pa.RecordBatch.from_pylist(products, schema)], batch_id="test")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("sold", sold)
    lines = connection.sql(_LINES, params={"now": now}).to_arrow_table().cast(tables()["order_line"].schema)
    lake.append("order_line", lines.to_batches(), batch_id="test")
    lake.publish(now=now)
    return sold


def open_shop() -> Shop:
    """Two years and more of a small shop's sales, its clock at mid December 2026."""
    owner = operations.create_user(email="ana@example.org", name="Ana", password="correct horse", actor_id=None)
    shop = operations.create_shop(
        slug="lamps", name="Lamps", currency="GBP", timezone="Europe/London", country="GB", owner=owner, is_demo=True
    )
    fill(shop.lake(), days=800)
    return operations.pin_clock(shop=shop, on=date(2026, 12, 15), actor_id=None)
