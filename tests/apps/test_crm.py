"""People and identities: brought in by sets, merged, unmerged and erased."""

from datetime import UTC, datetime

import pyarrow.parquet as pq
import pytest

import import_files
from topline.crm import erasure_log, operations
from topline.crm.models import Identity, Person
from topline.journal import operations as journal
from topline.journal.models import Record
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.metrics.query import Query
from topline.workbench import jobs
from topline.workbench.models import Job

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_home(tmp_path, settings):
    settings.HOME = tmp_path


def row(shop, id_, **details):
    return {"source_id": id_, "customer_key": shop.hmac("file", id_), **details}


@pytest.fixture
def people(shop):
    """Ana, Bob and Cy, customers 1, 2 and 3."""
    rows = [row(shop, id_, name=name) for id_, name in (("1", "Ana"), ("2", "Bob"), ("3", "Cy"))]
    assert operations.upsert_identities(shop=shop, source="file", rows=rows) == (3, 0)
    return [Person.objects.get(name=name) for name in ("Ana", "Bob", "Cy")]


def links(shop, lake) -> dict[str, str]:
    """Who stands behind each customer, as the lake says."""
    journal.drain(lake)
    snapshot = lake.latest()
    linked = engine.execute(engine.identity(lake, snapshot)).to_pylist() if snapshot else []
    names = dict(Identity.objects.values_list("customer_key", "source_id"))
    return {names[each["customer_key"]]: each["person_id"] for each in linked}


def test_a_set_twice_changes_nothing(shop, people):
    again = [row(shop, "1", name="Ana"), row(shop, "2", email="bob@example.org")]
    assert operations.upsert_identities(shop=shop, source="file", rows=again) == (0, 1)
    assert Person.objects.get(name="Bob").email == "bob@example.org"
    assert Identity.objects.count() == 3


def test_a_long_name_is_cut(shop):
    operations.upsert_identities(shop=shop, source="file", rows=[row(shop, "1", name="x" * 999)])
    assert len(Person.objects.get().name) == 300


def test_merge_and_its_undo_move_history_and_bring_it_back(shop, people, lake):
    ana, bob, cy = people
    assert links(shop, lake) == {}
    operations.merge(keep=ana, other=bob, actor_id=None, now=NOW)
    assert links(shop, lake) == {"1": ana.key, "2": ana.key}
    operations.merge(keep=cy, other=Person.objects.get(pk=bob.pk), actor_id=None, now=NOW)
    assert links(shop, lake) == {"1": cy.key, "2": cy.key, "3": cy.key}
    assert list(Person.objects.of(shop)) == [cy]
    operations.unmerge(person=Person.objects.get(pk=ana.pk), actor_id=None, now=NOW)
    assert links(shop, lake) == {"1": ana.key, "2": ana.key}
    operations.unmerge(person=Person.objects.get(pk=bob.pk), actor_id=None, now=NOW)
    assert links(shop, lake) == {}
    assert list(Person.objects.of(shop).order_by("pk")) == [ana, bob, cy]


def test_what_cannot_be_merged(shop, people):
    ana, bob, _ = people
    with pytest.raises(operations.MergeError):
        operations.merge(keep=ana, other=ana, actor_id=None, now=NOW)
    operations.merge(keep=ana, other=bob, actor_id=None, now=NOW)
    with pytest.raises(operations.MergeError):
        operations.merge(keep=bob, other=ana, actor_id=None, now=NOW)
    with pytest.raises(operations.NotMergedError):
        operations.unmerge(person=ana, actor_id=None, now=NOW)


def test_an_erased_person_stays_erased(shop, people, lake):
    ana, bob, cy = people
    operations.merge(keep=ana, other=bob, actor_id=None, now=NOW)
    journal.drain(lake)
    assert operations.erase(person=ana, actor_id=None, now=NOW) == 2
    assert list(Person.objects.all()) == [cy]
    again = [row(shop, id_, name="back") for id_ in "123"]
    assert operations.upsert_identities(shop=shop, source="file", rows=again) == (0, 1)
    assert sorted(erasure_log.entries()) == sorted((shop.slug, shop.hmac("file", id_)) for id_ in "12")


def test_a_restored_backup_erases_again(shop, people):
    entries = [(shop.slug, shop.hmac("file", "3")), (shop.slug, shop.hmac("file", "unknown")), ("gone", "x")]
    assert operations.erase_again(entries=entries, now=NOW) == 1
    assert sorted(Person.objects.values_list("name", flat=True)) == ["Ana", "Bob"]


def test_an_erased_persons_facts_lose_the_key_at_the_next_fold(shop, people, lake):
    """And the journal loses what it kept of them; how many people are linked stays the same."""
    ana, bob, _ = people
    operations.merge(keep=ana, other=bob, actor_id=None, now=NOW)
    journal.drain(lake)
    operations.erase(person=ana, actor_id=None, now=NOW)
    (job,) = Job.objects.filter(kind="lake.fold")
    assert jobs.run_now(job).state == Job.State.DONE
    keys = {shop.hmac("file", id_) for id_ in "12"}
    linked = engine.execute(engine.identity(lake, lake.latest())).to_pylist()
    assert [row["person_id"] for row in linked] == [ana.key, ana.key]
    assert not keys & {row["customer_key"] for row in linked}
    files = [lake.root / file.path for held in lake.latest().tables.values() for file in held.files]
    kept = str([pq.read_table(path, partitioning=None).to_pylist() for path in files])
    kept += str(list(Record.objects.values_list("row", flat=True)))
    assert not any(key in kept for key in keys)


def test_a_merge_and_its_undo_move_what_a_person_bought_and_bring_it_back(shop, lake, tmp_path):
    """501 and 502 bought in March and April, 503 in April: as one person, the second of them isn't new in April."""

    def customers():
        journal.drain(lake)
        query = Query(metrics=("net_sales", "customers", "new_customers"), by=("month",))
        found = read.read(lake, query, scope=Scope.whole(shop.slug), settings=shop.settings())
        return found.totals["customers"], [tuple(row.values()) for row in found.rows]

    rows = [(*row, f"Name {row[6]}") for row in import_files.ROWS]
    headings = (*import_files.HEADINGS, "Customer name")
    import_files.take_in(shop, import_files.write(tmp_path / "orders.csv", rows, headings))
    before = customers()
    first, other = (Identity.objects.get(source_id=id_).person for id_ in ("501", "503"))
    operations.merge(keep=first, other=other, actor_id=None, now=NOW)
    merged = customers()
    assert merged[0] == before[0] - 1
    assert [row[:2] for row in merged[1]] == [row[:2] for row in before[1]]
    assert [sum(row[3] for row in rows if isinstance(row[3], int)) for _, rows in (before, merged)] == [
        before[0],
        merged[0],
    ]
    operations.unmerge(person=Person.objects.get(pk=other.pk), actor_id=None, now=NOW)
    assert customers() == before
