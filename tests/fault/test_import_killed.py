"""An import that is killed six times ends as one that nobody killed: nothing lost, nothing doubled."""

import shutil
import sys
from decimal import Decimal
from pathlib import Path

import pytest

import import_files

sys.path.insert(0, str(Path(__file__).parent))
import import_kills


def _many_rows() -> list[tuple[str, ...]]:
    return [
        (
            str(100_000 + i // 5),
            f"2{i * 7 % 9999:04}",
            "THING",
            str(1 + i % 3),
            f"2011-03-{1 + i % 28:02} 10:00:00",
            "2.50",
            str(i % 900),
            "France",
        )
        for i in range(12_000)
    ]


def _killed(home: Path, *, kills: int, seed: int) -> None:
    rows = _many_rows()
    files = [
        import_files.write(home / "a.csv", rows[:8_000]),
        import_files.write(home / "b.csv", rows[6_000:]),
    ]
    outcome = import_kills.kill_import(home, files, kills=kills, seed=seed, longest=3)
    assert outcome.report["quarantined"] == 0
    assert outcome.report["rows"] == 14_000
    assert outcome.report["facts"] + outcome.report["duplicates"] == 14_000
    expected = sum(Decimal(row[3]) * Decimal(row[5]) for row in rows)
    assert [(row["kind"], Decimal(row["ledger_amount"])) for row in outcome.kinds] == [("goods_sold", expected)]


def test_killed_six_times(home: Path) -> None:
    _killed(home, kills=6, seed=20270131)


@pytest.mark.soak
def test_killed_fifty_times(home: Path, tmp_path: Path) -> None:
    for round_ in range(10):
        own = tmp_path / str(round_)
        shutil.copytree(home, own)
        _killed(own, kills=5, seed=20270131 + round_)
