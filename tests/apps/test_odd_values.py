"""Values that no form offers are refused in words, never by a fault."""

import pytest
from test_api import caller

pytestmark = [pytest.mark.django_db]


@pytest.fixture
def browser(client, owner, shop):
    client.force_login(owner)
    return client


@pytest.mark.parametrize("metric", ["", "-1", "\x00"])
def test_an_alert_of_no_metric(browser, metric):
    answer = browser.post("/shop/gifts/alerts/new", {"metric": metric, "rule": "threshold"})
    assert answer.status_code in (400, 422)
    assert "There is no metric" in answer.content.decode()


@pytest.mark.parametrize(
    "posted", [{}, {"to": ""}, {"to": "soon"}, {"step": "--1"}, {"step": "9" * 30}, {"pin": "2011-13-01"}]
)
def test_a_clock_moved_nowhere(browser, shop, posted):
    answer = browser.post("/shop/gifts/clock", {**posted, "next": "/shop/gifts/settings"}, follow=True)
    assert answer.status_code == 200
    assert "is not a" in answer.content.decode()
    before = shop.clock_on
    shop.refresh_from_db()
    assert shop.clock_on == before


@pytest.mark.parametrize("asked", ["calendar?year=-1", f"calendar.ics?year={10**30}", "live?on=9999-12-31"])
def test_a_year_out_of_reach(shop, owner, asked):
    answer = caller(shop, owner)("GET", f"/shops/gifts/{asked}")
    assert answer.status_code == 422
    assert asked.split("?")[1].split("=")[0] in answer.content.decode()
