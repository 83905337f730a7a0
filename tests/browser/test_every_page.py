"""Every page in every look: light and dark, phone, tablet and desktop, English and Romanian.

On each, axe finds nothing, the console says nothing, nothing is wider than the screen, and on a desktop no table is
wider than its panel. The addresses are found once, by a signed-in client that follows links: a new page is walked
without a new test. PICTURES=folder keeps a picture and the words of every page.
"""

import os
import re
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.management import call_command
from django.test import Client, override_settings
from playwright.sync_api import Error
from pytest_django.live_server_helper import LiveServer

import import_files
import plan_shop
from topline.accounts import operations as accounts
from topline.accounts.models import Shop, User
from topline.boards import operations as boards
from topline.boards.models import Dashboard
from topline.crm import operations as crm
from topline.crm.models import Person
from topline.imports import operations as imports
from topline.journal import operations as journal
from topline.plans import approval, calendar, feedback, handout, ledger, promises, reviews
from topline.plans import jobs as plan_jobs
from topline.plans import operations as plans
from topline.team import operations as team
from topline.units.period import Period
from topline.web import keyless
from topline.web.page import pages
from topline.workbench import jobs

SIZES = {
    "phone": {"width": 390, "height": 844},
    "tablet": {"width": 820, "height": 1180},
    "desktop": {"width": 1360, "height": 900},
}
LANGUAGES = {"en": "en-GB", "ro": "ro-RO"}
MOST = 2
"""How many addresses of a page with something in its address are walked."""

NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)
TODAY = NOW.date()
NOT_PAGES = re.compile(r"\.(csv|xlsx|ics|json|png|svg|pdf)\b|format=|/quarantine/|download|\?fetch|/file\b")
MISSING = ("/nowhere", "/start/none/")
"""Pages that say that there is nothing, of which the console speaks too."""

AROUND = (
    "/account/2fa/",
    "/account/2fa/totp/activate/",
    "/account/2fa/webauthn/add/",
    "/account/password/change/",
    "/account/email/",
    "/shops/new",
    MISSING[0],
)
"""Pages beside those of a shop, for who has signed in."""

KEYLESS = ("/account/login/", "/account/signup/", "/account/password/reset/", "/account/inactive/")
PICTURES = os.environ.get("PICTURES")


def live(owner: User, shop: Shop, folder: Path) -> list[str]:
    """Work in the shop as people would; the addresses that need no signing in.

    An active plan with a review, promises and feedback, a draft beside it, imports, own events, a customer, a token,
    a team, dashboards on a wall and in digests, an alert, a kept view.
    """
    journal.open_batch(shop="lamps", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="lamps", batch_id="test", now=NOW)
    first = plans.draft_plan(
        shop=shop, period=Period.of_months(date(2026, 11, 1), 3), as_of=date(2026, 11, 1), actor=owner, now=NOW
    )
    for step in (approval.submit, approval.approve, approval.activate):
        first = step(version=first, actor=owner, now=NOW)
    review = reviews.build(plan=first.plan, today=TODAY, actor=owner, now=NOW)
    promises.make(plan=first.plan, review=review, text="Ring", owner=owner, due_on=TODAY, actor=owner, now=NOW)
    feedback.write(shop=shop, tag="price", text="Too dear, they say", author=owner, now=NOW)
    draft = plans.draft_plan(shop=shop, period=Period.of_months(date(2027, 1, 1), 3), as_of=TODAY, actor=owner, now=NOW)
    plans.add_goal(version=draft, metric="net_sales", scope={"category": "Lamps"}, actor=owner, now=NOW)
    line = ledger.put_line(version=draft, activity="Search ads", channel="google", actor=owner, now=NOW)
    ledger.set_amount(version=draft, key=line.key, month=date(2027, 1, 1), amount=Decimal(1200), actor=owner, now=NOW)
    plan_jobs.ask_for_file(version=draft, format_="ics", today=TODAY, actor=owner)
    good = ("9001", "Z1", "A mug", "2", "2026-12-01 10:00", "12.00", "20%", "10%")
    rows = [good, ("", "Z1", "", "x", "", "", "", "")]
    headings = ("Order ID", "SKU", "Title", "Quantity", "Date", "Price incl. VAT", "VAT %", "Discount %")
    import_files.take_in(shop, import_files.write(folder / "orders.csv", rows, headings))
    import_files.write(folder / "more.csv", [(str(9002 + n), *good[1:]) for n in range(9)], headings)
    found = imports.receive(shop=shop, uploads=[imports.Upload("more.csv", folder / "more.csv")], actor_id=owner.pk)
    imports.propose(found=found)
    calendar.put_event(
        shop=shop, name="Spring fair", starts_on=date(2026, 3, 4), last_on=date(2026, 3, 6), actor_id=owner.pk
    )
    named = (("7", "Ana Pop"), ("8", "Ana P."), ("9", "Ana Popa"))
    rows = [{"source_id": id_, "customer_key": shop.hmac("file", id_), "name": name} for id_, name in named]
    crm.upsert_identities(shop=shop, source="file", rows=rows)
    one, other = Person.objects.order_by("pk")[:2]
    crm.merge(keep=one, other=other, actor_id=owner.pk, now=NOW)
    accounts.create_token(user=owner, shop=shop, name="reports", scopes=["metrics.read"], actor_id=owner.pk)
    head = team.keep_member(shop=shop, values={"name": "Ion Radu", "role": "Sales", "team": "Field"}, actor_id=owner.pk)
    team.keep_member(shop=shop, values={"name": "Mia Pop", "role": "Sales", "reports_to": head.pk}, actor_id=owner.pk)
    team.keep_territory(shop=shop, values={"name": "North", "owner": head.pk}, actor_id=owner.pk)
    boards.start_roles(shop=shop)
    board = Dashboard.objects.first()
    _, wall = boards.create_screen(shop=shop, maker=owner, name="Hall", boards=[board], seconds=60, language="en")
    sent = boards.create_digest(shop=shop, owner=owner, board=board, every="week", hour=8, users=[owner])
    question = {"metrics": ["net_sales"], "where": []}
    boards.create_alert(shop=shop, owner=owner, name="Quiet day", rule="threshold", question=question, bound=Decimal(1))
    boards.save_view(shop=shop, owner=owner, name="Sales", parameters=[("m", "net_sales")])
    _, shared = handout.share(version=first, name="Bank", days=9, today=TODAY, actor=owner, now=datetime.now(UTC))
    start = accounts.create_link(user=owner, actor_id=owner.pk, now=datetime.now(UTC))
    work()
    gone = urlsplit(keyless.unsubscribe_url(sent.recipients.get())).path
    return [*KEYLESS, f"/screen/{wall}/", f"/shared/{shared}/", f"/start/{start}/", MISSING[1], gone]


def work() -> bool:
    """Do all that waits, and what that leads to; whether anything did."""
    has_worked = False
    while job := jobs.claim():
        jobs.perform(job)
        has_worked = True
    return has_worked


@dataclass(frozen=True)
class LivedIn:
    """A shop after some work, its server, and where there is a page.

    keyless, signed_in : addresses for who has not signed in and who has
    names : the pages of the shop that they are of
    """

    url: str
    keyless: list[str]
    signed_in: list[str]
    names: set[str]
    wrong: list[str]


@pytest.fixture(scope="module")
def lived_in(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[LivedIn]:
    """One shop for all looks: they change nothing in it."""
    folder = tmp_path_factory.mktemp("lived-in")
    places = {"LAKE_ROOT": folder / "lake", "UPLOADS": folder / "uploads", "ALLOWED_HOSTS": ["*"]}
    with django_db_blocker.unblock(), override_settings(**places):
        shop = plan_shop.open_shop()
        keyless_ = live(User.objects.get(), shop, folder)
        found = everywhere(User.objects.get())
        server = LiveServer("localhost")
        yield LivedIn(server.url, keyless_, *found)
        server.stop()
        call_command("flush", interactive=False, verbosity=0)


def everywhere(person: User) -> tuple[list[str], set[str], list[str]]:
    """The addresses of all pages that links lead to, their names, and what the server failed at."""
    client = Client(raise_request_exception=False)
    client.force_login(person)
    patterns = {name: page.url_pattern() for name, page in pages().items()}
    waiting = deque(f"/shop/lamps/{page.path}" for page in pages().values() if "<" not in page.path)
    waiting += ["/shop/lamps/customers/privacy?q=Ana", "/shop/lamps/customers/merges?q=Ana&keep=1", *AROUND]
    found, names, wrong, paths, queued = [], set(), [], set(), Counter()
    while waiting:
        address = waiting.popleft()
        answer = client.get(address)
        for _ in range(2):  # an outlook, say, that the page waits for, and may then ask for another
            if work():
                answer = client.get(address)
        if answer.status_code >= 500:
            wrong.append(f"{address}: {answer.status_code}")
        text = b"" if answer.streaming else answer.content
        answer.close()
        if b"<html" not in text[:2_000]:
            continue
        found.append(address)
        names.add(_name(patterns, address))
        for href in map(unescape, re.findall(r'href="(/[^"]*)"', text.decode())):
            name = _name(patterns, href)
            path = urlsplit(href).path
            is_due = name and "<" in pages()[name].path and queued[name] < MOST and path not in paths
            if is_due and not NOT_PAGES.search(href):
                waiting.append(href)
                paths.add(path)
                queued[name] += 1
    return found, names, wrong


def _name(patterns, address: str) -> str | None:
    path = urlsplit(address).path.lstrip("/")
    return next((name for name, pattern in patterns.items() if pattern.resolve(path)), None)


SIDEWAYS = """() => [...document.querySelectorAll("main *")].filter(each =>
    /auto|scroll/.test(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth + 1
    && each.querySelector("table")).map(each => `${each.className} by ${each.scrollWidth - each.clientWidth} px`)"""
TURN = """theme => {
    document.documentElement.dataset.bsTheme = theme;
    document.dispatchEvent(new CustomEvent("topline:theme"));
}"""
"""What the key T does."""


class Walk:
    """A walk of one person on one screen in one language, light and dark."""

    def __init__(self, page, url: str, look: str) -> None:
        self.page, self.url, self.look = page, url, look
        self.said: list[str] = []
        self.wrong: list[str] = []
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def sign_in(self) -> None:
        self.page.goto(f"{self.url}/account/login/")
        self.page.fill("[name=login]", "ana@example.org")
        self.page.fill("[name=password]", "correct horse")
        self.page.click("main button.primary")
        self.page.wait_for_url("**/shop/lamps/")

    def judge(self, address: str) -> None:
        """Open the page and write down everything that is wrong with it."""
        try:
            self.page.goto(f"{self.url}{address}")
            work()  # what failed for want of facts is tried anew at each visit
            self.page.wait_for_selector("html[data-ready]", state="attached")
            self.page.wait_for_selector("[aria-busy=true]", state="detached")
            over = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            wrong = [f"{over} px too wide"] if over > 0 else []
            if self.page.viewport_size == SIZES["desktop"]:
                wrong += [f"sideways: {text}" for text in self.page.evaluate(SIDEWAYS)]
            for theme in ("light", "dark"):
                self.page.evaluate(TURN, theme)
                found = Axe().run(self.page).response["violations"]
                wrong += [f"{theme}: {each['id']} {[node['target'] for node in each['nodes']][:3]}" for each in found]
                self.keep(address, theme)
        except Error as error:
            wrong = [str(error)[:200]]
        wrong += [f"console: {text}" for text in self.said if address not in MISSING]
        self.wrong += [f"{self.look} {address}: {text}" for text in wrong]
        self.said.clear()

    def keep(self, address: str, theme: str) -> None:
        """A picture of the page and its words, where they are wanted."""
        if PICTURES:
            name = re.sub(r"\W+", "-", address[1:90]) or "front"
            path = Path(PICTURES, f"{theme} {self.look}".replace(" ", "-"), name)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=path.with_suffix(".jpg"), full_page=True, type="jpeg", quality=60)
            path.with_suffix(".txt").write_text(self.page.inner_text("body"))


@pytest.mark.soak
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_in_every_look(chromium, lived_in, size, language):
    context = chromium.new_context(viewport=SIZES[size], locale=LANGUAGES[language], reduced_motion="reduce")
    walk = Walk(context.new_page(), lived_in.url, f"{size} {language}")
    for address in lived_in.keyless:
        walk.judge(address)
    walk.sign_in()
    for address in lived_in.signed_in:
        walk.judge(address)
    context.close()
    assert not walk.wrong + lived_in.wrong, "\n".join(walk.wrong + lived_in.wrong)


@pytest.mark.soak
def test_pages_with_something_in_their_address_are_walked(lived_in):
    assert {"home", "plan", "goal", "import", "own_event", "erase_person", "metric"} <= lived_in.names
    assert {"plan_document", "plan_fronts", "plan_content", "plan_review", "live", "feedback"} <= lived_in.names
