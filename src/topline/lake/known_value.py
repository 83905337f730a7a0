"""Whether the values of a filter exist: one that nothing has is said, instead of answered with zero."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Sequence
from functools import reduce
from typing import Any

from topline.facts.table import tables as facts
from topline.lake import engine, read
from topline.lake.scope import Scope
from topline.lake.snapshot import Snapshot
from topline.lake.store import Lake
from topline.metrics.catalogue import dimensions, metrics
from topline.metrics.metric import Metric
from topline.metrics.query import Filter
from topline.metrics.settings import Settings
from topline.metrics.view import Tables, fact_of
from topline.units import spelling
from topline.units.errors import ToplineError
from topline.units.text import N_

LIKENED = 2000
"""Values that an unknown one is compared with, the most frequent of them."""

NAMED = 5

_seen: OrderedDict[Hashable, bool] = OrderedDict()


class UnknownValueError(ToplineError):
    """A filter's value that nothing has; `nearest` are those that somebody may have meant."""

    message = N_("Nothing has the %(dimension)s “%(value)s”. Did you mean %(nearest)s?")

    def __init__(self, nearest: Sequence[str], **params: object) -> None:
        super().__init__(nearest=" / ".join(nearest), **params)
        self.nearest = tuple(nearest)


class UnknownKindError(UnknownValueError):
    message = N_("%(metric)s never has the %(dimension)s “%(value)s”. Did you mean %(nearest)s?")


class UnknownCustomerError(ToplineError):
    message = N_("There is no customer “%(value)s”. Take the key from a list of customers.")


class NoValueError(ToplineError):
    message = N_("Nothing has a %(dimension)s yet. Leave that filter out.")


def require(lake: Lake, where: Iterable[Filter], *, scope: Scope, settings: Settings, of: Iterable[str] = ()) -> None:
    """Passes filters of which each value is held by some row that the viewer may see, of any fact and day.

    of : the metrics asked for, whose own facts must be able to have the value

    For questions that people ask: the program itself may ask for what is planned and nothing has yet.
    Raises UnknownValueError, UnknownKindError, UnknownCustomerError, NoValueError, OutOfScopeError.
    """
    where = tuple(where)
    for metric in (metrics()[id_] for id_ in of if id_ in metrics()):
        _require_kinds(metric, where)
    snapshot = lake.latest()
    asked = [(each.dimension, value) for each in where for value in each.values if isinstance(value, str)]
    if snapshot is None or not asked:
        return
    read.check_shop(lake, scope)
    tables = read.visible(lake, snapshot, scope, read.Reads())
    for id_, value in asked:
        declared = _declared(id_, settings)
        if value in declared:
            continue
        columns = _columns(id_, snapshot, tables)
        if any(_is_in(lake, snapshot, scope, tables, column, value) for column in columns):
            continue
        if not columns and not declared and not dimensions()[id_].of:
            continue  # the answer says which facts are missing
        if id_ == "customer":
            raise UnknownCustomerError(value=value)
        known = [*declared, *_frequent(tables, columns)]
        if not known:
            raise NoValueError(dimension=id_)
        raise UnknownValueError(_nearest(value, known), dimension=id_, value=value)


def _require_kinds(metric: Metric, where: Iterable[Filter]) -> None:
    """Passes values that a fact of the metric may have, where each of its facts says which that are."""
    sources = [facts().get(fact_of(measure.source)) for measure in metric.measures]
    for each in where:
        column = dimensions()[each.dimension].column
        choices = [fact.choices.get(column, ()) if fact else () for fact in sources]
        known = list(dict.fromkeys(kind for among in choices for kind in among))
        for value in each.values if all(choices) else ():
            if isinstance(value, str) and value not in known:
                raise UnknownKindError(
                    _nearest(value, known), metric=metric.label, dimension=each.dimension, value=value
                )


type Column = tuple[str, str]
"""A fact and one of its columns."""


def _declared(id_: str, settings: Settings) -> Sequence[str]:
    """The values that a dimension has without any row: those of its kind, or of the shop's list of channels."""
    dimension = dimensions()[id_]
    if dimension.of:
        return tuple(settings.said_of(id_))
    if id_ == "channel":
        return tuple(channel.code for channel in settings.channels)
    return dimension.values or tuple(v for fact in facts().values() for v in fact.choices.get(dimension.column, ()))


def _columns(id_: str, snapshot: Snapshot, tables: Tables) -> list[Column]:
    """The columns with rows that hold the dimension, those of the smallest fact first."""
    names = {"customer_key", "person_id"} if id_ == "customer" else {dimensions()[id_].column}
    held = [name for name in snapshot.tables if name in facts() and name not in tables.empty]
    held.sort(key=lambda name: snapshot.held(name).rows)
    return [(fact, column) for fact in held for column in facts()[fact].columns if column in names]


def _is_in(lake: Lake, snapshot: Snapshot, scope: Scope, tables: Tables, column: Column, value: str) -> bool:
    """Whether a row has the value; asked once for as long as the fact stays as it is."""
    fact, name = column
    key = (str(lake.root), snapshot.digest(fact), scope.digest, column, value)
    found = read.remembered(_seen, key)
    if found is None:
        rows = _rows(tables, fact)
        found = bool(engine.execute(rows.filter(rows[name] == value).select(name).limit(1)).num_rows)
        read.remember(_seen, key, found)
    return found


def _rows(tables: Tables, fact: str) -> Any:
    """The fact's rows that the viewer may see: of a deal's course those that stand under their own name."""
    rows: Any = tables.table(fact)
    if tables.owners is None or "owner" not in rows.columns:
        return rows
    return rows.filter(rows.owner.isin(sorted(tables.owners)))


def _frequent(tables: Tables, columns: Sequence[Column]) -> list[str]:
    """The values that rows have, the most frequent first."""
    if not columns:
        return []
    held = [_rows(tables, fact).select(value=name) for fact, name in columns]
    every = reduce(lambda one, other: one.union(other), [rows.cast({"value": "string"}) for rows in held])
    every = every.filter(every.value.notnull())
    counted = every.group_by("value").aggregate(rows=every.count())
    most = counted.order_by(counted.rows.desc(), "value").limit(LIKENED)
    return [record["value"] for record in tables.run(most)]


def _nearest(value: str, known: Sequence[str]) -> list[str]:
    """The known values that are spelt like it, else the first ones."""
    return spelling.nearest(value, known) or list(dict.fromkeys(known))[:NAMED]
