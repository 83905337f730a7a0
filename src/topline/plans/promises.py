"""Promises: who does what by when; each comes back in every review until somebody says what became of it."""

from collections.abc import Collection
from datetime import date, datetime

from django.db import transaction

from topline.accounts.models import User
from topline.accounts.scopes import scope_for
from topline.plans.models import Plan, Promise, PromiseEdit, Review
from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit, inbox

LONGEST = 500


class PromiseError(errors.ToplineError):
    message = N_("A promise has 1 to %(longest)s characters, somebody who keeps it, and a day.")


class SettledError(errors.ToplineError):
    message = N_("This promise is settled already: %(state)s. Open it again first.")


class NotYoursError(errors.ToplineError):
    message = N_("Only who promised it, or somebody who may edit plans, can change this promise.")


def make(
    *, plan: Plan, text: str, owner: User, due_on: date, actor: User | None, now: datetime, review: Review | None = None
) -> Promise:
    """Note what somebody promises; they find it in their inbox. Raises PromiseError."""
    if not 1 <= len(text.strip()) <= LONGEST:
        raise PromiseError(longest=LONGEST)
    with transaction.atomic():
        made = Promise.objects.create(
            plan=plan, review=review, text=text.strip(), owner=owner, due_on=due_on, made_at=now, made_by=_id(actor)
        )
        audit.log("promise.made", actor_id=_id(actor), shop=plan.shop.slug, subject=f"promise {made.pk}")
        if actor is None or owner.pk != actor.pk:
            _tell(made, owner, now)
    return made


def move(*, promise: Promise, due_on: date, owner: User, actor: User | None, now: datetime) -> Promise:
    """Another day, or somebody else who keeps it; what was said before stays in its log.

    Raises NotYoursError, SettledError.
    """
    with transaction.atomic():
        found = _open(promise, actor)
        if found.due_on != due_on:
            _note(found, "due_on", found.due_on.isoformat(), due_on.isoformat(), actor, now)
            found.due_on = due_on
        if found.owner != owner:
            _note(found, "owner", str(found.owner or ""), str(owner), actor, now)
            found.owner = owner
            _tell(found, owner, now)
        found.save()
    return found


def settle(*, promise: Promise, state: str, note: str, actor: User | None, now: datetime) -> Promise:
    """Say what became of it: kept, broken or withdrawn. Raises NotYoursError, SettledError."""
    with transaction.atomic():
        found = _open(promise, actor)
        settled = Promise.State(state)
        if settled == Promise.State.OPEN:
            raise PromiseError(longest=LONGEST)
        _note(found, "state", found.state, settled, actor, now)
        found.state, found.note = settled, note.strip()[:LONGEST]
        found.settled_at, found.settled_by = now, _id(actor)
        found.save()
    return found


def reopen(*, promise: Promise, actor: User | None, now: datetime) -> Promise:
    """It isn't settled after all. Raises NotYoursError."""
    with transaction.atomic():
        found = _found(promise, actor)
        if found.state != Promise.State.OPEN:
            _note(found, "state", found.state, Promise.State.OPEN, actor, now)
            found.state, found.settled_at, found.settled_by = Promise.State.OPEN, None, None
            found.save()
    return found


def may_change(promise: Promise, actor: User, permissions: Collection[str]) -> bool:
    """Who promised it, and whoever may edit plans."""
    return promise.owner_id == actor.pk or "plans.write" in permissions


def _found(promise: Promise, actor: User | None) -> Promise:
    found = Promise.objects.select_for_update().get(pk=promise.pk)
    if actor and not may_change(found, actor, actor.permissions_in(found.plan.shop)):
        raise NotYoursError()
    return found


def _open(promise: Promise, actor: User | None) -> Promise:
    found = _found(promise, actor)
    if found.state != Promise.State.OPEN:
        raise SettledError(state=found.get_state_display())
    return found


def _note(found: Promise, column: str, old: str, new: str, actor: User | None, now: datetime) -> None:
    PromiseEdit.objects.create(promise=found, column=column, old=old, new=new, actor_id=_id(actor), at=now)
    subject = f"promise {found.pk}"
    audit.log(
        "promise.changed",
        actor_id=_id(actor),
        shop=found.plan.shop.slug,
        subject=subject,
        column=column,
        old=old,
        new=new,
    )


def _tell(promise: Promise, owner: User, now: datetime) -> None:
    shop = promise.plan.shop
    page = "reviews" if scope_for(owner, shop).is_whole else "own"
    inbox.notify(
        recipient_id=owner.pk,
        shop=shop.slug,
        key=f"promise:{promise.pk}:{now.isoformat()}",
        message=N_("You are to keep a promise by %(due_on)s: %(text)s"),
        params={"due_on": promise.due_on.isoformat(), "text": promise.text[:140]},
        path=f"/shop/{shop.slug}/plans/{promise.plan_id}/{page}",
        at=now,
    )


def _id(actor: User | None) -> int | None:
    return actor.pk if actor else None
