"""Pipeline revenue of a company's 8,800 deals, seen from the first of each month of 2017, 30 and 90 days ahead.

    python bench/pipeline.py

WAPE of won revenue, new deals included. To reach: .15 at 30 days, .05 at 90 (survival by age .284 and list price x win
rate 3.57 at 30 before). The columns (agent, account, product) have no signal for the outcome: the AUC says so.
"""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from topline.science import leads, pipeline

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
ORIGINS = pd.date_range("2017-05-01", "2017-12-01", freq="MS")
OUTCOME = {"Won": pipeline.WON, "Lost": pipeline.LOST}


def deals() -> pd.DataFrame:
    folder = DATA / "crm_sales_opportunities"
    found = pd.read_csv(folder / "sales_pipeline.csv", parse_dates=["engage_date", "close_date"])
    prices = pd.read_csv(folder / "products.csv").set_index("product").sales_price
    found["price"] = found["product"].replace("GTXPro", "GTX Pro").map(prices)
    return found[found.engage_date.notna()]


def course(known: pd.DataFrame, origin: pd.Timestamp) -> pipeline.Course:
    """The deals as they stood on a day."""
    day = (known.engage_date - pd.Timestamp("2016-01-01")).dt.days.to_numpy(float)
    now = float((origin - pd.Timestamp("2016-01-01")).days)
    closed = (known.close_date < origin).to_numpy()
    ended = np.where(closed, (known.close_date - pd.Timestamp("2016-01-01")).dt.days.fillna(0), now)
    outcome = np.where(closed, known.deal_stage.map(OUTCOME).fillna(pipeline.OPEN), pipeline.OPEN).astype(int)
    value = np.where(outcome == pipeline.WON, known.close_value.fillna(0), known.price).astype(float)
    n = len(known)
    zero = np.zeros(n, dtype=int)
    return pipeline.Course(np.arange(n), zero, day, ended.astype(float), outcome, value, zero)


def main() -> None:
    every = deals()
    rows = []
    for origin in ORIGINS:
        known = every[every.engage_date < origin]
        now = float((origin - pd.Timestamp("2016-01-01")).days)
        stood = course(known, origin)
        fitted = pipeline.fit(stood, now)
        is_open = stood.outcome == pipeline.OPEN
        age = now - stood.entered[is_open]
        zero = np.zeros(int(is_open.sum()), dtype=int)
        chance = pipeline.chances(fitted, zero, age, zero)
        past = every[(every.deal_stage == "Won") & (every.close_date < origin)]
        monthly = past.groupby(past.close_date.dt.to_period("M")).close_value.sum()
        closing = pipeline.pace(monthly.to_numpy(float), (monthly.index.month.to_numpy() - 1) % 3)
        middle = [origin + pd.DateOffset(days=7 * week + 3) for week in range(13)]
        made = pipeline.revenue(
            fitted,
            chance,
            stood.value[is_open],
            pace=np.array([closing.by_month[(day.month - 1) % 3] for day in middle]),
            unsteady=closing.unsteady,
            rng=np.random.default_rng(0),
        )
        won = every[(every.deal_stage == "Won") & (every.close_date >= origin)]
        naive = stood.value[is_open].sum() * (stood.outcome == pipeline.WON).sum() / (~is_open).sum()
        for days in (30, 90):
            if origin + pd.DateOffset(days=days) > pd.Timestamp("2018-01-01"):
                continue
            actual = won[won.close_date < origin + pd.DateOffset(days=days)].close_value.sum()
            weeks = days / 7
            expected = float(np.interp(weeks, np.arange(14), np.r_[0, made.total_mean]))
            low, high = (float(np.interp(weeks, np.arange(14), np.r_[0, e])) for e in (made.total_low, made.total_high))
            rows.append(
                {
                    "origin": f"{origin:%Y-%m}", "days": days, "actual": actual, "expected": expected,
                    "inside 80 %": low <= actual <= high, "list price x win rate": naive,
                }
            )  # fmt: skip
    table = pd.DataFrame(rows)
    print(table.round(0).to_string(index=False))
    for days, part in table.groupby("days"):
        wape = (part.expected - part.actual).abs().sum() / part.actual.sum()
        naive = (part["list price x win rate"] - part.actual).abs().sum() / part.actual.sum()
        print(f"{days} days: WAPE {wape:.3f} (price x win rate {naive:.2f}), {part['inside 80 %'].mean():.0%} inside")
    closed = every[every.deal_stage.isin(OUTCOME)].sort_values("engage_date")
    columns = {name: closed[name].tolist() for name in ("sales_agent", "product", "account")}
    found = leads.score(columns, (closed.deal_stage == "Won").to_numpy())
    told = {name: round(one.auc, 3) for name, one in found.folds.items()}
    print(f"AUC of agent, product and account on fifths: {told}; Brier {found.folds['logistic'].brier:.4f} "
          f"against {found.folds['logistic'].base_brier:.4f} of the base rate")  # fmt: skip


if __name__ == "__main__":
    main()
