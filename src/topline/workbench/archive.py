"""A backup's archive: files in a zip, and last a manifest that proves each of them."""

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from topline.units.errors import ToplineError
from topline.units.text import N_

FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_PACKED = {".parquet", ".gz", ".zip", ".xlsx", ".duckdb"}


class ArchiveError(ToplineError):
    message = N_("%(path)s is no backup of Topline, or only a part of one: %(reason)s.")


class ArchiveDamagedError(ToplineError):
    message = N_("%(path)s is damaged: “%(member)s” isn't what was backed up. Nothing was restored.")


class NewerArchiveError(ToplineError):
    message = N_("%(path)s was made by a newer Topline (%(version)s). Update Topline before you restore it.")


class Writer:
    """Adds files to an archive and remembers their digests."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.files: dict[str, dict[str, object]] = {}

    def add(self, name: str, path: Path) -> None:
        """A file under a name."""
        with path.open("rb") as source, self.stream(name, is_packed=path.suffix in _PACKED) as target:
            shutil.copyfileobj(source, target, _CHUNK)

    def add_tree(self, name: str, folder: Path) -> None:
        """All files of a folder, if there is one, but hidden ones: drafts that somebody is at work on."""
        for path in sorted(folder.rglob("*")):
            inner = path.relative_to(folder)
            if path.is_file() and not any(part.startswith(".") for part in inner.parts):
                self.add(f"{name}/{inner.as_posix()}", path)

    @contextmanager
    def stream(self, name: str, *, is_packed: bool = False) -> Iterator["_Digested"]:
        """A file to be written under a name."""
        entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
        entry.compress_type = zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED
        entry.external_attr = 0o600 << 16
        with self._archive.open(entry, "w", force_zip64=True) as member:
            digested = _Digested(member)
            yield digested
        self.files[name] = {"sha256": digested.digest.hexdigest(), "size": digested.size}


class _Digested:
    """A file that is being written, its size and digest."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes | memoryview) -> int:
        self.digest.update(chunk)
        self.size += len(chunk)
        return self._file.write(chunk)


@contextmanager
def writing(path: Path, about: dict[str, Any]) -> Iterator[Writer]:
    """An archive being written; the file stands under its name only once it is whole and on disk."""
    draft = path.with_name(f"{path.name}.partial")
    try:
        with draft.open("wb") as file:
            draft.chmod(0o600)
            with zipfile.ZipFile(file, "w", allowZip64=True) as archive:
                writer = Writer(archive)
                yield writer
                archive.writestr(MANIFEST, json.dumps({"format": FORMAT, **about, "files": writer.files}, indent=1))
            file.flush()
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def manifest(path: Path) -> dict[str, Any]:
    """What the archive says about itself. Raises ArchiveError, NewerArchiveError."""
    try:
        with zipfile.ZipFile(path) as archive:
            found: dict[str, Any] = json.loads(archive.read(MANIFEST))
    except FileNotFoundError:
        raise ArchiveError(path=path, reason="there is no such file") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise ArchiveError(path=path, reason=str(error).strip("'\"")) from None
    if found["format"] > FORMAT:
        raise NewerArchiveError(path=path, version=found["version"])
    return found


def unpack(path: Path, folder: Path) -> dict[str, Any]:
    """The manifest of the archive, whose files are in `folder` now, each proven by its digest.

    Raises ArchiveError, NewerArchiveError, ArchiveDamagedError.
    """
    about = manifest(path)
    with zipfile.ZipFile(path) as archive:
        for name, expected in about["files"].items():
            target = (folder / name).resolve()
            if not target.is_relative_to(folder.resolve()):
                raise ArchiveError(path=path, reason=f"“{name}” lies outside of it")
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if _copied(archive, name, target) != expected["sha256"]:
                raise ArchiveDamagedError(path=path, member=name)
    return about


def _copied(archive: zipfile.ZipFile, name: str, target: Path) -> str | None:
    """The digest of a member, copied to a file; None if it can't be read."""
    digest = hashlib.sha256()
    try:
        with archive.open(name) as member, target.open("wb") as file:
            target.chmod(0o600)
            while chunk := member.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
    except (zipfile.BadZipFile, KeyError, EOFError, OSError, ValueError):
        return None
    return digest.hexdigest()
