"""Satisfaction asked two weeks after an order, recommendation after thirty days; most don't answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.world import World

_SURVEYS, _AFTER_DAYS = ("csat", "nps"), np.array([14, 30])


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng, opinion, orders = world.stream("surveys"), world.truth.opinion, world.orders
    known = np.flatnonzero(orders.customer >= 0)
    rates = np.array([opinion.csat_ask_rate, opinion.nps_ask_rate])
    survey, place = np.nonzero(rng.random(len(known)) < rates[:, None])
    day = orders.second[known[place]] // DAY_SECONDS + _AFTER_DAYS[survey]
    inside = day < world.epoch + world.days
    survey, order, day = survey[inside], known[place[inside]], day[inside]
    count = len(day)
    answered = rng.random(count) < opinion.response_rate
    replied = day + rng.integers(0, 5, count)
    answered &= replied < world.epoch + world.days
    drawn, within = rng.random(count), rng.random(count)
    csat = np.where(drawn < opinion.satisfied_rate, 4 + (within < 0.62), 1 + (within * 3).astype(np.int64))
    nps = np.select(
        [drawn < opinion.promoter_rate, drawn >= 1 - opinion.detractor_rate],
        [9 + (within < 0.55), (within * 7).astype(np.int64)],
        7 + (within < 0.5),
    )
    score = arrow.array(np.where(survey == 0, csat, nps).astype(np.int64))
    surveys = arrow.choice(_SURVEYS, survey)
    keys = identity.order_keys(world.numbered(order))
    is_answered = arrow.array(answered)
    return {
        "key": arrow.keys(identity.SOURCE, surveys, keys),
        "survey": surveys,
        "score": arrow.kernel.if_else(is_answered, score, None),
        "customer_key": arrow.choice(customers, orders.customer[order]),
        "order_key": keys,
        "on": arrow.days(day),
        "answered_on": arrow.kernel.if_else(is_answered, arrow.days(replied), None),
        "channel": arrow.choice([one.name for one in world.truth.channels], orders.channel[order]),
        "market": arrow.choice([one.country for one in world.truth.markets], orders.market[order]),
    }
