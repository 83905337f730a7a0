"""Lead scores on any table with an outcome, on random fifths and on its newest fifth.

    python bench/leads.py [--data FILE --target COLUMN [--positive VALUE] [--without COLUMN,COLUMN]] [--seeds 0-9]

Without arguments: X Education and bank marketing without the columns that tell the outcome. To reach: AUC .89 (.866
logistic, .879 LightGBM before); .805 on fifths (.766, .803) and .70 on the newest fifth (.685, .665). Rows are taken
as standing in order of time. The leads of simulated shops are scored beside their true chances.
"""

import argparse
import os
import time
from pathlib import Path

import given
import numpy as np
import pandas as pd

from topline.science import leads
from topline.simulate.trade import LINES, trade
from topline.simulate.truth import HARBOUR_AND_PINE
from topline.simulate.world import World

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
POSITIVE = {"yes", "true", "1", "1.0", "converted", "won"}
SHOWN = 8
KNOWN = (
    ("x_education_leads/Leads.csv.gz", "Converted", "Prospect ID,Lead Number,Tags,Lead Quality"),
    ("bank_marketing/bank-additional-full.csv.gz", "y", "duration"),
)


def measure(path: Path, target: str, without: list[str], positive: set[str]) -> None:
    frame = given.table(path)
    if target not in frame:
        raise SystemExit(f"{path.name} has no column “{target}” for --target; it has {', '.join(frame.columns)}")
    if unknown := [name for name in without if name and name not in frame]:
        raise SystemExit(f"{path.name} has no column {', '.join(unknown)} for --without")
    frame = frame[frame[target].notna()]
    y = frame[target].astype(str).str.lower().isin(positive).to_numpy()
    if not y.any():
        values = ", ".join(frame[target].astype(str).value_counts().index[:SHOWN])
        raise SystemExit(
            f"none of “{target}” is {' or '.join(sorted(positive))}; say which is with --positive: {values}"
        )
    kept = frame.drop(columns=[target, *(name for name in without if name in frame)])
    columns = {name: [None if v != v else v for v in kept[name].tolist()] for name in kept}
    began = time.process_time()
    try:
        found = leads.score(columns, y)
    except leads.ThinLeadsError as error:
        raise SystemExit(str(error)) from None
    seconds = time.process_time() - began
    print(f"\n{path.name}: {len(y)} leads, {y.mean():.1%} converted, {len(columns)} columns, {seconds:.0f} CPU s")
    for name in found.folds:
        fold, later = found.folds[name], found.later[name]
        print(
            f"  {name:9} fifths AUC {fold.auc:.3f}  Brier {fold.brier:.4f} (base {fold.base_brier:.4f})   "
            f"newest fifth AUC {later.auc:.3f}"
        )
    print(f"  chosen: {found.model}; looks like a leak: {found.leaks or 'none'}")
    print("  calibration: " + ", ".join(f"{each.expected:.2f}/{each.observed:.2f}" for each in found.curve))


def simulated(seeds: list[int]) -> None:
    """The simulated shop's leads: scores beside the chances that they were drawn with."""
    truth, rows = HARBOUR_AND_PINE, []
    for seed in seeds:
        drawn, _ = trade(World(truth, seed))
        closed = np.flatnonzero(drawn.closed >= 0)
        won, chance = drawn.is_won[closed] > 0, drawn.chance[closed]
        found = leads.score(
            {
                "channel": [truth.channels[k].name for k in drawn.channel[closed]],
                "market": [truth.markets[k].country for k in drawn.market[closed]],
                "owner": [truth.work.owners[k] for k in drawn.owner[closed]],
                "product_line": [LINES[k] for k in drawn.line[closed]],
            },
            won,
        )
        tenths = np.array_split(np.argsort(found.probability, kind="stable"), 10)
        rows.append(
            {
                "seed": seed,
                "leads": len(won),
                "won": won.sum(),
                "best AUC": leads.auc(chance, won * 1.0),
                "AUC": found.folds[found.model].auc,
                "newest fifth": found.later[found.model].auc,
                "chance RMSE": np.sqrt(np.mean((found.probability - chance) ** 2)),
                "worst tenth": max(abs(found.probability[part].mean() - chance[part].mean()) for part in tenths),
            }
        )
    table = pd.DataFrame(rows).set_index("seed")
    print(f"\n{truth.name}: the best AUC is that of the true chances")
    print(table.round(3).to_string())
    print(table.mean().round(3).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--target", default="")
    parser.add_argument("--positive", default="")
    parser.add_argument("--without", default="")
    parser.add_argument("--seeds", default="0-9")
    asked = parser.parse_args()
    positive = {asked.positive.lower()} if asked.positive else POSITIVE
    np.seterr(all="ignore")
    if asked.data:
        return measure(asked.data, asked.target, asked.without.split(","), positive)
    for name, target, without in KNOWN:
        measure(DATA / name, target, without.split(","), POSITIVE)
    simulated(given.seeds(asked.seeds))
    return None


if __name__ == "__main__":
    main()
