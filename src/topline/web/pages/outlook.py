"""Outlook: what will be sold of any slice in coming weeks, what drives it, and how good such forecasts were."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from topline.documents.sheet import Column, Form, Sheet, Value
from topline.outlook import demand_file
from topline.outlook.demand import DIMENSIONS, Accuracy, Change, DemandOutlook, Slices
from topline.plans import demand
from topline.plans import jobs as plan_jobs
from topline.plans.expectation import OTHER
from topline.units.errors import ToplineError
from topline.units.period import Period, parse_day
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit

YEAR_WEEKS = 52
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
    if visit.shop.lake().latest() is None:
        return visit.render("outlook.html", {"is_empty": True})
    errors: dict[str, str] = {}
    if visit.request.method == "POST":
        errors = _change_errors(visit.request.POST)
        if not errors:
            return _plan(visit)
    texts = visit.request.GET.getlist("change")
    changes = tuple(demand_file.parse_change(text) for text in texts)
    job = plan_jobs.prepare_demand(visit.shop, visit.today, changes, retry=not visit.is_fragment)
    found = demand.made(visit.shop, changes)
    if found is None or (changes and job is not None):
        context = {"job": job, "error": formats.failure(job) if job else ""}
        return visit.render("outlook.html#body" if visit.is_fragment else "outlook.html", context)
    dimension = visit.request.GET.get("by", "")
    cells = found.by.get(dimension, found.total)
    if dimension not in found.by:
        dimension = ""
    place = _place(visit, cells) if dimension else 0
    if file := _file(visit, found, dimension, cells, place):
        return file
    context = _context(visit, found, dimension, cells, place) | {
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
    kept = [("by", visit.request.GET.get("by", "")), ("name", visit.request.GET.get("name", ""))]
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


def _place(visit: Visit, cells: Slices) -> int:
    """The place of the value that the address asks for, else of the largest."""
    asked = visit.request.GET.get("name")
    names = [name or "" for name in cells.names]
    return names.index(asked) if asked in names else int(cells.whole[:, 1].argmax())


def _context(visit: Visit, found: DemandOutlook, dimension: str, cells: Slices, place: int) -> dict[str, Any]:
    drift = demand.drift(visit.shop, visit.today)
    return {
        "outlook": found,
        "sentence": _sentence(found, dimension, cells, place),
        "more": _second(found, dimension, cells, place),
        "effect": _effect(found, demand.made(visit.shop), dimension, cells, place),
        "figures": list(_figures(found, cells, place, dimension)),
        "picture": _picture(found, dimension, cells, place),
        "dimension": dimension,
        "dimensions": [(name, _dimension(name)) for name in DIMENSIONS if name in found.by],
        "values": _values(dimension, cells),
        "chosen": cells.names[place] or "",
        "lines": list(_lines(found, dimension, place)),
        "segments": list(_segments(found)),
        "inputs": list(_inputs(found)),
        "drivers": list(_drivers(found)),
        "drift": drift,
        "assumptions": list(_assumptions(found)),
        "products": [(key, title) for key, title in _top(found)],
        "categories": [name for name in (found.by["category"].names if "category" in found.by else ()) if name],
        "starts_on": found.weeks[0],
        "ends_on": found.weeks[-1],
    }


def _dimension(name: str) -> str:
    return gettext("Product") if name == "product" else question.label_of(name)


def _name(dimension: str, cells: Slices, place: int) -> str:
    name = cells.names[place]
    if not dimension:
        return gettext("The shop")
    if name == OTHER:
        return gettext("All others")
    if dimension == "product":
        return cells.titles[place]
    return question.label(dimension, name)


def _units(value: float) -> str:
    return formats.decimal(value, 0 if value >= 20 else 1)


def _sentence(found: DemandOutlook, dimension: str, cells: Slices, place: int) -> str:
    low, mean, high = (_units(value) for value in cells.whole[place])
    return gettext(
        "%(name)s: %(mean)s units in the next %(weeks)s weeks, %(low)s to %(high)s with %(level)s probability."
    ) % {
        "name": _name(dimension, cells, place),
        "mean": mean,
        "low": low,
        "high": high,
        "weeks": len(found.weeks),
        "level": formats.percent(found.level, 0),
    }


def _effect(found: DemandOutlook, without: DemandOutlook | None, dimension: str, cells: Slices, place: int) -> str:
    """What the planned changes do to the units of the slice, "" if nothing is planned."""
    if not found.changes:
        return ""
    if not found.inputs:
        return gettext(
            "The shop has sold too little to tell what prices and promotions do: the change has no effect here."
        )
    plain = (without.by.get(dimension) if dimension else without.total) if without else None
    if plain is None or cells.names[place] not in plain.names:
        return ""
    before = float(plain.whole[plain.names.index(cells.names[place]), 1])
    after = float(cells.whole[place, 1])
    return gettext("With the change %(after)s units are expected, without it %(before)s.") % {
        "after": _units(after),
        "before": _units(before),
    }


def _before(found: DemandOutlook, cells: Slices, place: int) -> float | None:
    """Units of the same weeks of last year, None if they are not known whole."""
    first, weeks = len(found.past) - YEAR_WEEKS, len(found.weeks)
    return float(cells.history[place, first : first + weeks].sum()) if first >= 0 else None


def _second(found: DemandOutlook, dimension: str, cells: Slices, place: int) -> str:
    before, said = _before(found, cells, place), []
    if before:
        change = formats.signed_percent(cells.whole[place, 1] / before - 1)
        said.append(gettext("That is %(change)s on the same weeks of last year.") % {"change": change})
    accuracy = cells.accuracy.get(cells.names[place]) if dimension != "product" else None
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


def _figures(found: DemandOutlook, cells: Slices, place: int, dimension: str) -> Iterator[dict[str, str]]:
    weeks = len(found.weeks)
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


def _picture(found: DemandOutlook, dimension: str, cells: Slices, place: int) -> charts.Picture:
    """A year of history and the weeks ahead with their interval, beside the year before."""
    shown = min(YEAR_WEEKS, len(found.past))
    nothing: list[float | None] = [None]
    past, ahead = nothing * shown, nothing * len(found.weeks)
    history = [float(value) for value in cells.history[place]]
    first = len(history) - shown - YEAR_WEEKS
    before = [history[k] if 0 <= k < len(history) else None for k in range(first, first + shown + len(found.weeks))]
    rows = [
        *charts.band(
            gettext("%(level)s interval") % {"level": formats.percent(found.level, 0)},
            [*past, *map(float, cells.low[place])],
            [*past, *map(float, cells.high[place])],
        ),
        charts.Line(gettext("Last year"), before, "last_year"),
        charts.Line(gettext("Expected"), [*past, *map(float, cells.mean[place])], "forecast"),
        charts.Line(gettext("Actual"), [*history[-shown:], *ahead], "actual"),
    ]
    axis = [formats.day(day) for day in (*found.past[-shown:], *found.weeks)]
    title = gettext("Units by week: %(name)s") % {"name": _name(dimension, cells, place)}
    return charts.picture(title, axis, rows, unit="quantity", currency="")


def _values(dimension: str, cells: Slices) -> list[tuple[str, str]]:
    if not dimension:
        return []
    ranked = sorted(range(len(cells.names)), key=lambda k: -cells.whole[k, 1])[:MOST_PRODUCTS]
    return [(cells.names[k] or "", _name(dimension, cells, k)) for k in ranked]


def _lines(found: DemandOutlook, dimension: str, place: int) -> Iterator[dict[str, Any]]:
    """The parts of the shop beside each other, the largest first."""
    parts = dimension or next(iter(found.by), "")
    if not parts:
        return
    cells = found.by[parts]
    for k in sorted(range(len(cells.names)), key=lambda k: -cells.whole[k, 1])[:MOST_LINES]:
        before = _before(found, cells, k)
        yield {
            "key": cells.names[k] or "",
            "name": _name(parts, cells, k),
            "is_here": bool(dimension) and k == place,
            "by": parts,
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
    yield gettext(
        "Prices stay as they were paid lately, and promotions run as they are known, unless you plan otherwise."
    )
    yield gettext("%(n)s weeks of products count as unknown, because the shelf was empty on more than two days.") % {
        "n": formats.decimal(found.unknown_weeks)
    }
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


def _file(visit: Visit, found: DemandOutlook, dimension: str, cells: Slices, place: int) -> HttpResponseBase | None:
    kind, table = visit.request.GET.get("format", ""), visit.request.GET.get("table", "weeks")
    if kind not in files.KINDS or (kind in ("png", "svg") and table != "weeks"):
        return None
    sheets = {"weeks": lambda: _weeks_sheet(found, dimension, cells), "accuracy": lambda: _accuracy_sheet(found)}
    if table not in sheets:
        return None
    option = lambda: _picture(found, dimension, cells, place).option  # noqa: E731
    return files.download(kind, f"{visit.shop.slug}-outlook-{table}", sheets[table], option)


def _weeks_sheet(found: DemandOutlook, dimension: str, cells: Slices) -> Sheet:
    columns = [
        Column(_dimension(dimension) if dimension else gettext("Slice")),
        Column(gettext("Week"), Form.DATE),
        Column(gettext("Low"), Form.NUMBER),
        Column(gettext("Expected"), Form.NUMBER),
        Column(gettext("High"), Form.NUMBER),
    ]
    rows: Iterator[list[Value]] = (
        [
            _name(dimension, cells, k),
            week,
            *(round(float(each[k, h]), 2) for each in (cells.low, cells.mean, cells.high)),
        ]
        for k in range(len(cells.names))
        for h, week in enumerate(found.weeks)
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
