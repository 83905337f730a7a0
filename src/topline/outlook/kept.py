"""What a run found, kept in a folder: tables of figures, and what is to be said of them."""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import ipc

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """tables : by name; about : plain JSON, such as the day and the snapshot that it was made of"""

    tables: Mapping[str, pa.Table]
    about: Mapping[str, Any]

    def floats(self, table: str, column: str) -> Floats:
        """A column of numbers, nan where there is none."""
        return np.asarray(self.tables[table][column].to_numpy(), dtype=np.float64)

    def texts(self, table: str, column: str) -> list[Any]:
        """A column of texts, None where there is none."""
        found: list[Any] = self.tables[table][column].to_pylist()
        return found


def save(folder: Path, run: Run) -> None:
    """Keep a run: whole or not at all."""
    part = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    part.mkdir(parents=True, exist_ok=True)
    for name, table in run.tables.items():
        with pa.OSFile(str(part / f"{name}.arrow"), "wb") as sink, ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    (part / "about.json").write_text(json.dumps(dict(run.about)), "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def about(folder: Path) -> dict[str, Any]:
    """What is to be said of a run that was kept. Raises FileNotFoundError."""
    found: dict[str, Any] = json.loads((folder / "about.json").read_text("utf-8"))
    return found


def load(folder: Path) -> Run:
    """The run that was kept. Raises FileNotFoundError."""
    tables = {}
    for path in sorted(folder.glob("*.arrow")):
        with pa.OSFile(str(path), "rb") as source, ipc.open_file(source) as reader:
            tables[path.stem] = reader.read_all()
    return Run(tables, about(folder))
