"""The workload: what there is to pick, answer, call and make in each week, and the people that it takes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from topline.accounts.models import Shop
from topline.lake.snapshot import Snapshot
from topline.outlook import workload as outlook
from topline.outlook.workload import Coming
from topline.plans import cache, calendar, expectation, numbers, stock
from topline.plans.drafting import EmptyLakeError
from topline.plans.numbers import Stated
from topline.plans.text import Sentence
from topline.science import workload as science
from topline.units.period import Period

KINDS = ("pick", "contact", "lead", "content")


@dataclass(frozen=True, slots=True)
class WeekLoad:
    """A kind of work in a week: pieces, hours, and the people that they take; at the high end of the orders too.

    missing : people beyond those there are
    """

    week: date
    kind: str
    count: float
    hours: float
    people: float
    people_high: float
    missing: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything that the workload's page, API resource and command show.

    lines : week by week, each kind; capacity : people by kind; counted : kinds whose number facts know
    """

    as_of: date
    weeks: tuple[date, ...]
    lines: list[WeekLoad]
    capacity: dict[str, float]
    counted: frozenset[str]
    stated: Stated
    headline: list[Sentence]

    def of_kind(self, kind: str) -> list[WeekLoad]:
        return [line for line in self.lines if line.kind == kind]


def is_made(shop: Shop, as_of: date, snapshot: Snapshot) -> bool:
    """Whether `of` would answer at once."""
    return _path(shop, as_of, snapshot).exists()


def make(shop: Shop, as_of: date, snapshot: Snapshot) -> None:
    """Makes and keeps what the workload starts from. Raises ShortHistoryError."""
    path = _path(shop, as_of, snapshot)
    if path.exists():
        return
    own = expectation.own_events(shop, as_of)
    coming = outlook.look(shop.lake(), snapshot, as_of=as_of, settings=shop.settings(), own=own)
    with cache.written(path) as draft:
        outlook.save(coming, draft)


def _path(shop: Shop, as_of: date, snapshot: Snapshot) -> Path:
    tables = ("order_line", "order", "support_conversation", "lead_event")
    return cache.place("stock", ".json", *stock.made_of(shop, as_of, snapshot, tables))


def of(shop: Shop, as_of: date, snapshot: Snapshot | None = None) -> Workload:
    """The workload as seen on a day. Raises EmptyLakeError, ShortHistoryError."""
    snapshot = snapshot or shop.lake().latest()
    if snapshot is None:
        raise EmptyLakeError()
    make(shop, as_of, snapshot)
    coming, stated = outlook.load(_path(shop, as_of, snapshot)), numbers.of(shop)
    people = np.array([stated(f"{kind}_people") for kind in KINDS])
    minutes = np.array([stated(f"{kind}_minutes") for kind in KINDS])
    extra = _content_of_events(shop, coming, stated)
    count = _counts(coming.expected, coming, stated, extra)
    load = science.load(count, minutes, people, stated("week_hours"))
    high = science.load(_counts(coming.high, coming, stated, extra), minutes, people, stated("week_hours"))
    lines = [
        WeekLoad(
            week,
            kind,
            float(count[k, w]),
            float(load.hours[k, w]),
            float(load.people[k, w]),
            float(high.people[k, w]),
            float(load.missing[k, w]),
            bool(load.is_over[k, w]),
        )
        for w, week in enumerate(coming.weeks)
        for k, kind in enumerate(KINDS)
    ]
    rates = {
        "contact": coming.contacts_per_order,
        "lead": coming.leads_per_week,
        "content": coming.content_per_week,
    }
    return Workload(
        as_of=as_of,
        weeks=coming.weeks,
        lines=lines,
        capacity=dict(zip(KINDS, people.tolist(), strict=True)),
        counted=frozenset(kind for kind, rate in rates.items() if rate is not None) | {"pick"},
        stated=stated,
        headline=list(_headline(lines, len(coming.weeks))),
    )


def _counts(orders: np.ndarray, coming: Coming, stated: Stated, extra: np.ndarray) -> np.ndarray:
    """(kinds, weeks) pieces of work."""
    per_order = coming.contacts_per_order
    if per_order is None:
        per_order = stated("contacts_per_order") / 100
    leads = stated("leads_per_week") if coming.leads_per_week is None else coming.leads_per_week
    content = stated("content_per_week") if coming.content_per_week is None else coming.content_per_week
    ones = np.ones(len(orders))
    return np.stack([orders, orders * per_order, ones * leads, ones * content + extra])


def _content_of_events(shop: Shop, coming: Coming, stated: Stated) -> np.ndarray:
    """(weeks,) pieces of content more, in the week in which each retail event begins to be felt."""
    weeks = coming.weeks
    extra = np.zeros(len(weeks))
    reach = Period(weeks[0], weeks[-1] + timedelta(days=60))
    for one in calendar.events_of(shop, reach):
        place = (one.window.start - weeks[0]).days // 7
        if 0 <= place < len(weeks):
            extra[place] += stated("content_per_event")
    return extra


def _headline(lines: list[WeekLoad], weeks: int) -> Iterator[Sentence]:
    over = [line for line in lines if line.is_over]
    if not over:
        yield Sentence("work.fits", {"weeks_count": weeks})
        return
    worst = max(over, key=lambda line: line.missing)
    yield Sentence(
        "work.over",
        {
            "weeks_count": len({line.week for line in over}),
            "all_count": weeks,
            "work": worst.kind,
            "week_on": worst.week,
            "needed_count": round(worst.people, 1),
            "there_count": round(worst.people - worst.missing, 1),
        },
    )
