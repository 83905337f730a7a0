"""A plan over the API: drafted, edited exactly, activated, and seen as it goes."""

import shutil
from datetime import date

import pytest
from test_api import caller

import plan_shop
from topline.lake.store import Lake
from topline.plans.models import Plan
from topline.workbench import jobs
from topline.workbench.models import Job

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


def drafted_by(call, **wanted):
    """The plan that the work which was asked for makes."""
    asked = call("POST", "/shops/gifts/plans", {"start": "2026-10", "months": 3, **wanted})
    assert asked.status_code == 202, asked.content
    jobs.run_now(Job.objects.get(pk=asked.json()["id"]))
    done = call("GET", asked.json()["link"].removeprefix("/api/v1")).json()
    assert (done["state"], done["version"], done["message"]) == ("done", 1, "")
    return call("GET", f"/shops/gifts/plans/{done['plan']}").json()


def test_a_draft_is_work_that_is_asked_for_once(call):
    wanted = {"start": "2026-10", "months": 3, "title": "Autumn", "language": "ro"}
    first = call("POST", "/shops/gifts/plans", wanted, Idempotency_Key="k")
    work = first.json()
    assert (first.status_code, work["state"], work["plan"]) == (202, "queued", None)
    assert work["link"] == f"/api/v1/shops/gifts/plans/work/{work['id']}"
    assert not Plan.objects.exists()
    assert call("POST", "/shops/gifts/plans", wanted).json()["id"] == work["id"]
    assert call("POST", "/shops/gifts/plans", wanted | {"title": "Other"}).json()["id"] != work["id"]
    job = Job.objects.get(pk=work["id"])
    assert jobs.run_now(job).state == "done"
    again = call("POST", "/shops/gifts/plans", wanted, Idempotency_Key="k")
    assert (again.json(), again.headers["Idempotency-Replayed"]) == (work, "true")
    plan = Plan.objects.get()
    assert (plan.title, plan.language, plan.kind, plan.owner_id) == ("Autumn", "ro", "sales", job.actor_id)
    assert Job.objects.filter(kind="plans.draft").count() == 2


def test_work_that_fails_says_why(call):
    asked = call("POST", "/shops/gifts/plans", {"start": "2026-10", "as_of": "2024-05-01"}).json()
    jobs.run_now(Job.objects.get(pk=asked["id"]))
    failed = call("GET", f"/shops/gifts/plans/work/{asked['id']}", Accept_Language="ro").json()
    assert (failed["state"], failed["plan"]) == ("failed", None)
    assert failed["message"]
    assert failed["message"] != Job.objects.get(pk=asked["id"]).message
    assert call("GET", "/shops/gifts/plans/work/99").json()["code"] == "unknown_work"


def test_a_plan_is_drafted_edited_and_activated(call):
    drafted = drafted_by(call)
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
    plan = drafted_by(call)["id"]
    path = f"/shops/gifts/plans/{plan}/versions/1"
    seen = call("GET", path).json()["grid"]["revision"]
    call("POST", f"{path}/targets", {"month": 0, "amount": "1000", "revision": seen})
    assert call("POST", f"{path}/targets", {"month": 0, "amount": "2000", "revision": seen}).status_code == 422


@pytest.mark.parametrize(
    "wanted",
    [
        {"start": "2026-13"},
        {"start": "2020-01"},
        {"start": "2026-10", "months": 0},
        {"start": "2026-10", "template": "x"},
    ],
)
def test_a_plan_that_cannot_be_drafted_says_why(call, wanted):
    answer = call("POST", "/shops/gifts/plans", wanted)
    assert answer.status_code == (404 if "template" in wanted else 422)
    assert answer.json()["title"]


def test_an_unknown_plan_is_named(call):
    assert call("GET", "/shops/gifts/plans/99").json()["code"] == "unknown_plan"
    assert call("GET", "/shops/gifts/plans/99/versions/1").status_code == 404
