"""Answers questions about a shop from one snapshot, within what the viewer may see."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from topline.facts.order_line import Kind
from topline.facts.table import Table
from topline.facts.table import tables as facts
from topline.lake import duck, engine, made, novelties, partials, purchases, spark, visits
from topline.lake.partials import RollUp
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.answer import answer, missing_of
from topline.metrics.catalogue import metrics
from topline.metrics.metric import Measure
from topline.metrics.query import Query
from topline.metrics.result import Result
from topline.metrics.settings import Basis, Settings
from topline.metrics.source import sources
from topline.metrics.view import NOTHING, Purchases, Tables, View, fact_of, plainest
from topline.units.errors import ToplineError
from topline.units.missing import Missing
from topline.units.period import Period
from topline.units.text import N_

if TYPE_CHECKING:
    import ibis.expr.types as ir

KEPT = 512
"""Answers that a process remembers."""


class OutOfScopeError(ToplineError):
    message = N_("You may not see this shop. Ask its owner for a role in it.")


class HiddenMetricError(ToplineError):
    message = N_("You may not see %(metric)s. Ask the shop's owner for a role that may.")


@dataclass(frozen=True, slots=True)
class Reads:
    """What an answer was read from: facts, and by which `path`, of `detail` and `partials`."""

    facts: set[str] = field(default_factory=set)
    paths: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Noted[T](Mapping[str, T]):
    """What is known of facts; `reads` gathers those that an answer looked up, whether something is known or not."""

    known: Mapping[str, T]
    reads: Reads

    def __getitem__(self, fact: str) -> T:
        self.reads.facts.add(fact)
        return self.known[fact]

    def __iter__(self) -> Iterator[str]:
        self.reads.facts.update(facts())
        return iter(self.known)

    def __len__(self) -> int:
        self.reads.facts.update(facts())
        return len(self.known)


class Answers[T]:
    """Answers that a process remembers, each for as long as the facts that it was read from stay as they are.

    What an answer reads is known once it was read: the next question looks at these facts only. Whatever decides which
    facts those are is one of them, or stands in the key.
    """

    def __init__(self) -> None:
        self._facts: OrderedDict[Hashable, frozenset[str]] = OrderedDict()
        self._found: OrderedDict[Hashable, T] = OrderedDict()

    def find(self, key: Hashable, snapshot: Snapshot) -> T | None:
        facts = remembered(self._facts, key)
        return None if facts is None else remembered(self._found, (key, _digests(snapshot, facts)))

    def keep(self, key: Hashable, snapshot: Snapshot, reads: Reads, answer: T) -> None:
        facts = frozenset(reads.facts)
        remember(self._facts, key, facts)
        remember(self._found, (key, _digests(snapshot, facts)), answer)

    def forget(self) -> None:
        with _lock:
            self._facts.clear()
            self._found.clear()


def _digests(snapshot: Snapshot, facts: frozenset[str]) -> tuple[str, ...]:
    return tuple(snapshot.digest(fact) for fact in sorted(facts))


@dataclass(frozen=True, slots=True)
class RowPage:
    """Rows behind a number, by day and key.

    after : where the next page starts, None on the last one
    """

    fact: str
    columns: tuple[str, ...]
    rows: Sequence[dict[str, Any]]
    after: tuple[date, str] | None


NOWHERE = Snapshot(0, datetime.min, None, frozenset(), {})  # noqa: DTZ901
"""Stands for the newest snapshot of a lake that has none."""

_OWNED = Missing("not_in_scope", N_("nothing that belongs to you"))

_COSTS = frozenset({"cost_shop", "unit_cost_shop", "shipping_cost_shop", "payment_fee_shop", "remaining_margin"})
"""Columns that say what the profit is, for who may see that."""

_SUMMED = ("order_line", "order", "product", "identity_link")
"""Facts that partial aggregates and purchases are made from."""

_lock = threading.Lock()
_noted: ContextVar[set[str] | None] = ContextVar("noted", default=None)
_answers: Answers[Result] = Answers()
_known: OrderedDict[Hashable, "Known"] = OrderedDict()
_counted: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()


def read(lake: Lake, query: Query, *, scope: Scope, settings: Settings, snapshot: Snapshot | None = None) -> Result:
    """The answer to a query from the newest snapshot, or from the one given; remembered for as long as nothing changes.

    Raises OutOfScopeError or HiddenMetricError where the viewer may not see it.
    """
    snapshot = snapshot or lake.latest() or NOWHERE
    _check(lake, query, scope)
    key = (known_of(lake, snapshot, query.known_at), query.digest, settings.digest, scope.digest)
    found = _answers.find(key, snapshot)
    if found is None:
        reads = Reads()
        found = answer(query, visible(lake, snapshot, scope, reads, query.known_at), settings)
        found = replace(found, path="+".join(sorted(reads.paths)) or "detail", facts=frozenset(reads.facts))
        _answers.keep(key, snapshot, reads, found)
    note(found.facts)
    return replace(found, snapshot=snapshot.number, recorded_to=snapshot.recorded_to)


@contextmanager
def noting() -> Iterator[set[str]]:
    """Meanwhile gathers the facts that answers are read from, those of answers that were remembered too."""
    facts: set[str] = set()
    token = _noted.set(facts)
    try:
        yield facts
    finally:
        _noted.reset(token)
    note(facts)


def note(facts: Iterable[str]) -> None:
    """Says what something that was kept had been read from, to who gathers it."""
    noted = _noted.get()
    if noted is not None:
        noted.update(facts)


def warm(lake: Lake, basis: Basis, snapshot: Snapshot) -> int:
    """Makes beside the questions what pages ask for; how many had to be made."""
    count = warm_first(lake, basis, snapshot)
    if partials.is_worth(snapshot):
        tables = whole(lake, snapshot)
        count += made.build(lake, snapshot, tables, basis) + visits.build(lake, snapshot, tables)
        count += novelties.build(lake, snapshot, tables, basis)
    return count


FIRST_LOOK = frozenset({"order_line", "order", "product", "identity_link"})
"""The facts that a first look is made from."""


def warm_first(lake: Lake, basis: Basis, snapshot: Snapshot) -> int:
    """Makes what a first look asks for, sums by day and purchases; how many had to be made."""
    if not partials.is_worth(snapshot):
        return 0
    tables = whole(lake, snapshot)
    count = sum(purchases.build(lake, snapshot, tables, frozenset(by), basis) for by in ((), ("category",)))
    counted = plainest("counted", tables, basis)
    wanted = [(counted, dims) for dims in ((), ("channel",), ("market",), ("category",))]
    for source, dims in (*wanted, ("known", ("channel", "market"))):
        roll_up = RollUp(source, frozenset(dims), basis)
        if not all(path.exists() for path in partials.paths(lake, snapshot, tables, roll_up).values()):
            with duck.making():
                partials.files(lake, snapshot, tables, roll_up)
            count += 1
    return count


def forget() -> None:
    """Drops the answers that this process remembers."""
    _answers.forget()


def rows(
    lake: Lake,
    query: Query,
    *,
    scope: Scope,
    settings: Settings,
    snapshot: Snapshot | None = None,
    limit: int = 100,
    after: tuple[date, str] | None = None,
) -> RowPage:
    """A page of the rows behind the query's first metric, within its period and filters.

    For a metric of customers they are the goods sold that count; for one of several facts, those of the first. Costs
    are left out for a viewer from whom profits are hidden.
    """
    snapshot = snapshot or lake.latest() or NOWHERE
    _check(lake, query, scope)
    measure = metrics()[query.metrics[0]].measures[0]
    source = measure.source
    fact = fact_of(source)
    unseen = _COSTS if "profit" in scope.hidden_families else frozenset()
    names = tuple(name for name in facts()[fact].columns if name not in unseen)
    tables = visible(lake, snapshot, scope, Reads(), query.known_at)
    if fact in tables.empty:
        return RowPage(fact, names, (), None)
    found: Any = View(tables, query, settings, with_keys=True).rows(source, ())
    if isinstance(measure, Measure) and measure.kinds:
        found = found.filter(found.kind.isin(measure.kinds))
    if after:
        day, key = after
        found = found.filter((found.on > day) | ((found.on == day) & (found.key > key)))
    found = found.select("on", "key")
    if source in sources():
        found = found.distinct()  # a made source may have a row several times, once for each link of a message
    original: Any = tables.table(fact).select("key", *(n for n in names if n != "key")).rename(original_key="key")
    page = found.order_by("on", "key").limit(limit + 1).select(page_on="on", page_key="key")
    page = page.inner_join(original, page.page_key == original.original_key).order_by("page_on", "page_key")
    records = [{n: r["page_key" if n == "key" else n] for n in names} for r in engine.execute(page).to_pylist()]
    more = len(records) > limit
    last = records[limit - 1] if more else None
    return RowPage(fact, names, records[:limit], (last["on"], last["key"]) if last else None)


def unanswerable(lake: Lake, *, scope: Scope) -> dict[str, Missing]:
    """The metrics that have no number yet, whatever is asked, and why: a fact that they need has no rows."""
    tables = visible(lake, lake.latest() or NOWHERE, scope, Reads())
    reasons = {id_: [missing_of(each, tables) for each in metric.measures] for id_, metric in metrics().items()}
    return {id_: reason for id_, found in reasons.items() if (reason := next(filter(None, found), None))}


def _check(lake: Lake, query: Query, scope: Scope) -> None:
    check_shop(lake, scope)
    for id_ in query.metrics:
        if metrics()[id_].family in scope.hidden_families:
            raise HiddenMetricError(metric=metrics()[id_].label)


def check_shop(lake: Lake, scope: Scope) -> None:
    """Raises OutOfScopeError where the viewer may not see the shop."""
    if lake.shop not in scope.shops:
        raise OutOfScopeError


def whole(lake: Lake, snapshot: Snapshot, known_at: datetime | None = None) -> Tables:
    """All of a snapshot's facts, and what is known of them."""
    known = known_of(lake, snapshot, known_at)
    return Tables(
        table=partial(_table, lake, snapshot, known_at),
        links=engine.identity(lake, snapshot) if "identity_link" in known.held else None,
        has_test_orders=known.has_test_orders,
        has_cancelled_orders=known.has_cancelled_orders,
        has_late_goods=known.has_late_goods,
        empty={fact: NOTHING[fact] for fact in NOTHING if fact not in known.held},
        extent=known.extent,
        firsts=dict(known.firsts),
        run=_run,
        arrow=engine.execute,
        short=engine.short,
    )


def visible(lake: Lake, snapshot: Snapshot, scope: Scope, reads: Reads, known_at: datetime | None = None) -> Tables:
    """The snapshot's facts, cut to the scope; `reads` gathers what the answer was read from."""
    plain = whole(lake, snapshot, known_at)
    reads.facts.add("identity_link")

    def known(fact: str) -> "ir.Table":
        reads.facts.add(fact)
        return plain.table(fact)

    every = replace(plain, table=known)
    hidden = sorted(id_ for id_, metric in metrics().items() if metric.family in scope.hidden_families)

    def table(fact: str) -> "ir.Table":
        rows = every.table(fact)
        if hidden and "metric" in rows.columns:
            rows = rows.filter(rows["metric"].notin(hidden))
        if fact == "order_line":
            reads.paths.add("detail")
        if scope.owners is not None and "owner" in rows.columns:
            rows = _owned(every, facts()[fact], rows, sorted(scope.owners))
        place = next((name for name in ("territory", "market") if name in rows.columns), None)
        if scope.territories is not None and place:
            rows = rows.filter(rows[place].isin(sorted(scope.territories)))
        return rows

    is_whole = known_at is None and scope.territories is None and not spark.is_chosen()

    def roll_up(source: str, dims: frozenset[str], basis: Basis) -> "ir.Table | None":
        if not is_whole:
            return None
        found = partials.table(lake, snapshot, plain, RollUp(source, dims, basis))
        if found is not None:
            reads.paths.add("partials")
            reads.facts.update(_SUMMED)
        return found

    def bought(dims: frozenset[str], basis: Basis) -> Purchases | None:
        if not is_whole:
            return None
        found = purchases.find(lake, snapshot, plain, dims, basis)
        if found is not None:
            reads.paths.add("partials")
            reads.facts.update(_SUMMED)
        return found

    def stored(source: str, basis: Basis) -> "ir.Table | None":
        if not is_whole or scope.owners is not None:
            return None
        found = made.find(lake, snapshot, source, basis)
        if found is not None:
            reads.paths.add("partials")
            reads.facts.update(sources()[source].facts)
        return found

    def met(source: str, dims: frozenset[str], basis: Basis) -> "ir.Table | None":
        if not is_whole or source not in ("action", "anybody"):
            return None
        is_of_visits = source == "action"
        found = visits.find(lake, snapshot, dims) if is_of_visits else purchases.met(lake, snapshot, plain, dims, basis)
        if found is not None:
            reads.paths.add("partials")
            reads.facts.update(("session",) if is_of_visits else _SUMMED)
        return found

    def new_to(dims: frozenset[str], basis: Basis) -> "ir.Table | None":
        found = novelties.find(lake, snapshot, dims, basis) if is_whole else None
        if found is not None:
            reads.paths.add("partials")
            reads.facts.update(_SUMMED)
        return found

    empty = dict(every.empty)
    if scope.owners is not None:
        empty |= {name: _OWNED for name, fact in facts().items() if _is_told(fact) and "owner" not in fact.columns}
    if scope.territories is not None:
        places = {"territory", "market"}
        empty |= {name: _OWNED for name, fact in facts().items() if fact.day and places.isdisjoint(fact.columns)}
    return replace(
        every,
        table=table,
        roll_up=roll_up,
        purchases=bought,
        stored=stored,
        met=met,
        new_to=new_to,
        empty=_Noted(empty, reads),
        firsts=_Noted(every.firsts, reads),
        owners=scope.owners,
        made={},
    )


def _owned(every: Tables, fact: Table, rows: Any, owners: list[str]) -> Any:
    """The rows of these owners; of a deal or lead all, if it ever was theirs or they share in it.

    What it needs to know of such a course is more than they may see; a view shows the rows that stand under them.
    """
    if not fact.course:
        return rows.filter(rows.owner.isin(owners))
    theirs = rows.filter(rows.owner.isin(owners)).select(fact.course)
    if fact.course == "deal_key":
        for other in ("deal_stage", "deal_credit"):
            shared: Any = every.table(other)
            theirs = theirs.union(shared.filter(shared.owner.isin(owners)).select(fact.course))
    return rows.semi_join(theirs.distinct(), fact.course)


def _is_told(fact: Table) -> bool:
    """True for what happened and what is known of people, False for what things are, such as products."""
    return bool(fact.day or fact.personal_keys)


def _table(lake: Lake, snapshot: Snapshot, known_at: datetime | None, fact: str) -> "ir.Table":
    return engine.table(lake, fact, snapshot, known_at=known_at)


def _run(expression: "ir.Table") -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = engine.execute(expression).to_pylist()
    return records


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a snapshot before any question.

    What is known of one fact alone, `held` and `firsts`, is noted as that fact when an answer looks it up.

    root : the lake's folder
    then : the snapshot and the moment asked of, where it is asked what was known then; None for what is known now
    held : the facts that have rows
    firsts : the first day of each fact that has days
    """

    root: str
    then: tuple[int, datetime] | None
    has_test_orders: bool
    has_cancelled_orders: bool
    has_late_goods: bool
    extent: Period | None
    held: frozenset[str] = field(compare=False)
    firsts: tuple[tuple[str, date], ...] = field(compare=False)

    @property
    def content(self) -> tuple[object, ...]:
        """What decides from which facts a question is answered, the same in every process and folder."""
        return (self.has_test_orders, self.has_cancelled_orders, self.has_late_goods, self.extent)


def known_of(lake: Lake, snapshot: Snapshot, known_at: datetime | None) -> Known:
    """What is known of a snapshot; each fact is asked once for as long as it stays as it is."""
    key = (str(lake.root), snapshot.number, known_at)
    found = remembered(_known, key)
    if found is not None:
        return found
    asked = {
        fact: _asked(lake, snapshot, known_at, fact) for fact in (*NOTHING, "identity_link") if fact in snapshot.tables
    }
    orders, lines = asked.get("order", {}), asked.get("order_line", {})
    found = Known(
        root=str(lake.root),
        then=None if known_at is None else (snapshot.number, known_at),
        held=frozenset(fact for fact, record in asked.items() if record["rows"]),
        has_test_orders=bool(orders.get("tests")),
        has_cancelled_orders=bool(orders.get("cancelled")),
        has_late_goods=bool(lines.get("late")),
        extent=Period(lines["first"], lines["last"] + timedelta(days=1)) if lines.get("first") else None,
        firsts=tuple((fact, record["first"]) for fact, record in asked.items() if record.get("first")),
    )
    remember(_known, key, found)
    return found


def _asked(lake: Lake, snapshot: Snapshot, known_at: datetime | None, fact: str) -> dict[str, Any]:
    """How many rows a fact has, and what else saves joins."""
    key = (str(lake.root), fact, snapshot.digest(fact) if known_at is None else (snapshot.number, known_at))
    found = remembered(_counted, key)
    if found is None:
        table: Any = engine.table(lake, fact, snapshot, known_at=known_at)
        asked = {"rows": table.count()}
        if day := facts()[fact].day:
            asked["first"] = table[day].min()
        if fact == "order":
            asked |= {"tests": table.is_test.any(), "cancelled": table.cancelled_on.count()}
        if fact == "order_line":
            is_late = (table.kind == Kind.GOODS_SOLD.value) & (table.ordered_on != table.on)
            asked |= {"last": table.on.max(), "late": is_late.any()}
        (found,) = engine.execute(table.aggregate(**asked)).to_pylist()
        remember(_counted, key, found)
    return found


def remembered[T](cache: OrderedDict[Hashable, T], key: Hashable) -> T | None:
    """What a cache of this module or a neighbour holds under a key, which thereby is the newest."""
    with _lock:
        if key in cache:
            cache.move_to_end(key)
        return cache.get(key)


def remember[T](cache: OrderedDict[Hashable, T], key: Hashable, value: T) -> None:
    """Keeps a value under a key, and drops the oldest of too many."""
    with _lock:
        cache[key] = value
        if len(cache) > KEPT:
            cache.popitem(last=False)
