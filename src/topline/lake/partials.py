"""Partial aggregates: the ledger summed by day, and the goods sold as sets of orders, month by month in Parquet.

Questions read the sums; of the sets the purchases are made (see `purchases`).

A file holds one month of one roll-up (which rows, by which dimensions, by which date), named by a digest of what it was
made from: that month's visible rows, and the products or orders that its dimensions came from. A month whose digest is
unchanged is never computed again, an old file is never wrong, and any number of processes may write the same one.

The sums of a partial are the sums of its rows, and its sets hold the same keys, so a question gets the same answer from
either; `differences` shows that for one roll-up.
"""

import hashlib
import json
import os
import threading
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from topline.lake import duck, engine, resident
from topline.lake.lock import unique_suffix
from topline.lake.resident import Resident
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics import view
from topline.metrics.dimension import DIMENSIONS
from topline.metrics.settings import Basis
from topline.metrics.view import Tables
from topline.units.period import add_months

if TYPE_CHECKING:
    import ibis.expr.types as ir

DIMS = frozenset(
    {"kind", "channel", "market", "currency", "category", "subcategory", "brand", "supplier", "campaign", "coupon"}
)
"""What a roll-up may be cut by; products, customers and hours would make it as long as the detail."""

LEAST_ROWS = 200_000
"""Below this many rows of the ledger the detail answers as fast."""

_FORMAT = 1
_KEPT_IN_MEMORY = 500_000
ROWS_AT_ONCE = 3_000_000
"""Rows of the ledger whose roll-ups are made at a time."""
_local = threading.local()


@dataclass(frozen=True, slots=True)
class RollUp:
    """source : `ledger`, `counted`, `known` or `sold`, as `metrics.view` says."""

    source: str
    dims: frozenset[str]
    basis: Basis

    @property
    def columns(self) -> tuple[str, ...]:
        """What a row of it is of."""
        own = ("order_key", "customer_key") if self.source == "sold" else ("kind",)
        return (*dict.fromkeys((*own, "day", "within", *sorted(self.dims))),)


def is_worth(snapshot: Snapshot) -> bool:
    """Whether the ledger is long enough for partial aggregates to pay."""
    held = snapshot.tables.get("order_line")
    return held is not None and bool(held.months) and held.rows >= LEAST_ROWS


def table(lake: Lake, snapshot: Snapshot, tables: Tables, roll_up: RollUp) -> "ir.Table | None":
    """The roll-up's rows, the months that changed computed first; None where it has none.

    tables : the snapshot's facts, whole: a partial is of all rows, whoever asks
    """
    if not roll_up.dims <= DIMS or not is_worth(snapshot):
        return None
    return of_files(files(lake, snapshot, tables, roll_up))


def files(lake: Lake, snapshot: Snapshot, tables: Tables, roll_up: RollUp) -> list[Path]:
    """The files of the roll-up, those of months that changed written first."""
    wanted = paths(lake, snapshot, tables, roll_up)
    missing = {month: path for month, path in wanted.items() if not path.exists()}
    for some in _sets(snapshot, missing):
        rows = engine.execute(_rows(tables, roll_up, frozenset(some)))
        write(rows, {month: missing[month] for month in some})
    return list(wanted.values())


def _sets(snapshot: Snapshot, months: Iterable[str]) -> Iterator[list[str]]:
    """The months in sets of so few rows that a set's roll-up fits in memory."""
    rows = Counter[str]()
    for file in snapshot.tables["order_line"].files:
        rows[file.month] += file.rows
    held, some = 0, list[str]()
    for month in sorted(months):
        if some and held + rows[month] > ROWS_AT_ONCE:
            yield some
            held, some = 0, []
        held += rows[month]
        some.append(month)
    if some:
        yield some


def sweep(lake: Lake, days: float, *, now: float) -> int:
    """Removes files written longer ago than so many days; what is still asked for is made again. The number removed."""
    old = [path for path in (lake.root / "_partials").glob("*/*.*") if now - path.stat().st_mtime > days * 86400]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def differences(lake: Lake, snapshot: Snapshot, tables: Tables, roll_up: RollUp) -> int:
    """How many rows of the partial aggregates differ from those made of the detail now: 0 proves them equal."""
    kept: Any = table(lake, snapshot, tables, roll_up)
    fresh: Any = _rows(tables, roll_up, None)
    if kept is None:
        return 0
    import ibis

    names = list(kept.columns)
    kept, fresh = kept.select(*names), fresh.select(*names).cast(kept.schema())
    odd = kept.mutate(side=ibis.literal(1)).union(fresh.mutate(side=ibis.literal(-1)))
    odd = odd.group_by(*names).aggregate(balance=odd.side.sum())
    odd = odd.filter(odd.balance != 0)
    answer: list[dict[str, int]] = engine.execute(odd.aggregate(n=odd.count())).to_pylist()
    return answer[0]["n"]


def _rows(tables: Tables, roll_up: RollUp, months: frozenset[str] | None) -> "ir.Table":
    """The roll-up of these months' rows out of the detail, with the month of the rows' own day."""
    own: Any
    if roll_up.source == "sold":
        own = view.sold(tables, roll_up.dims, roll_up.basis, None, ("on",))
    else:
        own = view.ledger(tables, roll_up.source, roll_up.dims, roll_up.basis, None, ("on",))
    own = own.mutate(file_month=own.on.truncate("M").cast("date"))
    if months is not None:
        import ibis

        days = [date.fromisoformat(f"{month}-01") for month in sorted(months)]
        own = own.filter(
            own.on >= days[0], own.on < add_months(days[-1], 1)
        )  # of plain days, so that files are skipped
        own = own.filter(own.file_month.isin([ibis.literal(day) for day in days]))
    keys = ("file_month", *roll_up.columns)
    if roll_up.source == "sold":
        rolled: ir.Table = own.group_by(*keys).aggregate(at=own["at"].min())
        return rolled
    summed = {name: own[name].sum() for name in ("amount", "amount_shop", "quantity", "cost_shop", "uncosted")}
    return cast("ir.Table", own.group_by(*keys).aggregate(**summed))


def paths(lake: Lake, snapshot: Snapshot, tables: Tables, roll_up: RollUp) -> Mapping[str, Path]:
    """The file of each month, whether it is there or not."""
    others = {DIMENSIONS[id_].through for id_ in roll_up.dims if id_ in ("campaign", "coupon")}
    others |= {"product" for id_ in roll_up.dims if DIMENSIONS[id_].through == "product"}
    if roll_up.source != "ledger" and (tables.has_test_orders or tables.has_cancelled_orders):
        others.add("order")
    made_from = [
        _FORMAT,
        roll_up.source,
        sorted(roll_up.dims),
        roll_up.basis.value,
        [snapshot.digest(fact) for fact in sorted(others)],
    ]
    folder = lake.root / "_partials"
    found = {}
    for month in sorted(snapshot.tables["order_line"].months):
        name = name_of(*made_from, snapshot.digest("order_line", month))
        found[month] = folder / month / f"{name}.parquet"
    return found


def name_of(*made_from: object) -> str:
    """The name of a file by all that it is made from, so that an old file is never wrong."""
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]


def write(found: pa.Table, missing: Mapping[str, Path]) -> None:
    """Writes each month's rows into its file; `file_month` has the first day of a row's month."""
    months = found["file_month"]
    content = found.drop(["file_month"])
    for month, path in missing.items():
        chosen = pc.equal(months, pa.scalar(date.fromisoformat(f"{month}-01"), pa.date32()))
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{unique_suffix()}")
        pq.write_table(content.filter(chosen), draft, compression="zstd")
        os.replace(draft, path)


def of_files(paths: list[Path]) -> "ir.Table":
    """The files as one table of this thread; small ones stay in memory."""
    views: OrderedDict[tuple[Path, ...], tuple[ir.Table, Resident | None]] | None = getattr(_local, "views", None)
    if views is None:
        views = _local.views = OrderedDict()
    key = tuple(paths)
    held = views.get(key)
    if held is None or (held[1] is not None and not resident.has(held[1])):
        query = f"FROM read_parquet([{', '.join(duck.quoted(path.as_posix()) for path in paths)}])"
        small = None
        if sum(pq.read_metadata(path).num_rows for path in paths) <= _KEPT_IN_MEMORY:
            small = resident.table(query)
            query = f"FROM {small.name}"
        name = f"partial {hashlib.sha256(repr(key).encode()).hexdigest()[:16]}"
        duck.connection().execute(f"CREATE OR REPLACE TEMP VIEW {duck.named(name)} AS {query}")
        views[key] = engine.backend().table(name), small
        if len(views) > engine.KEPT:
            views.popitem(last=False)
    views.move_to_end(key)
    return views[key][0]
