"""The course of a simulated shop's life, drawn once from its truth; each fact's file reads it.

Amounts are whole hundredths of the currency (cents).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from topline.simulate import appeal
from topline.simulate.frame import DAY_SECONDS, Flags, Floats, Frame, Ints

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


class World(Frame):
    """Everything that happened to the shop of this truth, by a seed."""

    @cached_property
    def lift(self) -> Floats:
        """[days] what promotions multiply visits by."""
        found = np.ones(self.days)
        for i, start, end in self.offers:
            found[start:end] *= self.truth.offers[i].visit_lift
        return found

    @cached_property
    def appeal(self) -> Floats:
        """[markets, days] what prices and promotions multiply conversion by."""
        return appeal.by_day(self)

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
            pushed = np.where(self.lift > 1.15, 1.6, 1.0)
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
            mean = channel.visits * self.season * self.growth * self.lift
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
        chance = np.minimum(rates[:, None, None] * self.appeal, 1)
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
        shares = np.array([market.share for market in self.truth.markets])
        warped = np.concatenate([[0.0], np.cumsum(self.season * (shares @ self.appeal))])
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
