"""What if: drivers moved cell by cell on the paths of a plan's check, without any new draw."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from topline.science import check
from topline.science.check import Base, Outcome

Floats = NDArray[np.float64]

DRIVERS = ("traffic", "conversion", "basket", "price", "discount", "margin", "spend", "supply")
LIMITS: Mapping[str, tuple[float, float]] = {
    **check.LIMITS,
    "discount": (-0.5, 0.5),
    "margin": (-0.3, 0.3),
}
"""How far each driver may be moved: a relative change; of discount and margin a difference of rates."""

_LEAST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a scenario comes to, over what is to come and what is in already.

    revenue : (p,) net sales of the period; by_month : (p, t)
    orders : (t,) placed, as expected; peak : of the busiest slot
    units : (c,) to be sold from now on, as expected; lost : (c,) net sales that empty shelves cost, as expected
    left : (c,) units on hand at the end, inf where stock is unknown
    profit : (p,) to come: net sales less cost of goods and marketing, None if a cost is unknown
    cash : (t,) of the months ahead: net sales less cost of the goods sold and marketing, as expected; None as profit
    spend : (t,) on marketing
    ahead : visits (nan if nobody counts them), orders and net sales that are to come, as expected
    chance : probability of reaching the target, 0-1
    """

    revenue: Floats
    by_month: Floats
    orders: Floats
    peak: float
    units: Floats
    lost: Floats
    left: Floats
    profit: Floats | None
    cash: Floats | None
    spend: Floats
    ahead: tuple[float, float, float]
    chance: float


def moved(base: Base, steps: Mapping[str, Floats]) -> Base:
    """The base with drivers moved, before stock is asked.

    steps : driver -> (c, m, t) changes, see `LIMITS`; a driver that is left out stays

    More visits, conversion or basket multiply a cell's demand; a price, or a discount, multiplies units by
    (1 + price) ^ elasticity; spend multiplies demand by marketing's effect in its months. Margin moves the cost of
    goods alone. Prices and costs are kept by category: those of a category that is moved in some cells only are its
    mean, weighted by demand.
    """
    if not steps:
        return base
    at = base.month

    def times(driver: str) -> Floats:
        """(c, m, w), or 1 where the driver stays."""
        return 1 + steps[driver][..., at] if driver in steps else np.ones((1, 1, 1))

    visits = times("traffic")
    bought = visits * times("conversion")
    raised = times("price") * (2 - times("discount"))
    worth = times("basket") * raised
    pushed = np.stack([check.effect(base, factor) for factor in _by_slot(base, steps)], axis=1)[:, None, None]
    react = raised[None] ** base.elasticity[:, :, None, None] if (raised != 1).any() else 1.0
    before = np.maximum(base.demand.sum(axis=(1, 2)), _LEAST)
    units = base.demand * bought * react * pushed
    demand = units * worth
    by_category = np.maximum(demand.mean(axis=0), _LEAST).sum(axis=(1, 2))
    at_old_price = np.maximum((demand / raised).mean(axis=0), _LEAST).sum(axis=(1, 2))
    rise = by_category / at_old_price
    weight = np.maximum(demand.mean(axis=0), _LEAST)
    richer = ((times("margin") - 1) * weight).sum(axis=(1, 2)) / weight.sum(axis=(1, 2))
    supply = 1 + steps["supply"].mean(axis=1) if "supply" in steps else np.ones((1, base.months))
    return replace(
        base,
        demand=demand,
        visits=base.visits * ((base.demand * visits * pushed).sum(axis=(1, 2)) / before if base.counts_visits else 1.0),
        orders=base.orders * units.sum(axis=(1, 2)) / before,
        price=base.price * rise[:, None],
        cost_rate=np.maximum(base.cost_rate / rise[:, None] - richer[:, None], 0.0),
        spend=base.spend * _by_slot(base, steps),
        on_hand=base.on_hand * supply.mean(axis=1),
        arrivals=base.arrivals * supply[:, at],
    )


def _by_slot(base: Base, steps: Mapping[str, Floats]) -> Floats:
    """(w,) what marketing spend is multiplied with in each slot."""
    if "spend" not in steps:
        return np.ones(len(base.month))
    factor: Floats = 1 + steps["spend"].mean(axis=(0, 1))[base.month]
    return factor


def outcome(base: Base, steps: Mapping[str, Floats], target: float) -> Result:
    """What the moved drivers come to, against a target for the net sales of the period."""
    here = moved(base, steps)
    found = check.simulate(here, check.Change())
    cost = here.cost_rate
    is_costed = not np.isnan(cost).any()
    sold = found.sold.mean(axis=0)
    cash = here.by_month((sold * (1 - cost)).sum(axis=0) - found.spend) if is_costed else None
    revenue = found.finish
    return Result(
        revenue=revenue,
        by_month=found.sales,
        orders=found.placed.mean(axis=0),
        peak=float(found.orders.mean(axis=0).max(initial=0.0)),
        units=(sold / here.price).sum(axis=1),
        lost=(found.wanted - found.sold).mean(axis=0).sum(axis=1),
        left=_left(here, found),
        profit=found.profit,
        cash=cash,
        spend=here.by_month(found.spend),
        ahead=(
            float(found.visits.mean(axis=0).sum()) if base.counts_visits else float("nan"),
            float(found.orders.mean(axis=0).sum()),
            float(sold.sum()),
        ),
        chance=float(np.mean(revenue >= target)),
    )


def _left(base: Base, found: Outcome) -> Floats:
    """(c,) units on hand at the end of the period, as expected."""
    sold = (found.sold.mean(axis=0) / base.price).sum(axis=1)
    left: Floats = base.on_hand + base.arrivals.sum(axis=1) - sold
    return left
