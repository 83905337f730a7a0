"""Recurring work: what apps' `SCHEDULE`s ask for, done by the one process that leads."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cache

from django.utils import timezone

from topline.workbench import jobs, leases
from topline.workbench.models import Schedule

LEADER = "schedule"
_LEAD_SECONDS = 15
_log = logging.getLogger("topline.schedule")

Recurring = tuple[timedelta, Callable[[], object]]


@cache
def entries() -> Mapping[str, Recurring]:
    """Every recurring piece of work of every app, and how often. Each is short: long work is enqueued as a job."""
    return {name: entry for module in jobs.modules() for name, entry in getattr(module, "SCHEDULE", {}).items()}


def tick(*, holder: str) -> bool:
    """Do what is due, if `holder` leads or nobody does. Returns whether it leads."""
    if not leases.take(LEADER, holder=holder, seconds=_LEAD_SECONDS):
        return False
    now = timezone.now()
    known = {row.name: row for row in Schedule.objects.all()}
    for name, (every, run) in entries().items():
        row = known.get(name)
        if row is None or row.next_at <= now:
            _do(name, every, run, now)
    return True


def _do(name: str, every: timedelta, run: Callable[[], object], now: datetime) -> None:
    error = ""
    try:
        run()
    except Exception as problem:  # noqa: BLE001 - one entry's trouble is noted and stops no other
        _log.exception("scheduled work failed", extra={"schedule": name})
        error = f"{type(problem).__name__}: {problem}"
    Schedule.objects.update_or_create(name=name, defaults={"next_at": now + every, "last_at": now, "last_error": error})
