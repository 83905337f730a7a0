"""Take the pictures of the documents from a running Topline.

    python tools/screenshots.py LINK FOLDER [--shop SLUG] [--all]

LINK signs a person in once (`topline user link`). `--all` takes every page in light, dark and on a phone. `--replay`
shows the plan of a shop with a pinned clock, and its check, as they were seen on some days. `--walk` drafts a marketing
plan and the sales plan that serves it, writes what they lack, and has both approved and put in force.
"""

import argparse
import re
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
PAGES = {
    "home": "",
    "metrics": "metrics?metrics=net_sales,orders,average_order_value&by=month",
    "metric": "metrics/average_order_value",
    "analyses": "analyses",
    "cohorts": "analyses/cohorts",
    "variance": "analyses/variance",
    "plans": "plans",
    "calendar": "calendar?calendar_as=list",
    "check": "outlook/check",
    "stock": "outlook/stock",
    "workload": "outlook/workload",
    "proposals": "outlook/proposals",
    "imports": "imports",
    "settings": "settings",
    "people": "settings/people",
    "tokens": "settings/tokens",
    "audit": "settings/audit",
}
LOOKS = {
    "light": {"viewport": {"width": 1360, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1360, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light", "is_mobile": True},
}


def signed_in(browser: Browser, link: str) -> dict[str, object]:
    """The cookies of the person whom the link signs in."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(link)
    page.locator("form button[type=submit]").last.click()
    page.wait_for_load_state("load")
    return context.storage_state()


def shoot(page: Page, address: str, path: Path, *, whole: bool) -> None:
    answer = page.goto(address)
    page.wait_for_load_state("load")
    page.wait_for_timeout(2500)
    page.screenshot(path=path, full_page=whole)
    print(answer.status if answer else "?", address, path.name)


def replay(page: Page, base: str, plan: str, days: list[str], folder: Path) -> None:
    """The plan and its check as seen on each of the days: the shop's pinned clock is moved from one to the next."""
    for day in days:
        page.goto(base)
        token = next(c["value"] for c in page.context.cookies() if c["name"] == "topline_csrf")
        answer = page.request.post(urljoin(base, "clock"), form={"to": day, "csrfmiddlewaretoken": token})
        page.goto(plan)
        page.wait_for_selector("[data-source=plan-chart] svg", timeout=600_000)
        page.wait_for_timeout(2500)
        page.screenshot(path=folder / f"replay-{day}.png")
        checked = page.goto(f"{plan.partition('?')[0]}/check")
        if checked and not checked.ok:  # the plan's months are over
            print(checked.status, "no check on", day, flush=True)
            continue
        page.wait_for_selector("[data-source=check-month-chart] svg", timeout=600_000)
        page.wait_for_timeout(2500)
        page.screenshot(path=folder / f"check-{day}.png")
        print(answer.status, day, flush=True)


WORDS = {
    "4-personas": ("benefits", "A gift that is there in time and needs no explaining."),
    "5-positioning": ("text", "For those who give often: gifts with a story, at a price for every day. {net_sales}"),
    "5-messages": ("message", "Something small that lasts."),
}
"""What a person writes of a marketing plan, by field."""


def walk(page: Page, base: str, first: str, folder: Path) -> None:
    """From the shop's orders to a sales plan in force that serves a marketing plan in force."""

    def keep(name: str) -> None:
        page.wait_for_load_state("load")
        page.wait_for_timeout(1500)
        page.screenshot(path=folder / f"walk-{name}.png")
        print(name, flush=True)

    page.goto(urljoin(base, f"plans?template=pair&first={first}"))
    keep("1-draft")
    page.click("#draft button.primary")
    page.wait_for_url(re.compile(r"/plans/\d+$"), timeout=600_000)
    marketing = page.url
    page.wait_for_selector("section.next-step", timeout=600_000)
    keep("2-next")
    page.goto(urljoin(base, "plans"))
    sales = page.locator("article a", has_text="Sales plan").first.evaluate("a => a.href")
    page.goto(f"{sales}/approval")
    keep("4-needed")
    page.goto(f"{marketing}/document")
    for field, (cell, text) in WORDS.items():
        page.goto(f"{marketing}/document?section={field[0]}&edit={field.replace('-', '.')}#f-{field}")
        page.locator(f"#f-{field} [name={cell}]").first.fill(text)
        if field == "5-positioning":
            keep("3-field")
        page.locator(f"#f-{field} form.stack button.primary, #f-{field} form button.primary").first.click()
        page.wait_for_timeout(1500)
    for plan in (marketing, sales):
        page.goto(f"{plan}/approval")
        for button in ("Hand in", "Approve", "Put in force"):
            if button == "Approve" and plan == sales:
                keep("5-gate")
            if page.locator("#note").count():
                page.fill("#note", "Agreed.")
            page.get_by_role("button", name=button).first.click()
            page.wait_for_load_state("load")
    keep("6-force")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("link")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shop", default="harbour-and-pine")
    parser.add_argument("--all", action="store_true")
    parser.add_argument(
        "--walk", metavar="MONTH", help="draft, write and approve two plans from this month, such as 2011-09"
    )
    parser.add_argument("--replay", nargs="+", metavar="DAY", help="show the shop's plan as seen on each of these days")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    looks = LOOKS if wanted.all else {"light": LOOKS["light"]}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM if CHROMIUM.exists() else None, args=FLAGS)
        state = signed_in(browser, wanted.link)
        for look, options in looks.items():
            page = browser.new_context(storage_state=state, reduced_motion="reduce", **options).new_page()
            page.on("console", lambda message: print("  console:", message.type, message.text))
            base = urljoin(wanted.link, f"/shop/{wanted.shop}/")
            if wanted.walk:
                walk(page, base, wanted.walk, wanted.folder)
                continue
            paths = dict(PAGES)
            page.goto(urljoin(base, "plans"))
            links = page.eval_on_selector_all("main a", "all => all.map(a => a.href)")
            plan = next((href for href in links if re.search(r"/plans/\d+", href)), None)
            paths |= {"plan": plan, "plan-document": f"{plan}/document?section=2"} if plan else {}
            if wanted.replay:
                replay(page, base, plan or base, wanted.replay, wanted.folder)
                continue
            for name, path in paths.items():
                suffix = f"-{look}" if wanted.all else ""
                shoot(page, urljoin(base, path), wanted.folder / f"{name}{suffix}.png", whole=wanted.all)
        browser.close()


if __name__ == "__main__":
    main()
