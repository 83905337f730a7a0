"""Cohorts against SQL written by hand: on the tiny shop, and on Online Retail II."""

from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

import online_retail
from contract import tiny_shop
from topline.analysis.catalogue import named
from topline.lake import read
from topline.lake.analyse import analyse, forget
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.answer import answer
from topline.metrics.query import Filter, Query
from topline.metrics.settings import Basis, Settings
from topline.units.missing import Missing
from topline.units.period import Period

_CELLS = """
WITH people AS (
    SELECT l.*, coalesce(i.person_id, l.customer_key) AS who FROM order_line l
    LEFT JOIN identity_link i USING (customer_key) LEFT JOIN "order" o USING (order_key)
    WHERE NOT coalesce(o.is_test, false) AND l.customer_key IS NOT NULL
), firsts AS (
    SELECT who, min(date_trunc('month', coalesce(ordered_on, "on"))) AS cohort FROM people WHERE kind = 'goods_sold'
    GROUP BY who
), bought AS (
    SELECT cohort, date_diff('month', cohort, coalesce(ordered_on, "on")) AS age, count(DISTINCT who) AS active,
        count(DISTINCT order_key) AS orders
    FROM people JOIN firsts USING (who) WHERE kind = 'goods_sold' GROUP BY ALL
), paid AS (
    SELECT cohort, greatest(0, date_diff('month', cohort, "on")) AS age, sum(amount_shop) AS net_sales
    FROM people JOIN firsts USING (who)
    WHERE kind IN ('goods_sold', 'discount', 'goods_cancelled', 'refund') GROUP BY ALL
)
SELECT cohort::DATE, age, coalesce(active, 0), coalesce(orders, 0), coalesce(net_sales, 0)
FROM bought FULL JOIN paid USING (cohort, age)
"""


def asked(tables, settings=tiny_shop.EVENT, *, period=None, where=(), as_of=None, **choices):
    analysis = named("cohorts")
    question = analysis.asked(choices, period=period, where=where, as_of=as_of)
    return analysis.answer(tables, question, settings)


def cells(result):
    return {
        (row["cohort"], row["age"]): (row["active"], row["orders"], row["net_sales"])
        for row in result.table("cells").rows
        if row["active"] or row["net_sales"]
    }


@pytest.fixture(scope="module")
def facts():
    return tiny_shop.facts(with_every_cost=True)


@pytest.fixture(scope="module")
def tables(facts):
    return tiny_shop.tables_of(facts)


def test_cells_are_those_of_sql_written_by_hand(facts, tables):
    oracle = tiny_shop.database(facts).execute(_CELLS).fetchall()
    found = cells(asked(tables, measure="net_sales"))
    assert found == {(day, age): (active, orders, net) for day, age, active, orders, net in oracle if active or net}


def test_cells_on_paper(tables):
    """Ann and Bob came in January 2024, Cat and Dan in April, Eve in January 2025."""
    result = asked(tables)
    values = {(row["cohort"], row["age"]): row["value"] for row in result.table("cells").rows}
    assert values[date(2024, 1, 1), 0] == 1.0
    assert values[date(2024, 1, 1), 1] == 0.5  # Ann's sofa
    assert values[date(2024, 1, 1), 2] == 0.5  # Bob's lamps, on his phone
    assert values[date(2024, 4, 1), 6] == 0.5  # Dan's lamp
    young = {(row["cohort"], row["age"]) for row in result.table("cells").rows if not row["is_mature"]}
    assert young == {(date(2024, 1, 1), 12), (date(2024, 4, 1), 9), (date(2025, 1, 1), 0)}
    assert [note.code for note in result.notes] == ["immature"]
    assert asked(tables, as_of=date(2024, 11, 1)).notes == ()  # its last month is over, so no cell is marked


def test_by_channel_a_customer_belongs_to_the_first_order(tables):
    """App: Bob, Cat, Dan. Web: Ann, Eve."""
    rows = asked(tables, by="channel", measure="net_sales", course="cumulative").table("cells").rows
    sizes = {row["cohort"]: row["customers"] for row in rows}
    assert sizes == {"app": 3, "web": 2}
    last = {row["cohort"]: row["value"] for row in rows}
    assert last == {"app": Decimal(145), "web": Decimal(560)}  # 15 + 90 + 400 - 400 + 10 + 30; 45 - 10 + 400 + 110 + 15
    assert {row["cohort"] for row in asked(tables, by="discount").table("cells").rows} == {"yes", "no"}
    by_category = asked(tables, by="category", measure="gross_profit", per="customer").table("cells").rows
    assert {row["cohort"]: row["customers"] for row in by_category} == {"home": 1, "kitchen": 3, "living": 1}


def test_margin_is_missing_where_costs_are():
    rows = asked(tiny_shop.tables_of(tiny_shop.facts()), measure="gross_profit").table("cells").rows
    without = [row for row in rows if isinstance(row["value"], Missing)]
    assert [(row["cohort"], row["age"]) for row in without] == [(date(2024, 4, 1), 6)]


@pytest.mark.parametrize(
    ("settings", "where"),
    [(tiny_shop.EVENT, ()), (tiny_shop.ORDER, (Filter("market", ("GB",)),))],
    ids=["event", "order, in Britain"],
)
@pytest.mark.parametrize("by", ["month", "channel", "category", "discount"])
def test_sizes_sum_to_new_customers_and_the_last_age_to_their_sales(tables, settings, by, where):
    period = Period(date(2024, 1, 1), date(2024, 12, 1))
    result = asked(tables, settings, period=period, where=where, by=by, measure="net_sales", course="cumulative")
    rows = result.table("cells").rows
    last = {row["cohort"]: row for row in rows}.values()
    new = answer(Query(metrics=("new_customers",), period=period, where=where), tables, settings)
    assert sum(row["customers"] for row in last) == new.totals["new_customers"]
    whole = asked(tables, settings, period=period, where=where, measure="net_sales", course="cumulative")
    assert sum(row["value"] for row in last) == whole.table("ages").rows[-1]["value"]
    everybody = asked(tables, settings, by=by, measure="net_sales", course="cumulative").table("ages").rows[-1]
    sales = answer(Query(metrics=("net_sales",), by=("customer",)), tables, settings)
    known = [row["net_sales"] for row in sales.rows if not isinstance(row["customer"], Missing)]
    assert everybody["value"] == sum(known)


def test_nobody_is_said_not_shown_as_zero(tables):
    result = asked(tables, period=Period(date(2023, 1, 1), date(2023, 2, 1)))
    assert isinstance(result.sentence, Missing)
    assert result.tables == ()


@pytest.fixture(scope="module")
def retail(shared_data, tmp_path_factory):
    lake = Lake(tmp_path_factory.mktemp("lake"), "gifts")
    lake.append("order_line", list(online_retail.lines(shared_data)), batch_id="retail")
    lake.publish(now=datetime(2011, 12, 10, tzinfo=UTC))
    return lake


def test_online_retail_is_as_sql_over_its_files_has_it(retail, shared_data):
    """The customers' months straight from the raw rows, without a fact or a lake."""
    connection = duckdb.connect()
    rows = online_retail.ROWS.format(folder=shared_data / "online_retail_ii")
    oracle = connection.execute(f"""
        WITH sold AS (
            SELECT customer AS who, invoice, date_trunc('month', min(stamp) OVER (PARTITION BY invoice)) AS month
            FROM ({rows}) WHERE kind = 'goods_sold' AND customer NOT IN ('', 'nan', 'None')
        ), firsts AS (SELECT who, min(month) AS cohort FROM sold GROUP BY who)
        SELECT cohort::DATE, date_diff('month', cohort, month), count(DISTINCT who), count(DISTINCT invoice)
        FROM sold JOIN firsts USING (who) GROUP BY ALL
    """).fetchall()
    settings = Settings("GBP", "Europe/London", country="GB", basis=Basis.EVENT)
    question = named("cohorts").asked({"ages": "60"})
    for _ in range(2):  # from the detail, then from the purchases
        result = analyse(retail, question, scope=Scope.whole("gifts"), settings=settings)
        found = {
            (row["cohort"], row["age"]): (row["active"], row["orders"])
            for row in result.table("cells").rows
            if row["active"]
        }
        assert found == {(day, age): (active, orders) for day, age, active, orders in oracle}
        forget()
        read.warm(retail, Basis.EVENT, retail.latest())
    sizes: dict[date, int] = defaultdict(int)
    for row in result.table("cells").rows:
        sizes[row["cohort"]] = row["customers"]
    assert sum(sizes.values()) == 5852
    assert sizes[date(2009, 12, 1)] == 951
    assert len(sizes) == 25
