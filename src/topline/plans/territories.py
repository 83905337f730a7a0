"""How territories stand to what a plan wants of them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from topline.metrics.query import Filter
from topline.plans import team
from topline.plans.facts import due_minor
from topline.plans.figures import NO_PLAN, NOT_YET, Reader, target
from topline.plans.models import PlanVersion
from topline.plans.units import from_minor
from topline.team.models import Territory
from topline.units.missing import Missing
from topline.units.period import Period

SALES, DEALS = "net_sales", "won_value"


@dataclass(frozen=True, slots=True)
class Standing:
    """A territory against a plan: net sales of its market and channel, or, of a region, the deals won there.

    metric : which of the two; due : what the season lets expect of the target by now, None before the plan begins or
        where the territory has no line of the targets
    """

    territory: Territory
    metric: str
    target: Decimal | Missing
    due: Decimal | None
    actual: object

    @property
    def pace(self) -> float | None:
        if not self.due or not isinstance(self.actual, Decimal | int | float):
            return None
        return float(self.actual) / float(self.due)


def of(reader: Reader) -> list[Standing]:
    """Every territory of the plan, by name; to who sees only a part of the shop, those that they answer for."""
    found = team.territories(reader.version)
    if reader.scope.owners is not None:
        mine = Territory.objects.filter(shop=reader.shop, owner__key__in=reader.scope.owners)
        own = set(mine.values_list("pk", flat=True))
        found = [one for one in found if one.pk in own]
    return [_standing(reader, one) for one in found]


def _standing(reader: Reader, one: Territory) -> Standing:
    version, period = reader.version, reader.version.plan.period
    past = Period(period.start, min(period.end, reader.today)) if reader.today > period.start else None
    named = {name: getattr(one, name) for name in ("market", "channel") if getattr(one, name)}
    metric = DEALS if one.region or not named else SALES
    asked = named if metric == SALES else {"territory": one.name}
    where = tuple(Filter(dimension, (value,)) for dimension, value in asked.items())
    plan, due = line(version, metric, "territory", one.name, reader.today)
    if isinstance(plan, Missing) and metric == SALES:
        plan, due = target(reader, SALES, named, period)
    actual = reader.value(metric, past, where) if past else NOT_YET
    return Standing(one, metric, plan, due, actual)


def line(
    version: PlanVersion, metric: str, cut: str, name: str, today: date
) -> tuple[Decimal | Missing, Decimal | None]:
    """The whole target of a line of a cut, and what of it is due by a day."""
    names, _, months = version.axes(metric, cut)
    if name not in names or (metric, cut) not in version.grid_cuts:
        return NO_PLAN, None
    cells = version.grid(metric, cut).cells[names.index(name), 0]
    currency = version.plan.currency
    due = sum(due_minor(version, metric, month, int(cell), today) for month, cell in zip(months, cells, strict=True))
    is_begun = today > version.plan.starts_on
    return from_minor(metric, int(cells.sum()), currency), from_minor(metric, due, currency) if is_begun else None
