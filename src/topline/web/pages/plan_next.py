"""What is to be done with a plan next: what is missing, where it is written, and who decides."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.utils.translation import gettext, ngettext

from topline.plans import approval, gate, readiness, text
from topline.plans.gate import Finding
from topline.plans.models import PlanVersion, State
from topline.plans.readiness import Need, Next
from topline.web import formats
from topline.web.page import Page, Visit, whole
from topline.web.pages.plans import version_of

SHOWN = 5
"""Needs that stand in sight; the rest unfolds. Where other things matter more a page shows fewer."""

MOST = 40
"""Needs that are named at all; the gate may find many more of a large plan."""


def view(visit: Visit, plan_id: int) -> HttpResponse:
    version, shown = version_of(visit, plan_id), whole(visit.request.GET.get("shown")) or SHOWN
    found = gate.findings(version) if version.state == State.DRAFT and visit.may("plans.write") else []
    page = {"plan": version.plan, "version": version, **context(visit, version, found, shown)}
    return visit.render("plan_next.html", page)


def context(visit: Visit, version: PlanVersion, findings: Sequence[Finding], shown: int = SHOWN) -> dict[str, Any]:
    """What `plan_next.html` shows: so many needs in sight, those first that the gate found."""
    return {"shown": shown, "next": _next(visit, version, findings, shown)}


def _next(visit: Visit, version: PlanVersion, findings: Sequence[Finding], shown: int) -> dict[str, Any] | None:
    """The next step of a version as the page shows it; None where there is nothing to do but to follow it."""
    if not visit.may("plans.write"):
        return None
    missing = readiness.needs(version, findings)
    step = readiness.next_step(version, missing)
    if step == Next.FOLLOW:
        return None
    blocking = sum(one.is_blocking for one in missing)
    lines = [_line(visit, version, one) for one in missing[:MOST]]
    label, href = _button(visit, version, step)
    return {
        "step": step.value,
        "sentence": _sentence(version, step, blocking),
        "lines": lines[:shown],
        "more": lines[shown:],
        "button": label,
        "href": href,
        "is_ready": step in (Next.SUBMIT, Next.ACTIVATE),
    }


def _sentence(version: PlanVersion, step: Next, blocking: int) -> str:
    match step:
        case Next.WRITE:
            said = ngettext(
                "%(n)s thing is missing before the plan can be handed in.",
                "%(n)s things are missing before the plan can be handed in.",
                blocking,
            ) % {"n": blocking}
            if approval.is_one_person(version):
                said += " " + gettext("As one person decides here, you may hand it in all the same.")
            return said
        case Next.SUBMIT:
            return gettext("Nothing stops it: the plan can be handed in for approval.")
        case Next.DECIDE:
            open_ = [one for one in approval.seat_views(version, version.plan.shop.today()) if one.decision is None]
            return gettext("It was handed in and waits for %(seats)s.") % {
                "seats": ", ".join(str(one.seat.label) for one in open_)
            }
        case Next.ACTIVATE:
            return gettext("All have approved it. Put in force, it counts: its numbers are locked and followed daily.")
    return gettext("The marketing plan is in force. A sales plan that serves it says how the sales come about.")


def _button(visit: Visit, version: PlanVersion, step: Next) -> tuple[str, str]:
    """What the step's button says, and where it leads."""
    if step == Next.PAIR:
        plan = version.plan
        months = len(plan.months)
        asked = urlencode({"template": "sales", "first": f"{plan.starts_on:%Y-%m}", "months": months})
        return gettext("Draft the sales plan"), f"{visit.url('plans')}?{asked}#draft"
    at = f"{visit.url('plan_approval', version.plan_id)}?version={version.number}#decide"
    labels = {
        Next.WRITE: gettext("To the approval"),
        Next.SUBMIT: gettext("Hand in"),
        Next.DECIDE: gettext("Look and decide"),
        Next.ACTIVATE: gettext("Put in force"),
    }
    return labels[step], at


def _line(visit: Visit, version: PlanVersion, one: Need) -> dict[str, Any]:
    said = text.render(one.said, currency=version.plan.currency, language=formats.tag())
    return {"text": said, "href": address(visit, version, one), "is_blocking": one.is_blocking}


def address(visit: Visit, version: PlanVersion, one: Need) -> str:
    """Where what is missing is done: the field of a document, open for writing, or a page of the plan."""
    target = version if one.plan == version.plan else one.plan.current
    if one.field:
        asked = urlencode({"version": target.number, "section": one.field.split(".")[0], "edit": one.field})
        return f"{visit.url('plan_document', target.plan_id)}?{asked}#f-{one.field.replace('.', '-')}"
    return f"{visit.url(f'plan_{one.page}', target.plan_id)}?version={target.number}"


PAGES = (
    Page(
        path="plans/<int:plan_id>/next",
        name="plan_next",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
