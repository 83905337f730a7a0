"""Customers' future: who is still active, what they will order and be worth, when, and how sure that is."""

import math
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import numpy as np
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext, ngettext

from topline.crm.models import Person
from topline.documents.sheet import Column, Form, Sheet, Value
from topline.outlook.customers import LEVEL, HoldOut
from topline.plans import customers
from topline.plans import jobs as plan_jobs
from topline.plans.customers import Future
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit, whole

PER_PAGE = 50
MOST_FILED = 100_000
ORDERS = {
    "year_sales": N_("Sales of a year"),
    "remaining_sales": N_("Sales of three years"),
    "year_orders": N_("Orders of a year"),
    "order_rate": N_("Chance of an order in 90 days"),
    "is_alive_rate": N_("Chance to be active"),
    "last_days": N_("Days since the last order"),
}
_LOST = 0.2
_SAFE = 0.8
_OFF = 0.1
"""What the rehearsal may miss by without a word beside the headline."""


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit, "by", "page")
    shop = visit.shop
    if visit.is_empty:
        return visit.render("future.html", {"is_empty": True})
    rest = plan_jobs.prepare_customers(shop, visit.today, retry=visit.is_retry)
    if (snapshot := rest.snapshot) is None:
        job = rest.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("future.html#body" if visit.is_fragment else "future.html", context)
    made = customers.future(shop, visit.today, snapshot)
    if file := _file(visit, made):
        return file
    return visit.render(
        "future.html#body" if visit.is_fragment else "future.html", _context(visit, made) | visit.resting(rest)
    )


def _context(visit: Visit, made: Future) -> dict[str, Any]:
    held = made.holdout
    return {
        "made": made,
        "sentence": _sentence(visit, made),
        "more": list(_more(visit, made)),
        "figures": list(_figures(visit, made)),
        "activity": _activity(made),
        "lines": [_line(one) for one in made.lines],
        "churn": _churn(made),
        "holdout": held
        and {
            "sentence": _held(made),
            "groups": [
                {
                    "name": _group(least, [other for other in held.groups if other > least]),
                    "customers": formats.decimal(count),
                    "expected": formats.decimal(expected),
                    "actual": formats.decimal(actual),
                    "miss": formats.signed_percent(expected / actual - 1) if actual else "–",
                }
                for least, (count, expected, actual) in held.groups.items()
            ],
            "others": ", ".join(f"{name} {formats.decimal(total)}" for name, total in held.others.items()),
            "mean_error": formats.fixed(held.mean_error, 2),
            "typical_error": formats.fixed(held.typical_error, 2),
            "picture": _held_picture(made),
        },
        "level": formats.percent(LEVEL, 0),
        **(_list(visit, made) if visit.may("rows.read") else {}),
    }


def _count(made: Future) -> dict[str, float]:
    alive = made.columns["is_alive_rate"]
    return {
        "active": float(alive.sum()),
        "safe": int((alive >= _SAFE).sum()),
        "doubtful": int(((alive < _SAFE) & (alive > _LOST)).sum()),
        "lost": int((alive <= _LOST).sum()),
    }


def _sentence(visit: Visit, made: Future) -> str:
    sales = float(made.columns["year_sales"].sum())
    return gettext("About %(active)s of %(customers)s customers still buy; they bring %(sales)s in the next year.") % {
        "active": formats.decimal(_count(made)["active"]),
        "customers": formats.decimal(made.customers),
        "sales": formats.short_money(sales, visit.shop.currency),
    }


def _more(visit: Visit, made: Future) -> Iterator[str]:
    alive, sales = made.columns["is_alive_rate"], made.columns["year_sales"]
    if made.holdout is not None and made.holdout.actual and abs(made.holdout.error) > _OFF:
        yield _off(visit.shop.currency, made.holdout, float(sales.sum()))
    top = np.sort(sales)[::-1]
    share = float(top[: max(1, len(top) // 10)].sum()) / max(float(top.sum()), 1e-9)
    yield gettext("A tenth of them brings %(share)s of that.") % {"share": formats.percent(share, 0)}
    doubtful = (alive < _SAFE) & (alive > _LOST)
    if doubtful.any():
        yield gettext(
            "%(n)s are doubtful and would bring %(sales)s if they stayed as they are: reach out to them first."
        ) % {
            "n": formats.decimal(int(doubtful.sum())),
            "sales": formats.short_money(float(sales[doubtful].sum()), visit.shop.currency),
        }


def _off(currency: str, held: HoldOut, sales: float) -> str:
    """What the next year would bring if it missed as the rehearsal did. sales : as expected"""
    words = {
        "miss": formats.percent(abs(held.error)),
        "sales": formats.short_money(sales / (1 + held.error), currency),
    }
    if held.error > 0:
        return (
            gettext("Its own rehearsal expected %(miss)s more orders than came: missed as much, it is %(sales)s.")
            % words
        )
    return (
        gettext("Its own rehearsal expected %(miss)s fewer orders than came: missed as much, it is %(sales)s.") % words
    )


def _figures(visit: Visit, made: Future) -> Iterator[dict[str, str]]:
    currency = visit.shop.currency
    low, high = made.orders_interval
    orders, sales = float(made.columns["year_orders"].sum()), float(made.columns["year_sales"].sum())
    yield {
        "label": gettext("Orders of the next year"),
        "value": formats.decimal(orders),
        "note": f"{formats.decimal(low)} – {formats.decimal(high)}, {formats.percent(LEVEL, 0)}",
    }
    spread = (low / orders, high / orders) if orders else (1.0, 1.0)
    yield {
        "label": gettext("Net sales of the next year"),
        "value": formats.short_money(sales, currency),
        "note": " – ".join(formats.short_money(sales * one, currency) for one in spread),
    }
    if made.margin_rate is not None and visit.may("finance.read"):
        yield {
            "label": gettext("Gross profit of the next year"),
            "value": formats.short_money(sales * made.margin_rate, currency),
            "note": gettext("%(rate)s of sales") % {"rate": formats.percent(made.margin_rate, 0)},
        }
    yield {
        "label": gettext("Net sales of three years"),
        "value": formats.short_money(float(made.columns["remaining_sales"].sum()), currency),
        "note": gettext("%(each)s a customer")
        % {"each": formats.money(round(float(made.columns["remaining_sales"].mean()), 2), currency)},
    }


def _activity(made: Future) -> charts.Picture:
    """How many customers are active with which chance."""
    alive = made.columns["is_alive_rate"]
    counts = np.histogram(alive, bins=np.linspace(0, 1, 11))[0]
    axis = [f"{formats.percent(k / 10, 0)} – {formats.percent((k + 1) / 10, 0)}" for k in range(10)]
    rows = [charts.Line(gettext("Customers"), [float(count) for count in counts], "actual")]
    title = gettext("Customers by the chance that they still buy")
    option = charts.columns(axis, rows, unit="count", currency="")
    return charts.Picture(title, option, axis, rows, "count", "")


def _line(one: Any) -> dict[str, str]:
    return {
        "name": question.label("category", one.line),
        "customers": formats.decimal(one.customers),
        "active": formats.decimal(one.active),
        "churn": formats.percent(one.churn_rate, 0),
        "orders": formats.decimal(one.orders),
    }


def _churn(made: Future) -> charts.Picture | None:
    if not any(one.line for one in made.lines):
        return None
    ranked = sorted(made.lines, key=lambda one: -one.churn_rate)
    axis = [question.label("category", one.line) for one in ranked]
    rows = [charts.Line(gettext("Lost"), [one.churn_rate for one in ranked], "actual")]
    option = charts.bars(axis, rows, unit="rate", currency="")
    return charts.Picture(gettext("Share of each line's customers that is lost"), option, axis, rows, "rate", "")


def _span(least: int, above: list[int]) -> str:
    """Orders before, as short as an axis needs them: 1, 4–5, 10+."""
    if not above:
        return f"{formats.decimal(least)}+"
    most = min(above) - 1
    return formats.decimal(least) if most == least else f"{formats.decimal(least)}–{formats.decimal(most)}"


def _group(least: int, above: list[int]) -> str:
    if not above:
        return gettext("%(least)s orders and more") % {"least": least}
    most = min(above) - 1
    if most == least:
        return ngettext("%(n)s order", "%(n)s orders", least) % {"n": least}
    return gettext("%(least)s to %(most)s orders") % {"least": least, "most": most}


def _held(made: Future) -> str:
    held = made.holdout
    assert held is not None  # noqa: S101 - the caller looked
    return gettext(
        "On %(cut)s, %(model)s would have expected %(total)s orders of the %(customers)s customers known then; "
        "%(actual)s came: %(miss)s."
    ) % {
        "cut": formats.day(held.cut),
        "model": made.model,
        "total": formats.decimal(held.total),
        "customers": formats.decimal(held.customers),
        "actual": formats.decimal(held.actual),
        "miss": formats.signed_percent(held.error) if math.isfinite(held.error) else "–",
    }


def _held_picture(made: Future) -> charts.Picture:
    held = made.holdout
    assert held is not None  # noqa: S101 - the caller looked
    axis = [_span(least, [other for other in held.groups if other > least]) for least in held.groups]
    rows = [
        charts.Line(gettext("Came"), [actual for _, _, actual in held.groups.values()], "actual"),
        charts.Line(gettext("Expected"), [expected for _, expected, _ in held.groups.values()], "last_year"),
    ]
    option = charts.columns(axis, rows, unit="count", currency="")
    return charts.Picture(gettext("Orders expected and made, by orders before"), option, axis, rows, "count", "")


# The list ----------------------------------------------------------------------------


def _list(visit: Visit, made: Future) -> dict[str, Any]:
    by = visit.request.GET.get("by", "")
    by = by if by in ORDERS else "year_sales"
    page = max(whole(visit.request.GET.get("page")), 1)
    last = max(1, math.ceil(made.customers / PER_PAGE))
    page = min(page, last)
    rows = made.ranked(by, (page - 1) * PER_PAGE, page * PER_PAGE)
    names = Person.objects.names(visit.shop, [row["key"] for row in rows]) if visit.may("customers.read") else {}
    return {
        "rows": [_row(visit, row, names) for row in rows],
        "orders": [(id_, formats.say(label), id_ == by) for id_, label in ORDERS.items()],
        "page": page,
        "last": last,
        "before": f"?{urlencode({'by': by, 'page': page - 1})}" if page > 1 else "",
        "after": f"?{urlencode({'by': by, 'page': page + 1})}" if page < last else "",
    }


def _row(visit: Visit, row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    currency = visit.shop.currency
    days = row["next_days"]
    far = not math.isfinite(days) or days > customers.NEAR_DAYS
    return {
        "name": names.get(row["key"], ""),
        "key": row["key"],
        "past": formats.decimal(row["past_orders"]),
        "last": formats.day(visit.today - timedelta(days=int(row["last_days"]))),
        "alive": formats.percent(row["is_alive_rate"], 0),
        "tone": "good" if row["is_alive_rate"] >= _SAFE else "bad" if row["is_alive_rate"] <= _LOST else "warn",
        "chance": formats.percent(row["order_rate"], 0),
        "next": gettext("in two years or later") if far else formats.day(visit.today + timedelta(days=int(days))),
        "orders": formats.fixed(row["year_orders"], 1),
        "sales": formats.money(round(row["year_sales"], 2), currency),
        "life": formats.money(round(row["remaining_sales"], 2), currency),
    }


def _file(visit: Visit, made: Future) -> HttpResponseBase | None:
    kind, table = visit.request.GET.get("format", ""), visit.request.GET.get("table", "")
    if kind not in files.KINDS:
        return None
    name = f"{visit.shop.slug}-customers-{table or 'activity'}"
    match table:
        case "list":
            visit.require("rows.read")
            return (
                files.download(kind, name, lambda: _list_sheet(visit, made), dict) if kind in ("csv", "xlsx") else None
            )
        case "lines":
            picture = _churn(made)
            return files.download(kind, name, lambda: _line_sheet(made), lambda: picture.option if picture else {})
    drawn = _activity(made)
    columns = [Column(gettext("Chance to be active")), Column(gettext("Customers"), Form.WHOLE)]
    cells: list[list[Value]] = [
        [axis, int(value or 0)] for axis, value in zip(drawn.axis, drawn.rows[0].values, strict=True)
    ]
    return files.download(kind, name, lambda: Sheet(gettext("Customers"), columns, cells), lambda: drawn.option)


def _list_sheet(visit: Visit, made: Future) -> Sheet:
    by = visit.request.GET.get("by", "")
    rows = made.ranked(by if by in ORDERS else "year_sales", 0, MOST_FILED)
    names = Person.objects.names(visit.shop, [row["key"] for row in rows]) if visit.may("customers.read") else {}
    currency = visit.shop.currency
    columns = [
        Column(gettext("Customer")),
        Column(gettext("Name")),
        Column(gettext("Orders so far"), Form.WHOLE),
        Column(gettext("Last order"), Form.DATE),
        Column(gettext("Chance to be active"), Form.RATE),
        Column(gettext("Chance of an order in 90 days"), Form.RATE),
        Column(gettext("Next order, if active"), Form.DATE),
        Column(gettext("Orders of a year"), Form.NUMBER),
        Column(gettext("Sales of a year"), Form.MONEY, currency),
        Column(gettext("Sales of three years"), Form.MONEY, currency),
    ]

    def line(row: dict[str, Any]) -> list[Value]:
        soon = math.isfinite(row["next_days"]) and row["next_days"] <= customers.NEAR_DAYS
        return [
            row["key"],
            names.get(row["key"]),
            int(row["past_orders"]),
            visit.today - timedelta(days=int(row["last_days"])),
            row["is_alive_rate"],
            row["order_rate"],
            visit.today + timedelta(days=int(row["next_days"])) if soon else None,
            round(row["year_orders"], 3),
            round(row["year_sales"], 2),
            round(row["remaining_sales"], 2),
        ]

    return Sheet(gettext("Customers"), columns, [line(row) for row in rows])


def _line_sheet(made: Future) -> Sheet:
    columns = [
        Column(gettext("Product line")),
        Column(gettext("Customers"), Form.WHOLE),
        Column(gettext("Still buy of it"), Form.NUMBER),
        Column(gettext("Lost"), Form.RATE),
        Column(gettext("Orders of a year"), Form.NUMBER),
    ]
    rows: list[list[Value]] = [
        [question.label("category", one.line), one.customers, one.active, one.churn_rate, one.orders]
        for one in made.lines
    ]
    return Sheet(gettext("Product lines"), columns, rows)


PAGES = (
    Page(
        path="outlook/customers",
        name="outlook_customers",
        view=view,
        permission="metrics.read",
        place="outlook",
        is_whole=True,
        label=N_("Customers' future"),
        icon="users-group",
        rank=3,
    ),
)
