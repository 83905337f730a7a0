"""A plan out and in: its files, its read-only links, and plans and amounts that come back from a file."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from topline.plans import exchange, handout, spreadsheet
from topline.plans import jobs as plan_jobs
from topline.plans.models import PlanShare, PlanVersion, State
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.web import files, formats
from topline.web.page import Page, Visit, whole
from topline.web.pages.plans import version_of
from topline.workbench.models import Job


@dataclass(frozen=True, slots=True)
class Shown:
    """How a format is offered."""

    says: str
    icon: str


SHOWN = {
    "pdf": Shown(N_("The whole document to print or send: cover, contents, charts, tables."), icon="file-type-pdf"),
    "docx": Shown(N_("The whole document to write on in a word processor."), icon="file-type-docx"),
    "pptx": Shown(N_("The summary as slides: how it goes, goals, targets, forecast."), icon="presentation"),
    "xlsx": Shown(
        N_("All tables, with sums that go on computing. Change amounts and bring the file back."),
        icon="file-spreadsheet",
    ),
    "ics": Shown(N_("Goals, events and everything that has a day, for a calendar program."), icon="calendar-down"),
    "json": Shown(N_("Everything, for programs and for another Topline."), icon="braces"),
}
LARGEST_BYTES = 20 * 2**20
DAYS = (7, 30, 90)


class TooLargeError(ToplineError):
    message = N_("The file is larger than %(most)s MB.")


def view(visit: Visit, plan_id: int) -> HttpResponse:
    """What can be handed out of a version, and what can come back."""
    version = version_of(visit, plan_id)
    if visit.request.method == "POST":
        return _act(visit, version)
    return _show(visit, version)


def _show(visit: Visit, version: PlanVersion, *, error: str = "", status: int = 200) -> HttpResponse:
    now = timezone.now()
    links = PlanShare.objects.filter(version__plan=version.plan).select_related("version").order_by("-pk")
    context = {
        "plan": version.plan,
        "version": version,
        "formats": [
            (id_, each.label, SHOWN[id_].icon, formats.say(SHOWN[id_].says)) for id_, each in handout.FORMATS.items()
        ],
        "jobs": [_job(visit, job) for job in _jobs(visit, version)[:6]],
        "may_share": visit.may("boards.share"),
        "may_write": visit.may("plans.write") and version.state not in (State.ACTIVE, State.CLOSED),
        "links": [(link, link.revoked_at is None and link.expires_at > now) for link in links[:20]],
        "days": DAYS,
        "address": visit.request.session.pop("plan_share", None),
        "error": error,
    }
    return visit.render("handouts.html", context, status=status)


def _act(visit: Visit, version: PlanVersion) -> HttpResponse:
    posted, now = visit.request.POST, timezone.now()
    back = f"{visit.url('plan_handouts', version.plan_id)}?version={version.number}"
    try:
        match posted.get("do", ""):
            case "export":
                job = plan_jobs.ask_for_file(
                    version=version, format_=posted.get("format", ""), today=visit.today, actor=visit.user
                )
                return redirect("plan_file", visit.shop.slug, job.pk)
            case "share":
                visit.require("boards.share")
                _, secret = handout.share(
                    version=version, name=posted.get("name", ""), days=whole(posted.get("days")), today=visit.today,
                    actor=visit.user, now=now,
                )  # fmt: skip
                visit.request.session["plan_share"] = settings.URL + reverse("shared_plan", args=[secret])
            case "revoke":
                visit.require("boards.share")
                links = PlanShare.objects.filter(version__plan=version.plan)
                link = links.filter(pk=whole(posted.get("link"))).first()
                if link is None:
                    raise Http404
                handout.revoke(link=link, actor=visit.user, now=now)
                messages.success(visit.request, gettext("The link opens no more."))
            case "amounts":
                visit.require("plans.write")
                done = spreadsheet.load(version=version, content=_content(visit), actor=visit.user, now=now)
                said = ngettext("%(n)s amount changed.", "%(n)s amounts changed.", len(done)) % {"n": len(done)}
                messages.success(visit.request, said if done else gettext("The file says what the plan says already."))
    except ToplineError as error:
        return _show(visit, version, error=formats.say(error), status=400)
    return redirect(back)


def file(visit: Visit, job_id: int) -> HttpResponseBase:
    """A file in the making; `?fetch` hands it over once it is there."""
    job = Job.objects.filter(shop=visit.shop.slug, kind="plans.export", pk=job_id, actor_id=visit.user.pk).first()
    if job is None:
        raise Http404
    if job.state == Job.State.DONE and "fetch" in visit.request.GET:
        kind = handout.FORMATS[job.params["format"]].content_type
        return files.bytes_file(job.result["file"], handout.kept(job.pk), kind)
    if visit.is_fragment and job.is_finished:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {"job": job, "error": formats.failure(job), **_job(visit, job)}
    return visit.render("handout_file.html#progress" if visit.is_fragment else "handout_file.html", context)


def bring_in(visit: Visit) -> HttpResponse:
    """A plan from a JSON file, as a draft of a new plan."""
    error = ""
    if visit.request.method == "POST":
        try:
            version = exchange.loads(_content(visit), shop=visit.shop, actor=visit.user, now=timezone.now())
        except ToplineError as wrong:
            error = formats.say(wrong)
        else:
            messages.success(visit.request, gettext("The plan is here as a draft."))
            return redirect("plan", visit.shop.slug, version.plan_id)
    return visit.render("handout_import.html", {"error": error}, status=400 if error else 200)


def _content(visit: Visit) -> bytes:
    given = visit.request.FILES.get("file")
    if given is None:
        return b""
    if (given.size or 0) > LARGEST_BYTES:
        raise TooLargeError(most=LARGEST_BYTES // 2**20)
    return bytes(given.read())


def _jobs(visit: Visit, version: PlanVersion) -> Any:
    """The files that the person had made of the version and that still wait."""
    since = timezone.now() - handout.KEEP + timedelta(hours=1)
    asked = Job.objects.filter(shop=visit.shop.slug, kind="plans.export", actor_id=visit.user.pk, created_at__gt=since)
    return asked.filter(params__version=version.pk).exclude(state=Job.State.FAILED).order_by("-pk")


def _job(visit: Visit, job: Job) -> dict[str, Any]:
    version = PlanVersion.objects.select_related("plan").get(pk=job.params["version"])
    return {
        "job": job,
        "version": version,
        "plan": version.plan,
        "label": handout.FORMATS[job.params["format"]].label,
        "icon": SHOWN[job.params["format"]].icon,
        "name": job.result.get("file") or handout.file_name(version, job.params["format"]),
        "is_done": job.state == Job.State.DONE,
        "address": f"{visit.url('plan_file', job.pk)}?fetch",
    }


PAGES = (
    Page(
        path="plans/<int:plan_id>/handouts",
        name="plan_handouts",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/files/<int:job_id>",
        name="plan_file",
        view=file,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(path="plans/import", name="plan_import", view=bring_in, permission="plans.write", place="plan"),
)
