"""Marketing: what was spent."""

from topline.metrics.dimension import DAYS
from topline.metrics.metric import Cell, Direction, Measure, Metric, RollUp, Unit, Value
from topline.units.missing import Missing
from topline.units.text import N_

NO_SPEND = Missing("no_spend", N_("no marketing spend"))
"""Nothing was booked in the cell: that is not the same as having spent nothing."""

DIMENSIONS = DAYS | {"channel", "market", "currency", "campaign"}

SPEND = Measure("spend", "spend", lambda rows: rows.amount.sum(where=rows.kind == "ads"), is_money=True)
MARKETING_COST = Measure("marketing_cost", "spend", lambda rows: rows.amount.sum(), is_money=True)
ACQUISITION = Measure(
    "acquisition_spend", "spend", lambda rows: rows.amount.sum(where=rows.is_acquisition), is_money=True
)


def booked(cell: Cell, id_: str) -> Value:
    """A sum of spend, missing where none was booked."""
    value: Value | None = cell.get(id_)
    return NO_SPEND if value is None else value


def marketing_cost(cell: Cell) -> Value:
    return booked(cell, "marketing_cost")


METRICS = (
    Metric(
        id="spend",
        label=N_("Advertising spend"),
        description=N_("Money spent on advertising, on the day it was spent."),
        formula="Σ amount of spend of the kind ads",
        unit=Unit.MONEY,
        family="marketing",
        direction=Direction.NONE,
        roll_up=RollUp.SUM,
        measures=(SPEND,),
        value=lambda cell: booked(cell, "spend"),
        dimensions=DIMENSIONS,
        leaders=N_("The platforms report in the zone and currency of the advertising account."),
        basis=False,
    ),
    Metric(
        id="marketing_cost",
        label=N_("Marketing cost"),
        description=N_("Advertising, content, partners, messages and tools together."),
        formula="Σ amount of spend",
        unit=Unit.MONEY,
        family="marketing",
        direction=Direction.NONE,
        roll_up=RollUp.SUM,
        measures=(MARKETING_COST,),
        value=marketing_cost,
        dimensions=DIMENSIONS | {"kind"},
        leaders=N_("Advertising platforms know their own part only."),
        basis=False,
    ),
)
