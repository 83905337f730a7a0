"""Public panels as long tables (id, date, quantity, and what else is known), read from the shared data folder.

A promotion, price or flag column may be any number known ahead; `closed` marks periods without sales by plan, `group`
whose calendar a series follows, and `unknown` quantities that say nothing of demand because shelves were empty.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
TUNED_OUT = 13
"""The city of FreshRetailNet that nothing was tuned on."""


@dataclass(frozen=True)
class Bench:
    """A panel, and over what it is forecast: periods ahead, and how many rolling origins, a horizon apart."""

    table: Callable[[], pd.DataFrame]
    horizon: int
    origins: int


def orange_juice() -> pd.DataFrame:
    """Dominick's: 83 stores x 11 brands by week, planned price, deal and feature."""
    raw = pd.read_csv(DATA / "dominicks_orange_juice" / "oj_store_brand_week.csv.gz")
    prices = raw[[f"price{k}" for k in range(1, 12)]].to_numpy()
    own = prices[np.arange(len(raw)), raw.brand.astype(int) - 1]
    return pd.DataFrame(
        {
            "id": raw.store.astype(int).astype(str) + "|" + raw.brand.astype(int).astype(str),
            "date": np.datetime64("1989-09-14") + (raw.week.to_numpy(int) * 7).astype("timedelta64[D]"),
            "quantity": np.exp(raw.logmove),
            "group": raw.brand.astype(int).astype(str),
            "price": own,
            "gap": np.log(own / prices.min(axis=1)),
            "deal": raw.deal,
            "feature": raw.feat,
        }
    )


def rossmann() -> pd.DataFrame:
    """1,115 stores by day with promotions and holidays; days that are absent were closed."""
    raw = pd.read_parquet(DATA / "rossmann" / "rossmann_open_days.parquet")
    days = pd.date_range(raw.Date.min(), raw.Date.max())
    whole = pd.MultiIndex.from_product([raw.Store.unique(), days], names=["Store", "Date"])
    kept = raw.set_index(["Store", "Date"]).reindex(whole)
    promo = raw.groupby("Date").Promo.max().reindex(days, fill_value=0)
    school = kept.SchoolHoliday.fillna(0)
    stores = kept.index.get_level_values("Store")
    return pd.DataFrame(
        {
            "id": stores.astype(str),
            "date": kept.index.get_level_values("Date"),
            "quantity": kept.Sales.fillna(0).to_numpy(float),
            "group": pd.Series(stores).map(raw.groupby("Store").StoreType.first()).to_numpy(),
            "promotion": promo.reindex(kept.index.get_level_values("Date")).to_numpy(float),
            "school_holiday": school.to_numpy(float),
            "closed": kept.Sales.isna().to_numpy(),
        }
    )


def walmart() -> pd.DataFrame:
    """Walmart Recruiting: 3,331 store departments by week, markdowns and holidays; absent weeks aren't known."""
    raw = pd.read_csv(DATA / "walmart_recruiting" / "train.csv.zip")
    known = pd.read_csv(DATA / "walmart_recruiting" / "features.csv.gz")
    marks = [f"MarkDown{k}" for k in range(1, 6)]
    raw = raw.merge(known[["Store", "Date", *marks]], on=["Store", "Date"], how="left")
    return pd.DataFrame(
        {
            "id": raw.Store.astype(str) + "|" + raw.Dept.astype(str),
            "date": pd.to_datetime(raw.Date),
            "quantity": raw.Weekly_Sales.clip(lower=0),
            "group": raw.Dept.astype(str),
            "holiday": raw.IsHoliday.astype(float),
            "markdown": np.log1p(raw[marks].clip(lower=0).sum(axis=1)),
        }
    )


def fresh_retail(city: int | None = None) -> pd.DataFrame:
    """FreshRetailNet: store-products by day with discount and weather; all cities but the one kept apart, or one city.

    Amounts of days on which the shelf was empty for more than two hours between 6 and 22 aren't demand.
    """
    folder = DATA / "freshretailnet_50k"
    stores = pd.read_parquet(folder / "store_day.parquet")
    raw = pd.read_parquet(folder / "daily_sales.parquet")
    cities = stores.groupby("store_id").city_id.first()
    of = raw.store_id.map(cities)
    chosen = (of != TUNED_OUT) & (raw.store_id % 5 == 0) if city is None else of == city
    raw = raw[chosen].merge(stores.drop(columns="city_id"), on=["store_id", "dt"], how="left")
    products = pd.read_parquet(folder / "products.parquet").set_index("product_id")
    return pd.DataFrame(
        {
            "id": raw.store_id.astype(str) + "|" + raw.product_id.astype(str),
            "date": pd.to_datetime(raw.dt),
            "quantity": raw.sale_amount.clip(lower=0),
            "group": raw.product_id.map(products.first_category_id).astype(str),
            "price": raw.discount,
            "promotion": raw.activity_flag.astype(float),
            "holiday": raw.holiday_flag.astype(float),
            "rain": raw.precpt,
            "temperature": raw.avg_temperature,
            "unknown": raw.stockout_hours_6_22 > 2,
        }
    )


def carparts() -> pd.DataFrame:
    """2,674 spare parts by month, 71 % zeros."""
    raw = pd.read_csv(DATA / "carparts" / "carparts_monthly_wide.csv.gz").set_index("month")
    long = raw.stack(future_stack=True).rename("quantity").reset_index()
    long.columns = ["date", "id", "quantity"]
    return long.assign(date=pd.to_datetime(long.date), quantity=pd.to_numeric(long.quantity, errors="coerce"))


BENCHES = {
    "orange_juice": Bench(orange_juice, 8, 4),
    "rossmann": Bench(rossmann, 42, 3),
    "walmart": Bench(walmart, 8, 4),
    "fresh_retail": Bench(fresh_retail, 7, 2),
    "fresh_retail_13": Bench(lambda: fresh_retail(TUNED_OUT), 7, 2),
    "carparts": Bench(carparts, 6, 3),
}
