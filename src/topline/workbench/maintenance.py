"""Keeping lakes small and quick: folds, and clearing away what nobody reads any more."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from topline.journal import operations as journal
from topline.lake import partials
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.workbench import jobs, leases
from topline.workbench.models import Job

PATIENCE_SECONDS = 600
PARTIALS_DAYS = 14
"""How long partial aggregates are kept: they are made again in seconds, and old ones name people erased since."""


def lakes() -> list[Lake]:
    """The lakes of all shops that have one."""
    root = Path(settings.LAKE_ROOT)
    return [Lake(root, folder.name) for folder in sorted(root.glob("[!.]*")) if folder.is_dir()]


def enqueue_fold(shop: str) -> Job:
    """The job that folds a shop's lake; asked for twice, it runs once."""
    return jobs.enqueue("lake.fold", shop=shop, unique_key=f"lake.fold:{shop}")


def fold(job: Job, prepare: Callable[[Lake, Snapshot], object]) -> dict[str, Any]:
    """Fold what is to fold in the shop's lake, and publish it.

    prepare : makes ready what the snapshot to come will be asked for; until then people look at the one before
    """
    lake = Lake(Path(settings.LAKE_ROOT), job.shop)
    with leases.held(leases.MAINTENANCE, wait=PATIENCE_SECONDS):
        folded = lake.fold_all(hidden=journal.hidden(lake), now=timezone.now())
        if folded:
            prepare(lake, lake.foresee(hidden=journal.hidden(lake), now=timezone.now()))
            journal.publish(lake)
    return {"tables": sorted(folded)}


def vacuum(job: Job) -> None:
    """Clear away what only old snapshots of the shop's lake knew."""
    lake, now = Lake(Path(settings.LAKE_ROOT), job.shop), timezone.now()
    with leases.held(leases.MAINTENANCE, wait=PATIENCE_SECONDS):
        lake.vacuum(now=now)
    partials.sweep(lake, PARTIALS_DAYS, now=now.timestamp())


def fold_everything() -> None:
    for lake in lakes():
        enqueue_fold(lake.shop)


def vacuum_everything() -> None:
    for lake in lakes():
        jobs.enqueue("lake.vacuum", shop=lake.shop, unique_key=f"lake.vacuum:{lake.shop}")
