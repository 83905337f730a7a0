"""Hours and people, worked on paper."""

import numpy as np
import pytest

from topline.science import workload


def test_hours_people_and_weeks_over() -> None:
    """300 orders of 6 minutes are 30 hours, one person's week; 450 are 45 hours: a person and a half."""
    load = workload.load(np.array([[300.0, 450.0]]), np.array([6.0]), np.full((1, 2), 30.0), np.array([30.0]))
    assert load.hours.tolist() == [[30, 45]]
    assert load.people.tolist() == [[1, 1.5]]
    assert load.missing.tolist() == [[0, 0.5]]
    assert load.is_over.tolist() == [[False, True]]


def test_nobody_for_some_work() -> None:
    load = workload.load(np.array([[3.0], [0.0]]), np.array([20.0, 5.0]), np.zeros((2, 1)), np.full(2, 40.0))
    assert load.missing[:, 0].tolist() == pytest.approx([1 / 40, 0])
    assert load.is_over[:, 0].tolist() == [True, False]
