"""Keys of a simulated shop's orders and customers."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from topline.facts.columns import Column, kernel
from topline.simulate.frame import Ints
from topline.simulate.world import World

SOURCE = "simulated"


def order_keys(order: Ints) -> Column:
    """HP-100001 and so on, of the orders' numbers in the whole shop."""
    return kernel.binary_join_element_wise("HP", kernel.cast(pa.array(order + 100_001), pa.string()), "-")


def customer_keys(world: World, customer_key: Callable[[str], str]) -> list[str]:
    """The key of each customer, by the shop's HMAC of the source's id."""
    count = int(world.orders.customer.max(initial=-1)) + 1
    return [customer_key(f"C{number}") for number in world.numbered(np.arange(count)).tolist()]
