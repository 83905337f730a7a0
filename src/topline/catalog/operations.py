"""Bringing products in by sets, and editing them by hand."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import batched

from django.db import transaction

from topline.accounts.models import Shop
from topline.catalog.models import Product
from topline.connectors.rows import PERSONAL
from topline.facts import product as fact
from topline.journal import operations as journal
from topline.units.errors import FieldsError, ToplineError
from topline.units.text import N_
from topline.workbench import audit

FIELDS = ("title", "category", "subcategory", "brand", "supplier")
_SET = 500
_PERSONAL, _CONTROL = re.compile(PERSONAL), re.compile(r"[\x00-\x1f\x7f]")


class LongTextError(ToplineError):
    message = N_("The text is too long: at most %(most)s characters.")


class ControlCharacterError(ToplineError):
    message = N_("The text holds a control character. Take it out.")


class PersonalTextError(ToplineError):
    message = N_("The text holds an e-mail address or a phone number, which figures never carry. Take it out.")


class UnknownProductError(ToplineError):
    message = N_("There is no product “%(code)s”.")


class UnknownFieldError(ToplineError):
    message = N_("“%(field)s” is no field of a product. The fields are %(fields)s.")


def upsert_products(
    *, shop: Shop, rows: Iterable[Mapping[str, str | None]], source: str, now: datetime
) -> tuple[int, int]:
    """How many products were new, and how many changed.

    rows : `code` and any of FIELDS; an empty value changes nothing, nor does one of a field that a person edited
    source : what the keys of the source's product facts begin with

    Edited products are recorded anew, so that the edit stays the newest that the lake knows.
    """
    created = changed = 0
    for some in batched(rows, _SET):
        new, other = _upsert(shop, {str(row["code"]): row for row in some}, source, now)
        created, changed = created + new, changed + other
    return created, changed


@transaction.atomic
def edit_product(*, shop: Shop, code: str, actor_id: int | None, now: datetime, **values: str) -> Product:
    """The product with the fields that a person set; imports leave them alone from now on.

    Raises UnknownProductError, UnknownFieldError, FieldsError.
    """
    values = {field: value.strip() for field, value in values.items()}
    for field in values:
        if field not in FIELDS:
            raise UnknownFieldError(field=field, fields=", ".join(FIELDS))
    if wrong := {field: why for field, value in values.items() if (why := _fault(field, value))}:
        raise FieldsError(wrong)
    product = Product.objects.select_for_update().filter(shop=shop, code=code).first()
    if not product:
        raise UnknownProductError(code=code)
    before = {field: getattr(product, field) for field in values}
    for field, value in values.items():
        setattr(product, field, value)
    product.edited_fields = sorted({*product.edited_fields, *values})
    product.save(update_fields=[*values, "edited_fields"])
    _record([product], shop, now)
    audit.log("product.edit", actor_id=actor_id, shop=shop.slug, subject=code, before=before, after=values)
    return product


def _fault(field: str, value: str) -> ToplineError | None:
    """What is wrong with a text that a person wrote."""
    most = int(getattr(Product._meta.get_field(field), "max_length", 0))
    if len(value) > most:
        return LongTextError(most=most)
    if _CONTROL.search(value):
        return ControlCharacterError()
    return PersonalTextError() if _PERSONAL.search(value) else None


@transaction.atomic
def _upsert(shop: Shop, rows: Mapping[str, Mapping[str, str | None]], source: str, now: datetime) -> tuple[int, int]:
    known = {product.code: product for product in Product.objects.filter(shop=shop, code__in=rows)}
    fresh = [_made(shop, code, row, source) for code, row in rows.items() if code not in known]
    changed = [product for code, product in known.items() if _take_over(product, rows[code])]
    Product.objects.bulk_create(fresh)
    Product.objects.bulk_update(changed, FIELDS)
    _record([product for product in known.values() if product.edited_fields], shop, now)
    return len(fresh), len(changed)


def _made(shop: Shop, code: str, row: Mapping[str, str | None], source: str) -> Product:
    return Product(
        shop=shop, code=code, fact_key=f"{source}:{code}", **{field: row.get(field) or "" for field in FIELDS}
    )


def _take_over(product: Product, row: Mapping[str, str | None]) -> bool:
    """Whether the row said something new about a field that is the source's to say."""
    news = {field: row.get(field) for field in FIELDS if field not in product.edited_fields}
    differing = {field: value for field, value in news.items() if value and value != getattr(product, field)}
    for field, value in differing.items():
        setattr(product, field, value)
    return bool(differing)


def _record(products: Sequence[Product], shop: Shop, now: datetime) -> None:
    """The products as facts; a source's version is the time of its news, so that of an edit is the time of the edit."""
    facts = (
        fact.Product(
            key=product.fact_key,
            version=int(now.timestamp() * 1_000_000),
            recorded_at=now,
            batch_id="",
            product_key=product.code,
            **{field: getattr(product, field) or None for field in FIELDS},
        )
        for product in products
    )
    journal.record(*facts, shop=shop.slug)
