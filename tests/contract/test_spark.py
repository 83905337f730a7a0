"""The same questions on DuckDB and on Spark: a small cut of what the soak asks of a cluster."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import lake_parity as parity
from topline.lake.store import Lake
from topline.metrics.query import Filter, Query
from topline.units.period import Period

pytestmark = pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")

QUERIES = [
    Query(metrics=("net_sales", "orders", "customers", "return_rate"), by=("month",)),
    Query(
        metrics=("net_sales", "conversion_rate"),
        by=("market",),
        period=Period(date(2024, 1, 1), date(2024, 7, 1)),
        where=(Filter("channel", ("web", None)),),
        against="last_year_weekday",
    ),
    Query(metrics=("net_sales",), by=("month",), known_at=datetime(2025, 2, 15, tzinfo=UTC)),
]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return parity.filled(tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize("query", [QUERIES[0], *(pytest.param(query, marks=pytest.mark.soak) for query in QUERIES[1:])])
def test_agree_on_duckdb_and_spark(lake: Lake, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", str(Path(__file__).parents[1] / "spark_conf"))
    here = parity.ask(lake, query)
    with parity.on_spark("local[1]"):
        there = parity.ask(lake, query)
    assert parity.differences(here, there) == []
    assert query is not QUERIES[0] or here.totals["orders"] == 10
