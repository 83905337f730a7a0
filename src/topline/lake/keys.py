"""Which files may hold a key: hashes of a file's keys beside it, so that an append reads numbers in place of texts.

An index is a copy that can be lost. It is made of a large file's keys when they are first asked for, and stays right:
a file never changes. Small files are asked themselves. Hashes are DuckDB's, so each version has a folder of its own.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import duckdb

from topline.lake import duck, files
from topline.lake.lock import unique_suffix
from topline.lake.snapshot import File

LEAST_ROWS = 10_000


def holding(held: Sequence[File], asked: str, root: Path) -> list[File]:
    """The files that hold a key of the table `asked`; where two hashes clash also one that doesn't."""
    cursor = duck.connection()
    large = {_index(file, root).as_posix(): file for file in held if file.rows >= LEAST_ROWS}
    small = {(root / file.path).as_posix(): file for file in held if file.rows < LEAST_ROWS}
    hit: list[File] = []
    if large:
        listed = ", ".join(duck.quoted(path) for path in large)
        hashes = f"(SELECT hash(key) AS hash FROM {asked})"
        source = f"read_parquet([{listed}], filename = true)"
        query = f"SELECT DISTINCT filename FROM {source} SEMI JOIN {hashes} USING (hash)"
        hit += [large[name] for (name,) in cursor.execute(query).fetchall()]
    if small:
        query = f"SELECT DISTINCT filename FROM {files.read_parquet(root / file.path for file in small.values())}"
        hit += [small[name] for (name,) in cursor.execute(f"{query} SEMI JOIN {asked} USING (key)").fetchall()]
    return hit


def clear(root: Path) -> None:
    """Removes the indexes of files that are gone, and those of other versions of DuckDB."""
    for folder in (root / "index").glob("*/*"):
        is_ours = folder.parts[-2] == duckdb.__version__
        kept = {path.name for path in (root / folder.name).glob("*/*/*.parquet")} if is_ours else set()
        for path in folder.glob("*.parquet"):
            if path.name not in kept:
                path.unlink(missing_ok=True)


def _index(file: File, root: Path) -> Path:
    table, _, rest = file.path.partition("/")
    path = root / "index" / duckdb.__version__ / table / rest.rpartition("/")[2]
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{unique_suffix()}")
        source = f"read_parquet({duck.quoted((root / file.path).as_posix())})"
        duck.connection().execute(
            f"COPY (SELECT hash(key) AS hash FROM {source}) TO {duck.quoted(draft.as_posix())} "
            "(FORMAT parquet, COMPRESSION uncompressed)"
        )
        os.replace(draft, path)
    return path
