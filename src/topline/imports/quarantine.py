"""Rows that couldn't be taken in, as a CSV file with the reason of each, to mend and bring again."""

import csv
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from topline.connectors import files, ledger
from topline.documents import cells
from topline.units.text import N_

ROW, REASON, COLUMN = files.ROW, "topline_reason", "topline_column"


def write(stage: ledger.Stage, number: int, staged: files.Staged, target: Path) -> int:
    """How many rows were written: the file's own columns, then the row's number, the reason and the column at fault."""
    target.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*staged.columns, ROW, REASON, COLUMN])
        for number_in_file, values, reason, column in stage.quarantined(number, staged):
            said = ledger.REASONS[reason] % {"length": ledger.TEXT_LENGTH, "found": "", "expected": ""}
            writer.writerow([*map(_cell, values), number_in_file, said, column])
            count += 1
        for number_in_file, text, found, expected in stage.shapeless(number):
            split = next(csv.reader([text], delimiter=str(staged.reading.get("delimiter", ","))), [])
            padded = [*split, *[""] * len(staged.columns)][: len(staged.columns)]
            said = ledger.REASONS["shape"] % {"found": found, "expected": expected}
            writer.writerow([*map(_cell, padded), number_in_file, said, ""])
            count += 1
    if not count:
        target.unlink()
    return count


def told(counts: Mapping[str, Any], say: Callable[[str], str] = str) -> Iterator[tuple[str, int, str]]:
    """Why rows are to be mended, how many, and where the first of them is, which imports of old didn't note.

    counts : an import's preview or report; say : translates
    """
    for code, rows in counts.get("reasons", {}).items():
        words = {"length": ledger.TEXT_LENGTH, "found": say(N_("other")), "expected": say(N_("differ"))}
        first = counts.get("first", {}).get(code, {})
        where = ""
        if first.get("column"):
            where = say(N_("First in “%(file)s”: row %(row)s, column %(column)s.")) % first
        elif first:
            where = say(N_("First in “%(file)s”: row %(row)s.")) % first
        yield say(ledger.REASONS[code]) % words, rows, where


def _cell(value: Any) -> str:
    if value is None:
        return ""
    text = str(value)
    return text if text.lstrip("+-").replace(".", "").replace(",", "").isdigit() else cells.safe(text)
