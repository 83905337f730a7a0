"""The shared cache folder: what takes long to make, named by what it was made of, so that any process may read it."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from django.conf import settings

from topline import __version__
from topline.accounts.models import Shop
from topline.lake import read
from topline.lake.snapshot import Snapshot

KEEP_SECONDS = 30 * 86_400


def place(kind: str, suffix: str, *made_of: object) -> Path:
    """Where something of a kind is kept: the same for the same `made_of` and version of Topline."""
    name = hashlib.sha256(repr((__version__, *made_of)).encode()).hexdigest()
    return Path(settings.HOME) / "cache" / kind / f"{name}{suffix}"


@dataclass(frozen=True, slots=True)
class Answer:
    """Where something is kept that is made of answers of the lake alone.

    It stays for as long as the facts that they were read from stay as they are, whatever else streams in. Which facts
    those are is known once it was made, and is kept beside it.

    asked : what it was made of beside facts
    """

    kind: str
    suffix: str
    shop: Shop
    snapshot: Snapshot
    known_at: datetime | None
    asked: tuple[object, ...]

    def find(self) -> Path | None:
        """The file, whose facts are noted; None if it isn't made."""
        try:
            facts = self._index.read_text("utf-8").split()
        except FileNotFoundError:
            return None
        path = self._path(facts)
        if not path.exists():
            return None
        read.note(facts)
        return path

    def keep(self, facts: Iterable[str], write: Callable[[Path], object]) -> Path:
        """The file that `write` has written, read from these facts."""
        path = self._path(facts)
        with written(path) as draft:
            write(draft)
        with written(self._index) as draft:
            draft.write_text(" ".join(sorted(facts)), "utf-8")
        return path

    @property
    def _index(self) -> Path:
        known = read.known_of(self.shop.lake(), self.snapshot, self.known_at).content
        return place(self.kind, ".facts", self.shop.slug, known, self.known_at, *self.asked)

    def _path(self, facts: Iterable[str]) -> Path:
        digests = [(fact, self.snapshot.digest(fact)) for fact in sorted(facts)]
        return place(self.kind, self.suffix, self.shop.slug, digests, self.known_at, *self.asked)


@contextmanager
def written(path: Path) -> Iterator[Path]:
    """A draft that takes the path's place once it is whole; whatever is killed meanwhile, no half of it is read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}.part")
    yield draft
    draft.replace(path)
    sweep(path.parent)


def sweep(folder: Path) -> None:
    """Clears away what was made long ago."""
    for old in folder.iterdir():
        with suppress(FileNotFoundError):  # another process was faster
            if old.stat().st_mtime < time.time() - KEEP_SECONDS:
                shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink()
