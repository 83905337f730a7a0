"""The check of a plan: the chances of its goals, what holds it back, and sliders that say what a change would do."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from topline.documents.sheet import Column, Form, Sheet, Value
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import budgets, checks, text
from topline.plans import jobs as plan_jobs
from topline.plans.checks import ChannelCheck, GoalCheck, LimitError, MonthCheck, PlanCheck
from topline.plans.expectation import LEVEL, OTHER
from topline.plans.models import Goal, Plan, PlanVersion
from topline.science.check import CONSTRAINTS, LIKELY, LIMITS, Change, Move, Swing
from topline.units.errors import ToplineError
from topline.units.number import NumberTextError
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit

TITLES: Mapping[str, str] = {
    "traffic": N_("Visits"),
    "conversion": N_("Conversion"),
    "orders": N_("Orders"),
    "basket": N_("Size of baskets"),
    "price": N_("Prices"),
    "promotion": N_("Promotions"),
    "spend": N_("Marketing budget"),
    "supply": N_("Stock and deliveries"),
}
HELD: Mapping[str, str] = {
    "stock": N_("Stock"),
    "budget": N_("Budget"),
    "traffic": N_("Traffic"),
    "conversion": N_("Conversion"),
    "basket": N_("Baskets"),
}
WITHOUT_VISITS: Mapping[str, str] = {"conversion": N_("Orders")}
_SKEWED = 0.1
"""The share of its interval by which what is expected may lie off the middle without a word."""
_CHANNEL = "channel."
"""What the fields of single channels begin with in the address."""


def of_plan(visit: Visit, plan_id: int) -> HttpResponseBase:
    plan = Plan.objects.of(visit.shop).filter(pk=plan_id).first()
    if plan is None:
        raise Http404
    return _show(visit, _version(visit, plan))


def of_shop(visit: Visit) -> HttpResponseBase:
    """The check of the plan that runs, else of the next one, else of the one that the address names."""
    channels = (name for name in visit.request.GET if name.startswith(_CHANNEL))
    question.require_asked(visit, "plan", "version", "category", "goal", "budget", *LIMITS, *channels)
    plans = [plan for plan in Plan.objects.of(visit.shop) if not plan.is_over(visit.today)]
    asked = visit.request.GET.get("plan", "")
    chosen = next((plan for plan in plans if str(plan.pk) == asked), plans[-1] if plans else None)
    if chosen is None:
        return visit.render("check.html", {"is_empty": True})
    return _show(visit, _version(visit, chosen), [(plan.pk, str(plan), plan == chosen) for plan in plans])


def _version(visit: Visit, plan: Plan) -> PlanVersion:
    number = visit.request.GET.get("version", "")
    if not number.isdecimal():
        return plan.current
    found = PlanVersion.objects.of(visit.shop).filter(plan=plan, number=int(number)).first()
    if found is None:
        raise Http404
    return found


def _show(visit: Visit, version: PlanVersion, plans: list[tuple[int, str, bool]] | None = None) -> HttpResponseBase:
    context: dict[str, Any] = {"version": version, "plan": version.plan, "plans": plans or []}
    rest = plan_jobs.prepare_check(version, visit.today, retry=visit.is_retry)
    if (snapshot := rest.snapshot) is None:
        job = rest.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context |= {"job": job, "error": formats.failure(job)}
        return visit.render("check.html#body" if visit.is_fragment else "check.html", context)
    budget_error = trouble = ""
    change, channels, goal = Change(), {}, visit.request.GET.get("goal", "")
    try:
        change, channels = _change(visit), _channels(visit)
        try:
            change = replace(change, budget=_budget(visit))
        except (LimitError, NumberTextError) as wrong:
            if visit.is_fragment:
                raise
            budget_error = formats.say(wrong)
        made = checks.of(version, visit.today, change=change, channels=channels, about=goal, snapshot=snapshot)
    except ToplineError as wrong:
        if visit.is_fragment:
            raise
        trouble = formats.say(wrong)
        made = checks.of(version, visit.today, snapshot=snapshot)
    if file := _file(visit, made):
        return file
    context |= _context(visit, made) | visit.resting(rest) | {"budget_error": budget_error, "trouble": trouble}
    if not visit.is_fragment:
        return visit.render("check.html", context, status=400 if trouble else 200)
    if visit.request.headers.get("HX-Target", "").endswith("check-answer"):
        return visit.render("check.html#answer", context | {"is_answer": True})
    return visit.render("check.html#body", context)


def _change(visit: Visit) -> Change:
    """The change of the address: per cent by lever, a category's place. Raises NumberTextError."""
    asked = visit.request.GET
    moved: dict[str, Any] = {lever: _share(asked.get(lever, "")) for lever in LIMITS}
    place = asked.get("category", "")
    return replace(
        Change(**moved),
        category=int(formats.read_field(place)) if place else None,
    )


def _budget(visit: Visit) -> float:
    """The most that may be spent, of the address. Raises NumberTextError, LimitError."""
    written = visit.request.GET.get("budget", "").strip()
    found = float(formats.read_field(written)) if written else math.inf
    if found < 0:
        raise LimitError(asked=written)
    return found


def _channels(visit: Visit) -> dict[str, float]:
    """The changes of single channels' spend in the address. Raises NumberTextError."""
    asked = visit.request.GET
    found = {name.removeprefix(_CHANNEL): _share(asked[name]) for name in asked if name.startswith(_CHANNEL)}
    return {name: share for name, share in found.items() if share}


def _share(written: str) -> float:
    return float(formats.read_field(written or "0")) / 100


# What the page shows ---------------------------------------------------------------


def _context(visit: Visit, made: PlanCheck) -> dict[str, Any]:
    version, currency = made.version, made.version.plan.currency
    said = [text.render(one, currency=currency, language=formats.tag()) for one in made.headline]
    notes = [text.render(one, currency=currency, language=formats.tag()) for one in made.notes]
    goals = [_goal(one, made) for one in made.goals]
    return {
        "check": made,
        "sentence": said[0] if said else gettext("This plan has no goal for net sales."),
        "more": said[1:],
        "notes": notes,
        "figures": list(_figures(visit, made)),
        "goals": goals,
        "has_skewed": any(one["middle"] for one in goals),
        "months": [_month(one, made) for one in made.months],
        "constraints": [formats.say(label) for _, label in _held(made)],
        "picture": _by_month(made),
        "tornado": _tornado(made),
        "swings": [_swing(one, made) for one in made.swings],
        "moves": [_move(visit, one, made) for one in made.moves],
        "about": _goal_name(made.about.goal) if made.about else "",
        "sees_profit": visit.may("finance.read"),
        "knows_profit": made.profit is not None,
        "levers": [_lever(lever, made) for lever in made.levers],
        "channels": [_channel(one, made) for one in made.channels],
        "is_by_channel": any(one.moved for one in made.channels),
        "unsaid": [
            (formats.say(TITLES[lever]), text.render(why, currency=currency, language=formats.tag()))
            for lever, why in made.unsaid.items()
        ],
        "categories": [(k, _category(name)) for k, name in enumerate(version.blocks)]
        if len(version.blocks) > 1
        else [],
        "chosen": made.change.category,
        "budget": "" if math.isinf(made.change.budget) else f"{made.change.budget:.0f}",
        "is_changed": made.change != Change(),
        "likely": formats.percent(LIKELY, 0),
        "level": formats.percent(LEVEL, 0),
    }


def _figures(visit: Visit, made: PlanCheck) -> Iterator[dict[str, str]]:
    currency = made.version.plan.currency
    headline = next((one for one in made.goals if one.goal.metric == "net_sales" and not one.goal.scope), None)
    if headline and headline.chance is not None:
        yield {
            "label": gettext("Chance to make it"),
            "value": formats.chance(headline.chance),
            "note": gettext("%(target)s is the target")
            % {"target": formats.short_money(headline.goal.target, currency)},
        }
    yield {"label": gettext("Net sales"), **_ends(made.sales, currency)}
    if made.profit is not None and visit.may("finance.read"):
        yield {"label": gettext("Profit still to come"), **_ends(made.profit, currency)}
    if made.spend:
        yield {"label": gettext("Marketing still to spend"), "value": formats.short_money(made.spend, currency)}


def _ends(band: tuple[float, float, float], currency: str) -> dict[str, str]:
    low, middle, high = (formats.short_money(value, currency) for value in band)
    return {"value": middle, "note": f"{low} – {high}, {formats.percent(LEVEL, 0)}"}


def _goal_name(goal: Goal) -> str:
    scope = ", ".join(_category(name) if axis == "category" else _market(name) for axis, name in goal.scope.items())
    label = formats.say(metrics()[goal.metric].label)
    return f"{label} · {scope}" if scope else label


def _category(name: str | None) -> str:
    return gettext("All others") if name == OTHER else question.label("category", name)


def _market(name: str | None) -> str:
    return gettext("All others") if name == OTHER else question.label("market", name)


def _goal(one: GoalCheck, made: PlanCheck) -> dict[str, Any]:
    unit, currency = metrics()[one.goal.metric].unit, made.version.plan.currency

    def number(value: float | None) -> str:
        if value is None:
            return "–"
        return (
            formats.whole_money(value, currency)
            if unit == Unit.MONEY and abs(value) > 1000
            else formats.number(round(value, {Unit.RATE: 3, Unit.MONEY: 2}.get(unit, 0)), unit, currency)
        )

    moved = None not in (one.before, one.chance) and round(one.before or 0, 2) != round(one.chance or 0, 2)
    return {
        "line": one,
        "metric": metrics()[one.goal.metric],
        "name": _goal_name(one.goal),
        "target": number(float(one.goal.target)),
        "ends": "–" if one.low is None else f"{number(one.low)} – {number(one.high)}",
        "expected": number(one.expected),
        "middle": number(one.middle) if _is_skewed(one) else "",
        "chance": _chance(one.chance),
        "before": _chance(one.before) if moved else "",
        "tone": _tone(one.chance),
        "why": text.render(one.why, currency=currency, language=formats.tag()) if one.why else "",
    }


def _is_skewed(one: GoalCheck) -> bool:
    """Whether what is expected lies so far from the middle that the chance seems to belong to another number."""
    if one.middle is None or one.expected is None or one.low is None or one.high is None:
        return False
    return abs(one.expected - one.middle) > _SKEWED * (one.high - one.low)


def _chance(value: float | None) -> str:
    return gettext("not known") if value is None else formats.chance(value)


def _tone(chance: float | None) -> str:
    if chance is None:
        return "note"
    return "good" if chance >= LIKELY else "bad" if chance < 1 / 3 else "warn"


def _held(made: PlanCheck) -> list[tuple[str, str]]:
    """The constraints that can hold this plan back, with their names."""
    names = {**HELD, **({} if "traffic" in made.levers else WITHOUT_VISITS)}
    known = {"stock": "supply", "budget": "spend", "traffic": "traffic"}
    return [(id_, names[id_]) for id_ in CONSTRAINTS if known.get(id_, "basket") in made.levers]


def _month(one: MonthCheck, made: PlanCheck) -> dict[str, Any]:
    currency = made.version.plan.currency
    held = _held(made)
    return {
        "month": one.month,
        "target": formats.whole_money(one.target, currency),
        "expected": formats.whole_money(one.expected, currency),
        "chance": formats.chance(one.chance),
        "constraint": formats.say(dict(held).get(one.constraint, "")) if one.constraint else "",
        "share": formats.percent(one.share[one.constraint], 0) if one.constraint else "",
        "costs": [formats.whole_money(one.cost[id_], currency) if one.cost[id_] >= 0.5 else "–" for id_, _ in held],
    }


def _by_month(made: PlanCheck) -> charts.Picture:
    """Net sales by month: the target, and what is expected with its interval."""
    rows = [
        *charts.band(
            gettext("%(level)s interval") % {"level": formats.percent(LEVEL, 0)},
            [one.low for one in made.months],
            [one.high for one in made.months],
        ),
        charts.Line(gettext("Expected"), [one.expected for one in made.months], "actual"),
        charts.Line(gettext("Plan"), [one.target for one in made.months], "plan"),
    ]
    axis = [formats.short_month(one.month) for one in made.months]
    currency = made.version.plan.currency
    option = charts.columns(axis, rows, unit="money", currency=currency)
    return charts.Picture(gettext("Net sales by month against the plan"), option, axis, rows, "money", currency)


def _tornado(made: PlanCheck) -> dict[str, Any] | None:
    """Lying bars from what a driver brings at its low to what it brings at its high, about what is expected."""
    shown = [one for one in made.swings if one.width >= 1]
    if not shown:
        return None
    axis = [formats.say(TITLES[made.named(one.driver)]) for one in shown]
    return charts.swings(
        axis,
        [(one.at_low, one.at_high) for one in shown],
        shown[0].expected,
        names=(gettext("Less than expected"), gettext("More than expected")),
        unit="money",
        currency=made.version.plan.currency,
    )


def _swing(one: Swing, made: PlanCheck) -> dict[str, str]:
    currency = made.version.plan.currency
    if one.driver in ("spend", "price", "promotion"):
        spread = gettext("how customers answer")
    elif one.driver == "supply":
        spread = gettext("as it comes, or no limit")
    else:
        spread = f"{formats.signed_percent(one.low)} – {formats.signed_percent(one.high)}"
    return {
        "name": formats.say(TITLES[made.named(one.driver)]),
        "spread": spread,
        "low": formats.whole_money(one.at_low, currency),
        "high": formats.whole_money(one.at_high, currency),
        "width": formats.whole_money(one.width, currency),
        "more": formats.whole_money(one.at_more, currency),
    }


def _move(visit: Visit, one: Move, made: PlanCheck) -> dict[str, Any]:
    asked = visit.request.GET.dict()
    currency = made.version.plan.currency
    reached = getattr(made.change, one.lever) + (one.amount or 0)
    asked[one.lever] = f"{100 * reached:.1f}"
    return {
        "name": formats.say(TITLES[made.named(one.lever)]),
        "amount": formats.signed_percent(one.amount) if one.amount is not None else gettext("not within its limits"),
        "chance": formats.chance(one.chance),
        "cost": _added(one.cost, currency) if one.cost >= 1 else "–",
        "profit": "–" if one.profit is None or one.amount is None else _added(one.profit, currency),
        "url": f"?{urlencode(asked)}" if one.amount else "",
    }


def _added(value: float, currency: str) -> str:
    return ("+" if value > 0 else "") + formats.whole_money(value, currency)


def _lever(lever: str, made: PlanCheck) -> dict[str, Any]:
    least, most = LIMITS[lever]
    value = getattr(made.change, lever) * 100
    return {
        "id": lever,
        "label": formats.say(TITLES[made.named(lever)]),
        "least": round(least * 100),
        "most": round(most * 100),
        "value": f"{value:g}",
        "base": _base_of(lever, made),
    }


def _channel(one: ChannelCheck, made: PlanCheck) -> dict[str, Any]:
    least, most = LIMITS["spend"]
    return {
        "id": f"{_CHANNEL}{one.channel}",
        "label": question.label("channel", None if one.channel == budgets.channel_code(None) else one.channel),
        "least": round(least * 100),
        "most": round(most * 100),
        "value": f"{100 * one.moved:g}",
        "planned": formats.whole_money(one.planned, made.version.plan.currency),
        "is_heard": one.is_heard,
    }


def _base_of(lever: str, made: PlanCheck) -> str:
    """What the lever stands at in the plan, over the weeks to come."""
    value, currency = made.standing[lever], made.version.plan.currency
    match lever:
        case "conversion":
            return (
                formats.percent(value, 2)
                if "traffic" in made.levers
                else gettext("%(n)s orders") % {"n": formats.decimal(value)}
            )
        case "basket":
            return formats.money(value, currency)
        case "promotion":
            return gettext("%(rate)s off on average") % {"rate": formats.percent(value, 0)}
        case "spend":
            return formats.whole_money(value, currency)
        case "traffic":
            return gettext("%(n)s visits") % {"n": formats.decimal(value)}
        case "supply":
            return gettext("%(n)s units") % {"n": formats.decimal(value)}
    return ""


# Files -----------------------------------------------------------------------------


def _file(visit: Visit, made: PlanCheck) -> HttpResponseBase | None:
    kind, name = visit.request.GET.get("format", ""), f"{visit.shop.slug}-check-{made.version.plan_id}"
    table = visit.request.GET.get("table", "months")
    sheets = {"months": _month_sheet, "goals": _goal_sheet, "drivers": _driver_sheet}
    if kind not in files.KINDS or table not in sheets:
        return None
    option = (_tornado(made) or {}) if table == "drivers" else _by_month(made).option
    return files.download(kind, f"{name}-{table}", lambda: sheets[table](made), lambda: option)


def _month_sheet(made: PlanCheck) -> Sheet:
    currency = made.version.plan.currency
    money = [gettext("Target"), gettext("Low"), gettext("Expected"), gettext("High")]
    held = _held(made)
    columns = [
        Column(gettext("Month"), Form.DATE),
        *(Column(name, Form.MONEY, currency) for name in money),
        Column(gettext("Chance"), Form.RATE),
        Column(gettext("What holds it back")),
        *(Column(formats.say(label), Form.MONEY, currency) for _, label in held),
    ]
    rows: list[list[Value]] = [
        [
            one.month,
            one.target,
            one.low,
            one.expected,
            one.high,
            one.chance,
            formats.say(dict(held).get(one.constraint or "", "")),
            *(one.cost[id_] for id_, _ in held),
        ]
        for one in made.months
    ]
    return Sheet(gettext("Months"), columns, rows)


def _goal_sheet(made: PlanCheck) -> Sheet:
    numbers = [gettext("Target"), gettext("Low"), gettext("Expected"), gettext("High")]
    rates = [gettext("Chance as planned"), gettext("Chance")]
    columns = [
        Column(gettext("Goal")),
        *(Column(name, Form.NUMBER) for name in numbers),
        *(Column(name, Form.RATE) for name in rates),
    ]
    rows: list[list[Value]] = [
        [_goal_name(one.goal), one.goal.target, one.low, one.expected, one.high, one.before, one.chance]
        for one in made.goals
    ]
    return Sheet(gettext("Goals"), columns, rows)


def _driver_sheet(made: PlanCheck) -> Sheet:
    currency = made.version.plan.currency
    money = [gettext("Net sales at its low"), gettext("Net sales at its high"), gettext("With a tenth more")]
    columns = [Column(gettext("Driver")), *(Column(name, Form.MONEY, currency) for name in money)]
    rows: list[list[Value]] = [
        [formats.say(TITLES[made.named(one.driver)]), one.at_low, one.at_high, one.at_more] for one in made.swings
    ]
    return Sheet(gettext("Drivers"), columns, rows)


PAGES = (
    Page(
        path="outlook/check",
        name="outlook_check",
        view=of_shop,
        permission="plans.read",
        place="outlook",
        is_whole=True,
        label=N_("Check of the plan"),
        icon="list-check",
        rank=8,
    ),
    Page(
        path="plans/<int:plan_id>/check",
        name="plan_check",
        view=of_plan,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
