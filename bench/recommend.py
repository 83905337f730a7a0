"""Recommendations on Online Retail II: learnt before 1 September 2011, asked what its customers buy until 9 December.

    python bench/recommend.py [--cut 2011-09-01] [--half-life 120] [--ridge 60]

Recall among the first 20, of the products that ten customers bought before; *new* leaves out what the customer had
bought. To reach: .14 new, .37 all (beside popularity .057 and .107 in the measure they were set by).
"""

import argparse
import os
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import online_retail
from topline.science import recommend

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
LEAST_BUYERS = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cut", type=date.fromisoformat, default=date(2011, 9, 1))
    parser.add_argument("--half-life", type=float, default=120.0)
    parser.add_argument("--ridge", type=float, default=60.0)
    asked = parser.parse_args()
    query = online_retail.ROWS.format(folder=DATA / "online_retail_ii")
    rows = duckdb.sql(
        f"SELECT DISTINCT customer, code, stamp::DATE AS day FROM ({query}) "
        "WHERE kind = 'goods_sold' AND customer NOT IN ('', 'nan', 'None')"
    ).df()
    age = (np.datetime64(asked.cut) - rows.day.to_numpy().astype("datetime64[D]")).astype(int)
    buyers = rows[age > 0].groupby("code").customer.nunique()
    codes = {code: k for k, code in enumerate(buyers.index[buyers >= LEAST_BUYERS])}
    product = rows.code.map(codes).fillna(-1).to_numpy(int)
    people = {one: k for k, one in enumerate(rows.customer[(age > 0) & (product >= 0)].unique())}
    customer = rows.customer.map(people).fillna(-1).to_numpy(int)
    known, later = (age > 0) & (product >= 0), (age <= 0) & (product >= 0) & (customer >= 0)
    bought = recommend.Purchases(customer[known], product[known], age[known].astype(float), len(people), len(codes))
    began = time.process_time()
    taste = recommend.fit(bought, ridge=asked.ridge, half_life_days=asked.half_life)
    fitted = time.process_time() - began
    tested = np.unique(customer[later])
    truth = np.zeros((len(people), len(codes)), dtype=bool)
    truth[customer[later], product[later]] = True
    truth = truth[tested]
    liked, owned = (
        table[tested].toarray() for table in (recommend.interest(bought, asked.half_life), recommend.ownership(bought))
    )
    seen = owned > 0
    popular = np.tile(np.bincount(bought.product, minlength=len(codes)).astype(float), (len(tested), 1))
    print(f"{len(people)} customers, {len(codes)} products, {len(tested)} tested; fit in {fitted:.1f} CPU s")
    for name, ranked in (
        ("popularity", popular),
        ("EASE", liked @ taste.weight),
        ("own purchases and EASE", recommend.scores(taste, liked, owned)),
    ):
        new = recommend.recall(np.where(seen, -np.inf, ranked), truth & ~seen)
        print(f"{name:24} new {new:.3f}   all {recommend.recall(ranked, truth):.3f}")


if __name__ == "__main__":
    main()
