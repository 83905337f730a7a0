"""What next, from the lake to the doors."""

import json
import shutil
from datetime import date

import pytest
from test_api import caller

import plan_shop
from topline.cli import main
from topline.lake.store import Lake
from topline.outlook import recommend as outlook
from topline.plans import standing
from topline.science import recommend
from topline.workbench import jobs

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("next")
    plan_shop.fill(Lake(root, "gifts"), days=300)
    return root


@pytest.fixture
def gifts(shop, history, tmp_path, settings, monkeypatch):
    settings.HOME = tmp_path
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    shop.clock_on = date(2027, 1, 1)
    shop.save()
    return shop


@pytest.fixture
def learnt(gifts, monkeypatch):
    """Three products are enough here."""
    monkeypatch.setattr(recommend, "LEAST_PRODUCTS", 3)
    standing.fresh(gifts, "recommend")
    return gifts


def test_too_few_products_are_refused_on_the_page_and_the_command(client, owner, gifts, capsys):
    client.force_login(owner)
    url = "/shop/gifts/outlook/next"
    assert "Learning what goes with what" in client.get(url).content.decode()
    while job := jobs.claim():
        jobs.perform(job)
    assert client.get(url, headers={"HX-Request": "true"}).content.decode().count("too few to learn") == 1
    assert main.run(["outlook", "next", "--shop", "gifts", "--basket", "A1"]) == 4
    assert "too few to learn" in capsys.readouterr().err


def test_a_basket_and_a_customer(client, owner, learnt):
    lake = learnt.lake()
    found = outlook.Recommender(standing.fresh(learnt, "recommend"))
    advice = found.basket(["A1"])
    assert advice.bought == ("A1",)
    assert "A1" not in {each.product for each in (*advice.next, *advice.cross_sell)}
    key = found.run.tables["customer"]["customer_key"][0].as_py()
    of_one = found.customer(lake, lake.latest(), key)
    assert {each.product for each in of_one.next if each.is_again} <= set(of_one.bought)
    assert not {each.product for each in of_one.cross_sell} & set(of_one.bought)
    for each in (*of_one.next, *advice.next):
        assert sum(share for _, share in each.reasons) <= 1 + 1e-9
    with pytest.raises(outlook.UnknownCustomerError):
        found.customer(lake, lake.latest(), "nobody")
    client.force_login(owner)
    assert key in client.get(f"/shop/gifts/outlook/next?customer={key}").content.decode()
    assert client.get("/shop/gifts/outlook/next?basket=Z9").status_code == 400
    lines = client.get("/shop/gifts/outlook/next?basket=A1&format=csv").getvalue().decode().splitlines()
    assert lines[0] == "List,Product,Title,Price,Why"


def test_the_api_and_the_command(owner, learnt, capsys):
    call = caller(learnt, owner)
    told = call("GET", "/shops/gifts/outlook/next/basket?product=A1").json()
    assert told["bought"] == ["A1"]
    assert call("GET", "/shops/gifts/outlook/next/customers/nobody").status_code == 404
    limited = caller(learnt, owner, ("metrics.read",))
    assert limited("GET", "/shops/gifts/outlook/next/customers/c1").status_code == 403
    assert main.run(["outlook", "next", "--shop", "gifts", "--basket", "A1", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["list"] for row in rows} <= {"next", "cross_sell", "upsell"}
