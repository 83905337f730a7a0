"""The demand forecast on the two-store M5 panel: a file for the scorer of the M5 measure, CPU seconds, and intervals.

    python bench/m5.py --out FORECASTS.npz [--model stack|trio] [--seed 0] && python score_m5.py FORECASTS.npz
    python bench/m5.py --speed

To reach: mean WRMSSE .50 over the levels, .785 by product, 30 CPU seconds for 1,000 series and 2 GB; P90 of 14-day
totals .90 +- .01. The trio alone: .570, .806, and 30,490 series (--speed) within 60 s on two cores.
"""

import argparse
import resource
import time

import numpy as np
import pandas as pd
from panels import DATA

from topline.science import demand, stack
from topline.science.panel import Panel

ORIGINS = (1885, 1913, 1941)
HORIZON = 28
LEAD = 14
SERIES_OF_M5 = 30_490


def whole() -> Panel:
    """All 1,969 days, the last 28 of them ahead."""
    stored = np.load(DATA / "m5" / "m5_2s.npz")
    ids = pd.read_parquet(DATA / "m5" / "m5_2s_ids.parquet")
    calendar = pd.read_parquet(DATA / "m5" / "m5_2s_cal.parquet")
    group, _ = pd.factorize(ids.store_id + ids.dept_id)
    states = ids.groupby(group).state_id.first()
    names = pd.unique(pd.concat([calendar.event_name_1, calendar.event_name_2]).dropna())
    events = [((calendar.event_name_1 == name) | (calendar.event_name_2 == name)).to_numpy(float) for name in names]
    flags = [np.tile(event, (len(states), 1)) for event in events]
    paid = np.array([calendar[f"snap_{state}"].to_numpy(float) for state in states])
    return Panel(
        units=stored["Y"].astype(np.float64)[:, :-HORIZON],
        day=calendar.date.to_numpy().astype("datetime64[D]"),
        group=group,
        flags=np.array([*flags, paid]),
        drivers={"price": np.log(np.maximum(stored["P"], 1e-3)), "benefit": paid[group]},
        codes={"dept": pd.factorize(ids.dept_id)[0], "store": pd.factorize(ids.store_id)[0]},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out")
    parser.add_argument("--model", choices=("stack", "trio"), default="stack")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    panel = whole()
    units = np.load(DATA / "m5" / "m5_2s.npz")["Y"].astype(np.float64)
    if args.speed:
        many = np.tile(units[:, : ORIGINS[-1]], (5, 1))
        began, wall = time.process_time(), time.perf_counter()
        demand.trio(many, np.tile(panel.group, 5), HORIZON)
        print(f"trio, {len(many)} series: {time.process_time() - began:.1f} CPU s, {time.perf_counter() - wall:.1f} s")
        return
    found = {}
    for origin in ORIGINS:
        known = panel.at(origin, HORIZON)
        began = time.process_time()
        if args.model == "trio":
            found[f"o{origin}"] = demand.trio(known.units, known.group, HORIZON)
        else:
            made = stack.forecast(known, seed=args.seed)
            found[f"o{origin}"] = made.mean
            intervals(made, units[:, origin : origin + HORIZON])
        seconds = 1000 * (time.process_time() - began) / len(units)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{origin}: {seconds:.2f} CPU s for 1,000 series, peak memory {peak:.2f} GB", flush=True)
    if args.out:
        np.savez(args.out, **found)


def intervals(made: stack.Forecast, actual: np.ndarray) -> None:
    """Coverage by day, and of the 90 % quantile of the total over the lead time with its loss.

    loss : twice the pinball losses over the sum of what was sold
    """
    low, high = made.quantile(0.1), made.quantile(0.9)
    top, total = made.total_quantile(0.9, 0, LEAD), actual[:, :LEAD].sum(axis=1)
    miss = total - top
    daily = high[:, :LEAD].sum(axis=1)
    inside = ((actual >= low) & (actual <= high)).mean()
    loss = 2 * np.maximum(0.9 * miss, -0.1 * miss).sum() / total.sum()
    print(f"days in 80 %: {inside:.3f}; P90 of {LEAD}-day totals covers {(total <= top).mean():.4f}, loss {loss:.4f}")
    print(
        f"the sum of daily P90 covers {(total <= daily).mean():.3f} with {daily.sum() / top.sum():.2f} times the stock"
    )


if __name__ == "__main__":
    main()
