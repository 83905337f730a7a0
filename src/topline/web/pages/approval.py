"""The approval of a plan: whose turn it is, what changed, what marketing's gate finds, what was decided, the rules."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext

from topline.accounts.models import User
from topline.accounts.permissions import Role
from topline.plans import approval, gate, readiness, text, then
from topline.plans.approval import SeatView
from topline.plans.diff import Difference
from topline.plans.gate import Finding
from topline.plans.models import Decision, Delegation, Kind, Plan, PlanVersion, Seat, State, Step
from topline.units.errors import ToplineError
from topline.units.period import parse_day
from topline.web import formats
from topline.web.page import Page, Visit, whole
from topline.web.pages import plan_next, plans
from topline.web.pages.plans import TONES, version_of

STEP_TONES = {
    Step.SUBMITTED: "note",
    Step.APPROVED: "good",
    Step.SENT_BACK: "warn",
    Step.VOIDED: "bad",
    Step.ACTIVATED: "accent",
    Step.CLOSED: "",
}
_LINES = 40
_FOUND = 40
"""Findings of the gate in sight; those that block come first."""


def view(visit: Visit, plan_id: int) -> HttpResponse:
    version = version_of(visit, plan_id)
    _, known_at = plans.seen(visit)
    context = _then(visit, version, known_at) if known_at else _context(visit, version, {})
    return visit.render("approval.html", context | plans.about_then(visit))


def act(visit: Visit, plan_id: int) -> HttpResponse:
    """A step of the approval; what doesn't fit stands beside its form, and what was written stays."""
    version = version_of(visit, plan_id)
    address = visit.url("plan_approval", plan_id) + f"?version={version.number}"
    if visit.request.method != "POST":
        return redirect(address)
    posted = visit.request.POST
    try:
        said = _do(visit, version, posted.get("do", ""))
    except ToplineError as error:
        context = _context(visit, version_of(visit, plan_id), {posted.get("form", "decide"): formats.say(error)})
        return visit.render("approval.html", context | {"written": posted}, status=400)
    messages.success(visit.request, said)
    return redirect(address)


def _do(visit: Visit, version: PlanVersion, verb: str) -> str:
    """Does it, and says what was done."""
    posted, now = visit.request.POST, timezone.now()
    whom: dict[str, Any] = {"actor": visit.user, "now": now}
    note = posted.get("note", "")
    match verb:
        case "submit":
            visit.require("plans.write")
            approval.submit(version=version, note=note, **whom)
            return gettext("Handed in.")
        case "approve":
            after = approval.approve(version=version, note=note, digest=posted.get("digest", ""), **whom)
            return gettext("Approved.") if after.state == State.APPROVED else gettext("Your approval is noted.")
        case "send_back":
            approval.send_back(version=version, note=note, **whom)
            return gettext("Sent back.")
        case "activate":
            approval.activate(version=version, **whom)
            return gettext("The plan is in force.")
        case "close":
            approval.close(version=version, **whom)
            return gettext("The plan is closed.")
        case "serve":
            visit.require("plans.write")
            served = Plan.objects.of(visit.shop).filter(pk=whole(posted.get("serves"))).first()
            approval.serve(plan=version.plan, served=served, **whom)
            return gettext("Kept.")
        case "rule":
            visit.require("settings.write")
            approval.set_rule(shop=visit.shop, is_one_person=posted.get("is_one_person") == "on", **whom)
            return gettext("Kept.")
        case "delegate":
            people = User.objects.filter(membership__shop=visit.shop).distinct()
            taker = people.filter(pk=whole(posted.get("taker"))).first() or visit.user
            days = parse_day(posted.get("starts_on", "")), parse_day(posted.get("last_on", ""))
            approval.delegate(
                shop=visit.shop, giver=visit.user, taker=taker, starts_on=days[0], last_on=days[1], **whom
            )
            return gettext("Your delegate decides in your place on these days.")
        case "revoke":
            mine = Delegation.objects.filter(shop=visit.shop, pk=whole(posted.get("delegation")))
            found = (mine if visit.may("people.write") else mine.filter(giver=visit.user)).first()
            if found is None:
                raise Http404
            approval.revoke(delegation=found, **whom)
            return gettext("You decide yourself again.")
    raise Http404


def _context(visit: Visit, version: PlanVersion, errors: dict[str, str]) -> dict[str, Any]:
    plan, today = version.plan, visit.today
    views = approval.seat_views(version, today)
    mine = approval.seats_of(version, visit.user, today)
    former, differences = approval.changes(version)
    found = gate.findings(version)
    open_ = [one for one in views if one.decision is None]
    may_approve = version.state in approval.REVIEWED and _may_approve(open_, mine)
    people = {person.pk: str(person) for person in User.objects.filter(membership__shop=visit.shop).distinct()}
    return {
        "plan": plan,
        "version": version,
        "tab": "approval",
        "tone": TONES[State(version.state)],
        "sentence": _sentence(version, list(version.decisions.order_by("number")), open_),
        "steps": _steps(version),
        "seats": [_seat(version, one, people) for one in views],
        "mine": [str(one.seat.label) for one in open_ if one.seat in mine],
        "may_submit": version.state == State.DRAFT and visit.may("plans.write"),
        "may_approve": may_approve,
        "may_send_back": version.state in approval.DECIDED and (bool(mine) or visit.may("plans.write")),
        "may_activate": version.state == State.APPROVED and bool({Seat.PLAN_OWNER, Seat.DIRECTOR} & set(mine)),
        "may_close": version.state == State.ACTIVE and bool({Seat.PLAN_OWNER, Seat.DIRECTOR} & set(mine)),
        "may_write": visit.may("plans.write"),
        "may_set_rule": visit.may("settings.write"),
        "digest": version.contents_digest() if may_approve else "",
        "gate": [
            _finding(version, one)
            | {"href": plan_next.address(visit, version, readiness.of_finding(version, one)) if one.field else ""}
            for one in found[:_FOUND]
        ],
        "found": len(found),
        "more_found": max(len(found) - _FOUND, 0),
        **(plan_next.context(visit, version, found) if version.state == State.DRAFT else {}),
        "has_gate": gate.has_gate(version),
        "former_at": former.at.astimezone(visit.shop.zone) if former else None,
        "differences": [difference(version, one) for one in differences[:_LINES]],
        "more_differences": max(len(differences) - _LINES, 0),
        "log": [_entry(visit, version, one, people) for one in Decision.objects.of(plan).select_related("version")][
            ::-1
        ],
        "is_whole": approval.is_whole(plan),
        "is_one_person": approval.is_one_person(version),
        "allows_one_person": approval.allows_one_person(visit.shop),
        "delegations": [
            {"row": one, "is_mine": one.giver_id == visit.user.pk or visit.may("people.write")}
            for one in Delegation.objects.filter(shop=visit.shop, revoked_at=None, last_on__gte=today).select_related(
                "giver", "taker"
            )
        ],
        "others": [(pk, name) for pk, name in people.items() if pk != visit.user.pk],
        "may_delegate": bool(mine) or bool({Role.OWNER, *approval.ROLE_OF.values()} & visit.user.roles_in(visit.shop)),
        "marketing_plans": Plan.objects.of(visit.shop).filter(kind=Kind.MARKETING),
        "may_serve": plan.kind == Kind.SALES and visit.may("plans.write") and version.state == State.DRAFT,
        "errors": errors,
        "written": {},
    }


def _then(visit: Visit, version: PlanVersion, at: datetime) -> dict[str, Any]:
    """The approval as it stood at a moment: what had been decided by then, and whose turn it was."""
    decided = then.decisions(version, at)
    given = {one.seat: one for one in then.approvals(decided)}
    version.state = then.state(version, decided)
    views = [replace(one, decision=given.get(one.seat)) for one in approval.seat_views(version, visit.today)]
    people = {person.pk: str(person) for person in User.objects.filter(membership__shop=visit.shop).distinct()}
    log = Decision.objects.of(version.plan).filter(at__lt=at).select_related("version")
    return {
        "plan": version.plan,
        "version": version,
        "tab": "approval",
        "tone": TONES[State(version.state)],
        "sentence": _sentence(version, decided, [one for one in views if one.decision is None]),
        "steps": _steps(version),
        "seats": [_seat(version, one, people) for one in views],
        "log": [_entry(visit, version, one, people) for one in log][::-1],
        "is_whole": approval.is_whole(version.plan),
        "errors": {},
    }


def _may_approve(open_: list[SeatView], mine: dict[Seat, int | None]) -> bool:
    """Whether one of the open seats is the person's, the director's only if it is the last or all are theirs."""
    held = [one.seat for one in open_ if one.seat in mine]
    return bool(held) and (held != [Seat.DIRECTOR] or len(open_) == 1)


def _sentence(version: PlanVersion, decided: list[Decision], open_: list[SeatView]) -> str:
    """What the plan waits for after what was decided."""
    seats = ", ".join(str(one.seat.label) for one in open_)
    match State(version.state):
        case State.DRAFT:
            last = decided[-1] if decided else None
            if last is not None and last.step == Step.VOIDED:
                return gettext("A change voided the approval: hand the plan in again.")
            if last is not None and last.step == Step.SENT_BACK:
                return gettext("It was sent back: mend it and hand it in again.")
            return gettext("A draft: nobody has been asked to approve it yet.")
        case State.IN_REVIEW | State.BY_MARKETING:
            return gettext("It waits for %(seats)s.") % {"seats": seats}
        case State.APPROVED:
            return gettext("All have approved it: it can be put in force.")
        case State.ACTIVE:
            return gettext("In force: its numbers are locked.")
    return gettext("Closed.")


def _steps(version: PlanVersion) -> list[dict[str, Any]]:
    """The way from draft to closed, and where the version stands."""
    way = [state for state in State if state != State.BY_MARKETING or gate.has_gate(version)]
    here = way.index(State(version.state))
    return [
        {"label": state.label, "is_done": place < here, "is_here": place == here} for place, state in enumerate(way)
    ]


def _seat(version: PlanVersion, one: SeatView, people: dict[int, str]) -> dict[str, Any]:
    decision = one.decision
    return {
        "label": one.seat.label,
        "sections": ", ".join(f"§{number}" for number in one.sections),
        "holders": ", ".join(str(person) for person in one.holders) or "–",
        "by": _who(decision, people) if decision else "",
        "at": decision.at.astimezone(version.plan.shop.zone) if decision else None,
        "is_open": version.state in approval.REVIEWED and decision is None,
    }


def _who(entry: Decision, people: dict[int, str]) -> str:
    """Who decided, and for whom."""
    by = people.get(entry.actor_id, gettext("somebody who left")) if entry.actor_id else gettext("the command line")
    if entry.for_id is None:
        return by
    return gettext("%(delegate)s for %(person)s") % {"delegate": by, "person": people.get(entry.for_id, "–")}


def _finding(version: PlanVersion, one: Finding) -> dict[str, Any]:
    return {"text": _say(version, one.said), "section": one.section, "is_blocking": one.is_blocking}


def difference(version: PlanVersion, one: Difference) -> dict[str, Any]:
    """A line of what changed, as people read it."""
    language, currency = formats.tag(), version.plan.currency

    def shown(value: str | None) -> str:
        if value is None:
            return "–"
        if one.metric:
            return text.amount(one.metric, value, currency=currency, language=language)
        return value if len(value) <= 160 else value[:159] + "…"

    return {
        "what": _say(version, one.what),
        "before": shown(one.before),
        "after": shown(one.after),
        "is_material": one.is_material,
    }


def _say(version: PlanVersion, sentence: text.Sentence) -> str:
    return text.render(sentence, currency=version.plan.currency, language=formats.tag())


def _entry(visit: Visit, version: PlanVersion, entry: Decision, people: dict[int, str]) -> dict[str, Any]:
    return {
        "row": entry,
        "who": _who(entry, people),
        "at": entry.at.astimezone(visit.shop.zone),
        "tone": STEP_TONES[Step(entry.step)],
        "changes": [difference(version, Difference.of(one)) for one in entry.changes[:_LINES]],
        "found": len(entry.findings),
        "findings": [_finding(version, Finding.of(one)) for one in entry.findings[:_FOUND]],
        "more_found": max(len(entry.findings) - _FOUND, 0),
    }


PAGES = (
    Page(
        path="plans/<int:plan_id>/approval",
        name="plan_approval",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
    Page(
        path="plans/<int:plan_id>/approval/do",
        name="plan_approval_act",
        view=act,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
