"""Importing, undoing and overlapping in any order equals importing the set of live files."""

import tempfile
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from import_files import ROWS, ledger, take_in, write
from topline.accounts import operations as accounts
from topline.imports import operations

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FILES = {"a": ROWS[:5], "b": ROWS[2:8], "c": (*ROWS[6:], ROWS[1])}
_numbers = count(1)


def _expected(live: set[str]) -> int:
    """How many rows the live files have together: a row that an order has n times in a file counts n times."""
    most: dict[tuple[str, ...], int] = {}
    for name in live:
        for row in set(FILES[name]):
            most[row] = max(most.get(row, 0), FILES[name].count(row))
    return sum(most.values())


@pytest.mark.django_db
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from(sorted(FILES)), min_size=2, max_size=5))
def test_live_set(steps: list[str]) -> None:
    """Each step imports a file, or takes it back if it is live."""
    shop = accounts.create_shop(
        slug=f"law-{next(_numbers)}",
        name="Law",
        currency="GBP",
        timezone="Europe/London",
        country="GB",
        clock_on=date(2011, 9, 1),
    )
    live = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in steps:
            if name in live:
                operations.undo(found=live.pop(name), actor_id=None, now=NOW)
            else:
                found = take_in(shop, write(Path(folder) / f"{name}.csv", FILES[name]))
                report = found.report
                assert report["rows"] == len(FILES[name])
                assert report["rows"] == report["facts"] + report["quarantined"] + report["duplicates"]
                live[name] = found
            assert len(ledger(shop)) == _expected(set(live))
