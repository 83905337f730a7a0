"""A plan's targets, goals, scenarios and approval in the browser: two people in one grid, a slider, and a decision."""

import re
from datetime import UTC, date, datetime

from playwright.sync_api import expect

from topline.accounts import operations as accounts
from topline.accounts.models import User
from topline.journal import operations as journal
from topline.plans import operations as plans
from topline.units.period import Period
from topline.workbench import jobs

NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)


def test_a_plan_is_set_argued_and_approved(shop, visit):
    journal.open_batch(shop="lamps", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="lamps", batch_id="test", now=NOW)
    ana = User.objects.get()
    ben = accounts.create_user(email="ben@example.org", name="Ben", password="correct horse", actor_id=None)
    accounts.set_roles(shop=shop, user=ben, roles=["marketing_manager"], actor_id=None)
    version = plans.draft_plan(
        shop=shop, period=Period.of_months(date(2027, 1, 1), 2), as_of=date(2026, 12, 15), actor=ana, now=NOW
    )
    at = f"plans/{version.plan_id}"

    one, other = visit(), visit(size={"width": 390, "height": 844})
    one.sign_in()
    other.page.goto(f"{other.url}/account/login/")
    other.page.fill("[name=login]", "ben@example.org")
    other.page.fill("[name=password]", "correct horse")
    other.page.click("main button.primary")
    other.page.wait_for_url("**/shop/lamps/")
    one.go(f"{at}/targets")
    other.go(f"{at}/targets")
    mine, theirs = (each.page.locator('[data-cell="0.0"]') for each in (one, other))
    other.page.locator('[data-cell="1.0"]').fill("77")  # Ben is typing
    one.page.locator("#reason").fill("A fair in January")
    mine.fill("5,000")
    mine.press("Enter")
    expect(one.page.locator("#grid-status")).to_have_text("Saved.")
    expect(theirs).to_have_value("5,000.00")
    expect(other.page.locator("#grid-status")).to_contain_text("Ana set Lamps, January 2027 to £5,000.00")
    expect(other.page.locator('[data-cell="1.0"]')).to_have_value("77")  # and loses no keystroke
    other.page.locator('[data-cell="1.0"]').press("Enter")
    expect(one.page.locator('[data-cell="1.0"]')).to_have_value("77.00")
    one.look()
    other.look()

    one.go(f"{at}/goals")
    one.page.get_by_role("link", name="Change Net sales").first.click()
    expect(one.page.locator("#letters")).to_contain_text("It serves no other goal and no strategy.")
    one.page.locator("#strategy").fill("Gifts all year")
    expect(one.page.locator("#letters")).to_contain_text("It serves the strategy: Gifts all year")
    one.look()

    while job := jobs.claim():
        jobs.perform(job)
    one.go(f"{at}/scenarios")
    while job := jobs.claim():
        jobs.perform(job)
    one.page.locator("#scenario-name").fill("Dearer")
    one.page.get_by_role("button", name="Branch").click()
    one.page.locator("#lever-price").fill("10")
    expect(one.page.locator("h1")).to_contain_text(re.compile("“Dearer” brings .* (more|less)"))
    one.look()

    one.go(f"{at}/approval")
    one.page.get_by_label("One person may give every approval").check()
    rule = one.page.locator("form", has=one.page.get_by_label("One person may give every approval"))
    rule.get_by_role("button").click()
    one.page.get_by_role("button", name="Hand in").click()
    expect(one.page.locator("h1")).to_contain_text("It waits for")
    one.page.locator("#note").fill("Agreed on Monday")
    one.page.get_by_role("button", name="Approve").click()
    expect(one.page.locator("h1")).to_have_text("All have approved it: it can be put in force.")
    expect(one.page.get_by_text("the log is whole")).to_be_visible()
    one.look()
