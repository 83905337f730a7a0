"""Every page in every look: light and dark, phone, tablet and desktop, English and Romanian.

On each, axe finds nothing, the console says nothing, and nothing is wider than the screen. A page with something in its
address is found by a link on another, so a new page is walked without a new test.
"""

import re
from collections import Counter, deque
from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

import import_files
from topline.accounts import operations as accounts
from topline.accounts.models import User
from topline.crm import operations as crm
from topline.crm.models import Person
from topline.imports import operations as imports
from topline.journal import operations as journal
from topline.plans import approval, calendar, feedback, ledger, promises, reviews
from topline.plans import jobs as plan_jobs
from topline.plans import operations as plans
from topline.units.period import Period
from topline.web.page import pages
from topline.workbench import jobs

SIZES = {
    "phone": {"width": 390, "height": 844},
    "tablet": {"width": 820, "height": 1180},
    "desktop": {"width": 1440, "height": 900},
}
LANGUAGES = {"en": "en-GB", "ro": "ro-RO"}
MOST = 2
"""How many addresses of a page with something in its address are walked."""

NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)
NOT_PAGES = re.compile(r"\.(csv|xlsx|ics|json|png|svg|pdf)\b|format=|/quarantine/|download|\?fetch")


@pytest.fixture
def lived_in(shop, tmp_path):
    """The shop after some work: an active plan with a draft beside it, imports, own events, a customer, a token."""
    owner = User.objects.get()
    journal.open_batch(shop="lamps", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="lamps", batch_id="test", now=NOW)
    first = plans.draft_plan(
        shop=shop, period=Period.of_months(date(2026, 11, 1), 3), as_of=date(2026, 11, 1), actor=owner, now=NOW
    )
    for step in (approval.submit, approval.approve, approval.activate):
        first = step(version=first, actor=owner, now=NOW)
    review = reviews.build(plan=first.plan, today=date(2026, 12, 15), actor=owner, now=NOW)
    promises.make(plan=first.plan, review=review, text="Ring", owner=owner, due_on=NOW.date(), actor=owner, now=NOW)
    feedback.write(shop=shop, tag="price", text="Too dear, they say", author=owner, now=NOW)
    draft = plans.draft_plan(
        shop=shop, period=Period.of_months(date(2027, 1, 1), 3), as_of=date(2026, 12, 15), actor=owner, now=NOW
    )
    plans.add_goal(version=draft, metric="net_sales", scope={"category": "Lamps"}, actor=owner, now=NOW)
    line = ledger.put_line(version=draft, activity="Search ads", channel="google", actor=owner, now=NOW)
    ledger.set_amount(version=draft, key=line.key, month=date(2027, 1, 1), amount=Decimal(1200), actor=owner, now=NOW)
    plan_jobs.ask_for_file(version=draft, format_="ics", today=date(2026, 12, 15), actor=owner)
    good = ("9001", "Z1", "A mug", "2", "2026-12-01 10:00", "12.00", "20%", "10%")
    rows = [good, ("", "Z1", "", "x", "", "", "", "")]
    headings = ("Order ID", "SKU", "Title", "Quantity", "Date", "Price incl. VAT", "VAT %", "Discount %")
    path = import_files.write(tmp_path / "orders.csv", rows, headings)
    import_files.take_in(shop, path)
    import_files.write(tmp_path / "more.csv", [(str(9002 + n), *good[1:]) for n in range(9)], headings)
    found = imports.receive(shop=shop, uploads=[imports.Upload("more.csv", tmp_path / "more.csv")], actor_id=owner.pk)
    imports.propose(found=found)
    calendar.put_event(
        shop=shop, name="Spring fair", starts_on=date(2026, 3, 4), last_on=date(2026, 3, 6), actor_id=owner.pk
    )
    named = (("7", "Ana Pop"), ("8", "Ana P."), ("9", "Ana Popa"))
    rows = [{"source_id": id_, "customer_key": shop.hmac("file", id_), "name": name} for id_, name in named]
    crm.upsert_identities(shop=shop, source="file", rows=rows)
    first, second = Person.objects.order_by("pk")[:2]
    crm.merge(keep=first, other=second, actor_id=owner.pk, now=NOW)
    accounts.create_token(user=owner, shop=shop, name="reports", scopes=["metrics.read"], actor_id=owner.pk)
    while job := jobs.claim():
        jobs.perform(job)
    return shop


class Walk:
    """A walk of one person, in one look, over every page that can be found."""

    def __init__(self, page, url: str, look: str) -> None:
        self.page, self.url, self.look = page, url, look
        self.said: list[str] = []
        self.wrong: list[str] = []
        page.set_default_timeout(30_000)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def sign_in(self) -> None:
        self.page.goto(f"{self.url}/account/login/")
        self.judge("/account/login/")
        self.page.fill("[name=login]", "ana@example.org")
        self.page.fill("[name=password]", "correct horse")
        self.page.click("main button.primary")
        self.page.wait_for_url("**/shop/lamps/")

    def everywhere(self) -> set[str]:
        """The names of the pages that were walked."""
        patterns = {name: page.url_pattern() for name, page in pages().items()}
        start = [f"/shop/lamps/{page.path}" for page in pages().values() if "<" not in page.path]
        waiting, walked, queued = (
            deque([*start, "/shop/lamps/customers/privacy?q=Ana", "/shop/lamps/customers/merges?q=Ana&keep=1"]),
            set(),
            Counter(),
        )
        while waiting:
            self.go(waiting.popleft())
            walked.add(_name(patterns, urlsplit(self.page.url).path))
            for href in self.page.eval_on_selector_all("a[href]", "all => all.map(a => a.getAttribute('href'))"):
                name = _name(patterns, urlsplit(href).path)
                is_due = name and "<" in pages()[name].path and queued[name] < MOST
                if is_due and href not in waiting and not NOT_PAGES.search(href):
                    waiting.append(href)
                    queued[name] += 1
        return walked

    def go(self, address: str) -> None:
        answer = self.page.request.get(f"{self.url}{address}", max_redirects=0)
        if answer.status >= 500:
            self.wrong.append(f"{self.look} {address}: {answer.status}")
        elif answer.status in (200, 400) and "<html" in answer.text()[:2_000]:
            while job := jobs.claim():  # an outlook, say, that the page waits for
                jobs.perform(job)
            self.page.goto(f"{self.url}{address}")
            while job := jobs.claim():  # and what that one led to
                jobs.perform(job)
            self.judge(address)

    def judge(self, address: str) -> None:
        try:
            self.page.wait_for_selector("html[data-ready]", state="attached")
            self.page.wait_for_selector("[aria-busy=true]", state="detached")
        except Exception as error:  # noqa: BLE001 - it is told with the rest
            self.wrong.append(f"{self.look} {address}: not ready, {str(error)[:80]}")
        found = Axe().run(self.page).response["violations"]
        self.wrong += [f"{self.look} {address}: {v['id']} {[n['target'] for n in v['nodes']][:3]}" for v in found]
        self.wrong += [f"{self.look} {address}: console {text}" for text in self.said]
        self.said.clear()
        over = self.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if over > 0:
            self.wrong.append(f"{self.look} {address}: {over} px too wide")


def _name(patterns, path: str) -> str | None:
    return next((name for name, pattern in patterns.items() if pattern.resolve(path.lstrip("/"))), None)


@pytest.mark.soak
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_in_every_look(chromium, live_server, lived_in, theme, size, language):
    context = chromium.new_context(viewport=SIZES[size], color_scheme=theme, locale=LANGUAGES[language])
    walk = Walk(context.new_page(), live_server.url, f"{theme} {size} {language}")
    walk.sign_in()
    walked = walk.everywhere()
    context.close()
    assert not walk.wrong, "\n".join(walk.wrong)
    assert {"home", "plan", "goal", "import", "own_event", "erase_person", "metric"} <= walked
    assert {"plan_document", "plan_fronts", "plan_content", "plan_review", "live", "feedback"} <= walked
