"""Rights that one process at a time holds, kept in the database so that they hold over machines."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench.models import Lease

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
def held(name: str, *, seconds: float, wait: float = 0) -> Iterator[None]:
    """The right for the block, which is over within `seconds`; waits up to `wait` seconds. Raises LeaseTakenError."""
    holder = uuid.uuid4().hex
    patience = time.monotonic() + wait
    while not take(name, holder=holder, seconds=seconds):
        if time.monotonic() >= patience:
            raise LeaseTakenError(name=name)
        time.sleep(0.2)
    try:
        yield
    finally:
        give_back(name, holder=holder)
