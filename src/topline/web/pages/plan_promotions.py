"""The promotions of a plan: what each brings, costs and needs, what stands in its way; and a new one, tried before it
is planned."""

from collections.abc import Mapping
from decimal import Decimal
from math import ceil
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from topline.catalog.models import Product
from topline.outlook.price import Range
from topline.plans import cells, document, outline, simulation, text
from topline.plans import jobs as plan_jobs
from topline.plans.models import Entry, PlanVersion, State
from topline.plans.outline import Type
from topline.plans.simulation import Simulation
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.web import formats
from topline.web.page import Page, Visit
from topline.web.pages import plans
from topline.web.pages.calendar import ruled
from topline.web.pages.plan_document import Desk

FIELD = "11.promotions"
ASKED = (
    "name", "event", "starts_on", "ends_on", "category", "products", "market", "discount", "offer", "owner",
)  # fmt: skip
"""The columns that the form asks for; the simulation fills what it finds out."""

OFFERED = 300


def view(visit: Visit, plan_id: int) -> HttpResponse:
    """All promotions of the plan, each as it is simulated today."""
    version = plans.version_of(visit, plan_id)
    desk = Desk(visit, version)
    _prepare(visit, version)
    rows, around = [], simulation.around(version, visit.today, desk.entries)
    for row in desk.entries[FIELD]:
        found = simulation.simulate(around, row.cells, key=row.key)
        rows.append({"row": row, "title": desk.title(row), **_shown(visit, version, found)})
    rows.sort(key=lambda one: one["first"] or "9")
    context = _around(desk) | {"rows": rows, "sentence": _sentence(rows)}
    return visit.render("plan_promotions.html", context)


def _around(desk: Desk) -> dict[str, Any]:
    version, said = desk.version, plans.about_then(desk.visit)
    return {
        **said,
        "desk": desk,
        "plan": version.plan,
        "version": version,
        "tone": plans.TONES[State(version.state)],
        "tab": "promotions",
        "version_query": f"?version={version.number}",
        "query": f"version={version.number}{said['then_query']}",
        "may_see_margin": desk.visit.may("finance.read"),
    }


def _prepare(visit: Visit, version: PlanVersion) -> None:
    """Have made what the simulation starts from, where it isn't."""
    if visit.shop.lake().latest() is not None:
        plan_jobs.prepare_stock(visit.shop, visit.today)


def _sentence(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return gettext("No promotion is planned yet.")
    troubled = sum(bool(one["clashes"] or one["late"] or one["stock"].get("short")) for one in rows)
    if troubled:
        return ngettext(
            "%(n)s promotion needs you: something clashes, is late or short of stock.",
            "%(n)s promotions need you: something clashes, is late or short of stock.",
            troubled,
        ) % {"n": troubled}
    return ngettext(
        "%(n)s promotion is planned, and nothing stands in its way.",
        "%(n)s promotions are planned, and nothing stands in their way.",
        len(rows),
    ) % {"n": len(rows)}


def one(visit: Visit, plan_id: int) -> HttpResponse:
    """A promotion that is tried: its form, what comes of it as it is written, and the plan's row once it is kept."""
    version = plans.version_of(visit, plan_id)
    desk = Desk(visit, version)
    key = visit.request.GET.get("key", "")
    row = next((each for each in desk.entries[FIELD] if each.key == key), None)
    if key and row is None:
        raise Http404
    posted = visit.request.POST
    if posted:
        visit.require("plans.write")
    asked = posted or visit.request.GET
    wanted, written, errors = _wanted(desk, asked, row)
    if posted and not errors:
        errors = _keep(visit, desk, row, wanted, posted)
        if not errors:
            return redirect(f"{visit.url('plan_promotions', plan_id)}?version={version.number}")
    _prepare(visit, version)
    found = (
        simulation.simulate(simulation.around(version, visit.today, desk.entries), wanted, key=key)
        if not errors
        else None
    )
    context = _around(desk) | {
        "row": row,
        "written": written,
        "errors": errors,
        "seen": row.revision if row else 0,
        "found": _shown(visit, version, found) if found else None,
        "options": {name: desk.options(_column(name)) for name in ("event", "category", "market", "owner")},
        "products": [(each.code, each.title) for each in Product.objects.of(visit.shop)[:OFFERED]],
    }
    if visit.is_fragment and not posted:
        return visit.render("plan_promotion.html#found", context)
    return visit.render("plan_promotion.html", context, status=400 if errors else 200)


def _column(name: str) -> outline.Column:
    found = outline.fields()[FIELD].column(name)
    assert found is not None  # noqa: S101 - the outline is ours
    return found


def _wanted(desk: Desk, asked: QueryDict, row: Entry | None) -> tuple[dict[str, Any], dict[str, str], dict[str, str]]:
    """The promotion's cells as they would be kept, as the form has them, and what is wrong, by column."""
    held: Mapping[str, Any] = row.cells if row else {}
    if not any(name in asked for name in ASKED):
        written = {name: _as_written(name, held.get(name)) for name in ASKED}
        return dict(held), written, {}
    written = {name: asked.get(name, "").strip() for name in ASKED}
    found, errors = dict(held), {}
    for name, value in written.items():
        try:
            raw: Any = value or None
            if name == "discount" and value:
                raw = str(formats.read_number(value) / 100)
            found[name] = cells.value_of(desk.version, _column(name), raw)
        except ToplineError as error:
            errors[name] = formats.say(error)
    if found.get("starts_on") and found.get("ends_on") and found["ends_on"] < found["starts_on"]:
        errors["ends_on"] = formats.say(cells.OrderError())
    return {name: value for name, value in found.items() if value is not None}, written, errors


def _as_written(name: str, value: Any) -> str:
    if value in (None, ""):
        return ""
    return formats.typed(Decimal(value) * 100) if _column(name).type == Type.RATE else str(value)


def _keep(visit: Visit, desk: Desk, row: Entry | None, wanted: dict[str, Any], posted: QueryDict) -> dict[str, str]:
    """Plan it, with what the simulation found out; or say by column why not."""
    around = simulation.around(desk.version, visit.today, desk.entries)
    found = simulation.simulate(around, wanted, key=row.key if row else "")
    values = {name: wanted.get(name) for name in ASKED}
    if found.uplift is not None and found.uplift > 0:
        values["uplift"] = f"{min(found.uplift, 10):.3f}"
    if not isinstance(found.answer, Missing):
        values["stock_need"] = str(ceil(found.answer.units.high))
    prior = [each.ruling.prior.amount for each in found.legal if each.ruling.prior]
    if len(found.legal) == 1 and prior:
        values["prior_price"] = str(prior[0])
    common: dict[str, Any] = {
        "version": desk.version, "field": FIELD, "actor": visit.user, "now": timezone.now(),
    }  # fmt: skip
    try:
        if row is None:
            kept = document.add_row(values={id_: v for id_, v in values.items() if v is not None}, **common)
        else:
            kept = document.write(key=row.key, changes=values, seen=int(posted.get("seen") or 0), **common)
    except cells.CellsError as error:
        return {id_: formats.say(each) for id_, each in error.errors.items()}
    except ToplineError as error:
        return {"name": formats.say(error)}
    messages.success(visit.request, gettext("“%(name)s” is planned.") % {"name": kept.cells.get("name", "")})
    return {}


# In words ------------------------------------------------------------------------


def _shown(visit: Visit, version: PlanVersion, found: Simulation) -> dict[str, Any]:
    """A simulation in words."""
    currency, tag = version.plan.currency, formats.tag()

    def say(sentence: text.Sentence) -> str:
        return text.render(sentence, currency=currency, language=tag)

    days = found.days if not isinstance(found.days, Missing) else None
    return {
        "days": days,
        "first": days.start.isoformat() if days else "",
        "no_days": formats.say(found.days) if days is None else "",
        "figures": _figures(visit, found, currency),
        "why": formats.say(found.answer) if isinstance(found.answer, Missing) and days else "",
        "stock": _stock(found),
        "steps": [{"said": say(step.said), "on": step.on, "is_past": step.is_past} for step in found.steps],
        "late": [say(step.said) for step in found.late],
        "clashes": [say(each) for each in found.clashes],
        "legal": [{"product": each.product, **ruled(visit, each)} for each in found.legal],
        "unknown": ", ".join(found.unknown),
        "products": found.products,
    }


def _figures(visit: Visit, found: Simulation, currency: str) -> list[dict[str, str]]:
    answer = found.answer
    if isinstance(answer, Missing):
        return []

    def units(value: float) -> str:
        return formats.decimal(value, 0 if abs(value) >= 20 else 1)

    def money(value: float) -> str:
        return formats.whole_money(value, currency)

    def between(found_: Range, say: Any) -> str:
        return gettext("%(low)s to %(high)s in 80 of 100 cases") % {"low": say(found_.low), "high": say(found_.high)}

    shown = [
        {
            "label": gettext("Units"),
            "value": units(answer.units.mean),
            "note": gettext("%(range)s; %(n)s without it")
            % {"range": between(answer.units, units), "n": units(answer.units_before)},
        },
        {"label": gettext("Uplift"), "value": formats.signed_percent(found.uplift or 0), "note": ""},
        {
            "label": gettext("Sales"),
            "value": money(answer.sales.mean),
            "note": gettext("%(range)s; %(n)s without it")
            % {"range": between(answer.sales, money), "n": money(answer.sales_before)},
        },
    ]
    if found.given:
        shown.append(
            {
                "label": gettext("Given away"),
                "value": money(found.given),
                "note": gettext("to those who would have bought anyway"),
            }
        )
    if visit.may("finance.read") and answer.margin:
        needed = gettext("no volume earns it back")
        if answer.break_even is not None:
            needed = gettext("breaks even at %(n)s units") % {"n": formats.decimal(answer.break_even)}
        chance = gettext("%(rate)s chance") % {"rate": formats.chance(answer.pays_off or 0)}
        shown.append(
            {
                "label": gettext("Margin after goods"),
                "value": money(answer.margin.mean),
                "note": gettext("%(range)s; %(n)s without it; %(needed)s, %(chance)s")
                % {
                    "range": between(answer.margin, money),
                    "n": money(answer.margin_before or 0),
                    "needed": needed,
                    "chance": chance,
                },
            }
        )
    if abs(answer.taken) >= 1:
        shown.append(
            {"label": gettext("Others of the same line"), "value": units(answer.taken), "note": gettext("units")}
        )
    return shown


def _stock(found: Simulation) -> dict[str, Any]:
    need = found.stock
    if isinstance(need, Missing):
        return {"why": formats.say(need)}
    cover = ngettext("they last %(n)s day", "they last %(n)s days", round(need.cover_days)) % {
        "n": round(need.cover_days)
    }
    said = gettext(
        "Up to %(need)s units. If nothing is delivered until then, %(left)s of today's %(hand)s are left when it "
        "begins; %(cover)s."
    ) % {
        "need": formats.decimal(need.high),
        "left": formats.decimal(need.left),
        "hand": formats.decimal(need.on_hand),
        "cover": cover,
    }
    return {"said": said, "short": ceil(need.short) if need.short >= 1 else 0, "need": need}


PAGES = (
    Page(
        path="plans/<int:plan_id>/promotions",
        name="plan_promotions",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/<int:plan_id>/promotions/try",
        name="plan_promotion",
        view=one,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
