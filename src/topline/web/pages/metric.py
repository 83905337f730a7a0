"""A metric's own page: what it is, how it went, where it comes from."""

from typing import Any

from django.http import Http404, HttpResponseBase
from django.utils.translation import gettext

from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.metric import Direction, Metric, RollUp, Value
from topline.metrics.query import Query, UnknownMetricError
from topline.metrics.settings import Basis
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit, problem
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


def view(visit: Visit, metric_id: str) -> HttpResponseBase:
    try:
        Query(metrics=(metric_id,))
    except UnknownMetricError as error:
        return problem(visit, error, status=404)
    metric = question.visible_metrics(visit.scope).get(metric_id)
    if metric is None:
        raise Http404
    span = question.span(visit, "last_12_months")
    trend = _trend(visit, metric, span)
    wanted = visit.request.GET.get("format", "")
    if wanted:
        return _download(visit, wanted, metric, trend)
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
        "parts": _parts(visit, metric, span),
        "is_empty": visit.is_empty,
        **trend,
    }
    return visit.render("metric.html", context)


def _parts(visit: Visit, metric: Metric, span: Span) -> list[tuple[Metric, Value]]:
    """The metrics that are shown beside it, with their values over the period."""
    shown = question.visible_metrics(visit.scope)
    ids = tuple(id_ for id_ in metric.parts if id_ in shown)
    if not ids:
        return []
    totals = question.ask(visit, Query(metrics=ids, period=span.period)).totals
    return [(shown[id_], totals[id_]) for id_ in ids]


def _grain(metric: Metric, span: Span) -> tuple[str, ...]:
    grain = question.grain_for(span.period).value
    return (grain,) if grain in metric.dimensions else ()


def _download(visit: Visit, wanted: str, metric: Metric, trend: dict[str, Any]) -> HttpResponseBase:
    """The course of the metric as a file."""
    picture = trend.get("picture")
    kinds = files.KINDS if picture else ("csv", "xlsx")
    file = None
    if wanted in kinds:
        file = files.download(
            wanted,
            f"{visit.shop.slug}-{metric.id}",
            lambda: files.sheet(trend["result"], metrics(), visit.shop.currency),
            lambda: picture.option if picture else {},
        )
    if file is None:
        raise Http404
    return file


def _trend(visit: Visit, metric: Metric, span: Span) -> dict[str, Any]:
    query = Query(metrics=(metric.id,), period=span.period, by=_grain(metric, span), against=span.query_against)
    result = question.ask(visit, query)
    found: dict[str, Any] = {
        "value": result.totals[metric.id],
        "before": (result.against_totals or {}).get(metric.id),
        "recorded_to": result.recorded_to,
        "result": result,
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
