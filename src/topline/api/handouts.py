"""Plans out and in: files of a version, and plans that come back as JSON."""

from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja import Body, Path, Router, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.api.auth import Requires, caller
from topline.api.once import once
from topline.api.plans import PlanOut, UnknownWorkError, WorkOut, _version
from topline.api.sent import Sent
from topline.plans import exchange, handout, jobs
from topline.plans.models import Plan
from topline.workbench.models import Job

router = Router()

_Plan = Annotated[int, Path(description="The plan's number")]
_Version = Annotated[int, Path(description="The version's number within the plan")]


class ExportIn(Sent):
    format: Annotated[str, Field(description="pdf, docx, pptx, xlsx, ics or json")]


@router.post(
    "/shops/{shop}/plans/{plan}/versions/{version}/files",
    response={202: WorkOut},
    auth=Requires("plans.read", is_whole=True),
    summary="Have a version written as a file; its work says when it is done",
)
@decorate_view(once)
def export(request: HttpRequest, shop: str, plan: _Plan, version: _Version, wanted: ExportIn) -> Status[Job]:
    who = caller(request)
    found = _version(who.shop, plan, version)
    return Status(202, jobs.ask_for_file(version=found, format_=wanted.format, today=who.shop.today(), actor=who.user))


@router.get(
    "/shops/{shop}/plans/files/{work}",
    auth=Requires("plans.read", is_whole=True),
    summary="The file of a work that is done, kept for a week; only for who asked for it",
)
def fetch(request: HttpRequest, shop: str, work: Annotated[int, Path(description="The work's number")]) -> HttpResponse:
    who = caller(request)
    asked = Job.objects.filter(shop=who.shop.slug, kind="plans.export", pk=work, actor_id=who.user.pk)
    job = asked.filter(state=Job.State.DONE).first()
    if job is None:
        raise UnknownWorkError(shop=shop, work=work)
    kind = handout.FORMATS[job.params["format"]].content_type
    response = HttpResponse(handout.kept(job.pk), content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{job.result["file"]}"'
    return response


@router.get(
    "/shops/{shop}/plans/{plan}/versions/{version}/json",
    response=dict[str, Any],
    auth=Requires("plans.read", is_whole=True),
    summary="Everything in a version as JSON; what `import` takes",
)
def show_json(request: HttpRequest, shop: str, plan: _Plan, version: _Version) -> dict[str, Any]:
    return exchange.export(_version(caller(request).shop, plan, version))


@router.post(
    "/shops/{shop}/plans/import",
    response={201: PlanOut},
    auth=Requires("plans.write"),
    summary="A new plan, as a draft, from the JSON of one",
)
@decorate_view(once)
def bring_in(request: HttpRequest, shop: str, contents: Annotated[dict[str, Any], Body()]) -> Status[Plan]:
    who = caller(request)
    made = exchange.load(contents, shop=who.shop, actor=who.user, now=who.shop.now())
    return Status(201, made.plan)
