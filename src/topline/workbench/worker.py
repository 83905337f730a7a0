"""The worker process: threads that do jobs, and the schedule beside them."""

import logging
import threading
import uuid
from collections.abc import Callable

from django.db import close_old_connections, connection

from topline.workbench import jobs, leases, schedule

IDLE_SECONDS = 0.5
_log = logging.getLogger("topline.worker")


def run(is_over: threading.Event, threads: int) -> None:
    """Do jobs and scheduled work until `is_over`; what is in hand then goes on in the next worker.

    One thread of several is kept free of the kinds in the background, so that people don't wait behind a fold.
    """
    in_hand: set[str] = set()
    for number in range(threads):
        work = (is_over, in_hand, number > 0 or threads == 1)
        threading.Thread(target=_do_jobs, args=work, name=f"jobs-{number}", daemon=True).start()
    holder = uuid.uuid4().hex
    _log.info("worker started", extra={"threads": threads})
    while not is_over.wait(IDLE_SECONDS):
        _safely(lambda: schedule.tick(holder=holder))
    jobs.release(in_hand)
    leases.give_back(schedule.LEADER, holder=holder)


def _do_jobs(is_over: threading.Event, in_hand: set[str], in_background: bool) -> None:
    while not is_over.is_set():
        if not _safely(lambda: _do_one(in_hand, in_background)):
            is_over.wait(IDLE_SECONDS)
    connection.close()


def _do_one(in_hand: set[str], in_background: bool) -> bool:
    """Whether there was a job to do."""
    job = jobs.claim(in_background=in_background)
    if job is None:
        return False
    in_hand.add(job.lease)
    try:
        jobs.perform(job)
    finally:
        in_hand.discard(job.lease)
    return True


def _safely(step: Callable[[], bool]) -> bool:
    """A step of the loop; whatever goes wrong in it is logged, and the worker lives."""
    close_old_connections()
    try:
        return step()
    except Exception:  # noqa: BLE001
        _log.exception("worker step failed")
        return False
