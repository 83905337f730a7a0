"""The stock plan from the lake to its doors."""

import json
import shutil
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from test_api import caller

import plan_shop
from topline.cli import main
from topline.facts.table import tables
from topline.journal import operations as journal
from topline.lake import read
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.outlook import kept
from topline.outlook.kept import Run
from topline.plans import demand, numbers, standing, stock, workload
from topline.plans import jobs as plan_jobs
from topline.plans.text import render
from topline.team import operations as team
from topline.units.period import Period
from topline.web.pages import stock_plan
from topline.workbench import jobs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAY = date(2026, 10, 1)
NOW = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Lamps, rugs and vases as in `plan_shop`: 400 lamps there, 2 rugs, and 90 of a product that nobody buys."""
    root = tmp_path_factory.mktemp("stock")
    lake = Lake(root, "gifts")
    plan_shop.fill(lake, days=500)
    now = datetime.now(UTC)
    there = {"A1": 400, "B1": 2, "D1": 90}
    rows = [
        {
            "key": f"{code}/{on}",
            "version": 1,
            "recorded_at": now,
            "batch_id": "test",
            "product_key": code,
            "on": on,
            "on_hand": Decimal(units),
            "reserved": Decimal(0),
            "is_sellable": True,
            "unit_cost_shop": Decimal(10),
        }
        for code, units in there.items()
        for on in (DAY - timedelta(days=57), DAY - timedelta(days=1))
    ]
    lake.append("stock_level", [pa.RecordBatch.from_pylist(rows, tables()["stock_level"].schema)], batch_id="test")
    lake.publish(now=now)
    return root


@pytest.fixture
def stocked(shop, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = DAY
    shop.save()
    return shop


def test_the_outlook_of_a_product_is_what_its_stock_counts_on(stocked):
    now = datetime.now(UTC)
    journal.open_batch(shop=stocked.slug, batch_id="test", source="test", now=now)
    journal.make_live(shop=stocked.slug, batch_id="test", now=now)
    before = stock.goods(stocked, DAY)
    made = demand.make(stocked, DAY)
    after, cells = stock.goods(stocked, DAY), made.by["product"]
    first, ends = (made.weeks[1] - DAY).days, (made.weeks[-1] - DAY).days + 7
    for code in ("A1", "B1", "C1"):
        k, row = after.product_key.index(code), cells.names.index(code)
        weekly = after.wanted[k, first:ends].reshape(12, 7).sum(axis=1)
        assert weekly == pytest.approx(cells.mean[row, 1:])
        assert (after.wanted[k, ends:] == before.wanted[k, ends:]).all()
        low, mean, high = cells.whole[row]
        # the total of all weeks varies as the outlook says: by the luck of sales and by the error of the level
        variance = after.dispersion[k] * mean + (after.error[k] * mean) ** 2
        assert variance >= ((high - low) / 2.5632) ** 2 * 0.999
        assert after.error[k] >= 0.08
    assert "13 weeks" in render(stock.of(stocked, DAY).notes[1], currency="GBP", language="en")


def test_after_a_planned_promotion_the_stock_counts_on_less(stocked):
    """A1's prices teach that it sells 0.8 of its units for two weeks after a promotion."""
    now = datetime.now(UTC)
    for batch_id in ("test", "test2"):
        journal.open_batch(shop=stocked.slug, batch_id=batch_id, source="test", now=now)
        journal.make_live(shop=stocked.slug, batch_id=batch_id, now=now)
    made = demand.make(stocked, DAY)
    before = stock.goods(stocked, DAY)
    row = {"key": "A1", "category": "Lamps", "line": 0, "group": 0, "price": 37.0, "units": 900.0, "weekly": 40.0}
    row |= {f"on_{name}{part}": value for name, mean in (("price", -2.0), ("offer", 0.1), ("after", np.log(0.8)))
            for part, value in (("", mean), ("_se", 0.0), ("_own", 1.0))}  # fmt: skip
    learnt = {
        "product": pa.Table.from_pylist([row]),
        "group": pa.Table.from_pylist([{"name": "Lamps", "mean": -2.0, "se": 0.0, "products": 1}]),
        "effect": pa.Table.from_pylist([{"name": name, "mean": 0.0} for name in ("price", "offer", "after")]),
    }
    lake = stocked.lake()
    kept.save(standing._path(stocked, "price", DAY, lake.latest()), Run(learnt, {"as_of": str(DAY), "snapshot": 1}))
    promotion = {"key": "p", "version": 1, "recorded_at": now, "batch_id": "test2", "plan_version": "1",
                 "promotion_key": "p", "category": "Lamps", "discount_rate": Decimal("0.2"),
                 "on": DAY + timedelta(days=7), "until_on": DAY + timedelta(days=10)}  # fmt: skip
    planned = pa.RecordBatch.from_pylist([promotion], tables()["planned_promotion"].schema)
    lake.append("planned_promotion", [planned], batch_id="test2")
    lake.publish(now=now)
    after, lamps = stock.goods(stocked, DAY), before.product_key.index("A1")
    expected = before.wanted.copy()
    expected[lamps, 10:24] *= 0.8
    assert after.wanted == pytest.approx(expected)
    assert made.weeks[-1] > DAY + timedelta(days=24)


def test_events_that_share_days_share_their_units(stocked):
    found, daily = stock.of(stocked, DAY), stock.goods(stocked, DAY).wanted.sum(axis=0)
    felt = [set(range((one.felt_from - DAY).days, (one.felt_to - DAY).days)) for one in found.events]
    assert sum(map(len, felt)) > len(set().union(*felt))
    assert sum(one.units for one in found.events) == pytest.approx(daily[sorted(set().union(*felt))].sum())
    shares = Counter(day for days in felt for day in days)
    for one, days in zip(found.events, felt, strict=True):
        assert one.units == pytest.approx(sum(daily[day] / shares[day] for day in days))
        usual = daily[:14].mean() * sum(1 / shares[day] for day in days)
        assert one.more == pytest.approx(one.units - usual)
    assert all(one.order_by == one.felt_from - timedelta(days=14) for one in found.events)


def test_each_product_has_its_state_and_its_order(stocked):
    """12 orders a day: half lamps, about 6 a day (more from October on), 3.6 rugs, 2.4 vases."""
    found = stock.of(stocked, DAY)
    lines = {line.product_key: line for line in found.lines}
    assert [line.state for line in found.lines] == ["late", "enough", "dead", "unknown"]
    lamps, rugs, vases, idle = (lines[code] for code in ("A1", "B1", "C1", "D1"))
    assert lamps.daily == pytest.approx(7.8, rel=0.25)
    assert (lamps.state, lamps.order_units) == ("enough", 0)
    assert rugs.state == "late"
    assert rugs.order_units == rugs.order_up_to - 2
    assert rugs.order_value == rugs.order_units * 10
    assert rugs.now < 0.01
    # until the delivery of the next order: 14 days and the 7 to the next look
    assert rugs.order_up_to == pytest.approx(rugs.daily * 21, rel=0.6)
    assert rugs.order_up_to > rugs.daily * 21
    assert (idle.state, idle.excess_units, idle.excess_value) == ("dead", 89, 890)
    assert (vases.state, vases.on_hand, vases.order_units) == ("unknown", None, 0)
    assert vases.order_up_to > vases.reorder_point > 0
    assert found.suppliers[0].products == 1
    assert found.counted_on == DAY - timedelta(days=1)
    assert all(month.free >= 0 for month in found.months)


def test_a_longer_lead_time_holds_more(stocked):
    before = {line.product_key: line for line in stock.of(stocked, DAY).lines}
    numbers.state(shop=stocked, name="lead_days", value=60, actor_id=None)
    after = {line.product_key: line for line in stock.of(stocked, DAY).lines}
    assert after["A1"].reorder_point > before["A1"].reorder_point * 2
    assert after["A1"].state == "late"
    numbers.state(shop=stocked, name="lead_days", value=None, actor_id=None)
    assert {line.product_key: line for line in stock.of(stocked, DAY).lines} == before
    with pytest.raises(numbers.NumberRangeError):
        numbers.state(shop=stocked, name="lead_days", value=999, actor_id=None)
    with pytest.raises(numbers.UnknownNumberError):
        numbers.state(shop=stocked, name="review_days", of="Acme", value=3, actor_id=None)


def test_without_levels_it_says_what_to_hold(shop, history, tmp_path, settings):
    settings.HOME = tmp_path
    plan_shop.fill(Lake(tmp_path / "lake", "gifts"), days=500)
    found = stock.of(shop, DAY)
    assert {line.state for line in found.lines} == {"unknown"}
    assert found.headline[0].code == "stock.no_levels"
    assert found.months == []
    assert all(line.order_up_to > 0 for line in found.lines)
    shown = [one["value"] for one in stock_plan._figures(found, "GBP", sees_cost=True)]
    assert shown == ["–", "–", "–", "3"]  # what nobody counted is not nothing


def test_its_doors_say_the_same(stocked, owner, member, client, capsys):
    call, address = caller(stocked, owner), "/shops/gifts/outlook/stock"
    assert call("GET", address).status_code == 202
    jobs.run_now(plan_jobs.prepare_stock(stocked, DAY).job)
    told = call("GET", f"{address}?state=late").json()
    assert [line["product_key"] for line in told["lines"]] == ["B1"]
    assert told["lines"][0]["order_value"] > 0
    assert call("PUT", "/shops/gifts/numbers/lead_days", {"value": 21}).status_code == 204
    assert call("GET", address).json()["numbers"]["lead_days"] == 21
    operations = caller(stocked, member("operations"))
    seen = operations("GET", f"{address}?state=late").json()
    assert (seen["lines"][0]["order_value"], seen["months"]) == (None, [])
    client.force_login(owner)
    page = client.get("/shop/gifts/outlook/stock").content.decode()
    assert "to be ordered today" in page
    assert "Open to buy" in page
    kept = client.post("/shop/gifts/outlook/stock", {"lead_days": "30", "review_days": ""})
    assert kept.status_code == 302
    assert numbers.of(stocked)("lead_days") == 30
    assert client.post("/shop/gifts/outlook/stock", {"lead_days": "soon"}).status_code == 400
    rows = b"".join(client.get("/shop/gifts/outlook/stock?format=csv").streaming_content).decode().splitlines()
    assert len(rows) == 5
    assert main.run(["outlook", "stock", "--shop", "gifts", "--format", "json", "--state", "dead"]) == 0
    assert [row["product"] for row in json.loads(capsys.readouterr().out)] == ["D1"]


def test_the_workload_of_coming_weeks(stocked, owner, client, capsys):
    """Some 12 orders a day and more towards Christmas; 12 contacts for 100 orders where nobody counts them."""
    found = workload.of(stocked, DAY)
    picks, contacts = found.of_kind("pick"), found.of_kind("contact")
    assert len(found.weeks) == 13
    assert all(week.weekday() == 0 for week in found.weeks)
    assert sum(line.count for line in picks) == pytest.approx(13 * 7 * 12 * 1.6, rel=0.2)
    for pick, contact in zip(picks, contacts, strict=True):
        assert contact.count == pytest.approx(pick.count * 0.12)
        assert pick.hours == pytest.approx(pick.count * 6 / 60)
        assert pick.people == pytest.approx(pick.hours / 30)
        assert pick.people_high >= pick.people
    assert found.counted == {"pick"}
    assert [one.code for one in found.headline[1:]] == ["work.assumed_minutes", "work.assumed_people"]
    numbers.state(shop=stocked, name="pick_minutes", value=60, actor_id=None)
    slow = workload.of(stocked, DAY)
    assert [line.hours for line in slow.of_kind("pick")] == pytest.approx([10 * line.hours for line in picks])
    assert slow.headline[0].code == "work.over_always"
    client.force_login(owner)
    jobs.run_now(plan_jobs.prepare_stock(stocked, DAY).job)
    shown = client.get("/shop/gifts/outlook/workload").content.decode()
    assert "more work than people" in shown
    assert "Assumed until you state yours: 60 minutes an order, 8 a contact" in shown
    for name in ("contact_minutes", "lead_minutes", "content_minutes", *(f"{kind}_people" for kind in workload.KINDS)):
        numbers.state(shop=stocked, name=name, value=1, actor_id=None)
    assert len(workload.of(stocked, DAY).headline) == 1
    call = caller(stocked, owner)
    assert len(call("GET", "/shops/gifts/outlook/workload").json()["lines"]) == 13 * 4
    assert main.run(["outlook", "workload", "--shop", "gifts", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 13 * 4


def test_hours_of_the_team_are_facts_and_the_workloads_capacity(stocked):
    """Two pickers of 20 hours, one until the second week; a position to be filled in the third."""
    weeks = workload.of(stocked, DAY).weeks
    for values in (
        {"name": "Liam", "until_on": weeks[2].isoformat()}, {"name": "Nora"}, {"from_on": weeks[2].isoformat()},
    ):  # fmt: skip
        given = {"role": "Warehouse", "team": "Store", "work": "pick", "week_hours": "20", **values}
        team.keep_member(shop=stocked, values=given, actor_id=None)
    found = workload.of(stocked, DAY)
    picks = found.of_kind("pick")
    assert found.of_team == {"pick"}
    assert [line.available for line in picks[:4]] == [40, 40, 40, 40]
    assert [line.there for line in picks[:4]] == [2, 2, 2, 2]
    assert picks[0].people == pytest.approx(picks[0].hours / 20)
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    snapshot = stocked.lake().latest()
    assert workload.record_capacity(stocked, DAY, snapshot) == 13
    journal.drain(stocked.lake())
    assert workload.record_capacity(stocked, DAY, stocked.lake().latest()) == 0
    asked = Query(metrics=("capacity_used",), by=("team",), period=Period(weeks[0], weeks[-1] + timedelta(days=1)))
    rows = read.read(stocked.lake(), asked, scope=Scope.whole("gifts"), settings=stocked.settings()).rows
    planned, available = sum(line.hours for line in picks), sum(line.available for line in picks)
    assert [(row["team"], row["capacity_used"]) for row in rows] == [("Store", pytest.approx(planned / available))]


def test_a_team_that_does_no_work_any_more_has_no_hours(stocked):
    """Nora's 20 hours move with her from one team to another: they aren't there twice."""
    nora = team.keep_member(
        shop=stocked, values={"name": "Nora", "role": "Warehouse", "team": "Store", "work": "pick", "week_hours": "20"},
        actor_id=None,
    )  # fmt: skip
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    for name in ("Store", "Depot"):
        team.keep_member(shop=stocked, member_id=nora.pk, values={"team": name}, actor_id=None)
        workload.record_capacity(stocked, DAY, stocked.lake().latest())
        journal.drain(stocked.lake())
    rows = read.rows(
        stocked.lake(), Query(metrics=("capacity_used",)), scope=Scope.whole("gifts"), settings=stocked.settings()
    ).rows
    assert {(row["team"], row["available_hours"]) for row in rows} == {("Store", 0), ("Depot", 20)}
    assert workload.record_capacity(stocked, DAY, stocked.lake().latest()) == 0
