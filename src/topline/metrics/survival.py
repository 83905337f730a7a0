"""How long things take and how many come to pass, while some are still open: those are censored, not failures."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """How many of a cohort were `age` days old when they came to pass, failed, or were last seen open."""

    age: int
    passed: int
    failed: int
    still_open: int


def incidence(cohort: Iterable[Ended]) -> float:
    """The share of a cohort that comes to pass by the oldest age seen, 0-1; NaN for an empty cohort.

    With nothing open it is passed / all. Whoever ends at an age was at risk at it, also those last seen open then.
    Source: Aalen & Johansen, Scand. J. Statist. 5 (1978), with failing as the competing risk.
    """
    rows = sorted(cohort, key=lambda row: row.age)
    at_risk = sum(row.passed + row.failed + row.still_open for row in rows)
    if not at_risk:
        return math.nan
    waiting, share = 1.0, 0.0
    for age in dict.fromkeys(row.age for row in rows):
        here = [row for row in rows if row.age == age]
        passed, failed = sum(row.passed for row in here), sum(row.failed for row in here)
        share += waiting * passed / at_risk
        waiting *= 1 - (passed + failed) / at_risk
        at_risk -= passed + failed + sum(row.still_open for row in here)
    return share


def median_age(cohort: Iterable[Ended]) -> float:
    """The age by which half of a cohort comes to pass, those open or failed leaving unseen; NaN if half never does.

    Source: Kaplan & Meier, J. Amer. Statist. Assoc. 53 (1958).
    """
    rows = sorted(cohort, key=lambda row: row.age)
    at_risk = sum(row.passed + row.failed + row.still_open for row in rows)
    waiting = 1.0
    for age in dict.fromkeys(row.age for row in rows):
        here = [row for row in rows if row.age == age]
        passed = sum(row.passed for row in here)
        waiting *= 1 - passed / at_risk
        if waiting <= 0.5 + 1e-12:
            return age
        at_risk -= sum(row.passed + row.failed + row.still_open for row in here)
    return math.nan
