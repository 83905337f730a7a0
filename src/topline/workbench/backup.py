"""Backing everything up into one archive while it is in use, and bringing it back."""

import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from topline import __version__
from topline.journal import jobs as journal_jobs
from topline.journal import operations as journal
from topline.lake.store import Lake
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import archive, audit, dump, leases, maintenance, schedule, upgrade
from topline.workbench.models import Lease

ERASURES = "erasures.jsonl"


class HomeInUseError(ToplineError):
    message = N_("There is a Topline in %(home)s already. Restore into an empty TOPLINE_HOME, or add --replace.")


class StillRunningError(ToplineError):
    message = N_(
        "Topline runs in %(home)s, and what it takes in meanwhile would be lost. Stop “topline serve” and every "
        "“topline worker” first; where they broke off, wait a minute."
    )


class OtherDatabaseError(ToplineError):
    message = N_("The backup is of a %(theirs)s database and DATABASE_URL is of a %(ours)s one. Take the same kind.")


def backup(path: Path, *, now: datetime) -> dict[str, Any]:
    """What the archive holds, by its manifest: database, lakes, uploads and keys as they are now.

    The database goes first, then a snapshot of each lake: what a lake has beyond the database is hidden on restore,
    what the database's journal has beyond the lake is drained again. Raises LeaseTakenError.
    """
    about: dict[str, Any] = {"version": __version__, "made_at": now.isoformat(), "database": {}, "snapshots": {}}
    with (
        leases.held(leases.MAINTENANCE, wait=600),
        archive.writing(path, about) as writer,
    ):
        audit.log("home.back_up", actor_id=None)
        about["database"] |= dump.write(writer)
        for lake in maintenance.lakes():
            about["snapshots"][lake.shop] = _add_lake(writer, lake)
        writer.add_tree("uploads", Path(settings.UPLOADS))
        writer.add_tree("keys", Path(settings.KEYS))
        if (erasures := Path(settings.HOME) / ERASURES).exists():
            writer.add(ERASURES, erasures)
    return archive.manifest(path)


def unpack(path: Path, *, is_replacing: bool, now: datetime) -> dict[str, Any]:
    """The manifest of an archive that is now what TOPLINE_HOME and the database hold.

    What was there before is moved to a folder beside it. `settle` comes next. Raises StillRunningError,
    HomeInUseError, OtherDatabaseError, ArchiveError, ArchiveDamagedError, NewerArchiveError.
    """
    home = Path(settings.HOME)
    about = archive.manifest(path)
    if about["database"]["vendor"] != connection.vendor:
        raise OtherDatabaseError(theirs=about["database"]["vendor"], ours=connection.vendor)
    has_rows = not dump.is_empty()
    if has_rows and _is_running():
        raise StillRunningError(home=home)
    is_used = has_rows or any((home / name).exists() for name in ("lake", "uploads"))
    if is_used and not is_replacing:
        raise HomeInUseError(home=home)
    draft = home.with_name(f"{home.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        archive.unpack(path, draft)
        _keep_erasures(home / ERASURES, draft / ERASURES)
        connection.close()
        home.rename(home.with_name(f"{home.name}.before-{now:%Y%m%d-%H%M%S}"))
        draft.rename(home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    dump.read(home, about["database"])
    shutil.rmtree(home / "database", ignore_errors=True)
    return about


def _is_running() -> bool:
    """Whether a worker gave a sign of life just now; a database that is damaged tells of none."""
    try:
        return Lease.objects.filter(name=schedule.LEADER, until__gt=timezone.now()).exists()
    except DatabaseError:
        return False


def settle(about: Mapping[str, Any]) -> None:
    """After an unpacking: bring the database up to the program, and the lakes in line with the database."""
    upgrade.migrate()
    Lease.objects.all().delete()  # nobody who held one then is alive now
    journal_jobs.drain_all()
    for lake in maintenance.lakes():
        journal.publish(lake)
    audit.log("home.restore", actor_id=None, made_at=about["made_at"])


def _add_lake(writer: archive.Writer, lake: Lake) -> int:
    """The number of the snapshot that was added: a new one, which has all that the copied database knows of."""
    draft = lake.root.with_name(f".{lake.shop}.backup")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        journal.publish(lake)
        copied = lake.copy_snapshot(draft)
        writer.add_tree(f"lake/{lake.shop}", draft)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return copied.number


def _keep_erasures(old: Path, new: Path) -> None:
    """Whoever was erased since the backup stays erased."""
    lines = [path.read_text("ascii") for path in (new, old) if path.exists()]
    if lines:
        unique = dict.fromkeys("".join(lines).splitlines())
        new.write_text("".join(f"{line}\n" for line in unique), "ascii")
