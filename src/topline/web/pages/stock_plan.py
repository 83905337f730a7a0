"""The stock plan: what to order of whom and when, what may be bought by month, and what lies there for nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext

from topline.documents.sheet import Column, Form, Sheet
from topline.plans import jobs as plan_jobs
from topline.plans import numbers, stock, text
from topline.plans.stock import EventNeed, StockLine, StockPlan, SupplierLine
from topline.units.period import Period
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit

STATES: Mapping[str, tuple[str, str]] = {
    "out": (N_("gone"), "bad"),
    "late": (N_("too late"), "bad"),
    "order": (N_("order today"), "warn"),
    "soon": (N_("order soon"), "note"),
    "enough": (N_("enough"), "good"),
    "excess": (N_("too much"), "warn"),
    "dead": (N_("unsold"), "bad"),
    "unknown": (N_("not known"), ""),
}
GROUPS: Mapping[str, tuple[str, ...]] = {"to_order": ("out", "late", "order"), "idle": ("excess", "dead")}
ASSUMED = ("lead_days", "review_days", "carrying_rate", "service_rate", "pack_units", "closing_days", "excess_days")
MOST_LINES = 40


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit, "state", "supplier", "q")
    if visit.is_empty:
        return visit.render("stock_plan.html", {"is_empty": True})
    if visit.request.method == "POST":
        return _state(visit)
    rest = plan_jobs.prepare_stock(visit.shop, visit.today, retry=visit.is_retry)
    if (snapshot := rest.snapshot) is None:
        job = rest.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("stock_plan.html#body" if visit.is_fragment else "stock_plan.html", context)
    found = stock.of(visit.shop, visit.today, snapshot)
    lines = _chosen(visit, found)
    if file := _file(visit, found, lines):
        return file
    context = _context(visit, found, lines) | visit.resting(rest)
    return visit.render("stock_plan.html#body" if visit.is_fragment else "stock_plan.html", context)


def _state(visit: Visit) -> HttpResponse:
    """Keeps the numbers of the form; an empty field takes a number back."""
    visit.require("catalog.write")
    keep(visit, ASSUMED)
    return redirect("stock_plan", visit.shop.slug)


def keep(visit: Visit, names: tuple[str, ...]) -> None:
    """Keeps the posted numbers of these names that differ from what holds. A supplier's come as `name:supplier`."""
    stated = numbers.of(visit.shop)
    for field, written in visit.request.POST.dict().items():
        name, _, of = field.partition(":")
        if name not in (*names, "minimum_value"):
            continue
        value = _number(written)
        if value is None and not stated.is_stated(name, of):
            continue
        if value is None or value != stated(name, of) or stated.is_stated(name, of):
            numbers.state(shop=visit.shop, name=name, of=of, value=value, actor_id=visit.user.pk)


def _number(written: str) -> float | None:
    return float(formats.read_number(written)) if written.strip() else None


def fields(stated: numbers.Stated, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The numbers as a form shows them: what is stated, and what holds until then."""
    return [
        {
            "name": name,
            "label": formats.say(numbers.NUMBERS[name].label),
            "value": formats.decimal(stated(name), 2) if stated.is_stated(name) else "",
            "otherwise": formats.decimal(numbers.NUMBERS[name].otherwise, 2),
        }
        for name in names
    ]


def _chosen(visit: Visit, found: StockPlan) -> list[StockLine]:
    """The lines that the address asks for."""
    asked = visit.request.GET
    state, supplier, words = asked.get("state", ""), asked.get("supplier", ""), asked.get("q", "").strip().lower()
    states = GROUPS.get(state, (state,) if state in STATES else tuple(STATES))
    return [
        line
        for line in found.lines
        if line.state in states
        and (not supplier or (line.supplier or "") == supplier)
        and (not words or words in f"{line.product_key} {line.title or ''}".lower())
    ]


def _context(visit: Visit, found: StockPlan, lines: list[StockLine]) -> dict[str, Any]:
    currency, sees_cost = visit.shop.currency, visit.may("finance.read")
    said = [text.render(one, currency=currency, language=formats.tag()) for one in found.headline]
    return {
        "stock": found,
        "sentence": said[0],
        "more": said[1:],
        "notes": [text.render(one, currency=currency, language=formats.tag()) for one in found.notes],
        "figures": list(_figures(found, currency, sees_cost=sees_cost)),
        "lines": [_line(line, currency) for line in lines[:MOST_LINES]],
        "left_off": formats.decimal(max(len(lines) - MOST_LINES, 0)) if len(lines) > MOST_LINES else "",
        "count": formats.decimal(len(lines)),
        "states": [("to_order", gettext("to order today")), ("idle", gettext("too much or unsold"))]
        + [(id_, formats.say(label)) for id_, (label, _) in STATES.items()],
        "chosen_state": visit.request.GET.get("state", ""),
        "chosen_supplier": visit.request.GET.get("supplier", ""),
        "words": visit.request.GET.get("q", ""),
        "supplier_names": sorted({line.supplier for line in found.lines if line.supplier}),
        "suppliers": [_supplier(one, currency) for one in found.suppliers],
        "picture": _buying(found, currency) if sees_cost else None,
        "events": [_event(one) for one in found.events],
        "fields": fields(found.stated, ASSUMED),
        "may_state": visit.may("catalog.write"),
        "sees_cost": sees_cost,
    }


def _figures(found: StockPlan, currency: str, *, sees_cost: bool) -> Iterator[dict[str, str]]:
    ordered, idle = found.of_state(*GROUPS["to_order"]), found.of_state(*GROUPS["idle"])
    late = found.of_state("out", "late")

    def worth(values: list[float | None]) -> str:
        known = [value for value in values if value is not None]
        return formats.short_money(sum(known), currency) if sees_cost and known else ""

    def count(lines: Sequence[StockLine]) -> str:
        return "–" if found.counted_on is None else formats.decimal(len(lines))

    yield {
        "label": gettext("To order today"),
        "value": count(ordered),
        "note": worth([line.order_value for line in ordered]),
    }
    yield {"label": gettext("Gone before a delivery can come"), "value": count(late), "note": ""}
    yield {
        "label": gettext("Too much or unsold"),
        "value": count(idle),
        "note": worth([line.excess_value for line in idle]),
    }
    yield {"label": gettext("Products"), "value": formats.decimal(len(found.lines)), "note": ""}


def _line(line: StockLine, currency: str) -> dict[str, Any]:
    label, tone = STATES[line.state]
    return {
        "line": line,
        "state": formats.say(label),
        "tone": tone,
        "on_hand": "–" if line.on_hand is None else formats.decimal(line.on_hand),
        "daily": formats.decimal(line.daily, 1),
        "cover": "–" if line.cover_days is None else formats.decimal(line.cover_days),
        "now": "–" if line.now is None else formats.percent(line.now, 0),
        "service": formats.percent(line.service, 0),
        "point": formats.decimal(line.reorder_point),
        "up_to": formats.decimal(line.order_up_to),
        "units": formats.decimal(line.order_units) if line.order_units else "–",
        "value": formats.whole_money(line.order_value, currency) if line.order_value else "–",
        "excess": formats.decimal(line.excess_units) if line.excess_units else "",
    }


def _supplier(one: SupplierLine, currency: str) -> dict[str, Any]:
    return {
        "line": one,
        "name": one.supplier or gettext("not known"),
        "units": formats.decimal(one.units),
        "value": formats.whole_money(one.value, currency) if one.value is not None else "–",
        "lead": formats.decimal(one.lead_days, 1),
        "minimum": formats.decimal(one.minimum) if one.minimum else "",
        "short": formats.whole_money(one.short, currency) if one.short else "",
    }


def _event(one: EventNeed) -> dict[str, Any]:
    return {
        "need": one,
        "label": formats.say(one.label),
        "felt": formats.days(Period(one.felt_from, one.felt_to)),
        "units": formats.decimal(one.units),
        "more": f"{'+' if one.more > 0 else '−'}{formats.decimal(abs(one.more))}",
    }


def _buying(found: StockPlan, currency: str) -> charts.Picture | None:
    """Open-to-buy by month: what is sold at cost, and what may be bought."""
    if not found.months:
        return None
    rows = [
        charts.Line(gettext("Free to buy"), [one.free for one in found.months], "actual"),
        charts.Line(gettext("Sold, at cost"), [one.sold for one in found.months], "last_year"),
        charts.Line(gettext("Left at the month's end"), [one.closing for one in found.months], "plan"),
    ]
    axis = [formats.short_month(one.month) for one in found.months]
    option = charts.columns(axis, rows, unit="money", currency=currency)
    return charts.Picture(gettext("Open to buy"), option, axis, rows, "money", currency)


# Files -----------------------------------------------------------------------------


def _file(visit: Visit, found: StockPlan, lines: list[StockLine]) -> HttpResponseBase | None:
    kind, table = visit.request.GET.get("format", ""), visit.request.GET.get("table", "products")
    if kind not in files.KINDS:
        return None
    currency = visit.shop.currency
    sheets = {
        "products": lambda: _products(lines, currency, sees_cost=visit.may("finance.read")),
        "suppliers": lambda: _supplier_sheet(found, currency, sees_cost=visit.may("finance.read")),
    }
    picture = _buying(found, currency) if visit.may("finance.read") else None
    if table not in sheets or (kind in ("png", "svg") and picture is None):
        return None
    option = picture.option if picture else {}
    return files.download(kind, f"{visit.shop.slug}-stock-{table}", sheets[table], lambda: option)


def _products(lines: list[StockLine], currency: str, *, sees_cost: bool) -> Sheet:
    columns = [
        *(Column(gettext(name)) for name in (N_("Product"), N_("Title"), N_("Category"), N_("Supplier"), N_("State"))),
        Column(gettext("On hand"), Form.NUMBER),
        Column(gettext("Sells a day"), Form.NUMBER),
        Column(gettext("Lasts, days"), Form.NUMBER),
        Column(gettext("Lead time, days"), Form.NUMBER),
        Column(gettext("Service level"), Form.RATE),
        Column(gettext("Chance to last"), Form.RATE),
        Column(gettext("Reorder at"), Form.NUMBER),
        Column(gettext("Order up to"), Form.NUMBER),
        Column(gettext("Order"), Form.NUMBER),
        Column(gettext("Order on"), Form.DATE),
        Column(gettext("Too many"), Form.NUMBER),
        *([Column(gettext("Order at cost"), Form.MONEY, currency)] if sees_cost else []),
    ]
    rows = (
        [
            line.product_key, line.title or "", line.category or "", line.supplier or "",
            formats.say(STATES[line.state][0]), line.on_hand, round(line.daily, 3), line.cover_days, line.lead_days,
            line.service, line.now, line.reorder_point, line.order_up_to, line.order_units, line.order_on,
            line.excess_units, *([line.order_value] if sees_cost else []),
        ]
        for line in lines
    )  # fmt: skip
    return Sheet(gettext("Products"), columns, rows)


def _supplier_sheet(found: StockPlan, currency: str, *, sees_cost: bool) -> Sheet:
    columns = [
        Column(gettext("Supplier")),
        Column(gettext("Products"), Form.WHOLE),
        Column(gettext("Units"), Form.NUMBER),
        Column(gettext("Lead time, days"), Form.NUMBER),
        *([Column(gettext("Order at cost"), Form.MONEY, currency)] if sees_cost else []),
    ]
    rows = (
        [one.supplier or "", one.products, one.units, one.lead_days, *([one.value] if sees_cost else [])]
        for one in found.suppliers
    )
    return Sheet(gettext("Suppliers"), columns, rows)


PAGES = (
    Page(
        path="outlook/stock",
        name="stock_plan",
        view=view,
        permission="catalog.read",
        place="outlook",
        is_whole=True,
        label=N_("Stock plan"),
        icon="packages",
        rank=6,
    ),
)
