"""What the outlooks say of shops that can't tell: a sentence by page, API and command, never a stack trace."""

from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta

import pyarrow as pa
import pytest
from babel import Locale
from test_api import caller

from topline.cli import main
from topline.facts.table import tables
from topline.journal import operations as journal
from topline.lake.store import Lake
from topline.plans import text
from topline.units.errors import ToplineError
from topline.web import formats
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAY = date(2026, 10, 1)
NOW = datetime(2026, 10, 1, tzinfo=UTC)


def put(lake: Lake, table: str, rows: list[dict[str, object]]) -> None:
    full = [{"version": 1, "recorded_at": NOW, "batch_id": "few", **row} for row in rows]
    lake.append(table, [pa.RecordBatch.from_pylist(full, tables()[table].schema)], batch_id="few")


def sold(days: int, amount: int, customers: int) -> list[dict[str, object]]:
    """An order a day up to `DAY`, by so many customers in turn, each of one lamp at the same price."""
    noon = time(12, tzinfo=UTC)
    return [
        {
            "key": str(on), "order_key": str(on), "kind": "goods_sold", "at": datetime.combine(on, noon),
            "on": on, "hour": 12, "ordered_on": on, "product_key": "A1", "quantity": 1, "unit_price": amount,
            "amount": amount, "amount_shop": amount, "currency": "GBP", "rate": 1, "cost_shop": 4,
            "rate_is_event_day": False, "is_over_refund": False, "market": "GB", "customer_key": f"c{k % customers}",
        }
        for k in range(days)
        for on in (DAY - timedelta(days=k + 1),)
    ]  # fmt: skip


def fill(shop, days: int, amount: int = 20, customers: int = 1) -> None:
    lake = shop.lake()
    journal.open_batch(shop=shop.slug, batch_id="few", source="test", now=NOW)
    put(lake, "order_line", sold(days, amount, customers))
    journal.make_live(shop=shop.slug, batch_id="few", now=NOW)
    journal.publish(lake)
    shop.clock_on = DAY
    shop.save()


def run_all() -> None:
    for job in Job.objects.filter(state=Job.State.QUEUED):
        with suppress(ToplineError):
            jobs.run_now(job)


PAGES = {
    "": "days of history for a forecast: 3, where",
    "/customers": "Too few customers to expect their future: 1, where",
    "/stock": "days of history for a forecast: 3, where",
    "/workload": "days of history for a forecast: 3, where",
}


def test_three_points_are_refused_at_every_door(shop, owner, client, capsys):
    fill(shop, 3)
    client.force_login(owner)
    call = caller(shop, owner)
    assert main.run(["outlook", "demand", "--shop", "gifts"]) == 4
    assert "Too few days of history for a forecast: 3, where at least 91 are needed." in capsys.readouterr().err
    for page, said in PAGES.items():
        client.get(f"/shop/gifts/outlook{page}")
        run_all()
        shown = client.get(f"/shop/gifts/outlook{page}", headers={"HX-Request": "true"}).content.decode()
        assert said in shown
        told = call("GET", f"/shops/gifts/outlook{page or '/demand'}")
        assert (told.status_code, told.json()["state"]) == (202, "failed")
        assert said in told.json()["message"]


def test_prices_that_never_change_say_what_would_be_needed(shop, owner, client, capsys):
    fill(shop, 200)
    said = "0 of 1 products had a price that moved"
    assert main.run(["outlook", "price", "--shop", "gifts"]) == 4
    assert said in capsys.readouterr().err
    client.force_login(owner)
    client.get("/shop/gifts/outlook/price")
    run_all()
    assert said in client.get("/shop/gifts/outlook/price", headers={"HX-Request": "true"}).content.decode()
    told = caller(shop, owner)("GET", "/shops/gifts/outlook/price").json()
    assert told["state"] == "failed"
    assert said in told["message"]
    client.get("/shop/gifts/outlook/proposals")
    run_all()  # nothing is called in order that nobody could look at
    shown = client.get("/shop/gifts/outlook/proposals", headers={"HX-Request": "true"}).content.decode()
    assert "was not looked at: visits, stock levels, marketing spend." in shown
    assert "None of the earlier proposals" not in shown


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


def test_spend_that_never_varies_tells_nothing_of_what_it_brings(shop, owner, client, capsys):
    """£10 a day in one channel, every day, beside sales that don't vary either."""
    fill(shop, 400, customers=400)
    spent = {"channel": "search", "kind": "ads", "amount": 10, "amount_shop": 10, "currency": "GBP", "rate": 1}
    days = [DAY - timedelta(days=k + 1) for k in range(400)]
    put(shop.lake(), "spend", [{"key": str(on), "on": on, "is_acquisition": True, **spent} for on in days])
    journal.publish(shop.lake())
    said = "The spend of no channel has varied"
    assert main.run(["outlook", "budget", "--shop", "gifts"]) == 4
    assert said in capsys.readouterr().err
    client.force_login(owner)
    client.get("/shop/gifts/outlook/budget")
    run_all()
    assert said in client.get("/shop/gifts/outlook/budget", headers={"HX-Request": "true"}).content.decode()
    told = caller(shop, owner)("GET", "/shops/gifts/outlook/budget").json()
    assert (told["state"], said in told["message"]) == ("failed", True)


def test_goods_given_away_have_no_price_to_learn_from(shop, owner, client, capsys):
    fill(shop, 200, amount=0)
    client.force_login(owner)
    for name, said in {"price": "0 of 1 products had a price that moved", "budget": "No channel has any spend"}.items():
        assert main.run(["outlook", name, "--shop", "gifts"]) == 4
        assert said in capsys.readouterr().err
        client.get(f"/shop/gifts/outlook/{name}")
        run_all()
        shown = client.get(f"/shop/gifts/outlook/{name}", headers={"HX-Request": "true"}).content.decode()
        assert said in shown
        assert said in caller(shop, owner)("GET", f"/shops/gifts/outlook/{name}").json()["message"]
