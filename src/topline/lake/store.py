"""One shop's facts on disk: Delta tables that only grow, and the snapshots that readers see."""

import hashlib
import itertools
import shutil
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Field, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from topline.facts.table import Table, tables
from topline.lake import duck, erasure, files, fold, keys, lock, mirror, overlay, rezone, snapshot
from topline.lake.error import (
    DamagedLakeError,
    FactSchemaError,
    NewerLakeError,
    NoSnapshotError,
    UnknownFactError,
)
from topline.lake.files import PARTITION, SIGHTING, Head
from topline.lake.fold import Folded
from topline.lake.migrations import version
from topline.lake.overlay import Overlay
from topline.lake.rezone import Shifted
from topline.lake.snapshot import File, Snapshot, TableVersion

KEEP_DAYS = 7
"""How long a snapshot and the files that only it names are kept."""

KEEP_SNAPSHOTS = 5_000
"""How many snapshots are kept however young: a busy shop publishes one a second."""

_COUNT_BITS = 31
_NONE_SEEN = pa.schema(list(SIGHTING)[1:]).empty_table()
_foreseen = itertools.count(1)
_ATTEMPTS = 8


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a part's rows.

    rows : new in the lake
    duplicates : known already, as the same version with the same content
    """

    rows: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check went through.

    size : bytes
    """

    files: int
    rows: int
    size: int


class Lake:
    """The facts of one shop, in the folder root/shop."""

    def __init__(self, root: Path, shop: str) -> None:
        self.root = root / shop
        self.shop = shop

    def append(self, table: str, batches: Iterable[pa.RecordBatch], *, batch_id: str, part: int | None = 0) -> Appended:
        """Takes in a part of a batch: new rows are stored, known ones noted as seen by this batch too.

        batches : in the fact's schema; held in memory together, so a part is at best 100,000 to a million rows
        part : counts the parts of a batch; a part that was taken in before only has its counts returned. None for a
            batch that is never complete, a stream: its rows, which come with fixed keys and versions, are known again

        A row is known if the lake holds its key in the same version with the same content. Where content alone
        identifies a row (a hash in its key), its version must therefore be a constant. Of rows of one key and version
        the last one counts.
        """
        fact = self.fact(table)
        rows = _checked(fact, batches, batch_id)
        name = f"{batch_id}/{part}"
        with lock.held(self._lock(table)):
            delta = self.delta(table)
            if part is not None and (done := delta.transaction_version(name)) is not None:
                return Appended(done >> _COUNT_BITS, done & (1 << _COUNT_BITS) - 1)
            held = files.head(delta, table)
            with duck.turn():
                fresh, seen = _sorted_out(fact, rows, held, self.root)
            if seen.num_rows:
                self._note(fact, seen)
            appended = Appended(fresh.num_rows, rows.num_rows - fresh.num_rows)
            count = appended.rows << _COUNT_BITS | appended.duplicates
            actions: list[AddAction | RemoveAction] = [*self._written(fact, rows, fresh, delta.version() + 1)]
            if actions or part is not None:
                self.commit(delta, actions, Transaction(name, count) if part is not None else None)
        return appended

    def count_known(self, table: str, asked: Iterable[pa.RecordBatch]) -> int:
        """How many of the keys, in a column `key`, the lake holds in any batch; nothing is written."""
        held = files.head(self.delta(table), table) if table in self._names() else None
        if held is None or not held.files:
            return 0
        with duck.turn():
            return sum(_count_known(batch, held, self.root) for batch in asked)

    def may_recognise(self, table: str, asked: Iterable[pa.RecordBatch]) -> bool:
        """Whether a key, in a column `key`, came more than once or is in the lake; rarely so if neither is true."""
        held = files.head(self.delta(table), table).files if table in self._names() else ()
        hashes: list[pa.Table] = []
        with duck.turn() as cursor:
            for batch in asked:
                cursor.register("asked", pa.Table.from_batches([batch]))
                try:
                    if keys.holding(held, "asked", self.root):
                        return True
                    hashes.append(cursor.sql("SELECT hash(key) AS hash FROM asked").to_arrow_table())
                finally:
                    cursor.unregister("asked")
            if not hashes:
                return False
            cursor.register("asked", pa.concat_tables(hashes))
            try:
                found = cursor.execute("SELECT count(*) > count(DISTINCT hash) FROM asked").fetchall()
            finally:
                cursor.unregister("asked")
        return bool(found[0][0])

    def count_same(self, table: str, sets: Iterable[Iterable[pa.RecordBatch]]) -> int:
        """How many of the rows `append`, given one set after another, would recognise as known.

        They are held as the same version with the same content, or came in these sets before.
        """
        fact = self.fact(table)
        held = files.head(self.delta(table), table) if table in self._names() else files.EMPTY
        content = ", ".join(duck.named(name) for name in fact.columns if name not in ("recorded_at", "batch_id"))
        rows, found = 0, pa.chunked_array([], pa.uint64())
        for batches in sets:
            arrived = pa.Table.from_batches(batches, fact.schema)
            with duck.turn() as cursor:
                fresh, _ = _sorted_out(fact, arrived, held, self.root)
                cursor.register("fresh", arrived.take(fresh.column("place")))
                try:
                    hashes = cursor.sql(f"SELECT hash({content}) FROM fresh").to_arrow_table().column(0)
                finally:
                    cursor.unregister("fresh")
            rows += arrived.num_rows
            found = pa.chunked_array([*found.chunks, *hashes.chunks], pa.uint64())
        return rows - int(pc.count_distinct(found).as_py())

    def returning(self, table: str, batches: Iterable[pa.RecordBatch], *, hidden: Collection[str]) -> pa.Table:
        """Of the rows that `append` would recognise, those (key, version) that only hidden batches have brought."""
        fact = self.fact(table)
        held = files.head(self.delta(table), table) if table in self._names() else None
        rows = pa.Table.from_batches(batches, fact.schema)
        if held is None or not held.files:
            return rows.select(["key", "version"]).slice(0, 0)
        with duck.turn() as cursor:
            _, seen = _sorted_out(fact, rows, held, self.root)
            cursor.register("recognised", seen)
            try:
                source = files.scan(fact, keys.holding(held.files, "recognised", self.root), self.root)
                again = overlay.seen(self._noted(fact), hidden, self.root)
                found: pa.Table = cursor.sql(
                    f"SELECT key, version FROM {source} SEMI JOIN recognised USING (key, version, seq) "
                    f"GROUP BY key, version, seq HAVING bool_and(batch_id IN {overlay.listed(hidden)}) "
                    f"AND (key, version, seq) NOT IN (FROM {again})"
                ).to_arrow_table()
            finally:
                cursor.unregister("recognised")
        return found

    def publish(self, *, hidden: Collection[str] = (), now: datetime) -> Snapshot:
        """Makes all that is committed visible as the next snapshot.

        hidden : batches whose rows don't count (pending or withdrawn) unless another batch brought them too
        """
        with lock.held(self._lock("publish")):
            found = self._sighted(max(snapshot.numbers(self._snapshots), default=0) + 1, hidden, now)
            snapshot.save(found, self._snapshots)
            snapshot.remove(self._snapshots, found.number - KEEP_SNAPSHOTS)
        return found

    def foresee(self, *, hidden: Collection[str] = (), now: datetime) -> Snapshot:
        """The snapshot that `publish` would make, for whoever must look before the others do; its number is below 0."""
        return self._sighted(-next(_foreseen), hidden, now)

    def _sighted(self, number: int, hidden: Collection[str], now: datetime) -> Snapshot:
        heads = {name: files.head(self.delta(name), name) for name in self._names()}
        return Snapshot(
            number=number,
            published_at=now,
            recorded_to=max((h.recorded_to for h in heads.values() if h.recorded_to), default=None),
            hidden=frozenset(hidden),
            tables={name: self._seen(name, heads, hidden) for name in heads},
        )

    def _seen(self, name: str, heads: Mapping[str, Head], hidden: Collection[str]) -> TableVersion:
        """What a snapshot says of a table."""
        held = heads[name]
        if name not in tables():
            return TableVersion(held.version, held.files, {})
        fact = tables()[name]
        noted = heads[sightings(name)].files if sightings(name) in heads else ()
        over = overlay.resolve(fact, held.files, noted, hidden=hidden, root=self.root)
        path = mirror.path_of(fact, [f for f in held.files if f.layer == "base"])
        return TableVersion(
            held.version,
            held.files,
            _months(overlay.direct(held.files, hidden), over),
            over.folder,
            path if (self.root / path).exists() else None,
        )

    def latest(self) -> Snapshot | None:
        """The newest snapshot, None if nothing was ever published."""
        number = snapshot.latest_number(self._snapshots)
        return None if number is None else self.snapshot(number)

    def snapshot(self, number: int) -> Snapshot:
        """Raises NoSnapshotError if it was never published or has been cleared away."""
        try:
            return _loaded(self._snapshots, number)
        except FileNotFoundError:
            raise NoSnapshotError(shop=self.shop, number=number, days=KEEP_DAYS) from None

    def fold(self, table: str, *, hidden: Collection[str], now: datetime) -> Folded | None:
        """Makes base of the changes of visible batches, and history of what they replace; None if nothing is to fold.

        One commit; a reader sees the same rows before and after. Also mirrors a base that has no mirror. Appends go on
        meanwhile.
        """
        fact = self.fact(table)
        if table not in self._names():
            return None
        with lock.held(self._lock(f"{table}.fold")):
            delta = self.delta(table)
            head = files.head(delta, table)
            over = overlay.resolve(fact, head.files, self._noted(fact), hidden=hidden, root=self.root)
            plan = fold.plan(fact, head.files, over, hidden=hidden, root=self.root, now=now)
            base = plan.base if plan else [f for f in head.files if f.layer == "base"]
            if mirror.is_worth(base):
                mirror.build(fact, base, self.root)
            if plan:
                self.commit(delta, [*plan.adds, *plan.removes])
            last = self.latest()
            kept = {mirror.path_of(fact, base)} | (
                {str(last.tables[table].mirror)} if last and table in last.tables else set()
            )
            mirror.clear(table, kept, self.root)
        return plan.folded if plan else None

    def fold_all(self, *, hidden: Collection[str], now: datetime) -> dict[str, Folded]:
        """Replaces the keys of forgotten customers, and folds every table that has something to fold.

        Tables of which neither was true are left out.
        """
        replaced = self._replace_forgotten(now)
        found = {name: self.fold(name, hidden=hidden, now=now) for name in self._names() if name in tables()}
        return replaced | {name: folded for name, folded in found.items() if folded}

    def forget(self, customer_keys: Iterable[str]) -> None:
        """From the next `fold_all` on, no snapshot holds these keys; numbers by customer stay what they were."""
        erasure.forget(customer_keys, self.root)

    def _replace_forgotten(self, now: datetime) -> dict[str, Folded]:
        """What was written anew. Appends and folds wait, and no snapshot sees a part of it."""
        known = [tables()[name] for name in self._names() if name in tables() and tables()[name].personal_keys]
        if not known or not erasure.forgotten(self.root):
            return {}
        with ExitStack() as locks:
            for fact in known:
                for name in (f"{fact.name}.fold", fact.name, sightings(fact.name)):
                    locks.enter_context(lock.held(self._lock(name)))
            held = {fact: files.head(self.delta(fact.name), fact.name).files for fact in known}
            with erasure.replacing(held, self.root) as is_any:
                if not is_any:
                    return {}
                written = {
                    fact: erasure.rewrite(fact, of, self._noted(fact), root=self.root, now=now)
                    for fact, of in held.items()
                }
                with lock.held(self._lock("publish")):
                    for fact, (of_fact, of_noted) in written.items():
                        for name, new in ((sightings(fact.name), of_noted), (fact.name, of_fact)):
                            if new.removes:
                                self.commit(self.delta(name), [*new.adds, *new.removes])
        return {fact.name: Folded(new.months, new.rows, 0) for fact, (new, _) in written.items() if new.removes}

    def with_moments(self) -> list[str]:
        """The tables whose rows have a moment, and therefore a date and hour by the shop's clock."""
        return [name for name in self._names() if name in tables() and rezone.MOMENT in tables()[name].columns]

    def count_rezoned(self, table: str, zone: str) -> Shifted:
        """What `rezone` would change of a table."""
        return rezone.count(self.fact(table), files.head(self.delta(table), table).files, zone, self.root)

    def rezone(self, table: str, zone: str, *, now: datetime) -> int:
        """Works out the date and hour of a table's rows anew by the clock of a zone; how many rows were written.

        One commit, and none where the clock changes nothing: done again after a kill, it does what is left. Appends and
        folds of the table wait.
        """
        fact = self.fact(table)
        with lock.held(self._lock(f"{table}.fold")), lock.held(self._lock(table)):
            delta = self.delta(table)
            new = rezone.rewrite(fact, files.head(delta, table).files, zone, root=self.root, now=now)
            if new:
                self.commit(delta, [*new.adds, *new.removes])
        return new.rows if new else 0

    def _noted(self, fact: Table) -> tuple[File, ...]:
        """The files of a table's sightings."""
        name = sightings(fact.name)
        return files.head(self.delta(name), name).files if name in self._names() else ()

    def vacuum(self, *, now: datetime) -> None:
        """Clears away snapshots older than KEEP_DAYS, and files that only they or dead writers knew.

        The newest snapshot stays.
        """
        limit = now - timedelta(days=KEEP_DAYS)
        with lock.held(self._lock("publish")):
            kept = self._recent(limit)
            for name in self._names():
                delta = self.delta(name)
                delta.vacuum(retention_hours=KEEP_DAYS * 24, dry_run=False, enforce_retention_duration=False)
                delta.create_checkpoint()
                delta.cleanup_metadata()
            keys.clear(self.root)
            overlay.clear({t.overlay for found in kept for t in found.tables.values() if t.overlay}, limit, self.root)

    def _recent(self, limit: datetime) -> list[Snapshot]:
        """The snapshots to keep; the others are removed."""
        newest = snapshot.latest_number(self._snapshots)
        kept = [found for found in self.snapshots() if found.published_at >= limit or found.number == newest]
        for number in set(snapshot.numbers(self._snapshots)) - {found.number for found in kept}:
            snapshot.remove(self._snapshots, number)
        return kept

    def verify(self, number: int | None = None) -> Verified:
        """Reads every file of a snapshot, the newest unless told, and counts.

        Raises DamagedLakeError if one is missing or changed.
        """
        found = self.snapshot(number) if number is not None else self.latest()
        if found is None:
            return Verified(0, 0, 0)
        wrong = [file for file in _every(found) if not files.is_whole(file, self.root)]
        if wrong:
            raise DamagedLakeError(shop=self.shop, count=len(wrong), path=wrong[0].path)
        every = list(_every(found))
        return Verified(len(every), sum(f.rows for f in every), sum(f.size for f in every))

    def snapshots(self) -> list[Snapshot]:
        """The snapshots that are kept, newest first."""
        return [self.snapshot(number) for number in reversed(snapshot.numbers(self._snapshots))]

    def batch_ids(self) -> set[str]:
        """Every batch that has a row or a sighting in the lake."""
        found: set[str] = set()
        for name in self._names():
            for file in files.head(self.delta(name), name).files:
                found |= {file.batch_id} if file.batch_id else files.batches(self.root / file.path)
        return found

    def copy_snapshot(self, target: Path) -> Snapshot:
        """Makes a lake of its own of the newest snapshot: files, overlays, and each table's log up to its version.

        target : the copy's root, not there yet; on the same disk the files are shared, as they never change

        Raises NoSnapshotError. Mirrors are left out: the copy's first fold builds them.
        """
        with lock.held(self._lock("publish")):
            found = self.latest()
            if found is None:
                raise NoSnapshotError(shop=self.shop, number=1, days=KEEP_DAYS)
            for path in sorted(self._contents(found)):
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                _share(self.root / path, target / path)
        bare = {name: replace(held, mirror=None) for name, held in found.tables.items()}
        snapshot.save(replace(found, tables=bare), target / "snapshot")
        return found

    def _contents(self, found: Snapshot) -> Iterator[str]:
        """The paths, relative to the lake, of all that a snapshot needs."""
        for name, held in found.tables.items():
            yield from (file.path for file in held.files)
            if held.overlay:
                yield from (f"{held.overlay}/{path.name}" for path in (self.root / held.overlay).iterdir())
            for path in (self.root / name / "_delta_log").iterdir():
                number = path.name.partition(".")[0]
                if number.isdigit() and int(number) <= held.version:
                    yield path.relative_to(self.root).as_posix()

    def fact(self, table: str) -> Table:
        """Raises UnknownFactError."""
        known = tables()
        if table not in known:
            raise UnknownFactError(fact=table, known=", ".join(sorted(known)))
        return known[table]

    def delta(self, table: str) -> DeltaTable:
        """The table's head, made if there is none, with all of today's columns. For writers only.

        Raises NewerLakeError if a newer program wrote it.
        """
        uri = str(self.root / table)
        schema = _stored(table)
        known = version(table)
        if not DeltaTable.is_deltatable(uri):
            (self.root / table).mkdir(parents=True, exist_ok=True)
            DeltaTable.create(
                uri,
                schema,
                mode="ignore",
                partition_by=[f.name for f in PARTITION],
                configuration={
                    "topline.version": str(known),
                    "delta.checkpointInterval": "20",
                    "delta.setTransactionRetentionDuration": "interval 30 days",
                    "delta.dataSkippingStatsColumns": "seq,is_new,version,batch_id,recorded_at",
                },
                raise_if_key_not_exists=False,
            )
        delta = DeltaTable(uri)
        found = int(delta.metadata().configuration["topline.version"])
        if found > known:
            raise NewerLakeError(fact=table, found=found, known=known)
        have = set(delta.schema().to_arrow().names)
        if gained := [Field.from_arrow(field) for field in schema if field.name not in have]:
            delta.alter.add_columns(gained)
        return delta

    def commit(
        self, delta: DeltaTable, actions: list[AddAction | RemoveAction], transaction: Transaction | None = None
    ) -> None:
        """Commits files that are on disk, together with the mark of what they hold."""
        properties = CommitProperties(app_transactions=[transaction] if transaction else None)
        for attempt in range(_ATTEMPTS):
            try:
                delta.create_write_transaction(
                    actions,
                    "append",
                    delta.schema(),
                    [f.name for f in PARTITION],
                    commit_properties=properties,
                )
            except CommitFailedError:
                if attempt == _ATTEMPTS - 1:
                    raise
                delta.update_incremental()
            else:
                return

    @property
    def _snapshots(self) -> Path:
        return self.root / "snapshot"

    def _lock(self, table: str) -> Path:
        return self.root / "lock" / table

    def _names(self) -> list[str]:
        """The tables that exist, each before its sightings."""
        known = [name for table in sorted(tables()) for name in (table, sightings(table))]
        return [name for name in known if (self.root / name / "_delta_log").is_dir()]

    def _note(self, fact: Table, seen: pa.Table) -> None:
        """Stores sightings; twice the same says the same, so an append that was killed may note them again."""
        name = sightings(fact.name)
        with lock.held(self._lock(name)):
            delta = self.delta(name)
            folder = f"layer=change/month={files.ALL}"
            noted = pa.table([pa.repeat(self.shop, seen.num_rows), *seen.columns], schema=SIGHTING)
            _, action = files.write(files.grouped(noted), SIGHTING, root=self.root / name, folder=folder)
            self.commit(delta, [action] if action else [])

    def _written(self, fact: Table, rows: pa.Table, fresh: pa.Table, seq: int) -> Iterator[AddAction]:
        """The new rows as one file a month."""
        schema = files.stored_schema(fact)
        size = fresh.num_rows
        own = [pa.repeat(self.shop, size), pa.repeat(pa.scalar(seq, pa.int64()), size), fresh["is_new"]]
        taken = pa.table([*own, *rows.take(fresh["place"]).columns], schema=schema)
        start = 0
        for month, count in Counter(fresh["month"].to_pylist()).items():
            part = taken.slice(start, count)
            folder = f"layer=change/month={month}"
            _, action = files.write(files.grouped(part), schema, root=self.root / fact.name, folder=folder)
            start += count
            if action:
                yield action


def sightings(table: str) -> str:
    """The table that notes which batches brought a row of this table again."""
    return f"{table}.sighting"


def _months(plain: Iterable[File], over: Overlay) -> dict[str, str]:
    """The digest of each month: of the files read and of what corrects them."""
    parts: dict[str, list[str]] = defaultdict(list)
    for file in plain:
        parts[file.month].append(file.path)
    for month, digest in over.months.items():
        parts[month].append(digest)
    return {month: hashlib.sha256("\n".join(parts[month]).encode()).hexdigest()[:32] for month in sorted(parts)}


def _every(found: Snapshot) -> Iterator[File]:
    for held in found.tables.values():
        yield from held.files


def _share(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


@lru_cache(maxsize=16)
def _loaded(folder: Path, number: int) -> Snapshot:
    return snapshot.load(folder, number)


def _stored(table: str) -> pa.Schema:
    schema = SIGHTING if table.endswith(".sighting") else files.stored_schema(tables()[table])
    return pa.schema([*schema, *PARTITION])


def _count_known(asked: pa.RecordBatch, held: Head, root: Path) -> int:
    cursor = duck.connection()
    cursor.register("asked", pa.Table.from_batches([asked]))
    try:
        hit = keys.holding(held.files, "asked", root)
        if not hit:
            return 0
        paths = files.read_parquet(root / file.path for file in hit)
        count: int = cursor.execute(f"SELECT count(*) FROM asked SEMI JOIN {paths} USING (key)").fetchall()[0][0]
    finally:
        cursor.unregister("asked")
    return count


def _checked(fact: Table, batches: Iterable[pa.RecordBatch], batch_id: str) -> pa.Table:
    """The rows in exactly the fact's schema."""
    try:
        rows = pa.Table.from_batches([batch.select(fact.columns).cast(fact.schema) for batch in batches], fact.schema)
    except (KeyError, ValueError, pa.ArrowNotImplementedError) as error:
        raise FactSchemaError(fact=fact.name, reason=str(error)) from None
    for field in fact.schema:
        if not field.nullable and rows[field.name].null_count:
            raise FactSchemaError(fact=fact.name, reason=f"{field.name} has empty values")
    if not pc.all(pc.equal(rows["batch_id"], pa.scalar(batch_id)), min_count=0).as_py():
        raise FactSchemaError(fact=fact.name, reason=f"batch_id is not {batch_id} everywhere")
    return rows


def _sorted_out(fact: Table, rows: pa.Table, held: Head, root: Path) -> tuple[pa.Table, pa.Table]:
    """What to store and what to note.

    The first has the place of each new row in `rows`, its month and its is_new, ordered by month and place; the second
    the sightings of the rows that the lake holds, without the shop.
    """
    cursor = duck.connection()
    content = [name for name in fact.columns if name not in ("recorded_at", "batch_id")]
    same = " AND ".join(f"h.{duck.named(c)} IS NOT DISTINCT FROM i.{duck.named(c)}" for c in content)
    cursor.register("arrived", rows.append_column("place", pa.arange(0, rows.num_rows)))  # type: ignore[attr-defined]
    try:
        cursor.execute(
            f"CREATE OR REPLACE TEMP TABLE incoming AS SELECT key, version, max(place) AS place, "
            f"arg_max({files.month_expression(fact)}, place) AS month FROM arrived GROUP BY key, version"
        )
        holding = keys.holding(held.files, "incoming", root)
        is_once = "SELECT count(*) = count(DISTINCT hash(key)) FROM incoming"
        if not holding and cursor.execute(is_once).fetchall() == [(True,)]:  # all is new, as most often
            fresh = cursor.sql("SELECT place, month, 1::TINYINT AS is_new FROM incoming ORDER BY month, place")
            return fresh.to_arrow_table(), _NONE_SEEN
        source = files.scan(fact, holding, root)
        cursor.execute(f"CREATE OR REPLACE TEMP TABLE held AS FROM {source} SEMI JOIN incoming USING (key)")
        cursor.execute(
            "CREATE OR REPLACE TEMP TABLE known AS "
            "SELECT i.place, i.key, i.version, max(h.seq) AS seq, i.batch_id, i.recorded_at, "
            "bool_or(h.batch_id = i.batch_id) AS is_own "
            f"FROM (FROM arrived SEMI JOIN incoming USING (place)) i JOIN held h ON {same} GROUP BY ALL"
        )
        fresh = cursor.sql(
            "SELECT place, month, (key NOT IN (SELECT key FROM held) AND key NOT IN "
            "(SELECT key FROM incoming GROUP BY key HAVING count(*) > 1))::TINYINT AS is_new "
            "FROM incoming ANTI JOIN known USING (place) ORDER BY month, place"
        ).to_arrow_table()
        seen = cursor.sql(
            "SELECT seq, 1::TINYINT AS is_new, key, version, batch_id, recorded_at "
            "FROM known WHERE NOT is_own ORDER BY key"
        ).to_arrow_table()
    finally:
        cursor.unregister("arrived")
        cursor.execute("DROP TABLE IF EXISTS incoming; DROP TABLE IF EXISTS held; DROP TABLE IF EXISTS known")
    return fresh, seen
