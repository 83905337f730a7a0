"""What more visits cost where the response to spend was learnt: worked on paper."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest

from topline.outlook.kept import Run
from topline.outlook.price import PriceOutlook
from topline.outlook.response import ResponseOutlook
from topline.science import volume
from topline.science.response import Response
from topline.science.volume import Aim

WEEKS = 30
TRAFFIC = {"units_per_order": 2.0, "conversion_rate": 0.04, "visit_cost": 0.5}


def learnt(half: float = 100.0) -> ResponseOutlook:
    """One channel at 100 a week, once 300, which brings half of its top there: 1000 x spend / (spend + 100)."""
    one = np.ones((4, 1))
    spend = np.full((WEEKS, 1), 100.0)
    spend[3] = 300.0
    return ResponseOutlook(
        metric="net_sales",
        as_of=date(2026, 1, 1),
        snapshot=1,
        weeks=tuple(date(2025, 6, 2) + timedelta(weeks=k) for k in range(WEEKS)),
        channels=("paid_search",),
        spend=spend,
        came=np.full(WEEKS, 2000.0),
        controls=(),
        tests=0,
        fitted=Response(
            mean=np.array([100.0]),
            top=1000 * one,
            half=half * one,
            slope=one,
            carry_rate=0 * one,
            noise=np.ones(4),
            is_moved=np.array([True]),
            base=np.full(WEEKS, 1500.0),
            explained_rate=0.9,
        ),
    )


def outlook(spent: ResponseOutlook | None) -> PriceOutlook:
    row = {"key": "A", "title": "A", "category": "Lamps", "line": 0, "group": 0, "price": 25.0, "cost": 15.0}
    row |= {"weekly": 160.0, "units": 900.0, "stock": 5000.0, "dispersion": 1.0}
    row |= {"on_price": -2.0, "on_price_se": 0.1, "on_price_own": 1.0}
    tables = {
        "product": [row],
        "group": [{"name": "Lamps", "mean": -2.0, "se": 0.0}],
        "effect": [{"name": "price", "mean": -2.0, "se": 0.1}],
    }
    run = Run({name: pa.Table.from_pylist(rows) for name, rows in tables.items()}, {"traffic": TRAFFIC})
    return PriceOutlook(run, spent)


def test_twice_the_spend_brings_a_third_more_visits() -> None:
    """100 a week buys 200 visits at .50 and brings 500; 200 brings 667, a third more: 67 visits more for 100, where
    today's cost buys 200. No spend brings more than twice today's; ten times it brings 1000 x 10 / 11, 164 more."""
    curve = outlook(learnt()).terms(np.array([0]), 1.0, 2).curve
    assert curve is not None
    at_double = int(np.argmin([abs(each - 200) for each in curve.spend]))
    factor = 1 + float(curve.spend[at_double]) / 200
    assert float(curve.visits[at_double]) == pytest.approx(400 * (2 * factor / (factor + 1) - 1), abs=0.01)
    assert float(curve.visits[-1]) == pytest.approx(400 * (20 / 11 - 1), abs=0.01)
    assert curve.tried == Decimal(400)  # twice 200 more than today's
    assert np.all(np.diff(np.diff([float(each) for each in curve.visits]) / np.diff(np.array(curve.spend, float))) < 0)
    assert curve.low == curve.visits == curve.high


def test_a_target_and_a_cut_follow_the_curve() -> None:
    rows, known, plain = np.array([0]), outlook(learnt()), outlook(None)
    # 160 a week for two weeks are 320 units: 160 orders, 4,000 visits come anyway; 8,400 of sales take 336 units
    bent, straight = (each.terms(rows, 1.0, 2) for each in (known, plain))
    one, other = (volume.required(terms, Decimal(8400), Aim.SALES) for terms in (bent, straight))
    assert one.visits == other.visits == 4200  # 336 units, 168 orders
    assert other.spend == Decimal(100)
    # 200 of today's 400 more: 500 x 1.5 = 750 a week = 1000 s / (s + 100), so s = 300: 200 more a week
    assert float(one.spend or 0) == pytest.approx(400, rel=0.01)
    # a tenth off sells .9^-2 = 1.235 times as much: 75 units and 938 visits more, beyond what any spend brings
    cut, at_today = (each.ask(rows, 0.9, weeks=2) for each in (known, plain))
    assert (at_today.visits, at_today.spend) == (pytest.approx(938.3, abs=0.1), pytest.approx(469.1, abs=0.1))
    assert (cut.visits, cut.spend) == (at_today.visits, None)
    assert outlook(None).is_spend_unlearnt
    assert not known.is_spend_unlearnt


def test_an_interval_of_the_spend_holds_what_may_be() -> None:
    sure = learnt()
    wide = replace(sure, fitted=replace(sure.fitted, half=np.array([[50.0], [100.0], [100.0], [400.0]])))
    terms = outlook(wide).terms(np.array([0]), 1.0, 2)
    found = volume.at(terms, 326)
    assert found.spend_low is not None
    assert found.spend is not None
    assert found.spend_high is not None
    assert found.spend_low < found.spend < found.spend_high


def test_the_same_units_are_short_above_and_below() -> None:
    """A and B sell 160 a week; two weeks take 320 of each, and a tenth off .9^-2 times as many, 395.06. 5,000 lie there
    of A, 100 of B: 295.06 are short, and where sales of 17,777.78 are the target, as many units, whole ones."""
    one = outlook(None)
    tables = {name: table.to_pylist() for name, table in one.run.tables.items()}
    tables["product"].append(tables["product"][0] | {"key": "B", "stock": 100.0})
    both = PriceOutlook(Run({name: pa.Table.from_pylist(rows) for name, rows in tables.items()}, one.run.about))
    rows = np.array([0, 1])
    above, terms = both.ask(rows, 0.9, weeks=2), both.terms(rows, 0.9, 2)
    assert above.short == pytest.approx(295.06, abs=0.01)
    below = volume.required(terms, Decimal("17777.78"), Aim.SALES)
    assert (below.units, below.short, terms.on_hand) == (791, 296, 5100)
