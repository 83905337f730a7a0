"""Events from calendar files: read by line, taken in once, taken back; and feeds of people and fronts."""

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from topline.cli import main
from topline.documents import ics
from topline.plans import calendar, document
from topline.plans.models import EventImport, Goal, OwnEvent, Plan, PlanVersion
from topline.team.models import Member

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)

FILE = b"""BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:fair@example.org
SUMMARY:Spring fair
 \x20in Bath
DTSTART;VALUE=DATE:20270304
DTEND;VALUE=DATE:20270307
CATEGORIES:Lamps,Rugs
RRULE:FREQ=YEARLY
END:VEVENT
BEGIN:VEVENT
UID:launch@example.org
SUMMARY:Launch
DTSTART:20270410T223000Z
DTEND:20270410T233000Z
END:VEVENT
BEGIN:VEVENT
UID:nameless@example.org
DTSTART;VALUE=DATE:20270304
END:VEVENT
BEGIN:VEVENT
UID:broken@example.org
SUMMARY:Broken
DTSTART:soon
END:VEVENT
BEGIN:VEVENT
UID:back@example.org
SUMMARY:Backwards
DTSTART;VALUE=DATE:20270304
DTEND;VALUE=DATE:20270301
END:VEVENT
BEGIN:VEVENT
UID:meet@example.org
SUMMARY:Market day
DTSTART;VALUE=DATE:20270504
RRULE:FREQ=MONTHLY;COUNT=3
END:VEVENT
BEGIN:VEVENT
UID:off@example.org
SUMMARY:Called off
STATUS:CANCELLED
DTSTART;VALUE=DATE:20270504
END:VEVENT
END:VCALENDAR
"""


def take(shop, raw=FILE):
    return calendar.import_events(shop=shop, raw=raw, name="fairs.ics", actor_id=None, now=NOW)


def told(lines):
    return [(line.line, line.name, line.outcome) for line in lines]


def test_events_are_read_by_line_and_the_wrong_ones_told(shop):
    shop.timezone = "Europe/London"
    lines = take(shop)
    assert told(lines) == [
        (3, "Spring fair in Bath", "new"), (12, "Launch", "new"), (18, "", "wrong"), (22, "", "wrong"),
        (27, "", "wrong"), (33, "Market day", "new"), (39, "Called off", "absent"),
    ]  # fmt: skip
    fair = OwnEvent.objects.get(uid="fair@example.org")
    assert (fair.starts_on, fair.last_on, fair.is_yearly, fair.categories) == (
        date(2027, 3, 4), date(2027, 3, 6), True, ["Lamps", "Rugs"],
    )  # fmt: skip
    launch = OwnEvent.objects.get(uid="launch@example.org")  # 23:30 to 00:30 in London's summer
    assert (launch.starts_on, launch.last_on) == (date(2027, 4, 10), date(2027, 4, 11))
    assert "only its first days" in str(lines[5].note)
    assert "no name" in str(lines[2].note)


def test_the_same_file_again_changes_nothing_and_a_newer_one_what_it_changed(shop):
    calendar.put_event(
        shop=shop, name="Mine", starts_on=date(2027, 1, 1), last_on=date(2027, 1, 1), actor_id=None, lead_in_days=3
    )
    take(shop)
    before = list(OwnEvent.objects.order_by("pk").values())
    assert {line.outcome for line in take(shop)} == {"same", "wrong", "absent"}
    assert list(OwnEvent.objects.order_by("pk").values()) == before
    newer = FILE.replace(b"20270304\nDTEND;VALUE=DATE:20270307", b"20270311\nDTEND;VALUE=DATE:20270314")
    newer = newer.replace(b"SUMMARY:Launch\n", b"SUMMARY:Launch\nSTATUS:CANCELLED\n")
    preview = calendar.preview(shop, newer)
    assert list(OwnEvent.objects.order_by("pk").values()) == before
    assert told(take(shop, newer)) == told(preview)
    assert [line.outcome for line in preview[:2]] == ["changed", "gone"]
    assert calendar.undo_import(shop=shop, actor_id=None, now=NOW) == 2
    kept = OwnEvent.objects.exclude(uid="launch@example.org").order_by("pk").values()
    assert list(kept) == [one for one in before if one["uid"] != "launch@example.org"]
    assert OwnEvent.objects.get(uid="launch@example.org").starts_on == date(2027, 4, 10)
    assert calendar.undo_import(shop=shop, actor_id=None, now=NOW) == 3
    assert OwnEvent.objects.get().name == "Mine"
    with pytest.raises(calendar.NothingToUndoError):
        calendar.undo_import(shop=shop, actor_id=None, now=NOW)


def test_taking_back_leaves_what_people_changed_since(shop):
    take(shop)
    OwnEvent.objects.filter(uid="launch@example.org").update(lead_in_days=20)
    assert calendar.undo_import(shop=shop, actor_id=None, now=NOW) == 2
    assert OwnEvent.objects.get().lead_in_days == 20


def test_what_is_no_calendar_or_too_large_is_refused(shop):
    with pytest.raises(ics.NoCalendarError):
        take(shop, b"name,day\nx,y")
    with pytest.raises(ics.LargeCalendarError):  # whatever it holds
        take(shop, b" " * (ics.MOST_BYTES + 1))
    many = b"BEGIN:VCALENDAR\n" + b"BEGIN:VEVENT\nEND:VEVENT\n" * (ics.MOST_EVENTS + 1)
    with pytest.raises(ics.LargeCalendarError):
        take(shop, many)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(0, 800), st.integers(1, 30), st.text("abc ,;\\\n", min_size=1, max_size=12))))
def test_what_is_written_is_read_again(spans):
    entries = [
        ics.Entry(
            uid=f"u{k}", summary=f"E{k} {name}", start=date(2026, 1, 1) + timedelta(days=first),
            end=date(2026, 1, 1) + timedelta(days=first + days),
        )
        for k, (first, days, name) in enumerate(spans)
    ]  # fmt: skip
    found, wrong = ics.read(ics.feed(entries, name="x", now=NOW), UTC)
    assert wrong == []
    assert [(one.uid, one.start, one.end, one.summary) for one in found] == [
        (one.uid, one.start, one.end, " ".join(one.summary.split())) for one in entries
    ]


def test_the_page_shows_what_would_change_then_does_it(shop, owner):
    browser = Client()
    browser.force_login(owner)
    page = reverse("calendar_import", args=["gifts"])
    shown = browser.post(page, {"do": "preview", "pasted": FILE.decode()}).content.decode()
    assert ("3 events would change" in shown, OwnEvent.objects.count()) == (True, 0)
    assert browser.post(page, {"do": "import", "pasted": FILE.decode(), "name": "fairs.ics"}).status_code == 302
    assert OwnEvent.objects.count() == 3
    assert "fairs.ics" in browser.get(page).content.decode()
    browser.post(page, {"do": "undo"})
    assert not OwnEvent.objects.exists()
    assert browser.post(page, {"do": "preview", "pasted": "x"}).status_code == 400


def test_the_command_takes_a_file_in_and_back(shop, tmp_path, capsys):
    path = tmp_path / "fairs.ics"
    path.write_bytes(FILE)
    assert main.run(["calendar", "import", str(path), "--shop", "gifts", "--preview", "--format", "json"]) == 4
    assert (len(json.loads(capsys.readouterr().out)), EventImport.objects.count()) == (7, 0)
    assert main.run(["calendar", "import", str(path), "--shop", "gifts"]) == 4
    assert OwnEvent.objects.count() == 3
    assert main.run(["calendar", "undo", "--shop", "gifts"]) == 0
    assert not OwnEvent.objects.exists()


def test_feeds_of_a_person_and_of_a_front(shop, owner, member):
    plan = Plan.objects.create(
        shop=shop, kind="both", title="Now", starts_on=shop.today().replace(day=1), currency="GBP", owner=owner,
        ends_on=shop.today() + timedelta(days=200), created_at=NOW,
    )  # fmt: skip
    version = PlanVersion.objects.create(plan=plan, number=1, as_of=shop.today(), snapshot=0, created_at=NOW)
    day = str(shop.today())

    def add(field, **values):
        return document.add_row(version=version, field=field, values=values, actor=owner, now=NOW)

    front = add("8.fronts", name="Search")
    add("8.actions", name="Ads", front=front.key, starts_on=day, ends_on=day)
    add("24.reviews", name="Look back", on=day, owner=owner.pk)
    Goal.objects.create(
        version=version, key="net_sales/Lamps", metric="net_sales", scope={"category": "Lamps"}, target=1, owner=owner,
        starts_on=shop.today(), due_on=shop.today(),
    )  # fmt: skip
    browser = Client()
    browser.force_login(owner)
    share, page = (reverse(name, args=["gifts"]) for name in ("calendar_share", "calendar"))

    def address(of):
        browser.post(share, {"do": "create", "of": of})
        (token,) = re.findall(r"/calendar/([\w-]{20,})\.ics", browser.get(page).content.decode())
        return reverse("calendar_feed", args=[token])

    mine, search = address("me"), address(f"front:{front.key}")
    body = Client().get(mine).content.decode()
    assert ("Look back" in body, "Ads" in body, "Spring" in body) == (True, False, False)
    assert "SUMMARY:Net sales · Lamps" in body
    body = Client().get(search).content.decode()
    assert ("Look back" in body, "SUMMARY:Ads" in body) == (False, True)
    Member.objects.create(shop=shop, name="O", user=owner, role="Lead", team="Web", created_at=NOW)
    web = Client().get(address("team:Web")).content.decode()
    assert ("Look back" in web, "SUMMARY:Ads" in web) == (True, False)
    renewed = address("me")
    assert (Client().get(mine).status_code, Client().get(renewed).status_code) == (404, 200)
    owner.membership_set.all().delete()
    assert Client().get(renewed).status_code == 404  # who left sees nothing more
    assert Client().get(search).status_code == 200


def test_a_person_shares_their_own_dates_but_not_the_shops(shop, member):
    from topline.accounts.permissions import Role

    client = Client()
    client.force_login(member(Role.REP))
    share = reverse("calendar_share", args=["gifts"])
    assert client.post(share, {"do": "create", "of": "me"}).status_code == 302
    assert client.post(share, {"do": "create", "of": ""}).status_code == 403
