"""A promotion that an active plan plans, before it happens."""

from dataclasses import dataclass
from datetime import date

from topline.facts.table import Fact, Rate, Table
from topline.units.missing import Missing
from topline.units.text import N_


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedPromotion(Fact):
    """A promotion of a product, a category, or of all, from `on` up to but without `until_on`.

    discount_rate : 0-1; a promotion that is planned no more ends on the day that it begins
    """

    plan_version: str
    promotion_key: str
    product_key: str | None = None
    category: str | None = None
    market: str | None = None
    on: date
    until_on: date
    discount_rate: Rate | None = None


TABLE = Table(
    "planned_promotion",
    PlannedPromotion,
    day="on",
    description="promotions of active plans, by product or category",
    is_own=True,
    nothing=Missing("no_promotion_planned", N_("no active plan with promotions")),
)
