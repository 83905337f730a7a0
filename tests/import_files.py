"""Small order files, and taking them into a shop as a person does."""

import csv
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topline.accounts.models import Shop
    from topline.imports.models import Import
    from topline.workbench.models import Job

HEADINGS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
ROWS: tuple[tuple[str, ...], ...] = (
    ("1001", "20001", "MUG", "2", "2011-03-01 10:00:00", "3.50", "501", "United Kingdom"),
    ("1001", "20002", "PLATE", "1", "2011-03-01 10:00:00", "7.25", "501", "United Kingdom"),
    ("1001", "20002", "PLATE", "1", "2011-03-01 10:00:00", "7.25", "501", "United Kingdom"),
    ("1002", "20001", "MUG", "4", "2011-03-02 11:30:00", "3.25", "", "France"),
    ("1002", "POST", "POSTAGE", "1", "2011-03-02 11:30:00", "15.00", "", "France"),
    ("1003", "20003", "BOWL", "1", "2011-04-05 09:15:00", "0.00", "502", "Germany"),
    ("1004", "20001", "MUG", "10", "2011-04-06 16:45:00", "2.95", "503", "EIRE"),
    ("C1005", "20001", "MUG", "-1", "2011-04-07 12:00:00", "3.50", "501", "United Kingdom"),
    ("1006", "20002", "PLATE", "3", "2011-05-08 18:20:00", "7.25", "502", "Germany"),
    ("1006", "20003", "BOWL", "2", "2011-05-08 18:20:00", "4.10", "502", "Germany"),
)


def write(path: Path, rows: Iterable[Sequence[str]] = ROWS, headings: Sequence[str] = HEADINGS) -> Path:
    """The rows as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headings)
        writer.writerows(rows)
    return path


def confirm(shop: "Shop", *paths: Path, **received: Any) -> "tuple[Import, Job]":
    """The files received, proposed and confirmed, and the job that takes them in, which nobody has begun."""
    from topline.imports import operations

    uploads = [operations.Upload(path.name, path) for path in paths]
    found = operations.receive(shop=shop, uploads=uploads, actor_id=None, **received)
    operations.propose(found=found)
    return found, operations.confirm(found=found, actor_id=None, now=datetime.now(UTC))


def take_in(shop: "Shop", *paths: Path, **received: Any) -> "Import":
    """The files received, proposed, confirmed and taken in by a job in this process."""
    from topline.workbench import jobs

    found, job = confirm(shop, *paths, **received)
    done = jobs.run_now(job)
    assert done.state == done.State.DONE, done.message
    found.refresh_from_db()
    return found


def ledger(shop: "Shop") -> list[tuple[Any, ...]]:
    """The shop's visible ledger rows, what tells them apart and what they come to, in order."""
    from topline.lake import engine

    lake = shop.lake()
    snapshot = lake.latest()
    if snapshot is None or "order_line" not in snapshot.tables:
        return []
    columns = ["order_key", "kind", "on", "product_key", "quantity", "amount", "market"]
    rows = engine.execute(engine.table(lake, "order_line", snapshot)[columns])
    return sorted((tuple(row[c] for c in columns) for row in rows.to_pylist()), key=str)


def total(shop: "Shop") -> Decimal:
    return sum((row[5] for row in ledger(shop)), Decimal(0))
