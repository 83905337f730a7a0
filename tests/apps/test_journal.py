"""The journal: facts are kept with what made them, and reach the lake exactly once, whatever is killed in between."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from topline.facts.identity_link import IdentityLink
from topline.facts.product import Product
from topline.facts.table import tables
from topline.facts.target import Target
from topline.journal import codec, jobs, operations
from topline.journal.models import Batch, Record
from topline.lake import engine

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def link(key: str, person: str | None = "p1") -> IdentityLink:
    return IdentityLink(key=f"link:{key}", version=0, recorded_at=NOW, batch_id="", customer_key=key, person_id=person)


def held(lake) -> dict[str, str | None]:
    links = engine.table(lake, "identity_link", lake.latest())
    return {row["customer_key"]: row["person_id"] for row in engine.execute(links).to_pylist()}


def test_a_fact_needs_its_makers_transaction(shop, lake):
    with transaction.atomic():
        operations.record(link("a"), shop=shop.slug)
        transaction.set_rollback(True)
    assert not Record.objects.exists()
    assert operations.drain(lake) == 0


@pytest.mark.django_db(transaction=True)
def test_outside_of_a_transaction_is_an_error(shop):
    with pytest.raises(operations.OutsideTransactionError):
        operations.record(link("a"), shop=shop.slug)


def test_drained_once(shop, lake):
    operations.record(link("a"), link("b"), shop=shop.slug)
    assert operations.drain(lake) == 2
    assert operations.drain(lake) == 0
    assert held(lake) == {"a": "p1", "b": "p1"}


def test_the_newest_version_wins(shop, lake):
    operations.record(link("a", "p1"), link("a", "p2"), shop=shop.slug)
    operations.drain(lake)
    assert held(lake) == {"a": "p2"}
    operations.record(link("a", None), shop=shop.slug)
    operations.drain(lake)
    assert held(lake) == {"a": None}


def test_facts_of_several_tables_in_one_range(shop, lake):
    product = Product(key="p:1", version=0, recorded_at=NOW, batch_id="", product_key="1", title="Mug")
    operations.record(link("a"), product, link("b"), shop=shop.slug)
    assert operations.drain(lake) == 3
    titles = engine.execute(engine.table(lake, "product", lake.latest())).to_pylist()
    assert [(row["title"], row["version"]) for row in titles] == [("Mug", 2)]


@pytest.mark.parametrize("step", ["append", "make_live", "publish", "advance"])
def test_killed_before_any_step_nothing_is_lost_or_doubled(shop, lake, monkeypatch, step):
    class Killed(BaseException):
        pass

    def die(*_args, **_kwargs):
        raise Killed

    operations.record(link("a"), link("b"), shop=shop.slug)
    with monkeypatch.context() as patch:
        patch.setattr(lake if step == "append" else operations, step, die)
        with pytest.raises(Killed):
            operations.drain(lake)
    operations.record(link("c"), shop=shop.slug)
    assert operations.drain(lake) == 3
    assert held(lake) == {"a": "p1", "b": "p1", "c": "p1"}
    assert engine.execute(engine.table(lake, "identity_link", lake.latest())).num_rows == 3


def test_a_batch_counts_while_it_is_live(shop, lake):
    for batch in ("one", "two"):
        operations.open_batch(shop=shop.slug, batch_id=batch, source="file", now=NOW)
        row = codec.encode(link(batch)) | {"batch_id": batch, "version": 1}
        lake.append("identity_link", [codec.decode(tables()["identity_link"], [row])], batch_id=batch)
    assert operations.publish(lake).hidden == {"one", "two"}
    assert held(lake) == {}
    operations.make_live(shop=shop.slug, batch_id="one", now=NOW)
    operations.publish(lake)
    assert held(lake) == {"one": "p1"}
    operations.withdraw(shop=shop.slug, batch_id="one", now=NOW)
    operations.make_live(shop=shop.slug, batch_id="two", now=NOW)
    operations.publish(lake)
    assert held(lake) == {"two": "p1"}
    with pytest.raises(operations.UnknownBatchError):
        operations.withdraw(shop=shop.slug, batch_id="three", now=NOW)


def test_what_was_let_count_and_not_published_is_seen_by_the_next_who_looks(shop, lake):
    """As where a process is killed between the two."""
    for change, seen in ((operations.make_live, {"one": "p1"}), (operations.withdraw, {})):
        if change is operations.make_live:
            operations.open_batch(shop=shop.slug, batch_id="one", source="file", now=timezone.now())
            row = codec.encode(link("one")) | {"batch_id": "one", "version": 1}
            lake.append("identity_link", [codec.decode(tables()["identity_link"], [row])], batch_id="one")
        change(shop=shop.slug, batch_id="one", now=timezone.now())
        jobs.catch_up_all()
        assert held(lake) == seen
        number = lake.latest().number
        operations.catch_up(lake)
        assert lake.latest().number == number  # nothing is due any more


def test_a_batch_that_the_database_does_not_know_is_hidden(shop, lake):
    operations.record(link("a"), shop=shop.slug)
    operations.drain(lake)
    Batch.objects.all().delete()
    (unknown,) = operations.publish(lake).hidden
    assert unknown.startswith("journal-1-1-")
    assert held(lake) == {}


def test_readers_keep_their_own_place(shop):
    operations.record(link("a"), link("b"), link("c"), shop=shop.slug)
    assert [record.seq for record in operations.pull(consumer="hooks", shop=shop.slug, limit=2)] == [1, 2]
    operations.advance(consumer="hooks", shop=shop.slug, seq=2)
    operations.advance(consumer="hooks", shop=shop.slug, seq=1)
    assert [record.seq for record in operations.pull(consumer="hooks", shop=shop.slug, limit=9)] == [3]
    assert len(operations.pull(consumer="triggers", shop=shop.slug, limit=9)) == 3


def test_versions_are_never_given_twice(shop):
    assert operations.next_versions(shop=shop.slug, count=5) == 1
    assert operations.next_versions(shop=shop.slug) == 6
    assert operations.next_versions(shop="other") == 1


def test_amounts_survive_exactly():
    table = tables()["target"]
    values = dict.fromkeys(table.columns)
    fields = {field.name: field for field in table.schema}
    amount = next(name for name, field in fields.items() if str(field.type).startswith("decimal128(18, 6)"))
    row = {**values, "key": "k", "version": 1, "recorded_at": NOW.isoformat(), "batch_id": "b", amount: "0.001000"}
    row |= {name: "2026-03-01" for name, field in fields.items() if str(field.type).startswith("date32")}
    assert Target is table.row
    decoded = codec.decode(table, [row]).to_pylist()[0]
    assert (decoded[amount], decoded["recorded_at"]) == (Decimal("0.001"), NOW)
