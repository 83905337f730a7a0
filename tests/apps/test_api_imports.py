"""A file over the API, from its proposal to undo: nothing is taken in before it is confirmed."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from test_api import caller

from topline.accounts import operations, permissions
from topline.imports import refund
from topline.lake import store
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = pytest.mark.django_db(transaction=True)

ORDERS = b"""Order,Date,SKU,Product,Quantity,Price,Customer,Country
1001,2011-07-04 10:00,mug,Mug,2,5.00,ann,United Kingdom
1002,2011-07-30 11:00,lamp,Lamp,1,15.50,bob,Ireland
1003,2011-08-02 12:00,mug,Mug,3,5.00,ann,United Kingdom
1004,not a day,mug,Mug,1,5.00,ann,United Kingdom
"""


@pytest.fixture
def call(shop, owner):
    return caller(shop, owner)


@pytest.fixture
def bring(shop, owner):
    _, secret = operations.create_token(
        user=owner, shop=shop, name="uploads", scopes=list(permissions.PERMISSIONS), actor_id=owner.pk
    )
    client = Client(headers={"authorization": f"Bearer {secret}"})

    def bring(content=ORDERS, name="orders.csv", more=(), **headers):
        upload = SimpleUploadedFile(name, content, "text/csv")
        return client.post("/api/v1/shops/gifts/imports", {"files": upload, **dict(more)}, headers=headers)

    return bring


def work():
    """Do what is queued, as a worker would."""
    while job := jobs.claim():
        jobs.perform(job)


def test_a_file_is_proposed_confirmed_and_undone(call, bring):
    answer = bring()
    assert answer.status_code == 202
    number = answer.json()["id"]
    work()
    proposed = call("GET", f"/shops/gifts/imports/{number}").json()
    assert proposed["state"] == "proposed"
    assert proposed["preview"]["quarantined"] == 1
    empty = call("GET", "/shops/gifts/query?metrics=net_sales").json()["totals"]
    assert set(empty["net_sales"]) == {"missing"}

    assert call("POST", f"/shops/gifts/imports/{number}/confirm").status_code == 202
    work()
    live = call("GET", f"/shops/gifts/imports/{number}").json()
    assert live["state"] == "live"
    report = live["report"]
    assert report["rows"] == report["facts"] + report["duplicates"] + report["quarantined"] == 4
    totals = call("GET", "/shops/gifts/query?metrics=net_sales,orders").json()["totals"]
    assert totals == {"net_sales": "40.50", "orders": 3}

    assert call("POST", f"/shops/gifts/imports/{number}/undo").json()["state"] == "undone"
    assert set(call("GET", "/shops/gifts/query?metrics=net_sales").json()["totals"]["net_sales"]) == {"missing"}
    assert call("POST", f"/shops/gifts/imports/{number}/redo").json()["state"] == "live"
    assert call("GET", "/shops/gifts/query?metrics=orders").json()["totals"] == {"orders": 3}


def test_a_form_is_read_whole_or_refused(call, bring):
    refused = bring(more={"date": "day-first", "source": "till"})
    assert refused.status_code == 422
    told = {each["where"]: each["what"] for each in refused.json()["errors"]}
    assert told["form.date"].startswith("There is no field “date”. Did you mean dates")
    assert "files / dates / decimal / rates" in told["form.source"]
    assert call("GET", "/shops/gifts/imports").json()["imports"] == []
    taken = bring(more={"dates": "day-first", "rates": '{"EUR": "0.85"}'})
    assert taken.status_code == 202, taken.json()
    assert taken.json()["rates"] == {"EUR": "0.85"}


def test_an_import_that_broke_is_gone_on_with(call, bring, monkeypatch):
    number = bring().json()["id"]
    work()
    call("POST", f"/shops/gifts/imports/{number}/confirm")
    with monkeypatch.context() as broken:
        broken.setattr(store.Lake, "append", lambda *_, **__: 1 / 0)
        work()
    found = call("GET", f"/shops/gifts/imports/{number}").json()
    assert found["state"] == "failed"
    assert "topline" not in found["error"]
    answer = call("POST", f"/shops/gifts/imports/{number}/resume")
    assert (answer.status_code, answer.json()["state"]) == (202, "running")
    work()
    assert call("GET", "/shops/gifts/query?metrics=net_sales,orders").json()["totals"] == {
        "net_sales": "40.50",
        "orders": 3,
    }
    assert call("POST", f"/shops/gifts/imports/{number}/resume").status_code == 422


def test_an_import_is_live_once_the_answers_show_it(call, bring, monkeypatch):
    number = bring().json()["id"]
    work()
    call("POST", f"/shops/gifts/imports/{number}/confirm")
    told = []
    publish = refund.publish

    def look(lake):
        told.append(call("GET", f"/shops/gifts/imports/{number}").json()["state"])
        return publish(lake)

    monkeypatch.setattr(refund, "publish", look)
    work()
    told.append(call("GET", f"/shops/gifts/imports/{number}").json()["state"])
    assert told == ["running", "live"]


def test_the_quarantine_comes_as_a_file_with_reasons(call, bring):
    number = bring().json()["id"]
    work()
    call("POST", f"/shops/gifts/imports/{number}/confirm")
    work()
    rows = b"".join(call("GET", f"/shops/gifts/imports/{number}/quarantine/0").streaming_content).decode()
    assert "1004" in rows
    assert "not a day" in rows
    assert call("GET", f"/shops/gifts/imports/{number}/quarantine/7").status_code == 404


def test_a_repeated_upload_with_its_key_is_one_import(call, bring):
    first = bring(Idempotency_Key="u1")
    again = bring(Idempotency_Key="u1")
    assert again.json() == first.json()
    assert Job.objects.count() == 1
    other = bring(ORDERS.replace(b"15.50", b"16.50"), Idempotency_Key="u1")
    assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    work()
    assert call("GET", f"/shops/gifts/imports/{first.json()['id']}").json()["preview"]["rows"] == 4


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02"])
def test_what_is_not_a_table_is_refused_in_words(call, bring, content):
    answer = bring(content)
    if answer.status_code == 202:
        work()
        found = call("GET", f"/shops/gifts/imports/{answer.json()['id']}").json()
        assert found["state"] == "failed"
        assert found["error"]
    else:
        assert answer.status_code == 422
        assert answer.json()["title"]


def test_imports_are_paged(call, bring):
    for place in range(3):
        bring(ORDERS + f"20{place},2011-08-03,mug,Mug,1,5.00,cat,Ireland\n".encode())
    first = call("GET", "/shops/gifts/imports?limit=2").json()
    second = call("GET", f"/shops/gifts/imports?limit=2&after={first['next']}").json()
    assert [len(first["imports"]), len(second["imports"]), second["next"]] == [2, 1, None]


def test_what_a_file_leaves_open_is_said(call, bring):
    number = bring(
        ORDERS.replace(b"2011-07-04", b"04/07/2011")
        .replace(b"2011-07-30", b"05/07/2011")
        .replace(b"2011-08-02", b"06/07/2011")
    ).json()["id"]
    work()
    refused = call("post", f"/shops/gifts/imports/{number}/confirm")
    assert (refused.status_code, refused.json()["code"]) == (422, "undecided")
    assert call("post", f"/shops/gifts/imports/{number}/reading", {"dates": "day-first"}).status_code == 202
    work()
    assert call("get", f"/shops/gifts/imports/{number}").json()["preview"]["from"] == "2011-07-04"
    assert call("post", f"/shops/gifts/imports/{number}/confirm").status_code == 202


def test_confirming_twice_is_refused(call, bring):
    number = bring().json()["id"]
    work()
    call("POST", f"/shops/gifts/imports/{number}/confirm")
    assert call("POST", f"/shops/gifts/imports/{number}/confirm").status_code == 422
