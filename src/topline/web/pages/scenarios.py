"""Scenarios of a plan: drivers moved by slider and by cell, two sides compared, one adopted."""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.plans import jobs as plan_jobs
from topline.plans import scenarios, then
from topline.plans.expectation import LEVEL, band
from topline.plans.grid import Part
from topline.plans.models import PlanVersion, Scenario, State
from topline.plans.scenarios import Ahead, Side
from topline.science.scenario import LIMITS
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.web import charts, formats
from topline.web.page import Page, Visit, whole
from topline.web.pages import plans
from topline.web.pages.plans import TONES, name_of, version_of

TITLES: Mapping[str, str] = {
    "traffic": N_("Visits"),
    "conversion": N_("Conversion"),
    "basket": N_("Order value"),
    "price": N_("Prices"),
    "discount": N_("Discount"),
    "margin": N_("Margin"),
    "spend": N_("Marketing spend"),
    "supply": N_("Stock and deliveries"),
}
POINTS = ("discount", "margin")
"""Drivers that move by points, not by a share."""

_AXES = ("block", "market", "month")


def view(visit: Visit, plan_id: int) -> HttpResponse:
    """Two sides of the plan beside each other; until what they rest on is made, a skeleton that asks again."""
    version = version_of(visit, plan_id)
    context: dict[str, Any] = {
        **plans.about_then(visit),
        "version": version,
        "plan": version.plan,
        "tab": "scenarios",
        "tone": TONES[State(version.state)],
        "version_query": f"?version={version.number}" if visit.request.GET.get("version") else "",
    }
    rest = plan_jobs.prepare_check(version, visit.today, retry=visit.is_retry)
    if rest.snapshot is None:
        job = rest.job
        if visit.is_fragment and not formats.failure(job):
            return HttpResponse(status=204)
        context |= {"job": job, "error": formats.failure(job)}
        return visit.render("scenarios.html#body" if visit.is_fragment else "scenarios.html", context)
    context |= _context(visit, version) | visit.resting(rest)
    target = visit.request.headers.get("HX-Target", "")
    if visit.is_fragment and target.endswith("scenario-answer"):
        return visit.render("scenarios.html#answer", context | {"is_answer": True})
    return visit.render("scenarios.html#body" if visit.is_fragment else "scenarios.html", context)


def act(visit: Visit, plan_id: int) -> HttpResponse:
    """A scenario branched, moved, adopted or put away."""
    version = version_of(visit, plan_id)
    address = visit.url("plan_scenarios", plan_id)
    if visit.request.method != "POST":
        return redirect(f"{address}?version={version.number}")
    visit.require("plans.write")
    posted, now = visit.request.POST, timezone.now()
    found = _standing(version).filter(pk=whole(posted.get("b") or visit.request.GET.get("b"))).first()
    whom: dict[str, Any] = {"actor": visit.user, "now": now}
    verb = posted.get("do", "move")
    try:
        if verb == "branch":
            changes = found.changes if found and posted.get("copies") else None
            found = scenarios.branch(version=version, name=posted.get("name", ""), changes=changes, **whom)
        elif found is None:
            raise Http404
        elif verb == "put_away":
            scenarios.put_away(found=found, **whom)
            found = None
        elif verb == "adopt":
            new = scenarios.adopt(found=found, as_of=visit.today, **whom)
            said = gettext("The scenario is a draft of the plan now. Check it, and hand it in.")
            messages.success(visit.request, said)
            return redirect(f"{visit.url('plan', plan_id)}?version={new.number}")
        elif verb == "reset":
            Scenario.objects.filter(pk=found.pk).update(changes={})
        else:
            scenarios.move(found=found, values=_values(posted), at=_place(posted), **whom)
    except ToplineError as error:
        if visit.is_fragment:
            raise
        messages.error(visit.request, formats.say(error))
    if visit.is_fragment:
        return view(visit, plan_id)
    chosen = f"&b={found.pk}" if found else ""
    return redirect(f"{address}?version={version.number}{chosen}")


def _standing(version: PlanVersion, at: datetime | None = None) -> QuerySet[Scenario]:
    """The version's scenarios, as of a moment if one is given."""
    found = then.scenarios(version, at) if at else Scenario.objects.standing().filter(version=version)
    return found.select_related("version__plan__shop")


def _values(posted: Mapping[str, str]) -> dict[str, float]:
    """Changes of the drivers that the form holds, from per cent."""
    found = {}
    for driver in LIMITS:
        if driver in posted:
            found[driver] = round(float(formats.read_field(posted[driver] or "0")) / 100, 6)
    return found


def _place(asked: Mapping[str, str]) -> Part:
    return Part(*(int(asked[at]) if asked.get(at, "").isdecimal() else None for at in _AXES))


# What the page shows ---------------------------------------------------------------


def _context(visit: Visit, version: PlanVersion) -> dict[str, Any]:
    asked = visit.request.POST if visit.request.method == "POST" else visit.request.GET
    back, known_at = plans.seen(visit)
    listed = list(_standing(version, known_at))
    by_id = {one.pk: one for one in listed}
    second = by_id.get(whole(asked.get("b"))) or (listed[0] if listed else None)
    first = by_id.get(whole(asked.get("a")))
    rests = scenarios.ahead(version, visit.today)
    left, right = scenarios.side(rests, first), scenarios.side(rests, second)
    at = _place(asked)
    sees_profit = visit.may("finance.read")
    currency = version.plan.currency
    return {
        "scenarios": listed,
        "first": first,
        "second": second,
        "may_write": visit.may("plans.write") and back == visit.today,
        "sentence": _sentence(left, right, currency),
        "figures": list(_figures(left, right, currency)),
        "rows": list(_rows(left, right, currency, sees_profit=sees_profit)),
        "tree": list(_tree(rests, left, right, currency)),
        "stock": _stock(version, left, right),
        "picture": _picture(version, rests, left, right),
        "names": (_name(left), _name(right)),
        "levers": [_lever(driver, second, at) for driver in rests.levers] if second else [],
        "axes": _axes(version, at),
        "moved": list(_moved(version, second)) if second else [],
    }


def _name(side: Side) -> str:
    return side.scenario.name if side.scenario else gettext("As planned")


def _sentence(left: Side, right: Side, currency: str) -> str:
    if right.scenario is None:
        return gettext("What if visits, prices or spend were others? Branch a scenario and move them.")
    revenue = float(right.result.revenue.mean())
    said = {
        "name": right.scenario.name,
        "amount": formats.short_money(revenue, currency),
        "chance": formats.chance(right.result.chance),
        "before": formats.chance(left.result.chance),
    }
    away = revenue - float(left.result.revenue.mean())
    if round(abs(away)) < 1:
        return gettext("“%(name)s” changes nothing yet: %(amount)s, a chance of %(chance)s.") % said
    said["away"] = formats.short_money(abs(away), currency)
    if away > 0:
        return gettext("“%(name)s” brings %(amount)s, %(away)s more; the chance is %(chance)s, not %(before)s.") % said
    return gettext("“%(name)s” brings %(amount)s, %(away)s less; the chance is %(chance)s, not %(before)s.") % said


def _figures(left: Side, right: Side, currency: str) -> Iterator[dict[str, str]]:
    for label, side in ((_name(left), left), (_name(right), right)):
        low, middle, high = band(side.result.revenue)
        ends = f"{formats.short_money(low, currency)} – {formats.short_money(high, currency)}"
        yield {
            "label": label,
            "value": formats.short_money(middle, currency),
            "note": f"{ends}, {formats.percent(LEVEL, 0)} · {formats.chance(side.result.chance)}",
        }
        if right.scenario is None:
            return


def _rows(left: Side, right: Side, currency: str, *, sees_profit: bool) -> Iterator[dict[str, str]]:
    """The comparison, line by line: what it is, both sides, and the difference with whether it is good."""
    one, two = left.result, right.result

    def line(
        label: str, a: float, b: float, kind: str, *, is_good_up: bool | None = True, hint: str = ""
    ) -> dict[str, str]:
        away = b - a
        tone = "" if is_good_up is None or abs(away) < 1e-9 else "good" if (away > 0) == is_good_up else "bad"
        forms = {"money": lambda x: formats.whole_money(x, currency), "count": formats.decimal, "rate": formats.chance}
        shown = forms[kind]
        if math.isnan(a) or math.isnan(b) or math.isinf(a) or math.isinf(b):
            return {"label": label, "a": "–", "b": "–", "away": "–", "tone": "", "hint": hint}
        sign = "+" if away > 0 else "−" if away < 0 else ""
        points = gettext("%(n)s points") % {"n": formats.decimal(round(abs(away) * 100))} if kind == "rate" else ""
        return {
            "label": label,
            "a": shown(a if kind != "count" else round(a)),
            "b": shown(b if kind != "count" else round(b)),
            "away": f"{sign}{points or shown(abs(away) if kind != 'count' else round(abs(away)))}",
            "tone": tone,
            "hint": hint,
        }

    yield line(gettext("Net sales"), one.revenue.mean(), two.revenue.mean(), "money")
    profits, cash = (one.profit, two.profit), (one.cash, two.cash)
    if (
        sees_profit
        and profits[0] is not None
        and profits[1] is not None
        and cash[0] is not None
        and cash[1] is not None
    ):
        yield line(gettext("Margin after marketing, still to come"), profits[0].mean(), profits[1].mean(), "money")
        yield line(
            gettext("Cash at its lowest"), min(0.0, *cash[0].cumsum()), min(0.0, *cash[1].cumsum()), "money",
            hint=gettext("Sales less goods sold and marketing, added up month by month."),
        )  # fmt: skip
    if one.spend.any() or two.spend.any():
        yield line(gettext("Marketing, still to spend"), one.spend.sum(), two.spend.sum(), "money", is_good_up=False)
    yield line(gettext("Orders to pack"), one.orders.sum(), two.orders.sum(), "count", is_good_up=None)
    yield line(gettext("Orders in the busiest week"), one.peak, two.peak, "count", is_good_up=None)
    yield line(gettext("Units to sell"), one.units.sum(), two.units.sum(), "count", is_good_up=None)
    if one.lost.sum() >= 1 or two.lost.sum() >= 1:
        yield line(gettext("Sales lost to empty shelves"), one.lost.sum(), two.lost.sum(), "money", is_good_up=False)
    yield line(gettext("Chance to make the target"), one.chance, two.chance, "rate")


def _tree(rests: Ahead, left: Side, right: Side, currency: str) -> Iterator[dict[str, Any]]:
    """Net sales = visits x conversion x order value: a year before, and both sides."""
    labels = {
        "sales": (gettext("Net sales"), 0),
        "orders": (gettext("Orders"), 1),
        "visits": (gettext("Visits"), 2),
        "conversion": (gettext("Conversion"), 2),
        "basket": (gettext("Order value"), 1),
    }
    for name, (label, depth) in labels.items():

        def shown(value: float, name: str = name) -> str:
            if math.isnan(value):
                return "–"
            if name == "conversion":
                return formats.percent(value, 2)
            if name == "basket":
                return formats.money(round(value, 2), currency)
            return formats.whole_money(value, currency) if name == "sales" else formats.decimal(round(value))

        before, a, b = rests.before[name], left.tree[name], right.tree[name]
        yield {
            "label": label,
            "depth": depth,
            "before": shown(before),
            "a": shown(a),
            "b": shown(b),
            "grown": formats.signed_percent(b / before - 1) if before and not math.isnan(b / before) else "–",
        }


def _stock(version: PlanVersion, left: Side, right: Side) -> list[dict[str, object]]:
    """What is left of each category's stock; nothing where no stock is known."""
    rows: list[dict[str, object]] = []
    for block, name in enumerate(version.blocks):
        a, b = float(left.result.left[block]), float(right.result.left[block])
        if math.isinf(a):
            continue
        rows.append(
            {
                "name": name_of("category", name),
                "units": formats.decimal(round(float(right.result.units[block]))),
                "a": formats.decimal(round(a)),
                "b": formats.decimal(round(b)),
                "lost": formats.whole_money(float(right.result.lost[block]), version.plan.currency),
                "is_short": float(right.result.lost[block]) >= 1,
            }
        )
    return rows


def _picture(version: PlanVersion, rests: Ahead, left: Side, right: Side) -> charts.Picture:
    """Net sales by month: both sides and the target."""
    targets = version.grid("net_sales").cells.sum(axis=(0, 1)) * rests.target
    whole_target = max(float(version.grid("net_sales").total()), 1.0)
    bands = [band(right.result.by_month[:, t]) for t in range(right.result.by_month.shape[1])]
    rows = [
        *charts.band(
            gettext("%(level)s interval") % {"level": formats.percent(LEVEL, 0)},
            [low for low, _, _ in bands],
            [high for _, _, high in bands],
        ),
        charts.Line(_name(right), [middle for _, middle, _ in bands], "forecast"),
        charts.Line(gettext("Target"), [float(one) / whole_target for one in targets], "plan"),
    ]
    if right.scenario is not None:
        rows.insert(2, charts.Line(_name(left), left.result.by_month.mean(axis=0).tolist(), "last_year"))
    axis = [formats.short_month(month) for month in version.plan.months]
    currency = version.plan.currency
    option = charts.columns(axis, rows, unit="money", currency=currency)
    return charts.Picture(gettext("Net sales by month"), option, axis, rows, "money", currency)


def _lever(driver: str, found: Scenario, at: Part) -> dict[str, Any]:
    """A slider of the scenario in a part of the plan."""
    least, most = LIMITS[driver]
    place = [at.block, at.market, at.month]
    value = next((one[3] for one in found.changes.get(driver, []) if one[:3] == place), 0.0)
    return {
        "id": driver,
        "label": formats.say(TITLES[driver]),
        "least": round(100 * least),
        "most": round(100 * most),
        "value": f"{100 * value:g}",
        "unit": gettext("points") if driver in POINTS else "%",
    }


def _axes(version: PlanVersion, at: Part) -> list[dict[str, Any]]:
    """Where the sliders move: choices of category, market and month."""
    axes = (
        ("block", gettext("All categories"), [name_of("category", name) for name in version.blocks]),
        ("market", gettext("All markets"), [name_of("market", name) for name in version.markets]),
        ("month", gettext("All months"), [formats.month(month) for month in version.plan.months]),
    )
    return [
        {"id": id_, "all": whole_, "names": list(enumerate(names)), "chosen": getattr(at, id_)}
        for id_, whole_, names in axes
        if len(names) > 1
    ]


def _moved(version: PlanVersion, found: Scenario) -> Iterator[dict[str, Any]]:
    """What the scenario changes, line by line, each with the way back."""
    for driver, listed in found.changes.items():
        for block, market, month, value in listed:
            parts = [
                name_of("category", version.blocks[block]) if block is not None else "",
                name_of("market", version.markets[market]) if market is not None else "",
                formats.month(version.plan.months[month]) if month is not None else "",
            ]
            points = gettext("%(n)s points") % {"n": f"{100 * value:+g}"}
            yield {
                "driver": driver,
                "label": formats.say(TITLES[driver]),
                "where": " · ".join(one for one in parts if one) or gettext("everywhere"),
                "value": points if driver in POINTS else formats.signed_percent(value),
                "places": {
                    name: place for name, place in zip(_AXES, (block, market, month), strict=True) if place is not None
                },
            }


PAGES = (
    Page(
        path="plans/<int:plan_id>/scenarios",
        name="plan_scenarios",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/<int:plan_id>/scenarios/do",
        name="plan_scenarios_act",
        view=act,
        permission="plans.write",
        place="plan",
        is_whole=True,
    ),
)
