"""Analyses through the doors: pages, files, endpoints, a command."""

import json
from datetime import UTC, date, datetime

import ledger_rows
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils.html import escape
from test_api import caller

import path_shop
import web_facts
from topline.accounts import operations
from topline.accounts.channels import keep_channel
from topline.analysis.catalogue import analyses
from topline.cli.main import run

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def call(shop, owner, lake):
    ledger_rows.put(lake)
    return caller(shop, owner)


@pytest.fixture
def browser(shop, owner, lake):
    ledger_rows.put(lake)
    client = Client()
    client.force_login(owner)
    return client


def test_every_analysis_has_a_page_an_endpoint_and_files(browser, call):
    index = browser.get("/shop/gifts/analyses").content.decode()
    listed = {each["id"]: each for each in call("GET", "/shops/gifts/analyses").json()}
    for id_, analysis in analyses().items():
        assert f"/shop/gifts/analyses/{id_}" in index
        page = browser.get(f"/shop/gifts/analyses/{id_}?from=2011-01-01&to=2011-10-01")
        assert page.status_code == 200, id_
        assert escape(analysis.method)[:40] in page.content.decode()
        answer = call("GET", f"/shops/gifts/analyses/{id_}?start=2011-08&end=2011-09").json()
        assert answer["currency"] == "GBP"
        assert {choice["id"] for choice in listed[id_]["choices"]} == {choice.id for choice in analysis.choices}


def test_a_choice_that_is_not_known_names_the_nearest(call):
    answer = call("GET", "/shops/gifts/analyses/cohorts?messure=orders")
    assert answer.status_code == 422
    assert "measure" in answer.json()["title"]
    other = call("GET", "/shops/gifts/analyses/cohorts?within=session")  # a choice of the funnel
    assert other.status_code == 404
    wrong = call("GET", "/shops/gifts/analyses/cohorts?by=chanel")
    assert wrong.status_code == 422
    assert "channel" in wrong.json()["title"]
    assert "cohorts" in call("GET", "/shops/gifts/analyses/cohort").json()["title"]


def test_profit_is_only_for_who_may_see_it(shop, lake, member):
    ledger_rows.put(lake)
    answer = caller(shop, member("rep"))("GET", "/shops/gifts/analyses/cohorts?measure=gross_profit")
    assert answer.json()["code"] == "hidden_metric"


def test_the_answer_is_a_file_too(browser, call):
    page = browser.get("/shop/gifts/analyses/cohorts?from=2011-01-01&to=2011-10-01&format=csv")
    text = b"".join(page.streaming_content).decode()
    assert text.startswith("Month of the first order,")
    assert page["Content-Disposition"].endswith('gifts-cohorts-cells.csv"')
    book = browser.get("/shop/gifts/analyses/cohorts?from=2011-01-01&to=2011-10-01&format=xlsx")
    assert book.content[:2] == b"PK"
    drawn = browser.get("/shop/gifts/analyses/cohorts?from=2011-01-01&to=2011-10-01&format=svg")
    assert b"<svg" in drawn.content
    over_api = call("GET", "/shops/gifts/analyses/cohorts?format=csv")
    assert b"".join(over_api.streaming_content).startswith(b"Month of the first order,")


def test_the_command_prints_it(call, capsys):
    assert run(["analyse", "cohorts", "--shop", "gifts", "--choose", "measure=orders", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["cohort"] for row in rows}
    assert run(["analyse", "cohort", "--shop", "gifts"]) == 3
    assert "cohorts" in capsys.readouterr().err
    assert run(["analyse", "--list"]) == 0


def test_a_command_shows_what_a_person_may_see(call, member, capsys):
    """Without one it shows the whole shop: whoever runs it can read its files."""
    rep, lead = member("rep").email, member("content_lead").email
    said = ["kpi", "gross_profit", "--shop", "gifts"]
    assert run(said) == 0
    assert run([*said, "--as", rep]) == 4
    assert "You may not see Gross profit" in capsys.readouterr().err
    assert run(["kpi", "orders", "--shop", "gifts", "--as", rep.upper()]) == 0
    assert run(["kpi", "orders", "--shop", "gifts", "--as", "nobody@example.org"]) == 3
    assert "nobody@example.org" in capsys.readouterr().err
    rfm = ["analyse", "rfm", "--shop", "gifts", "--as", lead]
    assert run(rfm) == 0
    assert "r f m" not in capsys.readouterr().out.lower()
    assert run([*rfm, "--table", "customers"]) == 4


def test_their_export_is_read_from_a_file(browser):
    file = SimpleUploadedFile(
        "days.csv", "\ufeffDay,Orders,Total sales\n2011-08-01,2,30.00\n2011-08-02,1,44.50\n".encode()
    )
    asked = {"choice": "figures", "from": "2011-08-01", "to": "2011-09-01", "measure": "total_sales", "file": file}
    answer = browser.post("/shop/gifts/analyses/reconciliation/file", asked)
    assert answer.status_code == 302
    assert "figures=2011-08-01=30.00,2011-08-02=44.50" in answer["Location"]
    page = browser.get(answer["Location"])
    assert "Shopify" in page.content.decode()
    assert browser.get("/shop/gifts/analyses/reconciliation/file").status_code == 405
    nothing = SimpleUploadedFile("empty.csv", b"Notes\nnone\n")
    refused = browser.post("/shop/gifts/analyses/reconciliation/file", {"choice": "figures", "file": nothing})
    assert refused.status_code == 400
    assert "by month" in refused.content.decode()


def test_people_are_listed_for_who_may_see_rows(shop, lake, member, call):
    whole = call("GET", "/shops/gifts/analyses/rfm").json()
    assert [table["id"] for table in whole["tables"]] == ["segments", "grid", "customers"]
    lead = caller(shop, member("content_lead"))
    assert [table["id"] for table in lead("GET", "/shops/gifts/analyses/rfm").json()["tables"]] == ["segments", "grid"]
    assert lead("GET", "/shops/gifts/analyses/rfm?table=customers").status_code == 403


def test_channels_are_called_by_their_names(shop, owner, lake):
    for fact, rows in (("session", path_shop.VISITS), ("order_line", path_shop.LINES)):
        lake.append(fact, web_facts.arrow(fact, list(rows)).to_batches(), batch_id="b")
    lake.publish(now=datetime.now(UTC))
    operations.pin_clock(shop=shop, on=date(2024, 4, 30), actor_id=None)
    for code, name in (("mail", "The letter"), ("ads", "Paid ads")):
        keep_channel(shop=shop, code=code, name=name, actor_id=owner.pk)
    client = Client()
    client.force_login(owner)
    asked = "from=2024-03-01&to=2024-04-01&days=14"
    page = client.get(f"/shop/gifts/analyses/journeys?{asked}").content.decode()
    assert "The letter → Paid ads" in page
    assert "1 Paid ads" in page  # the first touch of the chart
    deep = client.get(f"/shop/gifts/analyses/journeys?{asked}&over=channel&over=stage").content.decode()
    assert "The letter · visit → Paid ads · visit" in deep
    assert "Most is owed to Paid ads:" in client.get(f"/shop/gifts/analyses/attribution?{asked}").content.decode()
    rows = caller(shop, owner)("GET", "/shops/gifts/analyses/journeys?start=2024-03&end=2024-04&days=14").json()
    assert "mail → ads" in [row["path"] for table in rows["tables"] if table["id"] == "paths" for row in table["rows"]]
