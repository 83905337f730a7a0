"""A plan as it was written on an earlier day: its tables, its state, its scenarios and promises, by their logs."""

from collections.abc import Sequence
from datetime import date, datetime

from topline.plans import gate
from topline.plans.models import (
    Decision,
    Entry,
    EntryEdit,
    Plan,
    PlanVersion,
    Promise,
    PromiseEdit,
    Scenario,
    ScenarioQuerySet,
    Seat,
    State,
    Step,
)


def rows(version: PlanVersion, field: str, at: datetime) -> list[Entry]:
    """The rows of a table as they stood at a moment, in their order, those taken out since last; never saved."""
    found = list(version.entries.rows(field))
    by_key = {row.key: row for row in found}
    for edit in EntryEdit.objects.filter(version=version, field=field, at__gte=at).order_by("-pk"):
        row = by_key.get(edit.key)
        match EntryEdit.Kind(edit.kind):
            case EntryEdit.Kind.REMOVE:
                by_key[edit.key] = Entry(version=version, field=field, key=edit.key, cells=edit.old or {})
                found.append(by_key[edit.key])
            case _ if row is None:
                continue
            case EntryEdit.Kind.ADD | EntryEdit.Kind.RESTORE:
                found.remove(by_key.pop(edit.key))
            case EntryEdit.Kind.MOVE:
                found.remove(row)
                found.insert(edit.old or 0, row)
            case EntryEdit.Kind.SET:
                before = {} if edit.old is None else {edit.column: edit.old}
                row.cells = {id_: value for id_, value in row.cells.items() if id_ != edit.column} | before
    return found


def decisions(version: PlanVersion, at: datetime) -> list[Decision]:
    """What had been decided on a version by a moment, the oldest first."""
    return list(version.decisions.filter(at__lt=at).order_by("number"))


def approvals(decided: Sequence[Decision]) -> list[Decision]:
    """The approvals that stood after what had been decided."""
    standing: list[Decision] = []
    for one in decided:
        if one.step in (Step.SUBMITTED, Step.SENT_BACK, Step.VOIDED):
            standing = []
        elif one.step == Step.APPROVED:
            standing.append(one)
    return standing


def state(version: PlanVersion, decided: Sequence[Decision]) -> State:
    """The state that a version was in after what had been decided on it."""
    seats = {one.seat for one in approvals(decided)}
    match decided[-1].step if decided else None:
        case Step.ACTIVATED:
            return State.ACTIVE
        case Step.CLOSED:
            return State.CLOSED
        case Step.SUBMITTED | Step.APPROVED if Seat.DIRECTOR in seats:
            return State.APPROVED
        case Step.SUBMITTED | Step.APPROVED:
            return State.BY_MARKETING if Seat.MARKETING in seats and gate.has_gate(version) else State.IN_REVIEW
    return State.DRAFT


def scenarios(version: PlanVersion, at: datetime) -> ScenarioQuerySet:
    """The scenarios that stood at a moment, the newest first; what they change is not logged."""
    made = Scenario.objects.filter(version=version, created_at__lt=at)
    return made.exclude(archived_at__lt=at).order_by("-pk")


def promises(plan: Plan, at: datetime) -> list[Promise]:
    """The promises that the plan's reviews answered for at a moment, with the day and the state that they had."""
    found = {one.pk: one for one in plan.promises.filter(made_at__lt=at).select_related("owner", "review")}
    for edit in PromiseEdit.objects.filter(promise__in=found, at__gte=at).order_by("-pk"):
        one = found[edit.promise_id]
        if edit.column == "due_on":
            one.due_on = date.fromisoformat(edit.old)
        elif edit.column == "state":
            one.state, one.note = edit.old, ""
    return sorted(found.values(), key=lambda one: (one.due_on, one.pk))
