"""The check of a plan from its lake to its doors: page, API, command."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from test_api import caller

import check_base
import plan_shop
from doors import Table, assert_said
from topline.cli import main
from topline.facts.table import tables
from topline.lake.store import Lake
from topline.metrics.query import Filter
from topline.outlook import kept
from topline.plans import (
    checks,
    document,
    expectation,
    facts,
    goals,
    ledger,
    operations,
    price,
    progress,
    standing,
    stock,
    workload,
)
from topline.plans import jobs as plan_jobs
from topline.plans.models import PlanVersion, State
from topline.science import check
from topline.science.check import Change
from topline.units.period import Period
from topline.web.pages import checks as pages
from topline.web.pages import plans as plan_pages
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("checks")
    plan_shop.fill(Lake(root, "gifts"))
    return root


@pytest.fixture
def version(shop, owner, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = date(2026, 10, 1)
    shop.save()
    return operations.draft_plan(
        shop=shop, period=Period.of_months(date(2026, 10, 1), 3), as_of=shop.today(), actor=owner, now=shop.now()
    )


def test_nothing_moved_agrees_with_the_plans_page(version):
    made, look = checks.of(version, date(2026, 10, 1)), progress.of(version, date(2026, 10, 1))
    page = {one.goal.key: one.line.chance for one in look.goals}
    chances = {one.goal.key: one for one in made.goals}
    assert chances["net_sales"].chance == pytest.approx(page["net_sales"], abs=0.002)
    assert chances["orders"].chance == pytest.approx(page["orders"], abs=0.08)
    assert chances["net_sales"].before == chances["net_sales"].chance
    for one in made.goals:  # a target above the middle is less likely than not, wherever the mean lies
        assert (one.middle >= float(one.goal.target)) == (one.chance >= 0.5), one.goal.key
    again = checks.look(version, date(2026, 10, 1))  # the check is made: its chance stands on every page
    assert {one.goal.key: one.line.chance for one in again.goals} == {
        key: one.chance if one.is_simulated else page[key] for key, one in chances.items()
    }
    assert (again.total.chance, again.by_season) == (chances["net_sales"].chance, page["net_sales"])
    assert again.total.now.expected == pytest.approx(made.sales[1])
    assert look.by_season is None
    assert not chances["new_customers"].is_simulated
    assert made.sales[1] == pytest.approx(look.total.now.expected, rel=0.002)
    assert [month.month for month in made.months] == list(version.plan.months)
    assert sum(month.target for month in made.months) == pytest.approx(float(look.total.target))
    assert made.levers == ("conversion", "basket", "price")  # neither visits, spend nor stock are known
    assert {note.code for note in made.notes} == {
        "check.no_visits", "check.no_stock", "check.no_spend", "check.no_cost", "check.believed_prices",
        "check.no_promotions", "forecast.newcomers",
    }  # fmt: skip


def test_a_change_moves_the_chances_and_its_answer_is_kept(version, settings):
    day = date(2026, 10, 1)
    plain = checks.of(version, day)
    made = checks.of(version, day, change=Change(conversion=0.1))
    headline = made.goals[0]
    assert headline.goal.key == "net_sales"
    assert headline.before == plain.goals[0].chance < headline.chance
    assert made.sales[1] == pytest.approx(plain.sales[1] * 1.1)
    easiest = plain.easiest
    if easiest is not None:
        again = checks.of(version, day, change=Change(**{easiest.lever: easiest.amount}), about="net_sales")
        assert again.about.chance >= 0.63
    assert len(list((settings.HOME / "cache" / "check").iterdir())) == 1
    assert checks.of(version, day, change=Change(conversion=0.1)).goals[0].chance == headline.chance


def test_a_lever_beyond_its_limits_is_refused(version):
    with pytest.raises(checks.LeverError, match="from -30 to 30 per cent"):
        checks.of(version, date(2026, 10, 1), change=Change(price=0.5))


def test_a_budget_below_zero_is_refused(version):
    with pytest.raises(checks.LimitError, match="-5 is not"):
        checks.of(version, date(2026, 10, 1), change=Change(budget=-5))


def test_a_plan_that_is_over_has_nothing_to_check(version):
    with pytest.raises(checks.PlanOverError):
        checks.of(version, date(2027, 1, 1))
    look = progress.of(version, date(2027, 1, 1))
    higher = replace(look, total=replace(look.total, target=look.total.actual + 5_000), status="missed")
    for seen, word in ((look, "target met"), (higher, "£5,000 short")):
        told = list(plan_pages.figures(version, seen))
        assert [one["label"] for one in told] == ["Target", "Actual", "Last year"]
        assert told[1]["note"].endswith(word)


def test_the_api_makes_it_first_and_then_answers(version, shop, owner):
    call = caller(shop, owner)
    address = f"/shops/gifts/plans/{version.plan_id}/versions/1/check"
    waiting = call("GET", address)
    assert (waiting.status_code, waiting.json()["state"]) == (202, "queued")
    jobs.run_now(plan_jobs.prepare_check(version, shop.today()).job)
    answer = call("GET", f"{address}?basket=0.1&goal=orders")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert (told["version"], told["about"]) == (1, "orders")
    goal = {each["key"]: each for each in told["goals"]}["net_sales"]
    assert goal["chance"] > goal["chance_as_planned"]
    assert call("GET", f"{address}?basket=9").status_code == 422


def test_the_page_waits_for_its_base_and_then_shows_it(version, client, owner):
    client.force_login(owner)
    page = f"/shop/gifts/plans/{version.plan_id}/check"
    assert "Checking the plan" in client.get(page).content.decode()
    assert client.get(page, headers={"HX-Request": "true"}).status_code == 204
    jobs.run_now(plan_jobs.prepare_check(version, date(2026, 10, 1)).job)
    shown = client.get(page).content.decode()
    assert "chance to reach" in shown
    assert "What holds each month back" in shown
    part = client.get(
        f"{page}?conversion=10", headers={"HX-Request": "true", "HX-Target": "div#check-answer"}
    ).content.decode()
    assert "<html" not in part
    assert "hx-swap-oob" in part
    assert client.get(f"{page}?conversion=much").status_code == 400
    refused = client.get(f"{page}?budget=-5")  # said on the page, which shows the plan without it
    assert refused.status_code == 200
    assert refused.context["budget_error"] == "A budget is zero or more; -5 is not."
    rows = b"".join(client.get(f"{page}?format=csv&table=months").streaming_content).decode().splitlines()
    assert rows[0].startswith("Month,Target")
    assert len(rows) == 4
    assert "chance to reach" in client.get("/shop/gifts/outlook/check").content.decode()


def test_a_mean_far_from_the_middle_is_explained(version):
    made = checks.of(version, date(2026, 10, 1))
    buyers = next(one for one in made.goals if one.goal.key == "new_customers")
    drawn = replace(buyers, low=291.0, expected=962.0, middle=686.4, high=1861.0)
    even = replace(drawn, expected=700.0)
    assert [pages._goal(one, made)["middle"] for one in (drawn, even)] == ["686", ""]


def test_the_command_says_the_same(version, capsys, monkeypatch):
    assert main.run(["outlook", "check", str(version.plan_id), "--conversion", "10", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    made = checks.of(version, date(2026, 10, 1), change=Change(conversion=0.1))
    assert told[0]["goal"] == "net_sales"
    assert float(told[0]["chance"]) == pytest.approx(made.goals[0].chance, abs=0.001)


def test_every_goal_has_a_forecast_of_its_own_or_a_reason(version, shop, owner, client, capsys):
    def add(metric, target, **more):
        wanted = {"metric": metric, "target": Decimal(target), "due_on": date(2026, 12, 31), "actor": owner}
        return goals.add(version=version, now=shop.now(), **wanted, **more)

    with pytest.raises(operations.NegativeTargetError, match="-5"):
        add("units", -5)
    with pytest.raises(goals.ScopeError):
        add("orders", 5, scope={"market": "GB"})  # a grid plans it
    units, visits = add("units", 900), add("sessions", 9000)
    buyers, home = add("customers", 500), add("customers", 400, scope={"market": "GB"})
    lamps = operations.add_goal(
        version=version, metric="net_sales", scope={"category": "Lamps"}, actor=owner, now=shop.now()
    )
    assert [one.quantiles for one in (units, visits, buyers, home)] == [[]] * 4  # worked out behind
    client.force_login(owner)
    page = f"/shop/gifts/plans/{version.plan_id}/goals"
    assert "Its chance is being worked out" in client.get(page).content.decode()
    Job.objects.filter(kind="plans.look").update(state=Job.State.FAILED, message="no memory left.")
    shown = client.get(page).content.decode()
    assert "The chance of some goals could not be worked out: The work broke off: no memory left." in shown
    assert "Its chance is being worked out" not in shown
    assert 'hx-trigger="every 2s' not in shown
    assert "no memory left." in client.get(f"/shop/gifts/plans/{version.plan_id}/goals/{units.pk}").content.decode()
    assert "Its chance is being worked out" in client.get(f"{page}?again=1").content.decode()
    jobs.run_now(Job.objects.filter(kind="plans.look").latest("pk"))
    shown = client.get(page).content.decode()
    assert "Its chance is being worked out" not in shown
    assert 'hx-trigger="every 2s' not in shown
    for one in (units, visits, buyers, home):
        one.refresh_from_db()
    assert (visits.chance, visits.quantiles) == (None, [])
    assert min(len(one.quantiles) for one in (units, buyers, home, lamps)) == 99
    assert home.expected == pytest.approx(0.8 * buyers.expected, rel=0.15)  # GB has four of five orders
    made, page = checks.of(version, DAY), progress.of(version, DAY)
    checked, shown = {one.goal.key: one for one in made.goals}, {one.goal.key: one.line for one in page.goals}
    assert (checked["sessions"].chance, checked["sessions"].before, checked["sessions"].expected) == (None, None, None)
    assert checked["sessions"].why.code == "forecast.nothing"
    assert shown["sessions"].chance is None
    assert checked["units"].is_simulated
    assert checked["units"].expected == pytest.approx(shown["units"].now.expected, rel=0.05)
    assert checked["customers:market=GB"].chance == pytest.approx(shown["customers:market=GB"].chance)
    moved = {one.goal.key: one for one in checks.of(version, DAY, change=Change(conversion=0.1)).goals}
    assert moved["units"].expected == pytest.approx(1.1 * checked["units"].expected)
    assert moved["new_customers"].expected == pytest.approx(1.1 * checked["new_customers"].expected)
    assert moved["customers"].expected == checked["customers"].expected  # nobody knows how it follows
    told = caller(shop, owner)("GET", f"/shops/gifts/plans/{version.plan_id}/versions/1/check").json()
    [said] = [one for one in told["goals"] if one["key"] == "sessions"]
    assert (said["chance"], said["chance_as_planned"], said["low"]) == (None, None, None)
    assert "Nothing above zero is known of Sessions" in said["why"]
    assert main.run(["outlook", "check", str(version.plan_id), "--format", "json"]) == 0
    [said] = [one for one in json.loads(capsys.readouterr().out) if one["goal"] == "sessions"]
    assert (said["chance"], said["as_planned"], said["expected"]) == (None, None, None)
    client.force_login(owner)
    assert (
        "Nothing above zero is known of Sessions"
        in client.get(f"/shop/gifts/plans/{version.plan_id}/check").content.decode()
    )


def test_visits_units_and_gross_profit_are_those_of_the_paths():
    """Two of four slots count: 800 a slot pair at 20 and goods of 12, a tenth dearer in category 0 alone."""
    base = check_base.certain(cost_rate=np.array([0.6, 0.6]), spend=np.full(4, 5.0))
    moved = check.simulate(base, Change(price=0.1, category=0))
    asked = checks._Asked(None, None, np.array([False, True]), done=7.0)
    ends = {name: float(of(moved, asked)[0]) for name, of in checks._SIMULATED.items() if name not in checks._OF_SALES}
    units = 20 * 1.1**-1.5
    assert ends == pytest.approx(
        {"sessions": 7 + 800, "units": 7 + units + 20, "gross_profit": 7 + units * (22 - 12) + 20 * 8, "spend": 7 + 10}
    )


def test_less_is_better_where_the_metric_says_so():
    evenly = [k / 100 for k in range(1, 100)]
    assert expectation.chance("net_sales", evenly, 0.1) == pytest.approx(0.9)
    assert expectation.chance("return_rate", evenly, 0.1) == pytest.approx(0.1)
    ends = np.array([0.02, 0.04, 0.06, 0.08])
    assert [expectation.reached(each, ends, 0.04) for each in ("gross_margin", "return_rate")] == [0.75, 0.5]


def test_the_prices_of_the_plan_move_it_like_the_lever_and_become_facts(version, shop, owner):
    """Lamps a tenth dearer in section 7 come to what the lever of prices says of the plan without that."""
    snapshot, now = shop.lake().latest(), {"actor": owner, "now": shop.now()}
    before = price.before(version, Filter("category", ("Lamps",)))
    values = {"name": "Lamps", "category": "Lamps", "price": f"{before:.2f}"}
    row = document.add_row(version=version, field="7.prices", values=values, **now)
    plain = checks.ground(version, DAY, snapshot)
    assert price.planned(version) == []  # it costs what it cost
    by_lever = check.simulate(plain.base, Change(price=0.1, category=version.blocks.index("Lamps")))
    dearer = {"price": f"{before * Decimal('1.1'):.2f}"}
    document.write(version=version, field="7.prices", key=row.key, changes=dearer, seen=row.revision, **now)
    [planned] = price.planned(version)
    assert (planned.category, planned.product) == ("Lamps", None)
    assert planned.ratio == pytest.approx(1.1, abs=0.001)
    found = checks.ground(version, DAY, snapshot)
    by_plan = check.simulate(found.base, Change())
    assert by_plan.sold.sum(axis=(1, 2)) == pytest.approx(by_lever.sold.sum(axis=(1, 2)), rel=1e-3)
    assert by_plan.orders.sum(axis=1) == pytest.approx(by_lever.orders.sum(axis=1), rel=1e-3)
    assert "check.prices" in {note.code for note in checks.of(version, DAY).notes}
    [(key, cells)] = list(facts._prices(version))
    assert (key, cells["category"], cells["on"]) == (f"price:{row.key}", "Lamps", date(2026, 10, 1))
    assert cells["price"] / cells["price_before"] == pytest.approx(Decimal("1.1"), abs=Decimal("0.001"))


DAY = date(2026, 10, 1)
MEAN_OF_FOUR = float(np.trapezoid(
    4 ** (0.12 * np.exp(0.6 * (z := np.linspace(-6, 6, 4001)))) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), z
))  # fmt: skip
"""What four times the spend multiplies sales with on average, as believed: 4 ^ (0.12 x a lognormal of 0.6)."""


def put(shop, table, *rows):
    now = datetime.now(UTC)
    full = [{"version": 1, "recorded_at": now, "batch_id": table, **row} for row in rows]
    lake = shop.lake()
    lake.append(table, [pa.RecordBatch.from_pylist(full, tables()[table].schema)], batch_id=table)
    lake.publish(now=now)


def learn_prices(shop):
    """Lamps lose 2 % of their units for each per cent of price; nothing is known of the others."""
    none = {"title": "", "line": 0, "group": 0, "units": 900.0, "sales": 9e4, "price": 37.0, "cost": 9.0}
    none |= {"stock": 5.0, "weekly": 40.0, "dispersion": 1.0, "on_price": -2.0, "on_price_se": 0.0, "on_price_own": 1.0}
    run = kept.Run(
        {
            "product": pa.Table.from_pylist([{"key": "A1", "category": "Lamps", **none}]),
            "group": pa.Table.from_pylist([{"name": "Lamps", "mean": -2.0, "se": 0.01, "products": 1}]),
            "effect": pa.Table.from_pylist([{"name": "price", "mean": -2.0, "se": 0.01, "spread": 0.1}]),
        },
        {"as_of": str(DAY), "snapshot": 1},
    )
    kept.save(standing._path(shop, "price", DAY, shop.lake().latest()), run)


def test_the_plans_own_promotions_and_budget_move_it_and_stock_counts_the_stock_plans_units(
    version, shop, owner, client
):
    level = {"key": "A1", "product_key": "A1", "on": DAY - timedelta(days=1), "on_hand": Decimal(900)}
    put(shop, "stock_level", level | {"reserved": Decimal(0), "is_sellable": True, "unit_cost_shop": Decimal(10)})
    days = [date(2025, 10, 1) + timedelta(days=k) for k in range(360)]
    ads = {
        "channel": "search",
        "amount": Decimal(10),
        "amount_shop": Decimal(10),
        "currency": "GBP",
        "rate": Decimal(1),
    }
    put(
        shop,
        "spend",
        *(
            {"key": str(day), "on": day, "kind": "ads", "is_acquisition": True, "rate": Decimal(1), **ads}
            for day in days
        ),
    )
    now = {"actor": owner, "now": shop.now()}
    row = {"name": "Lights", "category": "Lamps", "market": "GB", "discount": "0.2"}
    row |= {"starts_on": "2026-10-12", "ends_on": "2026-10-18"}
    document.add_row(version=version, field="11.promotions", values=row, **now)
    plain = checks.of(version, DAY)
    assert plain.unsaid["promotion"].code == "check.unlearnt_promotions"
    assert "spend" in plain.levers
    assert "supply" in plain.levers
    found = checks.ground(version, DAY, shop.lake().latest())
    goods = stock.goods(shop, DAY)
    cuts = [(day - DAY).days for day in (*found.slots, date(2027, 1, 1))]
    wanted = [float(goods.wanted[0, first:after].sum()) for first, after in pairwise(cuts)]
    lamps = version.blocks.index("Lamps")
    assert (found.base.pooled.mean(axis=0) / found.base.price)[lamps].tolist() == pytest.approx(wanted, rel=1e-5)
    learn_prices(shop)
    for channel, daily in (("search", 30), ("mail", 10)):
        line = ledger.put_line(version=version, activity="Ads", channel=channel, **now)
        for month in version.plan.months:
            amount = Decimal(daily) * ((month + timedelta(days=32)).replace(day=1) - month).days
            ledger.set_amount(version=version, key=line.key, month=month, amount=amount, **now)
    PlanVersion.objects.filter(pk=version.pk).update(state=State.ACTIVE)
    version.refresh_from_db()
    made = checks.of(version, DAY)
    base = checks.ground(version, DAY, shop.lake().latest()).base
    # four times the spend of the year before, in all of the months
    without = check.simulate(base, Change(promotion=-1.0, supply=2.0))
    assert base.spend.sum() == pytest.approx(40 * 92)
    assert without.wanted.sum(axis=(1, 2)).mean() == pytest.approx(plain.sales[1] * MEAN_OF_FOUR, rel=0.01)
    # 20 % off sells 0.8 ^ -2 = 1.5625 times as many, 1.25 times in money: only lamps, in Great Britain, in its week
    week, home = found.slots.index(date(2026, 10, 12)), version.markets.index("GB")
    more = base.demand / without.asked
    expected = np.ones(more.shape[1:])
    expected[lamps, home, week] = 1.25
    assert more.mean(axis=0) == pytest.approx(expected, abs=1e-6)
    assert "promotion" in made.levers
    assert made.standing["promotion"] == pytest.approx(0.2)
    assert {"promotion", "spend"} <= {swing.driver for swing in made.swings}
    # a channel moves alone: without mail a fourth of the spend is gone, of which only the whole's effect is believed
    assert [(one.channel, one.planned) for one in made.channels] == [("search", 30 * 92), ("mail", 10 * 92)]
    call = caller(shop, owner)
    address = f"/shops/gifts/plans/{version.plan_id}/versions/1/check"
    told = call("GET", f"{address}?channel=mail=-1").json()
    assert told["spend"] == pytest.approx(30 * 92)
    assert told["sales"] == pytest.approx(checks.of(version, DAY, change=Change(spend=-0.25)).sales)
    assert [one["moved"] for one in told["channels"]] == [0, -1]
    for wrong, status in (("mail", 422), ("mail=much", 422), ("=0.1", 422), ("mail=7", 422), ("radio=0.1", 404)):
        assert call("GET", f"{address}?channel={wrong}").status_code == status
    client.force_login(owner)
    page = client.get(f"/shop/gifts/plans/{version.plan_id}/check?channel.mail=-100").content.decode()
    assert 'name="channel.mail" min="-100" max="200" step="any" value="-100"' in page
    # the workload of the plan in force picks what its promotion brings, in its week alone
    work, coming = workload.of(shop, DAY), workload.outlook.load(workload._path(shop, DAY, shop.lake().latest()))
    picks = np.array([line.count for line in work.of_kind("pick")]) / coming.expected
    share = base.orders[:, week].mean() / base.unpromoted[week]
    assert share > 1.1
    assert picks.tolist() == pytest.approx([share if day == date(2026, 10, 12) else 1.0 for day in work.weeks])
    assert "check.promotions" in {note.code for note in made.notes}
    assert made.unsaid.keys() == {"traffic"}


NO_GOAL = "The plan has no goal “nope” to find a change for. It has: net_sales, orders"
OUTSIDE: Table = {
    "/plans/{plan}/check?traffic=-200": "can be moved from -50 to 100 per cent: -200 is outside.",
    "GET /plans/{plan}/versions/1/check?traffic=-2": "can be moved from -50 to 100 per cent: -200 is outside.",
    "topline outlook check {plan} --traffic -200": "can be moved from -50 to 100 per cent: -200 is outside.",
    "GET /plans/{plan}/versions/1/check?spend=nan": "can be moved from",
    "/plans/{plan}/check?price=x": "“x” is not a number.",
    "GET /plans/{plan}/versions/1/check?price=x": "Input should be a valid number",
    "topline outlook check {plan} --price x": "Input should be a valid number",
    "/plans/{plan}/check?budget=-5": "A budget is zero or more; -5 is not.",
    "GET /plans/{plan}/versions/1/check?budget=-5": "Input should be greater than or equal to 0",
    "topline outlook check {plan} --budget -5": "A budget is zero or more; -5 is not.",
    "topline outlook check {plan} --budget nan": "A budget is zero or more; nan is not.",
    "/plans/{plan}/check?goal=nope": NO_GOAL,
    "GET /plans/{plan}/versions/1/check?goal=nope": NO_GOAL,
    "topline outlook check {plan} --goal nope": NO_GOAL,
    "/plans/{plan}/check?category=99": "The plan has no category 99 whose price could move",
    "GET /plans/{plan}/versions/1/check?category=99": "The plan has no category 99 whose price could move",
    "/plans/{plan}/check?channel.nope=5": "The plan's budget has no channel “nope”",
    "GET /plans/{plan}/versions/1/check?channel=nope=1": "The plan's budget has no channel “nope”",
    "topline outlook check {plan} --channel nope=1": "The plan's budget has no channel “nope”",
    "topline outlook check 999": "There is no plan “999”.",
}


def test_a_change_that_cannot_be_is_said_at_every_door(version, shop, owner, client, capsys):
    checks.of(version, date(2026, 10, 1))
    table = {asked.format(plan=version.plan_id): said for asked, said in OUTSIDE.items()}
    assert_said(table, shop=shop, owner=owner, client=client, capsys=capsys)


def test_what_can_not_be_asked_of_the_page_is_said_on_it(version, client, owner):
    wrong = {
        "budget=-5": (200, "A budget is zero or more; -5 is not."),
        "budget=1e12": (200, "“1e12” is not a number"),
        "budget=x": (200, "“x” is not a number"),
        "conversion=much": (400, "“much” is not a number"),
        "price=-90": (400, "can be moved from -30 to 30 per cent"),
        "channel.tv=10": (400, "has no channel"),
    }
    client.force_login(owner)
    jobs.run_now(plan_jobs.prepare_check(version, date(2026, 10, 1)).job)
    for asked, (status, said) in wrong.items():  # beside the plan as it stands
        answer = client.get(f"/shop/gifts/plans/{version.plan_id}/check?{asked}")
        shown = answer.content.decode()
        assert (answer.status_code, said in shown, "What holds each month back" in shown) == (status, True, True), asked
