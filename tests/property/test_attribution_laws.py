"""Laws of attribution for any paths: all models share out what there was, no more and no less."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from topline.science import attribution
from topline.science.attribution import Paths

path = st.tuples(st.lists(st.integers(0, 4), max_size=6), st.integers(0, 3), st.integers(0, 3), st.floats(0, 500))


@settings(deadline=None)
@given(rows=st.lists(path, max_size=25), days=st.floats(0, 40), seed=st.integers(0, 99))
def test_totals_equal_what_the_paths_led_to(
    rows: list[tuple[list[int], int, int, float]], days: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    touches = [touched for touched, _, _, _ in rows]
    ages = [np.sort(rng.uniform(0, 60, len(touched)))[::-1] for touched in touches]
    outcome = np.array([[orders, orders * value] for _, orders, _, value in rows], dtype=float).reshape(-1, 2)
    paths = Paths(
        np.array([channel for touched in touches for channel in touched], dtype=np.int64),
        np.cumsum([0, *map(len, touches)]),
        np.concatenate([*ages, np.zeros(0)]),
        outcome,
        np.array([nulls for _, _, nulls, _ in rows], dtype=float),
        5,
    ).within(days)
    seen = set(paths.touch.tolist())
    for credit in attribution.attribute(paths).values():
        assert (credit >= 0).all()
        assert credit.sum(axis=0) == pytest.approx(outcome.sum(axis=0), abs=1e-6)
        assert not credit[[channel for channel in range(5) if channel not in seen]].any()
