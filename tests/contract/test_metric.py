"""Every metric, by every dimension that it allows, by both dates, against SQL written by hand."""

import math
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from contract import oracle, oracle_team, tiny_shop
from topline.metrics.answer import answer
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.dimension import OF_CHANNEL
from topline.metrics.query import Filter, Query
from topline.metrics.result import Result
from topline.metrics.settings import Basis
from topline.units.missing import Missing
from topline.units.period import Grain, Period

SETTINGS = {Basis.EVENT: tiny_shop.EVENT, Basis.ORDER: tiny_shop.ORDER}
CALENDAR = tiny_shop.EVENT.calendar
CASES = [
    (id_, by)
    for id_, metric in metrics().items()
    if id_ not in oracle.PAPER
    for by in ("", *(id_ for id_ in dimensions() if id_ in metric.dimensions - {"metric"} - OF_CHANNEL))
]
SOME = [(id_, by) for id_, by in CASES if by in ("", "fiscal_quarter", "category")]


@cache
def connection(basis: Basis, start: date = oracle.FIRST, end: date = oracle.LAST) -> Any:
    connected = tiny_shop.database(tiny_shop.facts())
    oracle.prepare(connected, basis, start, end)
    return connected


@cache
def result(by: str, basis: Basis, period: Period | None) -> Result:
    """All metrics that allow the dimension, in one question."""
    ids = tuple(
        id_ for id_, metric in metrics().items() if id_ not in oracle.PAPER and (not by or by in metric.dimensions)
    )
    query = Query(metrics=ids, by=(by,) if by else (), period=period)
    return answer(query, tiny_shop.shop(), SETTINGS[basis])


def found(id_: str, by: str, basis: Basis, period: Period | None) -> dict[Any, Any]:
    answered = result(by, basis, period)
    if not by:
        return {1: answered.totals[id_]}
    return {None if isinstance(row[by], Missing) else row[by]: row[id_] for row in answered.rows}


def assert_same(ours: dict[Any, Any], theirs: dict[Any, Any]) -> None:
    for key in {**ours, **theirs}:
        mine, other = ours.get(key), theirs.get(key)
        if isinstance(mine, Missing):
            # "spend" is of ads alone: SQL says 0 where there are other costs only
            assert other is None or (other == 0 and mine.reason == "no_spend"), (key, mine, other)
        elif mine is None:
            assert other in (None, 0), (key, mine, other)
        elif isinstance(mine, float):
            assert math.isclose(mine, other, rel_tol=1e-12), (key, mine, other)
        elif isinstance(other, float):
            assert math.isclose(float(mine), other, rel_tol=1e-12), (key, mine, other)
        else:
            assert mine == (other or 0), (key, mine, other)


def _kept(id_: str, by: str, basis: Basis) -> Any:
    """Long buckets are made of the same days as short ones: the suite asks for fiscal years only, the soak for all."""
    is_long = basis is Basis.EVENT and by in ("quarter", "fiscal_quarter", "year")
    return pytest.param(id_, by, basis, marks=pytest.mark.soak if is_long else ())


@pytest.mark.parametrize(
    ("id_", "by", "basis"),
    [_kept(*case, Basis.EVENT) for case in CASES] + [_kept(*case, Basis.ORDER) for case in SOME],
)
def test_agrees_with_sql_over_all_time(id_: str, by: str, basis: Basis) -> None:
    if id_ in oracle.LOYALTY:
        assert_loyalty(id_, by, basis, Period(date(2024, 1, 10), date(2025, 1, 9)), None)
    elif id_ in oracle_team.STATES:
        assert_state(id_, by, basis, Period(date(2023, 12, 1), date(2025, 1, 9)), None)
    else:
        assert_same(found(id_, by, basis, None), oracle.numbers(connection(basis), id_, by))


@pytest.mark.parametrize(("id_", "by"), [(id_, by) for id_, by in CASES if by in ("", "week", "market")])
def test_agrees_with_sql_in_a_period(id_: str, by: str) -> None:
    basis = Basis.EVENT
    period = Period(date(2024, 2, 5), date(2024, 4, 29))
    if id_ in oracle.LOYALTY:
        assert_loyalty(id_, by, basis, period, period)
    elif id_ in oracle_team.STATES:
        assert_state(id_, by, basis, period, period)
    else:
        within = connection(basis, period.start, period.end)
        theirs = oracle.numbers(within, id_, by, period.start, period.end)
        assert_same(found(id_, by, basis, period), theirs)


CROSSED = [
    id_
    for id_, metric in metrics().items()
    if id_ not in {*oracle.PAPER, *oracle.LOYALTY, *oracle_team.STATES, *oracle.ASKED}
    and {"month", "channel", "market"} <= metric.dimensions
    and not {f"{id_} by {each}" for each in ("month", "channel", "market")} & oracle.SQL.keys()
]
GERMAN = Filter("market", ("DE",))


@cache
def crossed(by: str, where: Filter | None) -> Result:
    query = Query(metrics=tuple(CROSSED), by=("month", by) if by else ("month",), where=(where,) if where else ())
    return answer(query, tiny_shop.shop(), tiny_shop.EVENT)


@pytest.mark.parametrize("id_", CROSSED)
@pytest.mark.parametrize(("by", "where"), [("channel", None), ("", GERMAN)])
def test_agrees_with_sql_by_month_and_another(id_: str, by: str, where: Filter | None) -> None:
    ours = {}
    for row in crossed(by, where).rows:
        month = "None" if isinstance(row["month"], Missing) else f"{row['month']:%Y-%m}"
        other = "?" if by and isinstance(row[by], Missing) else row[by] if by else ""
        ours[f"{month} {other}".strip()] = row[id_]
    condition = (where.dimension, str(where.values[0])) if where else None
    theirs = oracle.numbers_by_month(connection(Basis.EVENT), id_, by, condition)
    assert_same(ours, {str(key): value for key, value in theirs.items()})


def assert_loyalty(id_: str, by: str, basis: Basis, whole: Period, asked: Period | None) -> None:
    ours = found(id_, by, basis, asked)
    grain = dimensions()[by].grain if by else None
    if grain is None:
        counts = oracle.loyalty(connection(basis), id_, by, whole.start, whole.end)
        theirs = {key: part / base if base else None for key, (base, part) in counts.items()}
        return assert_same(ours, theirs)
    theirs = {}
    for bucket in CALENDAR.buckets(whole, grain):
        start, end = max(bucket.start, whole.start), min(bucket.end, whole.end)
        base, part = oracle.loyalty(connection(basis), id_, "", start, end).get(1, (0, 0))
        theirs[bucket.start] = part / base if base else None
    return assert_same(ours, theirs)


def assert_state(id_: str, by: str, basis: Basis, whole: Period, asked: Period | None) -> None:
    """As at the end of each bucket, or of the whole."""
    ours = found(id_, by, basis, asked)
    grain = dimensions()[by].grain if by else None
    if grain is None:
        return assert_same(ours, oracle.states(connection(basis), id_, by, whole.start, whole.end))
    buckets = list(CALENDAR.buckets(whole, grain))
    days = [(max(bucket.start, whole.start), min(bucket.end, whole.end)) for bucket in buckets]
    theirs = oracle.states_of(connection(basis), id_, days)
    return assert_same(ours, {bucket.start: theirs.get(max(bucket.start, whole.start)) for bucket in buckets})


def test_every_metric_is_a_number_somewhere() -> None:
    """What is missing or nothing in every cut would agree with anything."""
    cuts: dict[str, list[Any]] = {id_: [] for id_, _ in CASES}
    for id_, by in CASES:
        if by in ("", "month", "channel", "market", "category", "owner"):
            cuts[id_] += found(id_, by, Basis.EVENT, None).values()
    silent = [id_ for id_, values in cuts.items() if all(isinstance(each, Missing) or not each for each in values)]
    assert set(silent) <= {"upsell_rate"}  # see test_worked_upselling


@pytest.mark.parametrize("id_", list(metrics()))
def test_says_what_it_is(id_: str) -> None:
    metric = metrics()[id_]
    for text in (metric.label, metric.description, metric.formula, metric.leaders):
        assert len(text) > 2
    assert metric.dimensions <= dimensions().keys()
    assert metric.measures


@cache
def nothing() -> Result:
    return answer(Query(metrics=tuple(metrics())), tiny_shop.tables_of({}), tiny_shop.EVENT)


@pytest.mark.parametrize("id_", list(metrics()))
def test_is_missing_with_a_reason_in_an_empty_shop(id_: str) -> None:
    value = nothing().totals[id_]
    assert isinstance(value, Missing)
    assert value.reason
    assert str(value)


NEEDS = {
    "brand_equity": ("brand_signal", "external_series", "survey_response", "order_line"),
    "budget_used": ("planned_spend", "spend"),
    "cac": ("spend", "order_line"),
    "cac_payback_months": ("spend", "order_line"),
    "clv_margin_predicted": ("customer_value", "order_line"),
    "clv_predicted": ("customer_value", "order_line"),
    "contacts_per_order": ("support_conversation", "order_line"),
    "contribution": ("order_line", "spend"),
    "contribution_margin": ("order_line", "spend"),
    "conversion_rate": ("session",),
    "cost_per_lead": ("spend", "lead_event"),
    "forecast_bias": ("forecast", "order_line"),
    "forecast_error": ("forecast", "order_line"),
    "fulfilment_cost_per_order": ("fulfilment", "fulfilment_cost"),
    "goal_attainment": ("target", "order_line"),
    "ltv_to_cac": ("customer_value", "spend", "order_line"),
    "market_sales": ("market_estimate", "order_line"),
    "market_share": ("market_estimate", "order_line"),
    "marketing_efficiency_ratio": ("order_line", "spend"),
    "marketing_roi": ("order_line", "spend"),
    "oversold_rate": ("stock_level", "order_line"),
    "pace": ("target", "order_line"),
    "quota_attainment": ("target", "deal_stage"),
    "roas": ("order_line", "spend"),
    "sell_through_rate": ("stock_level", "order_line"),
    "stock_cover_days": ("stock_level", "order_line"),
    "stock_turns": ("stock_level", "order_line"),
    "stockout_rate_weighted": ("stock_level", "order_line"),
    "upsell_cross_sell_rate": ("order_line", "product"),
}
"""What a number of several facts can't do without, as the catalogue of KPIs defines it."""


@pytest.mark.parametrize("lost", sorted({fact for facts in NEEDS.values() for fact in facts}))
def test_is_missing_where_one_of_its_facts_is(lost: str) -> None:
    """Never zero, and never what the rest of its facts would make of it."""
    ids = tuple(id_ for id_, needed in NEEDS.items() if lost in needed)
    tables = tiny_shop.tables_of({name: rows for name, rows in tiny_shop.facts().items() if name != lost})
    totals = answer(Query(metrics=ids), tables, tiny_shop.EVENT).totals
    assert {id_ for id_, value in totals.items() if not isinstance(value, Missing)} == set()


def test_worked_numbers() -> None:
    """On paper: net 2024-01 is 20 + 30 - 5 + 15, in February 30 - 10 + 400."""
    query = Query(metrics=("net_sales", "orders", "average_order_value"), by=("month",))
    answered = answer(query, tiny_shop.shop(), tiny_shop.EVENT)
    assert [row["net_sales"] for row in answered.rows][:3] == [Decimal(60), Decimal(420), Decimal(90)]
    assert answered.totals["orders"] == 10
    # 60 + 420 + 90 + (400 - 400 - 7 + 10) + 30 + 110 + 15
    assert answered.totals["net_sales"] == Decimal(728)
    assert answered.totals["average_order_value"] == Decimal("72.8")
    assert answered.rows[5]["orders"] == 0  # June had none
    assert isinstance(answered.rows[5]["average_order_value"], Missing)


def test_worked_growth() -> None:
    """Net sales of 2025-01-01 to 08: 110 + 15; 2025-01-08 is a Wednesday, as 2024-01-10 is, when 45 were sold."""
    query = Query(metrics=("sales_growth",), period=Period(date(2025, 1, 1), date(2025, 2, 1)))
    assert answer(query, tiny_shop.shop(), tiny_shop.EVENT).totals["sales_growth"] == pytest.approx(80 / 45)


def test_worked_lifetime_value() -> None:
    """To 2024-05-01: ann 45 - 10 + 400, bob 15 + 90, dan 10; expected after it 260; three people."""
    query = Query(metrics=("clv_predicted", "clv_margin_predicted"))
    answered = answer(query, tiny_shop.shop(), tiny_shop.EVENT).totals
    assert answered["clv_predicted"] == (Decimal(435 + 105 + 10) + 260) / 3
    # goods: ann 2 mugs, a lamp and a sofa less a mug, bob a mug and two lamps, dan a mug and one at no price
    costs = (4 + 14 + 250) + (4 + 28) + 4
    assert answered["clv_margin_predicted"] == (Decimal(550 - costs) + 104) / 3


def test_worked_upselling() -> None:
    """On 2024-06-01 ann (day 93 of 120), cat (60 of 365) and dan (34 of 400) are active, bob (62 of 60) is not.

    Until February ann buys a chair, of a higher tier than her sofa, and another mug; dan his first lamp.
    """
    query = Query(
        metrics=("upsell_rate", "cross_sell_rate", "upsell_cross_sell_rate"),
        period=Period(date(2024, 6, 1), date(2025, 2, 1)),
    )
    answered = answer(query, tiny_shop.shop(), tiny_shop.EVENT).totals
    assert answered == {"upsell_rate": 1 / 3, "cross_sell_rate": 1 / 3, "upsell_cross_sell_rate": 2 / 3}


def test_worked_payback() -> None:
    """January 2024 wins ann and bob for 60, and the second month pays them back."""
    query = Query(
        metrics=("cac", "cac_payback_months", "ltv_to_cac"), period=Period(date(2024, 1, 1), date(2024, 2, 1))
    )
    answered = answer(query, tiny_shop.shop(), tiny_shop.EVENT).totals
    assert answered["cac"] == Decimal(30)
    # month 1: ann's A1 and its refund, bob's B1: 50 - 22 - 6 + 15 - 4 = 28 (with the discount of 5)
    # month 2: ann's A2 adds 400 - 250, and B2 comes on the last day of bob's second month: 90 - 28
    assert answered["cac_payback_months"] == 2
    margin = (Decimal(540 - 300) + 100) / 2  # of the two who had bought by then
    assert answered["ltv_to_cac"] == pytest.approx(float(margin) / 30)


def test_cost_is_partial_where_a_line_has_none() -> None:
    value = answer(Query(metrics=("cost_of_goods",)), tiny_shop.shop(), tiny_shop.EVENT).totals["cost_of_goods"]
    assert isinstance(value, Missing)
    assert str(value) == "no cost of goods for 6.2 % of units"  # one of sixteen
    assert value.params["partial"] == Decimal(14 * 3 + 4 * 9 - 4 + 250 + 60)


def test_hour_is_only_a_grain_where_days_have_hours() -> None:
    assert dimensions()["hour"].grain is Grain.HOUR
    assert "hour" not in metrics()["spend"].dimensions


def test_a_measure_has_its_id_for_itself() -> None:
    """Two measures of one id would overwrite each other in a question for both."""
    found: dict[str, set[int]] = {}
    for metric in metrics().values():
        for measure in metric.measures:
            found.setdefault(measure.id, set()).add(id(measure))
    assert [id_ for id_, measures in found.items() if len(measures) > 1] == []
