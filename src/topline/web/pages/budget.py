"""Budget: where the coming weeks' money brings most, what each channel's spend brings, and tests of it."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import cache
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext, ngettext

from topline.documents.sheet import Column, Form, Sheet, Value
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.outlook import budget as outlook
from topline.outlook.budget import Assumptions, Band, BudgetOutlook, ChannelOutlook, Split
from topline.outlook.response import METRICS, OTHER, ResponseOutlook
from topline.plans import budgets
from topline.plans import jobs as plan_jobs
from topline.plans.models import LiftTest
from topline.science import holdout
from topline.science.response import MODEL
from topline.units.errors import ToplineError
from topline.units.money import minor_digits
from topline.units.period import parse_day
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit, whole

GOALS = {
    "profit": N_("Profit"),
    "sales": N_("Net sales"),
    "customers": N_("New customers"),
    "mix": N_("Profit, and what new customers are worth"),
}
SPLITS = {"today": N_("Today's split"), "plan": N_("The plan"), "best": N_("Best split"), "own": N_("Your split")}
WEEKS = (4, 8, 13, 26)
MOST_CURVES = 6
_POINTS = 24
_SHOWN_WEEKS = 52
_CLEAR = 0.8
_LEAST_CHANCE = 0.001
_COUNTS = ("customers", "did", "deviation")
_OF_CHANNEL = ("own.", "was.", "least.", "most.")
_READ = (
    *("budget", "weeks", "goal", "margin", "worth", "rate", "lift", "left_out", "metric", "spend"),
    *(f"{side}_{name}" for side in ("with", "without") for name in _COUNTS),
)
"""What the forms of the page ask by the address, beside a channel's own amounts."""


class BudgetFieldError(ToplineError):
    message = N_("“%(text)s” is not an amount. Write a number such as 12,500.")


class AssumptionError(ToplineError):
    """What can't be reckoned with; `field` : where it was written."""

    field = ""


class WeeksError(AssumptionError):
    message = N_("“%(text)s” is not a number of weeks from 1 to %(most)s.")
    field = "weeks"


class UnknownGoalError(AssumptionError):
    message = N_("There is no goal “%(text)s” here. Choose one of the list.")
    field = "goal"


class MarginError(AssumptionError):
    message = N_("%(text)s per cent of a sale can't remain: write a share from 0 to 100.")
    field = "margin"


class DeviationMissingError(ToplineError):
    message = N_(
        "State the standard deviation of each customer's net sales in both groups: without it nothing can be said of "
        "chance."
    )


def view(visit: Visit) -> HttpResponseBase:
    if visit.request.method == "POST":
        return _test(visit)
    target = visit.request.headers.get("HX-Target", "") if visit.is_fragment else ""
    if target.endswith("budget-needed"):
        return visit.render("budget.html#needed", {"sample": _sample(visit)})
    if target.endswith("budget-reading"):
        return visit.render("budget.html#reading", {"read": _read(visit, visit.request.GET)})
    question.require_asked(visit, *_READ, *(name for name in visit.request.GET if name.startswith(_OF_CHANNEL)))
    shop = visit.shop
    if visit.is_empty:
        return visit.render("budget.html", {"is_empty": True})
    rest = plan_jobs.prepare_response(shop, visit.today, retry=visit.is_retry)
    if (snapshot := rest.snapshot) is None:
        job = rest.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("budget.html#body" if visit.is_fragment else "budget.html", context)
    known = budgets.learnt(shop, visit.today, snapshot)
    margin = budgets.margin_rate(shop, visit.today, snapshot)
    errors: dict[str, str] = {}
    trouble, asked = "", Assumptions(weeks=13, goal=_goal(known, margin), margin_rate=margin)
    try:
        asked = _asked(visit, known, margin)
        made = budgets.answer(shop, visit.today, snapshot, asked)
    except AssumptionError as error:
        errors = {error.field: formats.say(error)}
        made = budgets.answer(shop, visit.today, snapshot, asked)
    except ToplineError as error:
        trouble = formats.say(error)
        plain = Assumptions(weeks=asked.weeks, goal=_goal(known, margin), margin_rate=margin)
        made = budgets.answer(shop, visit.today, snapshot, plain)
    if file := _file(visit, made, known["net_sales"]):
        return file
    context = _context(visit, made, known) | {"trouble": trouble, "errors": errors} | visit.resting(rest)
    if not visit.is_fragment:
        return visit.render("budget.html", context)
    if target.endswith("budget-answer"):
        return visit.render("budget.html#answer", context | {"is_answer": True})
    return visit.render("budget.html#body", context)


# What is asked ---------------------------------------------------------------------


def _goal(known: dict[str, ResponseOutlook], margin: float | None) -> str:
    return "profit" if margin is not None else "sales"


def _asked(visit: Visit, known: dict[str, ResponseOutlook], margin: float | None) -> Assumptions:
    """The assumptions of the address. Raises BudgetFieldError, AssumptionError."""
    asked = visit.request.GET
    digits = minor_digits(visit.shop.currency)
    places = range(len(known["net_sales"].channels))
    goal = asked.get("goal", "")
    typed = _number(asked.get("margin", ""))
    own = {}
    for place in places:
        given, was = _number(asked.get(f"own.{place}", "")), _number(asked.get(f"was.{place}", ""))
        if given is not None and given != was:
            own[place] = _minor(given, digits)
    bounds = {
        place: tuple(_minor_or_none(asked.get(f"{end}.{place}", ""), digits) for end in ("least", "most"))
        for place in places
    }
    written = "" if "with_customers" in asked else asked.get("weeks", "").strip()
    weeks = whole(written) if written else 13
    if not 1 <= weeks <= outlook.MOST_WEEKS:
        raise WeeksError(text=written, most=outlook.MOST_WEEKS)
    if goal and not (goal in GOALS and _may(goal, known)):
        raise UnknownGoalError(text=goal)
    if typed is not None and typed > 100:
        raise MarginError(text=f"{typed.normalize():f}")
    return Assumptions(
        budget=_minor_or_none(asked.get("budget", ""), digits),
        weeks=weeks,
        goal=goal or _goal(known, margin),
        margin_rate=margin if typed is None else float(typed) / 100,
        customer_worth=float(_number(asked.get("worth", "")) or 0),
        limits={place: (least, most) for place, (least, most) in bounds.items() if (least, most) != (None, None)},
        own=own,
    )


def _number(written: str, reader: Callable[[str], Decimal] = formats.read_field) -> Decimal | None:
    """The number of a field; None where it is empty.

    reader : `formats.read_number` of a text field

    Raises BudgetFieldError, NumberTextError.
    """
    if not written.strip():
        return None
    value = reader(written)
    if not 0 <= value < 10**15:
        raise BudgetFieldError(text=written)
    return value


def _minor(value: Decimal, digits: int) -> int:
    return int(value.scaleb(digits).to_integral_value())


def _minor_or_none(written: str, digits: int) -> int | None:
    value = _number(written)
    return None if value is None else _minor(value, digits)


# What the page shows ---------------------------------------------------------------


def _context(visit: Visit, made: BudgetOutlook, known: dict[str, ResponseOutlook]) -> dict[str, Any]:
    first = known["net_sales"]
    asked = made.assumptions
    shown = made.splits[made.shown]
    learnt_from = ngettext("%(n)s week", "%(n)s weeks", len(first.weeks)) % {"n": len(first.weeks)}
    return {
        "made": made,
        "sentence": _sentence(made),
        "more": list(_more(made)),
        "figures": list(_figures(made)),
        "columns": [formats.say(SPLITS[name]) for name in _order(made)],
        "shown": formats.say(SPLITS[made.shown]),
        "lines": [_line(visit, made, c) for c in range(len(made.channels))],
        "totals": [
            (formats.say(SPLITS[name]), _money(int(made.splits[name].cells.sum()), made.currency))
            for name in _order(made)
        ],
        "splits": [_split(made, name) for name in _order(made)],
        "curves": [(f"budget-curve-{c}", _curve(made, c)) for c in _largest(made)],
        "net": _net_picture(visit, made),
        "contributions": cache(lambda: _contribution_picture(visit, first)),  # not drawn while a slider moves
        "levers": [_lever(visit, made, c) for c in range(len(made.channels))],
        "goals": [(id_, formats.say(label), id_ == asked.goal) for id_, label in GOALS.items() if _may(id_, known)],
        "weeks": [(n, n == asked.weeks) for n in sorted({*WEEKS, asked.weeks})],
        "budget": _plain(made.budget, made.currency),
        "margin": "" if asked.margin_rate is None else f"{100 * asked.margin_rate:.1f}",
        "worth": f"{asked.customer_worth:.0f}" if asked.customer_worth else "",
        "is_profit": asked.goal in ("profit", "mix"),
        "is_mix": asked.goal == "mix",
        "over": int(shown.cells.sum()) - made.budget,
        "difference": _money(abs(int(shown.cells.sum()) - made.budget), made.currency),
        "level": formats.percent(outlook.LEVEL, 0),
        "step": formats.whole_money(outlook.STEP, made.currency),
        "unmoved": [_name(one.channel) for one in made.channels if not one.is_moved],
        "basis": {
            "weeks": learnt_from,
            "from": first.weeks[0],
            "to": first.weeks[-1] + timedelta(days=6),
            "controls": len(first.controls),
            "explained": formats.percent(first.fitted.explained_rate, 0),
            "tests": first.tests,
            "model": MODEL,
        },
        "tests": [_test_line(visit, one) for one in LiftTest.objects.of(visit.shop)],
        "channels": [
            (c, _name(one.channel)) for c, one in enumerate(made.channels) if one.channel not in (None, OTHER)
        ],
        "test_metrics": [(id_, formats.say(metrics()[id_].label)) for id_ in METRICS if id_ in known],
        "sample": _sample(visit),
        "read": _read(visit, visit.request.GET),
        "today": visit.today,
    }


def _may(goal: str, known: dict[str, ResponseOutlook]) -> bool:
    return goal not in ("customers", "mix") or "new_customers" in known


def _order(made: BudgetOutlook) -> list[str]:
    return [name for name in SPLITS if name in made.splits]


def _name(channel: str | None) -> str:
    if channel == OTHER:
        return gettext("All others")
    return formats.channel(channel) if channel else gettext("without a channel")


def _plain(minor: int, currency: str) -> str:
    """An amount as a number field has it."""
    return format(Decimal(minor).scaleb(-minor_digits(currency)), "f")


def _round(minor: int, currency: str) -> int:
    """An amount as a slider has it, in whole units."""
    return round(minor * 10.0 ** -minor_digits(currency))


def _money(minor: int, currency: str) -> str:
    return formats.whole_money(Decimal(minor).scaleb(-minor_digits(currency)), currency)


def _worth(value: float, made: BudgetOutlook) -> str:
    if made.unit == "money":
        return formats.whole_money(value, made.currency)
    return formats.decimal(value)


def _ends(band: Band, made: BudgetOutlook) -> str:
    return f"{_worth(band[0], made)} – {_worth(band[2], made)}"


def _gain_name(made: BudgetOutlook) -> str:
    return formats.say(GOALS[made.assumptions.goal]).lower()


def _sentence(made: BudgetOutlook) -> str:
    best, today = made.splits["best"], made.splits["today"]
    moved = int(abs(best.channels - today.channels).sum()) // 2
    gain = best.worth[1] - today.worth[1]
    said = {
        "budget": _money(made.budget, made.currency),
        "moved": _money(moved, made.currency),
        "gain": _worth(gain, made),
        "goal": _gain_name(made),
        "chance": formats.chance(best.better_rate),
        "weeks": made.assumptions.weeks,
    }
    if gain < 0:
        bound = gettext(
            "Of %(budget)s over %(weeks)s weeks, the limits allow at best %(gain)s of %(goal)s against today's."
        )
        return bound % said
    if best.better_rate < _CLEAR:
        doubtful = gettext(
            "Of %(budget)s over %(weeks)s weeks, moving %(moved)s would bring about %(gain)s more %(goal)s, "
            "but it is not sure."
        )
        return doubtful % said
    clear = gettext("Of %(budget)s over %(weeks)s weeks, moving %(moved)s brings about %(gain)s more %(goal)s.")
    return clear % said


def _more(made: BudgetOutlook) -> Iterator[str]:
    best = made.splits["best"]
    chance = formats.chance(best.better_rate)
    yield gettext("The chance that it is better than today's split is %(chance)s.") % {"chance": chance}
    if best.better_rate < _CLEAR:
        yield gettext("A test of the channels that move most would tell.")
    if made.budget > made.tried:
        yield gettext("So much was never spent in %(weeks)s weeks, at most %(tried)s: beyond that it is a guess.") % {
            "weeks": made.assumptions.weeks,
            "tried": _money(made.tried, made.currency),
        }
    step = max(made.channels, key=lambda one: one.next_step[1])
    if made.unit == "money":
        yield gettext("The next %(step)s earns most in %(channel)s: %(worth)s, between %(ends)s.") % {
            "step": formats.whole_money(outlook.STEP, made.currency),
            "channel": _name(step.channel),
            "worth": _worth(step.next_step[1], made),
            "ends": _ends(step.next_step, made),
        }
        if made.assumptions.goal in ("profit", "mix") and step.next_step[1] < outlook.STEP:
            yield gettext("That is less than it costs: by what is expected, a smaller budget leaves more.")


def _figures(made: BudgetOutlook) -> Iterator[dict[str, str]]:
    shown = made.splits[made.shown]
    yield {
        "label": formats.say(GOALS[made.assumptions.goal]),
        "value": _worth(shown.worth[1], made),
        "note": f"{_ends(shown.worth, made)}, {formats.percent(outlook.LEVEL, 0)}",
    }
    today = made.splits["today"]
    yield {
        "label": formats.say(SPLITS["today"]),
        "value": _worth(today.worth[1], made),
        "note": _ends(today.worth, made),
    }
    if shown.customers and made.assumptions.goal != "customers":
        low, middle, high = (formats.decimal(value) for value in shown.customers)
        yield {"label": formats.say(GOALS["customers"]), "value": middle, "note": f"{low} – {high}"}
    if made.net is not None:
        week = _covered(made.net[1])
        yield {
            "label": gettext("Pays back"),
            "value": gettext("never") if week is None else gettext("in week %(n)s") % {"n": week + 1},
            "note": gettext("least cash %(amount)s") % {"amount": _worth(min(0.0, float(made.net[1].min())), made)},
        }


def _covered(net: Any) -> int | None:
    """The first week from which on the money is back for good; None if it never is."""
    below = [week for week, value in enumerate(net) if value < 0]
    if not below:
        return 0
    return below[-1] + 1 if below[-1] + 1 < len(net) else None


def _line(visit: Visit, made: BudgetOutlook, c: int) -> dict[str, Any]:
    one = made.channels[c]
    pays = one.payback_weeks
    return {
        "name": _name(one.channel),
        "amounts": [
            (formats.say(SPLITS[name]), _money(int(made.splits[name].channels[c]), made.currency))
            for name in _order(made)
        ],
        "brings": _worth(one.brings[1], made),
        "brings_ends": _ends(one.brings, made),
        "step": _worth(one.next_step[1], made),
        "step_ends": _ends(one.next_step, made),
        "roi": "" if one.roi is None or made.unit != "money" else formats.fixed(one.roi, 1),
        "saturated": round(100 * one.saturated_rate),
        "saturated_text": formats.percent(one.saturated_rate, 0),
        "pays": _pays(pays) if made.unit == "money" and one.roi is not None else "–",
        "is_moved": one.is_moved,
    }


def _pays(weeks: int | None) -> str:
    if weeks is None:
        return gettext("not by itself")
    if weeks == 0:
        return gettext("in its own week")
    return ngettext("after %(n)s week", "after %(n)s weeks", weeks) % {"n": weeks}


def _split(made: BudgetOutlook, name: str) -> dict[str, Any]:
    one: Split = made.splits[name]
    customers = "–" if one.customers is None else formats.decimal(one.customers[1])
    return {
        "name": formats.say(SPLITS[name]),
        "total": _money(int(one.cells.sum()), made.currency),
        "worth": _worth(one.worth[1], made),
        "ends": _ends(one.worth, made),
        "sales": "–" if one.sales is None else formats.whole_money(one.sales[1], made.currency),
        "customers": customers,
        "chance": "–" if name == "today" else formats.chance(one.better_rate),
    }


def _largest(made: BudgetOutlook) -> list[int]:
    amounts = made.splits["best"].channels
    return sorted(range(len(amounts)), key=lambda c: -int(amounts[c]))[:MOST_CURVES]


def _curve(made: BudgetOutlook, c: int) -> charts.Picture:
    """What a week's spend on a channel brings, with where today's and the shown split stand on it."""
    one, scale = made.channels[c], 10 ** -minor_digits(made.currency)
    weeks = made.assumptions.weeks
    places = {name: float(made.splits[name].channels[c]) * scale / weeks for name in ("today", made.shown)}
    most = 1.6 * max(*places.values(), 1e-9)
    spend = [most * k / _POINTS for k in range(_POINTS + 1)]
    low, middle, high = (_along(one, spend, k) for k in (1, 2, 3))
    axis = [formats.short_money(value, made.currency) for value in spend]
    rows = [
        *charts.band(gettext("%(level)s interval") % {"level": formats.percent(outlook.LEVEL, 0)}, low, high),
        charts.Line(gettext("Expected"), middle, "actual"),
    ]
    drawn = charts.picture(_name(one.channel), axis, rows, unit=made.unit, currency=made.currency)
    for name, role in (("today", "last_year"), (made.shown, "plan")):
        at = round(places[name] / most * _POINTS)
        values = [middle[k] if k == at else None for k in range(_POINTS + 1)]
        drawn.option["series"].append(
            {"type": "scatter", "name": formats.say(SPLITS[name]), "role": role, "symbolSize": 11, "data": values}
        )
    return drawn


def _along(one: ChannelOutlook, spend: list[float], part: int) -> list[float]:
    import numpy as np

    return [float(value) for value in np.interp(spend, one.curve[0], one.curve[part])]


def _net_picture(visit: Visit, made: BudgetOutlook) -> charts.Picture | None:
    if made.net is None:
        return None
    low, middle, high = ([float(value) for value in part] for part in made.net)
    axis = [formats.day(visit.today + timedelta(weeks=k)) for k in range(len(middle))]
    rows = [
        *charts.band(gettext("%(level)s interval") % {"level": formats.percent(outlook.LEVEL, 0)}, low, high),
        charts.Line(gettext("Brought less spent, summed"), middle, "actual"),
    ]
    drawn = charts.picture(gettext("When the money comes back"), axis, rows, unit="money", currency=made.currency)
    for series in drawn.option["series"][:2]:
        series["stackStrategy"] = "all"  # the band goes on through zero
    return drawn


def _contribution_picture(visit: Visit, first: ResponseOutlook) -> charts.Picture:
    """What brought the net sales of each week of the last year: the base, and each channel."""
    brought = first.contributions().mean(axis=0)[:, -_SHOWN_WEEKS:]
    axis = [formats.day(week) for week in first.weeks[-_SHOWN_WEEKS:]]
    base = [max(0.0, float(value)) for value in first.fitted.base[-_SHOWN_WEEKS:]]
    largest = sorted(range(len(first.channels)), key=lambda c: -float(brought[c].sum()))[:MOST_CURVES]
    rows = [charts.Line(gettext("Without marketing"), base, "last_year")]
    rows += [charts.Line(_name(first.channels[c]), [float(v) for v in brought[c]]) for c in largest]
    title = gettext("What brought each week's net sales")
    option = charts.columns(axis, rows, unit="money", currency=visit.shop.currency)
    for series in option["series"]:
        series["stack"] = "brought"
    return charts.Picture(title, option, axis, rows, "money", visit.shop.currency)


def _lever(visit: Visit, made: BudgetOutlook, c: int) -> dict[str, Any]:
    one, asked, currency = made.channels[c], visit.request.GET, made.currency
    best = int(made.splits["best"].channels[c])
    shown = int(made.splits[made.shown].channels[c])
    most = max(one.high, shown, best)
    step = 10 ** max(0, int(math.log10(max(most * 10.0 ** -minor_digits(currency), 1))) - 2)
    return {
        "id": c,
        "name": _name(one.channel),
        "value": _round(shown, currency),
        "was": _round(best, currency),
        "most": _round(most, currency),
        "step": step,
        "today": _money(int(made.splits["today"].channels[c]), currency),
        "best": _money(best, currency),
        "least": asked.get(f"least.{c}", ""),
        "ceiling": asked.get(f"most.{c}", ""),
        "low": _round(one.low, currency),
        "high": _round(one.high, currency),
        "is_moved": one.is_moved,
    }


# Tests of channels -----------------------------------------------------------------


def _sample(visit: Visit) -> dict[str, Any]:
    """How many customers a hold-out needs, for the rate and the lift of the address."""
    asked = visit.request.GET
    rate, lift, share = (
        asked.get(name, default) for name, default in (("rate", "2"), ("lift", "20"), ("left_out", "20"))
    )
    found = {"rate": rate, "lift": lift, "left_out": share, "needed": "", "error": ""}
    try:
        numbers = [float(_number(text) or 0) / 100 for text in (rate, lift, share)]
        found["needed"] = formats.decimal(holdout.sample_needed(numbers[0], numbers[1], held_out=numbers[2]))
    except ToplineError as error:
        found["error"] = formats.say(error)
    return found


@dataclass(frozen=True, slots=True)
class Reading:
    """A hold-out as its form tells it. effect, error : a week, with all customers of both groups treated"""

    lift: holdout.Lift
    customers: int
    effect: float
    error: float


def _reading(asked: Mapping[str, str]) -> Reading:
    """What the numbers of a form say: buyers of each group, or the mean and deviation of what its customers spent.

    Raises HoldOutError, DeviationMissingError.
    """
    sides = ("with", "without")
    groups = [[float(_number(asked.get(f"{side}_{name}", "")) or 0) for name in _COUNTS] for side in sides]
    customers, weeks = [int(group[0]) for group in groups], float(_number(asked.get("weeks", "")) or 0)
    if not weeks > 0:
        raise holdout.HoldOutError()
    if asked.get("metric") == "new_customers":
        lift = holdout.lift_of_rates(*((int(done), n) for (_, done, _), n in zip(groups, customers, strict=True)))
    elif not all(deviation > 0 for _, _, deviation in groups):
        raise DeviationMissingError()
    else:
        lift = holdout.lift_of_means(*((mean, sd, n) for (_, mean, sd), n in zip(groups, customers, strict=True)))
    each = sum(customers) / weeks
    return Reading(lift, sum(customers), lift.effect * each, lift.error * each)


def _read(visit: Visit, asked: Mapping[str, str]) -> dict[str, Any]:
    """What the hold-out of the address says, in sentences; nothing while its numbers are missing."""
    if not asked.get("with_customers"):
        return {}
    try:
        found = _reading(asked)
    except ToplineError as error:
        return {"error": formats.say(error)}
    unit, currency = metrics()[_counted(asked)].unit, visit.shop.currency

    def each(value: float) -> str:
        if unit is Unit.MONEY:
            return formats.number(round(value, 2), unit, currency)
        return formats.percent(value, 2)

    words = {
        "effect": each(found.lift.effect),
        "low": each(found.lift.low),
        "high": each(found.lift.high),
        "chance": ("< " if found.lift.p < _LEAST_CHANCE else "") + formats.percent(max(found.lift.p, _LEAST_CHANCE)),
        "customers": formats.decimal(found.customers),
        "week": formats.number(round(found.effect, 2), unit, currency),
        "error": formats.number(round(found.error, 2), unit, currency),
    }
    if found.lift.low <= 0 <= found.lift.high:
        said = gettext(
            "The difference of %(effect)s of each customer may be chance alone: it lies between %(low)s and %(high)s "
            "(95 %%). A longer or larger test would tell."
        )
    else:
        said = gettext(
            "It brought %(effect)s of each customer, %(low)s to %(high)s (95 %%); chance alone does as much in "
            "%(chance)s of tests."
        )
    whole = gettext("With all %(customers)s customers that is %(week)s a week, with a standard error of %(error)s.")
    return {"said": said % words, "whole": whole % words}


def _counted(asked: Mapping[str, str]) -> str:
    return "new_customers" if asked.get("metric") == "new_customers" else "net_sales"


def _keep_reading(visit: Visit) -> HttpResponseBase:
    """Keeps what a hold-out says as a test of its channel."""
    posted = visit.request.POST
    found = _reading(posted)
    budgets.record_lift_test(
        shop=visit.shop,
        channel=posted.get("channel", ""),
        metric=_counted(posted),
        ended_on=parse_day(posted.get("ended_on", "")),
        low=Decimal(0),
        high=_number(posted.get("spend", ""), formats.read_number) or Decimal(0),
        effect=found.effect,
        error=found.error,
        note=gettext("Hold-out of %(customers)s customers") % {"customers": formats.decimal(found.customers)},
        actor_id=visit.user.pk,
    )
    messages.success(visit.request, gettext("The test is kept, and weighs as data from now on."))
    return redirect("outlook_budget", visit.shop.slug)


def _test(visit: Visit) -> HttpResponseBase:
    """Records an experiment or drops one."""
    visit.require("plans.write")
    posted = visit.request.POST
    if "with_customers" in posted:
        return _keep_reading(visit)
    if drop := whole(posted.get("drop")):
        test = LiftTest.objects.of(visit.shop).filter(pk=drop).first()
        if test is None:
            raise Http404
        budgets.drop_lift_test(test=test, actor_id=visit.user.pk)
        return redirect("outlook_budget", visit.shop.slug)
    typed = (posted.get(name, "") for name in ("low", "high", "effect", "error"))
    numbers = [_number(text, formats.read_number) or Decimal(0) for text in typed]
    budgets.record_lift_test(
        shop=visit.shop,
        channel=posted.get("channel", ""),
        metric=posted.get("metric", ""),
        ended_on=parse_day(posted.get("ended_on", "")),
        low=numbers[0],
        high=numbers[1],
        effect=float(numbers[2]),
        error=float(numbers[3]),
        note=posted.get("note", ""),
        actor_id=visit.user.pk,
    )
    messages.success(visit.request, gettext("The test is kept, and weighs as data from now on."))
    return redirect("outlook_budget", visit.shop.slug)


def _test_line(visit: Visit, one: LiftTest) -> dict[str, Any]:
    currency, unit = visit.shop.currency, metrics()[one.metric].unit
    return {
        "test": one,
        "channel": formats.channel(one.channel),
        "metric": formats.say(metrics()[one.metric].label),
        "spend": f"{formats.whole_money(one.low, currency)} – {formats.whole_money(one.high, currency)}",
        "effect": " ± ".join(formats.number(round(value, 2), unit, currency) for value in (one.effect, one.error)),
    }


# Files -----------------------------------------------------------------------------


def _file(visit: Visit, made: BudgetOutlook, first: ResponseOutlook) -> HttpResponseBase | None:
    kind, table = visit.request.GET.get("format", ""), visit.request.GET.get("table", "weeks")
    sheets: dict[str, Callable[[], Sheet]] = {
        "weeks": lambda: _week_sheet(visit, made),
        "channels": lambda: _channel_sheet(made),
    }
    pictures: dict[str, Callable[[], charts.Picture | None]] = {
        "weeks": lambda: _net_picture(visit, made),
        "contributions": lambda: _contribution_picture(visit, first),
    }
    if kind not in files.KINDS or table not in {*sheets, *pictures}:
        return None
    drawn = pictures[table]() if table in pictures else None
    sheet = sheets[table] if table in sheets else lambda: _picture_sheet(drawn)
    return files.download(kind, f"{visit.shop.slug}-budget-{table}", sheet, lambda: drawn.option if drawn else {})


def _week_sheet(visit: Visit, made: BudgetOutlook) -> Sheet:
    names = [_name(one.channel) for one in made.channels]
    cells, digits = made.splits[made.shown].cells, minor_digits(made.currency)
    columns = [Column(gettext("Week of"), Form.DATE), *(Column(name, Form.MONEY, made.currency) for name in names)]
    rows: list[list[Value]] = [
        [visit.today + timedelta(weeks=w), *(Decimal(int(minor)).scaleb(-digits) for minor in cells[:, w])]
        for w in range(cells.shape[1])
    ]
    return Sheet(gettext("Weeks"), columns, rows)


def _channel_sheet(made: BudgetOutlook) -> Sheet:
    digits = minor_digits(made.currency)
    worth = Form.MONEY if made.unit == "money" else Form.NUMBER
    currency = made.currency if made.unit == "money" else None
    ends = [gettext("Brings, low"), gettext("Brings"), gettext("Brings, high")]
    step = [gettext("Next step, low"), gettext("Next step"), gettext("Next step, high")]
    columns = [
        Column(gettext("Channel")),
        *(Column(formats.say(SPLITS[name]), Form.MONEY, made.currency) for name in _order(made)),
        *(Column(title, worth, currency) for title in (*ends, *step)),
        Column(gettext("Saturated"), Form.RATE),
    ]
    rows: list[list[Value]] = [
        [
            _name(one.channel),
            *(Decimal(int(made.splits[name].channels[c])).scaleb(-digits) for name in _order(made)),
            *one.brings,
            *one.next_step,
            one.saturated_rate,
        ]
        for c, one in enumerate(made.channels)
    ]
    return Sheet(gettext("Channels"), columns, rows)


def _picture_sheet(drawn: charts.Picture | None) -> Sheet:
    if drawn is None:
        return Sheet("Topline", [], [])
    columns = [Column(gettext("Week of")), *(Column(row.name, Form.MONEY, drawn.currency) for row in drawn.rows)]
    rows = [[name, *(row.values[i] for row in drawn.rows)] for i, name in enumerate(drawn.axis)]
    return Sheet(drawn.title, columns, rows)


PAGES = (
    Page(
        path="outlook/budget",
        name="outlook_budget",
        view=view,
        permission="finance.read",
        place="outlook",
        is_whole=True,
        label=N_("Budget"),
        icon="coins",
        rank=4,
    ),
)
