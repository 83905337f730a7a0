"""The demand forecast over a local Spark cluster gives what it gives in one process."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from topline.outlook import cluster
from topline.science import stack
from topline.science.panel import Panel

WEEKS, AHEAD = 120, 8


@pytest.fixture
def units() -> pd.DataFrame:
    """Three groups of twenty products by week, Poisson about a level of each."""
    rng = np.random.default_rng(1)
    level = rng.gamma(2, 5, 60)
    values = rng.poisson(level[:, None], (60, WEEKS))
    series, period = np.indices(values.shape)
    return pd.DataFrame(
        {
            "group": np.char.add("g", (series.ravel() % 3).astype(str)),
            "id": np.char.add("p", series.ravel().astype(str)),
            "period": period.ravel(),
            "units": values.ravel().astype(float),
        }
    )


def in_order(found: pd.DataFrame) -> pd.DataFrame:
    return found.sort_values(["group", "id", "period"], ignore_index=True)


@pytest.mark.soak
@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
def test_spark_forecasts_as_one_process_does(units, monkeypatch):
    from pyspark.sql import SparkSession

    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("SPARK_CONF_DIR", str(Path(__file__).parents[1] / "spark_conf"))
    here = in_order(cluster.forecast(units, horizon=AHEAD, cycle=1, year=52))
    session = SparkSession.builder.master("local[2]").config("spark.sql.shuffle.partitions", "3").getOrCreate()
    try:
        made = cluster.forecast(session.createDataFrame(units), horizon=AHEAD, cycle=1, year=52, engine=session)
        there = in_order(made.toPandas())
    finally:
        session.stop()
    assert len(here) == 60 * AHEAD
    pd.testing.assert_frame_equal(here, there, check_dtype=False, rtol=1e-12)
    one = units[units["group"] == "g0"].pivot(index="id", columns="period", values="units")
    day = np.datetime64("2000-01-03") + 7 * np.arange(WEEKS + AHEAD)
    alone = stack.forecast(Panel(one.to_numpy(), day, np.zeros(20, dtype=np.int64), 1, 52))
    mine = here[here["group"] == "g0"].pivot(index="id", columns="period", values="mean")
    assert mine.to_numpy() == pytest.approx(alone.mean)
