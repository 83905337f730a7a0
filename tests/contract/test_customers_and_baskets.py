"""Segments, days between orders and baskets: on paper, against SQL written by hand, and with chance alone at work."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from contract import tiny_shop
from topline.analysis.catalogue import named
from topline.analysis.rfm import SEGMENTS, segment
from topline.units.missing import Missing

DAY = date(2024, 1, 1)


@pytest.fixture(scope="module")
def tables():
    return tiny_shop.tables_of(tiny_shop.facts(with_every_cost=True))


def asked(id_, tables, **choices):
    analysis = named(id_)
    return analysis.answer(tables, analysis.asked(choices), tiny_shop.EVENT)


def ledger(orders):
    """Orders of (day, customer, products) as tables, each line 10 euros."""
    rows = [
        {
            "key": f"{number}/{product}",
            "order_key": f"o{number}",
            "kind": "goods_sold",
            "at": datetime(day.year, day.month, day.day, 12, tzinfo=UTC),
            "on": day,
            "hour": 13,
            "ordered_on": day,
            "product_key": product,
            "quantity": Decimal(1),
            "unit_price": Decimal(10),
            "amount": Decimal(10),
            "amount_shop": Decimal(10),
            "currency": "EUR",
            "rate": Decimal(1),
            "rate_is_event_day": False,
            "is_over_refund": False,
            "customer_key": customer,
        }
        for number, (day, customer, products) in enumerate(orders)
        for product in products
    ]
    return {"order_line": tiny_shop.fact("order_line", rows)}


def test_every_pair_of_scores_has_one_segment():
    found = {segment(r, f) for r in range(1, 6) for f in range(1, 6)}
    assert found == set(SEGMENTS)
    assert segment(5, 5) == "champions"
    assert segment(1, 5) == "cant_lose"
    assert segment(5, 1) == "new"


def test_scores_on_paper(tables):
    """To 8 January 2025: Ann has 3 orders and 545 net, Bob 2 and 105, Dan 2 and 40, Eve 1 and 15, Cat 1 and 0."""
    people = {row["customer"]: row for row in asked("rfm", tables).table("customers").rows}
    assert {who: row["orders"] for who, row in people.items()} == {"ann": 3, "bob": 2, "dan": 2, "eve": 1, "cat": 1}
    assert {who: row["net_sales"] for who, row in people.items()} == {
        "ann": Decimal(545),
        "bob": Decimal(105),
        "dan": Decimal(40),
        "eve": Decimal(15),
        "cat": Decimal(0),
    }
    assert people["bob"]["days"] == 283
    # ranks of 5: the share of people with a smaller value, in fifths
    assert {who: row["scores"] for who, row in people.items()} == {
        "ann": "555",
        "eve": "512",
        "dan": "333",
        "cat": "211",
        "bob": "134",
    }
    only = asked("rfm", tables, only="champions").table("customers").rows
    assert [row["customer"] for row in only] == ["ann"]


def test_segments_hold_everybody_once(tables):
    result = asked("rfm", tables)
    segments = result.table("segments").rows
    assert sum(row["customers"] for row in segments) == 5
    assert sum(row["net_sales"] for row in segments) == 705
    assert sum(row["number"] for row in result.table("grid").rows) == 5


def test_equal_customers_have_equal_scores():
    orders = [(DAY + timedelta(days=i % 3), f"c{i}", ["mug"]) for i in range(40)]
    rows = asked("rfm", tiny_shop.tables_of(ledger(orders)), limit="100").table("customers").rows
    assert {row["scores"][1:] for row in rows} == {"11"}
    assert {row["last_on"]: row["scores"][0] for row in rows}[DAY + timedelta(days=2)] == "5"


def test_days_between_orders_on_paper(tables):
    """Ann: 50 and 314 days; Bob, on another key: 60; Dan: 182."""
    result = asked("order_gaps", tables)
    (whole,) = result.table("whole").rows
    assert (whole["pairs"], whole["customers"], whole["median"], whole["mean"]) == (4, 3, 121, 151.5)
    assert (whole["low"], whole["high"]) == (57.5, 215)
    counts = [row["pairs"] for row in result.table("classes").rows]
    assert counts == [0, 0, 0, 0, 2, 0, 0, 2, 0]
    by = {row["value"]: (row["pairs"], row["median"]) for row in result.table("by").rows}
    assert by == {"home": (2, 121), "living": (2, 182), "kitchen": (1, 314)}


def test_days_between_orders_are_those_of_sql():
    rng = np.random.default_rng(3)
    orders = [
        (DAY + timedelta(days=int(d)), f"c{c}", ["mug"])
        for d, c in zip(rng.integers(0, 700, 400), rng.integers(0, 60, 400), strict=True)
    ]
    facts = ledger(orders)
    gaps = (
        tiny_shop.database(facts)
        .execute("""
        WITH gaps AS (
            SELECT date_diff('day',
                lag("on") OVER (PARTITION BY customer_key ORDER BY "on", "at", order_key), "on") AS gap
            FROM order_line
        )
        SELECT count(gap), median(gap), quantile_cont(gap, 0.25), quantile_cont(gap, 0.75) FROM gaps
    """)
        .fetchone()
    )
    (whole,) = asked("order_gaps", tiny_shop.tables_of(facts)).table("whole").rows
    assert (whole["pairs"], whole["median"], whole["low"], whole["high"]) == gaps


def test_a_pair_on_paper():
    """Of 100 orders 40 hold bread, 30 butter, 24 both: support 24 %, shares 60 and 80 %, lift 24 x 100 / (40 x 30)."""
    baskets = [["bread", "butter"]] * 24 + [["bread"]] * 16 + [["butter"]] * 6 + [["jam"]] * 54
    tables = tiny_shop.tables_of(ledger([(DAY, None, products) for products in baskets]))
    (pair,) = asked("baskets", tables, least="2").table("together").rows
    assert {pair["one"], pair["other"]} == {"bread", "butter"}
    assert pair["baskets"] == 24
    assert pair["support"] == pytest.approx(0.24)
    assert pair["lift"] == pytest.approx(2.0)
    shares = {pair["one"]: pair["confidence"], pair["other"]: pair["back"]}
    assert shares == pytest.approx({"bread": 0.6, "butter": 0.8})


def test_chance_alone_gives_no_pairs():
    """20 products thrown into 600 baskets at random: hundreds of pairs, none of them worth a line."""
    rng = np.random.default_rng(5)
    thrown = [[f"p{i}" for i in np.flatnonzero(rng.random(20) < 0.2)] or ["p0"] for _ in range(600)]
    tables = tiny_shop.tables_of(ledger([(DAY, None, products) for products in thrown]))
    result = asked("baskets", tables, least="5")
    assert isinstance(result.sentence, Missing)


def test_what_is_bought_next_comes_from_the_second_order():
    """30 of 60 begin with a printer and all of them go on with ink; the others begin with a desk and take a chair."""
    orders = []
    for i in range(60):
        first, second = ("printer", "ink") if i % 2 else ("desk", "chair")
        orders += [
            (DAY, f"c{i}", [first]),
            (DAY + timedelta(days=9), f"c{i}", [second]),
            (DAY + timedelta(days=20), f"c{i}", ["lamp"]),
        ]
    rows = asked("baskets", tiny_shop.tables_of(ledger(orders)), least="5").table("next").rows
    assert {(row["one"], row["other"], row["baskets"], row["lift"]) for row in rows} == {
        ("printer", "ink", 30, 2.0),
        ("desk", "chair", 30, 2.0),
    }
