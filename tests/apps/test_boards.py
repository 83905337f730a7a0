"""Dashboards, saved views and screens: who may do what; each shows the lake's figures in the viewer's scope."""

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape

import plan_shop
from topline.accounts import operations as accounts
from topline.accounts.permissions import Role
from topline.analysis import catalogue
from topline.boards import operations
from topline.boards.models import Dashboard, RoleDashboard, SavedView, Screen
from topline.lake import read
from topline.lake.analyse import analyse
from topline.lake.scope import Scope
from topline.metrics.query import Query
from topline.units.missing import Missing
from topline.units.period import Period
from topline.web import formats, markdown

pytestmark = pytest.mark.once

NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))
SIX_MONTHS = Period(date(2026, 6, 1), date(2026, 12, 1))
ASKED = {"from": "2026-11-01", "to": "2026-12-01", "against": "none"}


@pytest.fixture
def filled(shop, lake):
    plan_shop.fill(lake, days=500)
    return accounts.pin_clock(shop=shop, on=date(2026, 12, 15), actor_id=None)


@pytest.fixture
def browser(filled, owner):
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def as_role(filled, member):
    def make(role):
        client = Client()
        client.force_login(member(role))
        return client

    return make


def november(shop, metric="net_sales"):
    query = Query(metrics=(metric,), period=NOVEMBER)
    return read.read(shop.lake(), query, scope=Scope.whole(shop.slug), settings=shop.settings()).totals[metric]


def board_of(shop, owner, is_shared=False, **tile):
    board = operations.create_dashboard(shop=shop, title="Mine", owner=owner, is_shared=is_shared)
    given = {"visual": "number", "question": {"metrics": ["net_sales"]}} | tile
    return board, operations.add_tile(board=board, **given)


def at(name, shop, *args):
    return reverse(name, args=[shop.slug, *args])


def test_every_role_begins_with_a_dashboard_made_once(browser, filled):
    for _ in range(2):
        assert browser.get(at("boards", filled)).status_code == 200
    assert set(RoleDashboard.objects.values_list("role", flat=True)) == set(Role)
    boards = Dashboard.objects.count()
    Dashboard.objects.get(title="Marketing").delete()
    browser.get(at("boards", filled))
    assert Dashboard.objects.count() == boards - 1


def test_every_tile_that_roles_begin_with_answers(browser, filled):
    browser.get(at("boards", filled))
    for board in Dashboard.objects.all():
        for tile in board.tiles.all():
            answer = browser.get(at("board_tile", filled, board.pk, tile.pk), ASKED)
            assert answer.status_code == 200, tile
            assert "callout" not in answer.content.decode(), (board, tile)


def test_a_tile_shows_the_lakes_number_of_the_addresss_period(browser, filled, owner):
    board, tile = board_of(filled, owner, visual="table", question={"metrics": ["net_sales"], "by": ["market"]})
    address = at("board_tile", filled, board.pk, tile.pk)
    answer = browser.get(address, {**ASKED, "format": "csv"})
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert sum(Decimal(row[1]) for row in rows[1:]) == november(filled).quantize(Decimal("0.01"))
    assert browser.get(address, {**ASKED, "format": "png"}).status_code == 404  # a table has no picture


def test_a_chart_goes_out_in_every_form(browser, filled, owner):
    board, tile = board_of(filled, owner, visual="columns")
    address = at("board_tile", filled, board.pk, tile.pk)
    starts = {"png": b"\x89PNG", "svg": b"<svg", "xlsx": b"PK"}
    for kind, start in starts.items():
        assert browser.get(address, {**ASKED, "format": kind}).content.startswith(start)


def test_a_chart_of_several_metrics_draws_each(browser, filled, owner):
    board, tile = board_of(filled, owner, visual="line", question={"metrics": ["net_sales", "orders"]})
    page = browser.get(at("board_tile", filled, board.pk, tile.pk), ASKED).content.decode()
    drawn = re.findall(r'id="(tile-chart-[^"]+)" type="application/json">(.*?)</script>', page)
    sums = [sum(value or 0 for value in json.loads(option)["series"][0]["data"]) for _, option in drawn]
    assert sums == pytest.approx([float(november(filled)), float(november(filled, "orders"))])
    assert len({id_ for id_, _ in drawn}) == 2


def test_whose_dashboard_it_is(as_role, browser, filled, owner):
    own, _ = board_of(filled, owner)
    shared, tile = board_of(filled, owner, is_shared=True)
    rep, analyst = as_role("rep"), as_role("analyst")
    assert rep.get(at("board", filled, own.pk)).status_code == 404
    assert rep.get(at("board", filled, shared.pk)).status_code == 200
    assert rep.post(at("board", filled, shared.pk), {"do": "delete"}).status_code == 403
    assert rep.post(at("board_tile", filled, shared.pk, tile.pk), {"do": "delete"}).status_code == 403
    assert rep.post(at("board_order", filled, shared.pk), {"ids": "1"}).status_code == 403
    assert rep.get(at("board_tile_edit", filled, shared.pk, tile.pk)).status_code == 403
    assert analyst.post(at("board", filled, shared.pk), {"do": "rename", "title": "Ours"}).status_code == 302
    assert rep.post(at("board", filled, shared.pk), {"do": "copy"}).status_code == 302
    assert Dashboard.objects.get(title="Ours, copy").tiles.count() == 1
    assert (
        rep.post(at("board", filled, Dashboard.objects.get(title="Ours, copy").pk), {"do": "share"}).status_code == 403
    )


def test_a_shared_dashboard_shows_each_what_they_may_see(as_role, browser, filled, owner):
    board, tile = board_of(filled, owner, is_shared=True, question={"metrics": ["gross_margin"]})
    address = at("board_tile", filled, board.pk, tile.pk)
    assert "may not see" in as_role("rep").get(address, ASKED).content.decode()
    assert "may not see" not in browser.get(address, ASKED).content.decode()


def test_tiles_are_ordered_resized_doubled_taken_off_and_put_back(browser, filled, owner):
    board, first = board_of(filled, owner)
    second = operations.add_tile(board=board, visual="text", text="Second")
    page, tile = at("board", filled, board.pk), at("board_tile", filled, board.pk, second.pk)
    browser.post(at("board_order", filled, board.pk), {"ids": f"{second.pk},{first.pk}"})
    assert list(board.tiles.values_list("pk", flat=True)) == [second.pk, first.pk]
    for _ in range(20):
        browser.post(tile, {"do": "narrower"})
    browser.post(tile, {"do": "taller"})
    second.refresh_from_db()
    assert (second.width, second.height) == (3, 2)
    browser.post(tile, {"do": "copy"})
    assert [each.text for each in board.tiles.all()] == ["Second", "Second", ""]
    browser.post(tile, {"do": "later"})
    browser.post(tile, {"do": "delete"})
    assert board.tiles.count() == 2
    browser.post(page, {"do": "undo"})
    assert [(each.text, each.width) for each in board.tiles.all()] == [("Second", 3), ("Second", 3), ("", 3)]


def test_a_chart_is_pinned_from_the_metrics_page(browser, filled):
    asked = {"metrics": "net_sales", "by": "month,market", "where": "category=Lamps", "visual": "line", "title": "New"}
    answer = browser.post(at("board_pin", filled), {**asked, "board": ""})
    tile = Dashboard.objects.get(title="New").tiles.get()
    assert tile.question == {"metrics": ["net_sales"], "by": ["time", "market"], "where": ["category=Lamps"]}
    assert answer["Location"] == at("board", filled, tile.dashboard_id)


@pytest.mark.parametrize("analysis", catalogue.analyses())
def test_any_analysis_is_pinned_and_shown(browser, filled, analysis):
    """The sentence of its page, of the months that the tile keeps."""
    pinned = {"analysis": analysis, "months": "6", "title": "New", "board": ""}
    assert browser.post(at("board_pin", filled), pinned).status_code == 302
    tile = Dashboard.objects.get(title="New").tiles.get()
    assert tile.question == {"analysis": analysis, "months": 6}
    found = browser.get(at("board_tile", filled, tile.dashboard_id, tile.pk), ASKED).content.decode()
    asked = catalogue.named(analysis).asked({}, period=SIX_MONTHS, as_of=filled.horizon())
    result = analyse(filled.lake(), asked, scope=Scope.whole(filled.slug), settings=filled.settings())
    assert escape(formats.say(result.sentence)) in found
    assert ("callout" in found) == isinstance(result.sentence, Missing)


def test_an_analysis_goes_from_its_page_to_the_tile_and_on(browser, as_role, filled, owner):
    board, _ = board_of(filled, owner, is_shared=True)
    asked = {"analysis": "cohorts", "by": "month", "measure": "gross_profit", "where": "market=GB", "table": "ages"}
    browser.post(at("board_pin", filled), {**asked, "months": "", "board": board.pk})
    tile = board.tiles.get(visual="analysis")
    assert tile.question == {
        "analysis": "cohorts",
        "choices": {"by": "month", "measure": "gross_profit"},
        "where": ["market=GB"],
        "table": "ages",
    }
    address = at("board_tile", filled, board.pk, tile.pk)
    shown = browser.get(address, ASKED).content.decode()
    assert f"{at('analysis', filled, 'cohorts')}?by=month&amp;measure=gross_profit&amp;where=market%3DGB" in shown
    assert "may not see" in as_role("rep").get(address, ASKED).content.decode()
    assert browser.get(address, {**ASKED, "format": "png"}).content.startswith(b"\x89PNG")
    form = at("board_tile_edit", filled, board.pk, tile.pk)
    assert "Months to look back over" in browser.get(form).content.decode()
    browser.post(form, {**asked, "measure": "orders", "months": "3", "title": "Who came back", "where": ""})
    tile.refresh_from_db()
    assert (tile.title, tile.question["months"], tile.question["choices"]["measure"]) == ("Who came back", 3, "orders")
    assert "Who came back" in browser.get(at("board", filled, board.pk)).content.decode()


@pytest.mark.parametrize(
    ("visual", "question", "said"),
    [
        ("bars", {"metrics": ["net_sales"]}, "choose what to cut it by"),
        ("pie", {"metrics": ["net_sales"]}, "no such kind"),
        ("line", {"metrics": ["net_sale"]}, "Did you mean net_sales"),
        ("number", {"metrics": ["net_sales", "orders"]}, "a figure shows one metric"),
        ("bars", {"metrics": ["net_sales"], "by": ["weather"]}, "There is no dimension"),
        ("text", {}, "needs a text"),
        ("analysis", {"analysis": "cohort"}, "Did you mean cohorts"),
        ("analysis", {"analysis": "cohorts", "choices": {"by": "weather"}}, "doesn't fit the choice by"),
        ("analysis", {"analysis": "cohorts", "months": 500}, "1 to 120 months"),
    ],
)
def test_what_makes_no_tile(filled, owner, visual, question, said):
    board = operations.create_dashboard(shop=filled, title="Mine", owner=owner)
    with pytest.raises(operations.ToplineError, match=said):
        operations.add_tile(board=board, visual=visual, question=question)


def test_markdown_is_safe():
    shown = markdown.render(
        "# Big\n<script>alert(1)</script> [a](javascript:alert(1)) ![x](https://e.org/x.png) "
        "[b](https://e.org) **bold**"
    )
    assert "<h3>Big</h3>" in shown
    assert "<script" not in shown
    assert 'href="javascript' not in shown
    assert "<img" not in shown
    assert 'href="https://e.org" rel="noopener noreferrer nofollow"' in shown
    assert "<strong>bold</strong>" in shown


def test_a_saved_view_goes_with_the_day(browser, filled):
    asked = {"metrics": "net_sales,orders", "by": "month", "where": "market=GB", "top": "", "against": "previous"}
    period = {"from": "2026-11-15", "to": "2026-12-15"}  # the last 30 days of the pinned clock
    browser.post(at("saved_views", filled), {**asked, **period, "do": "save", "name": "GB"})
    view = SavedView.objects.get()
    accounts.pin_clock(shop=filled, on=date(2026, 12, 20), actor_id=None)
    address = browser.get(at("saved_view", filled, view.pk))["Location"]
    assert "from=2026-11-20&to=2026-12-20" in address
    assert "where=market%3DGB" in address
    page = browser.get(address).content.decode()
    assert "Keep this in “GB”" in page
    browser.post(at("saved_views", filled), {**asked, "metrics": "orders", **period, "do": "update", "view": view.pk})
    view.refresh_from_db()
    assert ["metrics", "orders"] in view.parameters
    assert "GB" in {each["label"] for each in browser.get(at("palette", filled)).json()["entries"]}
    browser.post(at("saved_views", filled), {"do": "delete", "view": view.pk})
    assert not SavedView.objects.exists()


def test_views_are_their_owners(as_role, browser, filled, owner):
    mine = operations.save_view(shop=filled, owner=owner, name="Mine", parameters=[("metrics", "orders")])
    rep = as_role("rep")
    assert rep.get(at("saved_view", filled, mine.pk)).status_code == 404
    operations.change_view(view=mine, is_shared=True)
    assert rep.get(at("saved_view", filled, mine.pk)).status_code == 302
    assert rep.post(at("saved_views", filled), {"do": "delete", "view": mine.pk}).status_code == 404


@pytest.fixture
def screen(filled, member):
    """A screen of an analyst with margins on it: (screen, its path, its maker)."""
    maker = member("analyst")
    board, _ = board_of(filled, maker, is_shared=True, question={"metrics": ["gross_margin"]})
    operations.add_tile(board=board, visual="analysis", question={"analysis": "order_gaps"})
    made, secret = operations.create_screen(
        shop=filled, maker=maker, name="Hall", boards=[board], seconds=20, language="en"
    )
    return made, f"/screen/{secret}/", maker


def test_a_screen_shows_without_signing_in_and_without_controls(screen):
    made, path, _ = screen
    answer = Client().get(path)
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "tile-sentence" in page
    assert 'hx-trigger="every 20s"' in page
    assert "<form" not in page
    assert "<button" not in page
    assert "<a " not in page
    assert "no-store" in answer["Cache-Control"]
    assert path.split("/")[2] not in str(list(Screen.objects.values()))
    assert Client().get("/screen/wrong/").status_code == 404
    assert made.digest not in page


def test_a_screen_never_shows_more_than_its_maker_may_see(screen, filled):
    made, path, maker = screen
    assert "may not see" not in Client().get(path).content.decode()
    accounts.set_roles(shop=filled, user=maker, roles=["operations"], actor_id=None)
    assert "may not see" in Client().get(path).content.decode()  # margins are not the maker's any more
    accounts.set_roles(shop=filled, user=maker, roles=["support"], actor_id=None)
    assert Client().get(path).status_code == 404  # may not share any more
    accounts.set_roles(shop=filled, user=maker, roles=["analyst"], actor_id=None)
    Screen.objects.filter(pk=made.pk).update(scope={**made.scope, "hidden_families": ["profit"]})
    assert "may not see" in Client().get(path).content.decode()  # nor what it was not, when the link was made


def test_a_screen_speaks_the_language_that_it_was_made_in(screen, filled):
    made, path, _ = screen
    operations.add_tile(board=Dashboard.objects.get(title="Mine"), visual="analysis", question={"analysis": "funnel"})
    with translation.override("ro"):
        asked = catalogue.named("funnel").asked({}, as_of=filled.horizon())
        result = analyse(filled.lake(), asked, scope=Scope.whole(filled.slug), settings=filled.settings())
        said = escape(formats.say(result.sentence))
    assert said not in Client().get(path).content.decode()
    Screen.objects.filter(pk=made.pk).update(language="ro")
    assert said in Client().get(path).content.decode()


def test_a_screens_link_stays_out_of_the_log(screen, caplog):
    caplog.set_level("INFO")
    Client().get(screen[1])
    assert [record.path for record in caplog.records if record.name == "topline.request"] == ["/screen/…/"]


def test_a_screen_ends_when_it_is_revoked_or_its_maker_leaves(screen, browser, filled):
    made, path, maker = screen
    accounts.change_profile(user=maker, actor_id=None, is_active=False)
    assert Client().get(path).status_code == 404
    accounts.change_profile(user=maker, actor_id=None, is_active=True)
    assert Client().get(path).status_code == 200
    browser.post(at("board_screens", filled), {"do": "revoke", "screen": made.pk})
    assert Client().get(path).status_code == 404
