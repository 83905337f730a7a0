"""Fronts, the matrix, the funnel both ways and the drafted document, on a shop that was checked on paper."""

import shutil
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest

from contract import tiny_shop
from topline.accounts import operations as accounts
from topline.lake.scope import Scope
from topline.lake.store import Lake
from topline.plans import (
    content,
    document,
    figures,
    filling,
    fronts,
    funnel,
    live,
    operations,
    promotion,
    team,
    templates,
)
from topline.plans.drafting import Draft
from topline.plans.figures import Reader
from topline.plans.grid import Grid
from topline.plans.models import Plan
from topline.units.missing import Missing
from topline.units.period import Period

pytestmark = pytest.mark.once

NOW = datetime(2024, 5, 1, 9, tzinfo=UTC)
PERIOD = Period(date(2024, 1, 1), date(2024, 5, 1))


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """The folder of lakes with the tiny shop's."""
    root = tmp_path_factory.mktemp("fronts")
    lake = Lake(root, "tiny")
    facts = tiny_shop.facts(with_every_cost=True)
    for name in ("order", "order_line", "product", "spend", "session", "identity_link", "message_event", "lead_event"):
        table = facts[name]
        lake.append(name, table.to_batches(), batch_id=table["batch_id"][0].as_py())
    lake.publish(now=NOW)
    return root


@pytest.fixture
def tiny(owner, history, tmp_path):
    shutil.copytree(history / "tiny", tmp_path / "lake" / "tiny")
    return accounts.create_shop(
        slug="tiny", name="Tiny", currency="EUR", timezone="Europe/Berlin", country="DE", owner=owner,
        clock_on=date(2024, 5, 1),
    )  # fmt: skip


def a_draft(blocks=(None,)):
    cells = np.zeros((len(blocks), 1, 4), dtype=np.int64)
    cells[0, 0] = [25_650] * 4  # 1,026.00 in four equal months
    return Draft(
        as_of=date(2024, 5, 1), snapshot=1, blocks=list(blocks), markets=[None], grids={"net_sales": Grid.of(cells)},
        goals=[], outlook={}, document={},
    )  # fmt: skip


@pytest.fixture
def version(tiny, owner):
    return operations.start_plan(
        shop=tiny, period=PERIOD, draft=a_draft(), actor=owner, now=NOW, template=templates.named(tiny, "both")
    )


@pytest.fixture
def reader(version):
    return Reader(version, date(2024, 5, 1), Scope.whole("tiny"))


def add(version, field, **values):
    return document.add_row(version=version, field=field, values=values, actor=None, now=NOW)


def test_an_action_is_worth_the_facts_that_carry_its_campaigns_utm_or_coupons(version, reader):
    front = add(version, "8.fronts", name="All")
    tied = {
        "winter": {"campaigns": ["winter"], "metric": "net_sales"},  # A1 45, less its mug 10; G1 30
        "spring": {"utm": "utm_source=post&utm_campaign=spring", "metric": "net_sales"},  # B2 2 x 36 GBP; C1 cancelled
        "either": {"campaigns": ["winter"], "coupons": ["HELLO"], "metric": "orders"},  # A1 has both, G1 one
        "coupon": {"coupons": ["HELLO"], "metric": "orders"},
        # A1 35, B2 90 and C1, which was cancelled later, 0: 125 over 3 orders, not the 90 over 2 of the campaign alone
        "a rate": {"campaigns": ["spring"], "coupons": ["HELLO"], "metric": "average_order_value"},
        "a rate of both": {"campaigns": ["winter"], "coupons": ["HELLO"], "metric": "average_order_value"},
        "loose": {"metric": "orders"},
        "flow": {"flow": "https://mail.example/flows/first", "metric": "messages_sent"},  # m1, m2, m3
        "both": {"flow": "/second", "campaigns": ["winter"], "metric": "messages_sent"},  # those three, m4, m5
        "form": {"form": "/contact", "metric": "leads"},  # l1; l3 filled in another and never agreed
        "apart": {"form": "/contact", "metric": "orders"},
    }
    for name, cells in tied.items():
        add(version, "8.actions", name=name, front=front.key, **cells)
    add(version, "8.actions", name="january", front=front.key, campaigns=["winter"], metric="net_sales",
        starts_on="2024-01-01", ends_on="2024-01-31")  # fmt: skip
    found = {one.name: one for one in fronts.actions(reader)}
    assert found["winter"].actual == Decimal(65)
    assert found["spring"].actual == Decimal(90)
    assert found["either"].actual == 2
    assert found["coupon"].actual == 1
    assert found["a rate"].actual == pytest.approx(Decimal(125) / 3)
    assert found["a rate of both"].actual == Decimal("32.5")  # A1 35 and G1 30: A1 once, though it carries both
    assert found["loose"].actual is fronts.NOT_TIED
    assert (found["flow"].actual, found["both"].actual, found["form"].actual) == (3, 5, 1)
    assert found["apart"].actual is fronts.NOT_CUT
    assert found["january"].actual == Decimal(45)
    assert found["january"].spent == Decimal(40)


def test_a_front_without_ties_is_worth_its_channels_and_is_told_what_it_lacks(version, reader, owner):
    add(version, "8.fronts", name="Web", channels=["web"], kpi="net_sales")
    add(
        version,
        "8.fronts",
        name="Whole",
        channels=["app"],
        kpi="net_sales",
        owner=owner.pk,
        budget="100",
        goal="net_sales",
    )
    web, whole = fronts.fronts(reader)
    assert web.result == Decimal(555)  # A1 35, G1 30, A2 400, B2 90
    assert set(web.flags) == {"nobody owns it", "it has no budget", "it has no action", "it serves no goal"}
    add(version, "8.actions", name="A", front=document.rows(version, "8.fronts")[1].key, budget="120")
    assert fronts.fronts(reader)[1].flags == ("its actions cost more than its budget",)
    assert whole.flags == ("it has no action",)


def test_the_matrix_is_made_of_the_actions_and_flags_what_is_empty(version, reader):
    front = add(version, "8.fronts", name="F", channels=["web", "tv"])
    add(version, "8.actions", name="A", front=front.key, stage="top", channel="web", budget="60")
    add(version, "8.actions", name="B", front=front.key, stage="top", channel="web", budget="40")
    add(version, "8.actions", name="C", front=front.key, stage="bottom", channel="app")
    matrix = fronts.matrix(reader)
    assert matrix.channels == ("web", "tv", "app")
    assert matrix.squares["top", "web"].budget == Decimal(100)
    assert matrix.empty_stages == ("middle",)
    assert matrix.unfunded == ("tv", "app")


def test_a_journey_names_its_gaps(version, reader):
    persona = add(version, "4.personas", name="Ann")
    add(version, "4.journey", persona=persona.key, step="awareness", channel="web")
    (journey,) = fronts.journeys(reader)
    assert journey.gaps == ("unaware", "interest", "evaluation", "decision", "purchase")


def test_the_funnel_backwards_from_the_goal(version, reader):
    """February to April: 5 orders (G1, A2, B2, C1, D1) and 513 net (C1 cancelled, two refunds), so 102.60 an order."""
    found = funnel.of(reader)
    assert isinstance(found, funnel.Funnel)
    assert found.goal == Decimal(1026)
    assert found.rates.order_value == Decimal("102.6")
    assert found.orders == pytest.approx(10)
    assert isinstance(found.visits, float)
    assert found.visits == pytest.approx(10 / float(found.rates.conversion))
    assert found.carts == pytest.approx(found.visits * float(found.rates.cart_rate))
    assert sum(line.orders for line in found.lines) == pytest.approx(10)
    assert found.gap == found.goal - found.reach


def test_a_budget_is_spread_over_channels_once(version, reader):
    front = add(version, "8.fronts", name="F", channels=["web", "app"], budget="100")
    add(version, "8.actions", name="A", front=front.key, channel="web", budget="60")
    assert funnel.channel_budgets(reader) == {"web": Decimal(80), "app": Decimal(20)}


def test_a_live_number_has_plan_actual_last_year_and_pace(reader):
    ask = figures.parse("net_sales from=2024-01 to=2024-02")
    (one,) = figures.figures(reader, [ask]).values()
    assert one.plan == Decimal(513)
    assert one.actual == Decimal(45 + 15 + 30 - 10 + 400)  # A1, B1 12 GBP, G1, the refund, A2
    assert one.due == one.plan
    assert one.pace == pytest.approx(480 / 513)
    scoped = figures.parse("net_sales channel=web")
    assert figures.figures(reader, [scoped])[scoped].plan is figures.NO_PLAN
    for wrong in ("net_sales from=2024-01", "net_sales color=red", "net_sales show=all-of-it", 'net_sales category="x'):
        with pytest.raises(figures.LiveNumberError):
            figures.parse(wrong)
    again = figures.parse('net_sales category="Home and garden" from=2024-01 to=2024-02 show=pace')
    assert figures.parse(figures.written(again)) == again


def test_an_audience_counts_those_whom_its_rule_describes(version, reader):
    """By May 2024 ann has two orders, bob two under two keys, dan one; cat's order was cancelled."""
    add(version, "4.personas", name="Twice", rule="orders>=2")
    add(version, "4.personas", name="Mugs", rule="category=kitchen last<=10")
    add(version, "4.personas", name="Nobody", rule="spent>10000")
    rows = document.rows(version, "4.personas")
    found = live.cells(reader, "4.personas", rows)
    by_name = {row.cells["name"]: found[row.key] for row in rows}
    assert by_name["Twice"]["size"].value == 2
    assert by_name["Twice"]["clv"].value == (Decimal(435) + Decimal(105)) / 2  # ann 35 + 400, bob 15 + 90
    assert by_name["Twice"]["aov"].value == Decimal(540) / 4
    assert by_name["Mugs"]["size"].value == 1
    assert by_name["Nobody"]["size"].value == 0
    assert isinstance(by_name["Nobody"]["clv"].value, Missing)


def test_a_row_without_a_category_is_the_whole_range_where_it_stands_alone(version, reader):
    """The twelve months before May 2024, as the shop's own metrics have them."""
    add(version, "7.products", name="All of it")
    add(version, "15.offers", name="All of it")
    sums = reader.values(("net_sales", "units", "orders"), live.year(reader))
    [products], [offers] = (
        list(live.cells(reader, field, document.rows(version, field)).values()) for field in ("7.products", "15.offers")
    )
    assert products["sales"].value == sums["net_sales"] > 0
    assert products["orders"].value == sums["orders"] > 0
    assert products["target"].value == 1026
    assert offers["price"].value == sums["net_sales"] / Decimal(sums["units"])
    add(version, "7.products", name="Lamps", category="home")
    whole, lamps = live.cells(reader, "7.products", document.rows(version, "7.products")).values()
    assert isinstance(whole["sales"].value, Missing)
    assert 0 < lamps["sales"].value < sums["net_sales"]


def test_prices_say_margin_and_the_volume_that_a_profit_needs():
    row = {"price": "30", "cost": "14", "profit": "1000"}
    assert live.margin(row) == pytest.approx(16 / 30)
    assert live.volume(row) == 63  # 1000 / 16 = 62.5
    assert isinstance(live.volume({"price": "10", "cost": "14", "profit": "1000"}), Missing)


def test_deadlines_are_counted_back_from_the_promotion(version):
    easter = add(version, "11.promotions", name="Easter", starts_on="2024-03-29", ends_on="2024-04-01")
    piece = {"name": "Film", "type": "video", "promotion": easter.key, "status": "briefed"}
    by_key = promotion.days_by_key(version, [easter], own=[])
    assert content.out_on(piece, by_key) == date(2024, 3, 22)
    steps = content.deadlines(piece, by_key, date(2024, 3, 5))
    assert [(step.status, step.on, step.is_late) for step in steps] == [
        ("in_work", date(2024, 3, 1), True), ("ready", date(2024, 3, 17), False),
        ("published", date(2024, 3, 22), False),
    ]  # fmt: skip
    assert content.next_deadline(piece | {"status": "published"}, by_key, date(2024, 3, 5)) is content.DONE
    assert content.next_audit({"on": "2024-01-31", "cadence": "monthly"}, date(2024, 3, 1)) == date(2024, 3, 31)


def test_the_data_fills_what_it_can_and_every_row_of_it_fits_its_columns(tiny, owner):
    draft = filling.filled(tiny, PERIOD, a_draft(("living", "home", "kitchen")), "en")
    version = operations.start_plan(
        shop=tiny, period=PERIOD, draft=draft, actor=owner, now=NOW, template=templates.named(tiny, "both")
    )
    held = version.document()
    assert {"2.assumptions", "3.swot", "4.personas", "7.products", "7.prices", "7.places", "8.fronts", "8.actions",
            "15.offers", "23.indicators", "24.reviews"} <= set(held)  # fmt: skip
    prices = {row["cells"]["name"]: row["cells"] for row in held["7.prices"]}
    assert prices["home"]["price"] == "40"  # A1's lamp 30, B2's two at 45, and nothing else in the year
    assert next(row["cells"]["name"] for row in held["7.products"]) == "living"
    again = Plan.objects.create(
        shop=tiny,
        kind="both",
        title="Again",
        starts_on=PERIOD.start,
        ends_on=PERIOD.end,
        currency="EUR",
        created_at=NOW,
    )
    copy = again.versions.create(number=1, as_of=PERIOD.end, snapshot=1, created_at=NOW)
    document.load(version=copy, document=document.exported(version), actor=None, now=NOW)  # checks every cell
    assert copy.document() == held
    assert team.PROPOSED in held
    assert team.proposed(copy) == team.proposed(version)


def test_templates_choose_sections_and_keep_what_people_wrote(tiny, owner, version):
    document.write(
        version=version, field="5.positioning", key="", changes={"text": "For homes."}, seen=0, actor=owner, now=NOW
    )
    add(version, "8.actions", name="A", front="f", starts_on="2024-01-01")
    kept = templates.save(version=version, name="Ours", actor=owner, now=NOW)
    with pytest.raises(templates.TemplateNameError):
        templates.save(version=version, name="Ours", actor=owner, now=NOW)
    fresh = operations.start_plan(
        shop=tiny,
        period=PERIOD,
        draft=a_draft(),
        actor=owner,
        now=NOW,
        template=templates.named(tiny, f"own-{kept.pk}"),
    )
    assert fresh.document()["5.positioning"][0]["cells"] == {"text": "For homes."}
    assert fresh.document()["8.actions"][0]["cells"] == {"name": "A", "front": "f"}
    page = operations.start_plan(
        shop=tiny, period=PERIOD, draft=filling.filled(tiny, PERIOD, a_draft(), "en"), actor=owner, now=NOW,
        template=templates.named(tiny, "one_page"),
    )  # fmt: skip
    assert {name.split(".")[0] for name in page.document()} <= {"1", "6", "7", "8", "12", "18", "24"}
    with pytest.raises(templates.UnknownTemplateError):
        templates.named(tiny, "own-999")
