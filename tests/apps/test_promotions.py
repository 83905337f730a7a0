"""A promotion before it is planned: what it is said to bring, need and clash with, against sums on paper."""

import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_api import caller

import plan_shop
from topline.catalog.models import Product
from topline.journal import operations as journal
from topline.lake.store import Lake
from topline.outlook import demand
from topline.outlook.price import PriceOutlook
from topline.outlook.stock import HORIZON_DAYS, Goods
from topline.plans import calendar, document, facts, promotion, readiness, simulation, standing, stock
from topline.plans.models import Plan, PlanVersion, State
from topline.plans.team import Entries
from topline.units.missing import Missing
from topline.units.period import Period
from topline.web.pages import plan_promotions

pytestmark = pytest.mark.once

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
TODAY = date(2027, 1, 1)
YEAR = Period(date(2027, 1, 1), date(2028, 1, 1))


@pytest.fixture
def version(shop, owner):
    plan = Plan.objects.create(
        shop=shop, kind="both", title="2027", starts_on=YEAR.start, ends_on=YEAR.end, currency="GBP", owner=owner,
        created_at=NOW,
    )  # fmt: skip
    for code, title, category in (("A1", "Lamp", "Lamps"), ("A2", "Big lamp", "Lamps"), ("B1", "Rug", "Rugs")):
        Product.objects.create(shop=shop, code=code, fact_key=code, title=title, category=category)
    return PlanVersion.objects.create(
        plan=plan, number=1, as_of=date(2026, 10, 1), snapshot=0, created_at=NOW, blocks=["Lamps", "Rugs"],
        markets=["GB"],
    )  # fmt: skip


@pytest.fixture
def add(version, owner):
    return lambda field, **values: document.add_row(version=version, field=field, values=values, actor=owner, now=NOW)


def codes(version, row, **asked):
    days = Period(date.fromisoformat(row["starts_on"]), date.fromisoformat(row["ends_on"]) + timedelta(days=1))
    return {
        one.code: dict(one.params)
        for one in simulation.clashes(simulation.around(version, TODAY, Entries(version)), row, days, **asked)
    }


@pytest.mark.django_db
def test_the_same_goods_on_the_same_days_clash_and_say_when_they_are_free(shop, owner, version, add):
    lamps = add("11.promotions", name="Lamps", category="Lamps", starts_on="2027-03-01", ends_on="2027-03-07")
    add("11.promotions", name="More lamps", products="A1", starts_on="2027-03-08", ends_on="2027-03-09")
    calendar.put_event(
        shop=shop, name="Stocktaking", starts_on=date(2027, 3, 10), last_on=date(2027, 3, 10), actor_id=None,
        is_closed=True,
    )  # fmt: skip
    one = {"name": "x", "products": "Lamp", "starts_on": "2027-03-05", "ends_on": "2027-03-06"}
    found = codes(version, one)["clash.promotion"]
    assert (found["name"], found["first_on"], found["free_on"]) == ("Lamps", date(2027, 3, 1), date(2027, 3, 11))
    assert codes(version, one | {"products": "B1"}) == {}
    assert codes(version, one | {"products": "", "category": "Rugs"}) == {}
    assert "clash.promotion" in codes(version, one | {"products": ""})  # the whole shop
    assert codes(version, lamps.cells, key=lamps.key) == {}
    closed = codes(version, one | {"products": "B1", "starts_on": "2027-03-10", "ends_on": "2027-03-10"})
    assert closed["clash.closed"]["free_on"] == date(2027, 3, 11)
    late = codes(version, one | {"starts_on": "2027-03-01", "ends_on": "2027-12-31"})
    assert "clash.promotion_full" in late
    assert promotion.named(shop, {"products": "Lamp, nothing"}) == (frozenset({"A1"}), ("nothing",))
    assert promotion.unknown(version) == []
    add("11.promotions", name="Odd", products="B1, X9, Lamp, nothing", starts_on="2027-05-01", ends_on="2027-05-02")
    assert promotion.unknown(version) == ["X9", "nothing"]
    told = [need for need in readiness.needs(version, []) if need.field == "11.promotions"]
    assert [need.said.params["names"] for need in told] == ["X9, nothing"]


@pytest.mark.django_db
def test_a_discount_below_the_plans_own_prices_is_said_with_the_one_that_fits(owner, version, add):
    add("7.prices", name="Lamps", category="Lamps", price="50", floor="40")
    add("7.prices", name="B1", price="30", floor="10", discount_limit="0.15")
    days = {"name": "x", "starts_on": "2027-03-05", "ends_on": "2027-03-06"}
    lamps, rugs = days | {"category": "Lamps"}, days | {"products": "Rug"}
    assert codes(version, lamps | {"discount": "0.2"}) == {}
    low = {"name": "Lamps", "discount_rate": Decimal("0.25"), "paid_amount": Decimal("37.5"), "floor_amount": 40}
    assert codes(version, lamps | {"discount": "0.25"}) == {"clash.floor": low | {"most_rate": Decimal("0.2")}}
    high = {"name": "B1", "discount_rate": Decimal("0.2"), "most_rate": Decimal("0.15")}
    assert codes(version, rugs | {"discount": "0.2"}) == {"clash.discount": high}
    assert codes(version, rugs | {"discount": "0.15"}) == {}
    assert list(codes(version, days | {"discount": "0.9"})) == ["clash.discount"]  # of all: the least that one allows
    assert codes(version, days | {"category": "Rugs", "discount": "0.9"}).keys() == {"clash.discount"}


@pytest.mark.django_db
def test_one_person_and_one_channel_can_not_be_in_two_places(owner, version, add):
    sale = add(
        "11.promotions", name="Sale", category="Rugs", starts_on="2027-03-01", ends_on="2027-03-07", owner=owner.pk
    )
    add("8.actions", name="Fair", front="f", starts_on="2027-03-07", ends_on="2027-03-09", owner=owner.pk)
    add("10.pieces", name="Teaser", channel="email", promotion=sale.key, on="2027-02-20")
    add("10.pieces", name="Letter", channel="email", on="2027-02-20")
    found = codes(version, sale.cells, key=sale.key)
    assert found == {
        "clash.owner": {"name": "Fair"},
        "clash.content": {"name": "Teaser", "other": "Letter", "out_on": date(2027, 2, 20)},
    }


SPANS = st.builds(
    lambda start, days: Period(YEAR.start + timedelta(days=start), YEAR.start + timedelta(days=start + days)),
    st.integers(0, 340), st.integers(1, 20),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(SPANS, st.lists(SPANS, max_size=12))
def test_the_first_free_day_is_free_and_none_before_it_is(days, taken):
    def is_free(start: date) -> bool:
        wanted = {start + timedelta(days=k) for k in range(days.days)}
        return not any(day in each for each in taken for day in wanted)

    found = simulation.free_from(days, taken, YEAR)
    last = found or YEAR.end - timedelta(days=days.days - 1)
    assert found is None or (is_free(found) and found + timedelta(days=days.days) <= YEAR.end)
    assert not any(is_free(days.start + timedelta(days=k)) for k in range(max((last - days.start).days, 0)))


@pytest.mark.django_db
def test_stock_is_counted_to_the_first_day_and_over_the_promotion(shop):
    """10 a day for 20 days leave 300 - 200; 5 days at 10 x 3 at most take 150: 50 are short; ordered by 20 Jan - 14."""
    n, nan = 2, float("nan")
    goods = Goods(
        as_of=TODAY, known_to=TODAY, product_key=("A1", "B1"), title=(None,) * n, category=("Lamps", "Rugs"),
        supplier=(None, None), on_hand=np.array([300.0, nan]), counted_on=TODAY, received=np.zeros(n),
        idle_days=np.zeros(n), wanted=np.full((n, HORIZON_DAYS), 10.0), dispersion=np.ones(n), error=np.zeros(n),
        unit_cost=np.ones(n), unit_price=np.ones(n),
    )  # fmt: skip
    days = Period(TODAY + timedelta(days=20), TODAY + timedelta(days=25))
    need = simulation._stock(shop, goods, frozenset({"A1"}), days, TODAY, 2.0, 3.0)
    assert (need.on_hand, need.left, need.expected, need.high, need.short) == (300, 100, 100, 150, 50)
    assert need.cover_days == 5
    assert need.order_by == days.start - timedelta(days=round(need.lead_days))
    far = Period(TODAY + timedelta(days=400), TODAY + timedelta(days=401))
    assert isinstance(simulation._stock(shop, goods, None, far, TODAY, 1, 1), Missing)
    assert isinstance(simulation._stock(shop, goods, frozenset({"B1"}), days, TODAY, 1, 1), Missing)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("promotions")
    plan_shop.fill(Lake(root, "gifts"), days=300)
    return root


@pytest.fixture
def gifts(shop, version, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts", dirs_exist_ok=True)
    shop.clock_on = TODAY
    shop.country = "IE"
    shop.save()
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    standing.fresh(shop, "price")
    version.refresh_from_db()
    return shop


@pytest.mark.django_db
def test_it_sells_what_prices_say_at_the_days_own_pace(gifts, version):
    row = {"products": "A1", "discount": "0.2", "starts_on": "2027-01-11", "ends_on": "2027-01-24"}
    found = simulation.simulate(simulation.around(version, TODAY, Entries(version)), row)
    outlook = PriceOutlook(standing.fresh(gifts, "price"))
    k = outlook.chosen("A1")[0]
    weekly, slope = outlook.column("weekly")[k], outlook.column("on_price")[k]
    assert found.answer.units_before == pytest.approx(2 * weekly)
    assert found.answer.units.mean == pytest.approx(2 * weekly * 0.8**slope)
    assert found.uplift == pytest.approx(0.8**slope - 1)
    assert found.given == pytest.approx(2 * weekly * outlook.column("price")[k] * 0.2)
    assert isinstance(found.stock, Missing)
    assert [(each.product, each.is_sold) for each in found.legal] == [("A1", True)]
    assert {step.said.code: step.is_past for step in found.steps} == {
        "step.prepare": True, "step.order": True, "step.price": True, "step.no_content": True,
    }  # fmt: skip
    goods = stock.goods(gifts, TODAY)  # then the season's pace of those days takes the place of the usual one
    a1 = goods.product_key.index("A1")
    again = simulation.simulate(simulation.around(version, TODAY, Entries(version)), row)
    assert again.answer.units_before == pytest.approx(goods.wanted[a1, 10:24].sum())
    assert again.uplift == pytest.approx(found.uplift)


@pytest.mark.django_db
def test_a_promotion_is_tried_on_the_page_and_then_planned(gifts, version, owner, add):
    browser = Client()
    browser.force_login(owner)
    base = reverse("plan_promotion", args=["gifts", version.plan_id])
    form = {"name": "Sale", "products": "A1", "discount": "20", "starts_on": "2027-02-01", "ends_on": "2027-02-07"}
    tried = browser.get(base, form, headers={"HX-Request": "true"}).content.decode()
    assert "Given away" in tried
    assert not version.entries.exists()
    wrong = browser.post(base, form | {"discount": "much", "ends_on": "2026-02-07"})
    assert (wrong.status_code, b"is not a number" in wrong.content) == (400, True)
    assert browser.post(base, form).status_code == 302
    row = version.entries.get()
    assert row.cells["discount"] == "0.2"
    assert {"uplift", "stock_need"} <= set(row.cells)
    page = browser.get(reverse("plan_promotions", args=["gifts", version.plan_id])).content.decode()
    assert "Sale" in page
    again = browser.get(f"{base}?key={row.key}").content.decode()
    assert 'value="20"' in again
    assert browser.post(f"{base}?key={row.key}", form | {"name": "Big sale", "seen": row.revision}).status_code == 302
    row.refresh_from_db()
    assert row.cells["name"] == "Big sale"
    section = browser.get(f"/shop/gifts/plans/{version.plan_id}/document?section=11").content.decode()
    assert "Units expected" in section
    assert browser.get(f"{base}?key=nothing").status_code == 404
    add("11.promotions", name="More", products="A1", starts_on="2027-02-01", ends_on="2027-02-02")
    told = browser.get(f"/shop/gifts/plans/{version.plan_id}/document?section=11").content.decode()
    assert '<span class="said">“More” offers the same goods' in told  # in words, in the document too


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trouble", "said"),
    [({}, "nothing stands"), ({"late": ["x"]}, "needs you"), ({"stock": {"short": 417}}, "short of stock")],
)
def test_the_pages_sentence_says_what_stands_in_the_way(trouble, said):
    assert said in plan_promotions._sentence([{"clashes": [], "late": [], "stock": {"short": 0}} | trouble])


def test_what_an_active_plan_promotes_drives_the_forecast(gifts, version, add):
    """Of the 7 days of the week from 4 January, 4 are promoted at 30 % off, whatever is left of the plan before."""
    add("11.promotions", name="Lamps", category="Lamps", discount="0.3", starts_on="2027-01-07", ends_on="2027-01-10")
    add("11.promotions", name="Rug", products="Rug", starts_on="2027-01-18", ends_on="2027-01-24")
    add("11.promotions", name="Some day")

    def marked(version, batch):
        journal.open_batch(shop="gifts", batch_id=batch, source="plan", now=NOW)
        facts._write_ahead("planned_promotion", facts._promotions, version, batch, NOW)
        journal.make_live(shop="gifts", batch_id=batch, now=NOW)
        journal.publish(gifts.lake())
        lake, snapshot = gifts.lake(), gifts.lake().latest()
        sales = demand._sales(lake, snapshot, TODAY, gifts.settings())
        codes = [sales.names["product"][k] for k in sales.of["product"]]
        places = {code: series for series, code in enumerate(codes)}
        live = np.arange(len(codes))
        discount, promoted = demand._promotions(lake, snapshot, sales, live, sales.units.shape[1] + 6)
        ahead = slice(sales.units.shape[1], None)
        return {code: (discount[places[code], ahead].round(3).tolist(), promoted[places[code], ahead].round(3).tolist())
                for code in ("A1", "B1", "C1")}  # fmt: skip

    first = marked(version, "one")
    assert sum(first["A1"][1]) * 7 == pytest.approx(4, abs=0.01)
    assert sum(first["A1"][0]) * 7 == pytest.approx(4 * 0.3, abs=0.01)
    assert (sum(first["B1"][0]), sum(first["B1"][1])) == (0, 1)
    assert sum(first["C1"][1]) == 0
    PlanVersion.objects.filter(pk=version.pk).update(state=State.ACTIVE)
    later = PlanVersion.objects.create(plan=version.plan, number=2, as_of=TODAY, snapshot=1, created_at=NOW)
    document.add_row(
        version=later, field="11.promotions", actor=None, now=NOW, values={"name": "x", "category": "Lamps",
        "starts_on": "2027-01-09", "ends_on": "2027-01-09"},
    )  # fmt: skip
    second = marked(later, "two")
    assert (sum(second["B1"][1]), round(sum(second["A1"][1]) * 7, 2)) == (0, 1)


@pytest.mark.django_db
def test_the_api_tells_the_same_as_the_page(gifts, version, owner, add):
    row = add("11.promotions", name="Sale", products="A1", discount="0.2", starts_on="2027-02-01", ends_on="2027-02-07")
    call = caller(gifts, owner)
    base = f"/shops/gifts/plans/{version.plan_id}/versions/1/promotions"
    (told,) = call("GET", base).json()
    found = simulation.simulate(simulation.around(version, TODAY, Entries(version)), row.cells, key=row.key)
    assert told["units"]["mean"] == pytest.approx(found.answer.units.mean)
    assert (told["key"], told["prior_prices"][0]["product"]) == (row.key, "A1")
    assert set(told["why"]) == {"stock"}
    tried = call("POST", f"{base}/simulate", {"cells": {**row.cells, "products": "A1, B1"}}).json()
    assert [one["code"] for one in tried["clashes"]] == ["clash.promotion"]
    assert call("POST", f"{base}/simulate", {"cells": {"discount": "2"}}).status_code == 422
    query = "/shops/gifts/calendar/items?start=2027-02-01&end=2027-03-01&layer=promotion"
    (item,) = call("GET", query).json()
    move = {"id": item["id"], "was": {"first": "2027-02-01", "last": "2027-02-07"}}
    moved = call("POST", "/shops/gifts/calendar/moves", move | {"to": {"first": "2027-02-02", "last": "2027-02-08"}})
    assert moved.json()["to"] == {"first": "2027-02-02", "last": "2027-02-08"}
    stale = call("POST", "/shops/gifts/calendar/moves", move | {"to": {"first": "2027-02-03", "last": "2027-02-08"}})
    assert (stale.status_code // 100, stale.json()["code"]) == (4, "stale_move")
    text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20270304\nEND:VEVENT\nEND:VCALENDAR"
    (line,) = call("POST", "/shops/gifts/calendar/import", {"text": text}).json()
    assert (line["outcome"], line["last_on"]) == ("new", "2027-03-04")
    assert call("POST", "/shops/gifts/calendar/import/undo").json() == {"events": 1}
