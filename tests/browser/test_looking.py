"""Looking: build a dashboard, follow a number to its rows, export, read an alert; both themes, and a phone."""

import re
from datetime import date
from decimal import Decimal

import pytest

from topline.accounts import operations as accounts
from topline.accounts.models import User
from topline.boards import jobs, operations
from topline.boards.models import Alert, Dashboard

DESKTOP, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def owner(shop):
    return User.objects.get()


@pytest.fixture
def told(shop, owner):
    """An alert that has fired: the shop was closed on Sunday 13 December."""
    accounts.pin_clock(shop=shop, on=date(2026, 12, 14), actor_id=None)
    question = {"metrics": ["net_sales"], "where": []}
    alert = operations.create_alert(
        shop=shop, owner=owner, name="Quiet day", rule="threshold", question=question, bound=Decimal(1)
    )
    jobs.judge_shop(shop)
    return Alert.objects.get(pk=alert.pk)


@pytest.mark.soak
@pytest.mark.parametrize(("theme", "size"), [("light", PHONE), ("dark", DESKTOP)])
def test_every_page_of_looking_is_clean(visit, shop, owner, told, theme, size):
    operations.start_roles(shop=shop)
    board = Dashboard.objects.get(title="The shop at a glance")
    operations.add_tile(board=board, visual="text", text="# Notes\n\nA [link](https://example.org) and **bold**.")
    made, secret = operations.create_screen(
        shop=shop, maker=owner, name="Hall", boards=[board], seconds=60, language="en"
    )
    tile = board.tiles.first()
    person = visit(theme, size)
    person.sign_in()
    for place in (
        "boards",
        f"boards/{board.pk}",
        f"boards/{board.pk}?edit=1",
        f"boards/{board.pk}/tiles/{tile.pk}/edit",
        "boards/-/screens",
        "metrics/-/views",
        "alerts",
        "alerts/new",
        f"alerts/{told.pk}",
        "digests",
        "inbox",
    ):
        person.go(place)
        person.look()
        down = "[scrollTo({top: 2000, behavior: 'instant'}), scrollY][1]"
        assert person.page.evaluate(down) > 500
    person.page.goto(f"{person.url}/screen/{secret}/")
    person.look()
    assert person.page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    assert made.name == "Hall"


def test_from_a_question_to_a_dashboard_and_its_rows(visit, shop, tmp_path):
    person = visit()
    page = person.page
    person.sign_in()
    person.go("metrics?metrics=net_sales&by=month")
    page.click("text=Pin to a dashboard")
    page.select_option("#pin-board", "")
    page.click("#pin button.primary")
    page.wait_for_url(re.compile(r"/boards/\d+$"))
    board = Dashboard.objects.get(title="My dashboard")
    page.wait_for_selector(".board-tile svg")
    person.look()
    page.click("text=Edit")
    page.click("text=Figure, chart or table")
    page.select_option("#visual", "table")
    page.select_option("#cut", "market")
    page.select_option("#metrics", ["net_sales", "orders"])
    page.click("main button.primary")
    page.wait_for_selector("text=United Kingdom")
    person.look()
    first, second = board.tiles.values_list("pk", flat=True)
    handle = page.locator(f"#tile-{second} [data-handle]")
    handle.focus()
    with page.expect_response("**/order"):
        page.keyboard.press("ArrowLeft")
    assert list(board.tiles.values_list("pk", flat=True)) == [second, first]
    with page.expect_response(f"**/tiles/{second}"):
        page.keyboard.press("Shift+ArrowRight")
    assert board.tiles.get(pk=second).width == 7
    with page.expect_response("**/order"):
        handle.drag_to(page.locator(f"#tile-{first}"), target_position={"x": 300, "y": 200})
    assert list(board.tiles.values_list("pk", flat=True)) == [first, second]
    page.click("text=Done")
    page.wait_for_selector("text=United Kingdom")
    page.click(f"#tile-{second} .tile-head .icon-button")
    with page.expect_download() as download:
        page.click(f"#tile-{second} .menu >> text=CSV")
    content = download.value.path().read_text(encoding="utf-8-sig")
    assert content.splitlines()[0].startswith("Market,Net sales")
    page.click(f"#tile-{first} .tile-head .icon-button")
    page.click(f"#tile-{first} .menu >> text=Rows")
    page.wait_for_selector("text=the rows behind")
    person.look()

    # a page that isn't there ends below its words, however high the window
    person.go("no-such-page")
    assert page.locator("main .empty").bounding_box()["height"] < DESKTOP["height"] / 2


def test_an_alert_is_read(visit, shop, told):
    person = visit()
    page = person.page
    person.sign_in()
    page.click(".bar-foot >> text=Inbox")
    page.wait_for_selector("text=1 thing waits to be read")
    person.look()
    page.click("text=Quiet day: £0.00 on 13 Dec 2026")
    page.wait_for_url(re.compile(r"/alerts/\d+$"))
    person.look()
    assert page.locator(".bar-foot .count").count() == 0
    page.click("text=Rows >> nth=0")
    page.wait_for_selector("text=No row matches")


def test_a_number_against_the_feasts_of_last_year_leads_to_its_rows(visit, shop):
    person = visit()
    page = person.page
    person.sign_in()
    person.go("metrics?metrics=net_sales&by=month&from=2026-09-01&to=2026-12-01")
    page.click("[popovertarget=against]")
    page.click("#against >> text=the year before, feast by feast")
    page.wait_for_url(re.compile("against=last_year_feast"))
    for name, value in (("window", "cumulative"), ("money", "constant")):
        with page.expect_response(re.compile(f"{name}={value}")):
            page.select_option(f"#question [name={name}]", value)
        page.wait_for_selector(f"#question [name={name}] option[value={value}][selected]", state="attached")
    person.look()
    assert {"against=last_year_feast", "window=cumulative", "money=constant"} <= set(page.url.split("?")[1].split("&"))
    page.click("tbody tr:last-child >> text=Rows")
    page.wait_for_selector("text=the rows behind")
    person.look()
    last = page.locator("tbody tr").count()
    assert last > 1


def test_the_menu_stays_in_sight(shop, visit):
    for width, menu in ((1440, ".bar"), (390, "header.top")):
        person = visit(size={"width": width, "height": 500})
        person.sign_in()
        person.go("metrics")
        down = "[scrollTo({top: 2000, behavior: 'instant'}), scrollY][1]"
        assert person.page.evaluate(down) > 500
        assert abs(person.page.locator(menu).bounding_box()["y"]) < 1
