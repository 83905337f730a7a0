"""An import that is killed six times ends as one that nobody killed: nothing lost, nothing doubled."""

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


def _killed(tmp_path: Path, *, kills: int, seed: int) -> None:
    rows = _many_rows()
    files = [
        import_files.write(tmp_path / "a.csv", rows[:8_000]),
        import_files.write(tmp_path / "b.csv", rows[6_000:]),
    ]
    outcome = import_kills.kill_import(tmp_path / "home", files, kills=kills, seed=seed, longest=3)
    assert outcome.report["quarantined"] == 0
    assert outcome.report["rows"] == 14_000
    assert outcome.report["facts"] + outcome.report["duplicates"] == 14_000
    expected = sum(Decimal(row[3]) * Decimal(row[5]) for row in rows)
    assert [(row["kind"], Decimal(row["ledger_amount"])) for row in outcome.kinds] == [("goods_sold", expected)]


def test_killed_six_times(tmp_path: Path) -> None:
    _killed(tmp_path, kills=6, seed=20270131)


@pytest.mark.soak
def test_killed_fifty_times(tmp_path: Path) -> None:
    for round_ in range(10):
        (tmp_path / str(round_)).mkdir()
        _killed(tmp_path / str(round_), kills=5, seed=20270131 + round_)
