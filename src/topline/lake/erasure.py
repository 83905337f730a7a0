"""Forgetting customers: a fold of the whole lake replaces their keys at random, in every row of every table.

A key has the same replacement everywhere, so every number by customer stays what it was. The replacement is thrown away
when the last table is done, and nothing leads back. A key that was forgotten once is replaced again whenever it comes.
"""

import json
import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
from deltalake.transaction import AddAction, RemoveAction

from topline.facts.table import Table
from topline.lake import duck, files, lock
from topline.lake.files import SIGHTING
from topline.lake.snapshot import File

_LETTERS = "abcdefghijklmnop"
_LENGTH = 32


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Files that one commit puts in the place of others."""

    adds: tuple[AddAction, ...]
    removes: tuple[RemoveAction, ...]
    months: tuple[str, ...]
    rows: int


def forget(keys: Iterable[str], root: Path) -> None:
    """Note keys to replace; on disk when this returns."""
    with lock.held(root / "lock" / "erasure"):
        fresh = sorted(set(keys) - forgotten(root))
        _gone(root).parent.mkdir(parents=True, exist_ok=True)
        with _gone(root).open("a", encoding="utf-8") as file:
            file.writelines(f"{key}\n" for key in fresh)
            file.flush()
            os.fsync(file.fileno())


def forgotten(root: Path) -> set[str]:
    """Every key that was ever forgotten."""
    return set(_gone(root).read_text(encoding="utf-8").splitlines()) if _gone(root).exists() else set()


@contextmanager
def replacing(held: Mapping[Table, Sequence[File]], root: Path) -> Iterator[bool]:
    """Whether a table holds a forgotten key: its replacement then stands in the thread's temporary table `replaced`.

    Replaced too are the other personal keys in a row with a forgotten one: the device of that person. The replacements
    are on disk until the block ends without an error, so a run that was killed is finished with the same ones.
    """
    path = root / "erasure" / "replaced.json"
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    gone = forgotten(root) | set(kept)
    found = set().union(*(_found(fact, of, gone, root) for fact, of in held.items())) if gone else set()
    replaced = {key: kept.get(key) or _random() for key in found}
    if replaced:
        _save(path, kept | replaced)
        with duck.turn() as cursor:
            _fill(cursor, "replaced", replaced)
    yield bool(replaced)
    path.unlink(missing_ok=True)


def rewrite(
    fact: Table, held: Sequence[File], noted: Sequence[File], *, root: Path, now: datetime
) -> tuple[Rewritten, Rewritten]:
    """Writes the table's files that hold a replaced key anew, and those of its sightings; inside of `replacing`.

    The sightings are to be committed first: their keys are found by those of the table's rows.
    """
    joins = " ".join(f"LEFT JOIN replaced r{n} ON {duck.named(c)} = r{n}.old" for n, c in enumerate(fact.personal_keys))
    olds = ", ".join(f"r{n}.old" for n in range(len(fact.personal_keys)))
    key = "key"
    for n in range(len(fact.personal_keys)):
        key = f"CASE WHEN r{n}.old IS NULL THEN {key} ELSE replace({key}, r{n}.old, r{n}.new) END"
    news = {c: f"coalesce(r{n}.new, {duck.named(c)})" for n, c in enumerate(fact.personal_keys)} | {"key": key}
    with duck.turn() as cursor:
        rows = f"{files.scan(fact, held, root)} {joins} WHERE coalesce({olds}, NULL) IS NOT NULL"
        hit = _names(cursor, f"SELECT DISTINCT filename FROM {rows}")
        cursor.execute(
            "CREATE OR REPLACE TEMP TABLE renamed AS SELECT DISTINCT key AS old, new FROM "
            f"(SELECT key, {key} AS new FROM {rows}) WHERE key <> new"
        )
        listed = files.read_parquet([root / f.path for f in noted]) + " JOIN renamed ON key = old" if noted else ""
        noted_hit = _names(cursor, f"SELECT DISTINCT filename FROM {listed}") if noted else set()
    schema = files.stored_schema(fact)
    chosen = ", ".join(f"{news.get(name, duck.named(name))} AS {duck.named(name)}" for name in schema.names)
    of_fact = [
        (file, f"SELECT {chosen} FROM {files.scan(fact, [file], root)} {joins} ORDER BY file_row_number")
        for file in held
        if (root / file.path).as_posix() in hit
    ]
    chosen = ", ".join("coalesce(new, key) AS key" if name == "key" else name for name in SIGHTING.names)
    of_noted = [
        (file, f"SELECT {chosen} FROM {files.read_parquet([root / file.path])} LEFT JOIN renamed ON key = old")
        for file in noted
        if (root / file.path).as_posix() in noted_hit
    ]
    return _rewritten(of_fact, schema, root, now), _rewritten(of_noted, SIGHTING, root, now)


def _rewritten(sources: Sequence[tuple[File, str]], schema: pa.Schema, root: Path, now: datetime) -> Rewritten:
    adds = []
    for file, query in sources:
        with duck.turn() as cursor:
            batches = (batch.cast(schema) for batch in cursor.sql(query).to_arrow_reader(files.ROW_GROUP))
            folder = f"layer={file.layer}/month={file.month}"
            _, action = files.write(batches, schema, root=root / file.path.partition("/")[0], folder=folder)
            adds += [action] if action else []
    stamp = int(now.timestamp() * 1000)
    return Rewritten(
        tuple(adds),
        tuple(files.removal(file, stamp) for file, _ in sources),
        tuple(sorted({file.month for file, _ in sources})),
        sum(file.rows for file, _ in sources),
    )


def _found(fact: Table, held: Sequence[File], gone: Collection[str], root: Path) -> set[str]:
    """The forgotten keys that these files hold, and the personal keys beside them."""
    columns = ", ".join(duck.named(name) for name in fact.personal_keys)
    with duck.turn() as cursor:
        _fill(cursor, "gone", dict.fromkeys(gone, ""))
        hits = " OR ".join(f"{duck.named(name)} IN (SELECT old FROM gone)" for name in fact.personal_keys)
        rows = cursor.execute(f"SELECT DISTINCT {columns} FROM {files.scan(fact, held, root)} WHERE {hits}").fetchall()
    return {key for row in rows for key in row if key is not None}


def _fill(cursor: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, str]) -> None:
    rows = pa.table({"old": pa.array(values.keys(), pa.string()), "new": pa.array(values.values(), pa.string())})
    cursor.register("filling", rows)
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM filling")
    cursor.unregister("filling")


def _names(cursor: duckdb.DuckDBPyConnection, query: str) -> set[str]:
    return {name for (name,) in cursor.execute(query).fetchall()}


def _random() -> str:
    """Letters only, as the keys of customers are."""
    return "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))


def _save(path: Path, replaced: Mapping[str, str]) -> None:
    draft = path.with_suffix(f".{lock.unique_suffix()}")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(replaced, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _gone(root: Path) -> Path:
    return root / "erasure" / "gone.txt"
