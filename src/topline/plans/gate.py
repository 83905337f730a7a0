"""Marketing's gate: what stands between a sales plan and the marketing plan that it serves, computed for a person."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from topline.plans.models import Kind, PlanVersion, State
from topline.plans.text import Sentence


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that marketing should know before it decides.

    section : of the plan document where to mend it
    is_blocking : whether the sales plan can't be handed in with it
    """

    said: Sentence
    section: int
    is_blocking: bool = False

    def stored(self) -> list[Any]:
        """As JSON keeps it."""
        return [self.said.stored(), self.section, self.is_blocking]

    @classmethod
    def of(cls, stored: Sequence[Any]) -> "Finding":
        return cls(Sentence.of(stored[0]), stored[1], stored[2])


def has_gate(version: PlanVersion) -> bool:
    """Whether marketing decides on the plan before it is used."""
    return version.plan.kind == Kind.SALES


def findings(version: PlanVersion) -> list[Finding]:
    """How a sales plan conforms to the marketing plan that it serves: what doesn't, what blocks first."""
    if not has_gate(version):
        return []
    found = [check for checks in CHECKS for check in checks(version)]
    return sorted(found, key=lambda one: not one.is_blocking)


def _served(version: PlanVersion) -> Iterator[Finding]:
    """The marketing plan is named, in force, and holds the months."""
    plan, served = version.plan, version.plan.serves
    if served is None:
        yield Finding(Sentence("gate.unnamed"), 14, is_blocking=True)
        return
    if served.current.state not in (State.APPROVED, State.ACTIVE):
        yield Finding(Sentence("gate.draft", {"title": served.title}), 14)
    if plan.starts_on < served.starts_on or plan.ends_on > served.ends_on:
        params = {"title": served.title, "first_on": served.starts_on, "last_on": served.period.last}
        yield Finding(Sentence("gate.period", params), 14)


def _markets(version: PlanVersion) -> Iterator[Finding]:
    """Its markets are those of the marketing plan."""
    served = version.plan.serves
    known = set(served.current.markets) if served else set()
    strange = [str(name) for name in version.markets if name is not None and name not in known]
    if known - {None} and strange:
        yield Finding(Sentence("gate.markets", {"names": ", ".join(strange)}), 19)


def _aims(version: PlanVersion) -> Iterator[Finding]:
    """What it aims at for sales is not above what the marketing plan aims at in the same months."""
    served = version.plan.serves
    if served is None or (served.starts_on, served.ends_on) != (version.plan.starts_on, version.plan.ends_on):
        return
    theirs = {goal.metric: goal.target for goal in served.current.goals.standing().filter(scope={})}
    for goal in version.goals.standing().filter(scope={}, metric__in=theirs):
        if goal.target > theirs[goal.metric]:
            params = {"metric": goal.metric, "goal_metric": goal.metric, "ours_value": goal.target}
            yield Finding(Sentence("gate.aim", params | {"theirs_value": theirs[goal.metric]}), 14)


CHECKS = (_served, _markets, _aims)
