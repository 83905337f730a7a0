"""Alerts: each rule against figures worked out from the sales themselves, and one event a bucket, whatever happens."""

from collections import Counter
from datetime import date, timedelta
from decimal import Decimal

import duckdb
import pytest

import plan_shop
from topline.accounts import operations as accounts
from topline.boards import alerts, jobs, operations
from topline.boards.models import AlertEvent
from topline.workbench.models import Job, Notification

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
