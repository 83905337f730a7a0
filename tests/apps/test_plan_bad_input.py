"""What people get wrong in a plan is said in words beside the field, with a way out; the rest stays saved."""

from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tiny_plan import NOW, a_plan, a_shop
from topline.documents import xlsx
from topline.documents.sheet import Column, Sheet
from topline.plans import document, goals, operations
from topline.plans.models import Kind

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture
def plan(settings, tmp_path, client):
    settings.LAKE_ROOT = tmp_path / "lake"
    shop, people = a_shop()
    client.force_login(people["director"])
    return a_plan(shop, Kind.MARKETING, people["director"])


@pytest.fixture
def post(plan, client):
    def send(page, *more, **values):
        is_part = page in ("plan_field", "plan_targets_edit")
        address = reverse(page, args=[plan.plan.shop.slug, plan.plan_id, *more])
        return client.post(address, values, headers={"hx-request": "true"} if is_part else {})

    return send


def test_every_slip_is_said_beside_its_field_and_the_rest_stays(plan, post):
    front = document.add_row(version=plan, field="8.fronts", values={"name": "Search"}, actor=None, now=NOW)

    day = post(
        "plan_field", "8.actions", do="keep", name="Late", front=front.key, starts_on="2026-09-30"
    ).content.decode()
    assert "Choose a day of it." in day
    assert 'id="e-8-actions-starts_on"' in day
    assert 'value="Late"' in day  # what was written is still in the form

    floor = post("plan_field", "7.prices", do="keep", name="Lamps", price="9.99", floor="10").content.decode()
    assert 'id="e-7-prices-price"' in floor
    assert "below the lowest price of 10" in floor
    both = post(
        "plan_field", "7.prices", do="keep", name="Lamps", price="9", floor="10", cost="lots", discount_limit="200"
    )
    for said in ("below the lowest price of 10", "“lots” is not a number", "“200 %” is not between 0 and 100 %"):
        assert said in both.content.decode()
    assert not plan.entries.rows("7.prices").exists()

    first = post("plan_field", "7.prices", do="keep", name="Rugs", price="20", floor="10")
    assert first.status_code == 200
    row = plan.entries.get(field="7.prices")
    for price, seen in (("21", row.revision), ("22", row.revision)):  # two people who saw the same
        answer = post(
            "plan_field", "7.prices", do="keep", key=row.key, seen=seen, price=price, **{"was-price": "20"}
        ).content.decode()
    row.refresh_from_db()
    assert row.cells["price"] == "21"
    assert 'id="e-7-prices-price"' in answer

    parent = plan.goals.get()
    child = operations.add_goal(version=plan, metric="net_sales", scope={"category": "Lamps"}, actor=None, now=NOW)
    assert child.parent == parent
    circle = post("goal", parent.pk, described="1", parent=child.pk, target="600", due_on="2026-11-30")
    assert circle.status_code == 400
    assert 'id="parent-error"' in circle.content.decode()
    parent.refresh_from_db()
    assert parent.parent is None
    assert not goals.tree(plan)[0].depth


def test_targets_that_can_not_reconcile_and_a_cell_of_two_people(plan, post):
    plan.refresh_from_db()
    locked = {"do": "lock", "line": "0"}
    assert post("plan_targets_edit", seen=0, **locked).status_code == 200
    answer = post("plan_targets_edit", seen=1, line="0", month="t", amount="500")
    assert (answer.status_code, answer.json()["error"]) == (
        400, "Every cell of this selection is locked. Unlock a cell first, then set the amount again.",
    )  # fmt: skip
    assert post("plan_targets_edit", seen=1, line="1", month="0", amount="150").status_code == 200
    second = post("plan_targets_edit", seen=1, line="1", month="0", amount="160")
    assert second.status_code == 409
    assert second.json()["error"]
    assert plan.grid("net_sales").cells[1, 0, 0] == 150_00


def test_a_spreadsheet_with_other_headers_is_told_what_they_should_be(plan, post):
    sheet = Sheet("Targets net_sales", [Column("Kategorie"), Column("Oktober")], [["Lamps", Decimal(1)]])
    answer = post("plan_handouts", do="amounts", file=SimpleUploadedFile("a.xlsx", xlsx.write([sheet])))
    assert answer.status_code == 400
    assert "its first row should read Category, Market, 2026-10, 2026-11." in answer.content.decode()
    assert plan.grid("net_sales").cells.tolist() == [[[100_00, 200_00]]] * 2


def test_a_front_without_owner_or_budget_is_kept_and_leads_to_the_row_that_lacks_them(plan, post, client):
    kept = post("plan_field", "8.fronts", do="keep", name="Search", focus="bottom")
    assert kept.status_code == 200
    front = plan.entries.get(field="8.fronts")
    assert front.cells == {"name": "Search", "focus": "bottom"}
    page = client.get(reverse("plan_fronts", args=[plan.plan.shop.slug, plan.plan_id])).content.decode()
    way = f"section=8&amp;edit=8.fronts/{front.key}#f-8-fronts"
    assert f'{way}">nobody owns it</a>' in page
    assert f'{way}">it has no budget</a>' in page
    address = reverse("plan_document", args=[plan.plan.shop.slug, plan.plan_id])
    form = client.get(address, {"section": 8, "edit": f"8.fronts/{front.key}"}).content.decode()
    assert f'name="key" value="{front.key}"' in form  # that row is open for writing
    assert 'value="Search"' in form
    assert "approved by: Director, Finance" in client.get(address, {"section": 7}).content.decode()
    bad = post("plan_field", "8.fronts", do="keep", key=front.key, seen=front.revision, budget="a lot").content.decode()
    assert 'id="e-8-fronts-budget"' in bad
    front.refresh_from_db()
    assert front.cells == {"name": "Search", "focus": "bottom"}


def test_a_promotion_over_another_is_said_with_free_days_before_and_after_it_is_kept(plan, post, client):
    plan.refresh_from_db()
    days = {"starts_on": "2026-10-10", "ends_on": "2026-10-20"}
    first = {"name": "Light", "category": "Lamps", **days}
    document.add_row(version=plan, field="11.promotions", values=first, actor=None, now=NOW)
    address = reverse("plan_promotion", args=[plan.plan.shop.slug, plan.plan_id])
    second = {"name": "Late light", "category": "Lamps", "starts_on": "2026-10-18", "ends_on": "2026-10-20"}
    tried = client.get(address, second, headers={"hx-request": "true"}).content.decode()
    said = "offers the same goods from 10 October 2026 to 20 October 2026. Begin on 21 October 2026"
    assert said in tried
    assert plan.entries.rows("11.promotions").count() == 1
    assert client.post(address, {**second, "discount": "much"}).status_code == 400  # kept is nothing of it, and
    wrong = client.post(address, {**second, "discount": "much"}).content.decode()
    assert 'id="discount-error"' in wrong
    assert 'value="Late light"' in wrong  # what was written stays
    assert client.post(address, second).status_code == 302  # a person may want both: kept, and said on the page
    page = client.get(reverse("plan_promotions", args=[plan.plan.shop.slug, plan.plan_id])).content.decode()
    assert "2 promotions need you" in page
    assert said in page
    apart = client.get(address, {**second, "category": "Rugs"}, headers={"hx-request": "true"}).content.decode()
    assert "offers the same goods" not in apart
