"""Journeys of a shop's people, worked on paper."""

from datetime import date, timedelta
from typing import Any

import pytest

import web_facts
from contract import tiny_shop
from path_shop import LINES, VISITS, visit
from topline.analysis.journeys import JourneyQuestion, answer
from topline.analysis.result import Result
from topline.units.period import Period

MARCH = Period(date(2024, 3, 1), date(2024, 4, 1))
MORE = (
    *VISITS,
    visit("s9", "v5", 3, "ads", product_views=2),
    visit("s10", "v5", 4, "ads", carts=1),
    visit("s11", "v5", 6, "mail"),
)
READ = {"content_key": "c1", "title": "Care", "kind": "read", "visitor_key": "v5", "at": web_facts.START + timedelta(5)}
CLICK = {"event": "clicked", "message_key": "m", "send_key": "s", "medium": "email", "customer_key": "ann"}
CLICKS = (
    CLICK | {"at": web_facts.START + timedelta(1)},
    CLICK | {"at": web_facts.START + timedelta(1), "is_machine": True},
)


def asked(**choices: Any) -> Result:
    facts = {"session": MORE, "order_line": LINES, "content_interaction": [READ], "message_event": CLICKS}
    found = web_facts.tables(facts, has_test_orders=False, has_cancelled_orders=False)
    return answer(found, JourneyQuestion(**{"period": MARCH, "days": 14} | choices), tiny_shop.EVENT)


def test_journeys_worked_on_paper() -> None:
    # to an order: mail, ads (ann, 2.1 days); ads (ann again, .1 days); mail (bob, 1 day). To none: ads; mail, search;
    # ads twice and then mail. The guest's visit is not known to be the order's, without heads of orders.
    rows = {str(row["path"]): row for row in asked().table("paths").rows}
    assert {path: (row["journeys"], row["orders"]) for path, row in rows.items()} == {
        "mail → ads": (1, 1), "ads": (2, 1), "mail": (1, 1), "mail → search": (1, 0), "ads → mail": (1, 0)
    }  # fmt: skip
    assert rows["mail → ads"]["median_days"] == pytest.approx(2.1)
    assert [table.id for table in asked().tables] == ["flow", "touches", "paths", "transitions"]


def test_who_comes_by_goes_on_orders_or_leaves() -> None:
    rows = {str(row["touch"]): row for row in asked().table("touches").rows}
    assert rows["ads"]["journeys"] == 4
    assert (rows["ads"]["first"], rows["ads"]["went_on"], rows["ads"]["ordered"], rows["ads"]["left"]) == (3, 1, 2, 1)
    assert rows["mail"]["with_order"] == pytest.approx(2 / 4)
    for row in rows.values():
        assert row["went_on"] + row["ordered"] + row["left"] == row["journeys"]  # nobody comes back to a touch here
    assert sum(row["first"] for row in rows.values()) == 6
    assert sum(row["ordered"] for row in rows.values()) == 3


def test_from_one_touch_to_the_next() -> None:
    rows = {(str(row["from"]), str(row["to"])): row for row in asked().table("transitions").rows}
    assert {pair: row["times"] for pair, row in rows.items()} == {
        ("mail", "ads"): 1, ("mail", "search"): 1, ("ads", "mail"): 1
    }  # fmt: skip
    assert rows["mail", "ads"]["share"] == pytest.approx(1 / 4)
    assert rows["mail", "search"]["median_days"] == pytest.approx(1)


def test_the_drawn_streams_keep_everybody() -> None:
    rows = asked().table("flow").rows
    first = sum(row["journeys"] for row in rows if row["step"] == 1)
    ends = sum(row["journeys"] for row in rows if row["to"] in ("order", "left"))
    assert first == ends == 6


def test_content_messages_and_how_far_visits_came() -> None:
    rows = asked(over=("channel", "stage", "content", "message")).table("paths").rows
    paths = [str(row["path"]) for row in rows]
    assert "ads · product view → ads · cart → content: Care → mail · visit" in paths
    assert "mail · visit → message: email → ads · visit" in paths


def test_only_those_with_an_order() -> None:
    assert sum(row["journeys"] for row in asked(outcome="order").table("paths").rows) == 3


def test_what_is_missing_says_why() -> None:
    empty = answer(web_facts.tables({}), JourneyQuestion(), tiny_shop.EVENT)
    assert empty.sentence.reason == "no_sessions"
    some = web_facts.tables({"session": MORE, "order_line": LINES}, has_test_orders=False, has_cancelled_orders=False)
    noted = answer(some, JourneyQuestion(period=MARCH, over=("channel", "message")), tiny_shop.EVENT)
    assert [note.code for note in noted.notes] == ["without_message_event"]
