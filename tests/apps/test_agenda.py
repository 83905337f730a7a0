"""Everything with a date in one calendar: what it shows to whom, and what moving does."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from topline.plans import agenda, calendar, content, document, operations
from topline.plans.models import Goal, OwnEvent, Plan, PlanVersion, State
from topline.team import operations as team
from topline.units.errors import PeriodError
from topline.units.period import Period

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
SPRING = Period(date(2027, 1, 1), date(2027, 7, 1))


def day(text: str, days: int = 1) -> Period:
    first = date.fromisoformat(text)
    return Period(first, first + timedelta(days=days))


@pytest.fixture
def version(shop, owner):
    plan = Plan.objects.create(
        shop=shop, kind="both", title="Spring", starts_on=SPRING.start, ends_on=SPRING.end, currency="GBP", owner=owner,
        created_at=NOW,
    )  # fmt: skip
    return PlanVersion.objects.create(
        plan=plan, number=1, as_of=date(2026, 10, 1), snapshot=0, created_at=NOW, blocks=["Lamps"], markets=["GB", "RO"]
    )


@pytest.fixture
def add(version, owner):
    return lambda field, **values: document.add_row(version=version, field=field, values=values, actor=owner, now=NOW)


@pytest.fixture
def sale(add):
    return add("11.promotions", name="Sale", starts_on="2027-03-01", ends_on="2027-03-05")


@pytest.fixture
def browser(owner):
    client = Client()
    client.force_login(owner)
    return client


def listed(shop, version, *layers):
    found = agenda.items(shop, SPRING, versions=[version], markets=["GB", "RO"], layers=layers or agenda.USUAL)
    return {(one.layer, one.title or one.label): one for one in found}


def test_all_that_has_a_date_is_there(shop, owner, version, add, sale):
    add("10.pieces", name="Film", type="video", promotion=sale.key, status="idea", owner=owner.pk)
    front = add("8.fronts", name="Search")
    add("8.actions", name="Ads", front=front.key, starts_on="2027-03-01", ends_on="2027-03-31", owner=owner.pk)
    ana = team.keep_member(shop=shop, values={"name": "Ana", "role": "Owner", "user": owner.pk}, actor_id=None)
    team.keep_training(shop=shop, values={"name": "Course", "on": "2027-02-02", "attendees": [ana.pk]}, actor_id=None)
    add("10.audit", scope="Old pages", cadence="monthly", on="2027-01-31")
    Goal.objects.create(
        version=version, key="g", metric="net_sales", target=1, starts_on=SPRING.start, due_on=date(2027, 6, 30)
    )
    calendar.put_event(
        shop=shop, name="Fair", starts_on=date(2027, 3, 4), last_on=date(2027, 3, 6), actor_id=None, is_closed=True
    )
    found = listed(shop, version)
    assert found["promotion", "Sale"].period == day("2027-03-01", 5)
    assert found["promotion", "Sale"].prepare_on == date(2027, 2, 15)
    film = found["content", "Film"]  # a week before the sale; briefed four weeks before that
    assert (film.start, film.prepare_on, film.people) == (date(2027, 2, 22), date(2027, 1, 25), (owner.pk,))
    deadlines = {one.status: one.start for one in agenda.items(
        shop, SPRING, versions=[version], markets=[], layers=("deadline",))}  # fmt: skip
    assert deadlines == {
        "Briefed": date(2027, 1, 25), "In work": date(2027, 2, 1), "Ready": date(2027, 2, 17),
    }  # fmt: skip
    assert (found["action", "Ads"].front, found["action", "Ads"].period.days) == (front.key, 31)
    assert found["training", "Course"].people == (owner.pk,)
    assert found["review", "Old pages"].start == date(2027, 1, 31)
    assert found["goal", ""].start == date(2027, 6, 30)
    assert found["own", "Fair"].period == day("2027-03-04", 3)
    mothers = [one for one in agenda.items(shop, SPRING, versions=[], markets=["GB", "RO"], layers=("retail",))
               if one.occurrence.event == "mothers_day"]  # fmt: skip
    assert [(one.start, one.countries) for one in mothers] == [
        (date(2027, 3, 7), ("GB",)), (date(2027, 5, 2), ("RO",)),
    ]  # fmt: skip


def test_a_promotion_may_follow_its_event(shop, version, add, owner):
    row = add("11.promotions", name="For mothers", event="mothers_day", market="RO")
    abroad = add("11.promotions", name="For British mothers", event="mothers_day")
    assert listed(shop, version)["promotion", "For mothers"].period == day("2027-05-02")
    assert listed(shop, version)["promotion", "For British mothers"].period == day("2027-03-07")
    calendar.put_event(
        shop=shop, name="Mothers", dates="mothers_day", starts_on=date(2027, 3, 14), last_on=date(2027, 3, 14),
        actor_id=None,
    )  # fmt: skip
    assert listed(shop, version)["promotion", "For British mothers"].start == date(2027, 3, 14)
    move = {"shop": shop, "id_": f"{version.pk}:11.promotions:{row.key}", "actor": owner, "now": NOW}
    moved = agenda.move(was=day("2027-05-02"), to=day("2027-04-25", 3), **move)
    assert moved.followed
    assert listed(shop, version)["promotion", "For mothers"].period == day("2027-04-25", 3)
    agenda.move(was=moved.now, to=moved.was, follows=True, **move)
    row.refresh_from_db()
    assert "starts_on" not in row.cells
    assert abroad.cells["event"] == "mothers_day"


def test_events_of_other_goods_stand_apart(shop, version, add):
    from topline.catalog.models import Product

    everything = {one.occurrence.event for one in listed(shop, version, "retail").values()}
    Product.objects.create(shop=shop, code="1", fact_key="1", category="Toys and gifts")
    ours = {one.occurrence.event for one in listed(shop, version, "retail").values()}
    others = {one.occurrence.event for one in listed(shop, version, "other").values()}
    assert {"valentines_day", "mothers_day"} <= ours < everything
    assert everything == ours | others


def test_what_hangs_on_a_promotion_moves_along_and_back(shop, version, owner, add, sale):
    teaser = add("10.pieces", name="Teaser", type="social", promotion=sale.key, on="2027-02-20", status="idea")
    done = add("10.pieces", name="Done", type="social", promotion=sale.key, on="2027-02-10", status="published")
    ask = {"shop": shop, "id_": f"{version.pk}:11.promotions:{sale.key}", "actor": owner, "now": NOW}
    moved = agenda.move(was=day("2027-03-01", 5), to=day("2027-03-08", 5), **ask)
    assert moved.along == ["Teaser"]
    teaser.refresh_from_db()
    done.refresh_from_db()
    assert (teaser.cells["on"], done.cells["on"]) == ("2027-02-27", "2027-02-10")
    with pytest.raises(agenda.StaleMoveError, match="2027-03-08"):  # somebody who still saw it on the 1st
        agenda.move(was=day("2027-03-01", 5), to=day("2027-04-01", 5), **ask)
    agenda.move(was=moved.now, to=moved.was, **ask)
    teaser.refresh_from_db()
    sale.refresh_from_db()
    assert (teaser.cells["on"], sale.cells["starts_on"], sale.cells["ends_on"]) == (
        "2027-02-20", "2027-03-01", "2027-03-05",
    )  # fmt: skip


def test_what_can_not_be_moved_says_why(shop, version, owner, sale, add):
    ask = {"shop": shop, "actor": owner, "now": NOW, "was": day("2027-03-01", 5)}
    id_ = f"{version.pk}:11.promotions:{sale.key}"
    with pytest.raises(Exception, match="The plan runs from"):
        agenda.move(id_=id_, to=day("2027-08-01"), **ask)
    for wrong in ("own:1", "own:x", "x", f"{version.pk}:11.promotions:no", f"{version.pk}:goal:no", "0:goal:no"):
        with pytest.raises(agenda.UnknownItemError):
            agenda.move(id_=wrong, to=day("2027-04-01"), **ask)
    dateless = add("8.actions", name="Some day", front="f")
    with pytest.raises(agenda.UnmovableError):
        agenda.move(id_=f"{version.pk}:8.actions:{dateless.key}", to=day("2027-04-01"), **ask)
    PlanVersion.objects.filter(pk=version.pk).update(state=State.ACTIVE)
    with pytest.raises(operations.PlanLockedError):
        agenda.move(id_=id_, to=day("2027-04-01"), **ask)


def test_the_page_shows_moves_and_takes_back(shop, browser, version, sale):
    address, item = reverse("calendar", args=["gifts"]), reverse("calendar_item", args=["gifts"])
    for style in ("list", "gantt", "month", "week"):
        page = browser.get(f"{address}?calendar_as={style}&year=2027&on=2027-03-01").content.decode()
        assert ("Sale" in page) == (style in ("list", "gantt")), style
    query = f"{address}?format=json&from=2027-02-22&to=2027-04-05&calendar_as=month"
    events = {each["id"]: each for each in browser.get(query).json()["events"]}
    id_ = f"{version.pk}:11.promotions:{sale.key}"
    assert (events[id_]["start"], events[id_]["end"], events[id_]["editable"]) == ("2027-03-01", "2027-03-06", True)
    assert 'value="2027-03-05"' in browser.get(item, {"id": id_}).content.decode()
    form = {"id": id_, "was_first": "2027-03-01", "was_last": "2027-03-05", "to_first": "2027-03-02"}
    told = browser.post(item, form | {"to_last": "2027-03-06"}, headers={"HX-Request": "true"}).json()
    stale = browser.post(item, form, headers={"HX-Request": "true"})
    assert (stale.status_code, "Somebody else moved" in stale.json()["error"]) == (409, True)
    assert browser.post(item, form | {"to_first": "x"}).status_code == 409
    browser.post(item, told["undo"])
    page = browser.get(f"{address}?calendar_as=list&year=2027&layer=promotion").content.decode()
    assert "Undo" in page
    assert "Sale" in page
    sale.refresh_from_db()
    assert sale.cells["starts_on"] == "2027-03-01"
    assert browser.get(f"{address}?format=json&from=2027-01-01&to=2029-04-05").status_code == 400
    assert browser.get(f"{address}?calendar_as=gantt&on=9999-12-01").status_code == 200
    assert b"BEGIN:VEVENT" in browser.get(f"{address}?format=ics&year=2027").content


def test_an_own_event_moves_with_its_length(shop, owner, browser):
    event = calendar.put_event(
        shop=shop, name="Fair", starts_on=date(2026, 3, 4), last_on=date(2026, 3, 6), is_yearly=True, actor_id=None
    )
    agenda.move(
        shop=shop, id_=f"own:{event.pk}", was=day("2028-03-04", 3), to=day("2028-03-05", 3), actor=owner, now=NOW
    )
    kept = OwnEvent.objects.get()
    assert (kept.starts_on, kept.last_on) == (date(2026, 3, 5), date(2026, 3, 7))
    page = browser.get(reverse("calendar_item", args=["gifts"]), {"id": f"own:{event.pk}"})
    assert page.status_code == 200


@pytest.mark.parametrize(("first", "end"), [("1800-01-01", "1800-02-01"), ("2000-01-01", "2090-01-01")])
def test_days_that_no_calendar_shows_are_refused(shop, first, end):
    with pytest.raises(PeriodError):
        agenda.items(shop, Period(date.fromisoformat(first), date.fromisoformat(end)), versions=[], markets=["GB"])


def test_an_event_on_the_last_day_of_all_would_break_every_calendar(shop):
    with pytest.raises(PeriodError):
        calendar.put_event(shop=shop, name="Never", starts_on=date.max, last_on=date.max, actor_id=None)


def test_many_things_are_read_by_as_many_queries_as_one(shop, owner, version, add, django_assert_num_queries):
    def fill(k: int) -> None:
        calendar.put_event(shop=shop, name=f"Fair {k}", starts_on=SPRING.start, last_on=SPRING.start, actor_id=None)
        row = add("11.promotions", name=f"For mothers {k}", event="mothers_day")
        add("10.pieces", name=f"Film {k}", type="video", promotion=row.key)
        Goal.objects.create(
            version=version, key=str(k), metric="net_sales", target=1, starts_on=SPRING.start, due_on=SPRING.last
        )

    fill(1)
    with CaptureQueriesContext(connection) as one:
        assert len(listed(shop, version, "own", "promotion", "content", "goal")) == 4
    fill(2)
    fill(3)
    with django_assert_num_queries(len(one)):
        assert len(listed(shop, version, "own", "promotion", "content", "goal")) == 10  # the goals have no title


def test_content_without_a_promotion_has_no_day():
    assert content.out_on({"promotion": "gone"}, {}) is None
