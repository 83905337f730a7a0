"""Refunds never double: however a file says it, and however often, an order gives back what it should and no more."""

import datetime
import tempfile
from collections import Counter
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from import_files import ledger, take_in, write
from topline.accounts import operations as accounts
from topline.connectors import files, reader
from topline.connectors import ledger as staging
from topline.imports import operations

HEADINGS = (
    "Order ID",
    "SKU",
    "Quantity",
    "Order date",
    "Unit price",
    "Status",
    "Refunded amount",
    "Original order",
    "Discount",
    "Shipping",
)
SHOP = reader.Shop("file", "GBP", "Europe/London", "GB", datetime.date(2011, 9, 1), lambda source, id_: source + id_)
TOLD = (":refund", ":cancelled", ":over", ":back")
STAMP = reader.Stamp("batch", datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))

_pence = st.integers(1, 5_000).map(lambda pence: Decimal(pence) / 100)


@st.composite
def _orders(draw: st.DrawFn) -> tuple[list[Decimal], str, Decimal, Decimal, Decimal]:
    """Prices of an order's rows, how it ended, what was refunded, credited, and the order's shipping."""
    prices = draw(st.lists(_pence, min_size=2, max_size=4, unique=True))
    status = draw(st.sampled_from(["paid", "cancelled", "refunded"]))
    refunded = draw(st.one_of(st.just(Decimal(0)), _pence)) if status != "cancelled" else Decimal(0)
    credited = draw(st.one_of(st.just(Decimal(0)), st.sampled_from(prices)))
    return prices, status, refunded, credited, draw(st.sampled_from([Decimal(0), Decimal("4.95")]))


def _rows(orders: list[tuple[list[Decimal], str, Decimal, Decimal, Decimal]]) -> list[tuple[str, ...]]:
    rows = []
    for number, (prices, status, refunded, credited, shipping) in enumerate(orders, start=101):
        for place, price in enumerate(prices):
            cells = (f"2000{place}", "1", "2011-03-01 10:00:00", str(price), status, str(refunded or ""), "", "")
            rows.append((str(number), *cells, str(shipping or "")))
        if credited:
            cells = ("20000", "-1", "2011-04-01 10:00:00", str(credited), "", "", str(number), "", "")
            rows.append((f"{number + 900}", *cells))
    return rows


@settings(max_examples=12, deadline=None)
@given(st.lists(_orders(), min_size=1, max_size=4))
def test_refunds_never_double(orders: list[tuple[list[Decimal], str, Decimal, Decimal, Decimal]]) -> None:
    rows = _rows(orders)
    with tempfile.TemporaryDirectory() as folder:
        stage = staging.Stage(Path(folder) / "stage", SHOP)
        # The same file twice: what overlaps counts once.
        for number in range(2):
            name = f"{number}.csv"
            staged = files.stage(write(Path(folder) / name, rows, HEADINGS), Path(folder) / str(number))
            columns = dict(
                zip(("order_id", "product_code", "quantity", "at", "unit_price", "status"), HEADINGS[:6], strict=True)
            )
            columns |= dict(zip(("refunded", "original_order", "discount", "shipping"), HEADINGS[6:], strict=True))
            layout = staging.recognise(stage.cursor, staged, SHOP, target="order_line", choices=columns)
            stage.load(number, staged, layout)
        stage.finish()
        rules = stage.propose_profile()
        batches = [batch for part in stage.parts(100) for batch in stage.lines(part, rules, STAMP)]
        batches += [batch for each in stage.extras(rules, STAMP) for batch in each]
        facts = [row for batch in batches for row in batch.to_pylist()]
        stage.close()
    assert len({fact["key"] for fact in facts}) == len(facts)
    for number, (prices, status, refunded, credited, shipping) in enumerate(orders, start=101):
        mine = [fact for fact in facts if fact["order_key"] in (str(number), str(number + 900))]
        told = -sum(fact["amount"] for fact in mine if fact["key"].endswith(TOLD))
        given = -sum(fact["amount"] for fact in mine if fact["original_order_key"])
        assert told == _told(prices, status, refunded, shipping)
        assert given == credited


def _told(prices: list[Decimal], status: str, refunded: Decimal, shipping: Decimal) -> Decimal:
    """What the columns of an order say was given back."""
    if status == "cancelled" or (status == "refunded" and not refunded):
        return sum(prices, shipping)
    return refunded


_numbers = count(1)


@pytest.mark.django_db
@settings(
    max_examples=2, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
)
@given(
    st.lists(_orders(), min_size=1, max_size=2),
    st.lists(st.sampled_from(["orders", "credits", "both"]), min_size=2, max_size=5),
)
def test_a_refund_told_by_column_and_by_credit_in_different_imports_counts_once(
    orders: list[tuple[list[Decimal], str, Decimal, Decimal, Decimal]], steps: list[str]
) -> None:
    """Each step imports the orders, their credits or both in one file, or takes that file back if it is live."""
    rows = _rows(orders)
    parts = {"orders": [r for r in rows if not r[7]], "credits": [r for r in rows if r[7]], "both": rows}
    shop = accounts.create_shop(
        slug=f"twice-{next(_numbers)}",
        name="Law",
        currency="GBP",
        timezone="Europe/London",
        country="GB",
        clock_on=datetime.date(2011, 9, 1),
    )
    chosen = {"order_id": "Order ID", "refunded": "Refunded amount", "original_order": "Original order"}
    chosen |= {"discount": "Discount", "shipping": "Shipping", "status": "Status", "unit_price": "Unit price"}
    live: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for step in steps:
            if step in live:
                operations.undo(found=live.pop(step), actor_id=None, now=STAMP.recorded_at)
            elif parts[step]:
                choices = [{"target": "order_line", "columns": chosen}]
                live[step] = take_in(shop, write(Path(folder) / f"{step}.csv", parts[step], HEADINGS), choices=choices)
            has_orders, has_credits = not live.keys().isdisjoint(["orders", "both"]), bool(live.keys() - {"orders"})
            sums = Counter({str(number): Decimal(0) for number in range(101, 101 + len(orders))})
            for row in ledger(shop):
                sums[str(int(row[0]) % 900)] += row[5]
            for number, (prices, status, refunded, credited, shipping) in enumerate(orders, start=101):
                charged = sum(prices, shipping) if has_orders else Decimal(0)
                told = _told(prices, status, refunded, shipping) if has_orders else Decimal(0)
                given = credited if has_credits else Decimal(0)
                assert charged - sums[str(number)] == max(told, given), (steps, number)
