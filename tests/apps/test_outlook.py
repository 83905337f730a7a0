"""The demand outlook from the lake to its doors: what it expects, what a plan changes, and what it says of itself."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pyarrow as pa
import pytest
from test_api import caller

import plan_shop
from doors import Table, assert_said
from topline.cli import main
from topline.facts.table import tables
from topline.journal import operations as journal
from topline.lake import engine
from topline.lake.store import Lake
from topline.outlook import demand as outlook
from topline.outlook import demand_file
from topline.outlook.demand import Change, PlannedValueError, UnknownProductError
from topline.plans import demand
from topline.plans import jobs as plan_jobs
from topline.science.demand import ShortHistoryError
from topline.science.panel import Panel
from topline.units.period import Period
from topline.web.pages import outlook as outlook_page
from topline.workbench import jobs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

DAY = date(2026, 10, 1)


def append(lake, fact, rows):
    now = datetime.now(UTC)
    each = [
        {"key": f"{fact}{k}", "version": 1, "recorded_at": now, "batch_id": "test", **row} for k, row in enumerate(rows)
    ]
    lake.append(fact, [pa.RecordBatch.from_pylist(each, tables()[fact].schema)], batch_id="test")
    lake.publish(now=now)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """Lamps, rugs and vases as in `plan_shop`; rugs were out of stock for eight weeks of summer 2026."""
    root = tmp_path_factory.mktemp("outlook")
    lake = Lake(root, "gifts")
    plan_shop.fill(lake)
    empty = [date(2026, 6, 1) + timedelta(days=k) for k in range(56)]
    append(
        lake,
        "stock_level",
        [
            {"product_key": "B1", "on": on, "on_hand": Decimal(0), "reserved": Decimal(0), "is_sellable": True}
            for on in empty
        ],
    )
    return root


@pytest.fixture
def gifts(shop, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = DAY
    shop.save()
    now = datetime.now(UTC)
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=now)
    journal.make_live(shop="gifts", batch_id="test", now=now)
    return shop


def test_parts_sum_to_the_shop_and_lie_in_their_intervals(gifts):
    """13 weeks from October 2026: 12 orders a day by season (1.2, 1.8, 1.5) and 10 % growth are about 1,590 units."""
    found = demand.make(gifts, DAY)
    assert found.total.whole[0, 1] == pytest.approx(1590, rel=0.12)
    assert (len(found.weeks), found.weeks[0]) == (13, date(2026, 9, 28))
    for cells in found.by.values():
        assert cells.mean.sum(axis=0) == pytest.approx(found.total.mean[0])
        assert (cells.low <= cells.mean).all()
        assert (cells.mean <= cells.high).all()
        assert (cells.low >= 0).all()
    share = found.by["category"].whole[:, 1] / found.total.whole[0, 1]
    assert share == pytest.approx([0.5, 0.3, 0.2], abs=0.05)  # the empty shelf of rugs did not count as no demand
    assert found.unknown_weeks == 16
    assert found.accuracy.wape < 0.2
    assert found.accuracy.inside > 0.7
    assert found.total.whole[0, 2] - found.total.whole[0, 0] < (found.total.high - found.total.low).sum()


def test_it_is_kept_as_a_file_and_once_a_week_as_facts(gifts):
    made = demand.make(gifts, DAY)
    kept = demand.made(gifts)
    assert kept.total.mean.tolist() == made.total.mean.tolist()
    assert kept.accuracy == made.accuracy
    assert (kept.promoted, kept.promoted_ahead) == (made.promoted, made.promoted_ahead)
    assert demand.is_fresh(gifts, kept, DAY)
    lake = gifts.lake()
    rows = engine.execute(engine.table(lake, "forecast", lake.latest())).to_pylist()
    total = [row for row in rows if row["product_key"] is row["category"] is row["market"] is row["channel"] is None]
    assert sum(row["mean"] for row in total) == pytest.approx(made.total.whole[0, 1])
    assert {row["product_key"] for row in rows} == {None, "A1", "B1", "C1"}
    assert {row["snapshot"] for row in rows} == {made.snapshot}
    demand.make(gifts, DAY)
    assert engine.table(lake, "forecast", lake.latest()).count().to_pyarrow().as_py() == len(rows)


@pytest.mark.parametrize("ahead", [0.05, 0.5])
def test_promotions_that_nobody_entered_go_on_as_usual(shop, ahead):
    """A product sells 20 a week and 40 under a promotion, which it was in half of all weeks until today."""
    rng, weeks = np.random.default_rng(1), 60 + outlook.WEEKS
    lake, first = shop.lake(), date(2025, 1, 6)
    is_on = rng.random((100, weeks)) < np.where(np.arange(weeks) < 60, 0.5, ahead)
    monday = [first + timedelta(weeks=week) for week in range(weeks)]
    sold = [(k, week, 40 if is_on[k, week] else 20) for k in range(100) for week in range(60)]
    append(lake, "order_line", [_line(f"P{k}", monday[week], units) for k, week, units in sold])
    promoted = [
        {"promotion_key": "p", "product_key": f"P{k}", "on": on, "until_on": on + timedelta(weeks=1), "kind": "display"}
        for k in range(100)
        for on, is_promoted in zip(monday, is_on[k], strict=True)
        if is_promoted
    ]
    append(lake, "promotion", promoted)
    made = outlook.run(lake, lake.latest(), as_of=monday[60], settings=shop.settings())
    assert made.total.mean.mean() / 100 == pytest.approx(30, rel=0.08)
    place = [made.bottom.names["product"].index(f"P{k}") for k in range(100)]
    promoted_mean = made.bottom.mean[place][is_on[:, 60:]].mean()
    assert made.promotes_as_usual == (ahead < 0.25)
    assert promoted_mean == pytest.approx(40, rel=0.08)
    assert (made.promoted, made.promoted_ahead) == (pytest.approx(0.5, abs=0.05), pytest.approx(ahead, abs=0.05))
    told = list(outlook_page._assumptions(made))
    assert ("promotions go on as usual" in told[1]) == made.promotes_as_usual


def _line(product, on, units):
    return {
        "order_key": f"{product}{on}",
        "kind": "goods_sold",
        "at": datetime.combine(on, time(12), UTC),
        "on": on,
        "hour": 12,
        "ordered_on": on,
        "product_key": product,
        "quantity": Decimal(units),
        "unit_price": Decimal(5),
        "amount": Decimal(5 * units),
        "amount_shop": Decimal(5 * units),
        "currency": "GBP",
        "rate": Decimal(1),
        "rate_is_event_day": False,
        "market": "GB",
        "is_over_refund": False,
    }


def test_live_weeks_outside_the_interval_raise_the_alarm(gifts):
    demand.make(gifts, DAY)
    later = DAY + timedelta(days=91)
    calm = demand.drift(gifts, later)
    assert calm.weeks == 12  # the week that had begun does not count
    assert not calm.is_alarming
    assert outlook._is_alarming(8, 13, 0.8)
    assert not outlook._is_alarming(3, 3, 0.8)


def test_what_cannot_be_said_is_refused(gifts):
    week = Period(date(2026, 10, 5), date(2026, 10, 12))
    with pytest.raises(UnknownProductError, match="Z9"):
        demand.make(gifts, DAY, (Change(product="Z9", period=week, discount=0.2),))
    with pytest.raises(PlannedValueError):
        Change(period=week, discount=1.2)
    with pytest.raises(ShortHistoryError):
        demand.make(gifts, date(2024, 5, 1))


def test_a_market_index_joins_in_where_what_was_stated_of_it_helped(gifts):
    """An index that is what was sold, stated a quarter ahead: forecasts of the past were better with it. Neither with
    the same numbers recorded as they came, since none of them was known when it would have helped, nor with noise."""
    lake = gifts.lake()
    sales = outlook._sales(lake, lake.latest(), DAY, gifts.settings())
    total = sales.units.sum(axis=0)
    rng = np.random.default_rng(2)
    days = [sales.start + timedelta(days=7 * k) for k in range(len(total) + 13)]
    index = np.r_[total, np.full(13, total[-4:].mean() * 2)]
    ahead = timedelta(days=100)
    rows = [
        {
            "series": name,
            "on": on,
            "value": float(value),
            "low": float(value) * low,
            "high": float(value) * 1.1,
            "source": "test",
            **({} if known is None else {"recorded_at": datetime(on.year, on.month, on.day, tzinfo=UTC) - known}),
        }
        for name, values, low, known in (
            ("as it came", index, 0.9, None),
            ("market", index, 0.9, ahead),
            ("noise", rng.normal(100, 10, len(days)), 1.0, ahead),
        )
        for on, value in zip(days, values, strict=True)
    ]
    append(lake, "external_series", rows)
    found = demand.make(gifts, DAY)
    used = {each.name: each for each in found.drivers}
    assert used["market"].is_used
    assert used["market"].error < used["market"].error_without
    assert not used["as it came"].is_used
    assert not used["noise"].is_used
    assert 1.2 < used["market"].low < used["market"].expected < used["market"].high


def test_at_an_earlier_origin_the_market_is_what_was_known_of_it() -> None:
    """Fourteen weeks of a market that rises by one; at week 11 it was stated to fall, at week 10 nothing was said."""
    market = np.arange(16.0)[None, None]
    week = np.datetime64("2026-01-05") + 7 * np.arange(16)
    panel = Panel(
        np.ones((1, 14)), week, np.zeros(1, dtype=np.int64), cycle=1, year=52, conditions=market,
        foreseen={11: np.array([[[3.0, 2.0, 1.0]]])},
    )  # fmt: skip
    assert panel.at(11, 2).conditions.tolist() == [[[*range(11), 3, 2]]]
    assert panel.at(10, 2).conditions.tolist() == [[[*range(10), 9, 9]]]
    assert panel.since(2).at(9, 2).conditions.tolist() == [[[*range(2, 11), 3, 2]]]


def test_its_doors_say_the_same(gifts, owner, client, capsys):
    call, address = caller(gifts, owner), "/shops/gifts/outlook/demand"
    assert call("GET", address).status_code == 202
    client.force_login(owner)
    assert "Looking ahead" in client.get("/shop/gifts/outlook").content.decode()
    jobs.run_now(plan_jobs.prepare_demand(gifts, DAY))
    made = demand.made(gifts)
    told = call("GET", f"{address}?where=category=Rugs").json()
    rugs = made.by["category"].names.index("Rugs")
    assert told["slices"][0]["mean"] == pytest.approx(made.by["category"].mean[rugs])
    days = call("GET", f"{address}?by=category,market&grain=day").json()
    assert {tuple(one["names"]) for one in days["slices"]} >= {("Rugs", "GB"), ("Rugs", "IE")}
    assert (days["starts"][0], len(days["starts"])) == (str(made.weeks[0]), 7 * 13)
    summed = np.sum([one["mean"] for one in days["slices"]], axis=0).reshape(13, 7).sum(axis=1)
    assert summed == pytest.approx(made.total.mean[0])
    assert call("GET", f"{address}?where=market=XX").json()["code"] == "unknown_slice"
    assert [one["segment"] for one in told["accuracy"]][:2] == [None, "Lamps"]
    page = client.get("/shop/gifts/outlook?category=Rugs").content.decode()
    assert f"Rugs: {round(made.by['category'].whole[rugs, 1])} units in the next 13 weeks" in page
    assert "What is assumed" in page
    for field, day in (("from", max(DAY, made.weeks[0])), ("to", made.weeks[-1] + timedelta(days=6))):
        assert f'id="{field}" name="{field}" value="{day}"' in page
    form = {"what": "product:A1", "discount": "20", "price": "", "from": "2026-11-02", "to": "2026-11-08"}
    for wrong in ({"discount": "a lot"}, {"discount": "100"}, {"price": "-3"}, {"to": "2026-11-01"}):
        [(field, text)] = wrong.items()
        said = client.post("/shop/gifts/outlook", form | wrong)
        assert said.status_code == 400
        assert f'id="{field}-error"' in said.content.decode()
        assert f'value="{text}"' in said.content.decode()
    rows = (
        b"".join(client.get("/shop/gifts/outlook?by=product&table=parts&format=csv").streaming_content)
        .decode()
        .splitlines()
    )
    assert len(rows) == 1 + 3 * 13
    part = client.get("/shop/gifts/outlook?category=Rugs&market=GB&grain=day&by=product").content.decode()
    assert "Units by day: Rugs · United Kingdom" in part
    asked = ["--where", "category=Rugs", "--by", "market", "--by", "channel", "--grain", "month", "--format", "json"]
    assert main.run(["outlook", "demand", "--shop", "gifts", *asked]) == 0
    months = json.loads(capsys.readouterr().out)
    assert list(months[0])[:2] == ["market", "channel"]
    assert sum(row["expected"] for row in months) == pytest.approx(made.by["category"].mean[rugs].sum(), abs=0.5)
    assert main.run(["outlook", "demand", "--shop", "gifts", "--where", "market=XX"]) != 0
    capsys.readouterr()
    assert main.run(["outlook", "demand", "--shop", "gifts", "--format", "json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["expected"] for row in printed] == pytest.approx(made.total.mean[0].tolist(), abs=0.06)
    gifts.clock_on = made.weeks[-1] + timedelta(days=60)  # the data ended long ago: its weeks, not today's
    gifts.save()
    late = client.get("/shop/gifts/outlook").content.decode()
    assert f'id="from" name="from" value="{made.weeks[0]}"' in late
    gifts.clock_on = DAY - timedelta(days=30)  # set back: what was seen later is not shown
    gifts.save()
    assert "Looking ahead" in client.get("/shop/gifts/outlook").content.decode()


UNSOLD = "The shop has never sold a product “NOPE”."
WHEN = "from=2026-11-02,to=2026-11-09"
UNPLANNED: Table = {
    f"/outlook?change=product=NOPE,discount=20,{WHEN}": UNSOLD,
    f"GET /outlook/demand?change=product=NOPE,discount=20,{WHEN}": UNSOLD,
    f"topline outlook demand --shop gifts --change product=NOPE,discount=20,{WHEN}": UNSOLD,
    f"/outlook?change=discount=200,{WHEN}": "can't be planned",
    f"GET /outlook/demand?change=discount=200,{WHEN}": "can't be planned",
    f"topline outlook demand --shop gifts --change discount=200,{WHEN}": "can't be planned",
    f"GET /outlook/demand?change=price=-4,{WHEN}": "can't be planned",
    "/outlook?change=x": "“x” is not a planned change.",
    "GET /outlook/demand?change=x": "“x” is not a planned change.",
    "topline outlook demand --shop gifts --change x": "“x” is not a planned change.",
    "/outlook?product=NOPE": "There is no forecast of “product=NOPE”.",
    "GET /outlook/demand?where=product=NOPE": "There is no forecast of “product=NOPE”.",
    "topline outlook demand --shop gifts --where product=NOPE": "There is no forecast of “product=NOPE”.",
}


def test_what_cannot_be_planned_is_said_at_every_door(gifts, owner, client, capsys):
    demand.make(gifts, DAY)
    assert_said(UNPLANNED, shop=gifts, owner=owner, client=client, capsys=capsys)


def test_a_planned_promotion_is_part_of_the_address(gifts, owner, client):
    client.force_login(owner)
    form = {"what": "product:A1", "discount": "20", "price": "", "from": "2026-11-02", "to": "2026-11-08"}
    sent = client.post("/shop/gifts/outlook?product=A1&market=GB&grain=day", form)
    change = "product=A1,discount=20,from=2026-11-02,to=2026-11-09"
    assert parse_qs(urlsplit(sent.url).query) == {
        "product": ["A1"],
        "market": ["GB"],
        "grain": ["day"],
        "change": [change],
    }
    assert demand_file.parse_change(change) == Change(
        product="A1", period=Period(date(2026, 11, 2), date(2026, 11, 9)), discount=0.2
    )
    gone = client.post(sent.url, {"remove": change})
    assert "change" not in gone.url


def test_a_planned_price_stays_where_it_is_once_it_holds(gifts):
    """Lamps a tenth dearer from the Thursday of the second week ahead; rugs so since eight weeks, and sold at it."""
    plan = {"plan_version": "1.1", "until_on": date(2026, 12, 31), "price": Decimal(22), "price_before": Decimal(20)}
    append(
        gifts.lake(),
        "planned_price",
        [
            {**plan, "key": "p1", "category": "Lamps", "on": date(2026, 10, 8)},
            {**plan, "key": "p2", "product_key": "B1", "on": date(2026, 8, 6)},
        ],
    )
    lake, snapshot = gifts.lake(), gifts.lake().latest()
    sold = outlook._sales(lake, snapshot, DAY, gifts.settings())
    known = sold.units.shape[1]
    found = np.exp(_drivers(lake, snapshot, sold)["price"][:, known:])
    products = np.array(sold.names["product"])[sold.of["product"]]
    usual = outlook._last(sold.price)[sold.of["product"]]
    lamps, rugs, vases = (np.flatnonzero(products == code) for code in ("A1", "B1", "C1"))
    rise = 1 + 0.1 * np.array([0, 4, 7, 7]) / 7
    assert found[lamps] == pytest.approx(usual[lamps][:, None] * rise)
    before = outlook._last(sold.price[:, : (date(2026, 8, 6) - sold.start).days // 7])[sold.of["product"]]
    assert found[rugs] == pytest.approx(np.repeat(1.1 * before[rugs][:, None], 4, axis=1))
    assert found[vases] == pytest.approx(np.repeat(usual[vases][:, None], 4, axis=1))


def test_a_price_holds_through_weeks_without_a_sale(gifts):
    """Gaps would tell the model that nothing was sold, which the weeks ahead can't: it expected twice what came."""
    nan = np.nan
    often, seldom, never = [nan, 2, 2, nan, 3, 3], [nan, 2, nan, nan, 3, nan], [nan] * 6
    held = outlook._held(np.array([often, seldom, never]))
    assert held[:2].tolist() == [[2, 2, 2, 2, 3, 3], [2, 2, 2, 2, 3, 3]]
    assert np.isnan(held[2]).all()
    lake, snapshot = gifts.lake(), gifts.lake().latest()
    sold = outlook._sales(lake, snapshot, DAY, gifts.settings())
    sparse = replace(sold, price=np.where(np.arange(sold.units.shape[1]) % 3, np.nan, sold.price))
    assert not np.isnan(_drivers(lake, snapshot, sparse)["price"]).any()


def _drivers(lake, snapshot, sold):
    """Of all series, with four weeks ahead."""
    live = np.arange(len(sold.units))
    promotions = outlook._promotions(lake, snapshot, sold, live, sold.units.shape[1] + 4)
    return outlook._drivers(lake, snapshot, sold, live, (), promotions)


def test_a_promotion_for_a_market_is_on_in_that_market_only(gifts):
    """A fifth off lamps in Great Britain for a week that begins on the Thursday of the second week ahead."""
    days = {"on": date(2026, 10, 8), "until_on": date(2026, 10, 15), "discount_rate": Decimal("0.2")}
    plan = {"plan_version": "1.1", "category": "Lamps"}
    append(gifts.lake(), "planned_promotion", [{**plan, **days, "promotion_key": "p", "market": "GB"}])
    lake, snapshot = gifts.lake(), gifts.lake().latest()
    sold = outlook._sales(lake, snapshot, DAY, gifts.settings())
    known = sold.units.shape[1]
    found = _drivers(lake, snapshot, sold)
    of = {name: np.array(sold.names[name], dtype=object)[sold.of[name]] for name in ("category", "market")}
    is_on = (of["category"] == "Lamps") & (of["market"] == "GB")
    assert is_on.sum() == 1
    share = np.array([0, 4, 3, 0]) / 7
    assert found["promotion"][:, known:] == pytest.approx(np.outer(is_on, share))
    assert found["discount"][:, known:] == pytest.approx(np.outer(is_on, 0.2 * share))
    fall = np.exp(found["price"][:, known:] - found["price"][:, [-1]])
    assert fall == pytest.approx(1 - np.outer(is_on, 0.2 * share))
