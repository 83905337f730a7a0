"""The rows behind a number."""

from datetime import date
from typing import Any

from django.http import HttpResponseBase
from django.utils.translation import gettext

from topline.documents.sheet import Column, Sheet
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
NUMBERS = {"quantity", "unit_price", "amount", "amount_shop"}


def view(visit: Visit) -> HttpResponseBase:
    span = question.span(visit, "last_12_months")
    query = question.parse(visit.request.GET, span.period, None, ("net_sales",))
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
    columns = [name for name in SHOWN.get(page.fact, page.columns) if name in page.columns]
    if export:
        name = f"{query.metrics[0]}-rows"
        as_file = files.csv_file if wanted == "csv" else files.xlsx_file
        return as_file(name, _sheet(page, columns))
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
                {"name": name, "label": formats.say(LABELS.get(name, name)), "is_number": name in NUMBERS}
                for name in columns
            ],
            "lines": [[_cell(name, row[name]) for name in columns] for row in page.rows],
            "after": f"{page.after[0].isoformat()},{page.after[1]}" if page.after else "",
            "filters": [question.said(each) for each in query.where],
            "is_first": after is None,
        },
    )


def _cursor(text: str) -> tuple[date, str] | None:
    """Where the page begins: the last row of the one before."""
    day, comma, key = text.partition(",")
    try:
        return (date.fromisoformat(day), key) if comma else None
    except ValueError:
        return None


def _cell(name: str, value: Any) -> dict[str, Any]:
    if value is None:
        text = "–"
    elif name in NUMBERS:
        text = formats.decimal(value, 3)
    elif name in ("kind", "market"):
        text = question.label(name, value)
    elif name == "channel":
        text = formats.channel(value)
    elif name == "customer_key":
        text = f"{value[:KEY_SHOWN]}…"
    elif isinstance(value, date):
        text = formats.day(value)
    else:
        text = str(value)
    return {"text": text, "is_number": name in NUMBERS}


def _sheet(page: RowPage, columns: list[str]) -> Sheet:
    return Sheet(
        gettext("Rows"), [Column(name) for name in columns], ([row[name] for name in columns] for row in page.rows)
    )


PAGES = (Page(path="rows", name="rows", view=view, permission="rows.read", place="measure"),)
