"""The tracking script in a browser: page views by itself, the rest when told, and nothing kept without consent."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from playwright.sync_api import Browser, Page

from topline.accounts import operations
from topline.web import collector

pytestmark = pytest.mark.django_db(transaction=True)

SEEN = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def shop_pages(settings, tmp_path: Path) -> Iterator[tuple[str, collector.Collector, Path]]:
    """The address of a shop with the script on its page, the collector, and where events wait."""
    settings.SPOOL = tmp_path / "spool"
    owner = operations.create_user(email="o@example.org", password="correct horse", actor_id=None)
    shop = operations.create_shop(
        slug="s", name="S", currency="GBP", timezone="Europe/London", country="GB", owner=owner
    )
    head = f'<script defer src="/t.js" data-shop="{collector.site_key(shop)}" data-market="gb"></script>'

    def page(environ, start):
        start("200 OK", [("Content-Type", "text/html")])
        return [f"<!doctype html><title>Shop</title>{head}<p>{environ['PATH_INFO']}".encode()]

    app = collector.Collector(page)
    with make_server("127.0.0.1", 0, app, handler_class=_Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", app, tmp_path / "spool"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(user_agent=SEEN)
    yield context.new_page()
    context.close()


def events(app: collector.Collector, spool: Path) -> list[dict[str, str]]:
    app._writer.close(0)
    paths = sorted(spool.glob("s/in/*.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def test_a_visit(page: Page, shop_pages) -> None:
    address, app, spool = shop_pages
    page.goto(f"{address}/?utm_source=newsletter&utm_medium=email")
    page.wait_for_function("typeof topline === 'function'")
    page.evaluate("history.pushState({}, '', '/mugs')")
    page.evaluate("topline('add_to_cart', {product_key: 'A1', quantity: 2, value: 9.9, currency: 'GBP'})")
    page.wait_for_timeout(500)
    found = events(app, spool)
    assert [(each["event"], each["page"], each.get("channel")) for each in found] == [
        ("page_view", "/", "email"),
        ("page_view", "/mugs", "direct"),
        ("add_to_cart", "/mugs", "direct"),
    ]
    assert (found[2]["product_key"], found[2]["value_shop"], found[2]["market"]) == ("A1", "9.900000", "GB")
    assert page.evaluate("[document.cookie, localStorage.length]") == ["", 0]
    page.evaluate("topline('consent', true); topline('customer', '17'); topline('sign_up')")
    page.wait_for_timeout(500)
    last = events(app, spool)[-1]
    assert last["event"] == "sign_up"
    assert last["customer_key"]
    assert last["visitor_key"] != found[0]["visitor_key"]
    page.evaluate("topline('consent', false)")
    assert page.evaluate("localStorage.length") == 0


def test_who_asks_not_to_be_counted_sends_nothing(page: Page, shop_pages) -> None:
    address, app, spool = shop_pages
    page.add_init_script("Object.defineProperty(navigator, 'globalPrivacyControl', {value: true})")
    page.goto(f"{address}/")
    page.wait_for_function("typeof topline === 'function'")
    page.evaluate("topline('sign_up')")
    page.wait_for_timeout(300)
    assert events(app, spool) == []
