"""Alerts: each rule against figures worked out from the sales themselves, and one event a bucket, whatever happens."""

import json
import socket
import threading
from collections import Counter
from contextlib import suppress
from datetime import date, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer

import duckdb
import pyarrow as pa
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import plan_shop
from topline.accounts import operations as accounts
from topline.boards import alerts, jobs, operations
from topline.boards.models import Alert, AlertEvent
from topline.facts.table import tables
from topline.plans import approval, facts
from topline.plans import operations as plans
from topline.units.period import Period
from topline.web import mails
from topline.workbench import jobs as work
from topline.workbench import outgoing
from topline.workbench.models import Job, Notification

pytestmark = pytest.mark.once

TODAY = date(2026, 12, 15)


@pytest.fixture
def sold(shop, lake):
    """What the shop sold by day: {day: amount}."""
    sales = plan_shop.fill(lake, days=800)
    accounts.pin_clock(shop=shop, on=TODAY, actor_id=None)
    rows = duckdb.from_arrow(sales).aggregate("noon::DATE, sum(price::DECIMAL(18, 2))")
    return dict(rows.fetchall())


def days(n: int) -> list[date]:
    return [TODAY - timedelta(days=k) for k in range(n, 0, -1)]


def watch(shop, owner, rule="threshold", metric="net_sales", **given):
    question = {"metrics": [metric], "where": given.pop("where", [])}
    return operations.create_alert(shop=shop, owner=owner, name="Watch", rule=rule, question=question, **given)


def judge(alert):
    alert.refresh_from_db()
    return jobs.judge(alert, alert.shop.lake().latest())


def step(shop, on):
    accounts.pin_clock(shop=shop, on=on, actor_id=None)


def test_a_threshold_fires_when_it_is_crossed_and_once(shop, owner, sold):
    bound = Decimal(sorted(sold.get(day, 0) for day in days(30))[12])
    alert = watch(shop, owner, bound=bound)
    for day in days(30):
        step(shop, day + timedelta(days=1))
        alert.shop.refresh_from_db()
        for _ in range(2):
            judge(alert)
    below = {day: sold.get(day, 0) < bound for day in [*days(31)]}
    expected = [day for day in days(30) if below[day] and not below[day - timedelta(days=1)]]
    assert sorted(AlertEvent.objects.values_list("bucket", flat=True)) == expected
    assert len(expected) > 3
    assert Notification.objects.count() == len(expected)
    event = AlertEvent.objects.get(bucket=expected[0])
    assert (event.value, event.expected) == (sold.get(expected[0], 0), bound)


def weekly_forecast(on: date, low: float, mean: float, high: float) -> dict:
    """What the outlook publishes of a week, made on its first day."""
    shared = {"version": 1, "recorded_at": timezone.now(), "batch_id": "outlook", "run_key": f"{on}"}
    return shared | {
        "key": f"{on}",
        "metric": "units",
        "on": on,
        "grain": "week",
        "low": low,
        "mean": mean,
        "high": high,
        "level": 0.8,
        "as_of": on,
        "snapshot": 1,
        "model": "test",
    }


def test_an_outlook_that_misses_is_told_once(shop, owner, member, lake):
    """Two weeks came as forecast, the others don't: five misses of seven happen to one right forecast in 213."""
    sold = plan_shop.fill(lake, days=800)  # one unit a line
    weekly = dict(duckdb.from_arrow(sold).aggregate("date_trunc('week', noon)::DATE, count(*)").fetchall())
    weeks = [date(2026, 9, 14) + timedelta(days=7 * k) for k in range(9)]
    told = [weekly[on] * (1 if k < 2 else 2) for k, on in enumerate(weeks)]
    rows = [weekly_forecast(on, 0.9 * n, n, 1.1 * n) for on, n in zip(weeks, told, strict=True)]
    lake.append("forecast", [pa.RecordBatch.from_pylist(rows, tables()["forecast"].schema)], batch_id="outlook")
    lake.publish(now=timezone.now())
    manager, _rep = member("sales_manager"), member("rep")
    type(owner).objects.filter(pk=owner.pk).update(language="ro")
    for _ in range(2):
        jobs.judge_everywhere()
    alert = Alert.objects.get()
    assert alert.name == "Prognoza greșește"
    assert (alert.owner, alert.rule, alert.is_shared, alert.metric) == (owner, "drift", True, "units")
    for on in weeks:
        step(shop, on + timedelta(days=7))
        for _ in range(2):
            judge(Alert.objects.select_related("shop", "owner").get())
    event = AlertEvent.objects.get()
    assert (event.bucket, event.value, event.expected) == (weeks[6], weekly[weeks[6]], 2 * weekly[weeks[6]])
    assert (event.params["outside"], event.params["weeks"]) == (5, 7)
    assert sorted(Notification.objects.values_list("recipient_id", flat=True)) == [owner.pk, manager.pk]
    with pytest.raises(operations.AlertRuleError, match="whole shop"):
        watch(shop, owner, rule="drift", grain="week", side="either", where=["market=GB"])
    operations.end_alert(alert=alert, actor=owner, now=timezone.now())
    jobs.judge_everywhere()
    assert Alert.objects.count() == 1


def test_days_that_ended_while_nobody_looked_are_judged_too(shop, owner, sold):
    bound = Decimal(sorted(sold.get(day, 0) for day in days(30))[12])
    alert = watch(shop, owner, bound=bound)
    step(shop, days(20)[0])
    alert.shop.refresh_from_db()
    judge(alert)
    step(shop, TODAY)
    alert = alerts.Alert.objects.select_related("shop", "owner").get()
    judge(alert)
    found = Counter(AlertEvent.objects.values_list("bucket", flat=True))
    below = {day: sold.get(day, 0) < bound for day in days(40)}
    wanted = [day for day in days(22) if below[day] and not below[day - timedelta(days=1)]]
    assert set(found) == set(wanted)
    assert max(found.values()) == 1


def test_a_kill_between_judging_and_recording_doubles_nothing(shop, owner, sold, monkeypatch):
    sunday = date(2026, 12, 13)  # the shop is closed
    step(shop, sunday + timedelta(days=1))
    alert = watch(shop, owner, bound=Decimal(1), webhook="https://hooks.example.org/a")
    notify, calls = operations.inbox.notify, []

    def killed(**given):
        calls.append(given)
        notify(**given)
        if len(calls) < 4:
            raise SystemExit("killed")

    monkeypatch.setattr(operations.inbox, "notify", killed)
    for _ in range(3):
        with pytest.raises(SystemExit):
            judge(alert)
        assert not AlertEvent.objects.exists()
        assert not Notification.objects.exists()
        assert not Job.objects.exists()
    for _ in range(3):
        judge(alert)
    assert AlertEvent.objects.get().bucket == sunday
    assert Notification.objects.get().recipient_id == owner.pk
    assert Job.objects.get().kind == "boards.webhook"


def test_hidden_figures_are_trouble_not_news(shop, member, sold):
    alert = watch(shop, member("rep"), metric="gross_margin", bound=Decimal(1))
    judge(alert)
    alert.refresh_from_db()
    assert "may not see" in alert.trouble
    assert not AlertEvent.objects.exists()


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3), st.booleans()), min_size=3, max_size=8),
    rank=st.integers(3, 25),
)
def test_once_for_each_crossing_however_often_it_is_judged_and_killed(shop, owner, sold, steps, rank):
    """However the days pass, whatever is judged again or killed: the same events as of one look at each day."""
    Alert.objects.all().delete()
    Notification.objects.all().delete()
    start, notify = date(2026, 11, 2), operations.inbox.notify
    step(shop, start)
    bound = Decimal(sorted(sold.get(day, 0) for day in days(30))[rank])
    alert = watch(shop, owner, bound=bound)
    today = start
    with pytest.MonkeyPatch.context() as patch:
        for ahead, looks, is_killed in steps:
            today = min(today + timedelta(days=ahead), TODAY)
            step(shop, today)
            alert = Alert.objects.select_related("shop", "owner").get()

            def kill(**given):
                notify(**given)
                raise SystemExit("killed")

            if is_killed:
                patch.setattr(operations.inbox, "notify", kill)
                with suppress(SystemExit):
                    judge(alert)
                patch.setattr(operations.inbox, "notify", notify)
            for _ in range(looks):
                judge(alert)

    def is_below(day):
        return sold.get(day, 0) < bound

    first = start + timedelta(days=steps[0][0] - 1)
    judged = [first + timedelta(days=k) for k in range((today - first).days)]
    crossed = [day for day in judged if is_below(day) and not is_below(day - timedelta(days=1))]
    assert sorted(AlertEvent.objects.values_list("bucket", flat=True)) == crossed
    assert Notification.objects.count() == len(crossed)


def test_a_day_without_sales_is_unusual_unless_it_is_a_holiday(shop, owner, sold):
    """The sales end with the year: nothing on Friday 1 January, a holiday, and nothing on the day after."""
    alert = watch(shop, owner, rule="unusual", side="either")
    for day in (date(2027, 1, 1), date(2027, 1, 2), date(2027, 1, 3)):
        step(shop, day)
        judge(alert)
    event = AlertEvent.objects.get()
    assert (event.bucket, event.value) == (date(2027, 1, 2), 0)
    saturdays = sorted(float(sold[date(2026, 12, 26) - timedelta(weeks=k)]) for k in range(4))
    assert saturdays[0] * 0.6 < event.expected < saturdays[-1] * 1.2
    assert event.low > 0


@pytest.fixture
def plan(shop, owner, sold):
    """A plan of December in force, drafted on the first of it, and the snapshot that holds the sales."""
    shop.refresh_from_db()
    snapshot = shop.lake().latest()
    version = plans.draft_plan(
        shop=shop,
        period=Period(date(2026, 12, 1), date(2027, 1, 1)),
        as_of=date(2026, 12, 1),
        actor=owner,
        now=timezone.now(),
    )
    for move in (approval.submit, approval.approve, approval.activate):
        version = move(version=version, actor=owner, now=timezone.now())
    return version, snapshot


def test_a_goal_off_the_pace_of_its_season(shop, owner, sold, plan):
    version, snapshot = plan
    goal = version.goals.get(metric="net_sales", scope={})
    whole = alerts.due_of(goal, date(2027, 1, 1))
    assert whole == goal.target
    due = alerts.due_of(goal, TODAY)
    written = sum(minor for (metric, *_, on), minor in facts.by_day(version) if metric == "net_sales" and on < TODAY)
    assert due == pytest.approx(Decimal(written) / 100, abs=Decimal(1))  # the days of the lake are whole pennies
    actual = sum(amount for day, amount in sold.items() if date(2026, 12, 1) <= day < TODAY)
    shortfall = 1 - actual / due
    behind = watch(shop, owner, rule="off_pace", bound=round(shortfall, 4) - Decimal("0.001"))
    found = alerts.off_pace(behind, Period(TODAY - timedelta(days=1), TODAY), snapshot)
    assert (found.holds, found.value, found.expected) == (True, actual, due)
    ahead = watch(shop, owner, rule="off_pace", bound=round(shortfall, 4) + Decimal("0.001"))
    assert not alerts.off_pace(ahead, Period(TODAY - timedelta(days=1), TODAY), snapshot).holds


def test_without_a_goal_it_says_so(shop, owner, sold):
    alert = watch(shop, owner, rule="off_pace", bound=Decimal("0.05"))
    judge(alert)
    alert.refresh_from_db()
    assert "No plan in force" in alert.trouble


def crossed(shop, owner, **given):
    """An alert that fired on Sunday 13 December, and its event."""
    step(shop, date(2026, 12, 14))
    shop.refresh_from_db()
    alert = watch(shop, owner, bound=Decimal(1), **given)
    judge(alert)
    return alert, AlertEvent.objects.get()


def test_a_snoozed_alert_tells_nobody_and_keeps_its_history(shop, owner, sold):
    step(shop, date(2026, 12, 14))
    alert = watch(shop, owner, bound=Decimal(1))
    operations.snooze_alert(alert=alert, actor=owner, until=timezone.now() + timedelta(days=1))
    judge(alert)
    assert AlertEvent.objects.get().is_quiet
    assert not Notification.objects.exists()


def test_it_is_read_in_the_inbox(shop, owner, sold):
    alert, _ = crossed(shop, owner)
    client = Client()
    client.force_login(owner)
    inbox = reverse("inbox", args=[shop.slug])
    page = client.get(inbox).content.decode()
    assert "1 thing waits to be read" in page
    assert "Watch: £0.00 on 13 Dec 2026 is below £1.00." in page
    note = Notification.objects.get()
    assert client.post(inbox, {"note": note.pk})["Location"] == reverse("alert", args=[shop.slug, alert.pk])
    assert "All read" in client.get(inbox).content.decode()
    assert "13 Dec 2026" in client.get(reverse("alert", args=[shop.slug, alert.pk])).content.decode()


def test_who_is_told_of_a_shared_alert(shop, owner, member, sold):
    """Whose own scope covers the owner's: of a margin, the analyst and not the rep."""
    rep, analyst = member("rep"), member("analyst")
    alert = watch(shop, owner, metric="gross_margin", bound=Decimal("0.5"), is_shared=True)
    assert operations.told_of(alert) == [owner, analyst]
    client = Client()
    client.force_login(rep)
    assert client.get(reverse("alert", args=[shop.slug, alert.pk])).status_code == 404
    assert "Watch" not in client.get(reverse("alerts", args=[shop.slug])).content.decode()


def test_the_mail_names_itself_the_same_each_time(shop, owner, sold, settings, mailoutbox):
    settings.HAS_MAIL = True
    _, event = crossed(shop, owner)
    job = Job.objects.get(kind="boards.alert_mail")
    assert work.run_now(job).state == "done"
    mails.alert(event, owner).send()  # as after a kill between sending and noting
    first, second = mailoutbox
    assert first.extra_headers["Message-ID"] == second.extra_headers["Message-ID"]
    assert "£0.00 on 13 Dec 2026 is below £1.00" in first.body
    assert f"/shop/{shop.slug}/alerts/" in first.body


@pytest.fixture
def receiver():
    """A program that takes webhooks on loopback: what it got, and the status it answers with."""
    got, answers = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            got.append((self.headers["Idempotency-Key"], content))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}/hook", got, answers
    server.shutdown()
    server.server_close()


def test_a_webhook_is_called_again_until_it_takes_it(shop, owner, sold, settings, receiver):
    address, got, answers = receiver
    settings.PRIVATE_CALLS = True
    answers.append(503)
    _, event = crossed(shop, owner, webhook=address)
    assert work.run_now(Job.objects.get(kind="boards.webhook")).state == "failed"
    again = Job.objects.get(kind="boards.webhook", state="queued")
    assert again.due_at > timezone.now() + timedelta(seconds=30)
    Job.objects.filter(pk=again.pk).update(due_at=timezone.now())
    assert work.run_now(Job.objects.get(pk=again.pk)).state == "done"
    assert [key for key, _ in got] == [event.key, event.key]
    assert (got[0][1]["value"], got[0][1]["bucket"], got[0][1]["metric"]) == ("0.000000", "2026-12-13", "net_sales")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://[::1]/x",
        "http://10.1.2.3/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:192.168.0.1]/x",
        "http://[::127.0.0.1]/x",
        "http://[64:ff9b::10.1.2.3]/x",
        "http://[fec0::1]/x",
        "http://localhost/x",
        "http://0x7f000001/x",
        "https://100.64.0.1/x",
    ],
)
def test_private_networks_are_not_called(url):
    with pytest.raises(outgoing.PrivateAddressError):
        outgoing.post(url, {}, key="k")


def test_public_addresses_may_be_called():
    for url in ("http://[2606:4700::1111]/x", "http://[64:ff9b::1.1.1.1]/x", "http://1.1.1.1/x"):
        assert outgoing.check(url).hostname


@pytest.mark.parametrize("url", ["ftp://example.org/x", "nonsense", "http://user:pass@example.org/", "http://[::1/x"])
def test_what_is_no_address(url):
    with pytest.raises(outgoing.AddressError):
        outgoing.check(url)


def test_a_bucket_waits_for_its_data(shop, owner, sold):
    """A clock in real time: a day is judged only once something was recorded after it ended."""
    alert = watch(shop, owner, bound=Decimal(1))
    shop.clock_on = None
    alert.shop.clock_on = None
    snapshot = shop.lake().latest()
    today = snapshot.recorded_to.astimezone(shop.zone).date()
    ended = Period(today - timedelta(days=1), today)
    assert alerts._is_in(alert, ended, snapshot)
    assert not alerts._is_in(alert, Period(today, today + timedelta(days=1)), snapshot)


def test_who_answers_drop_by_drop_is_cut_off(settings, monkeypatch):
    settings.PRIVATE_CALLS = True
    monkeypatch.setattr(outgoing, "MOST_SECONDS", 0.3)
    is_over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            caller = server.accept()[0]
            with caller, suppress(OSError):
                while not is_over.wait(0.05):
                    caller.sendall(b"x")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        with pytest.raises(outgoing.CallError):
            outgoing.post(f"http://127.0.0.1:{server.getsockname()[1]}/", {}, key="k")
        is_over.set()
        thread.join(5)


def test_many_alerts_are_listed_by_as_many_queries_as_one(shop, owner, client, django_assert_num_queries):
    client.force_login(owner)
    address = f"/shop/{shop.slug}/alerts"
    watch(shop, owner, bound=Decimal(1), is_shared=True)
    client.get(address)
    with CaptureQueriesContext(connection) as one:
        client.get(address)
    for _ in range(3):
        watch(shop, owner, bound=Decimal(1), is_shared=True)
    with django_assert_num_queries(len(one)):
        client.get(address)


@pytest.mark.parametrize(("is_allowed", "said"), [(True, "may be called"), (False, "are refused")])
def test_the_form_says_whether_private_networks_are_called(shop, owner, client, settings, is_allowed, said):
    settings.PRIVATE_CALLS = is_allowed
    client.force_login(owner)
    assert f"Addresses of private networks {said}." in client.get("/shop/gifts/alerts/new").content.decode()
