"""Products: imported in sets, and a person's edit stays."""

from datetime import UTC, datetime

import pytest
from django.test import Client
from django.urls import reverse
from test_api import caller

from topline.catalog import operations
from topline.catalog.models import Product
from topline.journal import operations as journal
from topline.lake import engine
from topline.units.errors import FieldsError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def bring(shop, *rows):
    return operations.upsert_products(shop=shop, rows=rows, source="file", now=NOW)


def test_counts_new_and_changed(shop):
    assert bring(shop, {"code": "1", "title": "Mug"}, {"code": "2", "title": "Jug", "category": "Kitchen"}) == (2, 0)
    assert bring(
        shop, {"code": "1", "title": "Mug"}, {"code": "2", "title": "Big jug"}, {"code": "3", "title": None}
    ) == (1, 1)
    found = Product.objects.of(shop).values_list("code", "title", "category")
    assert list(found) == [("1", "Mug", ""), ("2", "Big jug", "Kitchen"), ("3", "", "")]


def test_an_empty_value_changes_nothing(shop):
    bring(shop, {"code": "1", "title": "Mug", "brand": "Acme"})
    assert bring(shop, {"code": "1", "title": "", "brand": None}) == (0, 0)


def test_more_than_a_set(shop):
    rows = [{"code": str(number), "title": f"Thing {number}"} for number in range(1_234)]
    assert operations.upsert_products(shop=shop, rows=rows, source="file", now=NOW) == (1_234, 0)


def test_an_edit_stays_here_and_in_the_lake(shop, owner, lake):
    bring(shop, {"code": "1", "title": "MUG WHT", "category": "Misc"})
    operations.edit_product(shop=shop, code="1", actor_id=owner.pk, now=NOW, title=" White mug ")
    assert bring(shop, {"code": "1", "title": "MUG WHT 2", "category": "Kitchen"}) == (0, 1)
    journal.drain(lake)
    product = Product.objects.get()
    assert (product.title, product.category, product.edited_fields) == ("White mug", "Kitchen", ["title"])
    rows = engine.execute(engine.table(lake, "product", lake.latest())).to_pylist()
    assert [(row["key"], row["title"], row["category"]) for row in rows] == [("file:1", "White mug", "Kitchen")]


def test_unknown_product_or_field(shop):
    with pytest.raises(operations.UnknownProductError):
        operations.edit_product(shop=shop, code="9", actor_id=None, now=NOW, title="x")
    with pytest.raises(operations.UnknownFieldError):
        operations.edit_product(shop=shop, code="9", actor_id=None, now=NOW, colour="x")


def test_texts_that_can_not_be_kept(shop):
    bring(shop, {"code": "1"})
    wrong = {"title": "x" * 1001, "category": "a\0b", "brand": "ann@example.org"}
    with pytest.raises(FieldsError) as why:
        operations.edit_product(shop=shop, code="1", actor_id=None, now=NOW, **wrong)
    assert set(why.value.errors) == set(wrong)
    assert Product.objects.get().edited_fields == []


@pytest.mark.once
def test_the_page_finds_a_product_and_sets_only_what_was_changed(shop, owner, member):
    bring(shop, *({"code": f"K{n}", "title": f"Mug {n}", "category": "Kitchen"} for n in range(60)), {"code": "a/b"})
    browser, page = Client(), reverse("products", args=[shop.slug])
    browser.force_login(owner)
    shown = browser.get(page).content.decode()
    assert "61 products are known; 1 of them have no category" in shown
    assert "Page 1 of 2" in shown
    found = browser.get(page + "?q=mug 7").content.decode()
    assert (found.count("<tr>"), "K7" in found) == (2, True)
    one = Product.objects.get(code="K7")
    assert 'value="Mug 7"' in browser.get(page + f"?edit={one.pk}").content.decode()
    texts = {"title": "White mug", "category": "Kitchen", "subcategory": "", "brand": "", "supplier": ""}
    wrong = browser.post(page, {"product": one.pk, **texts, "brand": "ann@example.org"})
    assert (wrong.status_code, "e-mail address" in wrong.content.decode()) == (400, True)
    assert browser.post(page, {"product": one.pk, **texts}).status_code == 302
    one.refresh_from_db()
    assert (one.title, one.edited_fields) == ("White mug", ["title"])
    assert "Set by a person" in browser.get(page + f"?edit={one.pk}").content.decode()
    browser.force_login(member("rep"))
    assert browser.post(page, {"product": one.pk, **texts}).status_code == 403


@pytest.mark.once
def test_the_api_lists_products_and_changes_one(shop, owner):
    bring(shop, {"code": "1", "title": "Mug"}, {"code": "a/b", "title": "Jug"})
    call = caller(shop, owner)
    first = call("GET", "/shops/gifts/products?limit=1").json()
    rest = call("GET", f"/shops/gifts/products?limit=1&after={first['next']}").json()
    assert [each["code"] for each in first["products"] + rest["products"]] == ["a/b", "1"]
    assert [each["code"] for each in call("GET", "/shops/gifts/products?q=mug").json()["products"]] == ["1"]
    changed = call("PATCH", "/shops/gifts/products/a/b", {"brand": "Acme"}).json()
    assert (changed["brand"], changed["title"], changed["edited_fields"]) == ("Acme", "Jug", ["brand"])
    assert call("PATCH", "/shops/gifts/products/1", {"brand": "x" * 201}).json()["errors"][0]["where"] == "brand"
    assert call("PATCH", "/shops/gifts/products/9", {"brand": "Acme"}).status_code == 404
