"""A snapshot: the one version of every table that all numbers on a page, in an export or in a forecast come from."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from topline.facts.table import tables
from topline.lake.lock import unique_suffix

type Layer = Literal["base", "change", "history"]


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of a table.

    path : relative to the lake's folder
    batch_id : the batch of all its rows, None if they are of several
    is_new : True if no row's key was in the lake when it was appended
    """

    path: str
    rows: int
    size: int
    layer: Layer
    month: str
    batch_id: str | None
    is_new: bool


@dataclass(frozen=True)
class TableVersion:
    """One version of a table.

    version : of the Delta table
    months : the digest of what a reader sees of each month
    overlay : what corrects the files that are read directly, None if nothing does
    mirror : the base as a DuckDB file, None if not built
    """

    version: int
    files: tuple[File, ...]
    months: Mapping[str, str]
    overlay: str | None = None
    mirror: str | None = None

    @cached_property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @cached_property
    def digest(self) -> str:
        """What identifies the rows that a reader sees: equal digests, equal rows."""
        return hashlib.sha256(json.dumps(sorted(self.months.items())).encode()).hexdigest()

    def layer(self, *layers: Layer) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.layer in layers)


_EMPTY = TableVersion(0, (), {})


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a reader sees of a shop.

    number : counts up by one per shop
    recorded_to : the newest `recorded_at` in it, None if it is empty
    hidden : batches whose rows don't count: pending imports and withdrawn ones
    """

    number: int
    published_at: datetime
    recorded_to: datetime | None
    hidden: frozenset[str]
    tables: Mapping[str, TableVersion]

    @property
    def is_empty(self) -> bool:
        """True if nothing that was brought or sent is visible, as before the first import and once all are undone."""
        return not any(self.held(fact.name).months for fact in tables().values() if not fact.is_own)

    def digest(self, table: str, month: str | None = None) -> str:
        """What identifies the visible rows of a table, or of one of its months: equal digests, equal rows."""
        held = self.held(table)
        return held.digest if month is None else held.months.get(month, "")

    def held(self, table: str) -> TableVersion:
        """The table's version, an empty one where there is none."""
        return self.tables.get(table, _EMPTY)


def save(snapshot: Snapshot, folder: Path) -> None:
    """Writes the snapshot's file whole or not at all; FileExistsError if its number is taken."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{snapshot.number}.{unique_suffix()}"
    with draft.open("w", encoding="utf-8") as out:
        json.dump(_to_json(snapshot), out, separators=(",", ":"))
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(draft, _path(folder, snapshot.number))
        pointer = draft.with_suffix(".latest")
        pointer.write_text(str(snapshot.number), encoding="ascii")
        pointer.replace(folder / "latest")
    finally:
        draft.unlink()


def load(folder: Path, number: int) -> Snapshot:
    """The snapshot of that number; FileNotFoundError if there is none or it was vacuumed."""
    return _from_json(json.loads(_path(folder, number).read_text(encoding="utf-8")))


def latest_number(folder: Path) -> int | None:
    try:
        return int((folder / "latest").read_text(encoding="ascii"))
    except FileNotFoundError:
        return None


def numbers(folder: Path) -> list[int]:
    """The numbers of all snapshots kept, ascending; includes one whose publisher died before it said so."""
    return sorted(int(path.stem) for path in folder.glob("[0-9]*.json"))


def remove(folder: Path, number: int) -> None:
    _path(folder, number).unlink(missing_ok=True)


def _path(folder: Path, number: int) -> Path:
    return folder / f"{number:010}.json"


def _to_json(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "number": snapshot.number,
        "published_at": snapshot.published_at.isoformat(),
        "recorded_to": snapshot.recorded_to and snapshot.recorded_to.isoformat(),
        "hidden": sorted(snapshot.hidden),
        "tables": {name: _table_to_json(table) for name, table in snapshot.tables.items()},
    }


def _table_to_json(table: TableVersion) -> dict[str, Any]:
    return {
        "version": table.version,
        "files": [[f.path, f.rows, f.size, f.layer, f.month, f.batch_id, f.is_new] for f in table.files],
        "months": dict(table.months),
        "overlay": table.overlay,
        "mirror": table.mirror,
    }


def _from_json(content: dict[str, Any]) -> Snapshot:
    recorded_to = content["recorded_to"]
    return Snapshot(
        number=content["number"],
        published_at=datetime.fromisoformat(content["published_at"]),
        recorded_to=recorded_to and datetime.fromisoformat(recorded_to),
        hidden=frozenset(content["hidden"]),
        tables={
            name: TableVersion(
                table["version"],
                tuple(File(*fields) for fields in table["files"]),
                table["months"],
                table["overlay"],
                table["mirror"],
            )
            for name, table in content["tables"].items()
        },
    )
