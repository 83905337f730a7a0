"""What visitors did on the shop's pages, consistent with their visits and orders, since the shop records it."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np

from topline.facts import columns as arrow
from topline.facts.web_event import Event
from topline.simulate import identity, order
from topline.simulate.frame import DAY_SECONDS, Ints
from topline.simulate.ledger import basket
from topline.simulate.shelf import shelf
from topline.simulate.way import DEVICES, PAGES, ways
from topline.simulate.world import World

_ORDER = (
    *(Event.PAGE_VIEW, Event.PRODUCT_VIEW, Event.PAGE_VIEW, Event.SIGN_UP, Event.DOWNLOAD, Event.CHAT),
    *(Event.ADD_TO_CART, Event.CHECKOUT, Event.PURCHASE),
)
"""What comes after what in a visit: the landing page first, the purchase last."""
_PRODUCT, _CART, _BOUGHT = 1, 6, 8
_STEPS = ("/cart", "/checkout", "/thank-you")


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    visits, gone = world.visits, ways(world)
    begin = (world.truth.way.recorded_from - date(1970, 1, 1)).days * DAY_SECONDS
    recorded = np.arange(np.searchsorted(visits.second, begin), len(visits.second))
    products = gone.product_views[recorded]
    done = (gone.sign_ups, gone.downloads, gone.chats, gone.carts, gone.checkouts, gone.orders)
    often = np.stack(
        [np.ones_like(products), products, gone.views[recorded] - products - 1, *(each[recorded] for each in done)],
        axis=1,
    ).astype(np.int64)
    total = often.sum(axis=1)
    place = np.repeat(np.arange(len(recorded)), total)
    rank = np.arange(len(place)) - np.repeat(np.cumsum(total) - total, total)
    what = (rank[:, None] >= np.cumsum(often, axis=1)[place]).sum(axis=1)
    visit = recorded[place]
    bought = visits.order[visit]
    span = np.where(bought >= 0, world.orders.second[bought] - visits.second[visit], gone.seconds[visit])
    second = visits.second[visit] + span * rank // np.maximum(total[place] - 1, 1)
    product = _products(world, what, rank == products[place], bought)
    session = order.session_keys(world.numbered(visit))
    number, is_bought = arrow.array(rank), arrow.array(what == _BOUGHT)
    return {
        "key": arrow.keys(identity.SOURCE, session, number),
        "event": arrow.choice([event.value for event in _ORDER], what),
        "session_key": session,
        "visitor_key": arrow.tokens(world.numbered(visits.visitor[visit]), world.seed),
        "customer_key": arrow.choice(customers, visits.customer[visit]),
        **arrow.moments(second, world.truth.zone),
        "channel": arrow.choice([one.name for one in world.truth.channels], visits.channel[visit]),
        "campaign": order.campaigns(world)(visits.channel[visit], visit),
        "market": arrow.choice([one.country for one in world.truth.markets], visits.market[visit]),
        "device": arrow.choice(DEVICES, gone.device[visit]),
        "page": _pages(world, what, product, gone.page[visit]),
        "product_key": arrow.choice(shelf(world).sku, product),
        "order_key": arrow.kernel.if_else(
            is_bought,
            identity.order_keys(world.numbered(np.maximum(bought, 0))),
            arrow.choice([None], np.zeros_like(what)),
        ),
        **_worth(world, what, bought),
    }


def _products(world: World, what: Ints, is_last_seen: Any, bought: Ints) -> Ints:
    """The product of each event, -1 if it has none: what was bought was seen last, and went into the cart."""
    rng, goods, lines = world.stream("products seen"), shelf(world), basket(world)
    edges = np.cumsum(goods.draw)
    seen = np.minimum(np.searchsorted(edges, rng.random(len(what)) * edges[-1], side="right"), len(edges) - 1)
    first = lines.product[np.searchsorted(lines.order, np.maximum(bought, 0))]
    is_first = (bought >= 0) & (is_last_seen | (what == _CART))
    return np.where((what == _PRODUCT) | (what == _CART), np.where(is_first, first, seen), -1)


def _pages(world: World, what: Ints, product: Ints, landing: Ints) -> arrow.Column:
    names = [*PAGES, *_STEPS, *(f"/products/{sku.lower()}" for sku in shelf(world).sku)]
    further = world.stream("pages").integers(0, len(PAGES), len(what))
    code = np.where(what == 0, landing, further)
    code = np.where(what == _PRODUCT, len(PAGES) + len(_STEPS) + product, code)
    return arrow.choice(names, np.where(what >= _CART, len(PAGES) + what - _CART, code))


def _worth(world: World, what: Ints, bought: Ints) -> dict[str, arrow.Column]:
    """Units and net worth of what went into carts (one unit each) and of purchases."""
    lines, count = basket(world), len(world.orders.second)
    units = np.bincount(lines.order, lines.quantity, count).astype(np.int64)
    pence = np.bincount(lines.order, lines.net, count).astype(np.int64) * order.rates(world, np.arange(count)) // 10_000
    is_bought, place = what == _BOUGHT, np.maximum(bought, 0)
    quantity = arrow.amounts(np.where(is_bought, units[place], 1) * arrow.MICRO)
    value = arrow.amounts(pence[place] * arrow.CENT)
    return {
        "quantity": arrow.kernel.if_else(arrow.array(is_bought | (what == _CART)), quantity, None),
        "value_shop": arrow.kernel.if_else(arrow.array(is_bought), value, None),
    }
