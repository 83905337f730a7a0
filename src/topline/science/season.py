"""The shape of a shop's year: what days sell, how a total spreads over them, how much of it is due by today."""

import numpy as np
from numpy.typing import NDArray

from topline.units import money

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Days = NDArray[np.datetime64]
Flags = NDArray[np.bool_]

YEAR = 365
_WEEKDAYS = 364
_REGULAR_RATE = 0.8
_SHUT_SHARE = 0.02
_EVENT_WEIGHT = 2.0
_BREAK_DAYS = 7


def trading(sales: Floats, days: Days, holiday: Flags, event: Ints | None = None) -> Floats:
    """How strong a trading day each day is, (n + ahead,) >= 0, 1 for an average day of an open weekday.

    sales : (n,) net sales per day, 0 on days without trade
    days : (n + ahead,) consecutive dates, the first n those of `sales`
    holiday : (n + ahead,) public holidays
    event : (n + ahead,) number of the retail event that the day belongs to, 0 for none

    A weekday weighs its mean of the last year. Where it traded on at least 80 % of its days, a day without trade counts
    as closed; elsewhere it counts as a day that sold nothing. A coming day is closed if its weekday hardly ever sells,
    if it is a holiday and the shop shut on most of those, or if the shop had a break on its date in each year known (a
    year-end break). An event weighs its mean against the days around it, shrunk by two ordinary days.
    """
    n = len(sales)
    weekday = (days.astype("datetime64[D]").astype(np.int64) + 3) % 7
    is_open = sales > 0
    profile, is_regular = _week(np.maximum(sales, 0)[-_WEEKDAYS:], weekday[:n][-_WEEKDAYS:])
    weights = profile[weekday]
    is_closed = ~is_open & is_regular[weekday[:n]]
    weights[:n][is_closed] = 0
    usual_holiday = holiday & is_regular[weekday]
    if usual_holiday[:n].any() and is_closed[usual_holiday[:n]].mean() > 0.5:
        weights[n:][usual_holiday[n:]] = 0
    weights[n:][_shut_every_year(sales, is_closed & ~holiday[:n], days)] = 0
    return weights if event is None else weights * _event_factors(sales, weights, event)[event]


def _week(sales: Floats, weekday: Ints) -> tuple[Floats, Flags]:
    """(7,) weights of the weekdays with mean 1 over those that sell, and whether each trades regularly."""
    days = np.maximum(np.bincount(weekday, minlength=7), 1)
    opens = np.bincount(weekday[sales > 0], minlength=7)
    sums = np.bincount(weekday, sales, minlength=7)
    is_regular = opens >= _REGULAR_RATE * days
    mean = sums / np.where(is_regular, np.maximum(opens, 1), days)
    is_shut = sums / days < _SHUT_SHARE * sums.sum() / days.sum()
    if not sums.any() or is_shut.all():
        return np.ones(7), np.zeros(7, bool)
    return np.where(is_shut, 0.0, mean / mean[~is_shut].mean()), is_regular


def _shut_every_year(sales: Floats, is_closed: Flags, days: Days) -> Flags:
    """(ahead,) coming days on whose date the shop had a break before, and was never open.

    A break is a week and more without a sale, or a date closed in two years: a single closed day may be a moving feast.
    """
    n = len(sales)
    date = np.array([text[5:] for text in np.datetime_as_string(days, unit="D")])
    is_open = sales > 0
    since_sale = np.cumsum(is_open)
    in_break = ~is_open & (np.bincount(since_sale[~is_open], minlength=n + 1)[since_sale] >= _BREAK_DAYS)
    closed, times = np.unique(date[:n][is_closed], return_counts=True)
    shut = {*date[:n][is_closed & in_break], *closed[times > 1]} - set(date[:n][is_open])
    return np.array([d in shut for d in date[n:]], dtype=bool)


def _event_factors(sales: Floats, weights: Floats, event: Ints) -> Floats:
    """(events + 1,) factors of the events over the ordinary days around them; 1 for an event never seen."""
    n, factors = len(sales), np.ones(int(event.max()) + 1)
    ordinary = event[:n] == 0
    expected = weights[:n] * intensity(sales * ordinary, weights[:n] * ordinary, 14)
    for number in range(1, len(factors)):
        inside = event[:n] == number
        usual = float(expected[inside].sum())
        if usual > 0:
            share = inside.sum() / (inside.sum() + _EVENT_WEIGHT)
            factors[number] = max(1 + share * (float(sales[inside].sum()) / usual - 1), 0.0)
    return factors


def intensity(sales: Floats, weights: Floats, width: float) -> Floats:
    """Sales per average trading day around each day, (..., n) >= 0: a kernel mean that skips closed days.

    sales : (..., n); weights : (n,) from `trading`; width : standard deviation of the kernel, days
    """
    return np.maximum(_smooth(sales, width), 0) / np.maximum(_smooth(weights, width), 1e-12)


def _smooth(series: Floats, width: float) -> Floats:
    """Gaussian kernel sum along the last axis, zero outside, so that a ratio of two of them is unbiased at the ends."""
    reach = int(4 * width) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    rows = [np.convolve(row, kernel)[reach : reach + row.size] for row in np.atleast_2d(series)]
    return np.array(rows).reshape(series.shape)


def spread(total_minor: int, weights: Floats) -> list[int]:
    """A total in whole minor units spread over weights (n,), summing to it exactly; evenly where all weights are 0.

    Raises AllocationError for a negative weight. Source: largest remainder, `units.money.allocate`.
    """
    shares = weights if weights.any() else np.ones_like(weights)
    return money.allocate(total_minor, [float(share) for share in shares])


def pace(weights: Floats, elapsed: int) -> float:
    """Share of a period's total that is due after `elapsed` of its days, 0-1; even where all weights are 0.

    weights : (n,) seasonal weight of each day; elapsed : whole days gone, 0 to n
    """
    whole = float(weights.sum())
    return float(weights[:elapsed].sum()) / whole if whole > 0 else elapsed / len(weights)
