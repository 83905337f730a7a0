"""A simulated shop is what its truth says, its ledger adds up, and a seed always gives the same shop."""

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topline.facts.table import tables
from topline.simulate import shop
from topline.simulate.ledger import KINDS, basket, ledger, money
from topline.simulate.shelf import shelf
from topline.simulate.truth import GROUP_PARTS, HARBOUR_AND_PINE, HARBOUR_GROUP, Truth
from topline.simulate.way import ways
from topline.simulate.world import World
from topline.units.period import Period

NOW = datetime(2026, 11, 22, tzinfo=UTC)
SEASON = replace(HARBOUR_AND_PINE, period=Period(date(2025, 10, 1), date(2026, 1, 15)))


def key(id_: str) -> str:
    return hashlib.sha256(id_.encode()).hexdigest()[:32]


def facts(truth: Truth, seed: int) -> dict[str, pa.Table]:
    found: dict[str, list[pa.RecordBatch]] = {}
    for name, batch in shop.facts(World(truth, seed), customer_key=key, batch_id="b", recorded_at=NOW):
        found.setdefault(name, []).append(batch)
    return {name: pa.Table.from_batches(batches) for name, batches in found.items()}


@pytest.fixture(scope="module")
def whole() -> dict[str, pa.Table]:
    return facts(HARBOUR_AND_PINE, 1)


@given(st.integers(0, 2**32))
@settings(max_examples=5, deadline=None)
def test_the_ledger_adds_up_and_nothing_is_given_back_twice(seed):
    world = World(SEASON, seed)
    lines, rows, paid = basket(world), ledger(world), money(world)
    count = len(world.orders.second)
    net = np.bincount(lines.order, lines.net, count)
    charged = net + paid.shipping + paid.tax
    back = np.bincount(rows.order, np.where(rows.second > world.orders.second[rows.order], rows.amount, 0), count)
    total = np.bincount(rows.order, rows.amount, count)
    assert (total == charged + back).all()
    assert (total >= 0).all()
    assert (total[paid.cancelled > 0] == 0).all()
    assert (lines.net >= 0).all()
    assert (np.bincount(rows.order, rows.quantity, count) >= 0).all()
    assert (rows.second < (world.epoch + world.days) * 86_400).all()


def test_the_same_seed_is_the_same_shop_and_another_is_not():
    first, second, other = facts(SEASON, 7), facts(SEASON, 7), facts(SEASON, 8)
    assert all(first[name].equals(second[name]) for name in first)
    assert not first["order"].equals(other["order"])


def test_every_simulated_fact_is_there_in_its_schema(whole):
    assert set(whole) == set(shop.simulated())
    assert {"order", "order_line", "session", "spend", "web_event", "message_event", "survey_response"} <= set(whole)
    for name, table in whole.items():
        assert table.schema == tables()[name].schema
        table.validate(full=True)
        assert pc.count_distinct(table["key"]).as_py() == table.num_rows
        for field in table.schema:
            assert field.nullable or table[field.name].null_count == 0


def test_its_size_is_three_years_and_sixty_thousand_orders(whole):
    orders = whole["order"]
    assert 58_000 <= orders.num_rows <= 62_000
    assert (pc.min(orders["on"]).as_py(), pc.max(orders["on"]).as_py()) == (date(2023, 9, 1), date(2026, 8, 31))
    assert set(orders["currency"].unique().to_pylist()) == {"GBP", "EUR"}
    assert set(orders["market"].unique().to_pylist()) == {"GB", "IE"}
    assert HARBOUR_AND_PINE.clock_on == date(2026, 9, 1)


def test_amounts_in_the_shops_currency_are_exact(whole):
    lines = whole["order_line"].slice(0, 20_000).to_pylist()
    for line in lines:
        assert line["amount_shop"] == line["amount"] * line["rate"]
        assert (line["currency"] == "GBP") == (line["rate"] == 1)
        assert (
            line["kind"] not in ("goods_sold", "goods_cancelled")
            or line["amount"] == line["quantity"] * line["unit_price"]
        )
    assert {line["kind"] for line in lines} <= {kind.value for kind in KINDS}


def test_the_facts_show_the_truth(whole):
    truth = HARBOUR_AND_PINE
    orders, sessions, lines = whole["order"], whole["session"], whole["order_line"]
    assert pc.sum(sessions["orders"]).as_py() == orders.num_rows
    heads = orders.select(["order_key", "customer_key"]).group_by("customer_key").aggregate([("order_key", "count")])
    repeat = heads.filter(pc.is_valid(heads["customer_key"]))
    assert 0.35 < pc.mean(pc.greater(repeat["order_key_count"], 1).cast("float64")).as_py() < 0.5
    world = World(truth, 1)
    expected = (world.traffic[1] * world.appeal).sum() * truth.channels[1].conversion_rate
    assert world.newcomers[1].sum() == pytest.approx(expected, rel=0.03)
    cancelled = pc.mean(pc.is_valid(orders["cancelled_on"]).cast("float64")).as_py()
    assert cancelled == pytest.approx(truth.cancel_rate, rel=0.15)
    sold = lines.filter(pc.equal(lines["kind"], "goods_sold")).num_rows
    refunded = lines.filter(pc.equal(lines["kind"], "refund")).num_rows
    assert 0.04 < refunded / sold < 0.07


def test_events_tell_the_same_as_visits_and_orders(whole):
    """Visit by visit, from the day on which events are recorded; purchases are the orders of these visits."""
    began = HARBOUR_AND_PINE.way.recorded_from
    told = duckdb.connect()
    for name in ("session", "web_event", "order"):
        told.register(f"{name}_", whole[name])
    differing = told.execute(
        """
        WITH counted AS (SELECT session_key, count_if(event IN ('page_view', 'product_view')) AS views,
            count_if(event = 'product_view') AS product_views, count_if(event = 'add_to_cart') AS carts,
            count_if(event = 'checkout') AS checkouts, count_if(event = 'purchase') AS orders,
            count_if(event = 'sign_up') AS sign_ups, count_if(event = 'download') AS downloads,
            count_if(event = 'chat') AS chats, any_value(visitor_key) AS visitor_key FROM web_event_ GROUP BY 1)
        SELECT count(*) FROM session_ s FULL JOIN counted c USING (session_key) WHERE coalesce(s."on" >= ?, true) AND (
            s.views, s.product_views, s.carts, s.checkouts, s.orders, s.sign_ups, s.downloads, s.chats, s.visitor_key)
            IS DISTINCT FROM (c.views, c.product_views, c.carts, c.checkouts, c.orders, c.sign_ups, c.downloads,
            c.chats, c.visitor_key)""",
        [began],
    ).fetchone()
    assert differing == (0,)
    apart = told.execute(
        """
        SELECT count(*) FROM order_ o FULL JOIN (FROM web_event_ WHERE event = 'purchase') e USING (order_key)
        WHERE coalesce(o."on" > ?, true) AND (o.session_key IS DISTINCT FROM e.session_key OR o."at" <> e."at")""",
        [began],
    ).fetchone()
    assert apart == (0,)


def test_answers_and_messages_show_the_truth(whole):
    truth, told = HARBOUR_AND_PINE, duckdb.connect()
    for name in ("message_event", "survey_response", "brand_signal", "market_estimate", "session"):
        told.register(name, whole[name])

    def one(sql: str) -> float:
        (found,) = told.execute(sql).fetchone()
        return float(found)

    mailing, opinion = truth.mailing, truth.opinion
    delivered = "(SELECT count(*) FROM message_event WHERE event = 'delivered')"
    opened = one(f"SELECT count_if(event = 'opened' AND NOT is_machine) / {delivered} FROM message_event")
    clicked = one(f"SELECT count_if(event = 'clicked' AND NOT is_machine) / {delivered} FROM message_event")
    assert opened == pytest.approx(mailing.open_rate, rel=0.03)
    assert clicked == pytest.approx(mailing.click_rate, rel=0.06)
    csat = one("SELECT avg((score >= 4)::INT) FROM survey_response WHERE survey = 'csat'")
    nps = one("SELECT avg((score >= 9)::INT - (score <= 6)::INT) FROM survey_response WHERE survey = 'nps'")
    assert csat == pytest.approx(opinion.satisfied_rate, rel=0.03)
    assert nps == pytest.approx(opinion.promoter_rate - opinion.detractor_rate, abs=0.06)
    asked = "SELECT sum(count) FILTER (kind = 'aware_yes') / sum(count) FROM brand_signal WHERE kind LIKE 'aware%'"
    assert opinion.aware_rate < one(asked) < opinion.aware_rate * (1 + opinion.aware_growth_rate) ** 3
    assert one("SELECT count(*) FROM market_estimate") == 72  # three years of months in two markets
    assert one("SELECT avg((sign_ups > 0)::INT) FROM session") == pytest.approx(truth.way.sign_up_rate, rel=0.03)
    reached = (
        "SELECT min(furthest - CASE WHEN orders > 0 THEN 4 WHEN checkouts > 0 THEN 3 WHEN carts > 0 THEN 2 ELSE 0 END)"
    )
    assert one(f"{reached} FROM session") == 0


def test_what_prices_and_promotions_do_by_hand():
    """Prices as usual, and no offers but Black Friday: 15 % off everything, announced, and the fortnight after."""
    still = replace(SEASON, pricing=replace(SEASON.pricing, change_rate=0, scatter=0, offer_rate=0))
    world = World(still, 4)
    day = (date(2025, 11, 28) - still.period.start).days
    _, start, end = next(run for run in world.offers if still.offers[run[0]].name == "black-friday")
    assert start <= day < end
    weights = np.array([one.weights[10] * one.products for one in still.categories])
    answers = np.array([1.35 * 0.85**one.elasticity for one in still.categories])  # -2: 1.35 / .7225 = 1.87
    assert world.appeal[:, day] == pytest.approx(np.repeat(answers @ weights / weights.sum(), 2))
    assert world.appeal[:, start - 1] == pytest.approx([1, 1])
    assert world.appeal[:, end] == pytest.approx([0.82, 0.82])
    assert world.appeal[:, end + 14 : day + 25] == pytest.approx(1)
    lines = basket(world)
    on = world.orders.second[lines.order] // 86_400 - world.epoch
    inside = (on >= start) & (on < (date(2025, 12, 1) - still.period.start).days)
    sold = np.bincount(shelf(world).category[lines.product[inside]], minlength=len(weights))
    expected = weights * answers / (weights @ answers) * inside.sum()
    assert ((sold - expected) ** 2 / expected).sum() < 18.5  # chi-square, 7 degrees of freedom, 1 in 100
    assert (lines.offer[inside] == np.round(lines.gross[inside] * 0.15)).all()
    assert not lines.offer[~inside & (on < start)].any()


def test_list_prices_and_offers_are_told_as_they_were(whole):
    """A price row for each change, and a promotion row for each product and offer, by which lines were discounted."""
    told = duckdb.connect()
    for name in ("price", "promotion", "order_line", "order", "product"):
        told.register(f"{name}_", whole[name])
    wrong = """
        SELECT count(*) FROM order_line_ l ASOF JOIN (FROM price_ ORDER BY "on") p
        ON l.product_key = p.product_key AND l.market = p.market AND l.ordered_on >= p."on"
        WHERE l.kind = 'goods_sold' AND l.unit_price <> p.amount"""
    assert told.execute(wrong).fetchone() == (0,)
    same = """
        SELECT count(*) FROM (FROM price_ QUALIFY amount =
        lag(amount) OVER (PARTITION BY product_key, market ORDER BY "on"))"""
    assert told.execute(same).fetchone() == (0,)
    apart = """
        WITH sold AS (SELECT order_key, product_key, ordered_on, sum(amount) FILTER (kind = 'goods_sold') AS gross,
            coalesce(sum(amount) FILTER (kind = 'discount' AND amount < 0), 0) AS off
            FROM order_line_ WHERE kind IN ('goods_sold', 'discount') AND product_key IS NOT NULL AND "on" = ordered_on
            GROUP BY ALL HAVING count(*) FILTER (kind = 'goods_sold') = 1),
        best AS (SELECT s.*, max(coalesce(p.discount_rate, 0)) AS rate FROM sold s LEFT JOIN promotion_ p
            ON p.product_key = s.product_key AND s.ordered_on >= p."on" AND s.ordered_on < p.until_on GROUP BY ALL)
        SELECT count(*) FROM best WHERE abs(gross * rate + off) > 0.0051"""
    assert told.execute(apart).fetchone() == (0,)


def test_black_friday_sells_more_than_the_weeks_around_it(whole):
    per_day = whole["order"].group_by("on").aggregate([("key", "count")]).to_pydict()
    count = dict(zip(per_day["on"], per_day["key_count"], strict=True))
    assert count[date(2025, 11, 28)] > 1.6 * count[date(2025, 11, 14)]


def test_what_is_spent_brings_visits_by_the_response():
    world = World(HARBOUR_AND_PINE, 1)
    spend, visits = world.spend[0], world.paid_visits[0] / np.sqrt(world.season)
    response = HARBOUR_AND_PINE.responses[0]
    steady = response.daily / (1 - response.carry_rate)
    assert np.corrcoef(spend, visits)[0, 1] > 0.9
    assert np.median(visits) == pytest.approx(response.top * steady / (steady + response.half), rel=0.15)


def test_a_large_shop_is_drawn_in_parts_that_don_t_meet():
    """Two of its parts: numbers apart, products alike, and a hundredth of what the whole is said to hold each."""
    season = replace(HARBOUR_GROUP, period=Period(date(2025, 11, 10), date(2025, 12, 10)))
    drawn = []
    for part in (0, 1):
        world = World(season, 3, part=part, parts=GROUP_PARTS)
        found: dict[str, list[pa.RecordBatch]] = {}
        for name, batch in shop.facts(world, customer_key=key, batch_id="b", recorded_at=NOW):
            found.setdefault(name, []).append(batch)
        drawn.append({name: pa.Table.from_batches(batches) for name, batches in found.items()})
    first, second = drawn
    assert "product" in first
    assert not {"product", "price", "promotion", "spend"} & set(second)
    for name in ("order", "order_line", "session", "customer"):
        keys = [set(part[name]["key"].to_pylist()) for part in drawn]
        assert keys[0].isdisjoint(keys[1])
        assert 0.8 < len(keys[0]) / len(keys[1]) < 1.25
    assert set(second["order_line"]["product_key"].drop_null().unique().to_pylist()) <= set(
        first["product"]["product_key"].to_pylist()
    )
    assert set(first["customer"]["customer_key"].to_pylist()).isdisjoint(second["customer"]["customer_key"].to_pylist())


def test_the_parts_of_a_shop_add_up_to_it():
    """Four parts of Harbour & Pine hold as many orders as the whole, within what chance allows."""
    whole = len(World(SEASON, 5).orders.second)
    parts = sum(len(World(SEASON, 5, part=part, parts=4).orders.second) for part in range(4))
    assert abs(parts - whole) < 5 * (2 * whole) ** 0.5


def test_the_large_shop_is_as_large_as_it_says():
    """From one of its hundred parts."""
    world = World(HARBOUR_GROUP, 1, part=42, parts=GROUP_PARTS)
    assert 9_000_000 < len(world.orders.second) * GROUP_PARTS < 12_000_000
    assert 1_800_000 < (world.orders.customer.max() + 1) * GROUP_PARTS < 2_300_000
    gone = ways(world)
    began = (HARBOUR_GROUP.way.recorded_from - date(1970, 1, 1)).days * 86_400
    events = (gone.views + gone.carts + gone.checkouts + gone.orders)[world.visits.second >= began].sum()
    assert 45_000_000 < events * GROUP_PARTS < 60_000_000
    assert 25_000_000 < len(ledger(world).order) * GROUP_PARTS < 33_000_000
    assert len(shelf(world).sku) == len(set(shelf(world).sku)) == 50_000


def test_the_team_works_as_its_truth_says(whole):
    work, orders = HARBOUR_AND_PINE.work, whole["order"]
    parcels = whole["fulfilment"]
    standing = orders.filter(pc.is_null(orders["cancelled_on"])).num_rows
    assert standing - 200 < parcels.num_rows <= standing
    assert pc.mean(parcels["is_right"].cast("float64")).as_py() == pytest.approx(work.right_rate, abs=0.003)
    arrived = parcels.filter(pc.is_valid(parcels["delivered_on"]))
    late = pc.greater(arrived["delivered_on"], arrived["promised_on"]).cast("float64")
    assert pc.mean(late).as_py() == pytest.approx(work.late_rate, abs=0.005)
    assert pc.all(pc.greater(arrived["delivered_on"], arrived["shipped_on"])).as_py()
    costs = whole["fulfilment_cost"]
    assert set(costs["order_key"].unique().to_pylist()) == set(parcels["order_key"].to_pylist())
    levels, counts = whole["stock_level"], whole["stock_count"]
    assert pc.min(levels["on_hand"]).as_py() == 0
    exact = pc.mean(pc.equal(counts["recorded"], counts["counted"]).cast("float64")).as_py()
    assert exact == pytest.approx(work.count_rate, abs=0.02)
    talks = whole["support_conversation"].num_rows
    assert talks / orders.num_rows == pytest.approx(work.contact_rate, abs=0.004)


def test_deals_are_won_at_the_rates_of_their_stages(whole):
    deals = whole["deal_stage"]
    stage, before = deals["stage"].to_pylist(), deals["previous_stage"].to_pylist()
    forward = {"new": "talk", "talk": "offer", "offer": "won"}
    for name, rate in zip(forward, HARBOUR_AND_PINE.work.advance_rates, strict=True):
        left = [now for now, last in zip(stage, before, strict=True) if last == name]
        ahead = left.count(forward[name]) / (len(left) - left.count("talk") * (name == "offer"))
        assert ahead == pytest.approx(rate, abs=0.06)
    leads = whole["lead_event"]["lead_key"].unique().to_pylist()
    assert set(deals["lead_key"].to_pylist()) <= set(leads)
