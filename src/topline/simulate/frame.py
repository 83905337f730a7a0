"""The days of a simulated shop and its random streams: what all that happens in it is drawn on.

Days count from the period's first day. Every part draws from a random stream of its own name, so a new fact's generator
changes no other fact.
"""

import zlib
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt

from topline.simulate.truth import Truth

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]
type Flags = npt.NDArray[np.bool_]

DAY_SECONDS = 86_400


class Frame:
    """The course of time of the shop of this truth, by a seed.

    A large shop is drawn in parts, each with its own visitors and customers: what is drawn of a shop of so many visits
    is the sum of independent parts (Poisson thinning). Season, prices, spend and weather are those of the whole shop.

    part, parts : which part of how many; the numbers of orders, visits and customers are unique over all of them
    """

    def __init__(self, truth: Truth, seed: int, *, part: int = 0, parts: int = 1) -> None:
        self.truth = truth
        self.seed = seed
        self.part = part
        self.parts = parts
        self.days = truth.period.days
        self.epoch = (truth.period.start - date(1970, 1, 1)).days

    def stream(self, name: str) -> np.random.Generator:
        """The random numbers of something that each part of the shop has of its own."""
        own = [self.part] if self.parts > 1 else []
        return np.random.default_rng([self.seed, zlib.crc32(name.encode()), *own])

    def shared_stream(self, name: str) -> np.random.Generator:
        """The random numbers of something that the whole shop shares."""
        return np.random.default_rng([self.seed, zlib.crc32(name.encode())])

    def numbered(self, index: Ints) -> Ints:
        """The numbers in the whole shop of this part's orders, visits or customers."""
        return index * self.parts + self.part

    def dates(self) -> npt.NDArray[np.datetime64]:
        return np.datetime64(self.truth.period.start, "D") + np.arange(self.days)

    @cached_property
    def season(self) -> Floats:
        """[days] demand by weekday and time of year, 1 on average over a year; no growth, no promotion."""
        dates = self.dates()
        of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
        middles = (np.arange(12) + 0.5) * 365.25 / 12
        yearly = np.interp(of_year, middles, self.truth.months, period=365.25)
        weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
        month_day = np.array([str(day)[5:] for day in dates])
        closing = np.where(np.isin(month_day, ["12-22", "12-23", "12-24", "12-25"]), 0.55, 1.0)
        return np.asarray(yearly * np.array(self.truth.weekdays)[weekday] * closing)

    @cached_property
    def growth(self) -> Floats:
        """[days] the trend, 1 on the first day."""
        return np.asarray((1 + self.truth.growth_rate) ** (np.arange(self.days) / 365.25))

    @cached_property
    def offers(self) -> list[tuple[int, int, int]]:
        """(index of the offer, first day, day after the last) of each promotion that ran, cut to the period."""
        period = self.truth.period
        found = []
        for i, offer in enumerate(self.truth.offers):
            for year in range(period.start.year - 1, period.end.year + 1):
                for span in offer.rule.spans(year):
                    first = (span.first - period.start).days + offer.offset
                    start, end = max(first, 0), min(first + offer.days, self.days)
                    if start < end:
                        found.append((i, start, end))
        return sorted(found, key=lambda one: one[1])
