"""Attribution of a shop's orders: paths put together from visits and orders, worked on paper."""

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import web_facts
from contract import tiny_shop
from path_shop import LINES, VISITS
from topline.analysis.attribution import AttributionQuestion, answer
from topline.analysis.result import Result
from topline.science import journey
from topline.science.attribution import MODELS
from topline.units.period import Period

MARCH = Period(date(2024, 3, 1), date(2024, 4, 1))


HEADS = [
    {"order_key": f"O{i}", "at": web_facts.START, "session_key": "s6" if i == 4 else None,
     "shipping_cost_shop": "1", "payment_fee_shop": "0"}
    for i in range(1, 7)
]  # fmt: skip
SPEND = [
    {"on": date(2024, 3, 5), "channel": "ads", "campaign": "shoes", "kind": "ads", "amount_shop": "20"},
    {"on": date(2024, 3, 5), "channel": "mail", "kind": "tools", "amount_shop": "5"},
    {"on": date(2024, 4, 5), "channel": "ads", "kind": "ads", "amount_shop": "999"},
]


def asked(**choices: Any) -> Result:
    facts = {"session": VISITS, "order_line": LINES, "order": HEADS, "spend": SPEND}
    found = web_facts.tables(facts, has_test_orders=False, has_cancelled_orders=False)
    return answer(found, AttributionQuestion(**{"period": MARCH, "days": 14} | choices), tiny_shop.EVENT)


def rows(result: Result, table: str) -> dict[str, dict[str, Any]]:
    return {row["label"] if isinstance(row["label"], str) else "none": row for row in result.table(table).rows}


def test_orders_worked_on_paper() -> None:
    found = rows(asked(), "orders")
    # O1: mail, ads; O2: ads; O3: mail; O4: ads; O5: nothing; O6: search
    assert {name: row["first"] for name, row in found.items()} == {"ads": 2, "mail": 2, "search": 1, "none": 1, "": 6}
    assert {name: row["last"] for name, row in found.items()} == {"ads": 3, "mail": 1, "search": 1, "none": 1, "": 6}
    assert {name: row["linear"] for name, row in found.items()} == {
        "ads": 2.5, "mail": 1.5, "search": 1, "none": 1, "": 6
    }  # fmt: skip
    for model in MODELS:
        assert sum(found[name][model] for name in found if name) == pytest.approx(6)


def test_net_sales_are_less_what_came_back() -> None:
    found = rows(asked(), "revenue")
    assert {name: row["last"] for name, row in found.items()} == {
        "ads": 90, "mail": 50, "search": 12, "none": 10, "": 162
    }  # fmt: skip
    assert found["mail"]["linear"] == Decimal(70)  # half of O1's 40 and O3's 50


def test_a_longer_window_sees_older_touches() -> None:
    found = rows(asked(days=60), "orders")
    assert found["search"]["first"] == 2
    assert found["mail"]["first"] == 1


def test_by_campaign_and_else_by_channel() -> None:
    found = rows(asked(by="campaign"), "orders")
    assert {name: row["last"] for name, row in found.items()} == {
        "shoes": 1, "spring": 0, "ads": 2, "mail": 1, "search": 1, "none": 1, "": 6
    }  # fmt: skip


def test_returns_on_what_was_spent() -> None:
    result = asked(show="roi")
    roas, roi = rows(result, "roas"), rows(result, "roi")
    assert set(roas) == {"ads", ""}
    assert roas["ads"]["last"] == roas[""]["last"] == pytest.approx(90 / 20)
    assert set(roi) == {"ads", "mail", ""}
    # ads: 90 of sales in three orders of 4 for goods and 1 for delivery, less 20; mail: 50 - 5 - 5
    assert roi["ads"]["last"] == pytest.approx((90 - 15 - 20) / 20)
    assert roi["mail"]["last"] == pytest.approx((50 - 5 - 5) / 5)
    assert roi[""]["last"] == pytest.approx((140 - 20 - 25) / 25)


def test_profit_is_not_told_to_who_did_not_ask() -> None:
    assert [table.id for table in asked().tables] == ["orders", "revenue", "roas"]
    assert AttributionQuestion(show="roi").families == {"profit"}


def test_what_is_missing_says_why() -> None:
    only = web_facts.tables({"session": VISITS, "order_line": LINES}, has_test_orders=False, has_cancelled_orders=False)
    result = answer(only, AttributionQuestion(period=MARCH, show="roi"), tiny_shop.EVENT)
    assert result.table("roas").missing.reason == "no_spend"
    nothing = answer(web_facts.tables({"session": VISITS}), AttributionQuestion(), tiny_shop.EVENT)
    assert nothing.sentence.reason == "no_orders"


def test_every_touch_is_in_one_path() -> None:
    rng = np.random.default_rng(2)
    person, at = rng.integers(0, 20, 300), rng.integers(0, 90, 300) * journey.DAY
    buyer, ordered = rng.integers(-1, 20, 40), rng.integers(0, 90, 40) * journey.DAY
    found = journey.linked(person, at, buyer, ordered, 10)
    assert sorted(found.touch.tolist()) == list(range(300))
    assert sorted(found.order[found.order >= 0].tolist()) == list(range(40))
    for i, (start, end) in enumerate(zip(found.start, found.start[1:], strict=False)):
        touches, index = found.touch[start:end], found.order[i]
        assert (np.diff(at[touches]) >= 0).all()
        assert len(set(person[touches].tolist())) <= 1
        if index >= 0 and len(touches):
            who = person[touches[0]]
            assert buyer[index] == who
            between = (buyer == who) & (ordered >= at[touches[-1]])
            assert ordered[index] == ordered[between].min()
            assert (found.age_days[start:end] == (ordered[index] - at[touches]) / journey.DAY).all()
            assert found.age_days[start:end].max() <= 10
