"""The plan document over the API: read, written cell by cell, as a whole, talked about, and its fronts."""

from datetime import UTC, date, datetime

import pytest
from test_api import caller

from topline.plans.models import Plan, PlanVersion

pytestmark = pytest.mark.django_db

NOW = datetime(2011, 8, 1, 9, tzinfo=UTC)


@pytest.fixture
def base(shop, owner):
    plan = Plan.objects.create(
        shop=shop, kind="both", title="Autumn", starts_on=date(2011, 9, 1), ends_on=date(2011, 12, 1), currency="GBP",
        owner=owner, created_at=NOW,
    )  # fmt: skip
    PlanVersion.objects.create(plan=plan, number=1, as_of=date(2011, 9, 1), snapshot=1, created_at=NOW)
    return f"/shops/gifts/plans/{plan.pk}/versions/1"


@pytest.fixture
def call(shop, owner):
    return caller(shop, owner)


def test_a_row_is_added_changed_and_taken_out(call, base):
    made = call("POST", f"{base}/fields/8.fronts/rows", {"cells": {"name": "Search", "budget": "900"}})
    assert made.status_code == 201
    row = made.json()
    assert row["cells"] == {"name": "Search", "budget": "900"}
    path = f"{base}/fields/8.fronts/rows/{row['key']}"
    changed = call("PATCH", path, {"cells": {"budget": "950.50"}, "revision": row["revision"]}).json()
    assert changed["cells"] == {"name": "Search", "budget": "950.5"}
    stale = call("PATCH", path, {"cells": {"budget": "1"}, "revision": row["revision"]})
    assert (stale.status_code, stale.json()["code"]) == (422, "stale_cell")
    history = call("GET", f"{base}/fields/8.fronts/history").json()
    assert next((each["kind"], each["column"], each["old"], each["new"]) for each in history) == (
        "set", "budget", "900", "950.5",
    )  # fmt: skip
    assert call("DELETE", path).status_code == 204
    assert call("GET", f"{base}/document").json() == {"schema": 1, "fields": {}}


def test_the_document_read_and_written_is_the_same(call, base):
    call("POST", f"{base}/fields/4.personas/rows", {"cells": {"name": "Ann", "rule": "orders>=2"}, "key": "ann"})
    call("PATCH", f"{base}/fields/5.positioning", {"cells": {"text": "For homes: {net_sales}"}})
    held = call("GET", f"{base}/document").json()
    assert set(held["fields"]) == {"4.personas", "5.positioning"}
    call("PUT", f"{base}/document", {"schema": 1, "fields": {}})
    assert call("GET", f"{base}/document").json()["fields"] == {}
    assert call("PUT", f"{base}/document", held).json() == held
    wrong = call(
        "PUT", f"{base}/document", {"schema": 1, "fields": {"8.fronts": [{"key": "x", "cells": {"budget": "1"}}]}}
    )
    assert (wrong.status_code, wrong.json()["code"]) == (422, "cells")
    assert call("GET", f"{base}/document").json() == held


def test_a_section_says_its_questions_columns_and_numbers(call, base):
    section = call("GET", f"{base}/sections/1").json()
    assert [field["field"] for field in section["fields"]] == ["1.summary", "1.note", "1.headline", "1.frame"]
    assert [one["metric"] for one in section["fields"][2]["figures"]] == ["net_sales", "orders", "new_customers"]
    assert section["approvers"] == ["owner"]
    assert call("GET", f"{base}/sections/99").status_code == 404
    assert call("POST", f"{base}/fields/99.nothing/rows", {"cells": {}}).status_code == 404


def test_comments_and_fronts_and_templates_answer(call, base):
    said = call("POST", f"{base}/fields/5.positioning/comments", {"text": "Hm, @Olive Owner?"}).json()
    assert said["mentioned"] == [said["author"]]
    assert [one["text"] for one in call("GET", f"{base}/fields/5.positioning/comments").json()] == ["Hm, @Olive Owner?"]
    fronts = call("GET", f"{base}/fronts").json()
    assert fronts["empty_stages"] == ["top", "middle", "bottom"]
    listed = call("GET", "/shops/gifts/plan-templates").json()
    assert [one["id"] for one in listed] == ["sales", "marketing", "both", "one_page", "campaign"]
    plan = int(base.split("/")[4])
    kept = call("POST", "/shops/gifts/plan-templates", {"name": "Ours", "plan": plan, "version": 1})
    assert kept.status_code == 201
    assert call("GET", "/shops/gifts/plan-templates").json()[-1]["id"] == kept.json()["id"]


def test_the_budget_is_planned_moved_and_committed(call, base, owner):
    made = call(
        "POST", f"{base}/budget/lines",
        {"activity": "Search", "channel": "google", "front_key": "find",
         "planned": {"2011-09": "900", "2011-10": "100.5"}},
    )  # fmt: skip
    assert made.status_code == 201, made.json()
    assert made.json()["planned"] == {"2011-09": "900.00", "2011-10": "100.50"}
    key = made.json()["key"]
    call("POST", f"{base}/budget/lines", {"activity": "Post", "channel": "print", "planned": {"2011-11": "200"}})
    moved = call(
        "POST", f"{base}/budget/moves",
        {"source": key, "source_month": "2011-10-01", "target": "post", "target_month": "2011-11-01", "amount": "50.5",
         "reason": "Cards before Christmas"},
    )  # fmt: skip
    assert moved.status_code == 201, moved.json()
    promised = call(
        "POST", f"{base}/budget/commitments", {"line": key, "month": "2011-09-01", "amount": "300", "what": "Agency"}
    ).json()
    assert promised["state"] == "approved"
    found = call("GET", f"{base}/budget").json()
    amounts = ("planned_sum", "committed_sum", "left")
    sums = [(one["key"], *(float(one[name]) for name in amounts)) for one in found["lines"]]
    assert sums == [("search", 950, 300, 650), ("post", 250.5, 0, 250.5)]
    assert [(one["key"], one["planned_sum"]) for one in found["fronts"]] == [("find", "950.00"), ("", "250.50")]
    assert [(one["key"], one["planned_sum"]) for one in found["channels"]] == [
        ("google", "950.00"),
        ("print", "250.50"),
    ]
    assert found["whole"]["planned_sum"] == "1200.50"
    done = call("POST", f"{base}/budget/commitments/{promised['id']}", {"decision": "withdraw"}).json()
    assert done["state"] == "withdrawn"
    changed = call("PUT", f"{base}/budget/lines/post", {"activity": "Cards", "planned": {"2011-11": "10"}}).json()
    assert (changed["activity"], changed["planned"]) == ("Cards", {"2011-11": "10.00"})
    for month, amount in (("2012-01", "10"), ("2011-11", "-1")):
        half = {"activity": "Half", "planned": {"2011-10": "10", month: amount}}
        assert call("POST", f"{base}/budget/lines", half).status_code == 422
        assert call("PUT", f"{base}/budget/lines/post", half).status_code == 422
    now = [(one["activity"], one["planned"]) for one in call("GET", f"{base}/budget").json()["lines"]]
    assert now[1:] == [("Cards", {"2011-11": "10.00"})]
    long = {"activity": "Long", "market": "x" * 11}
    assert call("POST", f"{base}/budget/lines", long).status_code == 422
    assert call("DELETE", f"{base}/budget/lines/post").status_code == 204
    assert call("POST", f"{base}/budget/commitments/99", {"decision": "paid"}).status_code == 404
    too_much = call(
        "POST", f"{base}/budget/commitments", {"line": key, "month": "2011-09-01", "amount": "9999", "what": "TV"}
    )
    assert (too_much.status_code, too_much.json()["code"]) == (422, "over_budget")
