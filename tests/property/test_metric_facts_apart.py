"""A number is made of its own facts: rows of another never change it, and asked together it is as asked alone."""

from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import tiny_shop
from topline.metrics.answer import answer
from topline.metrics.catalogue import metrics
from topline.metrics.query import Query
from topline.metrics.view import fact_of

FACTS = tiny_shop.facts()
BY = ("month", "channel")
few = settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
NUMBERS = ("net_sales", "orders", "sessions", "spend", "leads", "cost_per_lead", "contribution", "roas", "social_leads")


def made_of(id_: str) -> set[str]:
    """The facts that a metric reads; heads of orders, products and links count to every number of sales."""
    found: set[str] = set()
    for measure in metrics()[id_].measures:
        found |= set(measure.facts) if hasattr(measure, "facts") else {fact_of(measure.source)}
        if measure.source in ("advertised", "marketed", "marketed_order"):
            found.add("spend")
    return found


def answers(facts: dict[str, pa.Table], *ids: str) -> dict[str, Any]:
    shop = tiny_shop.shop() if facts is FACTS else tiny_shop.tables_of(facts)
    found = answer(Query(metrics=ids, by=BY), shop, tiny_shop.EVENT)
    cells = {(str(row["month"]), str(row["channel"])): row for row in found.rows}
    return {id_: ({key: row[id_] for key, row in cells.items() if row[id_]}, found.totals[id_]) for id_ in ids}


@few
@given(
    st.sampled_from(["session", "spend", "lead_event", "social_post", "order_line"]),
    st.sampled_from([date(2024, 1, 10), date(2024, 2, 29), date(2024, 7, 1)]),
    st.integers(2, 4),
)
def test_rows_of_one_fact_change_only_numbers_made_of_it(fact: str, on: date, times: int) -> None:
    """Every row of a fact again, several times, on another day: what isn't made of it stays as it was."""
    again = FACTS[fact].slice(0, 3)
    place = again.schema.get_field_index("on")
    copies = []
    for n in range(times):
        keys = pa.array([f"{fact}:again:{n}:{i}" for i in range(3)])
        moved = again.set_column(0, again.schema.field(0), keys)
        copies.append(moved.set_column(place, again.schema.field(place), pa.array([on] * 3)))
    more = FACTS | {fact: pa.concat_tables([FACTS[fact], *copies])}
    unmoved = tuple(id_ for id_ in NUMBERS if fact not in made_of(id_))
    assert len(unmoved) < len(NUMBERS)
    before, after = answers(FACTS, *unmoved), answers(more, *unmoved)
    for id_ in unmoved:
        assert _known(before[id_][0]) == _known(after[id_][0])
        assert before[id_][1] == after[id_][1]


def _known(cells: dict[Any, Any]) -> dict[Any, Any]:
    """The cells that hold a number; more facts may add cells that are missing it."""
    return {key: value for key, value in cells.items() if not hasattr(value, "reason")}


@pytest.mark.parametrize("other", ["sessions", "spend", "social_interactions", "orders"])
def test_asked_together_is_as_asked_alone(other: str) -> None:
    alone = answers(FACTS, "net_sales")["net_sales"]
    together = answers(FACTS, "net_sales", other)["net_sales"]
    assert _known(alone[0]) == _known(together[0])
    assert alone[1] == together[1]
