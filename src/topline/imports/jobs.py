"""What the worker does for imports: reading files to propose, and taking them in."""

from datetime import timedelta
from typing import Any

from topline.accounts.models import Shop
from topline.imports import erasure, operations, refund, rezone, spool
from topline.imports.models import Import
from topline.workbench.models import Job


def propose(job: Job) -> dict[str, Any]:
    """Read the files and propose how to take them in."""
    found = Import.objects.get(pk=job.params["import"])
    operations.propose(found=found, progress=lambda done, total, message: job.advance(done, total, message=message))
    return {"import": found.pk}


def run(job: Job) -> dict[str, Any]:
    """Take a confirmed import in."""
    found = Import.objects.get(pk=job.params["import"])
    if found.state == Import.State.LIVE:  # killed after it went live, before all could see it
        refund.publish(found.shop.lake())
        return dict(found.report)
    return operations.take_in(found=found, job=job)


def scrub(job: Job) -> dict[str, Any]:
    """Remove what was uploaded of people who were erased."""
    return {"files": erasure.scrub(Shop.objects.get(slug=job.shop))}


def load_placements(job: Job) -> dict[str, Any]:
    """Bring the real demo shop's placements."""
    from topline.imports import demo  # what demo shops are made of takes half a second to import

    return demo.load_placements(job)


def activate_plans(job: Job) -> dict[str, Any]:
    """Put the demo shops' plans into force."""
    from topline.imports import demo

    return demo.activate_plans(job)


def drain_spool() -> None:
    """Take in what programs sent."""
    for shop in Shop.objects.filter(slug__in=spool.waiting()):
        spool.drain(shop)


JOBS = {
    "imports.propose": propose,
    "imports.run": run,
    erasure.KIND: scrub,
    rezone.KIND: rezone.rezone,
    "imports.demo_placements": load_placements,
    "imports.demo_plan": activate_plans,
}
BACKGROUND = (erasure.KIND, rezone.KIND, "imports.demo_placements")

SCHEDULE = {
    "imports.spool": (timedelta(seconds=1), drain_spool),
    "imports.tidy": (timedelta(hours=6), operations.tidy),
    "imports.scrub": (timedelta(hours=1), erasure.enqueue_due),
}
