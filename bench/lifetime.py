"""Lifetime models on CDNOW, their hold-out and their speed: ours, all from one run.

    python bench/lifetime.py [--data FILE] [--customer-column NAME] [--date-column NAME]
        [--cut DAY] [--end DAY] [--customers 1000000]

A row of the file is a purchase: in .csv and .parquet files with a customer and a date, in text files as CDNOW's own
the last four words, customer, day, pieces and amount. CDNOW is cut at 1997-09-30 and ends at 1998-06-30; other files
are cut after six tenths of their days and end with the last. The hold-out counts days with a purchase after the
cut. By the season, time runs as a year's online trade does (US Census Bureau), since nine months of history don't know
their own. Typical is the error of the most likely whole number. Speed: a simulated shop of so many customers, fitted
and scored.
"""

import argparse
import os
import time
from pathlib import Path

import given
import numpy as np
import pandas as pd

from topline.outlook.customers import _QUARTERS
from topline.science import lifetime

SHARED = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
CDNOW = SHARED / "cdnow" / "CDNOW_sample.txt.gz"
CDNOW_CUT, CDNOW_END = pd.Timestamp("1997-09-30"), pd.Timestamp("1998-06-30")
USUAL = {"customer": "customer|client|user|buyer|member|household", "date": "date|day|time"}
LEAST_CUSTOMERS = 100
PUBLISHED = {
    "BG/NBD": "r .2426 alpha 4.4135 a .7929 b 2.4258 LL -9582.43",
    "Pareto/NBD": "r .5533 alpha 10.5776 s .6062 beta 11.6685 LL -9594.97",
}
FITS = {"BG/NBD": lifetime.fit_buying, "Pareto/NBD": lifetime.fit_pareto}


def read(path: Path, customer: str, day: str) -> pd.DataFrame:
    """A row for each customer and day with a purchase."""
    if ".txt" in path.suffixes and path.is_file():
        rows = pd.read_csv(path, sep=r"\s+", header=None).iloc[:, -4:-2].set_axis(["customer", "date"], axis=1)
    else:
        rows = given.named(given.table(path), path, {"customer": customer, "date": day}, USUAL)
    rows = rows[rows.customer.notna()]
    return rows.assign(on=given.days(rows.date, path))[["customer", "on"]].drop_duplicates()


def clock(first: pd.Timestamp, last: pd.Timestamp, by_season: bool) -> np.ndarray:
    """(days + 1,) weeks gone by each day from the first."""
    days = pd.date_range(first, last)
    weights = _QUARTERS[days.quarter - 1] / _QUARTERS.mean() if by_season else np.ones(len(days))
    return np.r_[0.0, np.cumsum(weights)] / 7


def hold_out(days: pd.DataFrame, cut: pd.Timestamp, end: pd.Timestamp, *, is_published: bool) -> None:
    first = days.on.min()
    seen, later = days[days.on <= cut].groupby("customer"), days[(days.on > cut) & (days.on <= end)]
    came = later.groupby("customer").on.nunique().reindex(list(seen.groups)).fillna(0).to_numpy()
    if len(came) < LEAST_CUSTOMERS or not came.sum():
        raise SystemExit(
            f"{len(came)} customers up to {cut:%Y-%m-%d} with {came.sum():.0f} orders after it: "
            f"{LEAST_CUSTOMERS} customers and an order are needed; --cut moves the day"
        )
    repeats = seen.on.count().to_numpy() - 1.0
    place = {
        name: (value - first).dt.days.to_numpy() for name, value in (("first", seen.on.min()), ("last", seen.on.max()))
    }
    print(f"{len(came)} customers, {came.sum():.0f} orders in the hold-out")
    for by_season in (False, True):
        weeks = clock(first, end, by_season)
        now = weeks[(cut - first).days]
        known = repeats, weeks[place["last"]] - weeks[place["first"]], now - weeks[place["first"]]
        for name, fit in FITS.items():
            fitted = fit(*known)
            if not by_season:
                print(f"{name:12} {fitted}")
                if is_published:
                    print(f"{'published':12} {PUBLISHED[name]}")
            horizon = weeks[(end - first).days] - now
            expected = lifetime.expected_orders(fitted, *known, horizon)
            typical = lifetime.typical_orders(fitted, *known, horizon)
            low, high = lifetime.total_interval(fitted, *known, horizon, 0.9)
            time_of = "by the season" if by_season else "plain days"
            print(
                f"{name:12} {time_of:14} total {expected.sum() / came.sum() - 1:+.1%} "
                f"({low:.0f} to {high:.0f}), MAE {np.abs(expected - came).mean():.3f}, "
                f"typical {np.abs(typical - came).mean():.3f}"
            )


def speed(customers: int) -> None:
    rng = np.random.default_rng(0)
    age = rng.integers(30, 1000, customers).astype(float)
    life = np.minimum(rng.exponential(1, customers) / rng.gamma(0.6, 1 / 80, customers), age)
    repeats = rng.poisson(rng.gamma(0.6, 1 / 60, customers) * life).astype(float)
    recency = np.where(repeats > 0, np.floor(life * rng.beta(np.maximum(repeats, 1), 1)), 0)
    for name, fit in FITS.items():
        began = time.process_time()
        fitted = fit(repeats, recency, age)
        middle = time.process_time()
        lifetime.expected_orders(fitted, repeats, recency, age, 365.0)
        done = time.process_time()
        print(f"{name:12} {customers:,} customers: fit {middle - began:.2f}, score {done - middle:.2f} CPU s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=CDNOW)
    parser.add_argument("--cut", type=pd.Timestamp)
    parser.add_argument("--end", type=pd.Timestamp)
    parser.add_argument("--customer-column", default="")
    parser.add_argument("--date-column", default="")
    parser.add_argument("--customers", type=int, default=1_000_000, help="of the simulated shop")
    asked = parser.parse_args()
    days, is_cdnow = read(asked.data, asked.customer_column, asked.date_column), asked.data.name == CDNOW.name
    end = asked.end or (CDNOW_END if is_cdnow else days.on.max())
    cut = asked.cut or (CDNOW_CUT if is_cdnow else (days.on.min() + 0.6 * (end - days.on.min())).normalize())
    hold_out(days, cut, end, is_published=is_cdnow and cut == CDNOW_CUT)
    speed(asked.customers)


if __name__ == "__main__":
    main()
