"""A shop small enough to check on paper: eleven orders, five people, two markets, two currencies.

Money is in EUR; orders from GB are in GBP at 1.25. The week begins on Sunday, the fiscal year in February. Bob is one
person under two keys. Order T1 is a test, C1 was cancelled as a whole three days later, R? is a refund of an order that
nobody knows, A1's mug came back in the next month. One unit of the lamp has no cost.

| order | day | hour | who | channel | market | lines (quantity x price) |
|---|---|---|---|---|---|---|
| A1 | 2024-01-10 | 9 | ann | web | DE | 2 mug x 10, 1 lamp x 30, discount -5, tax 9, shipping 4 |
| B1 | 2024-01-31 | 23 | bob | app | GB | 1 mug x 12 GBP |
| G1 | 2024-02-03 | 12 | guest | web | DE | 3 mug x 10 |
| A2 | 2024-02-29 | 8 | ann | web | DE | 1 sofa x 400 |
| T1 | 2024-03-01 | 10 | ann | web | DE | 100 mug x 10 (a test) |
| B2 | 2024-03-31 | 3 | bob | web | GB | 2 lamp x 36 GBP, carriage 5 GBP |
| C1 | 2024-04-02 | 15 | cat | app | DE | 1 sofa x 400, cancelled on 2024-04-05 |
| D1 | 2024-04-28 | 0 | dan | app | DE | 1 mug x 10 |
| D2 | 2024-10-27 | 2 | dan | app | DE | 1 lamp x 30 |
| A3 | 2025-01-08 | 9 | ann | app | DE | 1 chair x 100, 1 mug x 10 |
| E1 | 2025-01-08 | 9 | eve | web | GB | 1 mug x 12 GBP |
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import ibis
import pyarrow as pa

from contract import tiny_marketing, tiny_team
from topline.facts.table import tables
from topline.metrics.settings import Basis, Settings
from topline.metrics.view import NOTHING, Tables
from topline.units.period import FiscalCalendar, Period

BERLIN = ZoneInfo("Europe/Berlin")
GBP = Decimal("1.25")
EVENT = Settings("EUR", "Europe/Berlin", FiscalCalendar(week_start=7, first_month=2), "DE", Basis.EVENT)
ORDER = Settings("EUR", "Europe/Berlin", FiscalCalendar(week_start=7, first_month=2), "DE", Basis.ORDER)

_COST = {"mug": Decimal(4), "lamp": Decimal(14), "sofa": Decimal(250), "chair": Decimal(60)}

_ORDERS = (
    # order, day, hour, customer, channel, market, campaign, coupon, cancelled on, is a test, delivery and fee
    ("A1", date(2024, 1, 10), 9, "ann", "web", "DE", "winter", "HELLO", None, False, (3, 1)),
    ("B1", date(2024, 1, 31), 23, "bob", "app", "GB", None, None, None, False, (5, 1)),
    ("G1", date(2024, 2, 3), 12, None, "web", "DE", "winter", None, None, False, (3, 1)),
    ("A2", date(2024, 2, 29), 8, "ann", "web", "DE", None, None, None, False, (30, 4)),
    ("T1", date(2024, 3, 1), 10, "ann", "web", "DE", None, None, None, True, (3, 1)),
    ("B2", date(2024, 3, 31), 3, "bob-phone", "web", "GB", "spring", None, None, False, (5, 2)),
    ("C1", date(2024, 4, 2), 15, "cat", "app", "DE", "spring", None, date(2024, 4, 5), False, (0, 4)),
    ("D1", date(2024, 4, 28), 0, "dan", "app", "DE", None, None, None, False, (3, 1)),
    ("D2", date(2024, 10, 27), 2, "dan", "app", "DE", None, None, None, False, (3, 1)),
    ("A3", date(2025, 1, 8), 9, "ann", "app", "DE", "winter", None, None, False, (12, 2)),
    ("E1", date(2025, 1, 8), 9, "eve", "web", "GB", "winter", "HELLO", None, False, (None, 1)),
)

_LINES = (
    # order, kind, quantity, unit price, product, and where it differs from its order's day: day, hour
    ("A1", "goods_sold", 2, "10", "mug"),
    ("A1", "goods_sold", 1, "30", "lamp"),
    ("A1", "discount", 0, "-5", None),
    ("A1", "tax", 0, "9", None),
    ("A1", "shipping", 0, "4", None),
    ("B1", "goods_sold", 1, "12", "mug"),
    ("G1", "goods_sold", 3, "10", "mug"),
    ("A1", "refund", -1, "10", "mug", date(2024, 2, 7), 11),
    ("A2", "goods_sold", 1, "400", "sofa"),
    ("T1", "goods_sold", 100, "10", "mug"),
    ("B2", "goods_sold", 2, "36", "lamp"),
    ("B2", "carriage", 0, "5", None),
    ("C1", "goods_sold", 1, "400", "sofa"),
    ("C1", "goods_cancelled", -1, "400", "sofa", date(2024, 4, 5), 16),
    ("R?", "refund", 0, "-7", None, date(2024, 4, 20), 13),
    ("D1", "goods_sold", 1, "10", "mug"),
    ("D1", "goods_no_price", 1, "0", "mug"),
    ("D1", "fee", 0, "-2", None, date(2024, 5, 2), 7),
    ("D2", "goods_sold", 1, "30", "lamp"),
    ("A3", "goods_sold", 1, "100", "chair"),
    ("A3", "goods_sold", 1, "10", "mug"),
    ("E1", "goods_sold", 1, "12", "mug"),
)

_PRODUCTS = (
    ("mug", "kitchen", "cups", "Alba", "North", 1),
    ("lamp", "home", "light", "Luxa", "North", 1),
    ("sofa", "living", "seats", "Alba", "South", 3),
    ("chair", "living", "seats", None, "South", 4),
)

_SPEND = (
    # day, channel, campaign, market, kind, amount, wins customers, impressions, clicks
    (date(2024, 1, 5), "web", "winter", "DE", "ads", "40", True, 1000, 50),
    (date(2024, 1, 20), "app", None, "GB", "ads", "20", True, None, 10),
    (date(2024, 3, 15), "web", "spring", "GB", "content", "30", False, None, None),
    (date(2024, 4, 1), "app", "spring", "DE", "ads", "25", True, 500, None),
    (date(2025, 1, 2), "web", "winter", "GB", "partners", "10", True, 200, 8),
)

_VALUES = (
    # customer, remaining sales and margin, inactive after
    ("ann", 200.0, 80.0, 120.0),
    ("bob", 50.0, 20.0, 60.0),
    ("dan", 10.0, 4.0, 400.0),
)


def facts(*, with_every_cost: bool = False) -> dict[str, pa.Table]:
    """The shop's facts by name."""
    heads = {row[0]: row for row in _ORDERS}
    listed = {
        "order": [_head(*row) for row in _ORDERS],
        "order_line": [_line(heads.get(row[0]), i, with_every_cost, *row) for i, row in enumerate(_LINES)],
        "product": [
            dict(zip(("product_key", "category", "subcategory", "brand", "supplier", "tier"), row, strict=True))
            for row in _PRODUCTS
        ],
        "spend": [
            {
                "on": on,
                "channel": channel,
                "campaign": campaign,
                "market": market,
                "kind": kind,
                "is_acquisition": first,
                "impressions": impressions,
                "clicks": clicks,
            }
            | {"amount": Decimal(amount), "amount_shop": Decimal(amount), "currency": "EUR", "rate": Decimal(1)}
            for on, channel, campaign, market, kind, amount, first, impressions, clicks in _SPEND
        ],
        "identity_link": [{"customer_key": "bob-phone", "person_id": "bob"}],
        "customer_value": [
            {"run_key": "run", "customer_key": who, "as_of": date(2024, 5, 1), "remaining_sales": sales}
            | {"remaining_margin": margin, "inactive_after_days": days, "is_alive_rate": 0.5}
            | {"snapshot": 1, "model": "stated"}
            for who, sales, margin, days in _VALUES
        ],
    }
    listed |= tiny_marketing.facts() | tiny_team.facts()
    return {name: fact(name, rows) for name, rows in listed.items()}


@cache
def shop() -> Tables:
    """The shop as it stands above; who asks it again gets the answer that is there."""
    return tables_of(facts())


def tables_of(facts: Mapping[str, pa.Table], *, are_known: bool = True) -> Tables:
    """The facts as tables of a private DuckDB; `are_known` False keeps what would save joins a secret."""
    ibis.options.sql.fuse_selects = False  # as the engine has it
    backend = ibis.duckdb.connect()

    @cache
    def table(fact: str) -> Any:
        return backend.create_table(fact, facts.get(fact, tables()[fact].schema.empty_table()))

    answers: dict[Any, list[dict[str, Any]]] = {}

    def run(rows: Any) -> list[dict[str, Any]]:
        """The same question is asked once: the totals of every cut are those of the whole."""
        asked = rows.op()
        if asked not in answers:
            answers[asked] = rows.to_pyarrow().to_pylist()
        return [dict(row) for row in answers[asked]]

    lines = facts.get("order_line")
    days = lines["on"].to_pylist() if lines else []
    has_links = "identity_link" in facts
    return Tables(
        table=table,
        links=table("identity_link") if has_links else None,
        empty={fact: missing for fact, missing in NOTHING.items() if fact not in facts},
        extent=Period(min(days), max(days) + timedelta(days=1)) if days else None,
        run=run,
    )


def database(facts: Mapping[str, pa.Table]) -> duckdb.DuckDBPyConnection:
    """The same facts for SQL written by hand."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for name, fact in tables().items():
        connection.register("arrow", facts.get(name, fact.schema.empty_table()))
        connection.execute(f'CREATE TABLE "{name}" AS FROM arrow')
        connection.unregister("arrow")
    return connection


def _head(
    order: str,
    on: date,
    hour: int,
    customer: str | None,
    channel: str,
    market: str,
    campaign: str | None,
    coupon: str | None,
    cancelled_on: date | None,
    is_test: bool,
    costs: tuple[int | None, int],
) -> dict[str, Any]:
    delivery, fee = costs
    return {
        "order_key": order,
        "at": _at(on, hour),
        "on": on,
        "hour": hour,
        "customer_key": customer,
        "currency": _currency(market),
        "rate": GBP if market == "GB" else Decimal(1),
        "channel": channel,
        "market": market,
        "cancelled_on": cancelled_on,
        "campaign": campaign,
        "coupon": coupon,
        "shipping_cost_shop": None if delivery is None else Decimal(delivery),
        "payment_fee_shop": Decimal(fee),
        "is_test": is_test,
    }


def _line(
    head: tuple[Any, ...] | None,
    number: int,
    with_every_cost: bool,
    order: str,
    kind: str,
    quantity: int,
    price: str,
    product: str | None,
    day: date | None = None,
    hour: int | None = None,
) -> dict[str, Any]:
    _, placed_on, placed_hour, customer, channel, market, *_ = head or (order, None, None, None, None, "DE")
    amount = Decimal(price) * (quantity or 1)
    rate = GBP if market == "GB" else Decimal(1)
    is_costed = with_every_cost or not (product == "lamp" and order == "D2")
    on, at_hour = day or placed_on, placed_hour if hour is None else hour
    return {
        "key": f"line:{number:02}",
        "order_key": order,
        "kind": kind,
        "at": _at(on, at_hour),
        "on": on,
        "hour": at_hour,
        "ordered_on": placed_on,
        "product_key": product,
        "quantity": Decimal(quantity),
        "unit_price": Decimal(price),
        "amount": amount,
        "amount_shop": amount * rate,
        "currency": _currency(market),
        "rate": rate,
        "rate_is_event_day": head is None,
        "cost_shop": _COST[product] * quantity if product and is_costed else None,
        "channel": channel,
        "market": market if head else None,
        "customer_key": customer,
        "is_over_refund": False,
    }


def _currency(market: str) -> str:
    return "GBP" if market == "GB" else "EUR"


def _at(on: date, hour: int) -> datetime:
    return datetime(on.year, on.month, on.day, hour, tzinfo=BERLIN).astimezone(UTC)


def fact(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = tables()[name].schema
    common = {"version": 1, "recorded_at": datetime(2025, 2, 1, tzinfo=UTC), "batch_id": "tiny"}
    whole = [{"key": f"{name}:{i:02}"} | common | row for i, row in enumerate(rows)]
    return pa.Table.from_pylist([{column: row.get(column) for column in schema.names} for row in whole], schema=schema)
