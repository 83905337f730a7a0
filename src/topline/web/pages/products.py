"""Products: how figures name and group them, found, listed and edited."""

import math
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.catalog import operations
from topline.catalog.models import Product
from topline.units.text import N_
from topline.web import fields, formats
from topline.web.fields import Field
from topline.web.page import Page, Visit, whole

PER_PAGE = 50
LABELS = {
    "title": N_("Title"),
    "category": N_("Category"),
    "subcategory": N_("Subcategory"),
    "brand": N_("Brand"),
    "supplier": N_("Supplier"),
}


def view(visit: Visit) -> HttpResponse:
    number = whole(visit.request.POST.get("product") or visit.request.GET.get("edit"))
    chosen = Product.objects.of(visit.shop).filter(pk=number) if number else Product.objects.none()
    if visit.request.method == "POST":
        visit.require("catalog.write")
        form = fields.keep(visit, chosen, number, _fields, partial(_keep, visit, chosen.first()))
        if form is None:
            return redirect(f"{visit.url('products')}?{_query(visit)}")
        return visit.render("products.html", _context(visit, form), status=400)
    form = fields.form(visit, "catalog.write", chosen, _fields) if chosen else None
    return visit.render("products.html", _context(visit, form))


def _fields(one: Product | None) -> list[Field]:
    set_here = gettext("Set by a person; imports leave it alone.")
    return [
        Field(
            id_,
            formats.say(label),
            value=getattr(one, id_, ""),
            hint=set_here if one and id_ in one.edited_fields else "",
            is_wide=id_ == "title",
        )
        for id_, label in LABELS.items()
    ]


def _keep(visit: Visit, one: Product | None, values: dict[str, Any]) -> None:
    """Sets what differs; a field that was left as it stood stays the source's to say."""
    if one is None:
        raise operations.UnknownProductError(code="")
    changed = {field: value for field, value in values.items() if value != getattr(one, field)}
    if changed:
        operations.edit_product(shop=visit.shop, code=one.code, actor_id=visit.user.pk, now=timezone.now(), **changed)


def _context(visit: Visit, form: dict[str, Any] | None) -> dict[str, Any]:
    asked = visit.request.GET.get("q", "")
    found = Product.objects.matching(visit.shop, asked)
    count = found.count()
    last = max(1, math.ceil(count / PER_PAGE))
    page = min(max(whole(visit.request.GET.get("page")), 1), last)
    everything = Product.objects.of(visit.shop)
    return {
        "asked": asked,
        "form": form,
        "query": _query(visit),
        "rows": [
            {
                "product": each,
                "cells": [(getattr(each, id_), id_ in each.edited_fields) for id_ in list(LABELS)[1:]],
                "is_title_set": "title" in each.edited_fields,
            }
            for each in found[(page - 1) * PER_PAGE : page * PER_PAGE]
        ],
        "labels": [formats.say(label) for label in LABELS.values()],
        "found": count,
        "count": count if not asked else everything.count(),
        "without": everything.filter(category="").count(),
        "may_write": visit.may("catalog.write"),
        "page": page,
        "last": last,
        "before": urlencode({"q": asked, "page": page - 1}) if page > 1 else "",
        "after": urlencode({"q": asked, "page": page + 1}) if page < last else "",
    }


def _query(visit: Visit) -> str:
    """Where in the list one is."""
    return urlencode({name: visit.request.GET[name] for name in ("q", "page") if visit.request.GET.get(name)})


PAGES = (
    Page(
        path="products",
        name="products",
        view=view,
        permission="catalog.read",
        place="orders",
        label=N_("Products"),
        icon="tags",
    ),
)
