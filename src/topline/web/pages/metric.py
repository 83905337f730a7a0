"""A metric's own page: what it is, how it went, where it comes from."""

from django.http import Http404, HttpResponse
from django.utils.translation import gettext

from topline.metrics.catalogue import dimensions
from topline.metrics.metric import Direction, Metric, RollUp
from topline.metrics.query import Query
from topline.metrics.settings import Basis
from topline.units.text import N_
from topline.web import charts, formats, question
from topline.web.page import Page, Visit
from topline.web.question import Span

DIRECTIONS = {
    Direction.UP: N_("More is better"),
    Direction.DOWN: N_("Less is better"),
    Direction.NONE: N_("Neither more nor less is better by itself"),
}
ROLL_UPS = {
    RollUp.SUM: N_("The parts add up to the total."),
    RollUp.DISTINCT: N_("The total is counted again: something in two parts counts once."),
    RollUp.RATIO: N_("Both sides are summed first, then divided; never a mean of ratios."),
    RollUp.ANEW: N_("The total is worked out anew from all rows."),
}
BASES = {
    Basis.EVENT: N_("By event date: a refund counts on the day it happened."),
    Basis.ORDER: N_("By order date: a refund counts on its order's day."),
}
UNITS = {
    "money": N_("Amount in the shop's currency"),
    "count": N_("Count"),
    "quantity": N_("Quantity"),
    "rate": N_("Rate"),
    "ratio": N_("Ratio"),
    "days": N_("Days"),
    "months": N_("Months"),
}


def view(visit: Visit, metric_id: str) -> HttpResponse:
    metric = question.visible_metrics(visit.scope).get(metric_id)
    if metric is None:
        raise Http404
    span = question.span(visit, "last_12_months")
    context = {
        "metric": metric,
        "span": span,
        "unit": formats.say(UNITS[metric.unit]),
        "direction": formats.say(DIRECTIONS[metric.direction]),
        "roll_up": formats.say(ROLL_UPS[metric.roll_up]),
        "basis": formats.say(BASES[visit.shop.settings().basis]) if metric.basis else "",
        "cuts": [
            (
                formats.say(each.label),
                question.explore_url(visit, Query(metrics=(metric.id,), period=span.period, by=(id_,))),
            )
            for id_, each in dimensions().items()
            if id_ in metric.dimensions and not each.grain
        ],
        "explore_url": question.explore_url(
            visit, Query(metrics=(metric.id,), period=span.period, by=_grain(metric, span))
        ),
        "rows_url": question.rows_url(visit, Query(metrics=(metric.id,), period=span.period)),
        **_trend(visit, metric, span),
    }
    return visit.render("metric.html", context)


def _grain(metric: Metric, span: Span) -> tuple[str, ...]:
    grain = question.grain_for(span.period).value
    return (grain,) if grain in metric.dimensions else ()


def _trend(visit: Visit, metric: Metric, span: Span) -> dict[str, object]:
    query = Query(metrics=(metric.id,), period=span.period, by=_grain(metric, span), against=span.query_against)
    result = question.ask(visit, query)
    found: dict[str, object] = {
        "value": result.totals[metric.id],
        "before": (result.against_totals or {}).get(metric.id),
        "recorded_to": result.recorded_to,
    }
    if query.by and any(value is not None for value in question.column(result, metric.id)):
        label = formats.say(metric.label)
        rows = [charts.Line(label, question.column(result, metric.id), "actual")]
        if result.against_rows is not None:
            rows.append(
                charts.Line(span.against_label.capitalize(), question.against_column(result, metric.id), "last_year")
            )
        axis = question.axis(result, query.by[0])
        title = gettext("%(metric)s by %(grain)s") % {
            "metric": label,
            "grain": formats.say(dimensions()[query.by[0]].label).lower(),
        }
        found["picture"] = charts.picture(title, axis, rows, unit=metric.unit, currency=visit.shop.currency)
    return found


PAGES = (Page(path="metrics/<slug:metric_id>", name="metric", view=view, permission="metrics.read", place="measure"),)
