"""Figures over the API: exact, compared, explained when missing, and down to their rows."""

import ledger_rows
import pytest
from test_api import caller

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(shop, owner, lake):
    ledger_rows.put(lake)
    return caller(shop, owner)


def test_a_question_is_answered_in_decimal_strings(call):
    answer = call("GET", "/shops/gifts/query?metrics=net_sales,orders&by=month&start=2011-07&end=2011-09").json()
    assert answer["rows"] == [
        {"month": "2011-07-01", "net_sales": "25.50", "orders": 2},
        {"month": "2011-08-01", "net_sales": "74.50", "orders": 2},
    ]
    assert answer["totals"] == {"net_sales": "100.00", "orders": 4}
    assert answer["currency"] == "GBP"


def test_a_question_is_compared(call):
    answer = call(
        "GET", "/shops/gifts/query?metrics=net_sales&by=market&start=2011-08&end=2011-09&against=previous"
    ).json()
    assert answer["rows"][0] == {
        "market": "GB",
        "net_sales": "74.50",
        "net_sales_before": "10.00",
        "net_sales_change": 6.45,
    }
    assert answer["totals"]["net_sales_before"] == "25.50"


def test_filters_narrow_the_question(call):
    answer = call("GET", "/shops/gifts/query?metrics=net_sales&where=market=IE").json()
    assert answer["rows"] == [{"net_sales": "15.50"}]


def test_what_is_missing_has_its_reason(call):
    answer = call("GET", "/shops/gifts/query?metrics=cost_of_goods,net_sales").json()
    assert set(answer["totals"]["cost_of_goods"]) == {"missing"}
    assert answer["totals"]["net_sales"] == "100.00"


def test_an_unknown_metric_names_the_nearest(call):
    answer = call("GET", "/shops/gifts/query?metrics=net_sale")
    assert answer.status_code == 404
    assert "net_sales" in answer.json()["title"]


@pytest.mark.parametrize("wrong", ["by=colour", "start=2011-13&end=2012", "where=market", "against=tomorrow", "top=x"])
def test_a_wrong_question_is_explained(call, wrong):
    answer = call("GET", f"/shops/gifts/query?metrics=net_sales&{wrong}")
    assert answer.status_code in (404, 422)
    assert answer.json()["title"]


def test_rows_are_paged_by_their_keys(call):
    first = call("GET", "/shops/gifts/rows?metrics=net_sales&limit=3").json()
    second = call("GET", f"/shops/gifts/rows?metrics=net_sales&limit=3&after={first['next']}").json()
    amounts = [row["amount"] for row in first["rows"] + second["rows"]]
    assert amounts == ["10.000000", "15.500000", "30.250000", "4.250000", "40.000000"]
    assert second["next"] is None


def test_a_made_up_cursor_is_refused(call):
    assert call("GET", "/shops/gifts/rows?metrics=net_sales&after=zzz").json()["code"] == "cursor"


def test_profit_is_only_for_who_may_see_it(shop, lake, member):
    ledger_rows.put(lake)
    call = caller(shop, member("support"))
    assert "gross_margin" not in {metric["id"] for metric in call("GET", "/shops/gifts/metrics").json()}
    answer = call("GET", "/shops/gifts/query?metrics=gross_margin")
    assert answer.status_code in (403, 422)
    (row, *_) = call("GET", "/shops/gifts/rows?metrics=net_sales").json()["rows"]
    assert "amount" in row
    assert "cost_shop" not in row
    assert answer.json()["code"] == "hidden_metric"


def test_a_shop_without_facts_answers_too(shop, owner):
    answer = caller(shop, owner)("GET", "/shops/gifts/query?metrics=net_sales")
    assert answer.status_code == 200
    assert set(answer.json()["totals"]["net_sales"]) == {"missing"}


def test_a_question_about_what_was_known_then(call):
    """Nothing had been recorded in 2001, and all of it by 2100; a time that can't be read is refused."""
    address = "/shops/gifts/query?metrics=net_sales&start=2011-07&end=2011-09&known_at="
    assert call("GET", f"{address}2100-01-01").json()["totals"] == {"net_sales": "100.00"}
    assert "missing" in call("GET", f"{address}2001-01-01T09:30Z").json()["totals"]["net_sales"]
    refused = call("GET", f"{address}yesterday")
    assert refused.status_code == 422
    assert "2026-11-01T09:30Z" in refused.json()["title"]
