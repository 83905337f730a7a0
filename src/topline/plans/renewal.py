"""What pages show while facts stream in: the last that was made, at once, and it is made anew behind.

Forecasts, checks and stock plans are kept by the facts that they were made of, so one order more names another one.
A shop with an order every few seconds would wait for ever. So a page rests on the newest snapshot of which all that it
shows is made; the jobs themselves say which that is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from topline.accounts.models import Shop
from topline.journal.models import Batch
from topline.lake.error import NoSnapshotError
from topline.lake.snapshot import Snapshot
from topline.plans.drafting import EmptyLakeError
from topline.workbench import jobs
from topline.workbench.models import Job

EVERY = timedelta(minutes=15)
"""While facts stream in nothing is made anew sooner."""

_STREAMS = ("stream", "journal", "outlook", "topline")
"""Sources of facts that come by themselves. What comes of any other, somebody brought: an import, a plan in force."""

_TRIED = 5


@dataclass(frozen=True, slots=True)
class Footing:
    """What a page can show, and what is on its way.

    snapshot : the newest of which everything is made, None if nothing is made of what plans and settings say now
    made_at : when, where facts came since; None if it is made of the newest facts
    job : that makes it anew, or failed to; None if none is needed
    """

    snapshot: Snapshot | None
    made_at: datetime | None
    job: Job | None

    @property
    def awaited(self) -> Job:
        """The job without which there is nothing to show."""
        assert self.snapshot is None and self.job is not None  # noqa: S101, PT018 - the one or the other is there
        return self.job


def look(
    shop: Shop,
    key: str,
    is_made: Callable[[Snapshot], bool],
    *,
    params: Mapping[str, Any],
    retry: bool = False,
) -> Footing:
    """What is made of a thing; a job is asked for where it is missing or due. Its result names its `snapshot`.

    key : names the thing whatever the facts: the kind of work, a plan's version or a shop, a day
    retry : a person asks again for what failed before

    Raises EmptyLakeError.
    """
    latest = shop.lake().latest()
    if latest is None:
        raise EmptyLakeError()
    if is_made(latest):
        return Footing(latest, None, None)
    older, made_at = newest(shop, key, latest, is_made) or (None, None)
    if made_at is not None and timezone.now() - made_at < EVERY and not _was_brought(shop, made_at):
        return Footing(older, made_at, None)
    last = Job.objects.filter(unique_key=key).order_by("-pk").first()
    job = jobs.ask(
        key.partition(":")[0],
        shop=shop.slug,
        params=params,
        unique_key=key,
        retry=retry or (last is not None and _was_brought(shop, last.created_at)),
        is_awaited=older is None,
    )
    return Footing(older, made_at, job)


def newest(
    shop: Shop, key: str, latest: Snapshot, is_made: Callable[[Snapshot], bool]
) -> tuple[Snapshot, datetime] | None:
    """The newest snapshot up to the latest one of which jobs of a key made their thing, and when they began."""
    done = Job.objects.filter(unique_key=key, state=Job.State.DONE, result__snapshot__lte=latest.number)
    for number, began_at in done.order_by("-pk").values_list("result__snapshot", "started_at")[:_TRIED]:
        if began_at is None:
            continue
        try:
            found = latest if number == latest.number else shop.lake().snapshot(number)
        except NoSnapshotError:
            continue
        if is_made(found):
            return found, began_at
    return None


def resting(shop: Shop, key: str, snapshot: Snapshot, is_made: Callable[[Snapshot], bool]) -> Snapshot | None:
    """The newest facts up to these of which a thing is made, None if it isn't."""
    if is_made(snapshot):
        return snapshot
    found = newest(shop, key, snapshot, is_made)
    return found[0] if found else None


def _was_brought(shop: Shop, since: datetime) -> bool:
    """Whether somebody brought facts since, or took some back."""
    brought = Batch.objects.filter(shop=shop.slug, changed_at__range=(since, timezone.now()))
    return brought.exclude(source__in=_STREAMS).exists()
