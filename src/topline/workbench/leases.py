"""Rights that one process at a time holds, kept in the database so that they hold over machines."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from django.db import IntegrityError, OperationalError, connection, transaction
from django.db.models import Q
from django.utils import timezone

from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench.models import Lease

HELD_SECONDS = 60
"""After so long without a sign of life a holder is taken for dead."""

MAINTENANCE = "maintenance"
"""Held by whoever clears files of lakes away, and by a backup, which reads them."""


class LeaseTakenError(ToplineError):
    message = N_("Another process holds “%(name)s”. Wait until it is done, or a minute if it has died.")


def take(name: str, *, holder: str, seconds: float) -> bool:
    """Whether `holder` has the right now, until `seconds` from now; whoever has it may take it again."""
    now = timezone.now()
    until = now + timedelta(seconds=seconds)
    if Lease.objects.filter(Q(holder=holder) | Q(until__lt=now), name=name).update(holder=holder, until=until):
        return True
    try:
        with transaction.atomic():
            Lease.objects.create(name=name, holder=holder, until=until)
    except IntegrityError:
        return False
    return True


def give_back(name: str, *, holder: str) -> None:
    """Let others take the right at once."""
    Lease.objects.filter(name=name, holder=holder).delete()


@contextmanager
def held(name: str, *, wait: float = 0) -> Iterator[None]:
    """The right for the block, however long it takes; waits up to `wait` seconds for it. Raises LeaseTakenError."""
    holder = uuid.uuid4().hex
    patience = time.monotonic() + wait
    while not take(name, holder=holder, seconds=HELD_SECONDS):
        if time.monotonic() >= patience:
            raise LeaseTakenError(name=name)
        time.sleep(0.2)
    try:
        with beating(lambda: take(name, holder=holder, seconds=HELD_SECONDS), every=HELD_SECONDS / 3):
            yield
    finally:
        give_back(name, holder=holder)


@contextmanager
def beating(beat: Callable[[], object], *, every: float) -> Iterator[None]:
    """Calls `beat` from a thread every so many seconds while the block runs."""
    is_over = threading.Event()

    def run() -> None:
        while not is_over.wait(every):
            with suppress(OperationalError):  # the next beat comes soon enough
                beat()
        connection.close()

    thread = threading.Thread(target=run, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
