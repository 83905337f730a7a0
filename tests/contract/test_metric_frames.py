"""Windows over time, years laid upon each other, targets, constant money: against the plain question and on paper."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import small_lake
from contract import tiny_shop
from topline.facts.table import tables as fact_tables
from topline.metrics.answer import answer
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.query import BeforeDataError, Filter, Query, TooManyRowsError, WindowError, WindowTooLongError
from topline.metrics.result import Rest, Result
from topline.units.missing import Missing
from topline.units.period import Period, add_months

SPRING = Period(date(2024, 1, 1), date(2024, 5, 1))
SOLD = ("net_sales", "orders", "average_order_value", "customers", "new_customers", "repeat_purchase_rate")
MONTHLY = (*SOLD, "retention_rate", "days_between_orders", "spend", "cac", "visitors", "conversion_rate")
"""One metric of each make: a sum, keys counted, a ratio, several steps, several facts."""


def ask(**question: Any) -> Result:
    return answer(Query(**question), tiny_shop.shop(), tiny_shop.EVENT)


def same(ours: Any, theirs: Any) -> bool:
    if isinstance(ours, float) and isinstance(theirs, float):
        return ours == pytest.approx(theirs)
    if isinstance(ours, Missing) and isinstance(theirs, Missing):
        return ours.reason == theirs.reason
    return bool(ours == theirs)


@pytest.mark.parametrize(("window", "back"), [("cumulative", None), (2, 1)])
def test_a_window_is_the_plain_question_over_its_days(window: int | str, back: int | None) -> None:
    windowed = ask(metrics=MONTHLY, by=("month",), period=SPRING, window=window)
    rows = {row["month"]: row for row in windowed.rows if isinstance(row["month"], date)}
    assert list(rows) == [date(2024, month, 1) for month in (1, 2, 3, 4)]
    for month in (date(2024, 2, 1), date(2024, 4, 1)):
        start = SPRING.start if back is None else add_months(month, -back)
        plain = ask(metrics=MONTHLY, period=Period(start, add_months(month, 1))).totals
        for id_ in MONTHLY:
            assert same(rows[month][id_], plain[id_]), (id_, month, rows[month][id_], plain[id_])
    total = ask(metrics=MONTHLY, period=SPRING).totals
    assert all(same(windowed.totals[id_], total[id_]) for id_ in MONTHLY)


def test_a_window_by_market_is_the_plain_question_filtered() -> None:
    windowed = ask(metrics=SOLD, by=("month", "market"), period=SPRING, window=2)
    rows = {(row["month"], str(row["market"])): row for row in windowed.rows}
    for month, market in ((date(2024, 3, 1), "GB"), (date(2024, 4, 1), "DE")):
        row = rows[month, market]
        period = Period(add_months(month, -1), add_months(month, 1))
        plain = ask(metrics=SOLD, period=period, where=(Filter("market", (market,)),)).totals
        for id_ in SOLD:
            assert same(row[id_], plain[id_]) or not row[id_], (id_, month, market)


def test_worked_windows() -> None:
    """Net sales 60, 420, 90 and -7 + 10 by month; customers ann, bob | ann | bob | cat, dan (guests are nobody)."""
    rows = ask(metrics=("net_sales", "customers"), by=("month",), period=SPRING, window="cumulative").rows
    assert [row["net_sales"] for row in rows] == [60, 480, 570, 573]
    assert [row["customers"] for row in rows] == [2, 2, 2, 4]
    rows = ask(metrics=("net_sales", "customers"), by=("month",), period=SPRING, window=2).rows
    assert [row["net_sales"] for row in rows] == [60, 480, 510, 93]
    assert [row["customers"] for row in rows] == [2, 2, 2, 3]


def test_a_weekday_stands_against_its_own() -> None:
    """2025-01-08 and 2024-01-10 are Wednesdays: 110 + 15 against 20 + 30 - 5."""
    period = Period(date(2025, 1, 1), date(2025, 1, 9))
    found = ask(metrics=("net_sales", "new_customers"), by=("day",), period=period, against="last_year_weekday")
    assert found.against_rows is not None
    now, before = found.rows[-1], found.against_rows[-1]
    assert before is not None
    assert (now["day"], before["day"]) == (date(2025, 1, 8), date(2025, 1, 8))
    assert (now["net_sales"], before["net_sales"]) == (125, 45)
    assert (now["new_customers"], before["new_customers"]) == (1, 1)  # eve; ann
    assert found.against_totals is not None
    assert found.against_totals["net_sales"] == 45


def test_weekdays_laid_upon_each_other_are_the_days_52_weeks_before() -> None:
    period = Period(date(2024, 12, 30), date(2025, 1, 9))
    found = ask(metrics=MONTHLY, period=period, against="last_year_weekday").against_totals
    before = ask(metrics=MONTHLY, period=Period(date(2024, 1, 1), date(2024, 1, 11))).totals
    assert found is not None
    assert all(same(found[id_], before[id_]) for id_ in MONTHLY)


def test_easter_stands_against_easter() -> None:
    """Bob bought for 90 on Easter Sunday 2024; a year later Easter is on 20 April."""
    facts = tiny_shop.facts()
    lines = facts["order_line"]
    easter = lines.filter(pc.equal(lines["order_key"], "A3"))
    for column, value in (("on", date(2025, 4, 20)), ("ordered_on", date(2025, 4, 20)), ("order_key", "Z1")):
        at = easter.schema.get_field_index(column)
        easter = easter.set_column(at, column, pa.array([value] * len(easter), easter.schema.field(column).type))
    shop = tiny_shop.tables_of(facts | {"order_line": pa.concat_tables([lines, easter.cast(lines.schema)])})
    period = Period(date(2025, 4, 1), date(2025, 5, 1))
    asked = Query(metrics=("net_sales",), by=("day",), period=period, against="last_year_feast")
    found = answer(asked, shop, tiny_shop.EVENT)
    assert found.against_rows is not None
    (pair,) = [
        (row, twin) for row, twin in zip(found.rows, found.against_rows, strict=True) if row["day"] == date(2025, 4, 20)
    ]
    assert pair[1] is not None
    assert (pair[0]["net_sales"], pair[1]["net_sales"]) == (110, 90)


def target(version: int, plan: str, on: date, category: str | None, amount: int) -> dict[str, Any]:
    return {
        "key": f"{plan}:{on}:{category}",
        "version": version,
        "plan_version": plan,
        "metric": "net_sales",
        "on": on,
    } | {
        "recorded_at": datetime(2024, 1, 1, tzinfo=UTC),
        "batch_id": plan,
        "category": category,
        "market": None,
        "amount": Decimal(amount),
    }


def test_targets_of_the_plan_written_last_stand_beside() -> None:
    rows = [
        target(1, "1.1", date(2024, 1, 10), "kitchen", 30),
        target(2, "1.1", date(2024, 2, 10), "kitchen", 70),
        target(3, "2.1", date(2024, 2, 10), "kitchen", 50),  # another plan's, written later
        target(4, "2.1", date(2024, 2, 10), "living", 300),
        target(5, "2.1", date(2024, 3, 10), "home", 80),
    ]
    schema = fact_tables()["target"].schema
    facts = tiny_shop.facts() | {"target": pa.Table.from_pylist(rows, schema)}
    shop = tiny_shop.tables_of(facts)

    def asked(**question: Any) -> Result:
        return answer(Query(period=SPRING, against="plan", **question), shop, tiny_shop.EVENT)

    found = asked(metrics=("net_sales", "average_order_value", "orders"), by=("month",))
    assert found.against_rows is not None
    assert [row and row["net_sales"] for row in found.against_rows[:3]] == [30, 350, 80]
    totals = found.against_totals
    assert totals is not None
    assert totals["net_sales"] == 460
    assert isinstance(totals["average_order_value"], Missing)
    assert totals["average_order_value"].reason == "target_does_not_sum"
    assert isinstance(totals["orders"], Missing)
    assert totals["orders"].reason == "no_targets"
    by_category = asked(metrics=("net_sales",), by=("category",))
    assert by_category.against_rows is not None
    beside = {
        row["category"]: twin and twin["net_sales"]
        for row, twin in zip(by_category.rows, by_category.against_rows, strict=True)
    }
    assert {str(k): v for k, v in beside.items() if not isinstance(k, Missing)} == {
        "kitchen": 80,
        "living": 300,
        "home": 80,
    }
    refused = asked(metrics=("net_sales",), by=("campaign",)).against_totals
    assert refused is not None
    assert isinstance(refused["net_sales"], Missing)
    assert refused["net_sales"].reason == "not_planned_so"
    cumulative = asked(metrics=("net_sales",), by=("month",), window="cumulative")
    assert cumulative.against_rows is not None
    assert [row and row["net_sales"] for row in cumulative.against_rows] == [30, 380, 460, 460]


def test_constant_money_takes_the_rate_of_the_period_compared_with() -> None:
    """B1 sold 12 GBP at 1.25 in January; B2's 72 GBP in March at 1.5 are 108 EUR then, 90 at January's rate."""
    facts = tiny_shop.facts()
    lines = facts["order_line"]
    dearer = [
        amount * Decimal("1.2") if order == "B2" else amount
        for order, amount in zip(lines["order_key"].to_pylist(), lines["amount_shop"].to_pylist(), strict=True)
    ]
    at = lines.schema.get_field_index("amount_shop")
    lines = lines.set_column(at, "amount_shop", pa.array(dearer, lines.schema.field("amount_shop").type))
    shop = tiny_shop.tables_of(facts | {"order_line": lines})
    question = {"metrics": ("net_sales",), "period": Period(date(2024, 3, 1), date(2024, 5, 1)), "against": "previous"}
    gb = (Filter("market", ("GB",)),)
    plain = answer(Query(**question, where=gb), shop, tiny_shop.EVENT)
    constant = answer(Query(**question, where=gb, money="constant"), shop, tiny_shop.EVENT)
    assert plain.totals["net_sales"] == 108
    assert constant.totals["net_sales"] == 90
    assert constant.against_totals == plain.against_totals == {"net_sales": 15}
    euros = answer(Query(**question, where=(Filter("market", ("DE",)),), money="constant"), shop, tiny_shop.EVENT)
    assert euros.totals["net_sales"] == 10


def test_refuses_what_would_not_make_sense() -> None:
    for window in (1, 0, "weekly", 1001):
        with pytest.raises(WindowError):
            Query(metrics=("orders",), by=("month",), window=window)
    for by in ((), ("hour",), ("month", "year"), ("channel",)):
        with pytest.raises(WindowError):
            Query(metrics=("orders",), by=by, window=2)
    with pytest.raises(WindowTooLongError):
        ask(metrics=("new_customers",), by=("day",), window=2)
    with pytest.raises(BeforeDataError, match="2024-01-10"):
        ask(metrics=("orders",), by=("month",), period=Period(date(2019, 1, 1), date(2020, 1, 1))).within_data()


def test_refuses_an_answer_of_very_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topline.metrics.answer.MOST_ROWS", 3)
    with pytest.raises(TooManyRowsError):
        ask(metrics=("orders",), by=("product", "day"))
    for id_, by in (("new_customers", "customer"), ("retention_rate", "product"), ("pipeline_value", "month")):
        with pytest.raises(TooManyRowsError):
            ask(metrics=(id_,), by=(by,))
    assert len(ask(metrics=("orders",), by=("market",)).rows) == 2
    for id_ in ("clv_historic", "net_sales"):  # what the error advises is answered
        largest, rest = ask(metrics=(id_,), by=("customer",), top=1).rows
        assert (largest["customer"], rest["customer"]) == ("ann", Rest(5 if id_ == "net_sales" else 4))


_OFTEN = ("customer", "kind", "metric")


@pytest.mark.parametrize(
    "by", [pytest.param(id_, marks=() if id_ in _OFTEN else pytest.mark.soak) for id_ in sorted(dimensions())]
)
def test_the_rest_is_what_all_others_come_to(by: str) -> None:
    if dimensions()[by].grain:
        return
    ids = [id_ for id_, metric in metrics().items() if by in metric.dimensions]
    for first in range(0, len(ids), 12):
        some = tuple(ids[first : first + 12])
        every = ask(metrics=some, by=(by,)).rows
        largest, *rest = ask(metrics=some, by=(by,), top=1).rows
        twin = next(row for row in every if row[by] == largest[by])
        assert {id_: (largest[id_], twin[id_]) for id_ in some if not same(largest[id_], twin[id_])} == {}
        if rest and isinstance(rest[0][by], Rest):
            others = tuple(None if isinstance(row[by], Missing) else row[by] for row in every if row is not twin)
            wanted = ask(metrics=some, where=(Filter(by, others),)).totals
            assert {id_: (rest[0][id_], wanted[id_]) for id_ in some if not same(rest[0][id_], wanted[id_])} == {}


def test_days_before_the_period_count_in_a_window() -> None:
    rows = ask(metrics=("net_sales",), by=("month",), period=Period(date(2024, 3, 1), date(2024, 4, 1)), window=3).rows
    assert [row["net_sales"] for row in rows] == [570]


@cache
def longer_tables() -> Any:
    """561 days of three products in two markets, up to 14 July 2024."""
    return tiny_shop.tables_of({"order_line": pa.Table.from_batches([small_lake.lines()])})


def growth_by_hand(start: date, end: date, cut: str, where: str = "true") -> dict[Any, float]:
    """In SQL; from the second of April to the middle of November every day is like the one 52 weeks before."""
    lines = longer_tables().table("order_line").to_pyarrow()  # noqa: F841 - DuckDB reads it by name
    found = duckdb.sql(f"""
        WITH sold AS (SELECT "on" AS day, market, amount_shop AS amount FROM lines),
        moved AS (SELECT day, market, amount AS now, 0 AS before FROM sold
            UNION ALL SELECT day + 364, market, 0, amount FROM sold)
        SELECT {cut} AS k, (sum(now) - sum(before)) / sum(before) FROM moved
        WHERE day >= DATE '{start}' AND day < DATE '{end}' AND {where} GROUP BY 1""").fetchall()
    return {key: float(value) for key, value in found}


@pytest.mark.parametrize(
    ("by", "cut", "where", "kept"),
    [
        ("month", "date_trunc('month', day)::DATE", (), "true"),
        ("market", "market", (), "true"),
        ("month", "date_trunc('month', day)::DATE", (Filter("market", ("AT",)),), "market = 'AT'"),
        ("market", "market", (Filter("month", (date(2024, 5, 1),)),), "month(day) = 5"),
    ],
)
def test_growth_is_of_days_that_are_like_each_other(by: str, cut: str, where: tuple[Filter, ...], kept: str) -> None:
    start, end = date(2024, 4, 15), date(2024, 7, 1)
    query = Query(metrics=("sales_growth",), by=(by,), period=Period(start, end), where=where)
    answered = answer(query, longer_tables(), tiny_shop.EVENT)
    hand = growth_by_hand(start, end, cut, kept)
    assert {row[by]: row["sales_growth"] for row in answered.rows} == pytest.approx(hand)
    assert answered.totals["sales_growth"] == pytest.approx(growth_by_hand(start, end, "1", kept)[1])


def test_what_was_sold_only_before_is_compared_too() -> None:
    """March: 90 on the web. April: 10 of D1 and 400 - 400 of C1 in the app, -7 of an order that nobody knows."""
    april = Period(date(2024, 4, 1), date(2024, 5, 1))
    found = ask(metrics=("net_sales",), by=("channel",), period=april, against="previous")
    cells = {str(row["channel"]): (row["net_sales"], row["net_sales_before"]) for row in found.table()}
    assert cells["web"] == (0, 90)
    assert cells["app"][0] == 10
    before = [before for _, before in cells.values() if not isinstance(before, Missing)]
    assert found.against_totals is not None
    assert sum(before) == found.against_totals["net_sales"] == 90


def test_days_to_come_are_not_shown_for_what_stood_there_before() -> None:
    """The ledger ends on 8 January 2025, so of 2025 there is January only."""
    year = Period(date(2025, 1, 1), date(2026, 1, 1))
    found = ask(metrics=("net_sales",), by=("month",), period=year, against="last_year")
    assert [(row["month"], row["net_sales"], row["net_sales_before"]) for row in found.table()] == [
        (date(2025, 1, 1), 125, 60)
    ]
    assert found.against_totals == {"net_sales": Decimal(603)}


def test_what_begins_later_is_no_comparison() -> None:
    """The shop's first order is of 10 January 2024; of the eight months before June, the first four aren't whole."""
    shop = replace(tiny_shop.shop(), firsts={"order_line": date(2024, 1, 10), "spend": date(2024, 1, 3)})
    asked = {"period": Period(date(2024, 6, 1), date(2025, 2, 1)), "against": "previous"}
    monthly = answer(Query(metrics=("net_sales", "spend"), by=("month",), **asked), shop, tiny_shop.EVENT)
    before = {row["month"]: (row["net_sales_before"], row["spend_before"]) for row in monthly.table()}
    assert getattr(before[date(2024, 9, 1)][0], "reason", None) == "begins_later"
    assert before[date(2024, 9, 1)][1] == 60
    assert before[date(2024, 10, 1)][0] == 420
    assert monthly.against_totals is not None
    assert {id_: getattr(value, "reason", value) for id_, value in monthly.against_totals.items()} == dict.fromkeys(
        ("net_sales", "spend"), "begins_later"
    )
    by_channel = answer(Query(metrics=("net_sales",), by=("channel",), **asked), shop, tiny_shop.EVENT)
    assert {getattr(row["net_sales_before"], "reason", None) for row in by_channel.table()} == {"begins_later"}
    laid = answer(
        Query(
            metrics=("net_sales",),
            period=Period(date(2024, 12, 20), date(2025, 1, 9)),
            against="last_year_weekday",
        ),
        shop,
        tiny_shop.EVENT,
    )
    assert getattr((laid.against_totals or {})["net_sales"], "reason", None) == "begins_later"
    closed = replace(shop, firsts={"order_line": date(2024, 1, 4)})
    january = {"period": Period(date(2025, 1, 1), date(2025, 2, 1)), "against": "last_year"}
    assert answer(Query(metrics=("net_sales",), **january), closed, tiny_shop.EVENT).against_totals == {"net_sales": 60}


def test_a_fact_that_is_missing_is_said_in_every_month() -> None:
    """Nothing is known of visits: each month says so, and beside sales too; before the shop began it is an error."""
    gone = {"session": Missing("no_visits", "")}
    shop = replace(tiny_shop.shop(), empty={**tiny_shop.shop().empty, **gone})
    period = Period(date(2024, 1, 1), date(2024, 4, 1))
    alone = answer(Query(metrics=("sessions",), by=("month",), period=period), shop, tiny_shop.EVENT)
    assert [(row["month"].month, row["sessions"].reason) for row in alone.rows] == [
        (month, "no_visits") for month in (1, 2, 3)
    ]
    both = answer(Query(metrics=("sessions", "net_sales"), by=("month",), period=period), shop, tiny_shop.EVENT)
    assert [row["sessions"].reason for row in both.rows] == ["no_visits"] * 3
    early = Query(metrics=("sessions",), by=("month",), period=Period(date(2020, 1, 1), date(2020, 2, 1)))
    with pytest.raises(BeforeDataError):
        answer(early, shop, tiny_shop.EVENT).within_data()
