"""Published runs: forecasts and customers' expected values kept as facts, so that metrics can use them."""

from collections.abc import Callable
from datetime import date

from django.utils import timezone

from topline.accounts.models import Shop
from topline.journal import operations as journal
from topline.journal.models import Batch
from topline.lake.store import Appended, Lake
from topline.outlook import customers, sales

METRICS = ("net_sales", "units")


def keep_sales(*, shop: Shop, outlook: sales.SalesOutlook, batch_id: str) -> Appended:
    """Write a sales outlook as facts that count from now on."""
    return _keep(shop, batch_id, lambda lake: sales.publish(lake, outlook, batch_id=batch_id, now=timezone.now()))


def keep_customers(*, shop: Shop, outlook: customers.CustomerOutlook, batch_id: str) -> Appended:
    """Write the expected values of customers as facts that count from now on."""
    return _keep(shop, batch_id, lambda lake: customers.publish(lake, outlook, batch_id=batch_id, now=timezone.now()))


def is_kept(*, shop: Shop, batch_id: str) -> bool:
    return Batch.objects.filter(shop=shop.slug, batch_id=batch_id, state=Batch.State.LIVE).exists()


def sales_batch(metric: str, as_of: date) -> str:
    """The batch of a day's run: one a day is enough."""
    return f"outlook/{metric}/{as_of}"


def customer_batch(as_of: date) -> str:
    """The batch of a week's run: it writes a row for every customer."""
    year, week, _ = as_of.isocalendar()
    return f"outlook/customers/{year}-W{week:02d}"


def _keep(shop: Shop, batch_id: str, write: Callable[[Lake], Appended]) -> Appended:
    lake = shop.lake()
    journal.open_batch(shop=shop.slug, batch_id=batch_id, source="outlook", now=timezone.now())
    appended = write(lake)
    journal.make_live(shop=shop.slug, batch_id=batch_id, now=timezone.now())
    journal.publish(lake)
    return appended
