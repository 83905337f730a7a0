"""Dashboards, alerts and notifications over the API, within what the token's person may see."""

from datetime import date
from decimal import Decimal

import pytest
from test_api import caller

import plan_shop
from topline.accounts import operations as accounts
from topline.boards import jobs, operations


@pytest.fixture
def filled(shop, lake):
    plan_shop.fill(lake, days=200)
    return accounts.pin_clock(shop=shop, on=date(2026, 12, 14), actor_id=None)


def test_a_dashboard_is_made_and_answers(filled, owner):
    call = caller(filled, owner)
    board = call("POST", "/shops/gifts/dashboards", {"title": "Sales"}).json()
    wanted = {"visual": "bars", "metrics": ["net_sales"], "by": ["market"]}
    tile = call("POST", f"/shops/gifts/dashboards/{board['id']}/tiles", wanted).json()
    assert (tile["width"], tile["question"]["by"]) == (6, ["market"])
    path = f"/shops/gifts/dashboards/{board['id']}/tiles/{tile['id']}/answer?start=2026-11&end=2026-12"
    answer = call("GET", path).json()
    whole = call("GET", "/shops/gifts/query?metrics=net_sales&start=2026-11&end=2026-12").json()
    assert {row["market"] for row in answer["rows"]} == {"GB", "IE"}
    assert sum(Decimal(row["net_sales"]) for row in answer["rows"]) == Decimal(whole["totals"]["net_sales"])
    assert [each["title"] for each in call("GET", "/shops/gifts/dashboards").json()] == ["Sales"]
    refused = call("POST", f"/shops/gifts/dashboards/{board['id']}/tiles", {"visual": "bars", "metrics": ["orders"]})
    assert (refused.status_code, refused.json()["title"]) == (422, "This tile can't be kept: choose what to cut it by.")


def test_an_analysis_on_a_dashboard_answers_as_it_does_by_itself(filled, owner):
    call = caller(filled, owner)
    board = call("POST", "/shops/gifts/dashboards", {"title": "Sales"}).json()
    wanted = {"visual": "analysis", "analysis": "rfm", "months": 3}
    tile = call("POST", f"/shops/gifts/dashboards/{board['id']}/tiles", wanted).json()
    path = f"/shops/gifts/dashboards/{board['id']}/tiles/{tile['id']}/answer?start=2026-11&end=2026-12"
    answer = call("GET", path).json()
    alone = call("GET", "/shops/gifts/analyses/rfm?start=2026-09&end=2026-12&as_of=2026-12-15").json()
    assert answer["sentence"] == alone["sentence"]
    assert answer["tables"] == alone["tables"][:1]


def test_anothers_dashboard_is_not_there_or_not_theirs(filled, owner, member):
    own = operations.create_dashboard(shop=filled, title="Own", owner=owner)
    shared = operations.create_dashboard(shop=filled, title="Shared", owner=owner, is_shared=True)
    call = caller(filled, member("rep"))
    tile = {"visual": "number", "metrics": ["orders"]}
    assert call("POST", f"/shops/gifts/dashboards/{own.pk}/tiles", tile).status_code == 404
    assert call("POST", f"/shops/gifts/dashboards/{shared.pk}/tiles", tile).status_code == 422
    made = call("POST", "/shops/gifts/dashboards", {"title": "Mine", "is_shared": True}).json()
    assert not made["is_shared"]


def test_an_alert_is_set_told_and_ended(filled, owner):
    call = caller(filled, owner)
    wanted = {"name": "Quiet", "rule": "threshold", "metric": "net_sales", "bound": "1", "side": "below"}
    alert = call("POST", "/shops/gifts/alerts", wanted).json()
    jobs.judge_shop(filled)
    (shown,) = call("GET", "/shops/gifts/alerts").json()
    assert [event["bucket"] for event in shown["events"]] == ["2026-12-13"]  # a Sunday, the shop was closed
    (note,) = call("GET", "/shops/gifts/notifications?unread=true").json()["notifications"]
    assert note["path"] == f"/shop/gifts/alerts/{alert['id']}"
    assert call("POST", "/shops/gifts/notifications/read").status_code == 204
    assert not call("GET", "/shops/gifts/notifications?unread=true").json()["notifications"]
    assert call("POST", f"/shops/gifts/alerts/{alert['id']}/snooze", {"days": 7}).json()["snoozed_until"]
    assert call("DELETE", f"/shops/gifts/alerts/{alert['id']}").status_code == 204
    assert call("GET", "/shops/gifts/alerts").json() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rule": "magic"}, "no such rule"),
        ({"bound": None}, "needs a bound"),
        ({"metric": "net_sale"}, "Did you mean net_sales"),
        ({"webhook": "http://10.0.0.1/x"}, "private network"),
        ({"rule": "unusual", "metric": "return_rate", "side": "either"}, "not a rate"),
        ({"side": "either"}, "it looks"),
    ],
)
def test_what_makes_no_alert(filled, owner, change, said):
    wanted = {"name": "A", "rule": "threshold", "metric": "net_sales", "bound": "1", "side": "below"}
    refused = caller(filled, owner)("POST", "/shops/gifts/alerts", wanted | change)
    assert refused.status_code == (404 if "Did you mean" in said else 422)
    assert said in refused.json()["title"]
