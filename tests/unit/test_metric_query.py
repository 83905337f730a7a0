"""Questions out of texts, and the days that are like each other."""

from datetime import date

import pytest

from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.likeness import like_for_like
from topline.metrics.query import (
    ComparisonError,
    DimensionNotAllowedError,
    Filter,
    FilterError,
    NoMetricError,
    NoPeriodError,
    OrderMoneyError,
    UnknownDimensionError,
    UnknownMetricError,
    parse,
    parse_filter,
)
from topline.metrics.settings import Settings
from topline.metrics.synonyms import MEANT
from topline.units.period import FiscalCalendar, Period


def test_a_question_out_of_texts() -> None:
    query = parse(
        "net_sales, orders",
        by="month,channel",
        start="2010-12",
        end="2011-12-01",
        where=["market=GB,FR"],
        against="previous",
    )
    assert query.metrics == ("net_sales", "orders")
    assert query.by == ("month", "channel")
    assert query.period == Period(date(2010, 12, 1), date(2011, 12, 1))
    assert query.where == (Filter("market", ("GB", "FR")),)
    compared = query.compared()
    assert compared is not None
    assert compared.period == Period(date(2009, 12, 1), date(2010, 12, 1))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("channel=", (None,)),
        ("channel=web,", ("web", None)),
        ("hour=3", (3,)),
        ("month=2011-09", (date(2011, 9, 1),)),
    ],
)
def test_a_filter_out_of_a_text(text: str, values: tuple[object, ...]) -> None:
    assert parse_filter(text).values == values


def test_errors_name_what_is_near() -> None:
    with pytest.raises(UnknownMetricError, match="net_sales"):
        parse("net_slaes")
    with pytest.raises(UnknownDimensionError, match="month"):
        parse("net_sales", by="mnth")
    with pytest.raises(DimensionNotAllowedError, match="channel"):
        parse("net_sales", by="device")
    with pytest.raises(OrderMoneyError):
        parse("gross_profit", money="order")
    with pytest.raises(NoPeriodError):
        parse("net_sales", against="previous")
    with pytest.raises(ComparisonError, match=r"mean last_year\?|mean last_year / "):
        parse("net_sales", start="2026-01", end="2026-02", against="lastyear")
    for ids, by, meant in (
        ("net_sales", "Country", "market"),
        ("revenue", "", "net_sales"),
        ("AOV", "", "average_order_value"),
    ):
        with pytest.raises((UnknownMetricError, UnknownDimensionError), match=rf"Did you mean {meant}\?"):
            parse(ids, by=by)
    with pytest.raises(UnknownDimensionError, match=r"day / .*market") as nothing_like_it:
        parse("net_sales", by="xyzzy")
    assert "device" not in str(nothing_like_it.value)
    with pytest.raises(NoMetricError):
        parse("")
    for text in ("market", "=GB", "hour=24", "hour=noon"):
        with pytest.raises(FilterError):
            parse_filter(text)


def test_digests_tell_questions_and_settings_apart() -> None:
    assert parse("orders").digest == parse("orders").digest != parse("units").digest
    plain, shifted = Settings("EUR"), Settings("EUR", calendar=FiscalCalendar(week_start=7))
    assert plain.digest == Settings("EUR").digest != shifted.digest


def test_easter_stands_against_easter() -> None:
    """Easter Sunday: 2024-03-31 and 2023-04-09; the Sunday 52 weeks before 2024-03-31 is 2023-04-02."""
    like = like_for_like(Period(date(2024, 1, 1), date(2025, 1, 1)), "DE")
    assert like[date(2024, 3, 31)] == date(2023, 4, 9)
    assert like[date(2024, 4, 1)] == date(2023, 4, 10)
    assert like[date(2024, 11, 29)] == date(2023, 11, 24)  # Black Friday
    assert like[date(2024, 7, 10)] == date(2023, 7, 12)  # a Wednesday each
    assert like_for_like(Period(date(2024, 5, 5), date(2024, 5, 6)), "RO")[date(2024, 5, 5)] == date(2023, 4, 16)


@pytest.mark.parametrize("country", ["GB", "RO"])
@pytest.mark.parametrize("year", range(2008, 2034))
def test_each_day_is_like_one_day_of_the_same_weekday(year: int, country: str) -> None:
    like = like_for_like(Period(date(year, 1, 1), date(year + 1, 1, 1)), country)
    assert len(set(like.values())) == len(like) >= 365
    assert all(day.weekday() == before.weekday() for day, before in like.items())
    assert all(300 < (day - before).days < 430 for day, before in like.items())


def test_every_word_means_something_that_is_not_that_word_itself() -> None:
    known = metrics().keys() | dimensions().keys()
    assert set(MEANT.values()) <= known
    assert not MEANT.keys() & known
