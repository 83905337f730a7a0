"""Price and volume: how demand answers to prices, what a change brings, and what a target takes."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from topline.documents.sheet import Column, Form, Sheet
from topline.outlook.price import Answer, PriceOutlook, Range, Strangers
from topline.plans import jobs as plan_jobs
from topline.plans import price, standing
from topline.science import volume
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit

LEAST, MOST = -40, 40
WEEKS = (1, 2, 4, 8, 13)
STEPS = tuple(range(-30, 31, 5))
MOST_ROWS = 40

KINDS = {
    "display": N_("shown on a display"),
    "mailer": N_("in a mailer"),
    "offer": N_("announced as an offer"),
    "bundle": N_("in a bundle"),
}
EFFECTS = {
    "price": N_("1 % on the price"),
    "cross_price": N_("1 % on the prices of the others in its line"),
    "display": N_("A display"),
    "mailer": N_("A mailer"),
    "offer": N_("An announced offer, beside its price cut"),
    "bundle": N_("A bundle"),
    "after": N_("The two weeks after a promotion"),
    "rival": N_("A promotion of the others in its line"),
}


class ChangeError(ToplineError):
    message = N_("“%(text)s” is not a change of price from -40 to 40 per cent. Write a number such as -10 or 2.5.")


class ChoiceError(ToplineError):
    message = N_("“%(text)s” can't be chosen here. There is: %(names)s.")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for."""

    product: str
    category: str
    change: float
    weeks: int
    kinds: tuple[str, ...]
    aim: volume.Aim
    target: Decimal | None


TODAY = Asked("", "", 0.0, 4, (), volume.Aim.PROFIT, None)
"""All products at today's prices."""

_READ = ("change", "product", "category", "weeks", "kind", "aim", "target", *volume.STATED)


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit, *_READ)
    if visit.is_empty:
        return visit.render("price.html", {"is_empty": True})
    stands = standing.look(visit.shop, "price", retry=visit.is_retry)
    if stands.run is None:
        job = stands.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("price.html#body" if visit.is_fragment else "price.html", context)
    outlook = price.outlook(visit.shop, stands.run)
    if outlook.is_spend_unlearnt:
        plan_jobs.prepare_response(visit.shop, visit.today)
    if file := _file(visit, outlook):
        return file
    trouble = ""
    try:
        asked = _asked(visit)
        context = _answer(visit, outlook, asked)
    except ToplineError as error:
        if visit.is_fragment:
            raise
        trouble, asked = formats.say(error), TODAY
        context = _answer(visit, outlook, asked)
    if visit.is_fragment and visit.request.headers.get("HX-Target", "").endswith("price-answer"):
        return visit.render("price.html#answer", context | {"is_answer": True})
    context |= _around(outlook, asked) | {"is_remade": stands.job is not None and not stands.job.is_finished}
    context |= {"trouble": trouble}
    template = "price.html#body" if visit.is_fragment else "price.html"
    return visit.render(template, context, status=400 if trouble else 200)


def _asked(visit: Visit) -> Asked:
    """Raises ChangeError, ChoiceError, NumberTextError."""
    given = visit.request.GET
    written = given.get("change") or "0"
    change = float(formats.read_field(written))
    if not LEAST <= change <= MOST:
        raise ChangeError(text=written)
    wanted = given.get("target", "").strip()
    return Asked(
        product=given.get("product", ""),
        category=given.get("category", ""),
        change=change,
        weeks=int(_chosen(given.get("weeks") or str(TODAY.weeks), [str(n) for n in WEEKS])),
        kinds=tuple(_chosen(kind, KINDS) for kind in given.getlist("kind")),
        aim=volume.Aim(_chosen(given.get("aim") or TODAY.aim.value, [aim.value for aim in volume.Aim])),
        target=formats.read_number(wanted) if wanted else None,
    )


def _chosen(text: str, names: Collection[str]) -> str:
    if text not in names:
        raise ChoiceError(text=text, names=", ".join(names))
    return text


# What the page shows ---------------------------------------------------------------


def _answer(visit: Visit, outlook: PriceOutlook, asked: Asked) -> dict[str, Any]:
    """What changes with the sliders."""
    rows = outlook.chosen(asked.product, asked.category)
    kinds = tuple(kind for kind in asked.kinds if kind in outlook.effects)
    ratios = [1 + asked.change / 100, *(1 + step / 100 for step in STEPS)]
    answer, *curve = outlook.along(rows, ratios, weeks=asked.weeks, kinds=kinds)
    may_see_margin = visit.may("finance.read")
    currency = visit.shop.currency
    needed = _volume(visit, outlook.terms(rows, ratios[0], asked.weeks, kinds), asked, answer)
    return {
        "name": _name(outlook, asked),
        "sentence": _sentence(outlook, rows, asked, answer, may_see_margin),
        "reason": _sureness(outlook, rows, asked),
        "elasticity": _elasticity(outlook, rows),
        "figures": list(_figures(outlook, answer, currency, may_see_margin=may_see_margin)),
        "warnings": list(_warnings(outlook, rows, asked, answer, may_see_margin=may_see_margin)),
        "pictures": _pictures(curve, currency, may_see_margin=may_see_margin),
        "curve": [_point(step, each, currency, may_see_margin) for step, each in zip(STEPS, curve, strict=True)],
        "has_margin": may_see_margin and answer.margin is not None,
        "volume": needed,
        "terms": list(_terms(visit, needed["terms"], may_see_margin=may_see_margin)),
        "may_see_margin": may_see_margin,
        "level": formats.percent(outlook.run.about["level"], 0),
    }


def _around(outlook: PriceOutlook, asked: Asked) -> dict[str, Any]:
    """What stays as the sliders move."""
    products = _products(outlook, asked)
    groups = _groups(outlook)
    return {
        "outlook": outlook,
        "about": outlook.run.about,
        "learnt": [date.fromisoformat(outlook.run.about[end]) for end in ("from", "known_to")],
        "asked": asked,
        "products": products,
        "picks": _picks(outlook, asked, products),
        "categories": sorted({name for name in outlook.run.texts("product", "category") if name}),
        "groups": groups,
        "group_picture": _group_picture(groups),
        "effects": list(_effects(outlook)),
        "weeks": WEEKS,
        "least": LEAST,
        "most": MOST,
        "kinds": [(kind, formats.say(KINDS[kind]), kind in asked.kinds) for kind in KINDS if kind in outlook.effects],
        "accuracy": _accuracy(outlook),
    }


def _name(outlook: PriceOutlook, asked: Asked) -> str:
    if asked.product:
        return str(outlook.run.texts("product", "title")[outlook.chosen(asked.product)[0]])
    return asked.category or gettext("All products")


def _weights(outlook: PriceOutlook, rows: Any) -> Any:
    sales = outlook.column("weekly")[rows] * outlook.column("price")[rows]
    return sales / max(sales.sum(), 1e-12)


def _elasticity(outlook: PriceOutlook, rows: Any) -> tuple[str, str]:
    """The elasticity of what was chosen, weighted by sales, and its interval."""
    share = _weights(outlook, rows)
    mean = float(share @ outlook.column("on_price")[rows])
    error = outlook.column("on_price_se")[rows]
    own = outlook.column("on_price_own")[rows]
    group = outlook.column("group")[rows].astype(int)
    shared = float(share @ (outlook.run.floats("group", "se")[group] * (1 - own)))
    alone = float(np.sqrt(np.sum((share * error) ** 2)))
    width = 1.2816 * math.hypot(shared, alone) if len(rows) > 1 else 1.2816 * float(error[0])
    low, high = (formats.fixed(mean + side * width, 1) for side in (-1, 1))
    return formats.fixed(mean, 1), f"{low} … {high}"


def _sentence(outlook: PriceOutlook, rows: Any, asked: Asked, answer: Answer, may_see_margin: bool) -> str:
    words = {
        "name": _name(outlook, asked),
        "change": formats.percent(abs(asked.change) / 100, 1),
        "units": formats.signed_percent(answer.units.mean / max(answer.units_before, 1e-9) - 1),
        "weeks": answer.weeks,
    }
    if asked.change == 0 and not asked.kinds:
        moved = float(_weights(outlook, rows) @ outlook.column("on_price")[rows])
        words["units"] = formats.percent(abs(moved) / 100, 1)
        if moved < 0:
            return gettext("%(name)s: a price 1 %% higher sells %(units)s less.") % words
        return gettext("%(name)s: no sign that a higher price sells less.") % words
    if asked.change < 0:
        said = gettext("%(name)s at %(change)s less: %(units)s units.") % words
    elif asked.change > 0:
        said = gettext("%(name)s at %(change)s more: %(units)s units.") % words
    else:
        said = gettext("%(name)s at today's price with the promotion: %(units)s units.") % words
    if may_see_margin and answer.pays_off is not None:
        chance = formats.chance(answer.pays_off)
        said += " " + gettext("The chance that the margin is at least today's is %(chance)s.") % {"chance": chance}
    return said


def _sureness(outlook: PriceOutlook, rows: Any, asked: Asked) -> str:
    own = float(_weights(outlook, rows) @ outlook.column("on_price_own")[rows])
    if len(rows) > 1:
        return gettext("Its elasticity is that of %(n)s products, by their sales.") % {"n": formats.decimal(len(rows))}
    if own >= 0.6:
        return gettext("Mostly by what happened at the product's own prices.")
    if own >= 0.2:
        return gettext("Partly by the product's own prices, partly by those of its category.")
    return gettext(
        "Its own price has hardly moved: this is what its category does. A trial of two weeks would tell more."
    )


def _figures(outlook: PriceOutlook, answer: Answer, currency: str, *, may_see_margin: bool) -> Any:
    yield {
        "label": gettext("Price of a unit"),
        "value": formats.money(answer.price, currency),
        "note": gettext("now %(value)s") % {"value": formats.money(answer.price_before, currency)},
    }
    yield {"label": gettext("Units"), **_between(answer.units, answer.units_before, _units)}
    yield {
        "label": gettext("Sales"),
        **_between(answer.sales, answer.sales_before, lambda value: formats.short_money(value, currency)),
    }
    if may_see_margin and answer.margin is not None and answer.margin_before is not None:
        yield {
            "label": gettext("Margin after goods"),
            **_between(answer.margin, answer.margin_before, lambda value: formats.short_money(value, currency)),
        }
        yield {
            "label": gettext("Break-even volume"),
            "value": gettext("none") if answer.break_even is None else _units(answer.break_even),
            "note": gettext("units for the margin of today")
            if answer.break_even is not None
            else gettext("each unit is sold below its cost"),
        }
    if answer.visits is not None:
        yield {
            "label": gettext("Visits to bring"),
            "value": f"+{formats.decimal(answer.visits)}",
            "note": gettext("%(spend)s of spend") % {"spend": formats.short_money(answer.spend, currency)}
            if answer.spend is not None
            else gettext("more than spend brings")
            if outlook.spent is not None
            else gettext("what a visit costs is unknown"),
        }
    if answer.stock is not None:
        yield {
            "label": gettext("Stock"),
            "value": _units(answer.stock),
            "note": _stock_note(answer.short or 0),
        }


def _stock_note(short: float) -> str:
    """Whether stock covers the units, each product its own."""
    return gettext("%(n)s units short") % {"n": _units(short)} if short >= 1 else gettext("enough")


def _units(value: float) -> str:
    return formats.decimal(value, 0 if abs(value) >= 20 else 1)


def _between(found: Range, before: float, say: Any) -> dict[str, str]:
    return {
        "value": say(found.mean),
        "note": gettext("%(low)s to %(high)s; now %(before)s")
        % {"low": say(found.low), "high": say(found.high), "before": say(before)},
    }


def _warnings(outlook: PriceOutlook, rows: Any, asked: Asked, answer: Answer, *, may_see_margin: bool) -> Any:
    if outlook.strangers.products:
        yield gettext(Strangers.message) % outlook.strangers.params
    if answer.short and answer.short >= 1:
        said = (
            gettext("Stock doesn't cover it: %(n)s units are missing. Order them first, or run it for fewer weeks.")
            if len(rows) == 1
            else gettext(
                "Stock doesn't cover it: some products lack %(n)s units, whatever lies there of the others. Order them "
                "first, or run it for fewer weeks."
            )
        )
        yield said % {"n": _units(answer.short)}
    if abs(answer.taken) >= 1:
        words = {"n": _units(abs(answer.taken))}
        if answer.taken < 0:
            yield gettext("%(n)s units of it are taken from other products of the same line.") % words
        else:
            yield gettext("Other products of the same line sell %(n)s units more.") % words
    if abs(answer.after) >= 1:
        words = {"n": _units(abs(answer.after))}
        if answer.after < 0:
            yield gettext("The two weeks after it sell %(n)s units less: customers have stocked up.") % words
        else:
            yield gettext("The two weeks after it still sell %(n)s units more.") % words
    if may_see_margin and answer.margin is None:
        yield gettext("The cost of some goods is unknown, so no margin is shown. Import costs to see it.")
    if abs(asked.change) > 25:
        yield gettext("Prices have hardly been that far from today's: beyond a quarter, take it as a guess.")
    if len(rows) > 1 and not asked.product:
        yield gettext(
            "Learnt within categories: if all prices move together, customers have less to switch to, "
            "and demand answers less."
        )


def _pictures(curve: Sequence[Answer], currency: str, *, may_see_margin: bool) -> list[charts.Picture]:
    axis = [formats.signed_percent(step / 100) for step in STEPS]
    label = gettext("%(level)s interval") % {"level": formats.percent(0.8, 0)}
    units = [
        *charts.band(label, [each.units.low for each in curve], [each.units.high for each in curve]),
        charts.Line(gettext("Units"), [each.units.mean for each in curve], "forecast"),
    ]
    drawn = [charts.picture(gettext("Units by price"), axis, units, unit="quantity", currency=currency)]
    margins = [each.margin for each in curve]
    if may_see_margin and all(each is not None for each in margins):
        rows = [
            *charts.band(label, [m.low for m in margins if m], [m.high for m in margins if m]),
            charts.Line(gettext("Margin after goods"), [m.mean for m in margins if m], "forecast"),
            charts.Line(gettext("Sales"), [each.sales.mean for each in curve], "last_year"),
        ]
        title = gettext("Margin and sales by price")
    else:
        rows = [
            *charts.band(label, [each.sales.low for each in curve], [each.sales.high for each in curve]),
            charts.Line(gettext("Sales"), [each.sales.mean for each in curve], "forecast"),
        ]
        title = gettext("Sales by price")
    return [*drawn, charts.picture(title, axis, rows, unit="money", currency=currency)]


def _point(step: int, answer: Answer, currency: str, may_see_margin: bool) -> dict[str, str]:
    return {
        "change": formats.signed_percent(step / 100),
        "price": formats.money(answer.price, currency),
        "units": _units(answer.units.mean),
        "ends": f"{_units(answer.units.low)} – {_units(answer.units.high)}",
        "sales": formats.whole_money(answer.sales.mean, currency),
        "margin": formats.whole_money(answer.margin.mean, currency) if may_see_margin and answer.margin else "–",
        "break_even": _units(answer.break_even) if may_see_margin and answer.break_even is not None else "–",
    }


def _volume(visit: Visit, terms: volume.Terms, asked: Asked, answer: Answer) -> dict[str, Any]:
    """What a target takes; without one, that of today's margin or sales and a tenth."""
    currency, trouble = visit.shop.currency, ""
    try:
        terms = volume.stated(terms, _stated(visit))
    except ToplineError as error:
        trouble = formats.say(error)
    may_profit = visit.may("finance.read") and terms.unit_cost is not None
    aim = asked.aim if may_profit else volume.Aim.SALES
    base = answer.margin_before if aim is volume.Aim.PROFIT else answer.sales_before
    target = asked.target if asked.target is not None else Decimal(max(round((base or 0) * 1.1), 1))
    found: dict[str, Any] = {"aim": aim, "target": target, "may_profit": may_profit, "terms": terms}
    found["target_said"] = formats.whole_money(target, currency)
    if trouble:
        return found | {"error": trouble}
    try:
        made = volume.required(terms, target, aim)
    except ToplineError as error:
        return found | {"error": formats.say(error)}
    gap = made.units - answer.units.mean
    found["lines"] = [
        (gettext("Units"), formats.decimal(made.units), _against(gap)),
        (
            gettext("Orders"),
            formats.decimal(made.orders),
            gettext("%(n)s units each") % {"n": formats.decimal(terms.units_per_order, 1)},
        ),
        (
            gettext("Visits"),
            formats.decimal(made.visits) if made.visits is not None else gettext("not known"),
            gettext("%(rate)s of visits order") % {"rate": formats.percent(terms.conversion_rate, 2)}
            if terms.conversion_rate
            else gettext("no visits are recorded"),
        ),
        (
            gettext("Spend on visits"),
            formats.whole_money(made.spend, currency) if made.spend is not None else gettext("not known"),
            _spend_note(terms, made, currency),
        ),
        (gettext("Sales"), formats.whole_money(made.sales, currency), ""),
    ]
    if may_profit and made.profit is not None:
        found["lines"].append((gettext("Profit after goods and spend"), formats.whole_money(made.profit, currency), ""))
    if made.short is not None:
        found["lines"].append((gettext("Stock"), formats.decimal(terms.on_hand or 0), _stock_note(made.short)))
    if made.times is not None and made.times > volume.FAR_TIMES:
        found["far"] = gettext(
            "That is %(times)s times the usual units: conversion and the cost of a visit are known about today's "
            "volume only. Take it as a guess."
        ) % {"times": formats.decimal(made.times, 1)}
    found["says"] = gettext("It takes %(units)s units in %(weeks)s weeks; at this price %(expected)s are expected.") % {
        "units": formats.decimal(made.units),
        "weeks": asked.weeks,
        "expected": _units(answer.units.mean),
    }
    return found


def _terms(visit: Visit, terms: volume.Terms, *, may_see_margin: bool) -> Any:
    """The fields of the terms: name, label, what is written, what counts without it, unit."""
    currency = visit.shop.currency
    past = {
        "unit_cost": (terms.unit_cost, 2, currency),
        "units_per_order": (terms.units_per_order, 2, ""),
        "conversion_rate": (None if terms.conversion_rate is None else 100 * terms.conversion_rate, 2, "%"),
        "visit_cost": (terms.visit_cost, 2, currency),
        "fixed_cost": (terms.fixed_cost, 0, currency),
    }
    for name, (value, digits, unit) in past.items():
        if may_see_margin or not name.endswith(("unit_cost", "fixed_cost")):
            written = visit.request.GET.get(name, "")
            counts = gettext("not known") if value is None else formats.decimal(value, digits)
            yield name, formats.say(volume.STATED[name]), written, counts, unit


def _stated(visit: Visit) -> dict[str, Decimal]:
    """The terms that the form states. Raises NumberTextError."""
    found = {}
    for name in volume.STATED:
        if written := visit.request.GET.get(name, "").strip():
            value = formats.read_number(written)
            found[name] = value / 100 if name == "conversion_rate" else value
    return found


def _spend_note(terms: volume.Terms, made: volume.Volume, currency: str) -> str:
    """How the spend was reckoned."""
    if terms.visit_cost is None:
        return gettext("what a visit costs is unknown")
    words = {"cost": formats.money(terms.visit_cost, currency), "n": formats.decimal(terms.visits)}
    if terms.curve is None:
        return gettext("%(cost)s for one more, however many; %(n)s come anyway") % words
    if made.beyond:
        words["missing"] = formats.decimal(made.beyond)
        return gettext("%(n)s come anyway; %(missing)s of the others come at no spend up to ten times today's") % words
    more = max((made.visits or 0) - terms.visits, 0)
    if not more or made.spend is None:
        return gettext("%(n)s come anyway, which is enough") % words
    words |= {
        "each": formats.money(made.spend / more, currency),
        "low": formats.whole_money(made.spend_low or 0, currency),
        "high": formats.whole_money(made.spend_high, currency) if made.spend_high is not None else gettext("no end"),
    }
    said = gettext(
        "%(n)s come anyway; one more costs %(each)s on average, where today's cost %(cost)s, since more spend brings "
        "less; %(low)s to %(high)s"
    )
    return said % words if made.is_tried else said % words + gettext("; more than was ever spent in a week, so a guess")


def _against(gap: float) -> str:
    if gap <= 0:
        return gettext("%(n)s fewer than expected at this price") % {"n": _units(-gap)}
    return gettext("%(n)s more than expected at this price") % {"n": _units(gap)}


def _products(outlook: PriceOutlook, asked: Asked) -> list[dict[str, Any]]:
    """The best sellers of what was chosen, with their elasticities."""
    rows = outlook.chosen("", asked.category)
    sales = outlook.column("sales")
    best = rows[np.argsort(-sales[rows], kind="stable")[:MOST_ROWS]]
    titles, keys = outlook.run.texts("product", "title"), outlook.keys
    mean, error, own = (outlook.column(name) for name in ("on_price", "on_price_se", "on_price_own"))
    return [
        {
            "key": keys[k],
            "title": titles[k],
            "elasticity": formats.fixed(mean[k], 1),
            "ends": _ends(mean[k], error[k], 1),
            "own": formats.percent(own[k], 0),
            "price": outlook.column("price")[k],
            "weekly": _units(outlook.column("weekly")[k]),
            "is_chosen": keys[k] == asked.product,
        }
        for k in best.tolist()
    ]


def _ends(mean: float, error: float, digits: int) -> str:
    """The central 80 %."""
    return " … ".join(formats.fixed(mean + side * 1.2816 * error, digits) for side in (-1, 1))


def _picks(outlook: PriceOutlook, asked: Asked, products: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Products to choose from: the best sellers of the category, and the one that is chosen."""
    found = [(each["key"], each["title"]) for each in products]
    if asked.product and asked.product not in {key for key, _ in found}:
        found.insert(0, (asked.product, _name(outlook, asked)))
    return found


def _groups(outlook: PriceOutlook) -> list[dict[str, Any]]:
    names, mean, error = (
        outlook.run.texts("group", "name"),
        outlook.run.floats("group", "mean"),
        outlook.run.floats("group", "se"),
    )
    count = outlook.run.floats("group", "products")
    return [
        {
            "name": names[g] or (gettext("Other categories") if len(names) > 1 else gettext("All products")),
            "category": names[g],
            "mean": float(mean[g]),
            "low": float(mean[g] - 1.2816 * error[g]),
            "high": float(mean[g] + 1.2816 * error[g]),
            "elasticity": formats.fixed(mean[g], 2),
            "ends": _ends(mean[g], error[g], 2),
            "products": int(count[g]),
        }
        for g in np.argsort(mean, kind="stable").tolist()
    ]


def _group_picture(groups: list[dict[str, Any]]) -> dict[str, Any] | None:
    groups = groups[:20]
    if len(groups) < 2:
        return None
    rows = [charts.Line(gettext("Elasticity"), [round(each["mean"], 3) for each in groups], "actual")]
    return charts.bars([each["name"] for each in groups], rows, unit="ratio", currency="")


def _effects(outlook: PriceOutlook) -> Any:
    names = outlook.effects
    mean, error = outlook.run.floats("effect", "mean"), outlook.run.floats("effect", "se")
    for k, name in enumerate(names):
        per_cent = name in ("price", "cross_price")

        def say(value: float, is_rate: bool = per_cent) -> str:
            return formats.signed_percent(value / 100 if is_rate else math.expm1(value))

        yield {
            "name": gettext(EFFECTS[name]),
            "mean": say(mean[k]),
            "ends": f"{say(mean[k] - 1.2816 * error[k])} … {say(mean[k] + 1.2816 * error[k])}",
        }


def _accuracy(outlook: PriceOutlook) -> str:
    past = outlook.run.about["backtest"]
    if past is None:
        return gettext("There are too few weeks to hold some out and measure it on them.")
    return gettext(
        "Held out, the last %(weeks)s weeks were %(wmape)s off by product and week at their prices; without prices "
        "%(without)s."
    ) % {
        "weeks": past["weeks"],
        "wmape": formats.percent(past["wmape"], 0),
        "without": formats.percent(past["without"], 0),
    }


# Files -----------------------------------------------------------------------------


def _file(visit: Visit, outlook: PriceOutlook) -> HttpResponseBase | None:
    kind, table = visit.request.GET.get("format", ""), visit.request.GET.get("table", "")
    if kind not in files.KINDS:
        return None
    if table == "products":
        return files.download(kind, f"{visit.shop.slug}-elasticities", lambda: _product_sheet(visit, outlook), dict)
    if table == "groups":
        return files.download(
            kind,
            f"{visit.shop.slug}-elasticities-by-category",
            lambda: _group_sheet(outlook),
            lambda: _group_picture(_groups(outlook)) or {},
        )
    pictures = _answer(visit, outlook, _asked(visit))["pictures"]
    chosen = pictures[-1] if table == "money" else pictures[0]
    return files.download(
        kind, f"{visit.shop.slug}-price-{table or 'units'}", lambda: _curve_sheet(visit, outlook), lambda: chosen.option
    )


def _product_sheet(visit: Visit, outlook: PriceOutlook) -> Sheet:
    columns = [
        Column(gettext("Product")),
        Column(gettext("Title")),
        Column(gettext("Category")),
        Column(gettext("Price"), Form.MONEY, visit.shop.currency),
        *(
            Column(name, Form.NUMBER)
            for name in (gettext("Units a week"), gettext("Elasticity"), gettext("Standard error"))
        ),
        Column(gettext("Own data"), Form.RATE),
    ]
    numbers = [outlook.column(name).tolist() for name in ("price", "weekly", "on_price", "on_price_se", "on_price_own")]
    texts = outlook.keys, outlook.run.texts("product", "title"), outlook.run.texts("product", "category")
    rows = [list(row) for row in zip(*texts, *numbers, strict=True)]
    return Sheet(gettext("Elasticities"), columns, rows)


def _group_sheet(outlook: PriceOutlook) -> Sheet:
    names = [gettext("Elasticity"), gettext("Low"), gettext("High")]
    columns = [
        Column(gettext("Category")),
        Column(gettext("Products"), Form.WHOLE),
        *(Column(n, Form.NUMBER) for n in names),
    ]
    rows = [[each["name"], each["products"], each["mean"], each["low"], each["high"]] for each in _groups(outlook)]
    return Sheet(gettext("Elasticities"), columns, rows)


def _curve_sheet(visit: Visit, outlook: PriceOutlook) -> Sheet:
    asked, currency = _asked(visit), visit.shop.currency
    rows = outlook.chosen(asked.product, asked.category)
    may = visit.may("finance.read")
    kinds = [kind for kind in asked.kinds if kind in outlook.effects]
    curve = outlook.along(rows, [1 + step / 100 for step in STEPS], weeks=asked.weeks, kinds=kinds)
    lines = []
    for step, each in zip(STEPS, curve, strict=True):
        margin = each.margin.mean if may and each.margin else None
        lines.append(
            [step / 100, each.price, each.units.low, each.units.mean, each.units.high, each.sales.mean, margin]
        )
    columns = [
        Column(gettext("Change of price"), Form.RATE),
        Column(gettext("Price"), Form.MONEY, currency),
        *(Column(name, Form.NUMBER) for name in (gettext("Low"), gettext("Units"), gettext("High"))),
        Column(gettext("Sales"), Form.MONEY, currency),
        *([Column(gettext("Margin after goods"), Form.MONEY, currency)] if may else []),
    ]
    return Sheet(gettext("Units by price"), columns, lines if may else [line[:-1] for line in lines])


PAGES = (
    Page(
        path="outlook/price",
        name="price",
        view=view,
        permission="metrics.read",
        place="outlook",
        is_whole=True,
        label=N_("Price and volume"),
        icon="tag",
        rank=4,
    ),
)
