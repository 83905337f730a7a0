"""The course of a simulated shop's life, drawn once from its truth; each fact's file reads it.

Days count from the period's first day; amounts are whole hundredths of the currency (cents). Every part draws from a
random stream of its own name, so a new fact's generator changes no other fact.
"""

import zlib
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt

from topline.simulate.truth import Truth

type Ints = npt.NDArray[np.int64]
type Floats = npt.NDArray[np.float64]
type Flags = npt.NDArray[np.bool_]

DAY_SECONDS = 86_400
_HOURS = np.array(
    [0.7, 0.4, 0.2, 0.2, 0.2, 0.4, 1, 2, 3, 4, 4.6, 4.9, 5.4, 5, 4.6, 4.4, 4.5, 4.8, 5.2, 6, 6.6, 6.2, 4, 2]
)


@dataclass(frozen=True, slots=True)
class Visits:
    """Visits in order of time, one row each.

    second : local seconds since 1970; market, channel : indices of the truth's; customer : index, -1 if not signed in
    order : index of the order that the visit led to, -1 if none
    visitor : a number for the browser
    """

    second: Ints
    market: Ints
    channel: Ints
    customer: Ints
    order: Ints
    visitor: Ints


@dataclass(frozen=True, slots=True)
class Orders:
    """Orders in order of time; columns as in Visits. customer is -1 for a guest; is_first tells newcomers."""

    second: Ints
    market: Ints
    channel: Ints
    customer: Ints
    is_first: Flags


class World:
    """Everything that happened to the shop of this truth, by a seed.

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

    @cached_property
    def lifts(self) -> tuple[Floats, Floats]:
        """[days], [days] what promotions multiply visits and conversion by."""
        visits, conversion = np.ones(self.days), np.ones(self.days)
        for i, start, end in self.offers:
            visits[start:end] *= self.truth.offers[i].visit_lift
            conversion[start:end] *= self.truth.offers[i].conversion_lift
        return visits, conversion

    @cached_property
    def spend(self) -> Floats:
        """[responses, days] what was spent on each paid channel, in the shop's currency, both markets."""
        rng = self.shared_stream("spend")
        weeks = self.days // 7 + 2
        spent = np.empty((len(self.truth.responses), self.days))
        for i, response in enumerate(self.truth.responses):
            drift = np.zeros(weeks)
            shocks = rng.normal(0, 0.22, weeks)
            for week in range(1, weeks):
                drift[week] = 0.6 * drift[week - 1] + shocks[week]
            dark = np.ones(weeks)
            if response.kind == "ads":
                dark[rng.choice(weeks, 5, replace=False)] = 0.08
            weekly = np.repeat(np.exp(drift) * dark, 7)[: self.days]
            pushed = np.where(self.lifts[0] > 1.3, 1.6, 1.0)
            noise = rng.lognormal(0, 0.08, self.days)
            spent[i] = response.daily * weekly * pushed * noise * np.sqrt(self.growth * self.season)
        return np.round(spent, 2)

    @cached_property
    def paid_visits(self) -> Floats:
        """[responses, days] visits that the spend brings on average, at the season's demand."""
        visits = np.empty_like(self.spend)
        for i, response in enumerate(self.truth.responses):
            stock = np.empty(self.days)
            level = response.daily * response.carry_rate / (1 - response.carry_rate)
            for day in range(self.days):
                level = self.spend[i, day] + response.carry_rate * level
                stock[day] = level
            visits[i] = response.top * stock / (stock + response.half) * self.season**0.5
        return visits

    @cached_property
    def traffic(self) -> Ints:
        """[channels, markets, days] newcomers' visits."""
        rng = self.shared_stream("traffic")
        paid = {response.channel: i for i, response in enumerate(self.truth.responses)}
        visits = np.empty((len(self.truth.channels), len(self.truth.markets), self.days), dtype=np.int64)
        weather = rng.lognormal(0, 0.06, self.days) / self.parts
        if self.parts > 1:
            rng = self.stream("traffic")
        for c, channel in enumerate(self.truth.channels):
            mean = channel.visits * self.season * self.growth * self.lifts[0]
            if channel.name in paid:
                mean = mean + self.paid_visits[paid[channel.name]]
            for m, market in enumerate(self.truth.markets):
                visits[c, m] = rng.poisson(mean * weather * market.share)
        return visits

    @cached_property
    def newcomers(self) -> Ints:
        """[channels, markets, days] newcomers' orders."""
        rng = self.stream("newcomers")
        rates = np.array([channel.conversion_rate for channel in self.truth.channels])
        chance = np.minimum(rates[:, None, None] * self.lifts[1], 1)
        return np.asarray(rng.binomial(self.traffic, np.broadcast_to(chance, self.traffic.shape)))

    @cached_property
    def orders(self) -> Orders:
        """All orders: those of newcomers, and what the customers among them ordered later."""
        rng = self.stream("orders")
        channel, market, day = self._spread(self.newcomers)
        second = self._seconds(rng, day)
        is_guest = rng.random(len(day)) < self.truth.guest_rate
        customer = np.where(is_guest, -1, np.cumsum(~is_guest) - 1)
        again_second, again_customer = self._repeats(rng, second[~is_guest])
        shares = np.cumsum([one.repeat_share for one in self.truth.channels])
        again_channel = np.searchsorted(shares, rng.random(len(again_second)) * shares[-1], side="right")
        again_market = market[~is_guest][again_customer]
        is_first = np.concatenate([np.ones(len(second), bool), np.zeros(len(again_second), bool)])
        seconds = np.concatenate([second, again_second])
        by_time = np.argsort(seconds, kind="stable")
        return Orders(
            second=seconds[by_time],
            market=np.concatenate([market, again_market])[by_time],
            channel=np.concatenate([channel, again_channel])[by_time],
            customer=np.concatenate([customer, again_customer])[by_time],
            is_first=is_first[by_time],
        )

    def _repeats(self, rng: np.random.Generator, first: Ints) -> tuple[Ints, Ints]:
        """Moments and customers of later orders, by BG/NBD in the time of the season."""
        loyalty = self.truth.loyalty
        warped = np.concatenate([[0.0], np.cumsum(self.season * self.lifts[1])])
        warped *= self.days / warped[-1] / 7
        edges = (self.epoch + np.arange(self.days + 1)) * float(DAY_SECONDS)
        rate = rng.gamma(loyalty.r, 1 / loyalty.alpha, len(first))
        dropout = rng.beta(loyalty.a, loyalty.b, len(first))
        now = np.interp(first, edges, warped)
        who = np.arange(len(first))
        seconds, customers = [], []
        while len(who):
            alive = rng.random(len(who)) >= dropout[who]
            who, now = who[alive], now[alive]
            now = now + rng.exponential(1 / np.maximum(rate[who], 1e-12))
            inside = now < warped[-1]
            who, now = who[inside], now[inside]
            seconds.append(np.interp(now, warped, edges).astype(np.int64))
            customers.append(who)
        drawn = np.concatenate(seconds)
        # The warped clock runs evenly within a day; people don't shop evenly.
        day = drawn // DAY_SECONDS - self.epoch
        earliest = first[np.concatenate(customers)] + 3600
        return np.clip(self._seconds(rng, day), earliest, edges[-1] - 1).astype(np.int64), np.concatenate(customers)

    @cached_property
    def visits(self) -> Visits:
        """All visits: newcomers', and returning customers' with and without an order."""
        rng = self.stream("visits")
        orders = self.orders
        idle = self.traffic - self.newcomers
        channel, market, day = self._spread(idle)
        lurk_customer, lurk_second = self._lurking(rng)
        shares = np.cumsum([one.repeat_share for one in self.truth.channels])
        home = np.zeros(orders.customer.max() + 1, dtype=np.int64)
        home[orders.customer[orders.customer >= 0]] = orders.market[orders.customer >= 0]
        lurk_channel = np.searchsorted(shares, rng.random(len(lurk_second)) * shares[-1], side="right")
        lead = rng.integers(90, 1500, len(orders.second))
        came = np.maximum(orders.second - lead, self.epoch * DAY_SECONDS)
        second = np.concatenate([self._seconds(rng, day), lurk_second, came])
        none = np.full(len(day), -1, dtype=np.int64)
        customer = np.concatenate([none, lurk_customer, orders.customer])
        placed = np.arange(len(orders.second))
        order = np.concatenate([none, np.full(len(lurk_second), -1, dtype=np.int64), placed])
        by_time = np.argsort(second, kind="stable")
        customer = customer[by_time]
        stranger = (np.arange(len(second)) - rng.integers(0, 4000, len(second))) * 5 // 7
        return Visits(
            second=second[by_time],
            market=np.concatenate([market, home[lurk_customer], orders.market])[by_time],
            channel=np.concatenate([channel, lurk_channel, orders.channel])[by_time],
            customer=customer,
            order=order[by_time],
            visitor=np.where(customer >= 0, customer, stranger + 10_000_000),
        )

    def _lurking(self, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Customers and moments of visits without an order, in the weeks before each later order."""
        orders = self.orders
        again = np.flatnonzero(~orders.is_first)
        count = rng.geometric(self.truth.loyalty.visit_conversion_rate, len(again)) - 1
        order = np.repeat(again, count)
        day = orders.second[order] // DAY_SECONDS - self.epoch - rng.exponential(8, len(order)).astype(np.int64) - 1
        return orders.customer[order], self._seconds(rng, np.maximum(day, 0))

    def _spread(self, counts: Ints) -> tuple[Ints, Ints, Ints]:
        """Channel, market and day of each of the events that are counted by [channels, markets, days]."""
        index = np.repeat(np.arange(counts.size), counts.ravel())
        channel, market, day = np.unravel_index(index, counts.shape)
        return channel.astype(np.int64), market.astype(np.int64), day.astype(np.int64)

    def _seconds(self, rng: np.random.Generator, day: Ints) -> Ints:
        """A moment of each day, by the hours that people shop at; local seconds since 1970."""
        shares = np.cumsum(_HOURS) / _HOURS.sum()
        hour = np.searchsorted(shares, rng.random(len(day)), side="right")
        return (self.epoch + day) * DAY_SECONDS + hour * 3600 + rng.integers(0, 3600, len(day))

    @cached_property
    def euro_rate(self) -> Ints:
        """[days] pounds for a euro, in ten-thousandths."""
        steps = self.shared_stream("rate").normal(0, 0.0022, self.days)
        level = np.zeros(self.days)
        for day in range(1, self.days):
            level[day] = 0.995 * level[day - 1] + steps[day]
        return np.round(self.truth.euro_rate * np.exp(level) * 10_000).astype(np.int64)
