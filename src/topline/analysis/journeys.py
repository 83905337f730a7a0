"""Journeys: the ways that people take from their first touch to an order, and where they leave it."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from topline.analysis.analysis import Analysis, Choice, Question, whole
from topline.analysis.result import Cell, Channel, Chart, Column, Figure, Note, Result, Table, nothing
from topline.analysis.touches import Walks, visits, walks
from topline.facts.message_event import Event as MessageEvent
from topline.metrics.metric import Unit
from topline.metrics.view import with_person
from topline.units.missing import Missing
from topline.units.text import N_

if TYPE_CHECKING:
    from topline.metrics.settings import Settings
    from topline.metrics.view import Tables

type Ints = NDArray[np.int64]

OVER = {
    "channel": N_("Channels of visits"),
    "stage": N_("How far visits came"),
    "content": N_("Content"),
    "message": N_("Messages clicked"),
}
_STAGE = (N_("visit"), N_("product view"), N_("cart"), N_("checkout"), N_("order"))
ENDS = {"start": N_("Start"), "order": N_("Order"), "left": N_("No order")}
STEPS_DRAWN = 3
"""So many touches are drawn; the ways from there to the end count as one."""
MOST_LABELS = 7
"""So many touches are drawn by name, the rest as one."""
_OTHERS = N_("others")
_NOBODY = Missing("no_touches", N_("no touches of anybody in these days"))
_NO_PAIR = Missing("no_time", N_("nobody went on"))


@dataclass(frozen=True, slots=True, kw_only=True)
class JourneyQuestion(Question):
    """The period chooses the orders, and the journeys that ended in it without one.

    over : what counts as a touch; `stage` adds to a visit's channel how far it came
    days : so long before the order a journey begins at most
    outcome : `all`, or only journeys that led to an order
    """

    over: tuple[str, ...] = ("channel",)
    days: int = 30
    outcome: str = "all"


@dataclass(frozen=True, slots=True)
class Trails:
    """Journeys with touches that repeat one after the other taken together.

    label : (n,) numbers in `labels`, which `_touch` reads; start : (m + 1,) where each journey begins
    wait : (n,) days from each touch to the next, nan before the end
    is_won : (m,) whether it led to an order; days : (m,) from the first touch to the last or to the order
    """

    label: Ints
    start: Ints
    wait: NDArray[np.float64]
    is_won: NDArray[np.bool_]
    days: NDArray[np.float64]
    labels: Sequence[str]

    @property
    def length(self) -> Ints:
        return np.diff(self.start)


def answer(tables: "Tables", question: JourneyQuestion, settings: "Settings") -> Result:
    touches = _touches(tables, question)
    if not touches:
        return nothing(question, settings, tables.empty.get("session", _NOBODY))
    found = trails(walks(tables, question, settings, touches, question.days), question.outcome == "order")
    if not len(found.is_won):
        return nothing(question, settings, _NOBODY)
    return Result(
        question=question,
        settings=settings,
        sentence=_sentence(found, settings.currency),
        tables=(_flow(found), _touch_table(found), _paths(found), _transitions(found)),
        notes=tuple(_notes(tables, question)),
    )


def _touches(tables: "Tables", question: JourneyQuestion) -> list[Any]:
    """The touches of each of the kinds in question that there are."""
    found = []
    kinds = question.over
    if {"channel", "stage"} & set(kinds) and "session" not in tables.empty:
        counts = ("product_views", "carts", "checkouts", "orders") if "stage" in kinds else ()
        rows = visits(tables, question.where, "channel", *counts)
        label = "channel\n" + rows.channel
        if "stage" in kinds:
            import ibis

            orders, checkouts, carts = (rows[name].fill_null(0) > 0 for name in ("orders", "checkouts", "carts"))
            came = ibis.cases(
                (orders, _STAGE[4]),
                (checkouts, _STAGE[3]),
                (carts, _STAGE[2]),
                (rows.product_views.fill_null(0) > 0, _STAGE[1]),
                else_=_STAGE[0],
            )
            label = label + "\n" + came if "channel" in kinds else "stage\n" + came
        found.append(rows.mutate(label=label))
    if "content" in kinds and "content_interaction" not in tables.empty:
        found.append(_content(tables, question))
    if "message" in kinds and "message_event" not in tables.empty:
        found.append(_messages(tables, question))
    return found


def _content(tables: "Tables", question: JourneyQuestion) -> Any:
    """Interactions with content of those whose visit is known."""
    rows: Any = tables.table("content_interaction")
    label = "content\n" + rows.title.fill_null(rows.content_key)
    rows = rows.mutate(label=label).select("at", "on", "label", "visitor_key")
    people = visits(tables, question.where).select(known_key="visitor_key", person="person").distinct()
    people = people.group_by("known_key").aggregate(person=people.person.min())
    return rows.inner_join(people, rows.visitor_key == people.known_key)


def _messages(tables: "Tables", question: JourneyQuestion) -> Any:
    """Clicks of people, not of machines, by customers that are known."""
    rows: Any = tables.table("message_event")
    rows = rows.filter((rows.event == MessageEvent.CLICKED.value) & ~rows.is_machine & rows.customer_key.notnull())
    rows = with_person(rows, tables)
    return rows.mutate(label="message\n" + rows.campaign.fill_null(rows.medium), person="customer " + rows.customer)


def trails(found: Walks, only_orders: bool) -> Trails:
    """The walks as journeys: those with a touch, repeated touches taken together."""
    linked = found.linked
    kept = (np.diff(linked.start) > 0) & ((linked.order >= 0) | (not only_orders))
    linked = linked.only(kept)
    length = np.diff(linked.start)
    label, at = found.label[linked.touch], found.at[linked.touch]
    journey = np.repeat(np.arange(len(length)), length)
    is_first = np.ones(len(label), dtype=bool)
    is_first[1:] = (label[1:] != label[:-1]) | (journey[1:] != journey[:-1])
    days = linked.age_days[linked.start[:-1]] if len(label) else np.zeros(0)
    label, at, journey = label[is_first], at[is_first], journey[is_first]
    wait = np.full(len(label), np.nan)
    goes_on = np.flatnonzero(journey[1:] == journey[:-1]) if len(label) else np.zeros(0, dtype=np.int64)
    wait[goes_on] = (at[goes_on + 1] - at[goes_on]) / 86_400e6
    start = np.concatenate([[0], np.cumsum(np.bincount(journey, minlength=len(length)))])
    return Trails(label, start, wait, linked.order >= 0, days, found.labels)


def _touch(label: str) -> Cell:
    """What a label says: the kind of touch before the first line break, how far a visit came after the last."""
    kind, _, name = label.partition("\n")
    match kind:
        case "content":
            return Note("content", N_("content: %(title)s"), {"title": name})
        case "message":
            return Note("message", N_("message: %(name)s"), {"name": name})
        case "stage":
            return Note("stage", name)
    code, _, stage = name.rpartition("\n")
    if not code:
        return Channel(name)
    return Note("visit", "%(channel)s · %(stage)s", {"channel": Channel(code), "stage": Note("stage", stage)})


def _flow(found: Trails) -> Table:
    """The first touches of the journeys, step by step, and how they end."""
    size = np.bincount(found.label, minlength=len(found.labels))
    named = set(np.argsort(-size, kind="stable")[:MOST_LABELS].tolist())
    counts: Counter[tuple[int, str, str]] = Counter()
    lengths = found.length
    for step in range(STEPS_DRAWN):
        here = lengths > step
        places = found.start[:-1][here] + step
        goes_on = lengths[here] > step + 1
        for label, on, won, place in zip(
            found.label[places].tolist(), goes_on.tolist(), found.is_won[here].tolist(), places.tolist(), strict=True
        ):
            name = found.labels[label] if label in named else _OTHERS
            if on and step + 1 < STEPS_DRAWN:
                after = int(found.label[place + 1])
                target = found.labels[after] if after in named else _OTHERS
            else:
                target = "order" if won else "left"
            counts[step + 1, name, target] += 1
    called = {label: _touch(label) for label in found.labels}
    rows: list[dict[str, Cell]] = [
        {"step": step, "from": called.get(before, before), "to": called.get(after, after), "journeys": n}
        for (step, before, after), n in sorted(counts.items(), key=lambda one: (one[0][0], -one[1], one[0]))
    ]
    return Table(
        id="flow",
        label=N_("Step by step"),
        columns=(
            Column(id="step", label=N_("Touch"), unit=Unit.COUNT),
            Column(id="from", label=N_("From"), names=ENDS),
            Column(id="to", label=N_("To"), names=ENDS),
            Column(id="journeys", label=N_("Journeys"), unit=Unit.COUNT),
        ),
        rows=rows,
        chart=Chart(kind="flow", across="from", down="to", values=("journeys",)),
    )


def _touch_table(found: Trails) -> Table:
    """Each touch: how many journeys came by, began, went on, ordered or ended there."""
    k, m = len(found.labels), len(found.is_won)
    journey = np.repeat(np.arange(m), found.length)
    by = np.unique(journey * k + found.label)
    came = np.bincount(by % k, minlength=k)
    won = np.bincount(by % k, found.is_won[by // k], minlength=k)
    first, last = found.label[found.start[:-1]], found.label[found.start[1:] - 1]
    begun, ended = np.bincount(first, minlength=k), np.bincount(last, minlength=k)
    closed = np.bincount(last, found.is_won, minlength=k)
    total = np.bincount(found.label, minlength=k)
    rows: list[dict[str, Cell]] = [
        {
            "touch": _touch(found.labels[i]),
            "journeys": int(came[i]),
            "first": int(begun[i]),
            "went_on": int(total[i] - ended[i]),
            "ordered": int(closed[i]),
            "left": int(ended[i] - closed[i]),
            "drop_off": float((ended[i] - closed[i]) / total[i]),
            "with_order": float(won[i] / came[i]),
        }
        for i in np.argsort(-came, kind="stable").tolist()
        if came[i]
    ]
    return Table(
        id="touches",
        label=N_("Touches"),
        columns=(
            Column(id="touch", label=N_("Touch")),
            Column(id="journeys", label=N_("Journeys that came by"), unit=Unit.COUNT),
            Column(id="first", label=N_("Began there"), unit=Unit.COUNT),
            Column(id="went_on", label=N_("Went on"), unit=Unit.COUNT),
            Column(id="ordered", label=N_("Ordered next"), unit=Unit.COUNT),
            Column(id="left", label=N_("Ended without an order"), unit=Unit.COUNT),
            Column(id="drop_off", label=N_("Drop-off"), unit=Unit.RATE),
            Column(id="with_order", label=N_("Journeys with an order"), unit=Unit.RATE),
        ),
        rows=rows,
    )


def _transitions(found: Trails) -> Table:
    """From each touch to the next one, however late in the journey."""
    k = len(found.labels)
    goes_on = np.flatnonzero(~np.isnan(found.wait))
    pair = found.label[goes_on] * k + found.label[goes_on + 1]
    waits: dict[int, list[float]] = defaultdict(list)
    for key, wait in zip(pair.tolist(), found.wait[goes_on].tolist(), strict=True):
        waits[key].append(wait)
    total = np.bincount(found.label, minlength=k)
    ranked = sorted(waits, key=lambda key: (-len(waits[key]), key))
    rows: list[dict[str, Cell]] = [
        {
            "from": _touch(found.labels[key // k]),
            "to": _touch(found.labels[key % k]),
            "times": len(waits[key]),
            "share": len(waits[key]) / int(total[key // k]),
            "median_days": float(np.median(waits[key])),
        }
        for key in ranked
    ]
    return Table(
        id="transitions",
        label=N_("From one touch to the next"),
        columns=(
            Column(id="from", label=N_("From")),
            Column(id="to", label=N_("To")),
            Column(id="times", label=N_("Times"), unit=Unit.COUNT),
            Column(id="share", label=N_("Of all at the first"), unit=Unit.RATE),
            Column(id="median_days", label=N_("Days between, median"), unit=Unit.RATIO),
        ),
        rows=rows,
        missing=None if rows else _NO_PAIR,
    )


def _paths(found: Trails) -> Table:
    """The ways taken most, whole."""
    ways: dict[tuple[int, ...], list[int]] = defaultdict(list)
    labels = found.label.tolist()
    for i, (start, end) in enumerate(zip(found.start.tolist(), found.start.tolist()[1:], strict=False)):
        ways[tuple(labels[start:end])].append(i)
    rows: list[dict[str, Cell]] = []
    for way, journeys in sorted(ways.items(), key=lambda one: (-len(one[1]), one[0])):
        won = found.is_won[journeys]
        touches = {f"touch_{i}": _touch(found.labels[label]) for i, label in enumerate(way)}
        rows.append(
            {
                "path": Note("path", " → ".join(f"%({name})s" for name in touches), touches),
                "journeys": len(journeys),
                "orders": int(won.sum()),
                "rate": float(won.mean()),
                "median_days": float(np.median(found.days[journeys][won])) if won.any() else _NO_PAIR,
            }
        )
    return Table(
        id="paths",
        label=N_("Whole journeys, the most frequent first"),
        columns=(
            Column(id="path", label=N_("Journey")),
            Column(id="journeys", label=N_("Journeys"), unit=Unit.COUNT),
            Column(id="orders", label=N_("Orders"), unit=Unit.COUNT),
            Column(id="rate", label=N_("Led to an order"), unit=Unit.RATE),
            Column(id="median_days", label=N_("Days to the order, median"), unit=Unit.RATIO),
        ),
        rows=rows,
    )


def _sentence(found: Trails, currency: str) -> Note:
    won = found.is_won
    figures: Mapping[str, object] = {
        "journeys": Figure(len(won), Unit.COUNT, currency),
        "share": Figure(float(won.mean()), Unit.RATE, currency),
    }
    if not won.any():
        return Note("journeys_without_orders", N_("%(journeys)s journeys, none of which led to an order."), figures)
    touches = Figure(round(float(found.length[won].mean()), 1), Unit.RATIO, currency)
    days = Figure(round(float(np.median(found.days[won])), 1), Unit.RATIO, currency)
    text = N_(
        "%(share)s of %(journeys)s journeys led to an order, by %(touches)s touches on average. Days to the order, "
        "median: %(days)s."
    )
    return Note("journeys", text, {**figures, "touches": touches, "days": days})


def _notes(tables: "Tables", question: JourneyQuestion) -> Iterator[Note]:
    needed = {"channel": "session", "stage": "session", "content": "content_interaction", "message": "message_event"}
    for fact in dict.fromkeys(needed[kind] for kind in question.over):
        if fact in tables.empty:
            yield Note(
                f"without_{fact}", N_("Left out for want of facts: %(missing)s."), {"missing": tables.empty[fact]}
            )


ANALYSIS = Analysis(
    id="journeys",
    label=N_("Journeys"),
    description=N_("Which ways do people take from the first touch to an order, where do they leave, how long is it?"),
    method=N_(
        "A journey is the touches of a person up to an order, since the order before and as far back as the window "
        "reaches; touches that no order followed in time are journeys without one. Touches of the same kind one after "
        "the other count once. Who signs in is the same person before. Clicks by machines are out, and so are touches "
        "of people who are not known to have visited."
    ),
    question=JourneyQuestion,
    answer=answer,
    choices=(
        Choice(id="over", label=N_("Touches"), options=OVER, several=True),
        Choice(id="outcome", label=N_("Of"), options={"all": N_("all journeys"), "order": N_("those with an order")}),
        Choice(id="days", label=N_("Days back at most"), parse=whole(1, 365), example="30"),
    ),
    dimensions=frozenset({"market"}),
    icon="route",
)
