"""Questions to a snapshot answered by Apache Spark: the same expressions over the same files.

One session a process, made with the first question. The files must be where every worker can read them: a shared folder
or a bucket.
"""

import logging
import os
import socket
import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from topline.facts.table import Table
from topline.lake import files, overlay
from topline.lake.snapshot import File, Snapshot
from topline.units.errors import ToplineError
from topline.units.text import N_

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from topline.lake.store import Lake

KEPT = 256
_PATIENCE = 5.0
"""Seconds for a master to answer."""

_numbers = count(1)
_gate = threading.RLock()
_views: OrderedDict[tuple[str, str, int, datetime | None], "ir.Table"] = OrderedDict()
_backend: Any = None
_url = ""
_session_url = ""


class SparkMissingError(ToplineError):
    message = N_("The engine is %(url)s, and Spark is not installed. Install topline[spark] and Java 17 or newer.")


class SparkUnreachableError(ToplineError):
    message = N_("Spark at %(url)s doesn't answer. Start it, or set TOPLINE_ENGINE to duckdb.")


def choose(url: str) -> None:
    """Questions go to this Spark master from now on, such as spark://host:7077 or local[2]; to none if empty."""
    global _backend, _url
    with _gate:
        if _backend is not None and url not in ("", _session_url):
            _backend.disconnect()
            _backend = None
            _views.clear()
        _url = url


def is_chosen() -> bool:
    return bool(_url)


def table(lake: "Lake", fact: str, snapshot: Snapshot, known_at: datetime | None) -> "ir.Table":
    """The fact's rows as the snapshot shows them: see `engine.table`."""
    declared = lake.fact(fact)
    key = (str(lake.root), fact, snapshot.number, known_at)
    with _gate:
        if key not in _views:
            held = _shown(lake, declared, snapshot) if known_at is None else _known(lake, declared, snapshot, known_at)
            name = f"topline_{next(_numbers)}"
            held.select(*declared.columns).createOrReplaceTempView(name)
            _views[key] = _expression(name, declared)
            if len(_views) > KEPT:
                _views.popitem(last=False)
        _views.move_to_end(key)
        return _views[key]


def execute(expression: "ir.Expr") -> pa.Table:
    """The answer, in the types that the expression promises."""
    rows = expression.as_table()
    chosen = backend()
    chosen._run_pre_execute_hooks(rows)
    answer: pa.Table = chosen._session.sql(chosen.compile(rows)).toArrow()
    return answer.cast(pa.schema([field.with_nullable(True) for field in rows.schema().to_pyarrow()]))


def backend() -> Any:
    """This process's Ibis on its session. Raises SparkMissingError, SparkUnreachableError."""
    global _backend, _session_url
    with _gate:
        if _backend is None:
            _backend = _connected()
            _session_url = _url
        return _backend


def _reach() -> None:
    """Knocks at the masters of the address, as Spark itself would wait for them for minutes."""
    if not _url.startswith("spark://"):
        return
    for master in _url.removeprefix("spark://").split(","):
        host, _, port = master.rpartition(":")
        try:
            socket.create_connection((host, int(port)), timeout=_PATIENCE).close()
            return
        except (OSError, ValueError, OverflowError):
            continue
    raise SparkUnreachableError(url=_url)


def _connected() -> Any:
    _reach()
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise SparkMissingError(url=_url) from None
    import ibis

    logging.getLogger("py4j").setLevel(logging.WARNING)
    if "127.0.0.1" in _url or _url.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    session = (
        SparkSession.builder.master(_url)
        .appName("topline")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.ansi.enabled", "false")
        .config("spark.sql.execution.arrow.pyspark.enabled", "true")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    chosen = ibis.pyspark.connect(session)
    chosen._register_in_memory_table = _register  # its own goes through pandas, which knows no empty Decimal
    return chosen


def _register(table: Any) -> None:
    """Makes a table in memory known to Spark under its name."""
    session = backend()._session
    session.createDataFrame(table.data.to_pyarrow(table.schema)).createOrReplaceTempView(table.name)


def _read(fact: Table, held: Iterable[File], lake: "Lake") -> Any:
    """The rows of these files in today's columns, null where a file has none, with `layer`, `file_name`, `file_row`."""
    from pyspark.sql import functions as f
    from pyspark.sql.pandas.types import from_arrow_schema

    session = backend()._session
    schema = from_arrow_schema(files.stored_schema(fact))
    for field in schema.fields:
        field.nullable = True
    parts = []
    for layer in ("base", "change", "history"):
        paths = [(lake.root / file.path).as_posix() for file in held if file.layer == layer]
        if paths:
            rows = session.read.schema(schema).parquet(*paths)
            place = {"file_name": f.col("_metadata.file_name"), "file_row": f.col("_metadata.row_index")}
            parts.append(rows.withColumns(place | {"layer": f.lit(layer)}))
    if not parts:
        none = session.createDataFrame([], schema)
        return none.withColumns({"file_name": f.lit(""), "file_row": f.lit(0), "layer": f.lit("")})
    return reduce(lambda one, other: one.unionByName(other), parts)


def _shown(lake: "Lake", fact: Table, snapshot: Snapshot) -> Any:
    """The rows that count: those of the files read directly, as the overlay corrects them."""
    from pyspark.sql import functions as f

    held = snapshot.held(fact.name)
    rows = _read(fact, overlay.direct(held.files, snapshot.hidden), lake)
    if held.overlay is None:
        return rows
    session = backend()._session
    folder = (lake.root / held.overlay).as_posix()
    dead = session.read.parquet(f"{folder}/dead.parquet").select(
        f.substring_index("path", "/", -1).alias("file_name"), f.col("row").alias("file_row")
    )
    more = session.read.parquet(f"{folder}/rows.parquet").select(*fact.columns)
    return rows.join(dead, ["file_name", "file_row"], "left_anti").select(*fact.columns).unionByName(more)


def _known(lake: "Lake", fact: Table, snapshot: Snapshot, known_at: datetime) -> Any:
    """The rows that counted with what had been recorded by then, worked out from every layer."""
    from pyspark.sql import Window
    from pyspark.sql import functions as f

    held = snapshot.held(fact.name)
    noted = snapshot.held(f"{fact.name}.sighting")
    rows = _read(fact, held.files, lake)
    by_then = f.col("recorded_at") <= f.lit(known_at)
    is_visible = ~f.col("batch_id").isin(sorted(snapshot.hidden))
    row = ["key", "version", "seq"]
    if noted.files:
        paths = [(lake.root / file.path).as_posix() for file in noted.files]
        again = backend()._session.read.parquet(*paths).filter(is_visible & by_then).select(*row).distinct()
    else:
        again = rows.limit(0).select(*row)
    seen = rows.join(again, row, "left_semi").filter(~(is_visible & by_then))
    alive = rows.filter(is_visible & by_then).unionByName(seen)
    many = rows.filter((f.col("layer") == "history") | (f.col("is_new") == 0)).select("key").distinct()
    order = Window.partitionBy("key").orderBy(f.desc("version"), f.desc("seq"), "layer")
    newest = alive.join(many, "key", "left_semi").withColumn("place", f.row_number().over(order))
    newest = newest.filter("place = 1").drop("place")
    return alive.join(many, "key", "left_anti").select(*fact.columns).unionByName(newest.select(*fact.columns))


def _expression(name: str, fact: Table) -> "ir.Table":
    import ibis.expr.operations as ops
    from ibis.expr.schema import Schema

    return ops.DatabaseTable(name, Schema.from_pyarrow(fact.schema), backend(), ops.Namespace()).to_expr()
