"""Whatever happened and whatever was planned: the drivers that a review keeps sum to the difference to the cent."""

import json
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from topline.analysis import variance
from topline.analysis.result import Note, Result
from topline.analysis.variance import Side, VarianceQuestion
from topline.metrics.settings import Settings
from topline.plans import drivers
from topline.units.period import FiscalCalendar

SHOP = Settings(currency="GBP", zone="Europe/London", calendar=FiscalCalendar(), country="GB")
amounts = st.decimals("-1000", "1000000", places=6)
counts = st.one_of(st.none(), st.integers(0, 5000))
figures = st.builds(
    lambda units, cents, rate: (float(units), cents / 100, cents / 100 * rate),
    st.integers(1, 500), st.integers(1, 10**7), st.sampled_from([1.0, 0.85, 1.2]),
)  # fmt: skip
cells = st.dictionaries(
    st.tuples(st.sampled_from(["mug", "sofa", None]), st.sampled_from(["GBP", "EUR"])), figures, max_size=4
)
sides = st.builds(Side, amounts, counts, counts, st.one_of(st.none(), cells))


@settings(max_examples=60, deadline=None)
@given(sides, sides)
def test_the_parts_that_are_kept_sum_to_the_difference(before: Side, now: Side) -> None:
    parts = variance.split(before, now, "GBP")
    table = variance._parts(before, now, parts, SHOP)
    found = drivers.difference(
        Result(question=VarianceQuestion(), settings=SHOP, sentence=Note("rose", ""), tables=(table,)), "plan", "GBP"
    )
    kept = drivers.thaw(json.loads(json.dumps(drivers.stored(found))))
    assert isinstance(kept, drivers.Difference)
    assert kept == found
    assert sum(kept.parts.values(), Decimal(0)) == kept.now - kept.before
    assert all(amount == round(amount, 2) for amount in kept.parts.values())
    if kept.moved:
        assert kept.main is not None
        assert kept.parts[kept.main] * kept.moved > 0
