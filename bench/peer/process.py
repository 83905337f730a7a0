"""The semantic layers that the benches ask beside Topline: each in an environment and a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, cast

HERE = Path(__file__).parent
PACKAGES = {
    "boring": ("boring-semantic-layer==0.3.18", "ibis-framework[duckdb]"),
    "flow": ("metricflow==0.213.0",),
}
"""What each peer's environment holds beside DuckDB; the peer's file in this folder has its name."""


class Peer:
    """A process that answers questions about a DuckDB file as long as it is not closed."""

    def __init__(self, name: str, native: Path, *, duckdb: str, threads: int) -> None:
        """duckdb : its version, the same for everybody"""
        home = native.parent / "peers" / name
        if not (home / "ready").exists():
            uv = subprocess.check_output([sys.executable, HERE.parents[1] / "tools/get_uv.py"], text=True).strip()
            subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, home], check=True)
            packages = (*PACKAGES[name], f"duckdb=={duckdb}")
            subprocess.run([uv, "pip", "install", "--quiet", "--python", home / "bin/python", *packages], check=True)
            (home / "ready").touch()
        command = [home / "bin/python", HERE / f"{name}.py", native, str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, questions: list[tuple[str, str, str, str]]) -> list[Any]:
        """What it answers to each (metric, by, start, end).

        (key, value) of each cell; by nothing, one (value,) of the whole; None if the peer can't say it.
        """
        asked, answered = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        found = []
        for question in questions:
            asked.write(json.dumps(question) + "\n")
            asked.flush()
            found.append(json.loads(answered.readline()))
        return found

    def cpu(self) -> float:
        """CPU seconds that the process has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        self._process.communicate()
