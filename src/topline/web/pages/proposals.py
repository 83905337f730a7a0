"""Proposals: what is worth doing this week, and what came of those before."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.documents.sheet import Column, Form, Sheet
from topline.plans import enacting, proposals, text
from topline.plans import jobs as plan_jobs
from topline.plans.models import Proposal
from topline.plans.text import Sentence
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.web import files, formats, question
from topline.web.page import Page, Visit


@dataclass(frozen=True, slots=True)
class Kind:
    """What a proposal is about: its name and drawing."""

    label: str
    icon: str


KINDS: Mapping[str, Kind] = {
    "budget": Kind(N_("Budget"), icon="coins"),
    "price": Kind(N_("Price"), icon="tag"),
    "promotion": Kind(N_("Promotion"), icon="discount"),
    "stock": Kind(N_("Stock"), icon="packages"),
    "funnel": Kind(N_("Funnel"), icon="filter"),
    "landing": Kind(N_("Landing page"), icon="door-enter"),
    "product_page": Kind(N_("Product page"), icon="photo"),
    "checkout": Kind(N_("Checkout"), icon="credit-card"),
    "message": Kind(N_("Message"), icon="mail"),
    "content": Kind(N_("Content"), icon="article"),
    "delivery": Kind(N_("Delivery"), icon="truck-delivery"),
    "tactic": Kind(N_("Sales tactic"), icon="briefcase"),
    "follow_up": Kind(N_("Follow-up"), icon="phone"),
}
TONES = {Proposal.State.OPEN: "", Proposal.State.ACCEPTED: "good", Proposal.State.DISMISSED: ""}
MOST_SCORED = 50
LOOKED_AT = {"session": N_("visits"), "stock_level": N_("stock levels"), "spend": N_("marketing spend")}
"""Facts without which some proposals can't come."""


def view(visit: Visit) -> HttpResponseBase:
    question.require_asked(visit)
    snapshot = visit.shop.lake().latest()
    if snapshot is None:
        return visit.render("proposals.html", {"is_empty": True})
    job = plan_jobs.prepare_proposals(visit.shop, retry=visit.is_retry)
    if job is not None:
        if visit.is_fragment and not job.is_finished:
            return HttpResponse(status=204)
        context = {"job": job, "error": formats.failure(job)}
        return visit.render("proposals.html#body" if visit.is_fragment else "proposals.html", context)
    found = list(Proposal.objects.of(visit.shop).select_related("version__plan"))
    week = proposals.monday(visit.today)
    fresh = [one for one in found if one.week == week]
    scored = [one for one in found if one.share is not None][:MOST_SCORED]
    if file := _file(visit, found):
        return file
    context = {
        "sentence": _sentence(visit, fresh),
        "week": week,
        "fresh": [shown(visit, one) for one in fresh],
        "before": [shown(visit, one) for one in found if one.week != week and one.share is None][:MOST_SCORED],
        "scored": [shown(visit, one) for one in scored],
        "track": _track(scored) if any(one.week != week for one in found) else "",
        "unseen": [formats.say(name) for table, name in LOOKED_AT.items() if table not in snapshot.tables],
        "may_write": visit.may("plans.write"),
    }
    return visit.render("proposals.html#body" if visit.is_fragment else "proposals.html", context)


def decide(visit: Visit, proposal_id: int) -> HttpResponse:
    """One click: into a draft version of the plan, or not now; or what it costs."""
    if visit.request.method != "POST":
        return redirect("proposals", visit.shop.slug)
    found = Proposal.objects.of(visit.shop).filter(pk=proposal_id).first()
    if found is None:
        raise Http404
    if visit.request.POST.get("do") == "cost":
        cost = float(formats.read_field(visit.request.POST.get("cost", "")))
        proposals.state_cost(proposal=found, cost=cost, actor=visit.user)
        return redirect("proposals", visit.shop.slug)
    if visit.request.POST.get("do") != "accept":
        proposals.dismiss(proposal=found, actor=visit.user, now=timezone.now())
        return redirect("proposals", visit.shop.slug)
    action = _said(visit, found.action)
    try:
        draft = proposals.accept(proposal=found, action=action, actor=visit.user, now=timezone.now())
    except ToplineError as error:
        messages.error(visit.request, formats.say(error))
        return redirect("proposals", visit.shop.slug)
    field = enacting.field_of(draft, found)
    if field == enacting.BUDGET:
        messages.success(visit.request, gettext("The draft's budget is changed in the months ahead. Look it over."))
        return redirect(f"{visit.url('plan_budget', draft.plan_id)}?version={draft.number}")
    if field == enacting.PRICES:
        messages.success(visit.request, gettext("The draft's price is changed. Its check reckons with it."))
    elif field:
        messages.success(visit.request, gettext("It stands in the draft's document. Say who does it, and when."))
    if field:
        section = field.partition(".")[0]
        return redirect(f"{visit.url('plan_document', draft.plan_id)}?version={draft.number}&section={section}")
    messages.success(
        visit.request, gettext("It stands among the actions of the draft's goal. Set the target you mean.")
    )
    return redirect(f"{visit.url('plan', draft.plan_id)}?version={draft.number}#goals")


def _said(visit: Visit, stored: list[Any]) -> str:
    return text.render(Sentence.of(stored), currency=visit.shop.currency, language=formats.tag())


def _sentence(visit: Visit, fresh: list[Proposal]) -> str:
    if not fresh:
        return gettext("Nothing new is worth proposing this week.")
    best = fresh[0]
    return gettext("%(action)s: worth about %(gain)s, with a chance of %(chance)s that it brings anything.") % {
        "action": _said(visit, best.action),
        "gain": formats.short_money(best.gain, visit.shop.currency),
        "chance": formats.chance(best.confidence),
    }


def _track(scored: list[Proposal]) -> str:
    """How earlier proposals did: those that were done apart from those that were not."""
    done = [one.share for one in scored if one.state == Proposal.State.ACCEPTED and one.share is not None]
    left = [one.share for one in scored if one.state != Proposal.State.ACCEPTED and one.share is not None]
    if not done and not left:
        return gettext("None of the earlier proposals could be scored yet: that takes four weeks to a quarter.")
    parts = []
    if done:
        parts.append(
            gettext("Of %(n)s done, %(good)s brought at least half of what was said.")
            % {"n": len(done), "good": sum(share >= 0.5 for share in done)}
        )
    if left:
        parts.append(
            gettext("Of %(n)s not done, %(came)s came about to at least half by themselves.")
            % {"n": len(left), "came": sum(share >= 0.5 for share in left)}
        )
    return " ".join(parts)


def shown(visit: Visit, one: Proposal) -> dict[str, Any]:
    """A proposal in words, for a table."""
    kind = KINDS[one.kind]
    currency, share = visit.shop.currency, one.share
    return {
        "proposal": one,
        "kind": formats.say(kind.label),
        "icon": kind.icon,
        "action": _said(visit, one.action),
        "said": _said(visit, one.said),
        "gain": formats.short_money(one.gain, currency),
        "ends": f"{formats.short_money(one.low, currency)} – {formats.short_money(one.high, currency)}",
        "cost": "" if one.cost is None else formats.short_money(one.cost, currency),
        "costing": _said(visit, one.costing) if one.costing else "",
        "confidence": formats.chance(one.confidence),
        "tone": TONES[Proposal.State(one.state)],
        "share": formats.percent(share, 0) if share is not None else "",
        "came": formats.short_money(one.gain * share, currency) if share is not None else "",
        "share_tone": "" if share is None else "good" if share >= 0.5 else "warn" if share > 0 else "bad",
    }


def _file(visit: Visit, found: list[Proposal]) -> HttpResponseBase | None:
    kind = visit.request.GET.get("format", "")
    if kind not in ("csv", "xlsx"):
        return None
    currency = visit.shop.currency
    columns = [
        Column(gettext("Week"), Form.DATE),
        *(Column(gettext(name)) for name in (N_("About"), N_("What to do"), N_("Why"), N_("State"))),
        *(Column(gettext(name), Form.MONEY, currency) for name in (N_("Gain"), N_("Low"), N_("High"), N_("Cost"))),
        Column(gettext("Confidence"), Form.RATE),
        Column(gettext("Came of it"), Form.RATE),
    ]
    rows = (
        [
            one.week, formats.say(KINDS[one.kind].label), _said(visit, one.action),
            _said(visit, one.said), one.get_state_display(), one.gain, one.low, one.high, one.cost, one.confidence,
            one.share,
        ]
        for one in found
    )  # fmt: skip
    return files.download(
        kind, f"{visit.shop.slug}-proposals", lambda: Sheet(gettext("Proposals"), columns, rows), dict
    )


PAGES = (
    Page(
        path="outlook/proposals",
        name="proposals",
        view=view,
        permission="finance.read",
        place="outlook",
        is_whole=True,
        label=N_("Proposals"),
        icon="bulb",
        rank=9,
    ),
    Page(
        path="outlook/proposals/<int:proposal_id>",
        name="proposal",
        view=decide,
        permission="plans.write",
        place="outlook",
        is_whole=True,
    ),
)
