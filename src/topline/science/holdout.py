"""Hold-outs: how many to leave out before a test, and what the test says."""

import math
from dataclasses import dataclass

from topline.units.errors import ToplineError
from topline.units.text import N_


class HoldOutError(ToplineError):
    message = N_("A hold-out needs two groups of at least two, and rates between 0 and 1.")


@dataclass(frozen=True, slots=True)
class Lift:
    """What the treated group did more than the one held out, for each customer.

    effect : difference of the means; low, high : its central interval; error : its standard error
    relative : effect by the held-out mean, nan if that is 0
    p : two-sided probability of such a difference by chance alone
    """

    effect: float
    low: float
    high: float
    error: float
    relative: float
    p: float


def sample_needed(rate: float, lift: float, *, power: float = 0.8, level: float = 0.95, held_out: float = 0.5) -> int:
    """Customers in both groups together, to find a rise from `rate` by the share `lift` with probability `power`.

    rate : of those who do it without the treatment, inside (0, 1); lift : relative, such as 0.1, rate (1 + lift) < 1
    held_out : share of the customers that is left out, inside (0, 1)

    Two-sided normal test of two rates. Raises HoldOutError. Source: Fleiss, Levin & Paik, Statistical Methods for Rates
    and Proportions (2003), ch. 4.
    """
    treated = rate * (1 + lift)
    if not (0 < rate < 1 and 0 < treated < 1 and lift != 0 and 0 < held_out < 1):
        raise HoldOutError()
    quantiles = _quantile((1 + level) / 2), _quantile(power)
    mean = held_out * rate + (1 - held_out) * treated
    together = quantiles[0] * math.sqrt(mean * (1 - mean) * (1 / held_out + 1 / (1 - held_out)))
    apart = quantiles[1] * math.sqrt(rate * (1 - rate) / held_out + treated * (1 - treated) / (1 - held_out))
    return math.ceil(((together + apart) / (treated - rate)) ** 2)


def lift_of_rates(treated: tuple[int, int], held_out: tuple[int, int], *, level: float = 0.95) -> Lift:
    """The lift of a rate; each group as (how many did it, how many there were). Raises HoldOutError."""
    (a, n), (b, m) = treated, held_out
    if min(n, m) < 2 or not (0 <= a <= n and 0 <= b <= m):
        raise HoldOutError()
    p, q = a / n, b / m
    return _lift(p, q, p * (1 - p) / n + q * (1 - q) / m, level)


def lift_of_means(
    treated: tuple[float, float, int], held_out: tuple[float, float, int], *, level: float = 0.95
) -> Lift:
    """The lift of an amount; each group as (mean, standard deviation, how many), Welch. Raises HoldOutError."""
    (a, s, n), (b, t, m) = treated, held_out
    if min(n, m) < 2 or min(s, t) < 0:
        raise HoldOutError()
    return _lift(a, b, s**2 / n + t**2 / m, level)


def _lift(treated: float, held_out: float, variance: float, level: float) -> Lift:
    effect, error = treated - held_out, math.sqrt(variance)
    width = _quantile((1 + level) / 2) * error
    return Lift(
        effect=effect,
        low=effect - width,
        high=effect + width,
        error=error,
        relative=effect / held_out if held_out else math.nan,
        p=math.erfc(abs(effect) / error / math.sqrt(2)) if error else float(effect == 0),
    )


def _quantile(chance: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(chance)
