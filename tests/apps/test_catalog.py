"""Products: imported in sets, and a person's edit stays."""

from datetime import UTC, datetime

import pytest

from topline.catalog import operations
from topline.catalog.models import Product
from topline.journal import operations as journal
from topline.lake import engine

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
