"""What the worker does for plans: keeps the day's outlook as facts, and makes what their pages will need."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.lake.store import Appended
from topline.outlook import customers, sales
from topline.plans import expectation, runs
from topline.plans.models import Plan
from topline.units.errors import ToplineError
from topline.workbench import jobs
from topline.workbench.models import Job

_MONTHS = 12


def publish(job: Job) -> dict[str, Any]:
    """Keep the day's sales outlooks and the week's values of customers; says for each how many rows, or why none."""
    shop = Shop.objects.named(job.shop)
    snapshot = shop.lake().latest()
    if snapshot is None:
        return {}
    day = shop.today()
    wanted: dict[str, tuple[str, Callable[[str], Appended]]] = {
        metric: (runs.sales_batch(metric, day), _keep_sales(shop, snapshot, day, metric)) for metric in runs.METRICS
    }
    wanted["customers"] = (runs.customer_batch(day), _keep_customers(shop, snapshot, day))
    result: dict[str, Any] = {}
    for done, (name, (batch_id, keep)) in enumerate(wanted.items(), 1):
        if not runs.is_kept(shop=shop, batch_id=batch_id):
            try:
                result[name] = keep(batch_id).rows
            except ToplineError as error:
                result[name] = str(error)
        job.advance(done, len(wanted), {})
    return result


def _keep_sales(shop: Shop, snapshot: Snapshot, day: date, metric: str) -> Callable[[str], Appended]:
    def keep(batch_id: str) -> Appended:
        outlook = sales.run(shop.lake(), snapshot, as_of=day, settings=shop.settings(), months=_MONTHS, metric=metric)
        return runs.keep_sales(shop=shop, outlook=outlook, batch_id=batch_id)

    return keep


def _keep_customers(shop: Shop, snapshot: Snapshot, day: date) -> Callable[[str], Appended]:
    def keep(batch_id: str) -> Appended:
        outlook = customers.run(shop.lake(), snapshot, as_of=day)
        return runs.keep_customers(shop=shop, outlook=outlook, batch_id=batch_id)

    return keep


def ask_for_outlooks() -> None:
    """Queue the day's outlook for every shop that has facts and not the outlook."""
    for shop in Shop.objects.all():
        batch_id = runs.sales_batch(runs.METRICS[0], shop.today())
        if shop.lake().latest() and not runs.is_kept(shop=shop, batch_id=batch_id):
            jobs.enqueue("outlook.publish", shop=shop.slug, unique_key=f"outlook.publish:{shop.slug}")


def look(job: Job) -> dict[str, Any]:
    """Make the outlooks that a shop's running plans need today."""
    shop = Shop.objects.named(job.shop)
    waiting = list(_waiting(shop))
    for done, (metric, plan, day, snapshot) in enumerate(waiting, 1):
        expectation.amount(shop, metric, plan.period, day, snapshot)
        job.advance(done, len(waiting), {})
    return {"made": len(waiting)}


def ask_for_looks() -> None:
    """Queue a look for every shop that has a running plan whose outlook is not made yet."""
    for shop in Shop.objects.filter(plans__isnull=False).distinct():
        if next(_waiting(shop), None):
            jobs.enqueue("plans.look", shop=shop.slug, unique_key=f"plans.look:{shop.slug}")


def _waiting(shop: Shop) -> Iterator[tuple[str, Plan, date, Snapshot]]:
    """The outlooks that the shop's running plans need today and that nobody has made."""
    snapshot, day = shop.lake().latest(), shop.today()
    if snapshot is None:
        return
    for plan in Plan.objects.of(shop).touching(day):
        for metric in plan.current.grid_metrics:
            if not expectation.is_made(shop, metric, plan.period, day, snapshot):
                yield metric, plan, day, snapshot


JOBS = {"outlook.publish": publish, "plans.look": look}
SCHEDULE = {
    "outlook.publish": (timedelta(hours=1), ask_for_outlooks),
    "plans.look": (timedelta(minutes=1), ask_for_looks),
}
