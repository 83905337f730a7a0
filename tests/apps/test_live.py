"""A day live: pace by hour on paper, what the pages and the API say of it, and what was known of a plan back then."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import ledger_rows
import pyarrow as pa
import pytest
from test_api import caller

import tiny_plan
from topline.facts.table import tables
from topline.lake import read
from topline.lake.scope import Scope
from topline.plans import event_day, progress
from topline.plans import jobs as plan_jobs
from topline.plans.models import Kind
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.once]

BLACK_FRIDAY, BEFORE = date(2026, 11, 27), date(2025, 11, 28)
NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
RECORDED = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.fixture
def fridays(shop):
    """Fridays bring 400 by ten and 600 at three, Black Friday 2025 four thousand and one; noon of the next one."""
    morning = [(BEFORE - timedelta(weeks=k), "400") for k in range(1, 10)] + [(BEFORE, "4000")]
    morning += [(BLACK_FRIDAY - timedelta(weeks=k), "400") for k in range(1, 36)] + [(BLACK_FRIDAY, "3000")]
    late = {"400": "600", "4000": "1000", "3000": "9999"}
    for hour, batch in ((10, "morning"), (15, "late")):
        sales = [
            (f"{on}-{hour}", on, "GB", amount if hour == 10 else late[amount]) for on, amount in dict(morning).items()
        ]
        ledger_rows.put(shop.lake(), sales, batch, now=RECORDED, hour=hour)
    row = {
        "key": "t", "version": 1, "recorded_at": RECORDED, "batch_id": "late", "plan_version": "1.1",
        "metric": "net_sales", "on": BLACK_FRIDAY, "amount": Decimal(6000),
    }  # fmt: skip
    shop.lake().append("target", [pa.RecordBatch.from_pylist([row], tables()["target"].schema)], batch_id="late")
    shop.lake().publish(now=RECORDED)
    shop.clock_on = BLACK_FRIDAY
    shop.save()
    return shop


def look(shop):
    scope, snapshot = Scope.whole(shop.slug), shop.lake().latest()
    return event_day.look(shop, BLACK_FRIDAY, shop.now(), scope=scope, snapshot=snapshot)


def test_noon_of_black_friday_on_paper(fridays):
    found = look(fridays)
    day = found.day
    assert found.event.event == "black_friday"
    assert (day.elapsed, day.actual, day.orders, day.target) == (12, 3000, 1, 6000)  # what comes at three isn't in
    assert (day.events, day.similar, day.before_on, day.before) == (1, 8, BEFORE, 4000)
    # last year's event counts three times, eight Fridays once: 80 % and 40 % of those days were in by noon
    share = (3 * 0.8 + 8 * 0.4) / 11
    assert day.due.mean == pytest.approx(6000 * share)
    assert day.due.low < 3000 < day.due.high
    # five times a Friday is usual for the event; what is in says about as much, so the day ends near it
    assert day.finish.mean == pytest.approx(3000 + 5000 * (1 - share), rel=0.25)
    assert 0.1 < day.chance < 0.6
    hours = {hour.hour: hour for hour in day.hours}
    assert (hours[10].actual, hours[11].actual, hours[13].actual) == (0, 3000, None)
    assert (hours[24].before, hours[24].due.mean) == (5000, pytest.approx(6000))


def test_an_ordinary_day_without_a_plan_or_a_past(shop):
    scope = Scope.whole(shop.slug)
    ledger_rows.put(shop.lake())
    found = event_day.look(shop, date(2011, 8, 31), shop.now(), scope=scope, snapshot=shop.lake().latest()).day
    assert (found.actual, found.elapsed, found.target, found.chance, found.finish) == (40, 24, None, None, None)
    assert read.NOWHERE.number == 0


def test_a_shop_that_gave_back_more_than_it_sold(shop):
    """Last Thursday brought 20 by ten and 20 at three, the one before took 50 back; it is Thursday noon."""
    thursday = shop.today() - timedelta(weeks=1)
    ledger_rows.put(
        shop.lake(), [("a", thursday, "GB", "20"), ("b", thursday - timedelta(weeks=1), "GB", "-50")], hour=10
    )
    ledger_rows.put(shop.lake(), [("c", thursday, "GB", "20")], "late", hour=15)
    scope = Scope.whole(shop.slug)
    found = event_day.look(shop, shop.today(), shop.now(), scope=scope, snapshot=shop.lake().latest()).day
    assert (found.elapsed, found.actual, found.similar) == (12, 0, 1)
    assert 0 < found.finish.low < found.finish.mean < 20  # half a day is left, and nothing is in yet


def test_its_doors(fridays, owner, client):
    client.force_login(owner)
    page = client.get("/shop/gifts/today/live").content.decode()
    for said in ("Black Friday", "On pace: £3,000 is in", "1 earlier year of the event", "Chance to make £6,000"):
        assert said in page
    again = re.search(r'hx-get="([^"]+live[^"]+)"', page)[1].replace("&amp;", "&")
    headers = {"HX-Request": "true"}
    assert client.get(again, headers=headers).status_code == 204  # nothing is new
    ledger_rows.put(fridays.lake(), [("new", BLACK_FRIDAY, "GB", "111")], "new", now=NOON, hour=11)
    assert "£3,111" in client.get(again, headers=headers).content.decode()
    assert "£3,111" in client.get("/shop/gifts/today/live?screen").content.decode()
    call = caller(fridays, owner)
    told = call("GET", "/shops/gifts/live").json()
    assert (told["event"], told["actual"], told["orders"], len(told["hours"])) == ("black_friday", 3111, 2, 24)
    week_before = f"/shops/gifts/live?on={BLACK_FRIDAY - timedelta(weeks=1)}"
    assert call("GET", week_before).json()["before"] == 1000
    ledger_rows.put(fridays.lake(), [("old", BLACK_FRIDAY - timedelta(weeks=2), "GB", "50")], "old", now=NOON, hour=11)
    assert call("GET", week_before).json()["before"] == 1050  # that day is over, so all that came since counts


def test_a_plan_shows_what_was_known_back_then(shop, owner, client, settings, tmp_path):
    settings.HOME = tmp_path
    on, past = date(2026, 10, 7), date(2025, 10, 7)
    ledger_rows.put(shop.lake(), [("a", on, "GB", "100"), ("b", past, "GB", "80")], "first", now=RECORDED)
    late = datetime(2026, 12, 10, tzinfo=UTC)
    ledger_rows.put(shop.lake(), [("c", on, "GB", "50"), ("d", past, "GB", "7")], "late", now=late)
    version = tiny_plan.a_plan(shop, Kind.SALES, owner)
    version.goals.update(why=["why.set", {}])
    then = progress.of(version, date(2026, 12, 5), known_at=datetime(2026, 12, 6, tzinfo=UTC))
    now = progress.of(version, date(2026, 12, 5))
    for look, actual, before in ((then, 100, 80), (now, 150, 87)):
        assert (look.total.actual, look.total.last_year, look.total.last_year_to_date) == (actual, before, before)
        assert look.goals[0].line.actual == actual
        assert [line.actual for line in look.months] == [actual, 0]
        assert [line.last_year for line in look.months] == [before, 0]
        assert (look.days[-1].actual, look.days[-1].last_year) == (actual, before)
        assert sum(line.actual for line in look.markets + look.categories) in (0, actual)
    shop.clock_on = date(2026, 12, 5)
    shop.save()
    client.force_login(owner)
    address = f"/shop/gifts/plans/{version.plan_id}?then=2026-12-02"
    assert "Looking ahead" in client.get(address).content.decode()
    jobs.run_now(Job.objects.get(kind="plans.look"))
    assert "The clock of this shop is pinned" in client.get(address).content.decode()
    shop.clock_on = None
    assert plan_jobs.known_by(shop, date(2026, 10, 20)) == datetime(2026, 10, 20, 23, tzinfo=UTC)  # summer time
