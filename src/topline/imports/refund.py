"""A refund that is told twice, by a column of an order file and by a credit row, counts once.

What a column says stands in the ledger as rows beside the order's own; what credit rows say are rows too. Of the two
the greater counts: the rows of the column are reduced by what credits gave back, so that each credit keeps its day and
product. The reductions are ledger rows of a batch of their own, which is always live, and are worked out anew from all
live rows before each change of them is seen: the answer depends on what is live, never on the order in which it came.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import pyarrow as pa
from django.utils import timezone

from topline.facts import order_line
from topline.facts.order_line import Kind
from topline.journal import operations as journal
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.units.money import minor_digits

BATCH = "refunds-told-twice"
_TOLD = r":(refund|cancelled|refund:over|(discount|tax|shipping):back)$"
_REDUCED = ":credited"
_BACK = (Kind.REFUND, Kind.GOODS_CANCELLED)
_SIX = Decimal("0.000001")


def publish(lake: Lake) -> Snapshot:
    """A new snapshot in which exactly the live batches are seen, and no refund twice."""
    version = journal.next_versions(shop=lake.shop)
    now = timezone.now()
    snapshot = lake.foresee(hidden=journal.hidden(lake) - {BATCH}, now=now)
    if "order_line" in snapshot.tables and (rows := list(_changes(lake, snapshot))):
        journal.open_batch(shop=lake.shop, batch_id=BATCH, source="topline", now=now)
        journal.make_live(shop=lake.shop, batch_id=BATCH, now=now)  # before its rows, which nobody makes live later
        stamped = [row | {"version": version, "recorded_at": now, "batch_id": BATCH} for row in rows]
        batch = pa.RecordBatch.from_pylist(stamped, order_line.TABLE.schema)
        lake.append("order_line", [batch], batch_id=BATCH, part=version)
    return journal.publish(lake)


def gives_back(rows: pa.RecordBatch) -> bool:
    """Whether some of these ledger rows are refunds or cancellations."""
    return any(kind in rows["kind"].unique().to_pylist() for kind in _BACK)


def _changes(lake: Lake, snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """The reductions that are not yet as they should be."""
    told, given, before = _read(lake, snapshot)
    for order, rows in told.items():
        for key, row in _reductions(rows, given.get(order, Decimal(0))).items():
            if row["amount"] != (before.pop(key)["amount"] if key in before else 0):
                yield row
    for row in before.values():  # what told of the refund is gone
        if row["amount"]:
            yield row | {name: Decimal(0) for name in ("quantity", "amount", "amount_shop", "cost_shop")}


def _read(
    lake: Lake, snapshot: Snapshot
) -> tuple[Mapping[str, list[dict[str, Any]]], Mapping[str, Decimal], dict[str, dict[str, Any]]]:
    """Rows that a column told, by order; what credits gave back, by order; the reductions that are there, by key."""
    lines = engine.table(lake, "order_line", snapshot)
    is_reduced = lines.key.endswith(_REDUCED)
    told = lines.filter(lines.key.re_search(_TOLD))
    reduced = lines.filter(is_reduced)
    credits_ = lines.filter(lines.amount < 0, lines.kind.isin(_BACK), ~is_reduced, ~lines.key.re_search(_TOLD)).mutate(
        order=lines.original_order_key.fill_null(lines.order_key)
    )
    credits_ = credits_.filter(credits_.order.isin(told.order_key)).group_by("order").agg(amount=-credits_.amount.sum())
    given = {row["order"]: row["amount"] for row in engine.execute(credits_).to_pylist()}
    before = {row["key"]: row for row in engine.execute(reduced).to_pylist()}
    orders = sorted(given.keys() | {row["order_key"] for row in before.values()})
    by_order: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if orders:
        for row in engine.execute(told.filter(told.order_key.isin(orders)).order_by("key")).to_pylist():
            by_order[row["order_key"]].append(row)
    return by_order, given, before


def _reductions(rows: Sequence[Mapping[str, Any]], given: Decimal) -> dict[str, dict[str, Any]]:
    """For each row that a column told the row that takes off what credits gave back: of goods first, then the rest."""
    found: dict[str, dict[str, Any]] = {}
    for is_back in (True, False):
        group = [row for row in rows if (row["kind"] in _BACK) == is_back]
        whole = -sum((row["amount"] for row in group), Decimal(0))
        due = min(max(whole, Decimal(0)), given)
        given -= due
        spread = Decimal(0)
        upto = Decimal(0)
        for row in group:
            upto -= row["amount"]
            step = Decimal(1).scaleb(-minor_digits(row["currency"]))
            share = (
                upto if due == whole else (due * upto / whole).quantize(step, ROUND_HALF_EVEN) if due else Decimal(0)
            )
            share = due if row is group[-1] else share
            found[row["key"] + _REDUCED] = _reduced(row, share - spread)
            spread = share
    return found


def _reduced(row: Mapping[str, Any], amount: Decimal) -> dict[str, Any]:
    is_whole = amount == -row["amount"]
    return {
        **row,
        "key": row["key"] + _REDUCED,
        "quantity": -row["quantity"] if is_whole else Decimal(0),
        "amount": amount,
        "amount_shop": -row["amount_shop"] if is_whole else (amount * row["rate"]).quantize(_SIX),
        "cost_shop": -row["cost_shop"] if is_whole and row["cost_shop"] is not None else None,
        "is_over_refund": False,
    }
