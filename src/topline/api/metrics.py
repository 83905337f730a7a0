"""Metrics: the catalogue, its questions, and the rows behind an answer."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema
from pydantic import Field

from topline.accounts.scopes import scope_for
from topline.api import paging
from topline.api.auth import Caller, Requires, caller
from topline.lake import known_value
from topline.lake import read as lake
from topline.metrics import query
from topline.metrics.catalogue import metrics
from topline.metrics.result import Result
from topline.units.period import parse_day

router = Router()


class MetricOut(Schema):
    id: str
    label: str
    description: str
    formula: str
    unit: str
    family: str
    direction: str
    basis: Annotated[bool, Field(description="Whether the choice of event date or order date moves it")]
    roll_up: str
    dimensions: list[str]
    leaders: str
    note: str
    parts: Annotated[list[str], Field(description="Metrics that are read with it, such as the ends of its interval")]


class Question(Schema):
    """A question as a command line or an address writes it."""

    metrics: Annotated[str, Field(description="Metric ids, by commas: net_sales,orders")]
    by: Annotated[str, Field(description="Dimensions and grains, by commas: month,channel")] = ""
    start: Annotated[str | None, Field(description="First day, or month: 2027-01")] = None
    end: Annotated[str | None, Field(description="The day, or month, after the last")] = None
    where: Annotated[list[str], Field(description="Filters: market=GB,FR; an empty value is “none”")] = []
    against: Annotated[
        str | None,
        Field(description="What to compare with: previous, last_year, last_year_weekday, last_year_feast or plan"),
    ] = None
    as_of: Annotated[str | None, Field(description="Only what happened before this day")] = None
    known_at: Annotated[
        str | None,
        Field(description="Only what Topline knew at this moment: 2026-11-01T09:30Z; a day is its start, UTC"),
    ] = None
    top: Annotated[int | None, Field(ge=1, le=1000, description="So many values, and the rest as one")] = None
    window: Annotated[str | None, Field(description="cumulative, or the number of buckets up to each")] = None
    money: Annotated[
        str, Field(description="shop: its currency; order: the orders' own; constant: the shop's at constant rates")
    ] = "shop"

    def parsed(self) -> query.Query:
        return query.parse(
            self.metrics,
            by=self.by,
            start=self.start,
            end=self.end,
            where=self.where,
            against=self.against,
            as_of=self.as_of,
            known_at=self.known_at,
            top=self.top,
            window=self.window,
            money=self.money,
        )


class Answer(Schema):
    """Amounts are decimal strings; a missing value is {"missing": reason}.

    A compared question adds `<metric>_before` and `<metric>_change` (a rate) to every row.
    """

    columns: list[str]
    rows: list[dict[str, object]]
    totals: dict[str, object]
    currency: str
    snapshot: int | None
    recorded_to: str | None


class Rows(Schema):
    """Rows of a fact, by day; `next` is the cursor of the page after, null on the last."""

    fact: str
    rows: list[dict[str, object]]
    next: str | None


@router.get(
    "/shops/{shop}/metrics", response=list[MetricOut], auth=Requires("metrics.read"), summary="The metric catalogue"
)
def list_metrics(request: HttpRequest, shop: str) -> list[dict[str, object]]:
    hidden = scope_for(caller(request).user, caller(request).shop).hidden_families
    return [
        {
            "id": metric.id,
            "label": _(metric.label),
            "description": _(metric.description),
            "formula": metric.formula,
            "unit": metric.unit,
            "family": metric.family,
            "direction": metric.direction,
            "basis": metric.basis,
            "roll_up": metric.roll_up,
            "dimensions": sorted(metric.dimensions),
            "leaders": _(metric.leaders) if metric.leaders else "",
            "note": _(metric.note) if metric.note else "",
            "parts": list(metric.parts),
        }
        for metric in metrics().values()
        if metric.family not in hidden
    ]


@router.get("/shops/{shop}/query", response=Answer, auth=Requires("metrics.read"), summary="Ask for figures")
def ask(request: HttpRequest, shop: str, question: Query[Question]) -> dict[str, object]:
    who = caller(request)
    parsed = question.parsed()
    require_known(who, parsed.where, parsed.metrics)
    result = lake.read(who.shop.lake(), parsed, scope=scope_for(who.user, who.shop), settings=who.shop.settings())
    return answer(result.within_data())


def require_known(who: Caller, where: Iterable[query.Filter], of: Iterable[str] = ()) -> None:
    """Passes filters whose values the shop has, and the metrics can. Raises the errors of `known_value.require`."""
    scope = scope_for(who.user, who.shop)
    known_value.require(who.shop.lake(), where, scope=scope, settings=who.shop.settings(), of=of)


def answer(result: Result) -> dict[str, object]:
    """The result as JSON has it."""
    return {
        "columns": list(result.columns),
        "rows": result.to_json(),
        "totals": result.totals_to_json(),
        "currency": result.settings.currency,
        "snapshot": result.snapshot,
        "recorded_to": result.recorded_to.isoformat() if result.recorded_to else None,
    }


@router.get("/shops/{shop}/rows", response=Rows, auth=Requires("rows.read"), summary="The rows behind a figure")
def show_rows(
    request: HttpRequest,
    shop: str,
    question: Query[Question],
    limit: Annotated[int, Field(ge=1, le=1000)] = 100,
    after: str | None = None,
) -> dict[str, object]:
    who = caller(request)
    parsed = question.parsed()
    require_known(who, parsed.where, parsed.metrics)
    page = lake.rows(
        who.shop.lake(),
        parsed,
        scope=scope_for(who.user, who.shop),
        settings=who.shop.settings(),
        limit=limit,
        after=_position(after) if after else None,
    )
    following = paging.encode([page.after[0].isoformat(), page.after[1]]) if page.after else None
    return {"fact": page.fact, "rows": [_plain_row(row) for row in page.rows], "next": following}


def _position(cursor: str) -> tuple[date, str]:
    match paging.decode(cursor):
        case [str(day), str(key)]:
            return parse_day(day), key
    raise paging.CursorError(cursor=cursor)


def _plain_row(row: Mapping[str, Any]) -> dict[str, object]:
    """The row with its amounts as decimal strings and its times in ISO 8601."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in row.items()}
