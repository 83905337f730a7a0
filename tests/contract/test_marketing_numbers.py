"""Numbers of traffic, marketing and brand on the tiny shop that a person can check on paper."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from contract import tiny_shop
from topline.metrics.answer import answer
from topline.metrics.catalogue import metrics
from topline.metrics.query import Filter, Query
from topline.metrics.result import Result
from topline.units.missing import Missing
from topline.units.period import Period


def ask(*ids: str, **query: Any) -> Result:
    return answer(Query(metrics=ids, **query), tiny_shop.shop(), tiny_shop.EVENT)


def column(result: Result, id_: str) -> dict[Any, Any]:
    (by,) = result.query.by
    found = {None if isinstance(row[by], Missing) else row[by]: row[id_] for row in result.rows}
    return {key: value for key, value in found.items() if not isinstance(value, Missing)}


def test_the_steps_of_a_visit_are_ordered() -> None:
    """Of seven visits with known steps five see a product, fill a cart and check out; v5's cart had no view before."""
    found = ask("product_view_rate", "add_to_cart_rate", "checkout_rate", "conversion_rate").totals
    assert found["product_view_rate"] == found["add_to_cart_rate"] == found["checkout_rate"] == 5 / 7
    assert found["conversion_rate"] == 4 / 8
    left = ask("cart_abandonment_rate", "checkout_abandonment_rate", "bounce_rate", "engaged_sessions").totals
    assert left["cart_abandonment_rate"] == pytest.approx(2 / 6)
    assert left["checkout_abandonment_rate"] == pytest.approx(1 / 5)
    assert left["engaged_sessions"] == 6  # not the 8 and the 10 seconds of one view each
    assert left["bounce_rate"] == pytest.approx(2 / 8)


def test_the_desired_action_is_a_filter() -> None:
    """v1, v2 and v3 of six visitors order; v2 alone of the five whose sign-ups were counted signs up."""
    assert ask("visitor_conversion_rate").totals["visitor_conversion_rate"] == 3 / 6
    signed = ask("visitor_conversion_rate", where=(Filter("action", ("sign_up",)),))
    assert signed.totals["visitor_conversion_rate"] == 1 / 5
    by_action = ask("visitor_conversion_rate", by=("action",))
    assert column(by_action, "visitor_conversion_rate") == {
        "order": 3 / 6,
        "add_to_cart": 5 / 6,
        "sign_up": 1 / 5,
        "download": 1 / 5,
        "chat": 1 / 5,
    }
    assert by_action.totals["visitor_conversion_rate"] == 5 / 6  # v6 alone did none of them


def test_machines_neither_open_nor_click() -> None:
    """Three delivered; ann opened and clicked m1, bob clicked m4; machines opened m1 and m2 and clicked m2."""
    ids = ("messages_sent", "messages_delivered", "open_rate", "message_click_rate", "click_to_open_rate")
    found = ask(*ids, "unsubscribe_rate", "bounce_rate_messages").totals
    assert [found[id_] for id_ in ids] == [5, 3, 1 / 3, 2 / 3, 2.0]
    assert (found["unsubscribe_rate"], found["bounce_rate_messages"]) == (1 / 3, 1 / 5)
    by_medium = ask("open_rate", "message_click_rate", by=("medium",))
    assert column(by_medium, "message_click_rate") == {"email": 1 / 2, "sms": 1.0}


def test_a_link_is_compared_with_the_others_by_person() -> None:
    """Both links were shown to ann and bob; both clicked /mugs, though bob had it twice and clicked it once."""
    by_link = ask("link_click_rate", by=("link",))
    assert column(by_link, "link_click_rate") == {"/mugs": 1.0, "/sale": 0.0}
    assert by_link.totals["link_click_rate"] == 1.0


def test_interactions_by_kind_add_up() -> None:
    by_kind = ask("social_interactions", by=("kind",))
    assert column(by_kind, "social_interactions") == {"likes": 57, "comments": 6, "shares": 3, "saves": 2, "other": 5}
    assert by_kind.totals["social_interactions"] == 73
    found = ask("social_engagement_rate", "social_leads").totals
    assert found["social_engagement_rate"] == 65 / 1500  # linkedin tells no reach
    assert found["social_leads"] == 50


def test_followers_are_the_last_count_of_each_channel() -> None:
    """In March linkedin wasn't counted and keeps its 100; in April instagram keeps its 1010."""
    by_month = column(ask("followers", by=("month",)), "followers")
    assert by_month == {
        date(2023, 12, 1): 900,
        date(2024, 1, 1): 1050,
        date(2024, 3, 1): 1110,
        date(2024, 4, 1): 1130,
    }
    spring = Period(date(2024, 4, 1), date(2024, 5, 1))
    assert ask("followers", period=spring).totals["followers"] == 1130
    top = ask("followers", by=("channel",), top=1)
    assert [row["followers"] for row in top.rows] == [1010, 120]


def test_a_lead_counts_once_and_with_consent() -> None:
    """Of the team's five leads one agreed and three qualified: 85 of advertising for the one."""
    found = ask("leads", "qualified_leads", "cost_per_lead", "cost_per_click", "click_through_rate").totals
    assert (found["leads"], found["qualified_leads"]) == (1, 3)
    assert found["cost_per_lead"] == Decimal(85)
    assert found["cost_per_click"] == Decimal(1)  # 40 for 50 clicks and 20 for 10; 25 with unknown clicks are out
    assert found["click_through_rate"] == 58 / 1200


def test_attributed_money_is_that_of_paid_channels() -> None:
    """January: web sold 45 and app 15 for 60 of advertising; goods cost 22 and 4, delivery and fees 4 and 6."""
    january = Period(date(2024, 1, 1), date(2024, 2, 1))
    found = ask("roas", "marketing_roi", "marketing_efficiency_ratio", period=january).totals
    assert found["roas"] == found["marketing_efficiency_ratio"] == 1.0
    assert found["marketing_roi"] == pytest.approx((60 - 26 - 10 - 60) / 60)
    by_campaign = ask("roas", by=("campaign",), period=january)
    assert column(by_campaign, "roas") == {"winter": 45 / 40, None: 15 / 20}
    march = Period(date(2024, 3, 1), date(2024, 4, 1))  # content on the web, no advertising
    assert isinstance(ask("roas", period=march).totals["roas"], Missing)
    # two lamps for 90, which cost 28, with 7 of delivery and fee; carriage is no net sale
    assert ask("marketing_roi", period=march).totals["marketing_roi"] == pytest.approx((90 - 28 - 7 - 30) / 30)


def test_satisfaction_shows_what_few_answers_leave_open() -> None:
    """Two of three are satisfied; by Wilson's interval of two in three that leaves 0.208 to 0.939."""
    found = ask("csat", "csat_low", "csat_high", "response_rate", where=(Filter("market", ("DE", "GB")),)).totals
    assert found["csat"] == 2 / 3
    assert (found["csat_low"], found["csat_high"]) == pytest.approx((0.2077, 0.9385), abs=1e-4)
    assert found["response_rate"] == 7 / 9
    by_survey = ask("response_rate", "survey_responses", by=("survey",))
    assert column(by_survey, "response_rate") == {"csat": 2 / 3, "nps": 4 / 5, "packaging": 1.0}
    assert column(by_survey, "survey_responses") == {"csat": 3, "nps": 4, "packaging": 1}
    assert metrics()["csat"].parts == ("csat_low", "csat_high", "response_rate")


def test_recommendation_shows_what_few_answers_leave_open() -> None:
    """Two promoters, one passive, one detractor: 25 %; with three answers added 2.75 and 1.75 of 7."""
    found = ask("nps", "nps_low", "nps_high").totals
    assert found["nps"] == 1 / 4
    centre, width = 1 / 7, 1.959964 * ((4.5 / 7 - 1 / 49) / 7) ** 0.5
    assert (found["nps_low"], found["nps_high"]) == pytest.approx((centre - width, centre + width), abs=1e-6)


def test_market_share_compares_the_same_days_and_scope() -> None:
    """January 60 of 600, February 420 of the panel's 2,100, March the two categories of GB: 90 of 400."""
    whole = ask("market_share", "market_sales", "market_confidence")
    assert whole.totals["market_sales"] == Decimal(3100)
    assert whole.totals["market_share"] == pytest.approx(570 / 3100)
    assert whole.totals["market_confidence"] == pytest.approx((300 + 1890 + 288 + 32) / 3100)
    by_month = column(ask("market_share", by=("month",)), "market_share")
    assert by_month == pytest.approx(
        {date(2024, 1, 1): 60 / 600, date(2024, 2, 1): 420 / 2100, date(2024, 3, 1): 90 / 400}
    )
    assert column(ask("market_share", by=("market",)), "market_share") == pytest.approx({"DE": 0.4, "GB": 0.225})
    by_category = column(ask("market_share", by=("category",)), "market_share")
    assert by_category == pytest.approx({"home": 90 / 360, "kitchen": 0})
    by_source = column(ask("market_sales", by=("source",)), "market_sales")
    assert by_source == {"trade press": Decimal(4800), "panel": Decimal(2500)}
    half = Period(date(2024, 1, 1), date(2024, 2, 15))
    assert ask("market_sales", period=half).totals["market_sales"] == Decimal(600)
    assert isinstance(ask("market_share", by=("day",)).totals["market_share"], float)


def test_brand_equity_is_its_four_parts() -> None:
    """0.08 dearer, 40 of 150 know it, 25 % recommend it, three of five buy again."""
    found = ask("price_premium", "brand_awareness", "nps", "repeat_purchase_rate", "brand_equity").totals
    parts = (0.08, 40 / 150, 0.25, 3 / 5)
    assert tuple(found[id_] for id_ in metrics()["brand_equity"].parts) == pytest.approx(parts)
    assert found["brand_equity"] == pytest.approx((0.58 + 40 / 150 + 0.625 + 0.6) / 4)
    autumn = Period(date(2024, 9, 1), date(2024, 12, 1))
    absent = ask("brand_equity", period=autumn).totals["brand_equity"]
    assert isinstance(absent, Missing)
    assert absent.reason == "no_price_premium"
