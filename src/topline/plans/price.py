"""The prices of a plan that differ from what was paid before it."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from decimal import Decimal

from topline.accounts.models import Shop
from topline.catalog.models import Product
from topline.metrics.query import Filter, Query
from topline.outlook.kept import Run
from topline.outlook.price import PriceOutlook
from topline.plans import answered, budgets
from topline.plans.models import PlanVersion
from topline.units.missing import Missing
from topline.units.period import Period, add_months

_SAME = Decimal("0.005")


@dataclass(frozen=True, slots=True)
class PlannedPrice:
    """A price that the plan changes.

    key : of its row; product : its code, None where the price is the mean of all of `category`
    price, before : net sales of a unit, as planned and in the year before the version was drafted
    """

    key: str
    product: str | None
    category: str | None
    price: Decimal
    before: Decimal

    @property
    def ratio(self) -> float:
        return float(self.price / self.before)


def outlook(shop: Shop, run: Run) -> PriceOutlook:
    """What a run taught of the shop's prices, with what its spend brings where that was learnt."""
    snapshot = shop.lake().latest()
    return PriceOutlook(run, None if snapshot is None else budgets.response(shop, shop.today(), snapshot))


def planned(version: PlanVersion) -> list[PlannedPrice]:
    """The prices of section 7 that are another than before; a row is about the product that it names, else about its
    category. Those that stand as drafted, or of goods that were not sold, change nothing."""
    return list(_planned(version))


def reckoned(version: PlanVersion) -> list[PlannedPrice]:
    """The prices that the version is checked with: its own, else those of the marketing plan that it serves."""
    return [one for holder in holders(version) for one in _planned(holder)]


def holders(version: PlanVersion) -> list[PlanVersion]:
    """The version whose section 7 says the prices: its own, else that of the marketing plan that it serves."""
    served = version.plan.serves
    both = (version, served.current) if served else (version,)
    return [each for each in both if each.entries.rows("7.prices")][:1]


def before(version: PlanVersion, where: Filter) -> Decimal | None:
    """Net sales of a unit in the year before the version was drafted, None where nothing was sold."""
    shop = version.plan.shop
    snapshot, year = shop.lake().latest(), Period(add_months(version.as_of, -12), version.as_of)
    if snapshot is None:
        return None
    found = answered.ask(shop, Query(metrics=("net_sales", "units"), period=year, where=(where,)), snapshot).totals
    sales, units = found["net_sales"], found["units"]
    if isinstance(sales, Missing) or isinstance(units, Missing) or sales <= 0 or units <= 0:
        return None
    return Decimal(sales) / Decimal(units)


def _planned(version: PlanVersion) -> Iterator[PlannedPrice]:
    rows = [row for row in version.entries.rows("7.prices") if row.cells.get("price")]
    codes = products(version, [row.cells.get("name", "") for row in rows])
    for row in rows:
        product, category = codes.get(row.cells.get("name", "")), row.cells.get("category")
        if product is None and category is None:
            continue
        where = Filter("category", (category,)) if product is None else Filter("product", (product,))
        old, new = before(version, where), Decimal(row.cells["price"])
        if old is not None and new > 0 and abs(new / old - 1) > _SAME:
            yield PlannedPrice(row.key, product, None if product else category, new, old)


def products(version: PlanVersion, names: Collection[str]) -> dict[str, str]:
    """The code of the product that each name means, by code or title; none where it isn't one product."""
    listed = Product.objects.of(version.plan.shop)
    titled: dict[str, list[str]] = {}
    for title, code in listed.filter(title__in=names).values_list("title", "code"):
        titled.setdefault(title, []).append(code)
    only = {title: codes[0] for title, codes in titled.items() if len(codes) == 1}
    return only | {code: code for code in listed.filter(code__in=names).values_list("code", flat=True)}
