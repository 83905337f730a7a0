"""What may be wrong with an installation, and how to mend it."""

import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import DatabaseError, OperationalError, connection
from django.db.models import Max
from django.utils import timezone

from topline.journal import operations as journal
from topline.journal.models import Record
from topline.units.errors import ToplineError
from topline.workbench import maintenance, schedule, upgrade
from topline.workbench.models import Job, Lease, Schedule

LEAST_FREE_GB = 2
STALE_MINUTES = 2


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    state : `ok`, `warning` (works, but look at it) or `problem` (mend it)
    mend : what to do, empty where nothing is to do
    """

    check: str
    state: Literal["ok", "warning", "problem"]
    text: str
    mend: str = ""


def findings() -> Iterator[Finding]:
    """Everything that was looked at, in order; a check that fails to look is a problem itself."""
    for check in (_home, _keys):
        yield from _looked(check)
    database = list(_looked(_database))
    yield from database
    if any(each.state == "problem" for each in database):
        return
    if upgrade.is_pending():
        text = "The database is of an older program, or new."
        yield Finding("schema", "problem", text, "topline serve, or any other command, brings it up to date.")
        return
    for check in (_journal, _lakes, _worker, _jobs, _mail):
        yield from _looked(check)


def _looked(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    name = check.__name__.strip("_")
    try:
        yield from check()
    except OperationalError as error:
        yield Finding(name, "problem", str(error), "Check that the database runs, and what DATABASE_URL says.")
    except DatabaseError as error:
        yield Finding(name, "problem", str(error), "Restore the newest backup.")
    except (OSError, ToplineError) as error:
        yield Finding(name, "problem", str(error), "Mend what the message names, then check again.")


def _home() -> Iterator[Finding]:
    home = Path(settings.HOME)
    free = shutil.disk_usage(home).free / 1e9
    text = f"{home}, {free:.1f} GB free"
    if free < LEAST_FREE_GB:
        yield Finding("home", "problem", text, "Free some space, or move TOPLINE_HOME to a larger disk.")
    else:
        yield Finding("home", "ok", text)


def _keys() -> Iterator[Finding]:
    folder = Path(settings.KEYS)
    readable = [path.name for path in folder.iterdir() if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if readable:
        yield Finding("keys", "problem", f"{folder}: others may read {', '.join(readable)}", f"chmod 600 {folder}/*")
    else:
        yield Finding("keys", "ok", str(folder))


def _database() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            said = cursor.execute("PRAGMA quick_check").fetchone()[0]
            mode = cursor.execute("PRAGMA journal_mode").fetchone()[0]
            if said != "ok":
                yield Finding("database", "problem", said, "Restore the newest backup.")
                return
            yield Finding("database", "ok", f"SQLite, journal {mode}")
        else:
            cursor.execute("SHOW server_version")
            yield Finding("database", "ok", f"PostgreSQL {cursor.fetchone()[0]}")


def _journal() -> Iterator[Finding]:
    behind = {
        shop: Record.objects.after(shop, done).count()
        for shop, newest in Record.objects.values_list("shop").annotate(Max("seq"))
        if (done := journal.position(consumer=journal.LAKE_WRITER, shop=shop)) < newest
    }
    if behind:
        text = ", ".join(f"{shop}: {count}" for shop, count in behind.items())
        yield Finding("journal", "warning", f"facts that wait for the lake: {text}", "topline worker")
    else:
        yield Finding("journal", "ok", "all recorded facts are in the lakes")


def _lakes() -> Iterator[Finding]:
    for lake in maintenance.lakes():
        try:
            seen = lake.verify()
        except ToplineError as error:
            yield Finding(f"lake {lake.shop}", "problem", str(error), "topline restore FILE")
            continue
        snapshot = lake.latest()
        number = snapshot.number if snapshot else 0
        yield Finding(f"lake {lake.shop}", "ok", f"snapshot {number}: {seen.files} files, {seen.rows} rows")
        if snapshot and (unseen := journal.hidden(lake) ^ snapshot.hidden):
            names = ", ".join(sorted(unseen)[:3])
            yield Finding(f"lake {lake.shop}", "warning", f"batches changed since: {names}", "topline worker")


def _worker() -> Iterator[Finding]:
    leader = Lease.objects.filter(name=schedule.LEADER, until__gt=timezone.now()).first()
    if leader:
        yield Finding("worker", "ok", "running")
    else:
        yield Finding("worker", "warning", "no worker is running", "topline serve, or topline worker")
    for row in Schedule.objects.exclude(last_error=""):
        yield Finding(f"schedule {row.name}", "problem", row.last_error, "See the log of the worker.")


def _jobs() -> Iterator[Finding]:
    since = timezone.now() - timedelta(days=1)
    failed = Job.objects.filter(state=Job.State.FAILED, finished_at__gt=since).order_by("-id")
    for job in failed[:5]:
        yield Finding(f"job {job.kind} {job.pk}", "warning", job.message, "Mend it, then try again.")
    late = timezone.now() - timedelta(minutes=STALE_MINUTES)
    waiting = Job.objects.filter(state=Job.State.QUEUED, due_at__lt=late).count()
    if waiting:
        yield Finding("jobs", "warning", f"{waiting} wait for a worker", "topline worker")


def _mail() -> Iterator[Finding]:
    if settings.HAS_MAIL:
        yield Finding("mail", "ok", settings.DEFAULT_FROM_EMAIL)
    else:
        yield Finding("mail", "warning", "no mail is sent", "Set TOPLINE_MAIL_URL, or pass links on by hand.")
