"""The rows behind a number."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from django.http import HttpResponseBase
from django.utils.translation import gettext

from topline.connectors import mapping
from topline.documents.sheet import Column, Sheet
from topline.facts.table import tables
from topline.lake import read as lake_read
from topline.lake.read import RowPage
from topline.metrics.query import Query
from topline.units.text import N_
from topline.web import files, formats, question
from topline.web.page import Page, Visit

LIMIT = 100
EXPORTED = 100_000
KEY_SHOWN = 8
"""How much of a customer's key tells one from another on a page; the files have it whole."""
SHOWN = {
    "order_line": (
        "on",
        "order_key",
        "kind",
        "product_key",
        "quantity",
        "unit_price",
        "amount",
        "currency",
        "amount_shop",
        "market",
        "customer_key",
    ),
    "order": ("on", "order_key", "market", "channel", "currency", "customer_key", "campaign", "coupon", "cancelled_on"),
}
LABELS = {
    "on": N_("Day"),
    "order_key": N_("Order"),
    "kind": N_("Kind"),
    "product_key": N_("Product"),
    "quantity": N_("Quantity"),
    "unit_price": N_("Unit price"),
    "amount": N_("Amount"),
    "currency": N_("Currency"),
    "amount_shop": N_("In the shop's currency"),
    "market": N_("Market"),
    "channel": N_("Channel"),
    "customer_key": N_("Customer"),
    "campaign": N_("Campaign"),
    "coupon": N_("Coupon"),
    "cancelled_on": N_("Cancelled"),
}
MONEY = ("unit_price", "amount", "amount_shop")
"""Columns whose points stand below each other, where cents are all they have."""
BOOKKEEPING = ("key", "version", "recorded_at", "batch_id")
"""What the lake keeps of every row; the files have it."""


def view(visit: Visit) -> HttpResponseBase:
    span = question.span(visit, "last_12_months")
    query = question.parse(visit.request.GET, span.period, None, ("net_sales",))
    question.require_known(visit, query.where, query.metrics)
    after = _cursor(visit.request.GET.get("after", ""))
    wanted = visit.request.GET.get("format", "")
    export = wanted in ("csv", "xlsx")
    page = lake_read.rows(
        visit.shop.lake(),
        query,
        scope=visit.scope,
        settings=visit.shop.settings(),
        limit=EXPORTED if export else LIMIT,
        after=after,
    )
    if export:
        name = f"{query.metrics[0]}-rows"
        as_file = files.csv_file if wanted == "csv" else files.xlsx_file
        return as_file(name, _sheet(page, _listed(page, page.columns)))
    columns = _listed(page, [name for name in page.columns if name not in BOOKKEEPING])
    keys = tables()[page.fact].personal_keys
    numbers = {name for name in columns if _is_number(tables()[page.fact].schema.field(name).type)}
    metric = question.visible_metrics(visit.scope)[query.metrics[0]]
    total = question.ask(visit, Query(metrics=query.metrics[:1], period=query.period, where=query.where))
    return visit.render(
        "rows.html",
        {
            "span": span,
            "query": query,
            "metric": metric,
            "total": total.totals[metric.id],
            "columns": [
                {"name": name, "label": formats.say(_label(page.fact, name)), "is_number": name in numbers}
                for name in columns
            ],
            "lines": [[_cell(name, row[name], is_key=name in keys) for name in columns] for row in page.rows],
            "after": f"{page.after[0].isoformat()},{page.after[1]}" if page.after else "",
            "filters": [question.said(each) for each in query.where],
            "is_first": after is None,
            "is_empty": visit.is_empty,
        },
    )


def _cursor(text: str) -> tuple[date, str] | None:
    """Where the page begins: the last row of the one before."""
    day, comma, key = text.partition(",")
    try:
        return (date.fromisoformat(day), key) if comma else None
    except ValueError:
        return None


def _listed(page: RowPage, others: Sequence[str]) -> list[str]:
    """The columns of the fact that are chosen for it, else the others."""
    return [name for name in SHOWN.get(page.fact, others) if name in page.columns]


def _label(fact: str, name: str) -> str:
    """What a column is called: here, else as files of the fact call it."""
    if name in LABELS:
        return LABELS[name]
    if name in mapping.SHARED:
        return mapping.SHARED[name].label
    target = mapping.TARGETS.get(fact)
    named = {one.id: one.label for one in target.fields} if target else {}
    return named.get(name, name.replace("_", " ").capitalize())


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_decimal(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)


def _cell(name: str, value: Any, *, is_key: bool) -> dict[str, Any]:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if value is None:
        text = "–"
    elif is_number and name in MONEY and value == round(value, 2):
        text = formats.fixed(value, 2)
    elif is_number:
        text = formats.decimal(value, 3)
    elif name in ("kind", "market"):
        text = question.label(name, value)
    elif name == "channel":
        text = formats.channel(value)
    elif is_key:
        text = f"{value[:KEY_SHOWN]}…"
    elif isinstance(value, date):
        text = formats.day(value)
    else:
        text = str(value)
    return {"text": text, "is_number": is_number}


def _sheet(page: RowPage, columns: list[str]) -> Sheet:
    return Sheet(
        gettext("Rows"), [Column(name) for name in columns], ([row[name] for name in columns] for row in page.rows)
    )


PAGES = (Page(path="rows", name="rows", view=view, permission="rows.read", place="measure"),)
