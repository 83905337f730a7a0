"""Scenarios of a plan: branched, moved by slider and by cell, compared, adopted; on the page and over time."""

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse

import plan_shop
from topline.accounts import operations as accounts
from topline.journal import operations as journal
from topline.lake.store import Lake
from topline.plans import checks, operations, scenarios
from topline.plans.grid import Part
from topline.plans.models import PlanVersion, Scenario
from topline.units.period import Period

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
AS_OF = date(2026, 10, 1)


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scenarios")
    plan_shop.fill(Lake(folder, "gifts"), days=500)
    return folder


@pytest.fixture
def version(shop, owner, history: Path, tmp_path: Path) -> PlanVersion:
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    accounts.pin_clock(shop=shop, on=AS_OF, actor_id=None)
    period = Period.of_months(AS_OF, 2)
    return operations.draft_plan(shop=shop, period=period, as_of=AS_OF, actor=owner, now=NOW)


def test_a_scenario_is_compared_and_adopted(version: PlanVersion, owner) -> None:
    found = scenarios.branch(version=version, name="Push", actor=owner, now=NOW)
    with pytest.raises(scenarios.ScenarioNameError):
        scenarios.branch(version=version, name=" Push ", actor=owner, now=NOW)
    with pytest.raises(scenarios.DriverError):
        scenarios.move(found=found, values={"basket": 0.9}, at=Part(), actor=owner, now=NOW)
    with pytest.raises(scenarios.UnknownPlaceError):
        scenarios.move(found=found, values={"basket": 0.1}, at=Part(month=2), actor=owner, now=NOW)
    found = scenarios.move(found=found, values={"basket": 0.1}, at=Part(), actor=owner, now=NOW)
    found = scenarios.move(found=found, values={"basket": 0.2}, at=Part(block=0, month=1), actor=owner, now=NOW)
    found = scenarios.move(found=found, values={"basket": 0.1, "price": 0}, at=Part(), actor=owner, now=NOW)
    assert (found.changes, found.revision) == ({"basket": [[0, None, 1, 0.2], [None, None, None, 0.1]]}, 3)
    rests = scenarios.ahead(version, AS_OF)
    assert rests.levers == ("conversion", "basket", "price", "discount")  # no visits, spend, stock or costs are known
    planned, pushed = scenarios.side(rests, None), scenarios.side(rests, found)
    check = checks.of(version, AS_OF)
    assert planned.result.chance == next(one.chance for one in check.goals if one.goal.key == "net_sales")
    assert pushed.result.by_month[:, 0] == pytest.approx(planned.result.by_month[:, 0] * 1.1)
    lamps = rests.base.demand[:, 0].sum(axis=1)[:, rests.base.month == 1].sum(axis=1)
    grown = planned.result.by_month[:, 1] * 1.1 + lamps * 0.1
    assert pushed.result.by_month[:, 1] == pytest.approx(grown)
    assert pushed.result.orders == pytest.approx(planned.result.orders)  # larger baskets, not more of them
    assert pushed.result.chance > planned.result.chance
    assert pushed.tree["basket"] / planned.tree["basket"] == pytest.approx(pushed.tree["sales"] / planned.tree["sales"])

    version = PlanVersion.objects.get(pk=version.pk)
    operations.lock_targets(
        version=version, metric="net_sales", part=Part(1, 0, 0), is_locked=True, seen=0, actor=owner, now=NOW
    )
    found = Scenario.objects.select_related("version__plan__shop").get(pk=found.pk)
    new = scenarios.adopt(found=found, as_of=AS_OF, actor=owner, now=NOW)
    old, grown = version.grid("net_sales").cells, new.grid("net_sales").cells
    assert grown[1, 0, 0] == old[1, 0, 0]
    assert grown[0, :, 1] == pytest.approx(old[0, :, 1] * 1.2, abs=1)
    assert grown[2, :, :] == pytest.approx(old[2, :, :] * 1.1, abs=1)
    assert new.grid("orders") == version.grid("orders")
    assert new.goals.get(key="net_sales").target * 100 == int(grown.sum())
    assert new.entries.rows("24.log").get().cells["proposal"] == "Push."
    assert (new.state, version.state) == ("draft", "draft")


def test_the_page_moves_sliders_and_shows_both_sides(version: PlanVersion, owner) -> None:
    checks.make(version, AS_OF, version.plan.shop.lake().latest())
    browser = Client()
    browser.force_login(owner)
    at = [version.plan.shop.slug, version.plan_id]
    page, act = reverse("plan_scenarios", args=at), reverse("plan_scenarios_act", args=at)
    assert "Branch a scenario" in browser.get(page).content.decode()
    browser.post(act, {"do": "branch", "name": "Dearer"})
    found = Scenario.objects.get()
    adopt = 'name="do" value="adopt"'
    assert adopt not in browser.get(page, {"b": found.pk}).content.decode()  # there is nothing to adopt yet
    moved = {"b": found.pk, "price": "10", "basket": "-5", "block": "0"}
    answer = browser.post(act, moved, headers={"HX-Request": "true", "HX-Target": "scenario-answer"}).content.decode()
    assert "“Dearer” brings" in answer
    assert "+10" in answer
    found.refresh_from_db()
    assert found.changes == {"price": [[0, None, None, 0.1]], "basket": [[0, None, None, -0.05]]}
    wrong = browser.post(act, {"b": found.pk, "price": "90"}, headers={"HX-Request": "true"})
    assert "is outside" in wrong["HX-Trigger"]
    browser.post(act, {"b": found.pk, "price": "0", "block": "0", "do": "move"})
    browser.post(act, {"do": "branch", "name": "Twin", "b": found.pk, "copies": "on"})
    twin = Scenario.objects.get(name="Twin")
    assert twin.changes == {"basket": [[0, None, None, -0.05]]}
    both = browser.get(page, {"a": found.pk, "b": twin.pk}).content.decode()
    assert "changes nothing yet" in both
    assert adopt in both  # it moves the basket
    answer = browser.post(f"{act}?b={twin.pk}", {"do": "adopt"}, follow=True)
    assert "The scenario is a draft of the plan now" in answer.content.decode()
    versions = browser.get(reverse("plan_versions", args=at)).content.decode()
    assert "2 versions, none of them in force." in versions
    assert "Net sales, all targets" in versions  # what the adopted scenario changed
    browser.post(f"{act}?b={twin.pk}&version=1", {"do": "put_away"})
    assert list(Scenario.objects.standing()) == [found]
