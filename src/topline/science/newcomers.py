"""New customers where the history begins: nobody was seen before, so all who come look new."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_BLOCK_DAYS = 28
_LEAST_BLOCKS = 3
_PRIOR = 0.5


def new_rate(gaps: Floats, customers: Floats, days: int) -> Floats:
    """(days,) of those who look new after 0, 1, 2, ... days of history, the share that is new: 0-1, rising.

    gaps : (k,) days since the order before, inf for a first one, of the customers of lately
    customers : (k,) how many came after such a gap

    Whoever comes again after more days than are known looks new. How many do is told by those of lately, whose orders
    before are known; of those who pause for longer than the whole history nothing is.
    Source: Hallas, Gaist & Bjerrum, The waiting time distribution, Epidemiology 8 (1997).
    """
    order = np.argsort(gaps)
    within = np.concatenate([[0.0], np.cumsum(customers[order])])
    seem = within[-1] - within[np.searchsorted(gaps[order], np.arange(days), side="right")]
    are = float(customers[np.isinf(gaps)].sum())
    rate: Floats = (are + _PRIOR) / (seem + _PRIOR)
    return rate


def believed(counted: Floats, rate: Floats) -> Floats:
    """(n,) of the customers counted as new on each day of a history from its start on, those that are believed to be.

    counted : (n,) customers; rate : (n,) from `new_rate`

    A shop that opened on the first day had no customers before: its newcomers don't fall with the rate. So the rate
    counts as far as they do: raised to the slope of the logs of four weeks' newcomers over those of its inverse, 0-1.
    """
    blocks = len(counted) // _BLOCK_DAYS
    if blocks < _LEAST_BLOCKS:
        return counted
    cut = (blocks, _BLOCK_DAYS)
    seen = np.log(counted[: blocks * _BLOCK_DAYS].reshape(cut).sum(axis=1) + _PRIOR)
    blurred = -np.log(rate[: blocks * _BLOCK_DAYS].reshape(cut).mean(axis=1))
    spread = blurred - blurred.mean()
    slope = float(spread @ seen / max(float(spread @ spread), 1e-12))
    weighed: Floats = counted * rate ** min(max(slope, 0.0), 1.0)
    return weighed
