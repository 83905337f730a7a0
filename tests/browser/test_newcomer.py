"""The newcomer's path: sign in, look, explore, draft a plan, edit it, bring a file in; both themes, and a phone."""

import re
import time

import pytest
from playwright.sync_api import Route

from topline.imports.models import Import
from topline.plans.models import Plan
from topline.workbench import jobs
from topline.workbench.models import Job

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
PLACES = ("", "metrics", "metrics/net_sales", "rows", "plans", "calendar", "imports", "settings", "settings/people")


@pytest.mark.parametrize(("theme", "size"), [pytest.param("light", DESKTOP, marks=pytest.mark.soak), ("dark", PHONE)])
def test_every_place_is_clean(visit, theme, size):
    person = visit(theme, size)
    person.sign_in()
    for place in PLACES:
        person.go(place)
        person.look()
    assert person.page.evaluate("document.documentElement.dataset.bsTheme") == theme
    assert person.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_page_that_asked_twice_leaves_what_was_typed_after_the_first_answer(visit):
    person = visit()
    page = person.page
    asked = []

    def answer(route: Route) -> None:
        time.sleep(0.3)
        asked.append(route.request.url)
        route.fulfill(content_type="text/html", body='<input id="name">')

    page.route("**/made-later", answer)
    page.goto(f"{person.url}/account/login/")
    page.evaluate("""() => {
        const [main] = document.getElementsByTagName("main");
        main.innerHTML = '<div id="late"><p hx-get="/made-later" hx-trigger="every 50ms" hx-target="#late"></p></div>';
        htmx.process(main);
    }""")
    page.fill("#name", "Dearer")
    page.wait_for_timeout(500)
    assert page.input_value("#name") == "Dearer"
    assert len(asked) == 1


def test_from_the_first_look_to_a_plan(visit, shop):
    person = visit()
    page = person.page
    person.sign_in()
    person.look()
    page.keyboard.press("Control+k")
    page.keyboard.type("return rate")
    page.get_by_role("option", name="Return rate").wait_for()
    page.keyboard.press("Enter")
    page.wait_for_url("**/metrics/return_rate")
    person.look()
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(re.compile("from=2024-12-01"))
    person.go("metrics?by=month")
    page.select_option("select[name=by] >> nth=1", "market")
    page.wait_for_url(re.compile("market"))
    person.look()
    assert page.get_by_role("rowheader", name="Nov 2026").count() == 2
    person.go("plans")
    page.check("[name=template][value=sales]")
    page.select_option("#first", "2027-01")
    page.click("text=Draft >> nth=-1")
    page.wait_for_url("**/plans/drafts/*")
    page.get_by_text("Waiting for its turn").wait_for()
    assert jobs.run_now(Job.objects.get()).state == Job.State.DONE
    page.wait_for_url(re.compile(r"/plans/\d+$"))
    person.look()
    page.fill("#cell-1-1", "12,000.00")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Undo")
    assert page.input_value("#cell-1-1") == "12,000.00"
    assert int(Plan.objects.get().current.grid("net_sales").cells[0, :, 0].sum()) == 1_200_000
    person.look()


def test_a_file_comes_in_and_goes_back(visit, shop, tmp_path):
    table = tmp_path / "orders.csv"
    good = "".join(f"{n},2026-12-0{n} 10:00,A1,2,10.00,GB\n" for n in range(1, 6))
    table.write_text(f"Order,Date,SKU,Qty,Price,Country\n{good}6,nonsense,A1,1,5.00,GB\n")
    person = visit()
    page = person.page
    person.sign_in()
    person.go("imports")
    page.set_input_files("#files", table)
    page.wait_for_url("**/imports/*")
    jobs.run_now(Job.objects.get())
    assert Import.objects.get().state == Import.State.PROPOSED, Import.objects.get().error_text
    page.wait_for_selector("button[value=confirm]")
    person.look()
    page.click("button[value=confirm]")
    jobs.run_now(Job.objects.order_by("-id")[0])
    page.wait_for_selector("button[value=undo]")
    person.look()
    assert page.get_by_text("1 row to mend").count() == 1
    page.click("button[value=undo]")
    page.wait_for_selector("button[value=redo]")
    assert Import.objects.get().state == Import.State.UNDONE
