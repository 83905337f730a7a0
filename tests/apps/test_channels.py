"""The shop's list of channels: kept, proposed from facts, and how pages call them."""

import pytest
from django.test import Client
from test_api import caller

from topline.accounts import channels
from topline.accounts.models import Channel
from topline.imports import jobs
from topline.web import collector, formats

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def call(shop, owner):
    return caller(shop, owner)


@pytest.fixture
def spent(call):
    """Costs of two channels."""
    rows = [{"key": c, "on": "2011-08-01", "channel": c, "amount": 10} for c in ("paid_search", "fair_berlin")]
    assert call("POST", "/facts/spend", rows).json()["accepted"] == 2
    jobs.drain_spool()


def test_channels_of_facts_are_proposed_until_they_are_listed(call, spent, shop):
    said = call("GET", "/shops/gifts/channels").json()
    assert said["channels"] == []
    assert said["proposed"] == [
        {"code": "fair_berlin", "name": "Fair berlin", "kind": "other", "is_online": True},
        {"code": "paid_search", "name": "Paid search", "kind": "paid_search", "is_online": True},
    ]
    kept = call("PUT", "/shops/gifts/channels/fair_berlin", {"name": "Berlin fair", "kind": "event"}).json()
    assert kept == {"code": "fair_berlin", "name": "Berlin fair", "kind": "event", "is_online": False}
    kept = call("PUT", "/shops/gifts/channels/fair_berlin", {"is_online": True}).json()
    assert (kept["name"], kept["kind"], kept["is_online"]) == ("Berlin fair", "event", True)
    said = call("GET", "/shops/gifts/channels").json()
    assert [each["code"] for each in said["proposed"]] == ["paid_search"]
    assert call("DELETE", "/shops/gifts/channels/fair_berlin").status_code == 204
    assert call("DELETE", "/shops/gifts/channels/fair_berlin").status_code == 404


def test_a_kind_that_there_is_not(call):
    answer = call("PUT", "/shops/gifts/channels/x", {"kind": "carrier_pigeon"})
    assert answer.status_code == 422
    assert "direct_mail" in answer.json()["title"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("paid_search", "paid_search"),
        ("Amazon UK", "marketplace"),
        ("store-3", "outlet"),
        ("Newsletter", "email"),
        ("zzz", "other"),
    ],
)
def test_a_code_tells_its_kind(code, kind):
    assert channels.kind_of(code) == kind


def test_the_page_lists_adds_and_names(shop, owner, spent):
    client = Client()
    client.force_login(owner)
    page = client.get("/shop/gifts/settings/channels").content.decode()
    assert "2 channels in your facts are not on the list" in page
    client.post("/shop/gifts/settings/channels", {"do": "all", "codes": ["paid_search", "fair_berlin"]})
    client.post(
        "/shop/gifts/settings/channels",
        {"do": "keep", "code": "paid_search", "name": "Ads on Google", "has_place": "1"},
    )
    kept = Channel.objects.get(code="paid_search")
    assert (kept.name, kept.is_online) == ("Ads on Google", False)
    figures = client.get("/shop/gifts/metrics?metrics=marketing_cost&by=channel&from=2011-08-01&to=2011-09-01")
    assert "Ads on Google" in figures.content.decode()
    assert formats.channel("nobody_named") == "nobody_named"
    client.post("/shop/gifts/settings/channels", {"do": "remove", "code": "paid_search"})
    assert not Channel.objects.filter(code="paid_search").exists()


def test_who_may_not_write_settings_only_looks(shop, member):
    client = Client()
    client.force_login(member("analyst"))
    assert client.get("/shop/gifts/settings/channels").status_code == 200
    assert client.post("/shop/gifts/settings/channels", {"code": "x"}).status_code == 403


def test_the_snippet_names_the_shop_by_a_key_of_its_own(shop, owner):
    client = Client()
    client.force_login(owner)
    page = client.get("/shop/gifts/settings/tracking").content.decode()
    assert f"data-shop=&quot;{collector.site_key(shop)}&quot;" in page
    assert "/t.js" in page
    assert "Nothing has come yet" in page
