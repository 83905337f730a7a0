"""The targets of an activated version as facts of the lake, one amount a day."""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
from django.utils import timezone

from topline.facts.table import tables
from topline.journal import operations as journal
from topline.metrics.pipeline import WON_VALUE
from topline.plans import price, promotion
from topline.plans.models import BudgetLine, PlanVersion
from topline.plans.units import from_minor
from topline.units.money import allocate, minor_digits
from topline.units.period import FiscalCalendar, Grain

_SOURCE = "plan"

QUOTA = WON_VALUE
"""The metric whose targets by person are quotas."""


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
            "key": f"plan-{version.plan_id}:{metric}:{category or ''}:{market or ''}:{on}"
            + (f":{owner}" if owner else ""),
            "version": first + i,
            "recorded_at": recorded_at,
            "batch_id": batch,
            "plan_version": name(version),
            "metric": metric,
            "on": on,
            "category": category,
            "market": market,
            "owner": owner,
            "amount": from_minor(metric, minor, version.plan.currency),
        }
        for i, ((metric, category, market, owner, on), minor) in enumerate(cells.items())
    ]
    shop.lake().append("target", [pa.RecordBatch.from_pylist(rows, tables()["target"].schema)], batch_id=batch)
    _write_spend(version, batch, recorded_at)
    _write_ahead("planned_promotion", _promotions, version, batch, recorded_at)
    _write_ahead("planned_price", _prices, version, batch, recorded_at)


def renew_spend(version: PlanVersion, batch: str, now: datetime) -> None:
    """Write an active version's budget anew, after its commitments changed."""
    shop = version.plan.shop
    journal.open_batch(shop=shop.slug, batch_id=batch, source=_SOURCE, now=now)
    _write_spend(version, batch, timezone.now())
    journal.make_live(shop=shop.slug, batch_id=batch, now=now)
    journal.publish(shop.lake())


def _write_spend(version: PlanVersion, batch: str, recorded_at: datetime) -> None:
    """Append what the version wants to spend, by line and day; commitments are spread over their month."""
    shop = version.plan.shop
    former = [line for each in version.plan.versions.active().exclude(pk=version.pk) for line in each.budget.all()]
    planned = {key: (line, 0, 0) for line in former for key, _, _ in spend_by_day(version, line)}
    for line in version.budget.all():
        planned |= {key: (line, amount, bound) for key, amount, bound in spend_by_day(version, line)}
    if not planned:
        return
    first = journal.next_versions(shop=shop.slug, count=len(planned))
    unit = Decimal(1).scaleb(-minor_digits(version.plan.currency))
    rows = [
        {
            "key": f"budget-{version.plan_id}:{key}:{on}",
            "version": first + i,
            "recorded_at": recorded_at,
            "batch_id": batch,
            "plan_version": name(version),
            "on": on,
            "channel": line.channel or None,
            "campaign": line.campaign or None,
            "market": line.market or None,
            "kind": line.kind,
            "amount_shop": amount * unit,
            "committed_shop": bound * unit,
        }
        for i, ((key, on), (line, amount, bound)) in enumerate(planned.items())
    ]
    shop.lake().append(
        "planned_spend", [pa.RecordBatch.from_pylist(rows, tables()["planned_spend"].schema)], batch_id=batch
    )


type _Ahead = Iterator[tuple[str, dict[str, Any]]]


def _write_ahead(
    table: str, of: Callable[[PlanVersion], _Ahead], version: PlanVersion, batch: str, recorded_at: datetime
) -> None:
    """Append the promotions or prices that the version plans; what the formerly active one planned and it doesn't,
    never holds."""
    shop = version.plan.shop
    planned = {
        key: {**cells, "until_on": cells["on"]}
        for former in version.plan.versions.active().exclude(pk=version.pk)
        for key, cells in of(former)
    }
    planned |= dict(of(version))
    if not planned:
        return
    first = journal.next_versions(shop=shop.slug, count=len(planned))
    rows = [
        {
            "key": f"plan-{version.plan_id}:{key}",
            "version": first + i,
            "recorded_at": recorded_at,
            "batch_id": batch,
            "plan_version": name(version),
            **cells,
        }
        for i, (key, cells) in enumerate(planned.items())
    ]
    shop.lake().append(table, [pa.RecordBatch.from_pylist(rows, tables()[table].schema)], batch_id=batch)


def _prices(version: PlanVersion) -> _Ahead:
    """Each price that the plan changes, over its days."""
    for one in price.planned(version):
        yield (
            f"price:{one.key}",
            {
                "product_key": one.product,
                "category": one.category,
                "on": version.plan.starts_on,
                "until_on": version.plan.ends_on,
                "price": round(one.price, 6),
                "price_before": round(one.before, 6),
            },
        )


def _promotions(version: PlanVersion) -> _Ahead:
    """Each promotion with days, by product where it names products, else of its category, else of all."""
    own = promotion.own_events(version)
    for row in version.entries.rows("11.promotions"):
        days = promotion.days(version, row.cells, own)
        if days is None:
            continue
        discount = row.cells.get("discount")
        cells = {
            "promotion_key": row.key,
            "market": row.cells.get("market"),
            "on": days.start,
            "until_on": days.end,
            "discount_rate": Decimal(discount) if discount else None,
        }
        if row.cells.get("products"):
            for code in sorted(promotion.named(version.plan.shop, row.cells)[0] or ()):
                yield f"{row.key}:{code}", {**cells, "product_key": code}
        else:
            yield row.key, {**cells, "category": row.cells.get("category")}


def spend_by_day(version: PlanVersion, line: BudgetLine) -> Iterator[tuple[tuple[str, date], int, int]]:
    """Key and day of a line, and the minor units that it plans and has committed; the days of a month sum exactly."""
    unit = minor_digits(version.plan.currency)
    bound = dict.fromkeys(version.plan.months, Decimal(0))
    for each in version.plan.commitments.standing().filter(line=line.key):
        if each.month in bound:
            bound[each.month] += each.amount
    for month in version.plan.months:
        weights = day_weights(version, "net_sales", month)
        amounts = (line.amounts.get(month, Decimal(0)), bound[month])
        days = [allocate(int(amount.scaleb(unit)), weights) for amount in amounts]
        for offset, (planned, committed) in enumerate(zip(*days, strict=True)):
            yield (line.key, month + timedelta(days=offset)), planned, committed


type Cell = tuple[str, str | None, str | None, str | None, date]
"""Metric, category, market, owner, day."""


def by_day(version: PlanVersion) -> Iterator[tuple[Cell, int]]:
    """Minor units of each metric, category, market and day, and of quotas; a month's days sum to its cell exactly."""
    for metric in version.grid_metrics:
        blocks, markets, months = version.axes(metric)
        shapes = [day_weights(version, metric, month) for month in months]
        for (b, m, t), minor in _cells(version, metric):
            for offset, amount in enumerate(allocate(minor, shapes[t])):
                yield (metric, blocks[b], markets[m], None, months[t] + timedelta(days=offset)), amount
    if (QUOTA, "person") in version.grid_cuts:
        people, _, months = version.axes(QUOTA, "person")
        shapes = [day_weights(version, QUOTA, month) for month in months]
        for (p, _, t), minor in _cells(version, QUOTA, "person"):
            for offset, amount in enumerate(allocate(minor, shapes[t])):
                yield (QUOTA, None, None, people[p], months[t] + timedelta(days=offset)), amount


def due_minor(version: PlanVersion, metric: str, month: date, minor: int, today: date) -> int:
    """What of a month's target is due before a day, as its facts have it."""
    shares = allocate(minor, day_weights(version, metric, month))
    return sum(shares[: max(0, (today - month).days)])


def day_weights(version: PlanVersion, metric: str, month: date) -> list[float]:
    """How the version's own season shares a month among its days; even where the history knew no shape."""
    days = (FiscalCalendar().next(month, Grain.MONTH) - month).days
    weights = version.outlook.get("days", {}).get(metric, {}).get(month.isoformat(), [])
    return weights if len(weights) == days and sum(weights) > 0 else [1.0] * days


def _zeros(version: PlanVersion) -> Iterator[tuple[Cell, int]]:
    return ((cell, 0) for cell, _ in by_day(version))


def _cells(version: PlanVersion, metric: str, cut: str = "") -> Iterator[tuple[tuple[int, int, int], int]]:
    for (b, m, t), minor in np.ndenumerate(version.grid(metric, cut).cells):
        yield (b, m, t), int(minor)
