"""What-if on top of a version: drivers moved as a whole or cell by cell, compared side by side, and one adopted.

A scenario holds nothing but its changes; what it comes to is simulated on the paths of the plan's check, so the same
changes always come to the same numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from django.db import transaction

from topline.accounts.models import User
from topline.plans import checks, document, operations
from topline.plans import grid as grids
from topline.plans.drafting import EmptyLakeError
from topline.plans.grid import Grid, Part
from topline.plans.models import Edit, PlanVersion, Scenario
from topline.plans.units import from_minor
from topline.science import check, scenario
from topline.science.check import Base
from topline.science.scenario import DRIVERS, LIMITS, Floats, Result
from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit

MOST = 20
"""Scenarios of a version that stand at a time."""


class ScenarioNameError(errors.ToplineError):
    message = N_("Give the scenario a name that no other scenario of this version has.")


class TooManyScenariosError(errors.ToplineError):
    message = N_("A version holds up to %(most)s scenarios. Put one away first.")


class DriverError(errors.ToplineError):
    message = N_("%(driver)s can be moved from %(least)s to %(most)s per cent. %(asked)s is outside.")


class UnknownPlaceError(errors.ToplineError):
    message = N_("The plan has no such category, market or month.")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    scenario : None for the version as it is planned
    tree : visits, orders per visit, net sales per order, orders and net sales of the months ahead, as expected
    """

    scenario: Scenario | None
    result: Result
    tree: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a comparison rests on.

    before : the same tree a year before, nan if unknown
    levers : drivers that something depends on
    """

    version: PlanVersion
    base: Base
    target: float
    before: Mapping[str, float]
    levers: tuple[str, ...]


# What people do ----------------------------------------------------------------


def branch(
    *,
    version: PlanVersion,
    name: str,
    actor: User | None,
    now: datetime,
    note: str = "",
    changes: Mapping[str, list[list[float | int | None]]] | None = None,
) -> Scenario:
    """A new scenario of the version, with nothing changed, or with the changes of another.

    Raises ScenarioNameError, TooManyScenariosError.
    """
    name = " ".join(name.split())[:100]
    with transaction.atomic():
        standing = Scenario.objects.standing().filter(version=version)
        if not name or standing.filter(name=name).exists():
            raise ScenarioNameError()
        if standing.count() >= MOST:
            raise TooManyScenariosError(most=MOST)
        made = Scenario.objects.create(
            version=version,
            name=name,
            note=note[:1000],
            changes=dict(changes or {}),
            created_at=now,
            created_by=_id(actor),
        )
        _log(made, "plan.scenario", actor)
    return made


def move(
    *,
    found: Scenario,
    values: Mapping[str, float],
    at: Part,
    actor: User | None,
    now: datetime,
) -> Scenario:
    """Move drivers in a part of the plan: a category, a market, a month, or all; 0 puts a driver back there.

    values : change by driver, see `science.scenario.LIMITS`

    Raises DriverError, UnknownPlaceError.
    """
    version = found.version
    axes = (version.blocks, version.markets, version.plan.months)
    place = [at.block, at.market, at.month]
    if any(index is not None and not 0 <= index < len(axis) for index, axis in zip(place, axes, strict=True)):
        raise UnknownPlaceError()
    for driver, value in values.items():
        least, most = LIMITS[driver]
        if not least <= value <= most:
            raise DriverError(driver=driver, least=round(100 * least), most=round(100 * most), asked=100 * value)
    with transaction.atomic():
        found = Scenario.objects.select_for_update().select_related("version__plan__shop").get(pk=found.pk)
        before = dict(found.changes)
        for driver, value in values.items():
            others = [one for one in found.changes.get(driver, []) if one[:3] != place]
            kept = [*others, [*place, value]] if value else others
            found.changes = {**found.changes, driver: kept}
        found.changes = {driver: kept for driver, kept in found.changes.items() if kept}
        if found.changes != before:
            found.revision += 1
            found.save(update_fields=["changes", "revision"])
    return found


def put_away(*, found: Scenario, actor: User | None, now: datetime) -> None:
    """Take a scenario out of sight; it stays readable."""
    with transaction.atomic():
        Scenario.objects.filter(pk=found.pk, archived_at=None).update(archived_at=now)
        _log(found, "plan.scenario_put_away", actor)


def adopt(*, found: Scenario, as_of: date, actor: User | None, now: datetime) -> PlanVersion:
    """A new draft of the plan whose targets move as the scenario moves what is expected, cell by cell.

    Locked cells hold. The review log says what was adopted.

    Raises EmptyLakeError, checks.PlanOverError.
    """
    base = _base(found.version, as_of)
    sales, orders = _ratios(base, steps(found.version, found.changes))
    return enact(found=found, sales=sales, orders=orders, as_of=as_of, actor=actor, now=now)


def enact(
    *, found: Scenario, sales: Floats, orders: Floats, as_of: date, actor: User | None, now: datetime
) -> PlanVersion:
    """`adopt` once it is known what the scenario does to net sales (c, m, t) and orders (t,), as multiples."""
    version = found.version
    with transaction.atomic():
        new = operations.revise(version=version, actor=actor, now=now)
        for metric in new.grid_metrics:
            old = new.grid(metric)
            wanted = sales if metric == "net_sales" else np.broadcast_to(orders, old.cells.shape)
            moved = _scaled(old, wanted)
            operations.append_edit(
                new, metric, "", old, moved, Edit.SET, Part(), seen=new.revision, actor=actor, now=now,
                amount=moved.total(), reason=found.name,
            )  # fmt: skip
        values = {"proposal": f"{found.name}. {found.note}".strip(), "decision": "accepted", "on": as_of.isoformat()}
        document.add_row(version=new, field="24.log", values=values, actor=actor, now=now)
        Scenario.objects.filter(pk=found.pk).update(adopted=new)
        _log(found, "plan.scenario_adopted", actor, became=new.number)
    return new


def _scaled(grid: Grid, ratios: Floats) -> Grid:
    """The grid with its unlocked cells multiplied, in whole units whose sum is the rounded sum."""
    free = ~grid.locked
    held = grid.cells[free]
    if not held.size or not held.any():
        return grid
    weights = np.maximum(np.rint(held * ratios[free] * 1000), 0).astype(np.int64)
    cells = grid.cells.copy()
    cells[free] = grids.shared(round(weights.sum() / 1000), weights) if weights.any() else 0
    return Grid(cells, grid.locked)


def _id(actor: User | None) -> int | None:
    return None if actor is None else actor.pk


def _log(found: Scenario, action: str, actor: User | None, **detail: object) -> None:
    version = found.version
    subject = f"plan {version.plan_id}.{version.number}"
    audit.log(action, actor_id=_id(actor), shop=version.plan.shop.slug, subject=subject, scenario=found.name, **detail)


# What it comes to ----------------------------------------------------------------


def steps(version: PlanVersion, changes: Mapping[str, Sequence[Sequence[float | int | None]]]) -> dict[str, Floats]:
    """Changes as arrays (c, m, t) by driver: in each cell that which names the most axes holds."""
    shape = (len(version.blocks), len(version.markets), len(version.plan.months))
    found = {}
    for driver in DRIVERS:
        listed = sorted(changes.get(driver, []), key=lambda one: sum(place is not None for place in one[:3]))
        if not listed:
            continue
        cells = np.zeros(shape)
        for block, market, month, value in listed:
            cells[Part(_whole(block), _whole(market), _whole(month)).box] = value
        found[driver] = cells
    return found


def _whole(place: float | None) -> int | None:
    return None if place is None else int(place)


def ahead(version: PlanVersion, as_of: date) -> Ahead:
    """What comparisons of a version rest on; made by `jobs.prepare_check`.

    Raises EmptyLakeError, checks.PlanOverError.
    """
    base = _base(version, as_of)
    target = float(from_minor("net_sales", version.grid("net_sales").total(), version.plan.currency))
    open_ = np.unique(base.month)
    visits, orders, sales = base.reference[:, open_].sum(axis=1).tolist()
    return Ahead(version, base, target, _tree(visits, orders, sales), tuple(_levers(base)))


def _base(version: PlanVersion, as_of: date) -> Base:
    snapshot = version.plan.shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    return checks.ground(version, as_of, checks.resting(version, as_of, snapshot)).drawn


def _levers(base: Base) -> list[str]:
    """The drivers that something depends on."""
    without = set()
    if not len(base.multiplier):
        without.add("spend")
    if np.isinf(base.on_hand).all():
        without.add("supply")
    if not base.counts_visits:
        without.add("traffic")
    if np.isnan(base.cost_rate).any():
        without.add("margin")
    return [driver for driver in DRIVERS if driver not in without]


def side(rests: Ahead, found: Scenario | None) -> Side:
    """What the version comes to as planned, or with a scenario's changes."""
    moving = steps(rests.version, found.changes) if found else {}
    result = scenario.outcome(rests.base, moving, rests.target)
    return Side(found, result, _tree(*result.ahead))


def _tree(visits: float, orders: float, sales: float) -> dict[str, float]:
    """Net sales as visits x conversion x order value; nan where visits or orders are unknown."""
    return {
        "sales": sales,
        "orders": orders,
        "visits": visits,
        "conversion": orders / visits if visits else float("nan"),
        "basket": sales / orders if orders else float("nan"),
    }


def _ratios(base: Base, moving: Mapping[str, Floats]) -> tuple[Floats, Floats]:
    """(c, m, t) what is expected of net sales with the changes over without, and (t,) of orders."""
    here = scenario.moved(base, moving)
    cells, orders = [], []
    for one in (base, here):
        made = check.simulate(one, check.Change())
        pooled = np.maximum(one.pooled, 1e-9)
        kept = one.demand * (made.sold / pooled)[:, :, None]
        cells.append(one.by_month(kept.mean(axis=0)) + one.done)
        orders.append(made.placed.mean(axis=0))
    ratios = np.divide(cells[1], cells[0], out=np.ones_like(cells[0]), where=cells[0] > 0)
    return ratios, np.divide(orders[1], orders[0], out=np.ones_like(orders[0]), where=orders[0] > 0)
