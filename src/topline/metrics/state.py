"""States: what stood at the end of each bucket of time, out of facts that say when something changed."""

from collections import defaultdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from topline.metrics.catalogue import dimensions
from topline.units.period import Period

if TYPE_CHECKING:
    from topline.metrics.view import View

_DAY = timedelta(days=1)


def known(view: "View", fact: str) -> Period | None:
    """From a fact's first day to the last day of which anything is known, up to `as_of`; None without rows.

    That is the fact's last day or the ledger's, whichever is later.
    """
    rows: Any = view.tables.table(fact)
    if view.query.as_of:
        rows = rows.filter(rows.on < view.query.as_of)
    (record,) = view.tables.run(rows.aggregate(first=rows.on.min(), last=rows.on.max()))
    if record["first"] is None:
        return None
    end = record["last"] + _DAY
    if view.tables.extent:
        end = max(end, view.tables.extent.end)
    end = min(end, view.query.as_of or end)
    return Period(record["first"], end) if record["first"] < end else None


def closings(view: "View", by: tuple[str, ...], fact: str) -> dict[date, int]:
    """The last known day of each bucket of the question's grains, or of the whole, and how many of its days count."""
    span = known(view, fact)
    if span is None:
        return {}
    start, end = span.start, span.end
    if view.query.period:
        start, end = max(start, view.query.period.start), min(end, view.query.period.end)
    calendar = view.settings.calendar
    grains = [grain for id_ in by if (grain := dimensions()[id_].grain)]
    asked = [(grain, f.values) for f in view.query.where if (grain := dimensions()[f.dimension].grain)]
    buckets: dict[tuple[date, ...], list[date]] = defaultdict(list)
    for n in range((end - start).days):
        day = start + n * _DAY
        if all(calendar.floor(day, grain) in values for grain, values in asked):
            buckets[tuple(calendar.floor(day, grain) for grain in grains)].append(day)
    return {days[-1]: len(days) for days in buckets.values()}


def standing(rows: Any, key: tuple[str, ...], order: list[str], closing: dict[date, int]) -> Any:
    """Each thing's newest row by the end of each bucket, with `day`, its last, and `bucket_days`.

    rows : with `on`, the day of the change; key : columns that name the thing; order : columns of its rows' order
    """
    import ibis

    course = ibis.window(group_by=[rows[name] for name in key], order_by=[rows[name] for name in order])
    rows = rows.mutate(until=rows.on.lead().over(course))
    rows = rows.drop("day") if "day" in rows.columns else rows
    days = ibis.memtable(
        {"day": list(closing), "bucket_days": list(closing.values())}, schema={"day": "date", "bucket_days": "int64"}
    )
    return days.inner_join(rows, [rows.on <= days.day, rows.until.isnull() | (rows.until > days.day)])
