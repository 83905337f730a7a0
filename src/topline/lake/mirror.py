"""The base of a table as a DuckDB file: what it holds is read at the speed of DuckDB's own tables.

A mirror is a copy that can be lost: it is named after the files that it copies, written once, swapped in whole, and
opened read-only by any number of processes. Where there is none the files themselves are read.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from topline.facts.table import Table
from topline.lake import duck, files
from topline.lake.snapshot import File

LEAST_ROWS = 20_000
"""Below this a reader holds the rows in memory and needs no mirror."""


def path_of(fact: Table, base: Sequence[File]) -> str:
    """Where the mirror of these files is, relative to the lake. Its rows stand in the order of the files."""
    columns = [(field.name, str(field.type)) for field in files.stored_schema(fact)]
    text = json.dumps([[file.path for file in base], columns])
    return f"mirror/{fact.name}/{hashlib.sha256(text.encode()).hexdigest()[:32]}.duckdb"


def is_worth(base: Sequence[File]) -> bool:
    return sum(file.rows for file in base) >= LEAST_ROWS


def build(fact: Table, base: Sequence[File], root: Path) -> str:
    """Builds the mirror of these files unless it is there; returns its path relative to the lake."""
    path = path_of(fact, base)
    final = root / path
    if final.exists():
        return path
    columns = ", ".join(duck.named(name) for name in fact.columns)
    kinds = ", ".join(f"{duck.named(f.name)} {files.duck_type(f.type)}" for f in fact.schema)
    with duck.turn() as cursor, duck.written(final) as draft:
        name = duck.named(draft)
        cursor.execute(f"CREATE TABLE {name}.rows ({kinds})")
        cursor.execute(f"INSERT INTO {name}.rows SELECT {columns} FROM {files.scan(fact, base, root)}")
    return path


def clear(table: str, keep: set[str], root: Path) -> None:
    """Removes the table's mirrors except these, and drafts of builders that died."""
    for path in (root / "mirror" / table).glob("*.duckdb"):
        if path.relative_to(root).as_posix() not in keep:
            path.unlink(missing_ok=True)
