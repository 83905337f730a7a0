"""What a version's next step is, and what is still missing for it: each with the place where that is done."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from topline.plans import document, gate, outline, promotion
from topline.plans.gate import Finding
from topline.plans.models import Kind, Plan, PlanVersion, State
from topline.plans.outline import fields
from topline.plans.text import Sentence

_NAMED = 5


class Next(StrEnum):
    """What is to be done with a version next."""

    WRITE = "write"
    SUBMIT = "submit"
    DECIDE = "decide"
    ACTIVATE = "activate"
    PAIR = "pair"
    FOLLOW = "follow"


@dataclass(frozen=True, slots=True)
class Need:
    """Something that is missing.

    plan : where it is done; that may be the marketing plan that it serves
    field : of that plan's document, else the page on which it is done: approval, goals, targets
    is_blocking : whether the plan can't be handed in without it
    """

    said: Sentence
    plan: Plan
    field: str = ""
    page: str = ""
    is_blocking: bool = False


def next_step(version: PlanVersion, missing: list[Need]) -> Next:
    """The next step of a version whose needs are known."""
    match State(version.state):
        case State.DRAFT:
            return Next.WRITE if any(one.is_blocking for one in missing) else Next.SUBMIT
        case State.IN_REVIEW | State.BY_MARKETING:
            return Next.DECIDE
        case State.APPROVED:
            return Next.ACTIVATE
        case State.ACTIVE if _is_whole(version.plan) and not version.plan.served_by.exists():
            return Next.PAIR
    return Next.FOLLOW


def needs(version: PlanVersion, findings: Sequence[Finding]) -> list[Need]:
    """What a draft lacks, what the gate found of it first; nothing of a version that was handed in."""
    if version.state != State.DRAFT:
        return []
    found = [of_finding(version, one) for one in findings]
    if _is_whole(version.plan):
        found += [
            Need(gate.lacks("need.served", number, name), version.plan, field=name)
            for number, name in gate.unwritten(version)
        ]
    known = {one.field for one in found}
    return [*found, *_targets(version), *_goals(version), *_promotions(version), *_questions(version, known)]


def _is_whole(plan: Plan) -> bool:
    """Whether it is a marketing plan that a sales plan may serve, not a campaign."""
    return plan.kind == Kind.MARKETING and not plan.outline


def of_finding(version: PlanVersion, one: Finding) -> Need:
    """A finding of the gate as something to do."""
    plan = version.plan
    served = plan.serves if one.is_served or one.said.code == "gate.draft" else None
    page = "" if one.field else "goals" if one.said.code == "gate.aim" else "approval"
    return Need(one.said, served or plan, field=one.field, page=page, is_blocking=one.is_blocking)


def _targets(version: PlanVersion) -> Iterator[Need]:
    if not version.grid_metrics:
        yield Need(Sentence("need.targets"), version.plan, page="targets")


def _goals(version: PlanVersion) -> Iterator[Need]:
    """Goals that nobody owns, and those for which nothing is done."""
    standing = list(version.goals.standing().only("owner", "actions", "links"))
    lacking = {
        "need.unowned": sum(not one.owner_id for one in standing),
        "need.idle": sum(not (one.actions or one.links) for one in standing),
    }
    for code, count in lacking.items():
        if count:
            yield Need(Sentence(code, {"goals_count": count}), version.plan, page="goals")


def _promotions(version: PlanVersion) -> Iterator[Need]:
    """Products of its promotions that nobody knows."""
    if names := promotion.unknown(version):
        said = Sentence("need.promotion_products", {"names": ", ".join(names[:_NAMED]), "names_count": len(names)})
        yield Need(said, version.plan, field="11.promotions")


def _questions(version: PlanVersion, known: set[str]) -> Iterator[Need]:
    """How many questions of the document are open, beside what is named already, and the first of them."""
    plan = version.plan
    asked = [name for name in outline.names(Kind(plan.kind), plan.outline) if fields()[name].is_asked]
    is_answered = document.answered(version, asked)
    open_ = [name for name in asked if not is_answered[name] and name not in known]
    if open_:
        counts = {"open_count": len(open_), "all_count": len(asked), "document_label": fields()[open_[0]].label}
        yield Need(Sentence("need.questions", counts), plan, field=open_[0])
