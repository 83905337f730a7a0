"""The retail calendar agrees with the public holidays wherever both know a day."""

from datetime import date, timedelta

import holidays as source
from hypothesis import given
from hypothesis import strategies as st

from topline.calendar.holiday import holidays
from topline.calendar.occurrence import occurrences
from topline.calendar.working import add_working_days, working_days
from topline.units.period import Period

YEARS = st.integers(2000, 2060)
_CODES = "AE AU BG BR CA CN DE ES FI FR GB IN IT JP MX NZ PL PT RO SA SE TH TW US"
COUNTRIES = st.sampled_from(_CODES.split())

SAME = [
    # our event, country, category there, its English name
    ("mothers_day", "US", "unofficial", "Mother's Day"),
    ("fathers_day", "US", "unofficial", "Father's Day"),
    ("valentines_day", "US", "unofficial", "Valentine's Day"),
    ("halloween", "US", "unofficial", "Halloween"),
    ("thanksgiving", "US", "public", "Thanksgiving Day"),
    ("easter", "DE", "public", None),
    ("easter", "RO", "public", "Easter"),
    ("boxing_day", "GB", "public", "Boxing Day"),
    ("christmas", "GB", "public", "Christmas Day"),
    ("epiphany", "ES", "public", "Epiphany"),
    ("lunar_new_year", "SG", "public", "Chinese New Year"),
]


def start(event: str, country: str, year: int) -> list[date]:
    found = occurrences(Period(date(year, 1, 1), date(year + 1, 1, 1)), country)
    return [one.start for one in found if one.event == event]


@given(YEARS, st.sampled_from(SAME))
def test_both_know_the_same_day(year, case):
    event, country, category, name = case
    table = source.country_holidays(
        country, subdiv="BB" if country == "DE" else None, years=year, categories=[category], language="en_US"
    )
    named = sorted(on for on, names in table.items() if (name or "Easter Sunday") in names.split("; "))
    if named:  # the source has each from the year that it became law
        assert start(event, country, year) == [named[0]]


@given(YEARS)
def test_french_sales_keep_to_the_law(year):
    (winter,) = start("winter_sales", "FR", year)
    (summer,) = start("summer_sales", "FR", year)
    assert winter.isoweekday() == summer.isoweekday() == 3
    assert 6 <= winter.day <= 12
    assert date(year, 6, 22) <= summer <= date(year, 6, 28)


@given(st.integers(2005, 2060))  # Cyber Monday was first held in 2005
def test_relative_days_keep_their_distance(year):
    (friday,) = start("black_friday", "GB", year)
    (monday,) = start("cyber_monday", "GB", year)
    assert (friday.isoweekday(), monday - friday) == (5, timedelta(days=3))
    assert start("easter", "GB", year)[0] - start("mothers_day", "GB", year)[0] == timedelta(days=21)


@given(YEARS, COUNTRIES)
def test_a_year_is_the_sum_of_its_months(year, country):
    whole = {(o.event, o.start) for o in occurrences(Period(date(year, 1, 1), date(year + 1, 1, 1)), country)}
    months = [Period.of_months(date(year, month, 1), 1) for month in range(1, 13)]
    assert whole == {(o.event, o.start) for month in months for o in occurrences(month, country)}
    assert all(o.window.start <= o.start < o.end <= o.window.end for o in occurrences(months[0], country))


@given(st.dates(date(2015, 1, 1), date(2035, 1, 1)), st.integers(1, 40), COUNTRIES)
def test_working_days_count_what_adding_skips(day, days, country):
    later = add_working_days(country, day, days)
    assert working_days(country, Period(day + timedelta(days=1), later + timedelta(days=1))) == days


@given(YEARS, COUNTRIES)
def test_no_holiday_is_a_working_day(year, country):
    for one in holidays(country, Period(date(year, 1, 1), date(year + 1, 1, 1))):
        assert working_days(country, Period(one.on, one.on + timedelta(days=1))) == 0
