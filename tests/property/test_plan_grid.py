"""Laws of the target grid: cells add up, locks hold, edits invert, disjoint edits commute."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topline.plans import grid as grids
from topline.plans.grid import Change, Grid, Part
from topline.units.errors import ToplineError

SHAPE = (3, 2, 3)

amounts = st.integers(0, 10**9)
parts = st.builds(
    Part,
    block=st.none() | st.integers(0, SHAPE[0] - 1),
    market=st.none() | st.integers(0, SHAPE[1] - 1),
    month=st.none() | st.integers(0, SHAPE[2] - 1),
)


@st.composite
def a_grid(draw: st.DrawFn) -> Grid:
    size = SHAPE[0] * SHAPE[1] * SHAPE[2]
    cells = draw(st.lists(amounts, min_size=size, max_size=size))
    locks = draw(st.lists(st.booleans(), min_size=size, max_size=size))
    return Grid(np.array(cells, dtype=np.int64).reshape(SHAPE), np.array(locks).reshape(SHAPE))


def edited(grid: Grid, part: Part, total: int) -> Grid | None:
    try:
        return grids.set_total(grid, part, total)
    except ToplineError:
        return None


@given(a_grid(), parts, amounts)
def test_a_set_total_is_the_sum_of_its_cells_and_every_lock_holds(grid: Grid, part: Part, total: int) -> None:
    new = edited(grid, part, total)
    free = (~grid.locked[part.box]).any()
    locked = int(np.where(grid.locked, grid.cells, 0)[part.box].sum())
    assert (new is not None) == (total == grid.total(part) if not free else total >= locked)
    if new is None:
        return
    assert new.total(part) == total
    assert (new.cells >= 0).all()
    assert (new.cells == grid.cells)[grid.locked].all()
    outside = np.ones(SHAPE, dtype=bool)
    outside[part.box] = False
    assert (new.cells == grid.cells)[outside].all()


@given(a_grid(), parts, amounts)
def test_free_cells_stay_within_one_unit_of_their_exact_share(grid: Grid, part: Part, total: int) -> None:
    new = edited(Grid.of(grid.cells), part, total)
    assert new is not None
    held = [int(c) for c in np.ravel(grid.cells[part.box])]
    weights = held if any(held) else [1] * len(held)
    for share, weight in zip(np.ravel(new.cells[part.box]), weights, strict=True):
        assert abs(int(share) * sum(weights) - total * weight) < sum(weights)


@given(a_grid(), parts, amounts, parts, st.booleans())
def test_undo_is_the_inverse(grid: Grid, part: Part, total: int, locking: Part, is_locked: bool) -> None:
    for new in (edited(grid, part, total), grids.set_lock(grid, locking, is_locked)):
        if new is not None:
            change = Change.unpack(Change.between(grid, new).pack())
            assert change.apply(grid) == new
            assert change.inverse.apply(new) == grid


@given(a_grid(), parts, amounts, parts, amounts)
def test_edits_of_parts_that_share_no_cell_commute(grid: Grid, one: Part, a: int, two: Part, b: int) -> None:
    if one.overlaps(two):
        assert np.intersect1d(flat(one), flat(two)).size
        return
    assert not np.intersect1d(flat(one), flat(two)).size
    first, second = edited(grid, one, a), edited(grid, two, b)
    if first is not None and second is not None:
        assert edited(first, two, b) == edited(second, one, a)


def flat(part: Part) -> np.ndarray:
    return np.ravel(np.arange(SHAPE[0] * SHAPE[1] * SHAPE[2]).reshape(SHAPE)[part.box])


@given(amounts, st.lists(st.floats(0, 1e6), min_size=18, max_size=18).filter(any))
def test_a_spread_sums_exactly(total: int, weights: list[float]) -> None:
    assert grids.spread(total, SHAPE, weights).total() == total


def test_an_undo_that_would_lose_a_later_edit_is_refused() -> None:
    grid = Grid.of(np.array([[[100, 200, 300]]], dtype=np.int64))
    first = grids.set_total(grid, Part(), 700)
    assert first.cells.tolist() == [[[117, 233, 350]]]  # 116.67, 233.33, 350
    second = grids.set_total(first, Part(0, 0, 0), 50)
    with pytest.raises(grids.UndoConflictError):
        Change.between(grid, first).inverse.apply(second)


def test_a_locked_cell_keeps_its_amount_and_the_rest_take_the_change() -> None:
    grid = Grid.of(np.array([[[100, 200, 300]]], dtype=np.int64))
    locked = grids.set_lock(grid, Part(0, 0, 1), True)
    assert grids.set_total(locked, Part(), 1000).cells.tolist() == [[[200, 200, 600]]]
    with pytest.raises(grids.LockedAmountError):
        grids.set_total(locked, Part(), 199)
    with pytest.raises(grids.GridLockedError):
        grids.set_total(locked, Part(0, 0, 1), 5)
    with pytest.raises(grids.NegativeTargetError):
        grids.set_total(locked, Part(), -1)
