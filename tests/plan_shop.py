"""Histories to plan from: a small simulated shop, and Online Retail II as its ledger rows."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from topline.facts.table import tables
from topline.lake.store import Lake

_CODES = """
    CASE WHEN invoice LIKE 'A%' OR code = 'B' THEN 'bad_debt'
         WHEN code IN ('POST', 'DOT', 'C2', 'C3') THEN 'carriage'
         WHEN code IN ('BANK CHARGES', 'AMAZONFEE', 'CRUK') THEN 'fee'
         WHEN lower(code) LIKE 'gift%' THEN 'voucher'
         WHEN code IN ('M', 'm') THEN 'manual'
         WHEN code LIKE 'ADJUST%' THEN 'adjustment'
         WHEN code = 'D' THEN 'discount'
         WHEN code = 'S' THEN 'sample'
         WHEN code LIKE 'TEST%' THEN 'test'
         WHEN price <= 0 THEN 'goods_no_price'
         WHEN invoice LIKE 'C%' THEN 'goods_cancelled'
         ELSE 'goods_sold' END
"""

_ONLINE_RETAIL = """
    SELECT Invoice AS invoice, StockCode AS code, Quantity AS quantity, Price AS price, InvoiceDate AS "at",
           "Customer ID" AS customer, Country AS market
    FROM read_parquet('{folder}/year_2009_2010.parquet')
    UNION ALL
    SELECT InvoiceNo, StockCode, Quantity, UnitPrice, InvoiceDate, CustomerID, Country
    FROM read_parquet('{folder}/year_2010_2011.parquet') WHERE InvoiceDate >= '2010-12-10'
"""

_SIMULATED = """
    SELECT invoice, code, 1 AS quantity, price, "at", customer, market FROM sold
"""

_LEDGER = """
    SELECT invoice || '-' || row_number() OVER (PARTITION BY invoice) AS key, 1::BIGINT AS version,
           $recorded_at::TIMESTAMPTZ AS recorded_at, $batch AS batch_id, invoice AS order_key, {kind} AS kind,
           "at"::TIMESTAMPTZ AS "at", "at"::DATE AS "on", hour("at")::TINYINT AS "hour", "at"::DATE AS ordered_on, code AS product_key,
           quantity::DECIMAL(18, 6) AS quantity, price::DECIMAL(18, 6) AS unit_price,
           (quantity * price::DECIMAL(12, 4))::DECIMAL(18, 6) AS amount, amount AS amount_shop, 'GBP' AS currency,
           1::DECIMAL(18, 9) AS rate, market, customer::VARCHAR AS customer_key
    FROM ({rows}) ORDER BY "at"
"""


def online_retail(lake: Lake, folder: Path) -> None:
    """Put the ledger of Online Retail II into the lake and publish it."""
    _fill(lake, _ONLINE_RETAIL.format(folder=folder / "online_retail_ii"), duckdb.connect())


def simulated(lake: Lake, *, years: int = 3, growth: float = 0.1, seed: int = 1) -> None:
    """Put a shop's orders to 2027-01-01 into the lake: 12 a day on average, a strong November, no Sundays, three categories."""
    rng = np.random.default_rng(seed)
    day = np.arange(np.datetime64("2027-01-01") - np.timedelta64(365 * years, "D"), np.datetime64("2027-01-01"))
    month = day.astype("datetime64[M]").astype(int) % 12
    rate = 12 * np.array([0.8, 0.7, 0.9, 0.9, 1, 0.9, 0.8, 0.8, 1, 1.2, 1.8, 1.5])[month]
    rate = rate * (1 + growth) ** ((day - day[-1]).astype(int) / 365) * np.where((day.astype(int) + 3) % 7 == 6, 0, 7 / 6)
    at = np.repeat(day.astype("datetime64[us]"), rng.poisson(rate)) + np.timedelta64(12, "h")
    n = len(at)
    sold = pa.table(
        {
            "invoice": [f"o{i}" for i in range(n)],
            "code": rng.choice(["A1", "B1", "C1"], n, p=[0.5, 0.3, 0.2]),
            "price": np.round(rng.lognormal(3.5, 0.5, n), 2),
            "at": at,
            "customer": [f"c{i}" for i in (n * rng.random(n) ** 0.7 / 3).astype(int)],
            "market": rng.choice(["GB", "IE"], n, p=[0.8, 0.2]),
        }
    )
    products = [
        {"key": code, "version": 1, "recorded_at": datetime.now(UTC), "batch_id": "test", "product_key": code,
         "title": code, "category": category}
        for code, category in (("A1", "Lamps"), ("B1", "Rugs"), ("C1", "Vases"))
    ]  # fmt: skip
    lake.append("product", [pa.RecordBatch.from_pylist(products, tables()["product"].schema)], batch_id="test")
    connection = duckdb.connect()
    connection.register("sold", sold)
    _fill(lake, _SIMULATED, connection)


def _fill(lake: Lake, rows: str, connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("SET TimeZone = 'UTC'")
    query = _LEDGER.format(kind=_CODES, rows=rows)
    now = datetime.now(UTC)
    relation = connection.sql(query, params={"recorded_at": now, "batch": "test"})
    for part, batch in enumerate(_batches(relation)):
        lake.append("order_line", [batch], batch_id="test", part=part)
    lake.publish(now=now)


def _batches(relation: duckdb.DuckDBPyRelation) -> Iterator[pa.RecordBatch]:
    schema = tables()["order_line"].schema
    for batch in relation.to_arrow_reader(400_000):
        n = batch.num_rows
        columns = []
        for field in schema:
            if field.name in batch.schema.names:
                columns.append(batch.column(field.name).cast(field.type))
            elif pa.types.is_boolean(field.type):
                columns.append(pa.array([False] * n))
            else:
                columns.append(pa.nulls(n, field.type))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
