"""Answers a bench's questions with boring-semantic-layer on a DuckDB file: a line of JSON in, a line of JSON out.

boring/bin/python bench/peer/boring.py native.duckdb THREADS
"""

import json
import sys
from collections.abc import Callable
from datetime import date
from typing import Any

import duckdb
import ibis
from boring_semantic_layer import time_dimension, to_semantic_table

type Measures = dict[str, Callable[[Any], Any]]

NET = ["goods_sold", "discount", "goods_cancelled", "refund"]
COSTED = ["goods_sold", "goods_cancelled", "refund"]
BACK = ["goods_cancelled", "refund"]


def is_costed(t: Any) -> Any:
    return ((t.kind == "goods_sold") & t.cost_shop.isnull()).sum() == 0


def net(t: Any) -> Any:
    return t.amount_shop.sum(where=t.kind.isin(NET))


def cost(t: Any) -> Any:
    return t.cost_shop.sum(where=t.kind.isin(COSTED))


OF_LINES: Measures = {
    "gross_sales": lambda t: t.amount_shop.sum(where=t.kind == "goods_sold"),
    "discounts": lambda t: t.amount_shop.sum(where=t.kind == "discount"),
    "returns": lambda t: t.amount_shop.sum(where=t.kind.isin(BACK)),
    "net_sales": net,
    "units": lambda t: t.quantity.sum(where=t.kind == "goods_sold"),
    "units_back": lambda t: t.quantity.sum(where=t.kind.isin(BACK)),
    "cost_of_goods": lambda t: is_costed(t).ifelse(cost(t), None),
    "gross_profit": lambda t: is_costed(t).ifelse(net(t) - cost(t), None),
    "gross_margin": lambda t: is_costed(t).ifelse((net(t) - cost(t)) / net(t), None),
    "orders": lambda t: t.order_key.nunique(where=t.kind == "goods_sold"),
    "customers": lambda t: t.customer_key.nunique(where=t.kind == "goods_sold"),
}
OF_MEASURES: Measures = {
    "return_rate": lambda t: -t.units_back / t.units,
    "average_order_value": lambda t: t.net_sales / t.orders,
}
OF_PURCHASES: Measures = {
    "buyers": lambda t: t.customer_key.nunique(),
    "new_customers": lambda t: t.customer_key.nunique(where=t.on == t.first_on),
    "returning_by_month": lambda t: t.customer_key.nunique(where=t.first_on < t.on.truncate("M")),
}


def models(native: str, threads: int) -> dict[str, Any]:
    """The model of the lines, and that of the goods sold with each person's first day; both with their products."""
    connection = ibis.duckdb.from_connection(duckdb.connect(native, read_only=True, config={"threads": threads}))
    lines, products = connection.table("order_line"), connection.table("product")
    sold = lines.filter(lines.kind == "goods_sold", lines.customer_key.notnull())
    people = sold.group_by("customer_key").aggregate(first_on=sold.on.min())
    purchases = sold.join(people, "customer_key")
    product = to_semantic_table(products, name="product").with_dimensions(category=lambda t: t.category)
    found = {}
    for name, rows, measures, of_measures in (
        ("line", lines, OF_LINES, OF_MEASURES),
        ("purchase", purchases, OF_PURCHASES, {}),
    ):
        dims = {n: (lambda t, n=n: t[n]) for n in ("channel", "market", "customer_key")}
        day = time_dimension(lambda t: t.on, smallest_time_grain="TIME_GRAIN_DAY")
        model = to_semantic_table(rows, name=name).with_dimensions(day=day, **dims).with_measures(**measures)
        found[name] = model.with_measures(**of_measures) if of_measures else model
        found[f"{name} by category"] = found[name].join_one(
            product, on=lambda one, other: one.product_key == other.product_key
        )
    return found


def ask(found: dict[str, Any], metric: str, by: str, start: str, end: str) -> list[tuple[Any, ...]] | None:
    """(key, value) of each cell; by nothing, one of the whole. None if the model can't say it."""
    first, after = date.fromisoformat(start), date.fromisoformat(end)
    filters = [lambda t: (t.on >= first) & (t.on < after)]
    dims = {"": [], "month": ["day"], "category": ["product.category"]}.get(by, [by])
    grains = {"time_grains": {"day": "TIME_GRAIN_MONTH"}} if by == "month" else {}
    source, measure = "line", metric
    if metric == "new_customers":
        source = "purchase"
    elif metric == "returning_customers":
        source, measure = "purchase", "returning_by_month" if by == "month" else "buyers"
        filters += [] if by == "month" else [lambda t: t.first_on < first]
    elif metric == "repeat_purchase_rate":
        measure = "orders"
        filters += [lambda t: (t.kind == "goods_sold") & t.customer_key.notnull()]
    elif metric not in {**OF_LINES, **OF_MEASURES}:
        return None
    model = found[f"{source} by category" if by == "category" else source]
    people = []
    if metric == "repeat_purchase_rate":
        people = ["line.customer_key" if by == "category" else "customer_key"]
    query = model.query(dimensions=[*dims, *people], measures=[measure], filters=filters, **grains)
    if people:
        each = to_semantic_table(query.to_untagged(), name="person").with_measures(
            rate=lambda t: (t.orders >= 2).mean()
        )
        each = each.with_dimensions(**({"cell": lambda t: t[0]} if by else {}))
        query = each.query(dimensions=["cell"] if by else [], measures=["rate"])
    return [tuple(row.values()) for row in query.to_pyarrow().to_pylist()]


def main() -> None:
    found = models(sys.argv[1], int(sys.argv[2]))
    for line in sys.stdin:
        print(json.dumps(ask(found, *json.loads(line)), default=str), flush=True)


if __name__ == "__main__":
    main()
