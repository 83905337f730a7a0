"""Laying a shop's present clock over its history: the explicit job that a change of zone leaves to people."""

from typing import Any

from django.utils import timezone

from topline.accounts import warm
from topline.accounts.models import Shop, ZoneChange
from topline.imports import spool
from topline.imports.models import Import
from topline.journal import operations as journal
from topline.lake.rezone import Shifted
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import audit, jobs, leases, maintenance
from topline.workbench.models import Job

KIND = "imports.rezone"


class ImportRunningError(ToplineError):
    message = N_("Import %(id)s is being taken in by the clock that was. Wait until it is done, then try again.")


def effects(shop: Shop) -> dict[str, Shifted]:
    """What `rezone` would change, by table; nothing is written."""
    lake = shop.lake()
    found = {table: lake.count_rezoned(table, shop.timezone) for table in lake.with_moments()}
    return {table: shifted for table, shifted in found.items() if shifted.hours}


def enqueue(*, shop: Shop, actor_id: int | None) -> Job:
    """The job that lays the shop's clock over its history. Raises ImportRunningError."""
    running = Import.objects.filter(shop=shop, state=Import.State.RUNNING).first()
    if running:
        raise ImportRunningError(id=running.pk)
    return jobs.enqueue(KIND, shop=shop.slug, unique_key=f"{KIND}:{shop.slug}", actor_id=actor_id, is_awaited=True)


def rezone(job: Job) -> dict[str, Any]:
    """Work the date and hour of every fact out anew by the shop's clock, a table at a time.

    A table that is done stays done: killed, the job goes on with the next. People see the history by the new clock when
    all is done, unless somebody publishes meanwhile: then by table, as far as it has come. The zone then counts for the
    whole history.
    """
    shop = Shop.objects.get(slug=job.shop)
    lake, written = shop.lake(), dict(job.checkpoint or {})
    journal.drain(lake)
    spool.drain(shop)
    with leases.held(leases.MAINTENANCE, wait=maintenance.PATIENCE_SECONDS):
        tables = lake.with_moments()
        for place, table in enumerate(tables):
            job.advance(place, len(tables) + 1, message=table)
            rows = lake.rezone(table, shop.timezone, now=timezone.now())
            written[table] = written.get(table, 0) + rows
            job.advance(place + 1, checkpoint=written)
        lake.fold_all(hidden=journal.hidden(lake), now=timezone.now())
        warm.ready(shop, lake.foresee(hidden=journal.hidden(lake), now=timezone.now()))
        journal.publish(lake)
        job.advance(len(tables) + 1)
    ZoneChange.objects.filter(shop=shop).delete()
    audit.log("shop.rezone", actor_id=job.actor_id, shop=shop.slug, after={"timezone": shop.timezone})
    return {"tables": {table: rows for table, rows in written.items() if rows}}
