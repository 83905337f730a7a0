"""Bottlenecks of a shop's visits and deals, worked on paper."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

import web_facts
from contract import tiny_shop
from topline.analysis.analysis import ChoiceError
from topline.analysis.bottlenecks import ANALYSIS, BottleneckQuestion, answer
from topline.analysis.result import Figure, Result
from topline.units.period import Period

END = date(2024, 4, 1)
QUARTER = timedelta(days=91)


def visits(quarter: int, steps: tuple[int, int, int, int, int]) -> list[dict[str, Any]]:
    """So many visits of the quarter so many quarters back that came at least to each step; each order is of 50."""
    at = datetime(2024, 3, 31, 12, tzinfo=UTC) - quarter * QUARTER
    far = [step for step in range(5) for _ in range(steps[step] - (steps[step + 1] if step < 4 else 0))]
    return [
        {"session_key": f"{quarter}/{i}", "visitor_key": f"{quarter}/{i}", "at": at, "furthest": step}
        for i, step in enumerate(far)
    ]


def orders(count: int, amount: str) -> list[dict[str, Any]]:
    at = datetime(2024, 3, 31, 12, tzinfo=UTC)
    return [
        {"order_key": f"O{i}", "kind": "goods_sold", "at": at, "ordered_on": at.date(), "product_key": "mug",
         "amount": amount, "amount_shop": amount, "quantity": "1"}
        for i in range(count)
    ]  # fmt: skip


def deals(quarter: int, won: int, lost: int, days: int) -> list[dict[str, Any]]:
    """Deals of 1,000 that entered the stage Offer in that quarter, stayed so long, and were won or lost."""
    rows: list[dict[str, Any]] = []
    for i in range(won + lost):
        key = f"D{quarter}/{i}"
        entered = datetime(2024, 3, 31, 12, tzinfo=UTC) - quarter * QUARTER - timedelta(days=days + i % 2)
        moves = [
            ("Offer", 1, "open", entered),
            ("End", 2, "won" if i < won else "lost", entered + timedelta(days=days)),
        ]
        rows += [
            {"deal_key": key, "stage": stage, "position": position, "state": state, "at": at, "value_shop": "1000",
             "created_on": (entered - timedelta(days=20)).date()}
            for stage, position, state, at in moves
        ]  # fmt: skip
    return rows


VISITS = [*visits(0, (4000, 2000, 400, 200, 100)), *visits(1, (4000, 2000, 800, 400, 200)),
          *visits(2, (4000, 2000, 400, 200, 100))]  # fmt: skip


def asked(facts: dict[str, Any], **more: Any) -> Result:
    found = web_facts.tables(facts, has_test_orders=False, has_cancelled_orders=False)
    period = Period(END - 8 * QUARTER, END)
    return answer(found, BottleneckQuestion(**{"period": period} | more), tiny_shop.EVENT)


def test_the_step_that_was_twice_as_good() -> None:
    result = asked({"session": VISITS, "order_line": orders(100, "50")})
    first, *rest = result.table("steps").rows
    # product to cart: 20 % now, 40 % a quarter before: twice the 5,000 that came out
    assert first["step"].code == "add_to_cart"
    assert (first["now"].value, first["goal"].value) == pytest.approx((0.2, 0.4))
    assert first["worth"] == pytest.approx(Decimal(5000))
    assert 0 < first["low"] < first["worth"] < first["high"]
    assert first["proposal"].more == first["worth"]
    assert "pictures" in str(first["remedy"])
    assert all(row["worth"] is None for row in rest)
    assert result.sentence.code == "bottlenecks"


def test_a_benchmark_in_place_of_the_best_quarter() -> None:
    facts = {"session": VISITS, "order_line": orders(100, "50")}
    rows = {row["step"].code: row for row in asked(facts, benchmark=(("checkout", 0.6),)).table("steps").rows}
    assert rows["checkout"]["goal"].value == 0.6
    assert rows["checkout"]["worth"] == pytest.approx(Decimal(1000))  # from half to three in five of 5,000


def test_visits_without_views_go_to_the_cart() -> None:
    plain = [row | {"furthest": None, "carts": int(row["furthest"] >= 2),
                    "checkouts": int(row["furthest"] >= 3),
                    "orders": int(row["furthest"] >= 4)} for row in VISITS]  # fmt: skip
    codes = [row["step"].code for row in asked({"session": plain, "order_line": orders(100, "50")}).table("steps").rows]
    assert set(codes) == {"add_to_cart", "checkout", "purchase"}


def test_the_pipeline_by_share_and_by_days() -> None:
    rows = deals(0, 20, 20, 30) + deals(1, 30, 10, 30) + deals(2, 20, 20, 10) + deals(3, 20, 20, 30)
    result = asked({"deal_stage": rows})
    found = {row["step"].code: row for row in result.table("steps").rows}
    rate, days = found["stage_rate"], found["stage_days"]
    assert isinstance(rate["now"], Figure)
    assert rate["now"].value < 0.6 < rate["goal"].value
    assert rate["worth"] > 0
    assert (days["now"].value, days["goal"].value) == pytest.approx((30, 10), abs=0.5)
    # 20 of about 50.5 days saved, of 20,000 won
    assert float(days["worth"]) == pytest.approx(20_000 * 20 / 30.5, rel=0.05)
    assert [note.code for note in result.notes] == ["without_0"]


def test_what_is_missing_says_why() -> None:
    assert asked({}).sentence.reason == "no_sessions"
    few = asked({"session": visits(0, (50, 10, 5, 2, 1)), "order_line": orders(1, "50")})
    assert few.sentence.reason == "no_steps"
    alone = asked({"session": visits(0, (500, 400, 300, 200, 150)), "order_line": orders(1, "50")})
    assert {row["goal"].reason for row in alone.table("steps").rows} == {"no_quarters"}


def test_benchmarks_are_read_and_written() -> None:
    read = ANALYSIS.asked({"benchmark": "add_to_cart=0.12, Offer_days=14"})
    assert read.benchmark == (("add_to_cart", 0.12), ("Offer_days", 14.0))
    assert ANALYSIS.choices[0].text(read.benchmark) == "add_to_cart=0.12,Offer_days=14"
    for wrong in ("add_to_cart", "add_to_cart=-1", "=3", "a=b"):
        with pytest.raises(ChoiceError):
            ANALYSIS.asked({"benchmark": wrong})
