"""Net sales of Online Retail II by day, and the days around them: what the forecast's tests and benchmark work on."""

from datetime import date
from pathlib import Path

import duckdb
import numpy as np

from topline.calendar import holiday
from topline.science.total import Horizon
from topline.units.period import Period

START, END = date(2009, 12, 1), date(2011, 12, 1)
ORIGINS = tuple(date(2011, month, 1) for month in range(2, 10))
"""Eight months up to the one whose third month ahead is November 2011, the last whole one."""

_NET = """
SELECT stamp::DATE AS day, sum(quantity * price) AS net FROM (
    SELECT "Invoice" AS invoice, "StockCode" AS code, "Quantity" AS quantity, "InvoiceDate" AS stamp, "Price" AS price
    FROM read_parquet('{folder}/year_2009_2010.parquet')
    UNION ALL
    SELECT "InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice"
    FROM read_parquet('{folder}/year_2010_2011.parquet') WHERE "InvoiceDate" >= '2010-12-10'
)
WHERE invoice NOT LIKE 'A%' AND price > 0 AND stamp < '2011-12-01'
    AND (code SIMILAR TO '[0-9]{{5}}.*|DCGS.*|PADS|SP1002' OR code = 'D')
GROUP BY day ORDER BY day
"""


def net_sales(shared_data: Path) -> np.ndarray:
    """(730,) net sales of each day from 2009-12-01 up to 2011-11-30, GBP."""
    rows = duckdb.sql(_NET.format(folder=shared_data / "online_retail_ii")).fetchall()
    sales = np.zeros((END - START).days)
    for day, net in rows:
        sales[(day - START).days] = net
    return sales


def horizon() -> Horizon:
    """The days of `net_sales`, with the public holidays of England."""
    whole = Period(START, END)
    day = np.datetime64(START, "D") + np.arange(whole.days, dtype="timedelta64[D]")
    month = day.astype("datetime64[M]").astype(np.int64)
    free = np.zeros(whole.days, dtype=bool)
    for one in holiday.holidays("GB", whole):
        free[(one.on - START).days] = True
    return Horizon(day, free, np.zeros(whole.days, np.int64), month - month[0])


def cut(origin: date) -> int:
    """How many days are known at an origin."""
    return (origin - START).days
