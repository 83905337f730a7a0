"""Imports: files brought in, what is proposed for them, what became of their rows, and undo."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from django.http import FileResponse, Http404, HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import File, Form, Path, Router, Schema, Status, UploadedFile
from ninja.decorators import decorate_view
from pydantic import Field, Json

from topline.api import paging
from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.sent import Sent, check_form
from topline.imports import operations
from topline.imports.models import Import
from topline.workbench.models import Job

router = Router()

_Files = Annotated[
    list[UploadedFile],
    File(description="CSV, TSV, XLSX, Parquet or JSON lines, plain, .gz or .zip; a part named so for each file"),
]
_Number = Annotated[int, Path(description="The import's number")]


class ProgressOut(Schema):
    state: str
    done: int
    total: int | None
    message: str


class ImportOut(Schema):
    """`files` say how each is read, `rules` which codes are which kind of row, `preview` what that would do."""

    id: int
    state: Annotated[str, Field(description="reading, proposed, running, live, failed, undone or dropped")]
    created_at: datetime
    finished_at: datetime | None
    files: list[dict[str, object]]
    rules: list[dict[str, object]]
    rates: dict[str, str]
    preview: dict[str, object]
    report: Annotated[dict[str, object], Field(description="rows = facts + duplicates + quarantined")]
    error: str
    progress: ProgressOut | None

    @staticmethod
    def resolve_state(found: Import) -> str:
        """Running until its job is over, whose last step lets every answer show the rows."""
        if found.state != Import.State.LIVE:
            return found.state
        job = ImportOut.resolve_progress(found)
        is_at_work = job is not None and job.state in (Job.State.QUEUED, Job.State.RUNNING)
        return Import.State.RUNNING if is_at_work else Import.State.LIVE

    @staticmethod
    def resolve_files(found: Import) -> list[dict[str, object]]:
        return [file.to_json() for file in found.files.all()]

    @staticmethod
    def resolve_error(found: Import) -> str:
        return _(str(found.error["message"])) % found.error["params"] if found.error else ""

    @staticmethod
    def resolve_progress(found: Import) -> Job | None:
        return Job.objects.filter(pk=found.job_id).first() if found.job_id else None


class ImportPage(Schema):
    imports: list[ImportOut]
    next: str | None


_Dates = Annotated[
    Literal["day-first", "month-first"] | None, Field(description="How 01/02/2026 is meant where no file shows it")
]
_Decimal = Annotated[
    Literal["comma", "point"] | None, Field(description="The mark before the decimals where no file shows it")
]


class Said(Sent):
    """What the files leave open, said by a person."""

    dates: _Dates = None
    decimal: _Decimal = None


class ImportIn(Said):
    rates: Annotated[
        dict[str, str] | Json[dict[str, str]],
        Field(description='The shop\'s currency per unit of another, as JSON: {"EUR": "0.85"}'),
    ] = {}


class Columns(Sent):
    """What one file's columns are: field to column name, null for none."""

    file: Annotated[int, Field(description="Place of the file, from 0")]
    target: str | None = None
    columns: dict[str, str | None] = {}


class Rules(Sent):
    rules: list[dict[str, Any]]


def _import(request: HttpRequest, number: int) -> Import:
    return Import.objects.numbered(caller(request).shop, number)


def _proposed_anew(request: HttpRequest, found: Import) -> Status[Import]:
    operations.enqueue_proposal(found=found, actor_id=caller(request).user.pk)
    found.refresh_from_db()
    return Status(202, found)


@router.get(
    "/shops/{shop}/imports", response=ImportPage, auth=Requires("imports.read"), summary="Imports, the newest first"
)
def list_imports(
    request: HttpRequest, shop: str, limit: Annotated[int, Field(ge=1, le=200)] = 50, after: str | None = None
) -> dict[str, object]:
    listed = Import.objects.of(caller(request).shop).prefetch_related("files")
    page, following = paging.newest_first(listed, limit=limit, after=after)
    return {"imports": page, "next": following}


@router.post(
    "/shops/{shop}/imports",
    response={202: ImportOut},
    auth=Requires("imports.write"),
    summary="Bring files; they are read in the background and nothing is taken in before `confirm`",
)
@decorate_view(once)
def bring(request: HttpRequest, shop: str, files: _Files, more: Form[ImportIn]) -> Status[Import]:
    check_form([*request.POST, *request.FILES], ["files", *ImportIn.model_fields])
    who = caller(request)
    uploads = [operations.Upload(file.name or "file", file) for file in files]
    said = {"dates": more.dates, "decimal": more.decimal}
    found = operations.receive(
        shop=who.shop, uploads=uploads, actor_id=who.user.pk, rates=more.rates, choices=[said for _ in uploads]
    )
    return _proposed_anew(request, found)


@router.get(
    "/shops/{shop}/imports/{number}",
    response=ImportOut,
    auth=Requires("imports.read"),
    summary="One import: proposal, progress, report",
)
def show_import(request: HttpRequest, shop: str, number: _Number) -> Import:
    return _import(request, number)


@router.post(
    "/shops/{shop}/imports/{number}/columns",
    response={202: ImportOut},
    auth=Requires("imports.write"),
    summary="Say what a file's columns are, and have it proposed anew",
)
@decorate_view(once)
def choose_columns(request: HttpRequest, shop: str, number: _Number, choice: Columns) -> Status[Import]:
    found = operations.choose(
        found=_import(request, number),
        place=choice.file,
        target=choice.target,
        columns=choice.columns,
        actor_id=caller(request).user.pk,
    )
    return _proposed_anew(request, found)


@router.post(
    "/shops/{shop}/imports/{number}/reading",
    response={202: ImportOut},
    auth=Requires("imports.write"),
    summary="Say whether the day or the month comes first, or the mark before the decimals, and have it proposed anew",
)
@decorate_view(once)
def decide(request: HttpRequest, shop: str, number: _Number, said: Said) -> Status[Import]:
    found = operations.decide(
        found=_import(request, number), dates=said.dates, decimal=said.decimal, actor_id=caller(request).user.pk
    )
    return _proposed_anew(request, found)


@router.post(
    "/shops/{shop}/imports/{number}/rules",
    response=ImportOut,
    auth=Requires("imports.write"),
    summary="Say which codes are which kind of row, and see what that does",
)
@decorate_view(once)
def set_rules(request: HttpRequest, shop: str, number: _Number, profile: Rules) -> Import:
    rules: list[Mapping[str, Any]] = list(profile.rules)
    return operations.set_rules(found=_import(request, number), rules=rules, actor_id=caller(request).user.pk)


@router.post(
    "/shops/{shop}/imports/{number}/confirm",
    response={202: ImportOut},
    auth=Requires("imports.write"),
    summary="Take a proposed import in",
)
@decorate_view(once)
def confirm(request: HttpRequest, shop: str, number: _Number) -> Status[Import]:
    found = _import(request, number)
    operations.confirm(found=found, actor_id=caller(request).user.pk, now=timezone.now())
    return Status(202, found)


@router.post(
    "/shops/{shop}/imports/{number}/resume",
    response={202: ImportOut},
    auth=Requires("imports.write"),
    summary="Go on with an import that failed while it was taken in",
)
@decorate_view(once)
def resume(request: HttpRequest, shop: str, number: _Number) -> Status[Import]:
    found = _import(request, number)
    operations.go_on(found=found, actor_id=caller(request).user.pk)
    return Status(202, found)


@router.post(
    "/shops/{shop}/imports/{number}/undo",
    response=ImportOut,
    auth=Requires("imports.write"),
    summary="Take an import back",
)
@decorate_view(once)
def undo(request: HttpRequest, shop: str, number: _Number) -> Import:
    return operations.undo(found=_import(request, number), actor_id=caller(request).user.pk, now=timezone.now())


@router.post(
    "/shops/{shop}/imports/{number}/redo",
    response=ImportOut,
    auth=Requires("imports.write"),
    summary="Let an undone import count again",
)
@decorate_view(once)
def redo(request: HttpRequest, shop: str, number: _Number) -> Import:
    return operations.redo(found=_import(request, number), actor_id=caller(request).user.pk, now=timezone.now())


@router.delete(
    "/shops/{shop}/imports/{number}",
    response=ImportOut,
    auth=Requires("imports.write"),
    summary="Give up an import that was not taken in",
)
@decorate_view(once)
def drop(request: HttpRequest, shop: str, number: _Number) -> Import:
    return operations.drop(found=_import(request, number), actor_id=caller(request).user.pk)


@router.get(
    "/shops/{shop}/imports/{number}/quarantine/{file}",
    auth=Requires("imports.read"),
    summary="The quarantined rows of a file as CSV, with their reasons, to mend and bring again",
)
def download_quarantine(request: HttpRequest, shop: str, number: _Number, file: int) -> FileResponse:
    found = _import(request, number).files.filter(place=file).first()
    if found is None or not found.quarantine_path.exists():
        raise Http404
    return FileResponse(
        found.quarantine_path.open("rb"), as_attachment=True, filename=f"quarantine-{number}-{file}.csv"
    )
