"""The whole database as files, and back: SQLite by its own copy, PostgreSQL by COPY of all tables at one moment."""

import sqlite3
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from topline.workbench.archive import Writer

SQLITE_FILE = "topline.sqlite3"
_FOLDER = "database"


def write(writer: Writer) -> dict[str, Any]:
    """Put the database into an archive as it is at one moment, while it is in use; returns what `read` needs."""
    if connection.vendor == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / SQLITE_FILE
            _copy_sqlite(copy)
            writer.add(SQLITE_FILE, copy)
        return {"vendor": "sqlite"}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        columns = {table: _columns(cursor, table) for table in _tables()}
        for table, names in columns.items():
            with writer.stream(f"{_FOLDER}/{table}") as file, cursor.copy(_copy(table, names, "TO STDOUT")) as rows:
                for chunk in rows:
                    file.write(chunk)
    return {"vendor": "postgresql", "columns": columns, "migrations": _newest_migrations()}


def is_empty() -> bool:
    """Whether the database holds nothing yet."""
    if connection.vendor == "sqlite":
        return not Path(connection.settings_dict["NAME"]).exists()
    return not _tables()


def read(folder: Path, about: dict[str, Any]) -> None:
    """Make the database what an unpacked archive says. Of SQLite, the file itself is the database."""
    if about["vendor"] == "sqlite":
        return
    with connection.cursor() as cursor:
        for table in _tables():
            cursor.execute(f"DROP TABLE {_quoted(table)} CASCADE")
    executor = MigrationExecutor(connection)
    executor.migrate([(app, name) for app, name in about["migrations"].items()])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(map(_quoted, about['columns']))}")
        for table, names in about["columns"].items():
            with (folder / _FOLDER / table).open("rb") as file, cursor.copy(_copy(table, names, "FROM STDIN")) as rows:
                while chunk := file.read(1 << 20):
                    rows.write(chunk)
        for statement in connection.ops.sequence_reset_sql(no_style(), apps.get_models(include_auto_created=True)):
            cursor.execute(statement)


def _copy_sqlite(target: Path) -> None:
    source = sqlite3.connect(connection.settings_dict["NAME"])
    copy = sqlite3.connect(target)
    try:
        source.backup(copy, pages=5_000)
        copy.execute("PRAGMA journal_mode=DELETE")
    finally:
        copy.close()
        source.close()


def _newest_migrations() -> dict[str, str]:
    """The newest migration of each app that the database has."""
    applied = MigrationRecorder(connection).applied_migrations()
    return dict(sorted(applied))  # the last of each app stays


def _tables() -> list[str]:
    """Our tables that exist."""
    ours = {*connection.introspection.django_table_names(), "django_migrations"}
    return sorted(ours.intersection(connection.introspection.table_names()))


def _columns(cursor: Any, table: str) -> list[str]:
    return [column.name for column in connection.introspection.get_table_description(cursor, table)]


def _copy(table: str, columns: Iterable[str], direction: str) -> str:
    return f"COPY {_quoted(table)} ({', '.join(map(_quoted, columns))}) {direction}"


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
