"""How each visit went on: its pages, and the steps and actions that it came to."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from topline.simulate.frame import Flags, Ints
from topline.simulate.world import World

DEVICES = ("mobile", "desktop", "tablet")
PAGES = ("/", "/garden", "/lighting", "/textiles", "/offers", "/journal")


@dataclass(frozen=True, slots=True)
class Ways:
    """Visits, one row each; device and page are indices, page the one it began on."""

    device: Ints
    page: Ints
    views: Ints
    seconds: Ints
    product_views: Ints
    carts: Flags
    checkouts: Flags
    orders: Flags
    sign_ups: Flags
    downloads: Flags
    chats: Flags

    @property
    def furthest(self) -> Ints:
        """The last step reached in order, as the fact of a session counts them."""
        return np.select([self.orders, self.checkouts, self.carts, self.product_views > 0], [4, 3, 2, 1], 0)


@lru_cache(maxsize=2)
def ways(world: World) -> Ways:
    rng, way = world.stream("sessions"), world.truth.way
    visits = world.visits
    count = len(visits.second)
    is_bought = visits.order >= 0
    device = np.searchsorted([0.63, 0.95, 1.0], rng.random(count), side="right").astype(np.int64)
    page = np.searchsorted([0.34, 0.53, 0.66, 0.79, 0.92, 1.0], rng.random(count), side="right").astype(np.int64)
    in_cart = is_bought | (rng.random(count) < way.cart_rate)
    at_checkout = is_bought | (in_cart & (rng.random(count) < way.checkout_rate))
    views = np.where(rng.random(count) < 0.43, 1, 1 + rng.geometric(0.24, count)) + in_cart * 2 + at_checkout * 2
    seconds = np.where(views == 1, rng.integers(0, 25, count), (views * rng.exponential(34, count)).astype(np.int64))
    steps = world.stream("steps")
    seen = steps.binomial(np.maximum(views - 1 - 2 * in_cart, 0), way.product_rate) + in_cart
    actions = [steps.random(count) < rate for rate in (way.sign_up_rate, way.download_rate, way.chat_rate)]
    return Ways(device, page, views, np.minimum(seconds, 5400), seen, in_cart, at_checkout, is_bought, *actions)
