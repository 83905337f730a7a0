"""Targets by channel, territory, team and person, blocks pasted from a spreadsheet, and how grids agree.

A grid by category and market says what the shop wants; a cut says who or what brings it. Cut and shop are edited apart,
top-down or bottom-up, and the page shows what of a month is not given out yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np
from django.db import transaction
from numpy.typing import NDArray

from topline.accounts.models import Channel, User
from topline.metrics.catalogue import metrics
from topline.plans import expectation, operations
from topline.plans import grid as grids
from topline.plans.cuts import DIMENSIONS
from topline.plans.grid import Cells, Grid, Part
from topline.plans.models import Edit, GridOperation, PlanVersion
from topline.plans.units import from_minor, to_minor
from topline.team.models import Member, Territory
from topline.units import errors
from topline.units.period import Period, add_months
from topline.units.text import N_

MOST_LINES = 5_000
"""Lines of a cut, at most."""

MIXED = {"won_value": "credited_value"}
"""By which metric's mix the targets of a metric are shared, where it isn't its own: of deals that several won."""


class UnknownCutError(errors.ToplineError):
    message = N_("Targets are cut by channel, territory, team or person, not by “%(cut)s”.")


class LinesError(errors.ToplineError):
    message = N_("Name at least one line that the grid doesn't have yet, a line each, up to %(most)s.")


class PasteShapeError(errors.ToplineError):
    message = N_(
        "%(rows)s × %(columns)s cells don't fit into the %(lines)s × %(months)s from this one on. Begin further up or "
        "to the left, or copy less."
    )


class PasteTotalError(errors.ToplineError):
    message = N_("Cells are pasted into lines and months, not into totals. Begin in another cell.")


@dataclass(frozen=True, slots=True)
class Gap:
    """How a cut stands to the shop's targets, in the metric's unit.

    by_month : what of each month's target no line has yet; negative where the lines come to more
    """

    by_month: list[Decimal]
    total: Decimal


def gap(version: PlanVersion, metric: str, cut: str) -> Gap:
    """What of the shop's targets the lines of a cut leave over."""
    shop, lines = _by_month(version.grid(metric)), _by_month(version.grid(metric, cut))
    currency = version.plan.currency
    open_ = [from_minor(metric, minor, currency) for minor in (shop - lines).tolist()]
    return Gap(open_, sum(open_, Decimal(0)))


def _by_month(grid: Grid) -> Cells:
    months: Cells = grid.cells.sum(axis=(0, 1))
    return months


def known_lines(version: PlanVersion, cut: str) -> list[str]:
    """What the lines of a cut may be: the shop's channels, and the territories, teams and people of its team."""
    shop = version.plan.shop
    match cut:
        case "channel":
            return list(Channel.objects.filter(shop=shop).values_list("code", flat=True))
        case "territory":
            return list(Territory.objects.filter(shop=shop).values_list("name", flat=True))
        case "team":
            teams = Member.objects.filter(shop=shop).exclude(team="")
            return list(teams.order_by("team").values_list("team", flat=True).distinct())
        case "person":
            there = Member.objects.of(shop).named().exclude(until_on__lte=version.plan.starts_on)
            return list(there.values_list("key", flat=True))
    return []


def add_lines(
    *, version: PlanVersion, metric: str, cut: str, names: Sequence[str], actor: User | None, now: datetime
) -> PlanVersion:
    """Lines for a cut of a metric. The first ones share the shop's targets by last year's mix; later ones get 0.

    Raises UnknownCutError, LinesError, operations.PlanLockedError.
    """
    if cut not in DIMENSIONS:
        raise UnknownCutError(cut=cut)
    with transaction.atomic():
        version = operations.for_edit(version=version, actor=actor, now=now)
        there = list(version.cuts.get(cut, []))
        clean = (" ".join(name.split())[:120] for name in names)
        fresh = [name for name in dict.fromkeys(clean) if name and name not in there]
        is_planned = (metric, cut) in version.grid_cuts
        lines = [*there, *fresh]
        if (is_planned and not fresh) or not lines or len(lines) > MOST_LINES:
            raise LinesError(most=MOST_LINES)
        former = {one: version.grid(one, cut) for one, by in version.grid_cuts if by == cut}
        version.cuts = {**version.cuts, cut: lines}
        version.save(update_fields=["cuts"])
        for planned in {**former, metric: None}:
            old = former.get(planned)
            new = _spread(version, planned, cut, lines) if old is None else _longer(old, len(lines))
            before = new if old is None else _longer(old, len(lines))
            operations.store_blocks(version, planned, cut, new, range(len(lines)))
            operations.append_edit(
                version, planned, cut, before, new, Edit.LINES, Part(), seen=version.revision, actor=actor, now=now
            )
    return version


def _longer(grid: Grid, lines: int) -> Grid:
    """The grid with empty lines at its end."""
    more = ((0, lines - len(grid.cells)), (0, 0), (0, 0))
    return Grid(np.pad(grid.cells, more), np.pad(grid.locked, more))


def _spread(version: PlanVersion, metric: str, cut: str, names: Sequence[str]) -> Grid:
    """The shop's months over new lines, by what each brought in the last year; alike where that is not known."""
    weights = _mix(version, metric, cut, names)
    months = (
        _by_month(version.grid(metric))
        if metric in version.grid_metrics
        else np.zeros(len(version.plan.months), dtype=np.int64)
    )
    columns = [grids.shared(int(minor), weights) for minor in months]
    return Grid.of(np.stack(columns, axis=1)[:, None, :])


def _mix(version: PlanVersion, metric: str, cut: str, names: Sequence[str]) -> Cells:
    """(names,) whole weights."""
    shop, even = version.plan.shop, np.ones(len(names), dtype=np.int64)
    snapshot = shop.lake().latest()
    if snapshot is None or DIMENSIONS[cut] not in metrics()[MIXED.get(metric, metric)].dimensions:
        return even
    year = Period(add_months(version.as_of, -12), version.as_of)
    found = expectation.slices(shop, MIXED.get(metric, metric), year, version.as_of, snapshot, DIMENSIONS[cut])
    weights = np.array([max(round(found.get(name, 0.0) * 100), 0) for name in names], dtype=np.int64)
    return weights if weights.sum() else even


def paste(
    *,
    version: PlanVersion,
    metric: str,
    amounts: Sequence[Sequence[Decimal | None]],
    at: Part,
    seen: int,
    actor: User | None,
    now: datetime,
    cut: str = "",
    reason: str = "",
) -> GridOperation:
    """Set a block of cells, rows of lines by columns of months, from a cell on; None leaves a cell as it is.

    at : the first line and month, and the market; without one each amount is all markets' together, and spreads over
        them as `operations.set_target` has it

    Raises PasteShapeError, PasteTotalError, StaleEditError if somebody changed one of the cells after `seen`, and what
    an edit raises.
    """
    currency = version.plan.currency
    with transaction.atomic():
        version, grid = operations.grid_for_edit(version, metric, cut, Part(), None)
        lines, markets, months = grid.cells.shape
        rows, columns = len(amounts), max((len(row) for row in amounts), default=0)
        if at.block is None or at.month is None:
            raise PasteTotalError()
        room = lines - at.block, months - at.month
        if not columns or rows > room[0] or columns > room[1]:
            raise PasteShapeError(rows=rows, columns=columns, lines=room[0], months=room[1])
        market = at.market if at.market is not None or markets > 1 else 0
        parts = [
            (Part(at.block + i, market, at.month + j), to_minor(metric, amount, currency))
            for i, row in enumerate(amounts)
            for j, amount in enumerate(row)
            if amount is not None
        ]
        index = np.arange(grid.cells.size).reshape(grid.cells.shape)
        places = [np.ravel(index[part.box]) for part, _ in parts]
        where = np.concatenate(places) if places else np.empty(0, dtype=np.int64)
        for other in GridOperation.objects.since(version, metric, seen, cut):
            if np.isin(other.effect.at, where).any():
                raise operations.StaleEditError()
        new = grids.set_totals(grid, parts)
        return operations.append_edit(
            version,
            metric,
            cut,
            grid,
            new,
            Edit.PASTE,
            Part(None, at.market, None),
            seen=seen,
            actor=actor,
            now=now,
            reason=reason,
        )


def put(
    *,
    version: PlanVersion,
    metric: str,
    cut: str,
    at: NDArray[np.int64],
    amounts: Cells,
    actor: User | None,
    now: datetime,
    reason: str,
) -> GridOperation:
    """Set single cells anywhere in a grid as they are now, in one edit.

    at : (n,) flat index of each; amounts : (n,) whole units

    Raises what `grid.set_cells` and an edit raise.
    """
    with transaction.atomic():
        version, grid = operations.grid_for_edit(version, metric, cut, Part(), None)
        new = grids.set_cells(grid, at, amounts)
        return operations.append_edit(
            version, metric, cut, grid, new, Edit.PASTE, Part(), seen=version.revision, actor=actor, now=now,
            reason=reason,
        )  # fmt: skip


def bring_in_line(
    *,
    version: PlanVersion,
    metric: str,
    cut: str,
    is_bottom_up: bool,
    actor: User | None,
    now: datetime,
    reason: str = "",
) -> GridOperation:
    """Make the months of a cut those of the shop, or bottom-up those of the shop the cut's; proportions and locks hold.

    Raises what `operations.set_target` raises.
    """
    with transaction.atomic():
        source, goal = (cut, "") if is_bottom_up else ("", cut)
        version, grid = operations.grid_for_edit(version, metric, goal, Part(), None)
        wanted = _by_month(version.grid(metric, source))
        new = grid
        for month, minor in enumerate(wanted.tolist()):
            new = grids.set_total(new, Part(month=month), minor)
        return operations.append_edit(
            version, metric, goal, grid, new, Edit.SET, Part(), seen=version.revision, actor=actor, now=now,
            amount=int(wanted.sum()), reason=reason,
        )  # fmt: skip
