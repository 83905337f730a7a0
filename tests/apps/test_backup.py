"""A backup and its restore are the identity, and a damaged or foreign archive changes nothing."""

import json
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection

from topline.catalog import operations as catalog
from topline.catalog.models import Product
from topline.crm import erasure_log
from topline.crm import operations as crm
from topline.crm.models import Person
from topline.journal import operations as journal
from topline.lake import engine, erasure
from topline.workbench import archive, backup, dump, leases, schedule
from topline.workbench.models import Lease

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def home(transactional_db, tmp_path, settings):
    """A whole home; on SQLite, with the database in it."""
    home = tmp_path / "home"
    settings.HOME, settings.LAKE_ROOT = home, home / "lake"
    settings.UPLOADS, settings.KEYS = home / "uploads", home / "keys"
    for folder in (settings.UPLOADS, settings.KEYS):
        folder.mkdir(parents=True)
    (settings.UPLOADS / "orders.csv").write_text("a,b\n1,2\n")
    (settings.KEYS / "vault.key").write_text(settings.VAULT_KEY)
    if connection.vendor != "sqlite":
        yield home
        return
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = shutil.copy(name, home / dump.SQLITE_FILE)
    yield home
    connection.close()
    connection.settings_dict["NAME"] = name


@pytest.fixture
def busy_shop(shop, lake):
    """A shop with products in the database and the lake, and a fact that is recorded but not drained."""
    rows = [{"code": str(code), "title": f"Thing {code}"} for code in range(20)]
    catalog.upsert_products(shop=shop, rows=rows, source="file", now=NOW)
    catalog.edit_product(shop=shop, code="1", actor_id=None, now=NOW, title="Mug")
    journal.drain(lake)
    catalog.edit_product(shop=shop, code="2", actor_id=None, now=NOW, title="Jug")
    people = [{"source_id": id_, "customer_key": shop.hmac("file", id_), "name": id_} for id_ in ("Ana", "Bob")]
    crm.upsert_identities(shop=shop, source="file", rows=people)
    return shop


def database() -> dict[str, list[dict[str, object]]]:
    """Every row of every table, but who held which right just then."""
    models = set(apps.get_models(include_auto_created=True)) - {Lease}
    return {model._meta.db_table: list(model._base_manager.order_by("pk").values()) for model in models}


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def titles(lake) -> dict[str, str]:
    rows = engine.execute(engine.table(lake, "product", lake.latest())).to_pylist()
    return {row["product_key"]: row["title"] for row in rows}


def test_backup_and_restore_are_the_identity(busy_shop, lake, home, tmp_path):
    about = backup.backup(tmp_path / "b.zip", now=NOW)
    kept = database(), files(home / "uploads"), files(home / "keys"), lake.latest()
    assert set(about["snapshots"]) == {"gifts"}
    Product.objects.all().delete()
    shutil.rmtree(home / "lake")
    (home / "uploads" / "orders.csv").unlink()

    backup.unpack(tmp_path / "b.zip", is_replacing=True, now=NOW)
    assert (database(), files(home / "uploads"), files(home / "keys"), lake.latest()) == kept
    assert titles(lake) == {"1": "Mug"}
    backup.settle(about)
    assert titles(lake) == {"1": "Mug", "2": "Jug"}
    assert lake.latest().number > kept[3].number


def test_what_was_there_is_moved_aside(busy_shop, home, tmp_path):
    (home / "uploads" / ".draft").write_text("half of a file")
    backup.backup(tmp_path / "b.zip", now=NOW)
    (home / "uploads" / "later.csv").write_text("x")
    with leases.held(schedule.LEADER), pytest.raises(backup.StillRunningError, match="Stop “topline serve”"):
        backup.unpack(tmp_path / "b.zip", is_replacing=True, now=NOW)
    with pytest.raises(backup.HomeInUseError):
        backup.unpack(tmp_path / "b.zip", is_replacing=False, now=NOW)
    backup.unpack(tmp_path / "b.zip", is_replacing=True, now=NOW)
    assert not {"later.csv", ".draft"} & files(home / "uploads").keys()
    assert (tmp_path / "home.before-20260301-120000" / "uploads" / "later.csv").exists()


def test_a_batch_newer_than_the_database_is_hidden(busy_shop, lake, tmp_path, monkeypatch):
    """An import that went live between the copy of the database and that of the lake."""
    write = dump.write

    def write_then_import(writer):
        found = write(writer)
        catalog.edit_product(shop=busy_shop, code="3", actor_id=None, now=NOW, title="Late")
        journal.drain(lake)
        return found

    monkeypatch.setattr(dump, "write", write_then_import)
    about = backup.backup(tmp_path / "b.zip", now=NOW)
    assert titles(lake) == {"1": "Mug", "2": "Jug", "3": "Late"}
    backup.unpack(tmp_path / "b.zip", is_replacing=True, now=NOW)
    backup.settle(about)
    assert titles(lake) == {"1": "Mug", "2": "Jug"}
    catalog.edit_product(shop=busy_shop, code="4", actor_id=None, now=NOW, title="New")
    journal.drain(lake)
    assert titles(lake) == {"1": "Mug", "2": "Jug", "4": "New"}


def test_whoever_was_erased_since_stays_erased(busy_shop, tmp_path):
    backup.backup(tmp_path / "b.zip", now=NOW)
    crm.erase(person=Person.objects.get(name="Ana"), actor_id=None, now=NOW)
    backup.unpack(tmp_path / "b.zip", is_replacing=True, now=NOW)
    assert sorted(Person.objects.values_list("name", flat=True)) == ["Ana", "Bob"]
    assert crm.erase_again(entries=erasure_log.entries(), now=NOW) == 1
    assert list(Person.objects.values_list("name", flat=True)) == ["Bob"]
    assert erasure.forgotten(busy_shop.lake().root) == {busy_shop.hmac("file", "Ana")}


def test_a_damaged_archive_restores_nothing(busy_shop, home, tmp_path):
    backup.backup(tmp_path / "b.zip", now=NOW)
    with zipfile.ZipFile(tmp_path / "b.zip") as good, zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name).replace(b"1,2", b"1,3"))
    before = database(), files(home / "uploads")
    with pytest.raises(archive.ArchiveDamagedError, match=r"uploads/orders\.csv"):
        backup.unpack(tmp_path / "bad.zip", is_replacing=True, now=NOW)
    assert (database(), files(home / "uploads")) == before


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_part_of_an_archive_restores_nothing(busy_shop, tmp_path, share):
    backup.backup(tmp_path / "b.zip", now=NOW)
    whole = (tmp_path / "b.zip").read_bytes()
    (tmp_path / "part.zip").write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(archive.ArchiveError):
        backup.unpack(tmp_path / "part.zip", is_replacing=True, now=NOW)


def test_foreign_archives_are_refused(home, tmp_path):
    with pytest.raises(archive.ArchiveError, match="no such file"):
        archive.manifest(tmp_path / "none.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as other:
        other.writestr("readme.txt", "hello")
    with pytest.raises(archive.ArchiveError):
        archive.manifest(tmp_path / "other.zip")
    with zipfile.ZipFile(tmp_path / "new.zip", "w") as newer:
        newer.writestr(archive.MANIFEST, json.dumps({"format": archive.FORMAT + 1, "version": "9.0", "files": {}}))
    with pytest.raises(archive.NewerArchiveError, match=r"9\.0"):
        archive.manifest(tmp_path / "new.zip")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as evil:
        evil.writestr("../evil", "x")
        manifest = {"format": archive.FORMAT, "version": "0", "files": {"../evil": {"sha256": "", "size": 1}}}
        evil.writestr(archive.MANIFEST, json.dumps(manifest))
    with pytest.raises(archive.ArchiveError, match="outside"):
        archive.unpack(tmp_path / "evil.zip", tmp_path / "out")
    assert not (tmp_path / "evil").exists()


def test_an_interrupted_backup_leaves_no_file(home, tmp_path, monkeypatch):
    monkeypatch.setattr(dump, "write", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        backup.backup(tmp_path / "b.zip", now=NOW)
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
