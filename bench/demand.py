"""The trio on the two-store M5 panel: CPU seconds, and a file for the scorer of the M5 measure.

    python bench/demand.py FORECASTS.npz && python score_m5.py FORECASTS.npz

To reach: mean WRMSSE .570 over the levels, .806 by product; 0.6 CPU seconds for 1,000 series.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd

from topline.science import demand

DATA = Path(os.environ.get("TOPLINE_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data")) / "m5"
ORIGINS = (1885, 1913, 1941)
HORIZON = 28


def main() -> None:
    units = np.load(DATA / "m5_2s.npz")["Y"].astype(np.float64)
    ids = pd.read_parquet(DATA / "m5_2s_ids.parquet")
    group = pd.factorize(ids.store_id + ids.dept_id)[0]
    began = time.process_time()
    found = {f"o{origin}": demand.trio(units[:, :origin], group, HORIZON) for origin in ORIGINS}
    seconds = time.process_time() - began
    np.savez(sys.argv[1], **found)
    print(f"{1000 * seconds / len(units) / len(ORIGINS):.2f} CPU s for 1,000 series of {ORIGINS[-1]} days")


if __name__ == "__main__":
    main()
