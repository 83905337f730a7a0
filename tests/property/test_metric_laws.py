"""Laws that hold for any ledger: slices, bases, clocks, ratios, currencies."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contract import tiny_shop
from topline.facts.table import tables
from topline.metrics.answer import answer
from topline.metrics.query import Filter, Query
from topline.metrics.settings import Basis, Settings
from topline.units.missing import Missing
from topline.units.period import FiscalCalendar, Grain, Period

# both clock changes of Berlin in 2024, a leap day, the turn of a year
DAYS = [
    date(2024, 3, 30),
    date(2024, 3, 31),
    date(2024, 4, 1),
    date(2024, 10, 26),
    date(2024, 10, 27),
    date(2024, 2, 29),
]
DAYS += [date(2023, 12, 31), date(2024, 1, 1)]
EUR = Settings("EUR", "Europe/Berlin")
few = settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))

orders = st.lists(
    st.fixed_dictionaries(
        {
            "on": st.sampled_from(DAYS),
            "hour": st.integers(0, 23),
            "who": st.sampled_from([None, "ann", "bob"]),
            "channel": st.sampled_from([None, "web", "app"]),
            "market": st.sampled_from(["DE", "GB"]),
            "goods": st.lists(st.tuples(st.sampled_from(["mug", "sofa"]), st.integers(1, 900)), min_size=1, max_size=3),
            "refund_days": st.one_of(st.none(), st.integers(0, 400)),
            "is_cancelled": st.booleans(),
        }
    ),
    min_size=1,
    max_size=8,
)


def shop(placed: list[dict[str, Any]]) -> Any:
    """The orders as facts: a line for each of the goods, a half refund later, or a cancellation of all the next day."""
    lines: list[dict[str, Any]] = []
    heads: list[dict[str, Any]] = []
    for number, order in enumerate(placed):
        cancelled_on = order["on"] + timedelta(days=1) if order["is_cancelled"] else None
        heads.append(head(number, order, cancelled_on))
        for product, cents in order["goods"]:
            lines.append(line(number, order, "goods_sold", product, cents, order["on"]))
            if cancelled_on:
                lines.append(line(number, order, "goods_cancelled", product, -cents, cancelled_on))
        if order["refund_days"] is not None and not cancelled_on:
            product, cents = order["goods"][0]
            later = order["on"] + timedelta(days=order["refund_days"])
            lines.append(line(number, order, "refund", product, -(cents // 2), later))
    products = [{"product_key": "mug", "category": "kitchen"}, {"product_key": "sofa", "category": None}]
    facts = {"order_line": lines, "order": heads, "product": products}
    return tiny_shop.tables_of({name: table(name, rows) for name, rows in facts.items()})


def head(number: int, order: dict[str, Any], cancelled_on: date | None) -> dict[str, Any]:
    return {
        "order_key": f"o{number}",
        "on": order["on"],
        "hour": order["hour"],
        "currency": "EUR",
        "is_test": False,
    } | {
        "rate": Decimal(1),
        "cancelled_on": cancelled_on,
        "campaign": order["channel"],
        "customer_key": order["who"],
        "at": moment(order["on"], order["hour"]),
    }


def line(number: int, order: dict[str, Any], kind: str, product: str, cents: int, on: date) -> dict[str, Any]:
    amount = Decimal(cents) / 100
    rate = Decimal("1.25") if order["market"] == "GB" else Decimal(1)
    return {
        "order_key": f"o{number}",
        "kind": kind,
        "at": moment(on, order["hour"]),
        "on": on,
        "hour": order["hour"],
        "ordered_on": order["on"],
        "product_key": product,
        "quantity": Decimal(1 if cents > 0 else -1),
        "unit_price": abs(amount),
        "amount": amount,
        "amount_shop": amount * rate,
        "currency": "GBP" if order["market"] == "GB" else "EUR",
        "rate": rate,
        "rate_is_event_day": False,
        "channel": order["channel"],
        "market": order["market"],
        "customer_key": order["who"],
        "is_over_refund": False,
    }


def moment(on: date, hour: int) -> datetime:
    return datetime(on.year, on.month, on.day, hour, tzinfo=UTC)


def table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = tables()[name].schema
    common = {"version": 1, "recorded_at": datetime(2025, 1, 1, tzinfo=UTC), "batch_id": "any"}
    whole = [{"key": f"{name}:{i}"} | common | row for i, row in enumerate(rows)]
    return pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in whole], schema=schema)


@few
@given(orders)
def test_sums_over_any_slice_equal_the_whole(placed: list[dict[str, Any]]) -> None:
    facts = shop(placed)
    money = ("ledger_amount", "gross_sales", "returns", "net_sales", "units")
    whole = answer(Query(metrics=money), facts, EUR).totals
    gross = sum(
        Decimal(cents) / 100 * (Decimal("1.25") if o["market"] == "GB" else 1)
        for o in placed
        for _, cents in o["goods"]
    )
    assert whole["gross_sales"] == gross
    for by in (("day",), ("channel",), ("category", "market"), ("campaign",), ("week", "product"), ("kind",)):
        ids = tuple(id_ for id_ in money if by != ("kind",) or id_ != "units")
        rows = answer(Query(metrics=ids, by=by), facts, EUR).rows
        for id_ in ids:
            assert sum(row[id_] for row in rows) == whole[id_]


@few
@given(orders)
def test_both_dates_agree_over_all_time(placed: list[dict[str, Any]]) -> None:
    facts = shop(placed)
    by_order = Settings("EUR", "Europe/Berlin", basis=Basis.ORDER)
    for id_ in ("net_sales", "ledger_amount", "total_sales"):
        query = Query(metrics=(id_,), by=("month",))
        assert answer(query, facts, EUR).totals == answer(query, facts, by_order).totals
    kept = sum(not order["is_cancelled"] for order in placed)
    assert answer(Query(metrics=("orders",)), facts, by_order).totals["orders"] == kept
    assert answer(Query(metrics=("orders",)), facts, EUR).totals["orders"] == len(placed)


@few
@given(orders, st.sampled_from(["day", "hour"]))
def test_a_filter_is_the_group_of_the_same_name(placed: list[dict[str, Any]], grain: str) -> None:
    facts = shop(placed)
    ids = ("net_sales", "orders", "customers")
    for row in answer(Query(metrics=ids, by=(grain,)), facts, EUR).rows[:4]:
        bucket = row[grain]
        assert not isinstance(bucket, Missing)
        filtered = answer(Query(metrics=ids, where=(Filter(grain, (bucket,)),)), facts, EUR).totals
        assert all(filtered[id_] == row[id_] for id_ in ids)
        if grain == "day":
            day = Period(bucket, bucket + timedelta(days=1))
            assert answer(Query(metrics=ids, period=day), facts, EUR).totals == filtered


@pytest.mark.parametrize("first_month", [1, 2, 4, 12])
@pytest.mark.parametrize("week_start", range(1, 8))
def test_buckets_begin_where_the_shop_says(week_start: int, first_month: int) -> None:
    calendar = FiscalCalendar(week_start, first_month)
    days = [date(2023, 12, 28) + timedelta(days=n) for n in range(9)] + DAYS
    placed = [
        {"on": on, "hour": 3, "who": None, "channel": None, "market": "DE", "goods": [("mug", 100)]}
        | {"refund_days": None, "is_cancelled": False}
        for on in days
    ]
    facts = shop(placed)
    grains = ("week", "quarter", "fiscal_quarter", "fiscal_year") if week_start == 1 else ("week",)
    for grain in grains:
        rows = answer(Query(metrics=("orders",), by=(grain,)), facts, Settings("EUR", calendar=calendar)).rows
        counted: dict[date, int] = defaultdict(int)
        for on in days:
            counted[calendar.floor(on, Grain(grain))] += 1
        assert {row[grain]: row["orders"] for row in rows if row["orders"]} == counted
        if grain == "week":
            assert {row["week"].isoweekday() for row in rows} == {week_start}


@few
@given(orders)
def test_a_ratio_is_sum_over_sum(placed: list[dict[str, Any]]) -> None:
    query = Query(metrics=("average_order_value", "net_sales", "orders"), by=("month", "channel"))
    answered = answer(query, shop(placed), EUR)
    net = sum(row["net_sales"] for row in answered.rows)
    assert answered.totals["orders"] == sum(row["orders"] for row in answered.rows) == len(placed)
    assert answered.totals["average_order_value"] == net / len(placed)


@few
@given(orders)
def test_two_currencies_never_add(placed: list[dict[str, Any]]) -> None:
    facts = shop(placed)
    answered = answer(Query(metrics=("gross_sales",), by=("currency",), money="order"), facts, EUR)
    for row in answered.rows:
        market = "GB" if row["currency"] == "GBP" else "DE"
        own = sum(Decimal(cents) / 100 for o in placed if o["market"] == market for _, cents in o["goods"])
        assert row["gross_sales"] == own
    whole = answer(Query(metrics=("gross_sales",), money="order"), facts, EUR).totals["gross_sales"]
    if len(answered.rows) == 2:
        assert isinstance(whole, Missing)
        assert isinstance(answered.totals["gross_sales"], Missing)
    else:
        assert whole == answered.rows[0]["gross_sales"]


@few
@given(orders, st.integers(1, 2))
def test_the_top_and_the_rest_are_the_whole(placed: list[dict[str, Any]], top: int) -> None:
    query = Query(metrics=("gross_sales", "orders"), by=("channel",), top=top)
    answered = answer(query, shop(placed), EUR)
    assert sum(row["gross_sales"] for row in answered.rows) == answered.totals["gross_sales"]
    assert sum(row["orders"] for row in answered.rows) == len(placed)
    assert len(answered.rows) <= top + 1
