"""Bringing files in: receive them, propose how to read them, take them in, take them back."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from django.conf import settings
from django.db import OperationalError, transaction
from django.utils import timezone

from topline.accounts import warm
from topline.accounts.models import Shop
from topline.catalog import operations as catalog
from topline.connectors import errors, files, ledger, mapping, reader
from topline.connectors.profile import Profile
from topline.crm import operations as crm
from topline.facts.table import tables
from topline.imports import quarantine, refund, visits
from topline.imports.models import Import, ImportFile
from topline.imports.shops import told
from topline.journal import operations as journal
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench import audit, jobs, maintenance
from topline.workbench.models import CancelledError, Job, LeaseLostError

PREVIEW_ROWS = 10
PART_ROWS = 300_000
STORE_BYTES = 100 << 30
KEPT_DAYS = 30
_CHUNK = 1 << 20
_BESIDE = 900_000
"""From which part on the ledger holds the rows beside the files' own."""

_BESIDE_LEDGER = 3_000_000
"""From which part on other tables than the ledger hold the files' rows."""

_VISITS = 4_000_000
"""From which part on the sessions are those of the files' web events."""

Progress = Callable[[int, int, str], None]


class NoFilesError(ToplineError):
    message = N_("An import needs at least one file.")


class UploadsFullError(ToplineError):
    message = N_(
        "Uploaded files take more than %(size)s GB. Remove old imports, or make room, and bring the file again."
    )


class NotProposedError(ToplineError):
    message = N_("Import %(id)s is %(state)s; only one that is proposed can be changed or taken in.")


class UndecidedError(ToplineError):
    message = N_(
        "Nothing in the files shows how to read %(columns)s. Say whether the day or the month comes first, or which "
        "mark stands before the decimals, and bring them in then."
    )


class NotLiveError(ToplineError):
    message = N_("Import %(id)s is %(state)s; only one that is live can be undone.")


class NotUndoneError(ToplineError):
    message = N_("Import %(id)s is %(state)s; only one that was undone can be brought back.")


class BrokenImportError(ToplineError):
    message = N_(
        "Import %(id)s stopped at an error that Topline did not expect (%(detail)s). None of it is seen. "
        "Go on with it, or drop it."
    )


class NotFailedError(ToplineError):
    message = N_("Import %(id)s is %(state)s; only one that failed while it was taken in can be gone on with.")


class RateError(ToplineError):
    message = N_("“%(text)s” is not an exchange rate. Write a currency and a number above zero, such as EUR=0.85.")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as a person names it, and where its bytes are."""

    name: str
    content: Path | IO[bytes]


TRAPS: Mapping[str, str] = {
    "without_customer": N_("Rows that name no customer: %(rows)s. They count as guests, apart from customers."),
    "without_title": N_("Rows without a description: %(rows)s. The product keeps the one of its other rows."),
    "without_price": N_("Rows without a price: %(rows)s. They stand in the ledger at nothing and never count as sold."),
    "negative_quantity": N_("Rows with a negative quantity: %(rows)s. They take away from what was sold."),
    "ambiguous_times": N_("Times that came twice when the clocks went back: %(rows)s. The first is taken."),
    "skipped_times": N_(
        "Times that never were, as the clocks went forward: %(rows)s. They move forward by the change."
    ),
    "cancelled_rows": N_("Rows of cancelled orders: %(rows)s. For each, a row that takes it back is added."),
    "refunded_rows": N_("Rows of refunded orders: %(rows)s. For each, a refund is added."),
    "test_rows": N_("Rows of test orders: %(rows)s. They stand in the ledger and never count."),
    "credit_rows": N_("Credits that name the order they belong to: %(rows)s. They stand with it."),
    "over_refunds": N_("Credits above what remained of their order: %(rows)s. They are taken in and marked."),
    "tax_included": N_(
        "%(columns)s include tax: it is taken out row by row and stands in the ledger as tax, beside sales without it."
    ),
    "tax_unknown": N_(
        "%(columns)s include tax, but no column says how much: sales are counted with it. "
        "If a column holds the tax or its rate, choose it."
    ),
    "tax_on_top": N_(
        "%(columns)s is counted on top of the price. If prices include it, "
        "choose “Price of one, tax included” for their column."
    ),
    "rate_columns": N_("%(columns)s are rates, not amounts: the amount is worked out from the price of each row."),
    "repeated_columns": N_("%(columns)s repeat on every row what an order has once: they count once for each order."),
    "same_rows": N_("Rows that stand in more than one of the files: %(rows)s. They count once."),
    "known_rows": N_("Rows that came with an earlier import: %(rows)s. They count once."),
    "returning_rows": N_("Rows that came with an import that was taken back: %(rows)s. They count again."),
    "ambiguous_dates": N_(
        "Nothing shows whether the day or the month comes first in %(columns)s: look at the first rows."
    ),
    "ambiguous_numbers": N_(
        "Nothing shows whether 1.234 in %(columns)s is more than a thousand or little more than one: "
        "look at the first rows."
    ),
    "other_sheets": N_("Other sheets of %(file)s: %(rows)s. The longest is read."),
}


def receive(
    *,
    shop: Shop,
    uploads: Sequence[Upload],
    actor_id: int | None,
    source: str = "file",
    rates: Mapping[str, str] | None = None,
    choices: Sequence[Mapping[str, Any]] = (),
) -> Import:
    """A new import of these files, which are copied and kept; `propose` reads them.

    rates : the shop's currency per unit of another
    choices : per file, what a person decided: `target`, `columns` (field to column), `dates` and `decimal` of `decide`
    """
    if not uploads:
        raise NoFilesError()
    for currency, rate in (rates or {}).items():
        _checked_rate(currency, rate)
    kept: list[tuple[str, str, int]] = []
    try:
        for upload in uploads:
            kept.append((upload.name, *_keep(shop, upload)))
    except ToplineError:
        _release(shop, [digest for _, digest, _ in kept])
        raise
    with transaction.atomic():
        found = Import.objects.create(shop=shop, source=source, actor_id=actor_id, rates=dict(rates or {}))
        ImportFile.objects.bulk_create(
            ImportFile(
                belongs_to=found,
                place=place,
                name=Path(name).name[:255],
                sha256=digest,
                size=size,
                choices=dict(choices[place]) if place < len(choices) else {},
            )
            for place, (name, digest, size) in enumerate(kept)
        )
        audit.log(
            "import.receive",
            actor_id=actor_id,
            shop=shop.slug,
            subject=str(found.pk),
            files=[name for name, *_ in kept],
        )
    return found


def enqueue_proposal(*, found: Import, actor_id: int | None) -> Job:
    """The job that reads the files and proposes, for doors that don't wait. Raises NotProposedError."""
    _require_files(found)
    job = jobs.enqueue(
        "imports.propose",
        shop=found.shop.slug,
        params={"import": found.pk},
        unique_key=f"imports.propose:{found.pk}",
        actor_id=actor_id,
    )
    Import.objects.filter(pk=found.pk).update(state=Import.State.READING, job_id=job.pk, error={})
    return job


def choose(
    *, found: Import, place: int, actor_id: int | None, target: str | None = None, columns: Mapping[str, str | None]
) -> Import:
    """The import with a person's choice of columns for one file, to be proposed anew. Raises NotProposedError."""
    _require(found, Import.State.PROPOSED, Import.State.FAILED)
    _require_files(found)
    file = found.files.get(place=place)
    decided = {**file.choices.get("columns", {}), **columns}
    with transaction.atomic():
        ImportFile.objects.filter(pk=file.pk).update(
            choices={**file.choices, "target": target or file.choices.get("target"), "columns": decided}
        )
        Import.objects.filter(pk=found.pk).update(state=Import.State.READING, rules=[], error={})
        audit.log(
            "import.choose",
            actor_id=actor_id,
            shop=found.shop.slug,
            subject=str(found.pk),
            file=file.name,
            columns=columns,
        )
    _clear_stage(found)
    found.refresh_from_db()
    return found


def decide(*, found: Import, actor_id: int | None, dates: str | None = None, decimal: str | None = None) -> Import:
    """The import with a person's word on what its files leave open, to be proposed anew. Raises NotProposedError.

    dates : of reading.DATE_ORDERS; decimal : of reading.DECIMAL_MARKS; None leaves it as it was
    """
    _require(found, Import.State.PROPOSED)
    said = {name: value for name, value in (("dates", dates), ("decimal", decimal)) if value}
    with transaction.atomic():
        for file in found.files.all():
            ImportFile.objects.filter(pk=file.pk).update(choices={**file.choices, **said})
        Import.objects.filter(pk=found.pk).update(state=Import.State.READING)
        audit.log("import.decide", actor_id=actor_id, shop=found.shop.slug, subject=str(found.pk), **said)
    _clear_stage(found)
    found.refresh_from_db()
    return found


def set_rules(*, found: Import, rules: Sequence[Mapping[str, Any]], actor_id: int | None) -> Import:
    """The import with a person's ledger profile, its effect shown anew. Raises NotProposedError, ProfileError."""
    _require(found, Import.State.PROPOSED)
    profile = Profile.from_json(rules)
    with transaction.atomic():
        Import.objects.filter(pk=found.pk).update(rules=profile.to_json())
        audit.log(
            "import.rules", actor_id=actor_id, shop=found.shop.slug, subject=str(found.pk), rules=profile.to_json()
        )
    found.refresh_from_db()
    return propose(found=found)


def propose(*, found: Import, progress: Progress | None = None) -> Import:
    """The import read to its end: each file's layout, first rows, the ledger profile, and what each would do.

    Nothing is taken in. Raises FileError, after the import was marked as failed.
    """
    try:
        return _propose(found, progress or _silent)
    except ToplineError as error:
        if isinstance(error, CancelledError):
            _give_up(found)
        elif not isinstance(error, LeaseLostError):
            _fail(found, error)
            _clear(found)
        raise
    except Exception as error:
        if not isinstance(error, OperationalError):  # the database is away: the job goes on later
            _fail(found, _broken(found, error))
            _clear_stage(found)
        raise


def _propose(found: Import, progress: Progress) -> Import:
    listed = list(found.files.all())
    with _Work(found) as work:
        for file in listed:
            progress(file.place, 2 * len(listed), file.name)
            staged = work.staged(file)
            layout = ledger.recognise(
                work.stage.cursor,
                staged,
                work.shop,
                target=file.choices.get("target"),
                choices=file.choices.get("columns"),
                dates=file.choices.get("dates"),
                decimal=file.choices.get("decimal"),
            )
            shown = ledger.first_rows(work.stage.cursor, staged, PREVIEW_ROWS)
            file.columns, file.rows = list(staged.columns), staged.rows + len(staged.rejects)
            file.reading = {key: value for key, value in staged.reading.items() if value not in (None, "")}
            file.first_rows = [[_plain(cell) for cell in row] for row in shown]
            file.layout = layout.to_json()
        for file in listed:
            progress(len(listed) + file.place, 2 * len(listed), file.name)
            work.load(file)
        work.finish()
        profile = found.profile if found.rules else work.stage.propose_profile()
        known = work.count_known()
        preview = _preview(work.stage, profile, listed, known, work.count_returning(known))
    with transaction.atomic():
        ImportFile.objects.bulk_update(listed, ["columns", "first_rows", "reading", "layout", "rows"])
        Import.objects.filter(pk=found.pk).update(
            state=Import.State.PROPOSED, rules=profile.to_json(), preview=preview, error={}
        )
    found.refresh_from_db()
    return found


def confirm(*, found: Import, actor_id: int | None, now: datetime) -> Job:
    """The job that takes a proposed import in. now : real time, when Topline learns of the facts

    Raises NotProposedError, UndecidedError.
    """
    if columns := found.undecided("dates") + found.undecided("decimal"):
        raise UndecidedError(columns=", ".join(columns))
    with transaction.atomic():
        if not Import.objects.filter(pk=found.pk, state=Import.State.PROPOSED).update(
            state=Import.State.RUNNING, confirmed_at=now
        ):
            found.refresh_from_db()
            raise NotProposedError(id=found.pk, state=found.state)
        journal.open_batch(shop=found.shop.slug, batch_id=found.batch_id, source=found.source, now=now)
        job = jobs.enqueue(
            "imports.run",
            shop=found.shop.slug,
            params={"import": found.pk},
            unique_key=f"imports.run:{found.pk}",
            actor_id=actor_id,
        )
        Import.objects.filter(pk=found.pk).update(job_id=job.pk)
        audit.log("import.confirm", actor_id=actor_id, shop=found.shop.slug, subject=str(found.pk))
    found.refresh_from_db()
    return job


def take_in(*, found: Import, job: Job) -> dict[str, Any]:
    """The report of an import whose facts are now in the lake and seen.

    Part by part, each at most once: killed at any moment, it goes on when it is called again. Until its last step
    nobody sees any of it.
    """
    try:
        return _take_in(found, job)
    except (CancelledError, LeaseLostError) as error:
        if isinstance(error, CancelledError):
            _give_up(found)
        raise
    except ToplineError as error:
        _fail(found, error)
        raise
    except Exception as error:
        if not isinstance(error, OperationalError):
            _fail(found, _broken(found, error))
        raise


def go_on(*, found: Import, actor_id: int | None) -> Job:
    """The job that takes a failed import in from where it stopped. Raises NotFailedError."""
    _settle(found)
    with transaction.atomic():
        failed = Import.objects.filter(pk=found.pk, state=Import.State.FAILED, confirmed_at__isnull=False)
        if not failed.update(state=Import.State.RUNNING, error={}, finished_at=None):
            found.refresh_from_db()
            raise NotFailedError(id=found.pk, state=found.state)
        before = Job.objects.filter(pk=found.job_id or 0).first()
        job = jobs.enqueue(
            "imports.run",
            shop=found.shop.slug,
            params={"import": found.pk},
            unique_key=f"imports.run:{found.pk}",
            actor_id=actor_id,
        )
        if before is not None:
            Job.objects.filter(pk=job.pk).update(checkpoint=before.checkpoint)
        Import.objects.filter(pk=found.pk).update(job_id=job.pk)
        audit.log("import.go_on", actor_id=actor_id, shop=found.shop.slug, subject=str(found.pk))
    found.refresh_from_db()
    job.refresh_from_db()
    return job


def _take_in(found: Import, job: Job) -> dict[str, Any]:
    if found.confirmed_at is None:
        raise NotProposedError(id=found.pk, state=found.state)
    shop, lake = found.shop, found.shop.lake()
    stamp = reader.Stamp(found.batch_id, found.confirmed_at)
    profile = found.profile
    with _Work(found) as work:
        for file in found.files.all():
            work.load(file)
        work.finish()
        counts = work.stage.counts()
        returning = job.checkpoint.get("returning")
        if returning is None:  # before the first part: later the rows of this import itself are held and don't count
            returning = work.count_returning(counts["good"])
            job.advance(0, counts["rows"], checkpoint={"returning": returning})
        parts = work.stage.parts(PART_ROWS)
        done: list[list[int]] = list(job.checkpoint.get("parts", []))
        job.advance(sum(map(sum, done)), counts["rows"])
        for number, part in enumerate(parts[len(done) :], start=len(done)):
            batches = work.stage.lines(part, profile, stamp)
            taken = lake.append("order_line", batches, batch_id=found.batch_id, part=number)
            done.append([taken.rows, taken.duplicates])
            job.advance(sum(map(sum, done)), checkpoint={"parts": done, "returning": returning})
        for number, batches in enumerate(work.stage.extras(profile, stamp)):
            lake.append("order_line", batches, batch_id=found.batch_id, part=_BESIDE + number)
        others = {
            "order": work.stage.orders(profile, stamp),
            "product": work.stage.products(profile, stamp),
            "customer": work.stage.customers(stamp),
        }
        for table, sets in others.items():
            for number, batches in enumerate(sets):
                lake.append(table, batches, batch_id=found.batch_id, part=number)
        for people in work.stage.people():
            crm.upsert_identities(shop=shop, source=found.source, rows=people)
        catalog.upsert_products(
            shop=shop, rows=work.stage.product_rows(profile), source=found.source, now=timezone.now()
        )
        reports = work.take_in_references(lake, stamp, found.confirmed_at)
        listed = list(found.files.all())
        for file in listed:
            file.quarantined = quarantine.write(work.stage, file.place, work.staged(file), file.quarantine_path)
            file.save(update_fields=["quarantined"])
        report = _report(work.stage, profile, listed, counts, [*done, [returning, -returning]], reports)
    with transaction.atomic():
        now = timezone.now()
        journal.make_live(shop=shop.slug, batch_id=found.batch_id, now=now)
        Import.objects.filter(pk=found.pk).update(state=Import.State.LIVE, finished_at=now, report=report, error={})
        audit.log("import.live", actor_id=found.actor_id, shop=shop.slug, subject=str(found.pk), facts=report["facts"])
    if parts:
        refund.publish(lake)
    else:  # no order was told of, so no refund twice
        journal.publish(lake)
    warm.first_look(shop, reports.keys() | ({"order_line"} if parts else set()))
    maintenance.enqueue_fold(shop.slug)
    _clear_stage(found)
    return report


def undo(*, found: Import, actor_id: int | None, now: datetime) -> Import:
    """The import, taken back: its rows are gone unless another live import brought them too. Raises NotLiveError."""
    _switch(found, Import.State.LIVE, Import.State.UNDONE, NotLiveError, journal.withdraw, "import.undo", actor_id, now)
    return found


def redo(*, found: Import, actor_id: int | None, now: datetime) -> Import:
    """An undone import, live again. Raises NotUndoneError."""
    _switch(
        found, Import.State.UNDONE, Import.State.LIVE, NotUndoneError, journal.make_live, "import.redo", actor_id, now
    )
    return found


def drop(*, found: Import, actor_id: int | None) -> Import:
    """A proposed or failed import, given up. Raises NotProposedError."""
    _require(found, Import.State.PROPOSED, Import.State.FAILED, Import.State.READING)
    with transaction.atomic():
        Import.objects.filter(pk=found.pk).update(state=Import.State.DROPPED, finished_at=timezone.now())
        audit.log("import.drop", actor_id=actor_id, shop=found.shop.slug, subject=str(found.pk))
    found.refresh_from_db()
    _clear(found)
    return found


def stop(*, found: Import) -> None:
    """Asks the import's job to stop, after which the import is dropped; at once if nobody had begun."""
    found.refresh_from_db()
    if found.job_id is None:
        return
    jobs.cancel(job_id=found.job_id)
    if Job.objects.filter(pk=found.job_id, state=Job.State.CANCELLED).exists():
        _give_up(found)


def _give_up(found: Import) -> None:
    unfinished = Import.objects.filter(pk=found.pk).exclude(state=Import.State.LIVE)
    if unfinished.update(state=Import.State.DROPPED, finished_at=timezone.now()):
        found.refresh_from_db()
        _clear(found)


def _settle(found: Import) -> None:
    """An import whose job gave up without a word, because its process died again and again, has failed too."""
    job = Job.objects.filter(pk=found.job_id or 0, state=Job.State.FAILED).first()
    if job is not None and found.state in (Import.State.RUNNING, Import.State.READING):
        _fail(found, BrokenImportError(id=found.pk, detail=job.message))


def tidy() -> None:
    """Fail imports whose job gave up, drop what nobody decided on for KEPT_DAYS, and remove files that none needs."""
    for found in Import.objects.filter(state__in=(Import.State.RUNNING, Import.State.READING)):
        _settle(found)
    limit = timezone.now() - timedelta(days=KEPT_DAYS)
    undecided = (Import.State.READING, Import.State.PROPOSED, Import.State.FAILED)
    for found in Import.objects.filter(state__in=undecided, created_at__lt=limit):
        drop(found=found, actor_id=None)
    over = (Import.State.DROPPED, Import.State.LIVE, Import.State.UNDONE)
    needed = set(ImportFile.objects.exclude(belongs_to__state__in=over).values_list("sha256", flat=True))
    for found in Import.objects.filter(state__in=over, finished_at__lt=limit).prefetch_related("files"):
        for file in found.files.all():
            if file.sha256 not in needed:
                file.path.unlink(missing_ok=True)


def _switch(
    found: Import,
    before: Import.State,
    after: Import.State,
    refusal: type[ToplineError],
    change: Callable[..., None],
    action: str,
    actor_id: int | None,
    now: datetime,
) -> None:
    with transaction.atomic():
        if not Import.objects.filter(pk=found.pk, state=before).update(state=after, finished_at=now):
            found.refresh_from_db()
            raise refusal(id=found.pk, state=found.state)
        change(shop=found.shop.slug, batch_id=found.batch_id, now=now)
        audit.log(action, actor_id=actor_id, shop=found.shop.slug, subject=str(found.pk))
    refund.publish(found.shop.lake())
    found.refresh_from_db()
    _clear(found)


class _Work:
    """An import at work: its stage and its staged files, put together again from what an earlier attempt left."""

    def __init__(self, found: Import) -> None:
        self.found = found
        self.shop = told(found.shop, found.source, found.rates)
        self._staged: dict[int, files.Staged] = {}

    def __enter__(self) -> "_Work":
        self.stage = ledger.Stage(self.found.stage, self.shop)
        return self

    def __exit__(self, *_: object) -> None:
        self.stage.close()

    def staged(self, file: ImportFile) -> files.Staged:
        if file.place not in self._staged:
            folder = self.found.stage / str(file.place)
            self._staged[file.place] = files.stage(file.path, folder, name=file.name)
        return self._staged[file.place]

    def load(self, file: ImportFile) -> None:
        layout = file.chosen_layout()
        if layout.target == "order_line":
            self.stage.load(file.place, self.staged(file), layout)
        else:
            self.stage.load_reference(file.place, self.staged(file), layout)

    def finish(self) -> None:
        """After the last load. The orders that credits name may have come with an earlier import."""
        lake = self.found.shop.lake()
        snapshot = lake.latest()
        if (wanted := self.stage.origins_wanted()) and snapshot is not None and "order_line" in snapshot.tables:
            lines = engine.table(lake, "order_line", snapshot)
            is_back = lines.kind.isin(["goods_cancelled", "refund"])
            self.stage.know_orders(
                engine.execute(
                    lines.filter(lines.order_key.isin(wanted))
                    .group_by(order_id="order_key")
                    .agg(
                        ordered=lines.ordered_on.min(),
                        channel=lines.channel.min(),
                        market=lines.market.min(),
                        customer_key=lines.customer_key.min(),
                        sold=lines.amount.sum(where=lines.amount > 0).fill_null(0),
                        returned=(-lines.amount).sum(where=is_back).fill_null(0),
                    )
                )
            )
        self.stage.finish()

    def count_known(self) -> int:
        """How many rows of all files the lake holds already; of rows of reference facts, also those that came twice."""
        lake = self.found.shop.lake()
        known = lake.count_known("order_line", self.stage.keys())
        stamp = reader.Stamp(self.found.batch_id, self.found.created_at)
        sets = sorted(self.stage.references(stamp), key=itemgetter(1))
        for table, same in groupby(sets, itemgetter(1)):
            if lake.may_recognise(table, self.stage.reference_keys(stamp, table)):
                known += lake.count_same(table, (batches for *_, batches in same))
        return known

    def count_returning(self, known: int) -> int:
        """Of the rows that the lake may hold, how many don't count there now: their imports were taken back."""
        snapshot = self.found.shop.lake().latest()
        if not known or snapshot is None or not snapshot.hidden - {self.found.batch_id}:
            return 0
        return self._count_returning_lines(snapshot) + self._count_returning_references(snapshot)

    def _count_returning_lines(self, snapshot: Snapshot) -> int:
        lake = self.found.shop.lake()
        if "order_line" not in snapshot.tables:
            return 0
        import ibis

        counted = engine.table(lake, "order_line", snapshot)
        seen = 0
        for batch in self.stage.keys():  # noqa: SIM118 - a stage is no dict
            asked = ibis.memtable(pa.Table.from_batches([batch])).semi_join(counted, "key")
            seen += engine.execute(asked.agg(rows=asked.count())).column("rows")[0].as_py()
        return lake.count_known("order_line", self.stage.keys()) - seen

    def _count_returning_references(self, snapshot: Snapshot) -> int:
        lake = self.found.shop.lake()
        stamp = reader.Stamp(self.found.batch_id, self.found.confirmed_at or self.found.created_at)
        found: dict[str, list[pa.Table]] = {}
        for _, table, batches in self.stage.references(stamp):
            found.setdefault(table, []).append(lake.returning(table, batches, hidden=snapshot.hidden))
        return sum(
            pa.concat_tables(sets).group_by(["key", "version"]).aggregate([]).num_rows for sets in found.values()
        )

    def take_in_references(self, lake: Any, stamp: reader.Stamp, now: datetime) -> dict[str, list[int]]:
        """Facts and duplicates of each table that isn't the ledger; web events are taken in with their visits."""
        totals: dict[str, list[int]] = {}
        batch_id = self.found.batch_id
        with ThreadPoolExecutor(1) as beside:
            for number, table, batches in self.stage.references(stamp):
                rows, making = list(batches), None
                if table == "web_event":
                    events = pa.Table.from_batches(rows, tables()[table].schema)
                    making = beside.submit(visits.sessions_of, lake, events, batch_id=batch_id, now=now)
                taken = lake.append(table, rows, batch_id=batch_id, part=_BESIDE_LEDGER + number)
                if making:
                    lake.append("session", [making.result()], batch_id=batch_id, part=_VISITS + number)
                before = totals.setdefault(table, [0, 0])
                totals[table] = [before[0] + taken.rows, before[1] + taken.duplicates]
        return totals


def _preview(
    stage: ledger.Stage, profile: Profile, listed: Sequence[ImportFile], known: int, returning: int
) -> dict[str, Any]:
    """What taking the files in would do.

    known : rows that the lake holds already; returning : those of them that don't count there now
    """
    known -= returning
    counts = stage.counts() | {"known_rows": known, "returning_rows": returning}
    taken = stage.rule_rows(profile)
    days = stage.days()
    traps: list[dict[str, Any]] = [
        {"code": code, "message": TRAPS[code], "params": {"rows": counts[code]}}
        for code in (
            "without_customer",
            "without_title",
            "without_price",
            "negative_quantity",
            "ambiguous_times",
            "skipped_times",
            "cancelled_rows",
            "refunded_rows",
            "test_rows",
            "credit_rows",
            "over_refunds",
            "same_rows",
            "known_rows",
            "returning_rows",
        )
        if counts.get(code)
    ]
    repeated = [listed[place].layout["columns"][part]["column"] for place, part in stage.repeated()]
    if repeated:
        params = {"columns": ", ".join(dict.fromkeys(repeated))}
        traps.append({"code": "repeated_columns", "message": TRAPS["repeated_columns"], "params": params})
    for file in listed:
        traps += [{"code": code, "message": TRAPS[code], "params": params} for code, params in _tax_traps(file)]
        for part, code in (("dates", "ambiguous_dates"), ("decimal", "ambiguous_numbers")):
            if unsure := file.chosen_layout().undecided(part):
                traps.append({"code": code, "message": TRAPS[code], "params": {"columns": ", ".join(unsure)}})
        if file.reading.get("other_sheets"):
            params = {"file": file.name, "rows": file.reading["other_sheets"]}
            traps.append({"code": "other_sheets", "message": TRAPS["other_sheets"], "params": params})
    return {
        "rows": counts["rows"],
        "facts": counts["good"] - counts["same_rows"] - known,
        "duplicates": counts["same_rows"] + known,
        "quarantined": counts["quarantined"],
        "kinds": [_effect(effect) for effect in stage.effects(profile)],
        "rules": [{"place": place, "rows": taken.get(place, 0)} for place in range(len(profile.rules))],
        **_faults(stage, listed),
        "traps": traps,
        "from": days[0].isoformat() if days else None,
        "to": days[1].isoformat() if days else None,
    }


def _tax_traps(file: ImportFile) -> Iterator[tuple[str, dict[str, str]]]:
    """What the file's layout does with tax in prices and with rates."""
    columns = {id_: each["column"] for id_, each in file.layout["columns"].items()}
    if file.layout["target"] != "order_line":
        return
    grosses = [columns[id_] for id_ in ("gross_price", "gross_amount") if id_ in columns]
    taxes = [columns[id_] for id_ in ("tax", "tax_rate") if id_ in columns]
    is_net = "unit_price" in columns or "amount" in columns
    if grosses and not is_net:
        is_known = taxes or any(mapping.heading_rate(column) for column in grosses)
        yield "tax_included" if is_known else "tax_unknown", {"columns": ", ".join(grosses)}
    elif taxes:
        yield "tax_on_top", {"columns": ", ".join(taxes)}
    if rates := [columns[id_] for id_ in ("discount_rate", "tax_rate") if id_ in columns]:
        yield "rate_columns", {"columns": ", ".join(rates)}


def _report(
    stage: ledger.Stage,
    profile: Profile,
    listed: Sequence[ImportFile],
    counts: Mapping[str, int],
    done: Sequence[Sequence[int]],
    others: Mapping[str, Sequence[int]],
) -> dict[str, Any]:
    """What became of the rows: rows = facts + duplicates + quarantined, always."""
    facts = sum(rows for rows, _ in done) + sum(rows for rows, _ in others.values())
    known = sum(known for _, known in done) + sum(known for _, known in others.values())
    duplicates = known + counts["same_rows"]
    if counts["rows"] != facts + duplicates + counts["quarantined"]:
        raise AssertionError(f"{counts['rows']} rows in, but {facts} + {duplicates} + {counts['quarantined']} came out")
    return {
        "rows": counts["rows"],
        "facts": facts,
        "duplicates": duplicates,
        "quarantined": counts["quarantined"],
        **_faults(stage, listed),
        "kinds": [_effect(effect) for effect in stage.effects(profile)],
        "ambiguous_times": counts["ambiguous_times"],
        "skipped_times": counts["skipped_times"],
    }


def _faults(stage: ledger.Stage, listed: Sequence[ImportFile]) -> dict[str, Any]:
    """Why rows stand in quarantine: how many for each reason, and where the first of them is."""
    faults = stage.faults()
    return {
        "reasons": {each.reason: each.rows for each in faults},
        "first": {
            each.reason: {"file": listed[each.file].name, "row": each.row, "column": each.column} for each in faults
        },
    }


def _effect(effect: ledger.Effect) -> dict[str, Any]:
    return {key: format(value, "f") if isinstance(value, Decimal) else value for key, value in asdict(effect).items()}


def _keep(shop: Shop, upload: Upload) -> tuple[str, int]:
    """The digest and size of a file now kept under its digest."""
    store = _store(shop)
    store.mkdir(parents=True, exist_ok=True, mode=0o700)
    held = sum(entry.stat().st_size for entry in os.scandir(store) if entry.is_file())
    digest, size = hashlib.sha256(), 0
    part = store / f".{os.getpid()}-{id(upload)}.part"
    stream = upload.content.open("rb") if isinstance(upload.content, Path) else upload.content
    try:
        with part.open("wb") as file:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
                size += len(chunk)
                if held + size > STORE_BYTES:
                    raise UploadsFullError(size=STORE_BYTES >> 30)
                file.write(chunk)
        if not size:
            raise errors.NoBytesError(file=upload.name)
        part.replace(store / digest.hexdigest())
    finally:
        part.unlink(missing_ok=True)
        if isinstance(upload.content, Path):
            stream.close()
    return digest.hexdigest(), size


def _checked_rate(currency: str, rate: str) -> None:
    try:
        if Decimal(rate) > 0 and len(currency) == 3:
            return
    except ArithmeticError:
        pass
    raise RateError(text=f"{currency}={rate}")


def _plain(cell: object) -> str | None:
    if cell is None:
        return None
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date):
        return cell.isoformat()
    return str(cell)[:200]


def _require(found: Import, *states: Import.State) -> None:
    found.refresh_from_db()
    if found.state not in states:
        raise NotProposedError(id=found.pk, state=found.state)


def _require_files(found: Import) -> None:
    """Refuses to read again what is gone, because nothing but another file could help. Raises NotProposedError."""
    if not found.needs_files:
        raise NotProposedError(id=found.pk, state=found.state)


def _broken(found: Import, error: Exception) -> BrokenImportError:
    return BrokenImportError(id=found.pk, detail=f"{type(error).__name__}: {error}"[:300])


def _fail(found: Import, error: ToplineError) -> None:
    """Notes why it failed; one that counts already is only not seen yet, which the next publishing mends."""
    said = {
        "code": error.code,
        "message": error.message,
        "params": {key: str(value) for key, value in error.params.items()},
        "is_final": isinstance(error, errors.UnreadableFileError),
    }
    unfinished = Import.objects.filter(pk=found.pk).exclude(state=Import.State.LIVE)
    unfinished.update(state=Import.State.FAILED, error=said, finished_at=timezone.now())
    found.refresh_from_db()


def _clear(found: Import) -> None:
    """Removes the stage of an import that stopped, and its uploads if nothing can use them any more."""
    _clear_stage(found)
    if not found.needs_files:
        _release(found.shop, [file.sha256 for file in found.files.all()])


def _release(shop: Shop, digests: Sequence[str]) -> None:
    """Removes the uploads of these digests that no import of the shop needs."""
    listed = ImportFile.objects.filter(belongs_to__shop=shop, sha256__in=digests).select_related("belongs_to")
    needed = {file.sha256 for file in listed if file.belongs_to.needs_files}
    for digest in set(digests) - needed:
        (_store(shop) / digest).unlink(missing_ok=True)


def _store(shop: Shop) -> Path:
    """Where the shop's uploads are kept, each under its digest."""
    return Path(settings.UPLOADS) / shop.slug / "file"


def _clear_stage(found: Import) -> None:
    shutil.rmtree(found.stage, ignore_errors=True)


def _silent(done: int, total: int, message: str) -> None:
    """Nobody watches."""
