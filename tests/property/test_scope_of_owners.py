"""What a person sees of their own is the answer filtered by their name, and nothing of others is in its totals."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import tiny_shop
from contract.tiny_team import deal_row
from lake_shop import EPOCH
from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.catalogue import metrics
from topline.metrics.query import Filter, Query
from topline.units.period import Period

OWNED = tuple(id_ for id_, metric in metrics().items() if "owner" in metric.dimensions)
mia, tom, zoe, nobody = (pytest.param(who, marks=pytest.mark.soak) for who in ("mia", "tom", "zoe", "nobody"))


@pytest.fixture(scope="module")
def lake() -> Iterator[Lake]:
    with TemporaryDirectory() as folder:
        found = Lake(Path(folder), "tiny")
        fill(found, tiny_shop.facts())
        yield found


def fill(lake: Lake, facts: dict[str, pa.Table]) -> None:
    for name, rows in facts.items():
        lake.append(name, rows.to_batches(), batch_id="tiny")
    lake.publish(now=EPOCH)


def asked(lake: Lake, query: Query, scope: Scope) -> Any:
    read.forget()
    found = read.read(lake, query, scope=scope, settings=tiny_shop.EVENT)
    return [dict(row) for row in found.rows], dict(found.totals)


@pytest.mark.parametrize("who", ["mia", tom, zoe, nobody])
@pytest.mark.parametrize("by", [("month",), pytest.param(("territory", "market"), marks=pytest.mark.soak)])
def test_a_scope_is_the_filter_of_its_owner(lake: Lake, who: str, by: tuple[str, ...]) -> None:
    ids = tuple(id_ for id_ in OWNED if metrics()[id_].dimensions.issuperset(by))
    mine = Scope(frozenset({"tiny"}), owners=frozenset({who}))
    filtered = Query(metrics=ids, by=by, where=(Filter("owner", (who,)),))
    assert asked(lake, Query(metrics=ids, by=by), mine) == asked(lake, filtered, Scope.whole("tiny"))


@pytest.mark.parametrize("who", [mia, "tom", zoe, "nobody"])
def test_no_other_owner_is_named(lake: Lake, who: str) -> None:
    mine = Scope(frozenset({"tiny"}), owners=frozenset({who}))
    rows, _ = asked(lake, Query(metrics=OWNED, by=("owner",)), mine)
    assert {row["owner"] for row in rows} <= {who}
    shared = {row["deal_key"] for row in tiny_shop.facts()["deal_credit"].to_pylist() if row["owner"] == who}
    for id_ in ("deals_created", "pipeline_value", "activities", "quota_attainment"):
        page = read.rows(lake, Query(metrics=(id_,)), scope=mine, settings=tiny_shop.EVENT)
        others = [row for row in page.rows if row["owner"] != who]
        assert all(id_ == "quota_attainment" and row["deal_key"] in shared for row in others), id_


def test_what_has_no_owner_is_nothing_of_theirs(lake: Lake) -> None:
    mine = Scope(frozenset({"tiny"}), owners=frozenset({"mia"}))
    _, totals = asked(lake, Query(metrics=("net_sales", "spend", "fulfilment_accuracy")), mine)
    assert {value.reason for value in totals.values()} == {"not_in_scope"}


moves = st.lists(
    st.tuples(
        st.sampled_from(["k1", "k2", "k3"]),
        st.sampled_from(["new", "talk", "won", "lost"]),
        st.integers(0, 60),
        st.sampled_from(["mia", "tom", None]),
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda move: (move[0], move[2]),
)


@pytest.mark.soak
@settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(moves)
def test_however_deals_change_hands(made: list[tuple[str, str, int, str | None]]) -> None:
    start = date(2024, 1, 1)
    rows = [
        deal_row(i, deal, stage, start + timedelta(days=days), 100, "0.5", None, owner)
        for i, (deal, stage, days, owner) in enumerate(made)
    ]
    ids = ("deals_created", "deals_won", "pipeline_value", "stage_steps_back")
    weeks = Period(start, start + timedelta(weeks=9))
    sold = tiny_shop.facts()[
        "order_line"
    ]  # what stands still is shown to the end of the ledger, or of what may be seen
    with TemporaryDirectory() as folder:
        lake = Lake(Path(folder), "tiny")
        fill(lake, {"deal_stage": tiny_shop.fact("deal_stage", rows), "order_line": sold})
        for as_of in (None, start + timedelta(days=30)):
            for who in ("mia", "tom"):
                mine = Scope(frozenset({"tiny"}), owners=frozenset({who}))
                plain = Query(metrics=ids, period=weeks, by=("week",), as_of=as_of)
                filtered = Query(metrics=ids, period=weeks, by=("week",), as_of=as_of, where=(Filter("owner", (who,)),))
                assert asked(lake, plain, mine) == asked(lake, filtered, Scope.whole("tiny"))
