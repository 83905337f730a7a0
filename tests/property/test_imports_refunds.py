"""Refunds never double: however a file says it, and however often, an order gives back what it should and no more."""

import datetime
import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from import_files import write
from topline.connectors import files, ledger, reader

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
        stage = ledger.Stage(Path(folder) / "stage", SHOP)
        # The same file twice: what overlaps counts once.
        for number in range(2):
            name = f"{number}.csv"
            staged = files.stage(write(Path(folder) / name, rows, HEADINGS), Path(folder) / str(number))
            columns = dict(
                zip(("order_id", "product_code", "quantity", "at", "unit_price", "status"), HEADINGS[:6], strict=True)
            )
            columns |= dict(zip(("refunded", "original_order", "discount", "shipping"), HEADINGS[6:], strict=True))
            layout = ledger.recognise(stage.cursor, staged, SHOP, target="order_line", choices=columns)
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
        back = -sum(fact["amount"] for fact in mine if fact["kind"] in ("refund", "goods_cancelled"))
        sold = sum(prices)
        if status == "cancelled":
            expected = sold
        elif refunded:
            expected = refunded if refunded < sold + shipping or credited else refunded - shipping
            expected = max(expected, credited)
        elif status == "refunded":
            expected = sold
        else:
            expected = credited
        assert back == expected, (prices, status, refunded, credited, shipping)
