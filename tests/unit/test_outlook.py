"""Outlooks from a lake: coherent, reproducible, and written back as facts with what they had seen."""

from datetime import date

import numpy as np
import pytest

import small_lake
from small_lake import NOW
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.settings import Settings
from topline.outlook import customers, demand, sales
from topline.science.demand import ShortHistoryError
from topline.science.lifetime import TooFewCustomersError

SETTINGS = Settings("EUR", "Europe/Berlin", country="DE")
AS_OF = small_lake.END


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    made = Lake(tmp_path_factory.mktemp("lake"), "gifts")
    small_lake.fill(made)
    made.publish(now=NOW)
    return made


@pytest.fixture(scope="module")
def snapshot(lake: Lake) -> Snapshot:
    found = lake.latest()
    assert found
    return found


@pytest.fixture(scope="module")
def outlook(lake: Lake, snapshot: Snapshot) -> sales.SalesOutlook:
    return sales.run(lake, snapshot, as_of=AS_OF, settings=SETTINGS, months=4)


def test_slices_sum_to_the_total(outlook: sales.SalesOutlook) -> None:
    assert outlook.by["category"].names == ("Kitchen", "Light", None)
    assert outlook.by["market"].names == ("AT", "DE")
    for cells in outlook.by.values():
        assert cells.mean.sum(axis=0) == pytest.approx(outlook.total.mean[0])
        assert cells.actual.sum(axis=0) == pytest.approx(outlook.total.actual[0])
        assert cells.last_year.sum(axis=0) == pytest.approx(outlook.total.last_year[0])
        assert cells.samples.sum(axis=1) == pytest.approx(outlook.total.samples[:, 0])
        assert (cells.low <= cells.mean).all()
        assert (cells.mean <= cells.high).all()
        assert (cells.samples >= 0).all()


def test_months_are_close_to_the_truth(outlook: sales.SalesOutlook) -> None:
    # 600 a day but Sundays: July 27 days, August 27, September 25 (one Sunday more), October 27
    assert outlook.months == (date(2024, 7, 1), date(2024, 8, 1), date(2024, 9, 1), date(2024, 10, 1))
    assert outlook.total.mean[0] == pytest.approx([16_200, 16_200, 15_000, 16_200], rel=0.05)
    assert outlook.total.actual[0, 0] == pytest.approx(12 * 600, rel=0.05)
    assert (outlook.total.actual[0, 1:] == 0).all()
    assert outlook.total.high[0, 0] - outlook.total.low[0, 0] < 0.7 * (outlook.total.high - outlook.total.low)[0, 1]
    assert outlook.by["category"].mean[:, 1] / outlook.total.mean[0, 1] == pytest.approx([1 / 6, 1 / 3, 1 / 2], rel=0.1)
    assert outlook.accuracy.wape < 0.05
    assert outlook.known_to == AS_OF


def test_days_sum_to_what_is_to_come_and_skip_closed_ones(outlook: sales.SalesOutlook) -> None:
    coming = [k for k, day in enumerate(outlook.days) if day >= AS_OF]
    to_come = (outlook.total.mean - outlook.total.actual).sum()
    assert outlook.day_mean[coming].sum() == pytest.approx(to_come)
    assert len(outlook.days) == 31 + 31 + 30 + 31
    assert all(mean == 0 for day, mean in zip(outlook.days, outlook.day_mean, strict=True) if day.isoweekday() == 7)


def test_the_same_inputs_give_the_same_chance(lake: Lake, snapshot: Snapshot, outlook: sales.SalesOutlook) -> None:
    again = sales.run(lake, snapshot, as_of=AS_OF, settings=SETTINGS, months=4)
    assert again.chance(65_000) == outlook.chance(65_000)
    assert outlook.chance(50_000) > 0.99
    assert outlook.chance(90_000) < 0.01
    safe, expected, stretch = outlook.proposals()
    assert safe.target < expected.target < stretch.target


def test_units_are_forecast_too(lake: Lake, snapshot: Snapshot) -> None:
    units = sales.run(lake, snapshot, as_of=AS_OF, settings=SETTINGS, months=2, metric="units")
    assert units.total.mean[0] == pytest.approx([27 * 6, 27 * 6], rel=0.05)


def test_customers_of_before_the_history_are_not_expected_to_come_anew(lake: Lake, snapshot: Snapshot) -> None:
    """All 130 customers buy once in 45 days; within the first half year every one of them counts as new."""
    ahead = {"as_of": AS_OF, "settings": SETTINGS, "metric": "new_customers", "dimensions": ()}
    found = sales.run(lake, snapshot, first=date(2025, 1, 1), months=6, **ahead)
    assert found.total.mean.sum() < 3
    assert found.first_year
    assert (found.first_year.first_on, found.first_year.counted) == (date(2023, 1, 2), 130)
    assert found.first_year.believed < 10
    few = sales.run(lake, snapshot, **ahead | {"as_of": date(2023, 6, 1)})
    assert (few.total.samples.std(axis=0) >= 0.95 * np.sqrt(few.total.mean)).all()  # no surer than luck allows
    begun = sales.run(lake, snapshot, first=date(2023, 1, 1), months=19, **ahead)
    assert begun.total.actual.sum() == found.past.sum() == 130  # what was counted stays
    assert sales.run(lake, snapshot, as_of=AS_OF, settings=SETTINGS, metric="orders").first_year is None


def test_an_outlook_of_the_past_is_refused(lake: Lake, snapshot: Snapshot) -> None:
    with pytest.raises(sales.PastHorizonError, match="2024-07-15"):
        sales.run(lake, snapshot, as_of=AS_OF, settings=SETTINGS, first=date(2024, 4, 1), months=3)


def test_too_short_a_history_is_refused(lake: Lake, snapshot: Snapshot) -> None:
    with pytest.raises(ShortHistoryError, match="history for a forecast: 31,"):
        sales.run(lake, snapshot, as_of=date(2023, 2, 2), settings=SETTINGS)


def test_a_published_outlook_is_facts_that_name_their_snapshot(lake: Lake, outlook: sales.SalesOutlook) -> None:
    assert sales.publish(lake, outlook, batch_id="run", now=NOW).rows == 4 * (1 + 3 + 2)
    assert sales.publish(lake, outlook, batch_id="run", now=NOW).rows == 4 * (1 + 3 + 2)
    facts = engine.table(lake, "forecast", lake.publish(now=NOW)).to_pyarrow().to_pylist()
    assert len(facts) == 24
    assert {(fact["snapshot"], fact["as_of"], fact["level"]) for fact in facts} == {(1, AS_OF, 0.8)}
    whole = [fact for fact in facts if fact["category"] is None and fact["market"] is None]
    assert sorted(fact["mean"] for fact in whole) == pytest.approx(sorted(outlook.total.mean[0]))
    assert {fact["category"] for fact in facts} == {None, "Kitchen", "Light", ""}


def test_customers_have_a_value_and_a_threshold(lake: Lake, snapshot: Snapshot) -> None:
    outlook = customers.run(lake, snapshot, as_of=AS_OF)
    assert len(outlook.orders) == 130
    assert ((outlook.is_alive_rate >= 0) & (outlook.is_alive_rate <= 1)).all()
    # each customer buys about once in 45 days for 200
    assert outlook.orders.mean() == pytest.approx(customers.LIFE_DAYS * 3 * 482 / 561 / 130, rel=0.15)
    assert outlook.remaining_sales.sum() / outlook.orders.sum() == pytest.approx(200, rel=0.2)
    assert outlook.remaining_margin == pytest.approx(outlook.remaining_sales * 0.75, rel=1e-3)
    assert outlook.inactive_after_days.mean() == pytest.approx(110, rel=0.15)
    assert customers.publish(lake, outlook, batch_id="values", now=NOW).rows == 130
    facts = engine.table(lake, "customer_value", lake.publish(now=NOW)).to_pyarrow().to_pylist()
    assert sum(fact["remaining_sales"] for fact in facts) == pytest.approx(outlook.remaining_sales.sum())


def test_few_customers_are_refused(lake: Lake, snapshot: Snapshot) -> None:
    with pytest.raises(TooFewCustomersError, match="at least 100"):
        customers.run(lake, snapshot, as_of=date(2023, 1, 20))


def test_what_sold_nothing_in_the_weeks_tried_has_no_share_to_be_wrong_by() -> None:
    units = np.vstack([np.full(60, 10.0), np.r_[np.full(40, 10.0), np.zeros(20)]])
    tried = demand.Tried(np.full((2, 4), 9.0), np.ones((2, 4)), units[:, -4:], np.full((2, 4), 8.0))
    places = np.array([0, 1])
    bottom = demand.Bottom(
        units=units, of={"product": places}, names={"product": ("a", "b")}, titles=("A", "B"), mean=np.ones((2, 4)),
        scale=np.ones((2, 4)), tests=(tried, tried), day_weight=np.ones((1, 28)), day_scatter=np.ones(1),
    )  # fmt: skip
    found = demand.sliced(bottom, places, ("a", "b"), ("A", "B"), 0.8)
    assert found.accuracy.keys() == {"a"}
    assert found.accuracy["a"].wape == pytest.approx(0.1)
