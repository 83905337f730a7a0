"""Today: are the plans on course, what changed, what comes next; to who sees a part of the shop, of what is theirs."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase
from django.utils.translation import gettext, ngettext

from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Metric
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.plans import checks, drivers, jobs, own, proposals
from topline.plans.calendar import events_of
from topline.plans.models import Plan, PlanVersion, Proposal, Review, State
from topline.units.missing import Missing
from topline.units.period import Period, add_months
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web import drivers as why
from topline.web.page import Page, Visit
from topline.web.pages import plan_own, plans
from topline.web.pages import proposals as proposal_pages
from topline.web.question import Span

TILES = (
    "net_sales",
    "orders",
    "average_order_value",
    "customers",
    "new_customers",
    "return_rate",
    "gross_margin",
    "conversion_rate",
)
OWN_TILES = (
    "won_value",
    "deals_won",
    "win_rate",
    "average_deal_size",
    "pipeline_value",
    "weighted_pipeline",
    "sales_cycle_days",
    "activities",
)
"""What is anybody's own: of deals and activities."""
AHEAD = timedelta(days=60)
MOST_PROPOSALS = 3


@dataclass(frozen=True, slots=True)
class Tile:
    """A metric's value of the period, its course, and what it is compared with."""

    metric: Metric
    value: object
    before: object
    course: list[float | None]
    course_before: list[float | None]
    rows_url: str

    @property
    def reason(self) -> str:
        """Why there is no value, "" if there is one."""
        return formats.say(self.value) if isinstance(self.value, Missing) else ""


def view(visit: Visit) -> HttpResponseBase:
    span = question.span(visit)
    if visit.is_empty:
        return visit.render("home.html", {"span": span, "is_empty": True})
    is_whole = visit.scope.is_whole
    shown = question.visible_metrics(visit.scope)
    grain = question.grain_for(span.period)
    result = question.ask(
        visit,
        Query(
            metrics=tuple(id_ for id_ in (TILES if is_whole else OWN_TILES) if id_ in shown),
            period=span.period,
            by=(grain.value,),
            against=span.query_against,
        ),
    )
    year = _year(visit)
    wanted = visit.request.GET.get("format", "")
    if wanted:
        return _download(visit, wanted, result, year)
    context = {
        "span": span,
        "tiles": list(_tiles(visit, result, shown)),
        "recorded_to": result.recorded_to,
        "picture": year.picture,
        "year_metric": shown[year.metric],
        "events": _events(visit),
    }
    if not is_whole:
        return visit.render("home.html", context | _own(visit, result, span))
    running = next(iter(_running(visit)), None)
    context |= {
        "next_plan": _next_plan(visit) if running is None else None,
        "may_draft": running is None and visit.may("plans.write"),
        "sentence": _sentence(visit, result, span),
        "plan": running and running.plan,
    }
    return visit.render("home.html", context)


def _own(visit: Visit, result: Result, span: Span) -> dict[str, Any]:
    """The person's quota in each plan in force, what is due from them, and their deals."""
    may_read = visit.may("plans.read")
    found = [plan_own.shown(visit, version) for version in own.running(visit.shop, visit.today)] if may_read else []
    won = result.totals["won_value"]
    said = gettext("You won %(amount)s in %(period)s.") % {
        "amount": formats.short_money(won if isinstance(won, Decimal) else Decimal(0), visit.shop.currency),
        "period": formats.period(span.period),
    }
    if not visit.scope.owners:
        said = formats.say(plan_own.UNNAMED)
    elif found:
        said = found[0]["sentence"]
    return {"sentence": said, "own": found, "deals": plan_own.deals(visit)}


def _next_plan(visit: Visit) -> Plan | None:
    """The plan that begins next; of a pair the one that was made first."""
    if not visit.may("plans.read"):
        return None
    return Plan.objects.of(visit.shop).filter(starts_on__gt=visit.today).order_by("starts_on", "pk").first()


def plan_view(visit: Visit) -> HttpResponse:
    """How the plans in force go, why, and what to do; 204 until the forecast of the day is made."""
    running = _running(visit) if visit.scope.is_whole else []
    if not running:
        return HttpResponse()
    rests = [jobs.look_ahead(version.plan) for version in running]
    found = [rest.snapshot for rest in rests if rest.snapshot is not None]
    if len(found) < len(running):
        error = next((said for rest in rests if rest.snapshot is None and (said := formats.failure(rest.job))), "")
        return (
            visit.render("home.html#broken", {"plan": running[0].plan, "error": error})
            if error
            else HttpResponse(status=204)
        )
    shown = [_standing(visit, *each) for each in zip(running, found, strict=True)]
    for i, one in enumerate(shown):
        twin = next((other for other in shown[:i] if _moves_alike(one, other)), None)
        one["twin"] = twin and twin["plan"]
        one["has_own_figures"] = twin is None or twin["figures"] != one["figures"]
    context = {"shown": shown, "sentence": shown[0]["sentence"], "proposals": _proposals(visit)}
    return visit.render("home.html#plan", context | {"may_write": visit.may("plans.write")})


def _moves_alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two plans have one goal and time, so that the course and the reasons are the same."""
    return bool(one["course"].option == other["course"].option and one["why"] == other["why"])


def _standing(visit: Visit, version: PlanVersion, snapshot: Snapshot) -> dict[str, Any]:
    """How one plan goes, and why: against the plan itself where it is in force, and against last year."""
    plan, currency = version.plan, visit.shop.currency
    look = checks.look(version, visit.today, snapshot)
    sides = drivers.AGAINST if version.state == State.ACTIVE else drivers.AGAINST[1:]
    found = (drivers.of(visit.shop, plan.period, visit.today, snapshot, against) for against in sides)
    headline = plans.sentences(version, look.headline)
    status, tone = plans.STATUSES[look.status]
    return {
        "plan": plan,
        "status": formats.say(status),
        "tone": tone,
        "sentence": headline[0],
        "more": headline[1:],
        "course": plans.course(version, look),
        "figures": list(plans.figures(version, look)),
        "why": [why.shown(each, currency) for each in found] if look.total.actual is not None else [],
        "review_on": Review.objects.of(plan).filter(held_at=None).values_list("on", flat=True).first(),
    }


def _proposals(visit: Visit) -> list[dict[str, Any]]:
    """The most promising proposals of the week that wait for a decision, for those who may see what they bring."""
    if not visit.may("finance.read"):
        return []
    week = proposals.monday(visit.today)
    waiting = Proposal.objects.of(visit.shop).filter(week=week, state=Proposal.State.OPEN)[:MOST_PROPOSALS]
    return [proposal_pages.shown(visit, one) for one in waiting]


def _running(visit: Visit) -> list[PlanVersion]:
    """What counts of the plans in force today; where none is, of the newest that the day lies in."""
    if not visit.may("plans.read"):
        return []
    found = [plan.current for plan in Plan.objects.of(visit.shop).touching(visit.today)]
    active = [version for version in found if version.state == State.ACTIVE]
    return active or found[:1]


def _tiles(visit: Visit, result: Result, shown: dict[str, Metric]) -> Iterator[Tile]:
    for id_ in result.query.metrics:
        value = result.totals[id_]
        if isinstance(value, Missing) and value.reason not in {"no_orders"}:
            continue
        yield Tile(
            metric=shown[id_],
            value=value,
            before=(result.against_totals or {}).get(id_),
            course=question.column(result, id_),
            course_before=question.against_column(result, id_),
            rows_url=question.rows_url(visit, Query(metrics=(id_,), period=result.query.period)),
        )


def _sentence(visit: Visit, result: Result, span: Span) -> str:
    """What the page answers, in a sentence: how sales went, and what moved them."""
    sales, before = result.totals["net_sales"], (result.against_totals or {}).get("net_sales")
    if isinstance(sales, Missing):
        return gettext("No sales between %(period)s.") % {"period": formats.period(span.period)}
    amount = formats.short_money(sales, visit.shop.currency)
    moved = formats.change(sales, before)
    if moved is None:
        return gettext("Net sales are %(amount)s in %(period)s.") % {
            "amount": amount,
            "period": formats.period(span.period),
        }
    orders = formats.change(result.totals.get("orders"), (result.against_totals or {}).get("orders")) or 0.0
    size = formats.change(
        result.totals.get("average_order_value"), (result.against_totals or {}).get("average_order_value")
    )
    driver = gettext("the number of orders") if abs(orders) >= abs(size or 0.0) else gettext("the size of orders")
    template = (
        N_("Net sales are up %(change)s at %(amount)s, mostly by %(driver)s.")
        if moved > 0
        else N_("Net sales are down %(change)s at %(amount)s, mostly by %(driver)s.")
    )
    return gettext(template) % {"change": formats.percent(abs(moved)), "amount": amount, "driver": driver}


@dataclass(frozen=True, slots=True)
class Year:
    """The last twelve months of a metric against the year before: the answer and its picture."""

    metric: str
    result: Result
    picture: charts.Picture


def _download(visit: Visit, wanted: str, figures: Result, year: Year) -> HttpResponseBase:
    """The figures, or with `what=year` the year, as a file."""
    is_year = visit.request.GET.get("what") == "year"
    result = year.result if is_year else figures
    file = files.download(
        wanted,
        f"{visit.shop.slug}-{'year' if is_year else 'today'}",
        lambda: files.sheet(result, metrics(), visit.shop.currency),
        lambda: year.picture.option,
    )
    if file is None:
        raise Http404
    return file


def _year(visit: Visit) -> Year:
    """Actual of the last twelve months against the year before."""
    month = question.anchor(visit).replace(day=1)
    period = Period(add_months(month, -12), month)
    metric = "net_sales" if visit.scope.is_whole else "won_value"
    result = question.ask(visit, Query(metrics=(metric,), period=period, by=("month",), against="last_year"))
    rows = [
        charts.Line(gettext("Actual"), question.column(result, metric), "actual"),
        charts.Line(gettext("Last year"), question.against_column(result, metric), "last_year"),
    ]
    axis = question.axis(result, "month")
    title = gettext("Net sales by month") if visit.scope.is_whole else gettext("Won by you, by month")
    return Year(metric, result, charts.picture(title, axis, rows, unit="money", currency=visit.shop.currency))


def _events(visit: Visit) -> list[dict[str, Any]]:
    """The retail events of the next weeks, soonest first."""
    ahead = Period(visit.today, visit.today + AHEAD)
    found = [one for one in events_of(visit.shop, ahead) if one.start >= visit.today]
    return [
        {
            "label": formats.say(one.label),
            "start": one.start,
            "in": _in_days((one.start - visit.today).days),
            "is_estimate": one.is_estimate,
        }
        for one in found[:5]
    ]


def _in_days(days: int) -> str:
    return gettext("today") if days == 0 else ngettext("in %(n)s day", "in %(n)s days", days) % {"n": days}


PAGES = (
    Page(path="", name="home", view=view, permission="metrics.read", place="today", label=N_("Today"), icon="sun"),
    Page(path="today/plan", name="home_plan", view=plan_view, permission="plans.read", place="today"),
)
