"""The arithmetic of a target grid: whole minor units that always add up, locks that hold, changes that invert."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from topline.units import errors, money
from topline.units.text import N_

type Cells = NDArray[np.int64]
type Mask = NDArray[np.bool_]


class GridLockedError(errors.ToplineError):
    message = N_("Every cell of this selection is locked. Unlock a cell first, then set the amount again.")


class LockedAmountError(errors.ToplineError):
    message = N_("Locked cells already hold more than this total. Unlock a cell, or set a larger total.")


class NegativeTargetError(errors.ToplineError):
    message = N_("A target can't be negative. Write zero or more.")


class LargeTargetError(errors.ToplineError):
    message = N_("This target is too large to be kept exactly. Write a smaller amount.")


class UndoConflictError(errors.ToplineError):
    message = N_("Later edits changed the same cells, so this edit can't be undone. Undo the later ones first.")


LARGEST = 10**15
"""Minor units that a cell or a total may reach: sums of a whole grid stay exact in 64 bits."""


@dataclass(frozen=True, slots=True)
class Part:
    """A box of the cube: one index on an axis, or None for all of it. All three named is a cell."""

    block: int | None = None
    market: int | None = None
    month: int | None = None

    @property
    def box(self) -> tuple[slice, slice, slice]:
        """Where it lies; all three axes stay."""
        block, market, month = (
            slice(None) if at is None else slice(at, at + 1) for at in (self.block, self.market, self.month)
        )
        return block, market, month

    def overlaps(self, other: "Part") -> bool:
        """Whether the two share a cell."""
        pairs = ((self.block, other.block), (self.market, other.market), (self.month, other.month))
        return all(a is None or b is None or a == b for a, b in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Targets of one metric.

    cells : (blocks, markets, months) minor units, >= 0
    locked : the same shape; a locked cell is changed by nothing but its unlocking
    """

    cells: Cells
    locked: Mask

    @classmethod
    def of(cls, cells: Cells) -> Self:
        """A grid without locks."""
        return cls(cells, np.zeros(cells.shape, dtype=np.bool_))

    def total(self, part: Part | None = None) -> int:
        """The sum of a part, or of everything, in minor units."""
        return int(self.cells[(part or Part()).box].sum())

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Grid)
            and np.array_equal(self.cells, other.cells)
            and np.array_equal(self.locked, other.locked)
        )

    __hash__ = None  # type: ignore[assignment]


def spread(total: int, shape: tuple[int, int, int], weights: Sequence[float]) -> Grid:
    """`total` over a cube by weights, exact to the unit.

    weights : block-major, one per cell, >= 0 with a sum > 0
    """
    return Grid.of(np.array(money.allocate(total, weights), dtype=np.int64).reshape(shape))


def set_total(grid: Grid, part: Part, total: int) -> Grid:
    """The grid with a part that sums to `total`: unlocked cells keep their proportions, exact by largest remainder.

    Unlocked cells that are all zero share alike.
    Raises NegativeTargetError, LargeTargetError, GridLockedError, LockedAmountError.
    """
    return set_totals(grid, [(part, total)])


def set_totals(grid: Grid, totals: Iterable[tuple[Part, int]]) -> Grid:
    """`set_total` for parts that share no cell, one after the other."""
    cells = grid.cells.copy()
    for part, total in totals:
        if total < 0:
            raise NegativeTargetError()
        if total > LARGEST:
            raise LargeTargetError()
        box, free = cells[part.box], ~grid.locked[part.box]
        held = box[free]
        rest = total - (int(box.sum()) - int(held.sum()))
        if held.size and rest < 0:
            raise LockedAmountError()
        if held.size:
            box[free] = shared(rest, held if held.any() else np.ones_like(held))
        elif rest:
            raise GridLockedError()
    return replace(grid, cells=cells)


def shared(total: int, weights: Cells) -> Cells:
    """`money.allocate` for whole weights, over a whole grid at once: (n,) units that sum to `total` exactly.

    total : >= 0, at most LARGEST; weights : (n,) >= 0 with a sum from 1 to LARGEST
    """
    whole = int(weights.sum())
    fits = total * int(weights.max()) < 2**63
    units = weights if fits else weights.astype(object)
    products = units * total
    parts: Cells = (products // whole).astype(np.int64)
    remainders: Cells = (products % whole).astype(np.int64)
    left = total - int(parts.sum())
    parts[np.argsort(-remainders, kind="stable")[:left]] += 1
    return parts


def set_cells(grid: Grid, at: NDArray[np.int64], amounts: Cells) -> Grid:
    """The grid with amounts in single cells.

    at : (n,) flat index of each; amounts : (n,) minor units

    Raises NegativeTargetError, LargeTargetError, GridLockedError where a locked cell would change.
    """
    if amounts.size and amounts.min() < 0:
        raise NegativeTargetError()
    if amounts.size and amounts.max() > LARGEST:
        raise LargeTargetError()
    cells = grid.cells.copy()
    if (grid.locked.flat[at] & (cells.flat[at] != amounts)).any():
        raise GridLockedError()
    cells.flat[at] = amounts
    return replace(grid, cells=cells)


def set_lock(grid: Grid, part: Part, is_locked: bool) -> Grid:
    """The grid with every cell of a part locked or unlocked."""
    locked = grid.locked.copy()
    locked[part.box] = is_locked
    return replace(grid, locked=locked)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What an edit did, cell by cell; it can be taken back exactly.

    at : (n,) flat index of each changed cell
    before, after : (n,) minor units; was_locked, is_locked : (n,)
    """

    at: NDArray[np.int32]
    before: Cells
    after: Cells
    was_locked: Mask
    is_locked: Mask

    @classmethod
    def between(cls, old: Grid, new: Grid) -> "Change":
        """The cells that differ."""
        differs = (old.cells != new.cells) | (old.locked != new.locked)
        at = np.flatnonzero(differs).astype(np.int32)
        return cls(at, old.cells.flat[at], new.cells.flat[at], old.locked.flat[at], new.locked.flat[at])

    @property
    def inverse(self) -> "Change":
        return Change(self.at, self.after, self.before, self.is_locked, self.was_locked)

    def apply(self, grid: Grid) -> Grid:
        """The grid after the change. Raises UndoConflictError when its cells are no longer as the change found them."""
        if not (
            np.array_equal(grid.cells.flat[self.at], self.before)
            and np.array_equal(grid.locked.flat[self.at], self.was_locked)
        ):
            raise UndoConflictError()
        cells, locked = grid.cells.copy(), grid.locked.copy()
        cells.flat[self.at] = self.after
        locked.flat[self.at] = self.is_locked
        return Grid(cells, locked)

    def pack(self) -> bytes:
        return b"".join(
            (
                self.at.astype("<i4").tobytes(),
                self.before.astype("<i8").tobytes(),
                self.after.astype("<i8").tobytes(),
                self.was_locked.astype("u1").tobytes(),
                self.is_locked.astype("u1").tobytes(),
            )
        )

    @classmethod
    def unpack(cls, packed: bytes) -> "Change":
        """The inverse of `pack`: 22 bytes a cell, column by column."""
        n = len(packed) // 22
        return cls(
            np.frombuffer(packed, "<i4", n),
            np.frombuffer(packed, "<i8", n, 4 * n),
            np.frombuffer(packed, "<i8", n, 12 * n),
            np.frombuffer(packed, "u1", n, 20 * n).astype(np.bool_),
            np.frombuffer(packed, "u1", n, 21 * n).astype(np.bool_),
        )
