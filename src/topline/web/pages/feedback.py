"""Feedback of the team: what sales, marketing and support see and hear, on its way into the next review."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from topline.accounts.permissions import LABELS, Role
from topline.plans import feedback
from topline.plans.models import Feedback
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Period, add_months
from topline.units.text import N_
from topline.web import formats
from topline.web.page import Page, Visit, whole
from topline.web.pages.reviews import OUTCOME_TONES

_LISTED = 50


def view(visit: Visit) -> HttpResponse:
    """What was said and what came of it; and a form to say more."""
    error, posted = "", visit.request.POST
    if visit.request.method == "POST":
        try:
            feedback.write(
                shop=visit.shop, tag=posted.get("tag", ""), text=posted.get("text", ""), author=visit.user,
                now=timezone.now(),
            )  # fmt: skip
        except ToplineError as wrong:
            error = formats.say(wrong)
        else:
            messages.success(visit.request, gettext("Thank you. It stands in the next review, and you get an answer."))
            return redirect("feedback", visit.shop.slug)
    before = whole(visit.request.GET.get("before"))
    every = Feedback.objects.of(visit.shop)
    listed = list((every.filter(pk__lt=before) if before else every)[: _LISTED + 1])
    waiting = every.filter(state=Feedback.State.OPEN).count()
    causes = _causes(visit)
    context = {
        "sentence": _sentence(waiting),
        "tags": Feedback.Tag.choices,
        "rows": [_shown(visit, one) for one in listed[:_LISTED]],
        "older": listed[_LISTED - 1].pk if len(listed) > _LISTED else None,
        "causes": causes,
        "no_causes": formats.say(causes) if isinstance(causes, Missing) else "",
        "error": error,
        "written": posted,
    }
    return visit.render("feedback.html", context, status=400 if error else 200)


def _sentence(waiting: int) -> str:
    if not waiting:
        return gettext("Everything that the team said has its answer.")
    return ngettext(
        "%(n)s thing that the team said waits for the next review.",
        "%(n)s things that the team said wait for the next review.",
        waiting,
    ) % {"n": waiting}


def _shown(visit: Visit, one: Feedback) -> dict[str, Any]:
    return {
        "row": one,
        "role": LABELS[Role(one.role)] if one.role else "",
        "at": one.at.astimezone(visit.shop.zone),
        "tone": OUTCOME_TONES[Feedback.State(one.state)],
    }


def _causes(visit: Visit) -> list[feedback.Cause] | Missing:
    """Why customers got in touch in the last month, for those who may see figures."""
    snapshot = visit.shop.lake().latest()
    if snapshot is None or not visit.may("metrics.read"):
        return []
    return feedback.causes(visit.shop, Period(add_months(visit.today, -1), visit.today), snapshot, visit.scope)


PAGES = (
    Page(
        path="feedback",
        name="feedback",
        view=view,
        permission="feedback.write",
        place="today",
        label=N_("Feedback"),
        icon="message-2",
        rank=7,
    ),
)
