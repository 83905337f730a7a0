"""Outlook: what will be sold of any slice in coming weeks, what drives it, and how good such forecasts were."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from topline.documents.sheet import Column, Form, Sheet, Value
from topline.outlook import demand_file, demand_slice
from topline.outlook.demand import DIMENSIONS, Accuracy, Change, DemandOutlook, Slices
from topline.outlook.demand_slice import Cut
from topline.plans import demand
from topline.plans import jobs as plan_jobs
from topline.plans.expectation import OTHER
from topline.units.errors import ToplineError
from topline.units.period import Grain, Period, parse_day
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit

YEAR_WEEKS = 52
NAMELESS = "-"
"""In the address, for what has no value of a dimension."""

GRAINS = {Grain.DAY: N_("Day"), Grain.WEEK: N_("Week"), Grain.MONTH: N_("Month")}
MOST_LINES = 25
MOST_INPUTS = 8
MOST_PRODUCTS = 300

INPUTS = {
    "price": N_("Price"),
    "discount": N_("Discount"),
    "promotion": N_("Promotion"),
    "alike": N_("What it sold at such prices and promotions"),
    "season": N_("Season and calendar"),
    "level": N_("What it sells lately"),
    "last_year": N_("The same weeks of last year"),
    "gaps": N_("How often it sells, and since when"),
    "group": N_("How its category and market go"),
    "codes": N_("Which category, market and channel it is"),
    "step": N_("How far ahead"),
}
_FAMILIES = {
    "price": ("price",),
    "discount": ("discount",),
    "promotion": ("promotion",),
    "alike": ("alike",),
    "season": ("calendar", "day_of", "place", "flag"),
    "level": ("level", "mean_", "smooth_"),
    "last_year": ("last_year", "group_last_year"),
    "gaps": ("sold_", "dispersion", "since_sale", "age"),
    "group": ("group_",),
    "codes": ("category", "market", "channel"),
    "step": ("step",),
}


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit, *DIMENSIONS, "by", "grain", "change")
    if visit.is_empty:
        return visit.render("outlook.html", {"is_empty": True})
    errors: dict[str, str] = {}
    if visit.request.method == "POST":
        errors = _change_errors(visit.request.POST)
        if not errors:
            return _plan(visit)
    texts = visit.request.GET.getlist("change")
    changes = tuple(demand_file.parse_change(text) for text in texts)
    job = plan_jobs.prepare_demand(visit.shop, visit.today, changes, retry=visit.is_retry)
    found = demand.made(visit.shop, changes)
    if found is None or (changes and job is not None):
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("outlook.html#body" if visit.is_fragment else "outlook.html", context)
    shown = _shown(visit, found)
    if file := _file(visit, shown):
        return file
    context = _context(visit, shown) | {
        "is_stale": job is not None,
        "errors": errors,
        "written": visit.request.POST,
        "changes": list(_said(found, texts)),
    }
    status = 400 if errors else 200
    return visit.render("outlook.html#body" if visit.is_fragment else "outlook.html", context, status=status)


def _change_errors(posted: Any) -> dict[str, str]:
    """What is wrong with the form of a change, by field."""
    if "remove" in posted:
        return {}
    try:
        _days(posted)
    except ToplineError as error:
        return {"to": formats.say(error)}
    for name in ("price", "discount"):
        try:
            demand_file.parse_change(_change_text(posted, (name,)))
        except ToplineError as error:
            return {name: formats.say(error)}
    return {}


def _plan(visit: Visit) -> HttpResponse:
    """Adds a planned price or promotion to the address, or takes one away."""
    posted = visit.request.POST
    texts = visit.request.GET.getlist("change")
    if "remove" in posted:
        texts = [text for text in texts if text != posted["remove"]]
    else:
        texts.append(_change_text(posted))
        demand_file.parse_change(texts[-1])
    kept = [(name, visit.request.GET.get(name, "")) for name in (*DIMENSIONS, "by", "grain")]
    return redirect(
        f"{visit.url('outlook')}?{urlencode([*((k, v) for k, v in kept if v), *(('change', t) for t in texts)])}"
    )


def _days(posted: Any) -> Period:
    first, last = parse_day(posted.get("from", "")), parse_day(posted.get("to", ""))
    return Period(first, last + timedelta(days=1))


def _change_text(posted: Any, values: tuple[str, ...] = ("price", "discount")) -> str:
    """The change of the form as the address holds it."""
    what, _, of = posted.get("what", "").partition(":")
    parts = [f"{what}={of}"] if what in ("product", "category") and of else []
    for name in values:
        if written := posted.get(name, "").strip():
            parts.append(f"{name}={formats.read_number(written)}")
    period = _days(posted)
    return ",".join([*parts, f"from={period.start}", f"to={period.end}"])


@dataclass(frozen=True, slots=True)
class Shown:
    """The slice that the address asks for, and the parts that it is cut into.

    where : dimension -> value; by : what the parts are values of, "" where there are none
    """

    found: DemandOutlook
    where: dict[str, str]
    grain: Grain
    by: str
    cut: Cut
    parts: Cut | None

    @property
    def cells(self) -> Slices:
        return self.cut.weeks

    @property
    def title(self) -> str:
        if not self.where:
            return gettext("The shop")
        return " · ".join(_value(self.found, dimension, name) for dimension, name in self.where.items())


def _shown(visit: Visit, found: DemandOutlook) -> Shown:
    """Raises UnknownSliceError."""
    given, shop = visit.request.GET, visit.shop
    where = {name: "" if given[name] == NAMELESS else given[name] for name in DIMENSIONS if given.get(name)}
    grain = Grain(given["grain"]) if given.get("grain") in [each.value for each in demand_slice.GRAINS] else Grain.WEEK
    open_ = [name for name in found.by if name not in where]
    by = given.get("by", "") if given.get("by") in open_ else next(iter(open_), "")
    cut = demand.cut(shop, found, where=where, grain=grain)
    return Shown(found, where, grain, by, cut, demand.cut(shop, found, where=where, by=(by,)) if by else None)


def _value(found: DemandOutlook, dimension: str, name: str | None) -> str:
    if name == OTHER:
        return gettext("All others")
    if dimension == "product":
        cells = found.by.get("product")
        return cells.titles[cells.names.index(name)] if cells is not None and name in cells.names else name or ""
    return question.label(dimension, name or None)


def _context(visit: Visit, shown: Shown) -> dict[str, Any]:
    found = shown.found
    ends_on = found.weeks[-1] + timedelta(days=6)
    return {
        "outlook": found,
        "sentence": _sentence(shown),
        "more": _second(found, shown.cells),
        "effect": _effect(visit, shown),
        "figures": list(_figures(found, shown.cells)),
        "picture": _picture(shown),
        "slices": list(_choices(shown)),
        "grains": [(each.value, gettext(GRAINS[each]), each is shown.grain) for each in demand_slice.GRAINS],
        "is_by_week": shown.grain is Grain.WEEK,
        "cuts": [(name, _dimension(name), name == shown.by) for name in found.by if name not in shown.where],
        "chosen_product": shown.where.get("product", ""),
        "lines": list(_lines(visit, shown)),
        "segments": list(_segments(found)),
        "inputs": list(_inputs(found)),
        "drivers": list(_drivers(found)),
        "drift": demand.drift(visit.shop, visit.today),
        "assumptions": list(_assumptions(found)),
        "products": [(key, title) for key, title in _top(found)],
        "categories": [name for name in (found.by["category"].names if "category" in found.by else ()) if name],
        "starts_on": visit.today if found.weeks[0] < visit.today <= ends_on else found.weeks[0],
        "ends_on": ends_on,
    }


def _dimension(name: str) -> str:
    return gettext("Product") if name == "product" else question.label_of(name)


def _units(value: float) -> str:
    return formats.decimal(value, 0 if value >= 20 else 1)


def _sentence(shown: Shown) -> str:
    low, mean, high = (_units(value) for value in shown.cells.whole[0])
    return gettext(
        "%(name)s: %(mean)s units in the next %(weeks)s weeks, %(low)s to %(high)s with %(level)s probability."
    ) % {
        "name": shown.title,
        "mean": mean,
        "low": low,
        "high": high,
        "weeks": len(shown.found.weeks),
        "level": formats.percent(shown.found.level, 0),
    }


def _effect(visit: Visit, shown: Shown) -> str:
    """What the planned changes do to the units of the slice, "" if nothing is planned."""
    if not shown.found.changes:
        return ""
    if not shown.found.inputs:
        return gettext(
            "The shop has sold too little to tell what prices and promotions do: the change has no effect here."
        )
    without = demand.made(visit.shop)
    if without is None:
        return ""
    before = demand.cut(visit.shop, without, where=shown.where).weeks.whole[0, 1]
    return gettext("With the change %(after)s units are expected, without it %(before)s.") % {
        "after": _units(float(shown.cells.whole[0, 1])),
        "before": _units(float(before)),
    }


def _before(found: DemandOutlook, cells: Slices, place: int) -> float | None:
    """Units of the same weeks of last year, None if they are not known whole."""
    first, weeks = len(found.past) - YEAR_WEEKS, len(found.weeks)
    return float(cells.history[place, first : first + weeks].sum()) if first >= 0 else None


def _second(found: DemandOutlook, cells: Slices) -> str:
    before, said = _before(found, cells, 0), []
    if before:
        change = formats.signed_percent(cells.whole[0, 1] / before - 1)
        said.append(gettext("That is %(change)s on the same weeks of last year.") % {"change": change})
    accuracy = cells.accuracy.get(cells.names[0])
    if accuracy is not None:
        text = (
            N_("Earlier forecasts missed by %(error)s a week, repeating last year by %(naive)s.")
            if accuracy.is_better
            else N_("Careful: earlier forecasts missed by %(error)s a week, repeating last year only by %(naive)s.")
        )
        errors = {"error": formats.percent(accuracy.wape, 0), "naive": formats.percent(accuracy.naive_wape, 0)}
        said.append(gettext(text) % errors)
    elif found.accuracy is None:
        said.append(gettext("The history is too short to have tried a forecast, so the interval is a wide guess."))
    return " ".join(said)


def _figures(found: DemandOutlook, cells: Slices) -> Iterator[dict[str, str]]:
    weeks, place = len(found.weeks), 0
    yield {"label": gettext("Next week"), "value": _units(cells.mean[place, min(1, weeks - 1)]), "note": ""}
    recent = cells.history[place, -weeks:].sum()
    yield {
        "label": ngettext("Last %(n)s week", "Last %(n)s weeks", weeks) % {"n": weeks},
        "value": _units(recent),
        "note": "",
    }
    before = _before(found, cells, place)
    yield {"label": gettext("Same weeks of last year"), "value": "–" if before is None else _units(before), "note": ""}
    inside = found.accuracy
    yield {
        "label": gettext("Weeks inside the interval"),
        "value": "–" if inside is None else formats.percent(inside.inside, 0),
        "note": gettext("of the shop's, in the past"),
    }


def _picture(shown: Shown) -> charts.Picture:
    """A year of history and the weeks ahead with their interval, beside the year before; days or months ahead alone."""
    found, cells, place = shown.found, shown.cells, 0
    if shown.grain is not Grain.WEEK:
        return _ahead(shown)
    recent = min(YEAR_WEEKS, len(found.past))
    nothing: list[float | None] = [None]
    past, ahead = nothing * recent, nothing * len(found.weeks)
    history = [float(value) for value in cells.history[place]]
    first = len(history) - recent - YEAR_WEEKS
    before = [history[k] if 0 <= k < len(history) else None for k in range(first, first + recent + len(found.weeks))]
    rows = [
        *charts.band(
            gettext("%(level)s interval") % {"level": formats.percent(found.level, 0)},
            [*past, *map(float, cells.low[place])],
            [*past, *map(float, cells.high[place])],
        ),
        charts.Line(gettext("Last year"), before, "last_year"),
        charts.Line(gettext("Expected"), [*past, *map(float, cells.mean[place])], "forecast"),
        charts.Line(gettext("Actual"), [*history[-recent:], *ahead], "actual"),
    ]
    axis = [formats.day(day) for day in (*found.past[-recent:], *found.weeks)]
    title = gettext("Units by week: %(name)s") % {"name": shown.title}
    return charts.picture(title, axis, rows, unit="quantity", currency="")


def _ahead(shown: Shown) -> charts.Picture:
    cut, is_by_day = shown.cut, shown.grain is Grain.DAY
    rows = [
        *charts.band(
            gettext("%(level)s interval") % {"level": formats.percent(shown.found.level, 0)},
            list(map(float, cut.low[0])),
            list(map(float, cut.high[0])),
        ),
        charts.Line(gettext("Expected"), list(map(float, cut.mean[0])), "forecast"),
    ]
    text = N_("Units by day: %(name)s") if is_by_day else N_("Units by month: %(name)s")
    axis = [formats.day(day) for day in cut.starts]
    return charts.picture(gettext(text) % {"name": shown.title}, axis, rows, unit="quantity", currency="")


def _choices(shown: Shown) -> Iterator[dict[str, Any]]:
    """A field for each dimension: all, or one of the largest values."""
    for dimension, cells in ((name, shown.found.by[name]) for name in DIMENSIONS if name in shown.found.by):
        ranked = sorted(range(len(cells.names)), key=lambda k: -cells.whole[k, 1])[:MOST_PRODUCTS]
        names = [cells.names[k] for k in ranked]
        asked = shown.where.get(dimension)
        if asked and asked not in names:
            names.append(asked)
        yield {
            "id": dimension,
            "label": _dimension(dimension),
            "values": [
                (name or NAMELESS, _value(shown.found, dimension, name), asked is not None and asked == (name or ""))
                for name in names
            ],
        }


def _lines(visit: Visit, shown: Shown) -> Iterator[dict[str, Any]]:
    """The parts of the slice beside each other, the largest first."""
    if shown.parts is None:
        return
    cells = shown.parts.weeks
    for k in sorted(range(len(cells.names)), key=lambda k: -cells.whole[k, 1])[:MOST_LINES]:
        before, (name,) = _before(shown.found, cells, k), shown.parts.names[k]
        address = visit.request.GET.copy()
        address.pop("by", None)
        address[shown.by] = name or NAMELESS
        yield {
            "url": f"?{address.urlencode()}",
            "name": _value(shown.found, shown.by, name),
            "mean": _units(cells.whole[k, 1]),
            "range": f"{_units(cells.whole[k, 0])} – {_units(cells.whole[k, 2])}",
            "before": "–" if before is None else _units(before),
            "change": formats.signed_percent(cells.whole[k, 1] / before - 1) if before else "–",
        }


def _segments(found: DemandOutlook) -> Iterator[dict[str, Any]]:
    classes = {
        "A": gettext("Products with 80 % of units"),
        "B": gettext("Products with the next 15 %"),
        "C": gettext("All other products"),
    }
    for dimension, name, accuracy in found.segments():
        label = (
            gettext("The shop")
            if dimension == "total"
            else classes.get(name or "", "")
            if dimension == "product"
            else ""
        )
        if not label:
            label = f"{_dimension(dimension)} · " + (
                gettext("All others") if name == OTHER else question.label(dimension, name)
            )
        yield {"label": label, **_accuracy(accuracy)}


def _accuracy(found: Accuracy) -> dict[str, Any]:
    return {
        "wape": formats.percent(found.wape, 0),
        "naive": formats.percent(found.naive_wape, 0),
        "total": formats.percent(found.total_wape, 0),
        "bias": formats.signed_percent(found.bias),
        "inside": formats.percent(found.inside, 0),
        "is_better": found.is_better,
    }


def _inputs(found: DemandOutlook) -> Iterator[dict[str, Any]]:
    shares: dict[str, float] = {}
    for name, share in found.inputs.items():
        family = next((id_ for id_, starts in _FAMILIES.items() if name.startswith(starts)), "level")
        shares[family] = shares.get(family, 0) + share
    for family, share in sorted(shares.items(), key=lambda each: -each[1])[:MOST_INPUTS]:
        yield {"label": formats.say(INPUTS[family]), "share": formats.percent(share, 0), "width": round(100 * share)}


def _drivers(found: DemandOutlook) -> Iterator[dict[str, Any]]:
    for each in found.drivers:
        yield {
            "name": each.name,
            "is_used": each.is_used,
            "error": formats.percent(each.error, 1),
            "without": formats.percent(each.error_without, 1),
            "low": formats.signed_percent(each.low - 1),
            "expected": formats.signed_percent(each.expected - 1),
            "high": formats.signed_percent(each.high - 1),
        }


def _said(found: DemandOutlook, texts: list[str]) -> Iterator[dict[str, str]]:
    """The planned changes in words."""
    for change, text in zip(found.changes, texts, strict=True):
        yield {"text": text, "said": _change(found, change)}


def _change(found: DemandOutlook, change: Change) -> str:
    product = found.by.get("product", found.total)
    titles = dict(zip(product.names, product.titles, strict=True))
    what = titles.get(change.product, change.product) if change.product else change.category or gettext("all products")
    said = []
    if change.price is not None:
        said.append(gettext("price %(price)s") % {"price": formats.decimal(change.price, 2)})
    if change.discount:
        said.append(gettext("%(share)s off") % {"share": formats.percent(change.discount, 0)})
    return f"{what}: {', '.join(said) or '–'} · {formats.period(change.period)}"


def _assumptions(found: DemandOutlook) -> Iterator[str]:
    yield gettext(
        "Weeks from %(first)s to %(last)s were known when it was made, on %(day)s, from snapshot %(snapshot)s."
    ) % {
        "first": formats.day(found.past[0]),
        "last": formats.day(found.past[-1]),
        "day": formats.day(found.as_of),
        "snapshot": found.snapshot,
    }
    if found.promotes_as_usual:
        yield gettext(
            "Prices stay as they were paid lately, and promotions go on as usual: %(usual)s of sales was under one "
            "in such weeks, and only %(ahead)s is known to be. What is entered counts beside them."
        ) % {"usual": formats.percent(found.promoted, 0), "ahead": formats.percent(found.promoted_ahead, 0)}
    else:
        yield gettext(
            "Prices stay as they were paid lately, and promotions run as they are known, unless you plan otherwise."
        )
    if found.unknown_weeks:
        yield gettext(
            "%(n)s weeks of products count as unknown, because the shelf was empty on more than two days."
        ) % {"n": formats.decimal(found.unknown_weeks)}
    yield gettext("A product that sold nothing for half a year is expected to sell nothing.")
    yield gettext(
        "Forecasts are made for %(n)s series of product, market and channel, and summed; markets and channels beyond "
        "the seven largest are one."
    ) % {"n": formats.decimal(found.series)}
    yield gettext("Made by: %(model)s.") % {"model": found.model}


def _top(found: DemandOutlook) -> Iterator[tuple[str, str]]:
    cells = found.by.get("product")
    if cells is not None:
        for k in sorted(range(len(cells.names)), key=lambda k: -cells.whole[k, 1])[:MOST_PRODUCTS]:
            yield cells.names[k] or "", cells.titles[k]


def _file(visit: Visit, shown: Shown) -> HttpResponseBase | None:
    kind, table = visit.request.GET.get("format", ""), visit.request.GET.get("table", "weeks")
    if kind not in files.KINDS or (kind in ("png", "svg") and table != "weeks"):
        return None
    sheets = {
        "weeks": lambda: _sheet(shown, shown.cut),
        "parts": lambda: _sheet(
            shown, demand.cut(visit.shop, shown.found, where=shown.where, by=(shown.by,), grain=shown.grain)
        ),
        "accuracy": lambda: _accuracy_sheet(shown.found),
    }
    if table not in sheets or (table == "parts" and not shown.by):
        return None
    option = lambda: _picture(shown).option  # noqa: E731
    return files.download(kind, f"{visit.shop.slug}-outlook-{table}", sheets[table], option)


def _sheet(shown: Shown, cut: Cut) -> Sheet:
    columns = [
        *([Column(_dimension(shown.by))] if cut.by else [Column(gettext("Slice"))]),
        Column(gettext(GRAINS[shown.grain]), Form.DATE),
        Column(gettext("Low"), Form.NUMBER),
        Column(gettext("Expected"), Form.NUMBER),
        Column(gettext("High"), Form.NUMBER),
    ]
    rows: Iterator[list[Value]] = (
        [
            _value(shown.found, shown.by, names[0]) if names else shown.title,
            start,
            *(round(float(each[k, h]), 2) for each in (cut.low, cut.mean, cut.high)),
        ]
        for k, names in enumerate(cut.names)
        for h, start in enumerate(cut.starts)
    )
    return Sheet(gettext("Outlook"), columns, rows)


def _accuracy_sheet(found: DemandOutlook) -> Sheet:
    columns = [
        Column(gettext("Segment")),
        *(
            Column(gettext(name), Form.RATE)
            for name in (
                N_("Error by week"),
                N_("Repeating last year"),
                N_("Error of the total"),
                N_("Bias"),
                N_("Inside"),
            )
        ),
    ]
    rows = (
        [label, each.wape, each.naive_wape, each.total_wape, each.bias, each.inside]
        for label, (_, _, each) in zip((one["label"] for one in _segments(found)), found.segments(), strict=True)
    )
    return Sheet(gettext("Accuracy"), columns, rows)


PAGES = (
    Page(
        path="outlook",
        name="outlook",
        view=view,
        permission="plans.read",
        place="outlook",
        is_whole=True,
        label=N_("Outlook"),
        icon="trending-up",
        rank=1,
    ),
)
