"""Chances and proposed targets."""

import numpy as np
import pytest

from topline.science import goal


def test_chance_counts_paths_and_what_is_in_already() -> None:
    paths = np.array([[1.0, 1], [2, 2], [3, 3], [4, 4]])
    assert goal.chance(paths, 6) == 0.5
    assert goal.chance(paths, 6, actual=2) == 0.75
    assert goal.chance(np.array([5.0, 7]), 6) == 0.5


def test_proposals_rise_while_their_chance_falls() -> None:
    samples = np.random.default_rng(1).normal(3_000_000, 200_000, 10_000)
    safe, expected, stretch = goal.proposals(samples, 2_900_000.0)
    assert [p.target for p in (safe, expected, stretch)] == pytest.approx([2_870_000, 3_000_000, 3_130_000], abs=10_001)
    assert [p.chance for p in (safe, expected, stretch)] == pytest.approx([0.75, 0.5, 0.25], abs=0.03)
    assert safe.baseline == 2_900_000


def test_a_target_is_said_in_three_digits() -> None:
    assert goal.spoken(3_508_235.78) == 3_510_000
    assert goal.spoken(0.01234) == 0.0123
    assert goal.spoken(0.0) == 0.0
