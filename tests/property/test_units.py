from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from topline.units import money
from topline.units.period import FiscalCalendar, Grain, Period

days = st.dates(date(2000, 1, 1), date(2060, 1, 1))
calendars = st.builds(FiscalCalendar, week_start=st.integers(1, 7), first_month=st.integers(1, 12))
weights = st.lists(st.decimals(0, 10**9, places=4), min_size=1, max_size=40).filter(lambda w: sum(w) > 0)


@given(st.integers(-(10**12), 10**12), weights)
def test_an_allocation_sums_to_its_total_and_is_within_one_unit_of_its_share(total, weights):
    parts = money.allocate(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Decimal(total) * weight / sum(weights)) < 1


@given(days, calendars, st.sampled_from(list(Grain)))
def test_every_day_is_in_exactly_its_own_bucket(day, calendar, grain):
    first = calendar.floor(day, grain)
    assert first <= day < calendar.next(first, grain)
    assert calendar.floor(first, grain) == first


@given(days, st.integers(1, 800), calendars, st.sampled_from(list(Grain)))
def test_buckets_tile_the_period(start, length, calendar, grain):
    period = Period(start, start + timedelta(days=length))
    buckets = list(calendar.buckets(period, grain))
    assert buckets[0].start <= period.start < buckets[0].end
    assert buckets[-1].start < period.end <= buckets[-1].end
    assert all(left.end == right.start for left, right in pairwise(buckets))


@given(days, calendars)
def test_a_week_starts_where_the_shop_says(day, calendar):
    assert calendar.floor(day, Grain.WEEK).isoweekday() == calendar.week_start


@given(days, st.integers(1, 900))
def test_the_previous_period_ends_where_this_one_starts(start, length):
    period = Period(start, start + timedelta(days=length))
    assert period.previous().end == period.start
