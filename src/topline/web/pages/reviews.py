"""Reviews of a plan: the pack that builds itself, the meeting held with it, and promises until they are kept."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext, ngettext

from topline.accounts.models import User
from topline.accounts.permissions import LABELS, Role
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Unit
from topline.plans import checks, feedback, handout, progress, promises, reviews, text, then
from topline.plans import drivers as plan_drivers
from topline.plans import jobs as plan_jobs
from topline.plans.models import Feedback, Plan, Promise, Review, State
from topline.plans.text import Sentence
from topline.units.errors import PeriodError, ToplineError
from topline.units.period import parse_day
from topline.units.text import N_
from topline.web import drivers, formats
from topline.web.page import Page, Visit, whole
from topline.web.pages import plans
from topline.workbench.models import Job

TONES = {
    Promise.State.OPEN: "",
    Promise.State.KEPT: "good",
    Promise.State.BROKEN: "bad",
    Promise.State.WITHDRAWN: "",
}
OUTCOME_TONES = {
    Feedback.State.OPEN: "warn",
    Feedback.State.TAKEN: "good",
    Feedback.State.NOTED: "",
    Feedback.State.DECLINED: "",
}
_LISTED = 60


class UnknownPersonError(ToplineError):
    message = N_("Choose somebody of the shop.")


# The list ----------------------------------------------------------------------------


def index(visit: Visit, plan_id: int) -> HttpResponse:
    """A plan's reviews and what was promised in them; to who sees a part of the shop, what they promised."""
    if not visit.scope.is_whole:
        return redirect("plan_own", visit.shop.slug, plan_id)
    version = plans.version_of(visit, plan_id)
    plan, error = version.plan, ""
    if visit.request.method == "POST":
        try:
            if visit.request.POST.get("do") == "build":
                visit.require("plans.write")
                plan_jobs.ask_for_review(plan, actor=visit.user)
            else:
                answer_promise(visit, plan)
            return redirect("plan_reviews", visit.shop.slug, plan_id)
        except ToplineError as wrong:
            error = formats.say(wrong)
    job = Job.objects.filter(shop=visit.shop.slug, kind="plans.review", params__plan=plan.pk).order_by("-pk").first()
    is_building = job is not None and not job.is_finished
    if visit.is_fragment and is_building:
        return HttpResponse(status=204)
    if visit.is_fragment:
        return HttpResponse(headers={"HX-Refresh": "true"})
    day, known_at = plans.seen(visit)
    listed = list(Review.objects.of(plan).filter(on__lte=day).prefetch_related("minutes")[:_LISTED])
    known = people_of(visit)
    standing = (
        then.promises(plan, known_at)
        if known_at
        else list(Promise.objects.before(plan, day).select_related("owner", "review"))
    )
    unsettled = [one for one in standing if one.state == Promise.State.OPEN]
    context = {
        **plans.about_then(visit),
        "plan": plan,
        "version": version,
        "tab": "reviews",
        "version_query": f"?version={version.number}" if visit.request.GET.get("version") else "",
        "tone": plans.TONES[State(version.state)],
        "sentence": _sentence(plan, day, listed, unsettled),
        "reviews": [_listed(one) for one in listed],
        "open": [opened(visit, one) for one in unsettled],
        "settled": [opened(visit, one) for one in reversed(standing) if one.state != Promise.State.OPEN][:_LISTED],
        "people": known.items(),
        "is_building": is_building,
        "trouble": error or (formats.failure(job) if job else ""),
        "may_write": visit.may("plans.write") and day == visit.today,
        "has_begun": visit.today > plan.starts_on,
        "today_is_there": any(one.on == visit.today for one in listed),
    }
    return visit.render("plan_reviews.html", context, status=400 if error else 200)


def _sentence(plan: Plan, day: date, listed: list[Review], opened: list[Promise]) -> str:
    late = sum(one.due_on < day for one in opened)
    if not listed and not opened and day > plan.starts_on:
        return gettext("No review yet: build the pack of today, and hold the first.")
    if not listed and not opened:
        return gettext("No review yet: the pack builds itself in the first week of the plan in force.")
    if not opened:
        return gettext("No promise is open.")
    n = len(opened)
    said = ngettext("%(n)s promise is open", "%(n)s promises are open", n) % {"n": n}
    if late:
        return gettext("%(open)s, %(late)s of them late.") % {"open": said, "late": late}
    return gettext("%(open)s, none of them late.") % {"open": said}


def _listed(one: Review) -> dict[str, Any]:
    status, tone = plans.STATUSES[one.pack["status"]]
    return {
        "review": one,
        "status": formats.say(status),
        "tone": tone,
        "chance": formats.chance(one.pack["total"]["chance"]) if one.pack["total"]["chance"] is not None else "–",
        "said": _said(one.plan, one.pack["headline"][0]),
        "decisions": len(one.decisions),
    }


# One review ---------------------------------------------------------------------------


def view(visit: Visit, plan_id: int, on: str) -> HttpResponse:
    """The page that a review is held with; everything as it was built, beside how it stands today."""
    review = _review(visit, plan_id, on)
    error = ""
    if visit.request.method == "POST":
        try:
            return _act(visit, review)
        except ToplineError as wrong:
            error = formats.say(wrong)
    plan, pack = review.plan, review.pack
    rest = plan_jobs.look_ahead(plan, retry=visit.is_retry)
    is_waiting = rest.snapshot is None and not formats.failure(rest.job)
    if visit.is_fragment and is_waiting:
        return HttpResponse(status=204)
    is_shown = rest.snapshot is not None and review.on != visit.today
    look = checks.look(plan.current, visit.today, rest.snapshot) if is_shown else None
    known, attendees = people_of(visit), list(review.attendees.all())
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=_named(review))} | known
    context = {
        "plan": plan,
        "review": review,
        "version": review.version,
        "tab": "reviews",
        "sentence": _said(plan, pack["headline"][0]),
        "more": [_said(plan, one) for one in pack["headline"][1:]],
        "built": review.built_at.astimezone(visit.shop.zone),
        "held": review.held_at and review.held_at.astimezone(visit.shop.zone),
        "figures": _figures(visit, pack["total"], reviews.line(look.total) if look else None),
        "goals": [_goal(visit, one, look) for one in pack["goals"] if not _is_hidden(visit, one["metric"])],
        "has_today": look is not None,
        "is_waiting": is_waiting,
        "why": [drivers.shown(plan_drivers.thaw(one), plan.currency) for one in pack["drivers"]],
        "promises": _promises(visit, review, names),
        "made": [opened(visit, one) for one in review.promises.select_related("owner")],
        "proposals": _proposals(visit, review) if visit.may("finance.read") else [],
        "feedback": _feedback(review, names),
        "outcomes": [(id_, label) for id_, label in Feedback.State.choices if id_ != Feedback.State.OPEN],
        "causes": pack["causes"].get("rows", []),
        "no_causes": formats.say(pack["causes"].get("missing", "")),
        "minutes": [(one, names.get(one.author_id or 0, "–")) for one in review.minutes.all()],
        "people": known.items(),
        "attendees": attendees,
        "attending": {one.pk for one in attendees},
        "formats": [(id_, handout.FORMATS[id_].label) for id_ in handout.OF_REVIEWS],
        "error": error,
        "may_write": visit.may("plans.write"),
        "is_open": review.held_at is None and visit.may("plans.write"),
    }
    if visit.is_fragment:
        return visit.render("plan_review.html#goals", context)
    return visit.render("plan_review.html", context, status=400 if error else 200)


def _review(visit: Visit, plan_id: int, on: str) -> Review:
    plan = Plan.objects.of(visit.shop).filter(pk=plan_id).first()
    try:
        day = parse_day(on)
    except PeriodError:
        raise Http404 from None
    found = Review.objects.of(plan).select_related("plan__shop", "version").filter(on=day).first() if plan else None
    if found is None:
        raise Http404
    return found


def _act(visit: Visit, review: Review) -> HttpResponse:
    posted, now = visit.request.POST, timezone.now()
    do = posted.get("do", "")
    back = visit.url("plan_review", review.plan_id, review.on)
    if do == "promise":
        answer_promise(visit, review.plan)
        return redirect(f"{back}#promises")
    visit.require("plans.read" if do == "export" else "plans.write")
    match do:
        case "note" | "decision":
            reviews.note(
                review=review, text=posted.get("text", ""), is_decision=do == "decision", actor=visit.user, now=now
            )
            return redirect(f"{back}#minutes")
        case "make":
            owner, due_on = _asked(visit)
            promises.make(
                plan=review.plan, review=review, text=posted.get("text", ""), owner=owner, due_on=due_on,
                actor=visit.user, now=now,
            )  # fmt: skip
            return redirect(f"{back}#promises")
        case "answer":
            found = Feedback.objects.of(visit.shop).filter(pk=whole(posted.get("feedback"))).first()
            if found is None:
                raise Http404
            feedback.answer(
                feedback=found,
                text=posted.get("text", ""),
                outcome=posted.get("outcome", ""),
                actor=visit.user,
                now=now,
            )
            return redirect(f"{back}#feedback")
        case "invite":
            chosen = User.objects.filter(membership__shop=visit.shop, pk__in=map(whole, posted.getlist("people")))
            reviews.invite(review=review, people=list(chosen.distinct()), actor=visit.user)
        case "hold":
            reviews.hold(review=review, actor=visit.user, now=now)
            messages.success(visit.request, gettext("The review is closed. Its minutes went to those who attended."))
        case "export":
            job = plan_jobs.ask_for_file(
                version=review.version, format_=posted.get("format", ""), today=visit.today, actor=visit.user,
                review=review,
            )  # fmt: skip
            return redirect("plan_file", visit.shop.slug, job.pk)
    return redirect(back)


def answer_promise(visit: Visit, plan: Plan) -> None:
    """What is done to a promise: kept, not kept, withdrawn, opened again, or moved to another day or person."""
    posted, now = visit.request.POST, timezone.now()
    found = Promise.objects.before(plan, visit.today).filter(pk=whole(posted.get("promise"))).first()
    if found is None:
        raise Http404
    if not promises.may_change(found, visit.user, visit.permissions):
        raise PermissionDenied
    state = posted.get("state", "")
    if state == "move":
        owner, due_on = _asked(visit)
        promises.move(promise=found, due_on=due_on, owner=owner, actor=visit.user, now=now)
    elif state == Promise.State.OPEN:
        promises.reopen(promise=found, actor=visit.user, now=now)
    elif state in Promise.State.values:
        promises.settle(promise=found, state=state, note=posted.get("note", ""), actor=visit.user, now=now)


def _asked(visit: Visit) -> tuple[User, date]:
    """Who is to keep a promise, and by when."""
    posted = visit.request.POST
    people = User.objects.filter(membership__shop=visit.shop, pk=whole(posted.get("owner")))
    owner = people.first()
    if owner is None:
        raise UnknownPersonError()
    return owner, parse_day(posted.get("due_on", ""))


def people_of(visit: Visit) -> dict[int, str]:
    return {one.pk: str(one) for one in User.objects.filter(membership__shop=visit.shop).distinct()}


def _named(review: Review) -> set[int]:
    """Everybody whom the pack and the minutes name."""
    told = [one["owner"] for one in review.pack["promises"]] + [one["author"] for one in review.pack["feedback"]]
    return {pk for pk in [*told, *review.minutes.values_list("author_id", flat=True)] if pk}


def _is_hidden(visit: Visit, metric: str) -> bool:
    return reviews.hides(metric, visit.scope.hidden_families)


def _said(plan: Plan, stored: list[Any]) -> str:
    return text.render(Sentence.of(stored), currency=plan.currency, language=formats.tag())


def _figures(visit: Visit, then: Mapping[str, Any], now: Mapping[str, Any] | None) -> list[dict[str, str]]:
    """Figures of the whole plan as of the review, each with today's below."""

    def today(text: str) -> str:
        return gettext("today %(value)s") % {"value": text}

    def money(value: object) -> str:
        return formats.short_money(Decimal(str(value)), visit.shop.currency) if value is not None else "–"

    found = [
        {"label": gettext(label), "value": money(then[name]), "note": today(money(now[name])) if now else ""}
        for name, label in (
            ("target", N_("Target")), ("actual", N_("Actual so far")), ("due", N_("Due by then")),
            ("last_year_to_date", N_("Last year by then")),
        )
    ]  # fmt: skip
    chances = [formats.chance(each["chance"]) if each and each["chance"] is not None else "" for each in (then, now)]
    note = today(chances[1]) if chances[1] else ""
    found.append({"label": gettext("Chance to make it"), "value": chances[0] or "–", "note": note})
    return found


def _goal(visit: Visit, one: Mapping[str, Any], look: progress.PlanView | None) -> dict[str, Any]:
    metric, currency = metrics()[one["metric"]], visit.shop.currency
    now = next((each for each in look.goals if each.goal.key == one["key"]), None) if look else None

    def number(value: object) -> str:
        return formats.number(Decimal(str(value)), metric.unit, currency) if value is not None else "–"

    scope = ", ".join(plans.name_of(dimension, name) for dimension, name in sorted(one["scope"].items()))
    label, tone = plans.STATUSES[one["status"]]
    return {
        "metric": metric,
        "scope": scope,
        "target": number(one["target"]),
        "actual": number(one["actual"]),
        "due": number(one["due"]),
        "last_year": number(one["last_year_to_date"]),
        "chance": formats.chance(one["chance"]) if one["chance"] is not None else "–",
        "status": formats.say(label),
        "tone": tone,
        "actual_now": number(now.line.actual) if now else "–",
        "chance_now": formats.chance(now.line.chance) if now and now.line.chance is not None else "–",
        "status_now": formats.say(plans.STATUSES[now.status][0]) if now else "",
        "tone_now": plans.STATUSES[now.status][1] if now else "",
    }


def _promises(visit: Visit, review: Review, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """The promises of the pack as they stood, each as it stands today."""
    kept = review.pack["promises"]
    today = Promise.objects.in_bulk([one["id"] for one in kept])
    return [
        opened(visit, today[one["id"]])
        | {
            "then": Promise.State(one["state"]).label,
            "then_tone": TONES[Promise.State(one["state"])],
            "who": names.get(one["owner"] or 0, "–"),
            "due": date.fromisoformat(one["due_on"]),
        }
        for one in kept
        if one["id"] in today
    ]


def opened(visit: Visit, one: Promise) -> dict[str, Any]:
    """What `promise_form.html` needs of a promise."""
    return {
        "promise": one,
        "tone": TONES[Promise.State(one.state)],
        "is_late": one.state == Promise.State.OPEN and one.due_on < (plans.then(visit) or visit.today),
        "may_change": promises.may_change(one, visit.user, visit.permissions) and plans.then(visit) is None,
    }


def _proposals(visit: Visit, review: Review) -> list[dict[str, str]]:
    return [
        {
            "action": _said(review.plan, one["action"]),
            "gain": formats.number(one["gain"], Unit.MONEY, visit.shop.currency),
            "share": formats.percent(one["share"], 0) if one["share"] is not None else "–",
        }
        for one in review.pack["proposals"]
    ]


def _feedback(review: Review, names: Mapping[int, str]) -> list[dict[str, Any]]:
    """The feedback of the pack with the answer that it has today."""
    kept = review.pack["feedback"]
    today = Feedback.objects.select_related("answerer").in_bulk([one["id"] for one in kept])
    return [
        {
            "row": today[one["id"]],
            "tag": Feedback.Tag(one["tag"]).label,
            "text": one["text"],
            "who": names.get(one["author"] or 0, "–"),
            "role": LABELS[Role(one["role"])] if one["role"] else "",
            "tone": OUTCOME_TONES[Feedback.State(today[one["id"]].state)],
        }
        for one in kept
        if one["id"] in today
    ]


PAGES = (
    Page(path="plans/<int:plan_id>/reviews", name="plan_reviews", view=index, permission="plans.read", place="plan"),
    Page(
        path="plans/<int:plan_id>/reviews/<str:on>",
        name="plan_review",
        view=view,
        permission="plans.read",
        place="plan",
        is_whole=True,
    ),
)
