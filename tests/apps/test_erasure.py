"""Erasing a person: what files, lake and database keep of them afterwards, and what every number says."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import import_files
from import_files import HEADINGS, ROWS, take_in
from topline.crm import operations as crm
from topline.crm.models import Identity
from topline.imports import erasure
from topline.imports.models import ImportFile
from topline.lake import read
from topline.lake.scope import Scope
from topline.metrics.query import Query
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

NAMED = (*HEADINGS, "Customer Name", "Email", "Phone")
DETAILS = {
    "501": ("Ana Pop", "ana.pop@example.org", "+44 20 7946 0501"),
    "502": ("Bob Lee", "bob.lee@example.org", "+44 20 7946 0502"),
    "503": ("Cy Dunn", "cy.dunn@example.org", "+44 20 7946 0503"),
}
BAD = ("1009", "20001", "MUG", "many", "2011-05-09 10:00:00", "3.50", "502", "Germany")
BAD_TOO = ("1010", "20001", "MUG", "lots", "2011-05-09 10:00:00", "3.50", "503", "EIRE")


@pytest.fixture(autouse=True)
def _own_home(tmp_path, settings):
    settings.HOME = tmp_path


@pytest.fixture
def filled(shop, tmp_path):
    """A shop with a file that names people, and two of its rows in quarantine."""
    rows = [(*row, *DETAILS.get(row[6], ("", "", ""))) for row in (*ROWS, BAD, BAD_TOO)]
    take_in(shop, import_files.write(tmp_path / "named.csv", rows, NAMED))
    return shop


def numbers(shop) -> list[dict[str, Any]]:
    query = Query(
        metrics=("net_sales", "orders", "customers", "new_customers"),
        period=Period(date(2011, 1, 1), date(2011, 9, 1)),
        by=("month",),
    )
    found = read.read(shop.lake(), query, scope=Scope.whole(shop.slug), settings=shop.settings())
    return [*found.rows, found.totals]


def lake_texts(lake) -> set[str]:
    """Every text in the files of the newest snapshot."""
    held = lake.latest().tables.values()
    paths = [lake.root / file.path for table in held for file in table.files]
    rows = [row for path in paths for row in pq.read_table(path, partitioning=None).to_pylist()]
    return {value for row in rows for value in row.values() if isinstance(value, str)}


def run(kind: str) -> None:
    (job,) = Job.objects.unfinished().filter(kind=kind)
    done = jobs.run_now(job)
    assert done.state == Job.State.DONE, done.message


def test_nothing_is_left_and_no_number_changes(filled, settings):
    lake = filled.lake()
    before, key = numbers(filled), filled.hmac("file", "502")
    assert key in lake_texts(lake)
    crm.erase(person=Identity.objects.get(source_id="502").person, actor_id=None, now=NOW)
    run("lake.fold")
    assert key not in lake_texts(lake)
    assert numbers(filled) == before

    file = ImportFile.objects.get()
    assert "502" in file.quarantine_path.read_text("utf-8-sig")
    assert file.path.exists()
    erasure.enqueue_due()
    run(erasure.KIND)
    erasure.enqueue_due()
    assert not Job.objects.unfinished().filter(kind=erasure.KIND).exists()
    file.refresh_from_db()
    left = file.quarantine_path.read_text("utf-8-sig")
    assert ("502" in left, "Bob" in left, "1010" in left, file.quarantined) == (False, False, True, 1)
    assert not file.path.exists()
    assert "Bob" not in str(file.first_rows)
    assert "Ana" in str(file.first_rows)
    kept = [path for path in Path(settings.UPLOADS).rglob("*") if path.is_file()]
    assert not any(b"bob.lee" in path.read_bytes() for path in kept)


def test_a_file_without_the_person_stays(filled, tmp_path):
    other = take_in(filled, import_files.write(tmp_path / "other.csv", [ROWS[6]]))
    crm.erase(person=Identity.objects.get(source_id="502").person, actor_id=None, now=NOW)
    assert erasure.scrub(filled) == 1
    assert other.files.get().path.exists()
