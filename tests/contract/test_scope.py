"""What a person may not see of the shop is missing with a reason, whatever fact a number is made of."""

from datetime import UTC, datetime

import pytest

from contract import tiny_shop
from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.units.missing import Missing

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FACTS = ("session", "spend", "lead_event", "followers", "survey_response")


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("lake"), "tiny")
    facts = tiny_shop.facts()
    for name in FACTS:
        lake.append(name, facts[name].to_batches(), batch_id="tiny")
    lake.publish(now=NOW)
    return lake


def totals(lake, **scope):
    query = Query(metrics=("sessions", "qualified_leads", "followers", "survey_responses"))
    found = read.read(lake, query, scope=Scope(frozenset({"tiny"}), **scope), settings=tiny_shop.EVENT)
    return {id_: value.reason if isinstance(value, Missing) else value for id_, value in found.totals.items()}


def test_all_of_it(lake):
    assert totals(lake) == {"sessions": 8, "qualified_leads": 3, "followers": 1130, "survey_responses": 8}


def test_an_owner_sees_what_is_his_and_nothing_that_has_no_owner(lake):
    """Mia qualified l1 and l3; visits, followers and answers belong to nobody."""
    mine = totals(lake, owners=frozenset({"mia"}))
    assert mine["qualified_leads"] == 2
    assert {mine[id_] for id_ in ("sessions", "followers", "survey_responses")} == {"not_in_scope"}


def test_a_territory_hides_the_other_markets_and_what_has_none(lake):
    """Two of the visits were from GB, and three of the answers."""
    british = totals(lake, territories=frozenset({"GB"}))
    assert british["sessions"] == 2
    assert british["survey_responses"] == 3
    assert british["followers"] == "not_in_scope"


def test_what_waits_for_facts_says_which(lake):
    waiting = read.unanswerable(lake, scope=Scope.whole("tiny"))
    assert "sessions" not in waiting
    assert waiting["net_sales"].reason == "no_orders"
    assert waiting["open_rate"].reason == "no_messages"
