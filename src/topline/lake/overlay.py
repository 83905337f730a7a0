"""What corrects the files that are read directly: rows of them that don't count, rows that count but stand elsewhere.

Read directly are the base and the changes of visible batches. A row counts if its own batch is visible or a visible
batch brought it again; of the rows of a key that count, the newest version is shown.
"""

import hashlib
import json
import shutil
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from topline.facts.table import Table
from topline.lake import duck, files
from topline.lake.lock import unique_suffix
from topline.lake.snapshot import File

NO_SIGHTING = "(SELECT NULL::VARCHAR AS key, 0::BIGINT AS version, 0::BIGINT AS seq WHERE false)"


@dataclass(frozen=True, slots=True)
class Overlay:
    """A folder with `dead.parquet` (path, row: place of a row that doesn't count) and `rows.parquet` (rows that do).

    folder : relative to the lake, None if there is nothing to correct
    months : per month a digest of both
    """

    folder: str | None
    months: Mapping[str, str]


NOTHING = Overlay(None, {})


def direct(held: Iterable[File], hidden: Collection[str]) -> list[File]:
    """The files that a reader reads as they are."""
    return [file for file in held if file.layer == "base" or _is_visible_change(file, hidden)]


def _is_visible_change(file: File, hidden: Collection[str]) -> bool:
    return file.layer == "change" and file.batch_id is not None and file.batch_id not in hidden


def resolve(
    fact: Table, held: Collection[File], noted: Collection[File], *, hidden: Collection[str], root: Path
) -> Overlay:
    """The overlay of a table's files; kept in the lake, so the same question is worked out once.

    held, noted : files of the table and of its sightings
    """
    plain = direct(held, hidden)
    contested = [f for f in held if f.layer == "history" or not f.is_new]
    elsewhere = [f for f in held if f not in set(plain) and (f.layer == "history" or noted)]
    if not contested and not elsewhere and not (hidden and any(f.layer == "base" for f in plain)):
        return NOTHING
    steers = [f.path for f in held if f.layer != "change" or f in contested or f in elsewhere]
    text = json.dumps([sorted(steers), sorted(f.path for f in noted), sorted(hidden)])
    folder = f"overlay/{fact.name}/{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    if not (root / folder / "months.json").exists():
        _write(fact, plain, contested, elsewhere, seen(noted, hidden, root), hidden, root, folder)
    months = json.loads((root / folder / "months.json").read_text(encoding="utf-8"))
    return Overlay(folder if months else None, months)


def seen(noted: Iterable[File], hidden: Collection[str], root: Path, also: str = "true") -> str:
    """SQL of the rows (key, version, seq) that a visible batch brought again.

    also : a further SQL condition on the sighting
    """
    paths = [root / file.path for file in noted]
    if not paths:
        return NO_SIGHTING
    return (
        f"(SELECT DISTINCT key, version, seq FROM {files.read_parquet(paths)} "
        f"WHERE batch_id NOT IN {listed(hidden)} AND {also})"
    )


def source(folder: str, name: str, root: Path) -> str:
    """SQL that reads an overlay's `dead` or `rows`."""
    return f"read_parquet({duck.quoted((root / folder / f'{name}.parquet').as_posix())})"


def listed(texts: Collection[str]) -> str:
    """SQL of a list of texts that may be empty."""
    return "(" + (", ".join(duck.quoted(text) for text in sorted(texts)) or "''") + ")"


def _write(
    fact: Table,
    plain: Collection[File],
    contested: Collection[File],
    elsewhere: Collection[File],
    again: str,
    hidden: Collection[str],
    root: Path,
    folder: str,
) -> None:
    final = root / folder
    draft = final.with_name(f".{final.name}.{unique_suffix()}")
    draft.mkdir(parents=True)
    prefix = len(root.as_posix()) + 2
    base = [file for file in plain if file.layer == "base"]
    with duck.turn() as cursor:
        cursor.execute(f"""
            CREATE OR REPLACE TEMP TABLE again AS FROM {again};
            CREATE OR REPLACE TEMP TABLE many AS
                SELECT DISTINCT key FROM {files.scan(fact, contested, root)} WHERE layer = 'history' OR is_new = 0;
            CREATE OR REPLACE TEMP TABLE rival AS
                SELECT key, version, seq, is_direct, layer, month, filename, file_row_number,
                    batch_id NOT IN {listed(hidden)} OR (key, version, seq) IN (FROM again) AS is_alive
                FROM (SELECT *, true AS is_direct FROM {files.scan(fact, plain, root)}
                    UNION ALL SELECT *, false FROM {files.scan(fact, elsewhere, root)})
                SEMI JOIN many USING (key);
            CREATE OR REPLACE TEMP TABLE winner AS
                FROM rival WHERE is_alive
                QUALIFY row_number() OVER (PARTITION BY key ORDER BY version DESC, seq DESC, NOT is_direct, layer) = 1;
            CREATE OR REPLACE TEMP TABLE dead AS
                SELECT substr(filename, {prefix}) AS path, file_row_number AS row, month FROM (
                    SELECT filename, file_row_number, month FROM (FROM rival WHERE is_direct)
                    ANTI JOIN winner USING (filename, file_row_number)
                    UNION ALL
                    SELECT filename, file_row_number, month FROM {files.scan(fact, base, root)}
                    WHERE batch_id IN {listed(hidden)} AND (key, version, seq) NOT IN (FROM again)
                        AND key NOT IN (FROM many)
                );
            CREATE OR REPLACE TEMP TABLE extra AS
                SELECT e.* EXCLUDE (filename, file_row_number) FROM {files.scan(fact, elsewhere, root)} e
                WHERE (filename, file_row_number) IN
                        (SELECT (filename, file_row_number) FROM winner WHERE NOT is_direct)
                    OR (key NOT IN (FROM many)
                        AND (batch_id NOT IN {listed(hidden)} OR (key, version, seq) IN (FROM again)));
        """)
        months = _months(cursor)
        for name, order in (("dead", "path, row"), ("rows", "month, key")):
            source = "extra" if name == "rows" else name
            target = duck.quoted((draft / f"{name}.parquet").as_posix())
            cursor.execute(f"COPY (FROM {source} ORDER BY {order}) TO {target} (FORMAT parquet, COMPRESSION zstd)")
        cursor.execute("DROP TABLE again; DROP TABLE many; DROP TABLE rival; DROP TABLE winner; DROP TABLE dead")
        cursor.execute("DROP TABLE extra")
    (draft / "months.json").write_text(json.dumps(months), encoding="utf-8")
    _swap(draft, final)


def _months(cursor: duckdb.DuckDBPyConnection) -> dict[str, str]:
    found = cursor.execute("""
        SELECT month, string_agg(digest, ' ' ORDER BY digest) FROM (
            SELECT month, concat(sign, count(*), ':', bit_xor(place), ':', sum(place)) AS digest FROM (
                SELECT month, '-' AS sign, hash(path, row) AS place FROM dead
                UNION ALL SELECT month, '+', hash(key, version, seq) FROM extra
            ) GROUP BY month, sign
        ) GROUP BY month""").fetchall()
    return dict(found)


def _swap(draft: Path, final: Path) -> None:
    """Another process may have worked out the same in the meantime: the first one stays."""
    try:
        draft.rename(final)
    except OSError:
        if not (final / "months.json").exists():
            raise
        for path in draft.iterdir():
            path.unlink()
        draft.rmdir()


def clear(keep: Collection[str], before: datetime, root: Path) -> None:
    """Removes overlays older than that which no kept snapshot names."""
    for path in (root / "overlay").glob("*/*"):
        is_old = path.stat().st_mtime < before.timestamp()
        if is_old and path.relative_to(root).as_posix() not in keep:
            shutil.rmtree(path)
