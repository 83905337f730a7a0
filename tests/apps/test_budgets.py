"""The budget from its lake to its doors: page, API, command; and the tests that it learns from."""

import json
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from test_api import caller

import plan_shop
from doors import Table, assert_said
from topline.cli import main
from topline.facts.table import tables
from topline.lake.store import Lake
from topline.outlook.budget import Assumptions
from topline.plans import budgets
from topline.plans import jobs as plan_jobs
from topline.plans.models import LiftTest
from topline.science.response import TooFewWeeksError
from topline.workbench import jobs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TODAY = date(2026, 12, 14)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """A shop that sold for a hundred weeks and spent on three channels, on one of them always the same."""
    root = tmp_path_factory.mktemp("budgets")
    lake, rng, now = Lake(root, "gifts"), np.random.default_rng(5), datetime.now(UTC)
    plan_shop.fill(lake, days=700)
    rows = [
        {
            "key": f"{channel}-{day}", "version": 1, "recorded_at": now, "batch_id": "test", "on": day,
            "channel": channel, "kind": "ads", "amount": amount, "amount_shop": amount, "currency": "GBP",
            "rate": Decimal(1), "is_acquisition": True,
        }
        for k in range(700)
        for day in [date(2027, 1, 1) - timedelta(days=700 - k)]
        for channel, mean, spread in (("search", 60, 0.5), ("social", 30, 0.5), ("radio", 20, 0))
        for amount in [Decimal(round(mean * float(np.exp(rng.normal(0, spread))), 2)).quantize(Decimal("0.01"))]
    ]  # fmt: skip
    lake.append("spend", [pa.RecordBatch.from_pylist(rows, tables()["spend"].schema)], batch_id="test", part=1)
    lake.publish(now=now)
    return root


@pytest.fixture
def gifts(shop, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = TODAY
    shop.save()
    return shop


def test_a_budget_is_spent_to_the_penny_within_its_limits(gifts):
    snapshot = gifts.lake().latest()
    asked = Assumptions(budget=1_000_001, weeks=6, goal="sales", limits={1: (None, 200_000)})
    made = budgets.answer(gifts, TODAY, snapshot, asked)
    names = [one.channel for one in made.channels]
    assert names == ["search", "social", "radio"]
    for split in made.splits.values():
        assert split.cells.sum() == 1_000_001
    best = made.splits["best"].channels
    assert best[1] <= 200_000
    assert not made.channels[2].is_moved
    assert best[2] == made.splits["today"].channels[2]  # nothing tells what it brings, so it keeps its share
    low, middle, high = made.splits["best"].worth
    assert low < middle < high
    free = budgets.answer(gifts, TODAY, snapshot, Assumptions(budget=1_000_001, weeks=6, goal="sales"))
    assert free.splits["best"].worth[1] >= 0.999 * free.splits["today"].worth[1]
    again = budgets.answer(gifts, TODAY, snapshot, asked)
    assert again.splits["best"].worth == made.splits["best"].worth


def test_a_recorded_test_weighs_from_then_on(gifts, owner):
    snapshot = gifts.lake().latest()
    before = budgets.answer(gifts, TODAY, snapshot, Assumptions(goal="sales"))
    budgets.record_lift_test(
        shop=gifts, channel="radio", metric="net_sales", ended_on=date(2026, 11, 1), low=Decimal(0), high=Decimal(140),
        effect=900.0, error=60.0, note="", actor_id=owner.pk,
    )  # fmt: skip
    after = budgets.answer(gifts, TODAY, snapshot, Assumptions(goal="sales"))
    assert budgets.learnt(gifts, TODAY, snapshot)["net_sales"].tests == 1
    assert after.channels[2].is_moved
    spent = float(after.splits["today"].channels[2]) / 100 / 13
    assert after.channels[2].brings[1] > before.channels[2].brings[1]
    assert spent == pytest.approx(140, rel=0.01)
    with pytest.raises(budgets.LiftTestError):
        budgets.record_lift_test(
            shop=gifts, channel="radio", metric="net_sales", ended_on=TODAY, low=Decimal(5), high=Decimal(5),
            effect=1.0, error=1.0, note="", actor_id=owner.pk,
        )  # fmt: skip
    budgets.drop_lift_test(test=LiftTest.objects.get(), actor_id=owner.pk)
    assert budgets.learnt(gifts, TODAY, snapshot)["net_sales"].tests == 0


def test_three_weeks_are_refused(gifts):
    snapshot = gifts.lake().latest()
    with pytest.raises(TooFewWeeksError, match="at least 26"):
        budgets.learnt(gifts, date(2025, 2, 20), snapshot)


FAR = "is beyond what past spend can tell of: up to"
NO_AMOUNT = "A budget is an amount above zero"
OUTSIDE: Table = {
    "/outlook/budget?budget=-5": "“-5” is not an amount. Write a number such as 12,500.",
    "GET /outlook/budget?budget=-5": "Input should be greater than 0",
    "topline outlook budget --shop gifts --budget -5": "Input should be greater than or equal to 0",
    "/outlook/budget?budget=0": NO_AMOUNT,
    "GET /outlook/budget?budget=0.001": NO_AMOUNT,
    "topline outlook budget --shop gifts --budget 0": NO_AMOUNT,
    "/outlook/budget?budget=1000000000000": FAR,
    "GET /outlook/budget?budget=1e12": FAR,
    "GET /outlook/budget?budget=1e30": FAR,
    "topline outlook budget --shop gifts --budget 1e12": FAR,
    "/outlook/budget?budget=x": "“x” is not a number.",
    "GET /outlook/budget?budget=x": "Input should be a valid decimal",
    "topline outlook budget --shop gifts --budget x": "Input should be a valid number",
    "topline outlook budget --shop gifts --budget nan": "Input should be",
    "topline outlook budget --shop gifts --budget inf": "Input should be",
    "/outlook/budget?least.0=100000000000": FAR,
    "GET /outlook/budget?least=search=1e30": FAR,
    "topline outlook budget --shop gifts --least search=1e30": FAR,
    "GET /outlook/budget?most=tv=5": "the channels are search, social, radio",
    "topline outlook budget --shop gifts --most search=x": "is not an amount of a channel",
    "GET /outlook/budget?most=search=1&most=social=1&most=radio=1": "can't be spread over them",
    "topline outlook budget --shop gifts --margin 900": "Input should be less than or equal to 100",
    "topline outlook budget --shop gifts --worth nan": "Input should be",
}


def test_doors_agree(gifts, owner, client, capsys):
    page = f"/shop/{gifts.slug}/outlook/budget"
    client.force_login(owner)
    assert "Learning what spend brings" in client.get(page).content.decode()
    jobs.run_now(plan_jobs.prepare_response(gifts, TODAY).job)
    made = budgets.answer(gifts, TODAY, gifts.lake().latest(), Assumptions(budget=500_000, goal="sales"))
    asked = {"budget": "5000", "goal": "sales"}

    call, address = caller(gifts, owner), f"/shops/{gifts.slug}/outlook/budget?budget=5000&goal=sales"
    answer = call("GET", address)
    assert answer.status_code == 200
    assert 10_000 < float(answer.json()["tried"]) < 13_000  # 110 a day for 13 weeks, and some more in the best ones
    best = next(one for one in answer.json()["splits"] if one["name"] == "best")
    assert [round(float(amount) * 100) for amount in best["spend"].values()] == made.splits["best"].channels.tolist()
    assert sum(Decimal(cell) for row in best["weeks"].values() for cell in row) == Decimal("5000.00")
    refused = call("GET", f"{address}&most=tv=5")
    assert refused.status_code == 422
    assert "search, social, radio" in refused.content.decode()

    command = ["outlook", "budget", "--shop", gifts.slug, "--budget", "5000", "--goal", "sales", "--format", "json"]
    assert main.run(command) == 0
    assert [Decimal(row["best"]) for row in json.loads(capsys.readouterr().out)] == [
        Decimal(amount) for amount in best["spend"].values()
    ]

    shown = client.get(page, asked).content.decode()
    assert "£5,000 over 13 weeks" in shown
    assert_said(OUTSIDE, shop=gifts, owner=owner, client=client, capsys=capsys)
    assert "a smaller budget leaves more" not in shown  # of a goal for sales nothing says what they cost
    profit = client.get(page, {"budget": "5000", "goal": "profit", "margin": "45"}).content.decode()
    assert "a smaller budget leaves more" in profit
    own = client.get(
        page,
        {**asked, "own.0": "1000", "was.0": "1"},
        headers={"HX-Request": "true", "HX-Target": "div#budget-answer"},
    ).content.decode()
    assert "Your split" in own
    assert "of the budget unspent" in own or "more than the budget" in own
    beyond = client.get(page, {**asked, "most.0": "1", "most.1": "1"}).content.decode()
    assert "can&#x27;t be spread over them" in beyond
    assert client.get(page, {**asked, "budget": "lots"}).status_code == 200
    for name, wrong in {"weeks": "99", "goal": "foo", "margin": "200"}.items():
        assert f'id="budget-{name}-error"' in client.get(page, {**asked, name: wrong}).content.decode()
    # Hillstrom's e-mail test: net sales of 21,307 who got men's and 21,306 who got none, over two weeks
    told = {
        "metric": "net_sales", "weeks": "2", "with_customers": "21307", "with_did": "1.4226", "with_deviation": "17.75",
        "without_customers": "21306", "without_did": "0.6528", "without_deviation": "11.59",
    }  # fmt: skip
    read = client.get(page, {**asked, **told}).content.decode()
    # error sqrt(17.75^2 / 21307 + 11.59^2 / 21306) = .14523, so .7698 -+ 1.96 x .14523; times 42,613 / 2 a week
    assert "£0.77 of each customer, £0.49 to £1.05 (95 %)" in read
    assert "£16,401.74 a week, with a standard error of £3,094.3" in read
    assert "at least two" in client.get(page, {**asked, **told, "with_customers": "1"}).content.decode()
    assert "nothing can be said of chance" in client.get(page, {**asked, **told, "with_deviation": ""}).content.decode()
    parts = {"budget-reading": "£0.49 to £1.05", "budget-needed": "67,326"}  # asked for while people type
    for target, said in parts.items():
        part = client.get(page, told, headers={"HX-Request": "true", "HX-Target": f"div#{target}"}).content.decode()
        assert part.startswith((f'<div id="{target}"', f'<p id="{target}"'))
        assert said in part
        assert "budget-splits" not in part
    kept = {**told, "channel": "search", "spend": "500", "ended_on": "2026-10-01"}
    assert client.post(page, kept).status_code == 302
    test = LiftTest.objects.get()
    assert (test.metric, test.low, test.high) == ("net_sales", 0, 500)
    assert (test.effect, test.error) == pytest.approx((0.7698 * 42613 / 2, 0.14523 * 42613 / 2), rel=1e-3)
    budgets.drop_lift_test(test=test, actor_id=owner.pk)
    rows = b"".join(client.get(page, {**asked, "format": "csv", "table": "weeks"}).streaming_content).decode()
    assert len(rows.strip().splitlines()) == 14
