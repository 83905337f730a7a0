"""Events of a shop's pages on their way to disk: acknowledged when they are synced, drained like all that is sent."""

import json
import os
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from topline.imports.spool import sync_folder
from topline.lake import lock

OPEN_SECONDS = 0.5
"""How long a file is written to before the drain may have it; it takes those of a process that ended at once."""


@dataclass(slots=True)
class _Entry:
    """Lines of a shop that wait for a sync, and how it went."""

    shop: str
    lines: bytes
    is_done: bool = False
    error: OSError | None = None


class Writer:
    """Appends events to an open file of each shop. Whoever comes while another syncs shares the next sync."""

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._waiting: list[_Entry] = []
        self._open: dict[str, _File] = {}
        self._is_busy = False
        self._closer: threading.Thread | None = None

    def write(self, shop: str, events: Sequence[Mapping[str, Any]]) -> None:
        """Keeps the events; they are safe on disk when this returns. Raises OSError if they could not be kept."""
        lines = b"".join(json.dumps(event, separators=(",", ":")).encode() + b"\n" for event in events)
        entry = _Entry(shop, lines)
        with self._turn:
            self._waiting.append(entry)
            while self._is_busy and not entry.is_done:
                self._turn.wait()
            if not entry.is_done:
                self._is_busy = True
                waiting, self._waiting = self._waiting, []
        if not entry.is_done:
            self._sync(waiting)
        if entry.error is not None:
            raise entry.error

    def _sync(self, waiting: Sequence[_Entry]) -> None:
        """Writes what waits, one sync a shop, and lets the others go on."""
        by_shop: dict[str, list[_Entry]] = defaultdict(list)
        for entry in waiting:
            by_shop[entry.shop].append(entry)
        for shop, entries in by_shop.items():
            try:
                self._file(shop).append(b"".join(entry.lines for entry in entries))
            except OSError as error:
                for entry in entries:
                    entry.error = error
        with self._turn:
            for entry in waiting:
                entry.is_done = True
            self._is_busy = False
            self._turn.notify_all()

    def _file(self, shop: str) -> "_File":
        if self._closer is None:
            self._closer = threading.Thread(target=self._close_in_time, name="events", daemon=True)
            self._closer.start()
        if shop not in self._open:
            self._open[shop] = _File(Path(settings.SPOOL) / shop / "in")
        return self._open[shop]

    def _close_in_time(self) -> None:
        while True:
            time.sleep(OPEN_SECONDS / 2)
            self.close(OPEN_SECONDS)

    def close(self, age: float) -> None:
        """Gives files to the drain that were opened so many seconds ago."""
        with self._turn:
            while self._is_busy:
                self._turn.wait()
            for shop, file in list(self._open.items()):
                if time.monotonic() - file.opened_at >= age:
                    del self._open[shop]
                    file.close()


class _File:
    """A file of events that is being written, which its lock says to the drain."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.path = folder / f"{time.time_ns():020}-{lock.unique_suffix()}.web_event.open"
        draft = folder / f".{self.path.name}"
        self._file: IO[bytes] = draft.open("wb", buffering=0)
        lock.is_taken(self._file.fileno())
        draft.rename(self.path)
        sync_folder(folder)
        self.opened_at = time.monotonic()

    def append(self, lines: bytes) -> None:
        self._file.write(lines)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self.path.rename(self.path.with_suffix(".jsonl"))
        self._file.close()
