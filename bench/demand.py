"""The demand forecast on any panel, over rolling origins, against seasonal naive and AutoETS.

    python bench/demand.py --panel FILE [--horizon 8] [--origins 4] [--seeds 0] [--ets 300]
        [--id-column NAME] [--date-column NAME] [--quantity-column NAME]
    python bench/demand.py --data orange_juice,rossmann,walmart,fresh_retail,fresh_retail_13,carparts

FILE is CSV or Parquet, a row for each series and period: id, date, quantity; optional: group (whose calendar a series
follows), closed (0/1, no sales by plan), unknown (0/1, shelves were empty: not demand), price (logs are taken) and any
other number that is known ahead, such as promotion; columns of texts are
left out. The period is what lies between most dates: a day, week, month or quarter. Rows of one series and period are
added up, less than nothing counts as nothing. Periods without a row or quantity are not known, unless --zeros says
that they are zero.

WAPE is the sum of absolute errors of the median over the sum of actuals, "mean" that of the expected value; MASE
divides by the mean absolute error of seasonal naive within the history. Coverage is of the central 80 % by period, and
of the 90 % quantile of the total of the whole horizon. AutoETS is fitted to a sample of --ets series, where closed
periods are zeros; "sample" is ours on the same series.
"""

import argparse
import resource
import time
import warnings
from pathlib import Path

import given
import numpy as np
import pandas as pd
import panels

from topline.science import stack
from topline.science.panel import LEAST_CYCLES, Panel, PanelError

USUAL = {
    "id": "id$|sku|series|product|item",
    "date": "date|day|week|month",
    "quantity": "quantity|units|sales|sold|qty|^y$",
}
_NOT_DRIVERS = {"id", "date", "quantity", "group", "closed", "unknown"}


def read(path: Path, series: str, day: str, quantity: str) -> pd.DataFrame:
    """A long table of the reader's own. Exits where it can't be one."""
    rows = given.named(given.table(path), path, {"id": series, "date": day, "quantity": quantity}, USUAL)
    rows = rows.assign(date=given.days(rows.date, path), quantity=given.numbers(rows.quantity, path))
    left = set(rows) - _NOT_DRIVERS - set(rows.select_dtypes(["number", "bool"]))
    if left:
        print(f"left out, since they are no numbers: {', '.join(sorted(left))}")
    return rows


def assembled(table: pd.DataFrame, horizon: int, *, zeros: bool) -> tuple[Panel, np.ndarray]:
    """The panel of a long table with its last `horizon` periods as those ahead, and (n, t + h) which are closed."""
    dates = pd.to_datetime(table.date).to_numpy().astype("datetime64[D]")
    gaps = np.diff(np.unique(dates)).astype(int)
    gap = int(pd.Series(gaps).mode()[0]) if len(gaps) else 1
    cycle, year = (7, 364) if gap < 7 else (1, 52) if gap == 7 else (1, 12) if gap < 80 else (1, 4)
    if year in (12, 4):  # months and quarters are not of one length
        step = 12 // year
        months = dates.astype("datetime64[M]")
        place = (months - months.min()).astype(np.int64) // step
        day = (months.min() + step * np.arange(place.max() + 1)).astype("datetime64[D]")
    else:
        width = 7 if year == 52 else 1
        place = (dates - dates.min()).astype(np.int64) // width
        day = dates.min() + width * np.arange(place.max() + 1)
    series, names = pd.factorize(table.id, sort=True)
    shape = (len(names), len(day))

    def wide(values: np.ndarray, nothing: float) -> np.ndarray:
        found = np.full(shape, nothing)
        found[series, place] = values
        return found

    summed = table.assign(series=series, place=place).groupby(["series", "place"]).quantity.sum(min_count=1).dropna()
    units = np.full(shape, 0.0 if zeros else np.nan)
    units[summed.index.get_level_values(0), summed.index.get_level_values(1)] = np.maximum(summed, 0)
    closed = wide(table.closed.to_numpy(float), 0.0).astype(bool) if "closed" in table else np.zeros(shape, bool)
    unknown = wide(table.unknown.to_numpy(float), 0.0).astype(bool) if "unknown" in table else closed
    drivers = {}
    for name in sorted(set(table.select_dtypes(["number", "bool"])) - _NOT_DRIVERS):
        values = table[name].to_numpy(float)
        drivers[name] = wide(np.log(np.maximum(values, 1e-9)) if name == "price" else values, np.nan)
    groups = pd.factorize(table.group)[0] if "group" in table else np.zeros(len(table), int)
    group = np.zeros(len(names), dtype=np.int64)
    group[series] = groups
    whole = Panel(
        np.where(closed | unknown, np.nan, units)[:, : shape[1] - horizon],
        day,
        group,
        cycle,
        year,
        drivers=drivers,
        codes={"group": group},
        closed=closed,
    )
    return whole, np.where(unknown & ~closed, np.nan, np.where(closed, 0.0, units))


def ets(history: np.ndarray, season: int, horizon: int) -> np.ndarray:
    from statsforecast.models import AutoETS, SeasonalNaive

    known = history[~np.isnan(history)]
    try:
        return np.maximum(AutoETS(season_length=season, model="ZZZ").forecast(y=known, h=horizon)["mean"], 0)
    except Exception:  # noqa: BLE001  too short for its season: what its own library falls back to
        return SeasonalNaive(season_length=1).forecast(y=known, h=horizon)["mean"] if len(known) else np.zeros(horizon)


def run(
    name: str, table: pd.DataFrame, horizon: int, origins: int, seeds: list[int], sample: int, *, zeros: bool
) -> None:
    whole, actuals = assembled(table, horizon, zeros=zeros)
    print(f"\n## {name}: {len(actuals)} series x {actuals.shape[1]} periods, horizon {horizon}, {origins} origins")
    found = [actuals.shape[1] - horizon * k for k in range(origins, 0, -1)]
    kept = [origin for origin in found if origin >= LEAST_CYCLES * whole.cycle]
    if len(kept) < len(found):
        print(f"the history reaches back to {len(kept)} of them")
    if not kept:
        return
    rows = []
    for origin in kept:
        past = Panel(
            np.where(whole.closed, np.nan, actuals)[:, :origin],
            whole.day[: origin + horizon],
            whole.group,
            whole.cycle,
            whole.year,
            drivers={key: values[:, : origin + horizon] for key, values in whole.drivers.items()},
            codes=whole.codes,
            closed=whole.closed[:, : origin + horizon],
        )
        actual, history = actuals[:, origin : origin + horizon], actuals[:, :origin]
        naive = stack.naive(past)
        lag = past.cycle if past.cycle > 1 or origin < 2 * past.year else past.year
        scale = np.nanmean(np.abs(history[:, lag:] - history[:, :-lag]), axis=1)
        chosen = np.random.default_rng(0).permutation(len(actual))[:sample]
        season = past.cycle if past.cycle > 1 else past.year if origin >= 2 * past.year and past.year <= 24 else 1
        began = time.process_time()
        peer = np.array([ets(history[i], season, horizon) for i in chosen]) if sample else None
        if peer is not None:
            peer = np.where(whole.closed[chosen, origin : origin + horizon], 0, peer)
        peer_seconds = time.process_time() - began
        for seed in seeds:
            began = time.process_time()
            made = stack.forecast(past, seed=seed)
            seconds = time.process_time() - began
            median, low, high = (made.quantile(p) for p in (0.5, 0.1, 0.9))
            total = np.where(np.isnan(actual).any(axis=1), np.nan, actual.sum(axis=1))
            top = made.total_quantile(0.9, 0, horizon)
            seen = ~np.isnan(actual) & ~whole.closed[:, origin : origin + horizon]
            row = {"origin": str(past.day[origin])[:10], "seed": seed}
            row |= {"WAPE": wape(median, actual), "mean": wape(made.mean, actual), "naive": wape(naive, actual)}
            row |= {"MASE": mase(median, actual, scale), "naive MASE": mase(naive, actual, scale)}
            if peer is not None:
                row |= {"sample": wape(median[chosen], actual[chosen]), "AutoETS": wape(peer, actual[chosen])}
                row |= {
                    "AutoETS MASE": mase(peer, actual[chosen], scale[chosen]),
                    "ETS s/1000": 1000 * peer_seconds / len(chosen),
                }
            row |= {"in 80 %": ((actual >= low) & (actual <= high))[seen].mean()}
            row |= {"total P90": (total <= top)[~np.isnan(total)].mean(), "bias": bias(made.mean, actual)}
            row |= {"CPU s/1000": 1000 * seconds / len(actual)}
            rows.append(row)
    frame = pd.DataFrame(rows)
    print(frame.round(3).to_string(index=False))
    print("mean", frame.drop(columns=["origin", "seed"]).mean().round(4).to_dict())
    print(f"model: {made.model}; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def wape(found: np.ndarray, actual: np.ndarray) -> float:
    return float(np.nansum(np.abs(found - actual)) / np.nansum(actual))


def mase(found: np.ndarray, actual: np.ndarray, scale: np.ndarray) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        each = np.nanmean(np.abs(found - actual), axis=1) / scale
    return float(np.nanmean(each[np.isfinite(each)]))


def bias(found: np.ndarray, actual: np.ndarray) -> float:
    return float(np.where(np.isnan(actual), 0, found).sum() / np.nansum(actual) - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--panel", type=Path)
    parser.add_argument("--id-column", default="")
    parser.add_argument("--date-column", default="")
    parser.add_argument("--quantity-column", default="")
    parser.add_argument("--data", default="", help=", ".join(panels.BENCHES))
    parser.add_argument("--horizon", type=int, default=8)
    parser.add_argument("--origins", type=int, default=0, help="0: as many as the data's bench has, of a file 4")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--ets", type=int, default=300)
    parser.add_argument("--zeros", action="store_true")
    args = parser.parse_args()
    seeds = given.seeds(args.seeds)
    pd.set_option("display.width", 250)
    warnings.filterwarnings("ignore", message="Mean of empty slice")
    if args.panel:
        table = read(args.panel, args.id_column, args.date_column, args.quantity_column)
        try:
            run(args.panel.stem, table, args.horizon, args.origins or 4, seeds, args.ets, zeros=args.zeros)
        except PanelError as error:
            raise SystemExit(f"{args.panel.name}: {error}") from None
    chosen = args.data.split(",") if args.data else [] if args.panel else list(panels.BENCHES)
    for name in chosen:
        bench = panels.BENCHES[name]
        run(name, bench.table(), bench.horizon, args.origins or bench.origins, seeds, args.ets, zeros=args.zeros)


if __name__ == "__main__":
    main()
