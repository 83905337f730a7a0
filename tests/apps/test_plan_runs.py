"""The day's outlook as a job: kept once a day, customers once a week, and what can't be known is said."""

from typing import TYPE_CHECKING

import pytest

import small_lake
from topline.lake import engine
from topline.workbench import jobs

if TYPE_CHECKING:
    from topline.accounts.models import Shop

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_days_outlook_is_kept_once(shop: "Shop") -> None:
    from topline.accounts.models import Shop
    from topline.journal import operations as journal

    Shop.objects.filter(pk=shop.pk).update(clock_on=small_lake.END)
    lake = shop.lake()
    journal.open_batch(shop=shop.slug, batch_id=small_lake.BATCH, source="test", now=small_lake.NOW)
    small_lake.fill(lake)
    journal.make_live(shop=shop.slug, batch_id=small_lake.BATCH, now=small_lake.NOW)
    journal.publish(lake)
    first = jobs.run_now(jobs.enqueue("outlook.publish", shop=shop.slug))
    assert first.result == {"net_sales": 12 * 6, "units": 12 * 6, "customers": 130}
    second = jobs.run_now(jobs.enqueue("outlook.publish", shop=shop.slug))
    assert second.result == {}
    snapshot = lake.latest()
    assert snapshot
    assert engine.table(lake, "forecast", snapshot).count().to_pyarrow().as_py() == 144
    assert engine.table(lake, "customer_value", snapshot).count().to_pyarrow().as_py() == 130


def test_a_new_shop_is_told_what_is_missing(shop: "Shop") -> None:
    from topline.journal import operations as journal

    journal.publish(shop.lake())
    done = jobs.run_now(jobs.enqueue("outlook.publish", shop=shop.slug))
    assert done.state == "done"
    assert "at least 90" in done.result["net_sales"]
    assert "at least 100" in done.result["customers"]
