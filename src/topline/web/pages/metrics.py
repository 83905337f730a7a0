"""The explorer: pick metrics, slice, filter, compare; the address holds it all."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase
from django.utils.translation import gettext

from topline.boards.models import Dashboard, SavedView
from topline.boards.visual import VISUALS
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Metric, Unit
from topline.metrics.query import Filter, Query, parse_list, parse_window
from topline.metrics.result import Rest, Result
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.text import N_
from topline.web import charts, files, formats, question
from topline.web.page import Page, Visit, whole
from topline.web.question import Span

DEFAULT = ("net_sales", "orders", "average_order_value")
MOST_ROWS = 500
MOST_VALUES = 200
TOPS = (5, 10, 25, 50)
WINDOWS = (2, 3, 4, 7, 12, 28)
PARAMETERS = (
    *("metrics", "by", "where", "top", "window", "money", "from", "to", "last", "against"),
    *("view", "format", "picture"),
)
MONEYS = {
    "shop": N_("at each day's rates"),
    "constant": N_("at constant rates"),
}

_USUAL = "last_12_months"


def view(visit: Visit) -> HttpResponseBase:
    if visit.is_empty:
        span = question.span_to_mend(visit, _USUAL)
        return visit.render("metrics.html", {"span": span, "is_empty": True})
    try:
        return question.moved(visit, PARAMETERS) or _answered(visit, question.span(visit, _USUAL))
    except ToplineError as error:
        if visit.is_fragment or "format" in visit.request.GET:
            raise
        span = question.span_to_mend(visit, _USUAL)
        context = {"span": span, **_form(visit, _askable(visit, span)), **question.stuck(visit, error)}
        return visit.render("metrics.html", context, status=400)


def _answered(visit: Visit, span: Span) -> HttpResponseBase:
    asked = visit.request.GET
    query = _query(visit, span)
    shown = question.visible_metrics(visit.scope)
    result = question.by_size(question.ask(visit, query).within_data())
    currency = visit.shop.currency
    pictures = charts.of_result(result, shown, currency, span.against_label.capitalize())
    wanted = asked.get("format", "")
    if wanted and (wanted in ("csv", "xlsx") or pictures):
        name = f"{visit.shop.slug}-{query.metrics[0]}-{span.period.start}"
        chosen = min(whole(asked.get("picture")), len(pictures) - 1)
        file = files.download(
            wanted, name, lambda: files.sheet(result, shown, currency), lambda: pictures[chosen].option
        )
        if file is not None:
            return file
    context = {
        "span": span,
        "recorded_to": result.recorded_to,
        "sentence": _sentence(result, shown, currency, span),
        "pictures": pictures,
        "picture_label": _title(query, shown),
        "table": _table(visit, result, shown),
        **_form(visit, query),
        **_keeping(visit, query, span),
    }
    return visit.render("metrics.html#answer" if visit.is_fragment else "metrics.html", context)


def _query(visit: Visit, span: Span) -> Query:
    """The question of the address, over time where it doesn't say. Raises what `question.parse` raises."""
    asked = visit.request.GET
    query = question.parse(asked, span.period, span.query_against, DEFAULT)
    if "by" in asked:
        return query
    return replace(query, by=(question.grain_for(span.period).value,), window=parse_window(asked.get("window")))


def _askable(visit: Visit, span: Span) -> Query:
    """The question of the address, or as much of it as can be asked of the metrics that it names."""
    shown = question.visible_metrics(visit.scope)
    try:
        query = _query(visit, span)
        if shown.keys() >= set(query.metrics):
            return query
    except ToplineError:
        pass
    named = parse_list(",".join(visit.request.GET.getlist("metrics")))
    return Query(metrics=tuple(id_ for id_ in named if id_ in shown) or DEFAULT, period=span.period)


def _form(visit: Visit, query: Query) -> dict[str, Any]:
    """What the form offers, and what of it the question has, be it in a list or not."""
    window, cuts = query.window, [id_ for id_ in query.by if id_ not in query.time]
    windows = WINDOWS if query.time and query.time != ("hour",) else ()
    return {
        "query": query,
        "families": question.picker(visit),
        "grains": question.grains(query),
        "cuts": question.cuts(query),
        "chosen_grains": query.time or ("",),
        "chosen_cuts": cuts or [""],
        "cut": next(iter(cuts), ""),
        "tops": sorted({*TOPS, query.top or TOPS[0]}),
        "windows": sorted({*windows, window}) if isinstance(window, int) else windows,
        "moneys": _moneys(query),
        "filters": [_chip(visit, query, each) for each in query.where],
        "chosen": [metrics()[id_] for id_ in query.metrics],
    }


def _keeping(visit: Visit, query: Query, span: Span) -> dict[str, Any]:
    """What the question can be kept in: saved views, dashboards, alerts."""
    views = list(SavedView.objects.for_(visit.user, visit.shop))
    wanted = whole(visit.request.GET.get("view"))
    boards = Dashboard.objects.for_(visit.user, visit.shop)
    fields = [*question.address(query), ("against", span.against), *([("top", query.top)] if query.top else [])]
    visual = "line" if query.time else "bars" if query.by else "number"
    order = sorted((id_ for id_, each in VISUALS.items() if each.of_metrics), key=lambda id_: id_ != visual)
    alert = [("metric", query.metrics[0]), *(("where", question.written(each)) for each in query.where)]
    return {
        "views": views,
        "kept_view": next((each for each in views if each.pk == wanted), None),
        "boards": [each for each in boards if each.may_edit(visit.user, visit.permissions)],
        "visuals": [(id_, formats.say(VISUALS[id_].label)) for id_ in order],
        "question_fields": fields,
        "alert_url": f"{visit.url('alert_new')}?{urlencode(alert)}",
    }


def values(visit: Visit) -> HttpResponse:
    """The values of a dimension to filter by, the largest first."""
    span = question.span(visit, _USUAL)
    query = question.parse(visit.request.GET, span.period, None, DEFAULT)
    dimension = visit.request.GET.get("dimension", "")
    found: list[dict[str, str]] = []
    if dimension:
        asked = Query(metrics=query.metrics[:1], period=span.period, by=(dimension,), top=MOST_VALUES)
        rows = question.ask(visit, asked).rows
        found = [
            {"text": f"{dimension}={question.raw(row[dimension])}", "label": question.label(dimension, row[dimension])}
            for row in rows
            if not isinstance(row[dimension], Rest)
        ]
    return visit.render("metrics.html#values", {"values": found})


def _sentence(result: Result, shown: dict[str, Metric], currency: str, span: Span) -> str:
    """The first metric of the period, and how it compares."""
    metric = shown[result.query.metrics[0]]
    value = result.totals[metric.id]
    words = {"metric": formats.say(metric.label), "period": formats.period(span.period)}
    if isinstance(value, Missing):
        return gettext("%(metric)s in %(period)s: %(reason)s.") % {**words, "reason": formats.say(value)}
    words["value"] = formats.short(value, metric.unit, currency)
    moved = formats.change(value, (result.against_totals or {}).get(metric.id))
    if moved is None:
        return gettext("%(metric)s in %(period)s: %(value)s.") % words
    words |= {"change": formats.signed_percent(moved), "against": span.against_label}
    return gettext("%(metric)s in %(period)s: %(value)s, %(change)s against %(against)s.") % words


def _moneys(query: Query) -> list[tuple[str, str]]:
    """How other currencies may be turned into the shop's; none where a metric leaves no choice."""
    asked = [metrics()[id_] for id_ in query.metrics]
    is_free = any(metric.unit is Unit.MONEY for metric in asked) and not any(metric.is_shop_money for metric in asked)
    return [(id_, gettext(label)) for id_, label in MONEYS.items()] if is_free else []


def _title(query: Query, shown: dict[str, Metric]) -> str:
    names = ", ".join(formats.say(shown[id_].label) for id_ in query.metrics)
    return question.named(names, [question.label_of(id_) for id_ in query.by])


def _chip(visit: Visit, query: Query, condition: Filter) -> dict[str, Any]:
    others = [question.written(each) for each in query.where if each != condition]
    return {
        "label": question.said(condition),
        "text": question.written(condition),
        "others": others,
    }


def _table(visit: Visit, result: Result, shown: dict[str, Metric]) -> dict[str, Any]:
    query = result.query
    rows = result.rows if query.by else []
    twins = result.against_rows or [None] * len(rows)
    lines = [
        {
            "names": [question.label(id_, row[id_]) for id_ in query.by],
            "cells": [_cell(row[id_], twin.get(id_) if twin else None, shown[id_]) for id_ in query.metrics],
            "rows_url": _rows_url(visit, query, row),
        }
        for row, twin in zip(rows[:MOST_ROWS], twins, strict=False)
    ]
    return {
        "by": [question.label_of(id_) for id_ in query.by],
        "metrics": [shown[id_] for id_ in query.metrics],
        "lines": lines,
        "totals": [
            _cell(result.totals[id_], (result.against_totals or {}).get(id_), shown[id_]) for id_ in query.metrics
        ],
        "gone": [(shown[id_], value) for id_, value in result.totals.items() if isinstance(value, Missing)],
        "left_off": max(0, len(rows) - MOST_ROWS),
        "is_compared": query.against is not None,
    }


def _cell(value: object, before: object, metric: Metric) -> dict[str, object]:
    return {"value": value, "before": before, "metric": metric}


def _rows_url(visit: Visit, query: Query, row: Any) -> str:
    """The rows of a line: its values become filters."""
    if not visit.may("rows.read") or any(isinstance(row[id_], Rest) for id_ in query.by):
        return ""
    own = tuple(Filter(id_, (None if isinstance(row[id_], Missing) else row[id_],)) for id_ in query.by)
    return question.rows_url(visit, Query(metrics=query.metrics[:1], period=query.period, where=(*query.where, *own)))


PAGES = (
    Page(
        path="metrics",
        name="metrics",
        view=view,
        permission="metrics.read",
        place="measure",
        label=N_("Metrics"),
        icon="chart-line",
        rank=0,
    ),
    Page(path="metrics/-/values", name="metric_values", view=values, permission="metrics.read", place="measure"),
)
