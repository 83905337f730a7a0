"""The worker process: threads that do jobs, and the schedule beside them."""

import logging
import threading
import uuid

from django.db import close_old_connections, connection

from topline.workbench import jobs, schedule

IDLE_SECONDS = 0.5
_log = logging.getLogger("topline.worker")


def run(is_over: threading.Event, threads: int) -> None:
    """Do jobs and scheduled work until `is_over`; jobs in hand go on from their checkpoint in the next worker."""
    for number in range(threads):
        threading.Thread(target=_do_jobs, args=(is_over,), name=f"jobs-{number}", daemon=True).start()
    holder = uuid.uuid4().hex
    _log.info("worker started", extra={"threads": threads})
    while not is_over.wait(IDLE_SECONDS):
        _safely(lambda: schedule.tick(holder=holder))
    jobs.release_all()


def _do_jobs(is_over: threading.Event) -> None:
    while not is_over.is_set():
        if not _safely(_do_one):
            is_over.wait(IDLE_SECONDS)
    connection.close()


def _do_one() -> bool:
    """Whether there was a job to do."""
    job = jobs.claim()
    if job:
        jobs.run_claimed(job)
    return job is not None


def _safely(step: "jobs.Step") -> bool:
    """A step of the loop; a database that is away for a moment doesn't end the worker."""
    close_old_connections()
    try:
        return step()
    except Exception:
        _log.exception("worker step failed")
        return False
