"""The inbox of facts that programs send: on disk before they are acknowledged, drained into the lake each second.

A shop's folder holds `in` (files of rows, each written whole or still written by a living process), `taken` (the files
of one drain) and `aside` (what could not be read, for a person to look at). A drain moves what is in `in` to `taken`,
appends it to the lake and only then removes it: whatever is killed, the files are found again. Their rows have fixed
keys and versions: the lake knows them if they come twice. Orders and the like go in and are seen before the events that
came with them, so that no order waits behind a backlog of events.
"""

import json
import logging
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.conf import settings
from django.utils import timezone

from topline.accounts.models import Shop
from topline.connectors import rows
from topline.connectors.rows import Taken
from topline.facts.table import Table, tables
from topline.imports import refund, visits
from topline.imports.shops import told
from topline.journal import operations as journal
from topline.lake import lock
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import maintenance

MOST_ROWS = 10_000
"""Rows of one request."""

MOST_FILES = 1_000
"""Files that wait for the worker before no more are taken."""

DRAIN_ROWS = 500_000
"""Rows of events, and of all else, that a drain takes at a time, more or less."""

EVENTS = frozenset({"web_event", "session", "message_event"})
"""Facts that come by the thousand a second."""

FOLD_FILES = 150
"""Changes of a table that are folded before the hour is over, so that readers open few files."""

BATCH = "stream"

_UNREADABLE = (ValueError, KeyError, TypeError, AssertionError, pa.ArrowException)
logger = logging.getLogger(__name__)


class SpoolFullError(ToplineError):
    message = N_("More facts wait for the worker than it takes in. Send again in a few seconds.")


def send(*, shop: Shop, table: Table, sent: rows.Sent, source: str, now: datetime) -> Taken:
    """The rows of a fact that a program sent: those that are right are kept when this returns, and seen in seconds.

    Raises SpoolFullError. now : real time
    """
    folder = _folder(shop.slug) / "in"
    if folder.exists() and len(os.listdir(folder)) >= MOST_FILES:
        raise SpoolFullError()
    taken = rows.take(table, sent, told(shop, source), batch_id=BATCH, now=now)
    if taken.batch.num_rows:
        _write(folder, table, taken.batch)
    return taken


def waiting() -> list[str]:
    """The shops for which facts wait."""
    root = Path(settings.SPOOL)
    return sorted(folder.name for folder in root.glob("[!.]*") if any(_files(folder)))


def drain(shop: Shop) -> int:
    """How many rows went from the shop's inbox into its lake; each once, however often this is killed."""
    folder = _folder(shop.slug)
    moved = 0
    if not folder.exists():
        return moved
    with lock.held(folder / "lock"):
        while _gather(folder):
            for paths in _apart((folder / "taken").iterdir()):
                if paths:
                    moved += _take_in(shop, paths)
    return moved


def _folder(slug: str) -> Path:
    return Path(settings.SPOOL) / slug


def _files(folder: Path) -> Iterator[Path]:
    for part in ("taken", "in"):
        if (folder / part).exists():
            yield from (path for path in sorted((folder / part).iterdir()) if not path.name.startswith("."))


def _write(folder: Path, table: Table, batch: pa.RecordBatch) -> None:
    """One file of rows, whole and safe on disk when this returns."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{lock.unique_suffix()}"
    with draft.open("wb") as file:
        with pa.ipc.new_file(file, batch.schema) as writer:
            writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / f"{time.time_ns():020}-{draft.name[1:]}.{table.name}.arrow")
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder safe on disk."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _gather(folder: Path) -> bool:
    """Whether files are in `taken`: those of a drain that was killed, else the oldest of the inbox."""
    taken = folder / "taken"
    taken.mkdir(exist_ok=True)
    if any(taken.iterdir()):
        return True
    for paths in _apart((folder / "in").glob("[!.]*")):
        size = 0
        for path in paths:
            try:
                if path.suffix == ".open" and not _is_left(path):
                    continue
                size += path.stat().st_size
                path.rename(taken / path.name)
            except FileNotFoundError:  # its writer closed it this moment: the next drain finds it under its new name
                continue
            if size > DRAIN_ROWS * 100:
                break
    return any(taken.iterdir())


def _apart(paths: Iterable[Path]) -> tuple[list[Path], list[Path]]:
    """The files without those of events, and those of events, each from the oldest on."""
    apart: tuple[list[Path], list[Path]] = ([], [])
    for path in sorted(paths):
        apart[Path(path.stem).suffix[1:] in EVENTS].append(path)
    return apart


def _is_left(path: Path) -> bool:
    """Whether the process that wrote the file is gone."""
    with path.open("r+b") as file:
        return not lock.is_taken(file.fileno())


def _take_in(shop: Shop, paths: list[Path]) -> int:
    lake, now = shop.lake(), timezone.now()
    batch_id = f"{BATCH}-{now.astimezone(UTC):%Y%m%dT%H}"
    journal.open_batch(shop=shop.slug, batch_id=batch_id, source=BATCH, now=now)
    journal.make_live(shop=shop.slug, batch_id=batch_id, now=now)
    try:
        found = _read(shop, lake, paths, now)
    except _UNREADABLE:
        paths = [path for path in paths if _is_readable(shop, lake, path, now)]
        found = _read(shop, lake, paths, now)
    moved = 0
    for name, batches in found.items():
        moved += sum(batch.num_rows for batch in batches)
        lake.append(name, [_stamped(batch, batch_id) for batch in batches], batch_id=batch_id, part=None)
    gives_back = any(refund.gives_back(batch) for batch in found.get("order_line", ()))
    snapshot = refund.publish(lake) if gives_back else journal.publish(lake)
    for path in paths:
        path.unlink()
    if any(_changes(snapshot, name) > FOLD_FILES for name in found):
        maintenance.enqueue_fold(shop.slug)
    return moved


def _is_readable(shop: Shop, lake: Lake, path: Path, now: datetime) -> bool:
    """Whether a file can be taken in by itself; one that can't is set aside, so that it holds up no other."""
    try:
        _read(shop, lake, [path], now)
    except _UNREADABLE:
        aside = path.parents[1] / "aside"
        aside.mkdir(exist_ok=True, mode=0o700)
        path.rename(aside / path.name)
        logger.exception("facts that can't be read were set aside", extra={"shop": shop.slug, "path": path.name})
        return False
    return True


def _changes(snapshot: Snapshot, name: str) -> int:
    """How many files of a table a fold would take up."""
    return sum(file.batch_id not in snapshot.hidden for file in snapshot.tables[name].layer("change"))


def _read(shop: Shop, lake: Lake, paths: list[Path], now: datetime) -> dict[str, list[pa.RecordBatch]]:
    """The rows of the files by fact, and the sessions that their web events are of."""
    found: dict[str, list[pa.RecordBatch]] = defaultdict(list)
    lines: list[dict[str, Any]] = []
    for path in paths:
        if path.suffix == ".arrow":
            with pa.OSFile(str(path), "rb") as file:
                content = pa.ipc.open_file(file).read_all()
            found[path.name.split(".")[1]] += content.to_batches()
        else:
            lines += _events(path)
    if lines:
        found["web_event"].append(visits.collected(shop, lake, lines, now=now))
    if found.get("web_event"):
        new = pa.Table.from_batches(found["web_event"], tables()["web_event"].schema)
        found["session"].append(visits.sessions_of(lake, new, batch_id=BATCH, now=now))
    return found


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """The events of a collector's file; a last line that was cut off was never acknowledged."""
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield json.loads(line)


def _stamped(batch: pa.RecordBatch, batch_id: str) -> pa.RecordBatch:
    place = batch.schema.get_field_index("batch_id")
    return batch.set_column(place, batch.schema.field(place), pa.repeat(batch_id, batch.num_rows))
