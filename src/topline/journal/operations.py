"""Recording facts in the writer's transaction, and moving them into the lake exactly once."""

import dataclasses
import secrets
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from topline.facts.table import Fact, tables
from topline.journal import codec
from topline.journal.models import Batch, Cursor, Record, Sequence
from topline.units.errors import ToplineError
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.lake.snapshot import Snapshot
    from topline.lake.store import Lake

LAKE_WRITER = "lake"
_JOURNAL = "journal"
_RANGE = 10_000


class OutsideTransactionError(ToplineError):
    message = N_("A fact is recorded in the transaction of what made it. Open one first.")


class UnknownBatchError(ToplineError):
    message = N_("The shop “%(shop)s” has no batch “%(batch)s”.")


def next_versions(*, shop: str, count: int = 1) -> int:
    """The first of `count` fresh sequence numbers of the shop, for facts whose source has no `updated_at`."""
    with transaction.atomic():
        Sequence.objects.get_or_create(shop=shop)
        Sequence.objects.filter(shop=shop).update(value=F("value") + count)
        return Sequence.objects.values_list("value", flat=True).get(shop=shop) - count + 1


def record(*facts: Fact, shop: str) -> None:
    """Keep facts for every reader of the journal, in the caller's transaction.

    `recorded_at` and `batch_id` are set here, to the real time and the range that they are drained in; a `version` of 0
    becomes the shop's next sequence number. A fact holds no direct identifier of a person.

    Raises OutsideTransactionError.
    """
    if not connection.in_atomic_block:
        raise OutsideTransactionError()
    if not facts:
        return
    now = timezone.now()
    first = next_versions(shop=shop, count=len(facts))
    Record.objects.bulk_create(
        Record(
            shop=shop,
            seq=seq,
            fact=codec.table_of(fact).name,
            row=codec.encode(dataclasses.replace(fact, version=fact.version or seq, recorded_at=now)),
            recorded_at=now,
        )
        for seq, fact in enumerate(facts, first)
    )


def pull(*, consumer: str, shop: str, limit: int) -> list[Record]:
    """The next records that a reader hasn't seen; `advance` says that it has."""
    return list(Record.objects.after(shop, position(consumer=consumer, shop=shop))[:limit])


def position(*, consumer: str, shop: str) -> int:
    """The sequence number that a reader has come to, 0 at the start."""
    return Cursor.objects.filter(consumer=consumer, shop=shop).values_list("seq", flat=True).first() or 0


def advance(*, consumer: str, shop: str, seq: int) -> None:
    """Remember that a reader has dealt with everything up to `seq`; never moves back."""
    with transaction.atomic():
        Cursor.objects.get_or_create(consumer=consumer, shop=shop)
        Cursor.objects.filter(consumer=consumer, shop=shop, seq__lt=seq).update(seq=seq)


def open_batch(*, shop: str, batch_id: str, source: str, now: datetime) -> Batch:
    """The batch of that name, pending when it is new: its facts stay hidden until `make_live`."""
    fresh = {"source": source, "opened_at": now, "changed_at": now}
    return Batch.objects.get_or_create(shop=shop, batch_id=batch_id, defaults=fresh)[0]


def make_live(*, shop: str, batch_id: str, now: datetime) -> None:
    """Let the batch count from the next published snapshot on. Raises UnknownBatchError."""
    _set_state(shop, batch_id, Batch.State.LIVE, now)


def withdraw(*, shop: str, batch_id: str, now: datetime) -> None:
    """Take the batch back: from the next snapshot on, rows that no other live batch has seen are gone.

    Raises UnknownBatchError.
    """
    _set_state(shop, batch_id, Batch.State.WITHDRAWN, now)


def hidden(lake: "Lake") -> frozenset[str]:
    """The batches that don't count: pending, withdrawn, or unknown to the database (after a restore)."""
    known = set(Batch.objects.filter(shop=lake.shop).values_list("batch_id", flat=True))
    return _not_live(lake.shop) | (lake.batch_ids() - known)


def publish(lake: "Lake") -> "Snapshot":
    """A new snapshot in which exactly the live batches are seen.

    Two publishers may overlap; whoever finds that batches changed meanwhile publishes again, so the newest is right.
    """
    while True:
        before = _not_live(lake.shop)
        snapshot = lake.publish(hidden=hidden(lake), now=timezone.now())
        if _not_live(lake.shop) == before:
            return snapshot


def catch_up(lake: "Lake") -> None:
    """Publishes what a process that ended too early left unseen: a batch that changed after the newest snapshot."""
    changed = Batch.objects.filter(shop=lake.shop).exclude(state=Batch.State.PENDING)
    if snapshot := lake.latest():
        changed = changed.filter(changed_at__gt=snapshot.published_at)
    if changed.exists():
        publish(lake)


def drain(lake: "Lake") -> int:
    """How many recorded facts went into the lake; all of them once, also if this was killed at any moment before.

    A range of the journal is fixed in the database before it is written, so the lake recognises it when it comes again.
    """
    moved = 0
    while found := _next_range(lake.shop):
        batch_id, first, last = found
        records = list(Record.objects.after(lake.shop, first - 1).filter(seq__lte=last))
        for fact, of_fact in groupby(sorted(records, key=_by_fact), key=lambda record: record.fact):
            rows = [{**record.row, "batch_id": batch_id} for record in of_fact]
            lake.append(fact, [codec.decode(tables()[fact], rows)], batch_id=batch_id)
        make_live(shop=lake.shop, batch_id=batch_id, now=timezone.now())
        publish(lake)
        advance(consumer=LAKE_WRITER, shop=lake.shop, seq=last)
        moved += len(records)
    return moved


def _next_range(shop: str) -> tuple[str, int, int] | None:
    """The batch after the lake writer's cursor, its first and last record: the one begun before, else a new one."""
    done = position(consumer=LAKE_WRITER, shop=shop)
    begun = Batch.objects.filter(shop=shop, source=_JOURNAL, last_seq__gt=done).order_by("first_seq")
    if not begun:
        seqs = list(Record.objects.after(shop, done).values_list("seq", flat=True)[:_RANGE])
        if not seqs:
            return None
        # The random part: after a restore the same numbers come again for other facts.
        name = f"{_JOURNAL}-{seqs[0]}-{seqs[-1]}-{secrets.token_hex(4)}"
        now = timezone.now()
        fresh = {"batch_id": name, "source": _JOURNAL, "last_seq": seqs[-1], "opened_at": now, "changed_at": now}
        Batch.objects.get_or_create(shop=shop, first_seq=seqs[0], defaults=fresh)
    batch_id, first, last = begun.all().values_list("batch_id", "first_seq", "last_seq")[0]
    assert first is not None and last is not None  # noqa: S101, PT018 - a range has both
    return batch_id, first, last


def _by_fact(record: Record) -> tuple[str, int]:
    return record.fact, record.seq


def _not_live(shop: str) -> frozenset[str]:
    return frozenset(Batch.objects.filter(shop=shop).exclude(state=Batch.State.LIVE).values_list("batch_id", flat=True))


def _set_state(shop: str, batch_id: str, state: Batch.State, now: datetime) -> None:
    if not Batch.objects.filter(shop=shop, batch_id=batch_id).update(state=state, changed_at=now):
        raise UnknownBatchError(shop=shop, batch=batch_id)
