"""The process's one DuckDB instance: bounded memory, a cursor per thread, at most two questions at once."""

import atexit
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from topline.lake.lock import unique_suffix

TURNS = 2

MAKING = "600MB"
"""What is made beside the questions may take so much, however long the facts; what doesn't fit is spilled."""

_gate = threading.Lock()
_turns = threading.BoundedSemaphore(TURNS)
_local = threading.local()
_instance: duckdb.DuckDBPyConnection | None = None
_memory = "2GB"


def configure(*, memory: str, threads: int, spill: Path) -> None:
    """Opens the instance with these limits; a second call, or one after the first question, changes them in place.

    memory : such as "2GB"
    spill : folder for what doesn't fit
    """
    global _instance, _memory
    spill.mkdir(parents=True, exist_ok=True)
    with _gate:
        _memory = memory
        if _instance is None:
            _instance = _opened(memory, threads, spill)
        else:
            _instance.execute(f"SET memory_limit = '{memory}'; SET threads = {int(threads)}")


def connection() -> duckdb.DuckDBPyConnection:
    """This thread's own cursor on the instance."""
    global _instance
    cursor: duckdb.DuckDBPyConnection | None = getattr(_local, "cursor", None)
    if cursor is None:
        with _gate:
            if _instance is None:
                _instance = _opened(_memory, os.cpu_count() or 1, Path(tempfile.gettempdir()) / "topline-spill")
            cursor = _local.cursor = _instance.cursor()
            cursor.execute("SET TimeZone = 'UTC'")
    return cursor


@contextmanager
def turn() -> Iterator[duckdb.DuckDBPyConnection]:
    """This thread's cursor while fewer than two other questions run."""
    with _turns:
        yield connection()


@contextmanager
def making() -> Iterator[None]:
    """Leaves the instance no more memory than `MAKING` meanwhile, unless it holds more already."""
    cursor = connection()
    with suppress(duckdb.OutOfMemoryException):
        cursor.execute(f"SET memory_limit = '{MAKING}'")
    try:
        yield
    finally:
        cursor.execute(f"SET memory_limit = '{_memory}'")


@contextmanager
def written(path: Path) -> Iterator[str]:
    """A new database, attached under the name given, whose file takes the path's place once it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.stem}.{unique_suffix()}")
    cursor = connection()
    cursor.execute(f"ATTACH {quoted(draft.as_posix())} AS {named(draft.name)}")
    try:
        yield draft.name
    finally:
        cursor.execute(f"DETACH {named(draft.name)}")
    draft.replace(path)


def _opened(memory: str, threads: int, spill: Path) -> duckdb.DuckDBPyConnection:
    instance = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": memory,
            "threads": threads,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    instance.execute("SET parquet_metadata_cache = true")
    atexit.register(_close, instance)
    return instance


def _close(instance: duckdb.DuckDBPyConnection) -> None:
    """Closes the instance; one that a thread still asks goes with the process."""
    with suppress(duckdb.Error):
        instance.close()


def quoted(text: str) -> str:
    """The text as an SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def named(name: str) -> str:
    """The name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
