"""Analyses: what there is to ask, and a page for each, made of what the analysis says about itself."""

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import redirect

from topline.analysis import catalogue
from topline.analysis.analysis import Analysis, Question, UnknownAnalysisError
from topline.analysis.result import Column, Table
from topline.boards.models import Dashboard
from topline.crm.models import Person
from topline.documents import xlsx
from topline.lake.analyse import analyse
from topline.metrics.catalogue import dimensions
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.text import N_
from topline.web import answered, files, question
from topline.web.page import Page, Visit, problem
from topline.web.question import Span

MOST_BYTES = 2_000_000
LONG = 12
"""From so many months on, a tile pinned to a dashboard keeps them instead of following its period."""

_TYPED = ("from", "to", "last", "where", "format", "table", "against", "page")
_USUAL = "last_24_months"


def index(visit: Visit) -> HttpResponse:
    return visit.render("analyses.html", {"analyses": list(catalogue.analyses().values())})


def view(visit: Visit, analysis_id: str) -> HttpResponseBase:
    try:
        analysis = catalogue.named(analysis_id)
    except UnknownAnalysisError as error:
        return problem(visit, error, status=404)
    if visit.is_empty:
        span = question.span_to_mend(visit, _USUAL)
        return visit.render("analysis.html", {"analysis": analysis, "span": span, "is_empty": True})
    try:
        return _moved(visit, analysis) or _answered(visit, analysis, question.span(visit, _USUAL))
    except ToplineError as error:
        if visit.is_fragment or "format" in visit.request.GET:
            raise
        span = question.span_to_mend(visit, _USUAL)
        context = {"without_comparison": True, **_form(analysis, _askable(visit, analysis, span))}
        context |= {"analysis": analysis, "span": span, **question.stuck(visit, error)}
        return visit.render("analysis.html", context, status=400)


def _moved(visit: Visit, analysis: Analysis) -> HttpResponseBase | None:
    """To the address with filters for the dimensions among its parameters; what is none stays, for `_asked` to say."""
    named = {name for name in visit.request.GET if name not in dimensions()}
    return question.moved(visit, {*_TYPED, *named, *(choice.id for choice in analysis.choices)})


def _answered(visit: Visit, analysis: Analysis, span: Span) -> HttpResponseBase:
    asked = _asked(visit, analysis, span)
    question.require_known(visit, asked.where)
    result = analyse(visit.shop.lake(), asked, scope=visit.scope, settings=visit.shop.settings())
    tables = [_named(visit, each) for each in result.tables if not each.is_personal or visit.may("rows.read")]
    if file := _file(visit, analysis, tables):
        return file
    goals_at = visit.url("goal_proposed") if visit.may("plans.write") else ""
    context = {
        "analysis": analysis,
        "span": span,
        "without_comparison": True,
        "recorded_to": result.recorded_to,
        "result": result,
        **_form(analysis, asked),
        "tables": [answered.shown(table, visit.shop.currency, goals_at=goals_at) for table in tables],
        "boards": [
            board
            for board in Dashboard.objects.for_(visit.user, visit.shop)
            if board.may_edit(visit.user, visit.permissions)
        ],
        "months": months if (months := span.period.whole_months() or 0) >= LONG else "",
        "summary": result.summary(),
        "is_known": not isinstance(result.sentence, Missing),
    }
    return visit.render("analysis.html#answer" if visit.is_fragment else "analysis.html", context)


def _askable(visit: Visit, analysis: Analysis, span: Span) -> Question:
    """The question of the address, or the analysis without any choice where it can't be asked."""
    try:
        return _asked(visit, analysis, span)
    except ToplineError:
        return analysis.asked({}, period=span.period, where=(), as_of=visit.shop.horizon())


def _form(analysis: Analysis, asked: Question) -> dict[str, Any]:
    return {
        "choices": answered.choices(analysis, asked),
        "cuts": [each for id_, each in dimensions().items() if id_ in analysis.dimensions],
        "filters": [_chip(asked, i) for i in range(len(asked.where))],
    }


def fill(visit: Visit, analysis_id: str) -> HttpResponseBase:
    """Takes a CSV file for a choice, and goes on to the page with what it says."""
    if visit.request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    analysis = catalogue.analyses().get(analysis_id)
    file = visit.request.FILES.get("file")
    if analysis is None or file is None:
        raise Http404
    parameters = visit.request.POST.copy()
    parameters.pop("csrfmiddlewaretoken", None)
    choice = str(parameters.pop("choice", [""])[0])
    text = file.read(MOST_BYTES).decode("utf-8-sig", "replace")
    parameters[choice] = analysis.filled(choice, text, {name: str(value) for name, value in parameters.items()})
    return redirect(f"{visit.url('analysis', analysis.id)}?{parameters.urlencode(safe=',:=')}")


def _named(visit: Visit, table: Table) -> Table:
    """The table with the names of the people in it, for who may see customers by name."""
    if not table.is_personal or not visit.may("customers.read"):
        return table
    key = table.columns[0].id
    names = Person.objects.names(visit.shop, [str(row[key]) for row in table.rows])
    if not names:
        return table
    column = Column(id="name", label=N_("Name"))
    rows = [{**row, "name": names.get(str(row[key]))} for row in table.rows]
    return replace(table, columns=(table.columns[0], column, *table.columns[1:]), rows=rows)


def _asked(visit: Visit, analysis: Analysis, span: Span) -> Question:
    """The question of the address. Raises the errors of `Analysis.asked`."""
    parameters = visit.request.GET
    known = {choice.id for choice in analysis.choices}
    choices = {
        name: ",".join(parameters.getlist(name))
        for name in parameters
        if (parameters.get(name) if name in known else name not in _TYPED and not question.APPENDED.fullmatch(name))
    }
    return analysis.asked(
        choices,
        period=span.period,
        where=question.filters(parameters.getlist("where")),
        as_of=visit.shop.horizon(),
    )


def _file(visit: Visit, analysis: Analysis, tables: list[Table]) -> HttpResponseBase | None:
    """The file asked for: a table as CSV or its chart, the first by default; all tables as one workbook."""
    wanted, id_ = visit.request.GET.get("format", ""), visit.request.GET.get("table", "")
    chosen = [table for table in tables if id_ in ("", table.id)]
    if not wanted or not chosen:
        return None
    name, currency = f"{visit.shop.slug}-{analysis.id}", visit.shop.currency
    if wanted == "xlsx":
        book = xlsx.write(answered.file_sheet(each, currency) for each in chosen)
        return files.bytes_file(f"{name}.xlsx", book, xlsx.CONTENT_TYPE)
    return answered.download(wanted, f"{name}-{chosen[0].id}", chosen[0], currency)


def _chip(asked: Question, i: int) -> dict[str, Any]:
    return {
        "label": question.said(asked.where[i]),
        "text": question.written(asked.where[i]),
        "others": [question.written(each) for j, each in enumerate(asked.where) if j != i],
    }


PAGES = (
    Page(
        path="analyses",
        name="analyses",
        view=index,
        permission="metrics.read",
        place="measure",
        label=N_("Analyses"),
        icon="chart-dots",
    ),
    Page(path="analyses/<slug:analysis_id>", name="analysis", view=view, permission="metrics.read", place="measure"),
    Page(
        path="analyses/<slug:analysis_id>/file",
        name="analysis_file",
        view=fill,
        permission="metrics.read",
        place="measure",
    ),
)
