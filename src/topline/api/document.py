"""The plan document: its sections read and written, its live numbers, its history, its comments, and templates."""

from datetime import date, datetime
from typing import Annotated, Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext
from ninja import Path, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.models import User
from topline.accounts.scopes import scope_for
from topline.api.auth import Caller, Requires, caller
from topline.api.once import once
from topline.api.plans import UnknownPlanError
from topline.api.sent import Sent
from topline.metrics.catalogue import metrics
from topline.plans import document, figures, fronts, funnel, live, outline, templates
from topline.plans.content import Deadline
from topline.plans.figures import Reader
from topline.plans.models import EntryEdit, PlanVersion
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.text import N_
from topline.workbench import comments
from topline.workbench.models import Comment

router = Router()

PlanNumber = Annotated[int, Path(description="The plan's number")]
VersionNumber = Annotated[int, Path(description="The version's number within the plan")]
_Field = Annotated[str, Path(description="A field of the document, such as 4.personas")]
BASE = "/shops/{shop}/plans/{plan}/versions/{version}"


class UnknownSectionError(ToplineError):
    message = N_("The plan document has no section %(number)s.")


class RowIn(Sent):
    """A row to add: cells by column; amounts and rates as decimal texts, days as 2027-09-30."""

    cells: dict[str, Any]
    key: Annotated[str, Field(max_length=32, description="Its name in every version, drawn unless given")] = ""


class CellsIn(Sent):
    cells: Annotated[dict[str, Any], Field(description="New values by column, null to empty one")]
    revision: Annotated[int, Field(description="The row's revision that this edit was made on; 0 for a new text")] = 0


class RowOut(Schema):
    field: str
    key: str
    cells: dict[str, Any]
    revision: int
    is_drafted: bool


class DocumentIn(Sent):
    """A document as it was read."""

    schema_: Annotated[int, Field(alias="schema")]
    fields: dict[str, list[dict[str, Any]]]


class DocumentEditOut(Schema):
    field: str
    key: str
    kind: str
    column: str
    old: Any
    new: Any
    version: int
    actor: int | None
    at: datetime


class CommentIn(Sent):
    text: Annotated[str, Field(max_length=4000, description="Name people with an @ and their name")]


class CommentOut(Schema):
    id: int
    text: str
    author: int
    mentioned: list[int]
    at: datetime
    resolved_at: datetime | None


class TemplateOut(Schema):
    id: str
    name: str
    description: str
    kind: str
    sections: list[int]


class TemplateIn(Sent):
    name: Annotated[str, Field(max_length=100)]
    plan: int
    version: int


@router.get(
    f"{BASE}/document",
    response=dict[str, Any],
    auth=Requires("plans.read", is_whole=True),
    summary="The document as JSON",
)
def read_document(request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber) -> dict[str, Any]:
    return document.exported(version_of(caller(request), plan, version))


@router.put(
    f"{BASE}/document",
    response=dict[str, Any],
    auth=Requires("plans.write"),
    summary="Make the document that of the JSON; what it leaves out is taken out",
)
@decorate_view(once)
def write_document(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, wanted: DocumentIn
) -> dict[str, Any]:
    who = caller(request)
    found = version_of(who, plan, version)
    document.load(
        version=found,
        document={"schema": wanted.schema_, "fields": wanted.fields},
        actor=who.user,
        now=timezone.now(),
    )
    return document.exported(found)


@router.get(
    f"{BASE}/sections/{{number}}",
    response=dict[str, Any],
    auth=Requires("plans.read", is_whole=True),
    summary="A section: its fields, rows with live cells, and live numbers",
)
def read_section(
    request: HttpRequest,
    shop: str,
    plan: PlanNumber,
    version: VersionNumber,
    number: Annotated[int, Path(description="1 to 24")],
) -> dict[str, Any]:
    who = caller(request)
    found = version_of(who, plan, version)
    listed = outline.sections(found.plan.kind, found.plan.outline)
    section = next((each for each in listed if each.number == number), None)
    if section is None:
        raise UnknownSectionError(number=number)
    reader = _reader(who, found)
    return {
        "number": number,
        "title": gettext(section.title),
        "owners": [role.value for role in section.owners],
        "approvers": [role.value for role in section.approvers],
        "fields": [_field(reader, f"{number}.{each.id}", each) for each in section.fields],
    }


@router.patch(
    f"{BASE}/fields/{{field}}",
    response=RowOut,
    auth=Requires("plans.write"),
    summary="Write a text or a choice: {“text”: Markdown} or {“choice”: id}",
)
@decorate_view(once)
def write_field(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, field: _Field, wanted: CellsIn
) -> object:
    return _write(caller(request), plan, version, field, "", wanted)


@router.post(
    f"{BASE}/fields/{{field}}/rows",
    response={201: RowOut},
    auth=Requires("plans.write"),
    summary="Add a row to a table",
)
@decorate_view(once)
def add_row(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, field: _Field, wanted: RowIn
) -> Status[object]:
    who = caller(request)
    entry = document.add_row(
        version=version_of(who, plan, version),
        field=field,
        values=wanted.cells,
        key=wanted.key,
        actor=who.user,
        now=timezone.now(),
    )
    return Status(201, entry)


@router.patch(
    f"{BASE}/fields/{{field}}/rows/{{key}}",
    response=RowOut,
    auth=Requires("plans.write"),
    summary="Change cells of a row; what others changed meanwhile in other cells stays",
)
@decorate_view(once)
def write_row(
    request: HttpRequest,
    shop: str,
    plan: PlanNumber,
    version: VersionNumber,
    field: _Field,
    key: Annotated[str, Path(description="The row's key")],
    wanted: CellsIn,
) -> object:
    return _write(caller(request), plan, version, field, key, wanted)


@router.delete(
    f"{BASE}/fields/{{field}}/rows/{{key}}",
    response={204: None},
    auth=Requires("plans.write"),
    summary="Take a row out; its history brings it back",
)
@decorate_view(once)
def remove_row(
    request: HttpRequest,
    shop: str,
    plan: PlanNumber,
    version: VersionNumber,
    field: _Field,
    key: Annotated[str, Path(description="The row's key")],
) -> Status[None]:
    who = caller(request)
    document.remove_row(
        version=version_of(who, plan, version), field=field, key=key, actor=who.user, now=timezone.now()
    )
    return Status(204, None)


@router.get(
    f"{BASE}/fields/{{field}}/history",
    response=list[DocumentEditOut],
    auth=Requires("plans.read", is_whole=True),
    summary="Who changed a field, in all versions, the newest first",
)
def read_history(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, field: _Field
) -> list[dict[str, Any]]:
    document.field_of(field)
    found = version_of(caller(request), plan, version)
    return [
        {
            "field": edit.field,
            "key": edit.key,
            "kind": edit.kind,
            "column": edit.column,
            "old": edit.old,
            "new": edit.new,
            "version": edit.version.number,
            "actor": edit.actor_id,
            "at": edit.at,
        }
        for edit in EntryEdit.objects.of(found.plan, field)[:200]
    ]


@router.get(
    f"{BASE}/fields/{{field}}/comments",
    response=list[CommentOut],
    auth=Requires("plans.read", is_whole=True),
    summary="What was said on a field, the oldest first",
)
def read_comments(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, field: _Field
) -> list[dict[str, Any]]:
    document.field_of(field)
    who = caller(request)
    found = version_of(who, plan, version)
    return [_comment(one) for one in Comment.objects.on(who.shop.slug, document.subject(found, field))[:500]]


@router.post(
    f"{BASE}/fields/{{field}}/comments",
    response={201: CommentOut},
    auth=Requires("plans.read", is_whole=True),
    summary="Say something on a field; people named with an @ find it in their inbox",
)
@decorate_view(once)
def add_comment(
    request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber, field: _Field, wanted: CommentIn
) -> Status[dict[str, Any]]:
    who = caller(request)
    kept = document.field_of(field)
    found = version_of(who, plan, version)
    people = {user.pk: str(user) for user in User.objects.filter(membership__shop=who.shop).distinct()}
    one = comments.add(
        shop=who.shop.slug,
        subject=document.subject(found, field),
        text=wanted.text,
        author_id=who.user.pk,
        people=people,
        thing=f"{found.plan.title}: {gettext(kept.label)}",
        path=f"/shop/{who.shop.slug}/plans/{plan}/document?section={field.split('.')[0]}",
        at=timezone.now(),
    )
    return Status(201, _comment(one))


@router.get(
    f"{BASE}/fronts",
    response=dict[str, Any],
    auth=Requires("plans.read", is_whole=True),
    summary="Action fronts and actions with their live results, the funnel matrix, journeys, and the funnel both ways",
)
def read_fronts(request: HttpRequest, shop: str, plan: PlanNumber, version: VersionNumber) -> dict[str, Any]:
    who = caller(request)
    reader = _reader(who, version_of(who, plan, version))
    matrix = fronts.matrix(reader)
    both = funnel.of(reader) if reader.has_facts else funnel.NO_ORDERS
    return {
        "fronts": [plain(one) for one in fronts.fronts(reader)],
        "matrix": [plain(square) for square in matrix.squares.values()],
        "empty_stages": list(matrix.empty_stages),
        "channels_without_budget": list(matrix.unfunded),
        "journeys": [
            {"persona": one.persona, "key": one.key, "gaps": list(one.gaps)} for one in fronts.journeys(reader)
        ],
        "funnel": plain(both),
    }


@router.get(
    "/shops/{shop}/plan-templates", response=list[TemplateOut], auth=Requires("plans.read"), summary="Plan templates"
)
def list_templates(request: HttpRequest, shop: str) -> list[dict[str, Any]]:
    return [
        {
            "id": one.id,
            "name": gettext(one.name),
            "description": gettext(one.description) if one.description else "",
            "kind": one.kind,
            "sections": [each.number for each in outline.sections(one.kind, one.sections)],
        }
        for one in templates.of(caller(request).shop)
    ]


@router.post(
    "/shops/{shop}/plan-templates",
    response={201: dict[str, str]},
    auth=Requires("plans.write"),
    summary="Save what people wrote into a plan as a template of the shop's own",
)
@decorate_view(once)
def save_template(request: HttpRequest, shop: str, wanted: TemplateIn) -> Status[dict[str, str]]:
    who = caller(request)
    found = version_of(who, wanted.plan, wanted.version)
    kept = templates.save(version=found, name=wanted.name, actor=who.user, now=timezone.now())
    return Status(201, {"id": f"{templates.OWN}{kept.pk}", "name": kept.name})


def _write(who: Caller, plan: int, version: int, field: str, key: str, wanted: CellsIn) -> object:
    return document.write(
        version=version_of(who, plan, version),
        field=field,
        key=key,
        changes=wanted.cells,
        seen=wanted.revision,
        actor=who.user,
        now=timezone.now(),
    )


def version_of(who: Caller, plan: int, number: int) -> PlanVersion:
    found = PlanVersion.objects.of(who.shop).filter(plan=plan, number=number).first()
    if found is None:
        raise UnknownPlanError(shop=who.shop.slug, plan=f"{plan}.{number}")
    return found


def _reader(who: Caller, version: PlanVersion) -> Reader:
    return Reader(version, who.shop.today(), scope_for(who.user, who.shop))


def _field(reader: Reader, name: str, kept: outline.Field) -> dict[str, Any]:
    rows = document.rows(reader.version, name)
    computed = live.cells(reader, name, rows) if reader.has_facts else {}
    asks = [figures.Ask(metric) for metric in kept.metrics if not _is_hidden(reader, metric)]
    return {
        "field": name,
        "label": gettext(kept.label),
        "question": gettext(kept.question),
        "behaviour": kept.behaviour.value,
        "columns": [
            {
                "id": column.id,
                "label": gettext(column.label),
                "type": column.type.value,
                "options": list(column.options),
            }
            for column in kept.columns
        ],
        "rows": [
            {
                "key": row.key,
                "cells": row.cells,
                "revision": row.revision,
                "is_drafted": row.is_drafted,
                "live": {id_: plain(one.value) for id_, one in computed.get(row.key, {}).items()},
            }
            for row in rows
        ],
        "figures": [
            {
                "metric": one.ask.metric,
                "plan": plain(one.plan),
                "actual": plain(one.actual),
                "last_year": plain(one.last_year),
                "pace": one.pace,
            }
            for one in figures.figures(reader, asks).values()
        ],
    }


def _is_hidden(reader: Reader, metric: str) -> bool:
    return metrics()[metric].family in reader.scope.hidden_families


def _comment(one: Comment) -> dict[str, Any]:
    return {
        "id": one.pk,
        "text": one.text,
        "author": one.author_id,
        "mentioned": one.mentioned,
        "at": one.at,
        "resolved_at": one.resolved_at,
    }


def plain(value: object) -> Any:
    """A value as JSON has it: amounts as decimal texts, a missing one as its reason."""
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Missing():
            return {"missing": value.reason, "message": gettext(value.message) % value.params}
        case date():
            return value.isoformat()
        case Deadline():
            return {"status": value.status, "on": value.on.isoformat(), "is_late": value.is_late}
        case dict():
            return {str(key): plain(each) for key, each in value.items()}
        case list() | tuple():
            return [plain(each) for each in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return str(value)
