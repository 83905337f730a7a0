"""Reviews: the pack that builds itself from a plan's numbers, kept as it was, and the meeting that is held with it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import translation
from django.utils.translation import gettext

from topline.accounts.models import Shop, User
from topline.accounts.scopes import scope_for
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.metrics.catalogue import metrics
from topline.plans import checks, drivers, feedback, text
from topline.plans.drafting import EmptyLakeError
from topline.plans.models import Feedback, Minute, Plan, PlanVersion, Promise, Proposal, Review, State
from topline.plans.progress import Line
from topline.plans.text import Sentence
from topline.units import errors
from topline.units.missing import Missing
from topline.units.period import Grain, Period
from topline.units.text import N_
from topline.workbench import audit, inbox, mail

GRAINS: Mapping[str, Grain] = {
    "daily": Grain.DAY,
    "weekly": Grain.WEEK,
    "monthly": Grain.MONTH,
    "quarterly": Grain.QUARTER,
}
"""How often a pack builds itself, by the cadence that the plan's document states; weekly where it states none."""

LONGEST = 4000


class HeldError(errors.ToplineError):
    message = N_("This review was held and closed. Write into the next one.")


class MinuteError(errors.ToplineError):
    message = N_("A note or decision has 1 to %(longest)s characters.")


class NotBegunError(errors.ToplineError):
    message = N_("The plan starts on %(first_on)s: there is nothing to review yet.")


# The pack ----------------------------------------------------------------------------


def pack(version: PlanVersion, since: date, after: datetime | None, today: date, snapshot: Snapshot) -> dict[str, Any]:
    """Everything that a review looks at, in plain values: how the plan goes as seen on a day, and what came in since.

    since : the day of the review before; after : when its pack was built, None for the first
    """
    shop, plan = version.plan.shop, version.plan
    look = checks.look(version, today, snapshot)
    seen = Period(since, max(today, since + timedelta(days=1)))
    return {
        "version": version.number,
        "known_to": look.known_to.isoformat(),
        "level": look.level,
        "status": look.status,
        "headline": [one.stored() for one in look.headline],
        "total": line(look.total),
        "goals": [
            line(one.line)
            | {"key": one.goal.key, "metric": one.goal.metric, "scope": one.goal.scope, "status": one.status}
            | {"owner": one.goal.owner_id, "due_on": one.goal.due_on.isoformat()}
            for one in look.goals
        ],
        "drivers": [
            drivers.stored(drivers.of(shop, plan.period, today, snapshot, against)) for against in drivers.AGAINST
        ],
        "promises": promised(plan, today, after),
        "proposals": [proposal(one) for one in accepted(shop, since, after)],
        "feedback": [remark(one) for one in Feedback.objects.of(shop).shown(after)],
        "causes": causes(feedback.causes(shop, seen, snapshot, Scope.whole(shop.slug))),
    }


def line(one: Line) -> dict[str, Any]:
    """A target and how it goes, in plain values: amounts exact."""
    plain = {name: _text(getattr(one, name)) for name in ("target", "actual", "due", "last_year", "last_year_to_date")}
    now = asdict(one.now) if one.now else None
    return plain | {"now": now, "chance": one.chance, "pace": one.pace, "growth": one.growth}


def promised(plan: Plan, today: date, after: datetime | None) -> list[dict[str, Any]]:
    """The promises that a review of the day tells of; after : when the pack of the review before was built."""
    return [promise(one) for one in Promise.objects.before(plan, today).shown(after)]


def promise(one: Promise) -> dict[str, Any]:
    return {
        "id": one.pk,
        "text": one.text,
        "owner": one.owner_id,
        "due_on": one.due_on.isoformat(),
        "state": one.state,
        "note": one.note,
    }


def proposal(one: Proposal) -> dict[str, Any]:
    return {
        "id": one.pk,
        "action": one.action,
        "gain": one.gain,
        "share": one.share,
        "due_on": one.due_on.isoformat(),
    }


def remark(one: Feedback) -> dict[str, Any]:
    return {
        "id": one.pk,
        "tag": one.tag,
        "text": one.text,
        "author": one.author_id,
        "role": one.role,
        "state": one.state,
        "answer": one.answer,
    }


def causes(found: Sequence[feedback.Cause] | Missing) -> dict[str, Any]:
    if isinstance(found, Missing):
        return {"missing": found.message}
    return {"rows": [asdict(one) for one in found]}


def accepted(shop: Shop, since: date, after: datetime | None) -> Iterator[Proposal]:
    """Accepted proposals that a review tells of: those without a score, and those decided or scored since the last."""
    for one in Proposal.objects.of(shop).filter(state=Proposal.State.ACCEPTED):
        is_new = after is None or (one.decided_at is not None and one.decided_at > after)
        if is_new or one.scored_on is None or one.scored_on >= since:
            yield one


def hides(metric: str, hidden: frozenset[str]) -> bool:
    """Whether a goal's metric is of a family that the reader may not see."""
    return metrics()[metric].family in hidden


def _text(value: Decimal | None) -> str | None:
    return None if value is None else str(value)


# Building it --------------------------------------------------------------------------


def last(plan: Plan, day: date) -> Review | None:
    """The plan's review before a day."""
    return Review.objects.of(plan).filter(on__lt=day).first()


def build(*, plan: Plan, today: date, actor: User | None, now: datetime) -> Review:
    """The plan's review of a day, built unless it is there; those who attend are told.

    Raises EmptyLakeError, NotBegunError.
    """
    there = Review.objects.of(plan).filter(on=today).first()
    if there is not None:
        return there
    if today <= plan.starts_on:
        raise NotBegunError(first_on=plan.starts_on)
    snapshot = plan.shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    version, before = plan.current, last(plan, today)
    since = before.on if before else plan.starts_on
    found = pack(version, since, before.built_at if before else None, today, snapshot)
    with transaction.atomic():
        made, is_new = Review.objects.get_or_create(
            plan=plan,
            on=today,
            defaults={
                "version": version,
                "since": since,
                "snapshot": snapshot.number,
                "pack": found,
                "built_at": now,
                "built_by": actor.pk if actor else None,
            },
        )
        if is_new:
            made.attendees.set(_attending(before) if before else _invited(version))
            audit.log("review.built", actor_id=made.built_by, shop=plan.shop.slug, subject=f"review {made.pk}")
            _tell(made, actor, now)
    return made


def _invited(version: PlanVersion) -> set[User]:
    """Who has a part in the plan: its owner, the owners of goals, and whoever may edit plans."""
    shop = version.plan.shop
    named = {version.plan.owner_id, *version.goals.standing().values_list("owner", flat=True)}
    people = User.objects.filter(membership__shop=shop, is_active=True).distinct()
    return {one for one in people if one.pk in named or "plans.write" in one.permissions_in(shop)}


def _attending(review: Review) -> QuerySet[User]:
    """Those who attend, without whoever has left the shop since."""
    return review.attendees.filter(is_active=True, membership__shop=review.plan.shop).distinct()


def is_due(plan: Plan, today: date) -> bool:
    """Whether a plan in force waits for the pack of the day's week, or of what its document states."""
    if not plan.starts_on < today < plan.ends_on + timedelta(days=7):
        return False
    version = plan.current
    if version.state != State.ACTIVE:
        return False
    stated = {entry.cells.get("cadence") for entry in version.entries.rows("24.reviews")}
    grain = next((each for cadence, each in GRAINS.items() if cadence in stated), Grain.WEEK)
    first = plan.shop.calendar.floor(today, grain)
    return not Review.objects.of(plan).filter(on__gte=max(first, plan.starts_on)).exists()


# Holding it ---------------------------------------------------------------------------


def note(*, review: Review, text: str, is_decision: bool, actor: User, now: datetime) -> Minute:
    """Add a line to the minutes. Raises HeldError, MinuteError."""
    if not 1 <= len(text.strip()) <= LONGEST:
        raise MinuteError(longest=LONGEST)
    with transaction.atomic():
        found = _unheld(review)
        kind = Minute.Kind.DECISION if is_decision else Minute.Kind.NOTE
        return Minute.objects.create(review=found, kind=kind, text=text.strip(), author_id=actor.pk, at=now)


def invite(*, review: Review, people: Sequence[User], actor: User) -> None:
    """Say who attends. Raises HeldError."""
    with transaction.atomic():
        found = _unheld(review)
        found.attendees.set(people)
        audit.log("review.invited", actor_id=actor.pk, shop=found.plan.shop.slug, subject=f"review {found.pk}")


def hold(*, review: Review, actor: User, now: datetime) -> Review:
    """Close the meeting: its minutes are written no further, and those who attended get them. Raises HeldError."""
    with transaction.atomic():
        found = _unheld(review)
        found.held_at, found.held_by = now, actor.pk
        found.save(update_fields=["held_at", "held_by"])
        audit.log("review.held", actor_id=actor.pk, shop=found.plan.shop.slug, subject=f"review {found.pk}")
        _tell(found, actor, now)
    return found


def _unheld(review: Review) -> Review:
    found = Review.objects.select_for_update().get(pk=review.pk)
    if found.held_at is not None:
        raise HeldError()
    return found


def address(review: Review) -> str:
    return f"/shop/{review.plan.shop.slug}/plans/{review.plan_id}/reviews/{review.on}"


def _tell(review: Review, actor: User | None, now: datetime) -> None:
    """Put it into the inboxes of those who attend, and mail it: the pack when it is built, the minutes when held.

    Both tell of the whole shop, so who sees a part gets neither; their promises reach them when made.
    """
    plan, held = review.plan, review.held_at is not None
    message = (
        N_("The review of “%(plan)s” was held: its decisions and promises are written down.")
        if held
        else N_("The review of “%(plan)s” is ready: %(said)s")
    )
    for person in _attending(review):
        if not scope_for(person, plan.shop).is_whole:
            continue
        language = person.language or plan.language
        said = text.render(Sentence.of(review.pack["headline"][0]), currency=plan.currency, language=language)
        params = {"plan": plan.title, "said": said[:200]}
        inbox.notify(
            recipient_id=person.pk,
            shop=plan.shop.slug,
            key=f"review:{review.pk}:{'held' if held else 'built'}",
            message=message,
            params=params,
            path=address(review),
            at=now,
        )
        if actor is None or held or person.pk != actor.pk:
            with translation.override(language):
                mail.send(
                    to=person.email, subject=gettext(message) % params, body="\n".join([said, "", *_settled_on(review)])
                )


def _settled_on(review: Review) -> Iterator[str]:
    """The lines of a review's mail: what was decided, the promises, and where it stands."""
    yield from (f"– {text}" for text in review.decisions)
    for one in Promise.objects.before(review.plan, review.on).open().select_related("owner"):
        yield f"– {one.text} ({one.owner or '–'}, {one.due_on})"
    yield from ("", f"{settings.URL}{address(review)}")
