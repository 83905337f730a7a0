"""The 359 weekly series of the M4 competition: where the forecast of one series stands among the 59 published.

    python bench/m4.py

Naive must come out first as published (sMAPE 9.161, MASE 2.777), or the reading is wrong. OWA is the mean of both
measures over Naive's (M4's Naive2 is Naive for weeks).
"""

import time

import numpy as np
import pandas as pd
from panels import DATA

from topline.science import series

HORIZON = 13
SEASON = 52
PUBLISHED = (9.161, 2.777)


def main() -> None:
    folder = DATA / "m4_weekly"
    train, test = (pd.read_csv(folder / f"Weekly-{part}.csv.gz").set_index("V1") for part in ("train", "test"))
    actual = test.to_numpy(float)
    past = [row[~np.isnan(row)] for row in train.to_numpy(float)]
    scale = np.array([np.abs(np.diff(row)).mean() for row in past])
    naive = measured(np.array([np.full(HORIZON, row[-1]) for row in past]), actual, scale)
    if tuple(round(each, 3) for each in naive) != PUBLISHED:
        raise SystemExit(f"Naive has {naive}, published are {PUBLISHED}: the data is read wrongly")
    began = time.process_time()
    made = measured(np.array([series.forecast(row, SEASON, HORIZON) for row in past]), actual, scale)
    seconds = time.process_time() - began
    others = pd.read_csv(folder / "m4_published_scores_by_frequency.csv")
    print("| | sMAPE | MASE | OWA |\n|---|--:|--:|--:|")
    for name, found in (("Naive", naive), ("ours", made)):
        print(f"| {name} | {found[0]:.3f} | {found[1]:.3f} | {owa(*found):.3f} |")
    for each in others.nsmallest(3, "OWA_Weekly").itertuples():
        print(f"| method {each.method} | {each.sMAPE_Weekly:.3f} | {each.MASE_Weekly:.3f} | {each.OWA_Weekly:.3f} |")
    ahead = int((others.OWA_Weekly < owa(*made)).sum())
    print(f"{ahead} of {len(others)} published methods are better; {seconds:.0f} CPU s for {len(past)} series")


def measured(made: np.ndarray, actual: np.ndarray, scale: np.ndarray) -> tuple[float, float]:
    """sMAPE in per cent and MASE, means over the series."""
    error = np.abs(made - actual)
    return float(200 * (error / (np.abs(made) + np.abs(actual))).mean()), float((error.mean(axis=1) / scale).mean())


def owa(smape: float, mase: float) -> float:
    return (smape / PUBLISHED[0] + mase / PUBLISHED[1]) / 2


if __name__ == "__main__":
    main()
