"""Published sessions and events give their known answers: 1,908 of 12,330 sessions bought, 200 of 5,066."""

from datetime import UTC, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from contract import tiny_shop
from topline.facts import columns as arrow
from topline.facts.table import tables
from topline.metrics.answer import answer
from topline.metrics.query import Query
from topline.metrics.settings import Settings

NOW = datetime(2026, 1, 1, tzinfo=UTC)
USD = Settings("USD")


def fact(name: str, sql: str, **given: Any) -> pa.Table:
    """The rows of a statement as a fact's table; columns that it doesn't give are empty or the fact's default."""
    found = duckdb.connect().sql(sql).to_arrow_table()
    columns = {column: found[column] for column in found.column_names} | given
    return pa.Table.from_batches([arrow.batch(tables()[name], columns, batch_id="b", recorded_at=NOW)])


def test_online_shoppers_buy_in_1908_of_12330_sessions(shared_data):
    """By month and by kind of visitor as the file counts them (UCI, Sakar et al. 2018)."""
    folder = shared_data / "online_shoppers_intention"
    if not folder.exists():
        pytest.skip(f"no sessions of online shoppers in {shared_data}")
    sessions = fact(
        "session",
        f"""
        SELECT 'uci:' || row_number() OVER () AS key, key AS session_key, key AS visitor_key,
            make_timestamptz(2017, m, 1, 0, 0, 0, 'UTC') AS "at", make_date(2017, m, 1) AS "on", 0::TINYINT AS hour,
            VisitorType AS channel, Region::VARCHAR AS market,
            Administrative + Informational + ProductRelated AS views,
            (Administrative_Duration + Informational_Duration + ProductRelated_Duration)::BIGINT AS duration_seconds,
            Revenue::BIGINT AS orders
        FROM (SELECT *, month(strptime(left("Month", 3), '%b'))::INT AS m FROM read_csv('{folder}/*.csv.gz'))""",
    )
    shop = tiny_shop.tables_of({"session": sessions})
    ids = ("sessions", "conversion_rate", "engaged_sessions")
    whole = answer(Query(metrics=ids, by=("month",)), shop, USD)
    assert whole.totals["sessions"] == 12_330
    assert whole.totals["conversion_rate"] == 1_908 / 12_330
    by_month = {row["month"].month: row["conversion_rate"] for row in whole.rows if row["sessions"]}
    assert len(by_month) == 10
    assert by_month[11] == 760 / 2_998
    assert by_month[2] == 3 / 184
    by_kind = answer(Query(metrics=ids, by=("channel",)), shop, USD).rows
    found = {row["channel"]: row["conversion_rate"] for row in by_kind}
    assert found == {"New_Visitor": 422 / 1_694, "Returning_Visitor": 1_470 / 10_551, "Other": 16 / 85}


@pytest.fixture(scope="module")
def electronics(shared_data):
    """The first hours of October 2019 of a shop for electronics, as events and as the sessions made of them."""
    folder = shared_data / "rees46_events_sample"
    if not folder.exists():
        pytest.skip(f"no events of REES46 in {shared_data}")
    read = f"""(SELECT *, row_number() OVER () AS n, event_time AT TIME ZONE 'UTC' AS clock,
        CASE event_type WHEN 'view' THEN 'product_view' WHEN 'cart' THEN 'add_to_cart' ELSE 'purchase' END AS event
        FROM read_csv('{folder}/*.csv.gz', types={{'event_time': 'TIMESTAMPTZ', 'user_id': 'VARCHAR',
            'product_id': 'VARCHAR'}}, timestampformat='%Y-%m-%d %H:%M:%S UTC'))"""
    moment = '"at", CAST("at" AS DATE) AS "on", hour("at")::TINYINT AS hour'
    events = fact(
        "web_event",
        f"""SELECT 'rees46:' || n AS key, event, user_session AS session_key, user_id AS visitor_key,
            product_id AS product_key, {moment} FROM (SELECT *, event_time AS "at" FROM {read})""",
    )
    sessions = fact(
        "session",
        f"""WITH told AS {read}, firsts AS (
            SELECT user_session, any_value(user_id) AS visitor_key, min(event_time) AS "at", count(*) AS views,
                date_diff('second', min(event_time), max(event_time)) AS duration_seconds,
                count_if(event = 'product_view') AS product_views, count_if(event = 'add_to_cart') AS carts,
                count_if(event = 'purchase') AS orders, min(n) FILTER (event = 'product_view') AS viewed
            FROM told GROUP BY 1),
        carted AS (SELECT f.*, (SELECT min(n) FROM told t WHERE t.user_session = f.user_session
            AND event = 'add_to_cart' AND n > viewed) AS carted FROM firsts f)
        SELECT 'rees46:' || user_session AS key, user_session AS session_key, visitor_key, {moment}, views, carts,
            orders, duration_seconds, product_views, CASE WHEN carted IS NOT NULL THEN 2
            WHEN viewed IS NOT NULL THEN 1 ELSE 0 END AS furthest FROM carted""",
    )
    return tiny_shop.tables_of({"web_event": events, "session": sessions})


def test_an_electronics_shop_converts_200_of_5066_sessions(electronics):
    """4,813 only looked, 53 left a cart, 65 bought from one, 135 bought at once."""
    ids = ("sessions", "visitors", "conversion_rate", "visitor_conversion_rate", "cart_abandonment_rate")
    steps = ("product_view_rate", "add_to_cart_rate")
    found = answer(Query(metrics=(*ids, *steps)), electronics, USD).totals
    assert (found["sessions"], found["visitors"]) == (5_066, 4_504)
    assert found["conversion_rate"] == 200 / 5_066
    assert found["visitor_conversion_rate"] == 193 / 4_504
    assert found["cart_abandonment_rate"] == pytest.approx(53 / 118)
    assert found["product_view_rate"] == 1.0
    assert found["add_to_cart_rate"] <= 118 / 5_066
    actions = answer(Query(metrics=("visitor_conversion_rate",), by=("action",)), electronics, USD)
    assert {row["action"]: row["visitor_conversion_rate"] for row in actions.rows}["add_to_cart"] == 111 / 4_504


def test_its_events_are_those_of_the_file(electronics):
    rows = electronics.run(electronics.table("web_event").group_by("event").aggregate(n=lambda t: t.count()))
    assert {row["event"]: row["n"] for row in rows} == {"product_view": 17_055, "add_to_cart": 165, "purchase": 214}
