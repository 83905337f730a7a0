"""Every metric again, in SQL written by hand over the tiny shop, so that two people's reading must agree.

`{by}` is the SQL of the dimension, `{inside}` that of the period. Each statement gives the dimension's value and the number.
"""

from datetime import date
from typing import Any

import duckdb

from contract import oracle_marketing, oracle_team
from topline.metrics.settings import Basis

_BUCKETS = {
    "hour": "hour",
    "day": "d",
    "week": "d - (isodow(d) % 7)::INT",
    "month": "date_trunc('month', d)::DATE",
    "quarter": "date_trunc('quarter', d)::DATE",
    "year": "date_trunc('year', d)::DATE",
    "fiscal_quarter": "(date_trunc('quarter', date_trunc('month', d) - INTERVAL 1 MONTH) + INTERVAL 1 MONTH)::DATE",
    "fiscal_year": "make_date(year(d)::INT - (month(d) < 2)::INT, 2, 1)",
}
COLUMNS = {"product": "product_key", "customer": "person"}
FIRST, LAST = date(1970, 1, 1), date(2100, 1, 1)

VIEWS = {
    Basis.EVENT: """
        CREATE TABLE every AS SELECT l.* EXCLUDE (customer_key), l."on" AS d, l."on" AS w, p.category, p.subcategory,
            p.brand, p.supplier, p.tier, o.campaign, o.coupon, coalesce(o.is_test, false) AS is_test,
            o.cancelled_on, coalesce(k.person_id, l.customer_key) AS person
        FROM order_line l LEFT JOIN product p USING (product_key) LEFT JOIN "order" o USING (order_key)
            LEFT JOIN identity_link k ON k.customer_key = l.customer_key;
        CREATE TABLE counted AS FROM every WHERE NOT is_test;
        CREATE TABLE cancelled AS SELECT *, cancelled_on AS d, cancelled_on AS w FROM heads WHERE cancelled_on IS NOT NULL;
        """,
    Basis.ORDER: """
        CREATE TABLE every AS SELECT l.* EXCLUDE (customer_key), l.ordered_on AS d,
            CASE WHEN l.ordered_on IS NULL THEN l."on" ELSE l.ordered_on END AS w, p.category, p.subcategory,
            p.brand, p.supplier, p.tier, o.campaign, o.coupon, coalesce(o.is_test, false) AS is_test,
            o.cancelled_on, coalesce(k.person_id, l.customer_key) AS person
        FROM order_line l LEFT JOIN product p USING (product_key) LEFT JOIN "order" o USING (order_key)
            LEFT JOIN identity_link k ON k.customer_key = l.customer_key;
        CREATE TABLE counted AS FROM every WHERE NOT is_test AND cancelled_on IS NULL;
        CREATE TABLE cancelled AS SELECT *, "on" AS d, "on" AS w FROM heads WHERE cancelled_on IS NOT NULL;
        """,
}
_COMMON = """
    CREATE TABLE heads AS SELECT o.* EXCLUDE (customer_key), coalesce(k.person_id, o.customer_key) AS person
        FROM "order" o LEFT JOIN identity_link k USING (customer_key) WHERE NOT is_test;
    {views}
    CREATE TABLE sold AS SELECT * REPLACE (coalesce(ordered_on, "on") AS d, coalesce(ordered_on, "on") AS w)
        FROM counted WHERE kind = 'goods_sold';
    CREATE TABLE buyer AS FROM sold WHERE person IS NOT NULL;
    CREATE TABLE shipped AS SELECT *, "on" AS d, "on" AS w FROM heads WHERE order_key IN (SELECT order_key FROM sold);
    CREATE TABLE spent AS SELECT *, "on" AS d, "on" AS w FROM spend;
    CREATE TABLE visit AS SELECT *, "on" AS d, "on" AS w FROM session;
    CREATE TABLE first_order AS SELECT person, min("at") AS first_at, min(d) AS first_day FROM buyer GROUP BY person;
    CREATE TABLE opening AS SELECT DISTINCT b.person, b.order_key FROM buyer b JOIN first_order f
        ON b.person = f.person AND b."at" = f.first_at;
    CREATE TABLE gap AS SELECT person, order_key, date_diff('day', lag(d) OVER w, d) AS days
        FROM (SELECT person, order_key, min(d) AS d, min("at") AS "at" FROM buyer GROUP BY ALL)
        WINDOW w AS (PARTITION BY person ORDER BY d, "at", order_key);
"""


def _sum(source: str, what: str, *kinds: str) -> str:
    names = ", ".join(f"'{kind}'" for kind in kinds)
    chosen = f" FILTER (kind IN ({names}))" if kinds else ""
    return f"SELECT {{by}} AS k, coalesce(sum({what}){chosen}, 0) FROM {source} WHERE {{inside}} GROUP BY 1"


def _of(source: str, value: str) -> str:
    return f"SELECT {{by}} AS k, {value} FROM {source} WHERE {{inside}} GROUP BY 1"


_NET_KINDS = "kind IN ('goods_sold', 'discount', 'goods_cancelled', 'refund')"
_NET = f"coalesce(sum(amount_shop) FILTER ({_NET_KINDS}), 0)"
_COST = "coalesce(sum(cost_shop) FILTER (kind IN ('goods_sold', 'goods_cancelled', 'refund')), 0)"
_IS_COSTED = "count(*) FILTER (kind = 'goods_sold' AND cost_shop IS NULL) = 0"
_UNITS = "coalesce(sum(quantity) FILTER (kind = 'goods_sold'), 0)"

_CONTRIBUTION = f"""
    SELECT coalesce(k, k_2) AS k, {{number}} FROM (
        SELECT k_2, m, k, coalesce(n, 0) AS n, coalesce(t, 0) AS t, coalesce(s, 0) AS s,
            coalesce(is_costed, true) AND coalesce(unknown, 0) = 0 AS is_known
        FROM (SELECT {{{{by}}}} AS k_2, sum(amount_shop) AS m FROM spent WHERE {{{{inside}}}} GROUP BY 1)
        LEFT JOIN (
            SELECT {{{{by}}}} AS k, {_NET} - {_COST} AS n, {_NET} AS t, {_IS_COSTED} AS is_costed
            FROM counted WHERE {{{{inside}}}} GROUP BY 1) ON k IS NOT DISTINCT FROM k_2
        LEFT JOIN (
            SELECT {{{{by}}}} AS k_1, sum(shipping_cost_shop + payment_fee_shop) AS s,
                count(*) - count(shipping_cost_shop + payment_fee_shop) AS unknown
            FROM shipped WHERE {{{{inside}}}} GROUP BY 1
        ) ON k_1 IS NOT DISTINCT FROM k_2
    ) WHERE is_known"""

SQL = (
    {
        "ledger_amount": _sum("every", "amount_shop"),
        "gross_sales": _sum("counted", "amount_shop", "goods_sold"),
        "discounts": _sum("counted", "amount_shop", "discount"),
        "returns": _sum("counted", "amount_shop", "goods_cancelled", "refund"),
        "tax": _sum("counted", "amount_shop", "tax"),
        "shipping": _sum("counted", "amount_shop", "carriage", "shipping"),
        "net_sales": _sum("counted", "amount_shop", "goods_sold", "discount", "goods_cancelled", "refund"),
        "total_sales": _sum(
            "counted",
            "amount_shop",
            "goods_sold",
            "discount",
            "goods_cancelled",
            "refund",
            "tax",
            "carriage",
            "shipping",
        ),
        "orders": _of("sold", "count(DISTINCT order_key)"),
        "orders_cancelled": _of("cancelled", "count(*)"),
        "units": _sum("counted", "quantity", "goods_sold"),
        "units_per_order": f"""
        SELECT k, u::DOUBLE / o FROM (SELECT {{by}} AS k, {_UNITS} AS u FROM counted WHERE {{inside}} GROUP BY 1)
        JOIN (SELECT {{by}} AS k_1, count(DISTINCT order_key) AS o FROM sold WHERE {{inside}} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
        "average_order_value": f"""
        SELECT k, n::DOUBLE / o FROM (SELECT {{by}} AS k, {_NET} AS n FROM counted WHERE {{inside}} GROUP BY 1)
        JOIN (SELECT {{by}} AS k_1, count(DISTINCT order_key) AS o FROM sold WHERE {{inside}} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
        "cost_of_goods": _of("counted", f"CASE WHEN {_IS_COSTED} THEN {_COST} END"),
        "gross_profit": _of("counted", f"CASE WHEN {_IS_COSTED} THEN {_NET} - {_COST} END"),
        "gross_margin": _of(
            "counted", f"CASE WHEN {_IS_COSTED} THEN (({_NET} - {_COST})::DOUBLE / nullif({_NET}, 0)) END"
        ),
        "contribution_before_marketing": f"""
        SELECT k, n - coalesce(s, 0) FROM (
            SELECT {{by}} AS k, CASE WHEN {_IS_COSTED} THEN {_NET} - {_COST} END AS n FROM counted WHERE {{inside}} GROUP BY 1)
        LEFT JOIN (
            SELECT {{by}} AS k_1, sum(shipping_cost_shop + payment_fee_shop) AS s,
                count(*) - count(shipping_cost_shop + payment_fee_shop) AS unknown
            FROM shipped WHERE {{inside}} GROUP BY 1
        ) ON k IS NOT DISTINCT FROM k_1 WHERE coalesce(unknown, 0) = 0""",
        "contribution": _CONTRIBUTION.format(number="n - s - m"),
        "contribution_margin": _CONTRIBUTION.format(number="(n - s - m)::DOUBLE / nullif(t, 0)"),
        "return_rate": _of(
            "counted",
            f"(-coalesce(sum(quantity) FILTER (kind IN ('goods_cancelled', 'refund')), 0))::DOUBLE / nullif({_UNITS}, 0)",
        ),
        "customers": _of("buyer", "count(DISTINCT person)"),
        "new_customers": _of("buyer NATURAL JOIN opening", "count(DISTINCT person)"),
        "ledger_customers": _of("every", "count(DISTINCT person)"),
        "cac": """
        SELECT k, m::DOUBLE / n FROM (
            SELECT {by} AS k, sum(amount_shop) FILTER (is_acquisition) AS m FROM spent WHERE {inside} GROUP BY 1)
        JOIN (SELECT {by} AS k_1, count(DISTINCT person) AS n FROM buyer NATURAL JOIN opening WHERE {inside} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
        "clv_historic": f"""
        SELECT k, n::DOUBLE / c FROM (
            SELECT {{by}} AS k, {_NET} AS n FROM counted WHERE person IS NOT NULL AND {{before}} GROUP BY 1)
        JOIN (SELECT {{by}} AS k_1, count(DISTINCT person) AS c FROM buyer WHERE {{before}} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
        "repeat_purchase_rate": """
        SELECT k, avg((n >= 2)::INT) FROM (
            SELECT {by} AS k, person, count(DISTINCT order_key) AS n FROM buyer WHERE {inside} GROUP BY 1, 2)
        GROUP BY 1""",
        "days_between_orders": """
        SELECT k, median(days) FROM (
            SELECT DISTINCT {by} AS k, person, order_key, days FROM buyer NATURAL JOIN gap WHERE {inside} AND days IS NOT NULL)
        GROUP BY 1""",
        "spend": _sum("spent", "amount_shop", "ads"),
        "marketing_cost": _sum("spent", "amount_shop"),
        "visitors": _of("visit", "count(DISTINCT visitor_key)"),
        "sessions": _of("visit", "count(*)"),
        "conversion_rate": _of("visit", "avg((orders > 0)::INT)"),
    }
    | oracle_marketing.SQL
    | oracle_team.SQL
)

LOYALTY = {
    "retention_rate": "count(*) FILTER (is_base AND last_end >= DATE '{start}')",
    "churn_rate": "count(*) FILTER (is_base AND DATE '{end}' - last_end > threshold)",
    "upsell_cross_sell_rate": """count(*) FILTER (is_base AND EXISTS (
        SELECT 1 FROM buyer n WHERE n.person = p.person AND n.d >= DATE '{start}' AND n.d < DATE '{end}' AND {same}
        AND NOT EXISTS (SELECT 1 FROM buyer o WHERE o.person = n.person AND o.product_key = n.product_key
            AND o.d < DATE '{start}' AND {same_old})))""",
    "cross_sell_rate": """count(*) FILTER (is_base AND EXISTS (
        SELECT 1 FROM buyer n WHERE n.person = p.person AND n.d >= DATE '{start}' AND n.d < DATE '{end}' AND {same}
        AND NOT EXISTS (SELECT 1 FROM buyer o WHERE o.person = n.person AND o.category = n.category
            AND o.d < DATE '{start}' AND {same_old})))""",
    "upsell_rate": """count(*) FILTER (is_base AND EXISTS (
        SELECT 1 FROM buyer n WHERE n.person = p.person AND n.d >= DATE '{start}' AND n.d < DATE '{end}' AND {same}
        AND n.tier > (SELECT max(o.tier) FROM buyer o WHERE o.person = n.person AND o.category = n.category
            AND o.d < DATE '{start}' AND {same_old})))""",
}
_LOYALTY = """
    SELECT k, base, part FROM (
        SELECT k, count(*) FILTER (is_base) AS base, {part} AS part FROM (
            SELECT *, last_start IS NOT NULL AND DATE '{start}' - last_start <= threshold AS is_base FROM (
                SELECT {by} AS k, person, max(d) FILTER (d < DATE '{start}') AS last_start,
                    max(d) FILTER (d < DATE '{end}') AS last_end,
                    coalesce((SELECT max(inactive_after_days) FROM customer_value v WHERE v.customer_key = buyer.person), 365)
                        AS threshold
                FROM buyer GROUP BY 1, 2)
        ) p GROUP BY 1)
    """


def prepare(connection: duckdb.DuckDBPyConnection, basis: Basis, start: date = FIRST, end: date = LAST) -> None:
    """The tables that the statements read; start, end : the days whose costs tell which channels marketing pays."""
    connection.execute(_COMMON.format(views=VIEWS[basis]))
    connection.execute(oracle_team.VIEWS)
    connection.execute(oracle_marketing.VIEWS.format(start=start, end=end))


PAPER = {
    "sales_growth": ("test_metric", "test_worked_growth"),
    "clv_predicted": ("test_metric", "test_worked_lifetime_value"),
    "clv_margin_predicted": ("test_metric", "test_worked_lifetime_value"),
    "ltv_to_cac": ("test_metric", "test_worked_payback"),
    "cac_payback_months": ("test_metric", "test_worked_payback"),
    "market_share": ("test_marketing_numbers", "test_market_share_compares_the_same_days_and_scope"),
    "market_sales": ("test_marketing_numbers", "test_market_share_compares_the_same_days_and_scope"),
    "market_confidence": ("test_marketing_numbers", "test_market_share_compares_the_same_days_and_scope"),
    "brand_equity": ("test_marketing_numbers", "test_brand_equity_is_its_four_parts"),
    "forecast_error": ("test_team_numbers", "test_forecasts_are_judged_as_they_were_made"),
    "forecast_bias": ("test_team_numbers", "test_forecasts_are_judged_as_they_were_made"),
}
"""Metrics checked by a number worked on paper instead of a statement: the module and the test."""

ASKED = ("returning_customers",)
"""Metrics whose statement depends on the period asked about; `numbers` writes it."""


def dimension(id_: str) -> str:
    """The SQL of a dimension or grain."""
    return _BUCKETS.get(id_) or COLUMNS.get(id_, id_)


def numbers_by_month(
    connection: duckdb.DuckDBPyConnection, metric: str, by: str = "", where: tuple[str, str] | None = None
) -> dict[Any, Any]:
    """The metric by month and a dimension, or by month where a dimension has a value: '2024-01 web', '2024-01 ?'."""
    month = f"strftime({dimension('month')}, '%Y-%m')"
    key = f"{month} || ' ' || coalesce({dimension(by)}, '?')" if by else month
    inside = f"{dimension(where[0])} = '{where[1]}'" if where else "true"
    return dict(connection.execute(SQL[metric].format(by=key, inside=inside, before="true")).fetchall())


def numbers(
    connection: duckdb.DuckDBPyConnection, metric: str, by: str, start: date | None = None, end: date | None = None
) -> dict[Any, Any]:
    """The metric by a dimension ('' for the whole); a missing number is None or absent."""
    inside = "true" if start is None else f"w >= DATE '{start}' AND w < DATE '{end}'"
    before = "true" if end is None else f"w < DATE '{end}'"
    if metric == "returning_customers":
        return _returning(connection, by, inside, start)
    statement = SQL.get(f"{metric} by {by}", SQL[metric]).format(
        by=dimension(by) if by else "1", inside=inside, before=before
    )
    return dict(connection.execute(statement).fetchall())


def _returning(connection: duckdb.DuckDBPyConnection, by: str, inside: str, start: date | None) -> dict[Any, Any]:
    bucket = dimension(by) if by in _BUCKETS and by != "hour" else None
    starts = [part for part in (bucket, start and f"DATE '{start}'") if part]
    if not starts:
        return {}
    statement = f"""SELECT {dimension(by) if by else "1"} AS k, count(DISTINCT person) FROM buyer NATURAL JOIN first_order
        WHERE {inside} AND first_day < greatest({", ".join(starts)}) GROUP BY 1"""
    return dict(connection.execute(statement).fetchall())


def states(connection: duckdb.DuckDBPyConnection, metric: str, by: str, start: date, end: date) -> dict[Any, Any]:
    """The metric by a dimension that is not time, as at the end of the day before `end`, of a bucket from `start` on."""
    statement = oracle_team.STATES[metric].format(by=dimension(by) if by else "1", start=_day(start), end=_day(end))
    return dict(connection.execute(statement).fetchall())


def states_of(connection: duckdb.DuckDBPyConnection, metric: str, buckets: list[tuple[date, date]]) -> dict[date, Any]:
    """The metric as at the end of each bucket (start, end), by its start."""
    each = ", ".join(f"({_day(start)}, {_day(end)})" for start, end in buckets)
    statement = oracle_team.STATES[metric].format(by="1", start="bucket.start", end="bucket.after")
    asked = f"SELECT bucket.start, number FROM (VALUES {each}) bucket(start, after), LATERAL ({statement}) t(k, number)"
    return dict(connection.execute(asked).fetchall())


def _day(day: date) -> str:
    return f"DATE '{day}'"


def loyalty(
    connection: duckdb.DuckDBPyConnection, metric: str, by: str, start: date, end: date
) -> dict[Any, tuple[int, int]]:
    """The base and the part of it, by a dimension that is not time, in one bucket."""
    column = dimension(by) if by else "1"
    same = f"n.{column} IS NOT DISTINCT FROM p.k" if by else "true"
    part = LOYALTY[metric].format(start=start, end=end, same=same, same_old=same.replace("n.", "o.", 1))
    statement = _LOYALTY.format(by=column, start=start, end=end, part=part)
    return {k: (base, count) for k, base, count in connection.execute(statement).fetchall()}
