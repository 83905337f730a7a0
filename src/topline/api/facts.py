"""Facts: rows of what happened, sent by programs in batches."""

from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Path, Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.problem import problem
from topline.connectors import rows
from topline.facts.table import Table, tables
from topline.imports import spool
from topline.lake.error import UnknownFactError

router = Router()


class ColumnOut(Schema):
    name: str
    type: str
    is_required: bool
    choices: list[str]


class FactOut(Schema):
    """A kind of fact and its columns. `identity` names a row; where it is empty, every row needs a `key`."""

    table: str
    description: str
    identity: list[str]
    personal: Annotated[list[str], Field(description="Columns of your ids of people: kept as keyed hashes only")]
    columns: list[ColumnOut]


class FaultOut(Schema):
    row: Annotated[int, Field(description="The row's place in what was sent, from 0")]
    column: str
    code: str
    message: Annotated[str, Field(description="What is wrong, and what to do")]


class SentOut(Schema):
    accepted: Annotated[int, Field(description="Rows that are safe on disk, and on pages within seconds")]
    refused: int
    errors: Annotated[list[FaultOut], Field(description="The first fault of each refused row")]


_ROWS = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "array", "maxItems": spool.MOST_ROWS, "items": {"type": "object"}}},
            "application/x-ndjson": {"schema": {"type": "string"}},
            "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
            "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


@router.get("/facts", response=list[FactOut], auth=Requires("facts.write"), summary="The facts that may be sent")
def list_facts(request: HttpRequest) -> list[dict[str, object]]:
    return [_shown(table) for table in tables().values() if not table.is_own]


@router.post(
    "/facts/{table}",
    response={202: SentOut, 422: SentOut},
    auth=Requires("facts.write"),
    summary="Send up to 10,000 rows of a fact; the right ones are kept, each wrong one is named",
    openapi_extra=_ROWS,
)
@decorate_view(once)
def send_facts(
    request: HttpRequest,
    table: Annotated[str, Path(description="The kind of fact, such as web_event")],
    source: Annotated[
        str, Query(pattern=r"^[a-z0-9_-]{1,40}$", description="Names where the rows come from: a part of their keys")
    ] = "api",
) -> Status[dict[str, object]] | HttpResponse:
    """Rows as a JSON list of objects, NDJSON, Arrow IPC or Parquet, by Content-Type; at most 10 MB.

    A row sent again under its key replaces the one before: nothing counts twice.
    """
    fact = _fact(table)
    sent = rows.parse(request.body, request.content_type or "", most=spool.MOST_ROWS)
    try:
        taken = spool.send(shop=caller(request).shop, table=fact, sent=sent, source=source, now=timezone.now())
    except spool.SpoolFullError as error:
        response = problem(429, error.code, _(error.message))
        response.headers["Retry-After"] = "5"
        return response
    faults = [
        {"row": each.row, "column": each.column, "code": each.reason, "message": _message(each)}
        for each in taken.faults
    ]
    content_out = {"accepted": taken.batch.num_rows, "refused": len(faults), "errors": faults}
    return Status(422 if faults and not taken.batch.num_rows else 202, content_out)


def _message(fault: rows.Fault) -> str:
    return _(rows.REASONS[fault.reason]) % fault.params


def _fact(name: str) -> Table:
    """Raises UnknownFactError, OwnFactError."""
    known = tables()
    own = ", ".join(sorted(each for each, table in known.items() if not table.is_own))
    if name not in known:
        raise UnknownFactError(fact=name, known=own)
    if known[name].is_own:
        raise rows.OwnFactError(table=name, known=own)
    return known[name]


def _shown(table: Table) -> dict[str, object]:
    names = [name for name in rows.accepted(table) if name not in ("key", "version", "updated_at")]
    schema = table.schema
    return {
        "table": table.name,
        "description": table.description,
        "identity": list(table.identity),
        "personal": list(table.personal_keys),
        "columns": [
            {
                "name": name,
                "type": str(schema.field(name).type),
                "is_required": not schema.field(name).nullable and name not in table.defaults,
                "choices": list(table.choices.get(name, ())),
            }
            for name in names
        ],
    }
