"""Facts stream in between every step, and pages show what was made last while it is made anew behind."""

import shutil
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest

import plan_shop
from topline.facts.table import tables
from topline.journal import operations as journal
from topline.lake import read
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.plans import expectation, forecast, operations
from topline.plans.models import Goal
from topline.plans.renewal import EVERY
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAY = date(2026, 10, 1)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("renewal")
    plan_shop.fill(Lake(root, "gifts"), days=800)
    return root


@pytest.fixture
def version(shop, owner, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = DAY
    shop.save()
    return operations.draft_plan(shop=shop, period=Period.of_months(DAY, 3), as_of=DAY, actor=owner, now=shop.now())


@pytest.fixture
def sell(shop):
    """One more order in the lake; by name of the source that brought it, "" for what streams in."""
    sold = iter(range(1_000_000))

    def more(source: str = "") -> None:
        n, now, lake = next(sold), datetime.now(UTC), shop.lake()
        noon = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=UTC)
        row = {
            "key": f"new{n}", "version": 1, "recorded_at": now, "batch_id": f"new{n}", "order_key": f"new{n}",
            "kind": "goods_sold", "at": noon, "on": DAY, "hour": 13, "ordered_on": DAY, "product_key": "A1",
            "quantity": 1, "unit_price": 30, "amount": 30, "amount_shop": 30, "currency": "GBP", "rate": 1,
            "rate_is_event_day": False, "market": "GB", "customer_key": "c1", "is_over_refund": False,
        }  # fmt: skip
        journal.open_batch(shop="gifts", batch_id=f"new{n}", source=source or "stream", now=now)
        lake.append(
            "order_line", [pa.RecordBatch.from_pylist([row], tables()["order_line"].schema)], batch_id=f"new{n}"
        )
        journal.make_live(shop="gifts", batch_id=f"new{n}", now=datetime.now(UTC))
        Lake.publish(lake, hidden=(), now=now)

    return more


def work(sell) -> None:
    """A worker does all that waits, while orders go on coming in."""
    while job := jobs.claim():
        sell()
        jobs.perform(job)
        job.refresh_from_db()
        assert job.state == Job.State.DONE, job.message
        sell()


def later() -> None:
    """A quarter of an hour passes."""
    for job in Job.objects.all():
        for name in ("created_at", "started_at", "finished_at"):
            setattr(job, name, getattr(job, name) and getattr(job, name) - EVERY - timedelta(seconds=1))
        job.save()


def test_a_page_shows_the_last_check_while_facts_stream_in(version, client, owner, sell):
    client.force_login(owner)
    page = f"/shop/gifts/plans/{version.plan_id}/check"

    def look() -> str:
        sell()
        return client.get(page).content.decode()

    assert "Checking the plan" in look()
    assert client.get(page, headers={"HX-Request": "true"}).status_code == 204
    work(sell)
    for _ in range(2):
        shown = look()
        assert "chance to reach" in shown
        assert "Facts that came in since count" in shown
    assert Job.objects.count() == 1
    later()
    for _ in range(2):  # made anew behind, once
        assert "it is being made anew" in look()
    assert Job.objects.filter(state=Job.State.QUEUED, is_awaited=False).count() == 1
    assert Job.objects.count() == 2
    work(sell)
    assert "Facts that came in since count" in look()
    sell("file")  # somebody brings a file: at once
    assert "it is being made anew" in look()
    version.state = "active"
    version.save()  # other content than any check was made of: nothing to show but the new one
    assert "Checking the plan" in look()
    assert Job.objects.count() == 3
    work(sell)
    assert "chance to reach" in look()
    plan = f"/shop/gifts/plans/{version.plan_id}"
    sell()
    assert "Looking ahead" in client.get(plan).content.decode()
    work(sell)
    for _ in range(2):
        sell()
        assert "Facts that came in since count" in client.get(plan).content.decode()
    assert Job.objects.count() == 4


def test_what_failed_is_tried_again_by_a_person_or_after_a_rest(version, client, owner, sell):
    """Another order doesn't: each visit would fail anew."""
    client.force_login(owner)
    page = "/shop/gifts/outlook/budget"
    client.get(page)
    job = jobs.run_now(Job.objects.get(kind="plans.response"))
    assert job.state == Job.State.FAILED  # nobody knows any spend
    sell()
    assert "Try again" in client.get(page).content.decode()
    assert Job.objects.count() == 1
    client.get(f"{page}?again=1")
    assert Job.objects.count() == 2
    jobs.run_now(Job.objects.latest("pk"))
    later()
    client.get(page)
    assert Job.objects.count() == 3


def test_visits_that_stream_in_leave_forecasts_of_sales(version, shop, sell):
    """Each forecast stays as long as the facts that it was read from; what a process forgot, the next one finds."""
    lake = shop.lake()

    def visit(n: int) -> Snapshot:
        now, on = datetime.now(UTC), DAY - timedelta(days=100 - n)
        noon = datetime(on.year, on.month, on.day, 12, tzinfo=UTC)
        row = {"key": f"v{n}", "version": 1, "recorded_at": now, "batch_id": f"v{n}", "session_key": f"v{n}",
               "visitor_key": "v", "at": noon, "on": on, "hour": 13, "views": 1, "duration_seconds": 0, "carts": 0,
               "checkouts": 0, "orders": 0}  # fmt: skip
        journal.open_batch(shop="gifts", batch_id=f"v{n}", source="stream", now=now)
        rows = pa.RecordBatch.from_pylist([row], tables()["session"].schema)
        lake.append("session", [rows], batch_id=f"v{n}")
        journal.make_live(shop="gifts", batch_id=f"v{n}", now=datetime.now(UTC))
        return lake.publish(now=now)

    about = {
        "version": version,
        "starts_on": version.plan.starts_on,
        "due_on": version.plan.ends_on - timedelta(days=1),
    }
    sales, orders, visits = (Goal(metric=name, **about) for name in ("net_sales", "orders", "sessions"))

    def made(snapshot: Snapshot) -> list[bool]:
        amount = expectation.is_made(shop, "net_sales", version.plan.period, DAY, snapshot)
        return [amount, *(forecast.is_made(goal, DAY, snapshot) for goal in (sales, orders, visits))]

    for goal in (sales, orders, visits):
        forecast.of(goal, DAY, lake.latest())
    first = visit(0)
    assert made(first) == [True, True, True, False]  # the first visits age what looked for visits alone
    forecast.of(visits, DAY, first)
    read.forget()
    assert made(first) == [True] * 4
    assert made(visit(1)) == [True, True, True, False]
    assert forecast.of(visits, DAY, visit(2)).why.code == "forecast.short"
    sell()
    assert made(lake.latest()) == [False, False, False, True]
    assert made(first) == [True] * 4


def test_a_section_asks_once_for_all_processes(client, owner, version, monkeypatch):
    client.force_login(owner)
    asked = []
    answer = read.answer
    monkeypatch.setattr(read, "answer", lambda query, *rest: asked.append(query) or answer(query, *rest))
    page = f"/shop/gifts/plans/{version.plan_id}/document?section=16"
    shown = client.get(page).content
    assert asked
    read.forget()
    asked.clear()
    assert client.get(page).content.count(b"live-number") == shown.count(b"live-number")
    assert not asked
