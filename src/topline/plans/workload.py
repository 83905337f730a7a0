"""The workload: what there is to pick, answer, call and make in each week, and the people that it takes."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from topline.accounts.models import Shop
from topline.facts.capacity import Capacity
from topline.journal import operations as journal
from topline.lake import engine
from topline.lake.snapshot import Snapshot
from topline.outlook import workload as outlook
from topline.outlook.workload import Coming
from topline.plans import cache, calendar, checks, expectation, numbers, stock
from topline.plans.drafting import EmptyLakeError
from topline.plans.models import PlanVersion
from topline.plans.numbers import Stated
from topline.plans.text import Sentence
from topline.science import workload as science
from topline.team.models import Member, Work
from topline.units.period import Period

KINDS = tuple(Work.values)

_OWN = "team:"
"""What the keys of the facts begin with that are made here."""


@dataclass(frozen=True, slots=True)
class WeekLoad:
    """A kind of work in a week: pieces, hours, and the people that they take; at the high end of the orders too.

    there : people who do it; missing : people beyond them; available : hours of those there are
    """

    week: date
    kind: str
    count: float
    hours: float
    people: float
    people_high: float
    there: float
    available: float
    missing: float
    is_over: bool


@dataclass(frozen=True, slots=True)
class Workload:
    """Everything that the workload's page, API resource and command show.

    lines : week by week, each kind; capacity : people by kind in the first week
    counted : kinds whose number facts know; of_team : kinds whose people the team has
    """

    as_of: date
    weeks: tuple[date, ...]
    lines: list[WeekLoad]
    capacity: dict[str, float]
    counted: frozenset[str]
    of_team: frozenset[str]
    stated: Stated
    headline: list[Sentence]

    def of_kind(self, kind: str) -> list[WeekLoad]:
        return [line for line in self.lines if line.kind == kind]


def is_made(shop: Shop, as_of: date, snapshot: Snapshot) -> bool:
    """Whether `of` would answer at once."""
    plans = _promoting(shop, as_of)
    return _path(shop, as_of, snapshot).exists() and all(checks.is_made(one, as_of, snapshot) for one in plans)


def make(shop: Shop, as_of: date, snapshot: Snapshot) -> None:
    """Makes and keeps what the workload starts from: what is coming, and what plans in force promote.

    Raises ShortHistoryError.
    """
    for one in _promoting(shop, as_of):
        checks.make(one, as_of, snapshot)
    path = _path(shop, as_of, snapshot)
    if path.exists():
        return
    own = expectation.own_events(shop, as_of)
    coming = outlook.look(shop.lake(), snapshot, as_of=as_of, settings=shop.settings(), own=own)
    with cache.written(path) as draft:
        outlook.save(coming, draft)


def _promoting(shop: Shop, as_of: date) -> list[PlanVersion]:
    """The plans in force that promote on days to come."""
    return [one for one in PlanVersion.objects.of(shop).active() if checks.promotes(one, as_of)]


def _promoted(shop: Shop, weeks: Sequence[date], as_of: date, snapshot: Snapshot) -> np.ndarray:
    """(weeks,) what the promotions of the plans in force, and the dip after them, multiply orders with."""
    times = np.ones((len(weeks), 7))
    for one in _promoting(shop, as_of):
        moved = checks.order_multiples(one, as_of, snapshot)
        times *= [[moved.get(week + timedelta(days=k), 1.0) for k in range(7)] for week in weeks]
    return np.asarray(times.mean(axis=1))


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
    moved = _promoted(shop, coming.weeks, as_of, snapshot)
    coming = replace(coming, low=coming.low * moved, expected=coming.expected * moved, high=coming.high * moved)
    hands = Hands.of(shop, coming.weeks, as_of, stated)
    minutes = np.array([stated(f"{kind}_minutes") for kind in KINDS])
    extra = _content_of_events(shop, coming, stated)
    count = _counts(coming.expected, coming, stated, extra)
    load = science.load(count, minutes, hands.hours, hands.week_hours)
    high = science.load(_counts(coming.high, coming, stated, extra), minutes, hands.hours, hands.week_hours)
    there = hands.hours / hands.week_hours[:, None]
    lines = [
        WeekLoad(
            week,
            kind,
            float(count[k, w]),
            float(load.hours[k, w]),
            float(load.people[k, w]),
            float(high.people[k, w]),
            float(there[k, w]),
            float(hands.hours[k, w]),
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
        capacity=dict(zip(KINDS, there[:, 0].tolist(), strict=True)),
        counted=frozenset(kind for kind, rate in rates.items() if rate is not None) | {"pick"},
        of_team=hands.of_team,
        stated=stated,
        headline=[*_headline(lines, len(coming.weeks)), *_assumed(stated, hands.of_team)],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Hands:
    """Who does the work: of the team where it has people for a kind, else as many as the shop stated.

    hours : (kinds, weeks); week_hours : (kinds,) that one of them works a week
    """

    hours: np.ndarray
    week_hours: np.ndarray
    of_team: frozenset[str]

    @classmethod
    def of(cls, shop: Shop, weeks: Sequence[date], as_of: date, stated: Stated) -> "Hands":
        members = [one for one in Member.objects.of(shop) if one.work and one.week_hours]
        hours = np.array([[stated(f"{kind}_people") * stated("week_hours")] * len(weeks) for kind in KINDS])
        week_hours = np.full(len(KINDS), stated("week_hours"))
        for k, kind in enumerate(KINDS):
            doing = [one for one in members if one.work == kind]
            if doing:
                hours[k] = [float(sum(one.hours_on(week, as_of) for one in doing)) for week in weeks]
                week_hours[k] = float(sum(one.week_hours for one in doing)) / len(doing)
        return cls(hours, week_hours, frozenset(one.work for one in members))


def record_capacity(shop: Shop, as_of: date, snapshot: Snapshot) -> int:
    """How many facts of teams' hours were new: what there is to do in each week ahead, against the hours for it.

    The hours of a kind of work are divided among the teams that do it by the hours that they have; a team that does
    none of it any more has none. Teams whose hours a source of the shop says are left to it.
    """
    found = of(shop, as_of, snapshot)
    rows: Any = engine.table(shop.lake(), "capacity", snapshot)
    known = engine.execute(rows.select("key", "team", "on", "available_hours", "planned_hours")).to_pylist()
    before = {row["key"]: (row["available_hours"], row["planned_hours"]) for row in known}
    strange = {row["team"] for row in known if not row["key"].startswith(_OWN)}
    former = {(row["team"], row["on"]) for row in known if row["on"] in found.weeks}
    fresh = []
    for (team, week), (available, planned) in {**dict.fromkeys(former, (0.0, 0.0)), **_by_team(shop, found)}.items():
        key = f"{_OWN}{team}:{week}"
        if team not in strange and before.get(key) != (available, planned):
            fresh.append(
                Capacity(
                    key=key, version=0, recorded_at=timezone.now(), batch_id="", team=team, on=week,
                    available_hours=available, planned_hours=planned,
                )
            )  # fmt: skip
    with transaction.atomic():
        journal.record(*fresh, shop=shop.slug)
    return len(fresh)


def _by_team(shop: Shop, found: Workload) -> dict[tuple[str, date], tuple[float, float]]:
    """Hours available and planned of each team and week."""
    members = [one for one in Member.objects.of(shop) if one.work]
    sums: dict[tuple[str, date], tuple[float, float]] = {}
    for line in found.lines:
        for one in (each for each in members if each.work == line.kind):
            hours = float(one.hours_on(line.week, found.as_of))
            place = (one.team or str(one.get_work_display()), line.week)
            available, planned = sums.get(place, (0.0, 0.0))
            part = line.hours * hours / line.available if line.available else 0.0
            sums[place] = (available + hours, planned + part)
    return {place: (round(a, 4), round(p, 4)) for place, (a, p) in sums.items() if a}


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
    found = len({line.week for line in over})
    yield Sentence(
        "work.over_always" if found == weeks else "work.over",
        {
            "weeks_count": found,
            "all_count": weeks,
            "work": worst.kind,
            "week_on": worst.week,
            "needed_count": round(worst.people, 1),
            "there_count": round(worst.there, 1),
        },
    )


def _assumed(stated: Stated, of_team: Collection[str]) -> Iterator[Sentence]:
    """What of minutes and people nobody has stated."""
    minutes = [f"{kind}_minutes" for kind in KINDS]
    if not all(map(stated.is_stated, minutes)):
        yield Sentence("work.assumed_minutes", {f"{kind}_count": stated(f"{kind}_minutes") for kind in KINDS})
    if not all(kind in of_team or stated.is_stated(f"{kind}_people") for kind in KINDS):
        yield Sentence("work.assumed_people", {"hours_count": stated("week_hours")})
