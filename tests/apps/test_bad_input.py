"""What the outlooks say of shops that can't tell: a sentence by page, API and command, never a stack trace."""

from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pytest
from babel import Locale

from doors import Table, assert_said
from topline.cli import main
from topline.facts.table import tables
from topline.journal import operations as journal
from topline.lake.store import Lake
from topline.plans import text
from topline.web import formats

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAY = date(2026, 10, 1)
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def put(lake: Lake, table: str, rows: list[dict[str, object]]) -> None:
    full = [{"version": 1, "recorded_at": NOW, "batch_id": "few", **row} for row in rows]
    lake.append(table, [pa.RecordBatch.from_pylist(full, tables()[table].schema)], batch_id="few")


def sold(days: int, amount: int, customers: int, quantity: int) -> list[dict[str, object]]:
    """An order a day up to `DAY`, by so many customers in turn, each of so many lamps at the same price."""
    noon = time(12, tzinfo=UTC)
    return [
        {
            "key": str(on), "order_key": str(on), "kind": "goods_sold", "at": datetime.combine(on, noon),
            "on": on, "hour": 12, "ordered_on": on, "product_key": "A1", "quantity": quantity, "unit_price": amount,
            "amount": amount, "amount_shop": amount, "currency": "GBP", "rate": 1, "cost_shop": 4,
            "rate_is_event_day": False, "is_over_refund": False, "market": "GB", "customer_key": f"c{k % customers}",
        }
        for k in range(days)
        for on in (DAY - timedelta(days=k + 1),)
    ]  # fmt: skip


def fill(shop, days: int, amount: int = 20, customers: int = 1, quantity: int = 1, spent: int = 0) -> None:
    """A shop that sold for so many days, and spent the same on search on each."""
    lake = shop.lake()
    journal.open_batch(shop=shop.slug, batch_id="few", source="test", now=NOW)
    put(lake, "order_line", sold(days, amount, customers, quantity))
    if spent:
        each = {"channel": "search", "kind": "ads", "amount": spent, "amount_shop": spent, "currency": "GBP", "rate": 1}
        each |= {"is_acquisition": True}
        put(lake, "spend", [each | {"key": str(k), "on": DAY - timedelta(days=k + 1)} for k in range(days)])
    journal.make_live(shop=shop.slug, batch_id="few", now=NOW)
    journal.publish(lake)
    shop.clock_on = DAY
    shop.save()


SHORT = "Too few days of history for a forecast: 3, where at least 91 are needed."
NO_DAY = "Too few days of history for a forecast: 0, where at least"
ALONE = "Too few customers to expect their future: 1, where"
STEADY = "0 of 1 products had a price that moved"
UNSOLD = "No product has sold 40 units in 12 different weeks"
NO_SPEND = "No channel has any spend"

SHOPS: dict[str, tuple[dict[str, int], Table]] = {
    "three points": (
        {"days": 3},
        {
            "/outlook": SHORT,
            "GET /outlook/demand": SHORT,
            "topline outlook demand --shop gifts": SHORT,
            "/outlook/customers": ALONE,
            "GET /outlook/customers": ALONE,
            "topline outlook customers --shop gifts": ALONE,
            "/outlook/stock": "days of history for a forecast: 3, where",
            "GET /outlook/stock": "days of history for a forecast: 3, where",
            "topline outlook stock --shop gifts": "days of history for a forecast: 3, where",
            "/outlook/workload": "days of history for a forecast: 3, where",
            "GET /outlook/workload": "days of history for a forecast: 3, where",
            "topline outlook workload --shop gifts": "days of history for a forecast: 3, where",
            "topline plan draft --shop gifts --from 2026-10 --months 3": "days of history for a forecast: 3, where",
        },
    ),
    "all zeros": (
        {"days": 200, "amount": 0, "quantity": 0},
        {
            "/outlook": NO_DAY,
            "GET /outlook/demand": NO_DAY,
            "topline outlook demand --shop gifts": NO_DAY,
            "/outlook/stock": NO_DAY,
            "GET /outlook/stock": NO_DAY,
            "topline outlook stock --shop gifts": NO_DAY,
            "/outlook/price": UNSOLD,
            "GET /outlook/price": UNSOLD,
            "topline outlook price --shop gifts": UNSOLD,
            "/outlook/budget": NO_SPEND,
            "GET /outlook/budget": NO_SPEND,
            "topline outlook budget --shop gifts": NO_SPEND,
            "topline plan draft --shop gifts --from 2026-10 --months 3": NO_DAY,
        },
    ),
    "goods given away": (
        {"days": 200, "amount": 0},
        {
            "/outlook/price": STEADY,
            "GET /outlook/price": STEADY,
            "topline outlook price --shop gifts": STEADY,
            "/outlook/budget": NO_SPEND,
            "GET /outlook/budget": NO_SPEND,
            "topline outlook budget --shop gifts": NO_SPEND,
        },
    ),
    "one customer, and prices that never change": (
        {"days": 200},
        {
            "/outlook/customers": ALONE,
            "GET /outlook/customers": ALONE,
            "topline outlook customers --shop gifts": ALONE,
            "/outlook/price": STEADY,
            "GET /outlook/price": STEADY,
            "topline outlook price --shop gifts": STEADY,
            "/outlook/pipeline": "0 closed deals, 0 of them won, are too few",
            "GET /outlook/pipeline": "0 closed deals, 0 of them won, are too few",
            "topline outlook pipeline --shop gifts": "0 closed deals, 0 of them won, are too few",
            "/outlook/next": "customers",
            "GET /outlook/next/basket?product=A1": "customers",
            "topline outlook next --shop gifts --basket A1": "customers",
            # nothing is called in order that nobody could look at
            "/outlook/proposals": "was not looked at: visits, stock levels, marketing spend.",
        },
    ),
    "spend that never varies": (
        {"days": 400, "customers": 400, "spent": 10},
        {
            "/outlook/budget": "The spend of no channel has varied",
            "GET /outlook/budget": "The spend of no channel has varied",
            "topline outlook budget --shop gifts": "The spend of no channel has varied",
        },
    ),
}


@pytest.mark.parametrize("name", SHOPS)
def test_what_cannot_be_told_is_said_at_every_door(name, shop, owner, client, capsys):
    history, table = SHOPS[name]
    fill(shop, **history)
    assert_said(table, shop=shop, owner=owner, client=client, capsys=capsys)


def test_spend_before_any_sale_is_told_apart_from_no_spend(shop, capsys):
    fill(shop, 300)
    assert main.run(["outlook", "budget", "--shop", "gifts"]) == 4
    assert "No channel has any spend" in capsys.readouterr().err
    row = {"key": "s", "on": DAY - timedelta(days=401), "channel": "search", "kind": "ads", "amount": 10}
    row |= {"amount_shop": 10, "currency": "GBP", "rate": 1, "is_acquisition": True}
    put(shop.lake(), "spend", [row])
    journal.publish(shop.lake())
    assert main.run(["outlook", "budget", "--shop", "gifts"]) == 4
    assert "Too few weeks of spend to tell what it brings: 0" in capsys.readouterr().err


def test_no_chance_is_said_to_be_surer_than_rehearsals_can_tell():
    said = {
        0.0: "under 5%",
        0.049: "under 5%",
        0.05: "5%",
        0.624: "62%",
        0.95: "95%",
        0.951: "over 95%",
        1.0: "over 95%",
    }
    for value, expected in said.items():
        assert text.chance(value, Locale("en")) == formats.chance(value) == expected
    sure = text.Sentence("check.likely", {"chance_rate": 0.999, "target_amount": 100})
    assert text.render(sure, currency="GBP", language="en") == "Over 95% chance to reach £100: likely."
