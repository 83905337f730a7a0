"""What changed in the tiny shop, against another period and against plans, on paper."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from contract import tiny_shop
from topline.analysis.catalogue import named
from topline.metrics.query import Filter
from topline.units.period import Period, add_months

MARCH = Period(date(2024, 3, 1), date(2024, 4, 1))
FEBRUARY_MARCH = Period(date(2024, 2, 1), date(2024, 4, 1))


def target(plan, metric, on, amount, version=1, **more):
    return {"plan_version": plan, "metric": metric, "on": on, "amount": Decimal(amount), "version": version, **more}


@pytest.fixture(scope="module")
def tables():
    targets = [
        target("1.1", "net_sales", date(2024, 3, 5), 999),
        target("2.1", "net_sales", date(2024, 3, 5), 60, 2, market="GB"),
        target("2.1", "net_sales", date(2024, 3, 6), 20, 2, market="DE"),
        target("2.1", "orders", date(2024, 3, 5), 2, 2, market="GB"),
        target("2.1", "net_sales", date(2024, 3, 5), 30, 2, market="GB", owner="rep"),
        target("2.1", "net_sales", date(2024, 4, 5), 500, 2, market="GB"),
    ]
    facts = tiny_shop.facts() | {"target": tiny_shop.fact("target", targets)}
    return tiny_shop.tables_of(facts)


def asked(tables, period, where=(), **choices):
    analysis = named("variance")
    return analysis.answer(tables, analysis.asked(choices, period=period, where=where), tiny_shop.EVENT)


def amounts(result):
    return {row["part"]: row["amount"] for row in result.table("parts").rows}


def test_against_the_plan_that_counts(tables):
    """March brought 90 in one order; the later plan wanted 80 in two, and a rep's quota is a share of that.

    Orders: one less x the mean of 40 and 90; order value: 50 more x the mean of one and two orders.
    """
    result = asked(tables, MARCH, against="plan", mix="market")
    assert amounts(result) == {
        "before": Decimal(80),
        "orders": Decimal(-65),
        "order_value": Decimal(75),
        "now": Decimal(90),
    }
    values = {row["value"]: row["moved"] for row in result.table("values").rows}
    assert values == {"GB": Decimal(30), "DE": Decimal(-20)}


def test_a_filter_that_targets_don_t_know_is_refused(tables):
    answer = asked(tables, MARCH, [Filter("channel", ("web",))], against="plan")
    assert answer.sentence.reason == "no_target_filter"
    assert asked(tables, FEBRUARY_MARCH, [Filter("market", ("FR",))], against="plan").sentence.reason == "no_targets"


@pytest.mark.parametrize("mix", ["product", "category", "brand", "market", "channel"])
def test_parts_and_places_both_sum_to_the_change(tables, mix):
    """60 in January, 420 and 90 in February and March, 63 in April and May."""
    for period, before, now in [
        (FEBRUARY_MARCH, 60, 510),
        (Period(date(2024, 4, 1), date(2024, 6, 1)), 510, 3),
    ]:
        result = asked(tables, period, against="previous", mix=mix)
        found = amounts(result)
        assert (found.pop("before"), found.pop("now")) == (before, now)
        assert sum(found.values()) == now - before
        assert sum(row["moved"] for row in result.table("values").rows) == now - before


def test_without_a_period_it_is_about_the_last_month_that_is_over(tables):
    last = tables.extent.end.replace(day=1)
    month = Period(add_months(last, -1), last)
    assert amounts(asked(tables, None, against="previous")) == amounts(asked(tables, month, against="previous"))
    assert asked(tables, None, against="previous").question.period == month


def test_a_period_that_begins_before_what_is_known_is_no_comparison():
    """Sales from 10 January, visits from March on: February and March can't stand against the two months before."""
    shop = replace(tiny_shop.shop(), firsts={"order_line": date(2024, 1, 10), "session": date(2024, 3, 1)})
    assert asked(shop, FEBRUARY_MARCH, against="previous").sentence.reason == "begins_later"
    march = asked(shop, MARCH, against="previous")
    assert amounts(march)["before"] == Decimal(420)
    assert "traffic" not in amounts(march)
    assert "traffic" in amounts(asked(tiny_shop.shop(), MARCH, against="previous"))
