"""Saved views, digests, screens, and changes of dashboards and alerts over the API: for whom, once, and explained."""

import ledger_rows
import pytest
from test_api import caller

from topline.accounts.permissions import ROLES, Role
from topline.boards import operations
from topline.boards.models import PRESETS, Alert, Dashboard, Digest, SavedView, Screen
from topline.web import question
from topline.web.page import Visit

pytestmark = [pytest.mark.django_db, pytest.mark.once]

BASE = "/shops/gifts"


@pytest.fixture
def call(shop, owner, lake):
    ledger_rows.put(lake)
    return caller(shop, owner)


@pytest.fixture
def rep(shop, member):
    return caller(shop, member("rep"), scopes=tuple(ROLES[Role.REP]))


def test_a_dashboard_is_changed_copied_and_taken_away(call, owner):
    board = call("POST", f"{BASE}/dashboards", {"title": "Sales"}).json()["id"]
    at = f"{BASE}/dashboards/{board}"
    first, second = (
        call("POST", f"{at}/tiles", {"visual": "number", "metrics": [id_]}).json()["id"] for id_ in ("orders", "units")
    )
    changed = call(
        "PATCH", at, {"title": "Trade", "is_shared": True, "order": [second, first], "roles": ["analyst"]}
    ).json()
    assert (changed["title"], changed["is_shared"], [tile["id"] for tile in changed["tiles"]]) == (
        "Trade", True, [second, first],
    )  # fmt: skip
    wide = {"visual": "bars", "metrics": ["net_sales"], "by": ["market"], "width": 12}
    tile = call("PATCH", f"{at}/tiles/{first}", wide).json()
    assert (tile["visual"], tile["question"]["by"], tile["width"]) == ("bars", ["market"], 12)
    assert call("PATCH", f"{at}/tiles/{first}", {"title": "Where"}).json()["question"] == tile["question"]
    copy = call("POST", f"{at}/copy").json()
    assert (copy["title"], copy["owner"], len(copy["tiles"])) == ("Trade, copy", owner.email, 2)
    assert call("DELETE", f"{at}/tiles/{second}").status_code == 204
    assert len(call("GET", at).json()["tiles"]) == 1
    assert call("DELETE", at).status_code == 204
    assert call("GET", at).status_code == 404


def test_a_filter_that_nothing_fits_is_said_wherever_it_is_kept(call):
    said = "Nothing has the market “UK”. Did you mean GB / IE?"
    board = call("POST", f"{BASE}/dashboards", {"title": "Sales"}).json()["id"]
    kept = {"metrics": ["net_sales"], "where": ["market=UK"]}
    alert = {"name": "A", "rule": "threshold", "metric": "net_sales", "bound": "1", "where": ["market=UK"]}
    for answer in (
        call("GET", f"{BASE}/query?metrics=net_sales&where=market=UK"),
        call("GET", f"{BASE}/rows?metrics=net_sales&where=market=UK"),
        call("GET", f"{BASE}/analyses/rfm?where=market=UK"),
        call("POST", f"{BASE}/dashboards/{board}/tiles", {"visual": "number", **kept}),
        call("POST", f"{BASE}/alerts", alert),
        call("POST", f"{BASE}/views", {"name": "V", **kept}),
    ):
        assert (answer.status_code, answer.json()["code"], answer.json()["title"]) == (404, "unknown_value", said)
    quiet = call("GET", f"{BASE}/query?metrics=net_sales&where=market=IE&start=2011-08&end=2011-09").json()
    assert quiet["totals"] == {"net_sales": "0.00"}


def test_without_a_plan_every_row_says_so(call):
    answer = call("GET", f"{BASE}/query?metrics=net_sales&by=month&start=2011-07&end=2011-09&against=plan").json()
    gone = {"missing": "no_targets"}
    assert [row["net_sales_before"] for row in (*answer["rows"], answer["totals"])] == [gone] * 3
    assert answer["rows"][0]["net_sales_change"] == gone


def test_pages_say_it_too(call, client, owner, shop):
    client.force_login(owner)
    board = operations.create_dashboard(shop=shop, title="Old", owner=owner)
    tile = operations.add_tile(
        board=board, visual="number", question={"metrics": ["net_sales"], "where": ["market=UK"]}
    )
    typed = {"visual": "number", "metrics": ["net_sales"], "where": "market=UK"}
    alert = {"rule": "threshold", "metric": "net_sales", "bound": "1", "side": "below", "where": "market=UK"}
    for page, posted in ((f"boards/{board.pk}/tiles/new", typed), ("alerts/new", alert)):
        answer = client.post(f"/shop/gifts/{page}", posted)
        assert (answer.status_code, "Did you mean GB / IE?" in answer.content.decode()) == (400, True), page
    assert (board.tiles.count(), Alert.objects.count()) == (1, 0)
    for page in ("metrics?metrics=net_sales&", "rows?metrics=net_sales&", "analyses/rfm?"):
        answer = client.get(f"/shop/gifts/{page}where=market=UK")
        assert (answer.status_code, "Did you mean GB / IE?" in answer.content.decode()) == (400, True), page
    assert "Did you mean GB / IE?" in client.get(f"/shop/gifts/boards/{board.pk}/tiles/{tile.pk}").content.decode()


def test_a_view_is_kept_changed_and_dropped(call, client, owner):
    wanted = {"name": "Irish", "metrics": ["net_sales"], "by": ["month"], "where": ["market=IE"], "preset": "this_year"}
    view = call("POST", f"{BASE}/views", wanted, idempotency_key="v1").json()
    assert call("POST", f"{BASE}/views", wanted, idempotency_key="v1").json() == view
    assert SavedView.objects.count() == 1
    changed = call(
        "PATCH", f"{BASE}/views/{view['id']}", {"top": 5, "start": "2011-07", "end": "2011-08", "against": "last_year"}
    ).json()
    assert dict(changed["parameters"]) == {
        "metrics": "net_sales", "by": "month", "where": "market=IE", "top": "5", "against": "last_year",
        "from": "2011-07-01", "to": "2011-08-01",
    }  # fmt: skip
    client.force_login(owner)
    assert "15.50" in client.get(f"/shop/gifts/metrics/-/views/{view['id']}", follow=True).content.decode()
    assert call("DELETE", f"{BASE}/views/{view['id']}").status_code == 204
    assert call("GET", f"{BASE}/views").json() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"metrics": ["net_sale"]}, "Did you mean net_sales"),
        ({"metrics": []}, "at least one metric"),
        ({"preset": "this_yaer"}, "Did you mean this_year"),
        ({"against": "tomorrow"}, "is not a comparison"),
        ({"window": "3", "by": []}, "is not a window"),
        ({"name": " "}, "Give it a name"),
    ],
)
def test_what_makes_no_view(call, change, said):
    refused = call("POST", f"{BASE}/views", {"name": "V", "metrics": ["orders"], "by": ["month"]} | change)
    assert refused.status_code in (404, 422)
    assert said in refused.json()["title"]


def test_names_of_periods_are_those_of_the_pages(call, shop, owner, rf):
    request = rf.get("/")
    request.user = owner
    assert tuple(question._presets(Visit(request, shop, None).today, shop.calendar)) == PRESETS


def test_an_alert_is_changed_and_keeps_the_rest(call):
    wanted = {"name": "Low", "rule": "threshold", "metric": "net_sales", "bound": "10", "where": ["market=GB"]}
    alert = call("POST", f"{BASE}/alerts", wanted).json()["id"]
    changed = call("PATCH", f"{BASE}/alerts/{alert}", {"bound": "99.5", "side": "above"}).json()
    assert (changed["bound"], changed["side"], changed["by_mail"], changed["question"]["where"]) == (
        "99.5", "above", True, ["market=GB"],
    )  # fmt: skip
    refused = call("PATCH", f"{BASE}/alerts/{alert}", {"webhook": "http://10.0.0.1/x"})
    assert (refused.status_code, Alert.objects.get().webhook) == (422, "")
    assert call("GET", f"{BASE}/alerts/{alert}").json()["bound"] == "99.500000"


def test_a_digest_goes_to_people_of_the_shop(call, member, owner):
    analyst = member("analyst")
    board = call("POST", f"{BASE}/dashboards", {"title": "Sales"}).json()["id"]
    wanted = {"dashboard": board, "every": "month", "hour": 6, "to": [analyst.email, "stranger@example.org"]}
    made = call("POST", f"{BASE}/digests", wanted).json()
    assert (made["dashboard"], made["every"], made["hour"]) == (board, "month", 6)
    assert made["to"] == [{"email": analyst.email, "has_unsubscribed": False}]
    changed = call("PATCH", f"{BASE}/digests/{made['id']}", {"to": [owner.email]}).json()
    assert [each["email"] for each in changed["to"]] == [owner.email]
    refused = call("POST", f"{BASE}/digests", {**wanted, "to": ["stranger@example.org"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "recipient")
    assert call("DELETE", f"{BASE}/digests/{made['id']}").status_code == 204
    assert call("GET", f"{BASE}/digests").json() == []


def test_a_screen_is_made_shows_and_ends(call, client):
    board = call("POST", f"{BASE}/dashboards", {"title": "Wall"}).json()["id"]
    made = call("POST", f"{BASE}/screens", {"name": "Hall", "dashboards": [board]}).json()
    assert client.get(made["address"]).status_code == 200
    (listed,) = call("GET", f"{BASE}/screens").json()
    assert "address" not in listed
    assert call("DELETE", f"{BASE}/screens/{made['id']}").status_code == 204
    assert client.get(made["address"]).status_code == 404


def test_what_is_anothers_stays_theirs(call, rep, shop, owner):
    shared = operations.create_dashboard(shop=shop, title="Shared", owner=owner, is_shared=True)
    own = operations.create_dashboard(shop=shop, title="Own", owner=owner)
    view = operations.save_view(shop=shop, owner=owner, name="V", parameters=[("metrics", "orders")], is_shared=True)
    sent = operations.create_digest(shop=shop, owner=owner, board=own, every="week", hour=7, users=[owner])
    alert = operations.create_alert(
        shop=shop, owner=owner, name="A", rule="threshold", question={"metrics": ["orders"]}, bound=1, is_shared=True
    )
    statuses = {
        (method, path): rep(method, f"{BASE}{path}", content).status_code
        for method, path, content in (
            ("PATCH", f"/dashboards/{shared.pk}", {"title": "Mine"}),
            ("DELETE", f"/dashboards/{shared.pk}", None),
            ("GET", f"/dashboards/{own.pk}", None),
            ("POST", f"/dashboards/{own.pk}/copy", None),
            ("PATCH", f"/views/{view.pk}", {"name": "Mine"}),
            ("DELETE", f"/views/{view.pk}", None),
            ("PATCH", f"/alerts/{alert.pk}", {"bound": "2"}),
            ("DELETE", f"/digests/{sent.pk}", None),
            ("POST", "/digests", {"to": [owner.email]}),
            ("GET", "/screens", None),
            ("POST", "/screens", {"name": "S", "dashboards": [shared.pk]}),
            ("POST", "/views", {"name": "S", "metrics": ["orders"], "is_shared": True}),
        )
    }
    assert set(statuses.values()) <= {403, 404, 422}, statuses
    assert (Dashboard.objects.count(), SavedView.objects.get().name, Screen.objects.count()) == (2, "V", 0)
    assert Digest.objects.get().ended_at is None
