"""Analyses: the catalogue, and their answers as tables."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Annotated, Literal

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from topline.accounts.scopes import scope_for
from topline.analysis import catalogue
from topline.analysis.result import Result, Table, sheet
from topline.api.auth import Requires, caller
from topline.api.metrics import require_known
from topline.documents import csv, xlsx
from topline.lake.analyse import analyse
from topline.metrics.query import parse_filter, parse_period
from topline.units.period import parse_day

router = Router()


class ChoiceOut(Schema):
    """`options` are the values allowed; without any, `example` shows one."""

    id: str
    label: str
    description: str
    options: list[str]
    several: bool
    example: str


class AnalysisOut(Schema):
    id: str
    label: str
    description: str
    method: str
    choices: list[ChoiceOut]
    dimensions: list[str]


class Asked(Schema):
    """What every analysis may be asked; its own choices are further parameters of the address."""

    start: Annotated[str | None, Field(description="First day, or month: 2027-01")] = None
    end: Annotated[str | None, Field(description="The day, or month, after the last")] = None
    where: Annotated[list[str], Field(description="Filters: market=GB,FR; an empty value is “none”")] = []
    as_of: Annotated[str | None, Field(description="Only what happened before this day")] = None
    table: Annotated[str, Field(description="Only this table; CSV has the first one by default")] = ""
    format: Annotated[Literal["json", "csv", "xlsx"], Field(description="How to answer")] = "json"


class TableOut(Schema):
    id: str
    columns: list[dict[str, object]]
    missing: str | None
    rows: list[dict[str, object]]


class AnalysisAnswerOut(Schema):
    """Amounts are decimal strings; a missing value is {"missing": reason}.

    A column states its unit, of money its currency; a column without one may hold figures of several units, each as
    {"value", "unit", "currency"}.
    """

    sentence: str
    missing: str | None
    notes: list[str]
    tables: list[TableOut]
    currency: str
    snapshot: int | None
    recorded_to: str | None


def _choices() -> Iterator[dict[str, object]]:
    """The choices of all analyses as OpenAPI has parameters."""
    of = defaultdict[str, list[str]](list)
    for analysis in catalogue.analyses().values():
        for choice in analysis.choices:
            of[choice.id].append(analysis.id)
    for id_, analyses in of.items():
        told = f"A choice of {', '.join(analyses)}"
        yield {"in": "query", "name": id_, "schema": {"type": "string"}, "required": False, "description": told}


@router.get("/shops/{shop}/analyses", response=list[AnalysisOut], auth=Requires("metrics.read"), summary="The analyses")
def list_analyses(request: HttpRequest, shop: str) -> list[dict[str, object]]:
    return [
        {
            "id": each.id,
            "label": _(each.label),
            "description": _(each.description),
            "method": _(each.method),
            "dimensions": sorted(each.dimensions),
            "choices": [
                {
                    "id": choice.id,
                    "label": _(choice.label),
                    "description": _(choice.description) if choice.description else "",
                    "options": list(choice.options),
                    "several": choice.several,
                    "example": choice.example,
                }
                for choice in each.choices
            ],
        }
        for each in catalogue.analyses().values()
    ]


@router.get(
    "/shops/{shop}/analyses/{analysis}",
    response=AnalysisAnswerOut,
    auth=Requires("metrics.read"),
    summary="Ask an analysis",
    openapi_extra={"parameters": list(_choices())},
)
def answer(request: HttpRequest, shop: str, analysis: str, asked: Query[Asked]) -> dict[str, object] | HttpResponseBase:
    """Its choices are parameters too: `/analyses/cohorts?by=channel&measure=net_sales`."""
    who = caller(request)
    found = catalogue.named(analysis)
    question = found.asked(
        {name: str(value) for name, value in request.GET.items() if name not in Asked.model_fields},
        period=parse_period(asked.start, asked.end),
        where=[parse_filter(text) for text in asked.where],
        as_of=parse_day(asked.as_of) if asked.as_of else None,
    )
    require_known(who, question.where)
    result = analyse(who.shop.lake(), question, scope=scope_for(who.user, who.shop), settings=who.shop.settings())
    tables = _allowed(result, asked.table, may_see_people="rows.read" in who.token.permissions())
    match asked.format:
        case "csv":
            return StreamingHttpResponse(
                csv.lines(sheet(tables[0], who.shop.currency, say=_)) if tables else iter(()),
                content_type="text/csv; charset=utf-8",
            )
        case "xlsx":
            book = xlsx.write([sheet(table, who.shop.currency, say=_) for table in tables])
            return HttpResponse(book, content_type=xlsx.CONTENT_TYPE)
    plain = result.to_json()
    names = {table.id for table in tables}
    return plain | {"tables": [each for each in plain["tables"] if each["id"] in names]}  # type: ignore[attr-defined]


def _allowed(result: Result, only: str, *, may_see_people: bool) -> list[Table]:
    """The tables asked for that the caller may see. Raises PermissionDenied if that leaves out the one asked for."""
    if only and result.table(only).is_personal and not may_see_people:
        raise PermissionDenied("rows.read")
    asked = [result.table(only)] if only else result.tables
    return [table for table in asked if may_see_people or not table.is_personal]
