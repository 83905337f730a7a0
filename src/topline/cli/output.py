"""Printing rows as a table for people, or as JSON or CSV for programs."""

import csv
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer

from topline.units.missing import Missing


class Format(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"


_WIDEST = 1000

FormatOption = Annotated[Format, typer.Option("--format", help="How to print: for people, or for programs.")]


def rows(
    rows: Iterable[Mapping[str, object]],
    style: Format,
    *,
    columns: Sequence[str] | None = None,
    title: str | None = None,
) -> None:
    """Print rows; `columns` says which and in what order, by default those of the first, where there always is one."""
    listed = list(rows)
    names = list(columns if columns is not None else listed[0] if listed else ())
    match style:
        case Format.JSON:
            json.dump(
                [{name: plain(row.get(name)) for name in names} for row in listed],
                sys.stdout,
                ensure_ascii=False,
                indent=2,
            )
            sys.stdout.write("\n")
        case Format.CSV:
            writer = csv.writer(sys.stdout, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([cell(row.get(name)) for name in names] for row in listed)
        case Format.TABLE:
            _table(listed, names, title)


def plain(value: object) -> object:
    """The value as JSON has it: amounts as decimal strings, a missing value as `{"missing": reason}`."""
    match value:
        case Missing():
            return {"missing": value.reason}
        case Decimal():
            return format(value, "f")
        case datetime() | date():
            return value.isoformat()
        case None | bool() | int() | float() | str():
            return value
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _:
            return str(value)


def cell(value: object) -> str:
    """The value as text without ornament: an empty cell for nothing and for what is missing."""
    if value is None or isinstance(value, Missing):
        return ""
    shown = plain(value)
    return shown if isinstance(shown, str) else json.dumps(shown, ensure_ascii=False)


def _table(rows: Sequence[Mapping[str, object]], names: Sequence[str], title: str | None) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in names:
        numeric = any(isinstance(row.get(name), Decimal | int | float) for row in rows)
        table.add_column(escape(name), justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in rows:
        table.add_row(*(escape(_shown(row.get(name))) for name in names))
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _WIDEST)  # a file or a pipe has no edge at which lines would have to break
    console.print(table)


def _shown(value: object) -> str:
    match value:
        case Missing():
            return f"– ({value})"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:,f}"
        case float():
            return str(round(value, 4))
        case list() | tuple() | set() | frozenset():
            return ", ".join(map(str, value))
        case _:
            return cell(value)
