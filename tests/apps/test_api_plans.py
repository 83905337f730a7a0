"""A plan over the API: drafted, edited exactly, activated, and seen as it goes."""

import shutil
from datetime import date

import pytest
from test_api import caller

import plan_shop
from topline.lake.store import Lake

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("plans")
    plan_shop.fill(Lake(root, "gifts"))
    return root


@pytest.fixture
def call(shop, owner, history, tmp_path):
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = date(2026, 10, 1)
    shop.save()
    return caller(shop, owner)


def test_a_plan_is_drafted_edited_and_activated(call):
    drafted = call("POST", "/shops/gifts/plans", {"start": "2026-10", "months": 3}).json()
    assert (drafted["starts_on"], drafted["ends_on"]) == ("2026-10-01", "2027-01-01")
    path = f"/shops/gifts/plans/{drafted['id']}/versions/1"
    view = call("GET", path).json()
    assert view["status"] == "before"
    assert all(month["now"]["low"] < month["now"]["expected"] < month["now"]["high"] for month in view["months"])
    assert 0 <= view["total"]["chance"] <= 1
    assert view["headline"]
    assert {goal["goal"]["metric"] for goal in view["goals"]} >= {"net_sales", "orders"}

    edited = call("POST", f"{path}/targets", {"amount": "120000.01", "revision": view["grid"]["revision"]}).json()
    assert edited["total"] == "120000.01"
    locked = call("POST", f"{path}/targets", {"month": 0, "is_locked": True, "revision": edited["revision"]}).json()
    grid = call("GET", path).json()["grid"]
    assert locked["revision"] == grid["revision"]
    assert grid["locked"][0][0] == [True, False, False]
    assert call("POST", f"{path}/undo").json()["total"] == "120000.01"
    assert call("POST", f"{path}/undo").json()["total"] == view["grid"]["total"]

    for verb in ("submit", "approve", "activate"):
        assert call("POST", f"{path}/{verb}").status_code == 200, verb
    assert call("GET", f"/shops/gifts/plans/{drafted['id']}").json()["versions"][0]["state"] == "active"
    refused = call("POST", f"{path}/targets", {"amount": "1", "revision": grid["revision"] + 2})
    assert refused.status_code == 422
    assert refused.json()["title"]


def test_an_edit_on_old_numbers_is_refused(call):
    plan = call("POST", "/shops/gifts/plans", {"start": "2026-10", "months": 3}).json()["id"]
    path = f"/shops/gifts/plans/{plan}/versions/1"
    seen = call("GET", path).json()["grid"]["revision"]
    call("POST", f"{path}/targets", {"month": 0, "amount": "1000", "revision": seen})
    assert call("POST", f"{path}/targets", {"month": 0, "amount": "2000", "revision": seen}).status_code == 422


@pytest.mark.parametrize(
    "wanted",
    [{"start": "2026-13"}, {"start": "2020-01"}, {"start": "2026-10", "months": 0}, {"start": "2026-10", "kind": "x"}],
)
def test_a_plan_that_cannot_be_drafted_says_why(call, wanted):
    answer = call("POST", "/shops/gifts/plans", wanted)
    assert answer.status_code == 422
    assert answer.json()["title"]


def test_an_unknown_plan_is_named(call):
    assert call("GET", "/shops/gifts/plans/99").json()["code"] == "unknown_plan"
    assert call("GET", "/shops/gifts/plans/99/versions/1").status_code == 404
