"""The chance that somebody wins an amount until a day: open deals are coins, and new ones come at their share."""

from datetime import date

import pyarrow as pa
import pytest

from topline.outlook import pipeline
from topline.outlook.kept import Run


def a_run(new_per_week: float = 0.0) -> Run:
    """Two deals of Ann's for 100 and two of Bo's for 1,000, each won in the third week with a chance of one half."""
    by_week = [0.0, 0.0, *[0.5] * 11]
    deal = {"owner": ["Ann", "Ann", "Bo", "Bo"], "value": [100.0, 100.0, 1e3, 1e3], "by_week": [by_week] * 4}
    about = {
        "as_of": "2027-01-04", "pushed_odds": 1.0, "value_ratio": 1.0, "new_per_week": new_per_week, "new_value": 10.0,
        "new_spread": 0.0, "new_by_week": [1.0] * 13, "pace": [1.0] * 3, "unsteady": 0.0,
    }  # fmt: skip
    return Run({"deal": pa.table(deal)}, about)


@pytest.mark.parametrize(
    ("amount", "until", "chance"),
    [
        (0, date(2027, 4, 1), 1), (50, date(2027, 4, 1), 0.75), (100, date(2027, 4, 1), 0.75),
        (150, date(2027, 4, 1), 0.25), (201, date(2027, 4, 1), 0), (50, date(2027, 1, 18), 0),
        (50, date(2027, 1, 25), 0.75),
    ],
)  # fmt: skip
def test_two_coins(amount, until, chance):
    """Of two coins at least one shows heads in three of four throws, both in one of four; not before the third week."""
    found = pipeline.reach(a_run(), amount, until, owners={"Ann"})
    assert found.chance == pytest.approx(chance, abs=0.05 if 0 < chance < 1 else 0)
    assert found.low <= found.mean <= found.high <= 200


def test_new_deals_come_at_the_share_of_the_open_ones():
    """Of four new deals a week two are Ann's: 13 weeks of two won for 10 each are 260, beside 100 of her coins."""
    found = pipeline.reach(a_run(4.0), 200, date(2027, 4, 5), owners={"Ann"})
    assert found.mean == pytest.approx(360, rel=0.06)
    assert pipeline.reach(a_run(4.0), 1, date(2027, 4, 5), owners={"Cy"}).chance == 0
