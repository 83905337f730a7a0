"""Removing what was uploaded of people who were erased: whole files, or their rows of quarantines and first rows."""

import csv
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from django.db.models import Max

from topline.accounts.models import Shop
from topline.connectors import files, reading
from topline.connectors.reader import Reader
from topline.crm.models import Erasure
from topline.imports.models import Import, ImportFile
from topline.lake import duck
from topline.workbench import jobs
from topline.workbench.models import Job

KIND = "imports.scrub"
_UNDECIDED = (Import.State.READING, Import.State.PROPOSED, Import.State.RUNNING, Import.State.FAILED)
_SOME = 10_000

IsErased = Callable[[Iterable[Any]], bool]


def enqueue_due() -> None:
    """Ask for a scrub in every shop where somebody was erased since the last one."""
    newest = Erasure.objects.values_list("shop__slug").annotate(Max("erased_at"))
    for slug, erased_at in newest:
        if not Job.objects.filter(kind=KIND, shop=slug, created_at__gt=erased_at).exists():
            jobs.enqueue(KIND, shop=slug, unique_key=f"{KIND}:{slug}")


def scrub(shop: Shop) -> int:
    """The number of files that held something of an erased customer and don't any more.

    An upload goes as a whole; of a quarantine and of the first rows that are shown, the person's rows. Imports that
    nobody decided on keep their uploads, which are given up after a month.
    """
    erased = set(Erasure.objects.filter(shop=shop).values_list("customer_key", flat=True))
    every = ImportFile.objects.filter(belongs_to__shop=shop).select_related("belongs_to__shop")
    needed = set(every.filter(belongs_to__state__in=_UNDECIDED).values_list("sha256", flat=True))
    changed = 0
    for file in every:
        is_erased = _test(shop, file.belongs_to.source, erased)
        is_changed = _without_rows(file, is_erased)
        if file.sha256 not in needed and file.path.exists() and any(map(is_erased, _customers(file))):
            file.path.unlink()
            is_changed = True
        changed += is_changed
    return changed


def _test(shop: Shop, source: str, erased: Collection[str]) -> IsErased:
    """Whether one of some cells is the id of an erased customer."""
    key = shop.hasher(source)

    def is_erased(cells: Iterable[Any]) -> bool:
        texts = {str(cell).strip().lstrip("'") for cell in cells if cell is not None}
        texts |= {text.lower() for text in texts} | {text.removesuffix(".0") for text in texts}
        return any(key(text) in erased for text in texts)

    return is_erased


def _without_rows(file: ImportFile, is_erased: IsErased) -> bool:
    """Takes the rows with erased customers from the file's quarantine and first rows; whether there were any."""
    is_changed = False
    kept = [row for row in file.first_rows if not is_erased(row)]
    if kept != file.first_rows:
        ImportFile.objects.filter(pk=file.pk).update(first_rows=kept)
        is_changed = True
    if file.quarantine_path.exists():
        draft = file.quarantine_path.with_suffix(".draft")
        with (
            file.quarantine_path.open(encoding="utf-8-sig", newline="") as source,
            draft.open("w", encoding="utf-8-sig", newline="") as target,
        ):
            writer, dropped = csv.writer(target), 0
            for row in csv.reader(source):
                if is_erased(row):
                    dropped += 1
                else:
                    writer.writerow(row)
        if dropped:
            draft.replace(file.quarantine_path)
            ImportFile.objects.filter(pk=file.pk).update(quarantined=file.quarantined - dropped)
            is_changed = True
        draft.unlink(missing_ok=True)
    return is_changed


def _customers(file: ImportFile) -> Iterator[Iterable[str]]:
    """The ids of customers in an upload, some at a time."""
    if not file.layout:
        return
    with tempfile.TemporaryDirectory() as folder:
        staged = files.stage(file.path, Path(folder), name=file.name)
        yield (reject.text for reject in staged.rejects)
        cursor = duck.connection().cursor()
        read = Reader(file.chosen_layout(), reading.types(cursor, staged))
        for field in ("customer_id", "email"):
            if read.has(field):
                cursor.execute(f"SELECT DISTINCT {read.raw(field)} FROM {staged.relation}")  # noqa: S608 - both quoted
                while rows := cursor.fetchmany(_SOME):
                    yield (id_ for (id_,) in rows)
        cursor.close()
