"""Every page as every role, and what the pages show of a shop of known numbers."""

import csv
import io
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import plan_shop
from topline.accounts import operations, permissions
from topline.accounts.permissions import Role
from topline.accounts.scopes import scope_for
from topline.facts.table import tables
from topline.imports import operations as imports
from topline.imports.models import Import
from topline.lake import read, store
from topline.lake.scope import Scope
from topline.metrics.catalogue import metrics
from topline.metrics.query import Filter, Query
from topline.plans import approval, templates
from topline.plans import operations as plans
from topline.plans.models import Plan, PlanVersion, State
from topline.units.period import Period
from topline.web import charts, formats, question
from topline.web.page import PLACES, pages
from topline.web.pages import plans as plan_pages
from topline.web.pages import rows as rows_page
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = pytest.mark.once

PLAIN = [name for name, page in pages().items() if "<" not in page.path]
NOVEMBER = Period(date(2026, 11, 1), date(2026, 12, 1))


@pytest.fixture
def filled(shop, lake):
    plan_shop.fill(lake, days=800)
    return operations.pin_clock(shop=shop, on=date(2026, 12, 15), actor_id=None)


@pytest.fixture
def browser(filled, owner):
    client = Client()
    client.force_login(owner)
    return client


def total(lake, shop, metric, period, where=()):
    query = Query(metrics=(metric,), period=period, where=where)
    return read.read(lake, query, scope=Scope.whole(shop.slug), settings=shop.settings()).totals[metric]


@pytest.mark.parametrize("role", Role)
def test_a_role_sees_its_pages_and_no_others(role, shop, member):
    client = Client()
    client.force_login(member(role))
    granted = permissions.granted([role])
    for name in PLAIN:
        response = client.get(reverse(name, args=[shop.slug]))
        allowed = pages()[name].permission in granted and not (role is Role.REP and pages()[name].is_whole)
        assert response.status_code in ((200, 302) if allowed else (403,)), name
    bar = client.get(reverse("home", args=[shop.slug])).content.decode() if "metrics.read" in granted else ""
    for place in PLACES if bar else ():
        within = [page for page in pages().values() if page.place == place.id and page.label]
        shows = any(page.permission in granted and not (role is Role.REP and page.is_whole) for page in within)
        assert (f">{place.label}</a>" in bar) == shows, place.id


def test_pages_of_a_shop_without_facts_say_what_to_do(shop, owner):
    client = Client()
    client.force_login(owner)
    for name, *which in (("home",), ("metrics",), ("plans",), ("metric", "net_sales"), ("rows",)):
        page = client.get(reverse(name, args=[shop.slug, *which])).content.decode()
        assert "Bring in your order history" in page, name
        assert reverse("imports", args=[shop.slug]) in page
    assert "Nothing came in yet." in client.get(reverse("imports", args=[shop.slug])).content.decode()


def test_the_palette_finds_pages_by_their_own_name_metrics_analyses_and_plans(browser, filled):
    plan = Plan.objects.create(
        shop=filled,
        title="Autumn",
        starts_on=date(2026, 9, 1),
        ends_on=date(2026, 12, 1),
        currency=filled.currency,
        created_at=timezone.now(),
    )
    entries = browser.get(reverse("palette", args=[filled.slug])).json()["entries"]
    address = {(each["group"], each["label"]): each["url"] for each in entries if "url" in each}
    for page in pages().values():
        assert not page.label or address["Page", str(page.label)] == reverse(page.name, args=[filled.slug])
    assert address["Metric", "Net sales"] == reverse("metric", args=[filled.slug, "net_sales"])
    assert address["Plan", "Autumn"] == reverse("plan", args=[filled.slug, plan.pk])
    analysis = next(url for (group, _), url in address.items() if group == "Analysis")
    assert browser.get(analysis).status_code == 200


def test_today_names_the_plan_that_begins_next(browser, filled):
    operations.pin_clock(shop=filled, on=date(2026, 12, 20), actor_id=None)
    home = reverse("home", args=[filled.slug])
    assert "Draft a plan" in browser.get(home).content.decode()
    for month, title in ((2, "Later"), (1, "Winter")):
        Plan.objects.create(
            shop=filled,
            title=title,
            starts_on=date(2027, month, 1),
            ends_on=date(2027, month + 1, 1),
            currency=filled.currency,
            created_at=timezone.now(),
        )
    page = browser.get(home).content.decode()
    assert "No plan holds today; Winter begins on 1 Jan 2027." in page
    assert "Draft a plan" not in page


def test_an_upload_that_is_refused_leaves_the_page_of_imports(browser, shop):
    response = browser.post(reverse("imports", args=[shop.slug]), {"files": SimpleUploadedFile("orders.csv", b"")})
    page = unescape(response.content.decode())
    assert response.status_code == 400
    assert "“orders.csv” is empty" in page
    assert 'name="files"' in page


def test_the_page_of_imports_says_where_figures_come_from(browser, filled):
    page = browser.get(reverse("imports", args=[filled.slug])).content.decode()
    assert "No file came in yet." in page
    assert "figures came from programs" in unescape(page)
    filled.is_demo = True
    filled.save()
    assert "figures came with the demo" in unescape(
        browser.get(reverse("imports", args=[filled.slug])).content.decode()
    )


def test_every_metric_has_its_page(browser, filled):
    from topline.metrics.catalogue import metrics

    for metric in list(metrics().values())[::7]:
        page = browser.get(reverse("metric", args=[filled.slug, metric.id]))
        assert page.status_code == 200
        assert metric.label in page.content.decode()


def test_the_explorer_shows_the_lakes_number(browser, filled, lake):
    address = reverse("metrics", args=[filled.slug])
    asked = {"metrics": "net_sales", "by": "market", "from": "2026-11-01", "to": "2026-12-01", "against": "none"}
    page = browser.get(address, asked).content.decode()
    for market, label in (("GB", "United Kingdom"), ("IE", "Ireland")):
        value = total(lake, filled, "net_sales", NOVEMBER, (Filter("market", (market,)),))
        assert f"£{value:,.2f}" in page
        assert label in page
    assert f"£{total(lake, filled, 'net_sales', NOVEMBER):,.2f}" in page


def test_the_csv_is_what_the_page_shows(browser, filled, lake):
    asked = {
        "metrics": "net_sales",
        "by": "month",
        "from": "2026-10",
        "to": "2026-12",
        "against": "none",
        "format": "csv",
    }
    answer = browser.get(reverse("metrics", args=[filled.slug]), asked)
    rows = list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert rows[0] == ["Month", "Net sales"]
    assert [row[0] for row in rows[1:]] == ["Oct 2026", "Nov 2026"]
    assert rows[2][1] == str(total(lake, filled, "net_sales", NOVEMBER).quantize(Decimal("0.01")))


def test_rows_behind_a_number_add_up_to_it(browser, filled, lake):
    asked = {"metrics": "net_sales", "from": "2026-11-02", "to": "2026-11-09", "format": "csv"}
    answer = browser.get(reverse("rows", args=[filled.slug]), asked)
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    week = Period(date(2026, 11, 2), date(2026, 11, 9))
    assert sum(Decimal(row["amount_shop"]) for row in rows) == total(lake, filled, "net_sales", week)


def test_a_wrong_question_is_answered_in_words(browser, filled):
    answer = browser.get(reverse("metrics", args=[filled.slug]), {"metrics": "net_sale"})
    assert answer.status_code == 400
    assert "Did you mean net_sales" in answer.content.decode()
    for wrong in ({"from": "yesterday", "to": "x"}, {"by": "market", "top": "few"}):
        assert browser.get(reverse("metrics", args=[filled.slug]), wrong).status_code == 400


@pytest.mark.parametrize(
    ("asked", "said", "offered"),
    [
        ("metrics?metrics=orders&where=market=XX,GB", "Nothing has the market", "where=market=IE,GB"),
        ("metrics?metrics=net_sales&where=kind=mention", "Net sales never has the kind", "where=kind=goods_sold"),
        ("metrics?metrics=orders&by=monht", "There is no dimension", '/metrics"'),
        ("metrics?metrics=orders&chanel=web", "Did you mean channel", '/metrics"'),
        ("metrics?metrics=nets_sales", "There is no metric", '/metrics"'),
        ("analyses/rfm?where=market=XX", "Nothing has the market", "where=market=IE"),
        ("analyses/cohorts?by=chanel", "channel", '/analyses/cohorts"'),
    ],
)
def test_a_question_without_an_answer_keeps_its_form(browser, filled, asked, said, offered):
    answer = browser.get(f"/shop/{filled.slug}/{asked}")
    page = unescape(answer.content.decode())
    assert answer.status_code == 400
    assert said in page
    assert 'id="question"' in page
    assert offered in page
    assert ("Clear the filters" in page) == ("where" in asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("last=tomorrow", "“tomorrow” is not a period"),
        ("from=2026-01&last=", "“2026-01” is one end of a period"),
        ("last=2026-01-31", "“2026-01-31” is one end of a period"),
        ("to=2026-02", "“2026-02” is one end of a period"),
        ("from=2026-02-01&last=2026-01-15", "“2026-02-01 – 2026-01-15” is not a period"),
        ("from=2026-01-01&last=9999-12-31", "“2026-01-01 – 9999-12-31” is not a period"),
    ],
)
def test_a_wrong_period_is_refused_by_what_was_given_and_keeps_the_form(browser, filled, asked, said):
    for place in ("metrics?metrics=orders&", "analyses/rfm?"):
        answer = browser.get(f"/shop/{filled.slug}/{place}{asked}")
        page = unescape(answer.content.decode())
        assert (answer.status_code, said in page, 'id="question"' in page) == (400, True, True)
    answer = browser.get(f"/shop/{filled.slug}/metrics/orders?{asked}")
    assert (answer.status_code, said in unescape(answer.content.decode())) == (400, True)


def test_a_dimension_in_the_address_is_a_filter(browser, filled):
    for page in ("metrics?metrics=orders&market=GB&by=month", "analyses/rfm?market=GB"):
        moved = browser.get(f"/shop/{filled.slug}/{page}")
        assert (moved.status_code, moved["Location"].split("?")[1].split("&")[-1]) == (302, "where=market=GB")


def test_what_senders_of_links_append_asks_nothing(browser, filled):
    for page in ("metrics?metrics=orders", "analyses/rfm?limit=5"):
        address = f"/shop/{filled.slug}/{page}&fbclid=Iw&utm_source=mail&mc_eid=2&_hsmi=3&gad_source=4&srsltid=5"
        assert browser.get(address).status_code == 200
        assert browser.get(f"{address}&fbclic=1").status_code == 400


def test_the_form_shows_what_the_address_says(browser, filled):
    asked = "metrics=net_sales&by=month,market,channel&top=7&window=5"
    page = browser.get(f"/shop/{filled.slug}/metrics?{asked}").content.decode()
    for chosen in ('"7" selected', '"5" selected', '"month" selected', '"market" selected', '"channel" selected'):
        assert f"value={chosen}" in page


def test_a_picture_of_two_cuts_has_a_line_for_each_pair(filled, lake):
    def asked(*by):
        query = Query(metrics=("net_sales",), by=by, period=Period(date(2026, 1, 1), date(2026, 12, 1)))
        return read.read(lake, query, scope=Scope.whole(filled.slug), settings=filled.settings())

    def pictured(*by):
        return charts.of_result(asked(*by), metrics(), "GBP", "")[0]

    picture = pictured("month", "market", "category")
    pairs = {(row["market"], row["category"]) for row in asked("market", "category").rows}
    assert len(picture.rows) == len(pairs) > len(asked("market").rows)
    months = [float(row["net_sales"]) for row in asked("month").rows]
    drawn = [sum(line.values[i] or 0 for line in picture.rows) for i in range(len(months))]
    assert drawn == pytest.approx(months)
    assert all(" · " in name for name in pictured("market", "category").axis)
    assert len(pictured("month", "quarter").axis) == len(months)


def test_pages_speak_romanian_after_a_choice(browser, filled):
    browser.post(reverse("language"), {"language": "ro", "next": "/"})
    page = browser.get(reverse("home", args=[filled.slug])).content.decode()
    assert '<html lang="ro"' in page
    assert "Vânzări nete" in page


def test_the_clock_steps_by_a_month(browser, filled):
    browser.post(reverse("clock", args=[filled.slug]), {"step": "1", "unit": "month", "next": "/"})
    filled.refresh_from_db()
    assert filled.clock_on == date(2027, 1, 15)


def test_a_plan_is_drafted_and_its_cells_sum(browser, filled):
    asked = {"first": "2026-12", "months": "2", "as_of": "2026-12-01"}
    drafting = browser.post(reverse("plan_draft", args=[filled.slug]), asked)["Location"]
    assert browser.post(reverse("plan_draft", args=[filled.slug]), asked)["Location"] == drafting
    assert "being drafted" in browser.get(drafting).content.decode()
    assert drafting in browser.get(reverse("plans", args=[filled.slug])).content.decode()
    assert jobs.run_now(Job.objects.get()).state == Job.State.DONE
    plan = Plan.objects.get()
    address = reverse("plan", args=[filled.slug, plan.pk])
    assert browser.get(drafting, headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert browser.get(drafting)["Location"] == address
    assert "Looking ahead" in browser.get(address).content.decode()
    assert browser.get(address, headers={"HX-Request": "true"}).status_code == 204
    card = reverse("home_plan", args=[filled.slug])
    assert browser.get(card).status_code == 204
    jobs.run_now(Job.objects.get(kind="plans.look"))
    assert "chance to reach" in browser.get(address).content.decode()
    shown = browser.get(card).content.decode()
    assert plan.title in shown
    assert "a year before, mostly by" in shown
    version = plan.current
    cell = {"block": "0", "month": "0", "amount": "1,234.56", "seen": str(version.revision)}
    answer = browser.post(reverse("plan_cell", args=[filled.slug, plan.pk]), cell, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert "1,234.56" in answer.content.decode()
    grid = plan.current.grid("net_sales")
    assert int(grid.cells[0, :, 0].sum()) == 123456
    goal = plan.current.goals.get(metric="net_sales")
    assert int(goal.target * 100) == grid.total()
    refused = browser.post(
        reverse("plan_cell", args=[filled.slug, plan.pk]), cell | {"amount": "a lot"}, headers={"HX-Request": "true"}
    )
    assert refused.status_code == 204
    assert "is not a number" in refused["HX-Trigger"]


def test_today_draws_the_course_of_two_plans_with_one_goal_once(browser, filled, owner, monkeypatch):
    period, now = Period.of_months(date(2026, 12, 1), 2), timezone.now()
    for template in templates.parts(filled, templates.PAIR):
        version = plans.draft_plan(
            shop=filled, period=period, as_of=date(2026, 12, 1), actor=owner, now=now, template=template
        )
        PlanVersion.objects.filter(pk=version.pk).update(state=State.ACTIVE)
    card = reverse("home_plan", args=[filled.slug])
    assert browser.get(card).status_code == 204
    for job in Job.objects.filter(kind="plans.look"):
        jobs.run_now(job)
    shown = browser.get(card).content.decode()
    assert "the figures, the course and the reasons above are this plan" in shown
    assert ("course-chart-1" in shown, "course-chart-2" in shown) == (True, False)
    assert shown.count('<dl class="figures">') == 1
    monkeypatch.setattr(plan_pages, "figures", lambda version, look: [{"label": version.plan.title, "value": "1"}])
    shown = browser.get(card).content.decode()
    assert "the course and the reasons above are this plan" in shown
    assert "the figures, the course" not in shown
    assert ("course-chart-1" in shown, "course-chart-2" in shown) == (True, False)
    assert shown.count('<dl class="figures">') == 2


def test_a_shop_whose_facts_were_all_taken_back_is_asked_for_its_orders(browser, filled, lake):
    lake.publish(hidden=lake.batch_ids(), now=timezone.now())
    for name in ("home", "metrics", "outlook", "rows", "plans", "outlook_budget"):
        shown = browser.get(reverse(name, args=[filled.slug])).content.decode()
        assert "Bring in your order history" in shown, name


def test_a_drafts_goals_are_changed_and_given_up(browser, filled, owner):
    version = plans.draft_plan(
        shop=filled,
        period=Period.of_months(date(2027, 1, 1), 2),
        as_of=date(2026, 12, 15),
        actor=owner,
        now=timezone.now(),
    )
    sales, rate = (version.goals.get(metric=metric) for metric in ("net_sales", "repeat_purchase_rate"))
    page = reverse("plan", args=[filled.slug, version.plan_id])
    address = reverse("goal", args=[filled.slug, version.plan_id, sales.pk])
    assert address in browser.get(page).content.decode()
    form = {"target": "9,000.00", "due_on": "2027-02-28", "owner": str(owner.pk), "actions": "Write to lapsed buyers\n"}
    assert browser.post(address, form).status_code == 302
    sales.refresh_from_db()
    assert (sales.target, sales.actions, sales.owner) == (9000, ["Write to lapsed buyers"], owner)
    assert version.grid("net_sales").total() == 900_000
    assert "Write to lapsed buyers" in browser.get(page).content.decode()
    refused = browser.post(address, form | {"target": "a lot"})
    assert refused.status_code == 400
    assert 'id="target-error">“a lot” is not a number' in refused.content.decode()
    refused = browser.post(address, form | {"due_on": "2027-02-01"}).content.decode()
    assert "This goal" in refused.partition('<p class="errors" id="due-note"')[2][:200]
    proposal = reverse("goal_proposed", args=[filled.slug])
    form = browser.get(proposal, {"metric": "net_sales", "more": "300.00", "action": "A shorter checkout"}, follow=True)
    assert 'value="9,200.00"' in form.content.decode()  # two of the three months' 300 on top
    assert "Write to lapsed buyers\nA shorter checkout" in form.content.decode()
    assert browser.get(proposal, {"metric": "net_sales", "more": "lots"}, follow=True).status_code == 400
    nothing = browser.get(proposal, {"metric": "orders_cancelled"}, follow=True).content.decode()
    assert "Goals are set in a draft" in nothing
    address = reverse("goal", args=[filled.slug, version.plan_id, rate.pk])
    browser.post(address, {"target": "42.5", "due_on": "2027-02-20", "owner": "", "actions": ""})
    rate.refresh_from_db()
    assert (rate.target, rate.due_on) == (Decimal("0.425"), date(2027, 2, 20))
    browser.post(address, {"do": "drop"})
    assert browser.get(address).status_code == 404
    approval.submit(version=version, actor=owner, now=timezone.now())
    assert browser.get(reverse("goal", args=[filled.slug, version.plan_id, sales.pk])).status_code == 404


def test_months_that_are_over_are_refused_at_once(browser, filled):
    asked = {"first": "2024-01", "months": "1"}
    answer = browser.post(reverse("plan_draft", args=[filled.slug]), asked, follow=True)
    assert "The months to plan are over by" in answer.content.decode()
    assert not Plan.objects.exists()
    assert not Job.objects.exists()


def test_an_import_goes_in_and_comes_back(shop, owner, lake):
    client = Client()
    client.force_login(owner)
    good = "".join(f"{n},2011-08-0{n} 10:00,A1,2,10.00,GB\n" for n in range(1, 6))
    table = f"Order,Date,SKU,Qty,Price,Country\n{good}6,nonsense,A1,1,5.00,GB\n"
    upload = io.BytesIO(table.encode())
    upload.name = "orders.csv"
    client.post(reverse("imports", args=[shop.slug]), {"files": [upload]})
    found = Import.objects.get()
    assert "being read" in client.get(reverse("import", args=[shop.slug, found.pk])).content.decode()
    jobs.run_now(Job.objects.get(pk=found.job_id))
    page = client.get(reverse("import", args=[shop.slug, found.pk])).content.decode()
    assert "5 of 6 rows would come in; to be mended: 1." in page
    client.post(reverse("import_act", args=[shop.slug, found.pk]), {"do": "confirm"})
    found.refresh_from_db()
    jobs.run_now(Job.objects.get(pk=found.job_id))
    assert "5 rows came in" in client.get(reverse("import", args=[shop.slug, found.pk])).content.decode()
    august = Period(date(2011, 8, 1), date(2011, 9, 1))
    assert total(lake, shop, "net_sales", august) == 100
    mend = client.get(reverse("quarantine", args=[shop.slug, found.pk, 0]))
    assert b"nonsense" in b"".join(mend.streaming_content)
    client.post(reverse("import_act", args=[shop.slug, found.pk]), {"do": "undo"})
    found.refresh_from_db()
    assert found.state == Import.State.UNDONE


def test_what_a_file_leaves_open_is_asked_before_it_is_brought_in(shop, owner, lake):
    client = Client()
    client.force_login(owner)
    upload = io.BytesIO(b"Order;Date;SKU;Qty;Price\n1;01/02/2011;A1;2;1.234\n2;03/02/2011;A1;1;2.345\n")
    upload.name = "orders.csv"
    shop.country = "DE"
    shop.save()
    client.post(reverse("imports", args=[shop.slug]), {"files": [upload]})
    found = Import.objects.get()
    jobs.run_now(Job.objects.get(pk=found.job_id))
    address, act = (reverse(name, args=[shop.slug, found.pk]) for name in ("import", "import_act"))
    page = client.get(address).content.decode()
    assert "Does the day or the month come first in Date?" in page
    assert "Is 1.234 in Price more than a thousand?" in page
    assert "Bring in</button>" not in page
    with pytest.raises(imports.UndecidedError, match="Date, Price"):
        imports.confirm(found=found, actor_id=owner.pk, now=shop.now())
    for said in ({"dates": "month-first"}, {"decimal": "comma"}):
        client.post(act, {"do": "decide", **said})
        found.refresh_from_db()
        jobs.run_now(Job.objects.get(pk=found.job_id))
    page = client.get(address).content.decode()
    assert "come first" not in page
    assert "Bring in</button>" in page
    client.post(act, {"do": "confirm"})
    found.refresh_from_db()
    jobs.run_now(Job.objects.get(pk=found.job_id))
    january = Period(date(2011, 1, 1), date(2011, 2, 1))
    assert total(lake, shop, "net_sales", january) == 2468  # 2 x 1,234 on January 2nd


def test_an_import_that_broke_goes_on_at_a_press(shop, owner, lake, monkeypatch):
    client = Client()
    client.force_login(owner)
    upload = io.BytesIO(b"Order,Date,SKU,Qty,Price,Country\n" + b"1,2011-08-01 10:00,A1,2,10.00,GB\n")
    upload.name = "orders.csv"
    client.post(reverse("imports", args=[shop.slug]), {"files": [upload]})
    found = Import.objects.get()
    jobs.run_now(Job.objects.get(pk=found.job_id))
    act, page = (reverse(name, args=[shop.slug, found.pk]) for name in ("import_act", "import"))
    client.post(act, {"do": "confirm"})
    found.refresh_from_db()
    with monkeypatch.context() as broken:
        broken.setattr(store.Lake, "append", lambda *_, **__: 1 / 0)
        jobs.run_now(Job.objects.get(pk=found.job_id))
    shown = client.get(page).content.decode()
    assert 'name="do" value="go_on"' in shown
    assert "Go on with it, or drop it." in shown
    assert "topline import" not in shown
    client.post(act, {"do": "go_on"})
    found.refresh_from_db()
    jobs.run_now(Job.objects.get(pk=found.job_id))
    assert total(lake, shop, "net_sales", Period(date(2011, 8, 1), date(2011, 9, 1))) == 20
    assert 'value="go_on"' not in client.get(page).content.decode()


def test_people_are_invited_and_tokens_shown_once(shop, owner):
    client = Client()
    client.force_login(owner)
    people = reverse("people", args=[shop.slug])
    client.post(people, {"do": "invite", "email": "new@example.org", "name": "Nia", "roles": ["analyst"]})
    assert "/start/" in client.get(people).content.decode()
    assert "/start/" not in client.get(people).content.decode()
    tokens = reverse("tokens", args=[shop.slug])
    client.post(tokens, {"name": "report", "scopes": ["metrics.read"], "days": "90"})
    assert 'id="new-token"' in client.get(tokens).content.decode()
    assert 'id="new-token"' not in client.get(tokens).content.decode()


def test_a_rep_is_named_as_the_data_does(shop, owner):
    client = Client()
    client.force_login(owner)
    people = reverse("people", args=[shop.slug])
    rep = operations.invite(
        shop=shop, email="rep@example.org", name="Mia", roles=["rep"], actor_id=owner.pk, now=timezone.now()
    )[0]
    client.post(people, {"do": "roles", "user": rep.pk, "roles": ["rep"], "owner_key": " mia "})
    assert scope_for(rep, shop).owners == {"mia"}
    assert 'value="mia"' in client.get(people).content.decode()
    client.post(people, {"do": "roles", "user": rep.pk, "roles": ["rep", "analyst"], "owner_key": "mia"})
    assert scope_for(rep, shop).owners is None
    client.post(people, {"do": "roles", "user": rep.pk, "roles": ["rep"], "owner_key": ""})
    assert scope_for(rep, shop).owners == frozenset()


def test_a_link_signs_in_only_when_pressed(shop, owner):
    token = operations.create_link(user=owner, actor_id=None, now=timezone.now())
    client = Client()
    address = reverse("start", args=[token])
    assert client.get(address).status_code == 200
    assert "_auth_user_id" not in client.session
    client.post(address)
    assert client.session["_auth_user_id"] == str(owner.pk)
    assert client.get(address).status_code == 410


def test_the_columns_of_every_facts_rows_have_names():
    for name, fact in tables().items():
        for column in fact.columns:
            assert column in rows_page.BOOKKEEPING or "_" not in rows_page._label(name, column), (name, column)


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [
        ("2025-03-01", "2025-05-01", "the year before"),
        ("2025-03-03", "2025-03-10", "the year before, weekday by weekday"),
        ("2024-02-01", "2024-03-01", "the year before, a day shorter"),
        ("2025-01-01", "2026-01-01", "the year before, a day longer"),
    ],
)
def test_a_comparison_says_which_days_it_takes(start, end, said):
    period = Period(date.fromisoformat(start), date.fromisoformat(end))
    assert question.Span(period, "last_year", (), "UTC").against_label == said


def test_only_countries_are_offered_as_markets():
    offered = {code for code, _ in formats.places()["countries"]}
    assert {"GB", "RO", "XK"} <= offered
    assert not {"EU", "UN", "XA", "XB", "ZZ"} & offered


def test_only_currencies_in_use_are_offered():
    offered = {code for code, _ in formats.places()["currencies"]}
    assert {"EUR", "GBP", "RON", "USD"} <= offered
    assert not {"DEM", "ROL", "XAU"} & offered


def test_what_an_outlook_page_does_not_read_is_refused(client, shop, owner):
    client.force_login(owner)
    ahead = [page for page in pages().values() if page.place == "outlook" and "<" not in page.path]
    assert len(ahead) > 8
    for page in ahead:
        address = reverse(page.name, args=[shop.slug])
        refused = client.get(address, {"wekes": "4"})
        assert (refused.status_code, "“wekes”" in refused.content.decode()) == (400, True), page.name
        assert client.get(address, {"utm_source": "mail", "again": "1"}).status_code == 200, page.name
    near = client.get(reverse("price", args=[shop.slug]), {"wekes": "4"}).content.decode()
    assert "Did you mean weeks" in near
