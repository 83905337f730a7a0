"""The check of a plan from its lake to its doors: page, API, command."""

import json
import shutil
from datetime import date

import pytest
from test_api import caller

import plan_shop
from topline.cli import main
from topline.lake.store import Lake
from topline.plans import checks, operations, progress
from topline.plans import jobs as plan_jobs
from topline.science.check import Change
from topline.units.period import Period
from topline.workbench import jobs

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
    assert not chances["new_customers"].is_simulated
    assert made.sales[1] == pytest.approx(look.total.now.expected, rel=0.002)
    assert [month.month for month in made.months] == list(version.plan.months)
    assert sum(month.target for month in made.months) == pytest.approx(float(look.total.target))
    assert made.levers == ("conversion", "basket", "price")  # neither visits, spend nor stock are known
    assert {note.code for note in made.notes} == {
        "check.no_visits", "check.no_stock", "check.no_spend", "check.no_cost", "check.believed_prices",
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


def test_a_plan_that_is_over_has_nothing_to_check(version):
    with pytest.raises(checks.PlanOverError):
        checks.of(version, date(2027, 1, 1))


def test_the_api_makes_it_first_and_then_answers(version, shop, owner):
    call = caller(shop, owner)
    address = f"/shops/gifts/plans/{version.plan_id}/versions/1/check"
    waiting = call("GET", address)
    assert (waiting.status_code, waiting.json()["state"]) == (202, "queued")
    jobs.run_now(plan_jobs.prepare_check(version, shop.today()))
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
    jobs.run_now(plan_jobs.prepare_check(version, date(2026, 10, 1)))
    shown = client.get(page).content.decode()
    assert "chance to reach" in shown
    assert "What holds each month back" in shown
    part = client.get(
        f"{page}?conversion=10", headers={"HX-Request": "true", "HX-Target": "div#check-answer"}
    ).content.decode()
    assert "<html" not in part
    assert "hx-swap-oob" in part
    assert client.get(f"{page}?conversion=much").status_code == 400
    rows = b"".join(client.get(f"{page}?format=csv&table=months").streaming_content).decode().splitlines()
    assert rows[0].startswith("Month,Target")
    assert len(rows) == 4
    assert "chance to reach" in client.get("/shop/gifts/outlook/check").content.decode()


def test_the_command_says_the_same(version, capsys, monkeypatch):
    assert main.run(["outlook", "check", str(version.plan_id), "--conversion", "10", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    made = checks.of(version, date(2026, 10, 1), change=Change(conversion=0.1))
    assert told[0]["goal"] == "net_sales"
    assert float(told[0]["chance"]) == pytest.approx(made.goals[0].chance, abs=0.001)
