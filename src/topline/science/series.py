"""The forecast of a single series of weeks or months of which nothing but its past is known."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_YEARS = 5
_LEAST_SEASONS = 3
_CLEAR = 1.645


def forecast(values: Floats, season: int, steps: int) -> Floats:
    """Expected values of the coming periods, (steps,): the mean of AutoETS and dynamic theta, freed of the season.

    values : (t,) > 0 where the season is to count; season : periods in a year
    Five years count. A season is taken out and put back where a year's autocorrelation is clear at 90 %.
    Source: Makridakis, Spiliotis & Assimakopoulos, International Journal of Forecasting 36 (2020), the test of M4.
    """
    from statsforecast.models import AutoETS, DynamicOptimizedTheta

    recent = np.asarray(values[-_YEARS * season :], dtype=np.float64)
    n = len(recent)
    index = season_index(recent, season) if is_seasonal(recent, season) else np.ones(season)
    level, ahead = recent / index[np.arange(n) % season], index[np.arange(n, n + steps) % season]
    ets = AutoETS(season_length=1, model="ZZZ").forecast(y=level, h=steps)["mean"]
    theta = DynamicOptimizedTheta(season_length=1).forecast(y=level, h=steps)["mean"]
    return np.asarray((ets + theta) / 2 * ahead)


def is_seasonal(values: Floats, season: int) -> bool:
    """Whether the autocorrelation at a season's lag is beyond chance; not below three seasons or with a value <= 0."""
    if len(values) < _LEAST_SEASONS * season or not (values > 0).all():
        return False
    off = values - values.mean()
    whole = float((off**2).sum())
    if whole <= 0:
        return False
    lags = np.array([float((off[k:] * off[:-k]).sum()) for k in range(1, season + 1)]) / whole
    return bool(abs(lags[-1]) > _CLEAR * np.sqrt((1 + 2 * float((lags[:-1] ** 2).sum())) / len(values)))


def season_index(values: Floats, length: int) -> Floats:
    """(length,) how much each place of a season has against its year, with mean 1: ratios to the centred year's mean.

    values : (t,) >= two seasons of them, the first in place 0
    """
    n = len(values)
    kernel = np.r_[0.5, np.ones(length - 1), 0.5] / length
    middle = np.arange(length // 2, length // 2 + n - length)
    ratios = values[middle] / np.convolve(values, kernel, mode="valid")
    place = middle % length
    mean = np.bincount(place, ratios, length) / np.bincount(place, minlength=length)
    return np.asarray(mean / mean.mean())
