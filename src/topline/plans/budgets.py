"""What marketing money brings and where a budget brings most: learnt once for the same facts, answered from there."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction

from topline.accounts.models import Shop
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.metrics.query import Query
from topline.outlook import budget
from topline.outlook import response as outlook
from topline.outlook.budget import Assumptions, BudgetOutlook
from topline.outlook.response import Experiment, ResponseOutlook
from topline.plans import answered, cache, expectation, renewal
from topline.plans.models import LiftTest
from topline.science.response import NothingHappenedError, Response
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.money import minor_digits
from topline.units.period import Period
from topline.units.text import N_
from topline.workbench import audit

_READ = ("order_line", "order", "product", "identity_link", "spend", "promotion")
_YEAR = timedelta(days=364)

_FITTED = tuple(Response.__dataclass_fields__)


class LiftTestError(ToplineError):
    message = N_(
        "A lift test needs a channel, two different spends a week (the larger one second), what the difference "
        "brought, and its standard error above zero."
    )


class ChannelAmountError(ToplineError):
    message = N_("“%(text)s” is not an amount of a channel. Write CHANNEL=AMOUNT; the channels are %(channels)s.")


def record_lift_test(
    *,
    shop: Shop,
    channel: str,
    metric: str,
    ended_on: date,
    low: Decimal,
    high: Decimal,
    effect: float,
    error: float,
    note: str,
    actor_id: int | None,
) -> LiftTest:
    """Record an experiment, which weighs as data from now on. Raises LiftTestError."""
    if not channel or metric not in outlook.METRICS or not 0 <= low < high or not error > 0:
        raise LiftTestError()
    with transaction.atomic():
        made = LiftTest.objects.create(
            shop=shop,
            channel=channel,
            metric=metric,
            ended_on=ended_on,
            low=low,
            high=high,
            effect=effect,
            error=error,
            note=note.strip()[:300],
        )
        audit.log("plans.record_lift_test", actor_id=actor_id, shop=shop.slug, subject=str(made))
    return made


def drop_lift_test(*, test: LiftTest, actor_id: int | None) -> None:
    """Take an experiment out of what is learnt from."""
    with transaction.atomic():
        audit.log("plans.drop_lift_test", actor_id=actor_id, shop=test.shop.slug, subject=str(test))
        test.delete()


def learnt(shop: Shop, as_of: date, snapshot: Snapshot) -> dict[str, ResponseOutlook]:
    """The response of net sales and, where they are known, of new customers; learnt once.

    Raises TooFewWeeksError, NothingSpentError, NothingHappenedError, SteadySpendError.
    """
    found = {}
    for metric in reversed(outlook.METRICS):
        path = _path(shop, metric, as_of, snapshot)
        try:
            found[metric] = _load(path)
        except FileNotFoundError:
            if _without(path).exists():
                continue
            try:
                _save(path, _run(shop, metric, as_of, snapshot, found.get("new_customers")))
            except NothingHappenedError:
                if metric == "net_sales":
                    raise
                path.parent.mkdir(parents=True, exist_ok=True)
                _without(path).touch()
            else:
                found[metric] = _load(path)
    return found


def is_learnt(shop: Shop, as_of: date, snapshot: Snapshot) -> bool:
    """Whether `learnt` would answer at once."""
    return _path(shop, "net_sales", as_of, snapshot).exists()


def key(shop: Shop, as_of: date) -> str:
    """Names what is learnt, whatever the facts."""
    return f"plans.response:{shop.slug}:{as_of}"


def known(shop: Shop, as_of: date, snapshot: Snapshot) -> Snapshot | None:
    """The newest facts up to these of which the response was learnt that day, None if it wasn't."""
    return renewal.resting(shop, key(shop, as_of), snapshot, partial(is_learnt, shop, as_of))


def response(shop: Shop, as_of: date, snapshot: Snapshot) -> ResponseOutlook | None:
    """What the shop's spend brings in net sales, as it was learnt last; None if it wasn't that day."""
    of = known(shop, as_of, snapshot)
    return None if of is None else learnt(shop, as_of, of)["net_sales"]


def answer(shop: Shop, as_of: date, snapshot: Snapshot, asked: Assumptions) -> BudgetOutlook:
    """Where the coming weeks' budget brings most; what `asked` leaves open is taken from the past and plans.

    Raises the errors of `learnt` and of `outlook.budget.answer`.
    """
    known = learnt(shop, as_of, snapshot)
    if asked.planned is None:
        first = known["net_sales"]
        asked = replace(asked, planned=_planned(shop, as_of, snapshot, asked.weeks, first.channels))
    return budget.answer(known, asked, shop.currency)


def margin_rate(shop: Shop, as_of: date, snapshot: Snapshot) -> float | None:
    """What of net sales remained before marketing over the last year, 0-1; None if no costs are known."""
    key = (shop.slug, as_of, snapshot.number, shop.settings().digest)
    if key not in _margins:
        _margins[key] = _margin_rate(shop, as_of, snapshot)
        while len(_margins) > _MOST_MARGINS:
            _margins.pop(next(iter(_margins)))
    return _margins[key]


_MOST_MARGINS = 64
_margins: dict[tuple[str, date, int, str], float | None] = {}


def _margin_rate(shop: Shop, as_of: date, snapshot: Snapshot) -> float | None:
    period = Period(as_of - _YEAR, as_of)
    query = Query(metrics=("net_sales", "contribution_before_marketing", "gross_margin"), period=period, as_of=as_of)
    totals = answered.ask(shop, query, snapshot).totals
    sales, left = totals["net_sales"], totals["contribution_before_marketing"]
    if isinstance(left, Missing) or not expectation.number(sales):
        return None if isinstance(totals["gross_margin"], Missing) else expectation.number(totals["gross_margin"])
    return expectation.number(left) / expectation.number(sales)


def channel_code(channel: str | None) -> str:
    """A channel as commands and programs name it: “none” for spend without one."""
    return "none" if channel is None else channel


def amounts(given: Sequence[str], names: Sequence[str], digits: int) -> dict[int, int]:
    """CHANNEL=AMOUNT in minor units by the channel's place. Raises ChannelAmountError."""
    found = {}
    for text in given:
        name, _, written = text.partition("=")
        try:
            amount = Decimal(written)
        except InvalidOperation:
            amount = Decimal("NaN")
        if name not in names or not amount.is_finite() or amount < 0:
            raise ChannelAmountError(text=text, channels=", ".join(names))
        found[names.index(name)] = int(amount.scaleb(digits).to_integral_value())
    return found


def _run(
    shop: Shop, metric: str, as_of: date, snapshot: Snapshot, newcomers: ResponseOutlook | None
) -> ResponseOutlook:
    return outlook.run(
        shop.lake(),
        snapshot,
        as_of=as_of,
        settings=shop.settings(),
        metric=metric,
        experiments=_experiments(shop),
        newcomers=newcomers,
    )


def _experiments(shop: Shop) -> list[Experiment]:
    return [
        Experiment(one.channel, one.metric, float(one.low), float(one.high), one.effect, one.error)
        for one in LiftTest.objects.of(shop)
    ]


def digest(shop: Shop, as_of: date, snapshot: Snapshot) -> str:
    """Names what is learnt of these facts."""
    return _path(shop, "net_sales", as_of, snapshot).stem


def _planned(
    shop: Shop, as_of: date, snapshot: Snapshot, weeks: int, channels: tuple[str | None, ...]
) -> tuple[int, ...] | None:
    """What active plans give each channel in the coming weeks, minor units; None where they give nothing."""
    rows: Any = engine.table(shop.lake(), "planned_spend", snapshot)
    rows = rows.filter((rows.on >= as_of) & (rows.on < as_of + timedelta(weeks=weeks)))
    sums = engine.execute(rows.group_by("channel").aggregate(amount=rows.amount_shop.sum())).to_pylist()
    given = {row["channel"]: int(row["amount"].scaleb(minor_digits(shop.currency))) for row in sums if row["amount"]}
    if not given:
        return None
    rest = sum(amount for channel, amount in given.items() if channel not in channels)
    return tuple(given.get(channel, rest if channel == outlook.OTHER else 0) for channel in channels)


# The shared cache folder ---------------------------------------------------------


def _path(shop: Shop, metric: str, as_of: date, snapshot: Snapshot) -> Path:
    facts = tuple(snapshot.digest(table) for table in _READ)
    tests = tuple(_experiments(shop))
    return cache.place("response", ".npz", shop.slug, facts, metric, as_of, shop.settings().digest, tests)


def _without(path: Path) -> Path:
    """Stands where there was nothing to learn from."""
    return path.with_suffix(".none")


def _save(path: Path, found: ResponseOutlook) -> None:
    about = {
        "metric": found.metric,
        "as_of": found.as_of.isoformat(),
        "snapshot": found.snapshot,
        "first": found.weeks[0].isoformat(),
        "channels": found.channels,
        "controls": found.controls,
        "tests": found.tests,
    }
    arrays: dict[str, Any] = {name: np.asarray(getattr(found.fitted, name)) for name in _FITTED}
    with cache.written(path) as draft, draft.open("wb") as file:
        text = np.frombuffer(json.dumps(about).encode(), np.uint8)
        np.savez(file, about=text, spend=found.spend, came=found.came, **arrays)


@lru_cache(maxsize=32)
def _load(path: Path) -> ResponseOutlook:
    with np.load(path) as stored:
        arrays: Mapping[str, Any] = dict(stored)
    about = json.loads(arrays["about"].tobytes())
    first = date.fromisoformat(about["first"])
    fitted = {name: arrays[name] for name in _FITTED if name != "explained_rate"}
    return ResponseOutlook(
        metric=about["metric"],
        as_of=date.fromisoformat(about["as_of"]),
        snapshot=about["snapshot"],
        weeks=tuple(first + timedelta(weeks=k) for k in range(len(arrays["spend"]))),
        channels=tuple(about["channels"]),
        spend=arrays["spend"],
        came=arrays["came"],
        controls=tuple(about["controls"]),
        tests=about["tests"],
        fitted=Response(**fitted, explained_rate=float(arrays["explained_rate"])),
    )
