"""Online Retail II as facts, by the rules of its worked answers, in SQL: a source of truth beside the import."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from topline.facts.table import tables

ROWS = """
WITH first AS (
    SELECT "Invoice" AS invoice, "StockCode" AS code, "Quantity" AS quantity, "InvoiceDate" AS stamp, "Price" AS price,
        "Customer ID" AS customer, "Country" AS country
    FROM read_parquet('{folder}/year_2009_2010.parquet')
), second AS (
    SELECT "InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"
    FROM read_parquet('{folder}/year_2010_2011.parquet') WHERE "InvoiceDate" >= '2010-12-10'
), rows AS (FROM first UNION ALL FROM second)
SELECT *, row_number() OVER () AS number,
    CASE
        WHEN invoice LIKE 'A%' OR code = 'B' THEN 'bad_debt'
        WHEN code IN ('POST', 'DOT', 'C2', 'C3') THEN 'carriage'
        WHEN code IN ('BANK CHARGES', 'AMAZONFEE', 'CRUK') THEN 'fee'
        WHEN code ILIKE 'gift%' THEN 'voucher'
        WHEN code IN ('M', 'm') THEN 'manual'
        WHEN code LIKE 'ADJUST%' THEN 'adjustment'
        WHEN code = 'D' THEN 'discount'
        WHEN code = 'S' THEN 'sample'
        WHEN code LIKE 'TEST%' THEN 'test'
        WHEN price <= 0 THEN 'goods_no_price'
        WHEN invoice LIKE 'C%' THEN 'goods_cancelled'
        ELSE 'goods_sold'
    END AS kind
FROM rows
"""

_LINES = """
SELECT 'retail:' || number AS key, 1::BIGINT AS version, '2026-01-01'::TIMESTAMPTZ AS recorded_at, 'retail' AS batch_id,
    invoice AS order_key, kind, stamp AT TIME ZONE 'Europe/London' AS at, stamp::DATE AS "on", hour(stamp)::TINYINT AS hour,
    CASE WHEN kind IN ('goods_cancelled', 'refund') THEN NULL ELSE min(stamp::DATE) OVER (PARTITION BY invoice) END
        AS ordered_on,
    code AS product_key, quantity::DECIMAL(18, 6) AS quantity, price::DECIMAL(18, 6) AS unit_price,
    (quantity * price::DECIMAL(18, 6))::DECIMAL(18, 6) AS amount,
    (quantity * price::DECIMAL(18, 6))::DECIMAL(18, 6) AS amount_shop, 'GBP' AS currency,
    1::DECIMAL(18, 9) AS rate, false AS rate_is_event_day, NULL::DECIMAL(18, 6) AS cost_shop, 'web' AS channel,
    first(country) OVER (PARTITION BY invoice ORDER BY number) AS market,
    CASE WHEN customer IN ('', 'nan', 'None') THEN NULL ELSE customer END AS customer_key, NULL::VARCHAR AS original_order_key,
    false AS is_over_refund
FROM ({rows})
"""


def lines(shared_data: Path) -> Iterator[pa.RecordBatch]:
    """The 1,044,847 ledger rows as record batches of the fact `order_line`."""
    schema = tables()["order_line"].schema
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    query = _LINES.format(rows=ROWS.format(folder=shared_data / "online_retail_ii"))
    yield from connection.sql(query).to_arrow_table().cast(schema).to_batches(max_chunksize=200_000)
