"""Analyses: each page is clean in the light on a desktop and in the dark on a phone, and a table goes out."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

import web_facts
from topline.accounts.channels import keep_channel

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
SPAN = "from=2026-09-01&to=2026-12-01"
FIGURES = urlencode({"figures": "2026-09=9000,2026-10=11000,2026-11=17000"})
PLACES = {
    "funnel": "",
    "attribution": "",
    "bottlenecks": "",
    "journeys": "over=channel&over=stage",
    "cohorts": "",
    "rfm": "",
    "variance": "",
    "reconciliation": FIGURES,
}


@pytest.fixture
def visited(shop):
    """Twelve visits a day for three months: most look, some go on, and every fourth is of a customer."""
    start = datetime(2026, 9, 1, 8, tzinfo=UTC)
    rows = [_visit(n, start + timedelta(hours=2 * n)) for n in range(12 * 91)]
    lake = shop.lake()
    steps = ("page_view", "product_view", "add_to_cart", "checkout", "purchase")
    events = [_event(row, i, event) for row in rows for i, event in enumerate(steps[: row["furthest"] + 1])]
    for fact, found in (("session", rows), ("web_event", events)):
        lake.append(fact, web_facts.arrow(fact, found).to_batches(), batch_id="b")
    lake.publish(now=datetime.now(UTC))
    for code, name in (("email", "The letter"), ("paid_search", "Paid search in the Kingdom"), ("social", "Pictures")):
        keep_channel(shop=shop, code=code, name=name, actor_id=None)
    return shop


def _visit(n: int, at: datetime) -> dict[str, Any]:
    furthest = (0, 1, 1, 2, 0, 3, 1, 4)[n * 7 % 8]
    return {
        "session_key": f"s{n}",
        "visitor_key": f"v{n % 300}",
        "customer_key": f"c{n % 300}" if n % 4 == 0 else None,
        "at": at,
        "channel": ("email", "paid_search", "social")[n % 7 % 3],
        "device": ("phone", "desktop")[n % 2],
        "market": "GB",
        "product_views": int(furthest > 0),
        "carts": int(furthest > 1),
        "checkouts": int(furthest > 2),
        "orders": int(furthest > 3),
        "furthest": furthest,
    }


def _event(visit: dict[str, Any], minute: int, event: str) -> dict[str, Any]:
    kept = ("session_key", "visitor_key", "customer_key", "channel", "device", "market")
    return {name: visit[name] for name in kept} | {"event": event, "at": visit["at"] + timedelta(minutes=minute)}


@pytest.mark.soak
def test_every_analysis_is_clean(visit, visited):
    person = visit("light", DESKTOP)
    page = person.page
    person.sign_in()
    for theme, size in (("light", DESKTOP), ("dark", PHONE)):
        page.emulate_media(color_scheme=theme)
        page.set_viewport_size(size)
        for place, choices in PLACES.items():
            person.go(f"analyses/{place}?{SPAN}&{choices}")
            person.look()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (place, theme)
            assert page.locator("h1.lede").count() == 1, place
    person.go(f"analyses/journeys?{SPAN}")
    page.wait_for_selector("text=The letter →", state="attached")
    page.click("main .panel > header button:has-text('Download') >> nth=0")
    with page.expect_download() as download:
        page.click(".menu:popover-open >> text=CSV")
    assert download.value.path().read_text(encoding="utf-8-sig").splitlines()[0] == "Touch,From,To,Journeys"
