"""However facts arrive, and whenever they are folded, every answer is that of the facts themselves."""

import tempfile
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import tiny_shop
from lake_shop import EPOCH
from topline.facts.table import tables
from topline.lake import mirror, partials, read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query

FACTS = tiny_shop.facts()
QUERIES = (
    Query(metrics=("net_sales", "orders", "customers", "new_customers"), by=("month",)),
    Query(metrics=("units", "visitors"), by=("market",)),
)


def append(lake: Lake, name: str, rows: pa.Table, batch_id: str, **changed: object) -> None:
    content = [row | {"batch_id": batch_id, **changed} for row in rows.to_pylist()]
    lake.append(name, pa.Table.from_pylist(content, tables()[name].schema).to_batches(), batch_id=batch_id)


def answers(lake: Lake) -> list[Any]:
    snapshot = lake.publish(now=EPOCH)
    found = [
        read.read(lake, query, scope=Scope.whole("tiny"), settings=tiny_shop.EVENT, snapshot=snapshot)
        for query in QUERIES
    ]
    return [(answer.rows, answer.totals) for answer in found]


@cache
def expected() -> list[Any]:
    """The answers of a lake that was filled at once and never folded."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder), "tiny")
        for name, rows in FACTS.items():
            append(lake, name, rows, "all")
        return answers(lake)


share = st.tuples(st.integers(0, 20), st.integers(1, 25), st.booleans(), st.booleans())


ARRIVALS = {
    "shares": st.lists(share, min_size=1, max_size=3),
    "last": st.sampled_from(["fold", "forget", "nothing"]),
    "least_rows": st.sampled_from([1, 20_000]),
}


def test_a_fold_changes_no_answer() -> None:
    """Shares that overlap, the first of them wrong and folded before the right rows come, then all folded."""
    answers_stay(shares=[(0, 12, True, True), (8, 10, False, False)], last="fold", least_rows=1)


@pytest.mark.soak
@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(**ARRIVALS)
def test_many_folds_change_no_answer(**arrived: Any) -> None:
    answers_stay(**arrived)


def answers_stay(shares: list[tuple[int, int, bool, bool]], last: str, least_rows: int) -> None:
    """Nor does forgetting a customer. Shares of the ledger come first, some of them in a wrong version."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirror, "LEAST_ROWS", least_rows)
        patch.setattr(partials, "LEAST_ROWS", least_rows)
        lake = Lake(Path(folder), "tiny")
        for number, (start, count, is_wrong, is_folded) in enumerate(shares):
            wrong: dict[str, object] = {"version": 0, "amount_shop": Decimal(7), "customer_key": "dan"}
            some = FACTS["order_line"].slice(start, count)
            append(lake, "order_line", some, str(number), **(wrong if is_wrong else {}))
            if is_folded:
                lake.fold_all(hidden=(), now=EPOCH)
        for name, rows in FACTS.items():
            append(lake, name, rows, "all")
        if last == "forget":
            lake.forget(["ann", "bob-phone"])
        if last != "nothing":
            lake.fold_all(hidden=(), now=EPOCH)
        assert answers(lake) == expected()
