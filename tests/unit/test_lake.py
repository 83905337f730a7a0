"""The lake by worked examples: what an append counts, where a fold puts rows, what a copy holds."""

from datetime import date, datetime, timedelta
from decimal import Decimal

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from lake_shop import EPOCH, Row, batch, newest, shown
from topline.facts import customer, identity_link, order_line, session
from topline.facts.table import UTC, tables
from topline.lake import duck, engine, keys, mirror, read, spark, store
from topline.lake.error import DamagedLakeError, NoSnapshotError, UnknownFactError
from topline.lake.scope import Scope
from topline.lake.store import Appended, Lake
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.units.period import Period


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path, "shop")


def put(lake, name, *rows, part=0):
    return lake.append("price", [batch(rows, name)], batch_id=name, part=part)


def layers(lake):
    held = lake.latest().tables["price"].files
    return sorted((file.layer, file.month, file.rows) for file in held)


def test_a_part_that_comes_again_returns_its_counts_and_writes_nothing(lake):
    first = put(lake, "b", Row("a", 1), Row("a", 1), Row("c", 1))
    assert first == Appended(rows=2, duplicates=1)
    before = lake.publish(now=EPOCH)
    assert put(lake, "b", Row("a", 1), Row("a", 1), Row("c", 1)) == first
    assert put(lake, "b", Row("d", 1), part=1) == Appended(rows=1, duplicates=0)
    assert lake.publish(now=EPOCH).tables["price"].version == before.tables["price"].version + 1


def test_rows_in_are_rows_stored_and_duplicates(lake):
    put(lake, "old", Row("a", 1), Row("b", 1))
    assert put(lake, "new", Row("a", 1), Row("b", 2), Row("c", 1)) == Appended(rows=2, duplicates=1)
    assert lake.batch_ids() == {"old", "new"}


def test_a_row_of_the_same_version_with_other_content_replaces(lake):
    """A mapping was mended and the file came again: what came last counts, and undoing it brings the first back."""
    put(lake, "wrong", Row("a", 1))
    mended = batch([Row("a", 1)], "right").set_column(5, "on", pa.array([date(2026, 7, 1)]))
    assert lake.append("price", [mended], batch_id="right") == Appended(rows=1, duplicates=0)
    assert shown(lake, lake.publish(now=EPOCH))["a"][1] == date(2026, 7, 1)
    assert shown(lake, lake.publish(hidden=["right"], now=EPOCH))["a"][1] == Row("a", 1).on


def test_a_date_moved_over_a_month_leaves_one_row(lake):
    put(lake, "b", Row("a", 1), Row("z", 1))
    lake.fold("price", hidden=(), now=EPOCH)
    moved = Row("a", 4)
    assert f"{Row('a', 1).on:%Y-%m}" != f"{moved.on:%Y-%m}"
    put(lake, "c", moved)
    assert shown(lake, lake.publish(now=EPOCH)) == newest([[moved, Row("z", 1)]])
    folded = lake.fold("price", hidden=(), now=EPOCH)
    assert (set(folded.months), folded.moved) == ({f"{Row('a', 1).on:%Y-%m}", f"{moved.on:%Y-%m}"}, 1)
    assert shown(lake, lake.publish(now=EPOCH)) == newest([[moved, Row("z", 1)]])
    assert ("history", f"{Row('a', 1).on:%Y-%m}", 1) in layers(lake)
    assert lake.fold("price", hidden=(), now=EPOCH) is None


def test_a_late_line_joins_its_month(lake):
    put(lake, "b", Row("a", 1))
    lake.fold("price", hidden=(), now=EPOCH)
    late = next(Row(key, 1) for key in "bcdefgh" if Row(key, 1).on.month == Row("a", 1).on.month)
    put(lake, "late", late)
    lake.fold("price", hidden=(), now=EPOCH)
    lake.publish(now=EPOCH)
    assert layers(lake) == [("base", f"{late.on:%Y-%m}", 2)]


def test_history_keeps_every_version_in_few_files(lake):
    """A row that changes eleven times in one month: ten old versions, in no more files than a fold merges."""
    same = [Row("a", 1 + 60 * n) for n in range(11)]
    assert len({row.on for row in same}) == 1
    for row in same:
        put(lake, str(row.version), row)
        lake.fold("price", hidden=(), now=EPOCH)
    assert shown(lake, lake.publish(now=EPOCH)) == newest([same])
    history = lake.latest().tables["price"].layer("history")
    assert (sum(file.rows for file in history), len(history) <= 9) == (10, True)
    undone = lake.publish(hidden=[str(row.version) for row in same[4:]], now=EPOCH)
    assert shown(lake, undone) == newest([same[:4]])


def test_an_append_during_a_fold_survives(lake, monkeypatch):
    put(lake, "b", Row("a", 1))
    commit = Lake.commit

    def late(self, delta, actions, transaction=None):
        if transaction is None:
            monkeypatch.setattr(Lake, "commit", commit)
            put(self, "meanwhile", Row("a", 2), Row("c", 1))
        commit(self, delta, actions, transaction)

    monkeypatch.setattr(Lake, "commit", late)
    lake.fold("price", hidden=(), now=EPOCH)
    assert shown(lake, lake.publish(now=EPOCH)) == newest([[Row("a", 2), Row("c", 1)]])


def test_a_mirror_is_read_and_may_be_lost(lake, monkeypatch):
    monkeypatch.setattr(mirror, "LEAST_ROWS", 1)
    monkeypatch.setattr(engine, "LEAST_GAP", 20)
    rows = [Row(f"k{number}", 1) for number in range(500)]
    put(lake, "b", *rows)
    lake.fold("price", hidden=(), now=EPOCH)
    put(lake, "c", Row("k7", 2), Row("k499", 2), Row("new", 1))
    seen = lake.publish(now=EPOCH)
    path = lake.root / seen.tables["price"].mirror
    assert path.exists()
    expected = newest([rows, [Row("k7", 2), Row("k499", 2), Row("new", 1)]])
    assert shown(lake, seen) == expected
    path.unlink()
    later = lake.publish(now=EPOCH)
    assert later.tables["price"].mirror is None
    assert shown(lake, later) == expected
    lake.fold("price", hidden=(), now=EPOCH)
    assert lake.publish(now=EPOCH).tables["price"].mirror is not None


def test_known_keys_are_found_by_their_hashes_which_may_be_lost(lake, monkeypatch):
    monkeypatch.setattr(keys, "LEAST_ROWS", 1)
    rows = [Row("a", 1), Row("b", 1), Row("c", 1)]
    lake.append("price", [batch(rows, "one")], batch_id="one")
    assert lake.append("price", [batch([*rows, Row("d", 1)], "two")], batch_id="two") == Appended(1, 3)
    for path in (lake.root / "index").glob("*/price/*.parquet"):
        path.unlink()
    assert lake.append("price", [batch([Row("a", 2), Row("d", 1), Row("e", 1)], "six")], batch_id="six") == Appended(
        2, 1
    )
    lake.fold("price", hidden=(), now=EPOCH)
    assert lake.append("price", [batch([Row("e", 1), Row("f", 1)], "ten")], batch_id="ten") == Appended(1, 1)
    asked = pa.RecordBatch.from_pydict({"key": ["a", "f", "g"]})
    assert lake.count_known("price", [asked]) == 2
    asked = {name: pa.RecordBatch.from_pydict({"key": list(name)}) for name in ("ag", "gh", "gg", "g")}
    assert {name: lake.may_recognise("price", [batch]) for name, batch in asked.items()} == {
        "ag": True,
        "gh": False,
        "gg": True,
        "g": False,
    }
    assert lake.may_recognise("price", [asked["gh"], asked["g"]])
    assert not lake.may_recognise("stock_level", [asked["ag"], asked["gh"].slice(1)])
    lake.vacuum(now=EPOCH + timedelta(days=30))
    indexed = {path.name for path in (lake.root / "index").glob("*/price/*.parquet")}
    assert indexed <= {path.name for path in (lake.root / "price").glob("*/*/*.parquet")}


def test_old_snapshots_stay_as_they_were_until_vacuumed(lake):
    put(lake, "b", Row("a", 1))
    first = lake.publish(now=EPOCH)
    put(lake, "c", Row("a", 2))
    lake.fold("price", hidden=(), now=EPOCH)
    lake.publish(now=EPOCH)
    assert shown(lake, lake.snapshot(first.number)) == newest([[Row("a", 1)]])
    later = EPOCH + timedelta(days=8)
    last = lake.publish(now=later)
    lake.vacuum(now=later)
    assert [found.number for found in lake.snapshots()] == [last.number]
    assert shown(lake, lake.latest()) == newest([[Row("a", 2)]])
    with pytest.raises(NoSnapshotError):
        Lake(lake.root.parent, "shop").snapshot(99)


def test_a_copy_is_a_lake_of_its_own(lake, tmp_path):
    put(lake, "b", Row("a", 1), Row("c", 1))
    lake.fold("price", hidden=(), now=EPOCH)
    put(lake, "c", Row("a", 2))
    lake.publish(hidden=["c"], now=EPOCH)
    put(lake, "later", Row("x", 1))
    lake.copy_snapshot(tmp_path / "copy")
    copy = Lake(tmp_path, "copy")
    assert copy.verify() == lake.verify()
    assert shown(copy, copy.latest()) == newest([[Row("a", 1), Row("c", 1)]])
    assert copy.batch_ids() == {"b", "c"}
    copy.append("price", [batch([Row("a", 3)], "d")], batch_id="d")
    assert shown(copy, copy.publish(now=EPOCH)) == newest([[Row("a", 3), Row("c", 1)]])
    assert shown(lake, lake.publish(now=EPOCH)) == newest([[Row("a", 2), Row("c", 1), Row("x", 1)]])


def test_damage_is_found(lake):
    put(lake, "b", Row("a", 1), Row("c", 1))
    seen = lake.publish(now=EPOCH)
    path = lake.root / seen.tables["price"].files[0].path
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 255
    path.write_bytes(content)
    with pytest.raises(DamagedLakeError):
        lake.verify()
    path.unlink()
    with pytest.raises(DamagedLakeError):
        lake.verify()


def test_identity_is_the_newest_link_and_none_takes_it_back(lake):
    def link(key, version, person):
        values = {"key": key, "version": version, "recorded_at": EPOCH, "batch_id": str(version)}
        row = values | {"customer_key": key, "person_id": person}
        lake.append(
            "identity_link",
            [pa.RecordBatch.from_pylist([row], schema=identity_link.TABLE.schema)],
            batch_id=str(version),
        )

    link("ann", 1, "p1")
    link("bob", 2, "p1")
    link("bob", 3, None)
    link("cid", 4, "p2")
    people = engine.execute(engine.identity(lake, lake.publish(now=EPOCH)).order_by("customer_key")).to_pylist()
    assert people == [{"customer_key": "ann", "person_id": "p1"}, {"customer_key": "cid", "person_id": "p2"}]


def test_an_answer_leaves_no_table_in_memory_behind():
    def held():
        views = duck.connection().execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall()
        return pa.total_allocated_bytes(), views

    before = held()
    sent = ibis.memtable(pa.table({"n": pa.arange(0, 100_000)}))
    sums = [engine.execute(sent.aggregate(n=sent.n.sum()))["n"][0].as_py() for _ in range(2)]
    del sent
    assert sums == [4_999_950_000] * 2
    assert held() == before


def test_what_is_made_beside_the_questions_spills_rather_than_grows():
    limit = "SELECT current_setting('memory_limit')"
    before = duck.connection().execute(limit).fetchone()
    with duck.making():
        assert duck.connection().execute(limit).fetchone() == ("572.2 MiB",)
    assert duck.connection().execute(limit).fetchone() == before != ("572.2 MiB",)


def test_an_empty_lake_answers(lake):
    assert lake.latest() is None
    assert lake.batch_ids() == set()
    assert lake.fold("price", hidden=(), now=EPOCH) is None
    seen = lake.publish(now=EPOCH)
    assert (seen.number, seen.recorded_to, shown(lake, seen)) == (1, None, {})
    with pytest.raises(UnknownFactError, match="order_line"):
        lake.append("orderline", [], batch_id="b")


@pytest.mark.parametrize("fact", ["target", "forecast"])
def test_plans_of_hidden_metrics_are_hidden(lake, fact):
    """What an attainment, a pace or a forecast's error is made of."""
    table = tables()[fact]
    filled = {"key": "a", "version": 1, "batch_id": "p", "recorded_at": EPOCH, "on": date(2026, 1, 1)}
    given = {one.name: None if one.nullable else 1 for one in table.schema} | {"grain": "day", "as_of": filled["on"]}
    texts = {one.name for one in table.schema if pa.types.is_string(one.type)}
    given = {name: str(value) if name in texts and value else value for name, value in (given | filled).items()}
    rows = [
        {name: (given | {"key": id_, "metric": id_}).get(name) for name in table.schema.names}
        for id_ in ("net_sales", "gross_profit")
    ]
    lake.append(fact, [pa.RecordBatch.from_pylist(rows, table.schema)], batch_id="p")
    seen = {}
    for hidden in (frozenset(), frozenset({"profit"})):
        scope = Scope(frozenset({lake.shop}), hidden_families=hidden)
        found = read.visible(lake, lake.publish(now=EPOCH), scope, read.Reads()).table(fact)
        seen[len(hidden)] = sorted(engine.execute(found)["metric"].to_pylist())
    assert seen == {0: ["gross_profit", "net_sales"], 1: ["net_sales"]}


def test_equal_scopes_have_equal_digests():
    assert Scope.whole("a").digest == Scope(frozenset({"a"})).digest
    others = [Scope.whole("b"), Scope(frozenset({"a"}), owners=frozenset()), Scope(frozenset({"a"}), None, frozenset())]
    assert len({scope.digest for scope in [Scope.whole("a"), *others]}) == 4


ANN, BOB, DEVICE = "a" * 32, "b" * 32, "d" * 32


def sold(key, customer, *, version=1, batch_id="b", fact=order_line, **values):
    """One row of a fact, of a customer."""
    sample = {pa.string(): "x", pa.bool_(): False, pa.date32(): date(2026, 1, 5), UTC: EPOCH}
    row = {f.name: None if f.nullable else sample.get(f.type, Decimal(1)) for f in fact.TABLE.schema}
    row |= {"key": key, "version": version, "batch_id": batch_id, "customer_key": customer, **values}
    return pa.RecordBatch.from_pylist([row], schema=fact.TABLE.schema)


def persons(lake, name, column="customer_key"):
    seen = lake.publish(now=EPOCH)
    return sorted(str(row[column]) for row in engine.execute(engine.table(lake, name, seen)).to_pylist())


def contents(lake):
    """Every text in the files of the newest snapshot, beside the batches."""
    paths = {file.path for held in lake.latest().tables.values() for file in held.files}
    for held in lake.latest().tables.values():
        paths |= set((lake.root / held.overlay).glob("*.parquet")) if held.overlay else set()
    rows = [row for path in paths for row in pq.read_table(lake.root / path, partitioning=None).to_pylist()]
    return {str(value) for row in rows for value in row.values()}


@pytest.fixture
def busy(lake):
    """Two customers in base, change, history and sightings, one of them with a device."""
    for n in range(2):
        lake.append("order_line", [sold("1", ANN), sold("2", BOB), sold("3", None)], batch_id="b", part=n)
        lake.append("customer", [sold(ANN, ANN, fact=customer), sold(BOB, BOB, fact=customer)], batch_id="b", part=n)
        lake.append("session", [sold("s1", ANN, fact=session, visitor_key=DEVICE)], batch_id="b", part=n)
        lake.append("session", [sold("s2", None, fact=session, visitor_key=DEVICE)], batch_id="b", part=n + 2)
    lake.fold_all(hidden=(), now=EPOCH)
    lake.append("order_line", [sold("1", ANN, version=2, batch_id="c"), sold("4", ANN, batch_id="c")], batch_id="c")
    lake.fold("order_line", hidden=(), now=EPOCH)
    lake.append("order_line", [sold("5", ANN, batch_id="d"), sold("2", BOB, version=2, batch_id="d")], batch_id="d")
    lake.append("customer", [sold(ANN, ANN, fact=customer, batch_id="d")], batch_id="d")
    return lake


def test_a_forgotten_customer_is_nowhere_and_counts_as_before(busy):
    before = persons(busy, "order_line")
    layered = {file.layer for file in busy.latest().tables["order_line"].files}
    assert (layered, ANN in contents(busy)) == ({"base", "change", "history"}, True)
    undone = shown_keys(busy, hidden=["b"])
    busy.forget([ANN, ANN, "unknown"])
    assert set(busy.fold_all(hidden=(), now=EPOCH)) == {"order_line", "customer", "session"}
    after = persons(busy, "order_line")
    assert not {ANN, DEVICE} & contents(busy)
    (new,) = set(after) - set(before)
    assert sorted(ANN if key == new else key for key in after) == before
    assert persons(busy, "customer") == persons(busy, "customer", "key") == sorted([BOB, new])
    assert persons(busy, "session") == sorted(["None", new])
    assert len(set(persons(busy, "session", "visitor_key"))) == 1
    assert shown_keys(busy, hidden=["b"]) == {new if key == ANN else key for key in undone}
    assert busy.fold_all(hidden=(), now=EPOCH) == {}
    busy.verify()


def shown_keys(lake, hidden):
    seen = lake.publish(hidden=hidden, now=EPOCH)
    return {row["key"] for row in engine.execute(engine.table(lake, "customer", seen)).to_pylist()}


@pytest.mark.parametrize("commits", range(4))
def test_a_forgetting_that_was_killed_is_finished_with_the_same_keys(busy, monkeypatch, commits):
    """However many tables were done: a customer keeps one key in all of them."""
    commit = Lake.commit
    done = []

    def die(self, delta, actions, transaction=None):
        if len(done) == commits:
            raise KeyboardInterrupt
        done.append(1)
        commit(self, delta, actions, transaction)

    busy.forget([ANN])
    with monkeypatch.context() as patch:
        patch.setattr(Lake, "commit", die)
        with pytest.raises(KeyboardInterrupt):
            busy.fold_all(hidden=(), now=EPOCH)
    busy.fold_all(hidden=(), now=EPOCH)
    assert len(set(persons(busy, "order_line"))) == 3
    assert set(persons(busy, "customer")) == set(persons(busy, "order_line")) - {"None"}
    assert set(persons(busy, "session")) < set(persons(busy, "order_line"))
    assert not {ANN, DEVICE} & contents(busy)
    assert shown_keys(busy, hidden=["b"]) == set(persons(busy, "customer")) - {BOB}


def test_a_forgotten_customer_who_comes_again_is_forgotten_again(busy):
    busy.forget([ANN])
    busy.fold_all(hidden=(), now=EPOCH)
    busy.append("order_line", [sold("1", ANN, version=3, batch_id="e")], batch_id="e")
    busy.fold_all(hidden=(), now=EPOCH)
    assert len(persons(busy, "order_line")) == 5
    assert ANN not in contents(busy)


def rivals(monkeypatch, lake, times):
    """Another writer commits to the table just before each of the next `times` commits of ours."""
    ours, left = DeltaTable.create_write_transaction, [times]

    def commit(table, actions, mode, schema, partition, **more):
        if left[0]:
            left[0] -= 1
            DeltaTable(table.table_uri).alter.set_table_properties(
                {"topline.rival": str(left[0])}, raise_if_not_exists=False
            )
        return ours(table, actions, mode, schema, partition, **more)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", commit)


def test_a_commit_that_another_writer_beat_is_tried_again(lake, monkeypatch):
    put(lake, "first", Row("a", 1))
    version = lake.delta("price").version()
    with monkeypatch.context() as patched:
        rivals(patched, lake, 3)
        assert put(lake, "second", Row("b", 1)) == Appended(rows=1, duplicates=0)
    assert lake.delta("price").version() == version + 4
    assert set(shown(lake, lake.publish(now=EPOCH))) == {"a", "b"}
    assert put(lake, "second", Row("b", 1)) == Appended(rows=1, duplicates=0)  # it is known to be in


def test_a_commit_that_is_beaten_every_time_leaves_nothing_and_can_come_again(lake, monkeypatch):
    put(lake, "first", Row("a", 1))
    with monkeypatch.context() as patched:
        patched.setattr(store, "_ATTEMPTS", 2)
        rivals(patched, lake, 2)
        with pytest.raises(CommitFailedError):
            put(lake, "second", Row("b", 1))
    assert set(shown(lake, lake.publish(now=EPOCH))) == {"a"}
    assert put(lake, "second", Row("b", 1)) == Appended(rows=1, duplicates=0)
    assert set(shown(lake, lake.publish(now=EPOCH))) == {"a", "b"}


def test_goods_added_later_count_on_their_orders_day(lake):
    """Three orders of January, two of them first orders; once a line of the first is added in February, as many."""
    settings, scope = Settings("EUR", "Europe/Berlin"), Scope.whole(lake.shop)
    query = Query(metrics=("orders", "new_customers"), by=("month",), period=Period(date(2026, 1, 1), date(2026, 3, 1)))

    def put_line(key, order, person, on, ordered_on):
        at = datetime(on.year, on.month, on.day, 12, tzinfo=EPOCH.tzinfo)
        row = dict.fromkeys(order_line.TABLE.schema.names) | {
            "key": key,
            "version": 1,
            "recorded_at": EPOCH,
            "batch_id": key,
            "order_key": order,
            "kind": "goods_sold",
            "at": at,
            "on": on,
            "hour": 12,
            "ordered_on": ordered_on,
            "currency": "EUR",
            "quantity": Decimal(1),
            "unit_price": Decimal(5),
            "amount": Decimal(5),
            "amount_shop": Decimal(5),
            "rate": Decimal(1),
            "rate_is_event_day": False,
            "is_over_refund": False,
            "customer_key": person,
        }
        lake.append("order_line", [pa.RecordBatch.from_pylist([row], order_line.TABLE.schema)], batch_id=key)

    def answer():
        rows = read.read(lake, query, scope=scope, settings=settings, snapshot=lake.publish(now=EPOCH)).rows
        return [(str(row["month"])[:7], row["orders"], row["new_customers"]) for row in rows]

    for key, order, person, day in (("a", "1", "x", 5), ("b", "2", "x", 7), ("c", "3", "y", 9)):
        put_line(key, order, person, date(2026, 1, day), date(2026, 1, day))
    assert answer() == [("2026-01", 3, 2)]
    put_line("d", "1", "x", date(2026, 2, 2), date(2026, 1, 5))
    assert answer() == [("2026-01", 3, 2)]


def test_a_spark_that_is_not_there_is_told_at_once() -> None:
    spark.choose("spark://127.0.0.1:1")
    try:
        with pytest.raises(spark.SparkUnreachableError, match=r"spark://127\.0\.0\.1:1 doesn't answer"):
            spark.backend()
    finally:
        spark.choose("")
