"""Marketing: what was spent, seen and clicked, and the leads that came."""

from collections.abc import Callable
from typing import Any

from topline.metrics.dimension import DAYS, TIME
from topline.metrics.metric import (
    Cell,
    Direction,
    Measure,
    Metric,
    RollUp,
    Unit,
    Value,
    count,
    per,
    ratio,
)
from topline.units.missing import Missing
from topline.units.text import N_

NO_SPEND = Missing("no_spend", N_("no marketing spend"))
"""Nothing was booked in the cell: that is not the same as having spent nothing."""
_NO_IMPRESSIONS = Missing("no_impressions", N_("no impressions are known"))
_NO_CLICKS = Missing("no_clicks", N_("no clicks are known"))
_NO_LEADS = Missing("no_leads", N_("no leads"))

SPENT = DAYS | {"channel", "market", "currency", "campaign"}
_LEAD = TIME | {"channel", "campaign", "market", "form"}

SPEND = Measure("spend", "spend", lambda rows: rows.amount.sum(where=rows.kind == "ads"), is_money=True)
MARKETING_COST = Measure("marketing_cost", "spend", lambda rows: rows.amount.sum(), is_money=True)
ACQUISITION = Measure(
    "acquisition_spend", "spend", lambda rows: rows.amount.sum(where=rows.is_acquisition), is_money=True
)
IMPRESSIONS = Measure("impressions", "spend", lambda rows: rows.impressions.sum())
CLICKS = Measure("clicks", "spend", lambda rows: rows.clicks.sum())
CLICKS_SHOWN = Measure("clicks_shown", "spend", lambda rows: rows.clicks.sum(where=rows.impressions.notnull()))
SHOWN_CLICKED = Measure("shown_clicked", "spend", lambda rows: rows.impressions.sum(where=rows.clicks.notnull()))
CLICK_SPEND = Measure(
    "click_spend",
    "spend",
    lambda rows: rows.amount.sum(where=(rows.kind == "ads") & rows.clicks.notnull()),
    is_money=True,
)
AD_CLICKS = Measure("ad_clicks", "spend", lambda rows: rows.clicks.sum(where=rows.kind == "ads"))

LEADS = Measure(
    "leads", "lead_event", lambda rows: rows.lead_key.nunique(where=rows.event == "consented"), adds_up=False
)
QUALIFIED = Measure(
    "qualified_leads", "lead_event", lambda rows: rows.lead_key.nunique(where=rows.event == "qualified"), adds_up=False
)


def booked(cell: Cell, id_: str) -> Value:
    """A sum of spend, missing where none was booked."""
    value: Value | None = cell.get(id_)
    return NO_SPEND if value is None else value


def marketing_cost(cell: Cell) -> Value:
    return booked(cell, "marketing_cost")


def known(cell: Cell, id_: str, none: Missing) -> Value:
    """A sum of what a source may leave out, missing where it did."""
    value: Value | None = cell.get(id_)
    return none if value is None else value


def rate_of(above: str, below: str, none: Missing) -> Callable[[Cell], Value]:
    return lambda cell: ratio(count(cell, above), count(cell, below), none)


COMMON: dict[str, Any] = {"family": "marketing", "basis": False}
_MONEY: dict[str, Any] = {
    **COMMON,
    "unit": Unit.MONEY,
    "direction": Direction.NONE,
    "roll_up": RollUp.SUM,
}
COUNT: dict[str, Any] = {**COMMON, "unit": Unit.COUNT, "direction": Direction.UP, "roll_up": RollUp.SUM}
RATE: dict[str, Any] = {**COMMON, "unit": Unit.RATE, "direction": Direction.UP, "roll_up": RollUp.RATIO}
_COST: dict[str, Any] = {**COMMON, "unit": Unit.MONEY, "direction": Direction.DOWN, "roll_up": RollUp.RATIO}

METRICS = (
    Metric(
        id="spend",
        label=N_("Advertising spend"),
        description=N_("Money spent on advertising, on the day it was spent."),
        formula="Σ amount of spend of the kind ads",
        measures=(SPEND,),
        value=lambda cell: booked(cell, "spend"),
        dimensions=SPENT,
        leaders=N_("The platforms report in the zone and currency of the advertising account."),
        **_MONEY,
    ),
    Metric(
        id="marketing_cost",
        label=N_("Marketing cost"),
        description=N_("Advertising, content, partners, messages and tools together."),
        formula="Σ amount of spend",
        measures=(MARKETING_COST,),
        value=marketing_cost,
        dimensions=SPENT | {"kind"},
        leaders=N_("Advertising platforms know their own part only."),
        **_MONEY,
    ),
    Metric(
        id="impressions",
        label=N_("Impressions"),
        description=N_("How often advertisements were shown, as their platforms report it."),
        formula="Σ impressions of spend",
        measures=(IMPRESSIONS,),
        value=lambda cell: known(cell, "impressions", _NO_IMPRESSIONS),
        dimensions=SPENT | {"kind"},
        leaders=N_("Each platform has its own rule for when an advertisement was seen; they are added as reported."),
        **COUNT,
    ),
    Metric(
        id="clicks",
        label=N_("Clicks"),
        description=N_("Clicks on advertisements, as their platforms report them."),
        formula="Σ clicks of spend",
        measures=(CLICKS,),
        value=lambda cell: known(cell, "clicks", _NO_CLICKS),
        dimensions=SPENT | {"kind"},
        leaders=N_("Platforms count more clicks than a website counts visits: some leave before the page has loaded."),
        **COUNT,
    ),
    Metric(
        id="click_through_rate",
        label=N_("Click-through rate"),
        description=N_("The share of the impressions that were clicked."),
        note=N_("Spend whose impressions or clicks are not known is left out."),
        formula="clicks / impressions",
        measures=(CLICKS_SHOWN, SHOWN_CLICKED),
        value=rate_of("clicks_shown", "shown_clicked", _NO_IMPRESSIONS),
        dimensions=SPENT | {"kind"},
        leaders=N_(
            "Meta's default counts all clicks on an advertisement, also those on a like; Google's those to the page."
        ),
        is_plan=True,
        **RATE,
    ),
    Metric(
        id="cost_per_click",
        label=N_("Cost per click"),
        description=N_("Advertising spend for each click on an advertisement."),
        note=N_("Spend whose clicks are not known is left out."),
        formula="spend / clicks",
        measures=(CLICK_SPEND, AD_CLICKS),
        value=lambda cell: per(booked(cell, "click_spend"), count(cell, "ad_clicks"), _NO_CLICKS),
        dimensions=SPENT,
        leaders=N_("The platforms' own is the same over their own clicks."),
        **_COST,
    ),
    Metric(
        id="leads",
        label=N_("Leads"),
        description=N_("New leads who agreed to be contacted, on the day they agreed."),
        formula="distinct lead_key with an event consented",
        measures=(LEADS,),
        value=lambda cell: count(cell, "leads"),
        dimensions=_LEAD,
        leaders=N_("HubSpot and Salesforce count every record that is created, with consent or without."),
        is_plan=True,
        **COUNT | {"roll_up": RollUp.DISTINCT},
    ),
    Metric(
        id="qualified_leads",
        label=N_("Qualified leads"),
        description=N_("Leads that passed the agreed threshold, on the day they did."),
        formula="distinct lead_key with an event qualified",
        measures=(QUALIFIED,),
        value=lambda cell: count(cell, "qualified_leads"),
        dimensions=_LEAD,
        leaders=N_("HubSpot has two thresholds, marketing's and sales'; this is the one that the shop agreed on."),
        **COUNT | {"roll_up": RollUp.DISTINCT},
    ),
    Metric(
        id="cost_per_lead",
        label=N_("Cost per lead"),
        description=N_("Advertising spend for each new lead, over paid and unpaid channels."),
        formula="spend / leads",
        measures=(SPEND, LEADS),
        value=lambda cell: per(booked(cell, "spend"), count(cell, "leads"), _NO_LEADS),
        dimensions=DAYS | {"channel", "market", "campaign"},
        leaders=N_("Platforms divide their own spend by the leads that they claim, so theirs is lower."),
        is_plan=True,
        **_COST,
    ),
)
