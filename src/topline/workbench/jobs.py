"""Asking for work, and doing it under a lease.

An app's `jobs.py` holds `JOBS`, from a kind to a function of the `Job`, and may hold `SCHEDULE`, from a name to how
often and a function without arguments, and `BACKGROUND`, the kinds that may take minutes and that nobody waits for. A
job's function resumes from `job.checkpoint`, calls `job.advance` after each batch, and returns what it has to say as a
dict.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import apps
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from topline.units.errors import ToplineError
from topline.workbench import leases
from topline.workbench.models import CancelledError, Job, LeaseLostError, UnknownJobError

LEASE = timedelta(seconds=30)
MAX_ATTEMPTS = 5

REST = timedelta(minutes=15)
"""What failed isn't tried again sooner, unless a person asks."""

_log = logging.getLogger("topline.jobs")

Work = Callable[[Job], dict[str, Any] | None]


@cache
def kinds() -> Mapping[str, Work]:
    """Every kind of job of every app."""
    return {kind: work for jobs in modules() for kind, work in getattr(jobs, "JOBS", {}).items()}


def work(kind: str) -> Work:
    """What does jobs of this kind. Raises KeyError.

    Looked for first in the app that its name begins with, as a command that does one job needn't import all others.
    """
    own = f"topline.{kind.partition('.')[0]}.jobs"
    declared: Mapping[str, Work] = getattr(import_module(own), "JOBS", {}) if own in _names() else {}
    return declared[kind] if kind in declared else kinds()[kind]


@cache
def modules() -> tuple[Any, ...]:
    """The `jobs.py` of every app of ours."""
    return tuple(import_module(name) for name in _names())


@cache
def _names() -> list[str]:
    """The `jobs.py` of the apps that have one."""
    names = [f"{app.name}.jobs" for app in apps.get_app_configs() if app.name.startswith("topline.")]
    return [name for name in names if find_spec(name)]


def enqueue(
    kind: str,
    *,
    shop: str = "",
    params: Mapping[str, Any] | None = None,
    unique_key: str = "",
    actor_id: int | None = None,
    due_at: datetime | None = None,
    is_awaited: bool = False,
) -> Job:
    """The job, queued; or the unfinished one with the same unique key. It starts after the caller's transaction.

    is_awaited : a person waits for it, so that it goes before what nobody does
    """
    if unique_key and (running := Job.objects.unfinished().filter(unique_key=unique_key).first()):
        if is_awaited and not running.is_awaited:
            Job.objects.filter(pk=running.pk).update(is_awaited=True)
        return running
    try:
        with transaction.atomic():
            return Job.objects.create(
                kind=kind,
                shop=shop,
                params=dict(params or {}),
                unique_key=unique_key,
                actor_id=actor_id,
                due_at=due_at or timezone.now(),
                is_awaited=is_awaited,
            )
    except IntegrityError:
        return Job.objects.unfinished().get(unique_key=unique_key)


def ask(
    kind: str,
    *,
    shop: str,
    params: Mapping[str, Any],
    unique_key: str,
    retry: bool = False,
    due_at: datetime | None = None,
    is_awaited: bool = True,
) -> Job:
    """The job that makes what the key names: the last one if it failed lately, else that which runs, else a new one.

    retry : queue it anew however lately it failed
    """
    last = Job.objects.filter(unique_key=unique_key).order_by("-pk").first()
    failed = last is not None and last.state == Job.State.FAILED and not retry
    if last is not None and failed and timezone.now() - (last.finished_at or last.created_at) < REST:
        return last
    return enqueue(kind, shop=shop, params=params, unique_key=unique_key, due_at=due_at, is_awaited=is_awaited)


def cancel(*, job_id: int) -> None:
    """Ask a job to stop: at once if nobody has begun, else after its current batch. Raises UnknownJobError."""
    if not Job.objects.filter(pk=job_id).update(is_cancel_asked=True):
        raise UnknownJobError(id=job_id)
    Job.objects.filter(pk=job_id, state=Job.State.QUEUED).update(state=Job.State.CANCELLED, finished_at=timezone.now())


@cache
def background() -> frozenset[str]:
    """The kinds that may take minutes and that nobody waits for."""
    return frozenset(kind for jobs in modules() for kind in getattr(jobs, "BACKGROUND", ()))


def claim(*, in_background: bool = True) -> Job | None:
    """The next job that waits, now leased to the caller alone.

    in_background : also of a kind that nobody waits for, where nobody does
    """
    now = timezone.now()
    waiting = Job.objects.claimable(now)
    if not in_background:
        waiting = waiting.exclude(kind__in=background(), is_awaited=False)
    return next((taken for job in waiting[:10] if (taken := _take(job, now))), None)


def run_now(job: Job) -> Job:
    """The same job after it was done in this process, for commands that wait for it."""
    if claimed := _take(job, timezone.now()):
        perform(claimed)
    job.refresh_from_db()
    return job


def perform(job: Job) -> None:
    """Do a claimed job to its end and write down how it went."""
    if job.attempts > MAX_ATTEMPTS:
        return _finish(job, Job.State.FAILED, message=f"Given up: the process died {MAX_ATTEMPTS} times at one batch.")
    try:
        with leases.beating(lambda: _renew(job), every=LEASE.total_seconds() / 3):
            result = work(job.kind)(job)
    except LeaseLostError:
        _log.warning("lease lost", extra={"job": job.pk, "kind": job.kind})
    except OperationalError:
        _log.exception("database away, the job goes on later", extra={"job": job.pk, "kind": job.kind})
    except CancelledError as error:
        _finish(job, Job.State.CANCELLED, message=str(error))
    except ToplineError as error:
        _finish(job, Job.State.FAILED, message=str(error), result=_explained(error))
    except Exception as error:  # noqa: BLE001 - whatever a job does, the worker lives and the job says how it ended
        _log.exception("job failed", extra={"job": job.pk, "kind": job.kind})
        _finish(job, Job.State.FAILED, message=f"{type(error).__name__}: {error}")
    else:
        _finish(job, Job.State.DONE, result=result or {})
    return None


def release(held: Iterable[str]) -> None:
    """Let other workers go on with these leases' jobs at once, when this process ends in good order: that attempt
    doesn't count."""
    ours = Job.objects.filter(lease__in=list(held), state=Job.State.RUNNING)
    ours.update(lease_until=timezone.now(), attempts=Greatest(F("attempts") - 1, 0))


def _take(job: Job, now: datetime) -> Job | None:
    waiting = Job.objects.claimable(now).order_by().filter(pk=job.pk, lease=job.lease)
    fresh = {"lease": uuid.uuid4().hex, "lease_until": now + LEASE, "started_at": now}
    is_ours = waiting.update(state=Job.State.RUNNING, attempts=F("attempts") + 1, **fresh)
    return Job.objects.get(pk=job.pk) if is_ours else None


def _renew(job: Job) -> None:
    ours = Job.objects.filter(pk=job.pk, lease=job.lease, state=Job.State.RUNNING)
    ours.update(lease_until=timezone.now() + LEASE)


def _finish(job: Job, state: Job.State, *, message: str | None = None, result: dict[str, Any] | None = None) -> None:
    changes: dict[str, Any] = {"state": state, "finished_at": timezone.now()}
    changes |= {} if message is None else {"message": message}
    changes |= {} if result is None else {"result": result}
    Job.objects.filter(pk=job.pk, lease=job.lease, state=Job.State.RUNNING).update(**changes)
    _log.info("job finished", extra={"job": job.pk, "kind": job.kind, "state": state.value})


def _explained(error: ToplineError) -> dict[str, Any]:
    """The error so that a door can say it in the reader's language."""
    params = {name: value if isinstance(value, int) else str(value) for name, value in error.params.items()}
    return {"error": error.code, "message": error.message, "params": params}
