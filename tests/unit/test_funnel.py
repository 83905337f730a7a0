"""The funnel: worked on paper, on a real shop's events, and where there is nothing to say."""

from dataclasses import replace
from datetime import UTC, date
from pathlib import Path

import duckdb
import numpy as np
import pytest

import web_facts
from contract import tiny_shop
from topline.analysis import funnel as analysis
from topline.analysis.funnel import FunnelQuestion, answer, reach
from topline.metrics.query import Filter
from topline.science import funnel
from topline.science.funnel import NEVER, Moments
from topline.units.missing import Missing
from topline.units.period import Period
from web_facts import event

SETTINGS = tiny_shop.EVENT

PAPER = (
    # a1 buys; a2 has the cart before the product, then again after it; b1 looks; c1 checks out without a cart
    event("page_view", "a1", 0, channel="mail", device="phone", page="/"),
    event("product_view", "a1", 2, channel="mail", device="phone", product_key="mug"),
    event("add_to_cart", "a1", 5, channel="mail", device="phone", product_key="mug"),
    event("checkout", "a1", 7, channel="mail", device="phone"),
    event("purchase", "a1", 10, channel="mail", device="phone", order_key="O1"),
    event("add_to_cart", "a2", 100, channel="ads", device="desk", product_key="sofa"),
    event("product_view", "a2", 101, channel="ads", device="desk", product_key="sofa"),
    event("add_to_cart", "a2", 105, channel="ads", device="desk", product_key="mug"),
    event("product_view", "b1", 30, channel="ads", device="phone", product_key="mug"),
    event("product_view", "c1", 40, channel="ads", device="phone", product_key="sofa"),
    event("checkout", "c1", 50, channel="ads", device="phone"),
)
STEPS = ("product_view", "add_to_cart", "checkout", "purchase")
LINES = (
    {"product_key": "mug", "category": "kitchen"},
    {"product_key": "sofa", "category": "living"},
)
BOUGHT = ({"order_key": "O1", "kind": "goods_sold", "at": web_facts.START, "product_key": "mug"},)


@pytest.fixture(scope="module")
def tables():
    return web_facts.tables({"web_event": PAPER, "product": LINES, "order_line": BOUGHT})


def test_worked_on_paper(tables) -> None:
    found = answer(tables, FunnelQuestion(steps=STEPS), SETTINGS).table("steps").rows
    assert [row["reached"] for row in found] == [4, 2, 1, 1]
    assert [row["of_entered"] for row in found] == [1, 0.5, 0.25, 0.25]
    assert [row["of_before"] for row in found][1:] == [0.5, 0.5, 1]
    assert [row["lost"] for row in found][1:] == [2, 1, 0]
    assert [row["median_minutes"] for row in found][1:] == [3.5, 2, 3]  # 3 and 4 to the cart; the first cart is before
    assert found[0]["of_before"] is None


def test_a_visit_begins_with_anything(tables) -> None:
    found = reach(tables, FunnelQuestion())
    assert found.counts() == [4, 4, 2, 1, 1]
    assert funnel.minutes(found.steps, found.weight, 0.5)[0] == 0.5  # 2, 1, 0 and 0
    assert reach(tables, FunnelQuestion(steps=("visit", "purchase"))).counts() == [4, 1]


def test_by_channel_and_by_device(tables) -> None:
    rows = answer(tables, FunnelQuestion(steps=STEPS, by="channel"), SETTINGS).table("values").rows
    assert {row["value"]: [row[step] for step in STEPS] for row in rows} == {"ads": [3, 1, 0, 0], "mail": [1, 1, 1, 1]}
    assert {row["value"]: row["of_entered"] for row in rows} == {"ads": 0, "mail": 1}
    phone = FunnelQuestion(steps=STEPS, where=(Filter("device", ("phone",)),))
    assert reach(tables, phone).counts() == [3, 1, 1, 1]


def test_a_funnel_for_each_product_line(tables) -> None:
    result = answer(tables, FunnelQuestion(steps=STEPS, by="category"), SETTINGS)
    assert [row["reached"] for row in result.table("steps").rows] == [4, 2, 1, 1]  # visits, not visits of lines
    rows = result.table("values").rows
    found = {row["value"]: [row[step] for step in STEPS] for row in rows}
    # kitchen: a1 to the end, b1; a2 has it in the cart only. living: a2 (cart before the view), c1 to the checkout
    # without a cart
    assert found == {"kitchen": [2, 1, 1, 1], "living": [2, 0, 0, 0]}


def test_a_person_goes_on_in_another_visit(tables) -> None:
    steps = ("product_view", "add_to_cart", "purchase")
    later = (*PAPER, event("purchase", "b2", 3 * 24 * 60), event("add_to_cart", "b2", 3 * 24 * 60 - 5))
    several = web_facts.tables({"web_event": later})
    assert reach(several, FunnelQuestion(steps=steps)).counts() == [4, 2, 1]
    assert reach(several, FunnelQuestion(steps=steps, within="person")).counts() == [3, 2, 2]
    assert reach(several, FunnelQuestion(steps=steps, within="person", days=2)).counts() == [3, 1, 1]


def test_who_signs_in_is_the_same_person_before() -> None:
    rows = (
        event("product_view", "p1", 0),
        event("add_to_cart", "q1", 60),
        event("purchase", "q1", 70, customer_key="ann"),
        event("product_view", "p2", 90, customer_key="ann"),
        # two customers share a browser: without a name it is neither of them
        event("product_view", "r1", 0),
        event("purchase", "r2", 10, customer_key="bob"),
        event("purchase", "r3", 20, customer_key="eve"),
    )
    question = FunnelQuestion(steps=("product_view", "purchase"), within="person")
    assert reach(web_facts.tables({"web_event": rows}), question).counts() == [2, 1]


def test_the_stages_of_the_funnel(tables) -> None:
    found = answer(tables, FunnelQuestion(view="stages"), SETTINGS).table("steps").rows
    assert [(row["step"], row["reached"]) for row in found] == [("top", 4), ("middle", 4), ("bottom", 3)]


def test_the_period_chooses_who_enters() -> None:
    rows = (event("product_view", "a1", 11 * 60 + 50), event("purchase", "a1", 12 * 60 + 10))
    tables = web_facts.tables({"web_event": rows})
    steps = ("product_view", "purchase")
    first, second = Period(date(2024, 3, 1), date(2024, 3, 2)), Period(date(2024, 3, 2), date(2024, 3, 3))
    assert reach(tables, FunnelQuestion(steps=steps, period=first)).counts() == [1, 1]
    assert isinstance(answer(tables, FunnelQuestion(steps=steps, period=second), SETTINGS).sentence, Missing)


def test_days_before_visits_are_known_are_named(tables) -> None:
    known = replace(tables, firsts={"web_event": date(2024, 1, 20)})
    asked = FunnelQuestion(period=Period(date(2023, 12, 1), date(2025, 1, 1)))
    (note,) = answer(known, asked, SETTINGS).notes
    assert (note.code, note.params) == ("begins_later", {"day": date(2024, 1, 20)})
    assert not answer(known, FunnelQuestion(period=Period(date(2024, 1, 18), date(2025, 1, 1))), SETTINGS).notes


def test_what_is_missing_says_why(tables) -> None:
    assert answer(web_facts.tables({}), FunnelQuestion(), SETTINGS).sentence.reason == "no_web_events"
    assert answer(tables, FunnelQuestion(steps=("share", "chat")), SETTINGS).sentence.reason == "nobody_entered"
    with pytest.raises(analysis.StepsError):
        answer(tables, FunnelQuestion(steps=("visit",)), SETTINGS)


def test_the_window_ends_with_its_last_microsecond() -> None:
    entry = np.array([0, 0, 0])
    moments = Moments(np.array([5, 10, 11]), np.array([1, 1, 1]))
    assert funnel.reached(entry, [moments], 10).tolist() == [[0, 5], [0, 10], [0, NEVER]]


def test_a_real_shops_events(shared_data: Path) -> None:
    """The counts that are known of the sample, and its ordered funnel by a query written by hand."""
    path = shared_data / "rees46_events_sample" / "2019-Oct_first_17k_events.csv.gz"
    named = "CASE event_type WHEN 'view' THEN 'product_view' WHEN 'cart' THEN 'add_to_cart' ELSE 'purchase' END"
    duckdb.sql(
        f"CREATE OR REPLACE TABLE seen AS SELECT event_time::TIMESTAMP AS moment, {named} AS event, "
        f"user_session, user_id FROM read_csv('{path}')"
    )
    rows = duckdb.sql("SELECT moment, event, user_session, user_id::VARCHAR FROM seen").fetchall()
    names = ("at", "event", "session_key", "visitor_key")
    events = [dict(zip(names, (at.replace(tzinfo=UTC), *rest), strict=True)) for at, *rest in rows]
    tables = web_facts.tables({"web_event": events})
    steps = ("product_view", "add_to_cart", "purchase")
    by_hand = duckdb.sql("""
        WITH v AS (SELECT user_session, min(moment) AS t FROM seen WHERE event = 'product_view' GROUP BY 1),
        c AS (SELECT user_session, min(moment) AS t FROM seen JOIN v USING (user_session)
              WHERE event = 'add_to_cart' AND moment >= v.t GROUP BY 1),
        p AS (SELECT user_session, min(moment) AS t FROM seen JOIN c USING (user_session)
              WHERE event = 'purchase' AND moment >= c.t GROUP BY 1)
        SELECT (SELECT count(*) FROM v), (SELECT count(*) FROM c), (SELECT count(*) FROM p),
               (SELECT median(epoch(c.t) - epoch(v.t)) / 60 FROM c JOIN v USING (user_session))
    """).fetchall()[0]
    found = reach(tables, FunnelQuestion(steps=steps))
    assert (len(rows), len({row[2] for row in rows})) == (17_434, 5_066)
    assert found.counts() == list(by_hand[:3])
    assert funnel.minutes(found.steps, found.weight, 0.5)[0] == pytest.approx(by_hand[3])
    assert reach(tables, FunnelQuestion(steps=("visit", "purchase"))).counts()[0] == 5_066
