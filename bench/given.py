"""What a bench is given on its command line: tables of the reader's own and seeds, with words for what is wrong."""

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

_SHOWN = 3


def table(path: Path) -> pd.DataFrame:
    """The rows of a CSV (plain or .gz) or Parquet file. Exits where there are none."""
    if not path.is_file():
        raise SystemExit(f"{path}: there is no such file")
    try:
        found = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path, low_memory=False)
    except (ValueError, OSError) as error:  # pandas' and Arrow's own errors of reading are among these
        raise SystemExit(f"{path.name} can't be read: {error}") from None
    if found.empty:
        raise SystemExit(f"{path.name} has no rows")
    return found


def named(rows: pd.DataFrame, path: Path, names: Mapping[str, str], usual: Mapping[str, str]) -> pd.DataFrame:
    """The rows with the columns that a bench reads under its own names, saying which they are if they had others.

    names : by the bench's name what the file is said to call it, "" if nobody said
    usual : by the bench's name a pattern of what files call it

    Exits where a column is missing.
    """
    found = {}
    for ours, theirs in names.items():
        alike = [each for each in rows if re.search(usual[ours], str(each).lower())]
        chosen = theirs or next((each for each in [ours] if each in rows), None) or next(iter(alike), None)
        if chosen is None or chosen not in rows or chosen in found:
            columns = ", ".join(map(str, rows.columns))
            told = f"{path.name} has no column “{theirs or ours}”; it has {columns}."
            raise SystemExit(f"{told} Say which is which: {' '.join(f'--{key}-column NAME' for key in names)}")
        found[chosen] = ours
    if renamed := [f"{ours} is “{theirs}”" for theirs, ours in found.items() if ours != theirs]:
        print(f"{path.name}: {', '.join(renamed)}")
    return rows.drop(columns=[each for each in names if each in rows and each not in found]).rename(columns=found)


def days(values: pd.Series, path: Path) -> pd.Series:
    """Whole days of dates of one way of writing. Exits where some are no dates."""
    texts = values.astype(str)
    found = pd.to_datetime(texts, errors="coerce", format="ISO8601")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the way of writing is guessed
        for is_day_first in (False, True):
            if found.isna().any():
                found = pd.to_datetime(texts, errors="coerce", dayfirst=is_day_first)
    _refuse(values, found.isna(), path, "dates of one way of writing, such as 2024-12-31")
    return found.dt.tz_localize(None).dt.normalize() if found.dt.tz else found.dt.normalize()


def numbers(values: pd.Series, path: Path) -> pd.Series:
    """Numbers, nan where nothing stands. Exits where something else stands."""
    found = pd.to_numeric(values, errors="coerce")
    _refuse(values, found.isna() & values.notna(), path, "numbers")
    return found


def seeds(text: str) -> list[int]:
    """0-9, 3 or 0,4,10-12. Exits on anything else."""
    found = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not first.isdigit() or (last and not last.isdigit()) or int(last or first) < int(first):
            raise SystemExit(f"“{text}” are no seeds: write 0-9, 3 or 0,4,10-12")
        found += range(int(first), int(last or first) + 1)
    return found


def _refuse(values: pd.Series, wrong: pd.Series, path: Path, wanted: str) -> None:
    if wrong.any():
        rows = ", ".join(f"row {place + 1}: {values.iloc[place]!r}" for place in wrong.to_numpy().nonzero()[0][:_SHOWN])
        raise SystemExit(f"{path.name}, column {values.name}: not {wanted}: {wrong.sum():,} of {len(wrong):,} ({rows})")
