"""The prior price of article 6a, on worked histories."""

from datetime import date, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from topline.calendar.prior_price import DAYS, NO_PRICE, PriorPrice, prior_price

START = date(2027, 11, 5)


def at(text: str, amount: str) -> tuple[date, Decimal]:
    return date.fromisoformat(text), Decimal(amount)


def test_the_lowest_of_thirty_days_not_the_last():
    history = [at("2027-01-01", "40"), at("2027-10-10", "32"), at("2027-10-20", "45")]
    assert prior_price(history, START) == PriorPrice(Decimal(32), date(2027, 10, 19), 30)


def test_what_ended_before_the_thirty_days_is_forgotten():
    history = [at("2027-09-01", "20"), at("2027-10-06", "45")]  # the 30 days begin on 6 October
    assert prior_price(history, START) == PriorPrice(Decimal(45), date(2027, 11, 4), 30)
    history = [at("2027-09-01", "20"), at("2027-10-07", "45")]
    assert prior_price(history, START) == PriorPrice(Decimal(20), date(2027, 10, 6), 30)


def test_the_promotions_own_price_does_not_count():
    history = [at("2027-01-01", "40"), at("2027-11-05", "25"), at("2027-12-01", "10")]
    assert prior_price(history, START) == PriorPrice(Decimal(40), date(2027, 11, 4), 30)


def test_goods_new_to_the_market_say_how_little_is_known():
    found = prior_price([at("2027-10-30", "40")], START)
    assert found == PriorPrice(Decimal(40), date(2027, 11, 4), 6)
    assert not found.is_whole
    assert prior_price([at("2027-11-05", "40")], START) is NO_PRICE
    assert prior_price([], START) is NO_PRICE


@given(st.dictionaries(st.integers(-60, 10), st.integers(1, 99), min_size=1))
def test_it_is_the_least_of_the_prices_day_by_day(changes):
    history = [(START + timedelta(days=day), Decimal(amount)) for day, amount in changes.items()]
    asked = {}
    for day in range(-DAYS, 0):
        since = [changed for changed in changes if changed <= day]
        if since:
            asked[START + timedelta(days=day)] = Decimal(changes[max(since)])
    found = prior_price(history, START)
    if not asked:
        assert found is NO_PRICE
        return
    least = min(asked.values())
    assert found == PriorPrice(least, max(day for day, amount in asked.items() if amount == least), len(asked))
