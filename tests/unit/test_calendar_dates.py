"""The worked dates of the retail calendar for 2026 and 2027, written out by hand."""

from datetime import date

import pytest

from topline.calendar.events import EVENTS, by_id
from topline.calendar.holiday import UnknownCountryError, UnknownRegionError, holidays
from topline.calendar.occurrence import Occurrence, occurrences
from topline.calendar.working import add_working_days, working_days
from topline.units.period import Period

WORKED = [
    # event, country, first day in 2026, first day in 2027
    ("black_friday", "GB", "2026-11-27", "2027-11-26"),
    ("cyber_monday", "US", "2026-11-30", "2027-11-29"),
    ("black_friday", "RO", "2026-11-06", "2027-11-05"),
    ("white_friday", "AE", "2026-11-27", "2027-11-26"),
    ("dragobete", "RO", "2026-02-24", "2027-02-24"),
    ("martisor", "RO", "2026-03-01", "2027-03-01"),
    ("womens_day", "RO", "2026-03-08", "2027-03-08"),
    ("childrens_day", "RO", "2026-06-01", "2027-06-01"),
    ("childrens_day", "BR", "2026-10-12", "2027-10-12"),
    ("mothers_day", "US", "2026-05-10", "2027-05-09"),
    ("mothers_day", "DE", "2026-05-10", "2027-05-09"),
    ("mothers_day", "RO", "2026-05-03", "2027-05-02"),
    ("mothers_day", "PT", "2026-05-03", "2027-05-02"),
    ("mothers_day", "GB", "2026-03-15", "2027-03-07"),
    ("mothers_day", "IE", "2026-03-15", "2027-03-07"),
    ("mothers_day", "FR", "2026-05-31", "2027-05-30"),
    ("mothers_day", "MX", "2026-05-10", "2027-05-10"),
    ("mothers_day", "PL", "2026-05-26", "2027-05-26"),
    ("mothers_day", "EG", "2026-03-21", "2027-03-21"),
    ("mothers_day", "BG", "2026-03-08", "2027-03-08"),
    ("mothers_day", "SE", "2026-05-31", "2027-05-30"),
    ("mothers_day", "TH", "2026-08-12", "2027-08-12"),
    ("fathers_day", "US", "2026-06-21", "2027-06-20"),
    ("fathers_day", "IT", "2026-03-19", "2027-03-19"),
    ("fathers_day", "DE", "2026-05-14", "2027-05-06"),
    ("fathers_day", "AT", "2026-06-14", "2027-06-13"),
    ("fathers_day", "AU", "2026-09-06", "2027-09-05"),
    ("fathers_day", "BR", "2026-08-09", "2027-08-08"),
    ("fathers_day", "FI", "2026-11-08", "2027-11-14"),
    ("fathers_day", "PL", "2026-06-23", "2027-06-23"),
    ("fathers_day", "TW", "2026-08-08", "2027-08-08"),
    ("fathers_day", "TH", "2026-12-05", "2027-12-05"),
    ("fathers_day", "RO", "2026-05-10", "2027-05-09"),
    ("valentines_day", "GB", "2026-02-14", "2027-02-14"),
    ("dia_dos_namorados", "BR", "2026-06-12", "2027-06-12"),
    ("easter", "DE", "2026-04-05", "2027-03-28"),
    ("easter", "RO", "2026-04-12", "2027-05-02"),
    ("super_bowl", "US", "2026-02-08", "2027-02-14"),
    ("lunar_new_year", "CN", "2026-02-17", "2027-02-06"),
    ("ramadan", "SA", "2026-02-18", "2027-02-08"),
    ("eid_al_fitr", "SA", "2026-03-20", "2027-03-09"),
    ("diwali", "IN", "2026-11-08", "2027-10-29"),
    ("consumer_day", "PT", "2026-03-15", "2027-03-15"),
    ("consumer_day", "BR", "2026-03-09", "2027-03-15"),
    ("el_buen_fin", "MX", "2026-11-13", "2027-11-12"),
    ("hot_sale", "MX", "2026-05-25", "2027-05-31"),
    ("afterpay_day_march", "AU", "2026-03-19", "2027-03-18"),
    ("afterpay_day_august", "AU", "2026-08-13", "2027-08-12"),
    ("click_frenzy", "AU", "2026-11-10", "2027-11-09"),
    ("prime_day", "US", "2026-07-07", "2027-07-13"),
    ("prime_big_deal_days", "US", "2026-10-13", "2027-10-12"),
    ("singles_day", "CN", "2026-11-11", "2027-11-11"),
    ("double_ninth", "SG", "2026-09-09", "2027-09-09"),
    ("double_tenth", "SG", "2026-10-10", "2027-10-10"),
    ("double_twelfth", "SG", "2026-12-12", "2027-12-12"),
    ("mid_year_618", "CN", "2026-06-18", "2027-06-18"),
    ("winter_sales", "FR", "2026-01-07", "2027-01-06"),
    ("summer_sales", "FR", "2026-06-24", "2027-06-23"),
    ("winter_sales", "IT", "2026-01-03", "2027-01-05"),
    ("summer_sales", "IT", "2026-07-04", "2027-07-03"),
    ("back_to_school", "RO", "2026-08-10", "2027-08-09"),
    ("back_to_school", "FR", "2026-07-28", "2027-07-28"),
    ("halloween", "US", "2026-10-31", "2027-10-31"),
    ("st_nicholas", "RO", "2026-12-06", "2027-12-06"),
    ("boxing_day", "GB", "2026-12-26", "2027-12-26"),
    ("epiphany", "ES", "2026-01-06", "2027-01-06"),
    ("thanksgiving", "US", "2026-11-26", "2027-11-25"),
    ("christmas", "DE", "2026-12-25", "2027-12-25"),
]


def year(number: int) -> Period:
    return Period(date(number, 1, 1), date(number + 1, 1, 1))


def found(event: str, country: str, number: int, region: str | None = None) -> Occurrence:
    (one,) = [o for o in occurrences(year(number), country, region=region) if o.event == event]
    return one


def own(event: str, period: Period, lead_in_days: int) -> Occurrence:
    return Occurrence(
        event=event,
        label=event.title(),
        kind="own",
        start=period.start,
        end=period.end,
        country="RO",
        lead_in_days=lead_in_days,
    )


@pytest.mark.parametrize(("event", "country", "in_2026", "in_2027"), WORKED)
def test_worked_date(event, country, in_2026, in_2027):
    assert found(event, country, 2026).start == date.fromisoformat(in_2026)
    assert found(event, country, 2027).start == date.fromisoformat(in_2027)


@pytest.mark.parametrize(
    ("number", "on"),
    [
        (2011, "2011-11-25"),
        (2018, "2018-11-16"),
        (2019, "2019-11-15"),
        (2020, "2020-11-13"),
        (2021, "2021-11-12"),
        (2023, "2023-11-10"),
        (2024, "2024-11-08"),
        (2025, "2025-11-07"),
    ],
)
def test_black_friday_in_romania_as_it_was_announced(number, on):
    one = found("black_friday", "RO", number)
    assert (one.start, one.is_estimate, one.kind) == (date.fromisoformat(on), False, "announced")
    assert found("black_friday", "RO", 2027).is_estimate


def test_spans_of_more_than_a_day():
    buen_fin = found("el_buen_fin", "MX", 2027)
    assert buen_fin.period == Period(date(2027, 11, 12), date(2027, 11, 16))
    assert found("winter_sales", "FR", 2027).period == Period(date(2027, 1, 6), date(2027, 2, 3))
    assert found("hot_sale", "MX", 2025).period.last == date(2025, 6, 3)
    assert found("ramadan", "SA", 2026).end == found("eid_al_fitr", "SA", 2026).start
    assert found("festive_sale_india", "IN", 2025).start == date(2025, 9, 23)


def test_saldi_differ_by_region():
    assert found("winter_sales", "IT", 2026, "82").period == Period(date(2026, 1, 3), date(2026, 3, 16))
    assert found("winter_sales", "IT", 2026, "23").start == date(2026, 1, 2)
    assert found("winter_sales", "IT", 2026, "BZ").start == date(2026, 1, 8)
    assert found("winter_sales", "IT", 2025).start == date(2025, 1, 4)
    assert found("winter_sales", "IT", 2026).kind == "regulated"


def test_back_to_school_ends_at_the_start_of_term():
    assert found("back_to_school", "RO", 2026).end == date(2026, 9, 7)
    assert found("back_to_school", "FR", 2026).end == date(2026, 9, 1)
    assert found("back_to_school", "DE", 2026, "BY").end == date(2026, 9, 15)
    assert found("back_to_school", "DE", 2026, "NW").end == date(2026, 9, 2)
    assert found("back_to_school", "CA", 2026).end == date(2026, 9, 8)


def test_an_event_that_does_not_happen_somewhere():
    ids = {one.event for one in occurrences(year(2027), "AE")}
    assert "white_friday" in ids
    assert not ids & {"black_friday", "cyber_monday", "easter", "halloween"}
    assert "valentines_day" not in {one.event for one in occurrences(year(2027), "BR")}


def test_two_ramadans_in_one_year():
    assert [o.start for o in occurrences(year(2030), "SA") if o.event == "ramadan"] == [
        date(2030, 1, 5),
        date(2030, 12, 26),
    ]


def test_what_lasts_over_new_year_is_found_in_both_years():
    assert "ramadan" in {o.event for o in occurrences(year(2031), "SA") if o.start == date(2030, 12, 26)}


def test_own_events_join_and_announced_dates_replace():
    day, fair_days = Period(date(2027, 11, 12), date(2027, 11, 13)), Period(date(2027, 2, 3), date(2027, 2, 6))
    real = own("black_friday", day, lead_in_days=3)
    fair = own("fair", fair_days, lead_in_days=5)
    both = occurrences(year(2027), "RO", own=[real, fair])
    assert [o.start for o in both if o.event == "black_friday"] == [date(2027, 11, 12)]
    assert fair in both
    assert fair.window == Period(date(2027, 1, 29), date(2027, 2, 6))
    assert fair not in occurrences(Period(date(2027, 2, 6), date(2027, 3, 1)), "RO", own=[fair])


def test_every_event_states_what_the_calendar_demands():
    kinds = {"fixed", "nth-weekday", "easter-offset", "relative", "lunar", "announced", "regulated"}
    assert len(by_id()) == len(EVENTS)
    for event in EVENTS:
        assert event.variants
        assert event.label
        assert event.source
        assert event.verified_on <= date.today()  # noqa: DTZ011
        assert event.lead_in_days >= 0
        assert event.tail_days >= 0
        assert {v.rule.kind for v in event.variants if v.rule} <= kinds


def test_great_britain_keeps_easter_monday():
    days = [one.on for one in holidays("GB", year(2027))]
    assert date(2027, 3, 29) in days
    assert date(2027, 8, 30) in days


def test_holiday_names_follow_the_language_asked_for():
    assert holidays("RO", year(2027), "ro")[-1].name == "Crăciunul"
    assert holidays("RO", year(2027), "en")[-1].name == "Christmas Day"
    assert holidays("RO", year(2027), "pt-br")[-1].name == "Christmas Day"


def test_unknown_places_are_named():
    with pytest.raises(UnknownCountryError, match="“XX”"):
        holidays("XX", year(2027))
    with pytest.raises(UnknownCountryError):
        occurrences(year(2027), "ro")
    with pytest.raises(UnknownRegionError, match="ENG, NIR, SCT, WLS"):
        holidays("GB", year(2027), region="LON")


def test_working_days():
    may = Period(date(2027, 5, 1), date(2027, 6, 1))
    assert working_days("RO", may) == 20  # 21 weekdays less Easter Monday, 3 May
    assert add_working_days("RO", date(2027, 4, 29), 1) == date(2027, 5, 4)  # over Good Friday and Easter Monday
    assert add_working_days("RO", date(2027, 5, 4), -1) == date(2027, 4, 29)
    assert add_working_days("RO", date(2027, 5, 1), 0) == date(2027, 5, 4)
    assert add_working_days("DE", date(2027, 6, 4), 2) == date(2027, 6, 8)
    assert add_working_days("AE", date(2027, 6, 4), 1) == date(2027, 6, 7)


def test_an_event_is_not_held_before_its_first_year():
    days = {one.event for one in occurrences(Period(date(2011, 9, 1), date(2011, 12, 1)), "GB")}
    assert "black_friday" in days
    assert "prime_big_deal_days" not in days
