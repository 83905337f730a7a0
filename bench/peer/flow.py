"""Answers a bench's questions with MetricFlow's engine on a DuckDB file: a line of JSON in, a line of JSON out.

    metricflow/bin/python bench/peer/flow.py native.duckdb THREADS

The engine is asked in a process that stays, as a server would: the command line starts anew for each question.
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from metricflow.data_table.mf_table import MetricFlowDataTable
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantic_interfaces.parsing.dir_to_model import parse_yaml_file_paths_to_semantic_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup


class Client:
    """What the engine asks of a database; dbt's adapter would stand here, and only pass on."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()

    def __init__(self, native: str, threads: int) -> None:
        self.connection = duckdb.connect(config={"threads": threads})
        self.connection.execute(f"ATTACH '{native}' AS native (READ_ONLY)")
        self.connection.execute(
            "CREATE TABLE time_spine AS SELECT day::DATE AS day "
            "FROM range(DATE '2022-01-01', DATE '2026-01-01', INTERVAL 1 DAY) t(day)"
        )
        sold = "kind = 'goods_sold' AND customer_key IS NOT NULL"
        self.connection.execute(
            "CREATE VIEW purchase AS SELECT l.*, f.first_on FROM native.order_line l "
            f'JOIN (SELECT customer_key, min("on") AS first_on '
            f"FROM native.order_line WHERE {sold} GROUP BY 1) f USING (customer_key) WHERE {sold}"
        )

    def query(self, stmt: str, sql_bind_parameter_set: Any = None) -> MetricFlowDataTable:
        found = self.connection.execute(stmt)
        names = [column[0] for column in found.description]
        return MetricFlowDataTable.create_from_rows(names, found.fetchall())

    def execute(self, stmt: str, sql_bind_parameter_set: Any = None) -> None:
        self.connection.execute(stmt)

    def dry_run(self, stmt: str, sql_bind_parameter_set: Any = None) -> None:
        self.connection.execute(f"EXPLAIN {stmt}")

    def render_bind_parameter_key(self, bind_parameter_key: str) -> str:
        return f"${bind_parameter_key}"

    def close(self) -> None:
        self.connection.close()


BY = {"month": "metric_time__month", "category": "product__category"}
UNKNOWN = {"repeat_purchase_rate", "days_between_orders", "retention_rate", "churn_rate"}
"""What the model can't say: what people did within each cell, one order to the next, one bucket and those before."""


def ask(engine: MetricFlowEngine, metric: str, by: str, start: str, end: str) -> list[tuple[Any, ...]] | None:
    """(key, value) of each cell; by nothing, one of the whole. None if the model can't say it."""
    if metric in UNKNOWN:
        return None
    source, where = "line", []
    if metric == "new_customers":
        source = "purchase"
    elif metric == "returning_customers":
        source, metric = "purchase", "returning_by_month" if by == "month" else "buyers"
        if by != "month":
            where = [f"{{{{ TimeDimension('purchase__first_on', 'day') }}}} < '{start}'"]
    request = MetricFlowQueryRequest.create(
        metric_names=[metric],
        group_by_names=[BY.get(by, f"{source}__{by}")] if by else [],
        time_constraint_start=datetime.fromisoformat(start),
        time_constraint_end=datetime.fromisoformat(end) - timedelta(days=1),
        where_constraints=where,
    )
    return list(engine.query(request).result_df.rows)


def main() -> None:
    model = Path(__file__).with_suffix(".yaml")
    manifest = parse_yaml_file_paths_to_semantic_manifest([str(model)]).semantic_manifest
    engine = MetricFlowEngine(SemanticManifestLookup(manifest), Client(sys.argv[1], int(sys.argv[2])))
    for line in sys.stdin:
        print(json.dumps(ask(engine, *json.loads(line)), default=str), flush=True)


if __name__ == "__main__":
    main()
