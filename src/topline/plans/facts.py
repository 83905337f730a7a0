"""The targets of an activated version as facts of the lake, one amount a day."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
from django.utils import timezone

from topline.facts.table import tables
from topline.journal import operations as journal
from topline.plans.models import PlanVersion
from topline.plans.units import from_minor
from topline.units.money import allocate
from topline.units.period import FiscalCalendar, Grain

_SOURCE = "plan"


def batch_id(version: PlanVersion) -> str:
    """Named by the contents that were approved: the same activation, however often it is tried, is the same batch."""
    return f"plan-{version.plan_id}-{version.number}-{version.digest[:16]}"


def name(version: PlanVersion) -> str:
    """How target facts name the version."""
    return f"{version.plan_id}.{version.number}"


def write_targets(version: PlanVersion, now: datetime) -> None:
    """Append the version's targets to the lake, hidden until their batch is live.

    A day that the formerly active version planned and this one doesn't becomes zero.
    """
    shop = version.plan.shop
    batch = batch_id(version)
    journal.open_batch(shop=shop.slug, batch_id=batch, source=_SOURCE, now=now)
    cells = {cell: amount for former in version.plan.versions.active() for cell, amount in _zeros(former)}
    cells |= dict(by_day(version))
    first = journal.next_versions(shop=shop.slug, count=max(len(cells), 1))
    recorded_at = timezone.now()
    rows = [
        {
            "key": f"plan-{version.plan_id}:{metric}:{category or ''}:{market or ''}:{on}",
            "version": first + i,
            "recorded_at": recorded_at,
            "batch_id": batch,
            "plan_version": name(version),
            "metric": metric,
            "on": on,
            "category": category,
            "market": market,
            "amount": from_minor(metric, minor, version.plan.currency),
        }
        for i, ((metric, category, market, on), minor) in enumerate(cells.items())
    ]
    shop.lake().append("target", [pa.RecordBatch.from_pylist(rows, tables()["target"].schema)], batch_id=batch)


type Cell = tuple[str, str | None, str | None, date]


def by_day(version: PlanVersion) -> Iterator[tuple[Cell, int]]:
    """Minor units of every metric, category, market and day; each month's days sum to its cell exactly."""
    for metric in version.grid_metrics:
        blocks, markets, months = version.axes(metric)
        shapes = [day_weights(version, metric, month) for month in months]
        for (b, m, t), minor in _cells(version, metric):
            for offset, amount in enumerate(allocate(minor, shapes[t])):
                yield (metric, blocks[b], markets[m], months[t] + timedelta(days=offset)), amount


def day_weights(version: PlanVersion, metric: str, month: date) -> list[float]:
    """How the version's own season shares a month among its days; even where the history knew no shape."""
    days = (FiscalCalendar().next(month, Grain.MONTH) - month).days
    weights = version.outlook.get("days", {}).get(metric, {}).get(month.isoformat(), [])
    return weights if len(weights) == days and sum(weights) > 0 else [1.0] * days


def _zeros(version: PlanVersion) -> Iterator[tuple[Cell, int]]:
    return ((cell, 0) for cell, _ in by_day(version))


def _cells(version: PlanVersion, metric: str) -> Iterator[tuple[tuple[int, int, int], int]]:
    for (b, m, t), minor in np.ndenumerate(version.grid(metric).cells):
        yield (b, m, t), int(minor)
