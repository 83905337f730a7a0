"""Bringing the database up to the program's schema."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor


def is_pending() -> bool:
    """Whether the program's schema is ahead of the database's."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def migrate() -> None:
    """Apply what is pending; of several processes that start at once, one does it and the others wait."""
    if is_pending():
        with _alone(settings.HOME / "migrate.lock"):
            call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    if os.name == "nt":  # there is one process per home where there is no flock
        yield
        return
    import fcntl

    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
