"""Quotas: a plan's target of won deals by person and month, up the tree to the company, against what is won.

Every sum is one of whole minor units, so that people come to their managers and the company to the cent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

import numpy as np
from django.db import transaction

from topline.accounts.models import User
from topline.lake import read
from topline.lake.scope import Scope
from topline.metrics.query import Query
from topline.plans import answered, expectation, operations, targets, team
from topline.plans import grid as grids
from topline.plans.facts import QUOTA, due_minor
from topline.plans.figures import NOT_YET
from topline.plans.grid import Grid, Part
from topline.plans.models import Edit, PlanVersion
from topline.plans.units import from_minor, to_minor
from topline.team.models import Member, tree
from topline.units import errors
from topline.units.missing import Missing
from topline.units.money import allocate
from topline.units.period import Period, add_months
from topline.units.text import N_

CREDITED = "credited_value"
CUT = "person"

NO_QUOTA = Missing("no_quota", N_("no quota"))


class NobodySellsError(errors.ToplineError):
    message = N_("Nobody in the team has a name in the data yet. Add the people who sell first.")


class NoDealsError(errors.ToplineError):
    message = N_("No deals are known from the months before, so state what the company is to win.")


@dataclass(slots=True)
class Line:
    """What a person, everybody below a manager, a team or the company is to win, and has.

    by_month, quota : in the plan's currency; due : of it by now; won : Missing before the plan begins
    depth : in the tree; is_sum : of those below and the manager's own
    """

    label: str
    depth: int = 0
    is_sum: bool = False
    key: str = ""
    role: str = ""
    by_month: list[Decimal] = field(default_factory=list)
    due: Decimal = Decimal(0)
    won: Decimal | Missing = NOT_YET

    @property
    def quota(self) -> Decimal:
        return sum(self.by_month, Decimal(0))

    @property
    def attainment(self) -> float | Missing:
        if isinstance(self.won, Missing):
            return self.won
        return float(self.won / self.quota) if self.quota else NO_QUOTA

    @property
    def pace(self) -> float | None:
        return None if isinstance(self.won, Missing) or not self.due else float(self.won / self.due)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Quotas as seen on a day by somebody.

    tree : people below whom they report to, each manager with the sum of their branch, as far as there are quotas
    strange : people with a quota whom the team doesn't name
    teams : sums by team; whole : of all quotas; company : the plan's target of won deals
    gap : what of each month's target nobody has yet, negative where quotas come to more
    is_own : only the viewer's own quota is shown, and neither sums nor the company
    """

    months: tuple[date, ...]
    tree: list[Line]
    strange: list[Line]
    teams: list[Line]
    whole: Line
    company: Line
    gap: list[Decimal]
    is_own: bool

    @property
    def people(self) -> list[Line]:
        return [line for line in (*self.tree, *self.strange) if line.key]

    @property
    def is_reconciled(self) -> bool:
        return not any(self.gap)


def exist(version: PlanVersion) -> bool:
    return (QUOTA, CUT) in version.grid_cuts


def of(version: PlanVersion, today: date, scope: Scope, known_at: datetime | None = None) -> Quotas:
    """The quotas of a version, which `exist`, with the team as it was approved.

    known_at : with what had been recorded by then, None for all that is known now
    """
    names, _, months = version.axes(QUOTA, CUT)
    keys = [str(name) for name in names]
    cells = version.grid(QUOTA, CUT).cells[:, 0]
    won = _won(version, today, scope, known_at)
    is_own = scope.owners is not None
    minor = {key: cells[place] for place, key in enumerate(keys) if scope.owners is None or key in scope.owners}
    dues = {key: _due(version, months, row, today) for key, row in minor.items()}
    members = team.members(version)

    def line(label: str, among: list[str], **more: object) -> Line:
        rows = [minor[key] for key in among if key in minor]
        sums = np.sum(rows, axis=0).tolist() if rows else [0] * len(months)
        made = Line(label, **more)  # type: ignore[arg-type]
        made.by_month = [_money(version, each) for each in sums]
        made.due = _money(version, sum(dues[key] for key in among if key in dues))
        made.won = won if isinstance(won, Missing) else sum((won.get(key, Decimal(0)) for key in among), Decimal(0))
        return made

    shown = _tree(members, minor, line, is_own=is_own)
    named = {member.key for member in members}
    strange = [line(key, [key], key=key) for key in minor if key not in named]
    by_team: dict[str, list[str]] = {}
    for member in members:
        if member.team and member.key in minor:
            by_team.setdefault(member.team, []).append(member.key)
    teams = [line(team, keys, is_sum=True) for team, keys in sorted(by_team.items())]
    whole = line("", list(minor), is_sum=True)
    everybody = set(minor) if isinstance(won, Missing) else set(minor) | set(won)
    company = line("", list(everybody) if not is_own else list(minor), is_sum=True)
    asked = version.grid(QUOTA).cells
    if asked.size and not is_own:
        by_month = asked.sum(axis=(0, 1))
        company.by_month = [_money(version, each) for each in by_month.tolist()]
        company.due = _money(version, _due(version, months, by_month, today))
    gap = [wanted - given for wanted, given in zip(company.by_month, whole.by_month, strict=True)]
    return Quotas(months, shown, strange, [] if is_own else teams, whole, company, gap, is_own)


def _tree(members: list[Member], minor: Mapping[str, object], line: Callable[..., Line], *, is_own: bool) -> list[Line]:
    """Lines of those who have a quota, and of managers over one, in the order of the tree."""
    order = list(tree(members))
    below: dict[int, list[str]] = {member.pk: [] for member in members}
    path: list[Member] = []
    for member, depth in order:
        path[depth:] = [member]
        if member.key in minor:
            for above in path:
                below[above.pk].append(member.key)
    found: list[Line] = []
    for member, depth in order:
        keys = below[member.pk]
        is_manager = any(key != member.key for key in keys) and not is_own
        if is_manager:
            found.append(line(str(member), keys, depth=depth, is_sum=True, role=member.role))
        if member.key in minor:
            at = 0 if is_own else depth + is_manager
            found.append(line(str(member), [member.key], depth=at, key=member.key, role=member.role))
    least = min((one.depth for one in found), default=0)
    for one in found:
        one.depth -= least
    return found


def _due(version: PlanVersion, months: tuple[date, ...], row: np.ndarray, today: date) -> int:
    return sum(
        due_minor(version, QUOTA, month, int(minor), today) for month, minor in zip(months, row.tolist(), strict=True)
    )


def _money(version: PlanVersion, minor: int) -> Decimal:
    return from_minor(QUOTA, minor, version.plan.currency)


def _won(version: PlanVersion, today: date, scope: Scope, known_at: datetime | None) -> dict[str, Decimal] | Missing:
    """What each person was credited with in the plan's days up to today; "" for deals that are nobody's."""
    plan = version.plan
    if today <= plan.starts_on:
        return NOT_YET
    lake = plan.shop.lake()
    snapshot = lake.latest()
    if snapshot is None:
        return {}
    asked = Query(
        metrics=(CREDITED,),
        period=Period(plan.starts_on, min(plan.ends_on, today)),
        by=("owner",),
        as_of=today,
        known_at=known_at,
    )
    found = read.read(lake, asked, scope=scope, settings=plan.shop.settings(), snapshot=snapshot)
    return {
        expectation.name_of(row["owner"]) or "": row[CREDITED]  # type: ignore[misc]
        for row in found.rows
        if isinstance(row[CREDITED], Decimal)
    }


def propose(*, version: PlanVersion, total: Decimal | None, actor: User | None, now: datetime) -> PlanVersion:
    """Quotas for the people who sell: what the company is to win, by last year's season and by what each one won.

    total : of the company over the plan, None for last year's months as the plan's net sales are to grow

    People who sell are those who were credited with a deal in the last twelve months, or call leads. A proposal is
    made once; the page of targets changes it from then on.

    Raises NobodySellsError, NoDealsError, operations.PlanLockedError, units' amounts out of range.
    """
    sellers = _sellers(version)
    if not sellers:
        raise NobodySellsError()
    months = _season(version, total)
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        if QUOTA not in version.grid_metrics:
            grid = Grid.of(np.array(months, dtype=np.int64)[None, None, :])
            operations.store_blocks(version, QUOTA, "", grid, range(1))
            operations.append_edit(
                version, QUOTA, "", grid, grid, Edit.LINES, Part(), seen=version.revision, actor=actor, now=now
            )
        return targets.add_lines(version=version, metric=QUOTA, cut=CUT, names=sellers, actor=actor, now=now)


def _sellers(version: PlanVersion) -> list[str]:
    there = Member.objects.of(version.plan.shop).named().exclude(until_on__lte=version.plan.starts_on)
    snapshot = version.plan.shop.lake().latest()
    year = Period(add_months(version.as_of, -12), version.as_of)
    found: Mapping[str | None, float] = {}
    if snapshot is not None:
        found = expectation.slices(version.plan.shop, CREDITED, year, version.as_of, snapshot, "owner")
    return [one.key for one in there if found.get(one.key) or one.work == "lead"]


def _season(version: PlanVersion, total: Decimal | None) -> list[int]:
    """Minor units of each month: last year's months, grown as net sales are to grow, or in sum what was asked for."""
    plan = version.plan
    snapshot = plan.shop.lake().latest()
    before = [0.0] * len(plan.months)
    if snapshot is not None:
        asked = Query(metrics=(CREDITED,), period=plan.period.last_year(), by=("month",), as_of=version.as_of)
        rows = answered.ask(plan.shop, asked, snapshot).rows
        known = {row["month"]: expectation.number(row[CREDITED]) for row in rows}
        before = [known.get(add_months(month, -12)) or 0.0 for month in plan.months]
    if total is not None:
        weights = before if sum(before) > 0 else [1.0] * len(before)
        minor = to_minor(QUOTA, total, plan.currency)
        if minor < 0:
            raise grids.NegativeTargetError()
        if minor > grids.LARGEST:
            raise grids.LargeTargetError()
        return allocate(minor, weights)
    if not sum(before):
        raise NoDealsError()
    goal = version.goals.standing().filter(metric="net_sales", scope={}).first()
    growth = float(goal.target / goal.baseline) if goal is not None and goal.baseline else 1.0
    return [to_minor(QUOTA, Decimal(repr(each * growth)), plan.currency) for each in before]
