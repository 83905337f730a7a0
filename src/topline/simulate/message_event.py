"""A newsletter a month to those who want it, and what became of each message."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.facts.message_event import Event
from topline.simulate import identity
from topline.simulate.frame import DAY_SECONDS
from topline.simulate.world import World

_LINKS = ("/garden", "/lighting", "/offers", "/journal")
_WHAT = (
    Event.SENT,
    Event.DELIVERED,
    Event.BOUNCED,
    Event.OPENED,
    Event.OPENED,
    *[Event.CLICKED] * 2,
    Event.UNSUBSCRIBED,
)
_MACHINE_OPEN, _HUMAN_OPEN, _MACHINE_CLICK, _HUMAN_CLICK, _LEFT = 3, 4, 5, 6, 7


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    rng, mailing, orders = world.stream("mailings"), world.truth.mailing, world.orders
    known = orders.customer >= 0
    customer, first = np.unique(orders.customer[known], return_index=True)
    since = orders.second[known][first]
    home = orders.market[known][first]
    wants = rng.random(len(customer)) < mailing.opt_in_rate
    sends = (world.epoch + world.days - 25 - 30 * np.arange(mailing.months)[::-1]) * DAY_SECONDS + 7 * 3600
    send, person = np.nonzero(wants & (since < sends[:, None]))
    count = len(send)
    drawn = rng.random((count, 7))
    arrived = drawn[:, 0] < mailing.delivery_rate
    opened = arrived & (drawn[:, 1] < mailing.open_rate)
    clicked = opened & (drawn[:, 2] < mailing.click_rate / mailing.open_rate)
    happened = np.stack(
        [
            np.ones(count, bool),
            arrived,
            ~arrived,
            arrived & (drawn[:, 3] < mailing.machine_open_rate),
            opened,
            arrived & (drawn[:, 4] < mailing.machine_click_rate),
            clicked,
            opened & (drawn[:, 5] < mailing.unsubscribe_rate / mailing.open_rate),
        ],
        axis=1,
    )
    message, what = np.nonzero(happened)
    read = (drawn[message, 6] ** 3 * 2 * DAY_SECONDS).astype(np.int64) + 120
    after = np.choose(what, [0, 20, 20, 60, read, 45, read + 40, read + 90])
    link = np.where(
        (what == _HUMAN_CLICK) | (what == _MACHINE_CLICK), rng.choice(4, len(what), p=[0.4, 0.2, 0.3, 0.1]), -1
    )
    number = world.numbered(customer[person[message]])
    mailed = arrow.keys("newsletter", send[message] + 1)
    keys = arrow.keys(mailed, number)
    return {
        "key": arrow.keys(identity.SOURCE, keys, what),
        "event": arrow.choice([event.value for event in _WHAT], what),
        "message_key": keys,
        "send_key": mailed,
        "customer_key": arrow.choice(customers, customer[person[message]]),
        "medium": "email",
        "campaign": "newsletter",
        "market": arrow.choice([one.country for one in world.truth.markets], home[person[message]]),
        "link": arrow.choice(_LINKS, link),
        "is_machine": (what == _MACHINE_OPEN) | (what == _MACHINE_CLICK),
        **arrow.moments(sends[send[message]] + after, world.truth.zone),
    }
