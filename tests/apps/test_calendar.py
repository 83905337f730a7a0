"""The shop's own calendar: its events on the page, in the feed, over the API and on the command line; prior prices."""

import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal

import ledger_rows
import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from test_api import caller

from import_files import take_in, write
from topline.calendar.prior_price import Verdict
from topline.cli import main
from topline.outlook import history
from topline.plans import calendar, expectation, promotion
from topline.plans.models import OwnEvent
from topline.units.period import Period

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = Period(date(2011, 1, 1), date(2012, 1, 1))


@pytest.fixture
def fair(shop):
    return calendar.put_event(
        shop=shop,
        name="Spring fair",
        starts_on=date(2010, 3, 4),
        last_on=date(2010, 3, 6),
        is_yearly=True,
        lead_in_days=10,
        categories=["Lamps", " "],
        actor_id=None,
    )


@pytest.fixture
def browser(owner):
    client = Client()
    client.force_login(owner)
    return client


def test_own_events_stand_beside_the_shipped_ones(shop, fair):
    (found,) = [one for one in calendar.events_of(shop, YEAR) if one.kind == "own"]
    assert (found.event, found.start, found.end) == ("Spring fair", date(2011, 3, 4), date(2011, 3, 7))
    assert (found.window.start, found.categories) == (date(2011, 2, 22), ("Lamps",))
    assert "Spring fair" not in {one.event for one in calendar.events_of(shop, YEAR, "FR")}


def test_an_announced_date_takes_the_place_of_the_estimate(shop):
    calendar.put_event(
        shop=shop,
        name="Black Friday, moved",
        dates="black_friday",
        starts_on=date(2011, 11, 18),
        last_on=date(2011, 11, 18),
        actor_id=None,
    )
    found = [one for one in calendar.events_of(shop, YEAR) if one.event == "black_friday"]
    assert [(one.start, one.kind, one.lead_in_days > 0) for one in found] == [(date(2011, 11, 18), "announced", True)]


def test_forecasts_know_the_days_of_own_events(shop, fair):
    known = history.History(date(2010, 1, 1), date(2011, 6, 1), (), np.ones((1, 516)))
    own = expectation.own_events(shop, date(2011, 6, 1))
    without = history.horizon(known, date(2011, 9, 1), "GB").event
    marked = history.horizon(known, date(2011, 9, 1), "GB", own).event
    days = [date.fromordinal(date(2010, 1, 1).toordinal() + int(k)) for k in (marked != without).nonzero()[0]]
    assert set(days) >= {date(2010, 3, 4), date(2010, 3, 6), date(2011, 3, 5)}


def test_what_is_no_event_is_refused(shop, fair):
    ask = {"shop": shop, "actor_id": None, "starts_on": date(2011, 3, 1), "last_on": date(2011, 3, 2)}
    for wrong, error in (
        ({"name": " "}, calendar.OwnEventError),
        ({"name": "x", "last_on": date(2011, 2, 1)}, calendar.OwnEventError),
        ({"name": "x", "last_on": date(2013, 2, 1)}, calendar.OwnEventDaysError),
        ({"name": "x", "lead_in_days": 181}, calendar.OwnEventDaysError),
        ({"name": "x", "dates": "no_such_day"}, calendar.UnknownEventError),
        (
            {"name": "Spring fair", "starts_on": date(2010, 5, 1), "last_on": date(2010, 5, 1)},
            calendar.OwnEventTakenError,
        ),
    ):
        with pytest.raises(error):
            calendar.put_event(**ask | wrong)


def test_the_page_enters_changes_and_deletes_an_event(shop, browser):
    new = reverse("own_event_new", args=[shop.slug])
    wrong = browser.post(new, {"name": "Fair", "starts_on": "2011-10-05", "last_on": "2011-10-01"})
    assert (wrong.status_code, b"not before its first" in wrong.content) == (400, True)
    browser.post(new, {"name": "Fair", "starts_on": "2011-10-05", "lead_in_days": "7", "categories": "Mugs, Lamps"})
    kept = OwnEvent.objects.get()
    assert (kept.last_on, kept.lead_in_days, kept.categories) == (date(2011, 10, 5), 7, ["Mugs", "Lamps"])
    listed = browser.get(reverse("calendar", args=[shop.slug]) + "?year=2011&calendar_as=list&layer=own&layer=holiday")
    assert listed.content.decode().count("Fair") >= 2
    listed_months = [*listed.context["past"], *listed.context["months"]]
    months = {month: [one["label"] for one in days] for month, days in listed_months}
    assert "Fair" in months[date(2011, 10, 1)]
    assert all(month.year == 2011 for month in months)
    assert [month for month, _ in listed.context["past"]] == [month for month in months if month < date(2011, 9, 1)]
    one = reverse("own_event", args=[shop.slug, kept.pk])
    browser.post(one, {"name": "Autumn fair", "starts_on": "2011-10-06", "last_on": "2011-10-07", "is_yearly": "on"})
    kept.refresh_from_db()
    assert (kept.name, kept.is_yearly, kept.last_on) == ("Autumn fair", True, date(2011, 10, 7))
    browser.post(one, {"do": "delete"})
    assert not OwnEvent.objects.exists()


def test_the_feed_has_a_secret_address_that_can_be_ended(shop, browser, fair):
    share, page = (reverse(name, args=[shop.slug]) for name in ("calendar_share", "calendar"))
    browser.post(share, {"do": "create"})
    shown = browser.get(page).content.decode()
    (token,) = re.findall(r"/calendar/([\w-]{20,})\.ics", shown)
    address = reverse("calendar_feed", args=[token])
    assert token not in browser.get(page).content.decode()  # shown once
    answer = Client().get(address)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    body = answer.content.decode().replace("\r\n ", "")
    assert "SUMMARY:Spring fair" in body
    assert "DTSTART;VALUE=DATE:20120304" in body
    calendar.put_event(shop=shop, name="Launch", starts_on=date(2011, 9, 20), last_on=date(2011, 9, 20), actor_id=None)
    assert "SUMMARY:Launch" in Client().get(address).content.decode()
    browser.post(share, {"do": "create"})
    assert Client().get(address).status_code == 404
    browser.post(share, {"do": "revoke"})
    assert calendar.link_of(token) is None


def test_own_events_over_the_api(shop, owner):
    call = caller(shop, owner)
    body = {"name": "Launch", "starts_on": "2011-09-20", "last_on": "2011-09-21", "lead_in_days": 5}
    made = call("POST", "/shops/gifts/calendar/events", body)
    assert (made.status_code, made.json()["name"]) == (201, "Launch")
    path = f"/shops/gifts/calendar/events/{made.json()['id']}"
    assert call("PUT", path, body | {"last_on": "2011-09-22"}).json()["last_on"] == "2011-09-22"
    (shown,) = call("GET", "/shops/gifts/calendar/events").json()
    for method, address in (("PUT", path), ("POST", "/shops/gifts/calendar/events")):
        again = call(method, address, shown)
        assert (again.status_code, again.json()) == (200, shown), "what was shown may be sent back, and changes nothing"
    other = shown | {"id": shown["id"] + 1}
    assert call("PUT", path, other).json()["code"] == "other_event"
    assert call("POST", "/shops/gifts/calendar/events", other).status_code == 404
    events = call("GET", "/shops/gifts/calendar?year=2011").json()["events"]
    assert [(e["start"], e["end"]) for e in events if e["event"] == "Launch"] == [("2011-09-20", "2011-09-23")]
    assert b"SUMMARY:Launch" in call("GET", "/shops/gifts/calendar.ics?year=2011").content
    assert call("POST", "/shops/gifts/calendar/events", body | {"name": ""}).status_code == 422
    assert call("DELETE", path).status_code == 204
    assert call("DELETE", path).json()["code"] == "unknown_own_event"
    assert call("GET", "/shops/gifts/calendar/events").json() == []


def _prices(shop, tmp_path):
    rows = [("A1", "2011-06-01", "20.00"), ("A1", "2011-08-10", "15.00"), ("A1", "2011-08-20", "18.00")]
    take_in(shop, write(tmp_path / "prices.csv", rows, ("SKU", "Valid from", "Price")))


def test_the_prior_price_of_a_planned_promotion(shop, tmp_path):
    _prices(shop, tmp_path)
    ask = {"shop": shop, "product": "A1", "starts_on": date(2011, 9, 1), "market": "RO"}
    low = promotion.check(price=Decimal("12.00"), **ask)
    assert (low.ruling.verdict, low.ruling.prior.amount, low.ruling.prior.on) == (
        Verdict.ALLOWED,
        Decimal("15.00"),
        date(2011, 8, 19),
    )
    assert low.ruling.rate == Decimal("0.2")
    assert promotion.check(price=Decimal("15.00"), **ask).ruling.verdict == Verdict.NOT_LOWER
    assert promotion.check(price=Decimal("9"), **ask | {"starts_on": date(2011, 6, 5)}).ruling.verdict == Verdict.UNSURE
    assert promotion.check(price=Decimal("9"), **ask | {"product": "B"}).ruling.verdict == Verdict.NO_PRICE
    assert promotion.check(price=Decimal("9"), **ask | {"market": "US"}).ruling.verdict == Verdict.NO_RULE
    with pytest.raises(promotion.PromotionPriceError):
        promotion.check(price=Decimal(0), **ask)


def test_without_a_list_the_prices_that_it_sold_for_tell(shop, lake):
    ledger_rows.put(lake)
    found = promotion.check(shop=shop, product="mug", price=Decimal("3.00"), starts_on=date(2011, 9, 1), market="IE")
    assert (found.ruling.verdict, found.is_sold) == (Verdict.UNSURE, True)
    assert found.prices == [(date(2011, 7, 30), Decimal("15.50"))]


def test_the_page_and_the_api_say_which_day_sets_the_prior_price(shop, owner, browser, tmp_path):
    _prices(shop, tmp_path)
    query = "?product=A1&price=12.00&starts_on=2011-09-01&market=RO"
    page = browser.get(reverse("prior_price", args=[shop.slug]) + query).content.decode()
    assert "The prior price is £15.00, set by" in page
    assert re.search(r"At £12.00 that is 20(\.0)?% off\.", page)
    wrong = browser.get(reverse("prior_price", args=[shop.slug]) + "?product=A1&price=x&starts_on=2011-09-01")
    assert wrong.status_code == 400
    told = caller(shop, owner)("GET", "/shops/gifts/calendar/prior-price" + query).json()
    assert (told["verdict"], told["prior_price"], told["set_on"]) == ("allowed", "15.000000", "2011-08-19")
    assert (told["discount_rate"], told["days_known"]) == ("0.2000", 30)


def test_the_command_prints_the_shops_own_events(shop, fair, capsys):
    assert main.run(["calendar", "--shop", "gifts", "--year", "2011", "--no-holidays", "--format", "json"]) == 0
    rows = {row["event"]: row for row in json.loads(capsys.readouterr().out)}
    assert (rows["Spring fair"]["start"], rows["Spring fair"]["last"]) == ("2011-03-04", "2011-03-06")
    assert "black_friday" in rows
    abroad = ["calendar", "--shop", "gifts", "--country", "FR", "--year", "2011", "--format", "ics"]
    assert main.run(abroad) == 0
    assert "Spring fair" not in capsys.readouterr().out
    assert main.run(["calendar", "--year", "2011"]) == 2
