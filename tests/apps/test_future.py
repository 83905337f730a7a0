"""Customers' future from the lake to its doors."""

import json
import shutil
from dataclasses import replace
from datetime import date

import pytest
from test_api import caller

import plan_shop
from topline.cli import main
from topline.lake.store import Lake
from topline.plans import customers
from topline.plans import jobs as plan_jobs
from topline.science.lifetime import TooFewCustomersError
from topline.web.pages import future
from topline.workbench import jobs

pytestmark = [pytest.mark.django_db, pytest.mark.once]

TODAY = date(2027, 1, 1)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("future")
    plan_shop.fill(Lake(root, "gifts"), days=400)
    return root


@pytest.fixture
def gifts(shop, history, tmp_path, settings):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = TODAY
    shop.save()
    return shop


def test_doors_tell_the_same_future(gifts, owner, member, client, capsys):
    page = f"/shop/{gifts.slug}/outlook/customers"
    client.force_login(owner)
    assert "Looking at every customer" in client.get(page).content.decode()
    jobs.run_now(plan_jobs.prepare_customers(gifts, TODAY).job)
    made = customers.future(gifts, TODAY, gifts.lake().latest())
    low, high = made.orders_interval
    assert low < made.columns["year_orders"].sum() < high
    assert ((made.columns["is_alive_rate"] >= 0) & (made.columns["is_alive_rate"] <= 1)).all()
    assert made.holdout.customers <= made.customers
    assert sum(count for count, _, _ in made.holdout.groups.values()) == made.holdout.customers
    assert sum(actual for _, _, actual in made.holdout.groups.values()) == made.holdout.actual
    assert {one.line for one in made.lines} == {"Lamps", "Rugs", "Vases"}
    assert all(0 <= one.churn_rate <= 1 for one in made.lines)

    answer = caller(gifts, owner)("GET", f"/shops/{gifts.slug}/outlook/customers?limit=3")
    assert answer.status_code == 200, answer.content
    told = answer.json()
    assert told["customers"] == made.customers
    assert [one["year_sales"] for one in told["list"]] == sorted(
        (one["year_sales"] for one in told["list"]), reverse=True
    )
    assert len(told["list"]) == 3
    narrow = caller(gifts, owner, scopes=("metrics.read",))("GET", f"/shops/{gifts.slug}/outlook/customers")
    assert narrow.json()["list"] == []

    assert main.run(["outlook", "customers", "--shop", gifts.slug, "--limit", "3", "--format", "json"]) == 0
    assert [row["customer"] for row in json.loads(capsys.readouterr().out)] == [one["key"] for one in told["list"]]

    shown = client.get(page).content.decode()
    assert "customers still buy" in shown
    is_far = abs(made.holdout.error) > 0.1
    assert ("Its own rehearsal expected" in shown) == is_far
    told_off = future._off("GBP", replace(made.holdout, total=130.0, actual=100.0), 2_600.0)
    assert told_off == "Its own rehearsal expected 30% more orders than came: missed as much, it is £2,000."
    assert "Churn by product line" in shown
    rows = b"".join(client.get(f"{page}?format=csv&table=list").streaming_content).decode().splitlines()
    assert len(rows) == made.customers + 1
    client.force_login(member("content_lead"))  # sees figures, not rows
    assert told["list"][0]["key"][:10] not in client.get(page).content.decode()
    assert client.get(f"{page}?format=csv&table=list").status_code == 403


def test_few_customers_are_refused(gifts):
    with pytest.raises(TooFewCustomersError, match="at least 100"):
        customers.future(gifts, date(2025, 12, 1), gifts.lake().latest())
