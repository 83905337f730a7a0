from datetime import date
from decimal import Decimal

import pytest

from topline.units import errors, money, period, spelling
from topline.units.period import FiscalCalendar, Grain, Period


def test_allocate_gives_the_remainder_to_the_largest_fractions():
    assert money.allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert money.allocate(10, [0.5, 0.3, 0.2]) == [5, 3, 2]
    assert money.allocate(-7, [1, 2]) == [-2, -5]
    assert money.allocate(5, [0, 1]) == [0, 5]


@pytest.mark.parametrize("weights", [[0, 0], [1, -1], [-1]])
def test_allocate_refuses_weights_that_cannot_share(weights):
    with pytest.raises(errors.AllocationError):
        money.allocate(1, weights)


def test_money_rounds_half_to_even_in_the_currencys_minor_units():
    assert money.rounded(Decimal("2.345"), "EUR") == Decimal("2.34")
    assert money.rounded(Decimal("2.355"), "EUR") == Decimal("2.36")
    assert money.rounded(Decimal("2.5"), "JPY") == Decimal("2")
    assert money.Money(Decimal("12.34"), "GBP").minor == 1234
    assert money.Money.from_minor(1234, "GBP") == money.Money(Decimal("12.34"), "GBP")


def test_two_currencies_never_add():
    with pytest.raises(errors.CurrencyMismatchError, match="GBP and EUR"):
        money.Money(Decimal(1), "GBP") + money.Money(Decimal(1), "EUR")


def test_words_that_are_spelt_alike_are_found_whatever_their_case():
    names = ["Email", "email", "paid_search", "paid_social", "TV"]
    assert spelling.nearest("e-mail", names) == ["Email", "email"]
    assert spelling.nearest("payed_search", names) == ["paid_search"]
    assert spelling.nearest("radio", names) == []


def test_what_nobody_pays_with_is_no_tender():
    assert {"EUR", "GBP", "RON", "JPY", "XAF", "XCD"} <= money.tenders()
    assert not {"XXX", "XTS", "XAU", "XDR"} & money.tenders()


def test_an_unknown_currency_is_refused():
    with pytest.raises(errors.CurrencyError, match="XYZ"):
        money.Money(Decimal(1), "XYZ")


@pytest.mark.parametrize(
    ("grain", "first"),
    [
        (Grain.DAY, date(2027, 2, 17)),
        (Grain.WEEK, date(2027, 2, 14)),
        (Grain.MONTH, date(2027, 2, 1)),
        (Grain.QUARTER, date(2027, 1, 1)),
        (Grain.YEAR, date(2027, 1, 1)),
        (Grain.FISCAL_QUARTER, date(2027, 1, 1)),
        (Grain.FISCAL_YEAR, date(2026, 4, 1)),
    ],
)
def test_a_bucket_is_named_by_its_first_day(grain, first):
    calendar = FiscalCalendar(week_start=7, first_month=4)
    assert calendar.floor(date(2027, 2, 17), grain) == first


def test_fiscal_quarters_follow_the_fiscal_year():
    calendar = FiscalCalendar(first_month=2)
    assert calendar.floor(date(2027, 1, 31), Grain.FISCAL_QUARTER) == date(2026, 11, 1)
    assert calendar.floor(date(2027, 2, 1), Grain.FISCAL_QUARTER) == date(2027, 2, 1)


def test_previous_and_last_year_of_months_are_months():
    autumn = Period(date(2011, 9, 1), date(2011, 12, 1))
    assert autumn.previous() == Period(date(2011, 6, 1), date(2011, 9, 1))
    assert autumn.last_year() == Period(date(2010, 9, 1), date(2010, 12, 1))


def test_last_year_of_days_aligns_weekdays():
    week = Period(date(2027, 3, 3), date(2027, 3, 10))
    assert week.last_year().start.isoweekday() == week.start.isoweekday()
    assert week.previous() == Period(date(2027, 2, 24), date(2027, 3, 3))


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(errors.PeriodError):
        Period(date(2027, 1, 1), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("text", "day"), [("2027", date(2027, 1, 1)), ("2027-03", date(2027, 3, 1)), ("2027-03-09", date(2027, 3, 9))]
)
def test_parse_day(text, day):
    assert period.parse_day(text) == day


@pytest.mark.parametrize("text", ["", "27-01-01", "2027-13", "2027-02-30", "today"])
def test_parse_day_says_what_to_write(text):
    with pytest.raises(errors.PeriodError, match="Write a date as"):
        period.parse_day(text)


def test_add_months_stops_at_the_months_end():
    assert period.add_months(date(2027, 1, 31), 1) == date(2027, 2, 28)
    assert period.add_months(date(2028, 2, 29), 12) == date(2029, 2, 28)
    assert period.add_months(date(2027, 3, 31), -1) == date(2027, 2, 28)
