"""Published runs: forecasts and customers' expected values kept as facts, so that metrics can use them."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from django.utils import timezone

from topline.accounts.models import Shop
from topline.journal import operations as journal
from topline.journal.models import Batch
from topline.lake.store import Appended, Lake
from topline.outlook import customers, sales
from topline.plans import expectation
from topline.science.demand import ShortHistoryError
from topline.science.lifetime import LifetimeFitError, TooFewCustomersError
from topline.workbench import jobs
from topline.workbench.models import Job

METRICS = ("net_sales", "units")
_AFTER_START = timedelta(minutes=5)


def keep_sales(*, shop: Shop, outlook: sales.SalesOutlook, batch_id: str) -> Appended:
    """Write a sales outlook as facts that count from now on."""
    return keep(shop, batch_id, lambda lake: sales.publish(lake, outlook, batch_id=batch_id, now=timezone.now()))


def keep_customers(*, shop: Shop, outlook: customers.CustomerOutlook, batch_id: str) -> Appended:
    """Write the expected values of customers as facts that count from now on."""
    return keep(shop, batch_id, lambda lake: customers.publish(lake, outlook, batch_id=batch_id, now=timezone.now()))


def is_kept(*, shop: Shop, batch_id: str) -> bool:
    return Batch.objects.filter(shop=shop.slug, batch_id=batch_id, state=Batch.State.LIVE).exists()


def sales_batch(metric: str, as_of: date) -> str:
    """The batch of a day's run: one a day is enough."""
    return f"outlook/{metric}/{as_of}"


def customer_batch(as_of: date) -> str:
    """The batch of a week's run: it writes a row for every customer."""
    year, week, _ = as_of.isocalendar()
    return f"outlook/customers/{year}-W{week:02d}"


def keep(shop: Shop, batch_id: str, write: Callable[[Lake], Appended]) -> Appended:
    """What `write` appends to the lake as a batch, which counts from then on."""
    lake = shop.lake()
    journal.open_batch(shop=shop.slug, batch_id=batch_id, source="outlook", now=timezone.now())
    appended = write(lake)
    journal.make_live(shop=shop.slug, batch_id=batch_id, now=timezone.now())
    journal.publish(lake)
    return appended


def publish(job: Job) -> dict[str, Any]:
    """Keep today's outlook and this week's customer values of a shop, as far as its history allows."""
    shop = Shop.objects.named(job.shop)
    lake, as_of = shop.lake(), shop.today()
    total = len(METRICS) + 1
    said: dict[str, Any] = {}
    for done, metric in enumerate(METRICS):
        job.advance(done, total)
        batch_id, snapshot = sales_batch(metric, as_of), lake.latest()
        if snapshot is None or is_kept(shop=shop, batch_id=batch_id):
            continue
        try:
            made = sales.run(
                lake,
                snapshot,
                as_of=as_of,
                settings=shop.settings(),
                months=12,
                metric=metric,
                own=expectation.own_events(shop, as_of),
            )
        except ShortHistoryError as error:
            said[metric] = str(error)
        else:
            said[metric] = keep_sales(shop=shop, outlook=made, batch_id=batch_id).rows
    job.advance(total - 1, total)
    batch_id, snapshot = customer_batch(as_of), lake.latest()
    if snapshot and not is_kept(shop=shop, batch_id=batch_id):
        try:
            valued = customers.run(lake, snapshot, as_of=as_of)
        except (TooFewCustomersError, LifetimeFitError) as error:
            said["customers"] = str(error)
        else:
            said["customers"] = keep_customers(shop=shop, outlook=valued, batch_id=batch_id).rows
    return said


def publish_everything() -> None:
    """Ask for the day's outlook of every shop, once pages had their turn after a start."""
    for shop in Shop.objects.all():
        due_at = timezone.now() + _AFTER_START
        jobs.enqueue("outlook.publish", shop=shop.slug, unique_key=f"outlook.publish:{shop.slug}", due_at=due_at)
