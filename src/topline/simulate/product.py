"""Products."""

from collections.abc import Mapping, Sequence
from typing import Any

from topline.facts import columns as arrow
from topline.simulate import identity
from topline.simulate.shelf import shelf
from topline.simulate.world import World

OF_THE_SHOP = True


def columns(world: World, customers: Sequence[str]) -> Mapping[str, Any]:
    goods = shelf(world)
    categories = [one.name for one in world.truth.categories]
    return {
        "key": arrow.keys(identity.SOURCE, goods.sku),
        "product_key": goods.sku,
        "title": goods.title,
        "category": arrow.choice(categories, goods.category),
        "brand": arrow.choice(goods.makes, goods.make),
        "supplier": arrow.choice([f"{make} Ltd" for make in goods.makes], goods.make),
        "tier": goods.tier,
    }
