"""Sales forecasts of Online Retail II from eight rolling origins: ours, seasonal naive and Prophet, all from one run.

    python bench/forecast.py [--draws 4000]

Origins are 1 February to 1 September 2011, each 3 months ahead, so the last actual is November 2011 (December is
partial). MASE is the mean absolute error over that of seasonal naive within the history known then. Coverage is
of central 80 % and 95 % intervals; the interval score (lower is better) charges width and misses. Prophet is run
on months with its defaults, and in its best form: on days with yearly seasonality and the country's holidays, months
summed from its samples.
"""

import argparse
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import retail_days
from topline.science import conformal, total

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
LEVELS = (0.8, 0.95)
MONTHS = 3


@dataclass(frozen=True)
class Known:
    """What a method may use at an origin: n days of sales, the days ahead, and the whole months so far."""

    sales: np.ndarray
    horizon: total.Horizon
    months: np.ndarray


@dataclass(frozen=True)
class Answer:
    """point (3,), and samples (draws, 3) that intervals are taken from."""

    point: np.ndarray
    samples: np.ndarray


def ours(known: Known, draws: int) -> Answer:
    point = total.point(known.sales, known.horizon)
    learnt = total.errors(total.backtest(known.sales, known.horizon, MONTHS, 12), len(known.sales))
    return Answer(point, conformal.paths(point, learnt, draws, np.random.default_rng(0)))


def seasonal_naive(known: Known, draws: int) -> Answer:
    point = known.months[-12:][:MONTHS]
    sigma = np.sqrt(np.mean((known.months[12:] - known.months[:-12]) ** 2))
    return Answer(point, point + sigma * np.random.default_rng(0).standard_normal((draws, MONTHS)))


def prophet_by_month(known: Known, draws: int) -> Answer:
    from prophet import Prophet

    stamps = pd.date_range(str(retail_days.START), periods=len(known.months) + MONTHS, freq="MS")
    model = Prophet(uncertainty_samples=draws)
    model.fit(pd.DataFrame({"ds": stamps[:-MONTHS], "y": known.months}))
    ahead = pd.DataFrame({"ds": stamps[-MONTHS:]})
    return Answer(model.predict(ahead)["yhat"].to_numpy(), model.predictive_samples(ahead)["yhat"].T)


def prophet_by_day(known: Known, draws: int) -> Answer:
    from prophet import Prophet

    n = len(known.sales)
    stamps = pd.DatetimeIndex(known.horizon.day)
    model = Prophet(yearly_seasonality=True, uncertainty_samples=draws)
    model.add_country_holidays("GB")
    model.fit(pd.DataFrame({"ds": stamps[:n], "y": known.sales}))
    ahead = pd.DataFrame({"ds": stamps[n:]})
    period = known.horizon.period[n:]
    samples = total.by_period(model.predictive_samples(ahead)["yhat"].T, period)
    return Answer(total.by_period(model.predict(ahead)["yhat"].to_numpy(), period), samples)


METHODS: dict[str, Callable[[Known, int], Answer]] = {
    "ours": ours,
    "seasonal naive": seasonal_naive,
    "Prophet, days": prophet_by_day,
    "Prophet, months": prophet_by_month,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000)
    draws = parser.parse_args().draws
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    sales, ahead = retail_days.net_sales(DATA), retail_days.horizon()
    rows = []
    for origin in retail_days.ORIGINS:
        n = retail_days.cut(origin)
        first = int(ahead.period[n])
        until = int(np.searchsorted(ahead.period, first + MONTHS))
        months = total.by_period(sales[:n], ahead.period[:n])
        known = Known(sales[:n], ahead.cut(n, until - n), months)
        actual = total.by_period(sales[n:until], ahead.period[n:until])
        scale = np.abs(months[12:] - months[:-12]).mean()
        for name, method in METHODS.items():
            began = time.process_time()
            answer = method(known, draws)
            rows.append(_measured(origin, name, answer, actual, scale) | {"cpu_s": time.process_time() - began})
    frame = pd.DataFrame(rows)
    pd.set_option("display.width", 160)
    print("mean absolute error by origin, thousand GBP")
    print((frame.pivot(index="origin", columns="method", values="mae") / 1000)[list(METHODS)].round(1).to_string())
    print("\nMASE by origin")
    print(frame.pivot(index="origin", columns="method", values="mase")[list(METHODS)].round(3).to_string())
    mean = frame.drop(columns="origin").groupby("method").mean().loc[list(METHODS)]
    print("\nmean of the eight origins")
    print(mean.round(3).to_string())
    print("\nours / other")
    print(
        (mean.loc["ours"] / mean).loc[list(METHODS)[1:], ["mae", "mase", "score 80%", "score 95%"]].round(3).to_string()
    )


def _measured(origin: object, name: str, answer: Answer, actual: np.ndarray, scale: float) -> dict[str, object]:
    error = np.abs(answer.point - actual).mean()
    found: dict[str, object] = {"origin": origin, "method": name, "mae": error, "mase": error / scale}
    found["wape"] = error / actual.mean()
    for level in LEVELS:
        low, high = conformal.interval(answer.samples, level)
        missed = np.maximum(low - actual, 0) + np.maximum(actual - high, 0)
        found[f"inside {level:.0%}"] = (missed == 0).mean()
        found[f"score {level:.0%}"] = (high - low + 2 / (1 - level) * missed).mean()
    return found


if __name__ == "__main__":
    main()
