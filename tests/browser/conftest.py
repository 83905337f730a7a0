"""A shop in a live server, and Chromium on it: every console message and every axe finding fails a test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

import plan_shop

# Playwright's loop runs in the thread of the test, which is where Django sees it and refuses the database.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
CHROMIUM = Path("/usr/bin/chromium")
DESKTOP = {"width": 1440, "height": 900}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        own = str(CHROMIUM) if CHROMIUM.exists() else None
        browser = playwright.chromium.launch(executable_path=own, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def shop(transactional_db, tmp_path, settings):
    settings.LAKE_ROOT = tmp_path / "lake"
    settings.UPLOADS = tmp_path / "uploads"
    return plan_shop.open_shop()


@pytest.fixture
def visit(chromium, live_server, shop):
    """Opens a page of a person who has signed in; `look` at the end of each step."""
    contexts = []

    def open_(theme: str = "light", size: dict[str, int] = DESKTOP, locale: str = "en-GB") -> "Visitor":
        context = chromium.new_context(viewport=size, color_scheme=theme, locale=locale)
        contexts.append(context)
        return Visitor(context.new_page(), live_server.url, shop.slug)

    yield open_
    for context in contexts:
        context.close()


class Visitor:
    """A page with what went wrong on it."""

    def __init__(self, page: Page, url: str, shop: str) -> None:
        self.page, self.url, self.shop = page, url, shop
        self.said: list[str] = []
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def sign_in(self, email: str = "ana@example.org") -> None:
        self.page.goto(f"{self.url}/account/login/")
        self.look()
        self.page.fill("[name=login]", email)
        self.page.fill("[name=password]", "correct horse")
        self.page.click("main button.primary")
        self.page.wait_for_url(f"**/shop/{self.shop}/")

    def go(self, path: str) -> None:
        self.page.goto(f"{self.url}/shop/{self.shop}/{path}")

    def look(self) -> None:
        """Waits until the page is ready; nothing was said on the console or is too wide, and axe finds nothing."""
        self.page.wait_for_selector("html[data-ready]", state="attached")
        self.page.wait_for_selector("[aria-busy=true]", state="detached")
        assert not self.said
        assert self.page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        found = Axe().run(self.page).response["violations"]
        assert not [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]
