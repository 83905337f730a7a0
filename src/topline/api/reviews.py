"""Reviews of plans: packs, minutes, promises, and the team's feedback."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import get_language
from ninja import Path, Query, Router, Schema, Status
from ninja.decorators import decorate_view
from pydantic import Field

from topline.accounts.models import Shop, User
from topline.accounts.scopes import scope_for
from topline.api import plans
from topline.api.auth import Caller, Requires, caller
from topline.api.checks import WaitOut
from topline.api.once import once
from topline.api.sent import Sent
from topline.plans import drivers, feedback, jobs, promises, reviews
from topline.plans.drivers import Difference
from topline.plans.models import Feedback, Promise, Review
from topline.plans.text import Sentence
from topline.units.errors import ToplineError
from topline.units.text import N_
from topline.workbench.models import Job

router = Router()

_MOST = 200
_BASE = "/shops/{shop}/plans/{plan}/reviews"
_On = Annotated[date, Path(description="The day of the review, such as 2027-03-01")]


class UnknownReviewError(ToplineError):
    message = N_("Plan %(plan)s has no review of %(on)s.")


class UnknownPromiseError(ToplineError):
    message = N_("The shop “%(shop)s” has no promise %(id)s.")


class UnknownFeedbackError(ToplineError):
    message = N_("The shop “%(shop)s” has no feedback %(id)s.")


class UnknownPersonError(ToplineError):
    message = N_("Nobody of the shop has the address %(email)s.")


class ReviewDifferenceOut(Schema):
    """Net sales against the plan or the year before, and the parts, which sum to the difference."""

    sentence: str
    against: str | None = None
    before: str | None = None
    now: str | None = None
    parts: dict[str, str] = {}
    untold: Annotated[list[str], Field(description="What can't be told apart, and why")] = []


class MinuteOut(Schema):
    kind: str
    text: str
    author_id: int | None
    at: datetime


class MinuteIn(Sent):
    text: Annotated[str, Field(min_length=1, max_length=reviews.LONGEST)]
    is_decision: bool = False


class PromiseOut(Schema):
    id: int
    plan_id: int
    text: str
    owner: str | None
    due_on: date
    state: Annotated[str, Field(description="open, kept, broken or withdrawn")]
    note: str
    made_at: datetime
    settled_at: datetime | None

    @staticmethod
    def resolve_owner(one: Promise) -> str | None:
        return one.owner.email if one.owner else None


class PromiseIn(Sent):
    text: Annotated[str, Field(min_length=1, max_length=promises.LONGEST)]
    owner: Annotated[str, Field(description="Whose promise it is: an e-mail address")]
    due_on: date
    review: Annotated[date | None, Field(description="The day of the review that it is made at")] = None


class PromiseChange(Sent):
    """What became of it, or another day or owner."""

    state: Annotated[
        Literal["kept", "broken", "withdrawn", "open"] | None, Field(description="open opens it again")
    ] = None
    note: Annotated[str, Field(max_length=promises.LONGEST)] = ""
    due_on: date | None = None
    owner: Annotated[str | None, Field(description="An e-mail address")] = None


class ReviewOut(Schema):
    plan: int
    version: int
    on: date
    since: date
    snapshot: Annotated[int, Field(description="The lake's, that every number of the pack was read from")]
    status: str
    headline: list[str]
    built_at: datetime
    held_at: datetime | None


class PackOut(ReviewOut):
    """A review with its pack as it was built, its minutes, and the promises made at it."""

    total: dict[str, Any]
    goals: list[dict[str, Any]]
    drivers: list[ReviewDifferenceOut]
    promises: list[dict[str, Any]]
    proposals: list[dict[str, Any]]
    feedback: list[dict[str, Any]]
    causes: dict[str, Any]
    minutes: list[MinuteOut]
    promised: list[PromiseOut]


class FeedbackOut(Schema):
    id: int
    tag: str
    text: str
    author: str | None
    role: str
    at: datetime
    state: Annotated[str, Field(description="open, taken, noted or declined")]
    answer: str
    answered_at: datetime | None

    @staticmethod
    def resolve_author(one: Feedback) -> str | None:
        return str(one.author) if one.author else None


class FeedbackIn(Sent):
    tag: Annotated[str, Field(description="customer, product, price, process, competitor, message or other")]
    text: Annotated[str, Field(min_length=1, max_length=feedback.LONGEST)]


class AnswerIn(Sent):
    text: Annotated[str, Field(min_length=1, max_length=feedback.LONGEST)]
    outcome: Annotated[str, Field(description="taken, noted or declined")]


class ListIn(Schema):
    before: Annotated[int | None, Field(description="Only those with a smaller number")] = None


@router.get(
    _BASE,
    response=list[ReviewOut],
    auth=Requires("plans.read", is_whole=True),
    summary="The reviews of a plan, newest first",
)
def list_reviews(request: HttpRequest, shop: str, plan: plans._Plan) -> list[dict[str, Any]]:
    who = caller(request)
    return [
        _shown(one, who) for one in Review.objects.of(plans._plan(who.shop, plan)).select_related("version")[:_MOST]
    ]


@router.post(
    _BASE,
    response={200: ReviewOut, 202: WaitOut},
    auth=Requires("plans.write"),
    summary="Build today's review, unless it is there: 202 while it is being built",
)
@decorate_view(once)
def build_review(request: HttpRequest, shop: str, plan: plans._Plan) -> Status[dict[str, Any]] | Status[Job]:
    who = caller(request)
    found = plans._plan(who.shop, plan)
    there = Review.objects.of(found).filter(on=who.shop.today()).first()
    return Status(200, _shown(there, who)) if there else Status(202, jobs.ask_for_review(found, actor=who.user))


@router.get(
    f"{_BASE}/{{on}}",
    response=PackOut,
    auth=Requires("plans.read", is_whole=True),
    summary="A review's pack, minutes and promises",
)
def read_review(request: HttpRequest, shop: str, plan: plans._Plan, on: _On) -> dict[str, Any]:
    who = caller(request)
    found = _review(who.shop, plan, on)
    hidden, pack, words = scope_for(who.user, who.shop).hidden_families, found.pack, _words(who.shop)
    return _shown(found, who) | {
        "total": pack["total"],
        "goals": [one for one in pack["goals"] if not reviews.hides(one["metric"], hidden)],
        "drivers": [_difference(one, words) for one in pack["drivers"]],
        "promises": pack["promises"],
        "proposals": [one | {"action": words(Sentence.of(one["action"]))} for one in pack["proposals"]]
        if "finance.read" in who.token.permissions()
        else [],
        "feedback": pack["feedback"],
        "causes": pack["causes"],
        "minutes": list(found.minutes.all()),
        "promised": list(found.promises.select_related("owner")),
    }


@router.post(
    f"{_BASE}/{{on}}/minutes",
    response={201: MinuteOut},
    auth=Requires("plans.write"),
    summary="Add a note or a decision to a review that isn't closed",
)
@decorate_view(once)
def add_minute(request: HttpRequest, shop: str, plan: plans._Plan, on: _On, wanted: MinuteIn) -> Status[object]:
    who = caller(request)
    made = reviews.note(
        review=_review(who.shop, plan, on), text=wanted.text, is_decision=wanted.is_decision, actor=who.user,
        now=timezone.now(),
    )  # fmt: skip
    return Status(201, made)


@router.post(
    f"{_BASE}/{{on}}/hold",
    response=ReviewOut,
    auth=Requires("plans.write"),
    summary="Close a review: its minutes go to those who attended",
)
@decorate_view(once)
def hold_review(request: HttpRequest, shop: str, plan: plans._Plan, on: _On) -> dict[str, Any]:
    who = caller(request)
    return _shown(reviews.hold(review=_review(who.shop, plan, on), actor=who.user, now=timezone.now()), who)


@router.get(
    "/shops/{shop}/plans/{plan}/promises",
    response=list[PromiseOut],
    auth=Requires("plans.read"),
    summary="The promises that a plan's next review answers for, by the day that they are due; a sales rep's own",
)
def list_promises(request: HttpRequest, shop: str, plan: plans._Plan) -> list[Promise]:
    who = caller(request)
    found = Promise.objects.before(plans._plan(who.shop, plan), who.shop.today())
    if not scope_for(who.user, who.shop).is_whole:
        found = found.filter(owner=who.user)
    return list(found.select_related("owner"))


@router.post(
    "/shops/{shop}/plans/{plan}/promises",
    response={201: PromiseOut},
    auth=Requires("plans.write"),
    summary="Note what somebody promises",
)
@decorate_view(once)
def make_promise(request: HttpRequest, shop: str, plan: plans._Plan, wanted: PromiseIn) -> Status[object]:
    who = caller(request)
    made = promises.make(
        plan=plans._plan(who.shop, plan),
        review=_review(who.shop, plan, wanted.review) if wanted.review else None,
        text=wanted.text,
        owner=_person(who.shop, wanted.owner),
        due_on=wanted.due_on,
        actor=who.user,
        now=timezone.now(),
    )
    return Status(201, made)


@router.patch(
    "/shops/{shop}/promises/{promise}",
    response=PromiseOut,
    auth=Requires("feedback.write"),
    summary="Say what became of a promise, or move it; who promised it may, and who edits plans",
)
@decorate_view(once)
def change_promise(
    request: HttpRequest, shop: str, promise: Annotated[int, Path(description="Its number")], wanted: PromiseChange
) -> Promise:
    who, now = caller(request), timezone.now()
    found = Promise.objects.filter(plan__shop=who.shop, pk=promise).select_related("owner", "plan__shop").first()
    if found is None:
        raise UnknownPromiseError(shop=who.shop.slug, id=promise)
    if not promises.may_change(found, who.user, who.token.permissions()):
        raise PermissionDenied
    if wanted.due_on or wanted.owner:
        owner = _person(who.shop, wanted.owner) if wanted.owner else found.owner or who.user
        due_on = wanted.due_on or found.due_on
        found = promises.move(promise=found, due_on=due_on, owner=owner, actor=who.user, now=now)
    if wanted.state == "open":
        return promises.reopen(promise=found, actor=who.user, now=now)
    if wanted.state:
        return promises.settle(promise=found, state=wanted.state, note=wanted.note, actor=who.user, now=now)
    return found


@router.get(
    "/shops/{shop}/feedback",
    response=list[FeedbackOut],
    auth=Requires("feedback.write"),
    summary="What the team said, the newest first, with the answers",
)
def list_feedback(request: HttpRequest, shop: str, asked: Query[ListIn]) -> list[Feedback]:
    found = Feedback.objects.of(caller(request).shop)
    return list((found.filter(pk__lt=asked.before) if asked.before else found)[:_MOST])


@router.post(
    "/shops/{shop}/feedback",
    response={201: FeedbackOut},
    auth=Requires("feedback.write"),
    summary="Write feedback for the next review",
)
@decorate_view(once)
def write_feedback(request: HttpRequest, shop: str, wanted: FeedbackIn) -> Status[object]:
    who = caller(request)
    made = feedback.write(shop=who.shop, tag=wanted.tag, text=wanted.text, author=who.user, now=timezone.now())
    return Status(201, made)


@router.post(
    "/shops/{shop}/feedback/{number}/answer",
    response=FeedbackOut,
    auth=Requires("plans.write"),
    summary="Say what comes of feedback; its author is told",
)
@decorate_view(once)
def answer_feedback(
    request: HttpRequest, shop: str, number: Annotated[int, Path(description="Its number")], wanted: AnswerIn
) -> Feedback:
    who = caller(request)
    found = Feedback.objects.of(who.shop).filter(pk=number).first()
    if found is None:
        raise UnknownFeedbackError(shop=who.shop.slug, id=number)
    return feedback.answer(feedback=found, text=wanted.text, outcome=wanted.outcome, actor=who.user, now=timezone.now())


def _review(shop: Shop, plan: int, on: date) -> Review:
    found = Review.objects.of(plans._plan(shop, plan)).filter(on=on).select_related("version", "plan__shop").first()
    if found is None:
        raise UnknownReviewError(plan=plan, on=on)
    return found


def _person(shop: Shop, email: str) -> User:
    """Somebody of the shop; whoever else has an account doesn't exist for it."""
    found = User.objects.filter(membership__shop=shop, email__iexact=email).first()
    if found is None:
        raise UnknownPersonError(email=email)
    return found


def _words(shop: Shop) -> plans.Words:
    return plans.Words(shop.currency, get_language() or "en")


def _shown(one: Review, who: Caller) -> dict[str, Any]:
    words = _words(who.shop)
    plain = ("on", "since", "snapshot", "built_at", "held_at")
    return {name: getattr(one, name) for name in plain} | {
        "plan": one.plan_id,
        "version": one.version.number,
        "status": one.pack["status"],
        "headline": [words(Sentence.of(each)) for each in one.pack["headline"]],
    }


def _difference(kept: dict[str, Any], words: plans.Words) -> dict[str, Any]:
    found = drivers.thaw(kept)
    if not isinstance(found, Difference):
        return {"sentence": words(found)}
    return {
        "sentence": words(found.sentence),
        "against": found.against,
        "before": str(found.before),
        "now": str(found.now),
        "parts": {id_: str(amount) for id_, amount in found.parts.items()},
        "untold": [words(one) for one in found.untold],
    }
