"""Warming: a large shop's sums and purchases are made once for each snapshot, and not too often."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

import small_lake
from topline.accounts import warm
from topline.accounts.models import Shop
from topline.journal import operations as journal
from topline.lake import duck, partials, read
from topline.lake.scope import Scope
from topline.metrics.query import parse
from topline.workbench import jobs, maintenance
from topline.workbench.models import Job


def test_each_snapshot_is_warmed_once_and_then_rested(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "LEAST_ROWS", 1)
    lake = shop.lake()
    small_lake.fill(lake)
    lake.publish(now=small_lake.NOW)
    warm.enqueue_due()
    warm.enqueue_due()
    job = jobs.run_now(Job.objects.get())
    assert (job.state, job.result) == ("done", {"made": 9})
    query = parse("net_sales,orders,customers,new_customers", by="month,market")
    answer = read.read(lake, query, scope=Scope.whole(shop.slug), settings=shop.settings())
    assert answer.path == "partials"
    warm.enqueue_due()
    assert Job.objects.count() == 1
    ended = timezone.now() + timedelta(hours=1)
    Job.objects.update(started_at=ended - timedelta(seconds=30), finished_at=ended)
    lake.publish(now=datetime(2026, 1, 2, tzinfo=UTC))
    warm.enqueue_due()
    assert Job.objects.latest("id").due_at == ended + timedelta(seconds=270)


def test_a_small_shop_is_not_warmed(shop: Shop) -> None:
    small_lake.fill(shop.lake())
    shop.lake().publish(now=small_lake.NOW)
    warm.enqueue_due()
    assert not Job.objects.exists()


def test_a_fold_publishes_what_is_warm(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partials, "LEAST_ROWS", 1)
    lake = shop.lake()
    small_lake.fill(lake)
    for batch in lake.batch_ids():
        journal.open_batch(shop=shop.slug, batch_id=batch, source="test", now=small_lake.NOW)
        journal.make_live(shop=shop.slug, batch_id=batch, now=small_lake.NOW)
    before = journal.publish(lake)
    jobs.run_now(maintenance.enqueue_fold(shop.slug))
    after = lake.latest()
    assert after is not None
    assert after.number == before.number + 1
    assert {file.layer for file in after.tables["order_line"].files} >= {"base"}
    monkeypatch.setattr(duck, "making", None)  # what lacks nothing leaves questions all the memory
    assert warm.ready(shop) == 0
