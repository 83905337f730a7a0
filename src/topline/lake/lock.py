"""A lock between processes on one machine, held by an open file and freed by the system when its holder dies."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)

    def is_taken(descriptor: int) -> bool:
        """Whether somebody else holds the open file's lock; if nobody does, it is ours now."""
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return True
        return False
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)

    def is_taken(descriptor: int) -> bool:
        """Whether somebody else holds the open file's lock; if nobody does, it is ours now."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


@contextmanager
def held(path: Path) -> Iterator[None]:
    """The lock of this file, waited for; not to be taken twice by one thread."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _take(descriptor)
        yield
    finally:
        os.close(descriptor)


def unique_suffix() -> str:
    """A suffix that no other writer of this machine uses."""
    return f"{os.getpid():x}-{threading.get_ident():x}-{os.urandom(4).hex()}"
