"""What pages ask for, made before anybody asks: sums by day and purchases of each shop's newest snapshot."""

from collections.abc import Collection
from typing import Any

from django.utils import timezone

from topline.accounts.models import Shop
from topline.lake import partials, read
from topline.lake.snapshot import Snapshot
from topline.workbench import jobs, maintenance
from topline.workbench.models import Job

KIND = "lake.warm"
REST = 9
"""A shop's next warming waits so many times as long as the last one took: it fills a tenth of a core at most."""


def warm(job: Job) -> dict[str, Any]:
    """Make what the shop's newest snapshot lacks."""
    shop = Shop.objects.get(slug=job.shop)
    return {"made": ready(shop)}


def ready(shop: Shop, snapshot: Snapshot | None = None) -> int:
    """Makes what a snapshot lacks, the newest unless one is given; how much that was."""
    lake = shop.lake()
    snapshot = snapshot or lake.latest()
    return read.warm(lake, shop.settings().basis, snapshot) if snapshot else 0


def first_look(shop: Shop, changed: Collection[str]) -> None:
    """Makes what the newest snapshot lacks for a first look; a fold or the next warming makes the rest.

    changed : the facts that came since the last look
    """
    lake = shop.lake()
    if not read.FIRST_LOOK.isdisjoint(changed) and (snapshot := lake.latest()):
        read.warm_first(lake, shop.settings().basis, snapshot)


def fold(job: Job) -> dict[str, Any]:
    """Fold the shop's lake; what pages ask for is made again before anybody sees the folded snapshot."""
    shop = Shop.objects.filter(slug=job.shop).first()
    return maintenance.fold(job, lambda lake, snapshot: ready(shop, snapshot) if shop else 0)


def enqueue_due() -> None:
    """Ask for the warming of every large shop that has published, or changed its dates, since its last one.

    Once a day in any case: what was swept away for its age is made again.
    """
    now = timezone.now()
    for shop in Shop.objects.all():
        snapshot = shop.lake().latest()
        if snapshot is None or not partials.is_worth(snapshot):
            continue
        wanted = {"snapshot": snapshot.number, "basis": shop.order_basis, "on": now.date().isoformat()}
        last = Job.objects.filter(shop=shop.slug, kind=KIND).order_by("-id").first()
        if last is None or last.params != wanted:
            due_at = now
            if last and last.started_at and last.finished_at:
                due_at = max(due_at, last.finished_at + REST * (last.finished_at - last.started_at))
            jobs.enqueue(KIND, shop=shop.slug, params=wanted, unique_key=f"{KIND}:{shop.slug}", due_at=due_at)
