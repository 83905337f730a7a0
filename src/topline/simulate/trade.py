"""The shop's trade business: leads of hotels and offices, and the deals that come of them, drawn once."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from topline.simulate.frame import DAY_SECONDS, Floats, Ints
from topline.simulate.world import World

STAGES = ("new", "talk", "offer", "won", "lost")
NEW, TALK, OFFER, WON, LOST = range(5)
_NO_DEAL = -1
LINES = ("Hospitality", "Offices", "Gifts")


@dataclass(frozen=True, slots=True)
class Leads:
    """One row each; seconds are local since 1970, -1 for what did not happen; chance : of being won, 0-1."""

    created: Ints
    qualified: Ints
    closed: Ints
    is_won: Ints
    owner: Ints
    line: Ints
    market: Ints
    channel: Ints
    chance: Floats


@dataclass(frozen=True, slots=True)
class Moves:
    """Stages that deals entered, by deal and time; `deal` is the index of its lead."""

    deal: Ints
    second: Ints
    stage: Ints
    before: Ints
    value: Ints


@lru_cache(maxsize=2)
def trade(world: World) -> tuple[Leads, Moves]:
    """Leads, and the moves of those that qualified; what lies beyond the last day has not happened."""
    rng, work = world.shared_stream("trade"), world.truth.work
    day = np.repeat(np.arange(world.days), rng.poisson(work.leads * world.growth))
    count = len(day)
    created = (world.epoch + day) * DAY_SECONDS + rng.integers(8 * 3600, 18 * 3600, count)
    line = rng.integers(0, len(LINES), count)
    market = (rng.random(count) < 1 - world.truth.markets[0].share).astype(np.int64)
    channel = rng.integers(0, len(world.truth.channels), count)
    chance = _chances(world, channel, line, market)
    ends_in = np.where(rng.random(count) < chance, WON, _lost_in(world, rng, count))
    is_deal = ends_in > _NO_DEAL
    qualified = created + (rng.gamma(2.0, 1.5, count) * DAY_SECONDS).astype(np.int64) + 3600
    value = np.round(work.deal_value * rng.lognormal(0, 0.8, count) * world.growth[day]).astype(np.int64)
    moves, now, stage = [], qualified.copy(), np.full(count, NEW)
    who, before = np.flatnonzero(is_deal), np.full(count, -1)
    is_back = rng.random(count) < work.back_rate
    while len(who):
        moves.append((who, now[who], stage[who], before[who]))
        open_ = who[stage[who] < WON]
        days = np.array(work.stage_days)[stage[open_]]
        ahead = stage[open_] < ends_in[open_]
        back = (stage[open_] == OFFER) & is_back[open_]
        is_back[open_[back]] = False
        before[open_] = stage[open_]
        stage[open_] = np.where(back, TALK, np.where(ahead, stage[open_] + 1, LOST))
        now[open_] += (rng.gamma(1.6, days / 1.6) * DAY_SECONDS).astype(np.int64) + 1800
        who = open_
    deal, second, entered, left = (np.concatenate(columns) for columns in zip(*moves, strict=True))
    end = (world.epoch + world.days) * DAY_SECONDS
    inside = np.flatnonzero(second < end)
    by_deal = inside[np.lexsort((second[inside], deal[inside]))]
    closed = np.where(is_deal, now, created + (rng.gamma(2.0, 9.0, count) * DAY_SECONDS).astype(np.int64))
    leads = Leads(
        created,
        np.where(is_deal & (qualified < end), qualified, -1),
        np.where(closed < end, closed, -1),
        (is_deal & (stage == WON)).astype(np.int64),
        np.arange(count) % len(work.owners),
        line,
        market,
        channel,
        chance,
    )
    return leads, Moves(deal[by_deal], second[by_deal], entered[by_deal], left[by_deal], value[deal[by_deal]])


def _chances(world: World, channel: Ints, line: Ints, market: Ints) -> Floats:
    """The chance of each lead to be won: by the truth's effects, and on average what its rates make."""
    truth, effects = world.truth, world.truth.work.lead_effects
    named = (
        ("channel", [one.name for one in truth.channels], channel),
        ("product_line", LINES, line),
        ("market", [one.country for one in truth.markets], market),
    )
    log_odds = sum(np.array([effects[column][name] for name in names])[code] for column, names, code in named)
    aim = truth.work.qualify_rate * np.prod(truth.work.advance_rates)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        is_high = (1 / (1 + np.exp(-(log_odds + middle)))).mean() > aim
        low, high = (low, middle) if is_high else (middle, high)
    return np.asarray(1 / (1 + np.exp(-(log_odds + low))))


def _lost_in(world: World, rng: np.random.Generator, count: int) -> Ints:
    """The stage that each lead would be lost in, so that all leave stages at the rates of the truth."""
    work = world.truth.work
    reached = np.cumprod([1.0, work.qualify_rate, *work.advance_rates])
    edges = np.cumsum(-np.diff(reached)) / (1 - reached[-1])
    return np.asarray(np.searchsorted(edges, rng.random(count), side="right") + _NO_DEAL)
