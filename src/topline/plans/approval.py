"""How a plan is handed in, approved, put in force and closed: a state machine that binds to contents.

draft -> in review -> (a sales plan: approved by marketing) -> approved -> active -> closed. Every section has seats
that approve it; a version is approved when all its seats have approved the same targets, prices, budgets and dates. A
change of one of them voids what was approved. Every step is a `Decision`; decisions are only ever added.
"""

import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext

from topline.accounts.models import Membership, Shop, User
from topline.accounts.permissions import Role
from topline.journal import operations as journal
from topline.plans import canonical, diff, facts, gate, outline, team, text
from topline.plans.diff import Difference
from topline.plans.gate import Finding
from topline.plans.models import (
    ApprovalRule,
    Decision,
    Delegation,
    Kind,
    Plan,
    PlanContents,
    PlanVersion,
    Seat,
    State,
    Step,
)
from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit, inbox, mail

NEXT: Mapping[State, frozenset[State]] = {
    State.DRAFT: frozenset({State.IN_REVIEW}),
    State.IN_REVIEW: frozenset({State.DRAFT, State.BY_MARKETING, State.APPROVED}),
    State.BY_MARKETING: frozenset({State.DRAFT, State.APPROVED}),
    State.APPROVED: frozenset({State.DRAFT, State.ACTIVE}),
    State.ACTIVE: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}
REVIEWED = (State.IN_REVIEW, State.BY_MARKETING)
DECIDED = (*REVIEWED, State.APPROVED)

ROLE_OF: Mapping[Seat, Role] = {
    Seat.MARKETING: Role.MARKETING_MANAGER,
    Seat.SALES: Role.SALES_MANAGER,
    Seat.FINANCE: Role.FINANCE,
    Seat.OPERATIONS: Role.OPERATIONS,
    Seat.DIRECTOR: Role.OWNER,
}
SEAT_OF = {role: seat for seat, role in ROLE_OF.items()}
_OF_THE_PLAN_OWNER = (2,)
"""Sections that the plan's owner approves."""
_ORDER = (Seat.MARKETING, Seat.PLAN_OWNER, Seat.SALES, Seat.OPERATIONS, Seat.FINANCE, Seat.DIRECTOR)
REMIND_AFTER = timedelta(days=2)


class PlanStateError(errors.ToplineError):
    message = N_("A version that is %(state)s can't become %(wanted)s. Make a new version of the plan instead.")


class EmptyPlanError(errors.ToplineError):
    message = N_("The plan has no targets yet. Draft it from the history, or set the targets, and then activate it.")


class NobodyError(errors.ToplineError):
    message = N_("Say who decides: in this shop several people approve plans.")


class NotYourSeatError(errors.ToplineError):
    message = N_(
        "This waits for %(seats)s, and you decide for none of them. Ask them, or have them name you a delegate."
    )


class WaitingError(errors.ToplineError):
    message = N_("The director decides last. This still waits for %(seats)s.")


class FourEyesError(errors.ToplineError):
    message = N_(
        "You handed this in, and nobody else has approved it. Have one other person approve a part, or let the shop "
        "approve by one person in the rules of approval, where nobody else is there for a part."
    )


class GateError(errors.ToplineError):
    message = N_("The plan can't be handed in yet: %(first)s")


class NoteNeededError(errors.ToplineError):
    message = N_("The plan departs from the marketing plan. Write why you approve it all the same, or send it back.")


class StaleDecisionError(errors.ToplineError):
    message = N_("The plan was changed while you looked at it. Look at what is new, and decide then.")


class DelegationError(errors.ToplineError):
    message = N_("A delegate is another person of the shop, from a day to the same or a later one.")


class OwnersRuleError(errors.ToplineError):
    message = N_("Only an owner of the shop decides whether one person may give every approval.")


class ServedPlanError(errors.ToplineError):
    message = N_("A sales plan serves a marketing plan of the same shop.")


@dataclass(frozen=True, slots=True)
class SeatView:
    """A seat of a version: what it decides on, who may, and who did.

    sections : numbers of the sections that need it
    holders : who decides for it, delegates included
    decision : the approval that stands; None while it is awaited
    """

    seat: Seat
    sections: tuple[int, ...]
    holders: tuple[User, ...]
    decision: Decision | None


# Who decides -----------------------------------------------------------------


def allows_one_person(shop: Shop) -> bool:
    """Whether the shop lets one person give every approval: because its owner says so, or is alone in it."""
    rule = ApprovalRule.objects.filter(shop=shop).first()
    if rule is not None:
        return rule.is_one_person
    return User.objects.filter(membership__shop=shop, is_active=True).distinct().count() < 2


def is_one_person(version: PlanVersion) -> bool:
    """Whether one person decides on the version: the shop allows it, and has nobody else for any of the seats."""
    if not allows_one_person(version.plan.shop):
        return False
    return len({person.pk for held in _holders(version).values() for person in held}) < 2


def seats(version: PlanVersion) -> dict[Seat, tuple[int, ...]]:
    """The seats that decide on a version and the sections that each decides on, in the order of deciding."""
    plan = version.plan
    by_seat: dict[Seat, list[int]] = {seat: [] for seat in _ORDER}
    for section in outline.sections(Kind(plan.kind), plan.outline):
        for role in section.approvers:
            by_seat[SEAT_OF[role]].append(section.number)
        if section.number in _OF_THE_PLAN_OWNER:
            by_seat[Seat.PLAN_OWNER].append(section.number)
    always = {Seat.DIRECTOR, Seat.MARKETING} if gate.has_gate(version) else {Seat.DIRECTOR}
    return {seat: tuple(numbers) for seat, numbers in by_seat.items() if numbers or seat in always}


def _holders(version: PlanVersion) -> dict[Seat, list[User]]:
    """Who holds each seat of a version, by role; a seat that nobody holds, the directors."""
    by_role: dict[str, list[User]] = {}
    members = Membership.objects.filter(shop=version.plan.shop, user__is_active=True).select_related("user")
    for member in members.order_by("user"):
        by_role.setdefault(member.role, []).append(member.user)
    people = {person.pk: person for held in by_role.values() for person in held}
    owner = people.get(version.plan.owner_id or 0)
    found: dict[Seat, list[User]] = {}
    for seat in seats(version):
        held = by_role.get(ROLE_OF[seat], []) if seat != Seat.PLAN_OWNER else [owner] if owner else []
        found[seat] = held or by_role.get(Role.OWNER, [])
    return found


def seats_of(version: PlanVersion, actor: User | None, day: date) -> dict[Seat, int | None]:
    """The seats of the version that a person decides for on a day, and for whom if as a delegate.

    actor : None is whoever runs the program, who decides where one person may
    """
    shop = version.plan.shop
    if actor is None and is_one_person(version):
        return dict.fromkeys(seats(version))
    if actor is None or not _roles(actor, shop):
        return {}
    givers = set(Delegation.objects.on(shop, day).filter(taker=actor).values_list("giver", flat=True))
    found: dict[Seat, int | None] = {}
    for seat, holders in _holders(version).items():
        held = {one.pk for one in holders}
        if actor.pk in held:
            found[seat] = None
        elif stand_in := sorted(held & givers):
            found[seat] = stand_in[0]
    return found


def _roles(actor: User, shop: Shop) -> frozenset[str]:
    return actor.roles_in(shop) if actor.is_active else frozenset()


def seat_views(version: PlanVersion, day: date) -> list[SeatView]:
    """Every seat of a version and how it stands."""
    given, sections = {decision.seat: decision for decision in approvals(version)}, seats(version)
    delegated = list(Delegation.objects.on(version.plan.shop, day).select_related("taker"))
    views = []
    for seat, held in _holders(version).items():
        takers = [one.taker for one in delegated if one.giver_id in {each.pk for each in held}]
        people = {one.pk: one for one in [*held, *takers]}
        views.append(SeatView(seat, sections[seat], tuple(people.values()), given.get(seat)))
    return views


def approvals(version: PlanVersion) -> list[Decision]:
    """The approvals of the version since it was handed in that hold for the contents it has now."""
    if version.state not in (*DECIDED, State.ACTIVE, State.CLOSED):
        return []
    steps = list(version.decisions.order_by("number"))
    begun = max((i for i, one in enumerate(steps) if one.step == Step.SUBMITTED), default=None)
    if begun is None or any(one.step in (Step.VOIDED, Step.SENT_BACK) for one in steps[begun:]):
        return []
    given = [one for one in steps[begun:] if one.step == Step.APPROVED]
    now = material_digest(version) if given else ""
    return [one for one in given if one.material == now]


# Contents --------------------------------------------------------------------


def plain_contents(version: PlanVersion) -> dict[str, Any]:
    """The version's contents as their canonical JSON reads."""
    found: dict[str, Any] = json.loads(canonical.dumps(version.contents()))
    return found


def material_digest(version: PlanVersion) -> str:
    """SHA-256 of what an approval binds to."""
    return sha256(canonical.dumps(diff.material(plain_contents(version)))).hexdigest()


def decided_contents(decision: Decision) -> dict[str, Any]:
    """The contents that a decision was made on."""
    found: dict[str, Any] = json.loads(zlib.decompress(bytes(PlanContents.objects.get(pk=decision.digest).packed)))
    return found


def last_approved(plan: Plan, before: Decision | None = None) -> Decision | None:
    """The plan's last complete approval: of any version, the one by which it was put in force or could be."""
    full = Decision.objects.of(plan).filter(step=Step.APPROVED, seat=Seat.DIRECTOR)
    return (full.filter(number__lt=before.number) if before else full).order_by("-number").first()


def changes(version: PlanVersion) -> tuple[Decision | None, list[Difference]]:
    """What changed since the plan was last approved, and when that was; all of it is new if it never was."""
    former = last_approved(version.plan)
    if former is None:
        return None, []
    before, after = decided_contents(former), plain_contents(version)
    if not version.team:
        after["document"] |= team.freeze(version)["rows"]
    return former, diff.between(before, after)


@dataclass(frozen=True, slots=True)
class _Contents:
    """The contents that a decision is made on, read once."""

    packed: bytes
    digest: str
    material: str

    @classmethod
    def of(cls, version: PlanVersion) -> "_Contents":
        packed = canonical.dumps(version.contents())
        bound = canonical.dumps(diff.material(json.loads(packed)))
        return cls(packed, sha256(packed).hexdigest(), sha256(bound).hexdigest())


# Steps -----------------------------------------------------------------------


def submit(*, version: PlanVersion, actor: User | None, now: datetime, note: str = "") -> PlanVersion:
    """Hand a draft in for review.

    Raises PlanStateError, NobodyError, NotYourSeatError, GateError while the marketing plan that it serves isn't there
    or complete.
    """
    with transaction.atomic():
        version = _open(version)
        _check_step(version, State.IN_REVIEW)
        _check_writer(version, actor)
        found = gate.findings(version)
        blocking = [one for one in found if one.is_blocking]
        if blocking and not is_one_person(version):
            raise GateError(first=_in_words(version, blocking[0]))
        _move(version, State.IN_REVIEW, team=team.freeze(version))
        _decide(version, Step.SUBMITTED, actor, now, note=note, findings=found)
        _tell_waiting(version, now, besides=actor)
    return version


def approve(
    *, version: PlanVersion, actor: User | None, now: datetime, note: str = "", digest: str = ""
) -> PlanVersion:
    """Approve a version in review for every seat that the person decides for; with the last one it is approved.

    digest : of the contents that the person looked at; a plan that has changed since is not approved

    Raises PlanStateError, NobodyError, NotYourSeatError, WaitingError, NoteNeededError, FourEyesError,
    StaleDecisionError.
    """
    with transaction.atomic():
        version = _open(version)
        if version.state not in REVIEWED:
            raise PlanStateError(state=State(version.state).label, wanted=State.APPROVED.label)
        on, given = _Contents.of(version), approvals(version)
        if digest and digest != on.digest:
            raise StaleDecisionError()
        open_ = [seat for seat in seats(version) if seat not in {one.seat for one in given}]
        for seat, giver in _mine(version, actor, open_, now):
            found = gate.findings(version) if seat == Seat.MARKETING and gate.has_gate(version) else []
            if found and not note and not is_one_person(version):
                raise NoteNeededError()
            if len(open_) == 1:
                _check_four_eyes(version, actor, given)
            given.append(
                _decide(version, Step.APPROVED, actor, now, seat=seat, for_id=giver, note=note, findings=found, on=on)
            )
            open_.remove(seat)
            if seat == Seat.MARKETING and gate.has_gate(version):
                _move(version, State.BY_MARKETING)
        if not open_:
            _move(version, State.APPROVED, approved_at=now, approved_by=_id(actor))
        _tell_waiting(version, now, besides=actor)
    return version


def _mine(
    version: PlanVersion, actor: User | None, open_: Sequence[Seat], now: datetime
) -> list[tuple[Seat, int | None]]:
    """The open seats that a person may decide for now, the director's only as the last."""
    held = seats_of(version, actor, _day(version, now))
    if actor is None and not held:
        raise NobodyError()
    mine = [(seat, held[seat]) for seat in open_ if seat in held]
    others = [seat for seat in open_ if seat not in held]
    if not mine:
        raise NotYourSeatError(seats=_labels(open_))
    if others:
        mine = [pair for pair in mine if pair[0] != Seat.DIRECTOR]
        if not mine:
            raise WaitingError(seats=_labels(others))
    return mine


def _check_four_eyes(version: PlanVersion, actor: User | None, given: Sequence[Decision]) -> None:
    """Besides whoever handed it in, one other person has approved, or there is nobody else and the shop allows it."""
    if is_one_person(version):
        return
    submitted = version.decisions.filter(step=Step.SUBMITTED).order_by("-number")[0]
    if {_id(actor), *(one.actor_id for one in given)} <= {submitted.actor_id}:
        raise FourEyesError()


def send_back(*, version: PlanVersion, actor: User | None, now: datetime, note: str = "") -> PlanVersion:
    """Make a draft of a version that is in review or approved: what was approved of it is gone."""
    with transaction.atomic():
        version = _open(version)
        _check_step(version, State.DRAFT)
        if not seats_of(version, actor, _day(version, now)):
            _check_writer(version, actor)
        _move(version, State.DRAFT)
        _decide(version, Step.SENT_BACK, actor, now, note=note)
        said = N_("“%(plan)s” was sent back: %(note)s") if note else N_("“%(plan)s” was sent back.")
        _tell(version, _submitters(version), said, now, besides=actor, note=note)
    return version


def activate(*, version: PlanVersion, actor: User | None, now: datetime) -> PlanVersion:
    """Make an approved version the plan's locked baseline; its targets by day become facts.

    The version that was active is closed. Safe to repeat after a crash: the batch is named by plan, version and digest.

    Raises PlanStateError, EmptyPlanError, NobodyError, NotYourSeatError.
    """
    version = _open(version)
    _check_ready(version, actor, now)
    if not version.grid_metrics:
        raise EmptyPlanError()
    version.digest = version.contents_digest()
    facts.write_targets(version, now)
    written = facts.batch_id(version)
    with transaction.atomic():
        version = _open(version)
        _check_ready(version, actor, now)
        former = version.plan.versions.active().first()
        if former is not None:
            _close(_open(former), actor, now)
        _move(version, State.ACTIVE, activated_at=now)
        _decide(version, Step.ACTIVATED, actor, now)
        if facts.batch_id(version) != written:
            raise StaleDecisionError()
        journal.make_live(shop=version.plan.shop.slug, batch_id=written, now=now)
    journal.publish(version.plan.shop.lake())
    return version


def _check_ready(version: PlanVersion, actor: User | None, now: datetime) -> None:
    _check_step(version, State.ACTIVE)
    if {one.seat for one in approvals(version)} != set(seats(version)):
        raise PlanStateError(state=State(version.state).label, wanted=State.ACTIVE.label)
    _check_leads(version, actor, now)


def close(*, version: PlanVersion, actor: User | None, now: datetime) -> PlanVersion:
    """End an active version; its targets stay as facts."""
    with transaction.atomic():
        version = _open(version)
        _check_step(version, State.CLOSED)
        _check_leads(version, actor, now)
        return _close(version, actor, now)


def _close(version: PlanVersion, actor: User | None, now: datetime) -> PlanVersion:
    _move(version, State.CLOSED, closed_at=now)
    _decide(version, Step.CLOSED, actor, now)
    return version


def settle(*, version: PlanVersion, actor: User | None, now: datetime) -> PlanVersion:
    """After an edit, in its transaction: a material change of what somebody approved makes it a draft again.

    What changed is kept with the decision. Every writer of contents calls it last.
    """
    if version.state not in DECIDED:
        return version
    steps = version.decisions.filter(step__in=[Step.APPROVED, Step.SUBMITTED]).order_by("-number")
    last = steps.first()
    if last is None or last.step != Step.APPROVED or last.material == material_digest(version):
        return version
    changed = [one for one in diff.between(decided_contents(last), plain_contents(version)) if one.is_material]
    _move(version, State.DRAFT)
    _decide(version, Step.VOIDED, actor, now, changed=changed)
    told = {one.actor_id for one in version.decisions.filter(step=Step.APPROVED)} | _submitters(version)
    said = N_("“%(plan)s” was changed after it was approved, so it has to be approved again.")
    _tell(version, told, said, now, besides=actor)
    return version


def serve(*, plan: Plan, served: Plan | None, actor: User | None, now: datetime) -> Plan:
    """Name the marketing plan that a sales plan serves.

    Raises ServedPlanError, and PlanStateError while a version is in review or decided.
    """
    with transaction.atomic():
        plan = Plan.objects.select_for_update().get(pk=plan.pk)
        if plan.kind != Kind.SALES or (served and (served.shop_id != plan.shop_id or served.kind != Kind.MARKETING)):
            raise ServedPlanError()
        for version in plan.versions.filter(state__in=DECIDED):
            raise PlanStateError(state=State(version.state).label, wanted=State.DRAFT.label)
        plan.serves = served
        plan.save(update_fields=["serves"])
        _audit(plan.current, "plan.serves", actor, marketing_plan=served.pk if served else None)
    return plan


# Rules -----------------------------------------------------------------------


def set_rule(*, shop: Shop, is_one_person: bool, actor: User | None, now: datetime) -> ApprovalRule:
    """Let one person give every approval of the shop's plans while nobody else is there for a seat, or never.

    Raises OwnersRuleError.
    """
    if actor is not None and Role.OWNER not in _roles(actor, shop):
        raise OwnersRuleError()
    with transaction.atomic():
        rule, _ = ApprovalRule.objects.update_or_create(
            shop=shop, defaults={"is_one_person": is_one_person, "changed_at": now, "changed_by": _id(actor)}
        )
        audit.log("plan.approval_rule", actor_id=_id(actor), shop=shop.slug, is_one_person=is_one_person)
    return rule


def delegate(
    *, shop: Shop, giver: User, taker: User, starts_on: date, last_on: date, actor: User | None, now: datetime
) -> Delegation:
    """Let somebody else decide in one's place from a day to a day.

    Raises DelegationError.
    """
    if giver == taker or last_on < starts_on or not taker.roles_in(shop) or not giver.roles_in(shop):
        raise DelegationError()
    with transaction.atomic():
        made = Delegation.objects.create(
            shop=shop,
            giver=giver,
            taker=taker,
            starts_on=starts_on,
            last_on=last_on,
            created_at=now,
            created_by=_id(actor),
        )
        audit.log("plan.delegated", actor_id=_id(actor), shop=shop.slug, giver=giver.pk, taker=taker.pk)
    return made


def revoke(*, delegation: Delegation, actor: User | None, now: datetime) -> None:
    """End a delegation."""
    with transaction.atomic():
        Delegation.objects.filter(pk=delegation.pk, revoked_at=None).update(revoked_at=now)
        audit.log("plan.delegation_revoked", actor_id=_id(actor), shop=delegation.shop.slug, delegation=delegation.pk)


def remind(*, now: datetime) -> int:
    """Tell those whom a plan has waited for longer than two days, once a day. Returns how many were told."""
    told = 0
    for version in PlanVersion.objects.filter(state__in=REVIEWED).select_related("plan__shop"):
        last = version.decisions.order_by("-number").first()
        if last is not None and now - last.at >= REMIND_AFTER:
            told += _tell_waiting(version, now, again=f":{now.date()}")
    return told


# The log ---------------------------------------------------------------------


def is_whole(plan: Plan) -> bool:
    """Whether nobody has changed, removed or slipped in a decision of the plan: its seals follow from one another."""
    before, entries = "", list(Decision.objects.of(plan))
    for number, entry in enumerate(entries, 1):
        if entry.number != number or entry.seal != _seal(entry, before):
            return False
        before = entry.seal
    return True


def _seal(entry: Decision, before: str) -> str:
    content = {
        "before": before,
        "version": entry.version_id,
        "number": entry.number,
        "step": str(entry.step),
        "seat": str(entry.seat),
        "actor": entry.actor_id,
        "for": entry.for_id,
        "at": entry.at.timestamp(),
        "note": entry.note,
        "digest": entry.digest,
        "material": entry.material,
        "findings": entry.findings,
        "changes": entry.changes,
    }
    if entry.is_one_person:  # entries of before it was noted keep their seal
        content["one_person"] = True
    return sha256(canonical.dumps(content)).hexdigest()


def _decide(
    version: PlanVersion,
    step: Step,
    actor: User | None,
    now: datetime,
    *,
    seat: Seat | None = None,
    for_id: int | None = None,
    note: str = "",
    findings: Sequence[Finding] = (),
    changed: Sequence[Difference] = (),
    on: "_Contents | None" = None,
) -> Decision:
    on = on or _Contents.of(version)
    PlanContents.objects.get_or_create(digest=on.digest, defaults={"packed": zlib.compress(on.packed)})
    last = Decision.objects.of(version.plan).order_by("-number").first()
    entry = Decision(
        version=version,
        number=last.number + 1 if last else 1,
        step=step,
        seat=seat or "",
        actor_id=_id(actor),
        for_id=for_id,
        at=now,
        note=note.strip()[:1000],
        digest=on.digest,
        material=on.material,
        findings=[one.stored() for one in findings],
        changes=[one.stored() for one in changed],
        is_one_person=step in (Step.SUBMITTED, Step.APPROVED) and is_one_person(version),
    )
    entry.seal = _seal(entry, last.seal if last else "")
    entry.save()
    _audit(version, f"plan.{_VERBS.get(step, step)}", actor, seat=entry.seat, digest=on.digest, for_id=for_id)
    return entry


_VERBS = {Step.SUBMITTED: "in_review", Step.VOIDED: "approval_voided", Step.ACTIVATED: "active"}


def _move(version: PlanVersion, wanted: State, **stamps: Any) -> None:
    if wanted not in NEXT[State(version.state)]:
        raise PlanStateError(state=State(version.state).label, wanted=wanted.label)
    version.state = wanted
    if wanted == State.DRAFT:
        stamps = {"approved_at": None, "approved_by": None, "team": {}}
    version.digest = version.contents_digest() if wanted in (State.APPROVED, State.ACTIVE, State.CLOSED) else ""
    for name, value in stamps.items():
        setattr(version, name, value)
    version.save()


def _check_step(version: PlanVersion, wanted: State) -> None:
    if wanted not in NEXT[State(version.state)]:
        raise PlanStateError(state=State(version.state).label, wanted=wanted.label)


def _check_writer(version: PlanVersion, actor: User | None) -> None:
    if actor is None and not is_one_person(version):
        raise NobodyError()
    if actor is not None and "plans.write" not in actor.permissions_in(version.plan.shop):
        raise NotYourSeatError(seats=Seat.PLAN_OWNER.label)


def _check_leads(version: PlanVersion, actor: User | None, now: datetime) -> None:
    """The plan owner or the director puts a plan in force and closes it."""
    held = seats_of(version, actor, _day(version, now))
    if actor is None and not held:
        raise NobodyError()
    if not {Seat.PLAN_OWNER, Seat.DIRECTOR} & set(held):
        raise NotYourSeatError(seats=_labels([Seat.PLAN_OWNER, Seat.DIRECTOR]))


def _open(version: PlanVersion) -> PlanVersion:
    """The version as it is now, locked with its plan until the transaction ends."""
    if transaction.get_connection().in_atomic_block:
        Plan.objects.select_for_update().get(pk=version.plan_id)
    return PlanVersion.objects.select_related("plan__shop", "plan__owner", "plan__serves").get(pk=version.pk)


def _day(version: PlanVersion, now: datetime) -> date:
    return now.astimezone(version.plan.shop.zone).date()


def _labels(seats_: Iterable[Seat]) -> str:
    return ", ".join(str(seat.label) for seat in seats_)


def _in_words(version: PlanVersion, finding: Finding) -> str:
    language = translation.get_language() or "en"
    return text.render(finding.said, currency=version.plan.currency, language=language)


# Telling people --------------------------------------------------------------


def _submitters(version: PlanVersion) -> set[int | None]:
    return set(version.decisions.filter(step=Step.SUBMITTED).values_list("actor_id", flat=True))


def _tell_waiting(version: PlanVersion, now: datetime, *, besides: User | None = None, again: str = "") -> int:
    """Tell those whose turn it is. Returns how many were told."""
    if version.state not in REVIEWED:
        if version.state == State.APPROVED:
            _tell(version, _submitters(version), N_("“%(plan)s” is approved."), now, besides=besides)
        return 0
    views = [one for one in seat_views(version, _day(version, now)) if one.decision is None]
    if len(views) > 1:
        views = [one for one in views if one.seat != Seat.DIRECTOR]
    people = {person.pk for view in views for person in view.holders}
    said = (
        N_("“%(plan)s” still waits for you to approve it.") if again else N_("“%(plan)s” waits for you to approve it.")
    )
    return _tell(version, people, said, now, besides=besides, again=again)


def _tell(
    version: PlanVersion,
    people: Collection[int | None],
    message: str,
    now: datetime,
    *,
    besides: User | None,
    again: str = "",
    note: str = "",
) -> int:
    """Put it into their inboxes and mail them. Returns how many were told for the first time."""
    params = {"plan": version.plan.title, "note": note}
    path = _address(version)
    number = version.decisions.count()
    told = 0
    for person in User.objects.filter(pk__in=[pk for pk in people if pk is not None and pk != _id(besides)]):
        key = f"plan:{version.pk}:{number}:{sha256(message.encode()).hexdigest()[:8]}{again}"
        if inbox.notify(
            recipient_id=person.pk,
            shop=version.plan.shop.slug,
            key=key,
            message=message,
            params=params,
            path=path,
            at=now,
        ):
            told += 1
            with translation.override(person.language or None):
                said = gettext(message) % params
                mail.send(to=person.email, subject=said, body=said)
    return told


def _address(version: PlanVersion) -> str:
    return f"/shop/{version.plan.shop.slug}/plans/{version.plan_id}/approval?version={version.number}"


def _audit(version: PlanVersion, action: str, actor: User | None, **detail: Any) -> None:
    audit.log(action, actor_id=_id(actor), shop=version.plan.shop.slug, subject=f"plan {facts.name(version)}", **detail)


def _id(actor: User | None) -> int | None:
    return None if actor is None else actor.pk
