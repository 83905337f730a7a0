"""Keeping the running plans' outlooks ready, so that a page finds them made."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.plans import expectation
from topline.plans.models import Plan, PlanVersion
from topline.science.demand import ShortHistoryError
from topline.workbench import jobs
from topline.workbench.models import Job


def look(job: Job) -> dict[str, Any]:
    """Make what is missing for a shop's plans as seen today."""
    shop = Shop.objects.named(job.shop)
    waiting = list(_waiting(shop))
    for done, (metric, version, day, snapshot) in enumerate(waiting, 1):
        try:
            expectation.amount(shop, metric, version.plan.period, day, snapshot)
        except ShortHistoryError:
            continue
        finally:
            job.advance(done, len(waiting), {})
    return {"made": len(waiting)}


def ask_for_looks() -> None:
    """Queue a look for every shop that has a running plan whose outlook is not made yet."""
    for shop in Shop.objects.filter(plans__isnull=False).distinct():
        if next(_waiting(shop), None):
            jobs.enqueue("plans.look", shop=shop.slug, unique_key=f"plans.look:{shop.slug}")


def _waiting(shop: Shop) -> Iterator[tuple[str, PlanVersion, date, Snapshot]]:
    """The outlooks that the shop's running plans need today and that nobody has made."""
    snapshot, day = shop.lake().latest(), shop.today()
    if snapshot is None:
        return
    for plan in Plan.objects.of(shop).touching(day):
        version = plan.current
        for metric in version.grid_metrics:
            if not expectation.is_made(shop, metric, plan.period, day, snapshot):
                yield metric, version, day, snapshot


JOBS = {"plans.look": look}
SCHEDULE = {"plans.look": (timedelta(minutes=1), ask_for_looks)}
