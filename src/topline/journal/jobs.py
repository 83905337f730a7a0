"""What the worker does for the journal: the facts of people's work go into the lakes, and what is live is seen."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Max

from topline.journal import operations
from topline.journal.models import Batch, Record
from topline.lake.store import Lake


def drain_all() -> None:
    """Drain every shop that has recorded facts."""
    newest = dict(Record.objects.values_list("shop").annotate(Max("seq")))
    for shop, seq in newest.items():
        if operations.position(consumer=operations.LAKE_WRITER, shop=shop) < seq:
            operations.drain(Lake(Path(settings.LAKE_ROOT), shop))


def catch_up_all() -> None:
    """Let be seen what a process that ended too early left unseen."""
    for shop in Batch.objects.values_list("shop", flat=True).distinct():
        operations.catch_up(Lake(Path(settings.LAKE_ROOT), shop))


SCHEDULE = {
    "journal.drain": (timedelta(seconds=1), drain_all),
    "journal.catch_up": (timedelta(minutes=1), catch_up_all),
}
