"""Lead scores on any table with an outcome, on random fifths and on its newest fifth.

    python bench/leads.py [--data FILE --target COLUMN [--positive VALUE] [--without COLUMN,COLUMN]]

Without arguments: X Education and bank marketing without the columns that tell the outcome. To reach: AUC .89 (.866
logistic, .879 LightGBM before); .805 on fifths (.766, .803) and .70 on the newest fifth (.685, .665). Rows are taken
as standing in order of time.
"""

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

from topline.science import leads

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
POSITIVE = {"yes", "true", "1", "1.0", "converted", "won"}
KNOWN = (
    ("x_education_leads/Leads.csv.gz", "Converted", "Prospect ID,Lead Number,Tags,Lead Quality"),
    ("bank_marketing/bank-additional-full.csv.gz", "y", "duration"),
)


def measure(path: Path, target: str, without: list[str], positive: set[str]) -> None:
    frame = pd.read_csv(path) if path.suffix != ".parquet" else pd.read_parquet(path)
    if target not in frame:
        raise leads.UnknownColumnError(name=target, names=", ".join(frame.columns))
    y = frame[target].astype(str).str.lower().isin(positive).to_numpy()
    kept = frame.drop(columns=[target, *(name for name in without if name in frame)])
    columns = {name: [None if v != v else v for v in kept[name].tolist()] for name in kept}
    began = time.process_time()
    found = leads.score(columns, y)
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--target", default="")
    parser.add_argument("--positive", default="")
    parser.add_argument("--without", default="")
    asked = parser.parse_args()
    positive = {asked.positive.lower()} if asked.positive else POSITIVE
    np.seterr(all="ignore")
    if asked.data:
        return measure(asked.data, asked.target, asked.without.split(","), positive)
    for name, target, without in KNOWN:
        measure(DATA / name, target, without.split(","), POSITIVE)
    return None


if __name__ == "__main__":
    main()
