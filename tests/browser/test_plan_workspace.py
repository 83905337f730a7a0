"""From orders to a sales plan in force that serves a marketing plan in force, as a newcomer finds the way; two people
in one grid, a slider, marketing's gate, and the decisions of three."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import expect

from topline.accounts import operations as accounts
from topline.accounts.models import User
from topline.journal import operations as journal
from topline.plans import operations as plans
from topline.plans.grid import Part
from topline.plans.models import Plan, State
from topline.plans.outline import fields
from topline.units.period import Period
from topline.workbench import jobs

NOW = datetime(2026, 12, 15, 9, tzinfo=UTC)
DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def work() -> None:
    while job := jobs.claim():
        jobs.perform(job)


@pytest.mark.parametrize(("locale", "size"), [("en-GB", DESKTOP), pytest.param("ro-RO", PHONE, marks=pytest.mark.soak)])
def test_from_orders_to_an_approved_sales_plan_that_serves_an_approved_marketing_plan(shop, visit, locale, size):
    def say(text: str, **params: object) -> str:
        with translation.override(locale[:2]):
            return gettext(text) % params if params else gettext(text)

    def ending(text: str) -> str:
        return re.split(r"%\(\w+\)s", say(text))[-1].strip()

    journal.open_batch(shop="lamps", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="lamps", batch_id="test", now=NOW)
    mia = accounts.create_user(email="mia@example.org", name="Mia", password="correct horse", actor_id=None)
    accounts.set_roles(shop=shop, user=mia, roles=["marketing_manager"], actor_id=None)
    ana, phone = visit(size=size, locale=locale), visit(size=PHONE, locale=locale)
    ana.sign_in()
    page = ana.page
    page.get_by_role("link", name=say("Draft a plan")).click()
    page.select_option("#first", "2027-01")
    page.select_option("#months", "2")
    page.get_by_role("button", name=say("Draft")).click()
    page.wait_for_url("**/plans/drafts/*")
    work()
    page.wait_for_url(re.compile(r"/plans/\d+$"))
    work()
    expect(page.locator("#next")).to_have_text(say("Nothing stops it: the plan can be handed in for approval."))
    ana.look()
    sales, marketing = Plan.objects.get(kind="sales"), Plan.objects.get(kind="marketing")
    assert sales.serves == marketing

    # the sales plan says what is missing, in whose plan, and leads there
    ana.go(f"plans/{sales.pk}/approval")
    missing = {"en-GB": "3 things are missing before the plan", "ro-RO": "Lipsesc 3 lucruri"}[locale]
    expect(page.locator("#next")).to_contain_text(missing)
    first = page.locator("section.next-step li a").first
    expect(first).to_contain_text(f"§4 {say(fields()['4.personas'].label)}")
    first.click()
    page.get_by_label(say("Benefits sought")).first.fill("A gift that needs no explaining")
    page.locator("#f-4-personas").get_by_role("button", name=say("Keep")).click()
    expect(first).to_contain_text(f"§5 {say(fields()['5.positioning'].label)}")
    first.click()
    page.locator("#f-5-positioning textarea").fill("For people who give: lamps that last, {net_sales}.")
    page.locator("#f-5-positioning").get_by_role("button", name=say("Keep")).click()
    expect(first).to_contain_text(f"§5 {say(fields()['5.messages'].label)}")
    first.click()
    page.locator("#f-5-messages").get_by_label(say("Message"), exact=True).fill("Light that stays")
    page.locator("#f-5-messages").get_by_role("button", name=say("Keep")).click()
    expect(first).to_contain_text(
        ending("Goals: %(goals_count)s for which nothing is done yet. Say how, or link an action or a front.")
    )
    ana.look()

    # a front, and an action whose column "Form" must not hide the form from the page's own script
    ana.go(f"plans/{marketing.pk}/document?section=8")
    fronts, actions = page.locator("#f-8-fronts"), page.locator("#f-8-actions")
    fronts.get_by_role("button", name=say("Add")).first.click()
    fronts.locator("[name=name]").fill("Referral")
    fronts.get_by_role("button", name=say("Keep")).click()
    expect(fronts.locator("form [name=name]")).to_have_count(0)
    actions.get_by_role("button", name=say("Add")).first.click()
    actions.locator("[name=name]").fill("Bring a friend")
    actions.locator("[name=front]").select_option("Referral")
    actions.locator("[name=starts_on]").fill("2026-12-20")
    actions.get_by_role("button", name=say("Keep")).click()
    expect(page.locator("#e-8-actions-starts_on")).to_be_visible()
    actions.locator("[name=starts_on]").fill("2027-01-10")
    actions.get_by_role("button", name=say("Keep")).click()
    expect(actions).to_contain_text("Bring a friend")
    expect(actions.locator("form [name=name]")).to_have_count(0)

    # goals, targets with two people at once, a slider
    at = f"plans/{sales.pk}"
    ana.go(f"{at}/goals")
    page.get_by_role("link", name=f"{say('Change')} {say('Net sales')}").first.click()
    page.locator("#strategy").fill("Gifts all year")
    expect(page.locator("#letters")).to_contain_text(
        say("It serves the strategy: %(strategy)s", strategy="Gifts all year")
    )
    ana.look()
    phone.sign_in("mia@example.org")
    ana.go(f"{at}/targets")
    phone.go(f"{at}/targets")
    mine, theirs = (each.page.locator('[data-cell="0.0"]') for each in (ana, phone))
    phone.page.locator('[data-cell="1.0"]').fill("77")  # Mia is typing
    page.locator("#reason").fill("A fair in January")
    amount = {"en-GB": "5,000.00", "ro-RO": "5.000,00"}[locale]
    mine.fill("5000")
    mine.press("Enter")
    expect(page.locator("#grid-status")).to_have_text(say("Saved."))
    expect(theirs).to_have_value(amount)
    expect(phone.page.locator("#grid-status")).to_contain_text(
        {"en-GB": "Ana set Lamps, January 2027 to £5,000.00", "ro-RO": "Ana a stabilit Lamps, ianuarie 2027"}[locale]
    )
    expect(phone.page.locator('[data-cell="1.0"]')).to_have_value("77")  # and loses no keystroke
    page.locator('[data-cell="1.0"]').fill("88")
    page.locator('[data-cell="1.0"]').press("Enter")
    said = phone.page.locator('[id="said-1.0"]')  # two in one cell: said beside it, with a way out
    eighty_eight = {"en-GB": "88.00", "ro-RO": "88,00"}[locale]
    expect(said).to_contain_text(
        say("Somebody made it %(amount)s meanwhile. Enter keeps yours, Esc takes theirs.", amount=eighty_eight)
    )
    expect(phone.page.locator('[data-cell="1.0"]')).to_have_value("77")
    phone.page.locator('[data-cell="1.0"]').press("Enter")
    expect(said).to_have_count(0)
    expect(page.locator('[data-cell="1.0"]')).to_have_value({"en-GB": "77.00", "ro-RO": "77,00"}[locale])
    page.locator('[data-cell="0.1"]').fill("a lot")
    page.locator('[data-cell="0.1"]').press("Enter")
    expect(page.locator('[id="said-0.1"]')).to_contain_text("a lot")
    ana.said.clear()  # the browser itself names a refused post
    ana.look()
    page.locator('[data-cell="0.1"]').press("Escape")
    expect(page.locator('[id="said-0.1"]')).to_have_count(0)
    phone.look()
    ana.go(f"{at}/scenarios")
    work()
    page.locator("#scenario-name").fill("Dearer")
    page.get_by_role("button", name=say("Branch")).click()
    page.locator("#lever-price").fill("10")
    brings = {"en-GB": "brings .* (more|less)", "ro-RO": "aduce"}[locale]
    expect(page.locator("h1")).to_contain_text(re.compile(f".Dearer. {brings}"))
    ana.look()

    # the marketing plan, then the sales plan through marketing's gate
    for plan in (marketing, sales):
        ana.go(f"plans/{plan.pk}")
        page.locator("section.next-step").get_by_role("link", name=say("Hand in")).click()
        page.get_by_role("button", name=say("Hand in")).click()
        expect(page.locator("h1")).to_contain_text(
            say("It waits for %(seats)s.", seats=say("Head of marketing")).rstrip(".")
        )
        phone.go(f"plans/{plan.pk}/approval")
        phone.page.locator("#note").fill("It follows the strategy")
        phone.look()
        phone.page.get_by_role("button", name=say("Approve")).click()
        ana.go(f"plans/{plan.pk}/approval")
        page.get_by_role("button", name=say("Approve")).click()
        expect(page.locator("h1")).to_have_text(say("All have approved it: it can be put in force."))
        page.get_by_role("button", name=say("Put in force")).click()
        expect(page.locator("h1")).to_have_text(say("In force: its numbers are locked."))
    expect(page.get_by_text(say("the log is whole"))).to_be_visible()
    ana.look()
    assert {plan.current.state for plan in Plan.objects.all()} == {State.ACTIVE}


def test_half_a_year_of_targets_stands_beside_its_totals(shop, visit):
    journal.open_batch(shop="lamps", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="lamps", batch_id="test", now=NOW)
    owner, half = User.objects.get(), Period.of_months(date(2027, 1, 1), 6)
    version = plans.draft_plan(shop=shop, period=half, as_of=NOW.date(), actor=owner, now=NOW)
    plans.set_target(
        version=version, metric="net_sales", part=Part(None, None, None), amount=Decimal(1_540_000),
        seen=version.revision, actor=owner, now=NOW,
    )  # fmt: skip
    ana = visit(size={"width": 1360, "height": 900})
    ana.sign_in()
    ana.go(f"plans/{version.plan_id}/targets")
    ana.look()
    grid = ana.page.locator(".target-grid")
    assert grid.evaluate("(table) => table.offsetWidth - table.parentElement.clientWidth") <= 0
    cut = "(fields) => fields.filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.value)"
    assert grid.locator("input").evaluate_all(cut) == []


def test_the_keyboard_stays_where_it_is(shop, visit):
    journal.open_batch(shop="lamps", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="lamps", batch_id="test", now=NOW)
    quarter = Period.of_months(date(2027, 1, 1), 3)
    version = plans.draft_plan(shop=shop, period=quarter, as_of=NOW.date(), actor=User.objects.get(), now=NOW)
    ana = visit()
    ana.sign_in()
    ana.go(f"plans/{version.plan_id}/targets")
    ana.look()
    cells = ana.page.locator(".target-grid input[data-cell]")
    first, last = cells.first, cells.last
    first.focus()
    ana.page.keyboard.press("ArrowUp")
    expect(first).to_be_focused()
    last.focus()
    ana.page.keyboard.type("60000")
    ana.page.keyboard.press("Enter")
    expect(last).to_be_focused()
    expect(last).to_have_value("60,000.00")

    ana.go(f"plans/{version.plan_id}/document")
    ana.look()
    talk = ana.page.locator("[id^=talk-]").first
    talk.focus()
    ana.page.keyboard.press("Enter")
    expect(talk).to_have_attribute("aria-expanded", "true")
    expect(talk).to_be_focused()
    ana.look()
