"""The shared cache folder: what takes long to make, named by what it was made of, so that any process may read it."""

import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings

from topline import __version__

KEEP_SECONDS = 30 * 86_400


def place(kind: str, suffix: str, *made_of: object) -> Path:
    """Where something of a kind is kept: the same for the same `made_of` and version of Topline."""
    name = hashlib.sha256(repr((__version__, *made_of)).encode()).hexdigest()
    return Path(settings.HOME) / "cache" / kind / f"{name}{suffix}"


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
