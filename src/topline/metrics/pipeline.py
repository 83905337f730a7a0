"""Pipeline: leads, deals, stages, how long they take, and whose quota is met."""

import math
from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from topline.facts.deal_stage import State
from topline.metrics.dimension import DAYS, TIME
from topline.metrics.metric import (
    Cell,
    Direction,
    Key,
    Measure,
    Metric,
    RollUp,
    Staged,
    Unit,
    Value,
    count,
    per,
    ratio,
    total,
)
from topline.metrics.sales import percent
from topline.metrics.source import Source
from topline.metrics.state import closings, known, standing
from topline.metrics.survival import Ended, incidence, median_age
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.view import View

_NO_LEADS = Missing("no_leads", N_("no leads"))
_NO_DEALS = Missing("no_deals", N_("no deals"))
_NO_CLOSED = Missing("no_closed_deals", N_("no deals won or lost"))
_NO_WON = Missing("no_won_deals", N_("no deals won"))
_NO_SALES = Missing("no_sales_with_contact", N_("no sale whose first contact is known"))
_NO_CONTACTS = Missing("no_contacts", N_("no first contacts known"))
_NO_CYCLE = Missing("no_cycle", N_("deals were won on the day that they were created"))
_NEVER_HALF = Missing("less_than_half", N_("fewer than half have come to a sale so far"))
_NO_ENTRIES = Missing("no_stage_entries", N_("nothing entered a stage"))
_NO_EXITS = Missing("no_stage_exits", N_("nothing left a stage"))
_NO_QUOTA = Missing("no_quota", N_("no quota"))

_DEAL = frozenset({"owner", "territory", "channel", "market", "product_line"})
_LEAD = frozenset({"owner", "channel", "campaign", "market", "product_line"})
_CONTACT = _DEAL | {"contact"}

WON_VALUE = "won_value"
"""The metric that a quota is set in."""


def _of(state: State) -> Any:
    return lambda rows: (rows.state == state.value).sum()


DEALS = Measure("deals_created", "deal", lambda rows: rows.count())
WON = Measure("deals_won", "deal_closed", _of(State.WON))
LOST = Measure("deals_lost", "deal_closed", _of(State.LOST))
VALUE = Measure(
    "won_value",
    "deal_closed",
    lambda rows: rows.value_shop.sum(where=rows.state == State.WON.value),
    is_shop_money=True,
)
WON_DAYS = Measure(
    "won_days",
    "deal_closed",
    lambda rows: rows.closed_on.delta(rows.created_on, unit="day").sum(where=rows.state == State.WON.value),
)
ENTERED = Measure("entered", "deal_move", lambda rows: rows.is_open.sum())
ADVANCED = Measure("advanced", "deal_move", lambda rows: (rows.is_open & rows.is_advanced).sum())
SKIPS = Measure("skips", "deal_move", lambda rows: rows.is_skip.sum())
BACKS = Measure("backs", "deal_move", lambda rows: rows.is_back.sum())
STAY = Measure("days_in_stage", "deal_stay", lambda rows: rows.days.median(), adds_up=False)
LEAD_ENTERED = Measure("lead_entered", "lead_move", lambda rows: rows.count())
LEAD_ADVANCED = Measure("lead_advanced", "lead_move", lambda rows: rows.is_advanced.sum())
LEAD_STAY = Measure("lead_days_in_stage", "lead_stay", lambda rows: rows.days.median(), adds_up=False)
ACTIVITIES = Measure("activities", "activity", lambda rows: rows.is_done.sum())
CREDIT = Measure("credited_value", "deal_credited", lambda rows: rows.credit.sum(), is_shop_money=True)
QUOTA = Measure("quota", "quota", lambda rows: rows.amount.sum(), is_shop_money=True)


def _cohorts(source: str, fact: str) -> Any:
    """Stage that gives each cell's cohort by age: how many came to pass, failed, or are open still.

    The rows of the source have `ended_on` and `has_passed`; those without an end are as old as what is known.
    """

    def cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
        import ibis

        span = known(view, fact)
        if span is None:
            return {}
        rows: Any = view.rows(source, by)
        last = ibis.literal(span.last)
        rows = rows.mutate(
            age=ibis.greatest(rows.ended_on.fill_null(last).delta(rows.day, unit="day"), 0),
            is_open=rows.ended_on.isnull(),
        )
        grouped = rows.group_by(*by, "age").aggregate(
            passed=(~rows.is_open & rows.has_passed).sum(),
            failed=(~rows.is_open & ~rows.has_passed).sum(),
            still_open=rows.is_open.sum(),
        )
        found: dict[Key, list[Ended]] = defaultdict(list)
        for record in view.tables.run(grouped):
            ended = Ended(record["age"], record["passed"], record["failed"], record["still_open"])
            found[tuple(record[id_] for id_ in by)].append(ended)
        return {key: {source: cohort} for key, cohort in found.items()}

    return cells


def _cycle_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    rows: Any = view.rows("sale", by)
    values = {
        "cycle_days": rows.days.sum(),
        "cycle_sales": rows.count(),
        "cycle_median": rows.days.median(),
    }
    grouped = rows.group_by(*by).aggregate(**values) if by else rows.aggregate(**values)
    return {tuple(record.pop(id_) for id_ in by): record for record in view.tables.run(grouped)}


def _pipeline_cells(view: "View", by: tuple[str, ...]) -> Mapping[Key, Cell]:
    """Open value as at the end of each bucket, weighted, without a probability, and past its expected close."""
    days = closings(view, by, "deal_stage")
    if not days:
        return {}
    rows = standing(view.made("deal_step"), ("deal_key",), ["step"], days)
    rows = view.shown(rows.filter(rows.state == State.OPEN.value), by)
    values = {
        "open_value": rows.value_shop.sum(),
        "open_deals": rows.count(),
        "weighted": (rows.value_shop * rows.probability).sum(),
        "unweighted": rows.value_shop.sum(where=rows.probability.isnull()),
        "overdue": rows.value_shop.sum(where=rows.expected_close <= rows.day),
    }
    grouped = rows.group_by(*by).aggregate(**values) if by else rows.aggregate(**values)
    return {tuple(record.pop(id_) for id_ in by): record for record in view.tables.run(grouped)}


def _credited(view: "View") -> Any:
    """Won deals by whom they are credited to: their owner, or those who share them, by shares that sum to the whole."""
    import ibis

    rows: Any = view.made("deal")
    rows = rows.filter(rows.state == State.WON.value).mutate(day=rows.closed_on)
    shares: Any = view.tables.table("deal_credit")
    whole = shares.group_by(whole_deal=shares.deal_key).aggregate(whole=shares.share.sum())
    shares = shares.inner_join(whole, shares.deal_key == whole.whole_deal)
    shares = shares.select(shared_deal="deal_key", sharer="owner", part=shares.share / shares.whole)
    joined = rows.left_join(shares, rows.deal_key == shares.shared_deal)
    credit = (joined.value_shop.cast("float64") * joined.part.cast("float64")).cast("decimal(38, 6)")
    credit = joined.part.isnull().ifelse(joined.value_shop.cast("decimal(38, 6)"), credit)
    return joined.mutate(owner=ibis.coalesce(joined.sharer, joined.owner), credit=credit)


def _quota(view: "View") -> Any:
    """Quotas by day; where two plans set one for a person and day, the one written last."""
    rows: Any = view.tables.table("target")
    rows = rows.filter((rows.metric == WON_VALUE) & rows.owner.notnull())
    newest = rows.group_by("owner", "on").aggregate(plan_version=rows.plan_version.argmax(rows.version))
    rows = rows.semi_join(newest, ["owner", "on", "plan_version"])
    return rows.mutate(day=rows.on)


LEAD_COHORT = Staged("lead_cohort", _cohorts("lead", "lead_event"), ("lead_event",), source="lead")
DEAL_COHORT = Staged("deals", _cohorts("deal", "deal_stage"), ("deal_stage",), source="deal")
CONTACTS = Staged("contact_cohort", _cohorts("contact", "order_line"), (), source="sale")
CYCLE = Staged("cycle", _cycle_cells, (), source="sale")
PIPELINE = Staged("pipeline", _pipeline_cells, ("deal_stage",), is_shop_money=True, source="deal_stage")

SOURCES = (
    Source("deal_credited", "deal_stage", _credited),
    Source("quota", "target", _quota),
)


def _cohort_rate(cell: Cell, source: str, empty: Missing) -> Value:
    cohort = cell.get(source)
    return incidence(cohort) if cohort else empty


def _survival_median(cell: Cell) -> Value:
    cohort = cell.get("contact")
    if not cohort:
        return _NO_CONTACTS
    age = median_age(cohort)
    return _NEVER_HALF if math.isnan(age) else age


def weighted_pipeline(cell: Cell) -> Value:
    """Open value by its chances; missing, its known part as `partial`, where a deal has no probability."""
    unweighted, open_value = total(cell, "unweighted"), total(cell, "open_value")
    weighted = total(cell, "weighted")
    if not unweighted:
        return weighted
    share = 100 * float(unweighted) / float(open_value)  # type: ignore[arg-type]
    return Missing(
        "no_probability",
        N_("no probability for %(share)s %% of the open value"),
        {"share": percent(share), "partial": weighted},
    )


def _velocity(cell: Cell) -> Value:
    """Deals times size times win rate, for each day of the mean cycle."""
    won = count(cell, "deals_won")
    if isinstance(won, Missing) or not won:
        return _NO_WON
    closed = Decimal(int(won)) + int(count(cell, "deals_lost"))  # type: ignore[arg-type]
    days = cell.get("won_days")
    value = count(cell, "deals_created") * Decimal(cell.get("won_value") or 0) / closed  # type: ignore[operator]
    return value * int(won) / Decimal(int(days)) if days else _NO_CYCLE


_COHORT = N_(
    "It belongs to the day of creation. What is open is censored, not lost: it counts for as long as it has been seen "
    "(Aalen-Johansen). With nothing open it is the plain share."
)
_STATE = N_("A state: as at the end of each bucket of time, or of the period. Days do not add up.")
_TODAY = N_("A deal counts under its present owner, territory, channel and product line, in the past too.")
_PIPELINE: dict[str, Any] = {"family": "pipeline", "basis": False}
_COUNT = _PIPELINE | {"unit": Unit.COUNT, "roll_up": RollUp.SUM, "direction": Direction.UP}
_RATE = _PIPELINE | {"unit": Unit.RATE, "roll_up": RollUp.RATIO, "direction": Direction.UP}
_MONEY = _PIPELINE | {"unit": Unit.MONEY, "direction": Direction.UP}
_LENGTH = _PIPELINE | {"unit": Unit.DAYS, "roll_up": RollUp.ANEW, "direction": Direction.DOWN}

METRICS = (
    Metric(
        id="lead_conversion_rate",
        label=N_("Lead conversion rate"),
        description=N_("The share of leads that become customers, of those created in the period."),
        note=_COHORT,
        formula="leads that became customers / leads created, open leads censored",
        measures=(LEAD_COHORT,),
        value=lambda cell: _cohort_rate(cell, "lead", _NO_LEADS),
        dimensions=DAYS | _LEAD,
        leaders=N_("Most divide by all leads of the period, so a young cohort looks bad; theirs is lower."),
        is_plan=True,
        **_RATE | {"roll_up": RollUp.ANEW},
    ),
    Metric(
        id="deals_created",
        label=N_("Deals created"),
        description=N_("Deals by the day on which they were created."),
        note=_TODAY,
        formula="count of deals by created_on",
        measures=(DEALS,),
        value=lambda cell: count(cell, "deals_created"),
        dimensions=DAYS | _DEAL,
        leaders=N_("The same in HubSpot and Salesforce."),
        **_COUNT,
    ),
    Metric(
        id="deals_won",
        label=N_("Deals won"),
        description=N_("Deals that stand won, by the day they were closed. One that was opened again is out."),
        note=_TODAY,
        formula="count of won deals by closed_on",
        measures=(WON,),
        value=lambda cell: count(cell, "deals_won"),
        dimensions=DAYS | _DEAL,
        leaders=N_("Salesforce moves the close date when a deal is edited; here it is the day of the winning move."),
        **_COUNT,
    ),
    Metric(
        id="deals_lost",
        label=N_("Deals lost"),
        description=N_("Deals that stand lost, by the day they were closed. One that was opened again is out."),
        note=_TODAY,
        formula="count of lost deals by closed_on",
        measures=(LOST,),
        value=lambda cell: count(cell, "deals_lost"),
        dimensions=DAYS | _DEAL | {"reason"},
        leaders=N_("The same in HubSpot and Salesforce."),
        **_COUNT | {"direction": Direction.DOWN},
    ),
    Metric(
        id="won_value",
        label=N_("Won value"),
        description=N_("What the deals won are worth, on the day they were closed."),
        note=_TODAY,
        formula="Σ value of won deals by closed_on",
        roll_up=RollUp.SUM,
        measures=(VALUE,),
        value=lambda cell: total(cell, "won_value"),
        dimensions=DAYS | _DEAL,
        leaders=N_(
            "Called bookings or closed-won amount; Salesforce converts it at today's rate unless dated rates are on."
        ),
        **_MONEY,
    ),
    Metric(
        id="pipeline_value",
        label=N_("Pipeline value"),
        description=N_("What the open deals are worth."),
        note=_STATE,
        formula="Σ value of open deals, as at the end",
        roll_up=RollUp.ANEW,
        measures=(PIPELINE,),
        value=lambda cell: total(cell, "open_value"),
        dimensions=DAYS | _DEAL | {"stage"},
        leaders=N_("Reports of the leaders show today's pipeline also for past months, unless snapshots are kept."),
        **_MONEY,
    ),
    Metric(
        id="weighted_pipeline",
        label=N_("Weighted pipeline"),
        description=N_(
            "What the open deals are worth, each times its chance of being won. "
            "Deals past their expected close are in it; pipeline_past_due says how much that is."
        ),
        note=_STATE,
        formula="Σ value × probability of open deals, as at the end",
        roll_up=RollUp.ANEW,
        measures=(PIPELINE,),
        value=weighted_pipeline,
        dimensions=DAYS | _DEAL | {"stage"},
        parts=("pipeline_past_due",),
        leaders=N_("HubSpot and Salesforce show the same, with a stage's probability where a deal has none."),
        **_MONEY,
    ),
    Metric(
        id="pipeline_past_due",
        label=N_("Pipeline past its close date"),
        description=N_("What the open deals are worth whose expected close has passed: the part not to rely on."),
        note=_STATE,
        formula="Σ value of open deals with expected_close by the end",
        roll_up=RollUp.ANEW,
        measures=(PIPELINE,),
        value=lambda cell: total(cell, "overdue"),
        dimensions=DAYS | _DEAL | {"stage"},
        leaders=N_("The leaders list such deals, and leave them in the forecast."),
        **_MONEY | {"direction": Direction.DOWN},
    ),
    Metric(
        id="win_rate",
        label=N_("Win rate"),
        description=N_("The share of closed deals that were won, by the day they were closed."),
        note=_TODAY,
        formula="deals_won / (deals_won + deals_lost)",
        measures=(WON, LOST),
        value=lambda cell: ratio(count(cell, "deals_won"), total(cell, "deals_won", "deals_lost"), _NO_CLOSED),
        dimensions=DAYS | _DEAL,
        parts=("win_rate_by_creation",),
        leaders=N_("Some divide by all deals created, open ones too, so theirs is lower."),
        is_plan=True,
        **_RATE,
    ),
    Metric(
        id="win_rate_by_creation",
        label=N_("Win rate by creation"),
        description=N_("The share of deals that are won, of those created in the period."),
        note=_COHORT,
        formula="deals won / deals created, open deals censored",
        measures=(DEAL_COHORT,),
        value=lambda cell: _cohort_rate(cell, "deal", _NO_DEALS),
        dimensions=DAYS | _DEAL,
        leaders=N_("Those who show it count open deals as not won, so young cohorts look bad."),
        **_RATE | {"roll_up": RollUp.ANEW},
    ),
    Metric(
        id="average_deal_size",
        label=N_("Average deal size"),
        description=N_("What a won deal is worth on average."),
        note=_TODAY,
        formula="won_value / deals_won",
        roll_up=RollUp.RATIO,
        measures=(VALUE, WON),
        value=lambda cell: per(total(cell, "won_value"), count(cell, "deals_won"), _NO_WON),
        dimensions=DAYS | _DEAL,
        leaders=N_("The same; some average open deals in, whose values are hopes."),
        is_plan=True,
        **_MONEY,
    ),
    Metric(
        id="sales_cycle_days",
        label=N_("Sales cycle"),
        description=N_(
            "Mean days from the first contact (an identified visit, a lead or a deal) to the sale "
            "(a person's first counted order, or a won deal), on the day of the sale."
        ),
        note=N_(
            "Sales whose first contact is not known are out. Channel and market are the first contact's. "
            "Long cycles pull a mean up and young shops see only short ones: read the two medians beside it."
        ),
        formula="Σ days from first contact to sale / sales",
        measures=(CYCLE,),
        value=lambda cell: ratio(count(cell, "cycle_days"), count(cell, "cycle_sales"), _NO_SALES),
        dimensions=DAYS | _CONTACT,
        parts=("sales_cycle_days_median", "sales_cycle_days_survival_median", "delivery_days"),
        leaders=N_("CRM systems count from the deal's creation, so theirs is shorter."),
        is_plan=True,
        **_LENGTH | {"roll_up": RollUp.RATIO},
    ),
    Metric(
        id="sales_cycle_days_median",
        label=N_("Sales cycle, median"),
        description=N_("Median days from the first contact to the sale, on the day of the sale."),
        formula="median days from first contact to sale",
        measures=(CYCLE,),
        value=lambda cell: cell["cycle_median"] if cell.get("cycle_median") is not None else _NO_SALES,
        dimensions=DAYS | _CONTACT,
        leaders=N_("CRM systems show means only."),
        **_LENGTH,
    ),
    Metric(
        id="sales_cycle_days_survival_median",
        label=N_("Sales cycle, survival median"),
        description=N_(
            "Days by which half of the first contacts of the period come to a sale, with those still open counted for "
            "as long as they have been seen. Lost leads and deals are out."
        ),
        formula="Kaplan-Meier median of days from first contact to sale",
        measures=(CONTACTS,),
        value=_survival_median,
        dimensions=DAYS | _CONTACT,
        leaders=N_("No shop or CRM product shows it; without it a growing pipeline looks faster than it is."),
        **_LENGTH,
    ),
    Metric(
        id="stage_conversion_rate",
        label=N_("Stage conversion rate"),
        description=N_(
            "Of the entries into a stage, the share that moved on to a later one or was won. Entering again after a "
            "step back is an entry of its own; a skipped stage is not entered; what is still there has not moved."
        ),
        formula="advanced / entered, by the day of the entry",
        measures=(ENTERED, ADVANCED),
        value=lambda cell: ratio(count(cell, "advanced"), count(cell, "entered"), _NO_ENTRIES),
        dimensions=DAYS | _DEAL | {"stage"},
        parts=("stage_skips", "stage_steps_back"),
        leaders=N_("HubSpot counts a skipped stage as entered and passed, so theirs is higher in early stages."),
        **_RATE,
    ),
    Metric(
        id="stage_skips",
        label=N_("Stages skipped"),
        description=N_("Moves of deals that left one stage or more out, on the day of the move."),
        formula="count of moves by more than one position",
        measures=(SKIPS,),
        value=lambda cell: count(cell, "skips"),
        dimensions=DAYS | _DEAL | {"stage"},
        leaders=N_("Not shown elsewhere; many skips mean that the stages don't fit how people sell."),
        **_COUNT | {"direction": Direction.NONE},
    ),
    Metric(
        id="stage_steps_back",
        label=N_("Steps back"),
        description=N_("Moves of deals to an earlier stage, on the day of the move."),
        formula="count of moves to a smaller position",
        measures=(BACKS,),
        value=lambda cell: count(cell, "backs"),
        dimensions=DAYS | _DEAL | {"stage"},
        leaders=N_("Not shown elsewhere; they hide in the leaders' conversion of stages."),
        **_COUNT | {"direction": Direction.DOWN},
    ),
    Metric(
        id="days_in_stage",
        label=N_("Days in stage"),
        description=N_(
            "Median days that deals spent in a stage, on the day that they left it; each stay counts apart."
        ),
        formula="median days from entry to the next move",
        measures=(STAY,),
        value=lambda cell: cell["days_in_stage"] if cell.get("days_in_stage") is not None else _NO_EXITS,
        dimensions=DAYS | _DEAL | {"stage"},
        leaders=N_("HubSpot shows the mean, and adds stays of the same deal together."),
        **_LENGTH,
    ),
    Metric(
        id="lead_stage_conversion_rate",
        label=N_("Stage conversion rate of people"),
        description=N_(
            "Of the leads that were created, consented or qualified, the share that went on to a later step."
        ),
        formula="advanced / entered, by the day of the entry",
        measures=(LEAD_ENTERED, LEAD_ADVANCED),
        value=lambda cell: ratio(count(cell, "lead_advanced"), count(cell, "lead_entered"), _NO_ENTRIES),
        dimensions=DAYS | _LEAD | {"stage"},
        leaders=N_("Marketing products count every lead that ever reached the step, whenever it did."),
        **_RATE,
    ),
    Metric(
        id="lead_days_in_stage",
        label=N_("Days in stage of people"),
        description=N_("Median days from a lead's step to its next, on the day of the next."),
        formula="median days from one event of a lead to the next",
        measures=(LEAD_STAY,),
        value=lambda cell: cell["lead_days_in_stage"] if cell.get("lead_days_in_stage") is not None else _NO_EXITS,
        dimensions=DAYS | _LEAD | {"stage"},
        leaders=N_("HubSpot shows the mean."),
        **_LENGTH,
    ),
    Metric(
        id="pipeline_velocity",
        label=N_("Pipeline velocity"),
        description=N_(
            "Money that the pipeline brings a day: deals created, times average size, times win rate, divided by the "
            "mean days from a won deal's creation to its close; all four of the same period."
        ),
        note=_TODAY,
        formula="deals_created × average_deal_size × win_rate / mean days to win",
        roll_up=RollUp.RATIO,
        measures=(DEALS, VALUE, WON, LOST, WON_DAYS),
        value=_velocity,
        dimensions=DAYS | _DEAL,
        leaders=N_(
            "Others take the open deals of today with rates of another period, so theirs jumps with the pipeline."
        ),
        **_MONEY,
    ),
    Metric(
        id="activities",
        label=N_("Activities"),
        description=N_("Calls, messages, meetings and tasks that were done."),
        formula="count of activities done",
        measures=(ACTIVITIES,),
        value=lambda cell: count(cell, "activities"),
        dimensions=TIME | {"owner", "territory", "kind"},
        leaders=N_("Salesforce counts planned activities as well."),
        **_COUNT,
    ),
    Metric(
        id="credited_value",
        label=N_("Credited value"),
        description=N_(
            "What the deals won are worth, by whom they are credited to: a deal won by several counts for each by "
            "their share, else for its owner."
        ),
        note=_TODAY,
        formula="Σ value of won deals by closed_on × share of credit",
        roll_up=RollUp.SUM,
        measures=(CREDIT,),
        value=lambda cell: total(cell, "credited_value"),
        dimensions=DAYS | {"owner", "territory", "channel", "market"},
        leaders=N_("Salesforce counts a deal wholly for its owner unless splits are switched on."),
        **_MONEY,
    ),
    Metric(
        id="quota_attainment",
        label=N_("Quota attainment"),
        description=N_(
            "What was won for each unit of quota in the period. A deal won by several counts for each by their share, "
            "and the shares of a deal always sum to 100 %."
        ),
        formula="credited won_value / quota",
        measures=(CREDIT, QUOTA),
        value=lambda cell: ratio(total(cell, "credited_value"), cell.get("quota", _NO_QUOTA), _NO_QUOTA),
        dimensions=DAYS | {"owner", "territory", "channel", "market"},
        leaders=N_("Salesforce lets splits exceed 100 % (overlay credit), so its sum can be above what was won."),
        **_RATE,
    ),
)
