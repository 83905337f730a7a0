"""What the process holds open for its questions: mirrors attached, small tables in memory. The longest unused go."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import duckdb

from topline.lake import duck

MOST = 64

_gate = threading.Lock()
_numbers = count(1)
_held: OrderedDict[str, "Resident"] = OrderedDict()


@dataclass(frozen=True, slots=True)
class Resident:
    """name : SQL identifier that any cursor of the process may read."""

    name: str
    drop: str


def table(query: str) -> Resident:
    """The rows of this SQL as a table in memory. The same SQL must always mean the same rows."""
    with _gate:
        if query not in _held:
            name = f"memory.main.resident_{next(_numbers)}"
            duck.connection().execute(f"CREATE TABLE {name} AS {query}")
            _take(query, Resident(name, f"DROP TABLE {name}"))
        return _used(query)


def database(path: Path) -> Resident | None:
    """This DuckDB file, attached read-only; None if it is gone."""
    if not path.exists():
        return None
    key = path.as_posix()
    with _gate:
        if key not in _held:
            name = f"resident_{next(_numbers)}"
            try:
                duck.connection().execute(f"ATTACH {duck.quoted(key)} AS {name} (READ_ONLY)")
            except duckdb.IOException:
                return None
            _take(key, Resident(name, f"DETACH {name}"))
        return _used(key)


def has(resident: Resident) -> bool:
    """Whether it is still held; what is asked for counts as used."""
    with _gate:
        for key, held in _held.items():
            if held == resident:
                _held.move_to_end(key)
                return True
        return False


def _used(key: str) -> Resident:
    _held.move_to_end(key)
    return _held[key]


def _take(key: str, resident: Resident) -> None:
    _held[key] = resident
    while len(_held) > MOST:
        _, oldest = _held.popitem(last=False)
        duck.connection().execute(oldest.drop)
