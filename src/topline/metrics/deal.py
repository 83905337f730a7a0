"""Deals and leads out of their events: what each is today, and each move through the stages.

A deal counts under its present owner, territory, channel, market and product line, in the past too, so that slices sum
to the whole and a person sees the whole course of the deals that are theirs. Rows of one moment stand in the order of
the pipeline, a closing one last.
"""

from typing import TYPE_CHECKING, Any

from topline.facts.deal_stage import State
from topline.facts.lead_event import Event
from topline.metrics.source import Source

if TYPE_CHECKING:
    from topline.metrics.view import View

ATTRIBUTES = ("owner", "territory", "channel", "market", "product_line")
"""What a deal has of its newest row."""

_OF_LEAD = ("channel", "campaign", "market", "product_line")


def _ordered(view: "View") -> Any:
    """Every row of every deal up to `as_of`, numbered in its deal by `step`, with the deal's present attributes."""
    import ibis

    rows: Any = view.tables.table("deal_stage")
    if view.query.as_of:
        rows = rows.filter(rows.on < view.query.as_of)
    course = ibis.window(
        group_by=rows.deal_key,
        order_by=[rows["at"], (rows.state != State.OPEN.value), rows.position, rows.version, rows.key],
    )
    rows = rows.mutate(step=ibis.row_number().over(course))
    every = ibis.window(group_by=rows.deal_key, order_by=rows.step.desc())
    return rows.mutate(day=rows.on, **{name: rows[name].first().over(every) for name in ATTRIBUTES})


def _deals(view: "View") -> Any:
    """One row a deal: its newest, with `closed_on`, the day since which it stands won or lost, if it does."""
    rows: Any = view.made("deal_step")
    steps = rows.group_by(closed_deal=rows.deal_key).aggregate(
        last_step=rows.step.max(), last_open=rows.step.max(where=rows.state == State.OPEN.value)
    )
    rows = rows.inner_join(steps, rows.deal_key == steps.closed_deal)
    closing = rows.filter(rows.step > rows.last_open.fill_null(-1))
    closing = closing.group_by(shut_deal=closing.deal_key, shut_state=closing.state).aggregate(
        closed_on=closing.on.min()
    )
    newest = rows.filter(rows.step == rows.last_step).drop("last_step", "last_open", "closed_deal")
    joined = newest.left_join(closing, [newest.deal_key == closing.shut_deal, newest.state == closing.shut_state])
    joined = joined.drop("shut_deal", "shut_state")
    return joined.mutate(day=joined.created_on, ended_on=joined.closed_on, has_passed=joined.state == State.WON.value)


def _closed(view: "View") -> Any:
    rows: Any = view.made("deal")
    return rows.filter(rows.closed_on.notnull()).mutate(day=rows.closed_on)


def _moves(view: "View") -> Any:
    """Entries of stages, each with the one before and after it; a row that stays in its stage is none.

    is_back : into a stage further up front, or, where stages have no order, one where the deal was before
    is_advanced, is_skip : the next entry is no step back and no loss; this entry left a stage out
    left_on, days : when the next entry came, and how many days after this one
    """
    import ibis

    rows: Any = view.made("deal_step")
    course = ibis.window(group_by=rows.deal_key, order_by=rows.step)
    rows = rows.mutate(stage_before=rows.stage.lag().over(course))
    rows = rows.filter(rows.stage_before.isnull() | (rows.stage_before != rows.stage))
    course = ibis.window(group_by=rows.deal_key, order_by=rows.step)
    been = ibis.window(group_by=[rows.deal_key, rows.stage])
    rows = rows.mutate(
        position_before=rows.position.lag().over(course),
        first_step=rows.step.min().over(been),
    )
    rows = rows.mutate(
        is_open=rows.state == State.OPEN.value,
        is_back=(
            (rows.state != State.LOST.value)
            & (
                (rows.position < rows.position_before)
                | ((rows.position == rows.position_before) & (rows.first_step < rows.step))
            )
        ).fill_null(False),
        is_skip=((rows.state != State.LOST.value) & (rows.position > rows.position_before + 1)).fill_null(False),
    )
    course = ibis.window(group_by=rows.deal_key, order_by=rows.step)
    rows = rows.mutate(
        left_on=rows.on.lead().over(course),
        is_advanced=(~rows.is_back & (rows.state != State.LOST.value)).lead().over(course).fill_null(False),
    )
    return rows.mutate(day=rows.on, days=rows.left_on.delta(rows.on, unit="day"))


def _stays(view: "View") -> Any:
    rows: Any = view.made("deal_move")
    return rows.filter(rows.is_open & rows.left_on.notnull()).mutate(day=rows.left_on)


def _leads(view: "View") -> Any:
    """One row a lead: when it was created, converted, lost; what brought it, and whose it is now.

    is_lost : its newest event is a loss and it never converted; one that is neither is open and has no `ended_on`
    """
    rows: Any = view.tables.table("lead_event")
    if view.query.as_of:
        rows = rows.filter(rows.on < view.query.as_of)
    first = {name: rows[name].argmin(rows["at"], where=rows[name].notnull()) for name in _OF_LEAD}
    found = rows.group_by("lead_key").aggregate(
        key=rows.key.argmin(rows["at"]),
        on=rows.on.min(),
        created_on=rows.on.min(where=rows.event == Event.CREATED.value),
        converted_on=rows.on.min(where=rows.event == Event.CONVERTED.value),
        lost_at=rows["at"].max(where=rows.event == Event.LOST.value),
        lost_on=rows.on.max(where=rows.event == Event.LOST.value),
        other_at=rows["at"].max(where=rows.event != Event.LOST.value),
        customer_key=rows.customer_key.argmax(rows["at"], where=rows.customer_key.notnull()),
        owner=rows.owner.argmax(rows["at"], where=rows.owner.notnull()),
        **first,
    )
    is_lost = found.converted_on.isnull() & found.lost_at.notnull()
    is_lost = is_lost & (found.other_at.isnull() | (found.lost_at >= found.other_at))
    has_passed = found.converted_on.notnull()
    return found.mutate(
        created_on=found.created_on.fill_null(found.on),
        is_lost=is_lost,
        has_passed=has_passed,
        day=found.created_on.fill_null(found.on),
        ended_on=has_passed.ifelse(found.converted_on, is_lost.ifelse(found.lost_on, None)),
    ).drop("lost_at", "other_at")


def _lead_moves(view: "View") -> Any:
    """Stages of leads, each with when the next came: created, consented, qualified, converted; lost is none."""
    import ibis

    rows: Any = view.tables.table("lead_event")
    if view.query.as_of:
        rows = rows.filter(rows.on < view.query.as_of)
    leads: Any = view.made("lead")
    whole = leads.select(whole_key="lead_key", **{f"whole_{name}": name for name in ("owner", *_OF_LEAD)})
    rows = rows.drop("owner", *_OF_LEAD).inner_join(whole, rows.lead_key == whole.whole_key).drop("whole_key")
    rows = rows.rename({name: f"whole_{name}" for name in ("owner", *_OF_LEAD)})
    place = rows.event.cases(*((event.value, place) for place, event in enumerate(Event)), else_=0)
    rows = rows.mutate(position=place)
    course = ibis.window(group_by=rows.lead_key, order_by=[rows["at"], rows.position, rows.version, rows.key])
    rows = rows.mutate(
        stage=rows.event,
        next_position=rows.position.lead().over(course),
        next_event=rows.event.lead().over(course),
        left_on=rows.on.lead().over(course),
    )
    is_on = (rows.next_position > rows.position) & (rows.next_event != Event.LOST.value)
    rows = rows.mutate(day=rows.on, is_advanced=is_on.fill_null(False), days=rows.left_on.delta(rows.on, unit="day"))
    return rows.filter(~rows.event.isin([Event.CONVERTED.value, Event.LOST.value]))


def _lead_stays(view: "View") -> Any:
    rows: Any = view.made("lead_move")
    return rows.filter(rows.left_on.notnull()).mutate(day=rows.left_on)


SOURCES = (
    Source("deal_step", "deal_stage", _ordered),
    Source("deal", "deal_stage", _deals),
    Source("deal_closed", "deal_stage", _closed),
    Source("deal_move", "deal_stage", _moves),
    Source("deal_stay", "deal_stage", _stays),
    Source("lead", "lead_event", _leads),
    Source("lead_move", "lead_event", _lead_moves),
    Source("lead_stay", "lead_event", _lead_stays),
)
