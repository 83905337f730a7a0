"""What there will be to do week by week: orders as their outlook has them, contacts, leads and content as they come."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topline.calendar.occurrence import Occurrence
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.query import Query
from topline.metrics.settings import Settings
from topline.outlook import sales
from topline.units.period import Grain, Period

Floats = NDArray[np.float64]

WEEKS = 13
PAST_DAYS = 56


@dataclass(frozen=True, slots=True, eq=False)
class Coming:
    """What comes in each of the next `WEEKS` whole weeks.

    weeks : their first days
    low, expected, high : (w,) orders, bounds of `sales.LEVEL`
    contacts_per_order, leads_per_week, content_per_week : as in the last eight weeks, None if nobody counts them
    """

    weeks: tuple[date, ...]
    low: Floats
    expected: Floats
    high: Floats
    contacts_per_order: float | None
    leads_per_week: float | None
    content_per_week: float | None


def look(lake: Lake, snapshot: Snapshot, *, as_of: date, settings: Settings, own: Iterable[Occurrence] = ()) -> Coming:
    """What is coming as seen on a day. Raises ShortHistoryError below 90 days of orders."""
    reach = Period(as_of, as_of + timedelta(days=7 * (WEEKS + 1)))
    weeks = [week.start for week in settings.calendar.buckets(reach, Grain.WEEK) if week.start >= as_of][:WEEKS]
    orders = sales.run(
        lake, snapshot, as_of=as_of, settings=settings, months=5, metric="orders", dimensions=(), own=own
    )
    mean = dict(zip(orders.days, orders.day_mean, strict=True))
    expected = np.array([sum(mean.get(week + timedelta(days=k), 0.0) for k in range(7)) for week in weeks])
    month = [max(t for t, first in enumerate(orders.months) if first <= week) for week in weeks]
    whole = np.maximum(orders.total.mean[0], 1e-9)
    before = Period(as_of - timedelta(days=PAST_DAYS), as_of)
    return Coming(
        weeks=tuple(weeks),
        low=expected * (orders.total.low[0] / whole)[month],
        expected=expected,
        high=expected * (orders.total.high[0] / whole)[month],
        contacts_per_order=_metric(lake, snapshot, settings, "contacts_per_order", before),
        leads_per_week=_weekly(_metric(lake, snapshot, settings, "leads", before)),
        content_per_week=_weekly(_new_content(lake, snapshot, before)),
    )


def _weekly(count: float | None) -> float | None:
    return None if not count else count * 7 / PAST_DAYS


def _metric(lake: Lake, snapshot: Snapshot, settings: Settings, metric: str, period: Period) -> float | None:
    query = Query(metrics=(metric,), period=period)
    answer = read.read(lake, query, scope=Scope.whole(lake.shop), settings=settings, snapshot=snapshot)
    value = answer.totals[metric]
    return float(value) if isinstance(value, int | float | Decimal) and value else None


def _new_content(lake: Lake, snapshot: Snapshot, period: Period) -> float | None:
    """Pieces of content that people first met in the period."""
    rows: Any = engine.table(lake, "content_interaction", snapshot)
    first = rows.group_by("content_key").aggregate(on=rows.on.min())
    counted = first.aggregate(new=((first.on >= period.start) & (first.on < period.end)).sum(), all=first.count())
    (found,) = engine.execute(counted).to_pylist()
    return float(found["new"]) if found["all"] else None


def save(coming: Coming, path: Path) -> None:
    """Writes it so that any process can read it."""
    rates = {name: getattr(coming, name) for name in ("contacts_per_order", "leads_per_week", "content_per_week")}
    arrays = {name: getattr(coming, name).tolist() for name in ("low", "expected", "high")}
    path.write_text(json.dumps({"weeks": [week.isoformat() for week in coming.weeks], **arrays, **rates}))


def load(path: Path) -> Coming:
    """What a file holds. Raises FileNotFoundError."""
    found = json.loads(path.read_text())
    arrays: dict[str, Any] = {name: np.array(found.pop(name)) for name in ("low", "expected", "high")}
    return Coming(weeks=tuple(date.fromisoformat(week) for week in found.pop("weeks")), **arrays, **found)
