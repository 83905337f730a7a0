"""Online Retail II: history to August 2011, a plan for September to November, and the actuals as they came in."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

import online_retail
from topline.accounts.models import Shop
from topline.plans import operations, progress
from topline.units.period import Period

AS_OF = date(2011, 9, 1)


@pytest.mark.soak
def test_pace_and_chance_move_as_the_autumn_of_2011_comes_in(shop: Shop, shared_data: Path) -> None:
    lake = shop.lake()
    for part, batch in enumerate(online_retail.lines(shared_data)):
        lake.append("order_line", [batch], batch_id="retail", part=part)
    lake.publish(now=datetime.now(UTC))
    version = operations.draft_plan(
        shop=shop, period=Period.of_months(AS_OF, 3), as_of=AS_OF, actor=None, now=datetime(2011, 9, 1, tzinfo=UTC)
    )
    goal = version.goals.get(metric="net_sales")
    assert goal.baseline == Decimal("3313346.80")
    assert version.outlook["missing"][0][0] == "missing.cost"
    assert version.markets[0] == "United Kingdom"
    looks = {day: progress.of(version, day) for day in (AS_OF, date(2011, 10, 1), date(2011, 11, 1), date(2011, 12, 1))}
    start, october, november, end = looks.values()
    assert end.total.actual is not None
    # the draft's interval covers the quarter, and each of its months
    assert start.total.now is not None
    assert start.total.now.low < end.total.actual < start.total.now.high
    for drafted, came in zip(start.months, end.months, strict=True):
        assert drafted.now is not None
        assert came.actual is not None
        assert drafted.now.low < came.actual < drafted.now.high
    # September was strong: ahead of the season, and the chance rises; the band narrows month by month
    assert (october.total.pace or 0) > 1.05
    assert (october.total.chance or 0) > (start.total.chance or 0) + 0.1
    widths = [look.total.now.high - look.total.now.low for look in looks.values() if look.total.now]
    assert widths == sorted(widths, reverse=True)
    assert (november.total.due, november.months[2].actual) == (sum_of(november), None)
    assert (end.status, end.total.chance) == ("reached", 1.0)
    assert end.total.pace == float(end.total.actual / goal.target)


def sum_of(look: progress.PlanView) -> Decimal:
    return sum((line.target for line in look.months[:2]), Decimal(0))
