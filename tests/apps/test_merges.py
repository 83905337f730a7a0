"""Saying that two customers are one person: in the browser, over the API and on the command line."""

import pytest
from django.test import Client
from django.urls import reverse
from test_api import caller

from topline.accounts import operations as accounts
from topline.cli import main
from topline.crm import operations
from topline.crm.models import Person
from topline.workbench.models import AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(shop):
    """Ana, Ana again, and Bob."""
    rows = [
        {"source_id": id_, "customer_key": shop.hmac("file", id_), "name": name, "email": f"{name}{id_}@example.org"}
        for id_, name in (("1", "Ana"), ("2", "Ana"), ("3", "Bob"))
    ]
    operations.upsert_identities(shop=shop, source="file", rows=rows)
    return list(Person.objects.order_by("pk"))


def merged() -> dict[int, int | None]:
    return dict(Person.objects.order_by("pk").values_list("pk", "merged_into"))


@pytest.mark.once
def test_the_page_finds_both_merges_them_and_takes_it_back(shop, owner, people):
    ana, again, bob = people
    browser, page = Client(), reverse("merges", args=[shop.slug])
    browser.force_login(owner)
    assert "Every customer stands for themselves" in browser.get(page).content.decode()
    assert f"?keep={ana.pk}" in browser.get(page + "?q=Ana").content.decode()
    others = browser.get(page + f"?q=Ana&keep={ana.pk}").content.decode()
    assert f'name="person" value="{again.pk}"' in others
    assert f'name="person" value="{ana.pk}"' not in others
    browser.post(page, {"do": "merge", "keep": ana.pk, "person": again.pk})
    assert merged() == {ana.pk: None, again.pk: ana.pk, bob.pk: None}
    shown = browser.get(page).content.decode()
    assert "1 customer counts as somebody else" in shown
    assert "Olive Owner" in shown
    assert (
        "one person already" in browser.post(page, {"do": "merge", "keep": again.pk, "person": ana.pk}).content.decode()
    )
    browser.post(page, {"do": "unmerge", "person": again.pk})
    assert set(merged().values()) == {None}
    said = AuditEntry.objects.filter(shop=shop.slug, action__startswith="person.").order_by("pk")
    assert [(entry.action, entry.actor_id) for entry in said] == [
        ("person.merge", owner.pk),
        ("person.unmerge", owner.pk),
    ]
    elsewhere = accounts.create_shop(
        slug="toys", name="Toys", currency="EUR", timezone="Europe/Berlin", country="DE", owner=owner
    )
    other_page = reverse("merges", args=[elsewhere.slug])
    assert browser.post(other_page, {"keep": ana.pk, "person": bob.pk}).status_code == 404


@pytest.mark.once
def test_the_api_merges_lists_and_takes_back(shop, owner, people):
    ana, again, bob = people
    call = caller(shop, owner)
    assert call("POST", f"/shops/gifts/people/{ana.pk}/merge", {"other": again.pk}).json()["id"] == ana.pk
    assert call("POST", f"/shops/gifts/people/{ana.pk}/merge", {"other": bob.pk}).status_code == 200
    first = call("GET", "/shops/gifts/merges?limit=1").json()
    rest = call("GET", f"/shops/gifts/merges?limit=1&after={first['next']}").json()
    assert [each["id"] for each in first["merges"] + rest["merges"]] == [bob.pk, again.pk]
    assert first["merges"][0]["merged_into"] == ana.pk
    assert call("POST", f"/shops/gifts/people/{bob.pk}/merge", {"other": ana.pk}).json()["code"] == "merge"
    assert call("POST", f"/shops/gifts/people/{bob.pk}/unmerge").json()["merged_into"] is None
    assert call("POST", f"/shops/gifts/people/{bob.pk}/unmerge").status_code == 422
    assert call("POST", "/shops/gifts/people/999/merge", {"other": ana.pk}).status_code == 404


@pytest.mark.once
def test_the_command_merges_and_takes_back(shop, people, capsys):
    ana, again, _ = people
    assert main.run(["person", "merge", str(ana.pk), str(again.pk), "--shop", "gifts"]) == 0
    assert main.run(["person", "merges", "--shop", "gifts", "--format", "csv"]) == 0
    assert f"{again.pk},Ana,Ana2@example.org,,,{ana.pk}" in capsys.readouterr().out
    assert main.run(["person", "unmerge", str(again.pk), "--shop", "gifts"]) == 0
    assert set(merged().values()) == {None}
    assert main.run(["person", "unmerge", str(again.pk), "--shop", "gifts"]) != 0
