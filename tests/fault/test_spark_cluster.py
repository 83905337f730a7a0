"""Every metric and analysis on a standalone Spark cluster, a master and two workers, against DuckDB."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import lake_parity as parity
from contract import tiny_shop
from topline.analysis.catalogue import analyses
from topline.lake import analyse
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.catalogue import metrics
from topline.metrics.query import Query
from topline.units.period import Period

pytestmark = [pytest.mark.soak, pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")]

CUTS = ("", "month", "week", "fiscal_year", "channel", "market", "category", "customer", "stage", "owner")
NEEDED = {"reconciliation": ({"figures": "2024-01=300,2024-02=100"}, Period(date(2024, 1, 1), date(2024, 3, 1)))}
"""What an analysis can't do without."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a master with two workers of one core each, on loopback."""
    import pyspark

    home = Path(pyspark.__file__).parent
    port, page = free_port(), free_port()
    url = f"spark://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("spark")
    conf = Path(__file__).parents[1] / "spark_conf"
    environment = {
        "PATH": "/usr/bin:/bin",
        "SPARK_CONF_DIR": str(conf),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_WORKER_DIR": str(log),
    }
    deploy = "org.apache.spark.deploy"
    commands = [
        ["master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", str(page)],
        *[["worker.Worker", "--cores", "1", "--memory", "1g", "--webui-port", "0", url]] * 2,
    ]
    started = []
    try:
        for command in commands:
            with (log / f"{len(started)}.log").open("wb") as out:
                arguments = [str(home / "bin" / "spark-class"), f"{deploy}.{command[0]}", *command[1:]]
                started.append(subprocess.Popen(arguments, env=environment, stdout=out, stderr=out))
            wait_for(log / f"{len(started) - 1}.log", "started at" if len(started) == 1 else "Successfully registered")
        yield url
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            process.wait(30)


def wait_for(log: Path, text: str) -> None:
    for _ in range(600):
        found = log.read_text(encoding="utf-8", errors="replace")
        if text in found:
            return
        time.sleep(0.2)
    raise AssertionError(found[-2000:])


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return parity.filled(tmp_path_factory.mktemp("lake"))


@pytest.mark.parametrize("by", CUTS)
def test_every_metric_agrees(lake: Lake, cluster: str, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", str(Path(__file__).parents[1] / "spark_conf"))
    ids = tuple(id_ for id_, metric in metrics().items() if not by or by in metric.dimensions)
    query = Query(metrics=ids, by=(by,) if by else ())
    here = parity.ask(lake, query)
    with parity.on_spark(cluster):
        there = parity.ask(lake, query)
    assert parity.differences(here, there) == []


@pytest.mark.parametrize("id_", sorted(analyses()))
def test_every_analysis_agrees(lake: Lake, cluster: str, id_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_CONF_DIR", str(Path(__file__).parents[1] / "spark_conf"))
    choices, period = NEEDED.get(id_, ({}, None))
    question = analyses()[id_].asked(choices, period=period)

    def ask() -> Any:
        analyse.forget()
        return analyse.analyse(lake, question, scope=Scope.whole(parity.SHOP), settings=tiny_shop.EVENT)

    here = ask()
    with parity.on_spark(cluster):
        there = ask()
    for one, other in zip(here.tables, there.tables, strict=True):
        ours, theirs = ([list(row.values()) for row in table.rows] for table in (one, other))
        assert len(ours) == len(theirs)
        for left, right in zip(ours, theirs, strict=True):
            assert all(parity.same(a, b) for a, b in zip(left, right, strict=True)), (left, right)
