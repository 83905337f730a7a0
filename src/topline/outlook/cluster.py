"""The demand forecast of any number of series over a cluster: the same function on every group of series, by Fugue."""

from typing import Any

import numpy as np
import pandas as pd

from topline.science import stack
from topline.science.panel import Panel

SCHEMA = "group:str,id:str,period:int,mean:double,low:double,high:double"
_LEVEL = 0.8
_MONTHS = 12


def forecast(units: Any, *, horizon: int, cycle: int, year: int, engine: Any = None) -> Any:
    """Expected units and the central 80 % of each series and coming period, in the engine's own kind of table.

    units : a table with `group`, `id`, `period` (0, 1, ... in the series' own days, weeks or months) and `units`; a
        pandas frame, a file of it, or a table of the engine. Periods without a row aren't known
    horizon, cycle, year : as `science.panel.Panel` has them
    engine : what Fugue knows as an execution engine: a Spark session, "ray", "dask"; None for this process

    Series of a group are forecast together and follow one calendar; a group is the least that a worker is given.
    """
    from fugue.workflow.api import transform

    parameters = {"horizon": horizon, "cycle": cycle, "year": year}
    return transform(
        units, _group, schema=SCHEMA, params=parameters, partition={"by": "group"}, engine=engine, as_local=False
    )


def _group(units: pd.DataFrame, horizon: int, cycle: int, year: int) -> pd.DataFrame:
    """The forecast of the series of one group."""
    names, place = np.unique(units["id"].to_numpy(str), return_inverse=True)
    known = int(units["period"].max()) + 1
    values = np.full((len(names), known), np.nan)
    values[place, units["period"].to_numpy(np.int64)] = units["units"].to_numpy(np.float64)
    step = np.arange(known + horizon)
    if year == _MONTHS:
        day = (np.datetime64("2000-01", "M") + step).astype("datetime64[D]")
    else:
        day = np.datetime64("2000-01-03", "D") + (1 if cycle > 1 else 7) * step
    panel = Panel(values, day, np.zeros(len(names), dtype=np.int64), cycle, year)
    made = stack.forecast(panel)
    tail = (1 - _LEVEL) / 2
    columns = {"mean": made.mean, "low": made.quantile(tail), "high": made.quantile(1 - tail)}
    return pd.DataFrame(
        {
            "group": str(units["group"].iloc[0]),
            "id": np.repeat(names, horizon),
            "period": np.tile(np.arange(known, known + horizon, dtype=np.int32), len(names)),
            **{name: part.ravel() for name, part in columns.items()},
        }
    )
