"""What the worker does for plans: keeps the day's outlook as facts, and makes what their pages will need."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.plans import expectation, runs
from topline.plans.models import Plan
from topline.workbench import jobs
from topline.workbench.models import Job


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


JOBS = {"outlook.publish": runs.publish, "plans.look": look}
SCHEDULE = {
    "outlook.publish": (timedelta(days=1), runs.publish_everything),
    "plans.look": (timedelta(minutes=1), ask_for_looks),
}
