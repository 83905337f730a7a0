"""What a plan shows to somebody who sees only a part of the shop: their own numbers, and what they are to do when.

The company's sums are no part of it, nor are other people's lines (see docs/decisions/plan-for-a-part.md).
"""

from dataclasses import dataclass
from datetime import date, timedelta

from topline.accounts.models import Shop, User
from topline.lake.scope import Scope
from topline.outlook import pipeline
from topline.outlook.kept import Run
from topline.outlook.pipeline import Reach
from topline.plans import agenda, quotas, standing, territories
from topline.plans.agenda import Item
from topline.plans.figures import Reader
from topline.plans.models import PlanVersion, Promise, State
from topline.plans.quotas import Line
from topline.plans.territories import Standing
from topline.team.deals import OpenDeal, open_of
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

MOST_DEALS = 100

_PROMISES = "24.commitments"
"""Where the calendar says that promises stand; they are told apart from other dates."""


class SeesAllError(ToplineError):
    message = N_("You see the whole shop, so ask for the plan itself.")


@dataclass(frozen=True, slots=True)
class Aim:
    """What of the quota is to be won until a day that the pipeline can be told for, and how likely that is.

    until : the end, not included, of a month of the plan; quota : of its months up to then
    left : what of it wasn't won by the day that the pipeline was looked at
    """

    until: date
    quota: float
    left: float
    reach: Reach


@dataclass(frozen=True, slots=True)
class Own:
    """A version as it concerns one person.

    quota : of all names that facts have for the person, None where the plan gives them none
    aim : None before the pipeline is looked at, and of a plan that is over
    territories : that the person answers for; dates : of the plan that the person owns or attends, from today on
    promises : that the person gave, the open ones and those settled since the last review
    """

    version: PlanVersion
    quota: Line | None
    aim: Aim | None
    territories: list[Standing]
    dates: list[Item]
    promises: list[Promise]

    @property
    def months(self) -> tuple[date, ...]:
        return self.version.plan.months


def running(shop: Shop, today: date) -> list[PlanVersion]:
    """The versions in force on a day of plans that sell."""
    found = (plan.current for plan in shop.plans.selling().touching(today).order_by("-starts_on", "-pk"))
    return [version for version in found if version.state == State.ACTIVE]


def of(version: PlanVersion, user: User, scope: Scope, today: date) -> Own:
    """The version as it concerns a person who sees a part of the shop. Raises SeesAllError for others."""
    if scope.is_whole:
        raise SeesAllError()
    ahead = Period(min(today, version.plan.ends_on - timedelta(days=1)), version.plan.ends_on)
    dates = [
        one
        for one in (*agenda.planned(version, today), *agenda.own_items(version.plan.shop, ahead))
        if user.pk in one.people and one.end > today and not one.is_done and one.field != _PROMISES
    ]
    quota = _quota(version, today, scope)
    return Own(
        version,
        quota,
        _aim(version, today, scope, quota),
        territories.of(Reader(version, today, scope)),
        sorted(dates, key=lambda one: (one.start, one.id)),
        list(Promise.objects.before(version.plan, today).filter(owner=user)),
    )


def deals(shop: Shop, scope: Scope, today: date) -> list[tuple[OpenDeal, float | None]]:
    """The person's open deals with the chance of winning each, 0-1, None where it can't be told."""
    found = open_of(shop, scope.owners or (), today, MOST_DEALS)
    run = _run(shop) if found else None
    chances = dict(zip(run.texts("deal", "key"), run.floats("deal", "chance").tolist(), strict=True)) if run else {}
    return [(one, chances.get(one.key)) for one in found]


def _quota(version: PlanVersion, today: date, scope: Scope) -> Line | None:
    """The sum of the person's lines."""
    if not quotas.exist(version):
        return None
    found = quotas.of(version, today, scope)
    return found.whole if found.people else None


def _aim(version: PlanVersion, today: date, scope: Scope, quota_today: Line | None) -> Aim | None:
    """The chance to win by the last month that the pipeline sees to the end what is due of the quota by then."""
    run = _run(version.plan.shop)
    if run is None or scope.owners is None:
        return None
    seen_on = date.fromisoformat(run.about["as_of"])
    line = quota_today if seen_on == today else _quota(version, seen_on, scope)
    ends = [*version.plan.months[1:], version.plan.ends_on]
    until = max((end for end in ends if seen_on < end <= seen_on + timedelta(weeks=pipeline.WEEKS)), default=None)
    if line is None or until is None or version.plan.starts_on > today:
        return None
    quota = float(sum(amount for amount, end in zip(line.by_month, ends, strict=True) if end <= until))
    won = float(line.won) if not isinstance(line.won, Missing) else 0.0
    left = max(quota - won, 0.0)
    return Aim(until, quota, left, pipeline.reach(run, left, until, owners=scope.owners))


def _run(shop: Shop) -> Run | None:
    """The pipeline as it was looked at last; a newer look is asked for."""
    try:
        return standing.look(shop, "pipeline").run
    except ToplineError:
        return None
