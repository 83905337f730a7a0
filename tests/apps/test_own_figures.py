"""A sales rep whom facts name sees their own deals, activities and quota at every door, and nothing of others."""

from datetime import UTC, date, datetime

import pytest
from django.test import Client
from test_api import caller

from contract import tiny_shop
from topline.accounts import operations
from topline.accounts.scopes import scope_for
from topline.journal import operations as journal

pytestmark = [pytest.mark.django_db, pytest.mark.once]

NOW = datetime(2025, 1, 9, tzinfo=UTC)
ASKED = "metrics=deals_won,won_value,pipeline_value,activities,quota_attainment"


@pytest.fixture
def rep(shop, lake, member):
    """Mia, in a shop with the tiny shop's facts."""
    shop.clock_on = date(2025, 1, 9)
    shop.save()
    journal.open_batch(shop=lake.shop, batch_id="tiny", source="test", now=NOW)
    for name, rows in tiny_shop.facts().items():
        lake.append(name, rows.to_batches(), batch_id="tiny")
    journal.make_live(shop=lake.shop, batch_id="tiny", now=NOW)
    journal.publish(lake)
    person = member("rep")
    operations.name_owner(shop=shop, user=person, owner_key="mia", actor_id=None)
    return person


def test_the_api_answers_with_their_own(shop, rep, owner):
    """Mia won k1 for 120 and a quarter of 380 of a quota of 250; k3 for 300 is open; two activities."""
    call = caller(shop, rep)
    totals = call("GET", f"/shops/gifts/query?{ASKED}").json()["totals"]
    assert (totals["deals_won"], totals["won_value"], totals["pipeline_value"]) == (1, "120.00", "300.00")
    assert totals["activities"] == 2
    assert totals["quota_attainment"] == pytest.approx(215 / 250)
    rows = call("GET", "/shops/gifts/query?metrics=deals_won&by=owner").json()["rows"]
    assert rows == [{"owner": "mia", "deals_won": 1}]
    shown = call("GET", "/shops/gifts/rows?metrics=pipeline_value").json()["rows"]
    assert {row["owner"] for row in shown} == {"mia"}
    assert "missing" in call("GET", "/shops/gifts/query?metrics=net_sales").json()["totals"]["net_sales"]
    everyone = caller(shop, owner)("GET", f"/shops/gifts/query?{ASKED}").json()["totals"]
    assert (everyone["deals_won"], everyone["activities"]) == (3, 3)


def test_the_page_shows_their_own(rep):
    client = Client()
    client.force_login(rep)
    page = client.get("/shop/gifts/metrics?metrics=won_value&by=owner").content.decode()
    assert "mia" in page
    assert ">tom<" not in page
    assert "550" not in page


def test_only_a_rep_is_kept_to_their_own(shop, rep, owner):
    assert scope_for(rep, shop).owners == {"mia"}
    operations.set_roles(shop=shop, user=rep, roles=["rep", "sales_manager"], actor_id=None)
    assert scope_for(rep, shop).owners is None
    operations.set_roles(shop=shop, user=rep, roles=["rep"], actor_id=None)
    assert scope_for(rep, shop).owners == {"mia"}
    operations.name_owner(shop=shop, user=rep, owner_key="", actor_id=None)
    assert scope_for(rep, shop).owners == frozenset()
    operations.name_owner(shop=shop, user=owner, owner_key="mia", actor_id=None)
    assert scope_for(owner, shop).owners is None


def test_a_rep_whom_nothing_names_sees_nothing_of_others(shop, rep):
    operations.name_owner(shop=shop, user=rep, owner_key="", actor_id=None)
    totals = caller(shop, rep)("GET", f"/shops/gifts/query?{ASKED}").json()["totals"]
    assert (totals["deals_won"], totals["activities"]) == (0, 0)
    assert totals["pipeline_value"] == "0.00"
    client = Client()
    client.force_login(rep)
    page = client.get("/shop/gifts/").content.decode()
    assert "Nobody has said yet how deals name you" in page
    assert "550" not in page


def test_someone_without_a_role_is_not_named(shop, db):
    stranger = operations.create_user(email="stranger@example.org", password="correct horse", actor_id=None)
    with pytest.raises(operations.UnknownMemberError, match="has no role in Gifts"):
        operations.name_owner(shop=shop, user=stranger, owner_key="mia", actor_id=None)
