"""A plan out of Topline and back: JSON and Excel are the identity, files are made by a job, links show what was."""

import json
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from urllib.parse import urlsplit

import pytest
from django.test import override_settings
from python_calamine import CalamineWorkbook
from test_api import caller

import plan_shop
from topline.accounts.models import Shop
from topline.documents import words, xlsx
from topline.documents.document import Paragraph, Table
from topline.documents.sheet import Column, Form, Sheet
from topline.journal import operations as journal
from topline.lake import engine
from topline.lake.store import Lake
from topline.plans import (
    approval,
    document,
    drafting,
    exchange,
    handout,
    ledger,
    operations,
    progress,
    report,
    spreadsheet,
)
from topline.plans import jobs as plan_jobs
from topline.plans.grid import Part
from topline.plans.models import Entry, Kind, PlanShare, Proposal, Review
from topline.units.period import Period
from topline.workbench import jobs
from topline.workbench.models import Job

pytestmark = pytest.mark.once

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
AS_OF = date(2026, 10, 1)
OCTOBER = date(2026, 10, 1)
PERIOD = Period.of_months(AS_OF, 3)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("plans")
    plan_shop.fill(Lake(root, "gifts"))
    return root


@pytest.fixture(scope="module")
def draft(history):
    shop = Shop(slug="gifts", currency="GBP", timezone="Europe/London", country="GB")
    with override_settings(LAKE_ROOT=history):
        return drafting.propose(shop, PERIOD, AS_OF)


@pytest.fixture
def version(shop, owner, history, draft, tmp_path):
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    made = operations.start_plan(shop=shop, period=PERIOD, draft=draft, actor=owner, now=NOW)
    document.add_row(
        version=made, field="24.log", values={"proposal": "Ring the ten best", "owner": str(owner.pk)},
        actor=owner, now=NOW,
    )  # fmt: skip
    line = ledger.put_line(version=made, activity="Search ads", channel="google", actor=owner, now=NOW)
    ledger.set_amount(version=made, key=line.key, month=OCTOBER, amount=Decimal("1200.50"), actor=owner, now=NOW)
    operations.lock_targets(
        version=made, metric="net_sales", part=Part(0, 0, 0), is_locked=True, seen=made.revision, actor=owner, now=NOW
    )
    made.refresh_from_db()
    return made


def test_json_and_back_is_the_same_plan(version, shop, owner):
    """Reviews held of it and proposals taken into it are the shop's record, and stay where they are."""
    Review.objects.create(plan=version.plan, version=version, on=AS_OF, since=AS_OF, snapshot=1, pack={}, built_at=NOW)
    Proposal.objects.create(
        shop=shop, version=version, kind="price", subject="mugs", week=AS_OF, rank=0, said=["x", {}], action=["x", {}],
        gain=1, low=0, high=2, confidence=0.5, starts_on=AS_OF, due_on=AS_OF, state=Proposal.State.ACCEPTED,
    )  # fmt: skip
    written = exchange.dumps(version)
    again = exchange.loads(written, shop=shop, actor=owner, now=NOW)
    assert again.pk != version.pk
    assert (Review.objects.count(), Proposal.objects.count()) == (1, 1)
    assert exchange.dumps(again) == written
    assert again.goals.get(metric="net_sales").owner == owner
    assert again.entries.get(field="24.log").cells["owner"] == owner.pk
    assert again.grid("net_sales").locked[0, 0, 0]
    assert again.grid("net_sales").cells.tolist() == version.grid("net_sales").cells.tolist()
    assert again.goals.get(metric="net_sales").parent is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda read: read | {"schema": "topline.plan/99"}, "schema 'topline.plan/99'"),
        (lambda read: read["tables"].update(secrets=[]), "secrets"),
        (lambda read: read["plan"].update(currency="EUR"), "currency EUR, not GBP"),
        (lambda read: read["plan"].update(starts_on="2026-10-05"), "period 2026-10-05"),
        (lambda read: read["tables"]["goal"][0].update(parent=99), "goal[0].parent: 99"),
        (lambda read: read["tables"]["goal"][0].update(target="many"), "decimal"),
        (lambda read: read["tables"]["targetblock"][0].update(values=[1]), "targetblock[0]"),
        (lambda read: read["tables"]["entry"][0].update(field="99.nothing"), "99.nothing"),
        (lambda read: read["tables"]["budgetline"][0].update(kind="bribes"), "bribes"),
    ],
)
def test_a_file_that_is_no_plan_says_where_and_leaves_nothing(version, shop, owner, change, said):
    read = json.loads(exchange.dumps(version))
    read = change(read) or read
    with pytest.raises(exchange.PlanFileError) as raised:
        exchange.load(read, shop=shop, actor=owner, now=NOW)
    assert said in str(raised.value)
    assert shop.plans.count() == 1


def test_excel_and_back_changes_nothing_and_an_edited_cell_only_itself(version, owner):
    written = xlsx.write(spreadsheet.sheets(version))
    assert spreadsheet.load(version=version, content=written, actor=owner, now=NOW) == []
    before = version.grid("net_sales").cells.copy()
    changed = [_edited(sheet) for sheet in spreadsheet.sheets(version)]
    done = spreadsheet.load(version=version, content=xlsx.write(changed), actor=owner, now=NOW)
    assert [(each.sheet, each.after) for each in done] == [
        ("Targets net_sales", Decimal("7777.25")),
        ("Budget", Decimal("900.00")),
    ]
    version.refresh_from_db()
    after = version.grid("net_sales").cells
    assert after[1, 0, 2] == 777_725
    after[1, 0, 2] = before[1, 0, 2]
    assert (after == before).all()
    assert version.budget.get().planned == {"2026-10": "900.00"}


def _edited(sheet):
    """The sheet with one amount changed: of net sales the second category's last month, of the budget the first."""
    rows = [list(row) for row in sheet.rows]
    if sheet.name == "Targets net_sales":
        rows[2][4] = Decimal("7777.25")
    if sheet.name == "Budget":
        rows[0][8] = Decimal(900)
    return Sheet(sheet.name, sheet.columns, rows, sheet.total)


@pytest.mark.parametrize(
    ("sheets", "error", "said"),
    [
        ([Sheet("Costs", [Column("a")], [])], spreadsheet.NoSheetError, "no sheet of targets"),
        ([Sheet("Targets net_sales", [Column("Kategorie")], [["x"]])], spreadsheet.CellsError, "should read Category"),
        (
            [Sheet("Targets net_sales", [Column("Category"), Column("Market"), Column("2026-10")],
                   [["a", "b", 1]])],
            spreadsheet.CellsError,
            "should read Category, Market, 2026-10, 2026-11, 2026-12",
        ),
        (
            [Sheet("Targets net_sales",
                   [Column(each) for each in ("Category", "Market", "2026-10", "2026-11", "2026-12")],
                   [["a", "b", "ten", "1", "1"]])],
            spreadsheet.CellsError,
            "cell C2: “ten” is not an amount",
        ),
        (
            [Sheet("Targets net_sales",
                   [Column("Category"), Column("Market"), *(Column(f"2026-{x}", Form.WHOLE) for x in (10, 11, 12))],
                   [["Boats", "GB", 1, 1, 1]])],
            spreadsheet.CellsError,
            "no row “Boats · GB”",
        ),
        (
            [Sheet("Targets net_sales", [Column("Category"), Column("Market"), Column("2026-10"), Column("November")],
                   [["a", "b", 1, 2]])],
            spreadsheet.CellsError,
            "no column “November”. Name it as one of 2026-11",
        ),
        (
            [Sheet("Targets net_sales", [Column("Category"), Column("Market"), Column("2026-10"), Column("2028-01")],
                   [["a", "b", 1, 2]])],
            spreadsheet.CellsError,
            "no column “2028-01”",
        ),
    ],
)  # fmt: skip
def test_a_spreadsheet_that_does_not_fit_is_refused_whole(version, owner, sheets, error, said):
    revision = version.revision
    with pytest.raises(error) as raised:
        spreadsheet.load(version=version, content=xlsx.write(sheets), actor=owner, now=NOW)
    assert said in str(raised.value)
    version.refresh_from_db()
    assert version.revision == revision
    with pytest.raises(spreadsheet.NotASpreadsheetError):
        spreadsheet.load(version=version, content=b"no", actor=owner, now=NOW)


def test_files_are_made_by_a_job_and_fetched_for_a_week(version, owner, settings):
    job = plan_jobs.ask_for_file(version=version, format_="xlsx", today=AS_OF, actor=owner)
    jobs.run_now(job)
    job.refresh_from_db()
    assert job.state == job.State.DONE
    name = f"sales-plan-october-2026-december-2026-{version.plan_id}.1.xlsx"
    assert job.result["file"] == name
    book = CalamineWorkbook.from_filelike(BytesIO(handout.kept(job.pk)))
    assert {"Targets net_sales", "Budget", "Goals", "Forecast by month"} <= set(book.sheet_names)
    rows = book.get_sheet_by_name("Targets net_sales").to_python()
    total = Decimal(version.grid("net_sales").total()) / 100
    assert Decimal(str(rows[-1][-1])) == total
    handout.path(job.pk).unlink()
    with pytest.raises(handout.LostFileError):
        handout.kept(job.pk)
    with pytest.raises(handout.FormatError):
        plan_jobs.ask_for_file(version=version, format_="exe", today=AS_OF, actor=owner)


def test_live_numbers_stand_in_files_as_they_are_on_the_day(version, owner):
    written = "Last year {net_sales show=last_year}, now {net_sales}; {not a metric} stays."
    document.write(version=version, field="1.note", key="", changes={"text": written}, seen=0, actor=owner, now=NOW)
    look = progress.of(version, AS_OF)
    before, target = (f"£{value:,.2f}".removesuffix(".00") for value in (look.total.last_year, look.total.target))
    said = "\n".join(block.text for block in report.of(version, AS_OF).blocks if isinstance(block, Paragraph))
    assert f"Last year {before}, now {target} (plan; last year {before}); {{not a metric}} stays." in said


def test_ics_has_goals_events_and_dated_rows(version):
    written = handout.write(version, "ics", today=AS_OF, advance=lambda done, total: None).decode()
    assert "SUMMARY:Black Friday" in written
    assert "SUMMARY:Due: Net sales" in written


def test_a_link_shows_what_was_and_ends(version, owner):
    made, secret = handout.share(version=version, name="Board", days=7, today=AS_OF, actor=owner, now=NOW)
    assert secret not in json.dumps(made.contents)
    _, first = handout.shared(secret, NOW)
    part = Part(None, None, None)
    operations.set_target(
        version=version, metric="net_sales", part=part, amount=Decimal(1_000_000), seen=version.revision, actor=owner,
        now=NOW,
    )  # fmt: skip
    assert handout.shared(secret, NOW + timedelta(days=6))[1] == first
    assert handout.shared(secret, NOW + timedelta(days=7)) is None
    assert handout.shared("guess", NOW) is None
    handout.revoke(link=PlanShare.objects.get(), actor=owner, now=NOW)
    assert handout.shared(secret, NOW) is None
    with pytest.raises(handout.ShareError):
        handout.share(version=version, name="", days=0, today=AS_OF, actor=owner, now=NOW)


def test_the_api_hands_out_and_takes_in(version, shop, owner):
    call = caller(shop, owner)
    base = f"/shops/gifts/plans/{version.plan_id}/versions/1"
    shop.clock_on = AS_OF
    shop.save()
    whole = call("GET", f"{base}/json").json()
    made = call("POST", "/shops/gifts/plans/import", whole)
    assert made.status_code == 201, made.content
    other = f"/shops/gifts/plans/{made.json()['id']}/versions/1"
    assert call("GET", f"{other}/json").json() == whole
    bad = call("POST", "/shops/gifts/plans/import", {"schema": "x"})
    assert (bad.status_code, b"schema" in bad.content) == (422, True)
    work = call("POST", f"{base}/files", {"format": "ics"}).json()
    assert call("GET", f"/shops/gifts/plans/files/{work['id']}").status_code == 404
    jobs.run_now(Job.objects.get(pk=work["id"]))
    file = call("GET", f"/shops/gifts/plans/files/{work['id']}")
    assert file.content.startswith(b"BEGIN:VCALENDAR")
    assert call("POST", f"{base}/files", {"format": "exe"}).status_code == 422


def test_the_page_makes_files_links_and_takes_amounts(version, shop, owner, client):
    client.force_login(owner)
    shop.clock_on = AS_OF
    shop.save()
    page = f"/shop/gifts/plans/{version.plan_id}/handouts"
    assert b"PowerPoint" in client.get(page).content
    made = client.post(page, {"do": "export", "format": "json"})
    job = Job.objects.get(kind="plans.export")
    assert made["Location"].endswith(f"/plans/files/{job.pk}")
    jobs.run_now(job)
    file = client.get(f"{made['Location']}?fetch")
    assert json.loads(file.content)["schema"] == exchange.SCHEMA
    back = client.post("/shop/gifts/plans/import", {"file": BytesIO(file.content)})
    assert back.status_code == 302
    assert client.post("/shop/gifts/plans/import", {"file": BytesIO(b"{}")}).status_code == 400
    assert client.post(page, {"do": "amounts", "file": BytesIO(b"no")}).status_code == 400
    client.post(page, {"do": "share", "name": "Board", "days": "7"})
    shown = client.get(page).content.decode()
    address = re.search(r"http[^<]*/shared/[\w-]+/", shown)[0]
    client.logout()
    read = client.get(urlsplit(address).path)
    assert read.status_code == 200
    assert read["Cache-Control"] == "no-store"
    assert "Sales plan" in read.content.decode()
    assert client.get("/shared/guess/").status_code == 404


def test_a_budget_in_force_is_facts_by_day(version, shop, owner):
    """1,200.50 of October over its 31 days; the next version drops the line, so that its days count nothing."""
    first = in_force(version)
    found = planned(shop)
    assert len(found) == 92
    assert sum(amount for on, amount in found.items() if on.month == 10) == Decimal("1200.50")
    assert sum(found.values()) == Decimal("1200.50")
    assert all(amount == round(amount, 2) for amount in found.values())
    promise = {
        "month": OCTOBER,
        "amount": Decimal("310.31"),
        "what": "Banner",
        "today": AS_OF,
        "actor": owner,
        "now": NOW,
    }
    kept = ledger.commit(version=first, key="search-ads", **promise)
    assert sum(planned(shop, "committed_shop").values()) == Decimal("310.31")
    ledger.decide(commitment=kept, state=kept.State.WITHDRAWN, actor=owner, now=NOW)
    assert sum(planned(shop, "committed_shop").values()) == 0
    assert sum(planned(shop).values()) == Decimal("1200.50")
    second = operations.revise(version=first, actor=owner, now=NOW)
    ledger.drop_line(version=second, key="search-ads", actor=owner, now=NOW)
    in_force(second)
    assert set(planned(shop).values()) == {Decimal(0)}


def in_force(version):
    for step in (approval.submit, approval.approve, approval.activate):
        version = step(version=version, actor=None, now=NOW)
    return version


def planned(shop, column="amount_shop"):
    """What the lake knows of the budget, by day."""
    lake = shop.lake()
    rows = engine.table(lake, "planned_spend", lake.latest())
    return {row["on"]: row[column] for row in engine.execute(rows.select("on", column)).to_pylist()}


def test_what_an_action_is_to_bring_is_said_in_its_metrics_unit(version):
    version.plan.kind = Kind.MARKETING
    version.plan.save()
    cells = {"name": "Newsletter", "stage": "bottom", "metric": "conversion_rate", "expected": "0.03"}
    Entry.objects.create(version=version, field="8.actions", key="newsletter", cells=cells)
    [actions] = [
        block.sheet
        for block in report.of(version, AS_OF).blocks
        if isinstance(block, Table) and {"Metric", "Expected"} <= {column.title for column in block.sheet.columns}
    ]
    [row] = actions.rows
    said = {c.title: words.said(value, c, "en") for c, value in zip(actions.columns, row, strict=True)}
    assert (said["Metric"], said["Expected"]) == ("Conversion rate", "3%")
