"""Erasing a customer in the browser, over the API and on the command line: shown first, asked twice, then gone."""

import pytest
from django.test import Client
from django.urls import reverse
from test_api import caller

import import_files
from topline.cli import main
from topline.crm import operations, privacy
from topline.crm.models import Erasure, Person
from topline.workbench import jobs
from topline.workbench.models import AuditEntry, Job

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_home(tmp_path, settings):
    settings.HOME = tmp_path


@pytest.fixture
def ana(shop, tmp_path):
    """Customer 501 of the little order file, and 502, who is Ana too."""
    import_files.take_in(shop, import_files.write(tmp_path / "orders.csv"))
    rows = [
        {"source_id": id_, "customer_key": shop.hmac("file", id_), "name": name, "email": f"{name}{id_}@example.org"}
        for id_, name in (("501", "ana"), ("502", "ana"), ("503", "bob"))
    ]
    operations.upsert_identities(shop=shop, source="file", rows=rows)
    ana, other = (Person.objects.get(email=f"ana{id_}@example.org") for id_ in ("501", "502"))
    operations.merge(keep=ana, other=other, actor_id=None, now=shop.now())
    return ana


@pytest.fixture
def browser(owner):
    client = Client()
    client.force_login(owner)
    return client


def test_what_goes_is_counted(ana):
    going = privacy.going(ana)
    assert (len(going.people), going.customers, going.sources) == (2, 2, ("file",))
    # 501 has four rows, 502 three; both have an entry as a customer, and each of their orders a head
    assert (going.facts["order_line"], going.facts["customer"]) == (7, 2)


def test_the_page_shows_asks_twice_and_erases(shop, browser, ana):
    privacy_page, erase = reverse("privacy", args=[shop.slug]), reverse("erase_person", args=[shop.slug, ana.pk])
    found = browser.get(privacy_page + "?q=ana501@example.org").content.decode()
    assert erase in found
    assert "Nobody here is known by that" in browser.get(privacy_page + "?q=zoe").content.decode()
    shown = browser.get(erase).content.decode()
    assert "signed ledger rows of orders: the customer's key leaves its rows (7)" in shown
    second = browser.post(erase).content.decode()
    assert "Type “erase” to go on" in second
    assert browser.post(erase, {"confirm": "yes"}).status_code == 400
    assert Person.objects.filter(pk=ana.pk).exists()
    Job.objects.all().delete()
    browser.post(erase, {"confirm": "Erase"})
    assert list(Person.objects.values_list("name", flat=True)) == ["bob"]
    entry = AuditEntry.objects.get(action="person.erase")
    assert (entry.subject, entry.detail) == ("", {"customers": 2})
    waiting = browser.get(privacy_page).content.decode()
    assert 'hx-trigger="every 2s"' in waiting
    assert jobs.run_now(privacy.under_way(shop)).state == Job.State.DONE
    assert privacy.under_way(shop) is None
    assert browser.get(privacy_page, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert "every 2s" not in browser.get(privacy_page).content.decode()


def test_over_the_api_it_wants_the_word(shop, owner, member, ana):
    call = caller(shop, owner)
    (one,) = call("GET", "/shops/gifts/people?q=ana501@example.org").json()
    path = f"/shops/gifts/people/{one['id']}/erasure"
    assert call("GET", path).json()["customers"] == 2
    assert call("POST", path, {}).json()["code"] == "not_confirmed"
    assert caller(shop, member("support"))("POST", path, {"confirm": "erase"}).status_code == 403
    done = call("POST", path, {"confirm": "erase"})
    assert (done.status_code, done.json()["customers"]) == (202, 2)
    assert Job.objects.get(pk=done.json()["fold"]).kind == "lake.fold"
    assert call("POST", path, {"confirm": "erase"}).status_code == 404


def test_on_the_command_line(shop, ana, capsys):
    assert main.run(["person", "find", "ana501@example.org", "--shop", "gifts", "--format", "json"]) == 0
    assert f'"id": {ana.pk}' in capsys.readouterr().out
    assert main.run(["person", "erase", str(ana.pk), "--shop", "gifts"]) == 1
    assert "say --yes" in capsys.readouterr().err
    assert Person.objects.filter(pk=ana.pk).exists()
    assert main.run(["person", "erase", str(ana.pk), "--shop", "gifts", "--yes"]) == 0
    assert "ustomers of sources: 2" in capsys.readouterr().out
    assert Erasure.objects.count() == 2
    assert main.run(["person", "erase", "999", "--shop", "gifts", "--yes"]) == 3
