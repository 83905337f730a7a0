"""Answers about the tiny shop's team that a person can check on paper."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from contract import tiny_shop
from topline.metrics.answer import answer
from topline.metrics.query import Query, parse_filter
from topline.metrics.survival import Ended, incidence, median_age
from topline.units.missing import Missing
from topline.units.period import Period


def asked(*ids: str, where: tuple[str, ...] = (), **query: Any) -> Any:
    return answer(
        Query(metrics=ids, where=tuple(parse_filter(one) for one in where), **query), tiny_shop.shop(), tiny_shop.EVENT
    )


def by(id_: str, dimension: str, **query: Any) -> dict[Any, Any]:
    rows = asked(id_, by=(dimension,), **query).rows
    return {None if isinstance(row[dimension], Missing) else row[dimension]: row[id_] for row in rows}


def test_open_leads_are_censored_and_not_lost() -> None:
    """On the web two of three converted and one is open still; in the app one of two, the other was lost."""
    assert by("lead_conversion_rate", "channel") == {
        "app": pytest.approx(1 / 2),
        "web": pytest.approx(2 / 3),
    }
    # in the first quarter as seen on 10 March: l1 after 7 days, l2 lost after 20, l3 open for 37, l4 for 18
    seen = asked("lead_conversion_rate", as_of=date(2024, 3, 10)).totals["lead_conversion_rate"]
    assert seen == pytest.approx(1 / 4)


def test_censoring_shares_what_the_open_ones_may_still_do() -> None:
    """Of four, one passes at day 1, one is open since day 2, one passes at day 3, one fails at day 4.

    1/4, then 3/4 x 1/2 of those two that are left: 5/8. The plain share would be 2/4.
    """
    cohort = [Ended(1, 1, 0, 0), Ended(2, 0, 0, 1), Ended(3, 1, 0, 0), Ended(4, 0, 1, 0)]
    assert incidence(cohort) == pytest.approx(5 / 8)
    assert median_age(cohort) == 3  # after day 1 three quarters wait, after day 3 three eighths


def test_sales_cycles_begin_at_the_first_contact() -> None:
    """k1: lead l1 on 01-03, won 02-02: 30. k4: 0. k5: lead l3 on 02-01, won 06-10: 130. bob: a visit, 0. dan: 49."""
    assert asked("sales_cycle_days").totals["sales_cycle_days"] == pytest.approx(209 / 5)
    assert asked("sales_cycle_days_median").totals["sales_cycle_days_median"] == 30
    assert by("sales_cycle_days", "contact") == {"deal": 0, "lead": pytest.approx((30 + 130 + 49) / 3), "visit": 0}
    # nine contacts, two sales at 0, one at 30, k7 open for 38, one at 49, one at 130: 7/9 x 6/7 x 4/5 x 3/4 = 0.4
    assert asked("sales_cycle_days_survival_median").totals["sales_cycle_days_survival_median"] == 130


def test_pipeline_stands_as_at_the_end_of_each_month() -> None:
    """End of January: k1 120 and k2 200; of February: k2 200 and k3 300; of May: k3 300 and k5 400."""
    value = by("pipeline_value", "month", period=Period(date(2024, 1, 1), date(2024, 7, 1)))
    assert [value[date(2024, month, 1)] for month in range(1, 7)] == [320, 500, 700, 300, 700, 390]
    totals = asked("pipeline_value", "pipeline_past_due", "weighted_pipeline").totals
    assert totals["pipeline_value"] == 300 + 90 + 30
    assert totals["pipeline_past_due"] == 300
    assert str(totals["weighted_pipeline"]) == "no probability for 21.4 % of the open value"
    assert totals["weighted_pipeline"].params["partial"] == Decimal(300) * Decimal("0.3") + 3


def test_shared_deals_are_credited_once() -> None:
    """Tom won k4 for 50 and three quarters of k5; mia k1 for 120 and a quarter of 380; quotas 400 and 250."""
    assert by("quota_attainment", "owner") == {
        "mia": pytest.approx((120 + 95) / 250),
        "tom": pytest.approx((50 + 285) / 400),
    }
    assert asked("quota_attainment").totals["quota_attainment"] == pytest.approx(550 / 650)


def test_skips_and_steps_back_are_counted() -> None:
    """new was entered seven times and left on five; talk was entered five times and led to offer or won twice."""
    rate = by("stage_conversion_rate", "stage")
    assert rate["new"] == pytest.approx(5 / 7)
    assert rate["talk"] == pytest.approx(2 / 5)
    assert asked("stage_skips", "stage_steps_back").totals == {"stage_skips": 3, "stage_steps_back": 2}


def test_goals_of_each_metric() -> None:
    """Net sales 728 of 560, of which 490 are due by 2025-01-08; ten orders of four."""
    assert by("goal_attainment", "metric") == {"net_sales": pytest.approx(728 / 560), "orders": pytest.approx(10 / 4)}
    assert asked("pace").totals["pace"] == pytest.approx(728 / 490)
    assert asked("pace", where=("metric=orders",)).totals["pace"] == pytest.approx(10 / 4)


def test_forecasts_are_judged_as_they_were_made() -> None:
    """A month ahead: January 70 for 60, February 400 for 420, April 20 for 3; March only from further ahead."""
    totals = asked("forecast_error", "forecast_bias").totals
    assert totals["forecast_error"] == pytest.approx((10 + 20 + 17) / (60 + 420 + 3))
    assert totals["forecast_bias"] == pytest.approx((10 - 20 + 17) / (60 + 420 + 3))
    # two ahead: February 300 for 420, March 150 for 90; three ahead: March 100 for 90
    ahead = by("forecast_error", "lead")
    assert ahead[2] == pytest.approx((120 + 60) / (420 + 90))
    assert ahead[3] == pytest.approx(10 / 90)
    assert by("forecast_error", "category") == {"living": pytest.approx(10 / 400)}
    assert asked("forecast_error", where=("metric=orders",)).totals["forecast_error"] == pytest.approx(1 / 2)


def test_working_days_skip_weekends_and_holidays() -> None:
    """B2 was ordered on Maundy Thursday 2024 and sent on the Tuesday after Easter: one working day."""
    rows = asked("fulfilment_days", by=("month",), period=Period(date(2024, 4, 1), date(2024, 5, 1))).rows
    assert rows[0]["fulfilment_days"] == 1
